"""Letters between nodes: sealed to the recipient, signed inside by the sender, and bound to their way.

HPKE (as `nodes.sealing`) seals a letter to the recipient's sealing key; network, id, sender and recipient are in its `info`, so a letter
opens only as the one that it was sent as. The relay, which is the authority's node, sees who writes to whom, when, and a size in steps. For
an exporter it says, signed, who the sender is (a `Voucher`): no public field names an enterprise or its key, and the authority enrolled it.

An address is a member's slug, or `enterprise:` and an enrolment's id.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, StringConstraints

from ledger import canonical, keys
from ledger.errors import InputError, VerificationFailed
from ledger.hashing import tagged
from ledger.limits import ACCOUNT_NAME_CHARS_MAX, LETTER_BYTES_MAX
from nodes.enterprises import Enterprise, SealedKey
from nodes.sealed_models import Hash, SealedModel, SealedPart, TimeMs, Uscc, read_part
from nodes.sealing import Recipient, make_box, open_wrap

if TYPE_CHECKING:
    from nodes.node import Node

ENTERPRISE: Final = "enterprise:"
STEP_BYTES: Final = 65_536
PADDED_BYTES_MIN: Final = 2_048

Address = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9-]{1,31}|enterprise:[0-9a-f]{64})\z")]
Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{1,31}\z")]


class Envelope(SealedModel):
    """What the relay carries: for whom, which of its sealing keys opens it, and the sealed bytes in base64."""

    id: Hash
    to: Address
    key: Hash
    box: Annotated[str, StringConstraints(min_length=1, max_length=LETTER_BYTES_MAX * 4 // 3 + 4)]


class Voucher(SealedPart):
    """The authority's word on the exporter that sent a letter. `sign` is its enrolled key, None in custody: then the custodian signs."""

    network: Hash
    letter: Hash
    to: Address
    enterprise: Hash
    uscc: Uscc
    name: Annotated[str, Field(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX)]
    sign: SealedKey | None
    seal: SealedKey | None

    def digest(self) -> bytes:
        return tagged("voucher", canonical.encode(self.content()))


class SignedVoucher(SealedModel):
    """A voucher, the authority's key that signed it, and the signature over `Voucher.digest`."""

    voucher: Voucher
    key: Hash
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}\z")]


class Delivered(SealedModel):
    """An envelope as the relay hands it out: its place in the recipient's box, and who posted it."""

    place: Annotated[int, Field(ge=1)]
    sender: Address
    envelope: Envelope
    voucher: SignedVoucher | None


class _Inside(SealedPart):
    """What is sealed."""

    network: Hash
    id: Hash
    sender: Address
    to: Address
    kind: Kind
    sent: TimeMs
    body: dict[str, Any]
    signer: SealedKey
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}\z")]


@dataclass(frozen=True, slots=True)
class Letter:
    """An opened letter whose signature holds. `exporter` is who wrote it, where an exporter did."""

    id: str
    sender: str
    to: str
    kind: str
    sent_ms: int
    body: dict[str, Any]
    exporter: Voucher | None


def address_of(enterprise_id: str) -> str:
    """An enterprise's address."""
    return ENTERPRISE + enterprise_id


def seal_letter(node: Node, letter_id: str, sender: str, to: str, recipient: Recipient, kind: str, body: dict[str, Any]) -> Envelope:
    """A letter signed with the node's own key. Raises `InputError` (`letter-too-large`)."""
    public = keys.public_of(node.identity_key.private)
    inside: dict[str, Any] = {
        "v": 1,
        "network": node.network,
        "id": letter_id,
        "sender": sender,
        "to": to,
        "kind": kind,
        "sent": node.clock.now_ms(),
        "body": body,
        "signer": {"alg": public.alg, "public": public.public.hex()},
    }
    signature = keys.sign(node.identity_key.private, _digest(inside)).hex()
    text = _padded(canonical.encode({**inside, "signature": signature}))
    if len(text) > LETTER_BYTES_MAX - STEP_BYTES:
        raise InputError("letter-too-large", f"a letter has at most {LETTER_BYTES_MAX} bytes", hint="send fewer or smaller documents")
    box = make_box(recipient.public, text, _context(node.network, letter_id, sender, to))
    return Envelope(id=letter_id, to=to, key=recipient.key_id, box=base64.b64encode(box).decode("ascii"))


def open_letter(node: Node, delivered: Delivered) -> Letter:
    """A letter for this node, once it is what it says. Raises `VerificationFailed` (`letter-broken`), `InputError` (`part-malformed`)."""
    envelope, sender = delivered.envelope, delivered.sender
    private = node.sealing_keys.get(envelope.key)
    try:
        box = base64.b64decode(envelope.box, validate=True)
    except ValueError as error:
        raise _broken("it is not base64") from error
    text = None if private is None else open_wrap(box, _context(node.network, envelope.id, sender, envelope.to), private)
    if text is None:
        raise _broken("it does not open here as what it was posted as")
    value = canonical.decode(text.rpartition(b"\x80")[0])
    inside = read_part(_Inside, value if isinstance(value, dict) else {})
    if (inside.network, inside.id, inside.sender, inside.to) != (node.network, envelope.id, sender, envelope.to):
        raise _broken("it was written for another way")
    signer = inside.signer.key()
    unsigned = {name: item for name, item in inside.model_dump(mode="json").items() if name != "signature"}
    if not keys.verify(signer.public, bytes.fromhex(inside.signature), _digest(unsigned)):
        raise _broken("its signature does not hold")
    voucher = _vouched(node, delivered, signer) if sender.startswith(ENTERPRISE) else None
    if voucher is None:
        _check_member(node, sender, signer.id)
    return Letter(inside.id, sender, inside.to, inside.kind, inside.sent, inside.body, voucher)


def vouch(node: Node, letter_id: str, to: str, sender: Enterprise) -> SignedVoucher:
    """The authority's word on who sent a letter, for its recipient only."""
    pair = [None if key is None else SealedKey(alg=key.alg, public=key.public.hex()) for key in (sender.sign, sender.seal)]
    about = {"network": node.network, "letter": letter_id, "to": to, "enterprise": sender.id, "uscc": sender.uscc, "name": sender.name}
    voucher = Voucher.model_validate({**about, "sign": pair[0], "seal": pair[1]})
    key = node.identity_key
    return SignedVoucher(voucher=voucher, key=key.id, signature=keys.sign(key.private, voucher.digest()).hex())


def _vouched(node: Node, delivered: Delivered, signer: keys.PublicKey) -> Voucher:
    signed = delivered.voucher
    if signed is None:
        raise _broken("the relay does not say which exporter sent it")
    voucher = signed.voucher
    about = (voucher.network, voucher.letter, voucher.to, address_of(voucher.enterprise))
    if about != (node.network, delivered.envelope.id, delivered.envelope.to, delivered.sender):
        raise _broken("what the relay says of its sender is about another letter")
    authority = node.directory.authority()
    _check_member(node, authority, signed.key)
    known = node.directory.key(signed.key)
    if known is None or not keys.verify(known.public, bytes.fromhex(signed.signature), voucher.digest()):
        raise _broken("the authority did not sign what the relay says of its sender")
    if voucher.sign is None:
        _check_member(node, authority, signer.id)
    elif voucher.sign.key() != signer:
        raise _broken("it is not signed by the exporter's enrolled key")
    return voucher


def _check_member(node: Node, member: str, key_id: str) -> None:
    known = node.directory.key(key_id)
    if known is None or not known.alive or (known.member, known.purpose) != (member, "service"):
        raise _broken("it is not signed by a key of its sender that is in force")


def _digest(unsigned: dict[str, Any]) -> bytes:
    return tagged("letter", canonical.encode(unsigned))


def _context(network: str, letter_id: str, sender: str, to: str) -> bytes:
    return tagged("letter-envelope", canonical.encode({"network": network, "id": letter_id, "sender": sender, "to": to}))


def _padded(text: bytes) -> bytes:
    """ISO/IEC 7816-4 padding: short letters to a power of two, long ones to whole steps, so that a size tells little."""
    size = PADDED_BYTES_MIN
    while size <= len(text):
        size = size * 2 if size < STEP_BYTES else size + STEP_BYTES
    return (text + b"\x80").ljust(size, b"\x00")


def _broken(why: str) -> VerificationFailed:
    return VerificationFailed("letter-broken", f"a letter cannot be taken: {why}")
