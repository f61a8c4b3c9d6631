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
CLOCK_JUMP_MS_MAX: Final = 3_600_000

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

# HTTP
HTTP_BODY_BYTES_MAX: Final = 8_388_608
HTTP_PAGE_ITEMS_MAX: Final = 500
HTTP_WAIT_SECONDS_MAX: Final = 30
ENQUIRY_LINES_MAX: Final = 500
UPSTREAM_ANSWER_BYTES_MAX: Final = 268_435_456

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

# Proofs and checkpoints
STATE_PROOF_SIBLINGS_MAX: Final = 256
NOTE_CHARS_MAX: Final = 65_536
NOTE_SIGNATURES_MAX: Final = 64
NOTE_NAME_CHARS_MAX: Final = 255
NOTE_SIGNATURE_BYTES_MAX: Final = 8_192
