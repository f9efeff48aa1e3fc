"""Real streams: every position as gpsd reads it, every message and identity counted."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
from collections import Counter

import numpy as np
import pytest

from manara.feeds.ais import FORMATS, AisDecoder
from manara.feeds.decoder import Options
from manara.records.batch import Batch, join
from manara.records.identity import unpack
from manara.records.reports import Flag

NOW = 1_700_000_000_000_000_000
ADDED_UP = ("ais ", "duplicate")
COMPARED = (1, 2, 3, 18)


def decode(data: bytes, chunk: int = 65_536) -> Batch:
    decoder = AisDecoder(Options())
    batches = [decoder.advance(data[i : i + chunk], NOW) for i in range(0, len(data), chunk)]
    return join([*batches, decoder.finish(NOW)])


def heard(batch: Batch) -> int:
    return sum(n for kind, n in batch.counts.items() if kind.startswith(ADDED_UP))


def full(data: bytes) -> list[dict]:
    return [m for m in FORMATS[0].full(data, Options()) if isinstance(m, dict)]


def gpsd(tool, data: bytes) -> list[dict]:
    run = subprocess.run([tool("gpsdecode"), "-j", "-u"], input=data, capture_output=True, check=False)
    return [m for m in map(json.loads, run.stdout.splitlines()) if m["class"] == "AIS"]


@pytest.fixture(scope="module")
def load(recordings) -> bytes:
    return (recordings("ais/gpsd-load") / "ais-nmea-sample.log").read_bytes()


@pytest.fixture(scope="module")
def said_by_gpsd(load, tool) -> list[dict]:
    return gpsd(tool, load)


def test_every_field_of_a_position_equals_gpsd(load, said_by_gpsd):
    """In order, repeats included: what pyais reads behind our gate is what gpsd reads."""
    names = ("type", "mmsi", "repeat", "lat", "lon", "speed", "course", "heading", "second", "accuracy", "raim")
    want = [
        tuple(m[n] for n in names)
        for m in said_by_gpsd
        if m["type"] in COMPARED and 0 < m["mmsi"] <= 999_999_999  # the others are our bad_mmsi
    ]
    scale = {"lat": 600_000, "lon": 600_000, "speed": 10, "course": 10}
    got = [
        tuple(round(m[n] * scale[n]) if n in scale else m[n] for n in names)
        for m in full(load)
        if m["type"] in COMPARED
    ]
    assert len(want) > 73_000
    assert got == want


def test_every_row_equals_gpsd(load, said_by_gpsd):
    """Through the columns: degrees back to gpsd's integers, sentinels to NaN, repeats once."""
    batch = decode(load)
    r = batch.reports
    want = {
        (
            m["mmsi"],
            m["lat"],
            m["lon"],
            m["speed"] if m["speed"] < 1023 else -1,
            m["course"] if m["course"] < 3600 else -1,
            m["heading"] if m["heading"] < 360 else -1,
        )
        for m in said_by_gpsd
        if m["type"] in COMPARED and 0 < m["mmsi"] <= 999_999_999
        if abs(m["lat"]) <= 90 * 600_000 and abs(m["lon"]) <= 180 * 600_000
    }
    columns = (
        np.degrees(r.lat_rad) * 600_000,
        np.degrees(r.lon_rad) * 600_000,
        r.speed_mps * 36_000 / 1852,
        np.degrees(r.course_rad) * 10,
        np.degrees(r.heading_rad),
    )
    whole = [np.where(np.isnan(c), -1, np.rint(c)).astype(int).tolist() for c in columns]
    got = set(zip((unpack(int(i))[1] for i in r.identity), *whole, strict=True))
    assert len(want) > 65_000
    assert not want - got
    others = {m["mmsi"] for m in said_by_gpsd if m["type"] in (4, 9, 11, 19, 21, 27)}
    assert {row[0] for row in got - want} <= others
    assert np.all(r.flags & Flag.TIME_ASSUMED)


def test_the_load_is_counted_to_the_last_message(load):
    batch = decode(load)
    rejected = sum(n for why, n in batch.reject_counts.items() if why not in ("bad_position", "lost_part"))
    assert heard(batch) + rejected == 82_752
    assert set(batch.reject_counts) == {"bad_mmsi", "payload", "too_short", "lost_part", "bad_position"}
    assert rejected == 213  # 204 say MMSI 0 or ten digits, 8 are not AIS, 1 is a third of a type 5


def test_danish_waters(recordings):
    data = gzip.decompress((recordings("ais/dma-abnormal") / "ais-sample.txt.gz").read_bytes())
    batch = decode(data)
    assert heard(batch) == 26_077
    assert batch.reject_counts == {}
    assert len({m["mmsi"] for m in full(data)}) == 1_508
    r = batch.reports
    assert not np.any(r.flags & Flag.TIME_ASSUMED)  # each has its $PGHP
    begin_ns = 1_384_257_600 * 10**9  # 2013-11-12 12:00:00
    assert np.all((r.time_ns > begin_ns - 6 * 10**9) & (r.time_ns < begin_ns + 306 * 10**9))
    lat, lon = np.degrees(r.lat_rad), np.degrees(r.lon_rad)
    assert ((lat > 54) & (lat < 58) & (lon > 7) & (lon < 16)).mean() > 0.999


def test_a_ship_moves_as_fast_as_it_says(recordings):
    """Positions, times and speeds agree with one another: the distance covered is the speed told."""
    data = (recordings("ais/dma-abnormal") / "538004030_drift_1.ais").read_bytes()
    r = decode(data).reports
    r = r.take(np.argsort(r.time_ns, kind="stable"))
    dt = np.diff(r.time_ns) / 1e9
    north = np.diff(r.lat_rad) * 6_365_000.0
    east = np.diff(r.lon_rad) * 6_385_000.0 * np.cos(r.lat_rad[1:])
    near = (dt > 5) & (dt < 30)
    covered, told = np.hypot(north, east)[near], (r.speed_mps[1:] * dt)[near]
    assert near.sum() > 800
    assert np.median(np.abs(covered - told)) < 15.0


def test_the_aislib_stream(recordings):
    data = (recordings("ais/dma-aislib") / "stream_example.txt").read_bytes()
    batch = decode(data)
    whole = sum(x.startswith(b"!") and x.split(b",")[2] == b"1" for x in data.splitlines())
    assert heard(batch) + batch.reject_counts["bad_mmsi"] == whole == 4_051
    assert set(batch.reject_counts) == {"bad_mmsi"}
    assert len({m["mmsi"] for m in full(data)}) == 1_932  # and 0, which is refused
    assert not np.any(batch.reports.flags & Flag.TIME_ASSUMED)


@pytest.mark.parametrize(
    "name",
    ["gpsd/sample.aivdm", "gpsd/ais-nmea.log", "gpsd/ais-18-27.log", "gpsd/ais-raw-messages.log",
     "gpsd/ais_unpack_sixbit.log", "libais/typeexamples.nmea", "libais/test.aivdm", "dma-aislib/ais250.txt",
     "dma-aislib/decode_encode_messages.txt"],
)  # fmt: skip
def test_conformance_files_equal_gpsd(name, recordings, tool):
    """Each position that gpsd gives of these odd messages, we give (or refuse, if its identity cannot be one)."""
    data = (recordings("ais") / name).read_bytes()
    ours = Counter(position(m, 600_000) for m in full(data) if m.get("lat") is not None and m["type"] != 17)
    theirs = Counter(
        position(m, 1)
        for m in gpsd(tool, data)
        if isinstance(m.get("lat"), int) and 0 < m["mmsi"] <= 999_999_999 and m["type"] not in (6, 8, 17)
    )
    assert theirs
    assert not theirs - ours


def position(m: dict, scale: int) -> tuple:
    coarse = 600 if m["type"] == 27 else 600_000
    lat, lon = (m[n] if scale == 1 else round(m[n] * coarse) for n in ("lat", "lon"))
    return m["type"], m["mmsi"], lat, lon


def test_type_examples_of_libais(recordings):
    """A third reader: libais's own expected values, one report of each type."""
    folder = recordings("ais/libais")
    want = {m["type"]: m for m in map(json.loads, (folder / "typeexamples.json").read_text().splitlines())}
    got = {m["type"]: m for m in full((folder / "typeexamples.nmea").read_bytes())}
    compared = 0
    for msg_type in sorted(want.keys() & got.keys()):
        a, b = want[msg_type], got[msg_type]
        assert a["mmsi"] == b["mmsi"]
        for name in ("lat", "lon", "course", "heading", "second", "shipname", "callsign", "text", "to_bow", "to_stern"):
            if name in a and b.get(name) is not None and msg_type not in (17, 22):
                same = (
                    math.isclose(a[name], b[name], abs_tol=2e-5) if isinstance(b[name], float) else a[name] == b[name]
                )
                assert same, (msg_type, name, a[name], b[name])
                compared += 1
    assert compared > 25


def test_gpsd_synthetic_values_come_back(recordings):
    """gpsd's hand-made messages of all types are accepted, none is refused."""
    data = (recordings("ais/gpsd") / "ais-18-27.log").read_bytes()
    batch = decode(data)
    assert batch.reject_counts == {"unknown_part": 69}
    assert {m["type"] for m in full(data)} == {18, 24, 27}


def test_cut_gives_the_recorded_time_of_each_line(recordings):
    data = gzip.decompress((recordings("ais/dma-abnormal") / "ais-sample.txt.gz").read_bytes())
    pieces = list(FORMATS[0].cut(data))
    assert pieces[-1][0] == len(data)
    times = [t for _, t in pieces if t is not None]
    assert len(times) > 26_000
    assert min(times) == 1_384_257_600_011_000_000
    assert max(times) - min(times) == pytest.approx(300 * 10**9, abs=10**9)
    ends = np.array([end for end, _ in pieces])
    assert np.all(np.diff(ends) > 0)
    assert all(data[end - 1 : end] == b"\n" for end in ends[:-1])


def test_recordings_are_known_for_what_they_are(recordings):
    guess = FORMATS[0].guess
    for name in ("ais/gpsd-load/ais-nmea-sample.log", "ais/dma-aislib/stream_example.txt", "ais/libais/test.aivdm"):
        assert guess(recordings(name).read_bytes()[:65_536]) > 0.9
    assert guess(recordings("ais/gpsd/ais-nmea.log").read_bytes()) > 0.5
    for other in ("asterix", "cap", "cot"):
        for path in sorted(recordings(other).rglob("*"))[:20]:
            if path.is_file():
                assert guess(path.read_bytes()[:65_536]) == 0.0
