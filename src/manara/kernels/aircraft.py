"""The table of aircraft that one receiver hears, and the gate that each new position must pass.

One aircraft is one row of ``ints`` and ``floats``; ``index`` finds it by key (hashed, linear probing). Where two
craft use one address, the frames that do not fit the first go to a *shadow* row, which pairs them by themselves:
neither flips to the other's place. A shadow that alone goes on takes over.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels.cpr import from_pair, from_reference, surface_from_pair

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]

# columns of ints; times are of the receiver's own steady clock, ns
KEY, SEEN, SURE, HITS = 0, 1, 2, 3  # SURE: when last heard with an address of its own
EVEN_NS, EVEN_LAT, EVEN_LON, EVEN_SURFACE = 4, 5, 6, 7
ODD_NS, ODD_LAT, ODD_LON, ODD_SURFACE = 8, 9, 10, 11
PLACE_NS, VELOCITY_NS, ALT_NS, CONFLICT_NS = 12, 13, 14, 15
SQUAWK, EMERGENCY, NACP, CATEGORY, CALLSIGN, TENTATIVE = 16, 17, 18, 19, 20, 21  # TENTATIVE: a new code heard once
INTS = 22
# columns of floats
LAT_DEG, LON_DEG, EAST_KN, NORTH_KN, CLIMB_FPM, ALT_FT = 0, 1, 2, 3, 4, 5
FLOATS = 6

NEVER = -(1 << 62)
SHADOW = 1 << 25  # in a key, beside 24 bits of address and bit 24 for an anonymous one

# verdicts on a position
ACCEPTED, WAITING, IMPLAUSIBLE, OUT_OF_RANGE, AMBIGUOUS = 0, 1, 2, 3, 4

# settings, a float64 row
RX_LAT_DEG, RX_LON_DEG, RANGE_MAX_M, STEP_MIN_S = 0, 1, 2, 3

LOCAL_NS = 600_000_000_000  # a last place so old still decides which zone: at 550 m/s it is 330 km, half a zone
PAIR_NS = 10_000_000_000  # DO-260B A.1.7.7
PAIR_MOVING_NS = 25_000_000_000  # on the surface; 50 s when standing (A.1.7.8)
PAIR_STANDING_NS = 50_000_000_000
TAKE_OVER_NS = 10_000_000_000  # a first craft silent for so long gives way to its shadow
CONFLICT_FOR_NS = 60_000_000_000
SPEED_MAX_MPS = 700.0  # over ground: the fastest airliner in a jet stream does 390
SLACK_M = 600.0  # what wrong times and coarse positions may add
CONFIRMED = 3


@njit(cache=True, nogil=True)
def _home(key: int, mask: int) -> int:
    return int(((key * 0x9E3779B1) >> 13) & mask)


@njit(cache=True, nogil=True)
def find(index: I4, ints: I8, key: int) -> int:
    """Row of a key, −1 where it is not known. The index has a power of two of places, never more than half full.

    >>> import numpy as np
    >>> find(np.full(8, -1, np.int32), np.zeros((4, INTS), np.int64), 0xD00001)
    -1
    """
    mask = len(index) - 1
    at = _home(key, mask)
    while index[at] >= 0:
        if ints[index[at], KEY] == key:
            return int(index[at])
        at = (at + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def _forget(index: I4, ints: I8, key: int) -> None:
    """Take a key out; the ones probed past it move up (Knuth, vol. 3, 6.4 algorithm R)."""
    mask = len(index) - 1
    at = _home(key, mask)
    while ints[index[at], KEY] != key:
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        if index[at] < 0:
            break
        home = _home(ints[index[at], KEY], mask)
        if ((at - home) & mask) >= ((at - hole) & mask):
            index[hole] = index[at]
            hole = at
    index[hole] = -1


@njit(cache=True, nogil=True)
def blank(ints: I8, floats: F8, row: int) -> None:
    """Make a row one of which nothing is known.

    >>> import numpy as np
    >>> ints, floats = np.zeros((1, INTS), np.int64), np.zeros((1, FLOATS))
    >>> blank(ints, floats, 0)
    >>> int(ints[0, SQUAWK]), float(floats[0, LAT_DEG])
    (-1, nan)
    """
    ints[row, :] = -1
    for column in (SEEN, SURE, EVEN_NS, ODD_NS, PLACE_NS, VELOCITY_NS, ALT_NS, CONFLICT_NS):
        ints[row, column] = NEVER
    ints[row, HITS] = 0
    ints[row, EMERGENCY] = 0
    floats[row, :] = math.nan


@njit(cache=True, nogil=True)
def claim(index: I4, ints: I8, floats: F8, used: I8, key: int, now_ns: int) -> int:
    """Row of a key, made where it is new; when every row is taken, the one unheard for longest is given up.

    ``used``: one number, rows taken so far; one more is taken where there is room. used[1] counts those given up.
    A full table costs one pass over it per new key (60 µs at 65,536 rows). Marks the row as heard.
    """
    row = find(index, ints, key)
    if row < 0:
        if used[0] < len(ints):
            row = int(used[0])
            used[0] += 1
        else:
            row = int(np.argmin(ints[:, SEEN]))
            _forget(index, ints, ints[row, KEY])
            used[1] += 1
        blank(ints, floats, row)
        ints[row, KEY] = key
        mask = len(index) - 1
        at = _home(key, mask)
        while index[at] >= 0:
            at = (at + 1) & mask
        index[at] = row
    ints[row, SEEN] = now_ns
    return row


@njit(cache=True, nogil=True)
def distance_m(lat1_deg: float, lon1_deg: float, lat2_deg: float, lon2_deg: float) -> float:
    """Great-circle distance on a sphere of 6,371,009 m (haversine); within 0.6 % of the ellipsoid: for gates only.

    >>> round(distance_m(0.0, 179.5, 0.0, -179.5))
    111195
    """
    half_lat = math.sin(math.radians(lat2_deg - lat1_deg) * 0.5)
    half_lon = math.sin(math.radians(lon2_deg - lon1_deg) * 0.5)
    a = half_lat * half_lat + math.cos(math.radians(lat1_deg)) * math.cos(math.radians(lat2_deg)) * half_lon * half_lon
    return 2.0 * 6371009.0 * math.asin(math.sqrt(min(1.0, a)))


@njit(cache=True, nogil=True)
def _fits(ints: I8, floats: F8, row: int, lat_deg: float, lon_deg: float, now_ns: int, settings: F8) -> bool:
    """Could the craft have come here from its last place?"""
    elapsed_s = max(abs(now_ns - ints[row, PLACE_NS]) * 1e-9, settings[STEP_MIN_S])
    way_m = distance_m(floats[row, LAT_DEG], floats[row, LON_DEG], lat_deg, lon_deg)
    return bool(way_m <= SPEED_MAX_MPS * elapsed_s + SLACK_M)


@njit(cache=True, nogil=True)
def _beyond(lat_deg: float, lon_deg: float, settings: F8) -> bool:
    """Further from the receiver than it can hear? Never where the receiver's place is not known."""
    if not abs(settings[RX_LAT_DEG]) <= 90.0:
        return False
    return bool(distance_m(settings[RX_LAT_DEG], settings[RX_LON_DEG], lat_deg, lon_deg) > settings[RANGE_MAX_M])


@njit(cache=True, nogil=True)
def _settle(ints: I8, floats: F8, row: int, lat_deg: float, lon_deg: float, now_ns: int) -> None:
    floats[row, LAT_DEG] = lat_deg
    floats[row, LON_DEG] = lon_deg
    ints[row, PLACE_NS] = now_ns
    ints[row, HITS] += 1


@njit(cache=True, nogil=True)
def _keep(ints: I8, row: int, yz: int, xz: int, odd: bool, surface: bool, now_ns: int) -> None:
    first = ODD_NS if odd else EVEN_NS
    ints[row, first] = now_ns
    ints[row, first + 1] = yz
    ints[row, first + 2] = xz
    ints[row, first + 3] = 1 if surface else 0


@njit(cache=True, nogil=True)
def _pair(
    ints: I8, floats: F8, row: int, odd: bool, surface: bool, pair_ns: int, settings: F8
) -> tuple[int, float, float]:
    """The position that the kept even and odd frames give together, without help of a recent place."""
    apart_ns = abs(ints[row, EVEN_NS] - ints[row, ODD_NS])
    both = ints[row, EVEN_NS] != NEVER and ints[row, ODD_NS] != NEVER
    if not both or apart_ns > pair_ns or ints[row, EVEN_SURFACE] != ints[row, ODD_SURFACE]:
        return WAITING, math.nan, math.nan
    yz0, xz0, yz1, xz1 = ints[row, EVEN_LAT], ints[row, EVEN_LON], ints[row, ODD_LAT], ints[row, ODD_LON]
    if surface:
        ref_lat, ref_lon = floats[row, LAT_DEG], floats[row, LON_DEG]
        if not abs(ref_lat) <= 90.0:
            ref_lat, ref_lon = settings[RX_LAT_DEG], settings[RX_LON_DEG]
        if not abs(ref_lat) <= 90.0:
            return AMBIGUOUS, math.nan, math.nan
        found, lat, lon = surface_from_pair(yz0, xz0, yz1, xz1, odd, ref_lat, ref_lon)
    else:
        found, lat, lon = from_pair(yz0, xz0, yz1, xz1, odd)
    return (ACCEPTED if found else WAITING), lat, lon


@njit(cache=True, nogil=True)
def place(
    ints: I8,
    floats: F8,
    row: int,
    yz: int,
    xz: int,
    odd: bool,
    surface: bool,
    pair_ns: int,
    now_ns: int,
    settings: F8,
) -> tuple[int, float, float]:
    """The position that one frame gives a row, and the verdict on it.

    With a place not older than ten minutes: the one frame decodes relative to it, and must be reachable from there.
    Else it waits for its other half. A row that three positions have not yet confirmed starts anew when the next does
    not fit: one of them was a ghost.
    """
    age_ns = abs(now_ns - ints[row, PLACE_NS]) if ints[row, PLACE_NS] != NEVER else LOCAL_NS + 1
    if age_ns <= LOCAL_NS:
        found, lat, lon = from_reference(yz, xz, odd, surface, floats[row, LAT_DEG], floats[row, LON_DEG])
        if found and _fits(ints, floats, row, lat, lon, now_ns, settings):
            return _judge(ints, floats, row, yz, xz, odd, surface, lat, lon, now_ns, settings)
        if ints[row, HITS] >= CONFIRMED:
            return IMPLAUSIBLE, math.nan, math.nan
        ints[row, PLACE_NS] = NEVER
        ints[row, HITS] = 0
    _keep(ints, row, yz, xz, odd, surface, now_ns)
    verdict, lat, lon = _pair(ints, floats, row, odd, surface, pair_ns, settings)
    if verdict != ACCEPTED:
        return verdict, lat, lon
    return _judge(ints, floats, row, yz, xz, odd, surface, lat, lon, now_ns, settings)


@njit(cache=True, nogil=True)
def _judge(
    ints: I8,
    floats: F8,
    row: int,
    yz: int,
    xz: int,
    odd: bool,
    surface: bool,
    lat_deg: float,
    lon_deg: float,
    now_ns: int,
    settings: F8,
) -> tuple[int, float, float]:
    if _beyond(lat_deg, lon_deg, settings):
        return OUT_OF_RANGE, math.nan, math.nan
    _keep(ints, row, yz, xz, odd, surface, now_ns)
    _settle(ints, floats, row, lat_deg, lon_deg, now_ns)
    return ACCEPTED, lat_deg, lon_deg


@njit(cache=True, nogil=True)
def place_given(
    ints: I8, floats: F8, row: int, lat_deg: float, lon_deg: float, now_ns: int, settings: F8
) -> tuple[int, float, float]:
    """The verdict on a position that somebody else decoded (SBS, aircraft.json): the same gate, no pairing."""
    if _beyond(lat_deg, lon_deg, settings):
        return OUT_OF_RANGE, math.nan, math.nan
    known = ints[row, PLACE_NS] != NEVER and abs(now_ns - ints[row, PLACE_NS]) <= LOCAL_NS
    if known and not _fits(ints, floats, row, lat_deg, lon_deg, now_ns, settings):
        if ints[row, HITS] >= CONFIRMED:
            return IMPLAUSIBLE, math.nan, math.nan
        ints[row, HITS] = 0
    _settle(ints, floats, row, lat_deg, lon_deg, now_ns)
    return ACCEPTED, lat_deg, lon_deg


@njit(cache=True, nogil=True)
def resolve(ints: I8, floats: F8, row: int, shadow: int, verdict: int, now_ns: int) -> int:
    """What a shadow's verdict means for the address: ACCEPTED where two places or more bear it out, else IMPLAUSIBLE.

    A first craft that no frame has fitted for ten seconds gives way: the shadow's place becomes the row's own. While
    both go on, both are marked as in conflict.
    """
    if verdict == IMPLAUSIBLE and abs(now_ns - ints[shadow, PLACE_NS]) > TAKE_OVER_NS:
        ints[shadow, PLACE_NS] = NEVER
        ints[shadow, HITS] = 0
    if verdict != ACCEPTED or ints[shadow, HITS] < 2:
        return IMPLAUSIBLE
    if now_ns - ints[row, PLACE_NS] > TAKE_OVER_NS:
        for column in (
            EVEN_NS,
            EVEN_LAT,
            EVEN_LON,
            EVEN_SURFACE,
            ODD_NS,
            ODD_LAT,
            ODD_LON,
            ODD_SURFACE,
            PLACE_NS,
            HITS,
        ):
            ints[row, column] = ints[shadow, column]
        floats[row, LAT_DEG], floats[row, LON_DEG] = floats[shadow, LAT_DEG], floats[shadow, LON_DEG]
        ints[shadow, PLACE_NS] = NEVER
        ints[shadow, HITS] = 0
        ints[shadow, EVEN_NS] = NEVER
        ints[shadow, ODD_NS] = NEVER
    else:
        ints[row, CONFLICT_NS] = now_ns
    return ACCEPTED


@njit(cache=True, nogil=True)
def reindex(index: I4, ints: I8, rows: int) -> None:
    """Enter the first so many rows into an empty index."""
    mask = len(index) - 1
    for row in range(rows):
        at = _home(ints[row, KEY], mask)
        while index[at] >= 0:
            at = (at + 1) & mask
        index[at] = row
