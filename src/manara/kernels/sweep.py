"""Take plots into tracks, slice by slice: by address first, then by assignment, then what is left begins tracks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import clutter, gate
from manara.kernels.assignment import assign
from manara.kernels.clutter import CERTAIN, FIRST_SCORE, weigh
from manara.kernels.flight import take_plot
from manara.kernels.models import Motion
from manara.kernels.sensing import (
    BAD,
    NO_SITE,
    S_DOMAIN,
    S_PERIOD,
    Plot,
    PlotRows,
    Scene,
    horizons,
    locate,
    pick,
    plots_per_s,
    slices,
)
from manara.kernels.states import (
    BAD_PLOT,
    CAPACITY,
    COASTING,
    CONFIRMED,
    CROWDED,
    FUTURE,
    FUTURE_NS,
    GATE_REPORT,
    GROUND_FLAG,
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
    in_doubt,
    misfit,
    model,
    row_of,
    take_flags,
)
from manara.kernels.tables import (
    ALT,
    ALT_REF,
    BORN,
    CHAIN_MAX,
    DOMAIN,
    GROUND,
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
    SCORE,
    SEEN_AT,
    SEEN_BY,
    SOURCES,
    SWEEP,
    TIME,
    TOP,
    VE,
    VN,
    Store,
    chain_length,
    find,
    link,
)
from manara.kernels.twins import chained, mark, stands

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

GATE_PLOT = 12.25  # 3.5 σ
GATE_FIRM = 25.0  # of a confirmed track: what begins to turn leaves the narrow gate before its models follow
HITS_TO_CONFIRM, MISSES_TO_CONFIRM, HITS_BLIND = 3, 1.5, 5
AROUND = 96  # tracks looked at for one plot
TOGETHER_NS = 2_000_000_000  # plots of so long share one grid of where tracks will be
FASTEST_MPS = 300.0  # what a track may move meanwhile; faster ones are found by their speed's share of the slack
QUICK_S, HITS_QUICK = 2.0, 6  # a sensor that looks so often shows clutter that lasts for some looks


@njit(cache=True, nogil=True)
def sweep(order: I8, rows: PlotRows, now_ns: int, sc: Scene, st: Store, counts: I8) -> None:
    """Take plots into the store.

    In: ``order`` (m,) rows in order of time. The store has room for m more rows (else CAPACITY is counted). Out: store
    and counts, in place. Any float and any time is allowed in the rows. Deterministic. About 1.5 µs a plot.

    Each slice: an address names its track (within a wide gate); the rest is assigned optimally to confirmed tracks,
    then what is left to tentative ones; what no track wants begins a tentative track.
    """
    n, sites, kinds, seen_ns = len(rows.time_ns), sc.sites, sc.kinds, sc.seen_ns
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
    sc.seeing[:] = horizons(sites, seen_ns, now_ns)
    top = st.head[TOP] + len(order)
    near = Near(np.zeros(top, np.int64), np.empty(top, np.int64), np.empty(top, np.int64), np.empty(AROUND, np.int64))
    g, end = 0, 0
    while g < len(start) - 1:
        began = rows.time_ns[out[start[g]]]
        while end < len(start) - 1 and rows.time_ns[out[start[end]]] - began <= TOGETHER_NS:
            end += 1
        mid = began + (rows.time_ns[out[start[end] - 1]] - began) // 2
        part = out[start[g] : start[end]]
        grid = gate.build(st, _members(st), mid, _cell(part, rows, r, sc, mid), len(part))
        for a in range(g, end):
            _slice(out[start[a] : start[a + 1]], rows, pos, r, grid, near, sc, st, counts)
        g = end


class Near(NamedTuple):
    """What the assignment of one slice works in: for each row of the store when it was last a candidate, and which
    column it is then; the rows of the columns; rows about a plot."""

    stamp: I8
    column: I8
    row: I8
    around: I8


@njit(cache=True, nogil=True, inline="always")
def _reach_m(i: int, rows: PlotRows, r: F8, sc: Scene, time_ns: int) -> float:
    """How far from where it will be at a time the track of plot i may be looked for."""
    s = sc.sites[rows.sensor[i]]
    slack = sc.kinds[model(0, int(s[S_DOMAIN])), K_PRIOR_V] * 3.5 * min(s[S_PERIOD], 10.0)
    between = FASTEST_MPS * abs(rows.time_ns[i] - time_ns) / 1e9
    return float(min(max(3.5 * math.sqrt(r[i, 0] + r[i, 2]) + slack + between, 200.0), 12_000.0))


@njit(cache=True, nogil=True)
def _cell(part: I8, rows: PlotRows, r: F8, sc: Scene, time_ns: int) -> float:
    """Edge of cells that hold the reach of all plots of a part."""
    widest = 0.0
    for i in part:
        widest = max(widest, _reach_m(i, rows, r, sc, time_ns))
    return 2.0 * widest


@njit(cache=True, nogil=True)
def _slice(
    part: I8, rows: PlotRows, pos: F8, r: F8, grid: gate.Grid, near: Near, sc: Scene, st: Store, counts: I8
) -> None:
    st.head[GROUPS] += 1
    left = np.empty(len(part), np.int64)
    n = 0
    for a in range(len(part)):
        i = part[a]
        named = rows.identity[i] != 0
        if not (named and _by_address(i, pick(i, rows, pos, r, sc.sites), sc, st, counts)):
            left[n] = i
            n += 1
    n = _assign(left[:n], CONFIRMED, COASTING, rows, pos, r, grid, near, sc, st, counts)
    n = _assign(left[:n], TENTATIVE, TENTATIVE, rows, pos, r, grid, near, sc, st, counts)
    clutter.note(sc.tally, sc.sites, rows, part, n)
    for a in range(n):
        k = _begin(pick(left[a], rows, pos, r, sc.sites), sc, st, counts)
        if k >= 0:
            gate.add(grid, st, k)


@njit(cache=True, nogil=True)
def _by_address(i: int, plot: Plot, sc: Scene, st: Store, counts: I8) -> bool:
    """Give a labelled plot to the nearest track of its address; False where it cannot be of any of them."""
    k, best, best_d2 = find(st, plot.identity), -1, np.inf
    t = plot.time_ns
    while k >= 0:
        row = row_of(st, k)
        if (st.book[k, TIME] - t) / 1e9 <= sc.kinds[row, K_LATE]:
            q = sc.kinds[row, K_Q]
            d2 = misfit(st, k, t, plot.x, plot.y, plot.z, plot.rxx, plot.rxy, plot.ryy, q)[0]
            if d2 < best_d2:
                best, best_d2 = k, d2
        k = st.book[k, NEXT]
    if best < 0 or (best_d2 > GATE_REPORT and not in_doubt(st, best, t, plot.x, plot.y, plot.z, sc.kinds)):
        return False
    _take(i, plot, best, sc, st, counts)
    return True


@njit(cache=True, nogil=True)
def _members(st: Store) -> I8:
    """Rows of all tracks that live.

    >>> from manara.kernels.tables import blank, take_row
    >>> st = blank(2, 4); st.book[take_row(st), LIFE] = TENTATIVE; _members(st).tolist()
    [0]
    """
    member = np.empty(st.head[TOP], np.int64)
    m = 0
    for k in range(st.head[TOP]):
        if TENTATIVE <= st.book[k, LIFE] <= COASTING:
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
    grid: gate.Grid,
    near: Near,
    sc: Scene,
    st: Store,
    counts: I8,
) -> int:
    """Assign plots to the tracks of some phases that this slice has not updated yet; what stays alone moves to the
    front of ``left``; returns how many."""
    n, columns = len(left), 0
    if n == 0:
        return n
    widest_d2 = GATE_FIRM if low == CONFIRMED and not sc.plain else GATE_PLOT
    count, col = np.zeros(n, np.int64), np.empty((n, gate.WIDEST), np.int64)
    cost = np.empty((n, gate.WIDEST))
    mark = 2 * st.head[GROUPS] + (low == CONFIRMED)
    for a in range(n):
        i = left[a]
        plot = pick(i, rows, pos, r, sc.sites)
        reach = _reach_m(i, rows, r, sc, grid.time_ns)
        for p in range(gate.near(grid, plot.x, plot.y, plot.z, reach, near.around)):
            k = near.around[p]
            if not low <= st.book[k, LIFE] <= high or st.book[k, SWEEP] == st.head[GROUPS]:
                continue
            c = gate.price(st, k, plot, sc.kinds[row_of(st, k), K_Q], widest_d2)
            if c < 0.0:
                if near.stamp[k] != mark:
                    near.stamp[k], near.column[k], near.row[columns] = mark, columns, k
                    columns += 1
                gate.keep(count, col, cost, a, near.column[k], c)
    chosen = assign(n, columns, count, col, cost)
    m = 0
    for a in range(n):
        i = left[a]
        if chosen[a] >= 0:
            _take(i, pick(i, rows, pos, r, sc.sites), near.row[chosen[a]], sc, st, counts)
        else:
            left[m] = i
            m += 1
    return m


@njit(cache=True, nogil=True)
def _take(i: int, plot: Plot, k: int, sc: Scene, st: Store, counts: I8) -> None:
    """Update track k with plot i, and learn from it what it says beside its position."""
    b, t = st.book, plot.time_ns
    row = row_of(st, k)
    if (b[k, TIME] - t) / 1e9 > sc.kinds[row, K_LATE]:
        counts[TOO_LATE] += 1
        return
    counts[LATE_USED] += t < b[k, TIME]
    counts[USED_ROWS] += 1
    sc.to[i] = k
    q = sc.kinds[row, K_Q]
    if st.fac[k, SCORE] < CERTAIN:
        weigh(st, k, plot, q, clutter.density(sc.tally, sc.sites, plot.sensor))
    rate = 0.0 if sc.plain else sc.motions[row, 2]
    take_plot(st, k, plot, Motion(sc.motions[row, 0], sc.motions[row, 1], q, rate), sc.work)
    b[k, SWEEP], b[k, SEEN_BY], b[k, SEEN_AT] = st.head[GROUPS], plot.sensor + 1, t
    _label(k, plot.identity, st)
    if b[k, LIFE] != TENTATIVE or (_enough(plot, k, sc.plain, st) and stands(st, k, sc.kinds)):
        b[k, LIFE] = CONFIRMED
    if b[k, HITS] % 8 == 0:
        v = st.mean[k]
        st.fac[k, RATE] = plots_per_s(sc.seeing, v[NX], v[NY], v[NZ])
    if b[k, LIFE] == CONFIRMED and chained(st, k):
        mark(st, k, t)
    _learn(plot, k, sc.kinds[row, K_HOLD], st)


@njit(cache=True, nogil=True)
def _enough(plot: Plot, k: int, plain: bool, st: Store) -> bool:
    """A craft more likely than not; with an address, three plots with at most two missing of what the sensors in range
    should have given; five where many see less. Echoes of a sensor that looks every second must last for six."""
    hits = st.book[k, HITS]
    if plot.identity == 0 and plot.period_s < QUICK_S:
        return bool(hits >= HITS_QUICK)
    if plot.identity == 0 and not plain:
        return bool(hits >= HITS_BLIND or st.fac[k, SCORE] > 0.0)
    due = (plot.time_ns - st.book[k, BORN]) / 1e9 * st.fac[k, RATE] + 1.0
    return bool(hits >= HITS_BLIND or (hits >= HITS_TO_CONFIRM and due <= hits + MISSES_TO_CONFIRM))


@njit(cache=True, nogil=True, inline="always")
def _label(k: int, identity: int, st: Store) -> None:
    """A track without an address takes the one that came with its plot, unless too many claim it already."""
    if identity != 0 and st.book[k, IDENTITY] == 0 and chain_length(st, identity) < CHAIN_MAX:
        link(st, k, identity)


@njit(cache=True, nogil=True, inline="always")
def _learn(plot: Plot, k: int, hold_s: float, st: Store) -> None:
    """Height, code, kind, flags and source of a plot."""
    b = st.book
    if abs(plot.alt_m) < 6e4:
        st.mean[k, ALT] = plot.alt_m
        b[k, ALT_REF] = plot.alt_ref
    if plot.mode_3a >= 0:
        b[k, MODE_3A] = plot.mode_3a
    if b[k, KIND] == 0:
        b[k, KIND] = plot.kind
    take_flags(st, k, plot.time_ns, plot.flags, hold_s)
    if plot.identity != 0:  # what answers also says where it stands; an echo does not
        b[k, GROUND] = plot.flags & GROUND_FLAG
    b[k, SOURCES] |= plot.bit


@njit(cache=True, nogil=True)
def _begin(plot: Plot, sc: Scene, st: Store, counts: I8) -> int:
    """A tentative track from a plot that nothing else explains: its row, −1 where there is no room for it."""
    t, domain = plot.time_ns, plot.domain
    if plot.identity != 0 and chain_length(st, plot.identity) >= CHAIN_MAX:
        counts[CROWDED] += 1
        return -1
    if sc.kinds[plot.kind, K_DOMAIN] > 0.0:
        domain = int(sc.kinds[plot.kind, K_DOMAIN])
    row = model(plot.kind, domain)
    prior = sc.kinds[row, K_PRIOR_V]
    k = birth(st, t, plot.x, plot.y, plot.z, plot.rxx, plot.rxy, plot.ryy, prior)
    if k < 0:
        counts[CAPACITY] += 1
        return k
    counts[USED_ROWS] += 1
    b = st.book
    b[k, DOMAIN], b[k, SWEEP], b[k, SEEN_BY], b[k, SEEN_AT] = domain, st.head[GROUPS], plot.sensor + 1, t
    speed, course = plot.speed_mps, plot.course_rad
    if math.isfinite(course) and 0.0 <= speed <= sc.kinds[row, K_SPEED_MAX]:
        st.mean[k, VE], st.mean[k, VN] = speed * math.sin(course), speed * math.cos(course)
        st.cov[k, 7] = st.cov[k, 9] = 0.01 * prior * prior + 0.01 * speed * speed
    st.fac[k, INTERVAL], st.fac[k, SCORE] = plot.period_s, (2.0 * CERTAIN if sc.plain else FIRST_SCORE)
    st.fac[k, RATE] = plots_per_s(sc.seeing, plot.x, plot.y, plot.z)
    _label(k, plot.identity, st)
    _learn(plot, k, sc.kinds[row, K_HOLD], st)
    return k
