"""Which codes the source can raise where a request may meet them: what `api/problem_codes.py` and `api/row_codes.py` have to explain.

Read, not run. Every module of the node that `api.app` imports, however far, is looked through for errors of the family in
`ledger/errors.py`, for problems that are made without one, and for what a reader of files says of a row. A code that is the value of a
constant counts as that. `INSIDE` names the codes that never reach a caller, by the reason why.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from api.problems import HTTP_CODES
from ledger.evidence import FORK_SEEN, OPERATOR_INVALID

ROOT: Final = Path(__file__).resolve().parent.parent
LAYERS: Final = ("ledger", "contracts", "nodes", "api")
ENTRY: Final = "api.app"
# What runs in the program of who calls: the node takes shapes from there for its description, and answers with none of its errors.
_CALLERS: Final = "api.client"
_BASE: Final = "TallystickError"
# Codes that stand in tables: those of HTTP itself, and the two for which a replica halts.
_TABLED: Final = {code for code, _ in HTTP_CODES.values()}
_HALTING: Final = {FORK_SEEN, OPERATOR_INVALID}
# What says a code of a row or file, and at which place among its arguments.
_ROW_MAKERS: Final = {"Rejected": 2, "Fault": 0, "fail": 0, "read_table": 1}
_CODE_PLACE: Final = {"OAuthError": 1, "problem": 1}

INSIDE: Final[Mapping[str, str]] = {
    code: reason
    for reason, codes in {
        "the node does not start, so nobody is answered": (
            "address-in-use assertions-off bad-config bad-database-url bad-engine-key bad-genesis bad-rpc-address bad-snapshots "
            "bad-state-sync bad-tls-file database-in-use database-too-new database-unreachable engine-missing engine-unknown "
            "engine-version home-in-use home-mode home-not-writable key-file-mode key-file-too-large ledger-at-rest ledger-older "
            "migration-needed no-home no-operator other-network other-operator schema-unknown secret-damaged unreadable "
            "wrong-genesis wrong-registry-key file-missing no-authority not-a-member"
        ),
        "only commands of the command line do this": (
            "account-exists bad-account bad-subject database-empty database-not-empty home-not-empty key-exists no-snapshot "
            "nothing-offered secret-exists snapshot-broken snapshot-differs snapshot-unwritable subject-taken unknown-account "
            "unknown-witness malformed-report report-not-signed report-unsigned audit-stopped file-unreadable file-not-written "
            "bad-secret too-few-witnesses too-many-files other-declaration note-elsewhere"
        ),
        "a second look at what the API's own door, or its reading of the request, has refused before": "xlsx-sheet-unknown",
        "it is a task's `state`": "awaiting-authority",
        "it stands in an audit's own `code`": "audit-ended",
        "the protocol of witnesses says it without a code": "old-size-differs",
        "said between a node and its CometBFT, or another member's snapshot; the node's log has it": (
            "bad-engine-answer bad-frame unknown-question out-of-order position-damaged validators-not-trusted other-history "
            "replay-differs snapshots-unwritable"
        ),
        "found while blocks are fetched or the ledger is read by the node's own workers; the node's log and its metrics have it": (
            "block-invalid chain-broken malformed-block malformed-header malformed-leaf not-in-log peer-malformed peer-unreachable "
            "bad-witness letter-broken part-malformed declaration-id-wrong declaration-malformed fact-malformed grant-wrong state-differs "
            "frontier-damaged header-missing"
        ),
        "a webhook's deliveries say it": "unresolved",
        "said while the node sends mail; the node's log and its metrics have it": "mail-unreachable",
        "the API refuses a NUL before it reaches a database that cannot hold one": "bad-text",
        "a fault of the program itself, which its tests would meet": (
            "transaction-nested no-recipients too-many-recipients bad-state-key part-missing key-in-hsm"
        ),
    }.items()
    for code in codes.split()
}


@cache
def sources() -> Mapping[str, frozenset[str]]:
    """By code, the kinds of error that it is raised as; `row` for what is said of a row or file."""
    found: dict[str, set[str]] = defaultdict(set)
    constants = _constants()
    for code in _TABLED:
        found[code].add("http")
    for code in _HALTING:
        found[code].add("VerificationFailed")
    for tree in _reached().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for code, kind in _said(node, constants):
                    found[code].add(kind)
            elif isinstance(node, ast.ClassDef) and node.name in statuses():
                for code in _own_codes(node):
                    found[code].add(node.name)
    return {code: frozenset(kinds) for code, kinds in found.items()}


def statuses_of(code: str) -> list[int]:
    """The statuses that a code is answered with. The token endpoint's own are 400 and 401 (RFC 6749, 5.2)."""
    own = {status for status, (each, _) in HTTP_CODES.items() if each == code}
    kinds = sources().get(code, frozenset())
    found = own | {statuses()[kind] for kind in kinds if kind in statuses() and kind != "OAuthError"}
    return sorted(found | ({500} if code == "internal" else set()) | ({422} if code == "invalid-request" else set()))


def _own_codes(node: ast.ClassDef) -> Iterator[str]:
    """What a kind of error calls itself."""
    for call in ast.walk(node):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "__init__" and call.args):
            continue
        if isinstance(call.args[0], ast.Constant):
            yield str(call.args[0].value)


@cache
def statuses() -> Mapping[str, int]:
    """By kind of error, the HTTP status that it is answered with."""
    stated: dict[str, int] = {}
    bases: dict[str, list[str]] = {}
    for tree in _reached().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                for own in _stated_status(node):
                    stated[node.name] = own

    def status_of(kind: str) -> int | None:
        inherited = (status_of(base) for base in bases.get(kind, ()))
        return stated.get(kind) or next((status for status in inherited if status is not None), None)

    return {kind: status for kind in bases if _is_error(kind, bases) and (status := status_of(kind)) is not None}


def _stated_status(node: ast.ClassDef) -> Iterator[int]:
    for line in node.body:
        target = line.target if isinstance(line, ast.AnnAssign) else line.targets[0] if isinstance(line, ast.Assign) else None
        value = line.value if isinstance(line, ast.AnnAssign | ast.Assign) else None
        named = isinstance(target, ast.Name) and target.id == "http_status"
        if named and isinstance(value, ast.Constant) and isinstance(value.value, int):
            yield value.value


def _is_error(kind: str, bases: Mapping[str, list[str]]) -> bool:
    return kind == _BASE or any(_is_error(base, bases) for base in bases.get(kind, ()))


def _said(node: ast.Call, constants: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else ""
    kind = "row" if name in _ROW_MAKERS else name if name in statuses() or name == "problem" else None
    place = _ROW_MAKERS.get(name, _CODE_PLACE.get(name, 0))
    if kind is None or len(node.args) <= place:
        return
    code = node.args[place]
    for each in [code.body, code.orelse] if isinstance(code, ast.IfExp) else [code]:
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value, kind
        elif isinstance(each, ast.Name):
            yield from ((value, kind) for value in constants.get(each.id, ()))


def _constants() -> Mapping[str, frozenset[str]]:
    """Texts of constants by name, of all modules: names of codes are few, and one too many only has to be explained."""
    found: dict[str, set[str]] = defaultdict(set)
    for tree in _reached().values():
        for node in tree.body:
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Constant)):
                continue
            if isinstance(node.value.value, str):
                found[node.target.id].add(node.value.value)
    return {name: frozenset(values) for name, values in found.items()}


@cache
def _reached() -> Mapping[str, ast.Module]:
    """Every module of ours that the application imports, parsed."""
    modules = {_name(path): path for layer in LAYERS for path in (ROOT / layer).rglob("*.py")}
    found: dict[str, ast.Module] = {}
    waiting = [ENTRY]
    while waiting:
        name = waiting.pop()
        if name in found or name not in modules or f"{name}.".startswith(f"{_CALLERS}."):
            continue
        found[name] = ast.parse(modules[name].read_text(encoding="utf-8"), str(modules[name]))
        waiting += _imported(found[name])
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
