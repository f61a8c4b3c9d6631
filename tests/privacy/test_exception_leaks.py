"""What is said in offers, disputes, and corrections that the authority signs: every word is in the homes of those whom it is for, alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from ledger.clock import rfc3339
from nodes.enquiries.worker import EnquiryWorker
from nodes.founding import MemberPlan
from tests.api.business import DAY_MS, signed
from tests.api.served import PLANS, Network, served_network
from tests.api.supervised import approved, declared, disbursed, granted
from tests.api.test_countersigning import at_the_authority, corrected, countersigned
from tests.privacy.leak_search import search_file, search_tree, secrets_wanted

TERMS, NOTE = "CANARY-TERMS at par and thirty basis points", "CANARY-NOTE the borrower asked for it"
SIGNED, REFUSED, WHY_NOT = "CANARY-SIGNED a part came back", "CANARY-REFUSED it never left", "CANARY-WHYNOT show the account"
STATEMENT, RESOLVED = "CANARY-STATEMENT another amount was shown", "CANARY-RESOLVED the registrar amended it"
HOLDERS: Final = {
    TERMS: {"authority", "bank-a", "bank-b"},
    NOTE: {"authority", "bank-a", "bank-b"},
    SIGNED: {"authority", "bank-a", "exporter-a"},
    # What the authority declined never came on the ledger, so the exporter's home knows nothing of it.
    REFUSED: {"authority", "bank-a"},
    WHY_NOT: {"authority", "bank-a"},
    STATEMENT: {"authority", "bank-a", "exporter-a"},
    RESOLVED: {"authority", "bank-a", "exporter-a"},
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    plans = [*PLANS, MemberPlan("bank-c", "bank", "Bank C")]
    with served_network(tmp_path_factory.mktemp("canaries"), plans=plans) as served:
        worker = EnquiryWorker(served.nodes["authority"], "answers")
        worker.start()
        play(served)
        worker.stop()
        yield served


def play(network: Network) -> None:
    """One loan: offered, corrected once with the authority and once against it; and an enquiry that is disputed."""
    item = declared(network)
    enquiry = granted(network, item)
    financing = approved(network, item, "20000.00")
    disbursed(network, financing)
    bank, authority = network.sign_in("bank-a", "maker"), network.sign_in("authority", "checker")
    task = at_the_authority(network, countersigned(network, corrected(network, financing, "-5000.00", SIGNED)))
    assert authority.post(f"/v1/tasks/{task['id']}/sign").status_code == 200
    network.await_head("bank-a")
    location = countersigned(network, corrected(network, financing, "-1000.00", REFUSED))
    declined = authority.post(f"/v1/tasks/{at_the_authority(network, location)['id']}/decline", json={"reason": WHY_NOT})
    assert declined.status_code == 200, declined.text
    assert bank.get(location).json()["reason"] == WHY_NOT
    offer = {"to": "bank-b", "until": rfc3339(network.clock.now_ms() + DAY_MS), "terms": TERMS, "note": NOTE}
    signed(network, bank.post(f"/v1/financings/{financing}/transfer", json=offer))
    dispute = bank.post("/v1/disputes", json={"record": enquiry, "statement": STATEMENT}).json()["id"]
    network.await_head("authority")
    resolved = authority.post(f"/v1/disputes/{dispute}/resolve", json={"outcome": "upheld", "statement": RESOLVED})
    assert resolved.status_code == 200, resolved.text
    for node in network.nodes:
        network.await_head(node)


@pytest.mark.parametrize("home", ["authority", "bank-a", "bank-b", "bank-c", "exporter-a", "auditor"])
def test_each_home_holds_the_words_that_are_for_it_and_no_others(network: Network, home: str) -> None:
    found = {hit.secret for hit in search_tree(network.founded.homes[home], secrets_wanted(list(HOLDERS), []))}
    assert found == {words for words, holders in HOLDERS.items() if home in holders}


@pytest.mark.parametrize("home", ["authority", "bank-a"])
def test_no_replica_of_the_ledger_holds_any_of_them(network: Network, home: str) -> None:
    files = sorted(network.founded.homes[home].glob("ledger.db*"))
    assert files
    for path in files:
        assert not search_file(path, secrets_wanted(list(HOLDERS), []))
