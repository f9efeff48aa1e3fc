"""The picture as CAT062: what we say is what libasterix and our own decoder read, and nothing is invented."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.asterix.outgoing import DATAGRAM_BYTES_MAX, encode_tracks, heartbeat
from manara.feeds.decoder import Options
from manara.records.identity import Space, pack, unpack
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Flag
from manara.records.tracks import Life, Tracks

NOW_NS = 1_700_000_000_500_000_000
ICAO = pack(Space.ICAO24, 0xD00001)
SHIP = pack(Space.MMSI, 291_000_001)


def picture(n: int = 1, **columns: object) -> Tracks:
    cov = np.zeros((n, 10))
    cov[:, 0], cov[:, 1], cov[:, 4], cov[:, 7], cov[:, 9] = 900.0, -400.0, 1600.0, 1.0, 1.0
    fields = {
        "track_id": np.arange(1, n + 1, dtype=np.uint64), "number": np.arange(1, n + 1, dtype=np.uint32),
        "time_ns": np.full(n, NOW_NS - 1_000_000_000), "updated_ns": np.full(n, NOW_NS - 1_000_000_000),
        "born_ns": np.full(n, NOW_NS - 10_000_000_000), "life": np.full(n, Life.CONFIRMED, np.uint8),
        "lat_rad": np.full(n, math.radians(34.5)), "lon_rad": np.full(n, math.radians(-13.25)),
        "alt_m": np.full(n, 3048.0), "alt_ref": np.full(n, AltRef.PRESSURE, np.uint8),
        "ve_mps": np.full(n, 100.25), "vn_mps": np.full(n, -50.5), "cov": cov,
        "identity": np.full(n, ICAO, np.uint64), "mode_3a": np.full(n, 0o4321, np.uint32),
    }  # fmt: skip
    return Tracks.blank(n).replace(**(fields | columns))


NAMES = {ICAO: Particulars(identity=ICAO, time_ns=0, source=0, callsign="MNR42")}


def said(oracle, tracks: Tracks, names: dict = NAMES) -> dict:
    (block,) = encode_tracks(tracks, names, NOW_NS, 1, 9)
    (items,) = oracle.records(62, "1.20", block[3:])
    return items


def test_libasterix_reads_what_was_meant(oracle):
    items = said(oracle, picture())
    assert items["010"] == {"SAC": 1, "SIC": 9}
    assert items["070"] == ((NOW_NS - 1_000_000_000) % 86_400_000_000_000 // 7_812_500) / 128
    assert items["105"]["LAT"] == pytest.approx(34.5, abs=3e-6)
    assert items["105"]["LON"] == pytest.approx(-13.25, abs=3e-6)
    assert items["185"] == {"VX": 100.25, "VY": -50.5}
    assert items["060"]["MODE3A"] == "4321"
    assert items["245"] == {"STI": 0, "CHR": "MNR42   "}
    assert items["380"] == {"ADR": 0xD00001, "ID": "MNR42   "}
    assert items["040"] == 1
    assert items["136"] == 100.0
    assert items["290"] == {"TRK": 10.0}
    assert items["500"] == {"APC": {"X": 30.0, "Y": 40.0}, "COV": -20.0}
    assert "130" not in items


def test_our_own_decoder_reads_it_back():
    tracks = picture(3)
    got = AsterixDecoder(Options()).advance(encode_tracks(tracks, NAMES, NOW_NS, 1, 9)[0], NOW_NS, whole=True).reports
    assert not np.any(got.flags)
    assert np.allclose(got.lat_rad, tracks.lat_rad, atol=5e-8)
    assert np.allclose(got.speed_mps, np.hypot(100.25, 50.5))
    assert np.allclose(got.alt_m, 3048.0)
    assert np.array_equal(got.identity, tracks.identity)
    assert np.all(np.abs(got.time_ns - tracks.time_ns) < 7_812_500)


def test_an_identity_is_never_invented(oracle):
    assert {"380", "245"}.isdisjoint(said(oracle, picture(identity=np.zeros(1, np.uint64)), {}))
    ship = picture(identity=np.array([SHIP], np.uint64), mode_3a=np.array([0xFFFFFFFF], np.uint32))
    items = said(oracle, ship, {SHIP: Particulars(identity=SHIP, time_ns=0, source=0, name="MNR SHIP ONE")})
    assert "380" not in items, "a maritime identity is no aircraft address"
    assert "060" not in items
    assert items["245"] == {"STI": 1, "CHR": "MNR SHIP"}
    odd = said(oracle, picture(), {ICAO: Particulars(identity=ICAO, time_ns=0, source=0, callsign="ÄÖÜ")})
    assert "245" not in odd
    assert odd["380"] == {"ADR": 0xD00001}


@pytest.mark.parametrize(
    ("columns", "field", "expected"),
    [
        ({"life": np.array([Life.COASTING], np.uint8)}, "CST", 1),
        ({"life": np.array([Life.DROPPED], np.uint8)}, "TSE", 1),
        ({"flags": np.array([Flag.TEST], np.uint32)}, "SIM", 1),
        ({"flags": np.array([Flag.IDENT], np.uint32)}, "SPI", 1),
        ({"flags": np.array([Flag.EMERGENCY], np.uint32)}, "EMS", 1),
        ({"flags": np.array([Flag.UNLAWFUL_INTERFERENCE], np.uint32)}, "EMS", 5),
        ({"sources": np.array([0b100], np.uint64)}, "MON", 1),
        ({"sources": np.array([0b101], np.uint64)}, "MON", 0),
        ({}, "CST", None),
    ],
)
def test_the_status_of_a_track(columns, field, expected, oracle):
    assert said(oracle, picture(**columns))["080"].get(field) == expected


def test_an_ellipsoidal_height_is_the_geometric_altitude(oracle):
    items = said(oracle, picture(alt_ref=np.array([AltRef.ELLIPSOID], np.uint8)))
    assert "136" not in items
    assert items["130"] == 10_000.0
    sea = said(oracle, picture(alt_ref=np.array([AltRef.MEAN_SEA], np.uint8)))
    assert {"130", "136"}.isdisjoint(sea), "an altitude over the sea is neither"


def test_tentative_tracks_and_tracks_without_position_are_not_sent():
    assert encode_tracks(picture(life=np.array([Life.TENTATIVE], np.uint8)), NAMES, NOW_NS, 1, 9) == []
    assert encode_tracks(picture(lat_rad=np.array([np.nan])), NAMES, NOW_NS, 1, 9) == []
    assert encode_tracks(Tracks.blank(0), NAMES, NOW_NS, 1, 9) == []


def test_datagrams_stay_below_their_bound_and_carry_every_track():
    tracks = picture(500)
    datagrams = encode_tracks(tracks, NAMES, NOW_NS, 1, 9)
    assert max(map(len, datagrams)) <= DATAGRAM_BYTES_MAX
    assert len(datagrams) > 10
    got = [AsterixDecoder(Options()).advance(d, NOW_NS, whole=True).counts["cat062"] for d in datagrams]
    assert sum(got) == 500


@pytest.mark.parametrize("lon_deg", [180.0, -180.0, 179.9999999, 540.0])
def test_the_antimeridian_is_in_range(lon_deg, oracle):
    items = said(oracle, picture(lon_rad=np.array([math.radians(lon_deg)])))
    assert abs(abs(items["105"]["LON"]) - 180.0) < 1e-5


def test_what_does_not_fit_is_held_at_the_edge_or_left_out(oracle):
    wild = picture(
        ve_mps=np.array([1e9]), vn_mps=np.array([np.nan]), alt_m=np.array([1e9]), vu_mps=np.array([-1e9]),
        cov=np.full((1, 10), 1e20), born_ns=np.array([0]),
    )  # fmt: skip
    items = said(oracle, wild)
    assert items["185"] == {"VX": 8191.75, "VY": 0.0}
    assert "136" not in items
    assert items["290"]["TRK"] == 63.75


def test_the_heartbeat(oracle):
    block = heartbeat(NOW_NS, 1, 9)
    (items,) = oracle.records(65, "1.5", block[3:])
    assert block[0] == 65
    assert (items["000"], items["010"], items["040"]["NOGO"]) == (1, {"SAC": 1, "SIC": 9}, 0)
    got = AsterixDecoder(Options()).advance(block, NOW_NS, whole=True)
    assert got.counts == {"cat065 heartbeat": 1}
    assert got.status[0].operational is True


def test_identities_are_packed_as_expected():
    assert unpack(ICAO) == (Space.ICAO24, 0xD00001)
