"""Credit facts at the authority, and a bank's limits. What a bank is told of an exporter comes by `client.enquiries.ask_credit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.client.calls import Call, Page, get, paged, post, sent
from api.client.models import reading, valuing, without_none
from api.client.operations import Mode, Resource, listing, operation
from api.client.oversight_models import Assessment, CreditImport, CreditProfile, CreditRevision, ParametersVersion

CSV = "text/csv"


class Credit(Resource[Mode]):
    """`client.credit`."""

    @operation
    def record(self, rows: Sequence[Mapping[str, str]], *, idempotency_key: str | None = None) -> Call[CreditImport]:
        """Records facts from rows by the columns of the template, at the authority; a newer fact supersedes an older."""
        return post("/v1/credit-profiles", reading(CreditImport), [dict(row) for row in rows], key=idempotency_key)

    @operation
    def record_file(self, content: bytes, media_type: str = CSV, *, idempotency_key: str | None = None) -> Call[CreditImport]:
        """The same from a file, CSV or XLSX."""
        return sent("POST", "/v1/credit-profiles", reading(CreditImport), content, media_type, key=idempotency_key)

    @listing
    def profiles(self) -> Call[Page[CreditProfile]]:
        """Enterprises with credit facts, by credit code, without the facts."""
        return get("/v1/credit-profiles", paged(valuing(CreditProfile)))

    @operation
    def profile(self, uscc: str, *, revision: int | None = None) -> Call[CreditProfile]:
        """The facts in force, now or at a revision."""
        return get(f"/v1/credit-profiles/{uscc}", reading(CreditProfile), {"revision": revision})

    @listing
    def revisions(self, uscc: str) -> Call[Page[CreditRevision]]:
        """All that was ever recorded about an enterprise."""
        return get(f"/v1/credit-profiles/{uscc}/revisions", paged(valuing(CreditRevision)))

    @operation
    def set_parameters(self, parameters: Mapping[str, Any], *, idempotency_key: str | None = None) -> Call[ParametersVersion]:
        """Sets a bank's parameters, as docs/api.md has them: a new version, unless nothing changes."""
        return post("/v1/credit-parameters", reading(ParametersVersion), dict(parameters), key=idempotency_key)

    @listing
    def parameters(self) -> Call[Page[ParametersVersion]]:
        """Every version; the last one is in use."""
        return get("/v1/credit-parameters", paged(valuing(ParametersVersion)))

    @operation
    def assess(
        self, enquiry_id: str, *, parameters_version: int | None = None, year: int | None = None, idempotency_key: str | None = None
    ) -> Call[Assessment]:
        """Computes a limit from an answered enquiry about credit, and keeps it."""
        body = without_none(enquiry_id=enquiry_id, parameters_version=parameters_version, year=year)
        return post("/v1/credit-assessments", reading(Assessment), body, key=idempotency_key)

    @operation
    def assessment(self, assessment_id: str) -> Call[Assessment]:
        """A limit with everything that it was made of."""
        return get(f"/v1/credit-assessments/{assessment_id}", reading(Assessment))

    @listing
    def assessments(self, *, uscc: str | None = None) -> Call[Page[Assessment]]:
        """In the order in which they were made."""
        return get("/v1/credit-assessments", paged(valuing(Assessment)), {"uscc": uscc})
