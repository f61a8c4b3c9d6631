"""The terms of a consent: what an enterprise, or its custodian, really signed. They are sealed; in public stands a one-time key.

The terms name network, bank, enterprise, scopes, dates, uses and the one-time key, so that no part of a consent can be used for
another. `check_terms` is the one place that says whether a consent holds: its signature, and that public and sealed say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from pydantic import Field, StringConstraints

from contracts.commitments import consent_commitment
from ledger import canonical, keys
from ledger.errors import InputError
from ledger.hashing import tagged
from ledger.limits import ACCOUNT_NAME_CHARS_MAX, CONSENT_USES_MAX
from ledger.record import Record
from nodes.enterprises import SealedKey
from nodes.sealed_models import Hash, SealedModel, SealedPart, Slug, TimeMs, Uscc

CONSENT_PART: Final = "consent"
SECRET_PART: Final = "secret"
OWN_PART: Final = "secret-own"

Scope = Literal["finance", "basic", "trade-credit", "regulatory-credit"]
Kind = Literal["key", "custody", "paper"]
SCOPES: Final[tuple[Scope, ...]] = ("finance", "basic", "trade-credit", "regulatory-credit")
Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}\z")]


class Terms(SealedModel):
    """`seal` is the enterprise's sealing key, None in custody; `key` the id of the one-time key; times as in the public fields."""

    network: Hash
    bank: Slug
    enterprise: Hash
    uscc: Uscc
    name: Annotated[str, StringConstraints(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX)]
    seal: SealedKey | None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    not_before: TimeMs
    not_after: TimeMs
    uses: Annotated[int, Field(ge=1, le=CONSENT_USES_MAX)]
    key: Hash

    def digest(self) -> bytes:
        """What is signed."""
        return tagged("consent-terms", canonical.encode(self.model_dump(mode="json")))


class PaperBasis(SealedModel):
    """A consent on paper: the SHA-256 of its scan, which stays with the bank, and who signed it."""

    document_sha256: Hash
    signatory: Annotated[str, StringConstraints(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX, pattern=r"^[^\x00-\x1f\x7f]+\z")]


class PaperConsent(PaperBasis):
    """The paper, and the one enquiry that it was handed in with."""

    request: Hash


class Basis(SealedModel):
    """`key`: the enterprise's own node signed; `custody`: the authority, for an exporter that signed in at its portal; `paper`: the
    authority, for an exporter in its custody that signed a paper which a bank handed in.
    """

    kind: Kind
    paper: PaperConsent | None = None


class ConsentPart(SealedPart):
    """The part `consent`: terms, on which basis they were signed, and the signature over `Terms.digest`."""

    terms: Terms
    basis: Basis
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}\z")]
    signed_by: SealedKey


class SecretPart(SealedPart):
    """The part `secret`: what opens the commitment to the bank."""

    salt: Hex32


class OwnPart(SealedPart):
    """The part `secret-own`: the one-time private key, for the revocation."""

    private: Hex32


def sign_terms(terms: Terms, kind: Kind, private: EllipticCurvePrivateKey, paper: PaperConsent | None = None) -> ConsentPart:
    """The part `consent`, signed. `paper` where the basis is one."""
    public = keys.public_of(private)
    signature = keys.sign(private, terms.digest()).hex()
    signed_by = SealedKey(alg=public.alg, public=public.public.hex())
    return ConsentPart(terms=terms, basis=Basis(kind=kind, paper=paper), signature=signature, signed_by=signed_by)


def check_terms(record: Record, part: ConsentPart, secret: SecretPart | None) -> None:
    """Whether signature, sealed terms and public fields of a `consent.give` agree; the commitment too where the salt is at hand.

    Whose the signing key is, the caller must know. Raises `InputError` (`consent-invalid`).
    """
    terms, body = part.terms, record.body
    public: Mapping[str, Any] = {name: body[name] for name in ("not_before", "not_after", "uses")}
    if {"not_before": terms.not_before, "not_after": terms.not_after, "uses": terms.uses} != public:
        raise _invalid("its public fields are not those that were signed")
    if terms.network != record.core["network"] or terms.key != record.signers[0]:
        raise _invalid("it was signed for another network or another one-time key")
    if (part.basis.kind == "paper") != (part.basis.paper is not None):
        raise _invalid("its basis is a paper exactly where it says which")
    if terms.scopes != [scope for scope in SCOPES if scope in terms.scopes]:
        raise _invalid("its scopes are not written once each and in order")
    if secret is not None and consent_commitment(terms.bank, secret.salt) != body["commitment"]:
        raise _invalid("its commitment does not open to the bank that was signed")
    signer = part.signed_by.key()
    if signer.alg != keys.P256 or not keys.verify(signer.public, bytes.fromhex(part.signature), terms.digest()):
        raise _invalid("the signature over its terms does not hold")


def _invalid(why: str) -> InputError:
    return InputError("consent-invalid", f"the consent does not hold: {why}")
