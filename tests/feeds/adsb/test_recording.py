"""Real frames: the recorded positions, and every field that we read against rs1090."""

from __future__ import annotations

import gzip
import json
import math

import numpy as np
import pytest
import rs1090

from manara.feeds.adsb.mode_s import callsign_of
from manara.feeds.decoder import Options
from manara.kernels import mode_s
from manara.records.identity import Space, pack
from manara.records.reports import AltRef, Flag

RECEIVER = Options(receiver_lat_deg=46.0, receiver_lon_deg=2.0, range_max_m=500_000.0)


@pytest.fixture(scope="module")
def flight(recordings) -> bytes:
    return gzip.decompress(recordings("adsb/traffic/full_flight_short.jsonl.gz").read_bytes())


@pytest.fixture(scope="module")
def rows(flight) -> list[dict]:
    return [json.loads(line) for line in flight.splitlines()]


@pytest.fixture(scope="module")
def batch(flight, decode):
    return decode("modes-jsonl", flight, RECEIVER)


def stamp(row: dict) -> int:
    return round(row["timestamp"] * 1e6) * 1000


def test_every_recorded_position_but_the_two_before_the_first_pair_is_ours(rows, batch):
    want = [row for row in rows if "latitude" in row]
    assert len(want) == 8324
    missing, want = want[:2], want[2:]
    # The recording's program knew where its receiver stood to 45 NM and took one surface frame for a place.
    assert all(row["bds"] == "06" and row["parity"] == "even" for row in missing)
    assert batch.counts["unpaired"] == 2
    found = batch.reports
    assert found.time_ns.tolist() == [stamp(row) for row in want]
    lat = np.array([row["latitude"] for row in want])
    lon = np.array([row["longitude"] for row in want])
    assert np.abs(np.degrees(found.lat_rad) - lat).max() < 1e-12
    assert np.abs(np.degrees(found.lon_rad) - lon).max() < 1e-12
    assert set(found.identity.tolist()) == {pack(Space.ICAO24, 0x393322)}


def test_height_speed_and_ground_of_the_rows_are_those_recorded(rows, batch):
    want = [row for row in rows if "latitude" in row][2:]
    found = batch.reports
    for i, row in enumerate(want):
        assert bool(found.flags[i] & Flag.ON_GROUND) == (row["bds"] == "06")
        if row["bds"] == "06":
            # the recording's program read 0.25 kn where table B-2-6 has 0.5; rs1090 has mended that since
            now = rs1090.decode(row["frame"])["groundspeed"]
            assert found.speed_mps[i] * 3600 / 1852 == pytest.approx(now, abs=1e-9)
            assert math.degrees(found.course_rad[i]) == pytest.approx(row["track"], abs=1e-9)
        elif row.get("altitude") is not None:
            assert found.alt_m[i] / 0.3048 == pytest.approx(row["altitude"], abs=1e-6)
            assert found.alt_ref[i] == AltRef.PRESSURE


def test_each_airborne_row_carries_the_last_velocity_of_five_seconds(rows, batch):
    last, want = None, []
    for row in rows:
        if row.get("bds") == "09":
            last = row
        elif "latitude" in row:
            want.append(last if row["bds"] == "05" and last and stamp(row) - stamp(last) <= 5_000_000_000 else None)
    checked = 0
    for i, row in enumerate(want[2:]):
        if row is not None and row["groundspeed"] is not None:
            assert batch.reports.speed_mps[i] * 3600 / 1852 == pytest.approx(row["groundspeed"], abs=1e-6)
            assert math.degrees(batch.reports.course_rad[i]) == pytest.approx(row["track"], abs=1e-6)
            assert batch.reports.climb_mps[i] / 0.3048 * 60 == pytest.approx(row["vertical_rate"], abs=1e-6)
            checked += 1
    assert checked > 6000


def test_without_a_receiver_the_ground_before_take_off_is_refused_and_said(flight, rows, decode):
    batch = decode("modes-jsonl", flight)
    first_air = next(stamp(row) for row in rows if row.get("bds") == "05")
    refused = batch.reject_counts["surface_ambiguous"] + batch.counts["unpaired"]
    taxiing = sum(1 for row in rows if "latitude" in row and stamp(row) < first_air)
    assert len(batch.reports) == 8324 - refused
    assert (taxiing, refused) == (1349, 1355)  # the six more are airborne frames before the first pair
    assert batch.rejects[0].why == "surface_ambiguous"
    assert "receiver_lat_deg" in batch.rejects[0].detail


def test_all_kinds_of_frames_are_counted(rows, batch):
    assert sum(n for word, n in batch.counts.items() if word.startswith("df")) == len(rows) == 57_793
    assert batch.counts["df17 airborne"] == 6457
    assert batch.counts["df21"] == sum(1 for row in rows if row["df"] == "21")
    assert batch.reject_counts == {}


def test_the_code_changes_with_the_second_frame_that_says_so(rows, batch):
    squawks = [p.squawk for p in batch.particulars if p.squawk]
    assert squawks == ["1000"]
    garbled = [row for row in rows if row.get("squawk", "1000") != "1000"]
    assert len(garbled) == 1  # in 13,653: its address came out right by accident
    assert [p.callsign for p in batch.particulars if p.callsign] == ["AFR34ZG"]


def test_every_field_that_we_read_equals_that_of_rs1090_on_all_frames(rows):
    frames = [row["frame"] for row in rows]
    theirs = rs1090.decode(frames)
    assert len(theirs) == len(frames)
    checked = 0
    for text, one in zip(frames, theirs, strict=True):
        checked += same_fields(np.frombuffer(bytes.fromhex(text), dtype=np.uint8), one)
    assert checked > 60_000


def same_fields(frame: np.ndarray, one: dict) -> int:
    """Compare what rs1090 gives with our bits; how many comparisons were made."""
    df = int(one["df"])
    address = int(one["icao24"], 16)
    if df == 17:
        return same_squitter(frame, one, address)
    assert mode_s.remainder(frame, 7 if df < 16 else 14) == address
    if df in (5, 21):
        assert f"{mode_s.squawk(mode_s.bits(frame, 20, 13)):04o}" == one["squawk"]
    elif one.get("altitude") is not None:
        assert mode_s.altitude_ft(mode_s.bits(frame, 20, 13)) == one["altitude"]
    return 2


def same_squitter(frame: np.ndarray, one: dict, address: int) -> int:
    assert mode_s.remainder(frame, 14) == 0
    assert mode_s.bits(frame, 9, 24) == address
    if one["bds"] in ("05", "06"):
        assert (mode_s.bits(frame, 55, 17), mode_s.bits(frame, 72, 17)) == (one["lat_cpr"], one["lon_cpr"])
        return 4
    if one["bds"] == "09":
        east, north, climb = mode_s.velocity(frame)
        assert climb == one["vertical_rate"]
        assert math.hypot(east, north) == pytest.approx(one["groundspeed"], abs=1e-9)
        return 4
    if one["bds"] == "08":
        assert callsign_of(mode_s.bits(frame, 41, 48)) == one["callsign"]
    return 3


def test_the_full_decode_gives_one_record_per_frame_with_our_places(flight, table):
    head = b"".join(flight.splitlines(keepends=True)[:3000])
    found = list(table["modes-jsonl"].full(head, RECEIVER))
    want = [json.loads(line) for line in head.splitlines()]
    assert [row["frame"] for row in found] == [row["frame"] for row in want]
    assert [row["time_ns"] for row in found] == [stamp(row) for row in want]
    placed = [i for i, row in enumerate(want) if "latitude" in row][2:]
    assert placed == [i for i, row in enumerate(found) if "latitude" in row]
    assert all(found[i].get("squawk") == want[i].get("squawk") for i in range(len(want)))


def test_a_jammed_flight_keeps_one_identity_without_leaps(recordings, decode):
    columns = json.loads(gzip.decompress(recordings("adsb/traffic/noisy_spoofing.json.gz").read_bytes()))
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*(c.values() for c in columns.values()), strict=True)
    ]
    documents = []
    for row in rows:
        craft = {"hex": row["icao24"], "lat": row["latitude"], "lon": row["longitude"], "alt_baro": row["altitude"]}
        if row["last_position"]:
            craft["seen_pos"] = max(0.0, (row["timestamp"] - row["last_position"]) / 1e3)
        documents.append(json.dumps({"now": row["timestamp"] / 1e3, "aircraft": [craft]}).encode())
    batch = decode("aircraft-json", b"\n".join(documents))
    found = batch.reports
    assert batch.counts["aircraft_json"] == 8681
    assert 4500 < len(found) < 5000  # a place told again is no new row
    assert batch.reject_counts == {"implausible_speed": 1}
    gap_s = np.diff(found.time_ns) / 1e9
    north_m = np.diff(np.degrees(found.lat_rad)) * 111_195
    leaps = np.abs(north_m) > 700.0 * np.maximum(gap_s, 0.0) + 600.0
    # the leap of 31 km in 26 s is taken only once a second place bears it out
    assert np.count_nonzero(leaps) <= 2
