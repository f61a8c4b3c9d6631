"""The encrypted file: whatever was done to it, it opens whole or not at all."""

from __future__ import annotations

import os
from io import BytesIO

import pytest

from ledger.errors import InputError, NotPermitted, VerificationFailed
from nodes.backups.envelope import CHUNK_BYTES, SealedWriter, read_sealed
from tests.nodes.small_network import CHEAP

PASSPHRASE = b"three geese over the salt marsh"
SEALED = CHUNK_BYTES + 16


def sealed(content: bytes) -> bytes:
    file = BytesIO()
    writer = SealedWriter(file, PASSPHRASE, os.urandom, CHEAP)
    for start in range(0, len(content), 1000):
        writer.write(content[start : start + 1000])
    writer.finish()
    return file.getvalue()


def opened(data: bytes, passphrase: bytes = PASSPHRASE) -> bytes:
    return b"".join(read_sealed(BytesIO(data), passphrase))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7])
def test_what_was_sealed_is_what_is_opened(size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content)) == content


def test_another_passphrase_is_told_at_once() -> None:
    with pytest.raises(NotPermitted, match="passphrase-wrong"):
        opened(sealed(b"x"), PASSPHRASE + b"!")


def test_chunks_cannot_be_changed_moved_left_out_added_or_cut_off() -> None:
    data = sealed(os.urandom(3 * CHUNK_BYTES + 7))
    head = data.index(b"\n") + 1
    header, body = data[:head], data[head:]
    one, two, three, last = body[:SEALED], body[SEALED : 2 * SEALED], body[2 * SEALED : 3 * SEALED], body[3 * SEALED :]
    other = sealed(os.urandom(3 * CHUNK_BYTES + 7))[head:][:SEALED]
    spoilt = [
        header + two + one + three + last,
        header + one + three + last,
        header + one + two + two + three + last,
        header + one + two + three,
        header + one + two + three + last[:-1],
        header + one + two + three + last + b"\0",
        header + one + two + three + last + last,
        header + other + two + three + last,
        header + one[:-1] + bytes([one[-1] ^ 1]) + two + three + last,
        header,
    ]
    for each in spoilt:
        with pytest.raises(VerificationFailed, match="backup-damaged"):
            opened(each)


def test_the_first_line_is_bound_to_all_that_follows() -> None:
    data = sealed(b"content")
    with pytest.raises((InputError, VerificationFailed, NotPermitted)):
        opened(data.replace(b'"v":1', b'"v":1 ', 1))
    with pytest.raises((InputError, NotPermitted)):
        opened(data.replace(b'"passes":1', b'"passes":2', 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"hello\n",
        b"[]\n",
        b'{"format":"other"}\n',
        b"\xff" * 5000,
        b'{"check":"","format":"tallystick-backup","kdf":{},"v":1}\n',
    ],
)
def test_another_file_is_no_backup(data: bytes) -> None:
    with pytest.raises(InputError):
        opened(data)


def test_a_derivation_without_end_is_refused() -> None:
    data = sealed(b"content").replace(b'"memory_kib":8', b'"memory_kib":999999999', 1)
    with pytest.raises(InputError):
        opened(data)
