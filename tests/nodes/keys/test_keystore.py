"""Keys lie encrypted, each under its owner's secret, in files that survive a crash and betray a change."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ledger import canonical, keys
from ledger.errors import InputError, NotFound, NotPermitted, Refused, VerificationFailed
from ledger.hashing import sha256, tagged_json
from nodes.keys.keystore import NODE_OWNER, Argon2Cost, KeyInfo, KeyStore
from nodes.keys.registry import RegistryKey
from nodes.private_files import create_node_secret, read_node_secret, temporary_path

CHEAP = Argon2Cost(passes=1, memory_kib=8, lanes=1)
SECRET, OTHER = b"a maker's own secret", b"somebody else's secret"
MAKER = "u-0123456789abcdef"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(directory: Path) -> KeyStore:
    return KeyStore(directory, os.urandom, CHEAP)


def path_of(directory: Path, info: KeyInfo) -> Path:
    return directory / f"{info.id}.json"


def rewritten(directory: Path, info: KeyInfo, **changes: object) -> None:
    """What somebody with access to the disk, who knows the format, may do: change a file and set its checksum right."""
    file = json.loads(path_of(directory, info).read_bytes()) | changes
    file["checksum"] = tagged_json("key-file", {name: value for name, value in file.items() if name != "checksum"})
    path_of(directory, info).write_bytes(canonical.encode(file))


def test_a_staff_key_signs_after_it_was_opened_with_its_owners_secret(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    private = KeyStore(directory, os.urandom, CHEAP).open(info.id, SECRET)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    digest = sha256(b"a record")
    assert keys.verify(info.public, keys.sign(private, digest), digest)
    assert info == KeyInfo(keys.key_id("p256", info.public), "p256", info.public, "make", MAKER)


@pytest.mark.parametrize(("alg", "kind"), [("x25519", X25519PrivateKey), ("ed25519", Ed25519PrivateKey)])
def test_a_nodes_keys_open_with_the_nodes_secret(store: KeyStore, alg: str, kind: type) -> None:
    info = store.create(alg, "seal", NODE_OWNER, SECRET)
    private = store.open(info.id, SECRET)
    assert isinstance(private, kind) and isinstance(private, X25519PrivateKey | Ed25519PrivateKey)
    assert private.public_key().public_bytes_raw() == info.public


def test_the_registry_key_is_kept_like_any_other_and_known_by_its_commitment(store: KeyStore, directory: Path) -> None:
    info = store.create("hmac-sha256", "registry", NODE_OWNER, SECRET)
    private = KeyStore(directory, os.urandom, CHEAP).open(info.id, SECRET)
    assert isinstance(private, RegistryKey) and private.commitment == info.public.hex() and store.list() == [info]
    with pytest.raises(NotPermitted, match="secret-wrong"):
        store.open(info.id, OTHER)
    rewritten(directory, info, public="00" * 31)
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.info(info.id)


def opens(store: KeyStore, info: KeyInfo, secret: bytes) -> bool:
    """Whether the secret opens the key, and what comes out is that key."""
    private = store.open(info.id, secret)
    return isinstance(private, ec.EllipticCurvePrivateKey | Ed25519PrivateKey) and keys_id(private) == info.id


def keys_id(private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> str:
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return keys.public_of(private).id
    return keys.key_id("ed25519", private.public_key().public_bytes_raw())


def test_a_key_does_not_open_with_another_persons_secret(store: KeyStore) -> None:
    info = store.create("p256", "check", MAKER, SECRET)
    with pytest.raises(NotPermitted) as caught:
        store.open(info.id, OTHER)
    assert caught.value.code == "secret-wrong" and caught.value.hint


def test_the_private_key_is_not_in_the_file(store: KeyStore, directory: Path) -> None:
    private = X25519PrivateKey.generate()
    info = store.add(private, "seal", NODE_OWNER, SECRET)
    data = path_of(directory, info).read_bytes()
    assert private.private_bytes_raw().hex().encode() not in data and private.private_bytes_raw() not in data
    assert SECRET not in data


def test_the_default_cost_is_recorded_and_is_not_cheap(directory: Path) -> None:
    info = KeyStore(directory, os.urandom).create("ed25519", "operator", NODE_OWNER, SECRET)
    kdf = json.loads(path_of(directory, info).read_bytes())["kdf"]
    # OWASP's floor for Argon2id is two passes over 19 MiB.
    assert kdf["name"] == "argon2id" and kdf["memory_kib"] >= 19_456 and kdf["passes"] >= 2
    assert opens(KeyStore(directory, os.urandom, CHEAP), info, SECRET)


def test_the_store_lists_every_key_and_nothing_else(store: KeyStore, directory: Path) -> None:
    made = [store.create(alg, "service", NODE_OWNER, SECRET) for alg in ("p256", "x25519", "ed25519")]
    (directory / ".left-over.json.tmp").write_bytes(b"half")
    assert store.list() == sorted(made, key=lambda info: info.id)


def test_a_key_is_not_added_twice(store: KeyStore) -> None:
    private = Ed25519PrivateKey.generate()
    store.add(private, "operator", NODE_OWNER, SECRET)
    with pytest.raises(Refused, match="key-exists"):
        store.add(private, "operator", NODE_OWNER, OTHER)


@pytest.mark.parametrize("key_id", ["ab" * 32, "../node", "", "AB" * 32, "ab" * 32 + "\n"])
def test_a_key_that_is_not_there_is_not_found(store: KeyStore, key_id: str) -> None:
    with pytest.raises(NotFound, match="unknown-key"):
        store.open(key_id, SECRET)


def test_what_the_ledger_does_not_know_is_not_kept(store: KeyStore) -> None:
    for alg, purpose, owner, secret, code in (
        ("rsa", "make", MAKER, SECRET, "bad-key"),
        ("p256", "Make it", MAKER, SECRET, "bad-key"),
        ("p256", "make", "../x", SECRET, "bad-key"),
        ("p256", "make", MAKER, b"", "bad-secret"),
        ("p256", "make", MAKER, b"x" * 1025, "bad-secret"),
    ):
        with pytest.raises(InputError) as caught:
            store.create(alg, purpose, owner, secret)
        assert caught.value.code == code
    with pytest.raises(InputError, match="bad-key"):
        store.add(ec.generate_private_key(ec.SECP384R1()), "make", MAKER, SECRET)
    assert store.list() == []


def test_a_changed_secret_opens_and_the_old_one_does_no_more(store: KeyStore) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    store.change_secret(info.id, SECRET, OTHER)
    assert opens(store, info, OTHER) and store.info(info.id) == info
    with pytest.raises(NotPermitted, match="secret-wrong"):
        store.open(info.id, SECRET)


def test_a_secret_is_changed_only_by_who_knows_the_old_one(store: KeyStore) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    with pytest.raises(NotPermitted, match="secret-wrong"):
        store.change_secret(info.id, OTHER, OTHER)
    assert opens(store, info, SECRET)


def test_files_and_directory_are_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = KeyStore(tmp_path / "keys", os.urandom, CHEAP)
        info = store.create("p256", "make", MAKER, SECRET)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE(path_of(tmp_path / "keys", info).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o601])
def test_a_file_that_others_may_read_or_write_is_refused(store: KeyStore, directory: Path, mode: int) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    path_of(directory, info).chmod(mode)
    with pytest.raises(Refused) as caught:
        store.open(info.id, SECRET)
    assert caught.value.code == "key-file-mode" and "chmod 600" in caught.value.hint


def test_a_directory_that_others_may_enter_is_refused(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    directory.chmod(0o755)
    for act in (lambda: store.open(info.id, SECRET), store.list, lambda: KeyStore(directory, os.urandom)):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.code == "key-file-mode" and "chmod 700" in caught.value.hint


def test_a_link_or_a_pipe_in_place_of_a_key_file_is_refused(store: KeyStore, directory: Path, tmp_path: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    path = path_of(directory, info)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="key-file-mode"):
        store.open(info.id, SECRET)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(Refused, match="key-file-mode"):
        store.open(info.id, SECRET)


def test_damage_at_any_byte_of_a_file_is_noticed(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    path = path_of(directory, info)
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        with pytest.raises(VerificationFailed) as caught:
            store.open(info.id, SECRET)
        assert caught.value.code == "key-file-damaged"
    path.write_bytes(whole)
    assert opens(store, info, SECRET)


def test_a_file_cut_short_anywhere_is_noticed(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    whole = path_of(directory, info).read_bytes()
    for size in range(0, len(whole), 5):
        path_of(directory, info).write_bytes(whole[:size])
        with pytest.raises(VerificationFailed, match="key-file-damaged"):
            store.info(info.id)


def test_a_key_file_under_another_keys_name_is_noticed(store: KeyStore, directory: Path) -> None:
    first, second = (store.create("p256", "make", MAKER, SECRET) for _ in range(2))
    path_of(directory, first).write_bytes(path_of(directory, second).read_bytes())
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.open(first.id, SECRET)
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.list()


def test_a_private_key_moved_into_another_keys_file_does_not_open(store: KeyStore, directory: Path) -> None:
    first, second = (store.create("p256", "make", MAKER, SECRET) for _ in range(2))
    other = json.loads(path_of(directory, second).read_bytes())
    rewritten(directory, first, **{name: other[name] for name in ("kdf", "check", "nonce", "box")})
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.open(first.id, SECRET)


@pytest.mark.parametrize("change", [{"purpose": "check"}, {"owner": "u-fedcba9876543210"}], ids=["purpose", "owner"])
def test_a_key_whose_purpose_or_owner_was_rewritten_does_not_open(store: KeyStore, directory: Path, change: dict[str, str]) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    rewritten(directory, info, **change)
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.open(info.id, SECRET)


@pytest.mark.parametrize(
    "kdf",
    [
        {"passes": 10**9},
        {"memory_kib": 10**9},
        {"lanes": 0},
        {"lanes": 16},
        {"passes": True},
        {"name": "none"},
        {"salt": ""},
        {"salt": "zz" * 16},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_file_cannot_make_us_spend_without_end(store: KeyStore, directory: Path, kdf: dict[str, object]) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    rewritten(directory, info, kdf=json.loads(path_of(directory, info).read_bytes())["kdf"] | kdf)
    with pytest.raises(VerificationFailed, match="key-file-damaged"):
        store.open(info.id, SECRET)


@pytest.mark.parametrize("field", ["kdf", "check", "nonce", "box", "public", "alg"])
@pytest.mark.parametrize("value", [None, 7, "", "00", "zz", []])
def test_a_field_of_another_kind_is_damage(store: KeyStore, directory: Path, field: str, value: object) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    rewritten(directory, info, **{field: value})
    # A check value that differs is what a wrong secret looks like.
    with pytest.raises(VerificationFailed if field != "check" else (VerificationFailed, NotPermitted)):
        store.open(info.id, SECRET)


def test_an_oversized_file_is_not_read(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    path_of(directory, info).write_bytes(b" " * 20_000)
    with pytest.raises(Refused, match="key-file-too-large"):
        store.info(info.id)


CRASH = """
import os, sys
from pathlib import Path
from nodes.keys.keystore import Argon2Cost, KeyStore
os.replace = lambda source, target: os._exit(9)
KeyStore(Path(sys.argv[1]), os.urandom, Argon2Cost(1, 8, 1)).change_secret(sys.argv[2], b"a maker's own secret", b"new")
"""


def test_a_crash_between_writing_and_renaming_leaves_the_old_file_and_a_free_lock(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH, str(directory), info.id], check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert crashed.returncode == 9
    left_over = temporary_path(path_of(directory, info))
    assert left_over.exists() and stat.S_IMODE(left_over.stat().st_mode) == 0o600
    assert store.list() == [info] and opens(store, info, SECRET)
    store.change_secret(info.id, SECRET, OTHER)
    assert opens(store, info, OTHER) and not left_over.exists()


def test_a_file_that_cannot_be_written_is_said_so_and_the_old_one_stays(store: KeyStore, directory: Path) -> None:
    info = store.create("p256", "make", MAKER, SECRET)
    temporary_path(path_of(directory, info)).mkdir()
    with pytest.raises(Refused, match="file-not-written"):
        store.change_secret(info.id, SECRET, OTHER)
    assert opens(store, info, SECRET)
    with pytest.raises(Refused, match="file-not-written"):
        KeyStore(path_of(directory, info) / "keys", os.urandom)


def test_a_nodes_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "node.secret"
    secret = create_node_secret(path, os.urandom)
    assert len(secret) == 32 and read_node_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="secret-exists"):
        create_node_secret(path, os.urandom)
    path.chmod(0o644)
    with pytest.raises(Refused, match="key-file-mode"):
        read_node_secret(path)
    path.chmod(0o600)
    path.write_bytes(secret[:31])
    with pytest.raises(Refused, match="secret-damaged"):
        read_node_secret(path)
    path.unlink()
    with pytest.raises(NotFound, match="file-missing"):
        read_node_secret(path)
