"""What an account is known by beside its own secret: the subject of an OpenID provider, for a person; a certificate, for a program."""

from __future__ import annotations

import sqlalchemy as sa

from ledger.errors import InputError, NotFound, NotPermitted, Refused
from ledger.limits import OPENID_SUBJECT_CHARS_MAX
from nodes.keys.account import Client, User, client_of, user_of
from nodes.keys.tables import client_certificates, subjects
from nodes.private import PrivateStore, clients, users


class Links:
    """Of one home. Safe to share between threads."""

    def __init__(self, private: PrivateStore) -> None:
        self._private = private

    def link(self, user_id: str, subject: str) -> None:
        """A user signs in as this subject from now on, and as no other. Raises `InputError` (`bad-subject`), `NotFound`
        (`unknown-account`), `Refused` (`subject-taken`).
        """
        if not (0 < len(subject) <= OPENID_SUBJECT_CHARS_MAX and subject.isprintable()):
            raise InputError("bad-subject", f"a subject has 1 to {OPENID_SUBJECT_CHARS_MAX} printable characters")
        with self._private.begin() as connection:
            _check_there(connection, users, user_id)
            taken = connection.execute(sa.select(subjects.c.account).where(subjects.c.subject == subject)).scalar()
            if taken not in (None, user_id):
                raise Refused("subject-taken", "another account is linked to this subject", hint="unlink that one first")
            connection.execute(sa.delete(subjects).where(subjects.c.account == user_id))
            connection.execute(sa.insert(subjects), [{"subject": subject, "account": user_id}])

    def unlink(self, user_id: str) -> None:
        """A user signs in with the own secret again. Raises `NotFound` (`unknown-account`)."""
        with self._private.begin() as connection:
            _check_there(connection, users, user_id)
            connection.execute(sa.delete(subjects).where(subjects.c.account == user_id))

    def is_linked(self, user_id: str) -> bool:
        with self._private.reading() as connection:
            return connection.execute(sa.select(subjects.c.subject).where(subjects.c.account == user_id)).first() is not None

    def linked_user(self, subject: str) -> User:
        """Whom a subject signs in. Raises `NotPermitted` (`oidc-account`)."""
        query = sa.select(users).join(subjects, subjects.c.account == users.c.id).where(subjects.c.subject == subject)
        with self._private.reading() as connection:
            row = connection.execute(query).first()
        if row is None or row.disabled:
            raise NotPermitted("oidc-account", "no account of this node signs in as this person", hint="tallystick user link")
        return user_of(row._asdict())

    def register_certificate(self, client_id: str, thumbprint: str) -> None:
        """A client authenticates with the certificate of this SHA-256 from now on (RFC 8705). Raises `NotFound` (`unknown-account`)."""
        with self._private.begin() as connection:
            _check_there(connection, clients, client_id)
            connection.execute(sa.delete(client_certificates).where(client_certificates.c.client == client_id))
            connection.execute(sa.insert(client_certificates), [{"client": client_id, "thumbprint": thumbprint}])

    def client_by_certificate(self, client_id: str, thumbprint: str) -> Client:
        """The client that shows its certificate. Raises `NotPermitted` (`sign-in-failed`), which does not say why."""
        query = sa.select(clients).join(client_certificates, client_certificates.c.client == clients.c.id)
        query = query.where(clients.c.id == client_id, client_certificates.c.thumbprint == thumbprint)
        with self._private.reading() as connection:
            row = connection.execute(query).first()
        if row is None or row.disabled:
            raise NotPermitted("sign-in-failed", "the id and the certificate do not belong together, or the account is disabled")
        return client_of(row._asdict())


def _check_there(connection: sa.Connection, table: sa.Table, account_id: str) -> None:
    if connection.execute(sa.select(table.c.id).where(table.c.id == account_id)).first() is None:
        raise NotFound("unknown-account", "there is no such account")
