"""One estimate of a craft from what several trackers learned of it, each piece of information once and in its time.

::

    base (a state at a time) ─▶ increments in the order of their times ─▶ carried forward ─▶ the estimate now
         ▲ admit: no interval of one origin twice                 └─▶ misfit: is it as independent as it was said?

An increment is that of ``kernels.increment``: gain G and place z, relative to a row. Covariances are as there.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman
from manara.kernels.increment import carry, factor, invert, join

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEGATIVE = 1e-3  # of what is known: a gain that takes more away than rounding explains is none


@njit(cache=True, nogil=True)
def admit(chain: I8, member: I8, begin_ns: I8, end_ns: I8, fresh: Bools, most: int, kept: Bools) -> None:
    """Which of n intervals may be counted: none that overlaps one of the same chain and member that is.

    In: sorted by chain, member, fresh, begin; rows that are not ``fresh`` are counted already. Out: ``kept`` (n,). At
    most ``most`` of a chain and member. Linear in n: whoever sends many intervals of one craft costs most of them.

    >>> i, kept = np.zeros(4, np.int64), np.zeros(4, np.bool_)
    >>> begin, end = np.array([5, 0, 4, 9]), np.array([9, 5, 6, 12])
    >>> admit(i, i, begin, end, np.array([False, True, True, True]), 8, kept); kept.tolist()
    [True, True, False, True]
    """
    head, count = 0, 0
    for k in range(len(chain)):
        if k > 0 and (chain[k] != chain[head] or member[k] != member[head]):
            head, count = k, 0
        free = not fresh[k] or count < most
        if fresh[k] and free:
            for j in range(head, k):
                if kept[j] and begin_ns[k] < end_ns[j] and begin_ns[j] < end_ns[k]:
                    free = False
                    break
        kept[k] = free
        count += 1 if free else 0


@njit(cache=True, nogil=True)
def misfit(cov: F8, apart: F8, gain: F8, moved: F8) -> float:
    """How far what an increment says lies from what was known without it: χ² with two degrees of freedom.

    i = G (z − x), its position half over (G + G P G)'s. In: P (10,), x and z relative to one row (4,). Out: the
    squared distance, mean 2 where the increment is independent of x and both are honest; less where x already holds it;
    NaN where nothing was measured. 0.1 µs.

    >>> one = np.zeros(10); one[0] = one[4] = one[7] = one[9] = 1.0
    >>> misfit(one, np.zeros(4), one, np.array([2.0, 0.0, 0.0, 0.0]))
    2.0
    """
    full_g, full_p = np.empty((4, 4)), np.empty((4, 4))
    _square(gain, full_g)
    _square(cov, full_p)
    i, s = np.zeros(2), np.zeros((2, 2))
    for a in range(2):
        for c in range(4):
            i[a] += full_g[a, c] * (moved[c] - apart[c])
        for b in range(2):
            s[a, b] = full_g[a, b]
            for c in range(4):
                for d in range(4):
                    s[a, b] += full_g[a, c] * full_p[c, d] * full_g[d, b]
    det = s[0, 0] * s[1, 1] - s[0, 1] * s[1, 0]
    if not (det > 1e-24 and s[0, 0] > 0.0 and full_g[0, 0] * full_p[0, 0] > 1e-4):
        return math.nan
    return float((i[0] * i[0] * s[1, 1] - 2.0 * i[0] * i[1] * s[0, 1] + i[1] * i[1] * s[0, 0]) / det)


@njit(cache=True, nogil=True)
def _square(c: F8, out: F8) -> None:
    k = 0
    for i in range(4):
        for j in range(i, 4):
            out[i, j] = out[j, i] = c[k]
            k += 1


@njit(cache=True, nogil=True)
def run(
    mean: F8, cov: F8, time_ns: I8, q: F8, first: I8, last: I8, end_ns: I8, rows: F8, gain: F8, moved: F8,
    until_ns: int, fresh: Bools, score: F8,
) -> None:  # fmt: skip
    """Take increments first[k] … last[k] − 1 into chain k, those up to ``until_ns``, in place.

    In: chains ``mean`` (n, 5), ``cov`` (n, 10), ``time_ns``, ``q`` (n,); m increments sorted by chain and time:
    ``end_ns`` (m,), ``rows`` (m, 6), ``gain`` (m, 10), ``moved`` (m, 4), finite. Out: chains at the time of the last
    one taken; ``score`` (m,): ``misfit`` of those that are ``fresh``. One that would take information away is passed
    over. About 1 µs an increment.

    >>> mean, cov, t = np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(1, np.int64); mean[0, 0] = 1.0
    >>> cov[0, [0, 4, 7, 9]] = 1.0; g = cov.copy(); row = np.eye(1, 6); i = np.zeros(1, np.int64)
    >>> run(mean, cov, t, i * 1.0, i, i + 1, i + 1, row, g, np.zeros((1, 4)), 5, i > 0, i * 1.0)
    >>> int(t[0]), round(float(cov[0, 0]), 6)
    (1, 0.5)
    """
    apart, low, known, whole, nothing = np.empty(4), np.empty((4, 4)), np.empty(10), np.empty(10), np.zeros(10)
    for k in range(len(time_ns)):
        for e in range(first[k], last[k]):
            if end_ns[e] > until_ns:
                break
            carry(mean, cov, k, max(end_ns[e] - time_ns[k], 0) / 1e9, q[k], rows[e], apart)
            time_ns[k] = max(time_ns[k], end_ns[e])
            if not invert(cov[k], low, known):
                continue
            if fresh[e]:
                score[e] = misfit(cov[k], apart, gain[e], moved[e])
            for p in range(10):
                whole[p] = gain[e, p] + NEGATIVE * known[p]
            if factor(whole, low):
                join(mean, cov, k, rows[e], apart, known, gain[e], moved[e], low)
            else:
                join(mean, cov, k, rows[e], apart, known, nothing, moved[e], low)


@njit(cache=True, nogil=True)
def forward(mean: F8, cov: F8, time_ns: I8, q: F8, alt_m: F8, now_ns: int) -> None:
    """Carry chains on to ``now_ns``, each straight along its great circle, in place. 0.2 µs each.

    >>> mean, cov = np.zeros((1, 5)), np.zeros((1, 10)); mean[0, 0], mean[0, 3] = 1.0, 10.0
    >>> forward(mean, cov, np.zeros(1, np.int64), np.full(1, 3.0), np.zeros(1), 2 * 10**9)
    >>> round(float(mean[0, 1]) * 6378137.0, 6), float(cov[0, 7])
    (20.0, 6.0)
    """
    for k in range(len(time_ns)):
        dt = max(now_ns - time_ns[k], 0) / 1e9
        height = alt_m[k] if math.isfinite(alt_m[k]) else 0.0
        kalman.predict(cov, k, dt, q[k])
        ve, vn = mean[k, 3], mean[k, 4]
        x, y, z, c, s = geodesy.move(mean[k, 0], mean[k, 1], mean[k, 2], height, dt * ve, dt * vn)
        mean[k, 0], mean[k, 1], mean[k, 2] = x, y, z
        mean[k, 3], mean[k, 4] = c * ve - s * vn, s * ve + c * vn
        kalman.turn(cov, k, c, s)
        time_ns[k] = now_ns
