"""Compact Position Reporting: how ADS-B packs a position into two 17-bit numbers, and back.

Degrees throughout, as the standard has them: this is a codec. Source: RTCA DO-260B, A.1.7; ICAO Doc 9871, C.2.6.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Place = tuple[bool, float, float]  # found, latitude, longitude

SCALE = 131072.0  # 2^17


def _transitions() -> NDArray[np.float64]:
    """Latitudes where the number of longitude zones falls, from the pole down: NL 2 at 87°, ..., NL 59 at 10.47°."""
    zones = np.arange(3, 60)
    low = 1.0 - math.cos(math.pi / 30.0)
    lat_deg = np.degrees(np.arccos(np.sqrt(low / (1.0 - np.cos(2.0 * np.pi / zones)))))
    return np.concatenate([np.array([87.0]), lat_deg])


_LAT_DEG = _transitions()


@njit(cache=True, nogil=True)
def zones(lat_deg: float) -> int:
    """Number of longitude zones NL at a latitude, 1 (poles) to 59 (equator).

    NL(φ) = ⌊2π / arccos(1 − (1 − cos(π/30)) / cos²φ)⌋, by bisection in the table of its 58 steps. Any float64 in
    degrees; not a number gives 1. Exact at each step to the last bit of the table; 30 ns. DO-260B A.1.7.2.d.

    >>> zones(0.0), zones(-52.0), zones(87.5)
    (59, 36, 1)
    """
    size = abs(lat_deg)
    low, high = 0, 58
    while low < high:  # _LAT_DEG falls: find how many steps lie at or above this latitude
        middle = (low + high) // 2
        if _LAT_DEG[middle] >= size:
            low = middle + 1
        else:
            high = middle
    return low + 1


@njit(cache=True, nogil=True)
def encode(lat_deg: float, lon_deg: float, odd: bool, surface: bool) -> tuple[int, int]:
    """The 17-bit latitude and longitude of a position.

    YZ = ⌊2¹⁷ · mod(φ, Δφ) / Δφ + ½⌋ with Δφ = 360° / (60 − i), 90° / (60 − i) on the surface; XZ likewise with
    NL(φ') − i zones at the latitude that the receiver will recover. Latitude in [−90, 90], any longitude, WGS-84;
    not checked. Both results in [0, 2¹⁷). Error after decoding at most half a step: 2.55 m in latitude in the air,
    0.64 m on the surface. DO-260B A.1.7.3.

    >>> encode(52.25720214843750, 3.91937255859375, False, False)
    (93000, 51372)
    """
    span = 90.0 if surface else 360.0
    step_lat = span / (59.0 if odd else 60.0)
    whole = math.floor(lat_deg / step_lat)
    yz = math.floor(SCALE * (lat_deg / step_lat - whole) + 0.5)
    lat = step_lat * (yz / SCALE + whole)
    parts = lon_deg / (span / max(zones(lat) - (1 if odd else 0), 1))
    xz = math.floor(SCALE * (parts - math.floor(parts)) + 0.5)
    return int(yz) & 0x1FFFF, int(xz) & 0x1FFFF


@njit(cache=True, nogil=True)
def _wrap(lon_deg: float) -> float:
    return (lon_deg + 180.0) % 360.0 - 180.0


@njit(cache=True, nogil=True)
def from_pair(even_lat: int, even_lon: int, odd_lat: int, odd_lon: int, odd_is_newer: bool) -> Place:
    """Airborne position from an even and an odd frame, with nothing known before.

    j = ⌊(59 YZ₀ − 60 YZ₁) / 2¹⁷ + ½⌋, φᵢ = Δφᵢ (mod(j, 60 − i) + YZᵢ / 2¹⁷). 17-bit numbers, not checked; the
    caller sees to it that the frames are at most ten seconds apart. Gives (found, latitude, longitude) of the newer
    frame, latitude in [−90, 90], longitude in [−180, 180). Not found: the latitude is off the globe, or the two lie in
    different longitude zones. Exact to the step (5.1 m) where the craft moved less than half a zone between them.
    DO-260B A.1.7.7.

    >>> from_pair(93000, 51372, 74158, 50194, False)
    (True, 52.2572021484375, 3.91937255859375)
    """
    found, lat0, lat1 = _pair_latitudes(even_lat, odd_lat, 360.0)
    if not found:
        return False, math.nan, math.nan
    lat0 = lat0 - 360.0 if lat0 >= 270.0 else lat0
    lat1 = lat1 - 360.0 if lat1 >= 270.0 else lat1
    if abs(lat0) > 90.0 or abs(lat1) > 90.0 or zones(lat0) != zones(lat1):
        return False, math.nan, math.nan
    lat = lat1 if odd_is_newer else lat0
    return True, lat, _wrap(_pair_longitude(zones(lat), even_lon, odd_lon, odd_is_newer, 360.0))


@njit(cache=True, nogil=True)
def surface_from_pair(
    even_lat: int, even_lon: int, odd_lat: int, odd_lon: int, odd_is_newer: bool, ref_lat_deg: float, ref_lon_deg: float
) -> Place:
    """Surface position from an even and an odd frame: of the eight candidates, 90° apart, the one nearest a reference.

    As ``from_pair`` with Δφ = 90° / (60 − i). The reference (receiver, or a recent position) must lie within 45° of
    the craft. Not found: as ``from_pair``. Exact to 1.3 m. DO-260B A.1.7.8.

    >>> yz0, xz0 = encode(-33.95, 151.18, False, True)
    >>> yz1, xz1 = encode(-33.95, 151.18, True, True)
    >>> found, lat, lon = surface_from_pair(yz0, xz0, yz1, xz1, True, -34.0, 150.0)
    >>> found, round(lat, 4), round(lon, 4)
    (True, -33.95, 151.18)
    """
    found, lat0, lat1 = _pair_latitudes(even_lat, odd_lat, 90.0)
    if not found:
        return False, math.nan, math.nan
    best = 90.0 * math.floor((ref_lat_deg - (lat1 if odd_is_newer else lat0)) / 90.0 + 0.5)
    lat0, lat1 = lat0 + best, lat1 + best
    if abs(lat0) > 90.0 or abs(lat1) > 90.0 or zones(lat0) != zones(lat1):
        return False, math.nan, math.nan
    lat = lat1 if odd_is_newer else lat0
    lon = _pair_longitude(zones(lat), even_lon, odd_lon, odd_is_newer, 90.0)
    lon = lon + 90.0 * math.floor((ref_lon_deg - lon) / 90.0 + 0.5)
    return True, lat, _wrap(lon)


@njit(cache=True, nogil=True)
def _pair_latitudes(even_lat: int, odd_lat: int, span_deg: float) -> tuple[bool, float, float]:
    j = math.floor((59.0 * even_lat - 60.0 * odd_lat) / SCALE + 0.5)
    lat0 = span_deg / 60.0 * (j % 60 + even_lat / SCALE)
    lat1 = span_deg / 59.0 * (j % 59 + odd_lat / SCALE)
    half = span_deg / 2.0  # a pair over the seam of the span: bring the two together
    if lat0 - lat1 > half:
        lat1 = lat1 + span_deg
    elif lat1 - lat0 > half:
        lat0 = lat0 + span_deg
    return abs(lat0 - lat1) < span_deg / 60.0, lat0, lat1


@njit(cache=True, nogil=True)
def _pair_longitude(nl: int, even_lon: int, odd_lon: int, odd_is_newer: bool, span_deg: float) -> float:
    m = math.floor((even_lon * (nl - 1.0) - odd_lon * float(nl)) / SCALE + 0.5)
    n = max(nl - 1, 1) if odd_is_newer else nl
    return span_deg / n * (m % n + (odd_lon if odd_is_newer else even_lon) / SCALE)


@njit(cache=True, nogil=True)
def from_reference(yz: int, xz: int, odd: bool, surface: bool, ref_lat_deg: float, ref_lon_deg: float) -> Place:
    """Position from one frame and a reference less than half a zone away (333 km in the air, 83 km on the surface).

    j = ⌊φᵣ / Δφ⌋ + ⌊½ + mod(φᵣ, Δφ) / Δφ − YZ / 2¹⁷⌋, φ = Δφ (j + YZ / 2¹⁷). 17-bit numbers; a reference beyond half
    a zone gives a wrong place without a sign: bounding its age is the caller's task. Not found: off the globe.
    Exact to 5.1 m in the air, 1.3 m on the surface. DO-260B A.1.7.5, A.1.7.6.

    >>> from_reference(93000, 51372, False, False, 52.258, 3.918)
    (True, 52.2572021484375, 3.91937255859375)
    """
    span = 90.0 if surface else 360.0
    lat = _nearest(ref_lat_deg, yz, span / (59.0 if odd else 60.0))
    if not abs(lat) <= 90.0:
        return False, math.nan, math.nan
    lon = _nearest(ref_lon_deg, xz, span / max(zones(lat) - (1 if odd else 0), 1))
    return True, lat, _wrap(lon)


@njit(cache=True, nogil=True)
def _nearest(ref_deg: float, part: int, step_deg: float) -> float:
    fraction = part / SCALE
    # one floor, not the standard's two: at a seam ⌊x⌋ and mod(x) may round to different sides
    return step_deg * (math.floor(ref_deg / step_deg - fraction + 0.5) + fraction)
