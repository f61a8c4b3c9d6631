CREATE TABLE accesses (
    record_id TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    kind TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    bank TEXT NOT NULL,
    consent TEXT,
    object TEXT NOT NULL,
    declarations TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_accesses PRIMARY KEY (record_id, enterprise)
);

CREATE INDEX ix_accesses_log_index ON accesses (log_index);

CREATE INDEX ix_accesses_object ON accesses (object);

CREATE TABLE broken_parts (
    record_id TEXT NOT NULL,
    place TEXT NOT NULL,
    code TEXT NOT NULL,
    height BIGINT NOT NULL,
    CONSTRAINT pk_broken_parts PRIMARY KEY (record_id, place)
);

CREATE TABLE clients (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    enterprise TEXT,
    secret_hash TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_clients PRIMARY KEY (id)
);

CREATE TABLE collections (
    id TEXT NOT NULL,
    declaration TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    collected_on TEXT NOT NULL,
    reference TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_collections PRIMARY KEY (id)
);

CREATE INDEX ix_collections_declaration ON collections (declaration);

CREATE TABLE consents (
    id TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    seal_public TEXT,
    bank TEXT NOT NULL,
    scopes TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    basis TEXT NOT NULL,
    once_key TEXT NOT NULL,
    fault TEXT,
    given_ms BIGINT NOT NULL,
    revoked_by TEXT,
    revoked_ms BIGINT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (id)
);

CREATE INDEX ix_consents_enterprise ON consents (enterprise);

CREATE INDEX ix_consents_log_index ON consents (log_index);

CREATE INDEX ix_consents_bank ON consents (bank);

CREATE TABLE declarations (
    id TEXT NOT NULL,
    number TEXT NOT NULL,
    record_id TEXT NOT NULL,
    enterprise TEXT,
    exporter_uscc TEXT NOT NULL,
    exporter_name TEXT NOT NULL,
    currency TEXT NOT NULL,
    registered_minor BIGINT NOT NULL,
    current_minor BIGINT NOT NULL,
    declared_minor BIGINT NOT NULL,
    export_date TEXT NOT NULL,
    amended BOOLEAN NOT NULL,
    content_key TEXT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_declarations PRIMARY KEY (id)
);

CREATE INDEX ix_declarations_number ON declarations (number);

CREATE INDEX ix_declarations_log_index ON declarations (log_index);

CREATE INDEX ix_declarations_exporter_uscc ON declarations (exporter_uscc);

CREATE INDEX ix_declarations_enterprise ON declarations (enterprise);

CREATE TABLE enquiries (
    id TEXT NOT NULL,
    bank TEXT NOT NULL,
    kind TEXT NOT NULL,
    consent TEXT,
    state TEXT NOT NULL,
    code TEXT,
    answer TEXT,
    asked_ms BIGINT NOT NULL,
    answered_ms BIGINT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_enquiries PRIMARY KEY (id),
    CONSTRAINT ck_enquiries_state CHECK (state IN ('pending', 'answered', 'declined'))
);

CREATE INDEX ix_enquiries_bank ON enquiries (bank);

CREATE INDEX ix_enquiries_log_index ON enquiries (log_index);

CREATE INDEX ix_enquiries_consent ON enquiries (consent);

CREATE INDEX ix_enquiries_state ON enquiries (state);

CREATE TABLE enterprises (
    id TEXT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    custody BOOLEAN NOT NULL,
    sign_key TEXT,
    sign_public TEXT,
    seal_key TEXT,
    seal_public TEXT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_enterprises PRIMARY KEY (id),
    CONSTRAINT uq_enterprises_uscc UNIQUE (uscc),
    CONSTRAINT uq_enterprises_sign_key UNIQUE (sign_key)
);

CREATE INDEX ix_enterprises_log_index ON enterprises (log_index);

CREATE TABLE financing_lines (
    financing TEXT NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT NOT NULL,
    number TEXT NOT NULL,
    applied_minor BIGINT NOT NULL,
    approved_minor BIGINT,
    disbursed_minor BIGINT NOT NULL,
    repaid_minor BIGINT NOT NULL,
    CONSTRAINT pk_financing_lines PRIMARY KEY (financing, line)
);

CREATE INDEX ix_financing_lines_number ON financing_lines (number);

CREATE INDEX ix_financing_lines_declaration ON financing_lines (declaration);

CREATE TABLE financing_records (
    record_id TEXT NOT NULL,
    financing TEXT NOT NULL,
    type TEXT NOT NULL,
    code TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_records PRIMARY KEY (record_id)
);

CREATE INDEX ix_financing_records_financing ON financing_records (financing);

CREATE TABLE financings (
    id TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    branch TEXT NOT NULL,
    product TEXT NOT NULL,
    reference TEXT NOT NULL,
    applied_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financings PRIMARY KEY (id),
    CONSTRAINT uq_financings_log_index UNIQUE (log_index)
);

CREATE INDEX ix_financings_branch ON financings (branch);

CREATE INDEX ix_financings_enterprise ON financings (enterprise);

CREATE TABLE grants (
    commitment TEXT NOT NULL,
    declaration TEXT NOT NULL,
    number TEXT NOT NULL,
    maximum BIGINT NOT NULL,
    uses BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    consent TEXT NOT NULL,
    salt TEXT NOT NULL,
    registered_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    answer_record TEXT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_grants PRIMARY KEY (commitment)
);

CREATE INDEX ix_grants_log_index ON grants (log_index);

CREATE INDEX ix_grants_consent ON grants (consent);

CREATE INDEX ix_grants_declaration ON grants (declaration);

CREATE TABLE idempotency (
    client TEXT NOT NULL,
    "key" TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (client, "key")
);

CREATE INDEX ix_idempotency_created_ms ON idempotency (created_ms);

CREATE TABLE imports (
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    total BIGINT NOT NULL,
    registered BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    CONSTRAINT pk_imports PRIMARY KEY (id),
    CONSTRAINT ck_imports_state CHECK (state IN ('running', 'done', 'broken'))
);

CREATE TABLE introductions (
    record_id TEXT NOT NULL,
    core TEXT NOT NULL,
    signature TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    reference TEXT,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_introductions PRIMARY KEY (record_id),
    CONSTRAINT uq_introductions_reference UNIQUE (reference),
    CONSTRAINT ck_introductions_state CHECK (state IN ('pending', 'done'))
);

CREATE TABLE meta (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY ("key")
);

CREATE TABLE outbox (
    record_id TEXT NOT NULL,
    raw BLOB NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    height BIGINT,
    created_ms BIGINT NOT NULL,
    reference TEXT,
    CONSTRAINT pk_outbox PRIMARY KEY (record_id),
    CONSTRAINT uq_outbox_reference UNIQUE (reference),
    CONSTRAINT ck_outbox_state CHECK (state IN ('pending', 'done'))
);

CREATE INDEX ix_outbox_state ON outbox (state);

CREATE TABLE parts (
    record_id TEXT NOT NULL,
    part TEXT NOT NULL,
    content TEXT NOT NULL,
    content_key TEXT NOT NULL,
    height BIGINT NOT NULL,
    CONSTRAINT pk_parts PRIMARY KEY (record_id, part)
);

CREATE INDEX ix_parts_height ON parts (height);

CREATE TABLE task_causes (
    cause TEXT NOT NULL,
    task TEXT NOT NULL,
    CONSTRAINT pk_task_causes PRIMARY KEY (cause)
);

CREATE TABLE task_records (
    task TEXT NOT NULL,
    second_key TEXT NOT NULL,
    core TEXT NOT NULL,
    signature TEXT NOT NULL,
    CONSTRAINT pk_task_records PRIMARY KEY (task, second_key)
);

CREATE TABLE tasks (
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    core TEXT NOT NULL,
    summary TEXT NOT NULL,
    author TEXT NOT NULL,
    author_key TEXT NOT NULL,
    signature TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    reason TEXT,
    record_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    decided_ms BIGINT,
    CONSTRAINT pk_tasks PRIMARY KEY (id),
    CONSTRAINT ck_tasks_state CHECK (state IN ('open', 'signed', 'declined'))
);

CREATE INDEX ix_tasks_record_id ON tasks (record_id);

CREATE INDEX ix_tasks_state ON tasks (state);

CREATE TABLE used_assertions (
    id TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    CONSTRAINT pk_used_assertions PRIMARY KEY (id)
);

CREATE INDEX ix_used_assertions_expires_ms ON used_assertions (expires_ms);

CREATE TABLE users (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    person TEXT NOT NULL,
    key_id TEXT,
    secret_hash TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    locked_until_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_person UNIQUE (person),
    CONSTRAINT uq_users_key_id UNIQUE (key_id)
);

CREATE TABLE import_items (
    import_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    file TEXT NOT NULL,
    position BIGINT NOT NULL,
    number TEXT NOT NULL,
    result TEXT NOT NULL,
    message TEXT NOT NULL,
    declaration_id TEXT,
    CONSTRAINT pk_import_items PRIMARY KEY (import_id, sequence),
    CONSTRAINT fk_import_items_import_id FOREIGN KEY(import_id) REFERENCES imports (id)
);

