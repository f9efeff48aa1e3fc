"""From what a sensor measured to a position with its covariance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

# Columns of the table of sensors (one row each); ``tracking.sites`` writes it. S_NX is NaN where no site is known.
(S_NX, S_NY, S_NZ, S_H, S_X, S_Y, S_Z, S_SIGMA_R, S_SIGMA_AZ, S_SIGMA, S_RANGE_MAX, S_PERIOD) = range(12)
S_DOMAIN, S_H0, S_SIGMA_H0, S_WIDTH = 12, 13, 14, 15

POLAR, CARTESIAN, GEODETIC = 0, 1, 2
PLACED, NO_SITE, BAD = 0, 1, 2
SIGMA_MODE_C_M = 100.0  # pressure height against height above the ellipsoid


class PlotRows(NamedTuple):
    """Columns of plots as the kernel takes them, shape (n,); ``sensor``: row of the table of sensors."""

    time_ns: I8
    bit: I8
    sensor: I8
    form: I8
    range_m: F8
    azimuth_rad: F8
    x_m: F8
    y_m: F8
    lat_rad: F8
    lon_rad: F8
    alt_m: F8
    alt_ref: I8
    speed_mps: F8
    course_rad: F8
    sigma_range_m: F8
    sigma_azimuth_rad: F8
    sigma_m: F8
    identity: I8
    mode_3a: I8
    kind: I8
    flags: I8


class Plot(NamedTuple):
    """One plot that has been located: scalars pass between kernels without the cost of twenty arrays."""

    time_ns: int
    x: float  # n-vector
    y: float
    z: float
    rxx: float
    rxy: float
    ryy: float
    identity: int
    mode_3a: int
    kind: int
    domain: int
    sensor: int
    bit: int
    flags: int
    alt_m: float
    alt_ref: int
    speed_mps: float
    course_rad: float
    period_s: float  # of its sensor
    rest_ns: int  # an antenna that turns does not see one craft twice within this time


class Scene(NamedTuple):
    """What a sweep knows beside its plots and tracks."""

    sites: F8  # (s, 15)
    seen_ns: I8  # (s,) time of each sensor's last plot; kept by the sweep
    tally: F8  # (s, 5) see ``clutter``; kept by the sweep
    kinds: F8  # (16, 16) see the K_ constants of ``states``
    motions: F8  # (16, 3) of the same kinds: densities of the steady and the turning model, spread of turn rates
    work: F8  # (4, 14) for ``models.step``
    plain: bool  # one model, counts of plots instead of odds: what a textbook tracker does
    seeing: F8  # (s, 5) see ``horizons``; written by the sweep
    to: I8  # (n,) for each plot of this sweep the row of the track that took it, −1 none; written by the sweep


@njit(cache=True, nogil=True)
def pick(i: int, rows: PlotRows, pos: F8, r: F8, sites: F8) -> Plot:
    """Plot i with the position and covariance that ``locate`` gave it.

    >>> f, i = np.full(1, 0.5), np.zeros(1, np.int64)
    >>> rows = PlotRows(i, i, i, i + 2, f, f, f, f, f, f, f, i, f, f, f, f, f, i + 7, i, i, i)
    >>> pick(0, rows, np.zeros((1, 3)), np.zeros((1, 3)), np.zeros((1, 15))).identity
    7
    """
    s = rows.sensor[i]
    return Plot(
        int(rows.time_ns[i]),
        float(pos[i, 0]),
        float(pos[i, 1]),
        float(pos[i, 2]),
        float(r[i, 0]),
        float(r[i, 1]),
        float(r[i, 2]),
        int(rows.identity[i]),
        int(rows.mode_3a[i]),
        int(rows.kind[i]),
        int(sites[s, S_DOMAIN]),
        int(s),
        int(rows.bit[i]),
        int(rows.flags[i]),
        float(rows.alt_m[i]),
        int(rows.alt_ref[i]),
        float(rows.speed_mps[i]),
        float(rows.course_rad[i]),
        float(sites[s, S_PERIOD]),
        int(0.5e9 * sites[s, S_PERIOD]) if rows.form[i] == POLAR else 0,
    )


@njit(cache=True, nogil=True)
def locate(rows: PlotRows, sites: F8, pos: F8, r: F8, why: I8) -> None:
    """Position (n-vector) and covariance in its local east/north frame of each plot.

    In: plots (n,), sites (s, 15). Out, in place: ``pos`` (n, 3), ``r`` (n, 3) [ee, en, nn] in m², ``why`` (n,): PLACED,
    NO_SITE (polar or Cartesian, and the sensor's place is not known) or BAD (NaN, or outside what can be measured;
    its ``pos`` and ``r`` mean nothing). 0.2 µs a plot.

    >>> f, i = np.full(1, 0.5), np.zeros(1, np.int64)
    >>> rows = PlotRows(i, i, i, i + 2, f, f, f, f, f, f, f, i, f, f, f, f, f, i, i, i, i)
    >>> pos, r, why = np.zeros((1, 3)), np.zeros((1, 3)), i.copy(); locate(rows, np.zeros((1, 15)), pos, r, why)
    >>> int(why[0]), pos.round(3).tolist(), r.tolist()
    (0, [[0.77, 0.421, 0.479]], [[0.25, 0.0, 0.25]])
    """
    for i in range(len(why)):
        form, s = rows.form[i], sites[rows.sensor[i]]
        if form == GEODETIC:
            why[i] = _geodetic(i, rows, s, pos, r)
        elif s[S_NX] != s[S_NX]:
            why[i] = NO_SITE
        elif form == CARTESIAN:
            why[i] = _cartesian(i, rows, s, pos, r)
        elif form == POLAR:
            why[i] = _polar(i, rows, s, pos, r)
        else:
            why[i] = BAD


@njit(cache=True, nogil=True)
def _geodetic(i: int, rows: PlotRows, s: F8, pos: F8, r: F8) -> int:
    lat, lon = rows.lat_rad[i], rows.lon_rad[i]
    if not (abs(lat) <= 0.5 * math.pi + 1e-9 and abs(lon) <= math.pi + 1e-9):
        return BAD
    pos[i, 0], pos[i, 1], pos[i, 2] = geodesy.nvector(lat, lon)
    sigma = rows.sigma_m[i] if 0.1 <= rows.sigma_m[i] < 1e5 else s[S_SIGMA]
    r[i, 0], r[i, 1], r[i, 2] = sigma * sigma, 0.0, sigma * sigma
    return PLACED


@njit(cache=True, nogil=True)
def _cartesian(i: int, rows: PlotRows, s: F8, pos: F8, r: F8) -> int:
    x, y = rows.x_m[i], rows.y_m[i]
    if not x * x + y * y < 4e11:
        return BAD
    pos[i, 0], pos[i, 1], pos[i, 2], _ = _from_site(s, x, y, 0.0)
    sigma = rows.sigma_m[i] if 0.1 <= rows.sigma_m[i] < 1e5 else s[S_SIGMA]
    r[i, 0], r[i, 1], r[i, 2] = sigma * sigma, 0.0, sigma * sigma
    return PLACED


@njit(cache=True, nogil=True)
def _from_site(s: F8, east_m: float, north_m: float, up_m: float) -> tuple[float, float, float, float]:
    """n-vector and height of a point in the site's own frame."""
    ex, ey, mx, my, mz = geodesy.frame(s[S_NX], s[S_NY], s[S_NZ])
    x = s[S_X] + east_m * ex + north_m * mx + up_m * s[S_NX]
    y = s[S_Y] + east_m * ey + north_m * my + up_m * s[S_NY]
    z = s[S_Z] + north_m * mz + up_m * s[S_NZ]
    return geodesy.from_ecef(x, y, z)


@njit(cache=True, nogil=True)
def _polar(i: int, rows: PlotRows, s: F8, pos: F8, r: F8) -> int:
    """Slant range, azimuth and a height; the height decides the elevation, and its doubt the doubt along the ray.

    With no Mode C the sensor's domain gives a height and its spread. Near the antenna the ray is steep and range says
    little of where the craft is: var ρ = w / (ρ² + √w), w = (r σr)² + (Δh σh)², which stays finite overhead.
    """
    d, az = rows.range_m[i], rows.azimuth_rad[i]
    if not (1.0 <= d <= 1.05 * s[S_RANGE_MAX]) or not abs(az) < 100.0:
        return BAD
    h, sigma_h = s[S_H0], s[S_SIGMA_H0]
    if abs(rows.alt_m[i]) < 6e4:
        h, sigma_h = rows.alt_m[i], SIGMA_MODE_C_M
    sa, ca = math.sin(az), math.cos(az)
    re, rn = geodesy.radii(s[S_NZ], s[S_H])
    bend = re * rn / (re * ca * ca + rn * sa * sa)  # Euler: the radius of curvature along the ray
    dh = h - s[S_H]
    up = min(max((dh * (2.0 * bend + dh) - d * d) / (2.0 * bend), -0.9 * d), 0.9999 * d)
    ex, ey, mx, my, mz = geodesy.frame(s[S_NX], s[S_NY], s[S_NZ])
    dx, dy, dz = sa * ex + ca * mx, sa * ey + ca * my, ca * mz
    x = y = z = flat = 0.0
    for _ in range(2):  # the sphere is wrong by decimetres; one correction leaves millimetres
        flat = math.sqrt(d * d - up * up)
        x, y, z, got = _landed(
            s[S_X] + flat * dx + up * s[S_NX], s[S_Y] + flat * dy + up * s[S_NY], s[S_Z] + flat * dz + up * s[S_NZ]
        )
        up = min(max(up + h - got, -0.9 * d), 0.9999 * d)
    pos[i, 0], pos[i, 1], pos[i, 2] = x, y, z
    sr = rows.sigma_range_m[i] if 0.1 <= rows.sigma_range_m[i] < 1e5 else s[S_SIGMA_R]
    sz = rows.sigma_azimuth_rad[i] if 1e-6 <= rows.sigma_azimuth_rad[i] < 1.0 else s[S_SIGMA_AZ]
    w = d * sr * d * sr + up * sigma_h * up * sigma_h
    along = w / (flat * flat + math.sqrt(w))
    across = (flat * flat + along) * sz * sz + 1.0
    a, b = sa, ca
    if flat > 1e3:  # the ray's direction where it arrives: the meridians have turned
        ex, ey, mx, my, mz = geodesy.frame(x, y, z)
        e, n = s[S_NX] * ex + s[S_NY] * ey, s[S_NX] * mx + s[S_NY] * my + s[S_NZ] * mz
        h = math.sqrt(e * e + n * n)
        a, b = -e / h, -n / h
    r[i, 0] = along * a * a + across * b * b
    r[i, 1] = (along - across) * a * b
    r[i, 2] = along * b * b + across * a * a
    return PLACED


@njit(cache=True, nogil=True, inline="always")
def _landed(x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """``geodesy.from_ecef`` with one round of Bowring's formula: below 0.1 mm up to 60 km, which plots never pass."""
    p = math.sqrt(x * x + y * y)
    sb, cb = z * geodesy.A_M, p * geodesy.B_M
    w = 1.0 / (math.sqrt(sb * sb + cb * cb) + 1e-300)
    sb, cb = sb * w, cb * w
    sp = z + geodesy.EP2 * geodesy.B_M * sb * sb * sb
    cp = p - geodesy.E2 * geodesy.A_M * cb * cb * cb
    w = 1.0 / (math.sqrt(sp * sp + cp * cp) + 1e-300)
    sp, cp = sp * w, cp * w
    cl, sl = 1.0, 0.0
    if p > 1e-9:
        cl, sl = x / p, y / p
    n = geodesy.A_M / math.sqrt(1.0 - geodesy.E2 * sp * sp)
    return cp * cl, cp * sl, sp, p * cp + z * sp - n * (1.0 - geodesy.E2 * sp * sp)


@njit(cache=True, nogil=True)
def slices(order: I8, rows: PlotRows, sites: F8) -> tuple[I8, I8]:
    """Group plots into slices of a sweep: one sensor, an eighth of its period (at least 50 ms), in order of time.

    Within a slice a craft gives at most one plot. In: ``order`` (m,) rows in order of time. Out: the same rows slice
    by slice (slices by their first plot, rows in each in order of time), and where each slice begins, (g + 1,).

    >>> i = np.zeros(3, np.int64); f = np.zeros(3); t = np.array([0, 10**7, 10**9])
    >>> rows = PlotRows(t, i, i, i, f, f, f, f, f, f, f, i, f, f, f, f, f, i, i, i, i)
    >>> [v.tolist() for v in slices(np.arange(3), rows, np.ones((1, 15)))]
    [[0, 1, 2], [0, 2, 3]]
    """
    m = len(order)
    opened = np.full(len(sites), -1, np.int64)
    began = np.zeros(len(sites), np.int64)
    group = np.empty(m, np.int64)
    n_groups = 0
    for a in range(m):
        i = order[a]
        s, t = rows.sensor[i], rows.time_ns[i]
        if opened[s] < 0 or t - began[s] > max(sites[s, S_PERIOD] / 8.0, 0.05) * 1e9:
            opened[s], began[s] = n_groups, t
            n_groups += 1
        group[a] = opened[s]
    start = np.zeros(n_groups + 1, np.int64)
    for a in range(m):
        start[group[a] + 1] += 1
    for g in range(n_groups):
        start[g + 1] += start[g]
    spot = start.copy()
    out = np.empty(m, np.int64)
    for a in range(m):
        out[spot[group[a]]] = order[a]
        spot[group[a]] += 1
    return out, start


@njit(cache=True, nogil=True)
def horizons(sites: F8, seen_ns: I8, now_ns: int) -> F8:
    """What ``plots_per_s`` asks of each sensor, (s, 5): its n-vector, the cosine of its range, looks a second.

    In: sites (s, 15), time of each sensor's last plot (s,); a sensor silent for five periods sees nothing.

    >>> s = np.ones((1, 15)); float(horizons(s, np.zeros(1, np.int64), 10**10)[0, 3])
    2.0
    """
    out = np.zeros((len(sites), 5))
    for j in range(len(sites)):
        s = sites[j]
        out[j, 3] = 2.0
        if s[S_NX] == s[S_NX] and now_ns - seen_ns[j] <= 5e9 * s[S_PERIOD]:
            limit = s[S_RANGE_MAX] / geodesy.B_M
            out[j, 0], out[j, 1], out[j, 2] = s[S_NX], s[S_NY], s[S_NZ]
            out[j, 3], out[j, 4] = 1.0 - 0.5 * limit * limit, 1.0 / s[S_PERIOD]
    return out


@njit(cache=True, nogil=True)
def plots_per_s(seeing: F8, x: float, y: float, z: float) -> float:
    """How many plots a second the sensors should give of a craft that all see: Σ 1 / period over those in range.

    In: ``seeing`` (s, 5) as ``horizons`` gives it. About 1 ns a sensor.

    >>> s = np.ones((2, 15)); s[:, S_RANGE_MAX] = 1e5; s[1, S_PERIOD] = 4.0
    >>> plots_per_s(horizons(s, np.array([1, 1]), 1), 1.0, 0.0, 0.0)
    1.25
    """
    rate = 0.0
    for j in range(len(seeing)):
        if seeing[j, 0] * x + seeing[j, 1] * y + seeing[j, 2] * z >= seeing[j, 3]:
            rate += seeing[j, 4]
    return rate
