"""Bodies of the records: strict (`"1"`, `true` and `1.0` are not 1), no unknown fields. What does not fit leaves nothing on the ledger.

Shares are integers of parts per million, times Unix milliseconds, hashes and ids 64 lower-case hex digits. The bodies about financings are
in `contracts.financings.models`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.months import MONTH_PATTERN
from contracts.shares import CAPACITY_MAX, RATIO_MAX, STEP, WHOLE
from ledger import keys
from ledger.errors import InputError
from ledger.limits import (
    CONSENT_USES_MAX,
    ENQUIRY_LINES_MAX,
    INTEGER_MAX,
    MEMBER_KEYS_PER_RECORD_MAX,
    MEMBER_NAME_CHARS_MAX,
    REPLACES_MAX,
)


def distinct(values: list[str]) -> list[str]:
    """The values. Raises `ValueError` where one stands twice."""
    if len(set(values)) != len(values):
        raise ValueError("an item stands twice")
    return values


Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
Person = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MEMBER_NAME_CHARS_MAX)]
TimeMs = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
Share = Annotated[int, Field(ge=1, le=CAPACITY_MAX)]
Role = Literal["authority", "registrar", "bank", "auditor"]

_ALGORITHM_OF = {"make": keys.P256, "check": keys.P256, "service": keys.P256, "seal": keys.X25519, "validate": keys.ED25519}
_STAFF = ("make", "check")


class Body(BaseModel):
    """What every body has in common."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Empty(Body):
    """A record that says all it has to say in its sealed part."""


class Key(Body):
    """A public key in hex, what it is for, and, for a staff key, the pseudonym of its person."""

    alg: Literal["p256", "x25519", "ed25519"]
    public: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64}|[0-9a-f]{66})$")]
    purpose: Literal["make", "check", "service", "seal", "validate"]
    person: Person | None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.alg != _ALGORITHM_OF[self.purpose]:
            raise ValueError("a key of this purpose has another algorithm")
        if (self.person is not None) != (self.purpose in _STAFF):
            raise ValueError("staff keys, and only they, name a person")
        _check_point(self.alg, self.public)
        return self

    def to_public(self) -> keys.PublicKey:
        return keys.PublicKey(self.alg, bytes.fromhex(self.public))


class OneTimeKey(Body):
    """The fresh key that authors a consent."""

    alg: Literal["p256"]
    public: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{66}$")]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_point(self.alg, self.public)
        return self

    def to_public(self) -> keys.PublicKey:
        return keys.PublicKey(self.alg, bytes.fromhex(self.public))


def _check_point(alg: str, public: str) -> None:
    try:
        keys.check_public(alg, bytes.fromhex(public))
    except InputError as error:
        raise ValueError(error.message) from error


class MemberAdmit(Body):
    """A new member with its first keys."""

    member: Slug
    role: Role
    region: Region
    name: Name
    keys: Annotated[list[Key], Field(min_length=1, max_length=MEMBER_KEYS_PER_RECORD_MAX)]


class MemberSuspend(Body):
    """The member may start nothing more until it is reinstated."""

    member: Slug
    reason: Literal["investigation", "breach", "request"]


class MemberReinstate(Body):
    """The end of a suspension."""

    member: Slug


class MemberSucceed(Body):
    """`heir` takes the place of the member for good."""

    member: Slug
    heir: Slug


class MemberEstate(Body):
    """What opens the sealed parts of the financings that `heir` acts for since the member was succeeded; as many records as it takes."""

    member: Slug
    heir: Slug


class KeyAdd(Body):
    """One more key of a member."""

    member: Slug
    key: Key


class KeyRevoke(Body):
    """The end of a key."""

    key: Hash
    reason: Literal["rotated", "compromised", "left"]


class Replacement(Body):
    """The other declaration of a replacement. `ratio` is `ceil(old registered * 10**9 / new registered)`."""

    declaration: Hash
    ratio: Annotated[int, Field(ge=1, le=RATIO_MAX)]


class DeclarationRegister(Body):
    """`until` is the last month in which it can be financed; what is used of those that it replaces moves to it."""

    declaration: Hash
    ceiling_ppm: Annotated[int, Field(ge=STEP, le=WHOLE)]
    until: Annotated[str, StringConstraints(pattern=MONTH_PATTERN)]
    replaces: Annotated[list[Replacement], Field(max_length=REPLACES_MAX)]

    @model_validator(mode="after")
    def _replaces_each_once(self) -> Self:
        distinct([old.declaration for old in self.replaces])
        return self


class DeclarationAmend(Body):
    """`capacity` is what is declared now, as a share of what was registered."""

    declaration: Hash
    capacity: Annotated[int, Field(ge=0, le=CAPACITY_MAX)]


class DeclarationVoid(Body):
    """The declaration counts no more; what is used of it moves to `successor`, where it names one."""

    declaration: Hash
    reason: Literal["withdrawn", "error"]
    successor: Replacement | None


class DeclarationCollected(Body):
    """Money came in from abroad; a negative share takes back what the collection `corrects` recorded, as far as nobody used it."""

    declaration: Hash
    share: Annotated[int, Field(ge=-CAPACITY_MAX, le=CAPACITY_MAX)]
    corrects: Hash | None

    @model_validator(mode="after")
    def _moves(self) -> Self:
        if self.share == 0:
            raise ValueError("a share of zero moves nothing")
        if (self.share < 0) != (self.corrects is not None):
            raise ValueError("exactly a negative share names the collection that it corrects")
        return self


class ConsentGive(Body):
    """In force from `not_before` until before `not_after`; `uses` is how many enquiries may be taken under it."""

    commitment: Hash
    not_before: TimeMs
    not_after: TimeMs
    uses: Annotated[int, Field(ge=1, le=CONSENT_USES_MAX)]
    key: OneTimeKey

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.not_before >= self.not_after:
            raise ValueError("a consent ends after it begins")
        return self


class ConsentRevoke(Body):
    """The end of a consent."""

    consent: Hash


class EnquiryRequest(Body):
    """What the bank asks is sealed; its kind is public."""

    kind: Literal["declarations", "credit"]


class EnquiryTake(Body):
    """`salt` opens the consent's commitment to the request's bank."""

    request: Hash
    consent: Hash
    salt: Hash


class EnquiryAnswer(Body):
    """`take` is None where the request was declined without spending a consent: then nothing is granted."""

    request: Hash
    take: Hash | None
    grants: Annotated[list[Hash], Field(max_length=ENQUIRY_LINES_MAX), AfterValidator(distinct)]

    @model_validator(mode="after")
    def _declines(self) -> Self:
        if self.take is None and self.grants:
            raise ValueError("nothing is granted without a take")
        return self


class DisputeOpen(Body):
    """A complaint about a record; what it says is sealed."""

    record: Hash


class DisputeResolve(Body):
    """How a dispute ended."""

    dispute: Hash
    outcome: Literal["upheld", "rejected", "withdrawn"]


class FrozenThing(Body):
    """A declaration or a financing that an order freezes."""

    kind: Literal["declaration", "financing"]
    id: Hash


class FrozenMember(Body):
    """A member that an order freezes."""

    kind: Literal["member"]
    id: Slug


class OrderFreeze(Body):
    """`digest` is that of the order as it was served."""

    target: Annotated[FrozenThing | FrozenMember, Field(discriminator="kind")]
    digest: Hash


class OrderLift(Body):
    """The end of an order; `digest` is that of the paper that lifts it."""

    order: Hash
    digest: Hash
