"""The table of aircraft and its gate: pairing, plausibility, ground, one address twice, emergencies, bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.feeds.adsb import encode, mode_s
from manara.feeds.adsb.mode_s import AIRCRAFT_MAX
from manara.feeds.decoder import Options
from manara.kernels import aircraft
from manara.records.identity import Space, pack
from manara.records.reports import AltRef, Flag, Kind

A, B = 0xD00001, 0xD00002
SITE = Options(receiver_lat_deg=10.0, receiver_lon_deg=20.0, range_max_m=300_000.0)


def fly(sky, icao, start_s, seconds, lat, lon, *, speed_deg=0.002, step_s=0.5, alt_ft=30000.0):
    for k in range(round(seconds / step_s)):
        at = start_s + k * step_s
        odd = round(at / step_s) % 2 == 1
        sky.add(at, encode.position_frame(icao, lat + (at - start_s) * speed_deg, lon, alt_ft, odd))


def run(decode, sky, options=None):
    sky.frames.sort(key=lambda pair: pair[0])
    return decode("modes-jsonl", sky.jsonl(), options)


def lat_deg(batch):
    return np.degrees(batch.reports.lat_rad)


def test_the_first_place_needs_an_even_and_an_odd_frame_within_ten_seconds(decode, sky):
    sky.add(0, encode.position_frame(A, 10.0, 20.0, 30000.0, False))
    sky.add(0.5, encode.position_frame(A, 10.0, 20.0, 30000.0, False))
    sky.add(11.0, encode.position_frame(A, 10.0, 20.0, 30000.0, True))  # too late for the evens
    batch = run(decode, sky)
    assert len(batch.reports) == 0
    assert batch.counts["unpaired"] == 3
    sky.add(20.9, encode.position_frame(A, 10.0, 20.0, 30000.0, False))
    assert len(run(decode, sky).reports) == 1


def test_then_one_frame_is_enough_for_ten_minutes(decode, sky):
    fly(sky, A, 0, 2, 10.0, 20.0)
    sky.add(500, encode.position_frame(A, 10.9, 20.0, 30000.0, False))
    sky.add(1200, encode.position_frame(A, 11.9, 20.0, 30000.0, False))  # eleven minutes later: a pair again
    batch = run(decode, sky)
    assert lat_deg(batch)[-1] == pytest.approx(10.9, abs=1e-4)
    assert batch.counts["unpaired"] == 2


def test_a_place_that_cannot_be_reached_is_refused_with_its_reason(decode, sky):
    fly(sky, A, 0, 10, 10.0, 20.0)
    sky.add(10.1, encode.position_frame(A, 11.5, 20.0, 30000.0, False))
    fly(sky, A, 10.5, 5, 10.02, 20.0)
    batch = run(decode, sky)
    assert batch.reject_counts == {"implausible_speed": 1}
    assert lat_deg(batch).max() < 10.1
    assert "700 m/s" in batch.rejects[0].detail


def test_a_place_beyond_the_receivers_range_is_refused(decode, sky):
    fly(sky, A, 0, 5, 14.0, 20.0)
    batch = run(decode, sky, SITE)
    assert len(batch.reports) == 0
    assert batch.reject_counts["out_of_range"] >= 8
    assert len(run(decode, sky).reports) > 8  # without a receiver nothing is known of range


def test_an_aircraft_on_the_ground_needs_a_receiver_or_a_flight_before(decode, sky):
    place = {"surface": True, "ground_speed_kn": 10.0, "track_deg": 45.0}
    for k in range(6):
        sky.add(k, encode.position_frame(A, 10.3, 20.4, 0.0, k % 2 == 1, **place))
    lost = run(decode, sky)
    assert len(lost.reports) == 0
    assert lost.reject_counts == {"surface_ambiguous": 5}
    found = run(decode, sky, SITE)
    assert lat_deg(found)[0] == pytest.approx(10.3, abs=2e-5)
    assert found.reports.flags[0] & Flag.ON_GROUND
    assert found.reports.speed_mps[0] == pytest.approx(10.0 * 1852 / 3600)
    assert math.degrees(found.reports.course_rad[0]) == 45.0
    assert math.isnan(found.reports.alt_m[0])
    fly(sky, A, -20, 10, 10.29, 20.4, speed_deg=0.001)
    after_landing = run(decode, sky)
    assert after_landing.reject_counts == {}
    assert lat_deg(after_landing)[-1] == pytest.approx(10.3, abs=2e-5)


def test_two_craft_of_one_address_stay_two_and_are_marked(decode, sky):
    fly(sky, A, 0, 60, 10.0, 20.0)
    fly(sky, A, 20.2, 40, 40.0, -70.0)
    sky.add(30.1, encode.velocity_frame(A, 0.0, 400.0, 0.0))
    batch = run(decode, sky)
    lat = lat_deg(batch)
    south, north = lat[lat < 15.0], lat[lat > 35.0]
    assert len(south) == 119  # the first craft loses nothing but its very first frame
    assert len(north) >= 75
    assert np.all(np.diff(south) > 0)
    assert np.all(np.diff(north) > 0)
    assert len(south) + len(north) == len(lat)  # and nothing lies between
    late = batch.reports.time_ns > batch.reports.time_ns[0] + 25_000_000_000
    assert np.all(batch.reports.flags[late] & int(Flag.IDENTITY_CONFLICT))
    assert not np.any(batch.reports.flags[lat < 10.035] & int(Flag.IDENTITY_CONFLICT))
    assert np.all(np.isnan(batch.reports.speed_mps))  # whose velocity it was cannot be told
    assert batch.reject_counts["implausible_speed"] <= 3


def test_a_ghost_at_the_start_gives_way_to_the_craft_itself(decode, sky):
    sky.add(0.0, encode.position_frame(A, 40.0, -70.0, 30000.0, False))
    sky.add(0.1, encode.position_frame(A, 40.0, -70.0, 30000.0, True))
    fly(sky, A, 1, 20, 10.0, 20.0)
    batch = run(decode, sky)
    assert np.count_nonzero(lat_deg(batch) > 11.0) <= 2
    assert np.count_nonzero(lat_deg(batch) < 11.0) >= 37
    assert not np.any(batch.reports.flags & int(Flag.IDENTITY_CONFLICT))


def test_a_craft_that_is_elsewhere_after_silence_is_taken_there(decode, sky):
    fly(sky, A, 0, 10, 10.0, 20.0)
    fly(sky, A, 60, 20, 13.0, 20.0)  # 330 km in fifty seconds: another craft, or the first was wrong
    batch = run(decode, sky)
    late = lat_deg(batch)[lat_deg(batch) > 12.0]
    assert len(late) >= 37
    assert not np.any(batch.reports.flags & int(Flag.IDENTITY_CONFLICT))


def test_velocity_joins_for_five_seconds(decode, sky):
    fly(sky, A, 0, 10, 10.0, 20.0)
    sky.add(1.9, encode.velocity_frame(A, 300.0, 400.0, -1280.0))
    batch = run(decode, sky)
    age_s = (batch.reports.time_ns - batch.reports.time_ns[0]) / 1e9 - 1.4
    joined = ~np.isnan(batch.reports.speed_mps)
    assert joined.tolist() == ((age_s > 0) & (age_s <= 5.0)).tolist()
    assert batch.reports.speed_mps[joined][0] == pytest.approx(500.0 * 1852 / 3600)
    assert math.degrees(batch.reports.course_rad[joined][0]) == pytest.approx(36.8699, abs=1e-4)
    assert batch.reports.climb_mps[joined][0] == pytest.approx(-1280 * 0.3048 / 60)


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("A3", Kind.AIRCRAFT),
        ("A0", Kind.AIRCRAFT),
        ("B6", Kind.UNMANNED_AIRCRAFT),
        ("B1", Kind.AIRCRAFT),
        ("C1", Kind.GROUND_VEHICLE),
        ("C2", Kind.GROUND_VEHICLE),
        ("C3", Kind.SURFACE_OBSTACLE),
        ("C5", Kind.SURFACE_OBSTACLE),
    ],
)
def test_the_category_says_the_kind(decode, sky, category, kind):
    sky.add(0, encode.identification_frame(A, "DEMO1", category))
    fly(sky, A, 1, 2, 10.0, 20.0)
    batch = run(decode, sky)
    assert set(batch.reports.kind.tolist()) == {kind}
    assert batch.particulars[0].emitter_category == ("" if category.endswith("0") else category)


@pytest.mark.parametrize(
    ("squawk", "state", "flag"),
    [
        ("7700", 0, Flag.EMERGENCY),
        ("7600", 0, Flag.RADIO_FAILURE),
        ("7500", 0, Flag.UNLAWFUL_INTERFERENCE),
        ("1000", 1, Flag.EMERGENCY),
        ("1000", 3, Flag.EMERGENCY),
        ("1000", 4, Flag.RADIO_FAILURE),
        ("1000", 5, Flag.UNLAWFUL_INTERFERENCE),
        ("1000", 2, Flag.NONE),
    ],
)
def test_an_emergency_stands_until_it_is_taken_back(decode, sky, squawk, state, flag):
    fly(sky, A, 0, 10, 10.0, 20.0)
    sky.add(3.1, encode.status_frame(A, squawk, state))
    sky.add(7.1, encode.status_frame(A, "1000", 0))
    batch = run(decode, sky)
    time_s = (batch.reports.time_ns - batch.reports.time_ns[0]) / 1e9 + 0.5
    flags = batch.reports.flags & int(Flag.EMERGENCY | Flag.RADIO_FAILURE | Flag.UNLAWFUL_INTERFERENCE)
    assert set(flags[(time_s > 3.1) & (time_s < 7.1)].tolist()) == {int(flag)}
    assert set(flags[(time_s < 3.1) | (time_s > 7.1)].tolist()) == {0}


def test_one_reply_with_another_code_raises_no_emergency_and_two_do(decode, sky):
    fly(sky, A, 0, 10, 10.0, 20.0)
    for at, squawk in ((1.1, "1000"), (2.1, "7700"), (3.1, "1000"), (5.1, "7700"), (5.2, "7700")):
        sky.add(at, encode.surveillance_frame(A, squawk=squawk))
    batch = run(decode, sky)
    time_s = (batch.reports.time_ns - batch.reports.time_ns[0]) / 1e9 + 0.5
    assert (batch.reports.flags & int(Flag.EMERGENCY) > 0).tolist() == (time_s > 5.2).tolist()
    assert [p.squawk for p in batch.particulars] == ["1000", "7700"]


def test_an_emergency_without_a_place_is_told_all_the_same(decode, sky):
    sky.add(0, encode.all_call_frame(A))
    sky.add(1, encode.surveillance_frame(A, squawk="7700"))
    batch = run(decode, sky)
    assert batch.reports.identity.tolist() == [pack(Space.ICAO24, A)]
    assert batch.reports.flags.tolist() == [int(Flag.EMERGENCY | Flag.NO_POSITION)]
    assert math.isnan(batch.reports.lat_rad[0])


def test_a_reply_counts_only_under_an_address_heard_in_clear(decode, sky):
    sky.add(0, encode.surveillance_frame(A, squawk="7700"))
    assert run(decode, sky).reject_counts == {"unknown_address": 1}
    sky.add(-1, encode.all_call_frame(A))
    assert run(decode, sky).reject_counts == {}
    sky.add(400, encode.surveillance_frame(A, squawk="1000"))
    assert run(decode, sky).reject_counts == {"unknown_address": 1}


def test_altitude_of_a_reply_fills_in_where_the_position_has_none(decode, sky):
    fly(sky, A, 0, 2, 10.0, 20.0, alt_ft=math.nan)
    sky.add(0.1, encode.surveillance_frame(A, alt_ft=12000.0))
    batch = run(decode, sky)
    assert batch.reports.alt_m[0] == pytest.approx(12000 * 0.3048)
    assert batch.reports.alt_ref[0] == AltRef.PRESSURE


def test_height_over_the_ellipsoid_is_called_that(decode, sky):
    for k in range(2):
        sky.add(k, encode.position_frame(A, 10.0, 20.0, 12000.0, k == 1, nic_category=20))
    assert run(decode, sky).reports.alt_ref.tolist() == [AltRef.ELLIPSOID]


def test_accuracy_is_the_crafts_own_and_the_type_codes_before(decode, sky):
    fly(sky, A, 0, 4, 10.0, 20.0)
    sky.add(2.1, encode.accuracy_frame(A, nacp=10))
    sky.add(3.1, encode.accuracy_frame(A, nacp=0))
    batch = run(decode, sky)
    assert batch.reports.sigma_m[0] == pytest.approx(92.6 / 2.4477, abs=0.01)
    assert batch.reports.sigma_m[4] == pytest.approx(10.0 / 2.4477, abs=0.01)
    assert math.isnan(batch.reports.sigma_m[-1])
    assert batch.reports.flags[-1] & Flag.POSITION_SUSPECT


def sealed(body: bytes) -> bytes:
    return body + encode.parity(body).to_bytes(3, "big")


@pytest.mark.parametrize(
    ("control", "space", "relayed"),
    [(0, Space.ICAO24, False), (1, Space.ANONYMOUS24, False), (5, Space.ANONYMOUS24, True)],
)
def test_frames_of_others_than_transponders_keep_their_own_kind_of_address(decode, sky, control, space, relayed):
    for k in range(2):
        body = encode.position_frame(A, 10.0, 20.0, 12000.0, k == 1)[:11]
        sky.add(k, sealed(bytes((18 << 3 | control,)) + body[1:]))
    batch = run(decode, sky)
    assert batch.reports.identity.tolist() == [pack(space, A)]
    assert bool(batch.reports.flags[0] & Flag.FROM_GROUND) == relayed


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (encode.position_frame(A, 1.0, 2.0, 3.0, True)[:13] + b"\0", "bad_crc"),
        (encode.position_frame(A, 1.0, 2.0, 3.0, True)[:7], "wrong_length"),
        (encode.all_call_frame(A)[:6] + b"\0", "bad_crc"),
        (bytes(14), "unknown_address"),
        (sealed(bytes((17 << 3, 0, 0, 0, 0x58)) + bytes(6)), "bad_address"),
        (bytes((6 << 3,)) + bytes(6), "unknown_format"),
    ],
)
def test_every_refusal_has_its_reason(decode, sky, frame, why):
    sky.add(0, frame)
    batch = run(decode, sky)
    assert batch.reject_counts == {why: 1}
    assert batch.rejects[0].data == frame
    assert batch.rejects[0].detail


def test_one_flipped_bit_never_makes_a_row(decode, sky):
    fly(sky, A, 0, 2, 10.0, 20.0)
    good = sky.frames[:]
    sky.frames.clear()
    for at, frame in good:
        for bit in range(0, 112, 3):
            turned = bytearray(frame)
            turned[bit >> 3] ^= 0x80 >> (bit & 7)
            sky.add(at, bytes(turned))
    batch = run(decode, sky)
    assert len(batch.reports) == 0
    assert sum(batch.reject_counts.values()) + batch.counts["df19"] == len(sky.frames)  # df19 is of no parity we know


def test_a_full_table_gives_up_the_one_unheard_for_longest(monkeypatch):
    monkeypatch.setattr(mode_s, "AIRCRAFT_MAX", 64)
    stage = mode_s.ModeS(Options())
    assert AIRCRAFT_MAX == 65_536
    for k in range(200):
        frames = np.frombuffer(bytearray(encode.identification_frame(1 + k, "DEMO1")), np.uint8).reshape(1, 14)
        time = np.array([k * 1_000_000_000])
        stage.advance(frames, np.array([14]), time, time, 0, 0, mode_s.Rejects())
    sky = stage.sky
    assert sky.used.tolist() == [64, 136]
    assert sorted(sky.ints[:, aircraft.KEY].tolist()) == list(range(137, 201))
    assert all(aircraft.find(sky.index, sky.ints, key) >= 0 for key in range(137, 201))
    assert all(aircraft.find(sky.index, sky.ints, key) < 0 for key in range(1, 137))
    assert np.count_nonzero(sky.index >= 0) == 64


def test_the_state_of_ten_thousand_aircraft_is_small(table):
    decoder = table["beast"].new(Options())
    before = decoder.stage.sky.ints.nbytes
    data = b"".join(encode.beast(encode.all_call_frame(k), k) for k in range(1, 10_001))
    decoder.advance(data, 0)
    sky = decoder.stage.sky
    assert sky.used[0] == 10_000
    assert sky.ints.nbytes + sky.floats.nbytes + sky.index.nbytes < 8_000_000
    assert before < 100_000


def test_the_kernel_counts_every_frame_once(samples, table):
    batch = table["beast"].new(Options()).advance(samples["beast"], 0)
    sound = sum(n for word, n in batch.counts.items() if word.startswith("df"))
    assert sound + sum(batch.reject_counts.values()) == samples["beast"].count(b"\x1a2") + samples["beast"].count(
        b"\x1a3"
    )
