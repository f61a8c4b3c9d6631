"""The auditor in the browser: the ledger read, the replica audited, proofs made and checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ledger.verify import verify
from tests.api.business import consented
from tests.api.portal.browsing import browser, person
from tests.api.served import Network


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


def test_the_replica_is_audited_and_its_report_kept(network: Network, opened: Browser) -> None:
    network.await_head("auditor")
    with person(opened, network, "auditor", "zh-CN", 360) as who:
        who.sign_in("viewer", network.secrets["auditor", "viewer"])
        who.go("/audits")
        who.check()
        who.page.fill("#sample", "7")
        who.page.click("main form button")
        expect(who.page.locator("#audit")).to_contain_text("已完成", timeout=60_000)
        expect(who.page.locator("#audit")).to_contain_text("全部一致")
        who.check()
        for form, suffix in (("pdf", ".pdf"), ("csv", ".csv")):
            with who.page.expect_download() as kept:
                who.page.click(f"a[href$='format={form}']")
            assert kept.value.suggested_filename.endswith(suffix)
        who.go("/audits")
        expect(who.page.locator("tbody tr").first).to_contain_text("全部一致")
        who.check()


def test_proofs_are_made_and_checked_in_the_browser_and_printed(network: Network, opened: Browser, tmp_path: Path) -> None:
    consent = consented(network)
    network.await_head("auditor")
    with person(opened, network, "auditor", "zh-CN") as who:
        who.sign_in("viewer", network.secrets["auditor", "viewer"])
        who.go("/proofs")
        who.check()
        who.page.fill("#record", consent)
        who.page.fill("#id", consent)
        who.page.select_option("#kind", "consent")
        who.page.fill("#since", "1")
        for field in ("record", "id", "since"):
            with who.page.expect_download() as kept:
                who.page.locator(f"form:has(#{field}) button").click()
            kept.value.save_as(tmp_path / f"{field}.json")
        with who.page.expect_download() as kept:
            who.page.click("a[href$='/network/trust']")
        kept.value.save_as(tmp_path / "trust.json")
        trust = (tmp_path / "trust.json").read_bytes()
        assert [verify((tmp_path / f"{each}.json").read_bytes(), trust).ok for each in ("record", "id", "since")] == [True, True, True]
        who.page.fill("#since", "999999")
        who.page.locator("form:has(#since) button").click()
        expect(who.page.locator(".trouble")).to_be_visible()
        assert who.page.input_value("#since") == "999999"
        who.check()
        assert who.forgive() == ["409"]
        who.page.click("a.button")
        who.page.wait_for_url("**/portal/verifier#zh")
        who.page.set_input_files("#trust-input", tmp_path / "trust.json")
        who.page.set_input_files("#proof-input", [tmp_path / f"{each}.json" for each in ("record", "id", "since")])
        expect(who.page.locator("article.ok")).to_have_count(3)
        expect(who.page.locator("#results")).to_contain_text("签署方：一次性密钥")
        who.check()
        assert len(who.page.pdf(format="A4")) > 10_000
        again = who.page.reload()
        assert again is not None
        policy = again.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "self" not in policy
        assert policy.endswith("frame-ancestors 'none'")


def test_blocks_records_and_heads_read_well(network: Network, opened: Browser) -> None:
    consent = consented(network)
    network.await_head("auditor")
    with person(opened, network, "auditor", "en-GB", 360) as who:
        who.sign_in("viewer", network.secrets["auditor", "viewer"])
        who.go("/ledger")
        who.page.fill("#record", "1")
        who.page.click("main form button")
        who.page.wait_for_url("**/ledger/blocks/1")
        who.check()
        who.page.locator("tbody a").first.click()
        expect(who.page.locator("h1")).to_contain_text("accepted")
        who.go(f"/ledger/records/{consent}")
        expect(who.page.locator("main")).to_contain_text("one-time key")
        expect(who.page.locator("main")).to_contain_text("Closed to you")
        who.check()
        who.go("/ledger/witnesses")
        expect(who.page.locator("h1")).to_contain_text("Checkpoints")
        who.check()
        who.go("/members")
        who.check()
        who.page.locator("tbody a").first.click()
        who.check()
