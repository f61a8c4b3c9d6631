CREATE TABLE events (
    log_index BIGINT NOT NULL,
    place BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C",
    height BIGINT,
    time_ms BIGINT NOT NULL,
    subjects TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (log_index, place)
);

COMMENT ON TABLE events IS 'what of the ledger concerns this node''s owner, or the exporter in custody in `enterprise`; made from the ledger';

CREATE TABLE local_events (
    log_index BIGINT NOT NULL,
    place BIGINT NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C",
    height BIGINT,
    time_ms BIGINT NOT NULL,
    subjects TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_local_events PRIMARY KEY (log_index, place),
    CONSTRAINT uq_local_events_cause UNIQUE (cause)
);

COMMENT ON TABLE local_events IS 'what happened at this node alone: tasks that waited, alerts of deadlines, webhooks given up; each cause once';

CREATE TABLE webhook_deliveries (
    webhook TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (webhook, number)
);

COMMENT ON TABLE webhook_deliveries IS 'attempts to hand an event over, the newest of each webhook';

CREATE TABLE webhooks (
    id TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    types TEXT COLLATE "C" NOT NULL,
    secret TEXT COLLATE "C" NOT NULL,
    old_secret TEXT COLLATE "C",
    old_until_ms BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    place BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failing_since_ms BIGINT,
    next_try_ms BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    disabled_ms BIGINT,
    CONSTRAINT pk_webhooks PRIMARY KEY (id),
    CONSTRAINT ck_webhooks_state CHECK (state IN ('active', 'disabled'))
);

COMMENT ON TABLE webhooks IS 'where this node''s events are handed to; the cursor is of the last one that was taken, secrets are encrypted under the node''s';

