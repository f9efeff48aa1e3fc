"""One nested grid of equal areas for the whole federation: a cell says "somewhere in here" and nothing finer.

Six faces (four around the equator, two on the poles), each a square of 9·2¹⁰ by 9·2¹⁰ smallest cells; a cell of the
next tier is two by two of the tier below. docs/spec/grid.md gives formulae and vectors.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels.geodesy import A_M, E2

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
U8 = NDArray[np.uint64]

TIERS = 11
CELLS_M = tuple(1000 << k for k in range(TIERS))  # nominal sides
ACROSS = 9 << (TIERS - 1)  # cells of tier 0 along the side of a face
E = math.sqrt(E2)
Q_POLE = 1.0 + (1.0 - E2) * math.atanh(E) / E
AUTHALIC_M = A_M * math.sqrt(Q_POLE / 2.0)  # radius of the sphere of the same area
FACE_M = AUTHALIC_M * math.sqrt(2.0 * math.pi / 3.0)  # side of the square of a face's area
SIDE_M = FACE_M / ACROSS  # of a cell of tier 0: 1000.4…; twice that at tier 1, and so on
NARROWEST = 0.67  # no cell is anywhere narrower than this part of its side
NORTH, SOUTH = 4, 5
MARK = 1 << 56  # version of the numbering; no cell is 0


@njit(cache=True, nogil=True)
def authalic(sin_lat: float) -> float:
    """Sine of the authalic latitude: the part of the ellipsoid's half area between the equator and a latitude.

    sin β = q / q_pole, q = (1 − e²) [s / (1 − e² s²) + artanh(e s) / e], s = sin φ. In: −1..1, unchecked. Monotone,
    odd, exact to 2 ulp. Snyder, Map Projections – A Working Manual (1987), (3-11), (3-12).

    >>> authalic(0.0), authalic(1.0), round(authalic(0.5), 6)
    (0.0, 1.0, 0.498321)
    """
    q: float = (1.0 - E2) * (sin_lat / (1.0 - E2 * sin_lat * sin_lat) + math.atanh(E * sin_lat) / E)
    return min(1.0, max(-1.0, q / Q_POLE))


@njit(cache=True, nogil=True)
def geodetic(sin_beta: float) -> float:
    """Sine of the geodetic latitude of an authalic one; the other way round of ``authalic``, by Newton's rule.

    dq/ds = 2 (1 − e²) / (1 − e² s²)². In: −1..1. Four rounds are exact to 2 ulp.

    >>> round(geodetic(authalic(0.7)), 12)
    0.7
    """
    s = sin_beta
    for _ in range(4):
        w = 1.0 - E2 * s * s
        q = (1.0 - E2) * (s / w + math.atanh(E * s) / E)
        s -= (q - sin_beta * Q_POLE) * w * w / (2.0 * (1.0 - E2))
        s = min(1.0, max(-1.0, s))
    return s


@njit(cache=True, nogil=True)
def place(lat_rad: float, lon_rad: float) -> tuple[int, float, float]:
    """Face and place on it, a and b in [0, 1], of a position: the projection that keeps areas.

    Between the latitudes whose authalic sine is ±2/3: a = (λ + π) / (π/2) − face, b = (1 + 1.5 sin β) / 2. Beyond,
    with σ = √(3 (1 − |sin β|)) and δ the longitude from the middle of its quarter: v = σ, u = 4 σ δ / π, and the four
    triangles (u, −v) stand around the pole, each turned by a quarter. In: radians; a longitude is taken modulo 2π.
    NaN gives face −1. About 60 ns. Gorski et al., ApJ 622 (2005) 759; the square caps: Gibb, IOP EES 34 (2016) 012012.

    >>> place(0.0, 0.0), [round(v, 3) for v in place(1.571, 2.0)]
    ((2, 0.0, 0.5), [4, 0.5, 0.5])
    """
    if not (math.isfinite(lat_rad) and math.isfinite(lon_rad)):
        return -1, 0.0, 0.0
    z = authalic(math.sin(min(0.5 * math.pi, max(-0.5 * math.pi, lat_rad))))
    turns = (lon_rad + math.pi) / (2.0 * math.pi)
    along = 4.0 * (turns - math.floor(turns))  # 0 at the antimeridian, 4 all around
    quarter = min(int(along), 3)
    a = min(along - quarter, 1.0)
    if abs(z) <= 2.0 / 3.0:
        return quarter, a, 0.5 + 0.75 * z
    v = math.sqrt(3.0 * (1.0 - abs(z)))
    u = (2.0 * a - 1.0) * v
    x, y = u, -v
    for _ in range(quarter):
        x, y = -y, x
    return NORTH if z > 0.0 else SOUTH, 0.5 * (x + 1.0), 0.5 * (y + 1.0)


@njit(cache=True, nogil=True)
def position(face: int, a: float, b: float) -> tuple[float, float]:
    """Latitude and longitude of a place on a face; the other way round of ``place``.

    In: face 0..5, a and b in [0, 1]. Out: radians, longitude in [−π, π]; at a pole it is that of the middle of a
    quarter. About 150 ns.

    >>> [round(v, 9) for v in position(*place(0.6, -3.0))], [round(v, 9) for v in position(*place(-1.4, 1.0))]
    ([0.6, -3.0], [-1.4, 1.0])
    """
    if face < NORTH:
        s = geodetic((b - 0.5) / 0.75)
        return math.asin(s), 0.5 * math.pi * (face + a) - math.pi
    x, y = 2.0 * a - 1.0, 2.0 * b - 1.0
    quarter = 0
    while not (y <= 0.0 and abs(x) <= -y) and quarter < 3:
        x, y = y, -x
        quarter += 1
    v = max(-y, 1e-300)
    z = 1.0 - v * v / 3.0
    lon = 0.5 * math.pi * (quarter + 0.5 * (min(1.0, max(-1.0, x / v)) + 1.0)) - math.pi
    lat = math.asin(geodetic(z))
    return (lat if face == NORTH else -lat), lon


@njit(cache=True, nogil=True)
def number(tier: int, face: int, i: int, j: int) -> int:
    """The 64-bit number of a cell: version 1 << 56 | tier << 48 | face << 40 | row j << 20 | column i.

    >>> hex(number(3, 2, 5, 7))
    '0x103020000700005'
    """
    return MARK | tier << 48 | face << 40 | j << 20 | i


@njit(cache=True, nogil=True)
def cells_of(lat_rad: F8, lon_rad: F8, tier: I8, out: U8) -> None:
    """Number of the cell of each position at its tier, (n,); 0 where a position is not finite or a tier unknown.

    The smallest cell is found and shifted up, so that cells nest exactly whatever the rounding. A place on an edge
    belongs to the cell above it. In: radians. About 70 ns each.

    >>> out = np.zeros(2, np.uint64)
    >>> cells_of(np.array([0.5, 0.5]), np.array([0.2, 0.2]), np.array([0, 10]), out); [hex(v) for v in out.tolist()]
    ['0x1000201ee600495', '0x10a020000700001']
    """
    for k in range(len(lat_rad)):
        t = tier[k]
        face, a, b = place(lat_rad[k], lon_rad[k])
        if face < 0 or t < 0 or t >= TIERS:
            out[k] = 0
        else:
            i, j = min(int(a * ACROSS), ACROSS - 1), min(int(b * ACROSS), ACROSS - 1)
            out[k] = number(t, face, i >> t, j >> t)


@njit(cache=True, nogil=True)
def centres_of(tier: I8, face: I8, i: F8, j: F8, lat_rad: F8, lon_rad: F8) -> None:
    """Latitude and longitude of places counted in cells of a tier, (n,): i + 0.5, j + 0.5 is a centre, i, j a corner.

    >>> lat, lon = np.zeros(1), np.zeros(1)
    >>> centres_of(np.array([10]), np.array([4]), np.array([4.5]), np.array([4.5]), lat, lon); float(lat[0])
    1.5707963267948966
    """
    for k in range(len(tier)):
        n = float(ACROSS >> tier[k])
        lat_rad[k], lon_rad[k] = position(face[k], i[k] / n, j[k] / n)


def tier_of(cell_m: int) -> int:
    """Tier of a nominal side; −1 where there is no such cell.

    >>> tier_of(1000), tier_of(1_024_000), tier_of(10_000)
    (0, 10, -1)
    """
    return CELLS_M.index(cell_m) if cell_m in CELLS_M else -1


def cell_of(lat_rad: F8, lon_rad: F8, tier: int | I8) -> U8:
    """Numbers of the cells in which positions lie, (n,) uint64; 0 where there is none.

    >>> cell_of(np.array([0.5, np.nan]), np.array([0.2, 0.0]), 10).tolist()
    [74874542835630081, 0]
    """
    lat = np.ascontiguousarray(lat_rad, np.float64)
    lon = np.ascontiguousarray(lon_rad, np.float64)
    out = np.zeros(len(lat), np.uint64)
    cells_of(lat, lon, np.ascontiguousarray(np.broadcast_to(np.asarray(tier, np.int64), lat.shape)), out)
    return out


def parts(cells: U8) -> tuple[I8, I8, I8, I8]:
    """Tier, face, column and row of each cell, (n,) int64.

    >>> [v.tolist() for v in parts(np.array([0x103020000700005], np.uint64))]
    [[3], [2], [5], [7]]
    """
    whole = np.ascontiguousarray(cells, np.uint64).view(np.int64)
    return whole >> 48 & 0xFF, whole >> 40 & 0xFF, whole & 0xFFFFF, whole >> 20 & 0xFFFFF


def valid(cells: U8) -> NDArray[np.bool_]:
    """Which numbers are those of cells; what a partner sends is asked first.

    >>> valid(np.array([0, 0x103020000700005, 0x10b020000700005, 0x103070000700005], np.uint64)).tolist()
    [False, True, False, False]
    """
    tier, face, i, j = parts(cells)
    across = ACROSS >> np.minimum(tier, TIERS - 1)
    good = (tier < TIERS) & (face <= SOUTH) & (i < across) & (j < across)
    again = np.int64(MARK) | tier << 48 | face << 40 | j << 20 | i
    return np.asarray(good & (again == np.ascontiguousarray(cells, np.uint64).view(np.int64)))


def parent(cells: U8, up: int | I8 = 1) -> U8:
    """The cell ``up`` tiers above that contains each cell; the largest cells have none: 0. In: valid cells.

    >>> hex(int(parent(np.array([0x103020000700005], np.uint64))[0]))
    '0x104020000300002'
    """
    tier, face, i, j = parts(cells)
    above = tier + up
    out = np.int64(MARK) | above << 48 | face << 40 | (j >> up) << 20 | i >> up
    return np.where(above < TIERS, out, 0).astype(np.uint64)


def centre(cells: U8) -> tuple[F8, F8]:
    """Latitude and longitude of the centre of each cell, radians, (n,). In: valid cells.

    >>> lat, lon = centre(np.array([0x10a020000800001], np.uint64)); round(float(lat[0]), 4), round(float(lon[0]), 4)
    (0.6364, 0.2618)
    """
    return _where(cells, 0.5, 0.5)


def corners(cells: U8) -> tuple[F8, F8]:
    """Latitudes and longitudes of the four corners, (n, 4) each, in order around the cell. In: valid cells.

    Around the equator the edges are meridians and parallels; on the caps they are curves, and the corners of a cell
    on the middle of a cap lie around the pole.

    >>> lat, lon = corners(np.array([0x10a020000800001], np.uint64)); np.round(lon, 3).tolist()
    [[0.175, 0.349, 0.349, 0.175]]
    """
    found = [_where(cells, i, j) for i, j in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))]
    return np.stack([lat for lat, _ in found], axis=1), np.stack([lon for _, lon in found], axis=1)


def half_m(cells: U8) -> F8:
    """Half the side of the square of the same area, metres, (n,). All cells of a tier have one area.

    >>> np.round(half_m(np.array([0x100020000000000, 0x103020000700005], np.uint64)), 1).tolist()
    [500.2, 4001.8]
    """
    tier = parts(cells)[0]
    return np.asarray(0.5 * SIDE_M * np.left_shift(1, np.clip(tier, 0, TIERS - 1)))


def _where(cells: U8, di: float, dj: float) -> tuple[F8, F8]:
    tier, face, i, j = parts(cells)
    lat, lon = np.zeros(len(tier)), np.zeros(len(tier))
    centres_of(tier, face, (i + di).astype(np.float64), (j + dj).astype(np.float64), lat, lon)
    return lat, lon


def warm() -> None:
    """Compile every kernel once."""
    centre(cell_of(np.zeros(1), np.zeros(1), 0))
