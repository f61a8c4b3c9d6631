"""One of four who does what nobody may: the three others refuse it, and go on."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

from ledger.comet.validators import address_of
from tests.ledger.comet.fleet import fleet
from tests.ledger.comet.ring import make_seat, wait_until


def test_an_application_that_lies_about_its_app_hash_stops_and_says_why(tmp_path: Path) -> None:
    with fleet(tmp_path, 4, start=[0, 1, 2]) as made:
        made.start(3, fault="lies")
        put = made.ring.author.put
        assert made.code(0, put("one")) == "ok"
        wait_until(lambda: made.state(3)["trouble"] == "app-hash-differs")
        wait_until(lambda: made.comet(3) is None)
        assert made.code(3, put("two")) == "app-hash-differs"
        assert [made.code(place, put(f"three-{place}")) for place in (0, 1, 2)] == ["ok"] * 3
        made.agree(0, 1, 2)
        # What it told CometBFT stands there: it may not come back by itself as if nothing had been.
        made.stop(3)
        made.start(3)
        wait_until(lambda: made.state(3)["trouble"] == "app-hash-differs")
        assert made.never_forked().keys() == {"one", "three-0", "three-1", "three-2"}


def test_proposals_of_what_nobody_may_propose_are_refused_and_the_chain_goes_on(tmp_path: Path) -> None:
    with fleet(tmp_path, 4, start=[0, 1, 2]) as made:
        made.start(3, fault="proposes-garbage")
        numbers = count()
        sent: list[str] = []

        def all_refused() -> bool:
            sent.append(f"n{next(numbers)}")
            assert made.code(len(sent) % 4, made.ring.author.put(sent[-1])) == "ok"
            return all({"not-json", "oversize", "unknown-key"} <= set(made.state(place)["refused"]) for place in (0, 1, 2))

        wait_until(all_refused, 120)
        made.agree(0, 1, 2, 3)
        assert made.never_forked() == {key: ["ok"] for key in sent}


def test_a_validator_that_votes_in_two_places_is_found_out_and_forks_nothing(tmp_path: Path) -> None:
    seats = [make_seat(tmp_path / f"seat-{place}", place) for place in range(5)]
    # A copy of the home in every regard but the node's own key.
    shutil.copy(seats[3].home.validator_key_file, seats[4].home.validator_key_file)
    found = ["duplicate-vote", address_of(seats[3].validator)]
    with fleet(tmp_path, 5, seats=seats, validators=4) as made:
        numbers = count()

        def seen() -> bool:
            # What the two hold differs, so in their turn they propose two blocks.
            number = next(numbers)
            answers = [made.sent(place, made.ring.author.put(f"{number}-{place}")) for place in (3, 4)]
            assert made.code(0, made.ring.author.put(f"{number}-0")) == "ok"
            for answer in answers:
                answer.result()
            return all(found in made.state(place)["misbehavior"] for place in (0, 1, 2))

        wait_until(seen, 180)
        made.agree(0, 1, 2)
        notes = made.never_forked()
        assert all(codes == ["ok"] for codes in notes.values())
        assert {f"{number}-0" for number in range(next(numbers))} <= notes.keys()
