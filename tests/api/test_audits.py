"""A node audits itself over HTTP: the ledger, what it opened and the money in it, with a report that stands alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from ledger import canonical
from ledger.audit import AuditReport
from ledger.audit_walk import Finding
from ledger.errors import NotFound, Refused, TallystickError
from ledger.store import Reader
from nodes.auditing import report, sampling
from nodes.auditing.amounts import compare_amounts
from nodes.auditing.parts import compare_parts
from nodes.auditing.pdf import to_pdf
from nodes.auditing.runs import FAILED, AuditRun, AuditRuns
from nodes.auditing.whole import HomeAudit, with_parts
from nodes.monitoring.tables import lines
from nodes.private import parts, set_meta
from nodes.reader import CURSOR
from tests.api.business import WAIT
from tests.api.served import Network, problem
from tests.api.supervised import approved, declared, disbursed, granted, settle

pytestmark = pytest.mark.usefixtures("answering")


@pytest.fixture(scope="module")
def lent(network: Network) -> dict[str, Any]:
    """A declaration with a loan on it."""
    item = declared(network)
    granted(network, item)
    disbursed(network, approved(network, item, "1000.00"))
    settle(network)
    return item


@pytest.fixture(scope="module")
def audited(network: Network, lent: dict[str, Any]) -> tuple[httpx.Client, dict[str, Any]]:
    client = network.sign_in("authority", "maker")
    began = client.post("/v1/audits", json={"sample": 7}, headers=WAIT)
    assert began.status_code in (201, 202), began.text
    path = began.headers["Location"]
    network.nodes["authority"]
    while (found := client.get(path).json())["state"] == "running":
        client.get("/v1/blocks", params={"limit": 1})
    assert found["state"] == "done", found
    return client, found


def test_an_audit_says_what_it_compared(network: Network, lent: dict[str, Any], audited: tuple[httpx.Client, dict[str, Any]]) -> None:
    _, found = audited
    assert found["audit"].keys() == {"ok", "height", "records", "first_bad_height", "findings"}
    assert found["progress"] == {"height": found["audit"]["height"], "last": found["audit"]["height"]}
    # Other tests on this network may have sealed amounts that do not agree.
    assert {each["code"] for each in found["audit"]["findings"]} <= {"amount-differs"}
    assert found["compared"]["parts"] > 5
    assert found["compared"]["declarations"] > 0
    assert found["amounts_left_out"] is None
    listed = network.sign_in("authority", "checker").get("/v1/audits").json()
    assert (listed["items"][0], listed["next"]) == (found, None)


def test_the_report_stands_with_nothing_but_a_trust_file(network: Network, audited: tuple[httpx.Client, dict[str, Any]]) -> None:
    client, found = audited
    document, trust = _file(client, found, "json"), network.nodes["authority"].home.trust_file.read_bytes()
    signed = report.check(document, trust)
    assert signed.member == "authority"
    assert signed.key_id == network.nodes["authority"].identity_key.id
    assert signed.as_of["height"] == found["audit"]["height"]
    assert canonical.decode(document)["report"]["audit"] == found["audit"]


def _set(document: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    for step in steps:
        document = document[step]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("report.audit.records", 1, "report-not-signed"),
        ("report.as_of.height", 0, "report-not-signed"),
        ("report.network.id", "0" * 64, "report-not-signed"),
        ("signature.member", "bank-a", "report-not-signed"),
        ("signature.key_id", "0" * 64, "report-not-signed"),
        ("signature.value", "00" * 64, "report-not-signed"),
        ("signature", None, "report-unsigned"),
        ("key.value.member", "bank-a", "state-proof-invalid"),
        ("signature.value", "zz", "malformed-report"),
        ("signature.value", 5, "malformed-report"),
        ("report.as_of", None, "malformed-report"),
        ("key", None, "malformed-report"),
        ("kind", "audit", "malformed-report"),
        ("more", 1, "malformed-report"),
    ],
)
def test_a_changed_report_is_refused(
    network: Network, audited: tuple[httpx.Client, dict[str, Any]], path: str, value: Any, code: str
) -> None:
    document = canonical.decode(_file(*audited, "json"))
    _set(document, path, value)
    with pytest.raises(TallystickError) as caught:
        report.check(canonical.encode(document), network.nodes["authority"].home.trust_file.read_bytes())
    assert caught.value.code == code


def test_what_was_drawn_can_be_drawn_again(network: Network, audited: tuple[httpx.Client, dict[str, Any]]) -> None:
    client, found = audited
    text = _file(client, found, "csv").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["place"] for row in rows] == [str(place) for place in range(1, 8)]
    with network.nodes["bank-a"].store.reading() as reader:
        again = sampling.draw(reader, 7, found["audit"]["height"])
        fewer = sampling.draw(reader, 3, found["audit"]["height"])
        ids = [stored.id for stored in reader.records(0, again.of)]
    assert again.to_csv().decode() == text
    assert again.rows[:3] == fewer.rows
    assert again.of == found["audit"]["records"] == len(ids)
    assert [row["record_id"] for row in rows] == sorted(ids, key=lambda each: sampling.lot(again.seed, each))[:7]


def test_the_report_can_be_read_by_people(network: Network, audited: tuple[httpx.Client, dict[str, Any]]) -> None:
    client, found = audited
    readable, document = _file(client, found, "pdf"), canonical.decode(_file(client, found, "json"))
    assert readable.startswith(b"%PDF-")
    assert document["signature"]["key_id"].encode() in readable.replace(b") Tj T* (", b"")
    name = document["report"]["network"]["name"]
    assert to_pdf(document["report"], document["signature"], canonical.encode(document)) == readable, "the same bytes again"
    document["report"]["network"]["name"] = "外汇 & <b>"
    chinese = to_pdf(document["report"], None, b"")
    assert b"STSong-Light" in chinese
    assert name.encode() in readable


def test_only_the_authority_and_auditors_may_audit_over_http(network: Network) -> None:
    assert network.sign_in("auditor", "viewer").get(f"/v1/audits/{'0' * 32}").json()["code"] == "unknown-audit"
    assert problem(network.sign_in("bank-a", "maker").post("/v1/audits", json={}))["code"] == "wrong-seat"


def test_one_audit_runs_at_a_time_and_only_the_newest_are_kept(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AuditRuns, "_live", lambda self, run: None)
    runs = AuditRuns(network.nodes["auditor"])
    first = runs.start(0)
    with pytest.raises(Refused, match="audit-running"):
        runs.start(0)
    first.state = FAILED
    for _ in range(16):
        runs.start(0).state = FAILED
    with pytest.raises(NotFound, match="unknown-audit"):
        runs.get(first.id)


def test_an_audit_that_is_cut_short_has_failed(network: Network) -> None:
    runs = AuditRuns(network.nodes["auditor"])
    run: AuditRun = runs.start(0)
    runs.close()
    assert run.ended.is_set()
    assert (run.state, run.code) in {(FAILED, "audit-ended"), ("done", None)}


@pytest.mark.produces("problem-code", "audit-not-done")
def test_there_is_no_report_before_the_end(network: Network) -> None:
    client = network.sign_in("auditor", "viewer")
    began = client.post("/v1/audits", json={"sample": 0})
    found = client.get(f"{began.headers['Location']}/report")
    assert found.status_code == 200 or found.json()["code"] == "audit-not-done"
    while client.get(began.headers["Location"]).json()["state"] == "running":
        client.get("/v1/blocks", params={"limit": 1})
    assert client.get(f"{began.headers['Location']}/report").status_code == 200


@contextmanager
def changed(network: Network, *statements: sa.Update) -> Iterator[tuple[sa.Connection, Reader]]:
    """The authority's private database with something changed, for as long as the context lasts."""
    node = network.nodes["authority"]
    settle(network)
    with node.private.engine.connect() as connection, node.store.reading() as reader:
        for statement in statements:
            connection.execute(statement)
        yield connection, reader
        connection.rollback()


def _of(found: tuple[Finding, ...], record_id: str) -> list[tuple[int, str]]:
    return [(each.height, each.code) for each in found if each.record_id == record_id]


def test_an_opened_part_that_is_not_the_ledgers_is_found(network: Network, lent: dict[str, Any]) -> None:
    node = network.nodes["authority"]
    with node.private.reading() as connection:
        row = connection.execute(sa.select(parts).where(parts.c.height > 0).order_by(parts.c.record_id.desc())).first()
    assert row is not None
    here = (parts.c.record_id == row.record_id) & (parts.c.part == row.part)
    update: Callable[..., Any] = lambda **values: sa.update(parts).where(here).values(**values)  # noqa: E731
    with changed(network) as (connection, reader):
        assert compare_parts(connection, reader).findings == ()
    for values, code in [
        ({"content": row.content + " "}, "part-differs"),
        ({"content_key": "00" * 32}, "part-broken"),
        ({"content_key": "no hex"}, "part-broken"),
        ({"part": "other"}, "part-broken"),
    ]:
        with changed(network, update(**values)) as (connection, reader):
            assert _of(compare_parts(connection, reader).findings, row.record_id) == [(row.height, code)], values
    with changed(network, update(record_id="f" * 64)) as (connection, reader):
        assert _of(compare_parts(connection, reader).findings, "f" * 64) == [(row.height, "part-unknown")]


def test_amounts_that_do_not_agree_with_shares_are_found(network: Network, lent: dict[str, Any]) -> None:
    more = sa.update(lines).where(lines.c.declaration == lent["declaration_id"]).values(disbursed_minor=lines.c.disbursed_minor * 3)
    with changed(network) as (connection, reader):
        before = compare_amounts(connection, reader)
    with changed(network, more) as (connection, reader):
        after = compare_amounts(connection, reader)
    assert before is not None
    assert after is not None
    (new,) = set(after.findings) - set(before.findings)
    assert new.code == "amount-differs"
    assert lent["declaration_id"] in new.reason
    assert "300000 USD" in new.reason


@pytest.mark.parametrize("cursor", ["1", "99999999"])
def test_amounts_are_not_compared_with_shares_of_another_time(network: Network, lent: dict[str, Any], cursor: str) -> None:
    with changed(network) as (connection, reader):
        set_meta(connection, CURSOR, cursor)
        assert compare_amounts(connection, reader) is None


def test_nothing_is_compared_with_a_ledger_that_does_not_hold(network: Network) -> None:
    node, finding = network.nodes["authority"], Finding(3, None, "header-differs", "so")
    broken = AuditReport(False, 9, 20, 3, (finding,))
    found = with_parts(broken, node.store, node.private)
    assert found == HomeAudit(broken, 0, 0, "the ledger itself does not hold", (finding,))
    assert found.to_json() == broken.to_json()


def _file(client: httpx.Client, found: dict[str, Any], chosen: str) -> bytes:
    answer = client.get(f"/v1/audits/{found['id']}/report", params={"format": chosen})
    assert answer.status_code == 200, answer.text
    assert f".{chosen}" in answer.headers["Content-Disposition"]
    return answer.content
