"""Frames of the engine's socket: however they are cut, the same messages; and lengths that no message has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.comet.frames import Unframer, frame
from ledger.errors import InputError
from ledger.limits import ABCI_FRAME_BYTES_MAX

# Lengths around those at which the varint grows, beside short ones.
MESSAGES = st.lists(st.one_of(st.binary(max_size=6), st.sampled_from([0, 127, 128, 129, 16_383, 16_384, 70_000]).map(bytes)), max_size=6)


def varint(number: int, padding: int = 0) -> bytes:
    """As protobuf writes it, with bytes that say nothing at its end."""
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        if number == 0 and padding == 0:
            return bytes([*found, low])
        padding -= number == 0
        found.append(low | 0x80)


def unframed(pieces: list[bytes]) -> list[bytes]:
    unframer = Unframer()
    return [message for piece in pieces for message in unframer.feed(piece)]


@given(MESSAGES, st.data())
def test_any_cut_gives_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(map(frame, messages))
    places = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=12)))
    pieces = [sent[begin:end] for begin, end in zip([0, *places], [*places, len(sent)], strict=True)]
    assert unframed(pieces) == messages
    assert unframed([sent]) == messages


@given(st.lists(st.binary(max_size=3), max_size=5))
def test_byte_by_byte_gives_the_same_messages(messages: list[bytes]) -> None:
    assert unframed([bytes([each]) for each in b"".join(map(frame, messages))]) == messages


@given(st.integers(0, ABCI_FRAME_BYTES_MAX))
def test_the_length_is_a_varint_of_protobuf(length: int) -> None:
    # A length within the limit is no fault: the message is waited for.
    assert unframed([varint(length)]) == ([b""] if length == 0 else [])
    short = bytes(length % 20_000)
    assert frame(short) == varint(len(short)) + short


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_a_length_may_be_written_longer_than_it_need_be(padding: int) -> None:
    assert unframed([varint(3, padding) + b"abc" + frame(b"d")]) == [b"abc", b"d"]


@given(st.one_of(st.integers(ABCI_FRAME_BYTES_MAX + 1, 2**35 - 1), st.just(ABCI_FRAME_BYTES_MAX + 1)), st.data())
def test_a_length_beyond_the_limit_is_refused_before_anything_of_it_is_kept(length: int, data: st.DataObject) -> None:
    sent = varint(length)
    place = data.draw(st.integers(0, len(sent)))
    with pytest.raises(InputError, match="longer than any may be"):
        unframed([sent[:place], sent[place:]])


@given(st.binary(max_size=20))
def test_a_length_that_never_ends_is_refused(after: bytes) -> None:
    sent = bytes(each | 0x80 for each in (after + bytes(5))[:5])
    assert unframed([sent[:4]]) == []
    with pytest.raises(InputError, match="has no length"):
        unframed([sent + after])


@given(MESSAGES, st.binary(max_size=40))
def test_whatever_comes_after_whole_messages_they_are_given(messages: list[bytes], after: bytes) -> None:
    """What cannot be read is told once all before it has been given."""
    sent = b"".join(map(frame, messages))
    found = Unframer().feed(sent + after)
    assert [next(found) for _ in messages] == messages


@given(st.binary(max_size=60))
def test_garbage_is_messages_or_refused(garbage: bytes) -> None:
    codes = []
    try:
        found = unframed([garbage])
    except InputError as error:
        found, codes = [], [error.code]
    assert codes in ([], ["bad-frame"]) and sum(map(len, found)) <= len(garbage)
