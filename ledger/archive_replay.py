"""What an archive is worth is found out by doing everything again: from the genesis document on, every record is admitted, every rule run,
and every line must be, to the byte, what follows from the lines before it. Nothing is believed but signatures, times and order.

The same replay checks an archive and fills a new replica with it. Its memory is that of the ledger's state, whatever the file's length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from ledger import canonical
from ledger.archive import FORMAT_VERSION, KIND, Progress, block_line
from ledger.archive_lines import damaged, lines_of
from ledger.checkpoint import Checkpoint
from ledger.checkpoint_text import embedded
from ledger.clock import rfc3339
from ledger.errors import InputError, TallystickError, VerificationFailed
from ledger.execution import Accepted, Block, Execution, in_order
from ledger.header import Header, network_of
from ledger.limits import BLOCK_RECORDS_MAX, INTEGER_MAX
from ledger.log_operator import checkpoint_of
from ledger.memory_chain import MemoryChain
from ledger.rules import Rulebook
from ledger.store import LedgerStore
from ledger.verify import Verdict
from ledger.verify.engines import Log, read_trust
from ledger.verify.strict_json import Invalid
from ledger.vouching import voucher_of

_OPENING = {"v", "kind", "network", "genesis", "height", "records", "checkpoint"}
_BLOCK = {"checkpoint", "header", "records"}
OnBlock = Callable[[Execution, str | None], None]


@dataclass(frozen=True, slots=True)
class Opening:
    """The first line of an archive: what it says of itself. Only its genesis document is known to be the network's."""

    network: str
    genesis: dict[str, Any]
    height: int
    records: int
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """An archive that holds. `last` is the header of its last block, `refused` counts records whose result is not `ok`."""

    opening: Opening
    last: Header
    refused: int


@dataclass(frozen=True)
class ArchiveVerdict(Verdict):
    """`first_bad_height`: of an archive that does not hold, the height of the first block that does not, or is not there or not readable;
    None where it is the first line, or what it says of the whole.
    """

    first_bad_height: int | None = None


def read_opening(file: BinaryIO) -> Opening:
    """The first line alone. Raises as `replay`."""
    return _opening(lines_of(file))


def replay(file: BinaryIO, rulebook: Rulebook, on_block: OnBlock, on_progress: Progress | None = None) -> Replayed:
    """Replays a whole archive; `on_block` is given each block from height 0 on, with its note, as soon as it is shown to hold. What it did
    counts only once this function returns.

    Raises `VerificationFailed` (`archive-damaged`, `archive-cut`, `archive-surplus`, `block-missing`, `wrong-network`, `header-differs`,
    `record-differs`, `record-not-admissible`, `checkpoint-differs`), `InputError` (`oversize`, `malformed`, `unknown-version`,
    `bad-genesis`, `bad-note`, and those of `canonical.decode`), `Refused` (`rules-missing`).
    """
    lines = lines_of(file)
    opening = _opening(lines)
    walk = _Walk(MemoryChain(opening.genesis, rulebook), opening)
    on_block(walk.chain.begun, None)
    for height in range(1, opening.height + 1):
        line = next(lines, None)
        if line is None:
            raise VerificationFailed("archive-cut", f"the archive ends before height {height}, and says that it has {opening.height}")
        on_block(*walk.block(line))
        if on_progress is not None:
            on_progress(height, opening.height)
    if next(lines, None) is not None:
        raise VerificationFailed("archive-surplus", "the archive goes on after the last block that it speaks of")
    walk.check_end()
    return Replayed(opening, walk.chain.head, walk.refused)


def check_trust(opening: Opening, trust: bytes) -> Log:
    """The log that an archive says it holds, if somebody vouches for it whom a trust file's bytes name.

    Raises `VerificationFailed` with the code of `ledger.verify`, for instance `wrong-network` or `witnesses-missing`.
    """
    try:
        return read_trust(trust).log(embedded(opening.checkpoint))
    except Invalid as invalid:
        message = "the archive does not hold under the trust file"
        raise VerificationFailed(invalid.code, message, hint="compare the network, the operator and the witnesses") from invalid


def verify_archive(file: BinaryIO, trust: bytes, rulebook: Rulebook, on_progress: Progress | None = None) -> ArchiveVerdict:
    """The verdict on an archive under a trust file's bytes. Whoever made the file, the answer is a verdict and never an exception."""
    blocks: range | None = None

    def held(_execution: Execution, _note: str | None) -> None:
        nonlocal blocks
        blocks = range(1, opening.height + 1) if blocks is None else blocks[1:]

    try:
        opening = read_opening(file)
        log = check_trust(opening, trust)
        file.seek(0)
        return _verdict(replay(file, rulebook, held, on_progress), log)
    except TallystickError as error:
        return ArchiveVerdict(ok=False, code=error.code, first_bad_height=blocks[0] if blocks else None)


def fill(store: LedgerStore, file: BinaryIO, rulebook: Rulebook, on_progress: Progress | None = None) -> Replayed:
    """Fills an empty replica with an archive, in one transaction: all of it, or nothing where anything does not hold.

    Raises as `replay`.
    """
    with store.writing() as connection:
        return replay(file, rulebook, lambda execution, note: store.commit(connection, execution, note), on_progress)


class _Walk:
    """The replay, block by block."""

    def __init__(self, chain: MemoryChain, opening: Opening) -> None:
        self.chain = chain
        self.refused = 0
        self._opening = opening
        self._voucher = voucher_of(opening.genesis)
        self._end: Checkpoint = checkpoint_of(chain.begun)
        self._records = 0

    def block(self, line: bytes) -> tuple[Execution, str | None]:
        """Executes the block of a line, and compares the line with what came of it."""
        value = _object(line, _BLOCK)
        header, note, transactions = Header.from_json(value["header"]), value["checkpoint"], _transactions(value["records"])
        # Who had to sign a block follows from the state before it.
        fits = type(note) is not str or self._voucher.fits(note, header, self.chain.state)
        execution = self._execute(header, transactions)
        if execution.header is None or execution.header != header:
            raise VerificationFailed("header-differs", f"the header of height {header.height} is not what the replay gives")
        unsigned = note is None and not self._voucher.seals_each_block
        if not (unsigned or type(note) is str) or block_line(execution.header, execution.leaves[:-1], note) != line:
            raise VerificationFailed("record-differs", f"a result or signature at height {header.height} is not what the replay gives")
        self._end = checkpoint_of(execution)
        if not unsigned and self._voucher.read(note) != self._end:
            raise VerificationFailed("checkpoint-differs", f"what was signed is another log than that of height {header.height}")
        if not unsigned and (not fits or self._voucher.kept(note) != note):
            raise VerificationFailed("checkpoint-differs", f"the checkpoint of height {header.height} is not by those who had to sign it")
        self._records += len(transactions)
        self.refused += sum(isinstance(each, Accepted) and each.result["code"] != "ok" for each in execution.outcomes)
        return execution, note

    def check_end(self) -> None:
        """What the first line says of the whole must be true."""
        opening = self._opening
        if opening.records != self._records:
            raise VerificationFailed("record-differs", f"the archive says that it has {opening.records} records, and has {self._records}")
        if self._voucher.read(opening.checkpoint) != self._end:
            raise VerificationFailed("checkpoint-differs", "the checkpoint of the archive is not that of its last block")

    def _execute(self, header: Header, transactions: list[bytes]) -> Execution:
        head = self.chain.head
        if header.height != head.height + 1:
            raise VerificationFailed("block-missing", f"after height {head.height} comes a block that says it has height {header.height}")
        if header.previous != head.hash:
            raise VerificationFailed("header-differs", f"the block of height {header.height} does not follow the one before it")
        block = Block(header.engine_height, header.time_ms, transactions)
        if not in_order(head, block):
            raise VerificationFailed("header-differs", f"the time or engine height of height {header.height} does not follow")
        execution = self.chain.run(block)
        if execution.header is None or not all(isinstance(outcome, Accepted) for outcome in execution.outcomes):
            raise VerificationFailed("record-not-admissible", f"the rules do not admit every record of height {header.height}")
        return execution


def _opening(lines: Iterator[bytes]) -> Opening:
    line = next(lines, None)
    if line is None:
        raise damaged()
    value = canonical.decode(line)
    if not isinstance(value, dict) or value.get("kind") != KIND:
        raise _malformed()
    if type(value.get("v")) is not int or value["v"] != FORMAT_VERSION:
        raise InputError("unknown-version", "this archive has a format that this program does not know", hint="use a newer program")
    counts = [value.get("height"), value.get("records")]
    typed = value.keys() == _OPENING and type(value["genesis"]) is dict and type(value["checkpoint"]) is str
    if not typed or not all(type(n) is int and 0 < n <= INTEGER_MAX for n in counts):
        raise _malformed()
    if network_of(value["genesis"]) != value["network"]:
        raise VerificationFailed("wrong-network", "the archive's genesis document is not that of the network that it names")
    return Opening(value["network"], value["genesis"], value["height"], value["records"], value["checkpoint"])


def _object(line: bytes, names: set[str]) -> dict[str, Any]:
    """A line as an object; that it is canonical shows when it is compared with what was made again."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError("not-json", "a line of the archive is not JSON in UTF-8") from error
    if not isinstance(value, dict) or value.keys() != names:
        raise _malformed()
    return value


def _transactions(values: Any) -> list[bytes]:
    if not isinstance(values, list) or not 0 < len(values) <= BLOCK_RECORDS_MAX:
        raise _malformed()
    try:
        return [canonical.encode({"record": each["record"], "signatures": each["signatures"]}) for each in values]
    except (KeyError, TypeError) as error:
        raise _malformed() from error


def _malformed() -> InputError:
    return InputError("malformed", "a line of the archive does not have the fields of the format")


def _verdict(found: Replayed, log: Log) -> ArchiveVerdict:
    opening, last = found.opening, found.last
    try:
        time = rfc3339(last.time_ms)
    except (OverflowError, ValueError) as error:
        raise VerificationFailed("header-differs", "the time of the last block is none that a calendar has") from error
    vouched, open_about_witnesses = log.said()
    proves = [
        f"this is the whole ledger {opening.network} to block {opening.height}: {opening.records} records, none missing, changed or added",
        f"every record was signed by keys that were alive at its place ({found.refused} were refused by the rules, as recorded)",
        "every result, state and block follows from the genesis document by the rules, which were run again here",
        *([f"the {log.who} signed the log at its end, and after every block"] if log.single else []),
        *vouched,
    ]
    leaves_open = [
        "that what the records say is true outside the ledger",
        f"that no block was made after block {opening.height}",
        "anything about what is sealed in the records: an archive opens nothing",
        *open_about_witnesses,
    ]
    return ArchiveVerdict(ok=True, code=None, proves=proves, does_not_prove=leaves_open, as_of={"height": last.height, "time": time})
