"""Positions on WGS-84 without a seam: the n-vector (unit normal of the ellipsoid) and the frame that stands on it.

Latitude and longitude are read only at the edges; in between nothing is special about a pole or the antimeridian.
"""

from __future__ import annotations

import math

from numba import njit

A_M = 6378137.0  # WGS-84 equatorial radius
F = 1.0 / 298.257223563
E2 = F * (2.0 - F)
B_M = A_M * (1.0 - F)
EP2 = E2 / (1.0 - E2)
SMALL = 0.01  # angle below which a few terms of a series say all


@njit(cache=True, nogil=True)
def nvector(lat_rad: float, lon_rad: float) -> tuple[float, float, float]:
    """Unit normal of the ellipsoid at a geodetic latitude and longitude.

    n = (cos φ cos λ, cos φ sin λ, sin φ). In: radians, not checked. Out: length 1 to 2 ulp. NaN in, NaN out.

    >>> [round(x, 6) for x in nvector(0.0, 0.0)]
    [1.0, 0.0, 0.0]
    """
    c = math.cos(lat_rad)
    return c * math.cos(lon_rad), c * math.sin(lon_rad), math.sin(lat_rad)


@njit(cache=True, nogil=True)
def lat_lon(nx: float, ny: float, nz: float) -> tuple[float, float]:
    """Geodetic latitude and longitude of an n-vector; the other way round of ``nvector``.

    φ = atan2(nz, |(nx, ny)|), λ = atan2(ny, nx). Exact to 1 ulp at any latitude; at a pole λ is 0 by convention.

    >>> [round(x, 6) for x in lat_lon(*nvector(1.5, -3.0))]
    [1.5, -3.0]
    """
    return math.atan2(nz, math.sqrt(nx * nx + ny * ny)), math.atan2(ny, nx)


@njit(cache=True, nogil=True)
def frame(nx: float, ny: float, nz: float) -> tuple[float, float, float, float, float]:
    """East (its z is 0) and north of the local frame at an n-vector: (ex, ey, northx, northy, northz).

    e = ẑ × n / |ẑ × n|, north = n × e. Within 6 µm of a pole the meridian of λ = 0 is taken, so the
    result is always an orthonormal pair.

    >>> [round(v, 3) + 0.0 for v in frame(0.0, 1.0, 0.0)]
    [-1.0, 0.0, 0.0, 0.0, 1.0]
    """
    h = math.sqrt(nx * nx + ny * ny)
    ex, ey = 0.0, 1.0
    if h > 1e-12:
        ex, ey = -ny / h, nx / h
    return ex, ey, -nz * ey, nz * ex, nx * ey - ny * ex


@njit(cache=True, nogil=True)
def radii(nz: float, alt_m: float) -> tuple[float, float]:
    """Radii of curvature at a height: (prime vertical N + h, for east; meridian M + h, for north), metres.

    N = a / √(1 − e² sin²φ), M = N (1 − e²) / (1 − e² sin²φ). ``nz`` is sin φ. Equal to each other at the poles.

    >>> [round(x) for x in radii(0.0, 0.0)]
    [6378137, 6335439]
    """
    w = 1.0 - E2 * nz * nz
    n = A_M / math.sqrt(w)
    return n + alt_m, n * (1.0 - E2) / w + alt_m


@njit(cache=True, nogil=True)
def move(
    nx: float, ny: float, nz: float, alt_m: float, east_m: float, north_m: float
) -> tuple[float, float, float, float, float]:
    """Go some metres from a point: the new n-vector and how the local frame turned, (nx, ny, nz, c, s).

    The step (e / (N+h), n / (M+h)) is an angle along a great circle of the n-sphere. A vector that was (a, b) in the
    old frame, carried along, is (c a − s b, s a + c b) in the new one: meridians converge, over a pole by half a turn.

    In: a unit n-vector, metres, all unchecked. Out: unit n-vector, c² + s² = 1.
    Exact inverse of ``offset``; against the geodesic the error grows with the square of the step, below 1 m at
    20 km. About 30 ns below 60 km. Zero steps are allowed.

    >>> x, y, z, c, s = move(*nvector(1.570, 0.0), 0.0, 0.0, 20_000.0)  # over the north pole
    >>> [round(v, 3) for v in lat_lon(x, y, z)], round(c, 6)
    ([1.568, 3.142], -1.0)
    """
    re, rn = radii(nz, alt_m)
    ex, ey, mx, my, mz = frame(nx, ny, nz)
    a, b = east_m / re, north_m / rn
    theta = math.sqrt(a * a + b * b)
    if theta < 1e-15:
        return nx, ny, nz, 1.0, 0.0
    a, b = a / theta, b / theta
    dx, dy, dz = a * ex + b * mx, a * ey + b * my, b * mz
    if theta < SMALL:  # 60 km: four terms leave 10⁻²⁰
        u = theta * theta
        ct = 1.0 - 0.5 * u * (1.0 - u / 12.0 * (1.0 - u / 30.0))
        st = theta * (1.0 - u / 6.0 * (1.0 - u / 20.0 * (1.0 - u / 42.0)))
    else:
        ct, st = math.cos(theta), math.sin(theta)
    px, py, pz = ct * nx + st * dx, ct * ny + st * dy, ct * nz + st * dz
    norm = 1.0 / math.sqrt(px * px + py * py + pz * pz)
    px, py, pz = px * norm, py * norm, pz * norm
    # The old east, carried along the step: its part along d turns towards −n, the part across stays.
    k = ct - 1.0
    tx, ty, tz = ex + a * (k * dx - st * nx), ey + a * (k * dy - st * ny), a * (k * dz - st * nz)
    fx, fy, gx, gy, gz = frame(px, py, pz)
    c, s = tx * fx + ty * fy, tx * gx + ty * gy + tz * gz
    norm = 1.0 / math.sqrt(c * c + s * s)
    return px, py, pz, c * norm, s * norm


@njit(cache=True, nogil=True)
def offset(nx: float, ny: float, nz: float, alt_m: float, px: float, py: float, pz: float) -> tuple[float, float]:
    """East and north metres from one n-vector to another, in the frame at the first; the inverse of ``move``.

    In: unit n-vectors, height for the radii. Out: metres; at the antipode the direction is arbitrary but finite.
    About 15 ns below 60 km.

    >>> p = nvector(0.9, 3.14159)
    >>> [round(v, 6) for v in offset(*p, 0.0, *move(*p, 0.0, 3000.0, -400.0)[:3])]
    [3000.0, -400.0]
    """
    re, rn = radii(nz, alt_m)
    ex, ey, mx, my, mz = frame(nx, ny, nz)
    a, b = px * ex + py * ey, px * mx + py * my + pz * mz
    u = px * nx + py * ny + pz * nz
    h = math.sqrt(a * a + b * b)
    scale = 1.0
    if h < SMALL and u > 0.0:  # asin h / h; five terms leave 10⁻²⁰
        v = h * h
        scale = 1.0 + v / 6.0 * (1.0 + v * 0.45 * (1.0 + v * 25.0 / 42.0 * (1.0 + v * 49.0 / 72.0)))
    elif h > 1e-9:
        scale = math.atan2(h, u) / h
    elif u < 0.0:
        scale, a = math.pi, 1.0
    return a * scale * re, b * scale * rn


@njit(cache=True, nogil=True)
def to_ecef(nx: float, ny: float, nz: float, alt_m: float) -> tuple[float, float, float]:
    """Earth-centred position of an n-vector at a height above the ellipsoid, metres.

    p = N n_xy, (N (1 − e²) + h) nz. Exact to rounding (2 nm).

    >>> [round(v, 3) for v in to_ecef(0.0, 0.0, 1.0, 100.0)]
    [0.0, 0.0, 6356852.314]
    """
    n = A_M / math.sqrt(1.0 - E2 * nz * nz)
    return (n + alt_m) * nx, (n + alt_m) * ny, (n * (1.0 - E2) + alt_m) * nz


@njit(cache=True, nogil=True)
def from_ecef(x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """n-vector and height of an earth-centred position (Bowring's formula, two rounds).

    tan φ = (z + e'² b sin³β) / (p − e² a cos³β). In: metres, at least 1,000 km from the centre (else the height loses
    meaning, never finiteness). Out: unit n-vector, height; below 1 µm from −10 km to 1,000 km, poles included.
    Bowring, Survey Review 23 (1976) 323–327.

    >>> [round(v, 3) for v in from_ecef(*to_ecef(0.6, 0.0, 0.8, 9000.0))]
    [0.6, 0.0, 0.8, 9000.0]
    """
    p = math.sqrt(x * x + y * y)
    sb, cb = z * A_M, p * B_M
    sp, cp = 0.0, 1.0
    for _ in range(2):
        h = math.sqrt(sb * sb + cb * cb) + 1e-300
        sb, cb = sb / h, cb / h
        sp, cp = z + EP2 * B_M * sb * sb * sb, p - E2 * A_M * cb * cb * cb
        h = math.sqrt(sp * sp + cp * cp) + 1e-300
        sp, cp = sp / h, cp / h
        sb, cb = B_M * sp, A_M * cp
    cl, sl = 1.0, 0.0
    if p > 1e-9:
        cl, sl = x / p, y / p
    n = A_M / math.sqrt(1.0 - E2 * sp * sp)
    return cp * cl, cp * sl, sp, p * cp + z * sp - n * (1.0 - E2 * sp * sp)
