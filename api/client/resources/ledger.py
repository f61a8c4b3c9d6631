"""The network, its members and governors, and the ledger itself: records, blocks, proof files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from api.client.calls import Call, Page, Params, Reply, as_bytes, as_json, get, paged, post, sent
from api.client.models import Block, Member, Network, Proposal, Receipt, Record, reading, valuing
from api.client.operations import Mode, Resource, listing, operation


class NetworkResource(Resource[Mode]):
    """`client.network`: every seat has it."""

    @operation
    def get(self) -> Call[Network]:
        """The network, the height of the node's replica, and whose node it is."""
        return get("/v1/network", reading(Network))

    @operation
    def policy(self) -> Call[dict[str, Any]]:
        """The policy in force, by its fields."""
        return get("/v1/policy", lambda reply: dict(reply.json()["policy"]))

    @listing
    def members(self) -> Call[Page[Member]]:
        """Members in the order of their ids, with their keys in force."""
        return get("/v1/members", paged(valuing(Member)))

    @listing
    def proposals(self) -> Call[Page[Proposal]]:
        """What governors proposed, the newest first."""
        return get("/v1/governance/proposals", paged(valuing(Proposal)))


class Records(Resource[Mode]):
    """`client.records`: what is on the ledger, opened as far as the node opens it for the caller."""

    @operation
    def get(self, record_id: str) -> Call[Record]:
        """Raises `NotFound` (`unknown-record`), also of a record that has not reached this node yet."""
        return get(f"/v1/records/{record_id}", reading(Record))

    @operation
    def proof(self, record_id: str, *, reveal: bool = False, parts: Sequence[str] = ()) -> Call[bytes]:
        """Its proof file, for `tallystick verify`. `reveal` discloses every part that the node opens, `parts` these only; for good."""
        return get(f"/v1/records/{record_id}/proof", as_bytes, {"reveal": reveal or None, "part": parts or None})

    @operation
    def submit(self, transaction: bytes) -> Call[Receipt]:
        """Hands in a record that the caller's member signed itself, as canonical JSON. The receipt says what the rules made of it."""
        call = sent("POST", "/v1/records", _receipt, transaction, "application/json")
        # A record's own id makes it idempotent: the same bytes are asked for again under no other key.
        headers = {name: value for name, value in call.request.headers.items() if name != "Idempotency-Key"}
        return replace(call, request=replace(call.request, headers=headers), settled=lambda receipt: receipt is not None, resend=True)

    @operation
    def block(self, height: int) -> Call[Block]:
        """One block, with its header's hash."""
        return get(f"/v1/blocks/{height}", reading(Block))

    @operation
    def state_proof(self, key: str, height: int | None = None) -> Call[bytes]:
        """The proof file of the value of a state key at a height, or of its absence."""
        return get("/v1/state/proof", as_bytes, {"key": key, "height": height})

    @operation
    def consistency_proof(self, since: int, height: int | None = None) -> Call[bytes]:
        """The proof file that nothing was changed since a block."""
        return get("/v1/log/consistency/proof", as_bytes, {"since": since, "height": height})

    @operation
    def checkpoint(self) -> Call[dict[str, Any]]:
        """The newest signed note, and the one that most witnesses cosigned."""
        return get("/v1/checkpoint", as_json)


class Anything(Resource[Mode]):
    """`client.http`: any other resource of the interface, as plain JSON, with the same sign-in, retries and problems."""

    @operation
    def get(self, path: str, params: Params | None = None) -> Call[Any]:
        """A reading."""
        return get(path, as_json, params)

    @operation
    def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None) -> Call[Any]:
        """A request with a JSON body."""
        return post(path, as_json, body, key=idempotency_key)

    @operation
    def send(self, method: Literal["PUT", "DELETE"], path: str, body: Any = None) -> Call[Any]:
        """A request that puts something in its place, or away."""
        return sent(method, path, as_json, b"" if body is None else _encoded(body), "application/json")

    @listing
    def items(self, path: str, params: Params | None = None) -> Call[Page[Any]]:
        """Everything on a list."""
        return get(path, paged(lambda item: item), params)


def _receipt(reply: Reply) -> Any:
    """The receipt; None while there is none yet."""
    return None if reply.status == 202 else reading(Receipt)(reply)


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()
