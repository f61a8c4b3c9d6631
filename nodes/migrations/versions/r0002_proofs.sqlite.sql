CREATE TABLE cosignatures (
    size BIGINT NOT NULL,
    name TEXT NOT NULL,
    height BIGINT NOT NULL,
    public TEXT NOT NULL,
    time_s BIGINT NOT NULL,
    line TEXT NOT NULL,
    CONSTRAINT pk_cosignatures PRIMARY KEY (size, name)
);

CREATE TABLE seen_checkpoints (
    source TEXT NOT NULL,
    size BIGINT NOT NULL,
    root TEXT NOT NULL,
    note TEXT NOT NULL,
    compared BOOLEAN NOT NULL,
    seen_ms BIGINT NOT NULL,
    CONSTRAINT pk_seen_checkpoints PRIMARY KEY (source, size, root)
);

CREATE TABLE witnesses (
    name TEXT NOT NULL,
    public TEXT NOT NULL,
    source TEXT NOT NULL,
    known_ms BIGINT NOT NULL,
    offered TEXT,
    offered_ms BIGINT,
    CONSTRAINT pk_witnesses PRIMARY KEY (name)
);

