"""CPR against its own inverse over the whole globe, against the formula, and against rs1090."""

from __future__ import annotations

import math

import numpy as np
import rs1090
from hypothesis import assume, example, given
from hypothesis import strategies as st

from manara.feeds.adsb import encode as frames
from manara.kernels import cpr

METRE_DEG = 1.0 / 111_195.0
LAT = st.one_of(st.floats(-90.0, 90.0), st.sampled_from([-90.0, 90.0, 0.0, -0.0, 87.0, -87.0, 10.4704713, 89.999999]))
LON = st.one_of(st.floats(-180.0, 180.0), st.sampled_from([-180.0, 180.0, 0.0, 179.9999999, -1e-9]))


def exact(lat: float, lon: float, lat2: float, lon2: float, odd: bool, surface: bool = False) -> bool:
    """Within half a step both ways: 2.6 m north in the air, 0.65 m on the surface. East the same but close to the
    poles, where one zone is the whole circle: at most 9.5 m (2.4 m)."""
    span = 90.0 if surface else 360.0
    north = abs(lat - lat2) <= 0.5 * span / (59 if odd else 60) / 131072 + 1e-9
    east_deg = abs((lon - lon2 + 180.0) % 360.0 - 180.0)
    east = east_deg <= 0.5 * span / max(cpr.zones(lat2) - int(odd), 1) / 131072 + 1e-9
    metres = max(abs(lat - lat2), east_deg * math.cos(math.radians(lat))) / METRE_DEG
    bound = (5.1 if abs(lat) < 86.0 else 9.5) / (4.0 if surface else 1.0)
    return north and east and metres <= bound


def formula(lat_deg: float) -> int:
    """NL as the standard writes it."""
    if abs(lat_deg) >= 87.0:
        return 2 if abs(lat_deg) == 87.0 else 1
    c = math.cos(math.radians(abs(lat_deg)))
    return math.floor(2.0 * math.pi / math.acos(1.0 - (1.0 - math.cos(math.pi / 30.0)) / (c * c)))


def pair(lat: float, lon: float, surface: bool) -> tuple[int, int, int, int]:
    yz0, xz0 = cpr.encode(lat, lon, False, surface)
    yz1, xz1 = cpr.encode(lat, lon, True, surface)
    return yz0, xz0, yz1, xz1


@given(st.floats(-86.99, 86.99))
def test_zones_are_those_of_the_formula(lat):
    assume(formula(lat - 1e-9) == formula(lat + 1e-9))  # at a step the two may fall on different sides
    assert cpr.zones(lat) == formula(lat)


def test_zones_fall_from_the_equator_to_the_poles_by_one_at_a_time():
    found = [cpr.zones(lat) for lat in np.linspace(0.0, 90.0, 90_001)]
    assert found[0] == 59
    assert found[-1] == 1
    assert set(np.diff(found).tolist()) == {0, -1}
    assert (cpr.zones(87.0), cpr.zones(-87.0), cpr.zones(math.nan)) == (2, 2, 1)


@given(LAT, LON, st.booleans())
@example(90.0, 0.0, True)
@example(-90.0, 179.0, False)
@example(0.0, -180.0, False)
def test_an_airborne_pair_comes_back_within_the_step(lat, lon, odd_is_newer):
    found, lat2, lon2 = cpr.from_pair(*pair(lat, lon, False), odd_is_newer)
    if not found:  # only where the two recovered latitudes lie in different zones
        near = [cpr.zones(lat + d) for d in (-5.2e-5, 0.0, 5.2e-5)]
        assert len(set(near)) > 1
        return
    assert -180.0 <= lon2 <= 180.0
    assert exact(lat, lon, lat2, lon2, odd_is_newer)


@given(LAT, LON, st.floats(-40.0, 40.0), st.floats(-40.0, 40.0), st.booleans())
def test_a_surface_pair_comes_back_within_its_step_wherever_the_reference(lat, lon, dlat, dlon, odd_is_newer):
    ref_lat = min(90.0, max(-90.0, lat + dlat))
    found, lat2, lon2 = cpr.surface_from_pair(*pair(lat, lon, True), odd_is_newer, ref_lat, lon + dlon)
    if not found:
        assert len({cpr.zones(lat + d) for d in (-1.3e-5, 0.0, 1.3e-5)}) > 1
        return
    assert exact(lat, lon, lat2, lon2, odd_is_newer, True)


@given(LAT, LON, st.booleans(), st.booleans(), st.floats(-0.45, 0.45), st.floats(-0.45, 0.45))
def test_one_frame_and_a_reference_within_half_a_zone_give_the_place(lat, lon, odd, surface, north, east):
    span = 90.0 if surface else 360.0
    ref_lat = lat + north * span / 60.0
    ref_lon = lon + east * span / max(cpr.zones(lat), 1)
    yz, xz = cpr.encode(lat, lon, odd, surface)
    found, lat2, lon2 = cpr.from_reference(yz, xz, odd, surface, ref_lat, ref_lon)
    assume(cpr.zones(lat - 5e-5) == cpr.zones(lat + 5e-5))
    if abs(lat) < 89.9999:  # at the pole itself half a step beyond it is off the globe
        assert found
    if found:
        assert exact(lat, lon, lat2, lon2, odd, surface)


@given(st.floats(-85.0, 85.0), st.floats(-179.0, 179.0), st.floats(-0.02, 0.02), st.floats(-0.02, 0.02))
def test_a_craft_that_moves_between_the_two_frames_is_placed_at_the_newer(lat, lon, dlat, dlon):
    yz0, xz0 = cpr.encode(lat, lon, False, False)
    yz1, xz1 = cpr.encode(lat + dlat, lon + dlon, True, False)
    found, lat2, lon2 = cpr.from_pair(yz0, xz0, yz1, xz1, True)
    assume(found)
    assert exact(lat + dlat, lon + dlon, lat2, lon2, True)


@given(st.integers(0, 131071), st.integers(0, 131071), st.integers(0, 131071), st.integers(0, 131071), st.booleans())
def test_no_four_numbers_give_a_place_off_the_globe(a, b, c, d, newer):
    for found, lat, lon in (cpr.from_pair(a, b, c, d, newer), cpr.surface_from_pair(a, b, c, d, newer, 50.0, 170.0)):
        assert found == math.isfinite(lat) == math.isfinite(lon)
        if found:
            assert -90.0 <= lat <= 90.0
            assert -180.0 <= lon <= 180.0


@given(st.floats(-86.0, 86.0), st.floats(-180.0, 180.0), st.booleans(), st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_rs1090_places_our_frames_where_we_do(lat, lon, odd, north, east):
    assume(cpr.zones(lat - 1e-4) == cpr.zones(lat + 1e-4))
    assume(abs(lon) < 178.0)  # rs1090 does not wrap at the antimeridian, we do
    frame = frames.position_frame(0xD00001, lat, lon, 30000.0, odd)
    reference = (lat + north, lon + east)
    theirs = rs1090.decode(frame.hex(), reference=reference)
    found, lat2, lon2 = cpr.from_reference(*cpr.encode(lat, lon, odd, False), odd, False, *reference)
    assert found
    assert abs(theirs["latitude"] - lat2) < 1e-9
    assert abs(theirs["longitude"] - lon2) < 1e-9
