from __future__ import annotations

import threading
import time

from ledger.checkpoint import verify_note
from ledger.log_tree import verify_consistency
from ledger.verify import verify
from nodes.enterprises import enrol, enrolment
from tests.api.served import Network, problem


def test_the_network_names_itself_and_the_height_that_it_answers_from(network: Network) -> None:
    body = network.sign_in("authority", "maker").get("/v1/network").json()
    assert body["id"] == network.founded.network
    assert body["registrar"] == "authority"
    assert body["node"] == {"id": "authority", "role": "authority", "member": "authority", "engine": "solo"}
    assert body["as_of"]["height"] >= 2
    assert body["as_of"]["time"].endswith("Z")


def test_a_follower_replicates_over_http_and_shows_the_same_blocks(network: Network) -> None:
    height = _head(network, "authority")
    _await_height(network, "bank-a", height)
    ours = network.sign_in("bank-a", "maker").get("/v1/blocks/1").json()
    theirs = network.sign_in("authority", "maker").get("/v1/blocks/1").json()
    assert ours["header"] == theirs["header"]
    assert ours["records"] == theirs["records"]
    assert ours["hash"] == theirs["hash"]
    assert len(ours["record_ids"]) == len(ours["records"]) > 0
    shown = network.sign_in("bank-a", "maker").get(f"/v1/records/{ours['record_ids'][0]}").json()
    assert (shown["height"], shown["record"]) == (1, ours["records"][0]["record"])


def test_every_seat_hands_out_the_trust_file_that_proofs_are_checked_with(network: Network) -> None:
    trust = network.sign_in("bank-a", "maker").get("/v1/network/trust")
    assert trust.headers["content-disposition"] == 'attachment; filename="trust.json"'
    proof = network.sign_in("authority", "maker").get("/v1/state/proof", params={"key": "policy"})
    assert verify(proof.content, trust.content).ok


def test_an_enterprises_own_node_follows_after_its_enrolment(network: Network) -> None:
    _await_height(network, "exporter-a", _head(network, "authority"))
    node = network.nodes["exporter-a"]
    assert [each.id for each in node.enterprises.list()] == [network.exporter]


def test_blocks_come_in_pages_that_join_without_a_gap(network: Network) -> None:
    client = network.sign_in("authority", "core")
    heights: list[int] = []
    cursor: str | None = "-1"
    while cursor is not None:
        body = client.get("/v1/blocks", params={"after": cursor, "limit": 1}).json()
        heights += [item["header"]["height"] for item in body["items"]]
        cursor = body["next"]
    assert heights == list(range(len(heights)))
    assert len(heights) >= 3


def test_a_long_poll_ends_when_the_next_block_is_there(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    after = _head(network, "authority")
    found: list[int] = []

    def poll() -> None:
        body = client.get("/v1/blocks", params={"after": after}, headers={"Prefer": "wait=20"}).json()
        found.extend(item["header"]["height"] for item in body["items"])

    thread = threading.Thread(target=poll)
    thread.start()
    node = network.nodes["authority"]
    what = enrolment("91310000MA1FL0000N", "Awaited Exporter")
    enrol(what, node.author, node.outbox, node.directory, node.identity_key)
    thread.join(15)
    assert found[:1] == [after + 1]


def test_a_poll_without_preference_answers_at_once(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    body = client.get("/v1/blocks", params={"after": _head(network, "authority") + 5}).json()
    assert body == {"items": [], "next": None}


def test_the_checkpoint_is_signed_by_the_operator_of_genesis(network: Network) -> None:
    body = network.sign_in("bank-a", "maker").get("/v1/checkpoint").json()
    operator = network.founded.genesis["engine"]["operator"]
    note = verify_note(body["checkpoint"], operator["name"], bytes.fromhex(operator["public"]))
    assert note.size == body["size"]


def test_a_consistency_proof_verifies(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    size = client.get("/v1/checkpoint").json()["size"]
    body = client.get("/v1/log/consistency", params={"first": 2, "second": size}).json()
    roots = [bytes.fromhex(body[name]) for name in ("first_root", "second_root")]
    assert verify_consistency(2, size, [bytes.fromhex(each) for each in body["proof"]], *roots)
    assert problem(client.get("/v1/log/consistency", params={"first": 3, "second": 2}))["code"] == "outside-log"


def test_state_proofs_show_presence_and_absence_to_whoever_holds_the_trust_file(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    trust = (network.founded.homes["authority"] / "trust.json").read_bytes()
    present = client.get("/v1/state/proof", params={"key": "member/bank-a"})
    assert verify(present.content, trust).ok
    assert present.json()["value"]["role"] == "bank"
    absent = client.get("/v1/state/proof", params={"key": "member/nobody", "height": 1})
    assert verify(absent.content, trust).ok
    assert absent.json()["value"] is None
    assert problem(client.get("/v1/state/proof", params={"key": "policy", "height": 999_999}))["code"] == "unknown-height"


def test_members_are_paged_by_their_ids(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    first = client.get("/v1/members", params={"limit": 3}).json()
    rest = client.get("/v1/members", params={"after": first["next"]}).json()
    names = [item["member"] for item in first["items"] + rest["items"]]
    assert names == ["auditor", "authority", "bank-a", "bank-b"]
    assert rest["next"] is None
    assert {key["purpose"] for key in first["items"][2]["keys"]} == {"service", "seal", "make", "check"}


def test_the_policy_is_the_one_in_force(network: Network) -> None:
    body = network.sign_in("auditor", "viewer").get("/v1/policy").json()
    assert body["policy"]["ceiling_ppm"] == 1_000_000


def test_a_block_above_the_head_is_unknown(network: Network) -> None:
    assert problem(network.sign_in("authority", "maker").get("/v1/blocks/999999"))["code"] == "unknown-height"


def test_a_resource_that_the_caller_holds_already_is_not_sent_again(network: Network) -> None:
    client = network.sign_in("authority", "maker")
    first = client.get("/v1/blocks/1")
    again = client.get("/v1/blocks/1", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def _head(network: Network, node: str) -> int:
    with network.nodes[node].store.reading() as reader:
        return reader.head.height


def _await_height(network: Network, node: str, height: int) -> None:
    reached = threading.Event()

    def look(newest: int) -> None:
        if newest >= height:
            reached.set()

    network.nodes[node].engine.subscribe(look)
    end = time.monotonic() + 60
    while _head(network, node) < height and time.monotonic() < end:
        reached.wait(0.2)
    assert _head(network, node) >= height
