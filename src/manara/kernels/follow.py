"""Follow craft by what they say of themselves: reports, in order of time.

Inlined steps: a store is nine arrays, and handing them over costs more than the arithmetic (a third of the whole).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy
from manara.kernels.states import (
    ASSUMED_FLAG,
    CAPACITY,
    CONFIRMED,
    CROWDED,
    FUTURE,
    FUTURE_NS,
    GATE_ADOPT,
    GATE_REPORT,
    GROUND_FLAG,
    K_DOMAIN,
    K_FLOOR,
    K_HOLD,
    K_LATE,
    K_OLD,
    K_PRIOR_V,
    K_Q,
    K_REACH,
    K_SIGMA,
    K_SIGMA_V,
    K_SLACK,
    K_SPEED_MAX,
    LATE_USED,
    NO_IDENTITY,
    NO_POSITION,
    NO_POSITION_FLAG,
    OUT_OF_RANGE,
    TAXIING,
    TENTATIVE,
    TOO_LATE,
    USED_ROWS,
    birth,
    height,
    in_doubt,
    misfit,
    place,
    row_of,
    take_flags,
    take_position,
    take_velocity,
)
from manara.kernels.tables import (
    ALT,
    ALT_REF,
    CHAIN_MAX,
    DOMAIN,
    GROUND,
    HEADING,
    HITS,
    IDENTITY,
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
)
from manara.kernels.twins import mark, stands

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]


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


class Report(NamedTuple):
    """One row of them: scalars pass between kernels without the cost of fourteen arrays."""

    time_ns: int
    bit: int
    identity: int
    kind: int
    lat_rad: float
    lon_rad: float
    alt_m: float
    alt_ref: int
    speed_mps: float
    course_rad: float
    heading_rad: float
    climb_mps: float
    sigma_m: float
    flags: int


@njit(cache=True, nogil=True)
def pick(rows: ReportRows, i: int, n_kinds: int) -> Report:
    """Row i; a kind that the table of kinds does not know is taken as unknown.

    >>> i, f = np.zeros(1, np.int64), np.full(1, 0.5)
    >>> pick(ReportRows(i, i, i + 7, i + 99, f, f, f, i, f, f, f, f, f, i), 0, 14)[:5]
    (0, 0, 7, 0, 0.5)
    """
    return Report(
        int(rows.time_ns[i]),
        int(rows.bit[i]),
        int(rows.identity[i]),
        int(rows.kind[i]) if 0 <= rows.kind[i] < n_kinds else 0,
        float(rows.lat_rad[i]),
        float(rows.lon_rad[i]),
        float(rows.alt_m[i]),
        int(rows.alt_ref[i]),
        float(rows.speed_mps[i]),
        float(rows.course_rad[i]),
        float(rows.heading_rad[i]),
        float(rows.climb_mps[i]),
        float(rows.sigma_m[i]),
        int(rows.flags[i]),
    )


@njit(cache=True, nogil=True)
def follow(order: I8, rows: ReportRows, now_ns: int, kinds: F8, st: Store, counts: I8) -> None:
    """Take reports into the store, one after the other; each is used or counted in ``counts`` with its reason.

    Association: among the tracks that claim the report's identity, the nearest within the gate; outside every gate a
    craft that may have got there is set there; a position that may be a bad one of it is taken for little; any other
    begins a second track under the same identity.

    In: ``order`` (m,) rows in order of time; ``kinds`` (16, 16), see the K_ constants; the store has room for m more
    rows (else CAPACITY is counted). Out: store and counts (11,), in place. Any float and any time is allowed in the
    rows. 1 to 2 µs a report; a report of a new identity also looks through all confirmed tracks without one.

    >>> from manara.kernels.tables import blank
    >>> i, f = np.zeros(1, np.int64), np.full(1, np.nan)
    >>> rows = ReportRows(i, i, i + 7, i, f, f, f, i, f, f, f, f, f, i)
    >>> counts = np.zeros(11, np.int64)
    >>> follow(i, rows, 0, np.ones((16, 16)), blank(4, 8), counts); int(counts[NO_POSITION])
    1
    """
    loose = np.empty(st.head[TOP], np.int64)
    n_loose = 0
    for k in range(st.head[TOP]):
        if st.book[k, LIFE] > TENTATIVE and st.book[k, IDENTITY] == 0:
            loose[n_loose] = k
            n_loose += 1
    for a in range(len(order)):
        one = pick(rows, order[a], TAXIING)
        kind, t = one.kind, one.time_ns
        if one.identity == 0:
            counts[NO_IDENTITY] += 1
        elif t > now_ns + FUTURE_NS:
            counts[FUTURE] += 1
        elif t < now_ns - kinds[kind, K_OLD] * 1e9:
            counts[TOO_LATE] += 1
        elif one.flags & NO_POSITION_FLAG or not (math.isfinite(one.lat_rad) and math.isfinite(one.lon_rad)):
            _without_position(one, kinds, st, counts)
        elif abs(one.lat_rad) > 0.5 * math.pi + 1e-9 or abs(one.lon_rad) > math.pi + 1e-9:
            counts[OUT_OF_RANGE] += 1
        else:
            _with_position(one, kinds, st, counts, loose[:n_loose])


@njit(cache=True, nogil=True)
def _without_position(one: Report, kinds: F8, st: Store, counts: I8) -> None:
    """ADS-B says position, velocity and emergency in separate rows; the newest track of the identity takes them."""
    k, best = find(st, one.identity), -1
    while k >= 0:
        if best < 0 or st.book[k, UPDATED] > st.book[best, UPDATED]:
            best = k
        k = st.book[k, NEXT]
    if best < 0:
        counts[NO_POSITION] += 1
    elif (st.book[best, TIME] - one.time_ns) / 1e9 > kinds[one.kind, K_LATE]:
        counts[TOO_LATE] += 1
    else:
        counts[USED_ROWS] += 1
        _particulars(one, best, kinds, st)


@njit(cache=True, nogil=True, inline="always")
def _particulars(one: Report, k: int, kinds: F8, st: Store) -> None:
    """All that a report says beside its position."""
    b, m, t = st.book, st.mean, one.time_ns
    if one.kind > 0:
        b[k, KIND] = one.kind
    if kinds[one.kind, K_DOMAIN] > 0.0:
        b[k, DOMAIN] = int(kinds[one.kind, K_DOMAIN])
    speed, course = one.speed_mps, one.course_rad
    if math.isfinite(course) and 0.0 <= speed <= kinds[one.kind, K_SPEED_MAX]:
        sigma = kinds[one.kind, K_SIGMA_V] + 0.005 * speed
        take_velocity(st, k, t, speed * math.sin(course), speed * math.cos(course), sigma, kinds[row_of(st, k), K_Q])
    if abs(one.alt_m) < 1e5:
        m[k, ALT] = one.alt_m
        b[k, ALT_REF] = one.alt_ref
    if abs(one.climb_mps) < 500.0:
        m[k, VU] = one.climb_mps
    if math.isfinite(one.heading_rad):
        m[k, HEADING] = one.heading_rad % (2.0 * math.pi)
    take_flags(st, k, t, one.flags, kinds[one.kind, K_HOLD])
    b[k, SOURCES] |= one.bit


@njit(cache=True, nogil=True, inline="always")
def _with_position(one: Report, kinds: F8, st: Store, counts: I8, loose: I8) -> None:
    t, identity = one.time_ns, one.identity
    x, y, z = geodesy.nvector(one.lat_rad, one.lon_rad)
    sigma = one.sigma_m if 0.0 <= one.sigma_m < 1e6 else kinds[one.kind, K_SIGMA]
    sigma = max(sigma, kinds[one.kind, K_FLOOR])
    r = sigma * sigma
    if one.flags & ASSUMED_FLAG and 0.0 <= one.speed_mps <= kinds[one.kind, K_SPEED_MAX]:
        r += (0.5 * one.speed_mps) * (0.5 * one.speed_mps)
    first = find(st, identity)
    best, best_d2 = _nearest(first, t, x, y, z, r, kinds, kinds[one.kind, K_LATE], st)
    if first >= 0 and best < 0:
        counts[TOO_LATE] += 1
        return
    if first < 0:
        best = _adopt(t, x, y, z, r, kinds[one.kind, K_Q], kinds[one.kind, K_DOMAIN], st, loose)
        best_d2 = 0.0
        if best >= 0:
            link(st, best, identity)
    reset = False
    if best >= 0 and best_d2 > GATE_REPORT:
        reach = _in_reach(one, best, x, y, z, sigma, kinds, st)
        # Where sensors have seen it since it last spoke, they know better than a reset would.
        reset = reach and st.book[best, UPDATED] <= st.book[best, REPORTED]
        if not reach and not in_doubt(st, best, t, x, y, z, kinds):
            if chain_length(st, identity) >= CHAIN_MAX:
                counts[CROWDED] += 1
                return
            st.book[best, JUMP] = t
            best = -1
    counts[LATE_USED] += best >= 0 and t < st.book[best, TIME]
    _settle(one, best, first, reset, x, y, z, r, kinds, st, counts)


@njit(cache=True, nogil=True, inline="always")
def _nearest(
    k: int, t: int, x: float, y: float, z: float, r: float, kinds: F8, late_s: float, st: Store
) -> tuple[int, float]:
    """Along the chain that begins at track k: the nearest that is not too new for the report, and its d²."""
    best, best_d2 = -1, np.inf
    while k >= 0:
        if (st.book[k, TIME] - t) / 1e9 <= late_s:
            d2 = misfit(st, k, t, x, y, z, r, 0.0, r, kinds[row_of(st, k), K_Q])[0]
            if d2 < best_d2:
                best, best_d2 = k, d2
        k = st.book[k, NEXT]
    return best, best_d2


@njit(cache=True, nogil=True, inline="always")
def _settle(
    one: Report,
    k: int,
    first: int,
    reset: bool,
    x: float,
    y: float,
    z: float,
    r: float,
    kinds: F8,
    st: Store,
    counts: I8,
) -> None:
    """The report belongs to track k, or to a new one where k is −1; ``first``: the newest of its identity before."""
    t, b = one.time_ns, st.book
    if k < 0:
        k = birth(st, t, x, y, z, r, 0.0, r, kinds[one.kind, K_PRIOR_V])
        if k < 0:
            counts[CAPACITY] += 1
            return
        link(st, k, one.identity)
        if first >= 0:
            b[k, JUMP] = t
    elif reset:
        _reset(st, k, t, x, y, z, r, kinds[one.kind, K_PRIOR_V])
    else:
        take_position(st, k, t, x, y, z, r, 0.0, r, kinds[row_of(st, k), K_Q])
    counts[USED_ROWS] += 1
    b[k, REPORTED] = max(b[k, REPORTED], t)
    chain = b[k, NEXT] >= 0 or (first >= 0 and first != k)
    if b[k, LIFE] != TENTATIVE or (b[k, HITS] >= 2 and (not chain or stands(st, k, kinds))):
        b[k, LIFE] = CONFIRMED
        if chain:
            mark(st, k, t)
    b[k, GROUND] = one.flags & GROUND_FLAG
    _particulars(one, k, kinds, st)


@njit(cache=True, nogil=True, inline="always")
def _reset(st: Store, k: int, t: int, x: float, y: float, z: float, r: float, prior_mps: float) -> None:
    """The craft did what its model did not foresee: stand where it says, doubt the velocity."""
    place(st, k, t, x, y, z, r, 0.0, r)
    st.cov[k, 7] = st.cov[k, 9] = prior_mps * prior_mps
    st.cov[k, 8] = 0.0
    st.book[k, UPDATED] = max(t, st.book[k, UPDATED])
    st.book[k, HITS] += 1


@njit(cache=True, nogil=True, inline="always")
def _in_reach(one: Report, k: int, x: float, y: float, z: float, sigma: float, kinds: F8, st: Store) -> bool:
    """Could the craft of track k have got there, a good half faster than it or the report says?"""
    m = st.mean
    dt = abs(one.time_ns - st.book[k, TIME]) / 1e9
    e, n = geodesy.offset(m[k, NX], m[k, NY], m[k, NZ], height(st, k), x, y, z)
    speed = math.sqrt(m[k, VE] * m[k, VE] + m[k, VN] * m[k, VN])
    if 0.0 <= one.speed_mps <= kinds[one.kind, K_SPEED_MAX]:
        speed = max(speed, one.speed_mps)
    reach = (1.5 * speed + kinds[one.kind, K_REACH]) * dt + kinds[one.kind, K_SLACK]
    reach += 3.0 * (sigma + math.sqrt(max(st.cov[k, 0], st.cov[k, 4])))
    return bool(e * e + n * n <= reach * reach)


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
