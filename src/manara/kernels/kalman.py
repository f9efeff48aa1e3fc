"""The constant-velocity filter in closed form, in place, in the local east/north frame of each row.

A covariance is ten numbers, the upper triangle of [e, n, ve, vn] row by row::

    0 ee   1 en   2 e·ve   3 e·vn
           4 nn   5 n·ve   6 n·vn
                  7 ve·ve  8 ve·vn
                           9 vn·vn
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def predict(cov: F8, k: int, dt_s: float, q: float) -> None:
    """Let row k of the covariances (n, 10) grow for dt_s seconds of white acceleration noise.

    P' = F P Fᵀ + Q, F = [I, dt I; 0, I], Q = q [dt³/3, dt²/2; dt²/2, dt] ⊗ I. In: m, s, q in m²/s³; dt_s ≥ 0 is not
    checked. In place; stays symmetric by construction and positive definite if it was. About 5 ns.
    Bar-Shalom, Li, Kirubarajan, Estimation with Applications to Tracking and Navigation (2001), 6.2.2.

    >>> p = np.zeros((1, 10)); p[0, 7] = 4.0
    >>> predict(p, 0, 2.0, 3.0); p[0, [0, 2, 4, 7]].tolist()
    [24.0, 14.0, 8.0, 10.0]
    """
    c = cov[k]
    q1 = q * dt_s
    q2 = 0.5 * q1 * dt_s
    q3 = q1 * dt_s * dt_s / 3.0
    c[0] += dt_s * (2.0 * c[2] + dt_s * c[7]) + q3
    c[1] += dt_s * (c[3] + c[5] + dt_s * c[8])
    c[4] += dt_s * (2.0 * c[6] + dt_s * c[9]) + q3
    c[2] += dt_s * c[7] + q2
    c[3] += dt_s * c[8]
    c[5] += dt_s * c[8]
    c[6] += dt_s * c[9] + q2
    c[7] += q1
    c[9] += q1


@njit(cache=True, nogil=True)
def turn(cov: F8, k: int, c: float, s: float) -> None:
    """Express row k in a frame in which what was (a, b) is (c a − s b, s a + c b): P' = R P Rᵀ, R on both pairs.

    In: c² + s² = 1, as ``geodesy.move`` gives. In place; trace and determinant stay. About 10 ns.

    >>> p = np.zeros((1, 10)); p[0, 0] = 9.0; p[0, 4] = 1.0
    >>> turn(p, 0, 0.0, 1.0); p[0, [0, 1, 4]].tolist()
    [1.0, 0.0, 9.0]
    """
    p = cov[k]
    cc, ss, cs = c * c, s * s, c * s
    a, b, d = p[0], p[1], p[4]
    p[0], p[1], p[4] = cc * a - 2.0 * cs * b + ss * d, cs * (a - d) + (cc - ss) * b, ss * a + 2.0 * cs * b + cc * d
    a, b, d = p[7], p[8], p[9]
    p[7], p[8], p[9] = cc * a - 2.0 * cs * b + ss * d, cs * (a - d) + (cc - ss) * b, ss * a + 2.0 * cs * b + cc * d
    a, b, d, e = p[2], p[3], p[5], p[6]
    p[2] = cc * a - cs * (b + d) + ss * e
    p[3] = cs * a + cc * b - ss * d - cs * e
    p[5] = cs * a - ss * b + cc * d - cs * e
    p[6] = ss * a + cs * (b + d) + cc * e


@njit(cache=True, nogil=True)
def spread(cov: F8, k: int, dt_s: float, q: float, rxx: float, rxy: float, ryy: float) -> tuple[float, float, float]:
    """Covariance of the innovation of a position measured dt_s after the state (before it: negative).

    S = H P Hᵀ + q |dt|³/3 I + R with H = [I, dt I]. In: m, s. Out: (sxx, sxy, syy); positive definite if P and R are.
    For dt < 0 the correlation of the state with the noise between the two times is left out (it makes S larger).

    >>> p = np.zeros((1, 10)); p[0, 7] = 4.0
    >>> spread(p, 0, -2.0, 0.0, 1.0, 0.0, 1.0)
    (17.0, 0.0, 1.0)
    """
    c = cov[k]
    q3 = q * abs(dt_s) * dt_s * dt_s / 3.0
    sxx = c[0] + dt_s * (2.0 * c[2] + dt_s * c[7]) + q3 + rxx
    sxy = c[1] + dt_s * (c[3] + c[5] + dt_s * c[8]) + rxy
    syy = c[4] + dt_s * (2.0 * c[6] + dt_s * c[9]) + q3 + ryy
    return sxx, sxy, syy


@njit(cache=True, nogil=True)
def correct(
    cov: F8, k: int, a: float, b: float, ye: float, yn: float, sxx: float, sxy: float, syy: float
) -> tuple[float, float, float, float]:
    """Take a two-dimensional measurement of a·position + b·velocity into row k; returns the change of the state.

    K = P Hᵀ S⁻¹, P' = P − K (P Hᵀ)ᵀ with H = [a I, b I]. Position: a = 1, b = 0 (late by δ: b = −δ); velocity:
    a = 0, b = 1. In: innovation (ye, yn) and its covariance S, which must be H P Hᵀ + R. Out: (de, dn, dve, dvn).
    A variance never falls below 10⁻⁶ of what it was; about 25 ns.
    Out of sequence: Bar-Shalom, IEEE TAES 38 (2002) 769–778, the simplest of its approximations.

    >>> p = np.zeros((1, 10)); p[0, 0] = p[0, 4] = 3.0
    >>> correct(p, 0, 1.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0)[0], float(p[0, 0])
    (3.0, 0.75)
    """
    c = cov[k]
    det = sxx * syy - sxy * sxy
    ixx, ixy, iyy = syy / det, -sxy / det, sxx / det
    # columns of P Hᵀ: what each of the four has in common with the two measured
    h00, h01 = a * c[0] + b * c[2], a * c[1] + b * c[3]
    h10, h11 = a * c[1] + b * c[5], a * c[4] + b * c[6]
    h20, h21 = a * c[2] + b * c[7], a * c[5] + b * c[8]
    h30, h31 = a * c[3] + b * c[8], a * c[6] + b * c[9]
    k00, k01 = h00 * ixx + h01 * ixy, h00 * ixy + h01 * iyy
    k10, k11 = h10 * ixx + h11 * ixy, h10 * ixy + h11 * iyy
    k20, k21 = h20 * ixx + h21 * ixy, h20 * ixy + h21 * iyy
    k30, k31 = h30 * ixx + h31 * ixy, h30 * ixy + h31 * iyy
    c[0] = max(c[0] - k00 * h00 - k01 * h01, 1e-6 * c[0])
    c[1] -= k00 * h10 + k01 * h11
    c[2] -= k00 * h20 + k01 * h21
    c[3] -= k00 * h30 + k01 * h31
    c[4] = max(c[4] - k10 * h10 - k11 * h11, 1e-6 * c[4])
    c[5] -= k10 * h20 + k11 * h21
    c[6] -= k10 * h30 + k11 * h31
    c[7] = max(c[7] - k20 * h20 - k21 * h21, 1e-6 * c[7])
    c[8] -= k20 * h30 + k21 * h31
    c[9] = max(c[9] - k30 * h30 - k31 * h31, 1e-6 * c[9])
    return k00 * ye + k01 * yn, k10 * ye + k11 * yn, k20 * ye + k21 * yn, k30 * ye + k31 * yn
