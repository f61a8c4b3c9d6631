"""What proven entries mean in the words of trade finance: from a verdict of `ledger.verify` to sentences, and figures for programs.

The neutral verifier knows entries and records; here is what they are about. Nothing of the contracts' own code is used, so that what a
declaration has available is computed a second time, from the entry that was proven and the time of its block:

    ceiling   = floor(ceiling_ppm * max(0, capacity - collected) / 1,000,000)
    available = max(0, ceiling - drawn - lost - committed - holds that end after the block), and 0 of a declaration that is void, replaced,
                frozen or past its last month
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ledger.verify import Verdict

WHOLE: Final = 1_000_000
NOT_TWO_DIGITS: Final = {"BHD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "VND": 0}
"""Currencies that a declaration may be in and whose minor unit (ISO 4217) is not a hundredth."""

_KEY: Final = re.compile(r"(declaration|consent|financing)/([0-9a-f]{64})\Z")
_CURRENCY: Final = re.compile(r"[A-Z]{3}\Z")
_COUNTS: Final = ("ceiling_ppm", "until", "capacity", "collected", "drawn", "lost")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Reading:
    """`proves` and `does_not_prove` are sentences that stand beside the verdict's own. `declarations` are the figures behind them:
    `{declaration, height, time, status, available_ppm, financed, registered, available, registered_by}`, amounts as
    `{currency, value}` or None where no registration is revealed, all but the first three None where there is no such declaration.
    """

    proves: list[str] = field(default_factory=list)
    does_not_prove: list[str] = field(default_factory=list)
    declarations: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Registered:
    """What the registrar's own words say of a declaration, and whether the ledger was shown to name that member the registrar."""

    number: str
    currency: str
    amount_minor: int
    member: str
    is_registrar: bool


def read(verdict: Verdict) -> Reading:
    """What a verdict says in the words of the trade; nothing where it does not hold, or is about nothing of the trade. Never raises."""
    said = Reading()
    for entry in verdict.entries:
        found = _KEY.match(entry["key"])
        if found is None:
            continue
        kind, wanted = found.groups()
        if entry["value"] is None:
            _absent(said, kind, wanted, entry)
        elif kind == "declaration":
            _declaration(said, wanted, entry, _registered(verdict, wanted))
        else:
            _other(said, kind, wanted, entry)
    return said


def _absent(said: Reading, kind: str, wanted: str, entry: dict[str, Any]) -> None:
    said.proves.append(f"there was no {kind} {wanted} as of {_moment(entry)}")
    if kind == "declaration":
        said.does_not_prove.append("which customs number that id stands for: only holders of the registry's key can tell")
        nothing = dict.fromkeys(("status", "available_ppm", "financed", "registered", "available", "registered_by"))
        said.declarations.append({"declaration": wanted, **_as_of(entry), **nothing})


def _declaration(said: Reading, wanted: str, entry: dict[str, Any], registered: _Registered | None) -> None:
    value, now_ms = entry["value"], entry["time_ms"]
    shares = _shares(value, now_ms)
    if shares is None:
        return
    name, when = f"declaration {wanted}", _moment(entry)
    status, why = _status(value, now_ms)
    available = 0 if why else max(0, value["ceiling_ppm"] * max(0, value["capacity"] - value["collected"]) // WHOLE - sum(shares.values()))
    said.proves.append(f"{name} was {status} as of {when}")
    said.proves.append(
        f"{name} had {available} parts per million of its registered amount available{why and f', being {why}'}, as of {when}"
    )
    used = [f"{share} {word}" for word, share in shares.items() if share > 0]
    if used:
        said.does_not_prove.append(f"that {name} is not financed: of its parts per million there are {', '.join(used)}")
    elif value["replaced_by"] is not None:
        said.does_not_prove.append(f"that {name} is not financed: what used it went to the declaration that replaces it")
    else:
        said.proves.append(f"{name} was not financed as of {when}: nothing drawn, nothing committed, nothing lost, and no hold alive")
        said.does_not_prove.append(f"that {name} was never financed before: what was repaid or let go is not in its entry any more")
    figures = {"status": status, "available_ppm": available, "financed": bool(used) if value["replaced_by"] is None else None}
    money = _in_money(said, name, when, available, registered)
    said.declarations.append({"declaration": wanted, **_as_of(entry), **figures, **money})


def _in_money(said: Reading, name: str, when: str, available_ppm: int, registered: _Registered | None) -> dict[str, Any]:
    if registered is None:
        said.does_not_prove.append(f"what the shares of {name} are in money: no registration of it by a member is revealed here")
        return {"registered": None, "available": None, "registered_by": None}
    amounts = {"registered": registered.amount_minor, "available": registered.amount_minor * available_ppm // WHOLE}
    money = {what: {"currency": registered.currency, "value": _plain(minor, registered.currency)} for what, minor in amounts.items()}
    by = f"member {registered.member!a}" + (", the registrar of this network" if registered.is_registrar else "")
    whole, left = (f"{each['currency']} {each['value']}" for each in money.values())
    said.proves.append(f"{name} has the customs number {registered.number!a} and was registered with {whole}, in words signed by {by}")
    said.proves.append(f"{left} of that were available as of {when}")
    said.does_not_prove.append(f"that the customs declaration {registered.number!a} is true: it is the word of {by}")
    if not registered.is_registrar:
        said.does_not_prove.append(f"that {by} was the registrar: the state entry 'registrar' of its block is not shown")
    return {**money, "registered_by": registered.member}


def _other(said: Reading, kind: str, wanted: str, entry: dict[str, Any]) -> None:
    """Consents and financings, as far as their public entries say anything to people."""
    value = entry["value"] if isinstance(entry["value"], dict) else {}
    if kind == "financing" and isinstance(value.get("state"), str) and isinstance(value.get("bank"), str):
        until = value.get("hold_until")
        lapsed = value["state"] in ("APPLIED", "IN_REVIEW") and type(until) is int and entry["time_ms"] >= until
        state = "EXPIRED" if lapsed else value["state"]
        said.proves.append(f"financing {wanted} of member {value['bank']!a} was {state!a} as of {_moment(entry)}")
    if kind == "consent" and type(value.get("revoked")) is bool and type(value.get("not_after")) is int:
        ended = "revoked" if value["revoked"] else "past its end" if entry["time_ms"] >= value["not_after"] else "not revoked"
        said.proves.append(f"consent {wanted} was {ended} as of {_moment(entry)}")


def _shares(value: Any, now_ms: int) -> dict[str, int] | None:
    """What uses a declaration, by how; None for an entry that is not of the form that this reading knows."""
    if not isinstance(value, dict) or not all(type(value.get(name)) is int for name in _COUNTS):
        return None
    holds, committed, frozen = (value.get(name) for name in ("holds", "committed", "frozen"))
    if not isinstance(holds, list) or not isinstance(committed, list) or not isinstance(frozen, list):
        return None
    void, successor = value.get("void", 0), value.get("replaced_by", 0)
    shaped = all(isinstance(each, dict) and type(each.get("share")) is int for each in [*holds, *committed])
    if not shaped or not all(type(each.get("until")) is int for each in holds):
        return None
    named = successor is None or (isinstance(successor, dict) and isinstance(successor.get("declaration"), str))
    if not named or not (void is None or isinstance(void, str)):
        return None
    held = sum(hold["share"] for hold in holds if now_ms < hold["until"])
    taken = sum(each["share"] for each in committed)
    return {"drawn": value["drawn"], "lost": value["lost"], "committed": taken, "held": held}


def _status(value: dict[str, Any], now_ms: int) -> tuple[str, str]:
    """How the declaration stands, and why nothing of it is available; the second is empty where something may be."""
    if value["replaced_by"] is not None:
        return f"replaced by declaration {value['replaced_by']['declaration']!a}", "replaced"
    if value["void"] is not None:
        return f"void ({value['void']!a})", "void"
    if value["frozen"]:
        return "registered, and frozen by an order", "frozen"
    return "registered", "past the last month in which it can be financed" if now_ms >= value["until"] else ""


def _registered(verdict: Verdict, wanted: str) -> _Registered | None:
    """The revealed registration of a declaration, of which the ledger says that its rules took it."""
    for record in verdict.records:
        record_id, body = record["record_id"], record["body"]
        part = verdict.revealed.get(f"{record_id}/declaration", verdict.revealed.get("declaration") if not verdict.parts else None)
        taken = record["type"] == "declaration.register" and record["result"]["code"] == "ok" and body.get("declaration") == wanted
        if not taken or not isinstance(part, dict) or len(record["signers"]) != 1:
            continue
        member, number = record["signers"][0]["member"], part.get("number")
        currency, amount_minor = part.get("currency"), part.get("financeable_minor")
        texts = isinstance(member, str) and isinstance(number, str) and isinstance(currency, str) and _CURRENCY.match(currency)
        if not texts or type(amount_minor) is not int or amount_minor < 0:
            continue
        named = {"key": "registrar", "value": {"member": member}, "height": record["height"], "time_ms": record["time_ms"]}
        return _Registered(str(number), str(currency), amount_minor, str(member), named in verdict.entries)
    return None


def _plain(amount_minor: int, currency: str) -> str:
    digits = NOT_TWO_DIGITS.get(currency, 2)
    if digits == 0:
        return str(amount_minor)
    whole, fraction = divmod(amount_minor, 10**digits)
    return f"{whole}.{fraction:0{digits}d}"


def _as_of(entry: dict[str, Any]) -> dict[str, Any]:
    moment = (_EPOCH + timedelta(milliseconds=entry["time_ms"])).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"height": entry["height"], "time": moment}


def _moment(entry: dict[str, Any]) -> str:
    return f"block {entry['height']} of {_as_of(entry)['time']}"
