"""Time out of a receiver's counter, and the noise between Beast frames."""

from __future__ import annotations

import numpy as np
import pytest

from manara.feeds.adsb import encode
from manara.feeds.decoder import Options
from manara.kernels import beast
from manara.records.reports import Flag

T0_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def run(ticks, received_ns, state=None):
    """Both times of each tick, each received at its own time."""
    state = np.zeros(beast.CLOCK, dtype=np.int64) if state is None else state
    out = []
    for tick, received in zip(ticks, received_ns, strict=True):
        clock, time = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        beast.steady(np.array([tick], dtype=np.int64), received, state, clock, time)
        out.append((int(clock[0]), int(time[0])))
    return np.array(out)


def test_what_a_queue_delays_is_taken_out_again():
    true_s = np.arange(200) * 0.05
    delay_s = np.where(np.arange(200) % 20 == 0, 0.002, 0.150)  # a burst every second
    ticks = (12e6 * (7.0 + true_s)).astype(np.int64)
    received = (T0_NS + (true_s + delay_s) * 1e9).astype(np.int64)
    clock, time = run(ticks, received).T
    assert np.abs(np.diff(clock) - 50_000_000).max() <= 84  # a tick
    error = time - (T0_NS + true_s * 1e9)
    assert np.all(time <= received)
    assert error[1:].max() - 2_000_000 < 1_000_000  # to within the least delay and the leak
    assert error[1:].min() >= 0


def test_the_counter_wraps_and_starts_anew_without_the_clock_going_back():
    last = 1 << 48
    ticks = [last - 6_000_000, 6_000_000, 18_000_000, 500, 12_000_500]
    received = [T0_NS, T0_NS + SECOND, T0_NS + 2 * SECOND, T0_NS + 9 * SECOND, T0_NS + 10 * SECOND]
    clock, time = run(ticks, received).T
    assert np.diff(clock[:3]).tolist() == [SECOND, SECOND]
    assert clock[3] >= clock[2]
    assert clock[4] - clock[3] == SECOND
    assert time[3] == received[3]


def test_a_frame_that_no_counter_timed_takes_the_time_of_receipt():
    clock, time = run([12_000_000, 0, 0xFF004D4C4154, 24_000_000], [T0_NS + k * SECOND for k in range(4)]).T
    assert time[1:3].tolist() == [T0_NS + SECOND, T0_NS + 2 * SECOND]
    assert clock[3] - clock[0] == SECOND


def test_gps_time_is_of_the_day_nearest_receipt():
    midnight = T0_NS - T0_NS % (86_400 * SECOND)
    ticks = np.array([86_399 << 30 | 999_999_999, 0 << 30 | 5, 43_200 << 30], dtype=np.int64)
    time = np.zeros(3, dtype=np.int64)
    beast.gps_time(ticks, midnight + SECOND, time)
    assert time[:2].tolist() == [midnight - 1, midnight + 5]


def test_a_radarcape_with_gps_says_utc(table):
    decoder = table["beast"].new(Options(editions={"beast": "gps"}))
    midnight = T0_NS - T0_NS % (86_400 * SECOND)
    wire = b"".join(
        encode.beast(encode.position_frame(0xD00001, 10.0, 20.0, 3000.0, odd), (100 + odd) << 30)
        for odd in (False, True)
    )
    found = decoder.advance(wire, midnight + 103 * SECOND).reports
    assert found.time_ns.tolist() == [midnight + 101 * SECOND]
    assert not found.flags[0] & Flag.TIME_ASSUMED


def test_other_times_are_marked_as_assumed(decode, samples):
    assert np.all(decode("beast", samples["beast"]).reports.flags & int(Flag.TIME_ASSUMED))
    assert not np.any(decode("modes-jsonl", samples["modes-jsonl"]).reports.flags & int(Flag.TIME_ASSUMED))


@pytest.mark.parametrize("mark", ["<", "@"])
def test_avr_with_a_counter_is_timed(decode, mark):
    lines = b""
    for k in range(4):
        frame = encode.position_frame(0xD00001, 10.0, 20.0, 3000.0, k % 2 == 1).hex()
        ticks = f"{12_000_000 * (1 + 4 * k):012X}" + ("80" if mark == "<" else "")
        lines += f"{mark}{ticks}{frame};\r\n".encode()
    assert len(decode("avr", lines).reports) == 3
    assert len(decode("avr", lines.replace(b"\r\n", b" junk\n", 1)).reports) == 2


def test_avr_without_a_counter_reads_a_whole_recording_at_once(decode):
    lines = b""
    for k in range(200):
        lines += encode.avr(encode.position_frame(0xD00001, 10.0 + k * 0.02, 20.0, 3000.0, k % 2 == 1))
    batch = decode("avr", lines)
    assert len(batch.reports) == 199
    assert batch.reject_counts == {}


@pytest.mark.parametrize("word", [b"*8D40621D58C382D690C8AC2863A7", b"*8D40621D58C382D690C8AC2863A7;"])
def test_avr_takes_a_line_with_or_without_its_semicolon(decode, word):
    assert decode("avr", word + b"\n").counts["df17 airborne"] == 1


@pytest.mark.parametrize(
    "word", [b"*8D40;junk", b"hello", b"*ZZ40621D58C382;", b"**;", b"@8D40621D58C382D690C8AC2863A7;"]
)
def test_avr_refuses_what_is_not_hexadecimal(decode, word):
    assert decode("avr", word + b"\n").reject_counts == {"not_hex": 1}


def test_mode_a_and_c_and_receiver_status_are_counted(decode):
    wire = b"\x1a1" + bytes(6) + b"\x80\x12\x34" + b"\x1a4" + bytes(21) + b"\x1a5" + bytes(28)
    batch = decode("beast", wire)
    assert dict(batch.counts) == {"mode_ac": 1, "receiver_status": 1, "receiver_place": 1}
    assert decode("avr", b"*7700;\n*7700;\n").counts == {"mode_ac": 2}


def test_noise_and_broken_frames_are_counted_and_cost_nothing_else(decode):
    good = encode.beast(encode.position_frame(0xD00001, 10.0, 20.0, 3000.0, False), 0x1A1A1A)
    batch = decode("beast", b"noise" + good[:12] + good + b"\x1a\x1anoise again" + good + good[:9])
    assert batch.counts["df17 airborne"] == 2
    assert batch.reject_counts == {"noise": 2, "truncated": 2}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{}", "not_json"),
        (b'{"timestamp":1,"frame":"8D4"}', "not_hex"),
        (b'{"timestamp":-1,"frame":"8D40621D58C382"}', "bad_time"),
        (b'{"timestamp":1e300,"frame":"8D40621D58C382"}', "bad_time"),
        (b"\xff\xfe", "not_json"),
        (b'{"timestamp":1,"frame":"8D40621D58C3\\u0130"}', "not_hex"),
    ],
)
def test_json_lines_are_refused_for_what_is_wrong(decode, line, why):
    assert decode("modes-jsonl", line + b"\n").reject_counts == {why: 1}
