"""What two checkpoints prove together: that one log continues the other, or that whoever signed them lied."""

from __future__ import annotations

from typing import Any

from ledger.verify.blocks import Verdict, check_header
from ledger.verify.engines import Trust
from ledger.verify.merkle import check_consistency
from ledger.verify.strict_json import Invalid, fields, unhex


def consistency(value: Any, trust: Trust) -> Verdict:
    """The verdict on a file of the kind `consistency`: nothing of the first log was changed or removed in the second."""
    file = fields(value, ("v", "kind", "network", "first", "second", "proof"))
    first, second = trust.log(file["first"]), trust.log(file["second"])
    check_consistency(first.size, first.root, second.size, second.root, file["proof"])
    proves = [f"the log of {second.size} leaves begins with the log of {first.size} leaves: none of those was changed or removed"]
    leaves_open = ["what the records of the log say"]
    for log in (first, second):
        proven, unproven = log.said()
        proves, leaves_open = proves + proven, leaves_open + unproven
    return Verdict(True, None, list(dict.fromkeys(proves)), list(dict.fromkeys(leaves_open)))


def fork(value: Any, trust: Trust) -> Verdict:
    """The verdict on a file of the kind `fork`: two logs were signed of which neither continues the other.

    Shown by two blocks of one height, by two roots of the shorter log: its own, and the one that it has in the longer; or by the two
    checkpoints alone. No witness is asked for: the signature of whoever signed both is what speaks against it.
    """
    file = fields(value, ("v", "kind", "network", "first", "second", "beginning"))
    sides = [fields(file[name], ("checkpoint", "header", "inclusion")) for name in ("first", "second")]
    logs = [trust.log(side["checkpoint"], accused=True) for side in sides]
    if file["beginning"] is None and sides[0]["header"] is not None:
        pairs = zip(sides, logs, strict=True)
        blocks = [check_header(side["header"], side["inclusion"], log.size, log.root, trust.network) for side, log in pairs]
        shown = blocks[0]["height"] == blocks[1]["height"] and blocks[0] != blocks[1]
        what = f"with different blocks of height {blocks[0]['height']}" if shown else None
    else:
        if any(side["header"] is not None or side["inclusion"] is not None for side in sides):
            raise Invalid("malformed")
        if file["beginning"] is None:
            what = logs[0].conflict(logs[1])
        else:
            beginning = fields(file["beginning"], ("root", "proof"))
            root = unhex(beginning["root"], 32)
            check_consistency(logs[0].size, root, logs[1].size, logs[1].root, beginning["proof"])
            what = f"with different first {logs[0].size} leaves" if root != logs[0].root else None
    if what is None:
        raise Invalid("no-fork")
    who = list(dict.fromkeys(log.who for log in logs))
    leaves_open = ["which of the two histories is the right one, or why there are two"]
    if len(who) > 1 or not logs[0].single:
        # After a handover of keys both are named by the trust file, and one of them may have signed nothing wrong.
        leaves_open.append(logs[0].doubt)
    signed = "signed" if len(who) == 1 else "signed one each of"
    sizes = f"one of {logs[0].size} leaves and one of {logs[1].size}"
    return Verdict(True, None, [f"{' and '.join(who)} {signed} two histories, {sizes}, {what}"], leaves_open)
