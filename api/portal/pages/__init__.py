"""The portal's pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from api.portal.pages import applications, consents, declarations, enquiries, financings, ledger, monitoring, session, tasks
from api.portal.reading import Page

PAGES: Final[tuple[Page, ...]] = (
    *tasks.PAGES,
    *monitoring.PAGES,
    *enquiries.PAGES,
    *applications.PAGES,
    *financings.PAGES,
    *declarations.PAGES,
    *consents.PAGES,
    *ledger.PAGES,
    *session.PAGES,
)
