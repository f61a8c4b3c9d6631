CREATE TABLE events (
    log_index BIGINT NOT NULL,
    place BIGINT NOT NULL,
    type TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    record_id TEXT,
    height BIGINT,
    time_ms BIGINT NOT NULL,
    subjects TEXT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (log_index, place)
);

CREATE TABLE local_events (
    log_index BIGINT NOT NULL,
    place BIGINT NOT NULL,
    type TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    record_id TEXT,
    height BIGINT,
    time_ms BIGINT NOT NULL,
    subjects TEXT NOT NULL,
    body TEXT NOT NULL,
    cause TEXT NOT NULL,
    CONSTRAINT pk_local_events PRIMARY KEY (log_index, place),
    CONSTRAINT uq_local_events_cause UNIQUE (cause)
);

CREATE TABLE webhook_deliveries (
    webhook TEXT NOT NULL,
    number BIGINT NOT NULL,
    message TEXT NOT NULL,
    type TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status BIGINT,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (webhook, number)
);

CREATE TABLE webhooks (
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL,
    types TEXT NOT NULL,
    secret TEXT NOT NULL,
    old_secret TEXT,
    old_until_ms BIGINT,
    state TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    place BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    failing_since_ms BIGINT,
    next_try_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    disabled_ms BIGINT,
    CONSTRAINT pk_webhooks PRIMARY KEY (id),
    CONSTRAINT ck_webhooks_state CHECK (state IN ('active', 'disabled'))
);

