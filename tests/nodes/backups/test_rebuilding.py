"""A private database is deleted, and made anew from the ledger and the keys: the same opened parts, tasks and book."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.clock import SettableClock
from ledger.errors import NotPermitted, Refused
from nodes.backups.rebuilding import NOT_ON_THE_LEDGER, rebuild_private
from nodes.monitoring.sweep import sweep
from nodes.node import Node
from nodes.private import private_schema
from tests.nodes.backups.test_restoring import rows
from tests.nodes.small_network import CHEAP

# What a member of each role has; each of the tables stands for a room of nodes/.
MEMBERS = {
    "authority": {"parts", "enterprises", "declarations", "consents", "enquiries", "accesses", "financings", "events"},
    "bank-a": {"parts", "tasks", "consents", "enquiries", "grants", "financings", "financing_lines", "collections", "events"},
    "exporter-a": {"parts", "consents", "accesses", "events"},
}
# The tables that the reader keeps beside those of its projections.
READ = {"parts", "broken_parts", "meta"}


def lose(home: Path) -> dict[str, list[Any]]:
    """Deletes the private database: what was in it."""
    had = rows(home)
    for path in home.glob("private.db*"):
        path.unlink()
    return had


def sweep_at_the_end(home: Path) -> None:
    """Looks at every deadline, as a running authority's node does each minute: what was looked at before must not depend on the moment."""
    node = Node.open(home, SettableClock(4_000_000_000_000), cost=CHEAP)
    if node.config.node.role == "authority":
        sweep(node)
    node.close()


@pytest.mark.parametrize("member", MEMBERS)
def test_a_lost_private_database_is_the_same_again_in_all_that_follows_from_the_ledger(spoilt_demo: Path, member: str) -> None:
    home = spoilt_demo / member
    sweep_at_the_end(home)
    before = lose(home)
    rebuilt = rebuild_private(home)
    sweep_at_the_end(home)
    after = rows(home)
    assert rebuilt.parts == len(before["parts"]) and rebuilt.broken_parts == len(before["broken_parts"])
    assert {name for name in MEMBERS[member] if not before[name]} == set(), "there is something to lose"
    assert {name for name in before if name not in NOT_ON_THE_LEDGER and before[name] != after[name]} == set()
    assert rebuilt.tasks == len(before["tasks"])


def test_a_maker_and_a_checker_come_back_with_their_old_secrets(spoilt_demo: Path) -> None:
    home = spoilt_demo / "bank-a"
    sign_ins = {
        each["user"]: each["secret"] for each in json.loads((spoilt_demo / "sign-ins.json").read_text()) if each["node"] == "bank-a"
    }
    had = {row[0]: row for row in lose(home)["users"]}
    assert rebuild_private(home).to_restore == ("checker", "maker")
    node = Node.open(home)

    def person_of(key_id: str) -> str | None:
        known = node.directory.key(key_id)
        return None if known is None or not known.alive else known.person

    with pytest.raises(NotPermitted, match="secret-wrong"):
        node.accounts.restore_user("maker", "A Maker", sign_ins["checker"], person_of)
    for user in ("maker", "checker"):
        restored = node.accounts.restore_user(user, "A Person", sign_ins[user], person_of)
        assert (restored.id, restored.role, restored.person, restored.key_id) == (user, had[user][2], had[user][3], had[user][4])
        node.accounts.open_key(node.accounts.verify(user, sign_ins[user]), sign_ins[user])
    with pytest.raises(Refused, match="account-exists"):
        node.accounts.restore_user("maker", "A Maker", sign_ins["maker"], person_of)
    node.close()


def test_what_is_there_is_never_overwritten_and_nothing_comes_from_nothing(spoilt_demo: Path) -> None:
    home = spoilt_demo / "bank-a"
    before = rows(home)
    with pytest.raises(Refused, match="private-exists"):
        rebuild_private(home)
    assert rows(home) == before
    lose(home)
    for path in home.glob("ledger.db*"):
        path.unlink()
    with pytest.raises(Refused, match="replica-empty"):
        rebuild_private(home)


def test_every_table_either_follows_from_the_ledger_or_is_named_as_lost(spoilt_demo: Path) -> None:
    made = set()
    for member in MEMBERS:
        node = Node.open(spoilt_demo / member)
        made |= {table.name for table in node.reader.tables}
        node.close()
    declared = private_schema().declared.tables
    assert made | READ | {"tasks"} | set(NOT_ON_THE_LEDGER) == set(declared)
    assert not (made | READ) & set(NOT_ON_THE_LEDGER)
    assert [name for name in NOT_ON_THE_LEDGER if not declared[name].comment] == []
