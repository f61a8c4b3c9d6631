"""Where a webhook may lead, and that it goes where it was judged to go."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ledger.errors import InputError, NotPermitted
from nodes.webhooks.addresses import is_allowed, target_of
from nodes.webhooks.sending import Message, Outcome, Sender
from tests.nodes.certificates import certified
from tests.nodes.webhooks.receiver import Receiver, receiving

MESSAGE = Message("evt_a_1-1", "task.waiting", b"{}")
SPECIAL = [
    "0.0.0.0",  # noqa: S104 - an address to refuse, not one to listen on
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.9.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2001:10::1",
    "3fff::1",
    "4000::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not-an-address",
]
NEVER = [SPECIAL[0], "::", "224.0.0.1", "ff02::1", "::ffff:224.0.0.1", "255.255.255.255", "not-an-address"]


class Names:
    """A resolver whose answers change from one question to the next."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0)


def sent(sender: Sender, url: str) -> Outcome:
    return asyncio.run(sender.send(target_of(url, allow_http=True), MESSAGE, [b"k" * 32], 1_793_000_000))


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_is_not_of_the_public_internet(address: str) -> None:
    assert not is_allowed(address, allow_private=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])
def test_an_ordinary_address_is(address: str) -> None:
    assert is_allowed(address, allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_nobodys_whatever_is_configured(address: str) -> None:
    assert not is_allowed(address, allow_private=True)
    assert (
        is_allowed("127.0.0.1", allow_private=True) and is_allowed("10.0.0.1", allow_private=True) and is_allowed("::1", allow_private=True)
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://example.com/#there",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://exämple.com/",
        "https://example.com/\r\nHost: other",
        "https://[::1/",
        "file:///etc/passwd",
        "//example.com/",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="webhook-url"):
        target_of(url, allow_http=False)


def test_an_address_is_taken_apart() -> None:
    target = target_of("https://Example.com:8443/hook?x=1", allow_http=False)
    assert (target.host, target.port, target.path, target.at("2001:db8::1")) == (
        "example.com",
        8443,
        "/hook?x=1",
        "https://[2001:db8::1]:8443/hook?x=1",
    )
    assert target_of("http://a.example", allow_http=True).at("1.2.3.4") == "http://1.2.3.4:80/"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_nothing_is_sent_where_any_address_of_a_name_is_forbidden(receiver: Receiver) -> None:
    for answer in (["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::ffff:127.0.0.1"]):
        names = Names(answer)
        assert sent(Sender(allow_private=False, resolve=names), receiver.url("receiver.test")) == Outcome("address-forbidden")
        assert names.asked == 1
    assert receiver.received == []


def test_a_number_for_this_machine_is_forbidden_however_it_is_written(receiver: Receiver) -> None:
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0"):
        assert sent(Sender(allow_private=False), receiver.url(host)).code == "address-forbidden", host
    assert receiver.received == []


def test_a_name_is_resolved_once_and_the_connection_goes_to_that_address(receiver: Receiver) -> None:
    names = Names(["127.0.0.1"])
    assert sent(Sender(allow_private=True, resolve=names), receiver.url("receiver.test")) == Outcome("delivered", 204)
    assert names.asked == 1, "a second answer would have been another one"
    (got,) = receiver.received
    assert (got.headers["host"], got.path) == (f"receiver.test:{receiver.port}", "/hook?a=1")


def test_a_redirection_is_not_followed(receiver: Receiver) -> None:
    with receiving() as other:
        receiver.statuses, receiver.location = [302, 307, 308], other.url()
        outcomes = [sent(Sender(allow_private=True), receiver.url()) for _ in range(3)]
        assert [(each.code, each.status) for each in outcomes] == [("redirected", 302), ("redirected", 307), ("redirected", 308)]
        assert other.received == []


def test_who_does_not_answer_in_time_is_left_and_who_is_not_there_is_unreachable(receiver: Receiver) -> None:
    receiver.gate.clear()
    assert sent(Sender(allow_private=True, seconds_max=0.3), receiver.url()) == Outcome("timed-out")
    receiver.gate.set()
    with receiving() as gone:
        url = gone.url()
    assert sent(Sender(allow_private=True), url) == Outcome("unreachable")
    assert sent(Sender(allow_private=True, resolve=Names([])), url) == Outcome("unresolved")


def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(path=""))
        assert sent(Sender(allow_private=True), receiver.url()).taken
        assert (len(receiver.received), proxy.received) == (1, [])


def test_over_tls_the_name_is_verified_and_not_the_address(tmp_path: Path) -> None:
    server, authority = certified(tmp_path, "receiver.test")
    trusting = ssl.create_default_context(cafile=str(authority))
    with receiving(tls=server) as receiver:

        def to(host: str, tls: ssl.SSLContext | None) -> str:
            return sent(Sender(allow_private=True, resolve=Names(["127.0.0.1"]), tls=tls), receiver.url(host)).code

        assert to("receiver.test", trusting) == "delivered"
        assert to("other.test", trusting) == "unreachable"
        assert to("receiver.test", None) == "unreachable", "its authority is not one of this machine's"
        assert len(receiver.received) == 1


def test_a_registration_is_judged_by_where_it_leads_now() -> None:
    target = target_of("https://receiver.test/", allow_http=False)
    with pytest.raises(NotPermitted, match="address-forbidden"):
        asyncio.run(Sender(allow_private=False, resolve=Names(["10.1.1.1"])).judge(target))
    asyncio.run(Sender(allow_private=False, resolve=Names([])).judge(target))
