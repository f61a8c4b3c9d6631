CREATE TABLE client_certificates (
    client TEXT COLLATE "C" NOT NULL,
    thumbprint TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_client_certificates PRIMARY KEY (client)
);

COMMENT ON TABLE client_certificates IS 'the SHA-256 of the certificate that a client authenticates with instead of a secret (RFC 8705), 64 hex digits';

CREATE TABLE sign_in_sources (
    account TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    last_ms BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    CONSTRAINT pk_sign_in_sources PRIMARY KEY (account, source)
);

COMMENT ON TABLE sign_in_sources IS 'where a user has signed in from: failures from there are counted apart from those of strangers';

CREATE TABLE sign_ins (
    number BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    account TEXT COLLATE "C",
    way TEXT COLLATE "C" NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_sign_ins PRIMARY KEY (number)
);

CREATE INDEX ix_sign_ins_outcome ON sign_ins (outcome, number);

COMMENT ON TABLE sign_ins IS 'every attempt to sign in; `account` is null where there is none of the name that was given, which may be a secret';

CREATE TABLE subjects (
    subject TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_subjects PRIMARY KEY (subject),
    CONSTRAINT uq_subjects_account UNIQUE (account)
);

COMMENT ON TABLE subjects IS 'the users whom an OpenID provider signs in: the value of the configured claim';

