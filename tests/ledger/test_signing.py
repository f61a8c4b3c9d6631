"""Signatures follow from the key and what is signed: the vectors of RFC 6979, A.2.5 (P-256 with SHA-256), in their low-s form."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key

from ledger import keys

PRIVATE = derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, SECP256R1())
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    ("message", "r", "s"),
    [
        (
            b"sample",
            0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
            0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
        ),
        (
            b"test",
            0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
            0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
        ),
    ],
    ids=["sample", "test"],
)
def test_a_signature_is_the_one_of_rfc_6979(message: bytes, r: int, s: int) -> None:
    digest = sha256(message).digest()
    signature = keys.sign(PRIVATE, digest)
    assert signature == r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")
    assert keys.verify(keys.public_of(PRIVATE).public, signature, digest)
