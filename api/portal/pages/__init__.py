"""The portal's pages, in the order of the menu."""

from __future__ import annotations

from typing import Final

from api.portal.pages import applications, enquiries, financings, session, tasks
from api.portal.reading import Page

PAGES: Final[tuple[Page, ...]] = (*tasks.PAGES, *enquiries.PAGES, *applications.PAGES, *financings.PAGES, *session.PAGES)
