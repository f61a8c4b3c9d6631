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
from contracts.readings import read
from ledger.clock import SystemClock
from ledger.verify import verify
from nodes.private_files import make_private_directory
from nodes.proofs import Proofs

PROOFS: Final = "proofs"


def play(directory: Path, report: Report, *, consortium: bool = False) -> Played:
    """Plays the main job in a new directory. Raises where a step that the rest stands on went wrong; a scene that came otherwise than
    expected only makes `ok` false.
    """
    began = time.monotonic()
    cargo = load_cargo(SystemClock().now_ms())
    make_private_directory(directory)
    report.step("keys, homes and nodes are made")
    with log_to_file(directory / "demo.log"):
        try:
            with World(directory, cargo, consortium=consortium) as world:
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
    files = _proof_files(stage)
    trust = (stage.world.directory / "trust.json").read_bytes()
    verdicts = {}
    paths = []
    for name, document in files.items():
        path = directory / f"{name}.json"
        write_new(path, document)
        paths.append(str(path))
        verdicts[name] = verify(path.read_bytes(), trust)
    codes = [verdict.code or "ok" for verdict in verdicts.values()]
    stage.scene("proof files hold offline, with the trust file alone", f"{len(files)} ok", tally(codes), stage.notable.values())
    (before,), (now,), (absent,) = (
        read(verdicts[f"plums-{name}"]).declarations for name in ("not-financed-yet", "balance", "forged-number-absent")
    )
    said = f"financed then: {before['financed']}, forged: {absent['status']}, in {(now['registered'] or {}).get('currency')}"
    stage.scene(
        "proof files say what was not financed, what never was, and what is left in money",
        "financed then: False, forged: None, in USD",
        said,
    )
    return paths


def _proof_files(stage: Stage) -> dict[str, bytes]:
    """One of every kind, by name: what a declaration has left in money, that one is not financed, that there is none, single records, and
    that the log only grew.
    """
    plums = stage.cargo("exporter-a")[0]
    authority, auditor = stage.world.node(AUTHORITY), stage.world.node("auditor")
    of_authority, of_auditor = (Proofs(node.store, node.private) for node in (authority, auditor))
    registered = str(stage.declaration("bank-a", plums)["record_id"])
    absent = authority.registry_key.declaration_id(plums.number[:-4] + "9999")
    with authority.store.reading() as reader:
        stored = reader.record(registered)
    assert stored is not None, "the plums were registered"
    return {
        "plums-registered": of_authority.record(registered, reveal=True),
        "plums-balance": of_authority.declaration(stage.ids[plums.number], reveal=True),
        "plums-not-financed-yet": of_auditor.declaration(stage.ids[plums.number], stored.height),
        "plums-forged-number-absent": of_authority.state(f"declaration/{absent}"),
        "log-goes-on": of_auditor.consistency(stored.height),
        **{name: of_auditor.record(record_id) for name, record_id in sorted(stage.notable.items())},
    }
