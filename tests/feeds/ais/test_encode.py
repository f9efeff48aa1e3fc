"""AIS out: what was put in comes back, from our decoder and from gpsd's; nothing unknown becomes a number."""

from __future__ import annotations

import json
import math
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manara.feeds.ais import FORMATS, AisDecoder, encode_tracks, sentences
from manara.feeds.decoder import Options
from manara.records.batch import Batch
from manara.records.identity import Space, pack
from manara.records.particulars import Particulars
from manara.records.reports import Flag, Kind
from manara.records.tracks import Life, Tracks

NOW = 1_700_000_000_000_000_000
MMSI = 271_999_001  # a number of the tests


def decode(data: bytes, received_ns: int = NOW) -> Batch:
    return AisDecoder(Options(feed=1)).advance(data, received_ns)


def everything(data: bytes) -> list[dict]:
    out = list(FORMATS[0].full(data, Options()))
    assert all(isinstance(m, dict) for m in out), out
    return out


SAID = [
    (1, {"mmsi": MMSI, "lat": -12.345678, "lon": 179.99, "speed": 16.1, "course": 359.9, "heading": 12, "second": 3}),
    (4, {"mmsi": 2719990, "lat": 1.5, "lon": 2.5, "year": 2026, "month": 1, "day": 2, "hour": 3, "minute": 4}),
    (5, {"mmsi": MMSI, "shipname": "QUIET LANTERN", "callsign": "T3ST", "ship_type": 70, "imo": 9000001,
         "destination": "NORTH QUAY", "draught": 8.2, "to_bow": 100, "to_stern": 20, "to_port": 8, "to_starboard": 9,
         "month": 5, "day": 14, "hour": 20, "minute": 10}),
    (9, {"mmsi": 111999001, "lat": 1.0, "lon": 2.0, "speed": 120, "alt": 300, "course": 12.3}),
    (14, {"mmsi": MMSI, "text": "DRILL DRILL DRILL " * 8}),
    (18, {"mmsi": MMSI + 1, "lat": 0.00001, "lon": -0.00001, "speed": 0.3, "course": 0.1, "heading": 0}),
    (21, {"mmsi": 992719901, "name": "NORTH BUOY", "lat": 1.0, "lon": 2.0, "aid_type": 3}),
    (24, {"mmsi": MMSI + 2, "partno": 0, "shipname": "LITTLE LAMP"}),
    (24, {"mmsi": MMSI + 2, "partno": 1, "callsign": "L4MP", "ship_type": 36, "to_bow": 5, "to_stern": 4}),
    (27, {"mmsi": MMSI, "lat": 1.1, "lon": -2.2, "speed": 12, "course": 359}),
]  # fmt: skip
GPSD_NAMES = {"ship_type": "shiptype"}


@pytest.mark.parametrize(("msg_type", "fields"), SAID, ids=[f"{t}-{i}" for i, (t, _) in enumerate(SAID)])
def test_what_is_put_in_comes_back(msg_type, fields):
    (m,) = everything(sentences(msg_type, fields, time_ns=NOW, station="LAMP1"))
    assert m["type"] == msg_type
    assert m["time_ns"] == NOW
    assert m["station"] == "LAMP1"
    for name, value in fields.items():
        quantum = 1 / 600 if msg_type == 27 else 1e-6
        assert m[name] == (pytest.approx(value, abs=quantum) if isinstance(value, float) else value.strip()
                           if isinstance(value, str) else value)  # fmt: skip


def test_gpsd_reads_what_we_write(tool):
    data = b"".join(sentences(t, f, time_ns=NOW, station="LAMP1", sequence=i) for i, (t, f) in enumerate(SAID))
    run = subprocess.run([tool("gpsdecode"), "-j"], input=data, capture_output=True, check=True)
    said = [json.loads(x) for x in run.stdout.splitlines()]
    # gpsd joins both halves of a 24 into one and prints it once.
    want = [(t, f) for t, f in SAID if t != 24] + [(24, {**SAID[7][1], **SAID[8][1]})]
    assert len(said) == len(want)
    for msg_type, fields in want:
        (m,) = [x for x in said if x["type"] == msg_type]
        for name, value in fields.items():
            if name in ("partno", "year", "month", "day", "hour", "minute"):
                continue
            heard = m[GPSD_NAMES.get(name, name)]
            quantum = 1 / 600 if msg_type == 27 else 1e-6
            assert heard == (pytest.approx(value, abs=quantum) if isinstance(value, float) else value.strip()
                             if isinstance(value, str) else value)  # fmt: skip
    assert [x["timestamp"] for x in said if x["type"] == 4] == ["2026-01-02T03:04:60Z"]  # the second was not given


@pytest.mark.parametrize("msg_type", [1, 4, 9, 18, 19, 21, 27])
@pytest.mark.parametrize("unknown", [{}, {"lat": float("nan"), "lon": None}])
def test_unknown_is_sent_as_unknown(msg_type, unknown):
    batch = decode(sentences(msg_type, {"mmsi": MMSI, **unknown}))
    assert batch.counts == {f"ais {msg_type} no_position": 1}
    assert len(batch.reports) == 0
    batch = decode(sentences(msg_type, {"mmsi": MMSI, "lat": 1.0, "lon": 2.0, **dict.fromkeys(unknown, 3.0)}))
    r = batch.reports
    assert len(r) == 1
    assert all(math.isnan(x[0]) for x in (r.speed_mps, r.course_rad, r.heading_rad, r.alt_m))


@given(
    st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 102.2), st.floats(0, 359.94), st.integers(0, 359),
    st.integers(1, 999_999_999),
)  # fmt: skip
def test_any_motion_survives_within_its_quantum(lat, lon, speed, course, heading, mmsi):
    fields = {"mmsi": mmsi, "lat": lat, "lon": lon, "speed": speed, "course": course, "heading": heading}
    (m,) = everything(sentences(18, fields))
    assert abs(m["lat"] - lat) <= 0.5 / 600_000 + 0.6e-6
    assert abs(m["lon"] - lon) <= 0.5 / 600_000 + 0.6e-6
    assert abs(m["speed"] - speed) <= 0.05 + 1e-9
    assert abs(m["course"] - course) <= 0.05 + 1e-9
    assert (m["heading"], m["mmsi"]) == (heading, mmsi)


@given(st.text(max_size=200))
def test_any_text_can_be_sent(text):
    (m,) = everything(sentences(14, {"mmsi": MMSI, "text": "A" + text}, sequence=7))
    assert len(m["text"]) <= 161
    assert m["text"][:1] == "A"


def test_lines_are_short_and_end_with_crlf():
    data = sentences(14, {"mmsi": MMSI, "text": "LONG " * 40})
    assert data.endswith(b"\r\n")
    assert all(len(x) <= 80 for x in data.split(b"\r\n"))


@pytest.mark.parametrize(("msg_type", "mmsi"), [(0, MMSI), (28, MMSI), (1, 0), (1, 1_000_000_000), (1, None)])
def test_what_is_no_report_is_our_own_mistake(msg_type, mmsi):
    with pytest.raises(ValueError, match=r"AIS type|MMSI"):
        sentences(msg_type, {"mmsi": mmsi})


def tracks(**columns: list) -> Tracks:
    n = len(next(iter(columns.values())))
    t = Tracks.blank(n)
    for name, values in {"life": [Life.CONFIRMED] * n, "time_ns": [NOW] * n, **columns}.items():
        getattr(t, name)[:] = values
    return t


def test_tracks_go_out_under_their_own_identity_only():
    ids = [pack(Space.MMSI, MMSI), pack(Space.MMSI, MMSI + 1), pack(Space.MMSI, 992719901), pack(Space.ICAO24, 5), 0,
           pack(Space.MMSI, MMSI + 3), pack(Space.MMSI, MMSI + 4), pack(Space.MMSI, MMSI + 5)]  # fmt: skip
    t = tracks(
        identity=ids,
        kind=[Kind.VESSEL_A, Kind.VESSEL_B, Kind.AID_TO_NAVIGATION, Kind.AIRCRAFT, Kind.VESSEL, Kind.VESSEL_A,
              Kind.VESSEL_A, Kind.AIRCRAFT],
        lat_rad=np.radians([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, math.nan, 8.0]),
        lon_rad=np.radians([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
        ve_mps=[5.0] * 8,
        vn_mps=[-5.0] * 8,
        life=[*[Life.CONFIRMED] * 5, Life.DROPPED, Life.COASTING, Life.CONFIRMED],
    )  # fmt: skip
    known = {
        ids[0]: Particulars(identity=ids[0], time_ns=0, source=0, name="Lantern One", length_m=120.0, beam_m=20.0,
                            eta="05-14 20:10", nav_status=5),
        ids[2]: Particulars(identity=ids[2], time_ns=0, source=0, name="North Buoy"),
    }  # fmt: skip
    sent = encode_tracks(t, known)
    assert (sent.tracks, sent.left_out) == (3, 5)
    heard = everything(sent.data)
    assert [(m["type"], m["mmsi"]) for m in heard] == [(1, MMSI), (5, MMSI), (18, MMSI + 1), (21, 992719901)]
    assert heard[0]["course"] == pytest.approx(135.0)
    assert heard[0]["speed"] == pytest.approx(math.hypot(5, 5) * 3600 / 1852, abs=0.05)
    assert heard[0]["status"] == 5
    assert heard[0]["time_ns"] == NOW
    batch = decode(sent.data)
    np.testing.assert_allclose(batch.reports.lat_rad, t.lat_rad[:3], atol=1e-7)
    assert batch.reports.identity.tolist() == ids[:3]
    said = {p.name: p for p in batch.particulars}
    assert (said["LANTERN ONE"].length_m, said["LANTERN ONE"].beam_m, said["LANTERN ONE"].eta) == (
        120,
        20,
        "05-14 20:10",
    )
    assert "NORTH BUOY" in said


def test_a_track_without_a_position_is_left_out():
    t = tracks(identity=[pack(Space.MMSI, MMSI)], kind=[Kind.VESSEL_A], lat_rad=[0.1], lon_rad=[0.1])
    assert encode_tracks(t, {}).tracks == 1
    assert encode_tracks(t.replace(flags=np.array([Flag.NO_POSITION], np.uint32)), {}).left_out == 1
    assert encode_tracks(Tracks.blank(0), {}).data == b""
