"""The texts that the portal's sources say, and the catalogue of their translations: `make translations` brings it up to date.

A text that is new gets an empty translation, to be filled in; one that nothing says any more goes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from api.portal.texts import LOCALES, TRANSLATIONS

_SOURCES: Final = Path(__file__).parent
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_PREAMBLE: Final = """# The portal in another language, kept by `make translations`.
msgid ""
msgstr ""
"Language: {locale}\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_KEYWORDS: Final[dict[str, Any]] = {"_": None, "N_": None, "ngettext": (1, 2)}


def said() -> set[Any]:
    """Every text in the sources: itself, or both its forms."""
    return {message for _, _, message, _, _ in extract_from_dir(str(_SOURCES), method_map=_METHODS, keywords=_KEYWORDS)}


def kept(language: str) -> Catalog:
    """The catalogue of a language as it is. Raises what Babel raises where the file is none."""
    with (TRANSLATIONS / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def update(language: str) -> list[str]:
    """Writes the catalogue anew, in the order of its texts. Gives the texts without a translation."""
    before = {message.id if isinstance(message.id, str) else tuple(message.id): message.string for message in kept(language)}
    made = Catalog(LOCALES[language])
    for text in said():
        made.add(text, before.get(text, ""))
    with (TRANSLATIONS / f"{language}.po").open("wb") as file:
        file.write(_PREAMBLE.format(locale=made.locale_identifier).encode())
        write_po(file, made, width=0, sort_output=True, omit_header=True)
    return sorted(str(message.id) for message in made if message.id and not any(message.string or ()))


if __name__ == "__main__":
    untranslated = update("zh")
    sys.stdout.writelines(f"{text}\n" for text in untranslated)
    sys.exit(bool(untranslated))
