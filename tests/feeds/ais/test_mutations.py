"""Whatever the bytes and wherever they are cut: the same rows, no exception, bounded memory."""

from __future__ import annotations

import json
import math
import random
from functools import reduce
from operator import xor

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manara.feeds.ais import FORMATS, AisDecoder, sentences
from manara.feeds.ais.decoder import REPEATS_KEPT, STATUSES_KEPT
from manara.feeds.ais.reader import LINE_BYTES, PENDING
from manara.feeds.decoder import Options
from manara.records.batch import Batch, join
from manara.records.reject import Reject

NOW = 1_700_000_000_000_000_000
MMSI = 271_999_001
HERE = {"mmsi": MMSI, "lat": 12.5, "lon": -33.25, "speed": 9.0, "course": 45.0}
REPORTS = [
    (1, {**HERE, "second": 3, "status": 5}), (3, {**HERE, "lat": 13.0}), (4, {**HERE, "mmsi": 2719990}),
    (5, {"mmsi": MMSI, "shipname": "QUIET LANTERN", "destination": "NORTH QUAY"}), (6, {"mmsi": MMSI, "dest_mmsi": 5}),
    (8, {"mmsi": MMSI, "dac": 1, "fid": 31}), (9, {**HERE, "mmsi": 111999001}), (11, HERE),
    (12, {"mmsi": MMSI, "dest_mmsi": 271999009, "text": "HELLO"}), (14, {"mmsi": MMSI, "text": "DRILL ONLY " * 9}),
    (18, {**HERE, "mmsi": MMSI + 1}), (19, {**HERE, "shipname": "SMALL LIGHT"}), (21, {**HERE, "mmsi": 992719901}),
    (24, {"mmsi": MMSI, "partno": 0, "shipname": "LAMP"}), (24, {"mmsi": MMSI, "partno": 1, "callsign": "L4MP"}),
    (27, HERE),
]  # fmt: skip
LINES = [
    line + b"\r\n"
    for i, (t, f) in enumerate(REPORTS)
    for line in sentences(t, f, sequence=i, time_ns=NOW if i % 2 else None, station="LAMP" if i % 3 else "").split(
        b"\r\n"
    )
    if line
]
PGHP = b"$PGHP,1,2013,11,12,12,0,0,11,219,,2190067,1,62*26\r\n"
STREAM = b"".join([*LINES, b"noise\n", PGHP, LINES[0], b"!AIVDM,1,1,,A,13u?et*00\r", b"# a remark\n", LINES[-1][:-1]])


def same(a: Batch, b: Batch) -> None:
    for x, y in zip(vars(a.reports).values(), vars(b.reports).values(), strict=True):
        np.testing.assert_array_equal(x, y)
    assert (a.particulars, a.texts, a.rejects) == (b.particulars, b.texts, b.rejects)
    assert (a.counts, a.reject_counts) == (b.counts, b.reject_counts)


def in_pieces(data: bytes, cuts: list[int], restored: bool) -> Batch:
    decoder, batches = AisDecoder(Options(feed=7)), []
    ends = [*sorted(cuts), len(data)]
    for begin, end in zip([0, *ends], ends, strict=False):
        batches.append(decoder.advance(data[begin:end], NOW))
        if restored:
            snapshot = msgspec.msgpack.encode(decoder.dump())
            decoder = AisDecoder(Options(feed=7))
            decoder.load(msgspec.msgpack.decode(snapshot))
    return join([*batches, decoder.finish(NOW)])


@given(st.lists(st.integers(0, len(STREAM)), max_size=20), st.booleans())
def test_the_same_rows_for_any_split_with_or_without_a_restart(cuts, restored):
    whole = in_pieces(STREAM, [], restored=False)
    assert len(whole.reports) == 10
    same(in_pieces(STREAM, cuts, restored), whole)


def test_the_same_rows_byte_by_byte():
    same(in_pieces(STREAM, list(range(len(STREAM))), restored=False), in_pieces(STREAM, [], restored=False))


def checked(line: bytes) -> bytes:
    """The line with the checksum that its bytes ask for, so that a mutation gets through to what is behind."""
    mark, star = line.rfind(b"!"), line.rfind(b"*")
    return line if star < mark or mark < 0 else b"%s*%02X\n" % (line[:star], reduce(xor, line[mark + 1 : star], 0))


def mutated(rng: random.Random) -> bytes:
    lines = [bytearray(rng.choice(LINES)) for _ in range(rng.randrange(1, 8))]
    for line in lines:
        for _ in range(rng.randrange(4)):
            i = rng.randrange(len(line))
            change = rng.random()
            if change < 0.4:
                line[i] = rng.choice(b"0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw")
            elif change < 0.6:
                line[i] = rng.randrange(256)
            elif change < 0.8:
                del line[i : i + rng.randrange(1, 30)]
            else:
                line[i:i] = line[: rng.randrange(60)]
            if not line:
                break
    right = [checked(bytes(x)) if rng.random() < 0.8 else bytes(x) for x in lines]
    return b"".join(right)


def hold(batch: Batch) -> None:
    """What is true of every batch, whatever went in."""
    r = batch.reports
    assert np.all(np.abs(r.lat_rad) <= math.pi / 2)
    assert np.all(np.abs(r.lon_rad) <= math.pi)
    assert not np.any((r.speed_mps < 0.0) | (r.speed_mps > 600.0))
    assert not np.any((r.course_rad < 0.0) | (r.course_rad >= 2 * math.pi))
    assert np.all(np.isin(r.identity >> 56, (1,)))
    assert np.all((r.identity & 0xFFFFFFFF) - 1 < 999_999_999)
    assert sum(batch.reject_counts.values()) >= len(batch.rejects)
    assert all(len(x.data) <= 256 for x in batch.rejects)


def storm(seed: int, count: int) -> tuple[int, int]:
    rng = random.Random(seed)
    decoder, rows, rejects = AisDecoder(Options()), 0, 0
    for i in range(count):
        batch = decoder.advance(mutated(rng), NOW + i * 10**7, whole=rng.random() < 0.2)
        hold(batch)
        rows += len(batch.reports)
        rejects += sum(batch.reject_counts.values())
    state = decoder.dump()
    assert len(state["reader"]["waiting"]) <= PENDING
    assert len(state["reader"]["rest"]) <= LINE_BYTES
    assert len(state["lately"]) <= 2 * REPEATS_KEPT
    assert len(state["status"]) <= 2 * STATUSES_KEPT
    return rows, rejects


def test_ten_thousand_mutations_never_raise():
    rows, rejects = storm(1, 10_000)
    assert rows > 3_000  # many get through,
    assert rejects > 10_000  # many do not


@pytest.mark.soak
def test_a_million_mutations_never_raise():
    rows, rejects = storm(2, 1_000_000)
    assert rows > 300_000
    assert rejects > 1_000_000


def test_full_never_raises_and_speaks_json():
    rng = random.Random(3)
    data = b"".join(mutated(rng) for _ in range(2_000))
    said = list(FORMATS[0].full(data, Options()))
    assert {type(x) for x in said} == {dict, Reject}
    assert len(json.dumps([x for x in said if isinstance(x, dict)])) > 10_000
    ends = [end for end, _ in FORMATS[0].cut(data)]
    assert ends[-1] == len(data)
    assert ends == sorted(set(ends))


@given(st.binary(max_size=400))
def test_any_bytes(data):
    decoder = AisDecoder(Options())
    hold(decoder.advance(data, NOW, whole=True))
    hold(decoder.finish(NOW))
    assert 0.0 <= FORMATS[0].guess(data) <= 1.0
    assert all(end <= len(data) for end, _ in FORMATS[0].cut(data))
    list(FORMATS[0].full(data, Options()))


def test_any_payload_of_any_type_is_a_row_a_word_or_a_reject():
    """Random bits behind a right checksum: nothing is lost without a count."""
    rng = random.Random(4)
    armour = b"0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw"
    decoder, sent = AisDecoder(Options()), 5_000
    data = []
    for _ in range(sent):
        payload = bytes(rng.choice(armour) for _ in range(rng.randrange(1, 90)))
        data.append(checked(b"!AIVDM,1,1,,A,%s,%d*00" % (payload, rng.randrange(6))))
    batch = decoder.advance(b"".join(data), NOW)
    hold(batch)
    counted = sum(n for kind, n in batch.counts.items()) + sum(batch.reject_counts.values())
    assert counted - batch.reject_counts.get("bad_position", 0) == sent
    assert "undecodable" not in batch.reject_counts


def test_remembered_payloads_and_statuses_are_bounded():
    decoder = AisDecoder(Options())
    for i in range(0, 3 * REPEATS_KEPT, 512):
        decoder.advance(b"".join(sentences(27, {**HERE, "mmsi": i + j + 1, "status": 5}) for j in range(512)), NOW)
    assert REPEATS_KEPT <= len(decoder.dump()["lately"]) <= 2 * REPEATS_KEPT
