"""The texts that the portal says, and the catalogues of their translations: `make translations` brings them up to date.

A text that is new gets an empty translation, to be filled in; one that nothing says any more goes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from api.portal.texts import CATALOGUES, LOCALES, TRANSLATIONS, catalogue
from api.portal.words import DECLINES, MEANINGS, ROWS

_SOURCES: Final = Path(__file__).parent
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_PREAMBLE: Final = """# What the portal says in another language, kept by `make translations`.
msgid ""
msgstr ""
"Language: {locale}\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_KEYWORDS: Final[dict[str, Any]] = {"_": None, "N_": None, "ngettext": (1, 2)}


def said(name: str) -> set[Any]:
    """Every text that a catalogue is to have: itself, or both its forms."""
    if name == "codes":
        return {*MEANINGS.values(), *ROWS.values(), *DECLINES.values()}
    return {message for _, _, message, _, _ in extract_from_dir(str(_SOURCES), method_map=_METHODS, keywords=_KEYWORDS)}


def update(name: str, language: str) -> list[str]:
    """Writes the catalogue anew, in the order of its texts. Gives the texts without a translation."""
    kept = catalogue(name, language)
    before = {message.id if isinstance(message.id, str) else tuple(message.id): message.string for message in kept}
    made = Catalog(LOCALES[language])
    for text in said(name):
        made.add(text, before.get(text, ""))
    with (TRANSLATIONS / f"{language}.{name}.po").open("wb") as file:
        file.write(_PREAMBLE.format(locale=made.locale_identifier).encode())
        write_po(file, made, width=0, sort_output=True, omit_header=True)
    return sorted(str(message.id) for message in made if message.id and not any(message.string or ()))


if __name__ == "__main__":
    untranslated = [text for name in CATALOGUES for text in update(name, "zh")]
    sys.stdout.writelines(f"{text}\n" for text in untranslated)
    sys.exit(bool(untranslated))
