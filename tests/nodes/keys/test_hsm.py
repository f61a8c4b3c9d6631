"""Keys in a real PKCS#11 module sign like any other, and never leave it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from ledger import keys
from ledger.errors import InputError, NotFound, NotPermitted, Refused, TallystickError, Unreachable, VerificationFailed
from ledger.hashing import sha256
from nodes.home_config import Pkcs11Section
from nodes.keys.hsm import Hsm, HsmPrivateKey
from nodes.keys.keystore import Argon2Cost, KeyInfo, KeyStore
from nodes.upstream import signing_jwk
from tests.softhsm import PIN, TOKEN, section

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
SECRET, OTHER = b"a maker's own secret", b"another secret"
HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


@pytest.fixture
def hsm() -> Hsm:
    return Hsm(section())


@pytest.fixture
def store(hsm: Hsm, tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", os.urandom, CHEAP, hsm)


def added(store: KeyStore, label: str = "one", owner: str = "li-wei") -> KeyInfo:
    return store.add_from_hsm(label, PIN.encode(), "make", owner, SECRET)


def opened(store: KeyStore, info: KeyInfo, secret: bytes = SECRET) -> HsmPrivateKey:
    private = store.open(info.id, secret)
    assert isinstance(private, HsmPrivateKey)
    return private


def test_what_it_signs_is_a_signature_as_the_ledger_wants_it(store: KeyStore) -> None:
    info = added(store)
    private = opened(store, info)
    assert keys.public_of(private) == keys.PublicKey(info.alg, info.public) and info.id == keys.key_id(info.alg, info.public)
    # Of so many raw signatures about half have a high s, which is turned into the low one.
    for number in range(40):
        digest = sha256(str(number).encode())
        signature = keys.sign(private, digest)
        assert len(signature) == 64 and int.from_bytes(signature[32:], "big") <= HALF_ORDER
        assert keys.verify(info.public, signature, digest) and not keys.verify(info.public, signature, sha256(digest))


def test_a_file_holds_neither_the_key_nor_the_pin_in_the_clear(store: KeyStore, tmp_path: Path) -> None:
    info = added(store)
    content = (tmp_path / "keys" / f"{info.id}.json").read_bytes()
    assert PIN.encode() not in content and PIN.encode().hex().encode() not in content
    assert store.list() == [info] == [store.info(info.id)]
    with pytest.raises(NotPermitted, match="secret-wrong"):
        store.open(info.id, OTHER)


def test_a_file_that_points_at_another_key_of_the_module_does_not_open(store: KeyStore, tmp_path: Path) -> None:
    mine, other = added(store, "one"), added(store, "two", "wang-fang")
    assert mine.hsm is not None and other.hsm is not None
    file = tmp_path / "keys" / f"{mine.id}.json"
    file.write_text(file.read_text().replace(mine.hsm, other.hsm))
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.open(mine.id, SECRET)
    with pytest.raises(Refused, match="hsm-key"):
        Hsm(section()).open(other.hsm, mine.public, PIN.encode())


def test_another_secret_opens_it_after_a_change(store: KeyStore) -> None:
    info = added(store)
    store.change_secret(info.id, SECRET, OTHER)
    digest = sha256(b"x")
    assert keys.verify(info.public, keys.sign(opened(store, info, OTHER), digest), digest)
    with pytest.raises(NotPermitted, match="secret-wrong"):
        store.open(info.id, SECRET)


def test_the_same_key_is_taken_in_again_for_the_same_only(store: KeyStore) -> None:
    info = added(store)
    assert store.add_from_hsm("one", PIN.encode(), "make", "li-wei", OTHER) == info
    opened(store, info, OTHER)
    with pytest.raises(Refused, match="key-exists"):
        store.add_from_hsm("one", PIN.encode(), "make", "wang-fang", SECRET)


def test_many_threads_sign_with_one_token(store: KeyStore, hsm: Hsm) -> None:
    infos = [added(store, label) for label in ("one", "two", "three")]
    privates = [opened(store, info) for info in infos]

    def sign(number: int) -> bool:
        info, private, digest = infos[number % 3], privates[number % 3], sha256(str(number).encode())
        return keys.verify(info.public, keys.sign(private, digest), digest)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(sign, range(120)))


def test_two_nodes_of_one_process_use_one_token(store: KeyStore, tmp_path: Path) -> None:
    first = opened(store, added(store))
    second_store = KeyStore(tmp_path / "others", os.urandom, CHEAP, Hsm(section()))
    second = opened(second_store, added(second_store, "two"))
    for private in (first, second, first):
        digest = sha256(os.urandom(8))
        assert keys.verify(keys.public_of(private).public, keys.sign(private, digest), digest)


def test_it_signs_tokens_as_jose_wants_them(store: KeyStore) -> None:
    private = opened(store, added(store))
    token = jwt.encode({"alg": "ES256"}, {"sub": "x"}, signing_jwk(private))
    public = ECKey.import_key(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert jwt.decode(token, public, algorithms=["ES256"]).claims == {"sub": "x"}


def test_it_does_nothing_else(store: KeyStore) -> None:
    private = opened(store, added(store))
    assert (private.curve.name, private.key_size) == ("secp256r1", 256)
    for attempt in (
        private.private_numbers,
        lambda: private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        lambda: private.exchange(ec.ECDH(), private.public_key()),
        lambda: private.sign(b"x", ec.ECDSA(hashes.SHA384())),
    ):
        with pytest.raises(Refused, match="key-in-hsm"):
            attempt()


@pytest.mark.parametrize(("label", "code"), [("nobody", "hsm-key"), ("twice", "hsm-key"), ("other-curve", "hsm-key"), ("no-id", "hsm-key")])
def test_a_key_that_cannot_be_used_is_not_taken_in(store: KeyStore, label: str, code: str) -> None:
    with pytest.raises(TallystickError, match=code):
        added(store, label)
    assert store.list() == []


def test_a_module_or_token_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    for missing in (Pkcs11Section(module=str(tmp_path / "none.so"), token=TOKEN), section().model_copy(update={"token": "another"})):
        with pytest.raises(Unreachable, match="hsm"):
            Hsm(missing).find("one", PIN.encode())


def test_a_key_of_a_module_needs_one(store: KeyStore, tmp_path: Path) -> None:
    info = added(store)
    with pytest.raises(Refused, match="no-hsm"):
        KeyStore(tmp_path / "keys", os.urandom, CHEAP).open(info.id, SECRET)


def test_without_the_library_it_says_what_to_install(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(InputError, match="hsm-missing") as caught:
        hsm.find("one", PIN.encode())
    assert "tallystick[hsm]" in caught.value.hint


def test_a_key_that_is_gone_from_the_module_signs_no_more(hsm: Hsm) -> None:
    with pytest.raises(NotFound, match="hsm-key"):
        hsm.sign("00" * 8, sha256(b"x"), PIN.encode())


def test_a_wrong_pin_does_not_open_the_token(tmp_path: Path) -> None:
    found = section()
    code = (
        "import sys\nfrom nodes.home_config import Pkcs11Section\nfrom nodes.keys.hsm import Hsm\n"
        "from ledger.errors import NotPermitted\n"
        "try:\n    Hsm(Pkcs11Section(module=sys.argv[1], token=sys.argv[2])).find('one', b'not the PIN')\n"
        "except NotPermitted as error:\n    print(error.code)\n"
    )
    # In a process where nobody has logged in yet.
    done = subprocess.run([sys.executable, "-c", code, found.module, found.token], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("hsm-pin\n", 0), done.stderr
