"""The README's excerpt of the demo's table is what the demo says."""

from __future__ import annotations

import json
import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(r"^ *(\d+)  (\S.*?) {2,}\S.*? {2,}(\S.*)$", re.MULTILINE)


def test_the_excerpt_of_the_demos_table_is_what_the_demo_says(played_demo: Path) -> None:
    excerpt = re.findall(r"```text\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    scenes = json.loads((played_demo.parent / "demo.json").read_text(encoding="utf-8"))["scenes"]
    rows = ROW.findall(excerpt)
    assert len(rows) > 6
    assert [(name, result) for number, name, result in rows] == [
        (scenes[int(number) - 1]["name"], scenes[int(number) - 1]["got"]) for number, _, _ in rows
    ]
