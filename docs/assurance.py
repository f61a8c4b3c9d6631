"""`docs/assurance.md`: what each harness tried and counted, and each bug that one of them found. `docs/generate.py` writes it.

The counts are those that the harnesses themselves kept in `docs/assurance/` (`tests/counted.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

RESULTS: Final = Path(__file__).parent / "assurance"


class Part(NamedTuple):
    """One way of attack: the file of its counts, and what it does and how far that goes, in a paragraph."""

    key: str
    title: str
    meaning: str


class Found(NamedTuple):
    """A bug that a harness found: by which part, what happened, and the test that fails where it comes back."""

    part: str
    what: str
    test: str


PARTS: Final = (
    Part(
        "simulation",
        "Deterministic simulation",
        "Whole networks in one process on a seeded clock: wires lose, double, delay and reorder, processes die at any step, clocks jump,"
        " a validator lies, an operator goes on from an old backup. Nothing that was acknowledged is lost, nothing is lent twice, all"
        " replicas agree. `tests/simulation/found.md` keeps the seeds.",
    ),
    Part(
        "security",
        "Attacks",
        "Floods and slow clients on loopback against a node in a process of its own, whose rates are set low; every route as every role at"
        " every seat; and the [threat model](threat-model.md), each row of which names its tests. Six attackers who hold more than others"
        " are played in `tests/attacks`: what each can do, what it cannot, and how it is seen.",
    ),
    Part(
        "crash",
        "Crashes at every system call, and lost writes",
        "A ledger of an operator (`solo`), and the application behind CometBFT asked for blocks as its engine asks (`commit`),"
        " under `strace`: at each system call that touches the ledger's directory the process is killed, the call fails with EIO"
        " or ENOSPC, once or from there on, or half of a write is taken (`calls`). Then the audit finds nothing, each"
        " acknowledged record is there, the process met no fault without a code, and whoever goes on comes to the same header."
        " `power` plays the same writes back and keeps of those that were not synchronised none, some, or sectors of some.",
    ),
    Part(
        "tamper",
        "Tampering",
        "Of two small ledgers with every kind of row, each byte of each stored value is changed (three of its bits), values are"
        " cut, lengthened and of other types, rows deleted, doubled and swapped, tables cut off (`rows`); each byte of an"
        " archive, packed and unpacked, with its lines left out, doubled, swapped and cut (`archive`); each byte of the SQLite"
        " file (`file`). The audit fails and names the first bad height. What it cannot see is listed as slack, with the reason;"
        " that nothing else is slack is part of the check.",
    ),
    Part(
        "determinism",
        "Determinism",
        "The same stories, signed by RFC 6979, made anew in processes of every Python from 3.11 to 3.13 that is installed, with"
        " other seeds of hashing, time zones and locales, over SQLite and PostgreSQL: the same header and roots at every height,"
        " and the same rows; and the same seeded simulations of whole networks.",
    ),
    Part(
        "long-runs",
        "Long runs",
        "An authority, three banks and an auditor, each in a process of its own, and six pairs of bank staff who lend on the same"
        " declarations through the API, while nodes are killed, ended or stand still at random. In the end every loan owes what its bank"
        " was told, every acknowledged record is on the ledger, sealed money and public shares agree, and every home's audit finds nothing."
        " Memory is that of the nodes that went on, in the last part of the run, when caches are full.",
    ),
    Part(
        "fuzzing",
        "Fuzzing",
        "Every reader of bytes from outside is fuzzed by atheris, guided by what its inputs reach: records, notes, requests to witnesses,"
        " proof and trust files, archives, blocks, snapshots, frames of the engine and its answers, customs files, workbooks, ISO 20022"
        " messages, loans, ratings, rates, documents, backups, sealed parts, bodies, forms, tokens and passwords. Changes go to what lies"
        " inside: a value, a line of a packed file, a part of a workbook, a message in its frame. A reader may refuse with its own errors"
        " only, gives back what it took, and has 5 seconds and a gigabyte for an input; what is proven or restored is never what was not"
        " so. `tests/fuzz/growing.py` holds shapes that parsers choke on, up to a megabyte of each.",
    ),
    Part(
        "mutation",
        "Mutation testing of the rules",
        "Comparisons, numbers, codes and arguments of `contracts/` are changed one at a time, handlers among them, and the tests are asked"
        " whether they notice: `docs/mutation.md` says of which files, and what the mutants are that nobody notices. Those of the verifier"
        " and the trees were tried before, and are counted there.",
    ),
)

FOUND: Final[tuple[Found, ...]] = (
    Found(
        "long-runs",
        "a node that was told to stop forgot its people's open keys and its way to sign them in before it had answered what was under way:"
        " some of that was answered with a fault, or as if it had no key",
        "tests/api/cli/test_stopping.py::test_a_request_that_is_under_way_is_answered_and_nobody_else_gets_in",
    ),
    Found(
        "long-runs",
        "a node that was told to stop by SIGTERM slept on, where the signal reached another thread of its process than the one that waited",
        "tests/api/cli/test_stopping.py::test_a_signal_that_reaches_another_thread_ends_the_process_too",
    ),
    Found(
        "fuzzing",
        "a backup was read whose bytes were written with other last digits than a backup's are",
        "tests/fuzz/test_fuzz.py::test_seeds_are_read_and_some_are_taken",
    ),
    Found(
        "security",
        "A connection that said nothing, or sent its head or its body in drops, was kept for ever, and so was one that did not read its"
        " answer; their number had no bound, so that enough of them took every file that a node may open.",
        "tests/api/test_slow_clients.py::test_who_dawdles_is_cut_off_and_keeps_nobody_waiting",
    ),
    Found(
        "security",
        "Attempts to sign in were counted by address at `/oauth2/token` and not at `/v1/session`, so that a stranger could queue up as many"
        " checks of passwords as it liked.",
        "tests/api/test_rates.py::test_strangers_at_the_door_are_counted_by_their_address",
    ),
    Found(
        "security",
        "`/openapi.json`, which is open to everybody, was made anew for each request, in a good part of a second of the processor's time.",
        "tests/api/test_slow_clients.py::test_the_description_that_strangers_may_ask_for_is_made_once",
    ),
    Found(
        "security",
        "What is no HTTP, and whatever asked for another protocol, wrote a line into the log each time, and was answered in plain text"
        " without a code.",
        "tests/api/test_slow_clients.py::test_what_is_no_http_or_too_long_is_a_problem_and_leaves_no_line",
    ),
    Found(
        "security",
        "A member whose sealing key was stolen had no command to replace it.",
        "tests/api/cli/test_sealing_key.py::test_a_sealing_key_is_replaced_by_two_people_while_the_node_is_stopped",
    ),
    Found(
        "crash",
        "a node that began, or founded its ledger, on a disk that was full or failed ended with a traceback instead of a code",
        "tests/ledger/test_solo.py::test_a_start_on_a_full_disk_is_refused_by_its_code_and_may_be_tried_again",
    ),
    Found(
        "crash",
        "a lock file that could not be locked or closed ended a node with a traceback, and kept the file open",
        "tests/ledger/test_solo.py::test_a_home_that_cannot_be_locked_says_so_and_one_whose_lock_cannot_be_closed_is_let_go",
    ),
    Found(
        "crash",
        "a database file that SQLite found damaged was answered as a fault of the program, and not by a code",
        "tests/api/problems/test_fault_codes.py::test_a_damaged_database_is_told_from_one_that_does_not_answer",
    ),
    Found(
        "tamper",
        "an audit of a database one of whose tables could not be read wrote tracebacks of the others' readings beside its finding",
        "tests/ledger/test_audit.py::test_a_table_that_cannot_be_read_is_a_finding_and_leaves_nothing_open",
    ),
    Found(
        "tamper",
        "a ledger whose file was damaged where its version stands ended whoever opened it with a traceback",
        "tests/ledger/test_database.py::test_a_database_that_is_damaged_where_it_says_its_version_is_refused_by_a_code",
    ),
    Found(
        "tamper",
        "the place of a consortium's engine could be written in capitals, or with more in it, unnoticed",
        "tests/ledger/comet/test_audited.py::test_a_place_that_is_not_written_as_it_was_is_found",
    ),
    Found(
        "tamper",
        "an archive that did not hold was refused by a code, without the height of the first bad block",
        "tests/api/cli/test_archive.py::test_a_changed_archive_does_not_hold_and_says_so",
    ),
    Found(
        "fuzzing",
        "a workbook of forty kilobytes held a thread for hours: openpyxl looks for the end of each bracket of a number format anew, and it"
        " read formats of any length",
        "tests/nodes/test_spreadsheets.py::test_styles_that_would_take_hours_to_read_are_refused_at_once",
    ),
)

_PAGE: Final = """\
# Assurance: what was tried against Tallystick, and what was seen

Generated by `make docs` from the counts that the harnesses kept in `docs/assurance/`; a test compares it. Each block below names the
command that counted and the commit it ran on; with `--out docs/assurance/PART.json` the command keeps its counts anew. `make test` runs a
sample of each, `make test-deep` the whole. What mutation testing left is in [mutation.md](mutation.md).

{parts}
## Bugs found on the way

| found by | what happened | test that fails where it comes back |
|---|---|---|
{found}
"""


def page() -> str:
    """The page. Raises `FileNotFoundError` for a part that kept no counts."""
    return _PAGE.format(
        parts="\n".join(_part(each) for each in PARTS),
        found="\n".join(f"| {each.part} | {each.what} | `{each.test}` |" for each in FOUND),
    )


def _part(part: Part) -> str:
    runs = json.loads((RESULTS / f"{part.key}.json").read_text(encoding="utf-8"))
    lines = [f"## {part.title}", "", part.meaning, ""]
    for command, run in sorted(runs.items()):
        lines += [f"`{command}`, on {run['commit']}:", "", "| count | |", "|---:|---|"]
        lines += [f"| {number:,} | {what} |" for what, number in sorted(run["counts"].items())]
        lines.append("")
    return "\n".join(lines)
