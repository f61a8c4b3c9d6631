"""Debian's Chromium for tests of pages, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Page, sync_playwright

PROGRAM: Final = shutil.which("chromium")
MISSING: Final = "Chromium is not installed (Debian's package chromium)"


@contextmanager
def chromium_page(*, offline: bool = True) -> Iterator[Page]:
    """A page of a browser, without any network where it is `offline`. Skips where there is no Chromium; `CI=true` takes no excuse."""
    if PROGRAM is None:
        assert os.environ.get("CI") != "true", MISSING
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        context = browser.new_context(offline=offline)
        try:
            yield context.new_page()
        finally:
            context.close()
            browser.close()
