"""Who may sign in to a node: its staff, and programs that act for it.

A maker or checker owns a key of that purpose in the key store, and the one secret that signs them in opens it: nobody else on the
node can sign for them, the administrator neither. So a forgotten secret means a new key, never a reset. Users and clients share one space
of ids, since both sign in under theirs.

A client of an exporter in custody serves its people too: they sign in with its secret, and may choose another. Failures in a row make it
wait like a user (`nodes.keys.lockout`).
"""

from __future__ import annotations

import base64
import re
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from ledger.clock import Clock
from ledger.errors import InputError, NotFound, NotPermitted, Refused, VerificationFailed
from ledger.keys import P256
from ledger.limits import ACCOUNT_SCOPES_MAX
from nodes.keys import lockout
from nodes.keys.account import ID, Account, Client, User, account_of, check_account, client_of, credential_of, user_of
from nodes.keys.keystore import Argon2Cost, KeyStore
from nodes.keys.passwords import check_password, password_bytes
from nodes.private import PrivateStore, clients, users

ROLES: Final = ("maker", "checker", "viewer", "admin")
CLIENT_ROLES: Final = ("service", "viewer", "enterprise", "auditor")
ENTERPRISE_ROLE: Final = "enterprise"
KEY_PURPOSES: Final = {"maker": "make", "checker": "check"}

_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}\Z")
_LOCKS: Final = 64


class Accounts:
    """The users and clients of one home. Safe to share between threads."""

    def __init__(
        self, private: PrivateStore, keystore: KeyStore, clock: Clock, random: Callable[[int], bytes], cost: Argon2Cost | None = None
    ) -> None:
        self._private, self._keystore, self._clock, self._random = private, keystore, clock, random
        cost = cost or Argon2Cost()
        self._hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes)
        # Guesses at one account wait for each other, so that parallel ones cannot outrun the count of failures.
        self._guessing = tuple(threading.Lock() for _ in range(_LOCKS))
        self._nobodys_hash = self._hasher.hash(random(32))

    def add_user(self, user_id: str, name: str, role: str, secret: str) -> User:
        """Adds a member of staff, and a maker's or checker's key, which the ledger must still be told of (`key.add`).

        Raises `InputError` (`bad-account`, `weak-secret`), `Refused` (`account-exists`).
        """
        check_account(user_id, name, role, ROLES)
        check_password(secret, user_id, name)
        row = self._new_row(user_id, name, role, password_bytes(secret)) | {"person": self._random(8).hex()}
        with self._private.begin() as connection:
            _check_free(connection, user_id)
            # The key comes first: a crash now leaves a key that nobody uses, the other order a user that cannot sign.
            row["key_id"] = self._new_key(user_id, role, secret)
            connection.execute(sa.insert(users), [row])
        return user_of(row)

    def restore_user(self, user_id: str, name: str, secret: str, person_of: Callable[[str], str | None]) -> User:
        """Makes the account of a maker or checker again, when the private database is lost: the secret proves itself by opening the key.
        `person_of` says of a key that is in force whose it is on the ledger.

        Raises `InputError` (`bad-account`), `Refused` (`account-exists`), `NotFound` (`unknown-key`), `NotPermitted` (`secret-wrong`).
        """
        roles = {purpose: role for role, purpose in KEY_PURPOSES.items()}
        owned = [info for info in self._keystore.list() if info.owner == user_id and info.purpose in roles]
        role, key_id = next(((roles[info.purpose], info.id) for info in owned if person_of(info.id)), ("", None))
        if key_id is None:
            raise NotFound("unknown-key", f"this home has no key of {user_id} that is in force on the ledger", hint="add the user anew")
        check_account(user_id, name, role, ROLES)
        self._keystore.open(key_id, password_bytes(secret))
        row = self._new_row(user_id, name, role, password_bytes(secret)) | {"person": person_of(key_id), "key_id": key_id}
        with self._private.begin() as connection:
            _check_free(connection, user_id)
            connection.execute(sa.insert(users), [row])
        return user_of(row)

    def add_client(
        self, client_id: str, name: str, role: str, scopes: Iterable[str], *, enterprise: str | None = None
    ) -> tuple[Client, str]:
        """Adds a program; the secret that it is to sign in with (256 random bits) is given out this once. Raises as `add_user`."""
        check_account(client_id, name, role, CLIENT_ROLES)
        if (role == ENTERPRISE_ROLE) != (enterprise is not None):
            raise InputError("bad-account", "a client of the role enterprise, and no other, acts for one enrolled exporter")
        granted = sorted(set(scopes))
        if len(granted) > ACCOUNT_SCOPES_MAX or not all(_SCOPE.match(scope) for scope in granted):
            raise InputError("bad-account", "a scope is a word of printable ASCII")
        secret = self._new_client_secret()
        row = self._new_row(client_id, name, role, secret.encode()) | {"scopes": " ".join(granted), "enterprise": enterprise}
        with self._private.begin() as connection:
            _check_free(connection, client_id)
            connection.execute(sa.insert(clients), [row])
        return client_of(row), secret

    def list_users(self) -> list[User]:
        """Every user, disabled ones too, by id."""
        with self._private.reading() as connection:
            return [user_of(row._asdict()) for row in connection.execute(sa.select(users).order_by(users.c.id))]

    def list_clients(self) -> list[Client]:
        """Every client, disabled ones too, by id."""
        with self._private.reading() as connection:
            return [client_of(row._asdict()) for row in connection.execute(sa.select(clients).order_by(clients.c.id))]

    def account(self, account_id: str) -> Account:
        """The user or client of that id. Raises `NotFound` (`unknown-account`)."""
        with self._private.reading() as connection:
            table, row = _found(connection, account_id)
        return account_of(table, row)

    def disable(self, account_id: str) -> Account:
        """Lets an account sign in no more, for good; its key stays, for what it signed. Raises `NotFound` (`unknown-account`)."""
        with self._private.begin() as connection:
            table, row = _found(connection, account_id)
            _update(connection, table, account_id, disabled=True)
        return account_of(table, row | {"disabled": True})

    def verify(self, account_id: str, secret: str, source: str = "") -> Account:
        """Who signs in with this secret, from a `source` as `lockout.source_of` names it. Raises `NotPermitted`: `sign-in-failed` (which
        does not say why), `account-locked`.
        """
        lock = self._guessing[zlib.crc32(account_id.encode("utf-8", "surrogatepass")) % _LOCKS]
        with lock:
            try:
                with self._private.reading() as connection:
                    table, row = _found(connection, account_id)
            except NotFound as error:
                self._matches(self._nobodys_hash, secret)
                raise _sign_in_failed() from error
            if table is clients and row["role"] != ENTERPRISE_ROLE:
                return self._verified_client(row, secret)
            return self._verified_by_secret(table, row, secret, source)

    def verify_person(self, account_id: str, secret: str, source: str = "") -> Account:
        """Who of the people signs in: of the staff, or of an exporter in custody. Raises as `verify`, for a program too."""
        account = self.verify(account_id, secret, source)
        if not is_persons(account):
            raise _sign_in_failed()
        return account

    def open_key(self, account: Account, secret: str) -> EllipticCurvePrivateKey:
        """The signing key of a maker or checker. Raises `NotPermitted` (`no-staff-key`, `secret-wrong`), and as `KeyStore.open`."""
        if not isinstance(account, User) or account.key_id is None:
            raise NotPermitted("no-staff-key", "this account has no key to sign with", hint="a maker or a checker signs")
        private = self._keystore.open(account.key_id, password_bytes(secret))
        owner = self._keystore.info(account.key_id).owner
        if not isinstance(private, EllipticCurvePrivateKey) or owner != account.id:
            raise VerificationFailed("key-file-damaged", f"the key of {account.id} is not a staff key of that user")
        return private

    def change_secret(self, account_id: str, old: str, new: str, source: str = "") -> Account:
        """Changes a person's secret and what opens that person's keys. After a crash half-way, the same call again completes it.

        Raises `InputError` (`weak-secret`), `NotPermitted` as `verify`, `NotFound` (`unknown-account`) for a program.
        """
        account = self.verify(account_id, old, source)
        if not is_persons(account):
            raise _no_such_user()
        check_password(new, account.id, account.name)
        for info in self._keystore.list():
            if info.owner == account.id:
                self._change_key_secret(info.id, password_bytes(old), password_bytes(new))
        hashed = self._hasher.hash(password_bytes(new))
        with self._private.begin() as connection:
            _update(connection, users if isinstance(account, User) else clients, account.id, secret_hash=hashed)
        return replace(account, credential=credential_of(hashed))

    def rotate_key(
        self, account_id: str, secret: str, register: Callable[[User], object] = lambda _: None, hsm: tuple[str, str] | None = None
    ) -> User:
        """Gives a maker or checker a new key, or that of a hardware module, by label and PIN. `register` is to tell the ledger of it
        (`key.add`); where that fails, the old key stays the user's. Raises as `verify`, `open_key`, `KeyStore.add_from_hsm` and `register`.
        """
        account = self._verified_user(account_id, secret)
        self.open_key(account, secret)
        if hsm is None:
            key_id = self._new_key(account.id, account.role, secret)
        else:
            label, pin, purpose = hsm[0], hsm[1].encode("utf-8"), KEY_PURPOSES[account.role]
            key_id = self._keystore.add_from_hsm(label, pin, purpose, account.id, password_bytes(secret)).id
        rotated = replace(account, key_id=key_id)
        register(rotated)
        with self._private.begin() as connection:
            _update(connection, users, account.id, key_id=rotated.key_id)
        return rotated

    def rotate_client(self, client_id: str) -> str:
        """A new secret for a client, given out this once; the old one ends. Raises `NotFound` (`unknown-account`)."""
        secret = self._new_client_secret()
        hashed = self._hasher.hash(secret)
        with self._private.begin() as connection:
            if _update(connection, clients, client_id, secret_hash=hashed, failures=0, locked_until_ms=0) == 0:
                raise NotFound("unknown-account", "there is no such client")
        return secret

    def _verified_user(self, account_id: str, secret: str, source: str = "") -> User:
        account = self.verify(account_id, secret, source)
        if not isinstance(account, User):
            raise _no_such_user()
        return account

    def _new_row(self, account_id: str, name: str, role: str, secret: bytes) -> dict[str, Any]:
        hashed = self._hasher.hash(secret)
        now_ms = self._clock.now_ms()
        state = {"disabled": False, "failures": 0, "locked_until_ms": 0, "created_ms": now_ms}
        return {"id": account_id, "name": name, "role": role, "secret_hash": hashed, **state}

    def _new_client_secret(self) -> str:
        return base64.urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()

    def _new_key(self, user_id: str, role: str, secret: str) -> str | None:
        purpose = KEY_PURPOSES.get(role)
        return None if purpose is None else self._keystore.create(P256, purpose, user_id, password_bytes(secret)).id

    def _change_key_secret(self, key_id: str, old: bytes, new: bytes) -> None:
        try:
            self._keystore.change_secret(key_id, old, new)
        except NotPermitted:
            # A call that was cut short may have changed this key already; any other secret is refused here.
            self._keystore.open(key_id, new)

    def _matches(self, hashed: str, secret: str) -> bool:
        try:
            return self._hasher.verify(hashed, password_bytes(secret))
        except (VerificationError, InvalidHashError, InputError):
            return False

    def _verified_client(self, row: dict[str, Any], secret: str) -> Client:
        if not self._matches(row["secret_hash"], secret) or row["disabled"]:
            raise _sign_in_failed()
        return client_of(row)

    def _verified_by_secret(self, table: sa.Table, row: dict[str, Any], secret: str, source: str) -> Account:
        """Counts a failure, or forgets those before. A disabled account's are counted too, so that it answers like any other."""
        with self._private.reading() as connection:
            held = lockout.standing(connection, table, row, source, self._clock.now_ms())
        lockout.check_open(held, self._clock.now_ms())
        good = self._matches(row["secret_hash"], secret) and not row["disabled"]
        now_ms = self._clock.now_ms()
        if good and lockout.is_settled(held, now_ms):
            return account_of(table, row)
        with self._private.begin() as connection:
            table, row = _found(connection, row["id"])
            held = lockout.standing(connection, table, row, source, now_ms)
            note = lockout.note_success if good and not row["disabled"] else lockout.note_failure
            note(connection, held, now_ms)
        if note is lockout.note_failure:
            raise _sign_in_failed()
        return account_of(table, row)


def is_persons(account: Account) -> bool:
    """Whether people sign in by it, and choose its secret: of the staff, or of an exporter in custody."""
    return isinstance(account, User) or account.role == ENTERPRISE_ROLE


def _check_free(connection: sa.Connection, account_id: str) -> None:
    for table in (users, clients):
        if connection.execute(sa.select(table.c.id).where(table.c.id == account_id)).first() is not None:
            raise Refused("account-exists", f"there is an account {account_id} already", hint="a disabled one keeps its id")


def _found(connection: sa.Connection, account_id: str) -> tuple[sa.Table, dict[str, Any]]:
    for table in (users, clients):
        row = connection.execute(sa.select(table).where(table.c.id == account_id)).first() if ID.match(account_id) else None
        if row is not None:
            return table, row._asdict()
    raise NotFound("unknown-account", "there is no such account")


def _update(connection: sa.Connection, table: sa.Table, account_id: str, **values: object) -> int:
    return connection.execute(sa.update(table).where(table.c.id == account_id).values(values)).rowcount


def _sign_in_failed() -> NotPermitted:
    return NotPermitted("sign-in-failed", "the id and the secret do not belong together, or the account is disabled")


def _no_such_user() -> NotFound:
    return NotFound("unknown-account", "there is no such user", hint="a client's secret is rotated")
