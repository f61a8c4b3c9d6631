"""Enterprises: who they are, as far as this node may know. No public field names one; its enrolment is sealed.

The authority enrols an enterprise by a record whose sealed `enrolment` only the authority and the enterprise open. One that runs a
node gives its own signing and sealing keys; one in custody has none, and the authority acts for it and reads for it. An enterprise
is named, in sealed parts only, by the id of the record that enrolled it.

A registrar that is another member than the authority opens a part of its own, `registry`: a credit code and the key by which the exporter
opens its declarations, and nothing else of the enrolment (`nodes.telling` says what becomes of it when the registrar changes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from stdnum.cn import uscc as uscc_rules
from stdnum.exceptions import ValidationError as NumberError

from ledger import keys
from ledger.engine import Receipt
from ledger.errors import InputError, NotFound, Refused
from ledger.keys import P256, X25519, PublicKey
from ledger.limits import ACCOUNT_NAME_CHARS_MAX
from ledger.store import StoredRecord
from nodes.author import Part, RecordAuthor, SigningKey
from nodes.directory import Directory
from nodes.outbox import PENDING, Outbox
from nodes.private import PrivateStore, metadata
from nodes.sealed_models import Hash, SealedPart, Slug, Uscc, read_part
from nodes.sealing import Opened, Recipient

RECORD_TYPE: Final = "enterprise.enrol"
PART: Final = "enrolment"
REGISTRY: Final = "registry"
PROJECTION: Final = "enterprises/1"

enterprises = sa.Table(
    "enterprises",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("uscc", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("custody", sa.Boolean, nullable=False),
    sa.Column("sign_key", sa.Text, unique=True),
    sa.Column("sign_public", sa.Text),
    sa.Column("seal_key", sa.Text),
    sa.Column("seal_public", sa.Text),
    sa.Column("height", sa.BigInteger, nullable=False),
    sa.Column("log_index", sa.BigInteger, nullable=False, index=True),
    comment="enrolments that this node can open; made from the ledger",
)


class _Sealed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SealedKey(_Sealed):
    """A public key inside a sealed part."""

    alg: str
    public: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){32,33}$")]

    def key(self) -> PublicKey:
        return keys.check_public(self.alg, bytes.fromhex(self.public))


class Enrolment(_Sealed):
    """The sealed part `enrolment`. In custody there are no keys; otherwise a P-256 key that signs and an X25519 key that opens."""

    v: Literal[1] = 1
    uscc: Annotated[str, Field(pattern=r"^[0-9A-Z]{18}$")]
    name: Annotated[str, Field(min_length=1, max_length=ACCOUNT_NAME_CHARS_MAX)]
    custody: bool
    sign: SealedKey | None = None
    seal: SealedKey | None = None

    @model_validator(mode="after")
    def _keys_fit_custody(self) -> Self:
        wanted = (None, None) if self.custody else (P256, X25519)
        if (self.sign and self.sign.alg, self.seal and self.seal.alg) != wanted:
            raise ValueError("an enterprise has a p256 and an x25519 key, or is in custody and has none")
        return self


class RegistryPart(SealedPart):
    """The part `registry`, for `registrar` and the authority. `enterprise` is the enrolment that it tells of, None for the record's own;
    `seal` the X25519 key by which the exporter opens its declarations, None in custody.
    """

    registrar: Slug
    enterprise: Hash | None
    uscc: Uscc
    seal: SealedKey | None


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An enrolled enterprise. `sign` and `seal` are None in custody. A registrar knows neither `name` (empty there) nor `sign`."""

    id: str
    uscc: str
    name: str
    custody: bool
    sign: PublicKey | None
    seal: PublicKey | None
    height: int
    log_index: int

    def recipient(self, directory: Directory) -> Recipient:
        """Who opens parts for this enterprise: itself, found by trial, or the authority as its custodian."""
        if self.seal is not None:
            return Recipient(self.seal.public, self.seal.id, named=False)
        return directory.recipient(directory.authority())


class Enterprises:
    """What this node knows of enterprises: all at the authority, what it is told at a registrar's, itself at an enterprise's own."""

    def __init__(self, private: PrivateStore) -> None:
        self._private = private

    def list(self, after: int = 0, limit: int | None = None) -> list[Enterprise]:
        """In the order of their enrolment; `after` is the log index of the last one that was seen."""
        query = sa.select(enterprises).where(enterprises.c.log_index > after).order_by(enterprises.c.log_index)
        with self._private.reading() as connection:
            return [_enterprise(row) for row in connection.execute(query if limit is None else query.limit(limit))]

    def find(self, text: str, limit: int) -> Sequence[Enterprise]:
        """Those whose credit code begins with the text, or whose name has it in it, in the order of their enrolment."""
        matching = sa.or_(enterprises.c.uscc.startswith(text, autoescape=True), enterprises.c.name.contains(text, autoescape=True))
        query = sa.select(enterprises).where(matching).order_by(enterprises.c.log_index).limit(limit)
        with self._private.reading() as connection:
            return [_enterprise(row) for row in connection.execute(query)]

    def get(self, enterprise_id: str) -> Enterprise:
        """Raises `NotFound` (`unknown-enterprise`)."""
        return self._one(enterprises.c.id == enterprise_id)

    def by_uscc(self, uscc: str) -> Enterprise:
        """Raises `NotFound` (`unknown-enterprise`)."""
        return self._one(enterprises.c.uscc == uscc)

    def by_sign_key(self, key_id: str) -> Enterprise:
        """Raises `NotFound` (`unknown-enterprise`)."""
        return self._one(enterprises.c.sign_key == key_id)

    def _one(self, condition: sa.ColumnElement[bool]) -> Enterprise:
        with self._private.reading() as connection:
            row = connection.execute(sa.select(enterprises).where(condition)).first()
        if row is None:
            raise NotFound("unknown-enterprise", "this node knows no such enterprise")
        return _enterprise(row)


def enrolment(uscc: str, name: str, sign: PublicKey | None = None, seal: PublicKey | None = None) -> Enrolment:
    """A checked enrolment; without keys, in custody. Raises `InputError`: `uscc-invalid`, `bad-enrolment`."""
    try:
        number = uscc_rules.validate(uscc)
    except NumberError as error:
        raise InputError(
            "uscc-invalid", "the unified social credit code is not valid", hint="GB 32100: 18 characters, the last checks"
        ) from error
    if not name.isprintable():
        raise InputError("bad-enrolment", "the name has characters that cannot be printed")
    pair = [None if key is None else key.to_json() for key in (sign, seal)]
    custody = sign is None and seal is None
    return _parsed({"v": 1, "uscc": number, "name": name, "custody": custody, "sign": pair[0], "seal": pair[1]})


def enrol(
    what: Enrolment, author: RecordAuthor, outbox: Outbox, directory: Directory, signing_key: SigningKey, *, again: bool = False
) -> Receipt:
    """Puts an enrolment on the ledger, signed by the authority. There is one for a credit code, whoever asks and however often. `again`:
    who asks may have made it before, and is given that one.

    Raises `Refused` (`already-enrolled`), and as `Outbox.send`.
    """
    recipients = [directory.recipient(directory.authority())]
    if what.seal is not None:
        key = what.seal.key()
        recipients.append(Recipient(key.public, key.id, named=False))
    registrar = registrar_to_tell(directory)
    parts = {PART: Part(what.model_dump(), recipients), **({} if registrar is None else told(registrar, what, None, directory))}
    authored = author.record(RECORD_TYPE, {}, [signing_key], parts)
    receipt = outbox.send(authored.raw, RECORD_TYPE, _free_reference(outbox, what.uscc))
    if receipt.record_id != authored.record_id and not again:
        raise Refused("already-enrolled", "an enterprise with this credit code is enrolled", hint=f"its id is {receipt.record_id}")
    return receipt


def registrar_to_tell(directory: Directory) -> str | None:
    """The registrar that opens a part of its own; None where it is the authority, which opens all of it, or has no sealing key in force."""
    registrar = directory.registrar()
    return registrar if registrar != directory.authority() and directory.keys(registrar, "seal") else None


def told(registrar: str, what: Enrolment, enterprise: str | None, directory: Directory) -> dict[str, Part]:
    """The part `registry`; `enterprise` as in `RegistryPart`."""
    part = RegistryPart(registrar=registrar, enterprise=enterprise, uscc=what.uscc, seal=what.seal)
    return {REGISTRY: Part(part.content(), [directory.recipient(slug) for slug in (registrar, directory.authority())])}


def project_enrolment(connection: sa.Connection, stored: StoredRecord, parts: Mapping[str, Opened]) -> None:
    """The projection `enterprises`. Raises `InputError` (`bad-enrolment`, `already-enrolled`, `part-malformed`) for what it cannot use."""
    if stored.record.type != RECORD_TYPE or stored.result["code"] != "ok":
        return
    told_of = read_part(RegistryPart, parts[REGISTRY].content) if REGISTRY in parts else None
    if PART in parts:
        what, again = _parsed(parts[PART].content), None if told_of is None else told_of.enterprise
        _insert(connection, stored, what, again)
    elif told_of is not None:
        # A registrar's node: it opens no enrolment.
        what = Enrolment.model_construct(uscc=told_of.uscc, name="", custody=told_of.seal is None, seal=told_of.seal)
        _insert(connection, stored, what, told_of.enterprise)


def _insert(connection: sa.Connection, stored: StoredRecord, what: Enrolment, again: str | None) -> None:
    """Writes an enterprise down. `again` is the enrolment that the record tells of once more: where it is known, nothing is new."""
    enterprise_id = again or stored.id
    sign, seal = (None if sealed is None else sealed.key() for sealed in (what.sign, what.seal))
    same = enterprises.c.uscc == what.uscc
    if sign is not None:
        same = sa.or_(same, enterprises.c.sign_key == sign.id)
    known = connection.execute(sa.select(enterprises.c.id).where(same)).scalars().all()
    if known == [enterprise_id]:
        return
    if known:
        raise InputError("already-enrolled", "the enterprise or its key was enrolled by an earlier record")
    connection.execute(
        sa.insert(enterprises).values(
            id=enterprise_id,
            uscc=what.uscc,
            name=what.name,
            custody=what.custody,
            sign_key=sign and sign.id,
            sign_public=sign and sign.public.hex(),
            seal_key=seal and seal.id,
            seal_public=seal and seal.public.hex(),
            height=stored.height,
            log_index=stored.log_index,
        )
    )


def _free_reference(outbox: Outbox, uscc: str) -> str:
    """The cause under which this credit code is enrolled: an enrolment that the rules refused leaves room for another."""
    attempt = 0
    while True:
        reference = f"enrol:{uscc}:{attempt}"
        known = outbox.by_reference(reference)
        if known is None or known.state == PENDING or (known.result or {}).get("code") == "ok":
            return reference
        attempt += 1


def _parsed(content: Mapping[str, Any]) -> Enrolment:
    try:
        what = Enrolment.model_validate(dict(content))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "enrolment"
        raise InputError("bad-enrolment", f"{where}: {fault['msg']}") from error
    for sealed in (what.sign, what.seal):
        if sealed is not None:
            sealed.key()
    return what


def _enterprise(row: Any) -> Enterprise:
    sign = None if row.sign_public is None else PublicKey(P256, bytes.fromhex(row.sign_public))
    seal = None if row.seal_public is None else PublicKey(X25519, bytes.fromhex(row.seal_public))
    return Enterprise(row.id, row.uscc, row.name, row.custody, sign, seal, row.height, row.log_index)
