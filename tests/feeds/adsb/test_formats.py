"""What each of the five formats must do alike: any split, any mutation, dump and load, guess, cut, full."""

from __future__ import annotations

import itertools
import random
import tracemalloc

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.feeds.decoder import Options
from manara.records.batch import join
from manara.records.reject import KEPT_BYTES, Reject

NAMES = ("beast", "avr", "sbs", "aircraft-json", "modes-jsonl")
NOW_NS = 1_700_000_000_000_000_000
RECEIVER = Options(feed=7, receiver_lat_deg=9.0, receiver_lon_deg=20.0, range_max_m=20_000_000.0)


def in_pieces(decoder, data: bytes, cuts: list[int]):
    edges = [0, *sorted(at for at in cuts if at <= len(data)), len(data)]
    parts = [decoder.advance(data[a:b], NOW_NS) for a, b in itertools.pairwise(edges)]
    return join([*parts, decoder.finish(NOW_NS)])


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_makes_rows_and_no_rejects(name, samples, decode):
    batch = decode(name, samples[name], RECEIVER)
    assert len(batch.reports) > 40
    assert batch.reject_counts == {}
    assert batch.particulars
    assert set(batch.reports.source.tolist()) == {7 << 16}
    assert set(batch.reports.received_ns.tolist()) == {NOW_NS}
    assert np.abs(batch.reports.lat_rad).max() < np.pi / 2


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=12), noise=st.binary(max_size=6), at=st.integers(0, 10_000))
def test_any_split_of_the_same_bytes_gives_the_same(name, cuts, noise, at, samples, table, plain):
    data = samples[name]
    data = data[: at % len(data)] + noise + data[at % len(data) :]
    whole = in_pieces(table[name].new(RECEIVER), data, [])
    split = in_pieces(table[name].new(RECEIVER), data, cuts)
    assert plain(split) == plain(whole)


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte_is_the_same_too(name, samples, table, plain):
    data = samples[name][:3000]
    whole = in_pieces(table[name].new(RECEIVER), data, [])
    assert plain(in_pieces(table[name].new(RECEIVER), data, list(range(len(data))))) == plain(whole)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_that_was_dumped_goes_on_as_if_nothing_had_been(name, samples, table, plain):
    data = samples[name]
    for at in (1, 777, len(data) // 2, len(data) - 3):
        first, second = table[name].new(RECEIVER), table[name].new(RECEIVER)
        first.advance(data[:at], NOW_NS)
        second.load(msgspec.msgpack.decode(msgspec.msgpack.encode(first.dump())))
        rest = [join([d.advance(data[at:], NOW_NS), d.finish(NOW_NS)]) for d in (first, second)]
        assert plain(rest[0]) == plain(rest[1])
        assert msgspec.msgpack.encode(first.dump()) == msgspec.msgpack.encode(second.dump())


@pytest.mark.parametrize("name", NAMES)
def test_a_datagram_is_closed_at_its_end(name, samples, table):
    decoder = table[name].new(RECEIVER)
    cut_short = samples[name][: len(samples[name]) // 2 - 7]
    batch = decoder.advance(cut_short, NOW_NS, whole=True)
    assert sum(batch.reject_counts.values()) <= 1
    again = decoder.advance(samples[name], NOW_NS, whole=True)
    assert sum(again.reject_counts.get(why, 0) for why in ("truncated", "noise", "not_hex", "not_json", "not_sbs")) == 0


def mutate(data: bytes, chance: random.Random) -> bytes:
    """A piece of the sample with bytes flipped, dropped, doubled or put in."""
    start = chance.randrange(len(data))
    piece = bytearray(data[start : start + chance.randrange(1, 1800 if data[:1] == b"{" else 400)])
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(piece) + 1)
        what = chance.randrange(4)
        if what == 0 and at < len(piece):
            piece[at] = chance.randrange(256)
        elif what == 1:
            del piece[at : at + chance.randrange(1, 9)]
        elif what == 2:
            piece[at:at] = piece[at : at + chance.randrange(1, 30)]
        else:
            piece[at:at] = chance.choice(
                [b"\x1a", b"\x1a3", b"\n", b"{", b"}", b'"', b"\\", b",", b"\0", b"9" * 40, b"-"]
            )
        if not piece:
            piece = bytearray(b"\x1a")
    return bytes(piece)


def batter(decoder, data: bytes, count: int) -> tuple[int, int]:
    """Feed so many mutated pieces to one decoder. Gives (rows, rejects)."""
    chance = random.Random(14)
    rows = rejects = 0
    for k in range(count):
        batch = decoder.advance(mutate(data, chance), NOW_NS + k * 1_000_000, whole=k % 3 == 0)
        rows += len(batch.reports)
        rejects += sum(batch.reject_counts.values())
        assert all(isinstance(one, Reject) and len(one.data) <= KEPT_BYTES for one in batch.rejects)
        placed = batch.reports.lat_rad[~np.isnan(batch.reports.lat_rad)]
        assert np.abs(placed).max(initial=0.0) <= np.pi / 2
    return rows, rejects


@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_mutated_pieces_raise_nothing(name, samples, table):
    decoder = table[name].new(RECEIVER)
    rows, rejects = batter(decoder, samples[name], 10_000)
    assert rejects > 1000
    assert rows > 100
    assert len(msgspec.msgpack.encode(decoder.dump())) < 1_000_000


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_a_million_mutated_pieces_leave_the_memory_flat(name, samples, table):
    decoder = table[name].new(RECEIVER)
    batter(decoder, samples[name], 50_000)
    tracemalloc.start()
    batter(decoder, samples[name], 100_000)
    before = tracemalloc.get_traced_memory()[0]
    batter(decoder, samples[name], 850_000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 40_000_000


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60)
@given(data=st.binary(max_size=600))
def test_any_bytes_at_all_give_a_batch_and_a_guess(name, data, table):
    one = table[name]
    in_pieces(one.new(RECEIVER), data, [len(data) // 3])
    assert 0.0 <= one.guess(data) <= 1.0
    ends = [end for end, _ in one.cut(data)]
    assert ends == sorted(ends)
    assert all(0 <= end <= len(data) for end in ends)
    for row in one.full(data, RECEIVER):
        assert isinstance(row, dict | Reject)


@pytest.mark.parametrize("name", NAMES)
def test_an_endless_line_or_document_is_one_reject_and_no_memory(name, table):
    decoder = table[name].new(RECEIVER)
    opening = {"beast": b"\x1a", "aircraft-json": b'{"now":1,"aircraft":['}.get(name, b"*")
    batches = [decoder.advance(opening, NOW_NS)]
    batches += [decoder.advance(b"\x41" * 4_000_000, NOW_NS) for _ in range(10)]
    assert sum(sum(b.reject_counts.values()) for b in batches) == (2 if name == "aircraft-json" else 1)
    assert len(msgspec.msgpack.encode(decoder.dump())) < 1000


@pytest.mark.parametrize("name", NAMES)
def test_each_guesses_its_own_and_no_other(name, samples, table):
    scores = {other: table[other].guess(samples[name][:65_536]) for other in NAMES}
    assert scores.pop(name) > 0.9
    assert max(scores.values()) < 0.1


@pytest.mark.parametrize("name", NAMES)
def test_cut_gives_units_that_join_to_the_whole_with_times_that_ascend(name, samples, table, plain, decode):
    data = samples[name]
    units = list(table[name].cut(data))
    assert units[-1][0] == len(data)
    times = [time for _, time in units if time is not None]
    assert len(times) > 25
    assert times == sorted(times)
    assert times[-1] - times[0] == pytest.approx(60e9 if name != "aircraft-json" else 29e9, abs=1.5e9)
    split = in_pieces(table[name].new(RECEIVER), data, [end for end, _ in units])
    assert plain(split) == plain(decode(name, data, RECEIVER))


@pytest.mark.parametrize("name", NAMES)
def test_full_gives_a_record_for_each_unit(name, samples, table, decode):
    found = list(table[name].full(samples[name], RECEIVER))
    assert all(isinstance(row, dict) for row in found)
    counts = decode(name, samples[name], RECEIVER).counts
    assert len(found) == sum(n for word, n in counts.items() if word != "unpaired")


@pytest.mark.parametrize("name", ["beast", "avr", "modes-jsonl"])
def test_full_places_what_the_rows_place(name, samples, table, decode):
    found = list(table[name].full(samples[name], RECEIVER))
    placed = [(row["latitude"], row["longitude"]) for row in found if "latitude" in row]
    reports = decode(name, samples[name], RECEIVER).reports
    lat, lon = np.degrees(reports.lat_rad), np.degrees(reports.lon_rad)
    assert placed == list(zip(lat.tolist(), lon.tolist(), strict=True))


def test_the_three_frame_formats_see_one_sky(samples, decode):
    seen = [decode(name, samples[name], RECEIVER).reports for name in ("beast", "avr", "modes-jsonl")]
    for other in seen[1:]:
        for column in ("identity", "kind", "lat_rad", "lon_rad", "alt_m", "speed_mps", "course_rad", "sigma_m"):
            np.testing.assert_array_equal(getattr(other, column), getattr(seen[0], column))
