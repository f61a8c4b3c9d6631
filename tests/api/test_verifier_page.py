"""The verifier in the browser: one file without a network that comes to the same verdicts as the package, word for word."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, expect

import api
import tests.vectors
from contracts import readings
from ledger import canonical
from ledger.checkpoint import add_cosignature, parse_note, sign_note
from ledger.proof import bundle_file, consistency_file, fork_file, fork_from_note, record_proof, state_proof
from ledger.verify import Verdict, verify
from tests.chromium import chromium_page
from tests.contracts.harness import DAY, START, World
from tests.contracts.test_readings import ODD, PART, entry_of, revealing, verdict_on
from tests.contracts.walks import fresh_pair, walk
from tests.ledger.small_ledger import ANNE, ANNE_CHECK, private_key, solo_ledger
from tests.ledger.verify.small_files import sealed_record
from tests.ledger.verify.trusting import WITNESS, trust
from tests.vectors.splices import spliced

PAGE: Final = Path(api.__file__).parent / "verifier.html"
VECTORS: Final = Path(tests.vectors.__file__).parent
_RUN: Final = """async ([documents, trust]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const verdicts = [];
  for (const each of documents) verdicts.push(await tallystick.verify(bytes(each), bytes(trust)));
  return verdicts;
}"""


@dataclass
class Samples:
    documents: dict[str, bytes]
    plain: bytes
    witnessed: bytes


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    path = tmp_path_factory.mktemp("page")
    with solo_ledger(path / "one.db") as one, solo_ledger(path / "other.db") as other:
        first = one.author.put("a")
        one.send(first)
        other.send(first)
        sealed, letter_key, _ = sealed_record(one)
        two = one.author.record("note.put", {"key": "two", "count": 2}, [ANNE, ANNE_CHECK])
        ids = [answer.record_id for answer in one.send(two, sealed, one.author.once(private_key("once")), one.author.put("a"))]  # type: ignore[union-attr]
        other.put("d", "e")
        with one.store.reading() as reader, other.store.reading() as elsewhere:
            note = reader.checkpoint() or ""
            cosigned = add_cosignature(note, "watcher", WITNESS, 1_700_000_000)
            records = [record_proof(reader, each) for each in ids]
            documents = dict(zip(("two", "sealed", "once", "taken"), records, strict=True))
            documents["revealed"] = record_proof(reader, ids[1], {"letter": letter_key}, note=cosigned)
            documents["state"], documents["absent"] = state_proof(reader, "note/a"), state_proof(reader, "note/nothing", 1)
            documents["consistency"] = consistency_file(reader, reader.checkpoint(1) or "", cosigned)
            sides = [{"checkpoint": each.checkpoint(), "header": None, "inclusion": None} for each in (reader, elsewhere)]
            documents["no fork"] = fork_file(*sides)
            documents["fork"] = fork_from_note(reader, elsewhere.checkpoint() or "")
            documents["bundle"] = bundle_file(one.author.network, [documents["state"], documents["revealed"]])
        witness = {"name": "watcher", "public": WITNESS.public_key().public_bytes_raw().hex()}
        network = one.author.network
        yield Samples(documents, trust(network), trust(network, witnesses=[witness], witnesses_required=1))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium_page() as opened:
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: asked.append(str(error)))
        opened.goto(PAGE.as_uri())
        yield opened
        assert set(asked) == {PAGE.as_uri()}, "the page asked for something, or failed"


def judged(page: Page, documents: list[bytes], believed: bytes) -> Any:
    arguments = [[base64.b64encode(each).decode() for each in documents], base64.b64encode(believed).decode()]
    return page.evaluate(_RUN, arguments)


def expected(documents: list[bytes], believed: bytes) -> Any:
    return json.loads(json.dumps([asdict(verify(each, believed)) for each in documents]))


def spoilt(document: bytes, rng: random.Random) -> bytes:
    """A document with one byte changed, inside a value or in the form."""
    place = rng.randrange(len(document))
    other = rng.choice([document[place] ^ 1, rng.randrange(256), *b'0f"\\{}'])
    return document[:place] + bytes([other]) + document[place + 1 :]


@pytest.mark.parametrize("witnessed", [False, True])
def test_both_verifiers_say_the_same_of_every_kind_of_file(page: Page, samples: Samples, witnessed: bool) -> None:
    documents, believed = list(samples.documents.values()), samples.witnessed if witnessed else samples.plain
    verdicts = judged(page, documents, believed)
    assert verdicts == expected(documents, believed)
    held = {name for name, verdict in zip(samples.documents, verdicts, strict=True) if verdict["ok"]}
    # Only these carry the witness's word, and only a fork needs none.
    assert held == ({"revealed", "fork"} if witnessed else samples.documents.keys() - {"no fork"})


def test_both_verifiers_say_the_same_of_a_fork_between_two_operators(page: Page, samples: Samples) -> None:
    fork = json.loads(samples.documents["fork"])
    successor = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
    longer = parse_note(fork["second"]["checkpoint"]).checkpoint
    fork["second"]["checkpoint"] = sign_note(longer, "next", successor)
    believed = json.loads(samples.plain)
    named = {"name": "next", "public": successor.public_key().public_bytes_raw().hex(), "first_size": 0, "last_size": None}
    believed["operators"].append(named)
    documents, file = [canonical.encode(fork)], canonical.encode(believed)
    (verdict,) = judged(page, documents, file)
    assert [verdict] == expected(documents, file)
    assert "signed one each of two histories" in verdict["proves"][0]


def test_both_verifiers_say_the_same_of_files_with_a_byte_changed(page: Page, samples: Samples) -> None:
    rng = random.Random(11)
    documents = [spoilt(each, rng) for each in samples.documents.values() for _ in range(12)]
    verdicts = judged(page, documents, samples.plain)
    assert verdicts == expected(documents, samples.plain)
    assert sum(not verdict["ok"] for verdict in verdicts) > len(documents) / 2


STRANGE: Final = {
    "nothing": b"",
    "a lone surrogate": b'{"kind":"\\ud800"}',
    "a float": b'{"kind":1.0}',
    "a number beyond 2**53": b'{"kind":9007199254740993}',
    "a duplicate name": b'{"kind":"state","kind":"state"}',
    "a byte order mark": b'\xef\xbb\xbf{"kind":"state"}',
    "a prototype": b'{"__proto__":{"kind":"state"}}',
    "bad UTF-8": b'{"kind":"\xff"}',
    "an unknown kind": b'{"kind":"toString"}',
    "a name that is not ASCII": '{"\u79cd":1}'.encode(),
    "much nesting": b"[" * 60 + b"]" * 60,
}


@pytest.mark.parametrize("name", STRANGE)
def test_both_verifiers_refuse_what_is_strange(page: Page, samples: Samples, name: str) -> None:
    (verdict,) = judged(page, [STRANGE[name]], samples.plain)
    assert verdict["ok"] is False
    assert [verdict] == expected([STRANGE[name]], samples.plain)
    (of_trust,) = judged(page, [samples.documents["state"]], STRANGE[name])
    assert of_trust["code"] == "bad-trust"


def told(page: Page, verdicts: list[Verdict]) -> list[Any]:
    said: list[Any] = page.evaluate("(verdicts) => verdicts.map(tallystick.read)", [asdict(verdict) for verdict in verdicts])
    return said


def read(verdicts: list[Verdict]) -> list[Any]:
    found = [readings.read(verdict) for verdict in verdicts]
    return [{"proves": each.proves, "does_not_prove": each.does_not_prove} for each in found]


def test_the_page_says_of_declarations_what_the_package_says(page: Page) -> None:
    state = walk(fresh_pair(), 9, 150).world.state
    times = (START, START + DAY, START + 40 * DAY, START + 2_000 * DAY)
    wanted = [item for kind in ("declaration/", "financing/", "consent/") for item in state.scan(kind)]
    verdicts = [verdict_on({"key": key, "value": value, "height": 1, "time_ms": time_ms}) for key, value in wanted for time_ms in times]
    verdicts += [
        verdict_on({"key": f"{kind}/{'0f' * 32}", "value": None, "height": 7, "time_ms": START}) for kind in ("declaration", "consent")
    ]
    said = told(page, verdicts)
    assert said == read(verdicts)
    assert sum(any("was not financed" in each for each in one["proves"]) for one in said) > 5
    assert sum(any("is not financed" in each for each in one["does_not_prove"]) for one in said) > 5


def in_chinese(page: Page, sentences: set[str]) -> dict[str, str]:
    """Each sentence with the page's Chinese for it."""
    said: dict[str, str] = page.evaluate(
        "(all) => Object.fromEntries(all.map((each) => [each, tallystick.inChinese(each)]))", sorted(sentences)
    )
    return said


def test_every_sentence_is_said_in_chinese_with_the_same_ids_and_amounts(page: Page) -> None:
    state = walk(fresh_pair(), 9, 150).world.state
    wanted = [item for kind in ("declaration/", "financing/", "consent/") for item in state.scan(kind)]
    entries = [
        {"key": key, "value": value, "height": 1, "time_ms": time_ms} for key, value in wanted for time_ms in (START, START + 2_000 * DAY)
    ]
    entries += [{"key": f"{kind}/{'0f' * 32}", "value": None, "height": 7, "time_ms": START} for kind in ("declaration", "consent")]
    world = World()
    declaration = world.declaration()
    stranger = [{"key_id": "k", "member": "bank-a", "purpose": "service"}]
    verdicts = [*map(verdict_on, entries), revealing(world, declaration), revealing(world, declaration, signers=stranger)]
    sentences = {sentence for each in read(verdicts) for said in each.values() for sentence in said}
    for name in ("proofs", "comet"):
        for each in json.loads((VECTORS / f"{name}.json").read_bytes())["good"]:
            sentences.update(each["verdict"]["proves"], each["verdict"]["does_not_prove"])
    for sentence, chinese in in_chinese(page, sentences).items():
        assert re.search("[\u4e00-\u9fff]", chinese), sentence
        assert set(re.findall("[0-9a-f]{64}|[A-Z]{3} [0-9.]+", sentence)) == set(re.findall("[0-9a-f]{64}|[A-Z]{3} [0-9.]+", chinese)), (
            sentence
        )
        # What the other language is left with are names, codes and values.
        assert not re.search(r"\b(the|of|was|that|and|with|it|is)\b", re.sub(r"为 \{.*\} *$|'[^']*'", "", chinese)), chinese


def test_the_page_turns_shares_into_the_same_money(page: Page) -> None:
    world = World()
    declaration = world.declaration()
    world.applied((world.grant(declaration), 590_000))
    parts: list[dict[str, Any]] = [{**PART, "currency": currency} for currency in ("USD", "JPY", "KWD")]
    parts += [{**PART, "financeable_minor": minor} for minor in (0, 1, 99, 9_007_199_254_740_991, -1, "1")]
    stranger = [{"key_id": "k", "member": "bank-a", "purpose": "service"}]
    verdicts = [revealing(world, declaration, part) for part in parts]
    verdicts += [revealing(world, declaration, signers=stranger), revealing(world, declaration, type="declaration.amend")]
    assert told(page, verdicts) == read(verdicts)
    assert any("USD 36250.00" in each for each in told(page, verdicts)[0]["proves"])


def test_the_page_leaves_entries_of_another_form_to_the_neutral_words(page: Page) -> None:
    world = World()
    entry = entry_of(world, f"declaration/{world.declaration()}")
    changed = [{**entry["value"], field: value} for field in entry["value"] for value in ODD]
    verdicts = [verdict_on({**entry, "value": value}) for value in [*ODD, *changed]]
    assert told(page, verdicts) == read(verdicts)


def test_a_person_drops_two_files_and_reads_what_they_prove(page: Page, samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_bytes(samples.witnessed)
    (tmp_path / "letter.json").write_bytes(samples.documents["revealed"])
    (tmp_path / "other.json").write_bytes(samples.documents["taken"])
    page.reload()
    page.locator("#trust-input").set_input_files(tmp_path / "trust.json")
    page.locator("#proof-input").set_input_files([tmp_path / "letter.json", tmp_path / "other.json"])
    good, bad = page.locator("article").nth(0), page.locator("article").nth(1)
    expect(good).to_contain_text("letter.json: holds")
    expect(good).to_contain_text("was cosigned by watcher")
    expect(good).to_contain_text("36,250.00")
    expect(bad).to_contain_text("does not hold")
    expect(bad).to_contain_text("witnesses-missing")
    expect(page.locator("#believed")).to_contain_text(hashlib.sha256(samples.witnessed).hexdigest())
    page.get_by_role("button", name="中文").click()
    expect(good).to_contain_text("letter.json: 核验通过")
    expect(good).to_contain_text("已由 watcher 联署")
    expect(good).to_contain_text(hashlib.sha256(samples.documents["revealed"]).hexdigest())
    expect(bad).to_contain_text("核验不通过（witnesses-missing）")
    assert page.locator("h1").inner_text() == "证明核验"
    page.emulate_media(media="print")
    assert not page.locator("#trust-drop").is_visible()
    assert good.is_visible()
    page.emulate_media(media="screen")


def test_verdicts_under_a_trust_file_that_was_replaced_meanwhile_are_not_shown(page: Page, samples: Samples) -> None:
    """The first trust file, which demands no witness, takes its time; the second is chosen before it is read."""
    page.reload()
    files = [base64.b64encode(each).decode() for each in (samples.documents["taken"], samples.plain, samples.witnessed)]
    page.evaluate(
        """async (files) => {
          const [proof, plain, witnessed] = files.map((text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0)));
          const file = (name, data, ready) => ({ name, arrayBuffer: () => ready.then(() => data.buffer) });
          let arrive;
          take("proof", [file("taken.json", proof, Promise.resolve())]);
          take("trust", [file("lenient.json", plain, new Promise((resolve) => { arrive = resolve; }))]);
          take("trust", [file("strict.json", witnessed, Promise.resolve())]);
          while (document.querySelector("article") === null) await new Promise(requestAnimationFrame);
          arrive();
          for (let frame = 0; frame < 30; frame += 1) await new Promise(requestAnimationFrame);
        }""",
        files,
    )
    expect(page.locator("article")).to_contain_text("does not hold")
    expect(page.locator("#believed")).to_contain_text(f"strict.json: SHA-256 {hashlib.sha256(samples.witnessed).hexdigest()}")


def test_the_page_allows_its_own_script_and_style_and_nothing_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    found = {name: re.findall(f"<{name}>(.*?)</{name}>", text, re.DOTALL) for name in ("script", "style")}
    digests = {name: base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for name, (each,) in found.items()}
    allowed = [f"script-src 'sha256-{digests['script']}'", f"style-src 'sha256-{digests['style']}'"]
    assert policy == "; ".join(["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'"])
    assert not re.search(r"https?://|src=|@import|url\(", text)


@pytest.mark.parametrize("name", ["proofs", "comet"])
def test_every_proof_file_of_the_vectors(page: Page, name: str) -> None:
    found = json.loads((VECTORS / f"{name}.json").read_bytes())
    trusts, documents = found["trusts"], {name: text.encode() for name, text in found["documents"].items()}
    by_trust = defaultdict(list)
    for each in [*found["good"], *found["bad"]]:
        document = documents[each["document"]]
        by_trust[each["trust"]].append((each, spliced(document, each) if "at" in each else document))
    for which, cases in by_trust.items():
        verdicts = judged(page, [document for _, document in cases], trusts[which].encode())
        for (each, _), verdict in zip(cases, verdicts, strict=True):
            expected = each.get("verdict") or {"ok": False, "code": each["code"]}
            assert {name: verdict[name] for name in expected} == expected, each["name"]


def test_every_trust_file_of_the_vectors(page: Page) -> None:
    found = json.loads((VECTORS / "trusts.json").read_bytes())
    plain, document = found["trust"].encode(), found["document"].encode()
    for each in found["bad"]:
        (verdict,) = judged(page, [document], spliced(plain, each))
        assert (verdict["ok"], verdict["code"]) == (False, each["code"]), each["name"]
