CREATE TABLE cosignatures (
    size BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    public TEXT COLLATE "C" NOT NULL,
    time_s BIGINT NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_cosignatures PRIMARY KEY (size, name)
);

COMMENT ON TABLE cosignatures IS 'cosignatures of known witnesses under checkpoints of this node''s own log, for the newest sizes that have any';

CREATE TABLE seen_checkpoints (
    source TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    compared BOOLEAN NOT NULL,
    seen_ms BIGINT NOT NULL,
    CONSTRAINT pk_seen_checkpoints PRIMARY KEY (source, size, root)
);

COMMENT ON TABLE seen_checkpoints IS 'checkpoints that this node was shown, by whom: the newest that its log holds too, and those that are ahead of it';

CREATE TABLE witnesses (
    name TEXT COLLATE "C" NOT NULL,
    public TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    known_ms BIGINT NOT NULL,
    offered TEXT COLLATE "C",
    offered_ms BIGINT,
    CONSTRAINT pk_witnesses PRIMARY KEY (name)
);

COMMENT ON TABLE witnesses IS 'witnesses by name, each with the key that counts; `offered` is another one that it showed and nobody here accepted yet';

