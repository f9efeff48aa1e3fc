"""Ageing and reading: which tracks coast, which end, and all columns of those that live, brought to one time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman
from manara.kernels.clutter import CERTAIN, doubted
from manara.kernels.states import (
    COASTING,
    CONFIRMED,
    DROPPED,
    K_COAST,
    K_DROP,
    K_Q,
    K_TENTATIVE,
    TENTATIVE,
    height,
    row_of,
)
from manara.kernels.tables import (
    ALT,
    CONFLICT,
    FLAGS_NEW,
    FLAGS_OLD,
    GROUND,
    HITS,
    IDENTITY,
    INTERVAL,
    JUMP,
    LIFE,
    NX,
    NY,
    NZ,
    RATE,
    REPORTED,
    SCORE,
    TIME,
    TOP,
    UPDATED,
    VE,
    VN,
    VU,
    Store,
    drop_row,
)
from manara.kernels.twins import merge

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

CONFLICT_FLAG, JUMP_FLAG = 128, 4096
MATURE_HITS, PATIENCE = 10, 4.2  # three plots of its one sensor may be missed in a row
LASTING = 6.4  # looks: one that was seen often waits unseen for its next plot, and keeps its number
CLIMB_LIMIT_S = 30.0  # how long a climb is believed after the last update


@njit(cache=True, nogil=True)
def age(st: Store, now_ns: int, kinds: F8, ended: I8) -> int:
    """Decide which tracks coast and which have ended; returns how many ended, their rows in ``ended`` (n,).

    A craft whose identity is known: by its kind (seconds of silence), coasting earlier where it was heard often; its
    next sign will find it again. One without a name: by the plots that are due, both as the sensors in range promise
    and as they have come; a young one becomes tentative again when its odds fall below even. A track without a second
    sign ends sooner, and twins that are one are joined. Rows that ended are still in the store: read them, then
    ``release`` them.

    >>> from manara.kernels.tables import blank, take_row
    >>> st = blank(1, 2); k = take_row(st); st.book[k, LIFE] = 1; age(st, 10**12, np.ones((16, 16)), np.zeros(1, int))
    1
    """
    n = merge(st, now_ns, kinds, ended)
    for k in range(st.head[TOP]):
        life = st.book[k, LIFE]
        if life in (0, DROPPED):
            continue
        coast, end = _patience(st, k, kinds)
        silent = (now_ns - st.book[k, UPDATED]) / 1e9
        if silent > end:
            ended[n] = k
            n += 1
        elif life != TENTATIVE:
            st.book[k, LIFE] = COASTING if silent > coast else CONFIRMED
            if doubted(st, k, now_ns):
                st.book[k, LIFE] = TENTATIVE
    return n


@njit(cache=True, nogil=True, inline="always")
def _patience(st: Store, k: int, kinds: F8) -> tuple[float, float]:
    """Seconds of silence after which track k coasts, and after which it ends."""
    b = st.book
    life, interval = b[k, LIFE], st.fac[k, INTERVAL]
    coast = end = 0.0
    if b[k, REPORTED] == 0:
        due = 1.0 / max(st.fac[k, RATE], 1e-3)
        due = due if due < 900.0 else interval
        coast = max(1.6 * due, 1.6 * interval)
        # Sensors in whose range it is but that have not seen it for long do not see it: what came counts.
        patience = PATIENCE if b[k, HITS] >= MATURE_HITS and interval > 1.5 * due else 2.2
        lasting = b[k, HITS] >= MATURE_HITS and st.fac[k, SCORE] <= CERTAIN  # not where plots are merely counted
        end = max((LASTING if lasting else 3.2) * due, patience * interval)
        if life == TENTATIVE:
            end = max(2.2 * due, (1.1 if b[k, HITS] < 2 else 1.6) * interval)
    if b[k, REPORTED] > 0 or b[k, IDENTITY] != 0:
        row = row_of(st, k)
        doubtful = life == TENTATIVE and (b[k, JUMP] > 0 or b[k, REPORTED] == 0)
        coast = max(coast, min(max(3.0 * interval, kinds[row, K_COAST] / 7.0), kinds[row, K_COAST]))
        end = max(end, kinds[row, K_TENTATIVE] if doubtful else kinds[row, K_DROP])
    return coast, end


@njit(cache=True, nogil=True)
def release(st: Store, ended: I8) -> None:
    """Give the rows of ended tracks back.

    >>> from manara.kernels.tables import blank, take_row
    >>> st = blank(1, 2); release(st, np.array([take_row(st)])); take_row(st)
    0
    """
    for k in ended:
        drop_row(st, k)


@njit(cache=True, nogil=True)
def alive(st: Store) -> I8:
    """Rows of all tracks, in the order of the store.

    >>> from manara.kernels.tables import blank, take_row
    >>> st = blank(3, 8); st.book[take_row(st), LIFE] = 1; alive(st).tolist()
    [0]
    """
    out = np.empty(st.head[TOP], np.int64)
    n = 0
    for k in range(st.head[TOP]):
        if st.book[k, LIFE] > 0:
            out[n] = k
            n += 1
    return out[:n]


class Read(NamedTuple):
    """Columns of tracks at one time, shape (n,); ``cov`` (n, 10); ``book`` (24, n), the columns of ``tables``."""

    time_ns: I8
    lat_rad: F8
    lon_rad: F8
    alt_m: F8
    ve_mps: F8
    vn_mps: F8
    vu_mps: F8
    heading_rad: F8
    cov: F8
    flags: I8
    book: I8


@njit(cache=True, nogil=True)
def read(st: Store, member: I8, now_ns: int, kinds: F8) -> Read:
    """Copy tracks out, each brought forward to ``now_ns`` (or left where it is, if it is newer); nothing changes.

    The mean moves along the great circle, the covariance grows by the motion model of the kind. Altitude follows the
    climb for at most 30 s of silence. 0.15 µs a track.

    >>> from manara.kernels.tables import blank, take_row
    >>> st = blank(1, 2); k = take_row(st); st.mean[k, 0] = 1.0; st.mean[k, VN] = 10.0
    >>> out = read(st, np.zeros(1, np.int64), 10**9, np.zeros((16, 16))); round(float(out.lat_rad[0]) * 6335439.0, 3)
    10.0
    """
    n = len(member)
    f = np.empty((7, n))
    time, flags, cov, book = (
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty((n, 10)),
        np.empty((24, n), np.int64),
    )
    for a in range(n):
        k = member[a]
        b, m = st.book[k], st.mean[k]
        for c in range(24):
            book[c, a] = b[c]
        for c in range(10):
            cov[a, c] = st.cov[k, c]
        row = row_of(st, k)
        time[a] = max(now_ns, b[TIME])
        dt = (time[a] - b[TIME]) / 1e9
        x, y, z, cos, sin = geodesy.move(m[NX], m[NY], m[NZ], height(st, k), dt * m[VE], dt * m[VN])
        if dt > 0.0:
            kalman.predict(cov, a, dt, kinds[row, K_Q])
            kalman.turn(cov, a, cos, sin)
        f[0, a], f[1, a] = geodesy.lat_lon(x, y, z)
        f[2, a] = m[ALT]
        if abs(m[VU]) < 500.0:
            f[2, a] += m[VU] * min(max((time[a] - b[UPDATED]) / 1e9, 0.0), CLIMB_LIMIT_S)
        f[3, a], f[4, a] = cos * m[VE] - sin * m[VN], sin * m[VE] + cos * m[VN]
        f[5, a], f[6, a] = m[VU], m[7]
        flags[a] = b[FLAGS_OLD] | b[FLAGS_NEW] | b[GROUND]
        hold = kinds[row, K_DROP] * 1e9
        flags[a] |= CONFLICT_FLAG if b[CONFLICT] > 0 and now_ns - b[CONFLICT] < hold else 0
        flags[a] |= JUMP_FLAG if b[JUMP] > 0 and now_ns - b[JUMP] < hold else 0
    return Read(time, f[0], f[1], f[2], f[3], f[4], f[5], f[6], cov, flags, book)
