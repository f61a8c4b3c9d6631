"""An exporter in custody at a browser: it signs in at its custodian's portal, and finds there what is its own."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.api.business import imported, row
from tests.api.portal.browsing import browser, person
from tests.api.served import CUSTODY_USCC, Network
from tests.api.test_custody_sessions import account, another_exporter, consented
from tests.api.test_custody_sessions import opened as signed_in


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 360), ("en-GB", 1280)])
def test_an_exporter_in_custody_finds_its_declarations_and_consents(network: Network, language: str, width: int) -> None:
    own = account(network, network.in_custody)
    other, uscc, name = another_exporter(network)
    (mine,) = imported(network, row(CUSTODY_USCC))
    (theirs,) = imported(network, {**row(uscc), "exporter_name": name})
    consented(network, signed_in(network, own))
    consented(network, signed_in(network, account(network, other)))
    network.await_head("authority")
    with browser() as opened, person(opened, network, "authority", language, width) as who:
        who.go("/")
        assert who.page.locator("main a[href='/v1/session/oidc']").count() == 0, "no provider is configured"
        who.page.fill("#user", own.id)
        who.page.fill("#password", "not what was given out")
        who.page.click("main button")
        expect(who.page.locator(".trouble code").first).to_have_text("sign-in-failed")
        who.check()
        assert who.forgive() == ["401"]
        who.sign_in(own.id, own.secret)
        for path, wanted in (("/declarations", mine["number"]), ("/consents", "bank-a"), ("/accesses", "bank-a")):
            who.go(path)
            expect(who.page.locator("main")).to_contain_text(wanted)
            expect(who.page.locator("body")).not_to_contain_text(theirs["number"])
            expect(who.page.locator("body")).not_to_contain_text(name)
            who.check()
        who.page.click("header form[action$='/sign-out'] button")
        who.page.wait_for_url("**/portal/sign-in")
        who.go("/declarations")
        who.page.wait_for_url(re.compile(r"/portal/sign-in\?next="))
