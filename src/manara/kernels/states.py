"""What may happen to one track: brought forward, corrected, placed, born. Also the constants that its kernels share."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman
from manara.kernels.models import IN_USE, P_TURN
from manara.kernels.models import RATE as TURN_RATE
from manara.kernels.tables import (
    ALT,
    BORN,
    DOMAIN,
    FLAGS_NEW,
    FLAGS_OLD,
    FLAGS_TIME,
    GROUND,
    HEADING,
    HITS,
    INTERVAL,
    KIND,
    LIFE,
    NX,
    NY,
    NZ,
    TIME,
    UPDATED,
    VE,
    VN,
    VU,
    Store,
    take_row,
)

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

TENTATIVE, CONFIRMED, COASTING, DROPPED = 1, 2, 3, 4
NS = 1_000_000_000

# Columns of the table of kinds (one row per kind of craft); ``tracking.motion`` writes it.
(K_DOMAIN, K_Q, K_SIGMA, K_FLOOR, K_SIGMA_V, K_PRIOR_V, K_REACH, K_SLACK, K_SPEED_MAX, K_LATE, K_OLD, K_HOLD) = range(
    12
)
K_COAST, K_DROP, K_TENTATIVE, K_DOUBT = 12, 13, 14, 15
AIRCRAFT, UNMANNED, VESSEL, VEHICLE = 7, 8, 13, 9
TAXIING, PARKED = 14, 15  # rows of the same table for an aircraft on the ground, which nothing claims to be
PARKED_MPS, TAXIING_MPS = 2.0, 60.0
STALE_S = 2.0  # how old a position may be beyond what its time says

# Why a row was not used: places in the array of counts.
NO_POSITION, OUT_OF_RANGE, NO_IDENTITY, TOO_LATE, FUTURE, CAPACITY, CROWDED = range(7)
UNKNOWN_SITE, BAD_PLOT, LATE_USED, USED_ROWS = 7, 8, 9, 10
N_COUNTS = 11

FUTURE_NS = 10 * NS
GATE_REPORT = 25.0  # χ² with two degrees of freedom: one true report in 270,000 falls outside
GATE_ADOPT = 9.2  # 99 %
GROUND_FLAG, NO_POSITION_FLAG, ASSUMED_FLAG = 32, 512, 8192
KEPT_FLAGS = 1 | 2 | 4 | 8 | 16 | 64 | 256 | 1024 | 2048 | 16384


@njit(cache=True, nogil=True)
def model(kind: int, domain: int) -> int:
    """Row of the table of kinds: the kind's own, or that of the domain where the kind is not known.

    >>> model(1, 2), model(0, 1), model(0, 0)
    (1, 7, 0)
    """
    if kind > 0:
        return kind
    return AIRCRAFT if domain == 1 else VESSEL if domain == 2 else VEHICLE if domain == 3 else 0


@njit(cache=True, nogil=True, inline="always")
def row_of(st: Store, k: int) -> int:
    """Row of the table of kinds that track k moves by: its kind's, or that of an aircraft that rolls or stands.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.book[0, KIND] = 7; st.book[0, GROUND] = 32; row_of(st, 0)
    15
    """
    kind = st.book[k, KIND]
    if st.book[k, GROUND] != 0 and kind in (AIRCRAFT, UNMANNED):
        speed2 = st.mean[k, VE] * st.mean[k, VE] + st.mean[k, VN] * st.mean[k, VN]
        if speed2 < PARKED_MPS * PARKED_MPS:
            return PARKED
        if speed2 < TAXIING_MPS * TAXIING_MPS:
            return TAXIING
    return model(kind, st.book[k, DOMAIN])


@njit(cache=True, nogil=True)
def in_doubt(st: Store, k: int, time_ns: int, x: float, y: float, z: float, kinds: F8) -> bool:
    """Could a position that names track k's identity be a bad position of that craft, rather than another craft?

    |Δ| ≤ K_DOUBT + STALE_S·speed, Δ at the position's own time. Of one airport's 34,770 ADS-B positions against its
    multilateration of the same address half lie within 10 m, one in a thousand beyond 1.2 km, none beyond 1.95 km.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; kinds = np.full((16, 16), 2000.0)
    >>> in_doubt(st, 0, 0, 1.0, 3e-4, 0.0, kinds), in_doubt(st, 0, 0, 1.0, 4e-4, 0.0, kinds)
    (True, False)
    """
    m = st.mean
    dt = (time_ns - st.book[k, TIME]) / 1e9
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    e -= dt * m[k, VE]
    n -= dt * m[k, VN]
    limit = kinds[row_of(st, k), K_DOUBT] + STALE_S * math.sqrt(m[k, VE] * m[k, VE] + m[k, VN] * m[k, VN])
    return bool(e * e + n * n <= limit * limit)


@njit(cache=True, nogil=True, inline="always")
def height(st: Store, k: int) -> float:
    """Height of track k for the radii of curvature: its altitude, 0 where that is not known.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 3] = np.nan; height(st, 0)
    0.0
    """
    h = st.mean[k, ALT]
    return 0.0 if math.isnan(h) else h


@njit(cache=True, nogil=True, inline="always")
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


@njit(cache=True, nogil=True, inline="always")
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


@njit(cache=True, nogil=True, inline="always")
def misfit(
    st: Store, k: int, time_ns: int, x: float, y: float, z: float, rxx: float, rxy: float, ryy: float, q: float
) -> tuple[float, float]:
    """Squared Mahalanobis distance of a position from track k at the position's own time, and ln |S|.

    A track in a turn is expected on its arc, by as much as it is believed to turn.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0
    >>> [round(v, 3) for v in misfit(st, 0, 0, 1.0, 0.0, 0.0, 2.0, 0.0, 2.0, 1.0)]
    [0.0, 1.386]
    """
    m = st.mean
    dt = (time_ns - st.book[k, TIME]) / 1e9
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    bend = 0.5 * dt * st.imm[k, P_TURN] * st.imm[k, IN_USE] * st.imm[k, TURN_RATE]
    e -= dt * (m[k, VE] - bend * m[k, VN])
    n -= dt * (m[k, VN] + bend * m[k, VE])
    sxx, sxy, syy = kalman.spread(st.cov, k, dt, q, rxx, rxy, ryy)
    det = sxx * syy - sxy * sxy
    return (syy * e * e - 2.0 * sxy * e * n + sxx * n * n) / det, math.log(det)


@njit(cache=True, nogil=True)
def take_position(
    st: Store, k: int, time_ns: int, x: float, y: float, z: float, rxx: float, rxy: float, ryy: float, q: float
) -> float:
    """Update track k with a position at its own time; returns its squared distance (NIS, χ² with two degrees).

    A position newer than the state: predict, then correct. An older one: corrected with H = [I, −δ I] and the noise
    of δ added, so that time never runs back. One beyond GATE_REPORT counts as so much less exact that it stands at
    the gate (S·NIS/GATE_REPORT: Huber's weight). In: unit n-vector, covariance in m². Symmetric, deterministic.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; st.cov[0, 0] = st.cov[0, 4] = 1.0
    >>> take_position(st, 0, 0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0), float(st.cov[0, 0])
    (0.0, 0.5)
    """
    m = st.mean
    st.imm[k, IN_USE] = 0.0
    dt = advance_to(st, k, time_ns, q)
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    e -= dt * m[k, VE]
    n -= dt * m[k, VN]
    sxx, sxy, syy = kalman.spread(st.cov, k, dt, q, rxx, rxy, ryy)
    nis: float = (syy * e * e - 2.0 * sxy * e * n + sxx * n * n) / (sxx * syy - sxy * sxy)
    excess = max(nis / GATE_REPORT, 1.0)
    de, dn, dve, dvn = kalman.correct(st.cov, k, 1.0, dt, e, n, excess * sxx, excess * sxy, excess * syy)
    m[k, VE] += dve
    m[k, VN] += dvn
    shift(st, k, de, dn)
    heard(st, k, time_ns)
    return nis


@njit(cache=True, nogil=True, inline="always")
def heard(st: Store, k: int, time_ns: int) -> None:
    """Track k was updated with a position of a time: one hit more, and how often they come.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); heard(st, 0, 4 * NS); float(st.fac[0, INTERVAL]), int(st.book[0, HITS])
    (4.0, 1)
    """
    b = st.book
    gap = (time_ns - b[k, UPDATED]) / 1e9
    if gap > 0.0:
        if b[k, HITS] >= 2:
            gap = 0.8 * st.fac[k, INTERVAL] + 0.2 * gap
        st.fac[k, INTERVAL] = gap
        b[k, UPDATED] = time_ns
    b[k, HITS] += 1


@njit(cache=True, nogil=True)
def take_velocity(st: Store, k: int, time_ns: int, ve: float, vn: float, sigma_mps: float, q: float) -> None:
    """Update track k with a velocity over ground; where it is far outside (χ² > 36) the track's own is replaced.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; take_velocity(st, 0, 0, 30.0, 0.0, 1.0, 1.0); float(st.mean[0, VE])
    30.0
    """
    m, c = st.mean, st.cov[k]
    st.imm[k, IN_USE] = 0.0
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
    st.imm[k, IN_USE] = 0.0
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
