"""Writes what Tallystick is made of as a CycloneDX document: every package of `requirements.lock` with its version and hashes, as
`cyclonedx-py` reads them, and CometBFT, which `make engine` builds.

python docs/sbom.py FILE ENGINE_VERSION

It is built, not committed: it says what the lock file says, and belongs beside what is handed out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
_ENGINE: Final = "github.com/cometbft/cometbft"


def bill_of_materials(engine_version: str) -> dict[str, Any]:
    """The document. Raises `CalledProcessError` where the lock file or the project's own description cannot be read."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
    command += ["--pyproject", "pyproject.toml", "requirements.lock"]
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - arguments of its own  # nosec B603
    bill: dict[str, Any] = json.loads(finished.stdout)
    purl = f"pkg:golang/{_ENGINE}@v{engine_version}"
    engine = {"type": "application", "name": _ENGINE, "version": f"v{engine_version}", "purl": purl, "bom-ref": purl}
    bill["components"].append(engine)
    bill["dependencies"].append({"ref": purl})
    return bill


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(bill_of_materials(sys.argv[2]), indent=2) + "\n", encoding="utf-8")
