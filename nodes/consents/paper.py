"""Consents on paper, at the authority: a bank hands in what an exporter in custody signed, and the custodian makes the consent for it.

Anyone can scan a sheet of paper, so much stands around it. Only exporters in custody have such consents, each for the one enquiry that the
paper came with, for `finance` alone, with one use and a short end. A bank has so many a day and so many a month. The exporter sees the
document's digest and the signatory, and says that it is so (`confirm`) or that it is not (`nodes.consents.objections`); what it said is the
authority's own to keep. Every step is durable: the enquiry's place in the cap, and the consent, are made once, whoever makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from contracts import entries
from ledger import canonical
from ledger.errors import NotFound, NotPermitted, Refused
from ledger.limits import PAPER_DAYS_MAX, PAPER_ENQUIRIES_MAX
from nodes.consents.book import consents
from nodes.consents.giving import Consents
from nodes.consents.terms import PaperConsent
from nodes.enquiries.parts import RequestPart
from nodes.enterprises import enterprises
from nodes.outcomes import RuleRefused
from nodes.private import get_meta, metadata, set_meta

if TYPE_CHECKING:
    from nodes.node import Node

CONFIRMED: Final = "confirmed"
DISPUTED: Final = "disputed"
UNCONFIRMED: Final = "unconfirmed"
_SETTINGS: Final = "paper.settings"
_SCOPE: Final = "finance"
_USES: Final = 1
_DAY_MS: Final = 86_400_000
_MONTH_DAYS: Final = 30

paper_enquiries = sa.Table(
    "paper_enquiries",
    metadata,
    sa.Column("request", sa.Text, primary_key=True),
    sa.Column("bank", sa.Text, nullable=False, index=True),
    sa.Column("enterprise", sa.Text, nullable=False),
    sa.Column("counted_ms", sa.BigInteger, nullable=False),
    comment="enquiries on paper that have their place in a bank's cap; the authority's own",
)
paper_words = sa.Table(
    "paper_words",
    metadata,
    sa.Column("consent", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("said_by", sa.Text, nullable=False),
    sa.Column("said_ms", sa.BigInteger, nullable=False),
    sa.Column("record", sa.Text),
    sa.Column("statement", sa.Text),
    sa.Column("dispute", sa.Text),
    sa.CheckConstraint("state IN ('confirmed', 'disputed')", name="ck_paper_words_state"),
    comment="what exporters said of consents on paper; `dispute` is the record by which the authority opened it for them",
)


class PaperSettings(BaseModel):
    """How many enquiries on paper a bank has in a day and in thirty days, and how many days a consent on paper lasts."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    per_day: Annotated[int, Field(ge=0, le=PAPER_ENQUIRIES_MAX)] = 20
    per_month: Annotated[int, Field(ge=0, le=PAPER_ENQUIRIES_MAX)] = 200
    days: Annotated[int, Field(ge=1, le=PAPER_DAYS_MAX)] = 10


class Papers:
    """For the authority's node. Safe to share between threads, and between the processes of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def settings(self) -> PaperSettings:
        """Those in force, the defaults where none were made."""
        with self._node.private.reading() as connection:
            return _settings(connection)

    def change_settings(self, settings: PaperSettings) -> PaperSettings:
        """Puts others in force, for enquiries that have no place in a cap yet."""
        with self._node.private.begin() as connection:
            set_meta(connection, _SETTINGS, canonical.encode(settings.model_dump()).decode("ascii"))
        return settings

    def consent_for(self, request_id: str, bank: str, request: RequestPart) -> tuple[Any, str | None]:
        """The row of the consent for an enquiry on paper, made where there is none yet, and None; or None and why there is none.

        The reasons: `cannot-say` (an enquiry about credit), `exporters-differ`, `not-in-custody` (also where nobody with the credit code
        is enrolled), `paper-cap`, `consent-invalid`, or the rules' code. Raises `Unreachable`, and `InputError` or `Refused` where none
        could be made now: the next attempt makes another.
        """
        paper = request.basis
        assert paper is not None, "the enquiry is on paper"
        made = self._made(request_id)
        if made is not None:
            return made, None if made.fault is None else "consent-invalid"
        if request.kind != "declarations" or not request.lines:
            return None, "cannot-say"
        codes = {line.exporter_uscc for line in request.lines}
        if len(codes) != 1:
            return None, "exporters-differ"
        enterprise = self._in_custody(codes.pop())
        if enterprise is None:
            return None, "not-in-custody"
        if not self._count(request_id, bank, enterprise):
            return None, "paper-cap"
        code = self._give(request_id, bank, enterprise, PaperConsent(request=request_id, **paper.model_dump()))
        made = self._made(request_id)
        return (made, None) if made is not None and made.fault is None else (None, code or "consent-invalid")

    def confirm(self, consent_id: str, by: str) -> str:
        """The exporter says that it signed the paper: the state. Once more changes nothing.

        Raises `NotFound` (`unknown-consent`), `Refused` (`not-on-paper`, `already-disputed`).
        """
        with self._node.private.begin() as connection:
            require_paper(connection, consent_id)
            known = connection.execute(sa.select(paper_words.c.state).where(paper_words.c.consent == consent_id)).scalar()
            if known == DISPUTED:
                raise Refused("already-disputed", "the exporter disputed this paper before")
            if known is None:
                row = {"consent": consent_id, "state": CONFIRMED, "said_by": by, "said_ms": self._node.clock.now_ms()}
                connection.execute(sa.insert(paper_words).values(**row))
        return CONFIRMED

    def words(self, consent_id: str) -> Any:
        """The row of what the exporter said; None where it said nothing yet."""
        with self._node.private.reading() as connection:
            return connection.execute(sa.select(paper_words).where(paper_words.c.consent == consent_id)).first()

    def _made(self, request_id: str) -> Any:
        with self._node.private.reading() as connection:
            return connection.execute(sa.select(consents).where(consents.c.paper_request == request_id)).first()

    def _in_custody(self, uscc: str) -> str | None:
        query = sa.select(enterprises.c.id).where(enterprises.c.uscc == uscc, enterprises.c.custody.is_(True))
        with self._node.private.reading() as connection:
            return connection.execute(query).scalar()

    def _count(self, request_id: str, bank: str, enterprise: str) -> bool:
        """Whether the enquiry has its place in the bank's cap. One that has it keeps it."""
        now_ms = self._node.clock.now_ms()
        with self._node.private.begin() as connection:
            known = sa.select(paper_enquiries.c.request).where(paper_enquiries.c.request == request_id)
            if connection.execute(known).first() is not None:
                return True
            settings = _settings(connection)
            for days, most in ((1, settings.per_day), (_MONTH_DAYS, settings.per_month)):
                if _counted(connection, bank, now_ms - days * _DAY_MS) >= most:
                    return False
            row = {"request": request_id, "bank": bank, "enterprise": enterprise, "counted_ms": now_ms}
            connection.execute(sa.insert(paper_enquiries).values(**row))
        return True

    def _give(self, request_id: str, bank: str, enterprise: str, paper: PaperConsent) -> str | None:
        """Makes the consent, one for the enquiry for ever. None, or why there is none."""
        node = self._node
        with node.store.reading() as reader:
            head_ms = reader.head.time_ms
        begins_ms = min(head_ms, node.clock.now_ms())
        ends_ms = max(head_ms, node.clock.now_ms()) + self.settings().days * _DAY_MS
        reference = f"paper:{request_id}"
        try:
            Consents(node).give(enterprise, bank, [_SCOPE], begins_ms, ends_ms, _USES, paper=paper, reference=reference)
        except (NotFound, NotPermitted):
            return "not-in-custody"
        except RuleRefused as error:
            return error.code
        return None


def require_paper(connection: sa.Connection, consent_id: str) -> Any:
    """The consent's row. Raises `NotFound` (`unknown-consent`), `Refused` (`not-on-paper`)."""
    row = connection.execute(sa.select(consents).where(consents.c.id == consent_id)).first()
    if row is None:
        raise NotFound("unknown-consent", "this node knows no such consent")
    if row.basis != "paper":
        raise Refused("not-on-paper", "the exporter gave this consent itself, so there is no paper to confirm")
    return row


def basis_state(node: Node, consent_id: str | None) -> str | None:
    """Of a consent on paper: confirmed, disputed or unconfirmed, as far as this node can tell; None for one of another basis.

    A bank is told by the ledger alone: to it a consent on paper that was revoked is disputed, whatever else it is.
    """
    if consent_id is None:
        return None
    with node.private.reading() as connection:
        row = connection.execute(sa.select(consents.c.basis).where(consents.c.id == consent_id)).first()
        said = connection.execute(sa.select(paper_words.c.state).where(paper_words.c.consent == consent_id)).scalar()
    if row is None or row.basis != "paper":
        return None
    with node.store.reading() as reader:
        entry = entries.consent(reader.state, consent_id)
    if said is None and entry is not None and entry["revoked"]:
        return DISPUTED
    return said or UNCONFIRMED


def _settings(connection: sa.Connection) -> PaperSettings:
    kept = get_meta(connection, _SETTINGS)
    return PaperSettings() if kept is None else PaperSettings.model_validate(canonical.decode(kept.encode("ascii")))


def _counted(connection: sa.Connection, bank: str, since_ms: int) -> int:
    mine = sa.and_(paper_enquiries.c.bank == bank, paper_enquiries.c.counted_ms > since_ms)
    return int(connection.execute(sa.select(sa.func.count()).select_from(paper_enquiries).where(mine)).scalar_one())
