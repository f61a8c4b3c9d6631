"""Draws every page of the portal: plays the demo, serves its members, signs in at each seat and follows the links, one page of each kind.

python docs/screenshots.py DIRECTORY

Pictures are `DIRECTORY/LANGUAGE/WIDTH/SEAT/PAGE.png`. Exits with 1 where a page of the portal was at no seat to be found, and names it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, sync_playwright
from rich.progress import Progress
from starlette.routing import compile_path

from api.cli.sign_ins import FILE_NAME
from api.portal.pages import PAGES
from api.portal.reading import ROOT
from api.portal.texts import COOKIE, LANGUAGES
from nodes.seats import SignIn

PROGRAM: Final = shutil.which("chromium")
WIDTHS_PX: Final = (360, 800, 1440)
_HEIGHT_PX: Final = 900
# Who sits at each seat of the demo.
_PEOPLE: Final = (("bank-a", "maker"), ("bank-b", "checker"), ("authority", "maker"), ("auditor", "viewer"), ("exporter-a", "maker"))
_FILES: Final = frozenset({"/proofs/file"})
_CUSTOMS: Final = (
    "declaration_number,import_export_flag,exporter_uscc,exporter_name,office,trade_mode,destination_country,export_date,hs_code,"
    "goods_name,quantity,line_total,currency\n"
    "090820260519999991,E,91210804MA0X6T3N5P,营口望海果品有限公司,0908,0110,IDN,2026-10-11,0809400000,鲜李子,11250,36250.00,USD\n"
)
_ASKED: Final = [(each.path, compile_path(each.path)[0]) for each in PAGES if "GET" in each.methods]


@dataclass
class Album:
    """What is drawn, and the pages that are found."""

    directory: Path
    progress: Progress
    found: set[str] = field(default_factory=set)

    def draw_seat(self, context: BrowserContext, person: SignIn, first: Sequence[str]) -> None:
        """Every kind of page that a person's links lead to, and `first` what nothing leads to but what was done."""
        page = context.new_page()
        _enter(page, person)
        task, drawn = self.progress.add_task(person.node, total=None), set[str]()
        waiting = [f"{person.address}{ROOT}/work", *first, *_links(page)]
        while waiting:
            address = waiting.pop(0)
            kind = _kind(address)
            if kind is None or kind in drawn or not _is_page(context, address):
                continue
            drawn.add(kind)
            page.goto(address)
            # The oldest of a list has lived through most.
            waiting += reversed(list(_links(page)))
            self._draw(page, person, kind)
            self.progress.advance(task)
        self.progress.update(task, total=len(drawn))
        self.found |= drawn
        page.close()

    def _draw(self, page: Page, person: SignIn, kind: str) -> None:
        name = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-") or "home"
        for language in LANGUAGES:
            page.context.add_cookies([{"name": COOKIE, "value": language, "url": person.address}])
            page.reload()
            for width_px in WIDTHS_PX:
                page.set_viewport_size({"width": width_px, "height": _HEIGHT_PX})
                page.screenshot(path=self.directory / language / str(width_px) / person.node / f"{name}.png", full_page=True)

    def missing(self) -> list[str]:
        """Pages to which no link led, beside files."""
        return sorted({path for path, _ in _ASKED if "." not in path and path not in _FILES} - self.found)


def _ask_bank(page: Page, person: SignIn) -> str:
    """The exporter asks a bank for a loan, so that there is a request to be seen."""
    page.goto(f"{person.address}{ROOT}/requests/new")
    page.select_option("#bank", "bank-a")
    page.locator("p input[name=value]").first.fill("1000.00")
    for name, value in (("product", "export invoice financing"), ("purpose", "greenhouse film"), ("contact", "Zhao Min")):
        page.fill(f"#ask-{name}", value)
    page.click("main form > button")
    page.wait_for_url(f"**{ROOT}/requests/*")
    return page.url


def _send_back(page: Page, person: SignIn) -> str:
    """The bank wants it corrected, once it has come."""
    page.goto(f"{person.address}{ROOT}/incoming")
    link = page.locator("main a[href*='/requests/']").first
    link.wait_for(timeout=30_000)
    link.click()
    page.locator("details.step:has(form[action$='/send-back']) > summary").click()
    page.fill("#back-reason", "太长")
    page.check("input[name=field][value=tenor_days]")
    page.click("form[action$='/send-back'] button")
    return page.url


def _take_in(page: Page, person: SignIn) -> str:
    """The authority takes a customs file in."""
    page.goto(f"{person.address}{ROOT}/intake")
    page.set_input_files("#files", {"name": "customs.csv", "mimeType": "text/csv", "buffer": _CUSTOMS.encode()})
    page.click("form[action$='/imports'] button")
    page.wait_for_url(f"**{ROOT}/intake/imports/*")
    return page.url


def _propose(page: Page, person: SignIn) -> str:
    """The authority proposes another policy to the governors."""
    page.goto(f"{person.address}{ROOT}/governance")
    form = page.locator("details.step:has(#field)")
    form.locator("summary").click()
    page.select_option("#field", "hold_days_max")
    page.fill("#value", "14")
    form.locator("form button").click()
    page.wait_for_url(f"**{ROOT}/governance/*")
    return page.url


def _audit(page: Page, person: SignIn) -> str:
    """The auditor audits its replica."""
    page.goto(f"{person.address}{ROOT}/audits")
    page.click("main form[action$='/audits'] button")
    page.wait_for_url(f"**{ROOT}/audits/*")
    return page.url


_ACTS: Final = (
    (("exporter-a", "maker"), _ask_bank),
    (("bank-a", "maker"), _send_back),
    (("authority", "maker"), _take_in),
    (("authority", "maker"), _propose),
    (("auditor", "viewer"), _audit),
)


def _enter(page: Page, person: SignIn) -> None:
    page.goto(f"{person.address}{ROOT}/sign-in")
    page.fill("#user", person.user)
    page.fill("#password", person.secret)
    page.click("main button")
    page.wait_for_url(f"**{ROOT}/work")


def _links(page: Page) -> Iterator[str]:
    """Where links lead, and forms that only ask."""
    found: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(each => each.href)")
    found += page.eval_on_selector_all(
        "form[method=get][action]", "forms => forms.map(each => `${each.action}?${new URLSearchParams(new FormData(each))}`)"
    )
    yield from (each.partition("#")[0] for each in found)


def _kind(address: str) -> str | None:
    """The page that an address is one of."""
    path = urlsplit(address).path
    if not path.startswith(f"{ROOT}/"):
        return None
    return next((kind for kind, pattern in _ASKED if pattern.match(path.removeprefix(ROOT))), None)


def _is_page(context: BrowserContext, address: str) -> bool:
    answer = context.request.get(address)
    return answer.ok and answer.headers["content-type"].startswith("text/html")


def draw(directory: Path, people: Sequence[SignIn]) -> list[str]:
    """Draws every seat. Gives the pages that were not found."""
    with sync_playwright() as playwright, Progress() as progress:
        album = Album(directory, progress)
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        seats = {(each.node, each.user): each for each in people}
        done: dict[tuple[str, str], list[str]] = defaultdict(list)
        for seat, act in _ACTS:
            with browser.new_context() as context:
                page = context.new_page()
                _enter(page, seats[seat])
                done[seat].append(act(page, seats[seat]))
        for seat in _PEOPLE:
            with browser.new_context() as context:
                album.draw_seat(context, seats[seat], done[seat])
        browser.close()
        return album.missing()


@contextmanager
def served_demo(home: Path) -> Iterator[list[SignIn]]:
    """The demo played in a new directory and its members served, each by a process of its own."""
    command = [sys.executable, "-m", "api.cli", "demo", "--home", str(home), "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this program itself  # nosec B603
        assert process.stdout is not None, "its output is a pipe"
        try:
            if not any(line.startswith("ready:") for line in process.stdout):
                sys.exit("the demo did not come to be served")
            yield [SignIn(**each) for each in json.loads((home / FILE_NAME).read_text())]
        finally:
            process.terminate()


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("directory", type=Path, help="where the pictures are put")
    directory = asked.parse_args().directory
    if PROGRAM is None:
        sys.exit("Chromium is not installed (Debian's package chromium)")
    with tempfile.TemporaryDirectory(prefix="tallystick-") as scratch, served_demo(Path(scratch) / "demo") as people:
        missing = draw(directory, people)
    sys.stdout.writelines(f"no link leads to {path}\n" for path in missing)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
