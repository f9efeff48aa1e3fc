"""The answer to a pull: strict, bounded before it is read, and never an exception whatever comes."""

from __future__ import annotations

import gzip
import random
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.log import T0, MemoryLog

from manara.link import heads, rows, wire
from manara.records.reject import Reject
from manara.records.released import Block, Delivery

STREAM = "arvena>belora"


def honest(ticks: int = 4, rows_each: int = 2) -> list[object]:
    """The parts of an honest answer, as an array."""
    log = MemoryLog()
    for _ in range(ticks):
        log.publish(STREAM, rows=rows_each)
    found = log.read(STREAM, 0, 100, 1 << 20)
    paths = [(k, b"".join(log.inclusion(k, ticks))) for k in range(ticks)]
    return msgspec.msgpack.decode(wire.encode(STREAM, ticks, T0, log.checkpoint(), b"", paths, found))


def packed(parts: object) -> bytes:
    return msgspec.msgpack.encode(parts)


def test_what_is_written_is_read_again_without_whose_track_a_row_is():
    log = MemoryLog()
    log.publish(STREAM, rows=3)
    sent = log.read(STREAM, 0, 100, 1 << 20)
    read = wire.parse(wire.encode(STREAM, 1, T0, b"note", b"", [(0, b"")], sent))
    assert isinstance(read, wire.Answer)
    assert sent[0].blocks[0].subjects
    assert read.deliveries[0].blocks[0].subjects == b""
    assert msgspec.to_builtins(read.deliveries[0]) == msgspec.to_builtins(wire.bare(sent[0]))


DELIVERIES = 7
SPOILT = {
    "another version": (lambda a: a.__setitem__(0, 2), "version"),
    "a name that is no stream": (lambda a: a.__setitem__(1, "../../x"), "out_of_bounds"),
    "an end before the beginning": (lambda a: a.__setitem__(2, -1), "out_of_bounds"),
    "an end before its entries": (lambda a: a.__setitem__(2, 3), "reordered"),
    "a clock before 1970": (lambda a: a.__setitem__(3, -(1 << 63)), "out_of_bounds"),  # its offset fits no 64 bits
    "a clock beyond 63 bits": (lambda a: a.__setitem__(3, 1 << 63), "out_of_bounds"),
    "a field too many": (lambda a: a.append(1), "not_an_answer"),
    "a field of another type": (lambda a: a.__setitem__(3, "now"), "not_an_answer"),
    "a note without end": (lambda a: a.__setitem__(4, bytes(wire.NOTE_BYTES + 1)), "not_an_answer"),
    "a path to a leaf that nobody asked for": (lambda a: a[6].append([9, b""]), "out_of_bounds"),
    "two paths to one leaf": (lambda a: a[6].append(a[6][-1]), "out_of_bounds"),
    "no path": (lambda a: a.__setitem__(6, []), "out_of_bounds"),
    "entries in another order": (lambda a: a[DELIVERIES].reverse(), "reordered"),
    "an entry twice": (lambda a: a[DELIVERIES].insert(0, a[DELIVERIES][0]), "reordered"),
    "an entry left out": (lambda a: a[DELIVERIES].pop(1), "reordered"),
    "a place outside of the tick": (lambda a: a[DELIVERIES][0].__setitem__(4, 9), "out_of_bounds"),
    "a path of no whole hashes": (lambda a: a[DELIVERIES][0].__setitem__(6, b"x"), "out_of_bounds"),
    "whose track a row is": (lambda a: a[DELIVERIES][0][2][0].append(bytes(8)), "subjects"),
    "too many blocks": (lambda a: a[DELIVERIES][0].__setitem__(2, [[0, 40, b""]] * 65), "not_an_answer"),
    "a head without end": (lambda a: a[DELIVERIES][0].__setitem__(1, bytes(heads.HEAD_BYTES + 1)), "not_an_answer"),
    "rows without end": (lambda a: a[DELIVERIES][0].__setitem__(2, [[0, 1, bytes(rows.ENTRY_BYTES + 1)]]), "too_long"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_row_19_what_is_refused_and_why(name):
    change, why = SPOILT[name]
    parts = honest()
    if name == "whose track a row is":
        parts[DELIVERIES][0][2][0] = parts[DELIVERIES][0][2][0][:3]
    change(parts)
    read = wire.parse(packed(parts))
    assert isinstance(read, Reject)
    assert read.why == why


def test_an_honest_answer_passes_the_same_way():
    assert isinstance(wire.parse(packed(honest())), wire.Answer)


@pytest.mark.parametrize(
    "bomb",
    [
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
        b"\x98\x01\xadarvena>belora\x00\x00\xc6\xff\xff\xff\xff",  # bytes of 4 GiB
        b"\x98" + b"\x91" * 1_000_000,  # nested a million deep
        b"\xdf\xff\xff\xff\xff\x01",
        b"\xdd\x00\x0f\xff\xff" + b"\xc0" * (1 << 20),
        gzip.compress(bytes(100 << 20), mtime=0),  # a zip bomb has nothing here that unpacks it
        b"",
        b"\xc1",
    ],
)
def test_a_bomb_costs_nothing(bomb):
    tracemalloc.start()
    read = wire.parse(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(read, Reject)
    assert peak < 4 << 20


def test_what_is_too_long_is_not_looked_at():
    assert wire.parse(bytes(wire.ANSWER_BYTES + 1)).why == "too_long"


LENGTHS = (b"\xdd\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xcf" + b"\xff" * 8, b"\xc0")


def mutate(chance: random.Random, data: bytes) -> bytes:
    """A few bytes changed, a piece cut out, doubled or moved."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(made) or 1)
        how = chance.randrange(5)
        if how == 0 and made:
            made[at] = chance.randrange(256)
        elif how == 1:
            del made[at : at + chance.randint(1, 40)]
        elif how == 2:
            made[at:at] = made[at : at + chance.randint(1, 40)]
        elif how == 3:
            made[at:at] = chance.choice(
                [b"\xdd\xff\xff\xff\xff", b"\xc6\x7f\xff\xff\xff", b"\xcf" + b"\xff" * 8, b"\xc0"]
            )
        else:
            made = made[:at]
    return bytes(made)


def fuzz(rounds: int) -> int:
    """Mutated answers through the codec and, where they pass, the rows; gives how many passed."""
    chance = random.Random(7)
    seeds = [packed(honest(1, 0)), packed(honest(2, 1))]
    passed = 0
    for k in range(rounds):
        read = wire.parse(mutate(chance, seeds[k % 2]))
        if isinstance(read, wire.Answer):
            passed += 1
            for one in read.deliveries:
                head, blocks = heads.parse(one.head), wire.living(one)
                if not isinstance(head, Reject) and not isinstance(blocks, Reject):
                    assert isinstance(rows.read(head, blocks), rows.Sorted | Reject)
        else:
            assert read.why
            assert len(read.data) <= 256
    return passed


def test_a_hundred_thousand_spoilt_answers_give_values():
    assert 0 < fuzz(100_000) < 100_000


@pytest.mark.soak
def test_a_million_spoilt_answers_give_values():
    assert fuzz(1_000_000) > 0


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_a_value(data):
    assert isinstance(wire.parse(data), Reject)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_row_11_erased_rows_leave_exactly_the_others(data):
    widths = data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    marks, made, want = b"", [], []
    for width in widths:
        erased = data.draw(st.lists(st.booleans(), max_size=5))
        some = [bytes([k % 251]) * width for k in range(len(erased))]
        made.append(
            Block(1, width, b"".join(bytes(32) if gone else row for gone, row in zip(erased, some, strict=True)))
        )
        want.append(b"".join(row for gone, row in zip(erased, some, strict=True) if not gone))
        marks += bytes(erased)
    one = Delivery(0, b"", tuple(made), b"", 0, 1, b"", b"", 0, marks)
    assert [block.rows for block in wire.living(one)] == want
    if any(marks):
        cut = msgspec.structs.replace(one, erased=marks + b"\1")
        assert not isinstance(wire.living(cut), Reject)  # a mark too many names no row; the tree refuses it
        short = Block(1, widths[0], made[0].rows + b"x")
        if widths[0] != 1:
            found = wire.living(msgspec.structs.replace(one, blocks=(short, *made[1:])))
            assert isinstance(found, Reject)
            assert found.why == "count"
