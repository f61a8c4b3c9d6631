"""What changes a loan after its payout, who holds it, and loans from before their bank joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal

from api.client.calls import Call, Page, as_bytes, get, paged, post, sent
from api.client.models import Money, money_json, reading, valuing, without_none
from api.client.operations import Mode, Resource, listing, operation
from api.client.oversight_models import ConflictReport, LoadFile, TransferOffer
from api.client.trade_models import Task

Amounts = Sequence[Money | None]
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Adjustments(Resource[Mode]):
    """Steps of `client.financings` that adjust what was recorded, or hand the loan over. Each gives a `Task`."""

    @operation
    def write_off(
        self, financing_id: str, reason: str, amounts: Amounts | None = None, *, back: bool = False, idempotency_key: str | None = None
    ) -> Call[Task]:
        """Prepares a write-off of what is outstanding, by default all of it; with `back` that it is taken back."""
        body = {"reason": reason, "back": back, **without_none(amounts=amounts_json(amounts))}
        return post(at(financing_id, "write-off"), reading(Task), body, key=idempotency_key)

    @operation
    def correct(self, financing_id: str, amounts: Amounts, reason: str, *, idempotency_key: str | None = None) -> Call[Task]:
        """Prepares a correction of what was recorded as drawn, by signed amounts for each line; None changes nothing of it."""
        body = {"amounts": amounts_json(amounts), "reason": reason}
        return post(at(financing_id, "correct"), reading(Task), body, key=idempotency_key)

    @operation
    def transfer(
        self,
        financing_id: str,
        to: str | None,
        until: datetime | None = None,
        *,
        terms: str = "",
        note: str = "",
        idempotency_key: str | None = None,
    ) -> Call[Task]:
        """Prepares an offer of all that is drawn to one bank; `to` None withdraws it."""
        body = {"to": to, "until": None if until is None else until.isoformat(), "terms": terms, "note": note}
        return post(at(financing_id, "transfer"), reading(Task), body, key=idempotency_key)

    @listing
    def offers(self) -> Call[Page[TransferOffer]]:
        """What was offered to this bank, the newest first."""
        return get("/v1/transfer-offers", paged(valuing(TransferOffer)))

    @operation
    def take_over(
        self, financing_id: str, reference: str, product: str, *, branch: str | None = None, idempotency_key: str | None = None
    ) -> Call[Task]:
        """Prepares the take-over of a loan that was offered, under grants of this bank's own."""
        body = {"reference": reference, "product": product, **without_none(branch=branch)}
        return post(at(financing_id, "take-over"), reading(Task), body, key=idempotency_key)


class Loads(Resource[Mode]):
    """`client.loads`: loans from before the bank joined. A report comes first, and is good for a day."""

    @operation
    def report(self, drawn: Mapping[str, Money], *, idempotency_key: str | None = None) -> Call[ConflictReport]:
        """What loading a loan would do; `drawn` is what is not repaid on each declaration, by id. No other bank is named."""
        return post("/v1/conflict-reports", reading(ConflictReport), {"lines": _lines(drawn)}, key=idempotency_key)

    @operation
    def get_report(self, report_id: str) -> Call[ConflictReport]:
        """A report that was made here."""
        return get(f"/v1/conflict-reports/{report_id}", reading(ConflictReport))

    @operation
    def load(
        self,
        drawn: Mapping[str, Money],
        conflict_report: str,
        product: str,
        reference: str,
        disbursed_on: date,
        matures_on: date,
        *,
        branch: str | None = None,
        attachments: Sequence[str] = (),
        idempotency_key: str | None = None,
    ) -> Call[Task]:
        """Prepares a load of what a report is about."""
        days = {"disbursed_on": disbursed_on.isoformat(), "matures_on": matures_on.isoformat()}
        named = {"product": product, "reference": reference, "conflict_report": conflict_report, **without_none(branch=branch)}
        body = {"lines": _lines(drawn), **named, **days, "attachments": list(attachments)}
        return post("/v1/financings/loads", reading(Task), body, key=idempotency_key)

    @operation
    def template(self, form: Literal["csv", "xlsx"] = "xlsx") -> Call[bytes]:
        """An empty file to fill in."""
        return get("/v1/financings/loads/template", as_bytes, {"format": form})

    @operation
    def report_file(self, content: bytes, media_type: str = CSV, *, idempotency_key: str | None = None) -> Call[LoadFile]:
        """A report about each loan of a file, CSV or XLSX."""
        return sent("POST", "/v1/conflict-reports/files", reading(LoadFile), content, media_type, key=idempotency_key)

    @operation
    def load_file(self, content: bytes, media_type: str = CSV, *, idempotency_key: str | None = None) -> Call[LoadFile]:
        """Prepares a task for each loan of the file that was reported on."""
        return sent("POST", "/v1/financings/loads/files", reading(LoadFile), content, media_type, key=idempotency_key)


def at(financing_id: str, step: str) -> str:
    """The path of a step of a financing."""
    return f"/v1/financings/{financing_id}/{step}"


def amounts_json(amounts: Amounts | None) -> list[dict[str, str] | None] | None:
    """Amounts of lines as requests have them."""
    return None if amounts is None else [money_json(each) for each in amounts]


def _lines(drawn: Mapping[str, Money]) -> list[dict[str, object]]:
    return [{"declaration_id": each, "drawn": amount.to_json()} for each, amount in drawn.items()]
