"""People at their browsers: real Chromium, one context for each person, every request watched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, sync_playwright

from tests.api.served import Network
from tests.chromium import MISSING, PROGRAM

_GRAVE = ("serious", "critical")


@dataclass
class Person:
    """Somebody at a page of one node's portal. `strayed` are requests that went elsewhere, `troubles` what the browser complained of."""

    page: Page
    origin: str
    strayed: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.origin}/portal{path}")

    def sign_in(self, user: str, password: str) -> None:
        """By the form that a stranger finds."""
        self.go("/")
        self.page.fill("#user", user)
        self.page.fill("#password", password)
        self.page.click("main button")
        self.page.wait_for_url("**/portal/work")

    def forgive(self) -> list[str]:
        """The statuses of the answers that the browser complained of, which are as they should be."""
        statuses = [found[1] for each in self.troubles if (found := re.search(r"status of ([0-9]{3})", each))]
        assert len(statuses) == len(self.troubles), self.troubles
        self.troubles.clear()
        return statuses

    def check(self) -> None:
        """What is on the screen may be read by everybody (WCAG 2.2 AA, as axe-core sees it), and fits into its width."""
        found = Axe().run(self.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        grave = [each for each in found.response["violations"] if each["impact"] in _GRAVE]
        assert grave == [], [(each["id"], [node["html"] for node in each["nodes"]]) for each in grave]
        width = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert width[0] <= width[1], "the page is wider than the screen"


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Skips where there is none; `CI=true` takes no excuse."""
    if PROGRAM is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def person(opened: Browser, network: Network, node: str, language: str = "en", width: int = 1280) -> Iterator[Person]:
    """A browser of one's own, at the entrance of a node's portal."""
    context = opened.new_context(locale=language, viewport={"width": width, "height": 900})
    page = context.new_page()
    made = Person(page, network.url(node))
    page.on("request", lambda request: made.strayed.append(request.url) if not _is_own(request.url, made.origin) else None)
    page.on("console", lambda message: made.troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: made.troubles.append(str(error)))
    try:
        yield made
        assert (made.strayed, made.troubles) == ([], [])
    finally:
        context.close()


def _is_own(url: str, origin: str) -> bool:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" == origin
