"""The table of consents that this node may read, made from the ledger: at the enterprise, its bank, and the authority.

A consent is taken in only where it holds (`consent_terms.check_terms`) and, as far as this node knows the enterprise, where the
terms are signed by the enrolled key or by the authority as custodian. One that does not is kept with `fault`, and answers nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from ledger import keyring
from ledger.errors import InputError
from ledger.store import LedgerStore, StoredRecord
from nodes.consents.terms import CONSENT_PART, SECRET_PART, ConsentPart, SecretPart, check_terms
from nodes.directory import Directory
from nodes.enterprises import enterprises
from nodes.private import metadata
from nodes.sealed_models import read_part
from nodes.sealing import Opened

PROJECTION: Final = "consents/2"
TYPES: Final = ("consent.give", "consent.revoke")

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("enterprise", sa.Text, nullable=False, index=True),
    sa.Column("uscc", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("seal_public", sa.Text),
    sa.Column("bank", sa.Text, nullable=False, index=True),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger, nullable=False),
    sa.Column("uses", sa.BigInteger, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("document_sha256", sa.Text),
    sa.Column("signatory", sa.Text),
    sa.Column("paper_request", sa.Text, index=True),
    sa.Column("once_key", sa.Text, nullable=False),
    sa.Column("fault", sa.Text),
    sa.Column("given_ms", sa.BigInteger, nullable=False),
    sa.Column("revoked_by", sa.Text),
    sa.Column("revoked_ms", sa.BigInteger),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="consents that this node can open; `scopes` are separated by spaces, `fault` says why one does not hold; one on paper names it",
)


class ConsentBook:
    """The projection. `sees_all`: this is the authority's node, which opens every enrolment, so what it does not know is not there."""

    def __init__(self, store: LedgerStore, directory: Directory, *, sees_all: bool) -> None:
        self._store = store
        self._directory = directory
        self._sees_all = sees_all

    def apply(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        """Raises `InputError` (`part-malformed`)."""
        if stored.result["code"] != "ok":
            return
        if stored.record.type == "consent.give" and CONSENT_PART in opened:
            self._give(connection, stored, opened)
        elif stored.record.type == "consent.revoke":
            values = {"revoked_by": stored.id, "revoked_ms": stored.time_ms}
            connection.execute(sa.update(consents).where(consents.c.id == stored.record.body["consent"]).values(**values))

    def _give(self, connection: sa.Connection, stored: StoredRecord, opened: Mapping[str, Opened]) -> None:
        part = read_part(ConsentPart, opened[CONSENT_PART].content)
        terms, paper = part.terms, part.basis.paper
        connection.execute(
            sa.insert(consents).values(
                id=stored.id,
                enterprise=terms.enterprise,
                uscc=terms.uscc,
                name=terms.name,
                seal_public=terms.seal and terms.seal.public,
                bank=terms.bank,
                scopes=" ".join(terms.scopes),
                not_before=terms.not_before,
                not_after=terms.not_after,
                uses=terms.uses,
                basis=part.basis.kind,
                document_sha256=paper and paper.document_sha256,
                signatory=paper and paper.signatory,
                paper_request=paper and paper.request,
                once_key=terms.key,
                fault=self._fault(connection, stored, part, opened),
                given_ms=stored.time_ms,
                height=stored.height,
                log_index=stored.log_index,
            )
        )

    def _fault(self, connection: sa.Connection, stored: StoredRecord, part: ConsentPart, opened: Mapping[str, Opened]) -> str | None:
        """Why the consent does not hold, in words for the log and the owner; None where it does."""
        if SECRET_PART not in opened and self._sees_all:
            return "what opens its commitment is not sealed to the authority"
        try:
            secret = read_part(SecretPart, opened[SECRET_PART].content) if SECRET_PART in opened else None
            check_terms(stored.record, part, secret)
            self._check_signer(connection, stored, part)
        except InputError as error:
            return error.message
        return None

    def _check_signer(self, connection: sa.Connection, stored: StoredRecord, part: ConsentPart) -> None:
        """Whether it is the enterprise, or its custodian, that signed. A bank cannot tell the former: there the authority vouches."""
        signer, terms = part.signed_by.key(), part.terms
        in_custody = part.basis.kind in ("custody", "paper")
        if in_custody:
            self._check_custodian(signer.id, stored.log_index)
        enrolled = connection.execute(sa.select(enterprises).where(enterprises.c.id == terms.enterprise)).first()
        if enrolled is None:
            if self._sees_all:
                raise InputError("consent-invalid", "no such enterprise is enrolled")
            return
        if (terms.uscc, terms.name, terms.seal and terms.seal.public) != (enrolled.uscc, enrolled.name, enrolled.seal_public):
            raise InputError("consent-invalid", "the terms do not name the enterprise as it is enrolled")
        if enrolled.custody != in_custody or (not enrolled.custody and signer.id != enrolled.sign_key):
            raise InputError("consent-invalid", "the terms are not signed by the enterprise's enrolled key")

    def _check_custodian(self, key_id: str, log_index: int) -> None:
        with self._store.reading() as reader:
            entry = reader.state.get(keyring.entry_key(key_id))
        ours = entry is not None and (entry["member"], entry["purpose"]) == (self._directory.authority(), "service")
        if not ours or not keyring.alive(entry, log_index):
            raise InputError("consent-invalid", "the terms are not signed by a key of the authority that was in force")
