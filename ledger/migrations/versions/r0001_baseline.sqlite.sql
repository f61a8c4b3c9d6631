CREATE TABLE headers (
    height BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    hash TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    leaf BLOB NOT NULL,
    checkpoint TEXT,
    PRIMARY KEY (height),
    UNIQUE (log_index)
);

CREATE TABLE log_nodes (
    position BIGINT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (position)
);

CREATE TABLE meta (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE records (
    log_index BIGINT NOT NULL,
    height BIGINT NOT NULL,
    position BIGINT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    leaf BLOB NOT NULL,
    PRIMARY KEY (log_index),
    UNIQUE (id)
);

CREATE INDEX ix_records_height ON records (height);

CREATE INDEX ix_records_type ON records (type);

CREATE TABLE state (
    "key" TEXT NOT NULL,
    height BIGINT NOT NULL,
    value BLOB,
    PRIMARY KEY ("key", height)
);

CREATE TABLE tree_pages (
    prefix TEXT NOT NULL,
    height BIGINT NOT NULL,
    page BLOB,
    PRIMARY KEY (prefix, height)
);

