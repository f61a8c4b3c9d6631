"""The contracts' state entries: their shapes, and typed reading and writing of them.

    member/<slug>          an institution                    declaration/<id>   shares of one declaration, its holds and commitments
    consent/<record id>    an enterprise's consent           financing/<id>     one financing and its lines
    enquiry/<record id>    a bank's enquiry                  grant/<commitment> what a consent gave for one declaration
    take/<record id>       the consent spent for it          collection/<id>    money collected, and how much of it no repayment used
    order/<id>             what an authority froze           dispute/<id>       a complaint about a record
    proposal/<id>          a change that governors weigh     scheduled          proposals that will take effect
    policy, registrar, governors, recovery, registry, validators and validator_changes (see validator_entries)

Times are Unix milliseconds; `at` is (height, position), the age of a thing; every share is an integer of parts per million.
An entry that was read is the reader's own copy: it changes the state only when it is put back.
"""

from __future__ import annotations

from typing import Any, TypedDict, cast

from ledger.rules import State


class Member(TypedDict):
    """`role` is authority, registrar, bank or auditor; `status` active, suspended or succeeded, and then `heir` is who succeeded it.

    `frozen` lists the orders that freeze it, sorted. `admitted_ms` is the time of the block that admitted it.
    """

    role: str
    region: str
    name: str
    status: str
    frozen: list[str]
    heir: str | None
    admitted_at: list[int]
    admitted_ms: int


class Hold(TypedDict):
    """An application's hold, `line` the index of its line: it counts while the block's time is before `until`."""

    financing: str
    line: int
    bank: str
    share: int
    until: int
    at: list[int]


class Committed(TypedDict):
    """What an approval committed on a line and no disbursement has drawn yet."""

    financing: str
    line: int
    bank: str
    share: int
    at: list[int]


class Successor(TypedDict):
    """The declaration that replaces one; a share of the old one becomes `ceil(share * ratio / 10**9)` of it."""

    declaration: str
    ratio: int


class Declaration(TypedDict):
    """`until` is the first millisecond in which it can no longer be financed; `lenders` the banks of financings approved on it.

    `frozen` lists the orders that freeze it, sorted; `drawers` the financings with something drawn or lost on it, sorted;
    `collections` what was collected on it, in order.
    """

    ceiling_ppm: int
    until: int
    capacity: int
    collected: int
    void: str | None
    replaced_by: Successor | None
    frozen: list[str]
    drawn: int
    lost: int
    holds: list[Hold]
    committed: list[Committed]
    lenders: list[str]
    drawers: list[str]
    collections: list[str]


class Line(TypedDict):
    """One allocation of a financing. `code` is how the application fared; `was` what was held at last, or what a cancellation let go."""

    declaration: str
    grant: str
    consent: str
    code: str
    held: int
    was: int
    drawn: int
    lost: int


class Offer(TypedDict):
    """An offer to one bank, whose name the commitment hides, to take a financing over before `until`."""

    commitment: str
    until: int


class Financing(TypedDict):
    """`hold_until` is None once approved; `repaid` tells whether anything ever was; `flags` are sorted, as are the orders in `frozen`.

    `origin` is the financing that this one was taken over from, `heir` the one that took this one over.
    """

    bank: str
    state: str
    mode: str
    hold_until: int | None
    at: list[int]
    approved_at: int | None
    was_approved: bool
    repaid: bool
    frozen: list[str]
    offer: Offer | None
    origin: str | None
    heir: str | None
    flags: list[str]
    lines: list[Line]


class OpenHold(TypedDict):
    """A financing with holds under a consent that are not approved, and when those lapse."""

    financing: str
    until: int


class Consent(TypedDict):
    """`key` is the id of its one-time key."""

    commitment: str
    not_before: int
    not_after: int
    uses: int
    used: int
    revoked: bool
    key: str
    open: list[OpenHold]


class Enquiry(TypedDict):
    """`take` and `answer` are the ids of the records that took and answered it."""

    bank: str
    kind: str
    take: str | None
    answer: str | None


class Take(TypedDict):
    """A use of a consent, spent for an enquiry."""

    request: str
    consent: str
    bank: str


class Grant(TypedDict):
    """`maximum` and `uses` are None until the grant is opened; `lines` are [financing, index of the line]."""

    consent: str
    take: str
    maximum: int | None
    uses: int | None
    used: int
    lines: list[list[str | int]]


class Collection(TypedDict):
    """A negative `share` is a correction, and has nothing to use."""

    declaration: str
    bank: str
    share: int
    unused: int


class Proposal(TypedDict):
    """`at` is when it was made, and `until` when it can no longer be approved, in ms; `approvals` are governors, sorted.

    `effective_at` is None until enough of them approved.
    """

    change: dict[str, Any]
    proposer: str
    at: int
    until: int
    approvals: list[str]
    state: str
    effective_at: int | None


class Order(TypedDict):
    """An order freezes its target until it is lifted; it goes with a declaration to the one that replaces it."""

    kind: str
    target: str
    digest: str
    lifted: bool


class Dispute(TypedDict):
    """What a member said of a record, and how it ended."""

    record: str
    by: str
    state: str
    at: list[int]


def member(state: State, slug: str) -> Member | None:
    return cast("Member | None", state.get(f"member/{slug}"))


def put_member(state: State, slug: str, entry: Member) -> None:
    state.put(f"member/{slug}", entry)


def declaration(state: State, declaration_id: str) -> Declaration | None:
    return cast("Declaration | None", state.get(f"declaration/{declaration_id}"))


def put_declaration(state: State, declaration_id: str, entry: Declaration) -> None:
    state.put(f"declaration/{declaration_id}", entry)


def financing(state: State, financing_id: str) -> Financing | None:
    return cast("Financing | None", state.get(f"financing/{financing_id}"))


def put_financing(state: State, financing_id: str, entry: Financing) -> None:
    state.put(f"financing/{financing_id}", entry)


def consent(state: State, consent_id: str) -> Consent | None:
    return cast("Consent | None", state.get(f"consent/{consent_id}"))


def put_consent(state: State, consent_id: str, entry: Consent) -> None:
    state.put(f"consent/{consent_id}", entry)


def enquiry(state: State, request_id: str) -> Enquiry | None:
    return cast("Enquiry | None", state.get(f"enquiry/{request_id}"))


def put_enquiry(state: State, request_id: str, entry: Enquiry) -> None:
    state.put(f"enquiry/{request_id}", entry)


def take(state: State, take_id: str) -> Take | None:
    return cast("Take | None", state.get(f"take/{take_id}"))


def put_take(state: State, take_id: str, entry: Take) -> None:
    state.put(f"take/{take_id}", entry)


def grant(state: State, commitment: str) -> Grant | None:
    return cast("Grant | None", state.get(f"grant/{commitment}"))


def put_grant(state: State, commitment: str, entry: Grant) -> None:
    state.put(f"grant/{commitment}", entry)


def collection(state: State, collection_id: str) -> Collection | None:
    return cast("Collection | None", state.get(f"collection/{collection_id}"))


def put_collection(state: State, collection_id: str, entry: Collection) -> None:
    state.put(f"collection/{collection_id}", entry)


def proposal(state: State, proposal_id: str) -> Proposal | None:
    return cast("Proposal | None", state.get(f"proposal/{proposal_id}"))


def put_proposal(state: State, proposal_id: str, entry: Proposal) -> None:
    state.put(f"proposal/{proposal_id}", entry)


def order(state: State, order_id: str) -> Order | None:
    return cast("Order | None", state.get(f"order/{order_id}"))


def put_order(state: State, order_id: str, entry: Order) -> None:
    state.put(f"order/{order_id}", entry)


def dispute(state: State, dispute_id: str) -> Dispute | None:
    return cast("Dispute | None", state.get(f"dispute/{dispute_id}"))


def put_dispute(state: State, dispute_id: str, entry: Dispute) -> None:
    state.put(f"dispute/{dispute_id}", entry)
