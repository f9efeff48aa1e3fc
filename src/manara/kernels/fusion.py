"""Two estimates of one craft into one that is never surer than it may be, whatever they have in common.

::

    inverse ─▶ weight ─▶ blend or without ─▶ fuse (n pairs, in place)

A covariance is ten numbers, as in ``kalman``. How much two estimates may have in common is one number, ``bound``:
1 nothing is known (covariance intersection), 0 nothing in common (information addition), ``SHARED`` two trackers of
one craft whose sensors are disjoint: they still share the craft's own unsteadiness. ``INVERSE`` stands for the inverse
form of covariance intersection: some information may be in both, nobody says how much.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

SHARED = 0.5
INVERSE = 2.0
GOLDEN = 0.6180339887498949
ROUNDS = 5  # the weight is then known to 0.05; any weight is consistent, the best one is only a little smaller


class Moving(NamedTuple):
    """Craft at one time, shape (n,) unless said, each in the local frame at its own place."""

    at: F8  # (n, 3) n-vector
    alt_m: F8  # NaN: not known
    vel_mps: F8  # (n, 2) east, north
    cov: F8  # (n, 10)


@njit(cache=True, nogil=True)
def inverse(c: F8, out: F8) -> float:
    """Inverse of a covariance, by two blocks of two; returns the determinant, 0 where it is not positive definite.

    D⁻¹ first, then the complement S = A − B D⁻¹ Bᵀ. In: ``c`` (10,), finite. Out: ``out`` (10,), untouched where 0 is
    returned. Exact to about 10⁻¹² relative for tracks (positions to 10⁵ m, velocities to 10³ m/s). 15 ns.

    >>> p, out = np.array([4.0, 0, 0, 0, 4.0, 0, 0, 1.0, 0, 1.0]), np.empty(10)
    >>> inverse(p, out), out[[0, 7]].tolist()
    (16.0, [0.25, 1.0])
    """
    dd = c[7] * c[9] - c[8] * c[8]
    if not (dd > 0.0 and c[7] > 0.0):
        return 0.0
    d0, d1, d2 = c[9] / dd, -c[8] / dd, c[7] / dd
    # G = B D⁻¹
    g00, g01 = c[2] * d0 + c[3] * d1, c[2] * d1 + c[3] * d2
    g10, g11 = c[5] * d0 + c[6] * d1, c[5] * d1 + c[6] * d2
    s0 = c[0] - g00 * c[2] - g01 * c[3]
    s1 = c[1] - g00 * c[5] - g01 * c[6]
    s2 = c[4] - g10 * c[5] - g11 * c[6]
    ds = s0 * s2 - s1 * s1
    if not (ds > 0.0 and s0 > 0.0):
        return 0.0
    e0, e1, e2 = s2 / ds, -s1 / ds, s0 / ds
    out[0], out[1], out[4] = e0, e1, e2
    h00, h01 = e0 * g00 + e1 * g10, e0 * g01 + e1 * g11
    h10, h11 = e1 * g00 + e2 * g10, e1 * g01 + e2 * g11
    out[2], out[3], out[5], out[6] = -h00, -h01, -h10, -h11
    out[7] = d0 + g00 * h00 + g10 * h10
    out[8] = d1 + g00 * h01 + g10 * h11
    out[9] = d2 + g01 * h01 + g11 * h11
    return float(dd * ds)


@njit(cache=True, nogil=True)
def sound(cov: F8) -> NDArray[np.bool_]:
    """Which rows are covariances that can be counted with: finite and positive definite, (n,). 20 ns each.

    >>> sound(np.array([[1.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0], np.zeros(10), np.full(10, np.inf)])).tolist()
    [True, False, False]
    """
    good = np.zeros(len(cov), np.bool_)
    for k in range(len(cov)):
        total = 0.0
        for m in range(10):
            total += abs(cov[k, m])
        good[k] = total < 1e30 and determinant(cov[k]) > 0.0
    return good


@njit(cache=True, nogil=True)
def determinant(c: F8) -> float:
    """Determinant of a covariance (10,), 0 where it is not positive definite. 8 ns.

    >>> determinant(np.array([4.0, 0, 0, 0, 4.0, 0, 0, 1.0, 0, 1.0]))
    16.0
    """
    dd = c[7] * c[9] - c[8] * c[8]
    if not (dd > 0.0 and c[7] > 0.0):
        return 0.0
    k0, k1 = (c[2] * c[9] - c[3] * c[8]) / dd, (c[3] * c[7] - c[2] * c[8]) / dd
    l0, l1 = (c[5] * c[9] - c[6] * c[8]) / dd, (c[6] * c[7] - c[5] * c[8]) / dd
    s0, s2 = c[0] - k0 * c[2] - k1 * c[3], c[4] - l0 * c[5] - l1 * c[6]
    s1 = c[1] - k0 * c[5] - k1 * c[6]
    ds = s0 * s2 - s1 * s1
    return float(dd * ds) if ds > 0.0 and s0 > 0.0 else 0.0


@njit(cache=True, nogil=True)
def volume(a: F8, b: F8, u: float, v: float) -> float:
    """Determinant of u·a + v·b, two symmetric (10,). 10 ns.

    >>> one = np.array([1.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0])
    >>> volume(one, one, 1.0, 1.0)
    16.0
    """
    c7, c8, c9 = u * a[7] + v * b[7], u * a[8] + v * b[8], u * a[9] + v * b[9]
    c2, c3, c5, c6 = u * a[2] + v * b[2], u * a[3] + v * b[3], u * a[5] + v * b[5], u * a[6] + v * b[6]
    dd = c7 * c9 - c8 * c8
    k0, k1 = (c2 * c9 - c3 * c8) / dd, (c3 * c7 - c2 * c8) / dd
    l0, l1 = (c5 * c9 - c6 * c8) / dd, (c6 * c7 - c5 * c8) / dd
    s0 = u * a[0] + v * b[0] - k0 * c2 - k1 * c3
    s1 = u * a[1] + v * b[1] - k0 * c5 - k1 * c6
    s2 = u * a[4] + v * b[4] - l0 * c5 - l1 * c6
    return float(dd * (s0 * s2 - s1 * s1))


@njit(cache=True, nogil=True)
def shares(omega: float, bound: float) -> tuple[float, float]:
    """How much of each information counts at a weight: u = ω / (ω + r (1 − ω)), v = (1 − ω) / (1 − ω + r ω).

    In: ω in (0, 1), bound r in [0, 1]. r = 1: (ω, 1 − ω); r = 0: (1, 1). For any two errors whose correlation matrix
    P₁^−½ P₁₂ P₂^−½ has norm ≤ r, diag(P₁/u, P₂/v) is at least their joint covariance.
    Hanebeck, Briechle, Horn, A tight bound for the joint covariance of two random vectors, MFI 2001, 85–90.

    >>> shares(0.25, 1.0), shares(0.25, 0.0)
    ((0.25, 0.75), (1.0, 1.0))
    """
    return omega / (omega + bound * (1.0 - omega)), (1.0 - omega) / (1.0 - omega + bound * omega)


@njit(cache=True, nogil=True)
def weight(p: F8, a: F8, q: F8, b: F8, bound: float) -> float:
    """The weight ω in [0, 1] of the first of two estimates at which what they give together is smallest.

    min over ω of det (u P⁻¹ + v Q⁻¹)⁻¹ with (u, v) = ``shares``. In: covariances p, q and their inverses a, b, (10,).
    Out: 1 (or 0) exactly where the other one only makes it worse, as the slope at the end tells, so that an estimate
    that comes back to its maker changes nothing; else to ±0.05. Concave in ω, so the golden section finds it; 30 to
    150 ns. At bound 0 every ω is the same. Julier and Uhlmann, A non-divergent estimation algorithm, ACC 1997.

    >>> one, inv = np.array([1.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0]), np.array([1.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0])
    >>> weight(one, inv, 4.0 * one, 0.25 * inv, 1.0)
    1.0
    """
    if bound <= 0.0:
        return 0.5
    # At ω = 1: du = r, dv = −1/r, so the slope of ln det is 4 r − tr(P B) / r.
    level = 4.0 * bound * bound * (1.0 + 1e-9)  # of two that are equal but for rounding, ours stands
    if level >= _trace(p, b):
        return 1.0
    if level >= _trace(q, a):
        return 0.0
    low, high = 0.0, 1.0
    x, y = 1.0 - GOLDEN, GOLDEN
    fx, fy = _volume_at(a, b, x, bound), _volume_at(a, b, y, bound)
    for _ in range(ROUNDS):
        if fx > fy:
            high, y, fy = y, x, fx
            x = high - GOLDEN * (high - low)
            fx = _volume_at(a, b, x, bound)
        else:
            low, x, fx = x, y, fy
            y = low + GOLDEN * (high - low)
            fy = _volume_at(a, b, y, bound)
    return 0.5 * (low + high)


@njit(cache=True, nogil=True)
def _volume_at(a: F8, b: F8, omega: float, bound: float) -> float:
    u, v = shares(omega, bound)
    return volume(a, b, u, v)


@njit(cache=True, nogil=True)
def _trace(p: F8, b: F8) -> float:
    """tr(P B) of two symmetric matrices."""
    on = p[0] * b[0] + p[4] * b[4] + p[7] * b[7] + p[9] * b[9]
    return float(on + 2.0 * (p[1] * b[1] + p[2] * b[2] + p[3] * b[3] + p[5] * b[5] + p[6] * b[6] + p[8] * b[8]))


@njit(cache=True, nogil=True)
def times(c: F8, x: F8, y: F8) -> None:
    """y = C x of a symmetric (10,) and a vector (4,).

    >>> y = np.empty(4); times(np.array([4.0, 1, 0, 0, 4.0, 0, 0, 1.0, 0, 1.0]), np.ones(4), y); y.tolist()
    [5.0, 5.0, 1.0, 1.0]
    """
    y[0] = c[0] * x[0] + c[1] * x[1] + c[2] * x[2] + c[3] * x[3]
    y[1] = c[1] * x[0] + c[4] * x[1] + c[5] * x[2] + c[6] * x[3]
    y[2] = c[2] * x[0] + c[5] * x[1] + c[7] * x[2] + c[8] * x[3]
    y[3] = c[3] * x[0] + c[6] * x[1] + c[8] * x[2] + c[9] * x[3]


@njit(cache=True, nogil=True)
def blend(p: F8, q: F8, gap: F8, bound: float, out: F8, room: F8) -> float:
    """One estimate from two of the same four numbers; returns the weight of the first, −1 where nothing was done.

    P⁻¹ = u P₁⁻¹ + v P₂⁻¹, x = x₁ + P v P₂⁻¹ (x₂ − x₁), with (u, v) = ``shares`` at the best ``weight``.
    In: covariances p, q (10,); ``gap`` = x₂ − x₁ (4,), replaced by x − x₁; ``room``: (3, 10) to count in. Out: ``out``
    the covariance (10,). Consistent whenever both were and their correlation is at most ``bound``. Fails (−1, nothing
    written) where one is not positive definite. 0.1 to 0.3 µs.

    >>> one, gap, out = np.array([1.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0]), np.ones(4), np.empty(10)
    >>> blend(one, one, gap, 0.0, out, np.empty((3, 10))), gap.tolist(), float(out[0])
    (0.5, [0.5, 0.5, 0.5, 0.5], 0.5)
    """
    a, b, sum_ = room[0], room[1], room[2]
    if inverse(p, a) <= 0.0 or inverse(q, b) <= 0.0:
        return -1.0
    omega = weight(p, a, q, b, bound)
    if omega == 1.0:
        out[:] = p
        gap[:] = 0.0
        return omega
    if omega == 0.0:
        out[:] = q
        return omega
    u, v = shares(omega, bound)
    for m in range(10):
        sum_[m] = u * a[m] + v * b[m]
    x, y = room[0, :4], room[0, 4:8]
    x[:] = gap
    times(b, x, y)
    if inverse(sum_, b) <= 0.0:
        return -1.0
    out[:] = b
    for m in range(4):
        y[m] *= v
    times(out, y, gap)
    return omega


@njit(cache=True, nogil=True)
def _less(a: F8, b: F8, p: F8, q: F8, omega: float, room: F8) -> float:
    """det(P⁻¹ + Q⁻¹ − Γ⁻¹) with Γ = ω P + (1 − ω) Q, and that matrix in room[1]; 0 where it is not positive."""
    for m in range(10):
        room[0, m] = omega * p[m] + (1.0 - omega) * q[m]
    if inverse(room[0], room[1]) <= 0.0:
        return 0.0
    for m in range(10):
        room[0, m] = room[1, m]
        room[1, m] = a[m] + b[m] - room[1, m]
    return determinant(room[1])


@njit(cache=True, nogil=True)
def without(p: F8, q: F8, gap: F8, out: F8, room: F8) -> float:
    """One estimate from two that may hold the same information: it is counted once, as the weight says that fits best.

    P⁻¹ = P₁⁻¹ + P₂⁻¹ − Γ⁻¹, Γ = ω P₁ + (1 − ω) P₂, x = x₁ + P (P₂⁻¹ − (1 − ω) Γ⁻¹)(x₂ − x₁), ω of the smallest det P
    (ln det is concave in ω). Consistent for every pair x_i = own information plus one common estimate, whatever that
    is; of what is no tighter than the first anywhere (P₂ ≥ P₁: our own word, come back) nothing is taken.
    In and out as ``blend``; ``room`` (5, 10). Returns 1 or 0 exactly where one of the two stands alone, −1 where one is
    no covariance. 1 µs. Noack, Sijs, Reinhardt, Hanebeck, Decentralized data fusion with inverse covariance
    intersection, Automatica 79 (2017) 35–41.

    >>> one, two = np.array([1.0, 0, 0, 0, 4.0, 0, 0, 1.0, 0, 1.0]), np.array([4.0, 0, 0, 0, 1.0, 0, 0, 1.0, 0, 1.0])
    >>> gap, out = np.zeros(4), np.empty(10)
    >>> without(one, two, gap, out, np.empty((5, 10))) > 0.0, round(float(out[0]), 1)
    (True, 1.2)
    """
    a, b = room[2], room[3]
    first, second = inverse(p, a), inverse(q, b)
    if first <= 0.0 or second <= 0.0:
        return -1.0
    low, high = 0.0, 1.0
    x, y = 1.0 - GOLDEN, GOLDEN
    fx, fy = _less(a, b, p, q, x, room), _less(a, b, p, q, y, room)
    for _ in range(ROUNDS):
        if fx > fy:
            high, y, fy = y, x, fx
            x = high - GOLDEN * (high - low)
            fx = _less(a, b, p, q, x, room)
        else:
            low, x, fx = x, y, fy
            y = low + GOLDEN * (high - low)
            fy = _less(a, b, p, q, y, room)
    omega = 0.5 * (low + high)
    best = _less(a, b, p, q, omega, room)
    if best * first <= 1.0 + 1e-9 and first <= second:
        out[:] = p
        gap[:] = 0.0
        return 1.0
    if best * second <= 1.0 + 1e-9:
        out[:] = q
        return 0.0
    for m in range(10):
        b[m] -= (1.0 - omega) * room[0, m]
    if inverse(room[1], out) <= 0.0:
        return -1.0
    room[0, :4] = gap
    times(b, room[0, :4], room[1, :4])
    times(out, room[1, :4], gap)
    return omega


@njit(cache=True, nogil=True)
def twist(nx: float, ny: float, nz: float, px: float, py: float, pz: float) -> tuple[float, float]:
    """How the frame at p stands to that at n: what is (a, b) at n is (c a − s b, s a + c b) at p, as ``geodesy.move``.

    From the scalar products of the two easts and norths: without sines, and right up to the square of the angle
    between the points (10⁻⁷ at 2 km). In: unit n-vectors. Out: c² + s² = 1. 10 ns.

    >>> [round(v, 9) for v in twist(0.0, 0.0, 1.0, 1e-9, 0.0, 1.0)]
    [1.0, 0.0]
    """
    ex, ey, mx, my, mz = geodesy.frame(nx, ny, nz)
    fx, fy, gx, gy, gz = geodesy.frame(px, py, pz)
    # East and north turn alike; of both together the part out of the plane falls away to first order.
    c, s = ex * fx + ey * fy + mx * gx + my * gy + mz * gz, ex * gx + ey * gy - mx * fx - my * fy
    norm = math.sqrt(c * c + s * s)
    if norm < 1e-12:
        return 1.0, 0.0
    return c / norm, s / norm


@njit(cache=True, nogil=True)
def fuse(first: I8, second: I8, bound: F8, joint_s: F8, q: F8, ours: Moving, theirs: Moving) -> F8:
    """Let n estimates take in n others of the same craft, in place in ``ours``; returns the ``weight`` of ours in each.

    Both are brought into the frame at ours. Where ``bound`` < 1, the noise since the later of the two last updates,
    Q(``joint_s``, q), is the same in both: it is set aside before the blend and added after it, or as much of it as
    fits. ``bound`` 1 asks nothing of the world and is always consistent; ``SHARED`` is for disjoint sensors: at update
    periods of 1 to 20 s, noises of 10 to 100 m and the unsteadiness of boats to fighters ANEES stays below 1.02, where
    adding the informations of states (bound 0) gives 1.2 to 1.5 (tests/kernels/test_fusion.py). ``INVERSE`` is for two
    of which both may hold the same plots (``without``). Increments need none of this: ``kernels.chain``.

    In: rows ``first`` of ours (each may occur again: the order counts), ``second`` of theirs; ``bound``, ``joint_s``,
    ``q`` (n,). Out: (n,), −1 where one of the two is no covariance and nothing was done; 1: theirs told nothing that
    ours did not. About 0.6 µs a pair.

    >>> at, v = np.array([[1.0, 0.0, 0.0]]), np.zeros((1, 2))
    >>> one = Moving(at, np.zeros(1), v, np.array([[9.0, 0, 0, 0, 9.0, 0, 0, 1.0, 0, 1.0]]))
    >>> two = Moving(at, np.zeros(1), v, np.array([[1.0, 0, 0, 0, 9.0, 0, 0, 1.0, 0, 9.0]]))
    >>> i = np.zeros(1, np.int64)
    >>> fuse(i, i, np.zeros(1), np.zeros(1), np.zeros(1), one, two).tolist(), round(float(one.cov[0, 0]), 3)
    ([0.5], 0.9)
    """
    room, work, gap, out = np.empty((5, 10)), np.empty((3, 10)), np.empty(4), np.empty(len(first))
    for a in range(len(first)):
        i, j = first[a], second[a]
        alt_m = ours.alt_m[i] if math.isfinite(ours.alt_m[i]) else 0.0
        x, y, z = ours.at[i, 0], ours.at[i, 1], ours.at[i, 2]
        gap[0], gap[1] = geodesy.offset(x, y, z, alt_m, theirs.at[j, 0], theirs.at[j, 1], theirs.at[j, 2])
        c, s = twist(x, y, z, theirs.at[j, 0], theirs.at[j, 1], theirs.at[j, 2])
        ve, vn = theirs.vel_mps[j, 0], theirs.vel_mps[j, 1]
        gap[2] = c * ve + s * vn - ours.vel_mps[i, 0]
        gap[3] = c * vn - s * ve - ours.vel_mps[i, 1]
        work[0, :] = ours.cov[i]
        work[1, :] = theirs.cov[j]
        kalman.turn(work, 1, c, -s)
        part = 0.0 if bound[a] >= 1.0 else _set_aside(work, joint_s[a], q[a])
        if bound[a] >= INVERSE:
            out[a] = without(work[0], work[1], gap, work[2], room)
        else:
            out[a] = blend(work[0], work[1], gap, bound[a], work[2], room)
        if out[a] < 0.0 or out[a] == 1.0:
            continue
        if part > 0.0:
            _noise(work[2], joint_s[a], part * q[a])
        x, y, z, c, s = geodesy.move(x, y, z, alt_m, gap[0], gap[1])
        ours.at[i, 0], ours.at[i, 1], ours.at[i, 2] = x, y, z
        ve, vn = ours.vel_mps[i, 0] + gap[2], ours.vel_mps[i, 1] + gap[3]
        ours.vel_mps[i, 0], ours.vel_mps[i, 1] = c * ve - s * vn, s * ve + c * vn
        kalman.turn(work, 2, c, s)
        ours.cov[i, :] = work[2]
    return out


@njit(cache=True, nogil=True)
def _noise(c: F8, dt_s: float, q: float) -> None:
    """Add Q(dt, q), see ``kalman.predict``."""
    q1 = q * dt_s
    q2, q3 = 0.5 * q1 * dt_s, q1 * dt_s * dt_s / 3.0
    c[0] += q3
    c[4] += q3
    c[2] += q2
    c[6] += q2
    c[7] += q1
    c[9] += q1


@njit(cache=True, nogil=True)
def _set_aside(work: F8, dt_s: float, q: float) -> float:
    """Take Q out of both rows, or half, a quarter … of it, until both stay positive definite; returns the part."""
    part = 1.0
    if not (dt_s > 0.0 and q > 0.0):
        return 0.0
    for _ in range(4):
        _noise(work[0], dt_s, -part * q)
        _noise(work[1], dt_s, -part * q)
        if determinant(work[0]) > 0.0 and determinant(work[1]) > 0.0:
            return part
        _noise(work[0], dt_s, part * q)
        _noise(work[1], dt_s, part * q)
        part *= 0.5
    return 0.0
