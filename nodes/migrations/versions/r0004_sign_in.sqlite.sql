CREATE TABLE client_certificates (
    client TEXT NOT NULL,
    thumbprint TEXT NOT NULL,
    CONSTRAINT pk_client_certificates PRIMARY KEY (client)
);

CREATE TABLE sign_in_sources (
    account TEXT NOT NULL,
    source TEXT NOT NULL,
    last_ms BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    CONSTRAINT pk_sign_in_sources PRIMARY KEY (account, source)
);

CREATE TABLE sign_ins (
    number BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    account TEXT,
    way TEXT NOT NULL,
    outcome TEXT NOT NULL,
    address TEXT NOT NULL,
    CONSTRAINT pk_sign_ins PRIMARY KEY (number)
);

CREATE INDEX ix_sign_ins_outcome ON sign_ins (outcome, number);

CREATE TABLE subjects (
    subject TEXT NOT NULL,
    account TEXT NOT NULL,
    CONSTRAINT pk_subjects PRIMARY KEY (subject),
    CONSTRAINT uq_subjects_account UNIQUE (account)
);

