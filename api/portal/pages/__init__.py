"""The portal's pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from api.portal.pages import (
    alerts,
    applications,
    audits,
    consents,
    declarations,
    enquiries,
    financings,
    governance,
    intake,
    ledger,
    look_ups,
    members,
    monitoring,
    orders,
    proofs,
    session,
    tasks,
)
from api.portal.reading import Page

PAGES: Final[tuple[Page, ...]] = (
    *tasks.PAGES,
    *monitoring.PAGES,
    *alerts.PAGES,
    *look_ups.PAGES,
    *orders.PAGES,
    *enquiries.PAGES,
    *applications.PAGES,
    *financings.PAGES,
    *declarations.PAGES,
    *consents.PAGES,
    *members.PAGES,
    *governance.PAGES,
    *intake.PAGES,
    *ledger.PAGES,
    *audits.PAGES,
    *proofs.PAGES,
    *session.PAGES,
)
