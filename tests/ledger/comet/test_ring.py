from pathlib import Path

from ledger.audit import audit
from ledger.comet.sealing import unsealed
from ledger.vouching import voucher_of
from tests.ledger.comet.ring import ring, wait_until
from tests.ledger.comet.ring_rules import RINGBOOK
from tests.ledger.small_ledger import code_of


def test_one_validator_commits(tmp_path: Path) -> None:
    with ring(tmp_path, 1) as made:
        answers = made.send(0, *(made.author.put(f"n{number}") for number in range(20)))
        assert {code_of(each) for each in answers} == {"ok"}


def test_four_validators_agree(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        for place in range(4):
            answers = made.send(place, *(made.author.put(f"{place}-{number}") for number in range(20)))
            assert {code_of(each) for each in answers} == {"ok"}
        height, _ = made.agree(0, 1, 2, 3)
        assert height >= 4


def test_every_block_is_sealed_by_two_thirds_of_the_validators(tmp_path: Path) -> None:
    with ring(tmp_path, 4) as made:
        for number in range(3):
            assert code_of(made.send(number, made.author.put(f"n{number}"))[0]) == "ok"
        store = made.stores[0]
        wait_until(lambda: not unsealed(store, 10))
        report = audit(store, made.genesis, RINGBOOK, voucher_of(made.genesis))
        assert (report.ok, report.height) == (True, made.head(0)[0])
