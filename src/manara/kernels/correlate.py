"""Track with track: bring both to one time, find who is near, judge how well they agree.

::

    reckon ─▶ lay ─▶ candidates ─▶ assignment.assign
                └──▶ agreement (of pairs that are already joined)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman
from manara.kernels.fusion import Moving, inverse, times, twist
from manara.kernels.gate import ALONE, OTHER_CODE, SAME_CODE, keep

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

CELL_M = 4000.0
REACH_M = 2000.0  # no two tracks farther apart are joined unless they have one name
JOIN = 13.3  # χ² with four degrees of freedom, 99 %
PART = 23.5  # 99.99 %: whoever is joined is not parted for a trifle
NAMED = 100.0  # one name: what else is known must contradict it clearly
SAME_NAME = -20.0  # what one name adds to the cost
SAME_AS_BEFORE = -8.0
NEVER = 1e9
CLIMB_LIMIT_S = 30.0
HEIGHT_GATE_M = 600.0  # between two heights of the same reference
_HALF = 1 << 20


class Labels(NamedTuple):
    """What tracks are called, shape (n,) int64; 0: not known. ``name``: an identity that may be compared."""

    name: I8
    domain: I8
    mode_3a: I8  # -1: none
    alt_ref: I8


class Bias(NamedTuple):
    """What sensors of two partners may differ by beyond their covariances, per axis."""

    place_m: F8  # (4,) by domain
    speed_mps: float


@njit(cache=True, nogil=True)
def reckon(lat_rad: F8, lon_rad: F8, alt_m: F8, climb_mps: F8, ve: F8, vn: F8, cov: F8, dt_s: F8, q: F8) -> Moving:
    """Tracks as they stand dt_s seconds on, each straight along its great circle with its covariance grown.

    As ``life.read`` does for our own. In: radians, m, m/s, (n, 10), seconds ≥ 0, m²/s³; positions and covariances
    finite. Out: new arrays. Height follows the climb for at most 30 s. 0.2 µs a track.

    >>> z, one = np.zeros(1), np.ones(1)
    >>> m = reckon(z, z, z, z, 10.0 * one, z, np.zeros((1, 10)), 2.0 * one, 3.0 * one)
    >>> round(float(m.at[0, 1]) * 6378137.0, 6), float(m.cov[0, 7])
    (20.0, 6.0)
    """
    n = len(lat_rad)
    at, vel, grown, height = np.empty((n, 3)), np.empty((n, 2)), cov.copy(), alt_m.copy()
    for k in range(n):
        x, y, z = geodesy.nvector(lat_rad[k], lon_rad[k])
        alt = alt_m[k] if math.isfinite(alt_m[k]) else 0.0
        dt = dt_s[k]
        x, y, z, c, s = geodesy.move(x, y, z, alt, dt * ve[k], dt * vn[k])
        if dt > 0.0:
            kalman.predict(grown, k, dt, q[k])
            kalman.turn(grown, k, c, s)
        at[k, 0], at[k, 1], at[k, 2] = x, y, z
        vel[k, 0], vel[k, 1] = c * ve[k] - s * vn[k], s * ve[k] + c * vn[k]
        if abs(climb_mps[k]) < 500.0:
            height[k] += climb_mps[k] * min(dt, CLIMB_LIMIT_S)
    return Moving(at, height, vel, grown)


@njit(cache=True, nogil=True)
def places(at: F8) -> tuple[F8, F8]:
    """Latitude and longitude of n-vectors, (n, 3).

    >>> [round(float(v[0]), 6) for v in places(np.array([[0.0, 1.0, 0.0]]))]
    [0.0, 1.570796]
    """
    lat, lon = np.empty(len(at)), np.empty(len(at))
    for k in range(len(at)):
        lat[k], lon[k] = geodesy.lat_lon(at[k, 0], at[k, 1], at[k, 2])
    return lat, lon


class Ground(NamedTuple):
    """Tracks sorted by the cell of earth-centred space in which they are."""

    key: I8
    row: I8


@njit(cache=True, nogil=True)
def _cell(x: int, y: int, z: int) -> int:
    return ((x + _HALF) << 42) | ((y + _HALF) << 21) | (z + _HALF)


@njit(cache=True, nogil=True)
def lay(at: F8) -> Ground:
    """Sort tracks into cells of ``CELL_M``, so that ``near`` finds them. n log n, 0.1 µs a track.

    >>> lay(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])).row.tolist()
    [1, 0]
    """
    key, scale = np.empty(len(at), np.int64), 6371e3 / CELL_M
    for k in range(len(at)):
        key[k] = _cell(math.floor(at[k, 0] * scale), math.floor(at[k, 1] * scale), math.floor(at[k, 2] * scale))
    row = np.argsort(key, kind="mergesort")
    return Ground(key[row], row)


@njit(cache=True, nogil=True)
def near(ground: Ground, at: F8, x: float, y: float, z: float, out: I8) -> int:
    """Rows within ``REACH_M`` of a point on the sphere, at most len(out); returns how many.

    The eight cells around the nearest corner hold everything within half an edge.

    >>> at = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    >>> out = np.empty(4, np.int64); near(lay(at), at, 1.0, 1e-5, 0.0, out), int(out[0])
    (1, 0)
    """
    scale, n = 6371e3 / CELL_M, 0
    limit = REACH_M / 6371e3 * (REACH_M / 6371e3)
    bx, by, bz = math.floor(x * scale - 0.5), math.floor(y * scale - 0.5), math.floor(z * scale - 0.5)
    for corner in range(8):
        key = _cell(bx + (corner & 1), by + ((corner >> 1) & 1), bz + (corner >> 2))
        p = np.searchsorted(ground.key, key)
        while p < len(ground.key) and ground.key[p] == key and n < len(out):
            k = ground.row[p]
            dx, dy, dz = at[k, 0] - x, at[k, 1] - y, at[k, 2] - z
            if dx * dx + dy * dy + dz * dz <= limit:
                out[n] = k
                n += 1
            p += 1
    return n


@njit(cache=True, nogil=True, inline="always")
def misfit(a: Moving, i: int, b: Moving, j: int, place_m: float, speed_mps: float, room: F8) -> tuple[float, float]:
    """How badly track j of b fits track i of a: squared Mahalanobis distance over position and velocity, and ln |S|.

    S = P₁ + P₂ + bias². What the two have in common is left out: both follow one craft with one unsteadiness, so
    it makes S smaller, and the gate is rather too wide than too narrow. In: ``room`` (4, 10). Out: (inf, 0) where S is
    not positive definite. 0.2 µs.

    >>> m = Moving(np.array([[1.0, 0, 0]]), np.zeros(1), np.zeros((1, 2)), np.array([[1.0, 0, 0, 0, 1, 0, 0, 1, 0, 1]]))
    >>> misfit(m, 0, m, 0, 0.0, 0.0, np.empty((4, 10)))[0]
    0.0
    """
    alt = a.alt_m[i] if math.isfinite(a.alt_m[i]) else 0.0
    x, y, z = a.at[i, 0], a.at[i, 1], a.at[i, 2]
    gap, back = room[2, :4], room[2, 4:8]
    gap[0], gap[1] = geodesy.offset(x, y, z, alt, b.at[j, 0], b.at[j, 1], b.at[j, 2])
    c, s = twist(x, y, z, b.at[j, 0], b.at[j, 1], b.at[j, 2])
    gap[2] = c * b.vel_mps[j, 0] + s * b.vel_mps[j, 1] - a.vel_mps[i, 0]
    gap[3] = c * b.vel_mps[j, 1] - s * b.vel_mps[j, 0] - a.vel_mps[i, 1]
    room[0, :] = b.cov[j]
    kalman.turn(room, 0, c, -s)
    for m in range(10):
        room[0, m] += a.cov[i, m]
    room[0, 0] += place_m * place_m
    room[0, 4] += place_m * place_m
    room[0, 7] += speed_mps * speed_mps
    room[0, 9] += speed_mps * speed_mps
    det = inverse(room[0], room[1])
    if det <= 0.0:
        return math.inf, 0.0
    times(room[1], gap, back)
    return gap[0] * back[0] + gap[1] * back[1] + gap[2] * back[2] + gap[3] * back[3], math.log(det)


@njit(cache=True, nogil=True, inline="always")
def fits(a: Moving, la: Labels, i: int, b: Moving, lb: Labels, j: int) -> int:
    """Whether labels let two tracks be one: 0 no, 1 yes, 2 they have one name.

    No: two domains, two names of one kind (the top byte), heights of one reference far apart.

    >>> f, i = np.full(1, np.nan), np.zeros(1, np.int64)
    >>> m = Moving(np.zeros((1, 3)), f, np.zeros((1, 2)), np.zeros((1, 10)))
    >>> one, two, none = Labels(i + 7, i + 1, i - 1, i), Labels(i + 8, i, i, i), Labels(i, i, i, i)
    >>> fits(m, one, 0, m, one, 0), fits(m, one, 0, m, two, 0), fits(m, one, 0, m, none, 0)
    (2, 0, 1)
    """
    if la.domain[i] > 0 and lb.domain[j] > 0 and la.domain[i] != lb.domain[j]:
        return 0
    one, two = la.name[i], lb.name[j]
    if one != 0 and one == two:
        return 2
    if one != 0 and two != 0 and one >> 56 == two >> 56:
        return 0
    level = la.alt_ref[i] != 0 and la.alt_ref[i] == lb.alt_ref[j]
    if level and abs(a.alt_m[i] - b.alt_m[j]) > HEIGHT_GATE_M:
        return 0
    return 1


@njit(cache=True, nogil=True)
def agreement(first: I8, second: I8, a: Moving, la: Labels, b: Moving, lb: Labels, bias: Bias) -> F8:
    """How well joined pairs still agree: d² over the gate that parts them; above 1 they disagree.

    ``NEVER`` where labels forbid it. In: n pairs of rows. 0.25 µs a pair.

    >>> m = Moving(np.array([[1.0, 0, 0]]), np.zeros(1), np.zeros((1, 2)), np.array([[1.0, 0, 0, 0, 1, 0, 0, 1, 0, 1]]))
    >>> i = np.zeros(1, np.int64); one = Labels(i, i, i - 1, i)
    >>> agreement(i, i, m, one, m, one, Bias(np.zeros(4), 0.0)).tolist()
    [0.0]
    """
    out, room = np.empty(len(first)), np.empty((4, 10))
    for k in range(len(first)):
        i, j = first[k], second[k]
        may = fits(a, la, i, b, lb, j)
        d2 = misfit(a, i, b, j, bias.place_m[max(la.domain[i], lb.domain[j])], bias.speed_mps, room)[0]
        out[k] = d2 / (NAMED if may == 2 else PART) if may > 0 else NEVER
    return out


@njit(cache=True, nogil=True)
def candidates(
    free: I8, taken: NDArray[np.bool_], namesake: I8, ground: Ground, a: Moving, la: Labels, b: Moving, lb: Labels,
    bias: Bias, sticky: I8, handicap: F8, count: I8, col: I8, cost: F8, odd: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Whom each track of b that stands alone may be, with the cost of it, for ``assignment.assign``.

    cost = d² + ln |S| + what labels add − ALONE: negative inside the gate, absent outside. A track of one name
    (``namesake``: its row in a, −1 for none) is looked at wherever it is; where even the widest gate says that it is
    another craft, ``odd`` is set: the name is in doubt. ``sticky`` (m,): row of a that it agreed with before, −1 for
    none: of two that are as good, that one; ``handicap`` (n,): added to the cost of a row of a.
    In: ``free`` (m,) rows of b; ``taken`` (n,) rows of a that another track of this partner already is. Out: count
    (m,), col and cost (m, K), odd (m,). 1 to 3 µs a row in a crowded place.

    >>> m = Moving(np.array([[1.0, 0, 0]]), np.zeros(1), np.zeros((1, 2)), np.array([[1.0, 0, 0, 0, 1, 0, 0, 1, 0, 1]]))
    >>> i = np.zeros(1, np.int64); one = Labels(i, i, i - 1, i); n, odd = np.zeros(1, np.int64), np.zeros(1, np.bool_)
    >>> col, cost = np.zeros((1, 2), np.int64), np.zeros((1, 2))
    >>> candidates(i, odd, i - 1, lay(m.at), m, one, m, one, Bias(np.zeros(4), 0.0), i, i * 1.0, n, col, cost, odd)
    >>> int(n[0])
    1
    """
    room, rows = np.empty((4, 10)), np.empty(256, np.int64)
    for k in range(len(free)):
        j = free[k]
        n = near(ground, a.at, b.at[j, 0], b.at[j, 1], b.at[j, 2], rows[:255])
        if namesake[k] >= 0 and not _among(rows, n, namesake[k]):
            rows[n] = namesake[k]
            n += 1
        for m in range(n):
            i = rows[m]
            may = 0 if taken[i] else fits(a, la, i, b, lb, j)
            place_m = bias.place_m[max(la.domain[i], lb.domain[j])]
            if may == 0 or (may == 1 and _far(a, i, b, j, place_m)):
                continue
            d2, size = misfit(a, i, b, j, place_m, bias.speed_mps, room)
            if may == 2 and d2 > NAMED:
                odd[k] = True
            if not d2 <= (NAMED if may == 2 else JOIN):
                continue
            price = d2 + size - ALONE
            if may == 2:
                price += SAME_NAME - NAMED
            if la.mode_3a[i] >= 0 and lb.mode_3a[j] >= 0:
                price += SAME_CODE if la.mode_3a[i] == lb.mode_3a[j] else OTHER_CODE
            price += handicap[i] + (SAME_AS_BEFORE if i == sticky[k] else 0.0)
            keep(count, col, cost, k, i, min(price, -1e-3))


@njit(cache=True, nogil=True, inline="always")
def _far(a: Moving, i: int, b: Moving, j: int, place_m: float) -> bool:
    """Whether the distance alone is outside the gate: d² is at least |Δ|² over the trace of its covariance."""
    dx, dy, dz = a.at[i, 0] - b.at[j, 0], a.at[i, 1] - b.at[j, 1], a.at[i, 2] - b.at[j, 2]
    spread = a.cov[i, 0] + a.cov[i, 4] + b.cov[j, 0] + b.cov[j, 4] + 2.0 * place_m * place_m
    # The chord on a sphere that is smaller than the earth anywhere: never too long.
    return bool((dx * dx + dy * dy + dz * dz) * 6.33e6 * 6.33e6 > JOIN * spread)


@njit(cache=True, nogil=True)
def _among(rows: I8, n: int, row: int) -> bool:
    found = False
    for m in range(n):
        found = found or rows[m] == row
    return bool(found)


@njit(cache=True, nogil=True)
def squares(lat_rad: F8, lon_rad: F8, lats_rad: F8, lons_rad: F8) -> F8:
    """Half the side of the square around each centre, along east and north, that holds its four corners: (n,), metres.

    In: centres (n,), corners (n, 4), radians. 0.4 µs each.

    >>> z = np.zeros(1); round(float(squares(z, z, np.full((1, 4), 1e-4), np.full((1, 4), -2e-4))[0]), 3)
    1275.627
    """
    out = np.zeros(len(lat_rad))
    for k in range(len(lat_rad)):
        x, y, z = geodesy.nvector(lat_rad[k], lon_rad[k])
        for m in range(lats_rad.shape[1]):
            px, py, pz = geodesy.nvector(lats_rad[k, m], lons_rad[k, m])
            e, n = geodesy.offset(x, y, z, 0.0, px, py, pz)
            out[k] = max(out[k], abs(e), abs(n))
    return out


@njit(cache=True, nogil=True)
def in_square(x: float, y: float, z: float, half_m: float, domain: int, at: F8, domains: I8) -> NDArray[np.bool_]:
    """Which tracks lie in a square around a point, of its domain or of an unknown one (0): (n,).

    In: the centre and tracks (n, 3) on the unit sphere; half the side in metres, along east and north of the centre.
    A square wider than 20,000 km holds everything. 3 ns a track that is far, 40 ns one that is near.

    >>> at = np.array([[1.0, 1e-4, 0.0], [0.0, 1.0, 0.0]])
    >>> in_square(1.0, 0.0, 0.0, 700.0, 0, at, np.zeros(2, np.int64)).tolist()
    [True, False]
    """
    out = np.zeros(len(at), np.bool_)
    least = math.cos(min(1.5 * half_m / 6.35e6, math.pi))  # beyond the corner of the square nothing is inside
    for k in range(len(at)):
        if domains[k] != domain and domains[k] != 0 and domain != 0:
            continue
        if half_m > 1e7:
            out[k] = True
        elif at[k, 0] * x + at[k, 1] * y + at[k, 2] * z >= least:
            e, n = geodesy.offset(x, y, z, 0.0, at[k, 0], at[k, 1], at[k, 2])
            out[k] = abs(e) <= half_m and abs(n) <= half_m
    return out


@njit(cache=True, nogil=True)
def within(centre: F8, half_m: F8, domain: I8, at: F8, domains: I8, pairs_max: int) -> I8:
    """How many tracks could be what each region speaks of, see ``in_square``; −1 beyond ``pairs_max`` pairs.

    In: m centres (m, 3) with half sides and domains (m,), n tracks. Out: (m,).

    >>> at = np.array([[1.0, 0.0, 0.0], [1.0, 1e-4, 0.0]]); i = np.zeros(2, np.int64)
    >>> within(at, np.array([700.0, 1.0]), i, at, i, 3).tolist()
    [2, -1]
    """
    out = np.full(len(centre), -1, np.int64)
    for m in range(len(centre)):
        if (m + 1) * len(at) > pairs_max:
            break
        found = in_square(centre[m, 0], centre[m, 1], centre[m, 2], half_m[m], domain[m], at, domains)
        out[m] = found.sum()
    return out
