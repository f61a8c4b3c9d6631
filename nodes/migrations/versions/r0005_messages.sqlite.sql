CREATE TABLE iso_messages (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    requestor TEXT NOT NULL,
    message_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    request TEXT NOT NULL,
    outcome TEXT,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_iso_messages PRIMARY KEY (id),
    CONSTRAINT uq_iso_messages_message UNIQUE (kind, requestor, message_id)
);

