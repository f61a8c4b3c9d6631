"""How large are proof files on a ledger of a million records, and how long does it take to make one?

    python -m loadtest.proof_size --records 1000000 --out loadtest/results/proof-size.json

The ledger is made by the real execution and the real store: whole lives of financings, block after block, in a SQLite file. So that it
takes minutes and not hours, the many are not signed (64 zero bytes, which nobody checks) and their sealed parts are as small as the format
allows; neither changes the proof of another record. The lives that are measured come last, are truly signed, and have sealed parts of
the demo's lengths: the verifier accepts every file that is measured. With `--ledger FILE` the ledger is kept there, and a ledger that was
kept there is measured again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from ledger import canonical, keyring, proof, verify
from ledger.store import LedgerStore, Reader, StoredRecord
from loadtest.import_memory import machine
from loadtest.lifecycle import OPERATOR, Lives

_STARTS: Final = 200
_MEASURED_STARTS: Final = 2
_TURNS: Final = 5

_SAMPLE: Final = 1_000

Make = Callable[[Reader], bytes]


@dataclass(frozen=True, slots=True)
class Measured:
    """Files of one kind. `bytes_max` is the size of the largest, `content_bytes` of the leaf or entry in it; times are medians of making a
    file in a reading of its own, in milliseconds: of the processor, and on the wall.
    """

    what: str
    files: int
    bytes_max: int
    content_bytes: int
    cpu_ms: float
    wall_ms: float


@dataclass(frozen=True, slots=True)
class Around:
    """What files of records have beside the record's own leaf, by how many signed it: of records all over the ledger."""

    signers: int
    files: int
    bytes_max: int
    bytes_median: int


def make_ledger(store: LedgerStore, count: int) -> None:
    """A ledger of at least so many records, and some more that are signed."""
    lives = Lives(_STARTS, sealed=0, signs=False)
    lives.fill(store, count)
    lives.starts = 0
    while lives.go_on(store):
        pass
    lives.starts, lives.sealed, lives.signs = _MEASURED_STARTS, 1, True
    lives.go_on(store)
    lives.starts = 0
    while lives.go_on(store):
        pass


def signed_records(reader: Reader) -> list[StoredRecord]:
    """Those that `make_ledger` signed: a few for each of the last blocks."""
    height = reader.head.height
    found: list[StoredRecord] = []
    while signed := [each for each in reader.records_of_block(height) if any(map(any, each.record.signatures))]:
        found, height = signed + found, height - 1
    return found


def measured(what: str, store: LedgerStore, trust: bytes, files: Sequence[tuple[int, Make]]) -> Measured:
    """Makes each file several times, and has the verifier look at it once. `files` gives the size of what is proven beside how."""
    sizes: list[tuple[int, int]] = []
    cpu_ms: list[float] = []
    wall_ms: list[float] = []
    for content_bytes, make in files:
        document = b""
        for _ in range(_TURNS):
            cpu, wall = time.process_time(), time.perf_counter()
            with store.reading() as reader:
                document = make(reader)
            cpu_ms.append(1_000 * (time.process_time() - cpu))
            wall_ms.append(1_000 * (time.perf_counter() - wall))
        verdict = verify.verify(document, trust)
        assert verdict.ok, (what, verdict.code)
        sizes.append((len(document), content_bytes))
    return Measured(what, len(files), *max(sizes), round(statistics.median(cpu_ms), 2), round(statistics.median(wall_ms), 2))


def around(store: LedgerStore) -> list[Around]:
    """It depends on where a record stands: how deep in the log, in how large a block, above how large a state."""
    found: dict[int, list[int]] = {}
    with store.reading() as reader:
        trust, last = _trust(reader.head.network), reader.head.log_size
        for number in range(_SAMPLE):
            (stored,) = reader.records(1 + last * number // _SAMPLE, 1)
            document = proof.record_proof(reader, stored.id)
            # Of the many records all but the signatures is right.
            assert verify.verify(document, trust).code in (None, "bad-signature")
            found.setdefault(len(stored.record.signers), []).append(len(document) - len(stored.leaf))
    return [Around(signers, len(sizes), max(sizes), round(statistics.median(sizes))) for signers, sizes in sorted(found.items())]


def proofs(store: LedgerStore) -> list[Measured]:
    """Of records by type, and of state entries that are there and that are not."""
    found: list[Measured] = []
    by_type: dict[str, list[tuple[int, Make]]] = {}
    entries: dict[str, list[tuple[int, Make]]] = {"declaration": [], "financing": [], "consent": [], "key": []}
    with store.reading() as reader:
        network = reader.head.network
        for stored in signed_records(reader):
            by_type.setdefault(stored.record.type, []).append((len(stored.leaf), partial(_of_record, stored.id)))
            for key in (f"declaration/{stored.record.body.get('declaration')}", f"financing/{stored.id}", f"consent/{stored.id}"):
                value = reader.state.get(key)
                if value is not None:
                    content = len(canonical.encode(value))
                    entries[key.partition("/")[0]].append((content, partial(_of_state, key)))
            key = keyring.entry_key(stored.record.signers[0])
            entries["key"].append((len(canonical.encode(reader.state.get(key))), partial(_of_state, key)))
    trust = _trust(network)
    for name, files in sorted(by_type.items()):
        found.append(measured(f"record {name}", store, trust, files))
    for name, files in entries.items():
        found.append(measured(f"state {name}/", store, trust, files))
    nothing = [(0, partial(_of_state, f"declaration/{number:064x}")) for number in range(20)]
    found.append(measured("absence of declaration/", store, trust, nothing))
    return found


def _of_record(record_id: str, reader: Reader) -> bytes:
    return proof.record_proof(reader, record_id)


def _of_state(key: str, reader: Reader) -> bytes:
    return proof.state_proof(reader, key)


def _trust(network: str) -> bytes:
    operator = {"name": OPERATOR.key.name, "public": OPERATOR.key.public.hex(), "first_size": 0, "last_size": None}
    return canonical.encode(
        {"v": 1, "network": network, "engine": "solo", "operators": [operator], "witnesses": [], "witnesses_required": 0}
    )


def measure(path: Path, count: int) -> dict[str, Any]:
    """Measures the proofs of the ledger in a file, which is made first where it is not there."""
    began, is_new = time.monotonic(), not path.exists()
    with closing(LedgerStore(f"sqlite:///{path}")) as store:
        if is_new:
            make_ledger(store, count)
        made_in_s = round(time.monotonic() - began) if is_new else None
        found, beside = proofs(store), around(store)
        with store.reading() as reader:
            head = reader.head
    leaves = head.log_size + 1
    ledger = {"records": leaves - head.height - 2, "blocks": head.height, "log_size": leaves}
    ledger["file_mib"] = round(path.stat().st_size / 2**20)
    return {
        **ledger,
        "made_in_s": made_in_s,
        "proofs": [asdict(each) for each in found],
        "around": [asdict(each) for each in beside],
        "machine": machine(),
    }


def main() -> None:
    """Print the figures, and write them where asked."""
    arguments = argparse.ArgumentParser(description="Measure proof files on a large ledger.")
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--ledger", type=Path, help="a file that keeps the ledger for the next time")
    arguments.add_argument("--out", type=Path, help="a JSON file for the figures")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        figures = measure(chosen.ledger or Path(directory) / "ledger.db", chosen.records)
    print(f"{figures['records']:,} records in {figures['blocks']:,} blocks, {figures['file_mib']:,} MiB")
    for each in figures["proofs"]:
        print(f"{each['what']:<32} {each['bytes_max']:>6,} bytes, {each['content_bytes']:>6,} of content, {each['cpu_ms']:>7.2f} ms")
    for each in figures["around"]:
        print(f"{each['files']} records of {each['signers']} signers anywhere: {each['bytes_max']:,} bytes at most beside the leaf")
    if chosen.out is not None:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
