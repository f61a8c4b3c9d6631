"""What others wrote is shown on a terminal as text, and does nothing there."""

from __future__ import annotations

import json

import pytest

from api.cli.output import print_json, print_table, say

HOSTILE = "a\x1b[2J\x07b\u009b31m\x7f\u202ec\u2066\u2028\x00"
WRITTEN = "a\\u001b[2J\\u0007b\\u009b31m\\u007f\\u202ec\\u2066\\u2028\\u0000"


def test_a_line_moves_no_cursor_and_turns_no_order_of_reading(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{HOSTILE} \u9752\u6885\n\tsecond line")
    assert capsys.readouterr().out == f"{WRITTEN} \u9752\u6885\n\tsecond line\n"


def test_a_cell_stays_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "of"], [[HOSTILE, "two\nlines\tand a tab"], [None, 7]])
    assert capsys.readouterr().out == f"name\tof\n{WRITTEN}\ttwo\\u000alines\\u0009and a tab\n\t7\n"


def test_json_says_the_same_in_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": HOSTILE, "chinese": "\u9752\u6885"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": HOSTILE, "chinese": "\u9752\u6885"}
    assert "\u9752\u6885" in out
    assert all(character.isprintable() or character == "\n" for character in out)
