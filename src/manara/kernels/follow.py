"""Take positions into tracks, and follow craft by what they say of themselves (reports, in order of time)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman
from manara.kernels.tables import (
    ALT,
    ALT_REF,
    BORN,
    CHAIN_MAX,
    CONFLICT,
    DOMAIN,
    FLAGS_NEW,
    FLAGS_OLD,
    FLAGS_TIME,
    GROUND,
    HEADING,
    HITS,
    IDENTITY,
    INTERVAL,
    JUMP,
    KIND,
    LIFE,
    NEXT,
    NX,
    NY,
    NZ,
    REPORTED,
    SOURCES,
    TIME,
    TOP,
    UPDATED,
    VE,
    VN,
    VU,
    Store,
    chain_length,
    find,
    link,
    take_row,
)

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

TENTATIVE, CONFIRMED, COASTING = 1, 2, 3
NS = 1_000_000_000

# Columns of the table of kinds (one row per kind of craft); ``tracking.motion`` writes it.
(K_DOMAIN, K_Q, K_SIGMA, K_FLOOR, K_SIGMA_V, K_PRIOR_V, K_REACH, K_SLACK, K_SPEED_MAX, K_LATE, K_OLD, K_HOLD) = range(
    12
)
K_COAST, K_DROP, K_TENTATIVE = 12, 13, 14

# Why a row was not used: places in the array of counts.
NO_POSITION, OUT_OF_RANGE, NO_IDENTITY, TOO_LATE, FUTURE, CAPACITY, CROWDED = range(7)
UNKNOWN_SITE, BAD_PLOT, LATE_USED, USED_ROWS = 7, 8, 9, 10
N_COUNTS = 11

FUTURE_NS = 10 * NS
GATE_REPORT = 25.0  # χ² with two degrees of freedom: one true report in 270,000 falls outside
GATE_ADOPT = 9.2  # 99 %
GROUND_FLAG, NO_POSITION_FLAG, ASSUMED_FLAG = 32, 512, 8192
KEPT_FLAGS = 1 | 2 | 4 | 8 | 16 | 64 | 256 | 1024 | 2048 | 16384


class ReportRows(NamedTuple):
    """Columns of reports as the kernel takes them, shape (n,); identities and bits as int64."""

    time_ns: I8
    bit: I8
    identity: I8
    kind: I8
    lat_rad: F8
    lon_rad: F8
    alt_m: F8
    alt_ref: I8
    speed_mps: F8
    course_rad: F8
    heading_rad: F8
    climb_mps: F8
    sigma_m: F8
    flags: I8


@njit(cache=True, nogil=True)
def height(st: Store, k: int) -> float:
    """Height of track k for the radii of curvature: its altitude, 0 where that is not known.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 3] = np.nan; height(st, 0)
    0.0
    """
    h = st.mean[k, ALT]
    return 0.0 if math.isnan(h) else h


@njit(cache=True, nogil=True)
def shift(st: Store, k: int, east_m: float, north_m: float) -> None:
    """Move track k and turn its velocity and covariance into the frame where it arrives.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; shift(st, 0, 0.0, 1000.0); round(float(st.mean[0, 2]), 9)
    0.000157842
    """
    m = st.mean
    x, y, z, c, s = geodesy.move(m[k, NX], m[k, NY], m[k, NZ], height(st, k), east_m, north_m)
    m[k, NX], m[k, NY], m[k, NZ] = x, y, z
    ve, vn = m[k, VE], m[k, VN]
    m[k, VE], m[k, VN] = c * ve - s * vn, s * ve + c * vn
    if abs(s) > 1e-12 or c < 0.0:
        kalman.turn(st.cov, k, c, s)


@njit(cache=True, nogil=True)
def advance_to(st: Store, k: int, time_ns: int, q: float) -> float:
    """Bring track k forward to a time; returns the seconds that remain, ≤ 0 (nothing moves back in time).

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); advance_to(st, 0, 2 * NS, 1.0), advance_to(st, 0, NS, 1.0)
    (0.0, -1.0)
    """
    dt: float = (time_ns - st.book[k, TIME]) / 1e9
    if dt <= 0.0:
        return dt
    kalman.predict(st.cov, k, dt, q)
    shift(st, k, dt * st.mean[k, VE], dt * st.mean[k, VN])
    st.book[k, TIME] = time_ns
    return 0.0


@njit(cache=True, nogil=True)
def misfit(
    st: Store, k: int, time_ns: int, x: float, y: float, z: float, rxx: float, rxy: float, ryy: float, q: float
) -> tuple[float, float]:
    """Squared Mahalanobis distance of a position from track k at the position's own time, and ln |S|.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0
    >>> [round(v, 3) for v in misfit(st, 0, 0, 1.0, 0.0, 0.0, 2.0, 0.0, 2.0, 1.0)]
    [0.0, 1.386]
    """
    m = st.mean
    dt = (time_ns - st.book[k, TIME]) / 1e9
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    e -= dt * m[k, VE]
    n -= dt * m[k, VN]
    sxx, sxy, syy = kalman.spread(st.cov, k, dt, q, rxx, rxy, ryy)
    det = sxx * syy - sxy * sxy
    return (syy * e * e - 2.0 * sxy * e * n + sxx * n * n) / det, math.log(det)


@njit(cache=True, nogil=True)
def take_position(
    st: Store, k: int, time_ns: int, x: float, y: float, z: float, rxx: float, rxy: float, ryy: float, q: float
) -> float:
    """Update track k with a position at its own time; returns its squared distance (NIS, χ² with two degrees).

    A position newer than the state: predict, then correct. An older one: corrected with H = [I, −δ I] and the noise
    of δ added, so that time never runs back. In: unit n-vector, covariance in m². Symmetric, deterministic.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; st.cov[0, 0] = st.cov[0, 4] = 1.0
    >>> take_position(st, 0, 0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0), float(st.cov[0, 0])
    (0.0, 0.5)
    """
    m, b = st.mean, st.book
    dt = advance_to(st, k, time_ns, q)
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    e -= dt * m[k, VE]
    n -= dt * m[k, VN]
    sxx, sxy, syy = kalman.spread(st.cov, k, dt, q, rxx, rxy, ryy)
    nis: float = (syy * e * e - 2.0 * sxy * e * n + sxx * n * n) / (sxx * syy - sxy * sxy)
    de, dn, dve, dvn = kalman.correct(st.cov, k, 1.0, dt, e, n, sxx, sxy, syy)
    m[k, VE] += dve
    m[k, VN] += dvn
    shift(st, k, de, dn)
    gap = (time_ns - b[k, UPDATED]) / 1e9
    if gap > 0.0:
        if b[k, HITS] >= 2:
            gap = 0.8 * st.fac[k, INTERVAL] + 0.2 * gap
        st.fac[k, INTERVAL] = gap
        b[k, UPDATED] = time_ns
    b[k, HITS] += 1
    return nis


@njit(cache=True, nogil=True)
def take_velocity(st: Store, k: int, time_ns: int, ve: float, vn: float, sigma_mps: float, q: float) -> None:
    """Update track k with a velocity over ground; where it is far outside (χ² > 36) the track's own is replaced.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; take_velocity(st, 0, 0, 30.0, 0.0, 1.0, 1.0); float(st.mean[0, VE])
    30.0
    """
    m, c = st.mean, st.cov[k]
    dt = advance_to(st, k, time_ns, q)
    r = sigma_mps * sigma_mps - q * dt
    e, n = ve - m[k, VE], vn - m[k, VN]
    sxx, sxy, syy = c[7] + r, c[8], c[9] + r
    if (syy * e * e - 2.0 * sxy * e * n + sxx * n * n) / (sxx * syy - sxy * sxy) > 36.0:
        m[k, VE], m[k, VN] = ve, vn
        c[2], c[3], c[5], c[6], c[8] = 0.0, 0.0, 0.0, 0.0, 0.0
        c[7], c[9] = r, r
        return
    de, dn, dve, dvn = kalman.correct(st.cov, k, 0.0, 1.0, e, n, sxx, sxy, syy)
    m[k, VE] += dve
    m[k, VN] += dvn
    shift(st, k, de, dn)


@njit(cache=True, nogil=True)
def place(st: Store, k: int, time_ns: int, x: float, y: float, z: float, rxx: float, rxy: float, ryy: float) -> None:
    """Put track k where a position is, with that position's covariance; nothing couples it with its velocity yet.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); place(st, 0, 5, 1.0, 0.0, 0.0, 4.0, 0.0, 4.0); st.cov[0, [0, 4, 7]].tolist()
    [4.0, 4.0, 0.0]
    """
    m, c = st.mean, st.cov[k]
    m[k, NX], m[k, NY], m[k, NZ] = x, y, z
    c[0], c[1], c[4] = rxx, rxy, ryy
    c[2], c[3], c[5], c[6] = 0.0, 0.0, 0.0, 0.0
    st.book[k, TIME] = max(time_ns, st.book[k, TIME])


@njit(cache=True, nogil=True)
def birth(
    st: Store, time_ns: int, x: float, y: float, z: float, rxx: float, rxy: float, ryy: float, prior_mps: float
) -> int:
    """A new tentative track at a position, at rest give or take ``prior_mps``; −1 when the store is full.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); [birth(st, 5, 1.0, 0.0, 0.0, 4.0, 0.0, 4.0, 9.0) for _ in range(2)]
    [0, -1]
    """
    k = take_row(st)
    if k < 0:
        return k
    place(st, k, time_ns, x, y, z, rxx, rxy, ryy)
    b = st.book
    b[k, TIME], b[k, UPDATED], b[k, BORN] = time_ns, time_ns, time_ns
    st.mean[k, ALT], st.mean[k, VU], st.mean[k, HEADING] = np.nan, np.nan, np.nan
    st.cov[k, 7] = st.cov[k, 9] = prior_mps * prior_mps
    b[k, LIFE], b[k, HITS] = TENTATIVE, 1
    return k


@njit(cache=True, nogil=True)
def take_flags(st: Store, k: int, time_ns: int, flags: int, hold_s: float) -> None:
    """OR flags into track k; what is not said again is forgotten after one to two hold times.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2)
    >>> for t in (1, 40, 80): take_flags(st, 0, t * NS, 1 if t == 1 else 0, 30.0)
    >>> int(st.book[0, FLAGS_OLD] | st.book[0, FLAGS_NEW])
    0
    """
    b = st.book
    age = time_ns - b[k, FLAGS_TIME]
    flags = flags & KEPT_FLAGS
    if age > hold_s * 1e9:
        b[k, FLAGS_OLD] = b[k, FLAGS_NEW] if age < 2.0 * hold_s * 1e9 else 0
        b[k, FLAGS_NEW] = flags
        b[k, FLAGS_TIME] = time_ns
    else:
        b[k, FLAGS_NEW] |= flags


@njit(cache=True, nogil=True)
def follow(order: I8, rows: ReportRows, now_ns: int, kinds: F8, st: Store, counts: I8) -> None:
    """Take reports into the store, one after the other; each is used or counted in ``counts`` with its reason.

    Association: among the tracks that claim the report's identity, the nearest within the gate; outside every gate a
    craft that may have got there is set there, one that may not becomes a second track under the same identity.

    In: ``order`` (m,) rows in order of time; ``kinds`` (K, 15), see the K_ constants; the store has room for m more
    rows (else CAPACITY is counted). Out: store and counts (11,), in place. Any float and any time is allowed in the
    rows. 1 to 2 µs a report; a report of a new identity also looks through all confirmed tracks without one.

    >>> from manara.kernels.tables import blank
    >>> i, f = np.zeros(1, np.int64), np.full(1, np.nan)
    >>> rows = ReportRows(i, i, i + 7, i, f, f, f, i, f, f, f, f, f, i); counts = np.zeros(N_COUNTS, np.int64)
    >>> follow(i, rows, 0, np.ones((14, 15)), blank(4, 8), counts); int(counts[NO_POSITION])
    1
    """
    loose = np.empty(st.head[TOP], np.int64)
    n_loose = 0
    for k in range(st.head[TOP]):
        if st.book[k, LIFE] > TENTATIVE and st.book[k, IDENTITY] == 0:
            loose[n_loose] = k
            n_loose += 1
    for a in range(len(order)):
        i = order[a]
        kind = rows.kind[i] if rows.kind[i] < len(kinds) else 0
        t = rows.time_ns[i]
        if rows.identity[i] == 0:
            counts[NO_IDENTITY] += 1
        elif t > now_ns + FUTURE_NS:
            counts[FUTURE] += 1
        elif t < now_ns - kinds[kind, K_OLD] * 1e9:
            counts[TOO_LATE] += 1
        elif rows.flags[i] & NO_POSITION_FLAG or not (
            math.isfinite(rows.lat_rad[i]) and math.isfinite(rows.lon_rad[i])
        ):
            _without_position(i, kind, rows, kinds, st, counts)
        elif abs(rows.lat_rad[i]) > 0.5 * math.pi + 1e-9 or abs(rows.lon_rad[i]) > math.pi + 1e-9:
            counts[OUT_OF_RANGE] += 1
        else:
            _with_position(i, kind, rows, kinds, st, counts, loose[:n_loose])


@njit(cache=True, nogil=True)
def _without_position(i: int, kind: int, rows: ReportRows, kinds: F8, st: Store, counts: I8) -> None:
    """ADS-B says position, velocity and emergency in separate rows; the newest track of the identity takes them."""
    k, best = find(st, rows.identity[i]), -1
    while k >= 0:
        if best < 0 or st.book[k, UPDATED] > st.book[best, UPDATED]:
            best = k
        k = st.book[k, NEXT]
    if best < 0:
        counts[NO_POSITION] += 1
    elif (st.book[best, TIME] - rows.time_ns[i]) / 1e9 > kinds[kind, K_LATE]:
        counts[TOO_LATE] += 1
    else:
        counts[USED_ROWS] += 1
        _particulars(i, best, kind, rows, kinds, st)


@njit(cache=True, nogil=True)
def _particulars(i: int, k: int, kind: int, rows: ReportRows, kinds: F8, st: Store) -> None:
    """All that a report says beside its position."""
    b, m, t = st.book, st.mean, rows.time_ns[i]
    if kind > 0:
        b[k, KIND] = kind
    if kinds[kind, K_DOMAIN] > 0.0:
        b[k, DOMAIN] = int(kinds[kind, K_DOMAIN])
    speed, course = rows.speed_mps[i], rows.course_rad[i]
    if math.isfinite(course) and 0.0 <= speed <= kinds[kind, K_SPEED_MAX]:
        sigma = kinds[kind, K_SIGMA_V] + 0.005 * speed
        take_velocity(st, k, t, speed * math.sin(course), speed * math.cos(course), sigma, kinds[kind, K_Q])
    if abs(rows.alt_m[i]) < 1e5:
        m[k, ALT] = rows.alt_m[i]
        b[k, ALT_REF] = rows.alt_ref[i]
    if abs(rows.climb_mps[i]) < 500.0:
        m[k, VU] = rows.climb_mps[i]
    if math.isfinite(rows.heading_rad[i]):
        m[k, HEADING] = rows.heading_rad[i] % (2.0 * math.pi)
    take_flags(st, k, t, rows.flags[i], kinds[kind, K_HOLD])
    b[k, SOURCES] |= rows.bit[i]


@njit(cache=True, nogil=True)
def _with_position(i: int, kind: int, rows: ReportRows, kinds: F8, st: Store, counts: I8, loose: I8) -> None:
    t, identity = rows.time_ns[i], rows.identity[i]
    x, y, z = geodesy.nvector(rows.lat_rad[i], rows.lon_rad[i])
    sigma = rows.sigma_m[i] if 0.0 <= rows.sigma_m[i] < 1e6 else kinds[kind, K_SIGMA]
    sigma = max(sigma, kinds[kind, K_FLOOR])
    r = sigma * sigma
    if rows.flags[i] & ASSUMED_FLAG and rows.speed_mps[i] < kinds[kind, K_SPEED_MAX]:
        r += (0.5 * rows.speed_mps[i]) * (0.5 * rows.speed_mps[i])
    q = kinds[kind, K_Q]
    first = find(st, identity)
    best, best_d2 = _nearest(first, t, x, y, z, r, q, kinds[kind, K_LATE], st)
    if first >= 0 and best < 0:
        counts[TOO_LATE] += 1
        return
    if first < 0:
        best = _adopt(t, x, y, z, r, q, kinds[kind, K_DOMAIN], st, loose)
        best_d2 = 0.0
        if best >= 0:
            link(st, best, identity)
    reset = False
    if best >= 0 and best_d2 > GATE_REPORT:
        reset = _in_reach(i, best, kind, x, y, z, sigma, rows, kinds, st)
        if not reset:
            if chain_length(st, identity) >= CHAIN_MAX:
                counts[CROWDED] += 1
                return
            st.book[best, JUMP] = t
            best = -1
    counts[LATE_USED] += best >= 0 and t < st.book[best, TIME]
    _settle(i, best, first >= 0, reset, kind, x, y, z, r, rows, kinds, st, counts)


@njit(cache=True, nogil=True)
def _nearest(
    k: int, t: int, x: float, y: float, z: float, r: float, q: float, late_s: float, st: Store
) -> tuple[int, float]:
    """Along the chain that begins at track k: the nearest that is not too new for the report, and its d²."""
    best, best_d2 = -1, np.inf
    while k >= 0:
        if (st.book[k, TIME] - t) / 1e9 <= late_s:
            d2 = misfit(st, k, t, x, y, z, r, 0.0, r, q)[0]
            if d2 < best_d2:
                best, best_d2 = k, d2
        k = st.book[k, NEXT]
    return best, best_d2


@njit(cache=True, nogil=True)
def _settle(
    i: int,
    k: int,
    second: bool,
    reset: bool,
    kind: int,
    x: float,
    y: float,
    z: float,
    r: float,
    rows: ReportRows,
    kinds: F8,
    st: Store,
    counts: I8,
) -> None:
    """The report belongs to track k, or to a new one where k is −1."""
    t, b = rows.time_ns[i], st.book
    if k < 0:
        k = birth(st, t, x, y, z, r, 0.0, r, kinds[kind, K_PRIOR_V])
        if k < 0:
            counts[CAPACITY] += 1
            return
        link(st, k, rows.identity[i])
        if second:
            b[k, JUMP] = t
    elif reset:
        _reset(st, k, t, x, y, z, r, kinds[kind, K_PRIOR_V])
    else:
        take_position(st, k, t, x, y, z, r, 0.0, r, kinds[kind, K_Q])
    counts[USED_ROWS] += 1
    b[k, REPORTED] = max(b[k, REPORTED], t)
    if b[k, HITS] >= 2:
        b[k, LIFE] = CONFIRMED
        if second:
            _conflict(k, t, st)
    b[k, GROUND] = rows.flags[i] & GROUND_FLAG
    _particulars(i, k, kind, rows, kinds, st)


@njit(cache=True, nogil=True)
def _reset(st: Store, k: int, t: int, x: float, y: float, z: float, r: float, prior_mps: float) -> None:
    """The craft did what its model did not foresee: stand where it says, doubt the velocity."""
    place(st, k, t, x, y, z, r, 0.0, r)
    st.cov[k, 7] = st.cov[k, 9] = prior_mps * prior_mps
    st.cov[k, 8] = 0.0
    st.book[k, UPDATED] = max(t, st.book[k, UPDATED])
    st.book[k, HITS] += 1


@njit(cache=True, nogil=True)
def _in_reach(
    i: int, k: int, kind: int, x: float, y: float, z: float, sigma: float, rows: ReportRows, kinds: F8, st: Store
) -> bool:
    """Could the craft of track k have got there, a good half faster than it or the report says?"""
    m = st.mean
    dt = abs(rows.time_ns[i] - st.book[k, TIME]) / 1e9
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    speed = math.sqrt(m[k, VE] * m[k, VE] + m[k, VN] * m[k, VN])
    if 0.0 <= rows.speed_mps[i] <= kinds[kind, K_SPEED_MAX]:
        speed = max(speed, rows.speed_mps[i])
    reach = (1.5 * speed + kinds[kind, K_REACH]) * dt + kinds[kind, K_SLACK]
    reach += 3.0 * (sigma + math.sqrt(max(st.cov[k, 0], st.cov[k, 4])))
    return bool(e * e + n * n <= reach * reach)


@njit(cache=True, nogil=True)
def _conflict(k: int, t: int, st: Store) -> None:
    """Two tracks of one identity that both live on (each heard since the younger was born) are two craft."""
    b = st.book
    j = find(st, b[k, IDENTITY])
    while j >= 0:
        if j != k and b[j, HITS] >= 2 and b[j, UPDATED] >= b[k, BORN] and b[k, UPDATED] >= b[j, BORN]:
            b[j, CONFLICT], b[k, CONFLICT] = t, t
        j = b[j, NEXT]


@njit(cache=True, nogil=True)
def _adopt(t: int, x: float, y: float, z: float, r: float, q: float, domain: float, st: Store, loose: I8) -> int:
    """The nearest confirmed track without identity that a craft's first report fits, −1 for none."""
    best, best_d2 = -1, GATE_ADOPT
    for a in range(len(loose)):
        k = loose[a]
        m = st.mean[k]
        near = m[NX] * x + m[NY] * y + m[NZ] * z > 0.99999  # 28 km
        if near and st.book[k, IDENTITY] == 0 and (st.book[k, DOMAIN] == domain or st.book[k, DOMAIN] == 0):
            d2 = misfit(st, k, t, x, y, z, r, 0.0, r, q)[0]
            if d2 < best_d2:
                best, best_d2 = k, d2
    return best
