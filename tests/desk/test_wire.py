"""The columns: the vector of the specification, and properties of any picture."""

from __future__ import annotations

import re
import struct

import numpy as np
import pytest
from tests.doubles.desk_source import EARTH_M, FakeSource

from manara.desk import wire
from manara.records.inputs import Views
from manara.records.reports import Domain, Flag, Kind
from manara.records.tracks import Life, Tracks

NOW_NS = 1_750_000_000_000_000_000
COLUMNS = (("slot", "u4"), ("lon", "i4"), ("lat", "i4"), ("course", "u2"), ("speed", "u2"), ("age", "u2"),
           ("kind", "u1"), ("state", "u1"))  # fmt: skip


def read(frame: bytes) -> dict[str, np.ndarray]:
    """A second decoder, written from the specification."""
    n = struct.unpack_from("<I", frame, 8)[0]
    at, found = 32, {}
    for name, dtype in COLUMNS:
        found[name] = np.frombuffer(frame, "<" + dtype, n, at)
        at += -(-n * int(dtype[1]) // 4) * 4
    assert at == len(frame)
    return found


def one(**columns: float) -> dict[str, int]:
    """The frame of a single track."""
    given = {"lat_rad": 0.0, "lon_rad": 0.0, "time_ns": NOW_NS, "updated_ns": NOW_NS, "life": 2, **columns}
    blank = Tracks.blank(1)
    tracks = blank.replace(**{k: np.array([v], getattr(blank, k).dtype) for k, v in given.items()})
    frame = wire.encode(Views(now_ns=NOW_NS, tracks=tracks), np.array([1], np.uint32))
    return {k: int(v[0]) for k, v in read(frame).items()}


def test_the_vector_of_the_specification(repository):
    page = (repository / "docs/spec/desk-wire.md").read_text("utf-8")
    found = re.search(r"```hex\n([0-9a-f\n]+)```", page)
    assert found
    tracks = Tracks.blank(3).replace(
        time_ns=np.full(3, NOW_NS),
        updated_ns=NOW_NS - np.array([2_500_000_000, 10**13, 0]),
        life=np.array([Life.CONFIRMED, Life.COASTING, Life.TENTATIVE], np.uint8),
        domain=np.array([Domain.SEA, Domain.AIR, Domain.UNKNOWN], np.uint8),
        kind=np.array([Kind.VESSEL_A, Kind.AIRCRAFT, Kind.UNKNOWN], np.uint8),
        lat_rad=np.radians([12.5, -45.25, 0.0]),
        lon_rad=np.radians([-38.125, 179.9999999, 0.0]),
        ve_mps=np.array([3.0, 0.0, 0.1]),
        vn_mps=np.array([4.0, -250.0, 0.0]),
        heading_rad=np.array([np.nan, 0.0, np.nan]),
        flags=np.array([0, Flag.EMERGENCY, Flag.POSITION_SUSPECT | Flag.ON_GROUND], np.uint32),
    )
    views = Views(now_ns=NOW_NS, sequence=42, tracks=tracks)
    assert wire.encode(views, np.array([7, 8, 9], np.uint32), view=1) == bytes.fromhex(found.group(1))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 301])
def test_each_column_is_padded_to_four_bytes(n):
    views = FakeSource(n).views()
    frame = wire.encode(views, np.arange(1, n + 1, dtype=np.uint32))
    found = read(frame)
    assert found["slot"].tolist() == list(range(1, n + 1))
    assert np.allclose(found["lat"] * 1e-7, np.degrees(views.tracks.lat_rad), atol=1e-7)
    assert np.allclose(found["lon"] * 1e-7, np.degrees(views.tracks.lon_rad), atol=1e-7)
    assert len(frame) <= 32 + 20 * n + 15


def test_a_track_without_position_is_left_out_with_its_slot():
    views = FakeSource(4).views()
    lat = views.tracks.lat_rad.copy()
    lat[1] = np.nan
    bare = Views(now_ns=views.now_ns, tracks=views.tracks.replace(lat_rad=lat))
    assert read(wire.encode(bare, np.array([5, 6, 7, 8], np.uint32)))["slot"].tolist() == [5, 7, 8]


def test_positions_are_brought_forward_at_constant_velocity():
    found = one(time_ns=NOW_NS - 10_000_000_000, vn_mps=100.0)
    assert found["lat"] * 1e-7 == pytest.approx(np.degrees(1000.0 / EARTH_M), abs=1e-7)
    assert found["lon"] == 0


@pytest.mark.parametrize(("domain", "most_s"), [(Domain.AIR, 60.0), (Domain.SEA, 300.0), (Domain.UNKNOWN, 60.0)])
def test_a_silent_track_is_not_carried_on_for_ever(domain, most_s):
    found = one(time_ns=NOW_NS - 3_600_000_000_000, vn_mps=10.0, domain=domain)
    assert found["lat"] * 1e-7 == pytest.approx(np.degrees(10.0 * most_s / EARTH_M), abs=1e-7)


def test_a_state_ahead_of_the_clock_is_not_taken_back():
    assert one(time_ns=NOW_NS + 5_000_000_000, vn_mps=100.0)["lat"] == 0


def test_across_the_antimeridian_longitude_wraps():
    found = one(lon_rad=np.radians(179.9999), ve_mps=200.0, time_ns=NOW_NS - 10_000_000_000)
    assert -1_800_000_000 <= found["lon"] < -1_799_000_000


@pytest.mark.parametrize("lat_deg", [90.0, -90.0, 89.9999])
def test_at_the_poles_the_columns_hold(lat_deg):
    found = one(lat_rad=np.radians(lat_deg), ve_mps=300.0, vn_mps=300.0, time_ns=NOW_NS - 60_000_000_000)
    assert abs(found["lat"]) <= 900_000_000
    assert abs(found["lon"]) <= 1_800_000_000


@pytest.mark.parametrize(
    ("ve", "vn", "heading_deg", "course", "speed"),
    [
        (0.0, 5.0, 90.0, 0, 50),
        (-5.0, 0.0, 0.0, 27_000, 50),
        (0.1, 0.1, 90.0, 9_000, 1),
        (0.1, 0.1, np.nan, wire.UNKNOWN, 1),
        (np.nan, np.nan, np.nan, wire.UNKNOWN, wire.UNKNOWN),
        (0.0, 1e9, np.nan, 0, wire.UNKNOWN - 1),
    ],
)
def test_direction_is_course_or_below_half_a_metre_heading(ve, vn, heading_deg, course, speed):
    found = one(ve_mps=ve, vn_mps=vn, heading_rad=np.radians(heading_deg))
    assert (found["course"], found["speed"]) == (course, speed)


@pytest.mark.parametrize(
    ("age_ns", "tenths"), [(0, 0), (99_999_999, 0), (1_500_000_000, 15), (-(10**9), 0), (10**15, 65_535)]
)
def test_age_is_in_tenths_and_saturates(age_ns, tenths):
    assert one(updated_ns=NOW_NS - age_ns)["age"] == tenths


@pytest.mark.parametrize("life", list(Life))
@pytest.mark.parametrize("domain", list(Domain))
def test_state_bits(life, domain):
    state = one(life=life, domain=domain, flags=int(Flag.ON_GROUND))["state"]
    assert (state & 3) + 1 == life
    assert state >> 4 & 3 == domain
    assert state >> 6 == 1


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (Flag.NONE, 0),
        (Flag.IDENT, 0),
        (Flag.IDENTITY_CONFLICT, 1),
        (Flag.POSITION_JUMP, 1),
        (Flag.EMERGENCY, 2),
        (Flag.RADIO_FAILURE, 2),
        (Flag.UNLAWFUL_INTERFERENCE | Flag.IDENTITY_CONFLICT, 2),
        (Flag.DISTRESS, 1),
        (Flag.EMERGENCY | Flag.TEST, 1),
    ],
)
def test_attention_follows_from_the_flags_where_the_node_says_nothing(flags, level):
    assert one(flags=int(flags))["state"] >> 2 & 3 == level


def test_distress_is_pressing_from_a_device_only():
    assert one(flags=int(Flag.DISTRESS), kind=int(Kind.DISTRESS_DEVICE))["state"] >> 2 & 3 == 2
    assert one(flags=int(Flag.DISTRESS), kind=int(Kind.VESSEL_A))["state"] >> 2 & 3 == 1


def test_what_the_node_says_of_attention_stands():
    views = FakeSource(3).views()
    said = Views(tracks=views.tracks, attention=np.array([2, 0, 1], np.uint8))
    assert wire.attention(said).tolist() == [2, 0, 1]
    stale = Views(tracks=views.tracks, attention=np.array([2], np.uint8))
    assert len(wire.attention(stale)) == 3
