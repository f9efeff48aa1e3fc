"""Where straight flight leads: how probably each track enters each area within its horizon, and when.

The state at the track's time is a Gaussian [e, n, ve, vn]. It is drawn ``DRAWS`` times, always with the same numbers,
and each draw is a straight line: it is in the area already, it crosses the border at some time, or it does not.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]

DRAWS = 128
FEW = 32  # where none of the first so many enters, no more are drawn: probability 0 for what is below a tenth
STRIPS = 256
LEVELS = 9  # a range of up to 2⁸ strips
SIGMAS = 4.0  # beyond it a border is not looked at: 6 in 100,000 on either side
LOW, HIGH = 0.05, 0.95  # of the draws that enter: between which of them the time of entry is given
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True, nogil=True)
def draws() -> F8:
    """The numbers of all draws, shape (DRAWS, 4): standard normal, evenly spread, in pairs of opposite sign.

    Roberts' R₄ sequence uₖ = frac(½ + k g⁻ⁱ), g⁵ = g + 1, by Box and Muller in pairs; columns scaled to unit variance.
    Mean 0 exactly. The probability of a half plane is right to 0.07 whatever its direction, to 0.04 in the mean.

    >>> made = draws(); made.shape, [round(float(x), 6) + 0.0 for x in (made * made).sum(axis=0) / DRAWS]
    ((128, 4), [1.0, 1.0, 1.0, 1.0])
    """
    g = 1.1673039782614187
    half = DRAWS // 2
    out = np.empty((DRAWS, 4))
    for k in range(half):
        step = float(k + 1)
        for pair in range(2):
            u = (0.5 + step / g) % 1.0
            v = (0.5 + step / (g * g)) % 1.0
            step /= g * g
            radius = math.sqrt(-2.0 * math.log(1.0 - u))
            out[k, 2 * pair] = radius * math.cos(2.0 * math.pi * v)
            out[k, 2 * pair + 1] = radius * math.sin(2.0 * math.pi * v)
    for column in range(4):
        total = 0.0
        for k in range(half):
            total += out[k, column] * out[k, column]
        scale = math.sqrt(half / total)
        for k in range(half):
            out[k, column] *= scale
            out[half + k, column] = -out[k, column]
    return out


@njit(cache=True, nogil=True)
def strips(low: F8, high: F8) -> tuple[float, float, U8]:
    """The index in one dimension: which areas lie over each run of 2ʲ strips, (LEVELS, STRIPS) uint64 bits.

    In: where each of at most 63 areas begins and ends. Out: where the strips begin, how wide each is, the table.

    >>> begin, width, table = strips(np.array([0.0, 2.0]), np.array([1.0, 4.0]))
    >>> [int(over(begin, width, table, a, b)) for a, b in ((0.5, 0.6), (1.5, 1.6), (0.5, 3.0), (5.0, 6.0))]
    [1, 0, 3, 0]
    """
    begin, end = low.min() if len(low) else 0.0, high.max() if len(high) else 0.0
    width = max((end - begin) / STRIPS, 1e-12)
    table = np.zeros((LEVELS, STRIPS), np.uint64)
    for k in range(len(low)):
        first = min(max(int((low[k] - begin) / width), 0), STRIPS - 1)
        last = min(max(int((high[k] - begin) / width), 0), STRIPS - 1)
        for strip in range(first, last + 1):
            table[0, strip] |= np.uint64(1) << np.uint64(k)
    for level in range(1, LEVELS):
        step = 1 << (level - 1)
        for strip in range(STRIPS - 2 * step + 1):
            table[level, strip] = table[level - 1, strip] | table[level - 1, strip + step]
    return begin, width, table


@njit(cache=True, nogil=True)
def over(begin: float, width: float, table: U8, low: float, high: float) -> np.uint64:
    """Bits of the areas that may lie between two values of one dimension; see ``strips``. Never one too few.

    >>> int(over(*strips(np.array([1.0]), np.array([2.0])), 0.0, 0.5))
    0
    """
    if high < begin or low > begin + width * STRIPS:
        return np.uint64(0)
    first = min(max(int((low - begin) / width), 0), STRIPS - 1)
    last = min(max(int((high - begin) / width), 0), STRIPS - 1)
    level, span = 0, last - first + 1
    while 2 << level <= span:
        level += 1
    return np.uint64(table[level, first] | table[level, last + 1 - (1 << level)])


@njit(cache=True, nogil=True)
def root(c: F8, age_s: float, span_s: float, q: float, out: F8) -> None:
    """The lower triangular root of a covariance brought forward by ``age_s``; its velocity widened so that after
    ``span_s`` seconds of straight flight the position is as uncertain as white acceleration of density q makes it.

    P′ = F P Fᵀ + Q(age), P′ᵥᵥ += q·span/3. In: upper triangle of [e, n, ve, vn], (10,); q in m²/s³. Out: (4, 4), lower.
    A covariance that is none (rounding, or a partner's) loses the part that is not: no NaN comes of it.

    >>> out = np.zeros((4, 4)); root(np.array([4.0, 0, 0, 0, 9.0, 0, 0, 1.0, 0, 1.0]), 0.0, 0.0, 0.0, out)
    >>> out.diagonal().tolist()
    [2.0, 3.0, 1.0, 1.0]
    """
    a, wide = age_s, q * span_s / 3.0
    p = np.empty((4, 4))
    p[0, 0] = c[0] + 2.0 * a * c[2] + a * a * c[7] + q * a * a * a / 3.0
    p[1, 0] = c[1] + a * (c[3] + c[5]) + a * a * c[8]
    p[1, 1] = c[4] + 2.0 * a * c[6] + a * a * c[9] + q * a * a * a / 3.0
    p[2, 0], p[2, 1] = c[2] + a * c[7] + q * a * a / 2.0, c[5] + a * c[8]
    p[3, 0], p[3, 1] = c[3] + a * c[8], c[6] + a * c[9] + q * a * a / 2.0
    p[2, 2], p[3, 2], p[3, 3] = c[7] + q * a + wide, c[8], c[9] + q * a + wide
    for i in range(4):
        for j in range(i + 1):
            rest = p[i, j]
            for k in range(j):
                rest -= out[i, k] * out[j, k]
            if i == j:
                out[i, i] = math.sqrt(max(rest, 0.0))
            else:
                out[i, j] = rest / out[j, j] if out[j, j] > 1e-9 else 0.0


@njit(cache=True, nogil=True)
def crossing(x: float, y: float, vx: float, vy: float, at: F8) -> float:
    """When a straight line enters a polygon: 0 where it begins inside, inf where it never does.

    The line itself is the ray of the count: an odd number of crossings ahead means inside. In: metres and m/s; corners
    (m, 2), the last joins the first.

    >>> square = np.array([[10.0, -5.0], [20.0, -5.0], [20.0, 5.0], [10.0, 5.0]])
    >>> [crossing(x, y, 2.0, 0.0, square) for x, y in ((0.0, 0.0), (15.0, 0.0), (0.0, 9.0))]
    [5.0, 0.0, inf]
    """
    speed2 = vx * vx + vy * vy
    if speed2 < 1e-12:
        vx, vy, speed2 = 1e-6, 0.0, 1e-12
    best, odd = math.inf, False
    m = len(at) - 1
    side_m = vx * (at[m, 1] - y) - vy * (at[m, 0] - x)
    along_m = vx * (at[m, 0] - x) + vy * (at[m, 1] - y)
    for k in range(len(at)):
        side_k = vx * (at[k, 1] - y) - vy * (at[k, 0] - x)
        along_k = vx * (at[k, 0] - x) + vy * (at[k, 1] - y)
        if (side_k > 0.0) != (side_m > 0.0):
            along = along_m + side_m / (side_m - side_k) * (along_k - along_m)
            if along > 0.0:
                odd = not odd
                best = min(best, along / speed2)
        side_m, along_m = side_k, along_k
    return 0.0 if odd else best


@njit(cache=True, nogil=True)
def entry(at: F8, ve: float, vn: float, cov: F8, age_s: float, horizon_s: float, q: float, numbers: F8) -> F8:
    """How probably one track is in one area at some time within its horizon: (probability, first, last time in s).

    In: the area's corners (m, 2) in metres from the track's position, the rest as in ``entries``. Out: the times are
    the 5th and the 95th per cent of the draws that enter, from now; NaN where none does.

    >>> square = np.array([[900.0, -500.0], [2000.0, -500.0], [2000.0, 500.0], [900.0, 500.0]])
    >>> [round(float(x), 1) for x in entry(square, 10.0, 0.0, np.zeros(10), 0.0, 100.0, 0.0, draws())]
    [1.0, 90.0, 90.0]
    """
    east, north = 0.0, 0.0
    for k in range(len(at)):
        east += at[k, 0] / len(at)
        north += at[k, 1] / len(at)
    speed2 = max(ve * ve + vn * vn, 1e-9)
    span_s = min(max((east * ve + north * vn) / speed2 - age_s, 0.0), horizon_s)
    low = np.zeros((4, 4))
    root(cov, age_s, span_s, q, low)
    times = np.empty(len(numbers))
    found = 0
    for d in range(len(numbers)):
        if d == FEW and not found:
            break
        z = numbers[d]
        x = ve * age_s + low[0, 0] * z[0]
        y = vn * age_s + low[1, 0] * z[0] + low[1, 1] * z[1]
        vx = ve + low[2, 0] * z[0] + low[2, 1] * z[1] + low[2, 2] * z[2]
        vy = vn + low[3, 0] * z[0] + low[3, 1] * z[1] + low[3, 2] * z[2] + low[3, 3] * z[3]
        when = crossing(x, y, vx, vy, at)
        if when <= horizon_s:
            times[found] = when
            found += 1
    out = np.array([found / len(numbers), math.nan, math.nan])
    if found:
        ordered = np.sort(times[:found])
        out[1], out[2] = ordered[int(LOW * (found - 1))], ordered[math.ceil(HIGH * (found - 1))]
    return out


@njit(cache=True, nogil=True)
def _reach(ve: float, vn: float, cov: F8, age_s: float, horizon_s: float, q: float) -> tuple[float, ...]:
    """Metres west, east, south and north of its position between which a track may be until its horizon."""
    t = age_s + horizon_s
    wide_e = SIGMAS * math.sqrt(max(cov[0] + 2.0 * t * abs(cov[2]) + t * t * cov[7], 0.0) + q * t * t * t / 3.0)
    wide_n = SIGMAS * math.sqrt(max(cov[4] + 2.0 * t * abs(cov[6]) + t * t * cov[9], 0.0) + q * t * t * t / 3.0)
    east, north = ve * t, vn * t
    return min(east, 0.0) - wide_e, max(east, 0.0) + wide_e, min(north, 0.0) - wide_n, max(north, 0.0) + wide_n


@njit(cache=True, nogil=True)
def entries(
    lat_rad: F8, lon_rad: F8, ve_mps: F8, vn_mps: F8, cov: F8, age_s: F8, horizon_s: F8, q: F8,
    first: I8, corner_lat_rad: F8, corner_lon_rad: F8, least: float,
) -> tuple[I8, I8, F8]:  # fmt: skip
    """All pairs of a track and an area that it enters within its horizon with at least probability ``least``.

    Straight flight from a Gaussian state with white acceleration (nearly constant velocity); the probability is that of
    being inside at any time from now on, which is never less than that of being inside at one.

    In: tracks (n,), ``cov`` (n, 10) upper triangle of [e, n, ve, vn] in m, m/s; ``age_s`` since the state's time, q in
    m²/s³; areas as in ``membership.area_bits``, at most 63. A row that is not finite enters nothing. Out: place of the
    track, of the area, (m,) each, and (m, 3) probability, first and last time of entry in s from now; in the order of
    tracks, then areas. An area is looked at only where its strips meet the track's reach of four standard deviations.

    Accuracy: within 0.08 of what 20,000 random draws of the same model say; over 12,000 seeded flights what is said
    comes true as often as it is said (tests/kernels/test_entry.py). Sides are taken as straight in the plane that
    touches at the track: 0.3 km off at 100 km.
    NCV: Bar-Shalom, Li, Kirubarajan, Estimation (2001), §6.2; R₄: Roberts, "The unreasonable effectiveness of
    quasirandom sequences" (2018).

    >>> lat, lon = np.array([0.0, 0.0, 0.02, 0.02]), np.array([0.01, 0.03, 0.03, 0.01])
    >>> one = np.zeros(1)
    >>> who, where, when = entries(one + 0.01, one, one + 200.0, one, np.zeros((1, 10)), one, one + 600.0, one,
    ...                            np.array([0, 4]), lat, lon, 0.5)
    >>> who.tolist(), where.tolist(), [round(float(x)) for x in when[0]]
    ([0], [0], [1, 319, 319])
    """
    areas = min(len(first) - 1, 63)
    box = _boxes(areas, first, corner_lat_rad, corner_lon_rad)
    lat0, high, rows = strips(box[:, 0], box[:, 1])
    lon0, wide, columns = strips(box[:, 2], box[:, 3])
    numbers = draws()
    count, room = 0, len(lat_rad) + 64
    who, where, what = np.empty(room, np.int64), np.empty(room, np.int64), np.empty((room, 3))
    one = np.uint64(1)
    for i in range(len(lat_rad)):
        if not _whole(lat_rad[i], lon_rad[i], ve_mps[i], vn_mps[i], cov[i], age_s[i] + horizon_s[i] + q[i]):
            continue
        west, east, south, north = _reach(ve_mps[i], vn_mps[i], cov[i], age_s[i], horizon_s[i], q[i])
        low, top = lat_rad[i] + south / geodesy.B_M, lat_rad[i] + north / geodesy.B_M
        bits = over(lat0, high, rows, low, top)
        narrow = math.cos(max(abs(low), abs(top))) * geodesy.B_M if max(abs(low), abs(top)) < 1.55 else 0.0
        if narrow > 0.0 and lon_rad[i] + west / narrow > -math.pi and lon_rad[i] + east / narrow < math.pi:
            bits &= over(lon0, wide, columns, lon_rad[i] + west / narrow, lon_rad[i] + east / narrow)
        k = 0
        while bits >> np.uint64(k) and k < areas:
            if bits >> np.uint64(k) & one:
                at = _plane(lat_rad[i], lon_rad[i], corner_lat_rad, corner_lon_rad, first[k], first[k + 1])
                if len(at) > 2 and _meets(at, west, east, south, north):
                    found = entry(at, ve_mps[i], vn_mps[i], cov[i], age_s[i], horizon_s[i], q[i], numbers)
                    if found[0] >= least and found[0] > 0.0:
                        if count == room:
                            who, where, what, room = _roomier(who, where, what)
                        who[count], where[count], what[count] = i, k, found
                        count += 1
            k += 1
    return who[:count], where[:count], what[:count]


@njit(cache=True, nogil=True)
def _boxes(areas: int, first: I8, lat_rad: F8, lon_rad: F8) -> F8:
    """South, north, west, east of each area; for one without corners nothing that could be met."""
    box = np.empty((areas, 4))
    for k in range(areas):
        box[k, 0], box[k, 1], box[k, 2], box[k, 3] = 0.0, 0.0, 0.0, 0.0
        if first[k + 1] > first[k]:
            box[k, 0], box[k, 1] = lat_rad[first[k] : first[k + 1]].min(), lat_rad[first[k] : first[k + 1]].max()
            box[k, 2], box[k, 3] = lon_rad[first[k] : first[k + 1]].min(), lon_rad[first[k] : first[k + 1]].max()
    return box


@njit(cache=True, nogil=True)
def _whole(lat: float, lon: float, ve: float, vn: float, cov: F8, rest: float) -> bool:
    total = lat + lon + ve + vn + rest
    for k in range(10):
        total += cov[k]
    return math.isfinite(total)


@njit(cache=True, nogil=True)
def _plane(lat: float, lon: float, corner_lat: F8, corner_lon: F8, begin: int, end: int) -> F8:
    """Corners as metres east and north of a place."""
    nx, ny, nz = geodesy.nvector(lat, lon)
    at = np.empty((end - begin, 2))
    for m in range(begin, end):
        px, py, pz = geodesy.nvector(corner_lat[m], corner_lon[m])
        at[m - begin, 0], at[m - begin, 1] = geodesy.offset(nx, ny, nz, 0.0, px, py, pz)
    return at


@njit(cache=True, nogil=True)
def _meets(at: F8, west: float, east: float, south: float, north: float) -> bool:
    meets: bool = at[:, 0].max() >= west and at[:, 0].min() <= east
    return meets and at[:, 1].max() >= south and at[:, 1].min() <= north


@njit(cache=True, nogil=True)
def _roomier(who: I8, where: I8, what: F8) -> tuple[I8, I8, F8, int]:
    room = 2 * len(who)
    a, b, c = np.empty(room, np.int64), np.empty(room, np.int64), np.empty((room, 3))
    a[: len(who)], b[: len(who)], c[: len(who)] = who, where, what
    return a, b, c, room
