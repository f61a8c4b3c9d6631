from pathlib import Path

from tests.ledger.comet.ring import ring
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
