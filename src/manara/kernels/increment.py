"""What a track has learned since it was last told: an equivalent measurement that a recipient may count once.

The last row told, carried forward, and the new state differ by the increment: gain G = P₁⁻¹ − P⁻¹ and the place z at
which it was measured, such that (x, P) ⊕ (z, G) is (x₁, P₁). Covariances are ten numbers as in ``kernels.kalman``, and
so is a gain. Both sides run the same kernels, so that what they carry forward is the same to the bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

# Acceleration noise by which a recipient carries a row forward, m²/s³, by reports.Kind; it is part of the format. Never
# less than a tracker's own, so that a gain is never negative.
Q_M2PS3 = (20.0, 0.05, 0.2, 1e-6, 1e-5, 10.0, 0.05, 60.0, 15.0, 2.0, 60.0, 0.05, 1e-6, 0.2)
Q_DOMAIN_M2PS3 = (20.0, 60.0, 0.2, 2.0)  # by reports.Domain, where the kind is not told

RIDGES = (1e-5, 1e-3)  # directions in which less was learned, in units of P₁, count as not measured
STRAY = 0.02  # the chain may differ from the state by so many standard deviations, a variance by that part
PLACE = np.array([[0, 1, 2, 3], [1, 4, 5, 6], [2, 5, 7, 8], [3, 6, 8, 9]])  # of (row, column) in the ten


def q_of(kind: I8, domain: I8) -> F8:
    """Acceleration noise of each row, (n,): by kind, or by domain where the kind is 0. In: any whole numbers.

    >>> q_of(np.array([1, 0, 99]), np.array([2, 1, 7])).tolist()
    [0.05, 60.0, 20.0]
    """
    kind = np.where((kind >= 0) & (kind < len(Q_M2PS3)), kind, 0)
    domain = np.where((domain >= 0) & (domain < len(Q_DOMAIN_M2PS3)), domain, 0)
    return np.where(kind > 0, np.array(Q_M2PS3)[kind], np.array(Q_DOMAIN_M2PS3)[domain])


@njit(cache=True, nogil=True)
def factor(a: F8, low: F8) -> bool:
    """Cholesky's triangle L of a symmetric matrix of ten numbers, L Lᵀ = A, into ``low`` (4, 4); False: not positive.

    >>> a = np.zeros(10); a[0] = a[4] = a[7] = a[9] = 4.0; low = np.zeros((4, 4))
    >>> factor(a, low), low.diagonal().tolist(), factor(-a, low)
    (True, [2.0, 2.0, 2.0, 2.0], False)
    """
    for i in range(4):
        for j in range(i + 1):
            s = a[PLACE[i, j]]
            for k in range(j):
                s -= low[i, k] * low[j, k]
            if i == j:
                if not s > 0.0:
                    return False
                low[i, i] = math.sqrt(s)
            else:
                low[i, j] = s / low[j, j]
    return True


@njit(cache=True, nogil=True)
def solve(low: F8, b: F8) -> None:
    """Solve L Lᵀ x = b in place, b (4,).

    >>> low = np.eye(4) * 2.0; b = np.array([4.0, 8.0, 0.0, -4.0]); solve(low, b); b.tolist()
    [1.0, 2.0, 0.0, -1.0]
    """
    for i in range(4):
        s = b[i]
        for k in range(i):
            s -= low[i, k] * b[k]
        b[i] = s / low[i, i]
    for i in range(3, -1, -1):
        s = b[i]
        for k in range(i + 1, 4):
            s -= low[k, i] * b[k]
        b[i] = s / low[i, i]


@njit(cache=True, nogil=True)
def invert(a: F8, low: F8, out: F8) -> bool:
    """Inverse of a symmetric positive matrix of ten numbers into ``out`` (10,); False, and ``out`` as it was: not
    positive. About 60 ns.

    >>> a = np.zeros(10); a[0] = a[4] = a[7] = a[9] = 4.0; out = np.zeros(10)
    >>> invert(a, np.zeros((4, 4)), out), out[[0, 1, 4]].tolist()
    (True, [0.25, 0.0, 0.25])
    """
    if not factor(a, low):
        return False
    b = np.empty(4)
    for j in range(4):
        for k in range(4):
            b[k] = 1.0 if k == j else 0.0
        solve(low, b)
        for i in range(j, 4):
            out[PLACE[j, i]] = b[i]
    return True


@njit(cache=True, nogil=True)
def times(a: F8, b: F8, out: F8) -> None:
    """A b of a symmetric matrix of ten numbers and (4,).

    >>> a = np.zeros(10); a[0] = a[9] = 2.0; a[3] = 1.0; out = np.zeros(4)
    >>> times(a, np.array([1.0, 5.0, 5.0, 3.0]), out); out.tolist()
    [5.0, 0.0, 0.0, 7.0]
    """
    for i in range(4):
        s = 0.0
        for j in range(4):
            s += a[PLACE[i, j]] * b[j]
        out[i] = s


@njit(cache=True, nogil=True)
def carry(mean: F8, cov: F8, k: int, dt_s: float, q: float, row: F8, apart: F8) -> None:
    """Carry row k of a chain forward and look at it from where ``row`` stands.

    ``mean`` (n, 5): n-vector, velocity east and north; ``cov`` (n, 10); ``row`` (6,): n-vector, height, velocity.
    Out: ``cov`` in the frame at the row, ``apart`` (4,): the chain less the row, metres and m/s in that frame. About
    0.3 µs. In: dt ≥ 0.

    >>> mean, cov, apart = np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(4); mean[0, 0], mean[0, 4] = 1.0, 3.0
    >>> carry(mean, cov, 0, 2.0, 0.0, np.array([1.0, 0.0, 0.0, 0.0, 0.0, 1.0]), apart); apart.round(6).tolist()
    [0.0, 6.0, 0.0, 2.0]
    """
    kalman.predict(cov, k, dt_s, q)
    ve, vn = mean[k, 3], mean[k, 4]
    height = row[3]
    x, y, z, c, s = geodesy.move(mean[k, 0], mean[k, 1], mean[k, 2], height, dt_s * ve, dt_s * vn)
    ve, vn = c * ve - s * vn, s * ve + c * vn
    kalman.turn(cov, k, c, s)
    apart[0], apart[1] = geodesy.offset(row[0], row[1], row[2], height, x, y, z)
    _, _, _, c, s = geodesy.move(row[0], row[1], row[2], height, apart[0], apart[1])
    kalman.turn(cov, k, c, -s)
    apart[2], apart[3] = c * ve + s * vn - row[4], c * vn - s * ve - row[5]


@njit(cache=True, nogil=True)
def join(mean: F8, cov: F8, k: int, row: F8, apart: F8, known: F8, gain: F8, moved: F8, low: F8) -> bool:
    """Take an increment into a chain that was carried to its row: (x, P) ⊕ (z, G).

    P' = (P⁻¹ + G)⁻¹, x' = P' (P⁻¹ x + G z), all in the frame at ``row``. In: ``apart`` from ``carry``, ``known`` = P⁻¹
    (10,), ``gain`` (10,), ``moved`` (4,) relative to the row. Out: row k of ``mean`` and ``cov``, ``apart`` = x';
    False, and nothing changed, where the sum is not positive.

    >>> mean, cov = np.zeros((1, 5)), np.zeros((1, 10)); mean[0, 0] = 1.0
    >>> one = np.zeros(10); one[0] = one[4] = one[7] = one[9] = 1.0; z = np.array([2.0, 0.0, 0.0, 0.0])
    >>> apart, row = np.zeros(4), np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    >>> join(mean, cov, 0, row, apart, one, one, z, np.zeros((4, 4))), apart.tolist(), float(cov[0, 0])
    (True, [1.0, 0.0, 0.0, 0.0], 0.5)
    """
    total, before, more = np.empty(10), np.empty(4), np.empty(4)
    for i in range(10):
        total[i] = known[i] + gain[i]
    fresh = np.empty(10)
    if not invert(total, low, fresh):
        return False
    times(known, apart, before)
    times(gain, moved, more)
    for i in range(4):
        before[i] += more[i]
    times(fresh, before, apart)
    cov[k, :] = fresh
    x, y, z, c, s = geodesy.move(row[0], row[1], row[2], row[3], apart[0], apart[1])
    ve, vn = row[4] + apart[2], row[5] + apart[3]
    mean[k, 0], mean[k, 1], mean[k, 2] = x, y, z
    mean[k, 3], mean[k, 4] = c * ve - s * vn, s * ve + c * vn
    kalman.turn(cov, k, c, s)
    return True


@njit(cache=True, nogil=True)
def start(mean: F8, cov: F8, k: int, row: F8, told: F8) -> None:
    """Let row k of a chain begin with a whole state: the row's own, with its covariance ``told`` (10,).

    >>> mean, cov = np.zeros((1, 5)), np.zeros((1, 10)); start(mean, cov, 0, np.arange(6.0), np.arange(10.0))
    >>> mean.tolist(), cov[0, 9]
    ([[0.0, 1.0, 2.0, 4.0, 5.0]], 9.0)
    """
    mean[k, 0], mean[k, 1], mean[k, 2], mean[k, 3], mean[k, 4] = row[0], row[1], row[2], row[4], row[5]
    cov[k, :] = told


@njit(cache=True, nogil=True)
def _increment(known: F8, apart: F8, exact: F8, now: F8, gain: F8, moved: F8, low: F8) -> bool:
    """G and z as they are sent (single precision), from P⁻¹, x − x₁, P₁ and P₁⁻¹; False where G is not positive.

    Counted in units of P₁ = L Lᵀ: (Lᵀ G L + ridge) y = Lᵀ i, z = L y, i = −P⁻¹ (x − x₁)."""
    triangle, whole, i, y = np.empty((4, 4)), np.empty(10), np.empty(4), np.empty(4)
    for p in range(10):
        gain[p] = np.float32(now[p] - known[p])
    if not factor(exact, triangle):
        return False
    times(known, apart, i)
    ready = False
    for ridge in RIDGES:
        _inside(gain, triangle, ridge, whole)
        if factor(whole, low):
            ready = True
            break
    if not ready:
        return False
    for r in range(4):
        y[r] = 0.0
        for k in range(r, 4):
            y[r] -= triangle[k, r] * i[k]
    solve(low, y)
    for r in range(4):
        s = 0.0
        for k in range(r + 1):
            s += triangle[r, k] * y[k]
        moved[r] = np.float32(s)
    return True


@njit(cache=True, nogil=True)
def _inside(gain: F8, triangle: F8, ridge: float, out: F8) -> None:
    """Lᵀ G L + ridge I as ten numbers."""
    half = np.zeros((4, 4))
    for r in range(4):
        for c in range(4):
            for k in range(c, 4):
                half[r, c] += gain[PLACE[r, k]] * triangle[k, c]
    for r in range(4):
        for c in range(r, 4):
            s = ridge if r == c else 0.0
            for k in range(r, 4):
                s += triangle[k, r] * half[k, c]
            out[PLACE[r, c]] = s


@njit(cache=True, nogil=True)
def _strays(apart: F8, cov: F8, k: int, told: F8) -> bool:
    """Is the chain farther from the state than STRAY says?"""
    for i in range(4):
        p = PLACE[i, i]
        if abs(apart[i]) > STRAY * math.sqrt(told[p]) or abs(cov[k, p] - told[p]) > STRAY * told[p]:
            return True
    return False


@njit(cache=True, nogil=True)
def increments(
    mean: F8, cov: F8, time_ns: I8, whole: I8, q: F8, rows: F8, told: F8, exact: F8, now_ns: I8, gain: F8, moved: F8,
    begin_ns: I8,
) -> None:  # fmt: skip
    """Increments of rows that are told now, each over its own chain, and the chains carried on by what was sent.

    In: chains as ``carry`` has them with their times (0: none yet), ``whole`` (n,): 1 begins anew; ``rows`` (n, 6),
    ``told`` (n, 10) their covariances in metres and m/s as they are sent, ``exact`` before they were rounded. Out:
    ``gain`` (n, 10) and ``moved`` (n, 4), numbers that single precision holds; ``begin_ns``: the time since which the
    gain speaks, 0 where the row's own state is to replace what was known under its number. That is so at first, and
    where no increment leads from the last row to this one within STRAY (the tracker has lost information, or was put
    right by more than its model allows).
    A recipient that runs ``carry`` and ``join`` holds what is held here. About 1.2 µs a row.

    >>> mean, cov, t = np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(1, np.int64)
    >>> p = np.zeros((1, 10)); p[0, [0, 4, 7, 9]] = 100.0, 100.0, 1.0, 1.0
    >>> row, g, z, begin = np.zeros((1, 6)), np.zeros((1, 10)), np.zeros((1, 4)), np.zeros(1, np.int64)
    >>> row[0, 0] = 1.0; one = np.ones(1, np.int64); q = np.full(1, 0.5)
    >>> increments(mean, cov, t, one, q, row, p, p, one * 10**9, g, z, begin); p[0, [0, 4]] = 60.0
    >>> increments(mean, cov, t, one * 0, q, row, p, p, one * 2 * 10**9, g, z, begin)
    >>> int(begin[0]), bool(g[0, 0] > 0.0), np.allclose(cov, p, atol=1e-3)
    (1000000000, True, True)
    """
    apart, low = np.empty(4), np.empty((4, 4))
    known, now, kept_mean, kept_cov = np.empty(10), np.empty(10), np.empty((1, 5)), np.empty((1, 10))
    for k in range(len(time_ns)):
        done = False
        if whole[k] == 0 and time_ns[k] > 0 and now_ns[k] >= time_ns[k] and invert(exact[k], low, now):
            kept_mean[0, :], kept_cov[0, :] = mean[k], cov[k]
            carry(kept_mean, kept_cov, 0, (now_ns[k] - time_ns[k]) / 1e9, q[k], rows[k], apart)
            if invert(kept_cov[0], low, known) and _increment(known, apart, exact[k], now, gain[k], moved[k], low):
                done = join(kept_mean, kept_cov, 0, rows[k], apart, known, gain[k], moved[k], low)
                done = done and not _strays(apart, kept_cov, 0, exact[k])
        if done:
            mean[k, :], cov[k, :] = kept_mean[0], kept_cov[0]
            begin_ns[k] = time_ns[k]
        else:
            start(mean, cov, k, rows[k], told[k])
            gain[k, :], moved[k, :], begin_ns[k] = 0.0, 0.0, 0
        time_ns[k] = now_ns[k]


@njit(cache=True, nogil=True)
def chain_on(
    mean: F8, cov: F8, time_ns: I8, q: F8, rows: F8, told: F8, now_ns: I8, gain: F8, moved: F8, begin_ns: I8, taken: I8
) -> None:
    """The recipient's side: take rows into the chains kept of them, (n,).

    ``taken``: 1 an increment was added, 2 the chain began anew with the row's whole state (``begin_ns`` 0, or a row
    was missed), as ``increments`` says. In and out as there. About 0.8 µs a row.

    >>> mean, cov, t = np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(1, np.int64)
    >>> row, p, taken = np.zeros((1, 6)), np.ones((1, 10)), np.zeros(1, np.int64); now = np.full(1, 5)
    >>> chain_on(mean, cov, t, np.ones(1), row, p, now, p, np.zeros((1, 4)), np.zeros(1, np.int64), taken)
    >>> int(taken[0]), int(t[0])
    (2, 5)
    """
    apart, low, known = np.empty(4), np.empty((4, 4)), np.empty(10)
    for k in range(len(time_ns)):
        taken[k] = 2
        if begin_ns[k] > 0 and begin_ns[k] == time_ns[k] and now_ns[k] >= time_ns[k]:
            carry(mean, cov, k, (now_ns[k] - time_ns[k]) / 1e9, q[k], rows[k], apart)
            if invert(cov[k], low, known) and join(mean, cov, k, rows[k], apart, known, gain[k], moved[k], low):
                taken[k] = 1
        if taken[k] == 2:
            start(mean, cov, k, rows[k], told[k])
        time_ns[k] = now_ns[k]


def warm() -> None:
    """Compile every kernel once."""
    mean, cov, time_ns = np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(1, np.int64)
    place, one = np.eye(1, 6), np.ones(1, np.int64)
    p = np.eye(4)[np.triu_indices(4)].reshape(1, 10)
    gain, moved, begin_ns = np.zeros((1, 10)), np.zeros((1, 4)), np.zeros(1, np.int64)
    increments(mean, cov, time_ns, one, np.ones(1), place, p, p, one, gain, moved, begin_ns)
    chain_on(mean, cov, time_ns, np.ones(1), place, p, one, gain, moved, begin_ns, one.copy())
