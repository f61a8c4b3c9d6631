"""What a check comes to, and the first thing that every check of a ledger's content needs: a block's header under a signed log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ledger.verify.merkle import check_inclusion
from ledger.verify.strict_json import Invalid, encode, fields, integer, unhex

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER: Final = ("v", "network", "height", "engine_height", "time", "previous", "log_size", "log_root", "state_root", "rules")


@dataclass(frozen=True)
class Verdict:
    """`code` is None where the file holds. `proves` and `does_not_prove` are sentences; `as_of` is the height and time of the block that
    the file speaks of, None where it speaks of none; `revealed` what its revealed parts say, by name.

    For programs, the same again: `entries` are the state entries shown, `{key, value, height, time_ms}`; `records` the records,
    `{record_id, type, height, time_ms, log_index, result, signers, body}`; `parts` the verdicts on the files of a bundle, in order.
    """

    ok: bool
    code: str | None
    proves: list[str] = field(default_factory=list)
    does_not_prove: list[str] = field(default_factory=list)
    as_of: dict[str, Any] | None = None
    revealed: dict[str, Any] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    parts: list[Verdict] = field(default_factory=list)


def check_header(value: Any, proof: Any, size: int, root: bytes, network: str, *before: tuple[int, bytes]) -> dict[str, Any]:
    """The header, once it is shown to be a leaf of the log of that size and root, and with it leaves before it, by index.

    Raises `Invalid` (`header-invalid`, `inclusion-invalid`).
    """
    header = fields(value, _HEADER, "header-invalid")
    for name in ("v", "height", "engine_height", "time", "log_size", "rules"):
        integer(header[name], "header-invalid")
    for name in ("network", "previous", "log_root", "state_root"):
        unhex(header[name], 32, "header-invalid")
    if header["v"] != 1 or header["network"] != network or any(index >= header["log_size"] for index, _ in before):
        raise Invalid("header-invalid")
    check_inclusion({header["log_size"]: encode({"header": header}), **dict(before)}, size, proof, root)
    return header


def as_of(header: dict[str, Any]) -> dict[str, Any]:
    """The height and time of a block, the time in RFC 3339. Raises `Invalid` (`header-invalid`)."""
    try:
        moment = (_EPOCH + timedelta(milliseconds=header["time"])).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError as error:
        raise Invalid("header-invalid") from error
    return {"height": header["height"], "time": moment}
