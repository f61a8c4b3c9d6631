CREATE TABLE accesses (
    record_id TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    consent TEXT COLLATE "C",
    object TEXT COLLATE "C" NOT NULL,
    declarations TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_accesses PRIMARY KEY (record_id, enterprise)
);

CREATE INDEX ix_accesses_log_index ON accesses (log_index);

CREATE INDEX ix_accesses_object ON accesses (object);

COMMENT ON TABLE accesses IS 'uses of enterprises'' data; `object` is the consent, enquiry or financing that the record is about';

CREATE TABLE broken_parts (
    record_id TEXT COLLATE "C" NOT NULL,
    place TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    CONSTRAINT pk_broken_parts PRIMARY KEY (record_id, place)
);

COMMENT ON TABLE broken_parts IS 'sealed parts that were meant for this node and do not hold; `place` is the part, or the projection that refused it';

CREATE TABLE clients (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C",
    secret_hash TEXT COLLATE "C" NOT NULL,
    disabled BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_clients PRIMARY KEY (id)
);

COMMENT ON TABLE clients IS 'programs that act with the node''s service key, or for an exporter in its custody; they hold no staff key';

CREATE TABLE collections (
    id TEXT COLLATE "C" NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    collected_on TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_collections PRIMARY KEY (id)
);

CREATE INDEX ix_collections_declaration ON collections (declaration);

COMMENT ON TABLE collections IS 'collections that this node can open; made from the ledger';

CREATE TABLE consents (
    id TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    seal_public TEXT COLLATE "C",
    bank TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    basis TEXT COLLATE "C" NOT NULL,
    once_key TEXT COLLATE "C" NOT NULL,
    fault TEXT COLLATE "C",
    given_ms BIGINT NOT NULL,
    revoked_by TEXT COLLATE "C",
    revoked_ms BIGINT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (id)
);

CREATE INDEX ix_consents_enterprise ON consents (enterprise);

CREATE INDEX ix_consents_bank ON consents (bank);

CREATE INDEX ix_consents_log_index ON consents (log_index);

COMMENT ON TABLE consents IS 'consents that this node can open; `scopes` are separated by spaces, `fault` says why one does not hold';

CREATE TABLE declarations (
    id TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C",
    exporter_uscc TEXT COLLATE "C" NOT NULL,
    exporter_name TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    registered_minor BIGINT NOT NULL,
    current_minor BIGINT NOT NULL,
    declared_minor BIGINT NOT NULL,
    export_date TEXT COLLATE "C" NOT NULL,
    amended BOOLEAN NOT NULL,
    content_key TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_declarations PRIMARY KEY (id)
);

CREATE INDEX ix_declarations_number ON declarations (number);

CREATE INDEX ix_declarations_log_index ON declarations (log_index);

CREATE INDEX ix_declarations_exporter_uscc ON declarations (exporter_uscc);

CREATE INDEX ix_declarations_enterprise ON declarations (enterprise);

COMMENT ON TABLE declarations IS 'declarations that this node can open: `registered_minor` is what shares are parts of, `current_minor` the receivable part now';

CREATE TABLE enquiries (
    id TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    consent TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C",
    answer TEXT COLLATE "C",
    asked_ms BIGINT NOT NULL,
    answered_ms BIGINT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_enquiries PRIMARY KEY (id),
    CONSTRAINT ck_enquiries_state CHECK (state IN ('pending', 'answered', 'declined'))
);

CREATE INDEX ix_enquiries_log_index ON enquiries (log_index);

CREATE INDEX ix_enquiries_consent ON enquiries (consent);

CREATE INDEX ix_enquiries_state ON enquiries (state);

CREATE INDEX ix_enquiries_bank ON enquiries (bank);

COMMENT ON TABLE enquiries IS 'enquiries that this node asked, answers, or reads the answers of';

CREATE TABLE enterprises (
    id TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    custody BOOLEAN NOT NULL,
    sign_key TEXT COLLATE "C",
    sign_public TEXT COLLATE "C",
    seal_key TEXT COLLATE "C",
    seal_public TEXT COLLATE "C",
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_enterprises PRIMARY KEY (id),
    CONSTRAINT uq_enterprises_uscc UNIQUE (uscc),
    CONSTRAINT uq_enterprises_sign_key UNIQUE (sign_key)
);

CREATE INDEX ix_enterprises_log_index ON enterprises (log_index);

COMMENT ON TABLE enterprises IS 'enrolments that this node can open; made from the ledger';

CREATE TABLE financing_lines (
    financing TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    applied_minor BIGINT NOT NULL,
    approved_minor BIGINT,
    disbursed_minor BIGINT NOT NULL,
    repaid_minor BIGINT NOT NULL,
    CONSTRAINT pk_financing_lines PRIMARY KEY (financing, line)
);

CREATE INDEX ix_financing_lines_number ON financing_lines (number);

CREATE INDEX ix_financing_lines_declaration ON financing_lines (declaration);

COMMENT ON TABLE financing_lines IS 'what the lines of a financing carry in money; made from the ledger';

CREATE TABLE financing_records (
    record_id TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_records PRIMARY KEY (record_id)
);

CREATE INDEX ix_financing_records_financing ON financing_records (financing);

COMMENT ON TABLE financing_records IS 'the records about each financing, refused ones too; made from the ledger';

CREATE TABLE financings (
    id TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    branch TEXT COLLATE "C" NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    applied_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financings PRIMARY KEY (id),
    CONSTRAINT uq_financings_log_index UNIQUE (log_index)
);

CREATE INDEX ix_financings_enterprise ON financings (enterprise);

CREATE INDEX ix_financings_branch ON financings (branch);

COMMENT ON TABLE financings IS 'applications that got a hold, as far as this node can open them; made from the ledger';

CREATE TABLE grants (
    commitment TEXT COLLATE "C" NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    maximum BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    consent TEXT COLLATE "C" NOT NULL,
    salt TEXT COLLATE "C" NOT NULL,
    registered_minor BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    answer_record TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (commitment)
);

CREATE INDEX ix_grants_declaration ON grants (declaration);

CREATE INDEX ix_grants_log_index ON grants (log_index);

CREATE INDEX ix_grants_consent ON grants (consent);

COMMENT ON TABLE grants IS 'openings of the grants that this bank was given; made from the ledger';

CREATE TABLE idempotency (
    client TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    request_hash TEXT COLLATE "C" NOT NULL,
    status BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (client, key)
);

CREATE INDEX ix_idempotency_created_ms ON idempotency (created_ms);

COMMENT ON TABLE idempotency IS 'the answer that a request with an Idempotency-Key got, for when it comes again';

CREATE TABLE imports (
    id TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C",
    total BIGINT NOT NULL,
    registered BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    CONSTRAINT pk_imports PRIMARY KEY (id),
    CONSTRAINT ck_imports_state CHECK (state IN ('running', 'done', 'broken'))
);

COMMENT ON TABLE imports IS 'runs of the importer; one that says `running` and is not was cut off: run the same files again';

CREATE TABLE introductions (
    record_id TEXT COLLATE "C" NOT NULL,
    core TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C",
    reference TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_introductions PRIMARY KEY (record_id),
    CONSTRAINT uq_introductions_reference UNIQUE (reference),
    CONSTRAINT ck_introductions_state CHECK (state IN ('pending', 'done'))
);

COMMENT ON TABLE introductions IS 'records that a one-time key signed, stored before they are handed to the introducer';

CREATE TABLE meta (
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY (key)
);

CREATE TABLE outbox (
    record_id TEXT COLLATE "C" NOT NULL,
    raw BYTEA NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    result TEXT COLLATE "C",
    height BIGINT,
    created_ms BIGINT NOT NULL,
    reference TEXT COLLATE "C",
    CONSTRAINT pk_outbox PRIMARY KEY (record_id),
    CONSTRAINT uq_outbox_reference UNIQUE (reference),
    CONSTRAINT ck_outbox_state CHECK (state IN ('pending', 'done'))
);

CREATE INDEX ix_outbox_state ON outbox (state);

COMMENT ON TABLE outbox IS 'records saved before they are submitted; `reference` makes one record for one cause durable';

CREATE TABLE parts (
    record_id TEXT COLLATE "C" NOT NULL,
    part TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    content_key TEXT COLLATE "C" NOT NULL,
    height BIGINT NOT NULL,
    CONSTRAINT pk_parts PRIMARY KEY (record_id, part)
);

CREATE INDEX ix_parts_height ON parts (height);

COMMENT ON TABLE parts IS 'every sealed part that this node could open: canonical JSON, and the content key in hex';

CREATE TABLE task_causes (
    cause TEXT COLLATE "C" NOT NULL,
    task TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_task_causes PRIMARY KEY (cause)
);

COMMENT ON TABLE task_causes IS 'what may have one task only, for instance a request with an idempotency key, and the task that it has';

CREATE TABLE task_records (
    task TEXT COLLATE "C" NOT NULL,
    second_key TEXT COLLATE "C" NOT NULL,
    core TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_task_records PRIMARY KEY (task, second_key)
);

COMMENT ON TABLE task_records IS 'the record of a task for each key that may sign it second, and the author''s signature of it';

CREATE TABLE tasks (
    id TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    core TEXT COLLATE "C" NOT NULL,
    summary TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    author_key TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    decided_by TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    record_id TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    decided_ms BIGINT,
    CONSTRAINT pk_tasks PRIMARY KEY (id),
    CONSTRAINT ck_tasks_state CHECK (state IN ('open', 'signed', 'declined'))
);

CREATE INDEX ix_tasks_record_id ON tasks (record_id);

CREATE INDEX ix_tasks_state ON tasks (state);

COMMENT ON TABLE tasks IS 'records that wait for a second person''s signature; `core` is the unsigned object with its sealed parts';

CREATE TABLE used_assertions (
    id TEXT COLLATE "C" NOT NULL,
    expires_ms BIGINT NOT NULL,
    CONSTRAINT pk_used_assertions PRIMARY KEY (id)
);

CREATE INDEX ix_used_assertions_expires_ms ON used_assertions (expires_ms);

COMMENT ON TABLE used_assertions IS 'assertions by which other nodes signed in here, until they expire: each works once';

CREATE TABLE users (
    id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    key_id TEXT COLLATE "C",
    secret_hash TEXT COLLATE "C" NOT NULL,
    disabled BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_person UNIQUE (person),
    CONSTRAINT uq_users_key_id UNIQUE (key_id)
);

COMMENT ON TABLE users IS 'staff; `person` is the pseudonym that the ledger shows, `key_id` the staff key of a maker or checker';

CREATE TABLE import_items (
    import_id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    result TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    declaration_id TEXT COLLATE "C",
    CONSTRAINT pk_import_items PRIMARY KEY (import_id, sequence),
    CONSTRAINT fk_import_items_import_id FOREIGN KEY(import_id) REFERENCES imports (id)
);

COMMENT ON TABLE import_items IS 'one row for each declaration of an import''s files, in the order of the files';

