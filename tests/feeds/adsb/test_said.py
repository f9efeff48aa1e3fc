"""SBS lines and aircraft.json: what each field means, what is refused, what is written."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from manara.feeds.adsb.encode_sbs import encode_tracks, sbs_line
from manara.feeds.decoder import Options
from manara.records.identity import Space, pack
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Flag, Kind
from manara.records.tracks import Tracks

T_NS = 1_700_000_000_000_000_000
LINE = "MSG,3,1,1,D00001,1,2023/11/14,22:13:20.500,2023/11/14,22:13:20.600,,12000,,,10.5,-20.25,,,0,0,0,0\r\n"


def place(**words):
    return sbs_line(3, 0xD00001, T_NS, **({"lat_deg": 1.0, "lon_deg": 2.0} | words))


def document(now_s, **words):
    return json.dumps({"now": now_s, "aircraft": [{"hex": "d00001", "lat": 1.0, "lon": 2.0} | words]}).encode()


def test_a_line_becomes_a_row(decode):
    found = decode("sbs", LINE.encode()).reports
    assert found.identity.tolist() == [pack(Space.ICAO24, 0xD00001)]
    assert found.time_ns.tolist() == [T_NS + 500_000_000]
    assert np.degrees(found.lat_rad[0]) == pytest.approx(10.5)
    assert np.degrees(found.lon_rad[0]) == pytest.approx(-20.25)
    assert found.alt_m[0] == pytest.approx(12000 * 0.3048)
    assert found.alt_ref[0] == AltRef.PRESSURE
    assert not found.flags[0] & Flag.TIME_ASSUMED


def test_local_time_is_what_the_feed_says_it_is(decode):
    found = decode("sbs", LINE.encode(), Options(editions={"sbs": "+03:00"})).reports
    assert found.time_ns.tolist() == [T_NS + 500_000_000 - 3 * 3_600_000_000_000]
    found = decode("sbs", LINE.encode(), Options(editions={"sbs": "-0330"})).reports
    assert found.time_ns.tolist() == [T_NS + 500_000_000 + 210 * 60_000_000_000]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("D00001", "D0000G"), "bad_address"),
        (("D00001", "000000"), "bad_address"),
        (("2023/11/14,22:13:20.500", "2023/02/30,22:13:20.500"), "bad_time"),
        (("22:13:20.500", "25:13:20.500"), "bad_time"),
        (("10.5,", "95.0,"), "bad_position"),
        (("-20.25", "nan"), "bad_position"),
        (("-20.25", ""), "bad_position"),
        (("MSG,3", "MSG,9"), "not_sbs"),
        (("MSG,3", "HELLO"), "not_sbs"),
        ((",0,0,0,0", ""), "not_sbs"),
    ],
)
def test_a_line_that_is_wrong_is_refused_for_what_is_wrong(decode, change, why):
    batch = decode("sbs", LINE.replace(*change, 1).encode())
    assert batch.reject_counts == {why: 1}
    assert len(batch.reports) == 0
    assert batch.rejects[0].detail


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        ({"squawk": "7700"}, Flag.EMERGENCY),
        ({"squawk": "7500", "emergency": True}, Flag.UNLAWFUL_INTERFERENCE),
        ({"squawk": "7600", "emergency": True}, Flag.RADIO_FAILURE),
        ({"squawk": "1000", "emergency": True}, Flag.EMERGENCY),
        ({"squawk": "1000", "emergency": False, "spi": True}, Flag.IDENT),
        ({"on_ground": True}, Flag.ON_GROUND),
    ],
)
def test_flags_of_sbs(decode, words, flag):
    found = decode("sbs", place(**words)).reports
    assert found.flags[0] == int(flag | Flag.POSITION_SUSPECT)  # SBS says nothing of accuracy


def test_an_emergency_of_sbs_stands_until_a_line_takes_it_back(decode):
    later = [sbs_line(3, 0xD00001, T_NS + k * 10**9, lat_deg=1.0, lon_deg=2.0) for k in range(3)]
    over = sbs_line(6, 0xD00001, T_NS + 10**9, squawk="1000", emergency=False)
    found = decode("sbs", place(squawk="7700", emergency=True) + later[0] + over + later[1] + later[2]).reports
    assert [bool(flags & Flag.EMERGENCY) for flags in found.flags.tolist()] == [True, True, False, False]


def test_sbs_places_pass_the_same_gate(decode):
    near = [sbs_line(3, 0xD00001, T_NS + k * 10**9, lat_deg=1.0 + k * 0.001, lon_deg=2.0) for k in range(6)]
    far = sbs_line(3, 0xD00001, T_NS + 6 * 10**9, lat_deg=9.0, lon_deg=2.0)
    batch = decode("sbs", b"".join([*near, far]))
    assert len(batch.reports) == 6
    assert batch.reject_counts == {"implausible_speed": 1}
    site = Options(receiver_lat_deg=50.0, receiver_lon_deg=2.0, range_max_m=300_000.0)
    assert decode("sbs", b"".join(near), site).reject_counts == {"out_of_range": 6}


def test_a_position_told_again_is_no_new_row(decode):
    wire = document(1000.0, seen_pos=0.5) + document(1001.0, seen_pos=1.5) + document(1002.0, seen_pos=0.1, lat=1.001)
    assert decode("aircraft-json", wire).reports.time_ns.tolist() == [999_500_000_000, 1_001_900_000_000]


@pytest.mark.parametrize(
    ("words", "column", "value"),
    [
        ({"hex": "~d00001"}, "identity", pack(Space.ANONYMOUS24, 0xD00001)),
        ({"category": "B6"}, "kind", Kind.UNMANNED_AIRCRAFT),
        ({"alt_baro": 1000}, "alt_ref", AltRef.PRESSURE),
        ({"alt_geom": 1000}, "alt_ref", AltRef.ELLIPSOID),
        ({"alt_geom": 1000}, "alt_m", 304.8),
        ({"alt_baro": "ground", "nac_p": 9}, "flags", int(Flag.ON_GROUND)),
        ({"type": "mlat", "nac_p": 9}, "flags", int(Flag.FROM_GROUND)),
        ({"emergency": "nordo", "nac_p": 9}, "flags", int(Flag.RADIO_FAILURE)),
        ({"emergency": "lifeguard", "nac_p": 9}, "flags", 0),
        ({"squawk": "7700", "nac_p": 9}, "flags", int(Flag.EMERGENCY)),
        ({"nac_p": 8}, "sigma_m", 92.6 / 2.44774683),
        ({"nic": 8}, "sigma_m", 92.6 / 2.44774683),
        ({"gs": 100.0, "track": 90.0}, "course_rad", math.pi / 2),
        ({"gs": 100.0, "track": 90.0}, "speed_mps", 51.4444444),
        ({"geom_rate": -600}, "climb_mps", -3.048),
    ],
)
def test_fields_of_aircraft_json(decode, words, column, value):
    found = decode("aircraft-json", document(1000.0, **words)).reports
    assert getattr(found, column)[0] == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"hex": "d0001"}, "bad_address"),
        ({"hex": 12}, "not_json"),
        ({"lat": 91.0}, "bad_position"),
        ({"lon": "x"}, "bad_position"),
        ({"lat": None}, "bad_position"),
        ({"lat": True}, "bad_position"),
    ],
)
def test_one_wrong_aircraft_leaves_the_others_standing(decode, words, why):
    whole = json.loads(document(1000.0, **words))
    whole["aircraft"].append({"hex": "d00002", "lat": 3.0, "lon": 4.0})
    batch = decode("aircraft-json", json.dumps(whole).encode())
    assert batch.reject_counts == {why: 1}
    assert batch.reports.identity.tolist() == [pack(Space.ICAO24, 0xD00002)]


def test_a_document_cut_short_costs_only_itself(decode):
    whole = document(1000.0)
    for at in (5, 20, len(whole) - 2):
        batch = decode("aircraft-json", whole[:at] + document(1001.0))
        assert len(batch.reports) == 1
        assert sum(batch.reject_counts.values()) == 1
    assert decode("aircraft-json", b"[]" + whole).reject_counts == {"noise": 1}
    assert decode("aircraft-json", b'{"now":"x","aircraft":[]}').reject_counts == {"not_json": 1}
    assert decode("aircraft-json", b'{"now":-5,"aircraft":[]}').reject_counts == {"bad_time": 1}


def test_tracks_written_are_tracks_read_and_no_identity_is_invented(decode):
    who = [pack(Space.ICAO24, 0xD00001), pack(Space.MMSI, 291000001), 0, pack(Space.ICAO24, 0xD00002)]
    tracks = Tracks.blank(4).replace(
        identity=np.array(who, dtype=np.uint64),
        time_ns=np.full(4, T_NS),
        lat_rad=np.radians([10.5, 1.0, 2.0, -33.9]),
        lon_rad=np.radians([20.25, 1.0, 2.0, 151.2]),
        alt_m=np.array([3048.0, 0.0, 0.0, np.nan]),
        alt_ref=np.array([AltRef.PRESSURE, 0, 0, 0], dtype=np.uint8),
        ve_mps=np.array([100.0, 0.0, 0.0, 5.0]),
        vn_mps=np.array([0.0, 0.0, 0.0, 0.0]),
        vu_mps=np.array([-5.08, np.nan, np.nan, np.nan]),
        mode_3a=np.array([0o7700, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF], dtype=np.uint32),
        flags=np.array([int(Flag.EMERGENCY), 0, 0, int(Flag.ON_GROUND)], dtype=np.uint32),
    )
    words = {who[0]: Particulars(identity=who[0], time_ns=T_NS, source=0, callsign="DEMO1, É")}
    batch = decode("sbs", encode_tracks(tracks, words))
    assert batch.reject_counts == {}
    found = batch.reports
    assert found.identity.tolist() == [who[0], who[3]]
    assert np.degrees(found.lat_rad) == pytest.approx([10.5, -33.9], abs=1e-5)
    assert found.speed_mps == pytest.approx([100.0, 5.0], abs=0.03)
    assert found.alt_m[0] == pytest.approx(3048.0)
    assert found.climb_mps[0] == pytest.approx(-5.08, abs=0.01)
    assert found.flags[1] & Flag.ON_GROUND
    assert [p.callsign for p in batch.particulars if p.callsign] == ["DEMO1"]
    assert [p.squawk for p in batch.particulars if p.squawk] == ["7700"]


def test_no_tracks_are_no_bytes():
    assert encode_tracks(Tracks.blank(0), {}) == b""
    assert encode_tracks(Tracks.blank(3), {}) == b""
