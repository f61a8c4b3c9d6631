"""The ledger as every seat may read it: network, policy, members, blocks, and proofs of log and state.

What is on the ledger holds no client and no amount in public, so every member may read all of it. Nothing here shows what this node
opens. A block is `{"header", "records": [{"record", "signatures", "result"}], "checkpoint"}`, exactly what a follower executes again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.context import ApiContext, Context, TheNode
from api.heights import wait
from api.models import After, Limit
from api.preferences import wait_seconds
from api.resources.governance import proposal_summary
from api.responses import JSON, as_of, json_response, page, proof_file, single
from contracts import validator_entries
from ledger import canonical
from ledger.clock import rfc3339
from ledger.errors import InputError, NotFound
from ledger.follow import bundle_of
from ledger.limits import HTTP_BLOCKS_BYTES_MAX, INTEGER_MAX
from ledger.record import parse
from nodes.engine_views import Consensus, consensus
from nodes.governance import Governance
from nodes.node import Node
from nodes.proofs import Proofs
from nodes.rules_ahead import outlook
from nodes.sandbox import is_sandbox
from nodes.trust_files import COMET, newest_trust

Height = Annotated[int, Path(ge=0, le=INTEGER_MAX)]
AfterHeight = Annotated[int, Query(ge=-1, le=INTEGER_MAX, description="blocks above this height; -1 for all")]
LogSize = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="a number of leaves")]
Since = Annotated[int, Query(ge=0, le=INTEGER_MAX, description="the height of the earlier block")]
StateHeight = Annotated[int | None, Query(ge=0, le=INTEGER_MAX, description="the newest by default; every height is kept")]
StateKey = Annotated[str, Query(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]


def get_network(request: Request, node: TheNode) -> Response:
    """The network, the height of this node's replica, and whose node this is. In a `sandbox` nothing is real. `rules` are those of the
    newest block; `rules_known` this program's versions; `rules_to_come` those that the governors let begin later: a program that lacks one
    stops at its time. `validators` are those of a network whose engine has them, else null. `consensus` is how this node's CometBFT stands,
    null where it has none: its height and time, engines that it is connected to, faults as `/readyz` names them, and validators that were
    found to misbehave.
    """
    config, genesis, seen = node.config, node.genesis, consensus(node.engine)
    with node.store.reading() as reader:
        head = reader.head
        ahead = outlook(reader, node.rulebook, head.time_ms)
        validators = validator_entries.in_force(reader.state)
    return single(
        request,
        {
            "id": node.network,
            "name": genesis["name"],
            "sandbox": is_sandbox(genesis),
            "engine": genesis["engine"],
            "rules": head.rules,
            "rules_known": list(ahead.known),
            "rules_to_come": [{"version": each.version, "from": rfc3339(each.at_ms), "known": each.known} for each in ahead.to_come],
            "registrar": node.directory.registrar(),
            "validators": validators,
            "consensus": None if seen is None else _consensus(seen),
            "node": {"id": config.node.id, "role": config.node.role, "member": config.node.member, "engine": config.engine.kind},
            "as_of": as_of(head),
        },
    )


def get_trust(node: TheNode) -> Response:
    """The trust file that this node's owner has: what `tallystick verify` and the browser's verifier believe from the start. Whoever checks
    this node's own proofs compares it with one from elsewhere.
    """
    if node.genesis["engine"]["kind"] == COMET:
        with node.store.reading() as reader:
            document = newest_trust(node.genesis, reader)
    else:
        document = node.home.read_trust()
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="trust.json"'}
    return Response(canonical.encode(document) + b"\n", headers=headers, media_type=JSON)


def get_policy(request: Request, node: TheNode) -> Response:
    """The policy in force, and what governors approved that comes into force later."""
    with node.store.reading() as reader:
        content = {"policy": reader.state.get("policy"), "as_of": as_of(reader.head)}
    return single(request, {**content, "scheduled": [proposal_summary(each) for each in Governance(node).scheduled()]})


def list_members(node: TheNode, after: After = None, limit: Limit = 100) -> Response:
    """Members in the order of their ids, with the keys that are in force. The cursor is a member's id."""
    members = [member for member in node.directory.members() if after is None or member.slug > after]
    chosen = members[:limit]
    with node.store.reading() as reader:
        head = reader.head
    items = [
        {
            "member": member.slug,
            "role": member.role,
            "region": member.region,
            "name": member.name,
            "status": member.status,
            "frozen": member.frozen,
            "heir": member.heir,
            "admitted": rfc3339(member.admitted_ms),
            "keys": [
                {"id": key.id, "alg": key.alg, "public": key.public.hex(), "purpose": key.purpose, "person": key.person}
                for key in node.directory.keys(member.slug)
            ],
        }
        for member in chosen
    ]
    return page(items, chosen[-1].slug if len(members) > limit else None, as_of=as_of(head))


async def list_blocks(request: Request, context: Context, after: AfterHeight = -1, limit: Limit = 50) -> Response:
    """Blocks above a height, in order. `Prefer: wait=SECONDS` waits for the first one where there is none yet.

    A page ends early where its blocks are large; `next` is the height to go on from, null where nothing more is known.
    """
    wait_s = wait_seconds(request) or 0
    with context.heights.watching() as grown:
        items, more = await run_in_threadpool(_blocks, context, after, limit)
        if not items and wait_s > 0:
            await wait(grown, wait_s)
            items, more = await run_in_threadpool(_blocks, context, after, limit)
    return page(items, after + len(items) if more else None)


def get_block(request: Request, node: TheNode, height: Height) -> Response:
    """One block with its header's hash, and the ids of its records in their order."""
    bundle = bundle_of(node.store, height)
    if bundle is None:
        raise NotFound("unknown-height", f"this node's replica has no block at height {height}")
    with node.store.reading() as reader:
        head, header_hash = reader.head, reader.header_hash(height)
    ids = [parse(raw).id for raw in bundle.transactions]
    return single(request, {**bundle.to_json(), "hash": header_hash, "record_ids": ids, "as_of": as_of(head)})


def get_consistency(node: TheNode, first: LogSize, second: LogSize) -> Response:
    """That the log of `first` leaves is the beginning of that of `second` (RFC 9162, 2.1.4); hashes in hex."""
    with node.store.reading() as reader:
        if not first <= second <= reader.head.log_size + 1:
            raise InputError("outside-log", "`first` is at most `second`, and `second` at most the size of the log")
        roots = {name: reader.log_root(size).hex() for name, size in (("first_root", first), ("second_root", second))}
        proof = [each.hex() for each in reader.consistency_proof(first, second)]
        return json_response({"first": first, "second": second, **roots, "proof": proof, "as_of": as_of(reader.head)})


def prove_consistency(node: TheNode, since: Since, height: StateHeight = None) -> Response:
    """The proof file that the log after the block `height` begins with the log after the block `since`: nothing of it was changed."""
    return proof_file(Proofs(node.store, node.private).consistency(since, height), "consistency")


def get_state_proof(node: TheNode, key: StateKey, height: StateHeight = None) -> Response:
    """A proof file of the value of a public state key at a height, or of its absence; `tallystick verify` checks it offline. It leads
    to the note that most witnesses cosigned of those that cover the height.
    """
    return proof_file(Proofs(node.store, node.private).state(key, height), "state")


def add_routes(app: FastAPI) -> None:
    routes: dict[str, Callable[..., Any]] = {
        "/v1/network": get_network,
        "/v1/network/trust": get_trust,
        "/v1/policy": get_policy,
        "/v1/members": list_members,
        "/v1/blocks": list_blocks,
        "/v1/blocks/{height}": get_block,
        "/v1/log/consistency": get_consistency,
        "/v1/log/consistency/proof": prove_consistency,
        "/v1/state/proof": get_state_proof,
    }
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=["GET"], tags=["ledger"])


def _consensus(seen: Consensus) -> dict[str, Any]:
    return {
        "height": seen.height,
        "time": rfc3339(seen.time_ms),
        "peers": seen.peers,
        "faults": list(seen.faults),
        "misbehavior": [
            {
                "kind": each.what.kind,
                "member": each.member,
                "address": each.what.address,
                "height": each.what.height,
                "time": rfc3339(each.what.time_ms),
            }
            for each in seen.misbehavior
        ],
    }


def _blocks(context: ApiContext, after: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Blocks above a height, and whether there are more. Each is at most a block's bytes long; together about a page's."""
    node: Node = context.node
    items: list[dict[str, Any]] = []
    size = 0
    with node.store.reading() as reader:
        newest = reader.head.height
    height = after + 1
    while height <= newest and len(items) < limit and size < HTTP_BLOCKS_BYTES_MAX:
        bundle = bundle_of(node.store, height)
        if bundle is None:
            raise NotFound("unknown-height", f"this node's replica has no block at height {height}")
        items.append(bundle.to_json())
        size += sum(len(raw) for raw in bundle.transactions)
        height += 1
    return items, height <= newest
