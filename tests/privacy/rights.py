"""What there is to know in a network, and what of it a bank has a right to: both read from the authority's database, which opens all.

A bank has a right to what it wrote itself, to the answers it was given, to the consents it was given, and to the declarations that an
answer opened for it. The rest of what the authority can open is a secret to it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.store import LedgerStore
from nodes.customs.codes import CURRENCY_DIGITS
from tests.privacy.leak_search import Wanted, decimal_forms, secrets_wanted

TEXT_FIELDS = frozenset({"number", "exporter_uscc", "uscc", "exporter_name", "name_en", "buyer", "contract", "bill_of_lading", "signatory"})
NAME_TYPES = frozenset({"enterprise.enrol", "consent.give", "financing.apply"})
CREDIT_FIELDS = frozenset({"reference", "description", "reason"})
CREDIT_KINDS = ("class", "penalty")


@dataclass
class Knowledge:
    """Texts, and amounts as minor units with the decimal places of their currency."""

    texts: set[str] = field(default_factory=set)
    amounts: set[tuple[int, int]] = field(default_factory=set)

    def add(self, content: Any, *, names: bool, currency: str | None = None) -> None:
        """Takes in a sealed part. `names`: its fields `name` are enterprises' and not goods'."""
        if isinstance(content, list):
            for item in content:
                self.add(item, names=names, currency=currency)
        if not isinstance(content, dict):
            return
        currency = content.get("currency", currency)
        texts = TEXT_FIELDS | CREDIT_FIELDS if content.get("kind") in CREDIT_KINDS else TEXT_FIELDS
        for key, value in content.items():
            if isinstance(value, str) and value and (key in texts or (names and key == "name")):
                self.texts.add(value)
            elif currency is not None and isinstance(value, int) and key.endswith("_minor"):
                self.amounts.add((value, CURRENCY_DIGITS[currency]))
            elif currency is not None and key == "lines" and isinstance(value, list):
                self.amounts |= {(item, CURRENCY_DIGITS[currency]) for item in value if isinstance(item, int)}
            if isinstance(value, dict | list):
                self.add(value, names=names, currency=currency)

    def without(self, allowed: Knowledge) -> Knowledge:
        """What stands in no allowed text, not even as a part of one."""
        forms = [*allowed.texts, *(form for amount in allowed.amounts for form in [*decimal_forms(*amount), str(amount[0])])]
        texts = {text for text in self.texts if not any(text in form for form in forms)}
        kept = {amount for amount in self.amounts if not any(own in form for own in _written(amount) for form in forms)}
        return Knowledge(texts, kept)

    def wanted(self) -> Wanted:
        return secrets_wanted(sorted(self.texts), sorted(self.amounts))


def _written(amount: tuple[int, int]) -> list[str]:
    return [*decimal_forms(*amount), str(amount[0])]


@dataclass(frozen=True)
class OpenedPart:
    """A sealed part as the authority opened it, and the record that carries it."""

    record_id: str
    type: str
    author: str | None
    body: dict[str, Any]
    part: str
    content: dict[str, Any]


class Supervision:
    """All that an authority's home can open."""

    def __init__(self, home: Path) -> None:
        self.parts = list(_opened(home))
        self.credit_facts = list(_credit_facts(home))

    def everything(self, english: Iterable[str] = ()) -> Knowledge:
        """`english` are names of exporters that stand in no sealed part, and in no home either."""
        known = Knowledge(set(english))
        for part in self.parts:
            known.add(part.content, names=part.type in NAME_TYPES)
        for fact in self.credit_facts:
            known.add(fact, names=True)
        return known

    def right_of(self, bank: str) -> Knowledge:
        requests = {part.record_id for part in self.parts if part.type == "enquiry.request" and part.author == bank}
        disclosed, known = set(), Knowledge()
        for part in self.parts:
            own = part.author == bank and part.type != "enterprise.enrol"
            answer = part.type == "enquiry.answer" and part.body["request"] in requests
            given = part.type == "consent.give" and part.content.get("terms", {}).get("bank") == bank
            if answer and part.part == "secret":
                disclosed |= {line["record"] for line in part.content["lines"] if line is not None}
            if own or answer or given:
                known.add(part.content, names=True)
        ids = {part.body["declaration"] for part in self.parts if part.record_id in disclosed}
        for part in self.parts:
            if part.type.startswith("declaration.") and part.body["declaration"] in ids and part.part == "declaration":
                known.add(part.content, names=False)
        return known


def _credit_facts(home: Path) -> Iterator[dict[str, Any]]:
    """Everything that was ever recorded, whether an answer showed it or not."""
    with closing(sqlite3.connect(home / "private.db")) as private:
        for uscc, content in private.execute("SELECT uscc, content FROM credit_facts WHERE content IS NOT NULL"):
            yield {"uscc": uscc, **json.loads(content)}


def _opened(home: Path) -> Iterator[OpenedPart]:
    store = LedgerStore(f"sqlite:///{home / 'ledger.db'}", read_only=True)
    try:
        with store.reading() as reader, closing(sqlite3.connect(home / "private.db")) as private:
            state = reader.state
            for record_id, part, content in private.execute("SELECT record_id, part, content FROM parts"):
                stored = reader.record(record_id)
                assert stored is not None
                entry = state.get(f"key/{stored.record.signers[0]}")
                author = None if entry is None else entry["member"]
                yield OpenedPart(record_id, stored.record.type, author, dict(stored.record.body), part, json.loads(content))
    finally:
        store.close()
