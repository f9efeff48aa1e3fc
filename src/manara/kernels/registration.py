"""What is wrong with a sensor, from craft that two sources see: one filter over the biases of all sources.

::

    sightings ─▶ pairs (one craft, two sources, each sighting once) ─▶ absorb ─▶ judge (at the end of a window)

A source has five numbers, at ``5·row``: FIRST (range of a polar plot, else east) and SECOND (north; nothing for polar
plots), metres; TURN, the azimuth of its north, radians clockwise; TIME, by how much it stamps late, seconds; DRIFT,
how fast that grows. Two sightings of one craft differ by levers times biases: FIRST along the ray, TURN across it and
growing with distance, TIME along the way the craft flies. Only craft of different radial speed tell TIME from FIRST,
and the covariance says whether there were such. Each sighting is used in one pair, so the differences are independent.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy
from manara.kernels.sensing import CARTESIAN, POLAR, S_NX, S_NY, S_NZ, PlotRows

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

FIRST, SECOND, TURN, TIME, DRIFT, WIDTH = 0, 1, 2, 3, 4, 5
GATE = 18.4  # χ² of two degrees beyond which a difference counts for less: one honest one in ten thousand
STEEP = 0.5  # a polar plot whose way on the ground is less than this share of its slant range says little
FACTOR_MIN, FACTOR_MAX = 1.0, 100.0  # of a source's noise variance: one that is better than it says is left at that
MEMORY = 0.9  # of what is known of the factors, from window to window
KNOWN = 1.0  # information about the logarithm of a factor at the start: a third to three times
RESTLESS = 0.95  # memory of how large |z| of a source usually is
STRIDE = 1.5  # the most that a window changes the logarithm of a factor
WIDEST = 2.0  # a doubt never exceeds this many priors, a bias four times as many: what a source may be at all


class Seen(NamedTuple):
    """Sightings, shape (n,) unless said; ``lever`` is d(east, north)/d(FIRST, SECOND, TURN)."""

    time_ns: I8
    row: I8  # of the book
    craft: I8
    at: F8  # (n, 3) n-vector
    r: F8  # (n, 3) [ee, en, nn] m²
    lever: F8  # (n, 6) first e, first n, second e, second n, turn e, turn n
    vel_mps: F8  # (n, 4) of the craft, east and north; its sigma; density of its acceleration, m²/s³; NaN: not known


class Book(NamedTuple):
    """Everything the filter remembers of s sources."""

    mean: F8  # (s, 5)
    cov: F8  # (5 s, 5 s)
    prior: F8  # (s, 5) sigmas; 0: no such bias
    factor: F8  # (s, 2) of the noise variance, and the sigma of its logarithm
    known: F8  # (s, s) information about the logarithms, with memory
    score: F8  # (s,) of the logarithms, of this window
    blame: F8  # (s, s) information about them, of this window
    shift: F8  # (s, 10) of this window: score of the five, then their information
    usual: F8  # (s, 5) mean square of z over the windows before, 1 at first
    tally: F8  # (s, 3) of this window: differences and the sum of their NIS / 2; differences ever


@njit(cache=True, nogil=True)
def blank(s: int) -> Book:
    """A book of s sources that have no bias.

    >>> blank(2).cov.shape
    (10, 10)
    """
    return Book(
        np.zeros((s, WIDTH)),
        np.zeros((WIDTH * s, WIDTH * s)),
        np.zeros((s, WIDTH)),
        np.ones((s, 2)),
        np.zeros((s, s)),
        np.zeros(s),
        np.zeros((s, s)),
        np.zeros((s, 2 * WIDTH)),
        np.ones((s, WIDTH)),
        np.zeros((s, 3)),
    )


@njit(cache=True, nogil=True)
def doubt(book: Book, s: int) -> None:
    """Source s may have any bias of its prior again, on top of what is believed.

    >>> b = blank(1); b.prior[0, 0] = 3.0; doubt(b, 0); float(b.cov[0, 0])
    9.0
    """
    for k in range(WIDTH):
        book.cov[WIDTH * s + k, WIDTH * s + k] += book.prior[s, k] * book.prior[s, k]


@njit(cache=True, nogil=True)
def age(book: Book, n: int, dt_s: float, steady_s: float) -> None:
    """Let the first n sources wander for some seconds: TIME grows by DRIFT, all walk their prior in ``steady_s``.

    P' = F P Fᵀ + diag(prior² dt / steady), bounded by ``WIDEST``. In: dt_s ≥ 0. 30 ns a source and source.

    >>> b = blank(1); b.prior[0, 0] = 3.0; age(b, 1, 10.0, 90.0); float(b.cov[0, 0])
    1.0
    """
    p, m = book.cov, WIDTH * n
    for s in range(n):
        book.mean[s, TIME] += dt_s * book.mean[s, DRIFT]
        t, d = WIDTH * s + TIME, WIDTH * s + DRIFT
        for k in range(m):
            p[t, k] += dt_s * p[d, k]
        for k in range(m):
            p[k, t] += dt_s * p[k, d]
    for s in range(n):
        for k in range(WIDTH):
            i, prior = WIDTH * s + k, book.prior[s, k]
            p[i, i] += prior * prior * dt_s / steady_s
            book.mean[s, k] = min(max(book.mean[s, k], -4.0 * WIDEST * prior), 4.0 * WIDEST * prior)
            if p[i, i] > WIDEST * prior * WIDEST * prior:
                shrink = WIDEST * prior / math.sqrt(p[i, i])
                for c in range(m):
                    p[i, c] *= shrink
                for c in range(m):
                    p[c, i] *= shrink


@njit(cache=True, nogil=True)
def levers(rows: PlotRows, sites: F8, at: F8, out: F8, use: I8) -> None:
    """How each plot's place moves with its sensor's biases, in the local frame at the plot.

    In: plots (n,), sites (s, 15), ``at`` (n, 3) as ``sensing.locate`` gives it. Out, in place: ``out`` (n, 6), see
    ``Seen.lever``; ``use`` (n,) set to 0 where a polar plot is too steep to tell.

    >>> f, i = np.zeros(1), np.zeros(1, np.int64)
    >>> rows = PlotRows(i, i, i, i + 2, f, f, f, f, f, f, f, i, f, f, f, f, f, i, i, i, i)
    >>> out = np.zeros((1, 6)); levers(rows, np.zeros((1, 15)), np.ones((1, 3)), out, i); out[0].tolist()
    [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    """
    for i in range(len(at)):
        s = sites[rows.sensor[i]]
        out[i, 0], out[i, 1], out[i, 2], out[i, 3], out[i, 4], out[i, 5] = 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
        if rows.form[i] != POLAR and rows.form[i] != CARTESIAN:
            continue
        e, n = geodesy.offset(at[i, 0], at[i, 1], at[i, 2], 0.0, s[S_NX], s[S_NY], s[S_NZ])
        out[i, 4], out[i, 5] = -n, e  # the craft is at (−e, −n); clockwise of (x, y) is (y, −x)
        if rows.form[i] == POLAR:
            ground = math.sqrt(e * e + n * n)
            if not ground > STEEP * rows.range_m[i]:
                use[i] = 0
                continue
            stretch = rows.range_m[i] / (ground * ground)
            out[i, 0], out[i, 1], out[i, 2], out[i, 3] = -stretch * e, -stretch * n, 0.0, 0.0


@njit(cache=True, nogil=True)
def pairs(order: I8, seen: Seen, gap_ns: int) -> tuple[I8, I8]:
    """Which sightings are compared: neighbours in time of one craft by two sources, each in one pair.

    In: ``order`` (n,) rows by craft, then by time; ``gap_ns`` the most between two of a pair. Out: (k, 2) rows, the
    earlier first; (m,) rows that stay, for one craft at most the newest, in the given order.

    >>> i, f = np.zeros(3, np.int64), np.zeros((3, 6))
    >>> seen = Seen(np.array([0, 1, 2]), np.array([0, 1, 0]), i, f, f, f, f)
    >>> [v.tolist() for v in pairs(np.arange(3), seen, 9)]
    [[[0, 1]], [2]]
    """
    n = len(order)
    out, rest = np.empty((n // 2 + 1, 2), np.int64), np.empty(n, np.int64)
    k, m, last = 0, 0, -1
    for a in range(n):
        i = order[a]
        if last >= 0 and seen.craft[last] != seen.craft[i]:
            rest[m] = last
            m, last = m + 1, -1
        if last >= 0 and seen.row[last] != seen.row[i] and seen.time_ns[i] - seen.time_ns[last] <= gap_ns:
            out[k, 0], out[k, 1] = last, i
            k, last = k + 1, -1
        else:
            last = i
    if last >= 0:
        rest[m] = last
        m += 1
    return out[:k], rest[:m]


@njit(cache=True, nogil=True)
def absorb(book: Book, n: int, seen: Seen, pair: I8) -> None:
    """Take differences into the filter over the first n sources, one after the other.

    ν = a − (b + v Δt) − H_a m_a + H_b m_b; S = f_a R_a + f_b R_b + X + H P Hᵀ, X what the craft may have done in
    between. Beyond ``GATE`` S grows with ν (Huber's weight). Beside the biases it counts, for the window, the score
    and the information of every bias and of every noise factor.

    X = (σ_v Δt)² + q Δt³/3 + (σ_v m_t)², m_t the late stamp believed. In: ``pair`` (k, 2), the earlier (b) first. A
    pair is left out where the velocity is not known, anything is not finite, or neither source can have a bias.
    2 µs and 25 ns·n².

    >>> b = blank(1); absorb(b, 1, Seen(*[np.zeros(0, np.int64)] * 3, *[np.zeros((0, 6))] * 4),
    ...     np.zeros((0, 2), np.int64)); int(b.tally[0, 0])
    0
    """
    m = WIDTH * n
    ph = np.empty((m, 2))
    ha, hb = np.empty((2, WIDTH)), np.empty((2, WIDTH))
    for k in range(len(pair)):
        j, i = pair[k, 0], pair[k, 1]
        dt = (seen.time_ns[i] - seen.time_ns[j]) / 1e9
        way = seen.vel_mps[i] if seen.vel_mps[i, 0] == seen.vel_mps[i, 0] else seen.vel_mps[j]
        ve, vn = way[0], way[1]
        _lever(seen, i, ve, vn, ha)
        _lever(seen, j, ve, vn, hb)
        e, f = geodesy.offset(
            seen.at[j, 0], seen.at[j, 1], seen.at[j, 2], 0.0, seen.at[i, 0], seen.at[i, 1], seen.at[i, 2]
        )
        e -= ve * dt
        f -= vn * dt
        a, b = seen.row[i], seen.row[j]
        for c in range(WIDTH):
            e += hb[0, c] * book.mean[b, c] - ha[0, c] * book.mean[a, c]
            f += hb[1, c] * book.mean[b, c] - ha[1, c] * book.mean[a, c]
        late = book.mean[a, TIME] - book.mean[b, TIME]
        x = way[2] * way[2] * (dt * dt + late * late) + way[3] * dt * dt * dt / 3.0 + 1.0
        sxx, sxy, syy = _gain(book, m, a, b, ha, hb, ph)
        fa, fb = book.factor[a, 0], book.factor[b, 0]
        sxx += fa * seen.r[i, 0] + fb * seen.r[j, 0] + x
        sxy += fa * seen.r[i, 1] + fb * seen.r[j, 1]
        syy += fa * seen.r[i, 2] + fb * seen.r[j, 2] + x
        det = sxx * syy - sxy * sxy
        nis = (syy * e * e - 2.0 * sxy * e * f + sxx * f * f) / det
        if not (nis >= 0.0 and nis < 1e12 and det > 0.0) or not (_biased(book, a) or _biased(book, b)):
            continue
        excess = max(1.0, nis / GATE)
        ixx, ixy, iyy = syy / det / excess, -sxy / det / excess, sxx / det / excess
        _count(book, a, ha, 1.0, e, f, ixx, ixy, iyy)
        _count(book, b, hb, -1.0, e, f, ixx, ixy, iyy)
        _blame(book, a, b, seen.r[i], seen.r[j], e, f, ixx, ixy, iyy)
        book.tally[a, 1] += 0.5 * nis
        book.tally[b, 1] += 0.5 * nis
        _correct(book, n, ph, e, f, ixx, ixy, iyy)


@njit(cache=True, nogil=True)
def _biased(book: Book, s: int) -> bool:
    return bool(book.prior[s, FIRST] + book.prior[s, TIME] > 0.0)


@njit(cache=True, nogil=True)
def _lever(seen: Seen, i: int, ve: float, vn: float, h: F8) -> None:
    """(2, 5): stamped late, a plot lies behind."""
    for k in range(3):
        h[0, k], h[1, k] = seen.lever[i, 2 * k], seen.lever[i, 2 * k + 1]
    h[0, TIME], h[1, TIME], h[0, DRIFT], h[1, DRIFT] = -ve, -vn, 0.0, 0.0


@njit(cache=True, nogil=True)
def _gain(book: Book, m: int, a: int, b: int, ha: F8, hb: F8, ph: F8) -> tuple[float, float, float]:
    """P Hᵀ into ``ph``; gives H P Hᵀ."""
    for r in range(m):
        x = y = 0.0
        for c in range(TIME + 1):
            p, q = book.cov[r, WIDTH * a + c], book.cov[r, WIDTH * b + c]
            x += p * ha[0, c] - q * hb[0, c]
            y += p * ha[1, c] - q * hb[1, c]
        ph[r, 0], ph[r, 1] = x, y
    sxx = sxy = syy = 0.0
    for c in range(TIME + 1):
        i, j = WIDTH * a + c, WIDTH * b + c
        sxx += ha[0, c] * ph[i, 0] - hb[0, c] * ph[j, 0]
        sxy += ha[0, c] * ph[i, 1] - hb[0, c] * ph[j, 1]
        syy += ha[1, c] * ph[i, 1] - hb[1, c] * ph[j, 1]
    return sxx, sxy, syy


@njit(cache=True, nogil=True)
def _count(book: Book, s: int, h: F8, sign: float, e: float, f: float, ixx: float, ixy: float, iyy: float) -> None:
    """Score ± Hᵀ u and information Hᵀ S⁻¹ H of the biases of source s, with S⁻¹ = [ixx ixy; ixy iyy], u = S⁻¹ ν."""
    ue, un = ixx * e + ixy * f, ixy * e + iyy * f
    for k in range(WIDTH):
        x, y = h[0, k], h[1, k]
        book.shift[s, k] += sign * (x * ue + y * un)
        book.shift[s, WIDTH + k] += x * x * ixx + 2.0 * x * y * ixy + y * y * iyy
    book.tally[s, 0] += 1.0
    book.tally[s, 2] += 1.0


@njit(cache=True, nogil=True)
def _blame(book: Book, a: int, b: int, ra: F8, rb: F8, e: float, f: float, ixx: float, ixy: float, iyy: float) -> None:
    """Score ½ f (uᵀ R u − tr S⁻¹R) and information ½ f f' tr (S⁻¹R S⁻¹R') of the logarithms of two noise factors."""
    ue, un = ixx * e + ixy * f, ixy * e + iyy * f
    m = np.empty((2, 4))
    for k in range(2):
        s, r = (a, ra) if k == 0 else (b, rb)
        w = book.factor[s, 0]
        m[k, 0], m[k, 1] = w * (ixx * r[0] + ixy * r[1]), w * (ixx * r[1] + ixy * r[2])
        m[k, 2], m[k, 3] = w * (ixy * r[0] + iyy * r[1]), w * (ixy * r[1] + iyy * r[2])
        fit = w * (ue * ue * r[0] + 2.0 * ue * un * r[1] + un * un * r[2])
        book.score[s] += 0.5 * (fit - m[k, 0] - m[k, 3])
    for k in range(2):
        for c in range(2):
            p, q = m[k], m[c]
            both = p[0] * q[0] + p[1] * q[2] + p[2] * q[1] + p[3] * q[3]
            book.blame[a if k == 0 else b, a if c == 0 else b] += 0.5 * both


@njit(cache=True, nogil=True)
def _correct(book: Book, n: int, ph: F8, e: float, f: float, ixx: float, ixy: float, iyy: float) -> None:
    """m += K ν, P −= K (P Hᵀ)ᵀ, the upper half mirrored: symmetric by construction."""
    for i in range(WIDTH * n):
        x, y = ph[i, 0] * ixx + ph[i, 1] * ixy, ph[i, 0] * ixy + ph[i, 1] * iyy
        book.mean[i // WIDTH, i % WIDTH] += x * e + y * f
        for j in range(i, WIDTH * n):
            p = book.cov[i, j] - x * ph[j, 0] - y * ph[j, 1]
            book.cov[i, j] = book.cov[j, i] = p


@njit(cache=True, nogil=True)
def judge(book: Book, n: int, limit: float, material: F8) -> tuple[int, int, float]:
    """Close a window: did a bias jump, whose noise is not what it says?

    A bias that did not jump has a score of mean 0 and variance its information, since innovations are white: z is
    standard normal. Where errors of single craft last it is wider: z is measured by its own root mean square over the
    windows before, if that is above 1, so that for long alarms come no more often than is stated. The largest |z|
    above ``limit`` is the alarm; its size is score / information. That source is doubted anew, and nothing of a window
    with an alarm counts for the noise. Else the factors take a step, see ``weigh``.

    In: ``material`` (n, 5): smaller shifts are no alarm. Out: (source or −1, which bias, size); the window is cleared.

    >>> b = blank(2); b.prior[1] = 1.0; b.shift[1, 0], b.shift[1, 5] = 50.0, 25.0
    >>> judge(b, 2, 5.0, np.ones((2, 5))), float(b.cov[5, 5])
    ((1, 0, 2.0), 1.0)
    """
    who, which, size, most = -1, 0, 0.0, limit
    for s in range(n):
        for k in range(TIME + 1):
            y, j = book.shift[s, k], book.shift[s, WIDTH + k]
            if not (book.prior[s, k] > 0.0 and j > 0.0):
                continue
            z2 = y * y / j
            z = math.sqrt(z2 / max(1.0, book.usual[s, k]))
            book.usual[s, k] += (1.0 - RESTLESS) * (min(z2, 4.0 * limit * limit) - book.usual[s, k])
            if z > most and abs(y / j) > material[s, k]:
                who, which, size, most = s, k, y / j, z
    if who >= 0:
        doubt(book, who)
    else:
        weigh(book, n)
    for s in range(n):
        book.score[s], book.blame[s], book.shift[s] = 0.0, 0.0, 0.0
        book.tally[s, 0], book.tally[s, 1] = 0.0, 0.0
    return who, which, size


@njit(cache=True, nogil=True)
def weigh(book: Book, n: int) -> None:
    """One step of Fisher scoring for the noise factors of the first n sources together.

    θ = ln f, δθ = (K + Λ)⁻¹ (g − (1 − λ) K θ), Λ the information with memory λ of about ten windows. Together, since
    a difference does not say whose noise it is: only the shape of the noises and a third source do; what nothing
    tells apart is shared out, and what nothing tells of stays at 1.

    >>> b = blank(1); b.score[0], b.blame[0, 0] = 60.0, 99.0; weigh(b, 1); round(float(np.log(b.factor[0, 0])), 3)
    0.6
    """
    a = np.zeros((n, n))
    for s in range(n):
        for t in range(n):
            book.known[s, t] = MEMORY * book.known[s, t] + book.blame[s, t]
            a[s, t] = book.known[s, t]
        a[s, s] += KNOWN
    _invert(a)
    pull = np.empty(n)
    for s in range(n):
        pull[s] = book.score[s] - (1.0 - MEMORY) * KNOWN * math.log(book.factor[s, 0])
    for s in range(n):
        step = 0.0
        for t in range(n):
            step += a[s, t] * pull[t]
        moved = book.factor[s, 0] * math.exp(min(max(step, -STRIDE), STRIDE))
        book.factor[s, 0] = min(max(moved, FACTOR_MIN), FACTOR_MAX)
        book.factor[s, 1] = math.sqrt(max(a[s, s], 0.0))


@njit(cache=True, nogil=True)
def _invert(a: F8) -> None:
    """Gauss–Jordan in place; for positive definite matrices no pivot is looked for."""
    n = len(a)
    for k in range(n):
        p = 1.0 / a[k, k]
        a[k, k] = 1.0
        for j in range(n):
            a[k, j] *= p
        for i in range(n):
            if i != k:
                f = a[i, k]
                a[i, k] = 0.0
                for j in range(n):
                    a[i, j] -= f * a[k, j]
