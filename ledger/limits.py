"""Every limit on what comes from outside, in one place. Bounds that governance may set are policy, not limits."""

from __future__ import annotations

from typing import Final

# Numbers: RFC 8785 JSON carries integers exactly only within 2**53.
INTEGER_MAX: Final = 2**53 - 1
JSON_DEPTH_MAX: Final = 32

# Records
RECORD_BYTES_MAX: Final = 1_048_576
SIGNERS_MAX: Final = 3
NOT_AFTER_DAYS_BOUND: Final = 30
SEALED_PARTS_MAX: Final = 4
WRAPS_PER_PART: Final = (4, 8)
SEALED_TEXT_BYTES_MAX: Final = 524_288
BLOCK_RECORDS_MAX: Final = 10_000
BLOCK_BYTES_MAX: Final = 4_194_304
QUEUE_RECORDS_MAX: Final = 20_000
QUEUE_BYTES_MAX: Final = 67_108_864
CLOCK_JUMP_MS_MAX: Final = 3_600_000

# CometBFT: what one message between the engine and the application may hold, and what is remembered of others' misbehaviour
ABCI_FRAME_BYTES_MAX: Final = 67_108_864
COMET_BLOCK_OVERHEAD_BYTES: Final = 1_048_576
MISBEHAVIOR_KEPT: Final = 100
COMET_PEERS_MAX: Final = 128

# Snapshots of the log: what is fetched from others. Hashes of so many chunks just fit the engine's message, and so does a chunk that does
# not shrink when it is packed. A block's leaves are its records with results.
SNAPSHOT_CHUNK_BYTES: Final = 1_048_576
SNAPSHOT_CHUNK_PACKED_BYTES_MAX: Final = SNAPSHOT_CHUNK_BYTES + 65_536
SNAPSHOT_CHUNKS_MAX: Final = 65_536
SNAPSHOT_BLOCK_BYTES_MAX: Final = 33_554_432
SNAPSHOTS_KEPT_MAX: Final = 10

# Customs files
IMPORT_FILE_BYTES_MAX: Final = 1_073_741_824
IMPORT_XML_DECLARATION_BYTES_MAX: Final = 1_048_576
IMPORT_XML_DEPTH_MAX: Final = 16
IMPORT_FIELD_CHARS_MAX: Final = 1_024
IMPORT_DECLARATION_LINES_MAX: Final = 1_000
IMPORT_XML_NAMES_MAX: Final = 4_096
IMPORT_CSV_ROW_CHARS_MAX: Final = 65_536
IMPORT_CHUNK_BYTES: Final = 65_536
AMOUNT_MINOR_MAX: Final = 10**15

# Spreadsheets: what a workbook may unpack to is bounded before it is unpacked.
XLSX_FILE_BYTES_MAX: Final = 33_554_432
XLSX_ENTRIES_MAX: Final = 512
XLSX_PART_BYTES_MAX: Final = 8_388_608
XLSX_STRINGS_BYTES_MAX: Final = 33_554_432
XLSX_SHEET_BYTES_MAX: Final = 67_108_864
XLSX_COMPRESSION_MAX: Final = 200
XLSX_ROWS_MAX: Final = 100_000
XLSX_COLUMNS_MAX: Final = 256
XLSX_CELLS_MAX: Final = 33_554_432
XLSX_CELL_CHARS_MAX: Final = 1_024
XLSX_STYLES_MAX: Final = 65_490
XLSX_FORMAT_CHARS_MAX: Final = 255
XLSX_FORMAT_BRACKETS_MAX: Final = 16
XLSX_WRITTEN_ROWS_MAX: Final = 1_048_576
XLSX_WRITTEN_CELL_CHARS_MAX: Final = 32_767

# Loans of the back book: what one file of them may hold.
LOAD_FILE_BYTES_MAX: Final = 2_097_152
LOAD_ROWS_MAX: Final = 1_000

# Credit facts: what one import and one enterprise may hold, and how much history an answer shows.
CREDIT_FILE_BYTES_MAX: Final = 8_388_608
CREDIT_ROWS_MAX: Final = 20_000
CREDIT_REVISIONS_MAX: Final = 10_000
CREDIT_TEXT_CHARS_MAX: Final = 200
CREDIT_YEARS_SHOWN_MAX: Final = 10
CREDIT_MONTHS_SHOWN_MAX: Final = 36
CREDIT_CLASSES_SHOWN_MAX: Final = 40
CREDIT_PENALTIES_SHOWN_MAX: Final = 80
CREDIT_WEIGHT_PPM_MAX: Final = 10_000_000
CREDIT_RATES_MAX: Final = 64

# Below so much free disk a node is not ready: what it acknowledges has to be written down.
DISK_FREE_BYTES_MIN: Final = 67_108_864

# HTTP
HTTP_BODY_BYTES_MAX: Final = 8_388_608
HTTP_PAGE_ITEMS_MAX: Final = 500
HTTP_WAIT_SECONDS_MAX: Final = 30
HTTP_UPLOAD_BYTES_MAX: Final = IMPORT_FILE_BYTES_MAX + HTTP_BODY_BYTES_MAX
HTTP_BLOCKS_BYTES_MAX: Final = 8_388_608
HTTP_LONG_POLLS_MAX: Final = 1_000
# Connections: how many, how long a head may take, and in how many seconds of a body or an answer so much a second has to go on
HTTP_CONNECTIONS_MAX: Final = 4_000
HTTP_HEAD_SECONDS_MAX: Final = 10
HTTP_SILENCE_SECONDS_MAX: Final = 20
HTTP_BYTES_PER_S_MIN: Final = 1_024
TOKEN_FORM_BYTES_MAX: Final = 16_384
SIGN_INS_AT_ONCE_MAX: Final = 4
IDEMPOTENCY_KEY_CHARS_MAX: Final = 128
# Requests: what a full bucket holds, and of how many callers one is remembered
RATE_BURST_S: Final = 10
RATE_CALLERS_KEPT: Final = 10_000
# How long a browser remembers that this node speaks TLS
HSTS_SECONDS: Final = 31_536_000
RATE_PER_S_MAX: Final = 100_000
IDEMPOTENCY_DAYS: Final = 30
ASSERTION_BYTES_MAX: Final = 4_096
ASSERTION_SECONDS_MAX: Final = 300
TOKEN_SECONDS: Final = 900
SESSION_SECONDS: Final = 43_200
SESSION_IDLE_SECONDS: Final = 1_800
SESSIONS_PER_ACCOUNT_MAX: Final = 16
OPENID_ANSWER_BYTES_MAX: Final = 262_144
OPENID_SUBJECT_CHARS_MAX: Final = 255
OPENID_PARAMETER_CHARS_MAX: Final = 2_048
SIGN_IN_DAYS_KEPT: Final = 400
SIGN_IN_FAILURES_KEPT: Final = 100_000
INTRODUCTIONS_PER_DAY_MAX: Final = 200
IMPORTS_AT_ONCE_MAX: Final = 2
IMPORT_FILES_MAX: Final = 100
ENQUIRY_LINES_MAX: Final = 500
UPSTREAM_ANSWER_BYTES_MAX: Final = 268_435_456

# Events: streams that a node holds open, and how long one is silent at most
EVENT_STREAMS_MAX: Final = 100
EVENT_HEARTBEAT_S: Final = 15

# Webhooks: one attempt, the waiting between attempts, and how long an endpoint may fail before it is given up
WEBHOOKS_MAX: Final = 32
WEBHOOK_URL_CHARS_MAX: Final = 2_000
WEBHOOK_ATTEMPT_S_MAX: Final = 15
WEBHOOK_RETRY_S_FIRST: Final = 5
WEBHOOK_RETRY_S_MAX: Final = 3_600
WEBHOOK_FAILING_S_MAX: Final = 259_200
WEBHOOK_OLD_SECRET_S: Final = 86_400
WEBHOOK_DELIVERIES_KEPT: Final = 1_000

# E-mail: one message
MAIL_RECIPIENTS_MAX: Final = 32
MAIL_EVENTS_MAX: Final = 100
MAIL_SECONDS_MAX: Final = 30

# Files of a home: key files are re-read from disk, so the cost that they name is bounded like any outside input.
PRIVATE_FILE_BYTES_MAX: Final = 16_384
ARGON2_MEMORY_KIB_MAX: Final = 1_048_576
ARGON2_PASSES_MAX: Final = 64
ARGON2_LANES_MAX: Final = 16
SECRET_BYTES_MAX: Final = 1_024
PASSWORD_CHARS_MAX: Final = 128
ACCOUNT_NAME_CHARS_MAX: Final = 128
ACCOUNT_SCOPES_MAX: Final = 64
CONFIG_FILE_BYTES_MAX: Final = 65_536
GENESIS_FILE_BYTES_MAX: Final = 4_194_304
NETWORK_FILE_BYTES_MAX: Final = 8_388_608

# Proofs, audits and checkpoints
AUDIT_FINDINGS_MAX: Final = 100
AUDIT_SNAPSHOT_RECORDS: Final = 50_000
AUDIT_STRETCH_LEAVES: Final = 1_000
AUDIT_STRETCHES_AHEAD: Final = 4
AUDIT_SAMPLE_MAX: Final = 10_000
AUDIT_REPORT_BYTES_MAX: Final = 1_048_576
AUDITS_KEPT: Final = 16
PROOF_FILE_BYTES_MAX: Final = 4_194_304
PROOF_BUNDLE_FILES_MAX: Final = 16
TRUST_FILE_BYTES_MAX: Final = 262_144
STATE_PROOF_SIBLINGS_MAX: Final = 256
NOTE_CHARS_MAX: Final = 65_536
NOTE_SIGNATURES_MAX: Final = 64
NOTE_NAME_CHARS_MAX: Final = 255
NOTE_SIGNATURE_BYTES_MAX: Final = 8_192
ADD_CHECKPOINT_BYTES_MAX: Final = 131_072
ADD_CHECKPOINT_HASHES_MAX: Final = 63
WITNESSES_MAX: Final = 64
COSIGNED_SIZES_KEPT: Final = 256
SEEN_CHECKPOINTS_PER_SOURCE_MAX: Final = 64
GOSSIP_PEERS_MAX: Final = 64
GOSSIP_ANSWER_BYTES_MAX: Final = 262_144
# Blocks of the engine that lead from one set of validators to another, in one checkpoint; and for how long a trust file believes a set.
CHECKPOINT_STEPS_MAX: Final = 64
VALIDATORS_TRUSTED_S: Final = 31_536_000

# Bodies of records
ALLOCATIONS_BOUND: Final = 1_000
COLLECTIONS_PER_DECLARATION_MAX: Final = 256
COLLECTIONS_PER_REPAYMENT_MAX: Final = 1_000
# So many content keys, each of a financing of its own, just fit a sealed part.
ESTATE_KEYS_MAX: Final = 2_000
CONSENT_USES_MAX: Final = 1_000_000
GRANT_USES_MAX: Final = 1_000
OFFER_DAYS_MAX: Final = 60
MEMBER_KEYS_PER_RECORD_MAX: Final = 64
MEMBER_NAME_CHARS_MAX: Final = 128
GENESIS_MEMBERS_MAX: Final = 1_000
GOVERNORS_MAX: Final = 100
GOVERNOR_WEIGHT_MAX: Final = 1_000_000
RULES_AHEAD_DAYS_MAX: Final = 366
SCHEDULED_MAX: Final = 64
# CometBFT's bound on the sum of all powers, 2**60, is far above so many times so much.
VALIDATORS_MAX: Final = 64
VALIDATOR_POWER_MAX: Final = 1_000_000
POWER_CHANGE_DAYS_BOUND: Final = 90
RECOVERY_KEYS_MAX: Final = 64
POLICY_FIELDS_MAX: Final = 64
REPLACES_MAX: Final = 16
ORDERS_PER_TARGET_MAX: Final = 32

# Second signatures: how many people a record may wait for, any one of whom completes it.
TASK_SIGNERS_MAX: Final = 16

# Financings: names, products, references, reasons
FINANCING_TEXT_CHARS_MAX: Final = 512

# Documents in the private store. Those that are sent with one request are smaller together, so that each fits in a letter.
ATTACHMENT_BYTES_MAX: Final = 16_777_216
ATTACHMENT_SENT_BYTES_MAX: Final = 4_194_304
ATTACHMENT_NAME_CHARS_MAX: Final = 200
ATTACHMENT_ZIP_ENTRIES_MAX: Final = 10_000
ATTACHMENTS_PER_PART_MAX: Final = 16
ATTACHMENTS_PER_DAY_MAX: Final = 500
ATTACHMENTS_BYTES_PER_DAY_MAX: Final = 1_073_741_824

# Supervision: thresholds of alerts, periods of series, rates in one request, and why somebody looked
MONITORING_DAYS_MAX: Final = 3_660
MONITORING_COUNT_MAX: Final = 1_000
EXCHANGE_RATES_PER_REQUEST_MAX: Final = 10_000
PURPOSE_CHARS_MAX: Final = 200

# Statements
STATEMENT_DAYS_MAX: Final = 366
STATEMENT_ROWS_MAX: Final = 10_000

# Enquiries on paper: bounds of the authority's own settings
PAPER_ENQUIRIES_MAX: Final = 100_000
PAPER_DAYS_MAX: Final = 60

# Letters between nodes: what the relay takes of one sender in a day, and hands out at once; what an exporter may have waiting for it
LETTER_BYTES_MAX: Final = 6_225_920
LETTERS_PER_DAY_MAX: Final = 2_000
LETTERS_BYTES_PER_DAY_MAX: Final = 268_435_456
LETTERS_BYTES_KEPT_MAX: Final = 4_294_967_296
LETTERS_PAGE_BYTES_MAX: Final = 16_777_216
LETTERS_PAGE_MAX: Final = 100
LETTER_DAYS_KEPT: Final = 90
LETTERS_WAITING_MAX: Final = 200

# Financing requests
REQUEST_LINES_MAX: Final = 200
REQUEST_TENOR_DAYS_MAX: Final = 3_650
REQUEST_FIELDS_MAX: Final = 50

# ISO 20022 messages
ISO_MESSAGE_BYTES_MAX: Final = 1_048_576
ISO_MESSAGE_DEPTH_MAX: Final = 32

# Backups: a line holds one row of a table, and the largest value of a row is a record or a sealed part.
BACKUP_LINE_BYTES_MAX: Final = 33_554_432
BACKUP_HEADER_BYTES_MAX: Final = 4_096

# Archives: a line holds the genesis document, or one block, whose results come on top of its records.
ARCHIVE_LINE_BYTES_MAX: Final = 33_554_432
