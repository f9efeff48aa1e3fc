"""Take plots into tracks, slice by slice: by address first, then by assignment, then what is left begins tracks."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import gate
from manara.kernels.assignment import assign
from manara.kernels.follow import (
    BAD_PLOT,
    CAPACITY,
    COASTING,
    CONFIRMED,
    FUTURE,
    FUTURE_NS,
    GATE_REPORT,
    K_DOMAIN,
    K_HOLD,
    K_LATE,
    K_OLD,
    K_PRIOR_V,
    K_Q,
    K_SPEED_MAX,
    LATE_USED,
    TENTATIVE,
    TOO_LATE,
    UNKNOWN_SITE,
    USED_ROWS,
    birth,
    misfit,
    take_flags,
    take_position,
)
from manara.kernels.sensing import BAD, NO_SITE, S_DOMAIN, S_PERIOD, PlotRows, locate, plots_per_s, slices
from manara.kernels.tables import (
    ALT,
    ALT_REF,
    BORN,
    CHAIN_MAX,
    CONFLICT,
    DOMAIN,
    GROUPS,
    HITS,
    IDENTITY,
    INTERVAL,
    KIND,
    LIFE,
    MODE_3A,
    NEXT,
    NX,
    NY,
    NZ,
    RATE,
    SEEN_BY,
    SOURCES,
    SWEEP,
    TIME,
    TOP,
    UPDATED,
    VE,
    VN,
    Store,
    chain_length,
    find,
    link,
)

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

GATE_PLOT = 12.25  # 3.5 σ
HITS_TO_CONFIRM = 3


@njit(cache=True, nogil=True)
def model(kind: int, domain: int) -> int:
    """Row of the table of kinds: the kind's own, or that of the domain where the kind is not known.

    >>> model(1, 2), model(0, 1), model(0, 0)
    (1, 7, 0)
    """
    if kind > 0:
        return kind
    return 7 if domain == 1 else 13 if domain == 2 else 9 if domain == 3 else 0


@njit(cache=True, nogil=True)
def sweep(order: I8, rows: PlotRows, sites: F8, seen_ns: I8, now_ns: int, kinds: F8, st: Store, counts: I8) -> None:
    """Take plots into the store.

    In: ``order`` (m,) rows in order of time; ``sites`` (s, 15), ``seen_ns`` (s,) time of each sensor's last plot (kept
    here); ``kinds`` (K, 15). The store has room for m more rows (else CAPACITY is counted). Out: store and counts, in
    place. Any float and any time is allowed in the rows. Deterministic. 0.3 to 1 µs a plot.

    Each slice: an address names its track (within a wide gate); the rest is assigned optimally to confirmed tracks,
    then what is left to tentative ones; what no track wants begins a tentative track.
    """
    n = len(rows.time_ns)
    pos, r, why = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n, np.int64)
    locate(rows, sites, pos, r, why)
    good = np.empty(len(order), np.int64)
    m = 0
    for a in range(len(order)):
        i = order[a]
        t = rows.time_ns[i]
        late = kinds[model(rows.kind[i], int(sites[rows.sensor[i], S_DOMAIN])), K_OLD]
        if why[i] == NO_SITE:
            counts[UNKNOWN_SITE] += 1
        elif why[i] == BAD:
            counts[BAD_PLOT] += 1
        elif t > now_ns + FUTURE_NS:
            counts[FUTURE] += 1
        elif t < now_ns - late * 1e9:
            counts[TOO_LATE] += 1
        else:
            good[m] = i
            m += 1
            seen_ns[rows.sensor[i]] = max(seen_ns[rows.sensor[i]], t)
    out, start = slices(good[:m], rows, sites)
    for g in range(len(start) - 1):
        _slice(out[start[g] : start[g + 1]], rows, pos, r, sites, seen_ns, kinds, st, counts)


@njit(cache=True, nogil=True)
def _slice(part: I8, rows: PlotRows, pos: F8, r: F8, sites: F8, seen_ns: I8, kinds: F8, st: Store, counts: I8) -> None:
    st.head[GROUPS] += 1
    left = np.empty(len(part), np.int64)
    n = 0
    for a in range(len(part)):
        i = part[a]
        if rows.identity[i] == 0 or not _by_address(i, rows, pos, r, sites, seen_ns, kinds, st, counts):
            left[n] = i
            n += 1
    n = _assign(left[:n], CONFIRMED, COASTING, rows, pos, r, sites, seen_ns, kinds, st, counts)
    n = _assign(left[:n], TENTATIVE, TENTATIVE, rows, pos, r, sites, seen_ns, kinds, st, counts)
    for a in range(n):
        _begin(left[a], rows, pos, r, sites, seen_ns, kinds, st, counts)


@njit(cache=True, nogil=True)
def _by_address(
    i: int, rows: PlotRows, pos: F8, r: F8, sites: F8, seen_ns: I8, kinds: F8, st: Store, counts: I8
) -> bool:
    """Give a labelled plot to the nearest track of its address; False where none is within the gate."""
    k, best, best_d2 = find(st, rows.identity[i]), -1, GATE_REPORT
    t = rows.time_ns[i]
    while k >= 0:
        row = model(st.book[k, KIND], st.book[k, DOMAIN])
        if (st.book[k, TIME] - t) / 1e9 <= kinds[row, K_LATE]:
            q = kinds[row, K_Q]
            d2 = misfit(st, k, t, pos[i, 0], pos[i, 1], pos[i, 2], r[i, 0], r[i, 1], r[i, 2], q)[0]
            if d2 < best_d2:
                best, best_d2 = k, d2
        k = st.book[k, NEXT]
    if best < 0:
        return False
    _take(i, best, rows, pos, r, sites, seen_ns, kinds, st, counts)
    return True


@njit(cache=True, nogil=True)
def _members(low: int, high: int, st: Store) -> I8:
    """Tracks of some phases of life that this slice has not updated yet."""
    member = np.empty(st.head[TOP], np.int64)
    m = 0
    for k in range(st.head[TOP]):
        if low <= st.book[k, LIFE] <= high and st.book[k, SWEEP] != st.head[GROUPS]:
            member[m] = k
            m += 1
    return member[:m]


@njit(cache=True, nogil=True)
def _assign(
    left: I8,
    low: int,
    high: int,
    rows: PlotRows,
    pos: F8,
    r: F8,
    sites: F8,
    seen_ns: I8,
    kinds: F8,
    st: Store,
    counts: I8,
) -> int:
    """Assign plots to the tracks of some phases; what stays alone moves to the front of ``left``; returns how many."""
    member = _members(low, high, st)
    n = len(left)
    if n == 0 or len(member) == 0:
        return n
    widest = 0.0
    for a in range(n):
        widest = max(widest, r[left[a], 0] + r[left[a], 2])
    domain = int(sites[rows.sensor[left[0]], S_DOMAIN])
    slack = kinds[model(0, domain), K_PRIOR_V] * (3.5 * min(sites[rows.sensor[left[0]], S_PERIOD], 10.0))
    cell = 2.0 * min(max(3.5 * math.sqrt(widest) + slack, 200.0), 12_000.0)
    grid = gate.build(st, member, rows.time_ns[left[n // 2]], cell)
    count, col = np.zeros(n, np.int64), np.zeros((n, gate.WIDEST), np.int64)
    cost, around = np.zeros((n, gate.WIDEST)), np.empty(256, np.int64)
    for a in range(n):
        i = left[a]
        x, y, z = pos[i, 0], pos[i, 1], pos[i, 2]
        rest = int(0.5e9 * sites[rows.sensor[i], S_PERIOD])
        seen = gate.Seen(rows.time_ns[i], rows.identity[i], rows.mode_3a[i], domain, rows.sensor[i], rest)
        for p in range(gate.near(grid, x, y, z, around)):
            k = member[around[p]]
            q = kinds[model(st.book[k, KIND], st.book[k, DOMAIN]), K_Q]
            c = gate.price(st, k, seen, x, y, z, r[i, 0], r[i, 1], r[i, 2], q, GATE_PLOT)
            if c < 0.0:
                gate.keep(count, col, cost, a, around[p], c)
    chosen = assign(n, len(member), count, col, cost)
    m = 0
    for a in range(n):
        i = left[a]
        if chosen[a] >= 0:
            _take(i, member[chosen[a]], rows, pos, r, sites, seen_ns, kinds, st, counts)
        else:
            left[m] = i
            m += 1
    return m


@njit(cache=True, nogil=True)
def _take(
    i: int, k: int, rows: PlotRows, pos: F8, r: F8, sites: F8, seen_ns: I8, kinds: F8, st: Store, counts: I8
) -> None:
    """Update track k with plot i, and learn from it what it says beside its position."""
    b, t, s = st.book, rows.time_ns[i], rows.sensor[i]
    row = model(b[k, KIND], b[k, DOMAIN])
    if (b[k, TIME] - t) / 1e9 > kinds[row, K_LATE]:
        counts[TOO_LATE] += 1
        return
    counts[LATE_USED] += t < b[k, TIME]
    counts[USED_ROWS] += 1
    take_position(st, k, t, pos[i, 0], pos[i, 1], pos[i, 2], r[i, 0], r[i, 1], r[i, 2], kinds[row, K_Q])
    b[k, SWEEP], b[k, SEEN_BY] = st.head[GROUPS], s + 1
    if b[k, HITS] >= HITS_TO_CONFIRM or b[k, LIFE] == COASTING:
        b[k, LIFE] = CONFIRMED
    _label(k, rows.identity[i], st)
    if b[k, HITS] % 8 == 0:
        v = st.mean[k]
        st.fac[k, RATE] = plots_per_s(sites, seen_ns, t, v[NX], v[NY], v[NZ])
    if b[k, HITS] >= HITS_TO_CONFIRM and b[k, NEXT] >= 0:
        _conflict(k, t, st)
    _learn(i, k, rows, kinds[row, K_HOLD], st)


@njit(cache=True, nogil=True)
def _label(k: int, identity: int, st: Store) -> None:
    """A track without an address takes the one that came with its plot, unless too many claim it already."""
    if identity != 0 and st.book[k, IDENTITY] == 0 and chain_length(st, identity) < CHAIN_MAX:
        link(st, k, identity)


@njit(cache=True, nogil=True)
def _learn(i: int, k: int, rows: PlotRows, hold_s: float, st: Store) -> None:
    """Height, code, kind, flags and source of a plot."""
    b = st.book
    if abs(rows.alt_m[i]) < 6e4:
        st.mean[k, ALT] = rows.alt_m[i]
        b[k, ALT_REF] = rows.alt_ref[i]
    if rows.mode_3a[i] >= 0:
        b[k, MODE_3A] = rows.mode_3a[i]
    if b[k, KIND] == 0:
        b[k, KIND] = rows.kind[i]
    take_flags(st, k, rows.time_ns[i], rows.flags[i], hold_s)
    b[k, SOURCES] |= rows.bit[i]


@njit(cache=True, nogil=True)
def _conflict(k: int, t: int, st: Store) -> None:
    """As in ``follow``: two lasting tracks of one address are two craft."""
    b = st.book
    j = find(st, b[k, IDENTITY])
    while j >= 0:
        if j != k and b[j, HITS] >= HITS_TO_CONFIRM and b[j, UPDATED] >= b[k, BORN] and b[k, UPDATED] >= b[j, BORN]:
            b[j, CONFLICT], b[k, CONFLICT] = t, t
        j = b[j, NEXT]


@njit(cache=True, nogil=True)
def _begin(i: int, rows: PlotRows, pos: F8, r: F8, sites: F8, seen_ns: I8, kinds: F8, st: Store, counts: I8) -> None:
    """A tentative track from a plot that nothing else explains."""
    t, s = rows.time_ns[i], rows.sensor[i]
    domain = int(sites[s, S_DOMAIN])
    if kinds[rows.kind[i], K_DOMAIN] > 0.0:
        domain = int(kinds[rows.kind[i], K_DOMAIN])
    row = model(rows.kind[i], domain)
    prior = kinds[row, K_PRIOR_V]
    x, y, z = pos[i, 0], pos[i, 1], pos[i, 2]
    k = birth(st, t, x, y, z, r[i, 0], r[i, 1], r[i, 2], prior)
    if k < 0:
        counts[CAPACITY] += 1
        return
    counts[USED_ROWS] += 1
    b = st.book
    b[k, DOMAIN], b[k, SWEEP], b[k, SEEN_BY] = domain, st.head[GROUPS], s + 1
    speed, course = rows.speed_mps[i], rows.course_rad[i]
    if math.isfinite(course) and 0.0 <= speed <= kinds[row, K_SPEED_MAX]:
        st.mean[k, VE], st.mean[k, VN] = speed * math.sin(course), speed * math.cos(course)
        st.cov[k, 7] = st.cov[k, 9] = 0.01 * prior * prior + 0.01 * speed * speed
    st.fac[k, INTERVAL] = sites[s, S_PERIOD]
    st.fac[k, RATE] = plots_per_s(sites, seen_ns, t, x, y, z)
    _label(k, rows.identity[i], st)
    _learn(i, k, rows, kinds[row, K_HOLD], st)
