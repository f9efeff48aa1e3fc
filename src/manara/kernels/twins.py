"""Tracks that claim one identity: when a second one stands for a second craft, and when it was the first all along."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels.states import DROPPED, K_COAST, TENTATIVE, in_doubt, misfit, row_of
from manara.kernels.tables import (
    BORN,
    CONFLICT,
    COUNTER,
    HITS,
    IDENTITY,
    JUMP,
    LIFE,
    NEXT,
    NX,
    NY,
    NZ,
    SINCE,
    SOURCES,
    TIME,
    TOP,
    UPDATED,
    Store,
    find,
)

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

TWIN_HITS = 4  # a second craft has said so this often, and for as long as ``persistence_s``
AGREE = 9.2  # χ² with two degrees of freedom, 99 %


@njit(cache=True, nogil=True)
def persistence_s(kinds: F8, row: int) -> float:
    """How long a second track of an identity must last beside the first: its kind's coasting time, at most 30 s.

    >>> persistence_s(np.full((16, 16), 99.0), 0)
    30.0
    """
    return min(float(kinds[row, K_COAST]), 30.0)


@njit(cache=True, nogil=True)
def chained(st: Store, k: int) -> bool:
    """Does another track claim the identity of track k?

    >>> from manara.kernels.tables import blank, link
    >>> st = blank(2, 8); link(st, 0, 5); link(st, 1, 5); chained(st, 0), chained(st, 1)
    (True, True)
    """
    named = st.book[k, IDENTITY] != 0
    return bool(named and (st.book[k, NEXT] >= 0 or find(st, st.book[k, IDENTITY]) != k))


@njit(cache=True, nogil=True)
def stands(st: Store, k: int, kinds: F8) -> bool:
    """May tentative track k be confirmed? Yes where no older confirmed track of its identity has been heard since k
    was born; beside one that has, only after four hits over ``persistence_s``: one wild position is no second craft.

    >>> from manara.kernels.tables import blank
    >>> st = blank(2, 8); stands(st, 0, np.ones((16, 16)))
    True
    """
    b = st.book
    j = find(st, b[k, IDENTITY]) if b[k, IDENTITY] != 0 else -1
    while j >= 0:
        if b[j, COUNTER] < b[k, COUNTER] and b[j, LIFE] > TENTATIVE and b[j, UPDATED] >= b[k, BORN]:
            lasted_s = (b[k, UPDATED] - b[k, BORN]) / 1e9
            return bool(b[k, HITS] >= TWIN_HITS and lasted_s >= persistence_s(kinds, row_of(st, k)))
        j = b[j, NEXT]
    return True


@njit(cache=True, nogil=True)
def mark(st: Store, k: int, t: int) -> None:
    """Two confirmed tracks of one identity that both live on (each heard since the younger was born) are two craft.

    >>> from manara.kernels.tables import blank, link
    >>> st = blank(2, 8); link(st, 0, 5); link(st, 1, 5); st.book[:, LIFE] = 2; mark(st, 0, 9)
    >>> st.book[:, CONFLICT].tolist()
    [9, 9]
    """
    b = st.book
    j = find(st, b[k, IDENTITY])
    while j >= 0:
        lasting = b[j, LIFE] > TENTATIVE and b[k, LIFE] > TENTATIVE
        if j != k and lasting and b[j, UPDATED] >= b[k, BORN] and b[k, UPDATED] >= b[j, BORN]:
            b[j, CONFLICT], b[k, CONFLICT] = t, t
        j = b[j, NEXT]


@njit(cache=True, nogil=True)
def merge(st: Store, now_ns: int, kinds: F8, ended: I8) -> int:
    """Join tracks of one identity that turn out to be one; returns how many ended, their rows in ``ended`` (n,).

    The older stays, with the state of the one heard last. Where one is tentative they join as soon as they are within
    doubt of one another, or the older was one wild position; two that are confirmed when their positions agree,
    d² ≤ 9.2, for a third of ``persistence_s``.

    In: ``ended`` with room for all tracks. Rows that ended are still in the store, LIFE DROPPED; whoever asks
    releases them. Only chains of two or more cost anything.

    >>> from manara.kernels.tables import blank
    >>> merge(blank(2, 8), 0, np.ones((16, 16)), np.zeros(2, np.int64))
    0
    """
    b, n = st.book, 0
    for a in range(st.head[TOP]):
        k = a
        if b[a, NEXT] < 0 or find(st, b[a, IDENTITY]) != a:
            continue  # once for each chain, from its head
        while k >= 0:
            j = _elder(st, k, kinds)
            if j >= 0 and _settled(st, j, k, now_ns, kinds):
                _absorb(st, j, k)
                ended[n] = k
                n += 1
            k = b[k, NEXT]
    return n


@njit(cache=True, nogil=True)
def _elder(st: Store, k: int, kinds: F8) -> int:
    """An older track of the same identity that k may be: by where both are, or because the older was one wild
    position before k was confirmed; −1 for none."""
    b, m = st.book, st.mean
    j = find(st, b[k, IDENTITY])
    while j >= 0:
        if b[j, COUNTER] < b[k, COUNTER] and b[j, LIFE] != DROPPED:
            wild = b[j, LIFE] == TENTATIVE and b[k, LIFE] > TENTATIVE and b[j, UPDATED] < b[k, BORN]
            if wild or in_doubt(st, j, b[k, TIME], m[k, NX], m[k, NY], m[k, NZ], kinds):
                return int(j)
        j = b[j, NEXT]
    return -1


@njit(cache=True, nogil=True)
def _settled(st: Store, j: int, k: int, now_ns: int, kinds: F8) -> bool:
    """Have both been one for long enough? Keeps in SINCE when k began to agree (seconds of its life, plus one)."""
    b, m, c = st.book, st.mean, st.cov
    if b[k, LIFE] == TENTATIVE or b[j, LIFE] == TENTATIVE:
        return True
    d2 = misfit(st, j, b[k, TIME], m[k, NX], m[k, NY], m[k, NZ], c[k, 0], c[k, 1], c[k, 4], 0.0)[0]
    if d2 > AGREE:
        st.fac[k, SINCE] = 0.0
        return False
    lived_s = (now_ns - b[k, BORN]) / 1e9 + 1.0
    if st.fac[k, SINCE] == 0.0:
        st.fac[k, SINCE] = lived_s
    return bool(lived_s - st.fac[k, SINCE] >= persistence_s(kinds, row_of(st, k)) / 3.0)


@njit(cache=True, nogil=True)
def _absorb(st: Store, j: int, k: int) -> None:
    """Track j takes over what k knows; k's claim stays until its row is released."""
    b = st.book
    if b[k, TIME] > b[j, TIME]:
        st.mean[j, :] = st.mean[k]
        st.cov[j, :] = st.cov[k]
        st.imm[j, :] = st.imm[k]
        b[j, TIME] = b[k, TIME]
    b[j, LIFE] = max(b[j, LIFE], b[k, LIFE])
    b[j, UPDATED] = max(b[j, UPDATED], b[k, UPDATED])
    b[j, HITS] += b[k, HITS]
    b[j, SOURCES] |= b[k, SOURCES]
    b[j, CONFLICT] = 0
    b[j, JUMP] = max(b[j, JUMP], b[k, JUMP])
    b[k, LIFE] = DROPPED
