CREATE TABLE accesses (
    record_id TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    kind TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    bank TEXT NOT NULL,
    consent TEXT,
    object TEXT NOT NULL,
    declarations TEXT NOT NULL,
    scopes TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_accesses PRIMARY KEY (record_id, enterprise)
);

CREATE INDEX ix_accesses_log_index ON accesses (log_index);

CREATE INDEX ix_accesses_object ON accesses (object);

CREATE TABLE alert_changes (
    alert TEXT NOT NULL,
    place BIGINT NOT NULL,
    change TEXT NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_alert_changes PRIMARY KEY (alert, place)
);

CREATE TABLE alert_standings (
    alert TEXT NOT NULL,
    state TEXT NOT NULL,
    owner TEXT,
    reason TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    CONSTRAINT pk_alert_standings PRIMARY KEY (alert)
);

CREATE INDEX ix_alert_standings_state ON alert_standings (state);

CREATE TABLE alerts (
    id TEXT NOT NULL,
    code TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    bank TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    records TEXT NOT NULL,
    details TEXT NOT NULL,
    opened_ms BIGINT NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (id)
);

CREATE INDEX ix_alerts_code ON alerts (code);

CREATE INDEX ix_alerts_opened_ms ON alerts (opened_ms);

CREATE INDEX ix_alerts_subject ON alerts (subject);

CREATE TABLE attachments (
    sha256 TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    added_by TEXT NOT NULL,
    added_ms BIGINT NOT NULL,
    CONSTRAINT pk_attachments PRIMARY KEY (sha256, owner)
);

CREATE INDEX ix_attachments_added_ms ON attachments (added_ms);

CREATE TABLE awaiting_authority (
    task TEXT NOT NULL,
    core TEXT NOT NULL,
    signatures TEXT NOT NULL,
    CONSTRAINT pk_awaiting_authority PRIMARY KEY (task)
);

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

CREATE TABLE conflict_reports (
    id TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    content TEXT NOT NULL,
    CONSTRAINT pk_conflict_reports PRIMARY KEY (id)
);

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
    document_sha256 TEXT,
    signatory TEXT,
    paper_request TEXT,
    once_key TEXT NOT NULL,
    fault TEXT,
    given_ms BIGINT NOT NULL,
    revoked_by TEXT,
    revoked_ms BIGINT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (id)
);

CREATE INDEX ix_consents_bank ON consents (bank);

CREATE INDEX ix_consents_enterprise ON consents (enterprise);

CREATE INDEX ix_consents_log_index ON consents (log_index);

CREATE INDEX ix_consents_paper_request ON consents (paper_request);

CREATE TABLE countersignatures (
    task TEXT NOT NULL,
    member TEXT NOT NULL,
    signatures TEXT NOT NULL,
    CONSTRAINT pk_countersignatures PRIMARY KEY (task)
);

CREATE TABLE credit_assessments (
    id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    enquiry TEXT NOT NULL,
    record_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    parameters BIGINT NOT NULL,
    content TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT pk_credit_assessments PRIMARY KEY (id),
    CONSTRAINT uq_credit_assessments_sequence UNIQUE (sequence)
);

CREATE INDEX ix_credit_assessments_uscc ON credit_assessments (uscc);

CREATE TABLE credit_parameters (
    version BIGINT NOT NULL,
    content TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT pk_credit_parameters PRIMARY KEY (version)
);

CREATE TABLE credit_profiles (
    uscc TEXT NOT NULL,
    revision BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    CONSTRAINT pk_credit_profiles PRIMARY KEY (uscc)
);

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

CREATE INDEX ix_declarations_enterprise ON declarations (enterprise);

CREATE INDEX ix_declarations_exporter_uscc ON declarations (exporter_uscc);

CREATE INDEX ix_declarations_log_index ON declarations (log_index);

CREATE INDEX ix_declarations_number ON declarations (number);

CREATE TABLE disputes (
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    enterprise TEXT,
    for_enterprise BOOLEAN NOT NULL,
    statement TEXT,
    opened_ms BIGINT NOT NULL,
    resolved_by TEXT,
    answer TEXT,
    resolved_ms BIGINT,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_disputes PRIMARY KEY (id)
);

CREATE INDEX ix_disputes_enterprise ON disputes (enterprise);

CREATE INDEX ix_disputes_log_index ON disputes (log_index);

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

CREATE INDEX ix_enquiries_consent ON enquiries (consent);

CREATE INDEX ix_enquiries_log_index ON enquiries (log_index);

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

CREATE TABLE exchange_rates (
    id INTEGER NOT NULL,
    currency TEXT NOT NULL,
    day TEXT NOT NULL,
    rate TEXT NOT NULL,
    entered_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    CONSTRAINT pk_exchange_rates PRIMARY KEY (id)
);

CREATE INDEX ix_exchange_rates_currency_day ON exchange_rates (currency, day);

CREATE TABLE financing_documents (
    record_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    financing TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_documents PRIMARY KEY (record_id, sha256)
);

CREATE INDEX ix_financing_documents_financing ON financing_documents (financing);

CREATE TABLE financing_lines (
    financing TEXT NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT NOT NULL,
    number TEXT NOT NULL,
    applied_minor BIGINT NOT NULL,
    approved_minor BIGINT,
    disbursed_minor BIGINT NOT NULL,
    repaid_minor BIGINT NOT NULL,
    lost_minor BIGINT NOT NULL,
    adjusted_minor BIGINT NOT NULL,
    CONSTRAINT pk_financing_lines PRIMARY KEY (financing, line)
);

CREATE INDEX ix_financing_lines_declaration ON financing_lines (declaration);

CREATE INDEX ix_financing_lines_number ON financing_lines (number);

CREATE TABLE financing_loans (
    record_id TEXT NOT NULL,
    financing TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    disbursed_on TEXT NOT NULL,
    matures_on TEXT NOT NULL,
    reference TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_loans PRIMARY KEY (record_id)
);

CREATE INDEX ix_financing_loans_financing ON financing_loans (financing);

CREATE TABLE financing_movements (
    record_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    financing TEXT NOT NULL,
    declaration TEXT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    day TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_movements PRIMARY KEY (record_id, line, kind)
);

CREATE INDEX ix_financing_movements_day ON financing_movements (day);

CREATE INDEX ix_financing_movements_declaration ON financing_movements (declaration);

CREATE INDEX ix_financing_movements_financing ON financing_movements (financing);

CREATE TABLE financing_records (
    record_id TEXT NOT NULL,
    financing TEXT NOT NULL,
    type TEXT NOT NULL,
    code TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_records PRIMARY KEY (record_id, financing)
);

CREATE INDEX ix_financing_records_financing ON financing_records (financing);

CREATE TABLE financing_request_history (
    request TEXT NOT NULL,
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    said_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    CONSTRAINT pk_financing_request_history PRIMARY KEY (request, number)
);

CREATE TABLE financing_requests (
    id TEXT NOT NULL,
    side TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    seal_public TEXT,
    bank TEXT NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    form TEXT NOT NULL,
    reason TEXT NOT NULL,
    fields TEXT NOT NULL,
    financing TEXT,
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    CONSTRAINT pk_financing_requests PRIMARY KEY (id)
);

CREATE INDEX ix_financing_requests_enterprise ON financing_requests (enterprise);

CREATE INDEX ix_financing_requests_financing ON financing_requests (financing);

CREATE INDEX ix_financing_requests_state ON financing_requests (state);

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

CREATE INDEX ix_grants_consent ON grants (consent);

CREATE INDEX ix_grants_declaration ON grants (declaration);

CREATE INDEX ix_grants_log_index ON grants (log_index);

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

CREATE TABLE letters_in (
    sender TEXT NOT NULL,
    id TEXT NOT NULL,
    code TEXT,
    received_ms BIGINT NOT NULL,
    CONSTRAINT pk_letters_in PRIMARY KEY (sender, id)
);

CREATE TABLE letters_out (
    id TEXT NOT NULL,
    sender TEXT NOT NULL,
    envelope TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    number BIGINT NOT NULL,
    CONSTRAINT pk_letters_out PRIMARY KEY (id),
    CONSTRAINT ck_letters_out_state CHECK (state IN ('pending', 'sent', 'refused'))
);

CREATE INDEX ix_letters_out_state ON letters_out (state);

CREATE TABLE look_up_enterprises (
    enterprise TEXT NOT NULL,
    place BIGINT NOT NULL,
    CONSTRAINT pk_look_up_enterprises PRIMARY KEY (enterprise, place)
);

CREATE TABLE look_ups (
    place BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    resource TEXT NOT NULL,
    subject TEXT NOT NULL,
    purpose TEXT NOT NULL,
    enterprises TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_look_ups PRIMARY KEY (place)
);

CREATE TABLE mailbox (
    place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    letter TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    "key" TEXT NOT NULL,
    box TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    posted_ms BIGINT NOT NULL,
    CONSTRAINT uq_mailbox_letter UNIQUE (sender, letter)
);

CREATE INDEX ix_mailbox_posted_ms ON mailbox (posted_ms);

CREATE INDEX ix_mailbox_recipient ON mailbox (recipient);

CREATE TABLE maturity_changes (
    task TEXT NOT NULL,
    financing TEXT NOT NULL,
    loans BIGINT NOT NULL,
    matured_on TEXT NOT NULL,
    matures_on TEXT NOT NULL,
    reason TEXT NOT NULL,
    prepared_by TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    CONSTRAINT pk_maturity_changes PRIMARY KEY (task)
);

CREATE INDEX ix_maturity_changes_financing ON maturity_changes (financing);

CREATE TABLE meta (
    "key" TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY ("key")
);

CREATE TABLE monitored_attempts (
    record_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT NOT NULL,
    bank TEXT NOT NULL,
    code TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_attempts PRIMARY KEY (record_id, line)
);

CREATE INDEX ix_monitored_attempts_declaration ON monitored_attempts (declaration);

CREATE TABLE monitored_cargo (
    declaration TEXT NOT NULL,
    record_id TEXT NOT NULL,
    uscc TEXT NOT NULL,
    contract TEXT NOT NULL,
    bill_of_lading TEXT NOT NULL,
    void_record TEXT,
    replaced_by TEXT,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_cargo PRIMARY KEY (declaration)
);

CREATE INDEX ix_monitored_cargo_bill_of_lading ON monitored_cargo (uscc, bill_of_lading);

CREATE INDEX ix_monitored_cargo_contract ON monitored_cargo (uscc, contract);

CREATE TABLE monitored_collections (
    record_id TEXT NOT NULL,
    declaration TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    CONSTRAINT pk_monitored_collections PRIMARY KEY (record_id)
);

CREATE INDEX ix_monitored_collections_declaration ON monitored_collections (declaration);

CREATE TABLE monitored_deadlines (
    code TEXT NOT NULL,
    record_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    resolved_ms BIGINT,
    swept BOOLEAN NOT NULL,
    bank TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    CONSTRAINT pk_monitored_deadlines PRIMARY KEY (code, record_id, subject)
);

CREATE INDEX ix_monitored_deadlines_due_ms ON monitored_deadlines (due_ms);

CREATE INDEX ix_monitored_deadlines_subject ON monitored_deadlines (code, subject);

CREATE TABLE monitored_events (
    record_id TEXT NOT NULL,
    financing TEXT NOT NULL,
    kind TEXT NOT NULL,
    bank TEXT NOT NULL,
    region TEXT NOT NULL,
    branch TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    currency TEXT NOT NULL,
    product TEXT NOT NULL,
    day TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    stage_ms BIGINT,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_events PRIMARY KEY (record_id, financing)
);

CREATE INDEX ix_monitored_events_day ON monitored_events (day);

CREATE TABLE monitored_financings (
    id TEXT NOT NULL,
    bank TEXT NOT NULL,
    region TEXT NOT NULL,
    branch TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    uscc TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    product TEXT NOT NULL,
    state TEXT NOT NULL,
    hold_until_ms BIGINT,
    applied_ms BIGINT,
    intake_ms BIGINT,
    approved_ms BIGINT,
    disbursed_ms BIGINT,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_financings PRIMARY KEY (id)
);

CREATE INDEX ix_monitored_financings_bank ON monitored_financings (bank);

CREATE INDEX ix_monitored_financings_enterprise ON monitored_financings (enterprise);

CREATE INDEX ix_monitored_financings_log_index ON monitored_financings (log_index);

CREATE TABLE monitored_lines (
    financing TEXT NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT NOT NULL,
    consent TEXT NOT NULL,
    held BIGINT NOT NULL,
    drawn BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    applied_minor BIGINT NOT NULL,
    approved_minor BIGINT,
    financeable_minor BIGINT,
    financeable_on TEXT,
    disbursed_minor BIGINT NOT NULL,
    repaid_minor BIGINT NOT NULL,
    movements BIGINT NOT NULL,
    CONSTRAINT pk_monitored_lines PRIMARY KEY (financing, line)
);

CREATE INDEX ix_monitored_lines_consent ON monitored_lines (consent);

CREATE INDEX ix_monitored_lines_declaration ON monitored_lines (declaration);

CREATE TABLE monitored_loans (
    record_id TEXT NOT NULL,
    financing TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    matures_on TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_loans PRIMARY KEY (record_id)
);

CREATE INDEX ix_monitored_loans_financing ON monitored_loans (financing);

CREATE TABLE monitored_pledges (
    record_id TEXT NOT NULL,
    declaration TEXT NOT NULL,
    financing TEXT NOT NULL,
    bank TEXT NOT NULL,
    registered_ms BIGINT NOT NULL,
    CONSTRAINT pk_monitored_pledges PRIMARY KEY (record_id, declaration)
);

CREATE TABLE monitored_rates (
    record_id TEXT NOT NULL,
    bank TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    base TEXT NOT NULL,
    currency TEXT NOT NULL,
    rate TEXT NOT NULL,
    day TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    CONSTRAINT pk_monitored_rates PRIMARY KEY (record_id)
);

CREATE TABLE monitoring_settings (
    since_ms BIGINT NOT NULL,
    settings TEXT NOT NULL,
    who TEXT NOT NULL,
    CONSTRAINT pk_monitoring_settings PRIMARY KEY (since_ms)
);

CREATE TABLE notice_readings (
    notice TEXT NOT NULL,
    read_by TEXT NOT NULL,
    read_ms BIGINT NOT NULL,
    CONSTRAINT pk_notice_readings PRIMARY KEY (notice)
);

CREATE TABLE notices (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    financing TEXT NOT NULL,
    declaration TEXT,
    successor TEXT,
    consent TEXT,
    capacity BIGINT,
    record_id TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_notices PRIMARY KEY (id)
);

CREATE INDEX ix_notices_declaration ON notices (declaration);

CREATE INDEX ix_notices_financing ON notices (financing);

CREATE INDEX ix_notices_log_index ON notices (log_index);

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

CREATE TABLE paper_enquiries (
    request TEXT NOT NULL,
    bank TEXT NOT NULL,
    enterprise TEXT NOT NULL,
    counted_ms BIGINT NOT NULL,
    CONSTRAINT pk_paper_enquiries PRIMARY KEY (request)
);

CREATE INDEX ix_paper_enquiries_bank ON paper_enquiries (bank);

CREATE TABLE paper_words (
    consent TEXT NOT NULL,
    state TEXT NOT NULL,
    said_by TEXT NOT NULL,
    said_ms BIGINT NOT NULL,
    record TEXT,
    statement TEXT,
    dispute TEXT,
    CONSTRAINT pk_paper_words PRIMARY KEY (consent),
    CONSTRAINT ck_paper_words_state CHECK (state IN ('confirmed', 'disputed'))
);

CREATE TABLE parts (
    record_id TEXT NOT NULL,
    part TEXT NOT NULL,
    content TEXT NOT NULL,
    content_key TEXT NOT NULL,
    height BIGINT NOT NULL,
    CONSTRAINT pk_parts PRIMARY KEY (record_id, part)
);

CREATE INDEX ix_parts_height ON parts (height);

CREATE TABLE private_signatures (
    task TEXT NOT NULL,
    "key" TEXT NOT NULL,
    signature TEXT NOT NULL,
    CONSTRAINT pk_private_signatures PRIMARY KEY (task)
);

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
    result TEXT,
    CONSTRAINT pk_tasks PRIMARY KEY (id),
    CONSTRAINT ck_tasks_state CHECK (state IN ('open', 'signed', 'declined', 'awaiting-authority'))
);

CREATE INDEX ix_tasks_record_id ON tasks (record_id);

CREATE INDEX ix_tasks_state ON tasks (state);

CREATE TABLE transfer_offers (
    id TEXT NOT NULL,
    financing TEXT NOT NULL,
    lender TEXT NOT NULL,
    commitment TEXT NOT NULL,
    content TEXT NOT NULL,
    time_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_transfer_offers PRIMARY KEY (id),
    CONSTRAINT uq_transfer_offers_log_index UNIQUE (log_index)
);

CREATE INDEX ix_transfer_offers_financing ON transfer_offers (financing);

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

CREATE TABLE credit_facts (
    uscc TEXT NOT NULL,
    revision BIGINT NOT NULL,
    kind TEXT NOT NULL,
    "key" TEXT NOT NULL,
    content TEXT,
    recorded_ms BIGINT NOT NULL,
    recorded_by TEXT NOT NULL,
    source TEXT NOT NULL,
    superseded_revision BIGINT,
    CONSTRAINT pk_credit_facts PRIMARY KEY (uscc, revision),
    CONSTRAINT fk_credit_facts_uscc FOREIGN KEY(uscc) REFERENCES credit_profiles (uscc)
);

CREATE INDEX ix_credit_facts_thing ON credit_facts (uscc, kind, "key");

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

