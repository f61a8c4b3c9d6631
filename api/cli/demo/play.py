"""The whole play: the world is made, the acts follow each other, proof files are written and checked offline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from api.cli.demo.act_four import play_act_four
from api.cli.demo.act_one import play_act_one
from api.cli.demo.act_three import audit_the_replica, play_act_three
from api.cli.demo.act_two import play_act_two
from api.cli.demo.cargo import load_cargo
from api.cli.demo.played import Played
from api.cli.demo.report import Report
from api.cli.demo.stage import Stage, tally
from api.cli.demo.world import AUTHORITY, World
from api.cli.logs import log_to_file, log_to_stderr
from api.cli.proofs import write_new
from ledger import proof
from ledger.clock import SystemClock
from ledger.verify import verify
from nodes.node import Node
from nodes.private_files import make_private_directory

PROOFS: Final = "proofs"
_REVEALED: Final = "declaration"


def play(directory: Path, report: Report) -> Played:
    """Plays the main job in a new directory. Raises where a step that the rest stands on went wrong; a scene that came otherwise than
    expected only makes `ok` false.
    """
    began = time.monotonic()
    cargo = load_cargo(SystemClock().now_ms())
    make_private_directory(directory)
    report.step("keys, homes and nodes are made")
    with log_to_file(directory / "demo.log"):
        try:
            with World(directory, cargo) as world:
                stage = Stage(world, report.scene, report.step)
                play_act_one(stage)
                play_act_two(stage)
                play_act_three(stage)
                play_act_four(stage)
                audit_the_replica(stage)
                proofs = _write_proofs(stage)
                height, members, network = world.settle(), world.members(), world.network
        finally:
            report.end()
            log_to_stderr()
    ok = all(scene.ok for scene in stage.scenes)
    return Played(ok, network, height, members, stage.scenes, proofs, world.sign_ins, time.monotonic() - began)


def _write_proofs(stage: Stage) -> list[str]:
    """Proof files by members from their own replicas, each checked with the trust file and nothing else."""
    stage.step("proof files are written and checked")
    directory = stage.world.directory / PROOFS
    make_private_directory(directory)
    plums = stage.cargo("exporter-a")[0]
    authority, auditor = stage.world.node(AUTHORITY), stage.world.node("auditor")
    registered = str(stage.declaration("bank-a", plums)["record_id"])
    files = {
        "plums-registered": _record(authority, registered, reveal=True),
        "plums-balance": _state(auditor, f"declaration/{stage.ids[plums.number]}"),
        "forged-number-absent": _state(authority, f"declaration/{authority.registry_key.declaration_id(plums.number[:-4] + '9999')}"),
        **{name: _record(auditor, record_id) for name, record_id in sorted(stage.notable.items())},
    }
    trust = (stage.world.directory / "trust.json").read_bytes()
    verdicts = []
    paths = []
    for name, document in files.items():
        path = directory / f"{name}.json"
        write_new(path, document)
        paths.append(str(path))
        verdicts.append(verify(path.read_bytes(), trust).code or "ok")
    stage.scene("proof files hold offline, with the trust file alone", f"{len(files)} ok", tally(verdicts), stage.notable.values())
    return paths


def _record(node: Node, record_id: str, *, reveal: bool = False) -> bytes:
    parts = node.reader.parts_of(record_id) if reveal else {}
    with node.store.reading() as reader:
        return proof.record_proof(reader, record_id, {_REVEALED: parts[_REVEALED].content_key} if reveal else None)


def _state(node: Node, key: str) -> bytes:
    with node.store.reading() as reader:
        return proof.state_proof(reader, key)
