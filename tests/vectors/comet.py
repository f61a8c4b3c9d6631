"""Vectors of a consortium: blocks of the engine as CometBFT itself made and signed them, and proof files under checkpoints of validators
whose keys everybody knows, good and spoilt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Final

import pytest

from ledger import canonical
from ledger.comet.commits import block_of
from ledger.proof import bundle_file, consistency_file, fork_file, record_proof, state_proof
from ledger.verify import comet_blocks, verify
from ledger.verify.comet import check_block
from ledger.verify.strict_json import Invalid
from tests.ledger.comet.consortium import FOUR, Powers, block, checkpoint, private, public, seconds, trust_file
from tests.ledger.comet.recorded import CHAIN_ID, recorded
from tests.ledger.small_ledger import START_MS
from tests.vectors.fixed import Fixed
from tests.vectors.splices import splice

Family = dict[str, Any]
HALF: Final[Powers] = {"bank-a": 10, "bank-b": 10, "x": 10, "y": 10}
NEW: Final[Powers] = {"x": 20, "y": 20, "z": 20}
_STEP: Final = 499
_HEIGHT: Final = 20


def families(fixed: Fixed) -> dict[str, Callable[[], Family]]:
    """Every family of this file, by its file's name."""
    return {"comet_blocks": blocks, "comet": lambda: proofs(fixed)}


def blocks() -> Family:
    """What a recorded network's blocks hash to by CometBFT's own word, and what its validators signed."""
    engine = recorded()
    good = []
    for height in (1, 2, engine.changed_at - 1, engine.changed_at):
        found = block_of(engine.commit(height), engine.validators(height))
        header, parts = comet_blocks.read_header(found["header"], "bad"), comet_blocks.read_parts(found["parts"], "bad")
        named = engine.commit(height)["signed_header"]["commit"]["block_id"]["hash"].lower()
        assert header.hash.hex() == named
        signed = [
            comet_blocks.vote_bytes(header, found["round"], parts, comet_blocks.read_time(each["time"], "bad")).hex()
            for each in found["signatures"]
        ]
        good.append({"name": f"height {height}", "block": found, "hash": named, "signed": signed})
    bad = [
        {"name": name, "block": found, "code": _block_code(found, code)} for name, (found, code) in _bad_blocks(good[1]["block"]).items()
    ]
    return {"chain_id": CHAIN_ID, "good": good, "bad": bad}


def _bad_blocks(good: Mapping[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    def changed(*way: Any) -> dict[str, Any]:
        *steps, last, new = way
        found = deepcopy(dict(good))
        place: Any = found
        for step in steps:
            place = place[step]
        place[last] = new
        return found

    votes, validators = good["signatures"], good["validators"]
    return {
        "a vote less": (changed("signatures", votes[1:]), "not-enough-power"),
        "no vote": (changed("signatures", []), "not-enough-power"),
        "a vote twice": (changed("signatures", [votes[0], votes[0], votes[1]]), "commit-invalid"),
        "votes in another order": (changed("signatures", votes[::-1]), "commit-invalid"),
        "signatures swapped": (
            changed(
                "signatures", [{**votes[0], "signature": votes[1]["signature"]}, {**votes[1], "signature": votes[0]["signature"]}, votes[2]]
            ),
            "commit-invalid",
        ),
        "a vote by another": (changed("signatures", 2, "validator", 3), "commit-invalid"),
        "a vote by nobody": (changed("signatures", 2, "validator", 4), "validator-unknown"),
        "another time of a vote": (changed("signatures", 0, "time", "nanos", votes[0]["time"]["nanos"] ^ 1), "commit-invalid"),
        "another round": (changed("round", good["round"] + 1), "commit-invalid"),
        "another number of parts": (changed("parts", "total", good["parts"]["total"] + 1), "commit-invalid"),
        "another height": (changed("header", "height", good["header"]["height"] + 1), "commit-invalid"),
        "another app hash": (changed("header", "app_hash", "01" + good["header"]["app_hash"][2:]), "commit-invalid"),
        "a longer app hash": (changed("header", "app_hash", good["header"]["app_hash"] + "00"), "commit-invalid"),
        "another version": (changed("header", "version", "app", good["header"]["version"]["app"] + 1), "commit-invalid"),
        "other next validators": (changed("header", "next_validators_hash", "00" * 32), "commit-invalid"),
        "no block before": (changed("header", "last_block_id", None), "commit-invalid"),
        "another chain": (changed("header", "chain_id", "tallystick-other"), "wrong-network"),
        "a validator less": (changed("validators", validators[:3]), "validators-invalid"),
        "validators in another order": (changed("validators", validators[::-1]), "validators-invalid"),
        "more power": (changed("validators", 0, "power", validators[0]["power"] + 1), "validators-invalid"),
        "a validator twice": (changed("validators", [*validators[:3], validators[0]]), "bad-checkpoint"),
        "a validator without power": (changed("validators", 3, "power", 0), "bad-checkpoint"),
        "a signature in upper case": (changed("signatures", 0, "signature", votes[0]["signature"].upper()), "bad-checkpoint"),
        "a second too late for a date": (changed("header", "time", {"seconds": 253_402_300_800, "nanos": 0}), "bad-checkpoint"),
        "nanoseconds that are a second": (changed("header", "time", "nanos", 1_000_000_000), "bad-checkpoint"),
        "a round of too many bits": (changed("round", 2**31), "bad-checkpoint"),
        "a field more": (changed("more", 1), "bad-checkpoint"),
    }


# Under which trust files, beside that of the four, a document is to hold.
_MORE_TRUSTS: Final = {
    "state": ["four, of that height", "four, to the millisecond", "half of them", "four, a moment longer before"],
    "state, by some whom the trust file knows": ["four, half a day before"],
}


def trusts(network: str) -> dict[str, bytes]:
    """Trust files by name: in four validators, all of one power."""
    at_ms = seconds(_HEIGHT) * 1000 + 123
    return {
        "four": trust_file(network),
        "four, of that height": trust_file(network, height=_HEIGHT),
        "four, later": trust_file(network, height=_HEIGHT + 1),
        "four, of a later time": trust_file(network, time=at_ms + 1),
        "four, to the millisecond": trust_file(network, max_age_s=(at_ms - START_MS) // 1000 + 1),
        "four, too old": trust_file(network, max_age_s=(at_ms - START_MS) // 1000),
        "four of other power": trust_file(network, {**FOUR, "bank-a": 11}),
        "half of them": trust_file(network, HALF),
        "four, half a day before": trust_file(network, time=at_ms - 43_200_000),
        "four, a moment longer before": trust_file(network, time=at_ms - 43_200_001),
        "others": trust_file(network, NEW),
        "another network": trust_file("ab" * 32),
    }


def bad_trusts(network: str) -> dict[str, bytes]:
    """Trust files by name that trust nobody."""
    validators = canonical.decode(trust_file(network))["validators"]
    changes: dict[str, dict[str, Any]] = {
        "no validators": {"validators": []},
        "a validator twice": {"validators": [*validators, validators[0]]},
        "a validator without power": {"validators": [{**validators[0], "power": 0}]},
        "a validator of too much power": {"validators": [{**validators[0], "power": 10**12 + 1}]},
        "a validator whose name has a space": {"validators": [{**validators[0], "name": "a b"}]},
        "a validator's short key": {"validators": [{**validators[0], "public": "00"}]},
        "height 0": {"height": 0},
        "a time beyond dates": {"time": 253_402_300_800_000},
        "a greater age": {"max_age_s": 10_000_000_001},
        "no age": {"max_age_s": None},
        "another version": {"v": 2},
        "a network that is none": {"network": "x"},
        "fields of an operator": {"operators": []},
    }
    return {name: trust_file(network, **change) for name, change in changes.items()}


def documents(fixed: Fixed) -> dict[str, bytes]:
    """Proof files of every kind by name."""
    network = fixed.network
    with fixed.one.store.reading() as reader, fixed.other.store.reading() as elsewhere:
        plain = checkpoint(reader, height=_HEIGHT, by=["bank-a", "bank-b", "port"])
        step = block(network, _HEIGHT - 1, bytes(32), next_powers=NEW)
        third = checkpoint(reader, height=_HEIGHT, powers=HALF, by=["bank-a", "bank-b", "x"])
        led = checkpoint(reader, height=_HEIGHT, powers=NEW, steps=[step])
        far = checkpoint(
            reader, height=_HEIGHT, powers=NEW, steps=[block(network, 5, bytes(32), HALF), block(network, 9, bytes(32), {**HALF, **NEW})]
        )
        sides = [_bare(checkpoint(found, height=_HEIGHT, by=by)) for found, by in ((reader, list(FOUR)), (elsewhere, list(FOUR)[1:]))]
        made = {
            "record": record_proof(reader, fixed.ids["two"], note=plain),
            "state": state_proof(reader, "note/a", note=plain),
            "state, absent": state_proof(reader, "note/nothing", note=plain),
            "state, in another round": state_proof(reader, "note/a", note=checkpoint(reader, height=_HEIGHT, round_=300)),
            "state, by some whom the trust file knows": state_proof(reader, "note/a", note=third),
            "state, led by a step": state_proof(reader, "note/a", note=led),
            "state, led by two": state_proof(reader, "note/a", note=far),
            "consistency": consistency_file(reader, checkpoint(reader, 1), plain),
            "fork, of one engine height": fork_file(*sides),
            "fork, of one ledger height": fork_file(_side(reader, 2, _HEIGHT), _side(elsewhere, 2, _HEIGHT + 1)),
        }
        made["bundle"] = bundle_file(network, [made["state"], made["record"]])
    return made


def proofs(fixed: Fixed) -> Family:
    """Proof files: the whole verdict on the good ones, the code of the bad ones."""
    files, found = trusts(fixed.network), documents(fixed)
    good = []
    for name, document in found.items():
        for which in ["four", *_MORE_TRUSTS.get(name, [])]:
            verdict = verify(document, files[which])
            assert verdict.ok, (name, which, verdict.code)
            good.append({"name": f"{name}, trust: {which}", "document": name, "trust": which, "verdict": asdict(verdict)})
    bad = [
        {"name": f"state, trust: {which}", "document": "state", "trust": which, "code": _code(found["state"], files[which], code)}
        for which, code in (
            ("four, later", "before-trust"),
            ("four, of a later time", "before-trust"),
            ("four, too old", "trust-too-old"),
            ("others", "validators-not-trusted"),
            ("another network", "wrong-network"),
        )
    ]
    name, which = "state, by some whom the trust file knows", "four, a moment longer before"
    code = _code(found[name], files[which], "validators-not-trusted")
    bad.append({"name": f"{name}, trust: {which}", "document": name, "trust": which, "code": code})
    for name, data in bad_trusts(fixed.network).items():
        files[name] = data
        bad.append({"name": f"state, trust: {name}", "document": "state", "trust": name, "code": _code(found["state"], data, "bad-trust")})
    bad += [
        {"name": name, "document": of, "trust": "four", **splice(found[of], changed), "code": _code(changed, files["four"], code)}
        for name, (of, changed, code) in _spoilt(fixed, found).items()
    ]
    bad += [each for name, document in found.items() for each in _single_bytes(name, document, files["four"])]
    texts = {"trusts": files, "documents": found}
    return {**{name: {key: data.decode() for key, data in each.items()} for name, each in texts.items()}, "good": good, "bad": bad}


def _spoilt(fixed: Fixed, found: Mapping[str, bytes]) -> dict[str, tuple[str, bytes, str]]:
    """By name: the document that it comes from, the spoilt one, and the code."""
    network = fixed.network
    with fixed.one.store.reading() as reader:
        size, head, earlier = reader.head.log_size + 1, reader.head, reader.header(2)
        assert earlier is not None
        root, note = reader.log_root(size), reader.checkpoint()
        above = [each.hex() for each in reader.inclusion_proof(earlier.log_size, size)]
        own = [each.hex() for each in reader.inclusion_proof(earlier.log_size, earlier.log_size + 1)]

    def blocked(**changes: Any) -> dict[str, Any]:
        return {"block": block(network, **{"height": _HEIGHT, "root": root, **changes})}

    later, other_chain = blocked(height=_HEIGHT + 1), "tallystick-" + "cd" * 16
    state: dict[str, tuple[dict[str, Any], str]] = {
        "another chain": (blocked(chain_id=other_chain), "wrong-network"),
        "votes for another chain": (blocked(signed={"chain_id": other_chain}), "commit-invalid"),
        "half of the power": (blocked(by=["bank-a", "bank-b"]), "not-enough-power"),
        "two thirds of the power": (blocked(powers={"bank-a": 1, "bank-b": 1, "port": 1}, by=["bank-a", "port"]), "not-enough-power"),
        "votes for another height": (blocked(signed={"height": _HEIGHT + 1}), "commit-invalid"),
        "votes for another root": (blocked(signed={"app_hash": "00" * 32}), "commit-invalid"),
        "votes for no block": ({"block": _nil_votes(blocked()["block"])}, "commit-invalid"),
        "another root": (blocked(root=bytes(32)), "inclusion-invalid"),
        "a shorter root": (blocked(root=root[:31]), "inclusion-invalid"),
        "other validators": (blocked(powers=NEW), "validators-not-trusted"),
        "a quarter of those who are known": (blocked(powers=HALF, by=["bank-a", "x", "y"]), "validators-not-trusted"),
        "validators of another hash": (blocked(validators_hash="00" * 32), "validators-invalid"),
        "a step of later height": ({"steps": [later["block"]]}, "steps-invalid"),
        "a step of the same block": ({"steps": [blocked()["block"]]}, "steps-invalid"),
        "a step of later time": ({"steps": [block(network, 9, bytes(32), time={"seconds": seconds(99), "nanos": 0})]}, "steps-invalid"),
        "a step that too few signed": ({"steps": [block(network, 9, bytes(32), by=["port"])]}, "not-enough-power"),
        "a step before the trusted time": (
            {"steps": [block(network, 1, bytes(32), time={"seconds": START_MS // 1000 - 1, "nanos": 999_999_999})]},
            "before-trust",
        ),
        "another block's header": ({"header": earlier.to_json(), "inclusion": above}, "inclusion-invalid"),
        "another block's header, as of its own log": ({"header": earlier.to_json(), "inclusion": own}, "inclusion-invalid"),
        "a larger size": ({"header": {**head.to_json(), "log_size": size}}, "inclusion-invalid"),
        "a smaller size": ({"header": {**head.to_json(), "log_size": size - 2}}, "inclusion-invalid"),
        "no path": ({"inclusion": []}, "inclusion-invalid"),
        "no header": ({"header": None}, "header-invalid"),
        "a field more": ({"size": size}, "bad-checkpoint"),
    }
    made = {f"state: {name}": ("state", _with(found["state"], change), code) for name, (change, code) in state.items()}
    led: dict[str, tuple[dict[str, Any], str]] = {
        "the step left out": ({"steps": []}, "validators-not-trusted"),
        "the step names others": ({"steps": [block(network, _HEIGHT - 1, bytes(32), next_powers=HALF)]}, "validators-not-trusted"),
        "the step names them for another height": (
            {"steps": [block(network, _HEIGHT - 2, bytes(32), next_powers=NEW)]},
            "validators-not-trusted",
        ),
        "the step is by others": ({"steps": [block(network, _HEIGHT - 1, bytes(32), {"z": 1}, next_powers=NEW)]}, "validators-not-trusted"),
    }
    of = "state, led by a step"
    made |= {f"{of}: {name}": (of, _with(found[of], change), code) for name, (change, code) in led.items()}
    value = canonical.decode(found["state"])
    made["state: an operator's note"] = ("state", canonical.encode({**value, "checkpoint": note}), "bad-checkpoint")
    value = canonical.decode(found["consistency"])
    made["consistency: the other way round"] = (
        "consistency",
        canonical.encode({**value, "first": value["second"], "second": value["first"]}),
        "consistency-invalid",
    )
    value = canonical.decode(found["fork, of one engine height"])
    for name, second in (
        ("the same twice", value["first"]),
        ("another height", {**value["first"], "checkpoint": {**value["first"]["checkpoint"], **later}}),
    ):
        of = "fork, of one engine height"
        made[f"{of}: {name}"] = (of, canonical.encode({**value, "second": second}), "no-fork")
    return made


def _with(document: bytes, change: Mapping[str, Any]) -> bytes:
    value = canonical.decode(document)
    return canonical.encode({**value, "checkpoint": {**value["checkpoint"], **change}})


def _nil_votes(signed: dict[str, Any]) -> dict[str, Any]:
    """The block with votes that its round was to end without a block."""
    header = comet_blocks.read_header(signed["header"], "bad")
    by_public = {public(name): private(name) for name in FOUR}
    votes: list[dict[str, Any]] = []
    for vote in signed["signatures"]:
        time = comet_blocks._data(5, comet_blocks._timestamp(comet_blocks.read_time(vote["time"], "bad")))
        nil = comet_blocks._number(1, 2) + comet_blocks._fixed(2, header.height) + time + comet_blocks._data(6, header.chain_id.encode())
        by = by_public[signed["validators"][vote["validator"]]["public"]]
        votes.append({**vote, "signature": by.sign(bytes([len(nil)]) + nil).hex()})
    return {**signed, "signatures": votes}


def _single_bytes(name: str, document: bytes, believed: bytes) -> list[Family]:
    """One bit of one byte changed, at places all over the document: none of them may hold."""
    made = []
    for at in range(len(name) % _STEP, len(document), _STEP):
        changed = document[:at] + bytes([document[at] ^ 1]) + document[at + 1 :]
        verdict = verify(changed, believed)
        assert not verdict.ok, (name, at, changed[at - 20 : at + 20])
        made.append({"name": f"{name}: byte {at}", "document": name, "trust": "four", **splice(document, changed), "code": verdict.code})
    return made


def _side(reader: Any, height: int, engine_height: int) -> dict[str, Any]:
    header = reader.header(height)
    path = reader.inclusion_proof(header.log_size, reader.head.log_size + 1)
    below = {"header": header.to_json(), "inclusion": [each.hex() for each in path]}
    return {**below, "checkpoint": checkpoint(reader, height=engine_height)}


def _bare(text: str) -> dict[str, Any]:
    return {"checkpoint": text, "header": None, "inclusion": None}


def _code(document: bytes, believed: bytes, code: str) -> str:
    found = verify(document, believed).code
    assert found == code, (found, code, document[-200:])
    return code


def _block_code(found: Any, code: str) -> str:
    with pytest.raises(Invalid, match=f"^{code}$"):
        check_block(found, CHAIN_ID)
    return code
