"""What a person sees of the play: what is going on now, each scene as it ends, and at the end one table, amounts in money."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from api.cli.demo.played import Played
from api.cli.demo.stage import Scene


class Report:
    """`shown` is false where stdout belongs to a JSON document; colours and movement only on a `terminal`."""

    def __init__(self, *, shown: bool, terminal: bool) -> None:
        self._shown = shown
        self._console = Console() if shown and terminal else None
        self._status: Status | None = None
        self._number = 0

    def step(self, what: str) -> None:
        """What is going on now."""
        if self._console is None:
            return
        if self._status is None:
            self._status = self._console.status(what)
            self._status.start()
        self._status.update(Text(what))

    def scene(self, scene: Scene) -> None:
        """A scene ended."""
        self._number += 1
        if self._console is not None:
            mark = Text("  ✓ ", "green") if scene.ok else Text("  ✗ ", "red")
            self._console.print(mark + Text(scene.name) + Text(f"  {scene.got}", "dim"))
        elif self._shown:
            sys.stdout.write(f"{self._number:2d} {'ok' if scene.ok else 'NOT OK'}: {scene.name}: {scene.got}\n")
            sys.stdout.flush()

    def end(self) -> None:
        """Nothing moves any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def table(self, played: Played) -> None:
        """The whole story on one page."""
        good = sum(scene.ok for scene in played.scenes)
        summary = f"{good} of {len(played.scenes)} as they must be, in {played.height + 1} blocks and {played.seconds:.0f} seconds"
        if self._console is None:
            self._plain(played, summary)
            return
        table = Table(title=f"network {played.network[:16]}…", title_justify="left", caption=summary, caption_justify="left")
        table.add_column("", justify="right")
        table.add_column("what happened")
        table.add_column("amount", justify="right")
        table.add_column("result")
        table.add_column("", justify="center")
        for number, scene in enumerate(played.scenes, 1):
            result = Text(scene.got) if scene.ok else Text(f"{scene.got}, and not {scene.expected}", "red")
            table.add_row(
                str(number), Text(scene.name), Text(scene.money.replace(" + ", "\n")), result, "✓" if scene.ok else Text("✗", "red")
            )
        self._console.print(table)

    def _plain(self, played: Played, summary: str) -> None:
        sys.stdout.write("\nnr\twhat happened\tamount\tresult\texpected\n")
        for number, scene in enumerate(played.scenes, 1):
            sys.stdout.write(f"{number}\t{scene.name}\t{scene.money}\t{scene.got}\t{scene.expected}\n")
        sys.stdout.write(f"{summary}\n")
