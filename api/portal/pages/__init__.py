"""The portal's pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from api.portal.pages import (
    applications,
    consents,
    credit,
    declarations,
    disputes,
    enquiries,
    financings,
    incoming,
    ledger,
    monitoring,
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
    *enquiries.PAGES,
    *credit.PAGES,
    *applications.PAGES,
    *financings.PAGES,
    *statements.PAGES,
    *declarations.PAGES,
    *requests.PAGES,
    *consents.PAGES,
    *disputes.PAGES,
    *ledger.PAGES,
    *session.PAGES,
)
