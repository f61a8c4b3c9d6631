"""Who asks too often is told when to come back; nobody else notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.rates import Buckets, Left, TooManyRequests
from ledger.limits import RATE_BURST_S, RATE_CALLERS_KEPT
from nodes.home import Home
from nodes.home_config import HomeConfig
from tests.api.served import PLANS, Network, problem, served_network, token


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_bucket_holds_a_burst_and_fills_evenly() -> None:
    watch = Watch()
    buckets = Buckets("caller", 2, watch)
    for _ in range(2 * RATE_BURST_S):
        buckets.take("core")
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("core")
    assert (refused.value.retry_after_s, refused.value.left) == (1, Left("caller", 20, 0, 10))
    assert buckets.take("another") == Left("caller", 20, 19, 1)
    watch.now_s = 0.5
    buckets.take("core")
    with pytest.raises(TooManyRequests):
        buckets.take("core")
    watch.now_s = 1_000
    for _ in range(2 * RATE_BURST_S):
        buckets.take("core")


def test_only_so_many_callers_are_remembered() -> None:
    buckets = Buckets("caller", 1, Watch())
    for number in range(RATE_CALLERS_KEPT + 10):
        buckets.take(str(number))
    assert len(buckets._held) == RATE_CALLERS_KEPT


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network whose authority takes one request a second of each caller, two sign-ins, and of nodes as many as ever."""
    with pytest.MonkeyPatch.context() as patch:
        real = Home.read_config

        def slowed(home: Home) -> HomeConfig:
            config = real(home)
            if config.node.role != "authority":
                return config
            section = config.api.model_copy(update={"requests_per_s": 1, "sign_ins_per_s": 2})
            return config.model_copy(update={"api": section})

        patch.setattr(Home, "read_config", slowed)
        with served_network(tmp_path_factory.mktemp("slow"), plans=[*PLANS[:2], PLANS[3]]) as network:
            yield network


@pytest.mark.produces("problem-code", "too-many-requests")
def test_a_caller_beyond_its_rate_is_told_when_to_come_back(slow: Network) -> None:
    first, second = slow.sign_in("authority", "core"), slow.sign_in("authority", "dashboard")
    answers = [first.get("/v1/policy") for _ in range(RATE_BURST_S + 5)]
    assert [each.status_code for each in answers[:RATE_BURST_S]] == [200] * RATE_BURST_S
    assert {each.headers["ratelimit-policy"] for each in answers} == {f'"caller";q={RATE_BURST_S};w={RATE_BURST_S}'}
    assert answers[0].headers["ratelimit"] == f'"caller";r={RATE_BURST_S - 1};t=1'
    refused = next(each for each in answers if each.status_code == 429)
    assert problem(refused)["code"] == "too-many-requests"
    assert refused.headers["ratelimit"] == f'"caller";r=0;t={RATE_BURST_S}'
    assert int(refused.headers["retry-after"]) >= 1
    assert second.get("/v1/policy").status_code == 200, "another caller has a bucket of its own"
    slow.await_head("bank-a")


@pytest.mark.produces("problem-code", "too-many-requests")
def test_strangers_at_the_door_are_counted_by_their_address(slow: Network) -> None:
    client = slow.anyone("authority")
    answers = [token(client, client_id="nobody", client_secret="x") for _ in range(2 * RATE_BURST_S + 5)]
    refused = answers[-1]
    assert (refused.status_code, problem(refused)["code"]) == (429, "too-many-requests")
    assert "retry-after" in refused.headers
    assert refused.headers["ratelimit"].startswith('"sign-in";r=0;t=')
    # Each way of signing in costs of the same bucket: checking a password is as dear by one as by another.
    for way in (
        client.post("/v1/session", json={"user": "nobody", "password": "x"}),
        client.get("/v1/session/oidc"),
        client.get("/v1/session/oidc/callback"),
    ):
        assert (way.status_code, problem(way)["code"]) == (429, "too-many-requests")
    assert "ratelimit" not in client.get("/healthz").headers
    assert client.get("/healthz").status_code == 200
