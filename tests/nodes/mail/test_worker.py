"""E-mail through a real SMTP server: who hears of what, that it says nothing, and that nothing is lost or doubled when it is down."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from pydantic import ValidationError

from ledger.clock import SettableClock
from ledger.errors import Refused, Unreachable
from nodes.home import Home
from nodes.home_config import MailSection
from nodes.mail.worker import MailWorker, waiting
from nodes.node import Node
from nodes.private_files import write_private_file
from tests.nodes.certificates import certified
from tests.nodes.small_events import node_at_work, noted
from tests.nodes.small_network import START_MS
from tests.ports import free_ports

USER, PASSWORD = "tallystick", "wide open sea"


class Box:
    """What the server took; `refuses` are its answers in place of 250, in turn."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.refuses: list[str] = []
        self.rejected: set[str] = set()
        self.loses_answer = False

    async def handle_RCPT(self, server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - the server's name for it
        if address in self.rejected:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the server's name for it
        if self.refuses:
            return self.refuses.pop(0)
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append((envelope.rcpt_tos, message))
        if self.loses_answer:
            self.loses_answer = False
            return "451 who knows"
        return "250 OK"

    @property
    def texts(self) -> list[str]:
        return [message.get_content() for _, message in self.taken]


def authenticate(server: Any, _session: Session, envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)


@contextmanager
def smtp(box: Box, tls: ssl.SSLContext | None = None, port: int | None = None, *, auth: bool = False) -> Iterator[int]:
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=port or free_ports(1),
        tls_context=tls,
        require_starttls=tls is not None,
        auth_required=auth,
        authenticator=authenticate if auth else None,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def section(at: int, **fields: Any) -> MailSection:
    given = {"host": "127.0.0.1", "port": at, "starttls": False, "from": "node@bank.example", "checkers": ["chen@bank.example"], **fields}
    return MailSection.model_validate(given)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with node_at_work(tmp_path / "net", SettableClock(START_MS)) as node:
        yield node


@pytest.fixture
def box() -> Box:
    return Box()


def test_each_group_hears_of_its_own_and_the_text_says_only_where_to_look(node: Node, box: Box) -> None:
    with smtp(box) as port:
        link = "https://bank.example/tallystick/"
        groups = {"staff": ["lin@authority.example", "wu@authority.example"], "admins": ["root@authority.example"], "link": link}
        worker = MailWorker(node, section(port, **groups))
        assert worker.run_once() == 0
        noted(node, 1, 2)
        noted(node, 3, kind="alert.raised", name="alert_id")
        noted(node, 4, kind="webhook.disabled", name="webhook_id")
        noted(node, 5, kind="task.declined")
        assert worker.run_once() == 3
        assert worker.run_once() == 0
    told = {message["Subject"]: (to, message.get_content().split()) for to, message in box.taken}
    checkers, words = told["Tallystick: tasks wait"]
    assert checkers == ["chen@bank.example"]
    assert words[-2:] == [f"https://bank.example/tallystick/v1/tasks/{number:064x}" for number in (1, 2)]
    assert told["Tallystick: alerts"][0] == ["lin@authority.example", "wu@authority.example"]
    assert told["Tallystick: webhooks given up"][1][-1] == f"https://bank.example/tallystick/v1/webhooks/{4:064x}"
    first = box.taken[0][1]
    assert (first["From"], first["Auto-Submitted"]) == ("node@bank.example", "auto-generated")
    assert first["Message-ID"] and first["Date"]


def test_what_was_before_the_mail_was_configured_is_not_told(node: Node, box: Box) -> None:
    noted(node, 1)
    with smtp(box) as port:
        assert MailWorker(node, section(port)).run_once() == 0
        noted(node, 2)
        assert MailWorker(node, section(port)).run_once() == 1
    assert f"{1:064x}" not in box.texts[0]


def test_while_the_server_is_down_nothing_is_lost_and_nothing_comes_twice(node: Node, box: Box) -> None:
    with smtp(box) as port:
        assert waiting(node, section(port)) == 0
        MailWorker(node, section(port)).run_once()
    noted(node, 1)
    worker = MailWorker(node, section(port))
    for _ in range(2):
        with pytest.raises(Unreachable, match="mail-unreachable"):
            worker.run_once()
    noted(node, 2)
    assert waiting(node, section(port)) == 2
    box.refuses = ["451 try again", "554 no"]
    with smtp(box, port=port):
        for _ in range(2):
            with pytest.raises(Unreachable, match="mail-unreachable"):
                worker.run_once()
        assert worker.run_once() == 2
        assert worker.run_once() == 0
        assert waiting(node, section(port)) == 0
    assert [[f"{number:064x}" in text for number in (1, 2)] for text in box.texts] == [[True, False], [False, True]]


def test_a_message_whose_answer_was_lost_goes_out_again_as_the_very_same(node: Node, box: Box) -> None:
    with smtp(box) as port:
        worker = MailWorker(node, section(port))
        worker.run_once()
        noted(node, 1)
        box.loses_answer = True
        with pytest.raises(Unreachable):
            worker.run_once()
        noted(node, 2)
        # As if the process had ended there.
        assert MailWorker(node, section(port)).run_once() == 2
    first, again, other = (message["Message-ID"] for _, message in box.taken)
    assert first == again != other
    assert box.texts[0] == box.texts[1]


def test_one_recipient_that_is_refused_keeps_the_others_from_nothing(node: Node, box: Box) -> None:
    with smtp(box) as port:
        worker = MailWorker(node, section(port, checkers=["gone@bank.example", "chen@bank.example"]))
        worker.run_once()
        noted(node, 1)
        box.rejected = {"gone@bank.example"}
        assert worker.run_once() == 1
    assert [to for to, _ in box.taken] == [["chen@bank.example"]]


def test_over_tls_the_server_is_verified_before_the_secret_is_said(tmp_path: Path, node: Node, box: Box) -> None:
    tls, authority = certified(tmp_path, "127.0.0.1")
    other, _ = certified(tmp_path, "mail.example")
    write_private_file(node.home.path / "mail.secret", f"{PASSWORD}\n".encode())
    signed_in = {"starttls": True, "user": USER, "secret_file": "mail.secret", "ca_file": str(authority)}
    with smtp(box, tls, auth=True) as port:
        worker = MailWorker(node, section(port, **signed_in))
        worker.run_once()
        noted(node, 1)
        assert worker.run_once() == 1
        noted(node, 2)
        with pytest.raises(Unreachable):
            MailWorker(node, section(port, **{**signed_in, "ca_file": None})).run_once()
        write_private_file(node.home.path / "mail.secret", b"another")
        with pytest.raises(Unreachable) as caught:
            worker.run_once()
        assert "another" not in str(caught.value)
        (node.home.path / "mail.secret").chmod(0o644)
        with pytest.raises(Refused, match="key-file-mode"):
            worker.run_once()
    with smtp(box, other) as port, pytest.raises(Unreachable):
        MailWorker(node, section(port, starttls=True, ca_file=str(tmp_path / "mail.example.pem"))).run_once()
    with smtp(box) as port, pytest.raises(Unreachable):
        MailWorker(node, section(port, starttls=True)).run_once()
    assert len(box.taken) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "no address"},
        {"from": "a@b.example\nBcc: c@d.example"},
        {"checkers": ["a@b.example, c@d.example"]},
        {"user": USER},
        {"secret_file": "mail.secret"},
        {"user": USER, "secret_file": "mail.secret", "starttls": False},
        {"colour": "red"},
        {"port": 0},
    ],
)
def test_a_configuration_that_would_say_secrets_in_the_open_or_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section(25, **fields)


def test_the_sections_are_written_and_read_again_as_they_are(node: Node) -> None:
    home = Home(node.home.path)
    mail = section(25, link="https://bank.example", staff=["a@b.example"])
    config = home.read_config().model_copy(update={"mail": mail})
    home.write_config(config)
    text = home.config_file.read_text()
    assert 'from = "node@bank.example"' in text and "starttls = false" in text
    assert home.read_config() == config
