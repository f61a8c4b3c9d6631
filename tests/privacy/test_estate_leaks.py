"""After a succession: the heir's home holds what goes on, and nothing else of what its predecessor knew; the ledger names nothing of it."""

from __future__ import annotations

from pathlib import Path

from nodes.sealing import open_part
from tests.nodes.network import network
from tests.nodes.succession import GOES_ON, Left, left_behind
from tests.privacy.leak_search import search_files, search_tree
from tests.privacy.rights import Knowledge


def declared(left: Left, *names: str) -> Knowledge:
    """The registrar's words on declarations, by what became of them. The heir may know the names: those of what goes on."""
    found = Knowledge()
    for name in names:
        found.add(left.declarations[name].to_sealed(), names=False)
    return found


def test_an_heirs_home_holds_nothing_of_what_is_paid_off_or_was_only_asked_about(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        left = left_behind(net)
        ended = declared(left, "paid off", "never used").without(declared(left, *GOES_ON)).wanted()
        numbers = {left.declarations[name].number for name in GOES_ON}
        goes_on = declared(left, *GOES_ON).wanted()
        before = {hit.secret for hit in search_tree(net.bank_b.home.path, goes_on)}
        assert not numbers & before
        left.succeed()
        assert not search_tree(net.bank_b.home.path, ended)
        # So the search looks where such things are: what was handed on is there, and what was not is at the predecessor's.
        assert numbers <= {hit.secret for hit in search_tree(net.bank_b.home.path, goes_on)}
        others = {left.declarations[name].number for name in ("paid off", "never used")}
        assert others <= {hit.secret for hit in search_tree(net.bank_a.home.path, ended)}
        for node in (net.authority, net.bank_a, net.bank_b, net.exporter):
            everything = declared(left, *left.declarations).wanted()
            assert not search_files(list(node.home.path.glob("ledger.db*")), everything)


def test_an_estate_opens_with_no_key_but_the_heirs_and_the_authoritys_and_names_no_secret_part(tmp_path: Path) -> None:
    with network(tmp_path / "net") as net:
        left_behind(net).succeed()
        (stored,) = net.records("member.estate")
        opened = {node.config.node.id: open_part(stored.record.core, "estate", node.sealing_keys) for node in (net.bank_a, net.exporter)}
        assert opened == {"bank-a": None, "exporter-a": None}
        found = open_part(stored.record.core, "estate", net.bank_b.sealing_keys)
        assert found is not None
        assert {key["part"] for key in found.content["keys"]} <= {
            "application",
            "pledge",
            "loan",
            "repayment",
            "reason",
            "collection",
            "consent",
            "declaration",
        }
