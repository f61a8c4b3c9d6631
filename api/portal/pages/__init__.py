"""The portal's pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from api.portal.pages import (
    alerts,
    applications,
    audits,
    consents,
    credit,
    declarations,
    disputes,
    enquiries,
    financings,
    governance,
    incoming,
    intake,
    ledger,
    loads,
    look_ups,
    members,
    monitoring,
    orders,
    proofs,
    requests,
    session,
    statements,
    tasks,
)
from api.portal.reading import Page

PAGES: Final[tuple[Page, ...]] = (
    *tasks.PAGES,
    *incoming.PAGES,
    *monitoring.PAGES,
    *alerts.PAGES,
    *look_ups.PAGES,
    *orders.PAGES,
    *enquiries.PAGES,
    *credit.PAGES,
    *applications.PAGES,
    *financings.PAGES,
    *loads.PAGES,
    *statements.PAGES,
    *declarations.PAGES,
    *requests.PAGES,
    *consents.PAGES,
    *disputes.PAGES,
    *members.PAGES,
    *governance.PAGES,
    *intake.PAGES,
    *ledger.PAGES,
    *audits.PAGES,
    *proofs.PAGES,
    *session.PAGES,
)
