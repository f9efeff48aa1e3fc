"""Guessing, cutting and full decoding of raw blocks."""

from __future__ import annotations

import pytest

from manara.feeds.asterix import FORMATS, encode
from manara.feeds.decoder import Options
from manara.records.reject import Reject

RAW = {one.name: one for one in FORMATS}["asterix"]
WHO = {"SAC": 1, "SIC": 2}


def test_names_and_family():
    assert [one.name for one in FORMATS] == ["asterix", "pcap", "final"]
    assert {one.family for one in FORMATS} == {"asterix"}
    assert not any(one.datagrams for one in FORMATS), "a stream may be concatenated"


def test_blocks_are_guessed_whatever_their_edition(radar_block, invent):
    assert RAW.guess(radar_block() * 30) == 0.95
    assert RAW.guess((radar_block() * 30)[:-5]) == 0.95
    old = b"".join(encode.block(21, [encode.record(21, "0.23", i)]) for i in invent(21, "0.23", 50))
    assert RAW.guess(old) > 0.9


@pytest.mark.parametrize("data", [b"", b"0", b"0\x00\x05\x00\x00\xee", b"0" * 500, b"A\x00\x04\xffB\x00\x04\xff" * 20])
def test_what_is_no_asterix_is_not_guessed(data):
    assert RAW.guess(data) < 0.5


def test_cut_gives_blocks_and_times_that_pass_midnight(radar_block):
    times = [86_399.0, 86_399.5, 0.25, 1.0, 86_399.75, 2.0]  # one comes late
    data = b"".join(radar_block(t) for t in times)
    units = list(RAW.cut(data + b"\x30\x00"))
    assert [end for end, _ in units[:-1]] == [len(radar_block()) * (i + 1) for i in range(6)]
    seconds = [t / 1e9 if t is not None else None for _, t in units]
    assert seconds == [86_399.0, 86_399.5, 86_400.25, 86_401.0, 86_399.75, 86_402.0, None]


def test_cut_finds_the_edition_itself(invent):
    rows = [{"010": WHO, "030": 100.0 + i, "080": 0xD00001, "040": {"ATP": 1}} for i in range(20)]
    data = b"".join(encode.block(21, [encode.record(21, "0.23", row)]) for row in rows)
    assert [t for _, t in RAW.cut(data)] == [(100 + i) * 10**9 for i in range(20)]


def test_cut_takes_the_first_time_of_a_block_and_none_where_there_is_none():
    north = {"010": WHO, "000": 1, "030": 10.0}
    block = encode.block(34, [encode.record(34, "1.29", row) for row in (north, {**north, "030": 20.0})])
    without = encode.block(34, [encode.record(34, "1.29", {"010": WHO})])
    assert [t for _, t in RAW.cut(block + without + b"\xc8\x00\x04\x00")] == [10_000_000_000, None, None]
    assert list(RAW.cut(b"")) == []
    assert list(RAW.cut(b"\x00\x00\x00\x01")) == [(4, None)]


def test_full_gives_every_field_and_goes_on_behind_rubbish(radar_block):
    data = (
        radar_block() + b"\x00\x00\x00" + radar_block(1.0) + b"\xc8\x00\x04\x01" + b"\x30\x00\x05\xff\xff" + b"\x30\x00"
    )
    found = list(RAW.full(data, Options(editions={"048": "1.31"})))
    whys = [one.why if isinstance(one, Reject) else one["category"] for one in found]
    assert whys == [48, "bad_length", 48, "unknown_category", "bad_record", "truncated"]
    assert found[0]["edition"] == "1.31"
    assert found[0]["items"]["040"] == {"RHO": 10.0, "THETA": 90.0}
    assert found[0]["time_ns"] == 43_200 * 10**9
    assert found[2]["time_ns"] == 1_000_000_000


def test_full_and_the_decoder_count_alike(invent):
    data = (
        b"".join(encode.block(48, [encode.record(48, "1.32", i)]) for i in invent(48, "1.32", 60)) + b"\x00\x00\x00\x00"
    )
    decoder = RAW.new(Options())
    counts = decoder.advance(data, 0).counts
    found = list(RAW.full(data, Options()))
    assert sum(counts.values()) == sum(isinstance(one, dict) for one in found) == 60
