"""Writes the documents that follow from the code: `docs/result-codes.md`, `docs/routes.md` and `docs/alerts.md`.

python docs/generate.py            writes
python docs/generate.py --check    exits 1 where a document on disk is not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from produced import produced

from api.permissions import OPEN, PERMISSIONS, SEATS
from contracts import codes
from ledger import admission
from nodes.credit.report import CreditResult
from nodes.enquiries.parts import LineResult
from nodes.monitoring.catalogue import DETECTORS

DOCS = Path(__file__).parent

_RESULT_CODES = """\
# Result codes

Generated from the code by `make docs`; a test compares it. The same code stands on the ledger, in an HTTP problem document and in the
command line's message.

## Rule results

Of a record that is authentic and well formed. Any replica computes them from public state; they stand on the ledger beside the record.

{rules}
## Answer results

Of one line of an enquiry, or of an enquiry about credit, from the authority's node, which can read what was registered. They are sealed to
those concerned.

{answers}
## Refused at the door

Of a transaction that could not be authenticated or is malformed. It leaves nothing on the ledger; its sender gets the code.

{admission}"""


_ROUTES = """\
# Routes

Generated from `api/permissions.py` by `make docs`; a test compares it. A route that is not here cannot be added. The [tour](api.md) shows
them in use.

A seat is the role of the node's owner; `registrar` is whichever member the ledger names as that. Roles are those of the caller:

- people of the node: `maker`, `checker`, `viewer`, `admin`
- its programs: `service`, `auditor`
- an exporter in custody: `enterprise`
- other nodes: `node`, `enterprise-node`

| route | seats | roles | scope |
|---|---|---|---|
{guarded}

Open to everyone, without a token: {open}.
"""

_ALERTS = """\
# Alerts

Generated from the detectors in `nodes/monitoring/` and from the tests by `make docs`; a test compares it. Alerts are for the authority
alone. Each names the records that prove it; its id follows from its cause, so tables that are made anew hold the same ones.

| alert | severity | meaning | produced by |
|---|---|---|---|
{alerts}
"""

_ANSWERS: Final = {
    "match": "registered, and every field that was asked about is as registered",
    "unknown": "nothing that may be told: not registered, or not of the enterprise that consented",
    "not-export": "the number is that of an import declaration",
    "currency-mismatch": "registered in another currency",
    "amount-mismatch": "registered with another amount",
    "date-mismatch": "registered with another date of export",
    "reported": "of credit: the facts in the scopes that were asked for and consented to",
}


def result_codes() -> str:
    """The page of all rule results, answer results and admission codes. Raises `KeyError` for an answer that has no meaning here."""
    answers = {code: _ANSWERS[code] for code in (*get_args(LineResult), *get_args(CreditResult))}
    return _RESULT_CODES.format(rules=_table(codes.CODES), answers=_table(answers), admission=_table(admission.CODES))


def routes() -> str:
    """The page of all routes and who may call them."""
    rows = [
        f"| `{route}` | {_listed(each.seats, every=SEATS)} | {_listed(each.roles)} | `{each.scope}` |"
        for route, each in PERMISSIONS.items()
    ]
    return _ROUTES.format(guarded="\n".join(rows), open=", ".join(f"`{route}`" for route in sorted(OPEN)))


def alerts() -> str:
    """The page of all alerts, each with the first test that produces it, or none. Raises `ValueError` as `produced`."""
    tests = produced("alert", DETECTORS)
    rows = [
        f"| `{code}` | {each.severity} | {each.meaning} | {f'`{tests[code][0]}`' if code in tests else ''} |"
        for code, each in sorted(DETECTORS.items())
    ]
    return _ALERTS.format(alerts="\n".join(rows))


def documents() -> dict[Path, str]:
    """Every generated document and what it should hold."""
    return {DOCS / "result-codes.md": result_codes(), DOCS / "routes.md": routes(), DOCS / "alerts.md": alerts()}


def main(arguments: list[str]) -> int:
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.name} is not what the code says; run `make docs`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(documents()[path], encoding="utf-8")
    return 0


def _table(meanings: Mapping[str, str]) -> str:
    rows = [f"| `{code}` | {meaning} |" for code, meaning in meanings.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows, ""])


def _listed(names: frozenset[str], *, every: frozenset[str] | None = None) -> str:
    return "all" if names == every else ", ".join(sorted(names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
