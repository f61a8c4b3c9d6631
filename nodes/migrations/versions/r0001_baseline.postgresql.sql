CREATE TABLE accesses (
    record_id TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    consent TEXT COLLATE "C",
    object TEXT COLLATE "C" NOT NULL,
    declarations TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_accesses PRIMARY KEY (record_id, enterprise)
);

CREATE INDEX ix_accesses_log_index ON accesses (log_index);

CREATE INDEX ix_accesses_object ON accesses (object);

COMMENT ON TABLE accesses IS 'uses of enterprises'' data; `object` is the consent, enquiry or financing that the record is about';

CREATE TABLE alert_changes (
    alert TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    change TEXT COLLATE "C" NOT NULL,
    who TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_alert_changes PRIMARY KEY (alert, place)
);

COMMENT ON TABLE alert_changes IS 'every decision about an alert, in order';

CREATE TABLE alert_standings (
    alert TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,
    changed_ms BIGINT NOT NULL,
    CONSTRAINT pk_alert_standings PRIMARY KEY (alert)
);

CREATE INDEX ix_alert_standings_state ON alert_standings (state);

COMMENT ON TABLE alert_standings IS 'what the authority''s people decided about an alert; one without a row is open';

CREATE TABLE alerts (
    id TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    severity TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    records TEXT COLLATE "C" NOT NULL,
    details TEXT COLLATE "C" NOT NULL,
    opened_ms BIGINT NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (id)
);

CREATE INDEX ix_alerts_code ON alerts (code);

CREATE INDEX ix_alerts_opened_ms ON alerts (opened_ms);

CREATE INDEX ix_alerts_subject ON alerts (subject);

COMMENT ON TABLE alerts IS 'what a detector found, under an id that follows from its cause; made from the ledger';

CREATE TABLE attachments (
    sha256 TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    added_by TEXT COLLATE "C" NOT NULL,
    added_ms BIGINT NOT NULL,
    CONSTRAINT pk_attachments PRIMARY KEY (sha256, owner)
);

CREATE INDEX ix_attachments_added_ms ON attachments (added_ms);

COMMENT ON TABLE attachments IS 'documents kept in files; `owner` is the enrolment of an exporter in custody, empty for the node''s own';

CREATE TABLE awaiting_authority (
    task TEXT COLLATE "C" NOT NULL,
    core TEXT COLLATE "C" NOT NULL,
    signatures TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_awaiting_authority PRIMARY KEY (task)
);

COMMENT ON TABLE awaiting_authority IS 'records that two people here have signed and that the authority is to sign too';

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

COMMENT ON TABLE collections IS 'collections, corrections of them below zero, that this node can open; made from the ledger';

CREATE TABLE conflict_reports (
    id TEXT COLLATE "C" NOT NULL,
    made_by TEXT COLLATE "C" NOT NULL,
    made_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_conflict_reports PRIMARY KEY (id)
);

COMMENT ON TABLE conflict_reports IS 'the bank''s own: what loading earlier loans would do, as its replica said';

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
    document_sha256 TEXT COLLATE "C",
    signatory TEXT COLLATE "C",
    paper_request TEXT COLLATE "C",
    once_key TEXT COLLATE "C" NOT NULL,
    fault TEXT COLLATE "C",
    given_ms BIGINT NOT NULL,
    revoked_by TEXT COLLATE "C",
    revoked_ms BIGINT,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (id)
);

CREATE INDEX ix_consents_bank ON consents (bank);

CREATE INDEX ix_consents_enterprise ON consents (enterprise);

CREATE INDEX ix_consents_log_index ON consents (log_index);

CREATE INDEX ix_consents_paper_request ON consents (paper_request);

COMMENT ON TABLE consents IS 'consents that this node can open; `scopes` are separated by spaces, `fault` says why one does not hold; one on paper names it';

CREATE TABLE countersignatures (
    task TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    signatures TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_countersignatures PRIMARY KEY (task)
);

COMMENT ON TABLE countersignatures IS 'records that banks handed in for this member to sign too; the tasks of the same ids tell what was decided';

CREATE TABLE credit_assessments (
    id TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    enquiry TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    parameters BIGINT NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_credit_assessments PRIMARY KEY (id),
    CONSTRAINT uq_credit_assessments_sequence UNIQUE (sequence)
);

CREATE INDEX ix_credit_assessments_uscc ON credit_assessments (uscc);

COMMENT ON TABLE credit_assessments IS 'a bank''s computed credit limits, with every input; `record_id` holds the facts, `parameters` is a version';

CREATE TABLE credit_parameters (
    version BIGINT NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_credit_parameters PRIMARY KEY (version)
);

COMMENT ON TABLE credit_parameters IS 'a bank''s parameters of its credit limits, canonical JSON; the newest version is the one in use';

CREATE TABLE credit_profiles (
    uscc TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    CONSTRAINT pk_credit_profiles PRIMARY KEY (uscc)
);

COMMENT ON TABLE credit_profiles IS 'enterprises with credit facts, by credit code; `revision` is the newest';

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

CREATE INDEX ix_declarations_enterprise ON declarations (enterprise);

CREATE INDEX ix_declarations_exporter_uscc ON declarations (exporter_uscc);

CREATE INDEX ix_declarations_log_index ON declarations (log_index);

CREATE INDEX ix_declarations_number ON declarations (number);

COMMENT ON TABLE declarations IS 'declarations that this node can open: `registered_minor` is what shares are parts of, `current_minor` the receivable part now';

CREATE TABLE disputes (
    id TEXT COLLATE "C" NOT NULL,
    record TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C",
    for_enterprise BOOLEAN NOT NULL,
    statement TEXT COLLATE "C",
    opened_ms BIGINT NOT NULL,
    resolved_by TEXT COLLATE "C",
    answer TEXT COLLATE "C",
    resolved_ms BIGINT,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_disputes PRIMARY KEY (id)
);

CREATE INDEX ix_disputes_enterprise ON disputes (enterprise);

CREATE INDEX ix_disputes_log_index ON disputes (log_index);

COMMENT ON TABLE disputes IS 'every dispute, with what was said of it where this node can open that; made from the ledger';

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

CREATE INDEX ix_enquiries_bank ON enquiries (bank);

CREATE INDEX ix_enquiries_consent ON enquiries (consent);

CREATE INDEX ix_enquiries_log_index ON enquiries (log_index);

CREATE INDEX ix_enquiries_state ON enquiries (state);

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

CREATE TABLE exchange_rates (
    id BIGSERIAL NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    rate TEXT COLLATE "C" NOT NULL,
    entered_ms BIGINT NOT NULL,
    who TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_exchange_rates PRIMARY KEY (id)
);

CREATE INDEX ix_exchange_rates_currency_day ON exchange_rates (currency, day);

COMMENT ON TABLE exchange_rates IS 'the authority''s rates in US dollars for a unit; of several for one day the last one entered counts';

CREATE TABLE financing_documents (
    record_id TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_documents PRIMARY KEY (record_id, sha256)
);

CREATE INDEX ix_financing_documents_financing ON financing_documents (financing);

COMMENT ON TABLE financing_documents IS 'documents whose digests the records about each financing name; made from the ledger';

CREATE TABLE financing_lines (
    financing TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
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

COMMENT ON TABLE financing_lines IS 'what the lines of a financing carry in money; made from the ledger';

CREATE TABLE financing_loans (
    record_id TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    disbursed_on TEXT COLLATE "C" NOT NULL,
    matures_on TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_loans PRIMARY KEY (record_id)
);

CREATE INDEX ix_financing_loans_financing ON financing_loans (financing);

COMMENT ON TABLE financing_loans IS 'what was paid out on each financing, tranche by tranche; made from the ledger';

CREATE TABLE financing_movements (
    record_id TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_movements PRIMARY KEY (record_id, line, kind)
);

CREATE INDEX ix_financing_movements_day ON financing_movements (day);

CREATE INDEX ix_financing_movements_declaration ON financing_movements (declaration);

CREATE INDEX ix_financing_movements_financing ON financing_movements (financing);

COMMENT ON TABLE financing_movements IS 'money that moved on the lines of financings, as far as this node can open it; made from the ledger';

CREATE TABLE financing_records (
    record_id TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_financing_records PRIMARY KEY (record_id, financing)
);

CREATE INDEX ix_financing_records_financing ON financing_records (financing);

COMMENT ON TABLE financing_records IS 'the records about each financing, refused ones too; made from the ledger';

CREATE TABLE financing_request_history (
    request TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    said_by TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    CONSTRAINT pk_financing_request_history PRIMARY KEY (request, number)
);

COMMENT ON TABLE financing_request_history IS 'what became of each request, step by step, as this node saw it';

CREATE TABLE financing_requests (
    id TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    seal_public TEXT COLLATE "C",
    bank TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    form TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    fields TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C",
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    CONSTRAINT pk_financing_requests PRIMARY KEY (id)
);

CREATE INDEX ix_financing_requests_enterprise ON financing_requests (enterprise);

CREATE INDEX ix_financing_requests_financing ON financing_requests (financing);

CREATE INDEX ix_financing_requests_state ON financing_requests (state);

COMMENT ON TABLE financing_requests IS 'requests of exporters to banks, which no record shows; `form` is canonical JSON, `fields` are separated by spaces';

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

CREATE INDEX ix_financings_branch ON financings (branch);

CREATE INDEX ix_financings_enterprise ON financings (enterprise);

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

CREATE INDEX ix_grants_consent ON grants (consent);

CREATE INDEX ix_grants_declaration ON grants (declaration);

CREATE INDEX ix_grants_log_index ON grants (log_index);

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

CREATE TABLE letters_in (
    sender TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C",
    received_ms BIGINT NOT NULL,
    CONSTRAINT pk_letters_in PRIMARY KEY (sender, id)
);

COMMENT ON TABLE letters_in IS 'letters that this node was handed; `code` says why one could not be taken';

CREATE TABLE letters_out (
    id TEXT COLLATE "C" NOT NULL,
    sender TEXT COLLATE "C" NOT NULL,
    envelope TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C",
    number BIGINT NOT NULL,
    CONSTRAINT pk_letters_out PRIMARY KEY (id),
    CONSTRAINT ck_letters_out_state CHECK (state IN ('pending', 'sent', 'refused'))
);

CREATE INDEX ix_letters_out_state ON letters_out (state);

COMMENT ON TABLE letters_out IS 'letters that this node wrote, in the order of `number`; the relay has those that were sent, and their text is dropped here';

CREATE TABLE look_up_enterprises (
    enterprise TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    CONSTRAINT pk_look_up_enterprises PRIMARY KEY (enterprise, place)
);

COMMENT ON TABLE look_up_enterprises IS 'whom each look-up concerned, for the enterprises to read; follows from the log';

CREATE TABLE look_ups (
    place BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    who TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL,
    enterprises TEXT COLLATE "C" NOT NULL,
    previous TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_look_ups PRIMARY KEY (place)
);

COMMENT ON TABLE look_ups IS 'what the authority''s people and programs read, each entry chained to the one before';

CREATE TABLE mailbox (
    place BIGSERIAL NOT NULL,
    letter TEXT COLLATE "C" NOT NULL,
    sender TEXT COLLATE "C" NOT NULL,
    recipient TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    box TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    posted_ms BIGINT NOT NULL,
    CONSTRAINT pk_mailbox PRIMARY KEY (place),
    CONSTRAINT uq_mailbox_letter UNIQUE (sender, letter)
);

CREATE INDEX ix_mailbox_posted_ms ON mailbox (posted_ms);

CREATE INDEX ix_mailbox_recipient ON mailbox (recipient);

COMMENT ON TABLE mailbox IS 'sealed letters on their way; places are never used again, since recipients go on from them';

CREATE TABLE maturity_changes (
    task TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    loans BIGINT NOT NULL,
    matured_on TEXT COLLATE "C" NOT NULL,
    matures_on TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    prepared_by TEXT COLLATE "C" NOT NULL,
    signed_by TEXT COLLATE "C" NOT NULL,
    changed_ms BIGINT NOT NULL,
    CONSTRAINT pk_maturity_changes PRIMARY KEY (task)
);

CREATE INDEX ix_maturity_changes_financing ON maturity_changes (financing);

COMMENT ON TABLE maturity_changes IS 'the lender''s own: maturities changed by two people; `loans` is how many tranches, the first ones, a change is about';

CREATE TABLE meta (
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY (key)
);

CREATE TABLE monitored_attempts (
    record_id TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_attempts PRIMARY KEY (record_id, line)
);

CREATE INDEX ix_monitored_attempts_declaration ON monitored_attempts (declaration);

COMMENT ON TABLE monitored_attempts IS 'every line of every application, refused ones too; made from the ledger';

CREATE TABLE monitored_cargo (
    declaration TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    contract TEXT COLLATE "C" NOT NULL,
    bill_of_lading TEXT COLLATE "C" NOT NULL,
    void_record TEXT COLLATE "C",
    replaced_by TEXT COLLATE "C",
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_cargo PRIMARY KEY (declaration)
);

CREATE INDEX ix_monitored_cargo_bill_of_lading ON monitored_cargo (uscc, bill_of_lading);

CREATE INDEX ix_monitored_cargo_contract ON monitored_cargo (uscc, contract);

COMMENT ON TABLE monitored_cargo IS 'what a declaration''s shipment is known by, and whether it was voided; made from the ledger';

CREATE TABLE monitored_collections (
    record_id TEXT COLLATE "C" NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    CONSTRAINT pk_monitored_collections PRIMARY KEY (record_id)
);

CREATE INDEX ix_monitored_collections_declaration ON monitored_collections (declaration);

COMMENT ON TABLE monitored_collections IS 'what was collected on declarations, corrections below zero; made from the ledger';

CREATE TABLE monitored_deadlines (
    code TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    due_ms BIGINT NOT NULL,
    resolved_ms BIGINT,
    swept BOOLEAN NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_monitored_deadlines PRIMARY KEY (code, record_id, subject)
);

CREATE INDEX ix_monitored_deadlines_due_ms ON monitored_deadlines (due_ms);

CREATE INDEX ix_monitored_deadlines_subject ON monitored_deadlines (code, subject);

COMMENT ON TABLE monitored_deadlines IS 'what is to happen before a time; one that passed raises an alert; made from the ledger';

CREATE TABLE monitored_events (
    record_id TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    branch TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    amount_minor BIGINT NOT NULL,
    stage_ms BIGINT,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_events PRIMARY KEY (record_id, financing)
);

CREATE INDEX ix_monitored_events_day ON monitored_events (day);

COMMENT ON TABLE monitored_events IS 'what happened to financings, one row each; `stage_ms` is how long the stage that it ends took; made from the ledger';

CREATE TABLE monitored_financings (
    id TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    region TEXT COLLATE "C" NOT NULL,
    branch TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    uscc TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    product TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
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

COMMENT ON TABLE monitored_financings IS 'financings as the authority supervises them: whose, through which stages; made from the ledger';

CREATE TABLE monitored_lines (
    financing TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    consent TEXT COLLATE "C" NOT NULL,
    held BIGINT NOT NULL,
    drawn BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    applied_minor BIGINT NOT NULL,
    approved_minor BIGINT,
    financeable_minor BIGINT,
    financeable_on TEXT COLLATE "C",
    disbursed_minor BIGINT NOT NULL,
    repaid_minor BIGINT NOT NULL,
    movements BIGINT NOT NULL,
    CONSTRAINT pk_monitored_lines PRIMARY KEY (financing, line)
);

CREATE INDEX ix_monitored_lines_consent ON monitored_lines (consent);

CREATE INDEX ix_monitored_lines_declaration ON monitored_lines (declaration);

COMMENT ON TABLE monitored_lines IS 'lines of financings: shares as the ledger had them at last, money as it was sealed; made from the ledger';

CREATE TABLE monitored_loans (
    record_id TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    matures_on TEXT COLLATE "C" NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_monitored_loans PRIMARY KEY (record_id)
);

CREATE INDEX ix_monitored_loans_financing ON monitored_loans (financing);

COMMENT ON TABLE monitored_loans IS 'what was paid out, and when it is due; made from the ledger';

CREATE TABLE monitored_pledges (
    record_id TEXT COLLATE "C" NOT NULL,
    declaration TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    registered_ms BIGINT NOT NULL,
    CONSTRAINT pk_monitored_pledges PRIMARY KEY (record_id, declaration)
);

COMMENT ON TABLE monitored_pledges IS 'when what secures a financing was registered, by declaration; made from the ledger';

CREATE TABLE monitored_rates (
    record_id TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    subject_kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    base TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    rate TEXT COLLATE "C" NOT NULL,
    day TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    CONSTRAINT pk_monitored_rates PRIMARY KEY (record_id)
);

COMMENT ON TABLE monitored_rates IS 'exchange rates that banks state in sealed parts; made from the ledger';

CREATE TABLE monitoring_settings (
    since_ms BIGINT NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    who TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_monitoring_settings PRIMARY KEY (since_ms)
);

COMMENT ON TABLE monitoring_settings IS 'thresholds of alerts, every version with the time from which it counts';

CREATE TABLE notice_readings (
    notice TEXT COLLATE "C" NOT NULL,
    read_by TEXT COLLATE "C" NOT NULL,
    read_ms BIGINT NOT NULL,
    CONSTRAINT pk_notice_readings PRIMARY KEY (notice)
);

COMMENT ON TABLE notice_readings IS 'notices that somebody of the bank has read; not from the ledger';

CREATE TABLE notices (
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    declaration TEXT COLLATE "C",
    successor TEXT COLLATE "C",
    consent TEXT COLLATE "C",
    capacity BIGINT,
    record_id TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    height BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_notices PRIMARY KEY (id)
);

CREATE INDEX ix_notices_declaration ON notices (declaration);

CREATE INDEX ix_notices_financing ON notices (financing);

CREATE INDEX ix_notices_log_index ON notices (log_index);

COMMENT ON TABLE notices IS 'what changed under this bank''s financings; made from the ledger';

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

CREATE TABLE paper_enquiries (
    request TEXT COLLATE "C" NOT NULL,
    bank TEXT COLLATE "C" NOT NULL,
    enterprise TEXT COLLATE "C" NOT NULL,
    counted_ms BIGINT NOT NULL,
    CONSTRAINT pk_paper_enquiries PRIMARY KEY (request)
);

CREATE INDEX ix_paper_enquiries_bank ON paper_enquiries (bank);

COMMENT ON TABLE paper_enquiries IS 'enquiries on paper that have their place in a bank''s cap; the authority''s own';

CREATE TABLE paper_words (
    consent TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    said_by TEXT COLLATE "C" NOT NULL,
    said_ms BIGINT NOT NULL,
    record TEXT COLLATE "C",
    statement TEXT COLLATE "C",
    dispute TEXT COLLATE "C",
    CONSTRAINT pk_paper_words PRIMARY KEY (consent),
    CONSTRAINT ck_paper_words_state CHECK (state IN ('confirmed', 'disputed'))
);

COMMENT ON TABLE paper_words IS 'what exporters said of consents on paper; `dispute` is the record by which the authority opened it for them';

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

CREATE TABLE private_signatures (
    task TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_private_signatures PRIMARY KEY (task)
);

COMMENT ON TABLE private_signatures IS 'the second signature under a decision that leaves no record; the first stands with the task';

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
    result TEXT COLLATE "C",
    CONSTRAINT pk_tasks PRIMARY KEY (id),
    CONSTRAINT ck_tasks_state CHECK (state IN ('open', 'signed', 'declined', 'awaiting-authority'))
);

CREATE INDEX ix_tasks_record_id ON tasks (record_id);

CREATE INDEX ix_tasks_state ON tasks (state);

COMMENT ON TABLE tasks IS 'records that wait for a second person''s signature; `core` is the unsigned object with its sealed parts';

CREATE TABLE transfer_offers (
    id TEXT COLLATE "C" NOT NULL,
    financing TEXT COLLATE "C" NOT NULL,
    lender TEXT COLLATE "C" NOT NULL,
    commitment TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    time_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    CONSTRAINT pk_transfer_offers PRIMARY KEY (id),
    CONSTRAINT uq_transfer_offers_log_index UNIQUE (log_index)
);

CREATE INDEX ix_transfer_offers_financing ON transfer_offers (financing);

COMMENT ON TABLE transfer_offers IS 'offers of financings to this bank, with what opens them; made from the ledger';

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

CREATE TABLE credit_facts (
    uscc TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C",
    recorded_ms BIGINT NOT NULL,
    recorded_by TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    superseded_revision BIGINT,
    CONSTRAINT pk_credit_facts PRIMARY KEY (uscc, revision),
    CONSTRAINT fk_credit_facts_uscc FOREIGN KEY(uscc) REFERENCES credit_profiles (uscc)
);

CREATE INDEX ix_credit_facts_thing ON credit_facts (uscc, kind, key);

COMMENT ON TABLE credit_facts IS 'one row for each revision; `content` is canonical JSON, null where the fact was withdrawn';

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

