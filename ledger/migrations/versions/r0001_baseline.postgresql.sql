CREATE TABLE headers (
    height BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    leaf BYTEA NOT NULL,
    checkpoint TEXT COLLATE "C",
    PRIMARY KEY (height),
    UNIQUE (log_index)
);

CREATE TABLE log_nodes (
    position BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (position)
);

CREATE TABLE meta (
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (key)
);

CREATE TABLE records (
    log_index BIGINT NOT NULL,
    height BIGINT NOT NULL,
    position BIGINT NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    leaf BYTEA NOT NULL,
    PRIMARY KEY (log_index),
    UNIQUE (id)
);

CREATE INDEX ix_records_height ON records (height);

CREATE INDEX ix_records_type ON records (type);

CREATE TABLE state (
    key TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    value BYTEA,
    PRIMARY KEY (key, height)
);

CREATE TABLE tree_pages (
    prefix TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    page BYTEA,
    PRIMARY KEY (prefix, height)
);

