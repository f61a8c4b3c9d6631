"""Consents: an enterprise's own node gives and revokes them, the authority's does it for exporters in custody, a bank reads its own.

A fresh one-time key signs in public, so no record shows which enterprise it was; the real signature, over all terms, is sealed. The
record goes to the ledger through an introducer, the authority. Its one-time private key is sealed to the enterprise in the record
itself, so that a node that lost its private database can still revoke.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key

from contracts import entries
from contracts.commitments import consent_commitment
from ledger import keys
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, NotPermitted
from ledger.limits import CONSENT_USES_MAX
from nodes.author import Part
from nodes.consents.book import consents
from nodes.consents.introducer import GIVE, REVOKE
from nodes.consents.introductions import Introductions
from nodes.consents.terms import CONSENT_PART, OWN_PART, SCOPES, SECRET_PART, Kind, OwnPart, PaperConsent, SecretPart, Terms, sign_terms
from nodes.enterprises import Enterprise, SealedKey
from nodes.outcomes import require_ok
from nodes.sealed_models import read_part
from nodes.sealing import Recipient

if TYPE_CHECKING:
    from nodes.node import Node

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_READ_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that this node can open. `state` is active, not-yet, expired, used-up, revoked or invalid (then `fault` says why); `used`
    is how many enquiries were taken under it; times are milliseconds. On paper, `document_sha256` and `signatory` say on which.
    """

    id: str
    enterprise: str
    uscc: str
    name: str
    seal_public: str | None
    bank: str
    scopes: tuple[str, ...]
    not_before_ms: int
    not_after_ms: int
    uses: int
    used: int
    basis: str
    state: str
    fault: str | None
    given_ms: int
    revoked_ms: int | None
    height: int
    log_index: int
    document_sha256: str | None = None
    signatory: str | None = None


class Consents:
    """For the node of an enterprise, the authority or a bank; what a bank may not do says so."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.introductions = Introductions(node)

    def give(
        self,
        enterprise_id: str,
        bank: str,
        scopes: Iterable[str],
        not_before_ms: int,
        not_after_ms: int,
        uses: int,
        *,
        paper: PaperConsent | None = None,
        reference: str | None = None,
    ) -> Consent:
        """Lets a bank see and use the enterprise's data. With a `reference` there is one consent for it for ever, however often asked.
        `paper` is what an exporter in custody signed, where it did not sign in.

        Raises `InputError` (`bad-consent`), `NotFound` (`unknown-enterprise`, `unknown-member`), `NotPermitted`, `RuleRefused`,
        `Unreachable` where the introducer does not answer: the consent is kept, and `introductions.resume` hands it in again.
        """
        known = self.introductions.by_reference(reference)
        if known is None:
            enterprise, kind, private = self._acting_for(enterprise_id)
            once = derive_private_key(int.from_bytes(self._node.random(40), "big") % (_ORDER - 1) + 1, SECP256R1())
            terms = self._terms(enterprise, bank, scopes, (not_before_ms, not_after_ms), uses, keys.public_of(once).id)
            core = self._give_core(terms, "paper" if paper is not None else kind, private, once, enterprise, paper)
            known = self.introductions.keep(core, once, enterprise_id, reference)
        return self.get(require_ok(self.introductions.hand_in(known)).record_id)

    def revoke(self, consent_id: str, reference: str | None = None) -> Receipt:
        """Takes a consent back: its grants end, and holds under it that are not approved are let go. With a `reference` there is one
        record for it, however often asked.

        Raises `NotFound` (`unknown-consent`), `NotPermitted`, `RuleRefused` (`consent-revoked`), `Unreachable`.
        """
        node, consent = self._node, self.get(consent_id)
        enterprise, kind, _ = self._acting_for(consent.enterprise)
        body = {"consent": consent_id}
        if kind == "custody":
            authored = node.author.record(REVOKE, body, [node.identity_key])
            receipt = node.outbox.send(authored.raw, REVOKE, reference)
        else:
            own = node.reader.parts_of(consent_id).get(OWN_PART)
            if own is None:
                raise NotFound("unknown-consent", f"this node holds no key to revoke the consent with, as {enterprise.id} would")
            once = derive_private_key(int(read_part(OwnPart, own.content).private, 16), SECP256R1())
            core, _ = node.author.core(REVOKE, body, [keys.public_of(once).id, self._introducer()])
            receipt = self.introductions.hand_in(self.introductions.keep(core, once, enterprise.id, reference))
        require_ok(receipt)
        node.reader.wait_for(receipt.log_index, _READ_S)
        return receipt

    def get(self, consent_id: str) -> Consent:
        """Raises `NotFound` (`unknown-consent`) for one that this node cannot open."""
        found = self._query(sa.select(consents).where(consents.c.id == consent_id))
        if not found:
            raise NotFound("unknown-consent", "this node knows no such consent")
        return found[0]

    def list(self, enterprise: str | None = None, bank: str | None = None, after: int = 0, limit: int = 500) -> Sequence[Consent]:
        """In the order of the ledger; `after` is the log index of the last one that was seen."""
        query = sa.select(consents).where(consents.c.log_index > after).order_by(consents.c.log_index).limit(limit)
        if enterprise is not None:
            query = query.where(consents.c.enterprise == enterprise)
        return self._query(query if bank is None else query.where(consents.c.bank == bank))

    def _acting_for(self, enterprise_id: str) -> tuple[Enterprise, Kind, EllipticCurvePrivateKey]:
        """The enterprise, on which basis this node signs for it, and with what. Raises `NotPermitted`, `NotFound`."""
        node = self._node
        enterprise = node.enterprises.get(enterprise_id)
        if node.config.node.role == "authority":
            if not enterprise.custody:
                raise NotPermitted(
                    "not-permitted", "this enterprise runs its own node and signs for itself", hint="ask it to consent there"
                )
            return enterprise, "custody", node.identity_key.private
        if enterprise.sign is None or enterprise.sign.id != node.identity_key.id:
            raise NotPermitted("not-permitted", "this node does not sign for that enterprise")
        return enterprise, "key", node.identity_key.private

    def _terms(self, enterprise: Enterprise, bank: str, scopes: Iterable[str], times: tuple[int, int], uses: int, key: str) -> Terms:
        if self._node.directory.member(bank).role != "bank":
            raise InputError("bad-consent", f"the member {bank} is no bank")
        asked = set(scopes)
        if not asked or not asked <= set(SCOPES):
            raise InputError("bad-consent", f"scopes are among {', '.join(SCOPES)}, and at least one")
        if not (0 <= times[0] < times[1] and 1 <= uses <= CONSENT_USES_MAX):
            raise InputError("bad-consent", "a consent ends after it begins, and may be used at least once")
        return Terms(
            network=self._node.network,
            bank=bank,
            enterprise=enterprise.id,
            uscc=enterprise.uscc,
            name=enterprise.name,
            seal=None if enterprise.seal is None else SealedKey(alg=enterprise.seal.alg, public=enterprise.seal.public.hex()),
            scopes=[scope for scope in SCOPES if scope in asked],
            not_before=times[0],
            not_after=times[1],
            uses=uses,
            key=key,
        )

    def _give_core(
        self,
        terms: Terms,
        kind: Kind,
        private: EllipticCurvePrivateKey,
        once: EllipticCurvePrivateKey,
        enterprise: Enterprise,
        paper: PaperConsent | None,
    ) -> dict[str, Any]:
        node, directory = self._node, self._node.directory
        salt = node.random(32).hex()
        authority, owner = directory.recipient(directory.authority()), enterprise.recipient(directory)
        # No public field names the bank, so its wrap may not name it either.
        bank = directory.recipient(terms.bank)
        parts = {
            CONSENT_PART: Part(
                sign_terms(terms, kind, private, paper).content(), [Recipient(bank.public, bank.key_id, named=False), authority, owner]
            ),
            SECRET_PART: Part(SecretPart(salt=salt).content(), [authority, owner]),
            OWN_PART: Part(OwnPart(private=f"{once.private_numbers().private_value:064x}").content(), [owner]),
        }
        body = {
            "commitment": consent_commitment(terms.bank, salt),
            "not_before": terms.not_before,
            "not_after": terms.not_after,
            "uses": terms.uses,
            "key": keys.public_of(once).to_json(),
        }
        return node.author.core(GIVE, body, [terms.key, self._introducer()], parts)[0]

    def _introducer(self) -> str:
        """The key that will sign beside the one-time key: the authority's, because a home bank would be recognisable."""
        if self._node.config.node.role == "authority":
            return self._node.identity_key.id
        alive = self._node.directory.keys(self._node.directory.authority(), "service")
        if not alive:
            raise NotFound("no-introducer", "the authority has no service key that is in force")
        return alive[0].id

    def _query(self, query: sa.Select[Any]) -> Sequence[Consent]:
        with self._node.private.reading() as connection:
            rows = connection.execute(query).fetchall()
        with self._node.store.reading() as reader:
            state, time_ms = reader.state, max(reader.head.time_ms, self._node.clock.now_ms())
            found = [(row, entries.consent(state, row.id)) for row in rows]
        return [_consent(row, entry, time_ms) for row, entry in found if entry is not None]


def _consent(row: Any, entry: entries.Consent, time_ms: int) -> Consent:
    return Consent(
        id=row.id,
        enterprise=row.enterprise,
        uscc=row.uscc,
        name=row.name,
        seal_public=row.seal_public,
        bank=row.bank,
        scopes=tuple(row.scopes.split()),
        not_before_ms=row.not_before,
        not_after_ms=row.not_after,
        uses=row.uses,
        used=entry["used"],
        basis=row.basis,
        state=_state(row.fault, entry, time_ms),
        fault=row.fault,
        given_ms=row.given_ms,
        revoked_ms=row.revoked_ms,
        height=row.height,
        log_index=row.log_index,
        document_sha256=row.document_sha256,
        signatory=row.signatory,
    )


def _state(fault: str | None, entry: entries.Consent, time_ms: int) -> str:
    if fault is not None:
        return "invalid"
    if entry["revoked"]:
        return "revoked"
    if time_ms < entry["not_before"]:
        return "not-yet"
    if time_ms >= entry["not_after"]:
        return "expired"
    return "used-up" if entry["used"] >= entry["uses"] else "active"
