"""The portal's two languages: words by gettext (the English text is the key), numbers, money and times in the reader's way by Babel.

Times are shown in UTC+8, the days of business (`nodes.days`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from starlette.requests import Request

from ledger.clock import rfc3339
from nodes.days import instant_ms

LANGUAGES: Final[Mapping[str, str]] = {"zh": "中文", "en": "English"}
COOKIE: Final = "tallystick-language"
TRANSLATIONS: Final = Path(__file__).parent / "translations"
# What the pages say, and what the codes of the API and of the ledger mean.
CATALOGUES: Final = ("pages", "codes")
LOCALES: Final[Mapping[str, str]] = {"zh": "zh_Hans_CN", "en": "en_GB"}
_UTC8: Final = timezone(timedelta(hours=8))
_PPM: Final = 1_000_000


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a text for translation where it is written, and leaves it as it is."""
    return text


@dataclass(frozen=True)
class Texts:
    """One language: `words` are its translations, empty for English."""

    language: str
    words: Mapping[str, str | Sequence[str]]

    @property
    def locale(self) -> Locale:
        return Locale.parse(LOCALES[self.language])

    def gettext(self, text: str) -> str:
        found = self.words.get(text, text)
        return found if isinstance(found, str) else found[0]

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Chinese has one form for all numbers."""
        found = self.words.get(one)
        if found is None:
            return one if count == 1 else many
        return found if isinstance(found, str) else found[0]

    def money(self, amount: Mapping[str, str] | None) -> str:
        """`{"currency", "value"}` with exactly the currency's digits."""
        if amount is None:
            return "–"
        value = Decimal(amount["value"])
        digits = max(0, -int(value.as_tuple().exponent))
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return f"{amount['currency']}\u00a0{format_decimal(value, pattern, locale=self.locale)}"

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self.locale))

    def share(self, ppm: int) -> str:
        """Millionths as a percentage."""
        return str(format_percent(Decimal(ppm) / _PPM, "#,##0.##%", locale=self.locale))

    def day(self, text: str | None) -> str:
        """A day, or the day of business that a time falls in."""
        if not text:
            return "–"
        found = date.fromisoformat(text) if len(text) == 10 else _moment(text).date()
        return str(format_date(found, "medium", locale=self.locale))

    def last_day(self, text: str | None) -> str:
        """The last day of business before a time that is no longer in it."""
        return "–" if not text else self.day((_moment(text) - timedelta(milliseconds=1)).date().isoformat())

    def time(self, text: str | None) -> str:
        return "–" if not text else str(format_datetime(_moment(text), "yyyy-MM-dd HH:mm:ss", locale=self.locale))

    def stated(self, text: str) -> str:
        """A time or day that somebody outside stated, if it is one; what is none is shown as it was said."""
        if instant_ms(text) is None:
            return text
        return self.day(text) if len(text) == len("2026-06-11") else self.time(text)

    def instant(self, time_ms: int) -> str:
        """The same of milliseconds since 1970."""
        return self.time(rfc3339(time_ms))

    def hours(self, duration_ms: int) -> str:
        """How long something took, in the largest unit of which it is one or more."""
        return str(format_timedelta(timedelta(milliseconds=duration_ms), threshold=1, format="short", locale=self.locale))


@cache
def texts_of(language: str) -> Texts:
    """A language that there is."""
    if language == "en":
        return Texts(language, {})
    words: dict[str, Any] = {}
    for name in CATALOGUES:
        for message in catalogue(name, language):
            if message.id and message.string:
                words[message.id if isinstance(message.id, str) else message.id[0]] = message.string
    return Texts(language, words)


def catalogue(name: str, language: str) -> Catalog:
    """One of the catalogues of a language. Raises what Babel raises where the file is none."""
    with (TRANSLATIONS / f"{language}.{name}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def language_of(request: Request) -> str:
    """The one that the reader chose, or else the first that the browser names."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return str(chosen)
    for each in request.headers.get("accept-language", "").split(","):
        name = each.partition(";")[0].strip()[:2].lower()
        if name in LANGUAGES:
            return name
    return "en"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(_UTC8)
