"""What a play of the story gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.cli.demo.stage import Scene
from nodes.seats import SignIn


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it. `proofs` are paths of files; `seconds` the real time that it took."""

    ok: bool
    network: str
    height: int
    members: dict[str, Any]
    scenes: Sequence[Scene]
    proofs: Sequence[str]
    sign_ins: Sequence[SignIn]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "network": self.network,
            "height": self.height,
            "members": self.members,
            "scenes": [scene.to_json() for scene in self.scenes],
            "proofs": list(self.proofs),
        }
