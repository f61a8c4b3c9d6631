"""The tables of codes explain what the source can answer, all of it and nothing else."""

from __future__ import annotations

from api.problem_codes import PROBLEMS
from api.row_codes import DECLINES, ROWS
from contracts.codes import CODES
from docs.problem_sources import INSIDE, sources, statuses, statuses_of
from ledger import admission

RULES = CODES.keys() | admission.CODES.keys()


def test_every_code_that_the_source_can_raise_is_explained_or_said_to_stay_inside() -> None:
    explained = PROBLEMS.keys() | ROWS.keys() | DECLINES.keys() | RULES
    assert sorted(code for code in sources() if code not in explained and code not in INSIDE) == []


def test_no_code_is_explained_that_nothing_raises() -> None:
    raised = sources()
    assert sorted(code for code in INSIDE if code not in raised) == []
    assert sorted(code for code in PROBLEMS if not raised.get(code, frozenset()) - {"row"}) == []
    assert sorted(code for code in ROWS if code not in raised) == []


def test_what_stays_inside_is_in_no_table() -> None:
    assert sorted(INSIDE.keys() & (PROBLEMS.keys() | ROWS.keys() | DECLINES.keys())) == []


def test_every_problem_has_a_status() -> None:
    assert [code for code in PROBLEMS if not statuses_of(code)] == []
    assert (statuses()["NotFound"], statuses()["Conflict"], statuses_of("internal")) == (404, 409, [500])
