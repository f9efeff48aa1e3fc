"""Frames of the host's files: what is sound is read, a torn end is told from damage, no payload passes for a frame."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.host import framed
from manara.host.framed import Frame, Stop

SEED = b"\x07\x01\x02\x03"


def file_of(*payloads: bytes) -> bytes:
    seed = framed.seed_of(SEED)
    return framed.build(b"MNTH", SEED) + b"".join(framed.build(b"MNTX", one, seed) for one in payloads)


def walked(data: bytes) -> tuple[list[bytes], Stop]:
    found = list(framed.walk(lambda at, n: data[at : at + n], len(data)))
    assert all(isinstance(one, Frame) for one in found[:-1])
    return [one.payload for one in found[1:-1]], found[-1]


payloads = st.lists(st.binary(max_size=40), max_size=5)


@settings(max_examples=60)
@given(payloads)
def test_what_was_written_is_read(said):
    data = file_of(*said)
    assert walked(data) == (said, Stop(len(data), ""))


@settings(max_examples=60)
@given(payloads, st.data())
def test_a_write_that_was_cut_is_torn_and_what_came_before_stays(said, chosen):
    data, last = file_of(*said), framed.build(b"MNTX", b"the last one", framed.seed_of(SEED))
    cut = chosen.draw(st.integers(1, len(last) - 1))
    assert walked(data + last[:cut]) == (said, Stop(len(data), "torn"))


@settings(max_examples=80)
@given(payloads, st.data())
def test_a_flipped_bit_before_a_sound_frame_is_damage(said, chosen):
    data = bytearray(file_of(*said, b"sound"))
    begin, end = len(file_of()), len(data) - framed.HEAD_BYTES - 5
    if end <= begin:
        return
    data[chosen.draw(st.integers(begin, end - 1))] ^= 1 << chosen.draw(st.integers(0, 7))
    found, stop = walked(bytes(data))
    assert stop.why == "damaged"
    assert found == said[: len(found)]


def test_a_frame_inside_a_payload_does_not_pass_for_one():
    inner = framed.build(b"MNTX", b"forged", 0)
    data = file_of(b"first", inner)
    torn = data[:-1]
    assert walked(torn) == ([b"first"], Stop(len(file_of(b"first")), "torn")), "only its own seed makes a frame sound"


def test_a_length_beyond_the_file_is_not_followed():
    head = framed.build(b"MNTX", b"x" * 100, framed.seed_of(SEED))[: framed.HEAD_BYTES]
    asked: list[int] = []

    def read(at: int, n: int) -> bytes:
        asked.append(n)
        return head[at : at + n]

    assert framed.read_one(read, 0, len(head), framed.seed_of(SEED)) is None
    assert max(asked) == framed.HEAD_BYTES


def test_a_frame_has_a_bound():
    class Long(bytes):
        def __len__(self) -> int:
            return framed.PAYLOAD_BYTES + 1

    with pytest.raises(ValueError, match="at most"):
        framed.build(b"MNTX", Long())
