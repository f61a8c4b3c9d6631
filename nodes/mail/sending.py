"""One message by SMTP: under TLS that is verified, signed in where the configuration says as whom."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path

import structlog

from ledger.errors import Unreachable
from ledger.limits import MAIL_SECONDS_MAX
from nodes.home_config import MailSection
from nodes.private_files import read_private_file

log = structlog.get_logger(__name__)


class Mailer:
    """Sends as one configuration says. Files that it names are relative to the home."""

    def __init__(self, section: MailSection, home: Path) -> None:
        self._section, self._home = section, home

    def send(self, message_id: str, to: Sequence[str], subject: str, text: str, now_ms: int) -> None:
        """Returns once the server took it for somebody; whom it refused is in the log. Raises `Unreachable` (`mail-unreachable`), and as
        `read_private_file` for the file of the secret.
        """
        message = EmailMessage()
        message["Message-ID"] = message_id
        message["Date"] = formatdate(now_ms / 1000)
        message["From"], message["To"] = self._section.sender, ", ".join(to)
        message["Subject"], message["Auto-Submitted"] = subject, "auto-generated"
        message.set_content(text)
        secret = None if self._section.secret_file is None else read_private_file(self._home / self._section.secret_file)
        try:
            with smtplib.SMTP(self._section.host, self._section.port, timeout=MAIL_SECONDS_MAX) as server:
                if self._section.starttls:
                    server.starttls(context=self._tls())
                if self._section.user is not None and secret is not None:
                    server.login(self._section.user, secret.decode("utf-8").strip())
                refused = server.send_message(message, self._section.sender, list(to))
        except (OSError, smtplib.SMTPException, UnicodeDecodeError) as error:
            # The exception's text may hold addresses, or what the server was told.
            hint = "look at [mail] in tallystick.toml, and at the server"
            raise Unreachable("mail-unreachable", f"the mail was not taken ({type(error).__name__})", hint=hint) from error
        if refused:
            log.warning("mail-refused", recipients=len(refused))

    def _tls(self) -> ssl.SSLContext:
        ca_file = self._section.ca_file
        return ssl.create_default_context(cafile=None if ca_file is None else str(self._home / ca_file))
