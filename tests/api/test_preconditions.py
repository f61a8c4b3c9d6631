"""`If-Match` at every kind of change: while the resource is as it was seen, and not afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.permissions import PERMISSIONS
from api.preconditions import resource_of
from tests.api.served import Network, problem
from tests.api.supervised import applied, declared, granted

pytestmark = pytest.mark.usefixtures("answering")


@pytest.mark.produces("problem-code", "precondition-failed")
def test_a_step_is_taken_only_while_the_financing_is_as_it_was_seen(network: Network) -> None:
    item = declared(network)
    granted(network, item)
    maker = network.sign_in("bank-a", "maker")
    path = f"/v1/financings/{applied(network, item, '1000.00').json()['id']}"
    seen = maker.get(path).headers["etag"]
    stale = maker.post(f"{path}/intake", json={}, headers={"If-Match": '"stale"', "Idempotency-Key": f"intake-{path}"})
    assert (stale.status_code, problem(stale)["code"]) == (412, "precondition-failed")
    weak = maker.post(f"{path}/intake", json={}, headers={"If-Match": f"W/{seen}"})
    assert weak.status_code == 412, "tags are compared strongly"
    keyed = {"If-Match": f'"other", {seen}', "Idempotency-Key": f"intake-{path}"}
    taken = maker.post(f"{path}/intake", json={}, headers=keyed)
    assert taken.status_code == 200, taken.text
    assert maker.get(path).headers["etag"] != seen
    again = maker.post(f"{path}/intake", json={}, headers=keyed)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true"), "sent again it is the same request"
    assert maker.post(f"{path}/intake", json={}, headers={"If-Match": seen}).status_code == 412


def test_of_two_who_saw_the_same_settings_one_changes_them(network: Network) -> None:
    maker = network.sign_in("authority", "maker")
    before = maker.get("/v1/paper-settings")
    headers = {"If-Match": before.headers["etag"]}

    def put(per_day: int) -> int:
        return maker.put("/v1/paper-settings", json={**before.json(), "per_day": per_day}, headers=headers).status_code

    try:
        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(put, (11, 12, 13, 14))) == [200, 412, 412, 412]
    finally:
        maker.put("/v1/paper-settings", json=before.json())


def test_a_tag_tells_nobody_what_it_may_not_read_and_a_collection_has_none(network: Network) -> None:
    other = network.sign_in("bank-b", "maker")
    nothing = other.post(f"/v1/financings/{'0' * 64}/intake", json={}, headers={"If-Match": '"x"'})
    assert problem(nothing)["code"] == "unknown-financing"
    assert other.post("/v1/credit-assessments", json={"enquiry_id": "0" * 64}, headers={"If-Match": '"x"'}).status_code == 412


def test_every_change_of_one_resource_finds_what_shows_it() -> None:
    changing = [route for route in PERMISSIONS if not route.startswith("GET ") and route.count("}") == 1 and not route.endswith("/keys")]
    without = {route for route in changing if resource_of(route) is None}
    assert without == {route for route in changing if "/members/" in route or "/notices/" in route}
    assert resource_of("PUT /v1/monitoring/settings") == "GET /v1/monitoring/settings"
