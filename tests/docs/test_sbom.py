"""The bill of materials names everything that is locked, the engine, and nothing of the machine that wrote it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from ledger.comet.process import VERSION

ROOT = Path(__file__).parents[2]


def test_the_bill_of_materials_names_every_locked_package_with_its_hashes_and_the_engine(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    subprocess.run([sys.executable, "docs/sbom.py", str(file), VERSION], cwd=ROOT, check=True, timeout=120)
    text = file.read_text(encoding="utf-8")
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "tallystick")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {name: set(re.findall(r"sha256:([0-9a-f]{64})", entry)) for name, entry in _entries(lock).items()}
    listed = {
        (part["name"], part["version"]): {hash_["content"] for at in part.get("externalReferences", ()) for hash_ in at.get("hashes", ())}
        for part in bill["components"]
        if part["purl"].startswith("pkg:pypi/")
    }
    assert len(locked) > 40
    assert listed == locked
    assert [part["version"] for part in bill["components"] if part["purl"].startswith("pkg:golang/")] == [f"v{VERSION}"]
    assert str(ROOT) not in text
    assert f"COMET_VERSION := {VERSION}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def _entries(lock: str) -> dict[tuple[str, str], str]:
    """What follows each `NAME==VERSION`."""
    found = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^\s;]+)((?:.*\\\n)+.*)", lock, flags=re.MULTILINE)
    return {(name, version): rest for name, version, rest in found}
