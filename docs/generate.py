"""Writes the documents that follow from the code: `docs/result-codes.md`, `docs/record-types.md`, `docs/routes.md`,
`docs/alerts.md`, `docs/events.md`, `docs/problem-codes.md` and `docs/assurance.md`.

python docs/generate.py            writes
python docs/generate.py --check    exits 1 where a document on disk is not what the code says
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import assurance
from problem_sources import statuses_of
from produced import produced

from api import problem_codes, row_codes
from api.permissions import OPEN, PERMISSIONS, SEATS
from contracts import codes
from contracts.ruleset import RULESET
from ledger import admission
from nodes.credit.report import CreditResult
from nodes.enquiries.parts import LineResult
from nodes.events.catalogue import TYPES
from nodes.monitoring.catalogue import DETECTORS

DOCS = Path(__file__).parent

_RESULT_CODES = """\
# Result codes

Generated from the code and from the tests by `make docs`; a test compares it. The same code stands on the ledger, in an HTTP problem
document and in the command line's message. Each is named with a test that brings it about through the public API.

## Rule results

Of a record that is authentic and well formed. Any replica computes them from public state; they stand on the ledger beside the record.

{rules}
## Answer results

Of one line of an enquiry, or of an enquiry about credit, from the authority's node, which can read what was registered. They are sealed to
those concerned.

{answers}
## Refused at the door

Of a transaction that could not be authenticated or is malformed. It leaves nothing on the ledger; its sender gets the code. Two of them
stay between the nodes: to a caller of the API the same record again gives its receipt, and one beyond the quota waits for the next block.

{admission}"""


_TYPES = """\
# Record types

Generated from the rules in `contracts/` and from the tests by `make docs`; a test compares it. Of the sealed parts a record must carry
those that are named, and may carry those in brackets. The [result codes](result-codes.md) say what becomes of a record.

| type | signed by | what it says | sealed parts | produced by |
|---|---|---|---|---|
{types}
"""

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

_EVENTS: Final = """\
# Events

Generated from `nodes/events/catalogue.py` by `make docs`; a test compares it. [How the feed is followed](api.md#events-and-webhooks).

A caller is shown the events of those types whose route it may call itself, by its role and by the scopes of its token. They are made from
the ledger, the same again whenever a node's tables are; those marked *local* happen at one node alone, and are lost with its private
database.

| type | at | meaning | shown to whom may call |
|---|---|---|---|
{events}
"""

_PROBLEMS: Final = """\
# Problem codes

Generated from `api/problem_codes.py`, `api/row_codes.py`, the source and the tests by `make docs`; a test compares it. Every answer of 4xx
or 5xx is a problem (RFC 9457) with one of these codes, or with one of the [result codes](result-codes.md): what the rules refuse is 409,
what is refused at the door 409 or 422. Each is named with a test that brings it about through the public API, and fails where it does not.

What to do is for who calls, unless the operator of the node is named. 503, and those that time alone undoes, carry `Retry-After`.

## Problems

The token endpoint answers with the same codes, beside the words of RFC 6749, and with 400 or 401.

{problems}
## Results of rows and files

Of one row or file of an import, a file of credit facts or of earlier loans, beside `ok` and what the rules say. They stand in `result`,
in an answer of 2xx.

{rows}
## Why an enquiry was declined

In the `code` of the enquiry, where it is not one of the rules.

{declines}"""

_ANSWERS: Final = {
    "match": "registered, and every field that was asked about is as registered",
    "unknown": "nothing that may be told: not registered, or not of the enterprise that consented",
    "not-export": "the number is that of an import declaration",
    "currency-mismatch": "registered in another currency",
    "amount-mismatch": "registered with another amount",
    "date-mismatch": "registered with another date of export",
    "reported": "of credit: the facts in the scopes that were asked for and consented to",
}

_AUTHORITY: Final = "the authority"
_REGISTRAR: Final = "the registrar"
_BANK: Final = "a bank"
_TWO: Final = "two people of a bank"
_TWO_OF_LENDER: Final = "two people of the lender"
_SIGNED_BY: Final = {
    "member.admit": _AUTHORITY,
    "member.suspend": _AUTHORITY,
    "member.reinstate": _AUTHORITY,
    "member.succeed": _AUTHORITY,
    "member.estate": _AUTHORITY,
    "governance.propose": "a governor",
    "governance.approve": "a governor",
    "key.add": "two people of the member, or of the authority",
    "key.revoke": "the member, or the authority",
    "enterprise.enrol": _AUTHORITY,
    "declaration.register": _REGISTRAR,
    "declaration.amend": _REGISTRAR,
    "declaration.void": _REGISTRAR,
    "declaration.collected": "two people of a lender on it, or of the authority; both members where it takes one back",
    "consent.give": "its one-time key, and a member that introduces it",
    "consent.revoke": "its one-time key, and a member that introduces it; or the authority",
    "enquiry.request": _BANK,
    "enquiry.take": _AUTHORITY,
    "enquiry.answer": _AUTHORITY,
    "financing.apply": _BANK,
    "financing.intake": "the lender",
    "financing.approve": _TWO_OF_LENDER,
    "financing.disburse": f"{_TWO_OF_LENDER}, and the authority where it was cancelled",
    "financing.repay": _TWO_OF_LENDER,
    "financing.cancel": "the lender, two people once it is approved; the authority where it is stale",
    "financing.write-off": _TWO_OF_LENDER,
    "financing.correct": f"{_TWO_OF_LENDER}, and the authority where less is drawn by it, or more than was committed or is available",
    "financing.transfer": _TWO_OF_LENDER,
    "financing.take-over": f"{_TWO}, the next lender",
    "financing.load": _TWO,
    "dispute.open": "any member",
    "dispute.resolve": "the authority, or, withdrawing it, who opened it",
    "order.freeze": _AUTHORITY,
    "order.lift": _AUTHORITY,
}


def result_codes() -> str:
    """The page of all rule results, answer results and admission codes. Raises `KeyError` for an answer that has no meaning here, and
    `ValueError` as `produced`.
    """
    answers = {code: _ANSWERS[code] for code in (*get_args(LineResult), *get_args(CreditResult))}
    return _RESULT_CODES.format(
        rules=_table("result-code", codes.CODES),
        answers=_table("answer-code", answers),
        admission=_table("admission-code", admission.CODES),
    )


def record_types() -> str:
    """The page of all record types. Raises `KeyError` for a type whose signers are not said here, and `ValueError` as `produced`."""
    tests = produced("record-type", RULESET.types)
    rows = []
    for name, kind in RULESET.types.items():
        says = (kind.model.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        parts = [*sorted(kind.required_parts), *(f"[{part}]" for part in sorted(kind.parts - kind.required_parts))]
        rows.append(f"| `{name}` | {_SIGNED_BY[name]} | {says} | {', '.join(parts)} | {_test(tests, name)} |")
    return _TYPES.format(types="\n".join(rows))


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
    rows = [f"| `{code}` | {each.severity} | {each.meaning} | {_test(tests, code)} |" for code, each in sorted(DETECTORS.items())]
    return _ALERTS.format(alerts="\n".join(rows))


def events() -> str:
    """The page of all types of events."""
    rows = [
        f"| `{each.name}`{' *local*' if each.local else ''} | {each.at} | {each.meaning} | `{each.reads}` |"
        for each in sorted(TYPES.values(), key=lambda each: each.number)
    ]
    return _EVENTS.format(events="\n".join(rows))


def problem_page() -> str:
    """The page of all codes of problems, rows and declined enquiries. Raises `ValueError` as `produced`."""
    tests = produced("problem-code", problem_codes.PROBLEMS)
    rows = [
        f"| `{code}` | {', '.join(map(str, statuses_of(code)))} | {meaning} | {remedy} | {_test(tests, code)} |"
        for code, (meaning, remedy) in sorted(problem_codes.PROBLEMS.items())
    ]
    return _PROBLEMS.format(
        problems="\n".join(["| code | status | meaning | what to do | produced by |", "|---|---|---|---|---|", *rows, ""]),
        rows=_remedies("row-code", row_codes.ROWS),
        declines=_remedies("decline-code", row_codes.DECLINES),
    )


def documents() -> dict[Path, str]:
    """Every generated document and what it should hold."""
    return {
        DOCS / "result-codes.md": result_codes(),
        DOCS / "record-types.md": record_types(),
        DOCS / "routes.md": routes(),
        DOCS / "alerts.md": alerts(),
        DOCS / "events.md": events(),
        DOCS / "problem-codes.md": problem_page(),
        DOCS / "assurance.md": assurance.page(),
    }


def main(arguments: list[str]) -> int:
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.name} is not what the code says; run `make docs`\n")
        return 1 if stale else 0
    for path in stale:
        path.write_text(documents()[path], encoding="utf-8")
    return 0


def _table(kind: str, meanings: Mapping[str, str]) -> str:
    tests = produced(kind, meanings)
    rows = [f"| `{code}` | {meaning} | {_test(tests, code)} |" for code, meaning in meanings.items()]
    return "\n".join(["| code | meaning | produced by |", "|---|---|---|", *rows, ""])


def _remedies(kind: str, meanings: Mapping[str, tuple[str, str]]) -> str:
    tests = produced(kind, meanings)
    rows = [f"| `{code}` | {meaning} | {remedy} | {_test(tests, code)} |" for code, (meaning, remedy) in sorted(meanings.items())]
    return "\n".join(["| code | meaning | what to do | produced by |", "|---|---|---|---|", *rows, ""])


def _test(tests: Mapping[str, list[str]], name: str) -> str:
    """The first test through the public API that produces a thing, or nothing."""
    return next((f"`{test}`" for test in tests.get(name, ()) if test.startswith("tests/api/")), "")


def _listed(names: frozenset[str], *, every: frozenset[str] | None = None) -> str:
    return "all" if names == every else ", ".join(sorted(names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
