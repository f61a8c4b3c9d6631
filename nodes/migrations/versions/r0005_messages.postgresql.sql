CREATE TABLE iso_messages (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    requestor TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_iso_messages PRIMARY KEY (id),
    CONSTRAINT uq_iso_messages_message UNIQUE (kind, requestor, message_id)
);

COMMENT ON TABLE iso_messages IS 'ISO 20022 messages that this node took: what each asked for, and what came of it';

