"""Three models of motion for one craft: steady, turning at a rate that is estimated, restless; mixed as an IMM.

A row of the models (WIDTH float64) is told in the local frame of the track's mean, positions as offsets from it::

    0 in use (1) or not (0)   1 chance that it turns   2 chance that it is restless   3 spare
    STEADY   4..17   [e, n, ve, vn] and covariance as in ``kalman``
    TURN    18..31   the same, and 32..37: turn rate [rad/s, towards north from east], its covariance with
                     e, n, ve, vn, and its variance
    RESTLESS 38..51  as STEADY

Blom and Bar-Shalom, IEEE Trans. Automatic Control 33 (1988) 780–783; coordinated turn: Bar-Shalom, Li, Kirubarajan,
Estimation with Applications to Tracking and Navigation (2001), 11.7. Nothing here checks its arguments.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]

IN_USE, P_TURN, P_RESTLESS = 0, 1, 2
STEADY, TURN, RATE, RESTLESS, WIDTH = 4, 18, 32, 38, 52
FIRST_TURN, FIRST_RESTLESS = 0.15, 0.005  # chances when a track's models begin
STEADY_S, TURN_S, CALM_S, UNREST_S = 200.0, 35.0, 130.0, 4000.0  # mean times: before a turn, of one, of unrest, before
LONGEST_S = 20.0  # across a longer gap the models mean nothing
LATE_S = 2.5  # how much older than the state a position may be


class Motion(NamedTuple):
    """Spectral densities of acceleration (m²/s³) of the three models, and the spread of turn rates (rad/s)."""

    steady: float
    turn: float
    restless: float
    rate: float


@njit(cache=True, nogil=True)
def begin(f: F8, ve: float, vn: float, cov: F8, rate: float) -> None:
    """Start all three models of row f from one state (offset 0) and its covariance (10,).

    >>> f = np.zeros(WIDTH); begin(f, 3.0, 4.0, np.ones(10), 0.1); f[[IN_USE, TURN + 2, RESTLESS + 3]].tolist()
    [1.0, 3.0, 4.0]
    """
    f[IN_USE], f[P_TURN], f[P_RESTLESS], f[3] = 1.0, FIRST_TURN, FIRST_RESTLESS, 0.0
    for i in (STEADY, TURN, RESTLESS):
        f[i], f[i + 1], f[i + 2], f[i + 3] = 0.0, 0.0, ve, vn
        for a in range(10):
            f[i + 4 + a] = cov[a]
    for a in range(5):
        f[RATE + a] = 0.0
    f[RATE + 5] = rate * rate


@njit(cache=True, nogil=True, inline="always")
def _moments(f: F8, i: int, out: F8) -> None:
    """[mean, second moments about the origin] of the model at f[i], shape (14,)."""
    e, n, u, v = f[i], f[i + 1], f[i + 2], f[i + 3]
    out[0], out[1], out[2], out[3] = e, n, u, v
    out[4], out[5], out[6], out[7] = f[i + 4] + e * e, f[i + 5] + e * n, f[i + 6] + e * u, f[i + 7] + e * v
    out[8], out[9], out[10] = f[i + 8] + n * n, f[i + 9] + n * u, f[i + 10] + n * v
    out[11], out[12], out[13] = f[i + 11] + u * u, f[i + 12] + u * v, f[i + 13] + v * v


@njit(cache=True, nogil=True, inline="always")
def _blend(w: F8, a: float, b: float, c: float, out: F8, i: int) -> None:
    """The Gaussian with the moments of three (work rows 0..2) at weights a + b + c = 1, into out[i:i + 14]."""
    for j in range(14):
        out[i + j] = a * w[0, j] + b * w[1, j] + c * w[2, j]
    e, n, u, v = out[i], out[i + 1], out[i + 2], out[i + 3]
    out[i + 4] -= e * e
    out[i + 5] -= e * n
    out[i + 6] -= e * u
    out[i + 7] -= e * v
    out[i + 8] -= n * n
    out[i + 9] -= n * u
    out[i + 10] -= n * v
    out[i + 11] -= u * u
    out[i + 12] -= u * v
    out[i + 13] -= v * v


@njit(cache=True, nogil=True)
def mix(f: F8, w: F8, dt_s: float, rate: float) -> None:
    """Let the models exchange what they hold after dt_s: chances and moments, as the chain of their changes says.

    Who begins to turn does so at an unknown rate N(0, rate²). In: ``w`` (4, 14) to work in. In place.

    >>> f = np.zeros(WIDTH); begin(f, 3.0, 4.0, np.ones(10), 0.1); mix(f, np.zeros((4, 14)), 4.0, 0.1)
    >>> round(float(f[P_TURN]), 4), round(float(f[STEADY + 2]), 9)
    (0.1511, 3.0)
    """
    pt, pr = f[P_TURN], f[P_RESTLESS]
    ps = 1.0 - pt - pr
    turns, ends = dt_s / (STEADY_S + dt_s), dt_s / (TURN_S + dt_s)
    unrest, calms = dt_s / (UNREST_S + dt_s), dt_s / (CALM_S + dt_s)
    st, tt, rt = ps * turns, pt * (1.0 - ends - unrest), 0.5 * pr * calms
    ss, ts, rs = ps * (1.0 - turns - unrest), pt * ends, pr * calms
    sr, tr, rr = ps * unrest, pt * unrest, pr * (1.0 - 1.5 * calms)
    _moments(f, STEADY, w[0])
    _moments(f, TURN, w[1])
    _moments(f, RESTLESS, w[2])
    omega, own = f[RATE], tt / (st + tt + rt)
    own_e, own_n, own_u, own_v = w[1, 0] * omega, w[1, 1] * omega, w[1, 2] * omega, w[1, 3] * omega
    c = ss + ts + rs
    _blend(w, ss / c, ts / c, rs / c, f, STEADY)
    c = sr + tr + rr
    _blend(w, sr / c, tr / c, rr / c, f, RESTLESS)
    f[P_RESTLESS] = c
    c = st + tt + rt
    _blend(w, st / c, own, rt / c, f, TURN)
    f[P_TURN] = c
    f[RATE] = own * omega
    f[RATE + 1] = own * (f[RATE + 1] + own_e) - f[TURN] * f[RATE]
    f[RATE + 2] = own * (f[RATE + 2] + own_n) - f[TURN + 1] * f[RATE]
    f[RATE + 3] = own * (f[RATE + 3] + own_u) - f[TURN + 2] * f[RATE]
    f[RATE + 4] = own * (f[RATE + 4] + own_v) - f[TURN + 3] * f[RATE]
    f[RATE + 5] = own * (f[RATE + 5] + omega * omega) + (1.0 - own) * rate * rate - f[RATE] * f[RATE]


@njit(cache=True, nogil=True)
def straight(f: F8, i: int, dt_s: float, q: float) -> None:
    """Bring the model at f[i] forward by dt_s on a straight line with white acceleration noise of density q.

    >>> f = np.zeros(WIDTH); f[STEADY + 2] = 3.0; straight(f, STEADY, 2.0, 3.0); f[[STEADY, STEADY + 4]].tolist()
    [6.0, 8.0]
    """
    f[i] += dt_s * f[i + 2]
    f[i + 1] += dt_s * f[i + 3]
    j = i + 4
    q1 = q * dt_s
    q2 = 0.5 * q1 * dt_s
    q3 = q1 * dt_s * dt_s / 3.0
    f[j] += dt_s * (2.0 * f[j + 2] + dt_s * f[j + 7]) + q3
    f[j + 1] += dt_s * (f[j + 3] + f[j + 5] + dt_s * f[j + 8])
    f[j + 4] += dt_s * (2.0 * f[j + 6] + dt_s * f[j + 9]) + q3
    f[j + 2] += dt_s * f[j + 7] + q2
    f[j + 3] += dt_s * f[j + 8]
    f[j + 5] += dt_s * f[j + 8]
    f[j + 6] += dt_s * f[j + 9] + q2
    f[j + 7] += q1
    f[j + 9] += q1


@njit(cache=True, nogil=True)
def arc(omega: float, dt_s: float) -> tuple[float, float, float, float]:
    """(cos ωt, sin ωt, sin ωt / ω, (1 − cos ωt) / ω); exact to 10⁻⁹ of each, also at ω = 0.

    >>> [round(x, 6) for x in arc(0.1, 2.0)], arc(0.0, 2.0)
    ([0.980067, 0.198669, 1.986693, 0.199334], (1.0, 0.0, 2.0, 0.0))
    """
    a = omega * dt_s
    u = a * a
    if u < 0.06:
        s = 1.0 - u / 6.0 * (1.0 - u / 20.0 * (1.0 - u / 42.0))
        k = 0.5 - u / 24.0 * (1.0 - u / 30.0 * (1.0 - u / 56.0))
        return 1.0 - u * k, a * s, dt_s * s, dt_s * a * k
    c, s = math.cos(a), math.sin(a)
    return c, s, s / omega, (1.0 - c) / omega


@njit(cache=True, nogil=True)
def turning(f: F8, dt_s: float, q: float) -> None:
    """Bring the turning model forward by dt_s along its arc: P' = F P Fᵀ + Q, F the derivative at its own turn rate.

    >>> f = np.zeros(WIDTH); f[TURN + 2], f[RATE] = 100.0, 0.1; turning(f, 2.0, 0.0); f[TURN:TURN + 4].round(3).tolist()
    [198.669, 19.933, 98.007, 19.867]
    """
    i, j, r = TURN, TURN + 4, RATE
    c, s, a, b = arc(f[r], dt_s)
    u, v = f[i + 2], f[i + 3]
    h, t3 = 0.5 * dt_s * dt_s, dt_s * dt_s * dt_s * f[r] / 3.0
    f1, f2 = -h * v - t3 * u, h * u - t3 * v
    g1, g2 = -dt_s * (s * u + c * v), dt_s * (c * u - s * v)
    f[i] += a * u - b * v
    f[i + 1] += b * u + a * v
    f[i + 2], f[i + 3] = c * u - s * v, s * u + c * v
    ee, en, eu, ev = f[j], f[j + 1], f[j + 2], f[j + 3]
    nn, nu, nv = f[j + 4], f[j + 5], f[j + 6]
    uu, uv, vv = f[j + 7], f[j + 8], f[j + 9]
    ew, nw, uw, vw, ww = f[r + 1], f[r + 2], f[r + 3], f[r + 4], f[r + 5]
    # the rows of F P
    ew1, nw1 = ew + a * uw - b * vw + f1 * ww, nw + b * uw + a * vw + f2 * ww
    uw1, vw1 = c * uw - s * vw + g1 * ww, s * uw + c * vw + g2 * ww
    eu1, ev1 = eu + a * uu - b * uv + f1 * uw, ev + a * uv - b * vv + f1 * vw
    ee1, en1 = ee + a * eu - b * ev + f1 * ew, en + a * nu - b * nv + f1 * nw
    nu1, nv1, nn1 = nu + b * uu + a * uv + f2 * uw, nv + b * uv + a * vv + f2 * vw, nn + b * nu + a * nv + f2 * nw
    uu1, uv1 = c * uu - s * uv + g1 * uw, c * uv - s * vv + g1 * vw
    vu1, vv1 = s * uu + c * uv + g2 * uw, s * uv + c * vv + g2 * vw
    q1 = q * dt_s
    q2 = 0.5 * q1 * dt_s
    q3 = q1 * dt_s * dt_s / 3.0
    f[j] = ee1 + a * eu1 - b * ev1 + f1 * ew1 + q3
    f[j + 1] = en1 + b * eu1 + a * ev1 + f2 * ew1
    f[j + 2], f[j + 3] = c * eu1 - s * ev1 + g1 * ew1 + q2, s * eu1 + c * ev1 + g2 * ew1
    f[j + 4] = nn1 + b * nu1 + a * nv1 + f2 * nw1 + q3
    f[j + 5], f[j + 6] = c * nu1 - s * nv1 + g1 * nw1, s * nu1 + c * nv1 + g2 * nw1 + q2
    f[j + 7], f[j + 8] = c * uu1 - s * uv1 + g1 * uw1 + q1, s * uu1 + c * uv1 + g2 * uw1
    f[j + 9] = s * vu1 + c * vv1 + g2 * vw1 + q1
    f[r + 1], f[r + 2], f[r + 3], f[r + 4] = ew1, nw1, uw1, vw1


@njit(cache=True, nogil=True, inline="always")
def _fit(f: F8, i: int, e: float, n: float, rxx: float, rxy: float, ryy: float) -> tuple[float, ...]:
    """Innovation of a position, S⁻¹, |S| and d² for the model at f[i]."""
    j = i + 4
    sxx, sxy, syy = f[j] + rxx, f[j + 1] + rxy, f[j + 4] + ryy
    det = sxx * syy - sxy * sxy
    ye, yn = e - f[i], n - f[i + 1]
    ixx, ixy, iyy = syy / det, -sxy / det, sxx / det
    return ye, yn, ixx, ixy, iyy, det, ixx * ye * ye + 2.0 * ixy * ye * yn + iyy * yn * yn


@njit(cache=True, nogil=True)
def correct(f: F8, i: int, e: float, n: float, rxx: float, rxy: float, ryy: float, limit: float) -> tuple[float, float]:
    """Take a position into the model at f[i]; returns its d² and |S|. Beyond ``limit`` it weighs less (Huber).

    >>> f = np.zeros(WIDTH); f[STEADY + 4] = f[STEADY + 8] = 3.0
    >>> [float(v) for v in correct(f, STEADY, 4.0, 0.0, 1.0, 0.0, 1.0, 25.0)]
    [4.0, 16.0]
    >>> f[STEADY:STEADY + 5].tolist()
    [3.0, 0.0, 0.0, 0.0, 0.75]
    """
    ye, yn, ixx, ixy, iyy, det, d2 = _fit(f, i, e, n, rxx, rxy, ryy)
    if d2 > limit:
        w = limit / d2
        ixx, ixy, iyy = w * ixx, w * ixy, w * iyy
    j = i + 4
    h0, h1, h2, h3 = f[j], f[j + 1], f[j + 2], f[j + 3]
    g0, g1, g2, g3 = f[j + 1], f[j + 4], f[j + 5], f[j + 6]
    k0, l0 = h0 * ixx + g0 * ixy, h0 * ixy + g0 * iyy
    k1, l1 = h1 * ixx + g1 * ixy, h1 * ixy + g1 * iyy
    k2, l2 = h2 * ixx + g2 * ixy, h2 * ixy + g2 * iyy
    k3, l3 = h3 * ixx + g3 * ixy, h3 * ixy + g3 * iyy
    f[i] += k0 * ye + l0 * yn
    f[i + 1] += k1 * ye + l1 * yn
    f[i + 2] += k2 * ye + l2 * yn
    f[i + 3] += k3 * ye + l3 * yn
    f[j] = max(f[j] - k0 * h0 - l0 * g0, 1e-6 * f[j])
    f[j + 1] -= k0 * h1 + l0 * g1
    f[j + 2] -= k0 * h2 + l0 * g2
    f[j + 3] -= k0 * h3 + l0 * g3
    f[j + 4] = max(f[j + 4] - k1 * h1 - l1 * g1, 1e-6 * f[j + 4])
    f[j + 5] -= k1 * h2 + l1 * g2
    f[j + 6] -= k1 * h3 + l1 * g3
    f[j + 7] = max(f[j + 7] - k2 * h2 - l2 * g2, 1e-6 * f[j + 7])
    f[j + 8] -= k2 * h3 + l2 * g3
    f[j + 9] = max(f[j + 9] - k3 * h3 - l3 * g3, 1e-6 * f[j + 9])
    if i == TURN:
        r = RATE
        h4, g4 = f[r + 1], f[r + 2]
        k4, l4 = h4 * ixx + g4 * ixy, h4 * ixy + g4 * iyy
        f[r] += k4 * ye + l4 * yn
        f[r + 1] -= k0 * h4 + l0 * g4
        f[r + 2] -= k1 * h4 + l1 * g4
        f[r + 3] -= k2 * h4 + l2 * g4
        f[r + 4] -= k3 * h4 + l3 * g4
        f[r + 5] = max(f[r + 5] - k4 * h4 - l4 * g4, 1e-6 * f[r + 5])
    return d2, det


@njit(cache=True, nogil=True)
def _along(f: F8, dt_s: float) -> None:
    """All three along their own paths, without noise: the way back undoes the way there."""
    straight(f, STEADY, dt_s, 0.0)
    straight(f, RESTLESS, dt_s, 0.0)
    turning(f, dt_s, 0.0)


@njit(cache=True, nogil=True)
def step(
    f: F8, w: F8, dt_s: float, e: float, n: float, rxx: float, rxy: float, ryy: float, m: Motion, limit: float
) -> float:
    """Mix, bring forward by dt_s and take a position at (e, n); w[3] (14,) is then their mean and covariance.

    In: −LATE_S ≤ dt_s ≤ LONGEST_S; ``w`` (4, 14) to work in. Returns the least d² of the three. About 250 ns.
    A position older than the state: the models go back along their own paths, take it, and come forward again.

    >>> f, w = np.zeros(WIDTH), np.zeros((4, 14)); p = np.array([1.0, 0, 0, 0, 1, 0, 0, 1, 0, 1])
    >>> begin(f, 100.0, 0.0, p, 0.03)
    >>> d2 = step(f, w, 2.0, 210.0, 0.0, 4.0, 0.0, 4.0, Motion(0.1, 1.0, 60.0, 0.03), 25.0)
    >>> bool(200.0 < w[3, 0] < 210.0), bool(f[P_RESTLESS] > 0.005)
    (True, True)
    """
    if dt_s > 0.0:
        mix(f, w, dt_s, m.rate)
        straight(f, STEADY, dt_s, m.steady)
        straight(f, RESTLESS, dt_s, m.restless)
        turning(f, dt_s, m.turn)
    elif dt_s < 0.0:
        _along(f, dt_s)
    d0, s0 = correct(f, STEADY, e, n, rxx, rxy, ryy, limit)
    d1, s1 = correct(f, TURN, e, n, rxx, rxy, ryy, limit)
    d2, s2 = correct(f, RESTLESS, e, n, rxx, rxy, ryy, limit)
    if dt_s < 0.0:
        _along(f, -dt_s)
    low = min(d0, d1, d2)
    c1, c2 = f[P_TURN], f[P_RESTLESS]
    l0 = (1.0 - c1 - c2) * math.exp(0.5 * (low - d0)) / math.sqrt(s0)
    l1 = c1 * math.exp(0.5 * (low - d1)) / math.sqrt(s1)
    l2 = c2 * math.exp(0.5 * (low - d2)) / math.sqrt(s2)
    total = l0 + l1 + l2
    f[P_TURN], f[P_RESTLESS] = l1 / total, l2 / total
    _moments(f, STEADY, w[0])
    _moments(f, TURN, w[1])
    _moments(f, RESTLESS, w[2])
    _blend(w, l0 / total, l1 / total, l2 / total, w[3], 0)
    return low


@njit(cache=True, nogil=True, inline="always")
def _turn_one(f: F8, i: int, c: float, s: float) -> None:
    """``kalman.turn`` of the model at f[i], and its mean."""
    f[i], f[i + 1] = c * f[i] - s * f[i + 1], s * f[i] + c * f[i + 1]
    f[i + 2], f[i + 3] = c * f[i + 2] - s * f[i + 3], s * f[i + 2] + c * f[i + 3]
    j = i + 4
    cc, ss, cs = c * c, s * s, c * s
    for o in (0, 7):
        k = j + o
        m = k + (4 if o == 0 else 2)
        a, b, d = f[k], f[k + 1], f[m]
        f[k], f[k + 1] = cc * a - 2.0 * cs * b + ss * d, cs * (a - d) + (cc - ss) * b
        f[m] = ss * a + 2.0 * cs * b + cc * d
    a, b, d, e = f[j + 2], f[j + 3], f[j + 5], f[j + 6]
    f[j + 2] = cc * a - cs * (b + d) + ss * e
    f[j + 3] = cs * a + cc * b - ss * d - cs * e
    f[j + 5] = cs * a - ss * b + cc * d - cs * e
    f[j + 6] = ss * a + cs * (b + d) + cc * e


@njit(cache=True, nogil=True)
def carry(f: F8, e: float, n: float, c: float, s: float) -> None:
    """The mean has moved by (e, n) and its frame has turned by (c, s), as ``geodesy.move`` gives: so do the models.

    >>> f = np.zeros(WIDTH); f[STEADY + 2] = 5.0; carry(f, 1.0, 0.0, 0.0, 1.0); (f[STEADY:STEADY + 4] + 0.0).tolist()
    [0.0, -1.0, 0.0, 5.0]
    """
    for i in (STEADY, TURN, RESTLESS):
        f[i] -= e
        f[i + 1] -= n
    if abs(s) < 1e-6 and c > 0.0:
        return
    for i in (STEADY, TURN, RESTLESS):
        _turn_one(f, i, c, s)
    r = RATE
    f[r + 1], f[r + 2] = c * f[r + 1] - s * f[r + 2], s * f[r + 1] + c * f[r + 2]
    f[r + 3], f[r + 4] = c * f[r + 3] - s * f[r + 4], s * f[r + 3] + c * f[r + 4]
