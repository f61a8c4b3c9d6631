from __future__ import annotations

from ledger.cache import ENTRY_BYTES, BoundedCache


def never(key: str) -> bytes:
    raise AssertionError(f"{key} is in the cache")


def filled(entries: int, room: int) -> BoundedCache[str, bytes]:
    cache: BoundedCache[str, bytes] = BoundedCache(room * ENTRY_BYTES)
    for number in range(entries):
        cache.put(str(number), b"")
        assert cache.get("used at every step", lambda _: b"x") == b"x"
    return cache


def test_what_was_put_is_got_without_reading() -> None:
    cache: BoundedCache[str, bytes] = BoundedCache(1_000_000)
    cache.update({"a": b"1", "b": b"2"})
    cache.put("a", b"3")
    assert (cache.get("a", never), cache.get("b", never)) == (b"3", b"2")


def test_a_cache_never_holds_more_than_its_bytes() -> None:
    assert len(filled(10_000, 100)) <= 102


def test_what_is_used_often_stays() -> None:
    cache = filled(10_000, 100)
    assert cache.get("used at every step", never) == b"x"
    assert cache.get("0", lambda _: b"read again") == b"read again"


def test_that_there_is_nothing_is_remembered_too() -> None:
    cache: BoundedCache[str, bytes | None] = BoundedCache(1_000)
    assert cache.get("a", lambda _: None) is None
    assert cache.get("a", never) is None
