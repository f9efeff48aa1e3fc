"""The decoder as a feed sees it: any split, any rubbish, midnight, and a state that can be put away."""

from __future__ import annotations

import dataclasses
import itertools
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.feeds.asterix import FORMATS, encode
from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.asterix.pieces import REJECTS_KEPT
from manara.feeds.decoder import Options
from manara.records.batch import Batch, join
from manara.records.identity import Space, source_id, unpack
from manara.records.plots import Plots
from manara.records.reports import Flag, Reports

DAY_NS = 86_400_000_000_000
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
NEW = {one.name: one.new for one in FORMATS}


def mixed(radar_block) -> bytes:
    """Blocks of several categories, one unknown, one with a bad record, rubbish between them."""
    older = {"010": {"SAC": 1, "SIC": 3}, "020": {"TYP": 0}, "040": {"RHO": 9.0, "THETA": 1.0}, "141": 17.5}
    north = {"010": {"SAC": 1, "SIC": 3}, "000": 1, "030": 43_100.0, "041": 4.0}
    track = {"010": {"SAC": 2, "SIC": 9}, "070": 43_199.0, "105": {"LAT": 30.0, "LON": 20.0}, "040": 5}
    plot = encode.record(1, "1.4", older)
    return b"".join(
        [
            radar_block(),
            encode.block(1, [plot]),
            encode.block(2, [encode.record(2, "1.2", north)]),
            encode.block(1, [plot, plot]),
            b"\xc8\x00\x07\x01\x02\x03\x04",
            encode.block(62, [encode.record(62, "1.20", track)]),
            bytes.fromhex("300008ff01020304"),
            b"\x00\x00\x00\xff\x00\x02",
            radar_block(43_201.0, _220=0xD00002, _240="MNR124"),
            encode.block(34, [encode.record(34, "1.29", north)]),
            b"\x30\x00\x50\x80",
        ]
    )


def run(data: bytes, cuts: list[int], name: str = "asterix", received_ns: int = NOON_NS) -> Batch:
    decoder = NEW[name](Options(feed=3))
    edges = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    batches = [decoder.advance(data[a:b], received_ns) for a, b in itertools.pairwise(edges)]
    return join([*batches, decoder.finish(received_ns)])


def plain_rows(batch: Batch) -> object:
    """Everything of a batch in a form that compares."""
    tables = [
        [getattr(table, f.name).tobytes() for f in dataclasses.fields(table)] for table in (batch.plots, batch.reports)
    ]
    rejects = sorted((one.why, one.data, one.detail) for one in batch.rejects)
    return tables, batch.particulars, batch.status, rejects, dict(batch.reject_counts), dict(batch.counts)


def test_one_pass_over_mixed_bytes(radar_block):
    got = run(mixed(radar_block), [])
    assert got.counts == {
        "cat048": 2, "cat001": 3, "cat002 north_mark": 1, "cat062": 1, "cat034 north_mark": 1,
    }  # fmt: skip
    assert got.reject_counts == {"unknown_category": 1, "bad_record": 1, "bad_length": 1, "truncated": 1}
    assert len(got.plots) == 5
    assert len(got.reports) == 1
    assert [one.callsign for one in got.particulars] == ["MNR123", "MNR124"]
    assert [one.kind for one in got.status] == ["north_mark", "north_mark"]
    assert got.plots.track_number.tolist() == [77, -1, -1, -1, 77], "rows stand in the order of the bytes"


@given(cuts=st.lists(st.integers(0, 10_000), max_size=12))
@settings(max_examples=60)
def test_the_same_rows_for_any_split(cuts, radar_block):
    data = mixed(radar_block)
    assert plain_rows(run(data, cuts)) == plain_rows(run(data, []))


def test_the_same_rows_byte_by_byte(radar_block):
    data = mixed(radar_block)
    assert plain_rows(run(data, list(range(len(data))))) == plain_rows(run(data, []))


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=5))
@settings(max_examples=150)
def test_rubbish_splits_alike(data, cuts):
    assert plain_rows(run(data, cuts)) == plain_rows(run(data, []))


def test_a_state_put_away_and_taken_up_goes_on_alike(radar_block):
    data = mixed(radar_block)
    for cut in range(0, len(data), 7):
        first = AsterixDecoder(Options(feed=3))
        begun = first.advance(data[:cut], NOON_NS)
        second = AsterixDecoder(Options(feed=3))
        second.load(msgspec.msgpack.decode(msgspec.msgpack.encode(first.dump())))
        rest = [second.advance(data[cut:], NOON_NS), second.finish(NOON_NS)]
        assert plain_rows(join([begun, *rest])) == plain_rows(run(data, []))


@pytest.mark.parametrize(
    ("tail", "why"),
    [(b"", None), (b"\x00\x00", "trailing"), (b"\x30\x00\xff\x01", "trailing"), (b"\x00" * 9, "trailing")],
)
def test_what_trails_a_datagram_is_a_reject(tail, why, radar_block):
    got = AsterixDecoder(Options()).advance(radar_block() + radar_block() + tail, NOON_NS, whole=True)
    assert len(got.plots) == 2
    assert dict(got.reject_counts) == ({why: 1} if why else {})


@pytest.mark.parametrize(("data", "why"), [(b"\x30\x00\xff\x01", "truncated"), (b"\x30\x00\x02", "bad_length")])
def test_a_datagram_that_is_no_block(data, why):
    decoder = AsterixDecoder(Options())
    assert dict(decoder.advance(data, NOON_NS, whole=True).reject_counts) == {why: 1}
    assert not decoder.finish(NOON_NS).reject_counts, "nothing is kept of a datagram"


def test_an_empty_datagram_is_nothing():
    assert not AsterixDecoder(Options()).advance(b"", NOON_NS, whole=True).reject_counts


def test_a_bad_record_ends_its_block_and_no_other(radar_block):
    good = radar_block()[3:]
    block = encode.block(48, [good, b"\xff\xff\xff\xff", good])
    got = AsterixDecoder(Options()).advance(block + radar_block(), NOON_NS)
    assert got.counts == {"cat048": 2}
    assert got.rejects[0].why == "bad_record"
    assert "category 048 edition 1.32: " in got.rejects[0].detail
    assert got.rejects[0].data.startswith(b"\xff\xff\xff\xff")


@pytest.mark.parametrize("received_s", [86_399, 86_400, 86_401, 3 * 3600, 86_400 + 11 * 3600])
@pytest.mark.parametrize("tod_s", [86_399.5, 0.25, 60.0, 86_340.0])
def test_the_day_is_the_one_nearest_to_the_receipt(received_s, tod_s, radar_block):
    received_ns = 20_000 * DAY_NS + received_s * 1_000_000_000
    got = AsterixDecoder(Options()).advance(radar_block(tod_s), received_ns)
    time_ns = int(got.plots.time_ns[0])
    assert time_ns % DAY_NS == int(tod_s * 1e9)
    assert abs(time_ns - received_ns) <= DAY_NS // 2


def test_time_does_not_jump_at_midnight(radar_block):
    decoder = AsterixDecoder(Options())
    times = []
    for s in np.arange(86_390.0, 86_410.0, 0.5):
        received_ns = 20_000 * DAY_NS + int(s * 1e9) + 300_000_000
        times.append(int(decoder.advance(radar_block(s % 86_400.0), received_ns).plots.time_ns[0]))
    assert set(np.diff(times)) == {500_000_000}


def test_a_time_beyond_the_day_or_absent_is_the_receipt(radar_block):
    for block in (radar_block(_140=None), radar_block(90_000.0)):
        got = AsterixDecoder(Options()).advance(block, NOON_NS)
        assert got.plots.time_ns[0] == NOON_NS
        assert got.plots.flags[0] & Flag.TIME_ASSUMED


def test_names_are_told_once_and_when_they_change(radar_block):
    decoder = AsterixDecoder(Options())
    told = [
        [p.callsign for p in decoder.advance(block, NOON_NS).particulars]
        for block in (radar_block(), radar_block(), radar_block(_240="MNR999"), radar_block(_240=None, _070=None))
    ]
    assert told == [["MNR123"], [], ["MNR999"], []]
    two = AsterixDecoder(Options())
    for _ in range(3):  # records that say different things take turns, and say nothing new
        rows = two.advance(radar_block() + radar_block(_240=None), NOON_NS).particulars
    assert rows == ()


def test_the_source_and_the_identity(radar_block):
    got = AsterixDecoder(Options(feed=3)).advance(radar_block(), NOON_NS)
    assert got.plots.source[0] == source_id(3, 1, 2)
    assert unpack(int(got.plots.identity[0])) == (Space.ICAO24, 0xD00001)
    assert got.particulars[0].squawk == "1234"


def test_a_wrong_edition_shows_as_a_high_share_of_rejects(invent):
    blocks = [encode.block(21, [encode.record(21, "0.23", items)]) for items in invent(21, "0.23", 300)]
    wrong = AsterixDecoder(Options(editions={"021": "2.6"})).advance(b"".join(blocks), NOON_NS)
    right = AsterixDecoder(Options(editions={"021": "0.23"})).advance(b"".join(blocks), NOON_NS)
    assert not right.reject_counts
    assert wrong.reject_counts["bad_record"] > 150


def test_an_edition_that_does_not_exist_is_refused_at_once():
    with pytest.raises(ValueError, match="has no edition"):
        AsterixDecoder(Options(editions={"048": "7.7"}))


def test_rejects_are_bounded_and_all_counted():
    got = AsterixDecoder(Options()).advance(b"\xc8\x00\x03" * 5000, NOON_NS)
    assert len(got.rejects) == REJECTS_KEPT
    assert got.reject_counts == {"unknown_category": 5000}


def test_what_waits_is_bounded():
    decoder = AsterixDecoder(Options())
    for _ in range(200):
        decoder.advance(b"\x30\xff\xff" + bytes(997), NOON_NS)
        assert len(decoder.dump()["waiting"]) <= 65_535
    assert all(len(table) <= 1 << 16 for table in decoder.dump()["told"].values())


def test_many_datagrams_at_once_are_as_one_after_another(radar_block):
    payloads = [radar_block(43_200.0 + i, _220=0xD00000 + i % 5) + (b"\x00" if i % 7 == 0 else b"") for i in range(40)]
    times = [NOON_NS + i * 1_000_000_000 for i in range(40)]
    together = AsterixDecoder(Options()).datagrams(payloads, times)
    alone = AsterixDecoder(Options())
    apart = join([alone.advance(p, t, whole=True) for p, t in zip(payloads, times, strict=True)])
    assert plain_rows(together) == plain_rows(apart)
    assert together.reject_counts == {"trailing": 6}


def seeds(radar_block, invent) -> list[bytes]:
    """Valid inputs of every category, to be spoilt."""
    found = [mixed(radar_block)]
    for category in (1, 2, 10, 19, 20, 21, 23, 34, 48, 62, 63, 65, 247):
        edition = AsterixDecoder(Options())._editions[category]
        records = [encode.record(category, edition, items) for items in invent(category, edition, 8)]
        found.append(b"".join(encode.block(category, [one]) for one in records))
    return found


def spoil(data: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, dropped, doubled."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(out))
        kind = rng.randrange(4)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at] = rng.randrange(256)
        elif kind == 2:
            del out[at : at + rng.randint(1, 9)]
        else:
            out[at:at] = out[at : at + rng.randint(1, 9)]
        out = out or bytearray(b"\x30")
    return bytes(out)


def attack(radar_block, invent, rounds: int) -> int:
    """Spoilt inputs into long-lived decoders; returns how many records came out. Any exception fails the test."""
    rng = random.Random(2)
    inputs = seeds(radar_block, invent)
    stream, datagram = AsterixDecoder(Options()), AsterixDecoder(Options())
    records = 0
    for i in range(rounds):
        data = spoil(rng.choice(inputs), rng)
        one = stream if i % 2 else datagram
        got = one.advance(data, NOON_NS, whole=one is datagram)
        assert type(got.plots) is Plots
        assert type(got.reports) is Reports
        assert len(got.rejects) <= sum(got.reject_counts.values())
        records += sum(got.counts.values())
        assert len(stream.dump()["waiting"]) <= 65_535
    return records


def test_ten_thousand_spoilt_inputs(radar_block, invent):
    assert attack(radar_block, invent, 10_000) > 1000


@pytest.mark.soak
def test_a_million_spoilt_inputs(radar_block, invent):
    assert attack(radar_block, invent, 1_000_000) > 100_000
