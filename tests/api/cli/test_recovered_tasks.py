"""A bank's private database is deleted and recovered from ledger and keys: every task that two people signed, whatever it was about, is
there again, row for row; and so are the opened parts and the book.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger import canonical
from ledger.clock import rfc3339
from nodes.backups.rebuilding import NOT_ON_THE_LEDGER, UNSENT_TASKS
from nodes.enquiries.worker import EnquiryWorker
from nodes.financings.maturity import TASK as MATURITY
from nodes.keys.keystore import KeyStore
from nodes.keys.staff import StaffKeys
from nodes.node import Node
from nodes.private import tasks
from tests.api.business import DAY_MS, signed
from tests.api.cli.conftest import Tallystick
from tests.api.served import Network, served_network
from tests.api.supervised import PLEDGE, applied, approved, declared, disbursed, granted, repaid, usd
from tests.nodes.backups.test_rebuilding import lose
from tests.nodes.backups.test_restoring import rows
from tests.nodes.lending import caller_of

EVERY_KIND = {
    "bank-a": {
        "declaration.collected": {"collect", "take-back-collection"},
        "financing.approve": {"approve"},
        "financing.cancel": {"cancel"},
        "financing.correct": {"correct"},
        "financing.disburse": {"disburse"},
        "financing.repay": {"repay"},
        "financing.transfer": {"transfer", "withdraw-offer"},
        "financing.write-off": {"write-off", "take-back"},
        "key.add": {"add-key"},
    },
    "bank-b": {"financing.load": {"load"}, "financing.take-over": {"take-over"}},
    "authority": {"key.add": {"add-key"}},
}


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a network whose people have signed records of every kind, with nobody at work any more."""
    directory = tmp_path_factory.mktemp("worked") / "net"
    with served_network(directory) as network, answering(network):
        lend(network)
        adjust(network)
        hand_over(network)
        register_keys(network)
        leave_unsigned(network)
        for node in network.nodes:
            network.await_head(node)
    return directory


@contextmanager
def answering(network: Network) -> Iterator[None]:
    worker = EnquiryWorker(network.nodes["authority"], "answers")
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def lent(network: Network, value: str = "20000.00") -> tuple[str, dict[str, Any]]:
    item = declared(network)
    granted(network, item)
    financing = approved(network, item, value)
    disbursed(network, financing)
    return financing, item


def step(network: Network, financing: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    return signed(network, network.sign_in("bank-a", "maker").post(f"/v1/financings/{financing}/{name}", json=body))


def with_the_authority(network: Network, path: str, body: dict[str, Any]) -> None:
    """What two people of the bank sign, and the authority too."""
    prepared = network.sign_in("bank-a", "maker").post(path, json=body)
    waiting = network.sign_in("bank-a", "checker").post(f"{prepared.headers['location']}/sign")
    assert waiting.json()["state"] == "awaiting-authority", waiting.text
    answer = network.sign_in("authority", "checker").post(f"/v1/tasks/{waiting.json()['record_id']}/sign")
    assert answer.status_code == 200, answer.text
    network.await_head("bank-a")


def lend(network: Network) -> None:
    """Lent, collected, repaid from that, and let go."""
    financing, item = lent(network)
    body = {"amount": usd("4000.00"), "collected_on": "2026-11-02", "reference": "C-1"}
    path = f"/v1/declarations/{item['declaration_id']}/collections"
    came_in = signed(network, network.sign_in("bank-a", "maker").post(path, json=body))["record_id"]
    with_the_authority(network, path, {**body, "amount": usd("1000.00"), "corrects": came_in})
    cited = [{"collection_id": came_in, "amount": usd("2000.00")}]
    source = {"source": "collections", "paid_on": "2026-11-03", "reference": "P-1"}
    step(network, financing, "repay", {"total": usd("2000.00"), "collections": cited, **source})
    other = declared(network)
    granted(network, other)
    step(network, approved(network, other, "9000.00"), "cancel", {"reason": "withdrawn", "text": "the buyer is gone"})


def adjust(network: Network) -> None:
    financing, _ = lent(network)
    step(network, financing, "write-off", {"amounts": [usd("5000.00")], "reason": "the buyer is bankrupt"})
    step(network, financing, "write-off", {"amounts": [usd("1000.00")], "back": True, "reason": "a guarantor"})
    with_the_authority(network, f"/v1/financings/{financing}/correct", {"amounts": [usd("-2000.00")], "reason": "paid in part only"})


def hand_over(network: Network) -> None:
    """Offered, withdrawn under the taker's hands, offered again and taken over; and an earlier loan is loaded."""
    financing, item = lent(network)
    granted(network, item, "bank-b")
    offer = {"to": "bank-b", "until": rfc3339(network.clock.now_ms() + DAY_MS), "terms": "at par", "note": "as agreed"}
    taken = {"reference": "T-1", "product": "refinancing"}
    taker = network.sign_in("bank-b", "maker")
    step(network, financing, "transfer", offer)
    network.await_head("bank-b")
    prepared = taker.post(f"/v1/financings/{financing}/take-over", json=taken)
    step(network, financing, "transfer", {"to": None})
    late = network.sign_in("bank-b", "checker").post(f"{prepared.headers['location']}/sign")
    assert late.json()["code"] == "no-offer", "a record that the rules refused is on the ledger too"
    step(network, financing, "transfer", offer)
    network.await_head("bank-b")
    new = signed(network, taker.post(f"/v1/financings/{financing}/take-over", json=taken), "bank-b")["record_id"]
    repaid(network, new, "20000.00", "bank-b")
    earlier = declared(network)
    granted(network, earlier, "bank-b")
    lines = [{"declaration_id": earlier["declaration_id"], "drawn": usd("10000.00")}]
    report = taker.post("/v1/conflict-reports", json={"lines": lines}).json()["id"]
    loan = {"lines": lines, "product": "earlier", "reference": "E-1", "disbursed_on": "2026-08-01", "matures_on": "2027-02-01"}
    signed(network, taker.post("/v1/financings/loads", json={**loan, "conflict_report": report}), "bank-b")


def register_keys(network: Network) -> None:
    """A new colleague's key at the bank, signed by two people at once, and a key that the authority registers for another member."""
    bank = network.nodes["bank-a"]
    maker, checker = (caller_of(bank, user, network.secrets["bank-a", user]) for user in ("maker", "checker"))
    account = bank.accounts.add_user("li-na", "李娜", "maker", "a long secret for a test")
    assert account.key_id is not None
    keys = StaffKeys(bank.member, bank.directory, bank.author, bank.outbox.send)
    keys.add(bank.keystore.info(account.key_id), account.person, maker, checker)
    body = {"alg": "p256", "public": bank.keystore.create("p256", "make", "wang-fang", b"another long secret").public.hex()}
    path = "/v1/members/bank-b/keys"
    prepared = network.sign_in("authority", "maker").post(path, json={**body, "purpose": "make", "person": "first-maker"})
    signed(network, prepared, "authority")


def leave_unsigned(network: Network) -> None:
    """What never reaches the ledger: a task that waits, one that is declined, and a new maturity."""
    financing, _ = lent(network)
    maker, checker = (network.sign_in("bank-a", user) for user in ("maker", "checker"))
    body = {"total": usd("100.00"), "source": "own-funds", "paid_on": "2026-11-01", "reference": "P-2"}
    assert maker.post(f"/v1/financings/{financing}/repay", json=body).status_code == 202
    declined = maker.post(f"/v1/financings/{financing}/write-off", json={"reason": "too soon"}).headers["location"]
    assert checker.post(f"{declined}/decline", json={"reason": "it is"}).status_code == 200
    extended = maker.post(f"/v1/financings/{financing}/extend", json={"matures_on": "2027-06-30", "reason": "paid late"})
    assert checker.post(f"{extended.headers['location']}/sign").json()["state"] == "signed"
    item = declared(network)
    granted(network, item)
    path = applied(network, item, "100.00").headers["location"]
    assert maker.post(f"{path}/intake", json={}).status_code == 200
    assert maker.post(f"{path}/approve", json={"pledge": PLEDGE}).status_code == 202


def is_on_the_ledger(home: Path, task: sa.Row[Any]) -> bool:
    """Whether its record is; a countersignature is the authority's node's, and of no task of its own people."""
    with closing(Node.open(home)) as node, node.store.reading() as reader:
        stored = reader.record(task.record_id)
    keys = KeyStore(home / "keys", lambda count: b"").list()
    return stored is not None and set(stored.record.signers[:2]) <= {key.id for key in keys}


def task_rows(home: Path) -> list[sa.Row[Any]]:
    with closing(Node.open(home)) as node, node.private.reading() as connection:
        return list(connection.execute(sa.select(tasks).order_by(tasks.c.id)))


@pytest.mark.parametrize("member", EVERY_KIND)
def test_every_task_that_two_people_signed_is_there_again_row_for_row(
    tallystick: Tallystick, worked: Path, member: str, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(worked / member, tmp_path / member))
    had = task_rows(home)
    there = [task for task in had if is_on_the_ledger(home, task)]
    if member == "bank-a":
        gone = {(task.type, task.state) for task in set(had) - set(there)}
        assert gone == {
            ("financing.approve", "open"),
            ("financing.repay", "open"),
            ("financing.write-off", "declined"),
            (MATURITY, "signed"),
        }
    before = lose(home)
    recovered = tallystick("recover", "--home", home, "--from-ledger", "--json")
    assert recovered.status == 0, recovered.err
    assert (recovered.json["tasks"], recovered.json["lost"]["tasks"]) == (len(there), UNSENT_TASKS)
    again = task_rows(home)
    assert [task._asdict() for task in again] == [task._asdict() for task in there]
    after = rows(home)
    follows = set(before) - set(NOT_ON_THE_LEDGER) - {"tasks"}
    assert [name for name in sorted(follows) if before[name] != after[name]] == []
    assert member == "authority" or (before["parts"] and before["financings"]), "there is something to lose"
    told: dict[str, set[str]] = {}
    for task in again:
        summary = canonical.decode(task.summary.encode("utf-8"))
        told.setdefault(task.type, set()).add(summary["action"])
        assert "amount" in summary or summary["action"] in ("add-key", "withdraw-offer"), summary
    assert EVERY_KIND[member].items() <= told.items()


def test_a_task_that_a_backup_still_has_open_is_signed_once_the_ledger_is_read(worked: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(worked / "bank-b", tmp_path / "bank-b"))
    before = task_rows(home)
    as_it_was = {"state": "open", "record_id": "0" * 64, "decided_by": None, "decided_ms": None, "result": None}
    with closing(Node.open(home)) as node:
        with node.private.begin() as connection:
            connection.execute(sa.update(tasks).values(**as_it_was))
        node.reader.rebuild()
    assert task_rows(home) == before
