"""What the authority orders, watches and decides, and complaints about records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from api.client.calls import Call, Page, Params, as_bytes, as_json, get, paged, post, sent
from api.client.models import reading, valuing, without_none
from api.client.operations import Mode, Resource, listing, operation
from api.client.oversight_models import Alert, Dispute, ExchangeRate, Figures, Order, Reconciled

Table = Literal["summary", "series", "stages", "exporters", "banks"]


class Orders(Resource[Mode]):
    """`client.orders`, at the authority: what a court's or an office's paper freezes."""

    @operation
    def freeze(
        self,
        kind: Literal["declaration", "financing", "member"],
        target: str,
        document_sha256: str,
        issuer: str,
        reference: str,
        text: str = "",
        *,
        idempotency_key: str | None = None,
    ) -> Call[Order]:
        """Freezes: no new hold, approval or transfer; a member starts nothing."""
        body = {"kind": kind, "target": target, **_paper(document_sha256, issuer, reference, text)}
        return post("/v1/orders", reading(Order), body, key=idempotency_key)

    @operation
    def lift(
        self, order_id: str, document_sha256: str, issuer: str, reference: str, text: str = "", *, idempotency_key: str | None = None
    ) -> Call[Order]:
        """Ends an order, by another paper."""
        body = _paper(document_sha256, issuer, reference, text)
        return post(f"/v1/orders/{order_id}/lift", reading(Order), body, key=idempotency_key)

    @operation
    def get(self, order_id: str) -> Call[Order]:
        """One order, with what its paper says."""
        return get(f"/v1/orders/{order_id}", reading(Order))

    @listing
    def list(self, *, standing: bool | None = None) -> Call[Page[Order]]:
        """The newest first; `standing`: those that were not lifted."""
        return get("/v1/orders", paged(valuing(Order)), {"standing": standing})


class Disputes(Resource[Mode]):
    """`client.disputes`: by a member for itself, or by an exporter."""

    @operation
    def open(self, record: str, statement: str, *, idempotency_key: str | None = None) -> Call[Dispute]:
        """Says that a record is wrong. Where it came of a consent on paper, that is revoked."""
        return post("/v1/disputes", reading(Dispute), {"record": record, "statement": statement}, key=idempotency_key)

    @operation
    def get(self, dispute_id: str) -> Call[Dispute]:
        """One, with what was said."""
        return get(f"/v1/disputes/{dispute_id}", reading(Dispute))

    @listing
    def list(self) -> Call[Page[Dispute]]:
        """Those that the caller may see, in the order in which they were opened."""
        return get("/v1/disputes", paged(valuing(Dispute)))

    @operation
    def resolve(
        self, dispute_id: str, outcome: Literal["upheld", "rejected"], statement: str, *, idempotency_key: str | None = None
    ) -> Call[Dispute]:
        """The authority says what came of it."""
        body = {"outcome": outcome, "statement": statement}
        return post(f"/v1/disputes/{dispute_id}/resolve", reading(Dispute), body, key=idempotency_key)

    @operation
    def withdraw(self, dispute_id: str, statement: str, *, idempotency_key: str | None = None) -> Call[Dispute]:
        """Who opened it takes it back."""
        return post(f"/v1/disputes/{dispute_id}/withdraw", reading(Dispute), {"statement": statement}, key=idempotency_key)


class Alerts(Resource[Mode]):
    """`client.alerts`, at the authority: docs/alerts.md names them."""

    @listing
    def list(
        self, *, state: Literal["open", "taken", "closed"] | None = None, code: str | None = None, subject: str | None = None
    ) -> Call[Page[Alert]]:
        """In the order in which they opened, without their history."""
        return get("/v1/alerts", paged(valuing(Alert)), {"state": state, "code": code, "subject": subject})

    @operation
    def get(self, alert_id: str) -> Call[Alert]:
        """One, with everything that was decided about it."""
        return get(f"/v1/alerts/{alert_id}", reading(Alert))

    @operation
    def take(self, alert_id: str, reason: str | None = None, *, idempotency_key: str | None = None) -> Call[Alert]:
        """The caller looks into it from now on."""
        return post(f"/v1/alerts/{alert_id}/take", reading(Alert), without_none(reason=reason), key=idempotency_key)

    @operation
    def close(self, alert_id: str, reason: str, *, idempotency_key: str | None = None) -> Call[Alert]:
        """Nothing more is to be done about it, and why."""
        return post(f"/v1/alerts/{alert_id}/close", reading(Alert), {"reason": reason}, key=idempotency_key)

    @operation
    def reopen(self, alert_id: str, reason: str, *, idempotency_key: str | None = None) -> Call[Alert]:
        """It is open again, and nobody's."""
        return post(f"/v1/alerts/{alert_id}/reopen", reading(Alert), {"reason": reason}, key=idempotency_key)


class Monitoring(Resource[Mode]):
    """`client.monitoring`: the authority's figures. Days are in UTC+8."""

    @operation
    def table(
        self,
        name: Table,
        since: date | None = None,
        until: date | None = None,
        *,
        bank: str | None = None,
        region: str | None = None,
        currency: str | None = None,
        product: str | None = None,
    ) -> Call[Figures]:
        """One table, over a period and of what is named."""
        return get(f"/v1/monitoring/{name}", reading(Figures), _wanted(since, until, bank, region, currency, product))

    @operation
    def file(
        self,
        name: Table,
        form: Literal["csv", "xlsx"],
        since: date | None = None,
        until: date | None = None,
        *,
        bank: str | None = None,
        region: str | None = None,
        currency: str | None = None,
        product: str | None = None,
    ) -> Call[bytes]:
        """The same as a file."""
        chosen = {**_wanted(since, until, bank, region, currency, product), "format": form}
        return get(f"/v1/monitoring/{name}", as_bytes, chosen)

    @listing
    def reconciliation(self, *, declaration_id: str | None = None, differences: bool | None = None) -> Call[Page[Reconciled]]:
        """Sealed money against public shares; `differences`: only where they do not agree."""
        chosen = {"declaration_id": declaration_id, "differences": differences}
        return get("/v1/monitoring/reconciliation", paged(valuing(Reconciled)), chosen)

    @operation
    def settings(self) -> Call[dict[str, int]]:
        """The thresholds of alerts."""
        return get("/v1/monitoring/settings", as_json)

    @operation
    def change_settings(self, thresholds: Mapping[str, int]) -> Call[dict[str, int]]:
        """Sets thresholds from now on; the others stay."""
        return sent("PUT", "/v1/monitoring/settings", as_json, json.dumps(dict(thresholds)).encode(), "application/json")

    @operation
    def enter_rates(self, rates: Sequence[tuple[str, date, str]], *, idempotency_key: str | None = None) -> Call[int]:
        """Takes the authority's own rates in, all or none: currency, day, US dollars for a unit. Gives how many."""
        body = {"rates": [{"currency": currency, "day": day.isoformat(), "rate": rate} for currency, day, rate in rates]}
        return post("/v1/exchange-rates", lambda reply: int(reply.json()["entered"]), body, key=idempotency_key)

    @listing
    def rates(self, *, currency: str | None = None) -> Call[Page[ExchangeRate]]:
        """In the order in which they were entered, superseded ones too."""
        return get("/v1/exchange-rates", paged(valuing(ExchangeRate)), {"currency": currency})


def _paper(document_sha256: str, issuer: str, reference: str, text: str) -> dict[str, Any]:
    return {"document_sha256": document_sha256, "issuer": issuer, "reference": reference, "text": text}


def _wanted(
    since: date | None, until: date | None, bank: str | None, region: str | None, currency: str | None, product: str | None
) -> Params:
    days = {"from": None if since is None else since.isoformat(), "to": None if until is None else until.isoformat()}
    return {**days, "bank": bank, "region": region, "currency": currency, "product": product}
