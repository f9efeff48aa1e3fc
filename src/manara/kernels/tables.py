"""The arrays that hold tracks, one row each, with free rows, reusable numbers and a table of identities.

A ``Store`` is a tuple of arrays. Row k is one track:

    mean (n, 8)   float64  [nx, ny, nz, alt_m, ve_mps, vn_mps, vu_mps, heading_rad]   n-vector: see ``geodesy``
    cov  (n, 10)  float64  see ``kalman``
    fac  (n, 4)   float64  [mean interval between updates s, expected plots per s, ln of the odds that it exists, since
                           when it agrees with a twin: seconds of its life plus one, 0 for not]
    imm  (n, 52)  float64  see ``models``
    book (n, 24)  int64    times in ns, the rest as the constants below say

``keys`` and ``rows`` are an open-addressing hash table from identity to the newest track that claims it; further
tracks of the same identity hang on ``book[k, NEXT]``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels.models import WIDTH

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

NX, NY, NZ, ALT, VE, VN, VU, HEADING = range(8)
INTERVAL, RATE, SCORE, SINCE = range(4)
(
    TIME,  # of the state
    UPDATED,  # time of the last position taken
    BORN,
    LIFE,
    IDENTITY,
    NEXT,  # the next track with the same identity, -1: none
    MODE_3A,
    KIND,
    DOMAIN,
    FLAGS_OLD,
    FLAGS_NEW,
    FLAGS_TIME,  # when FLAGS_NEW was begun
    SOURCES,
    HITS,
    COUNTER,
    NUMBER,
    REPORTED,  # time of the last report with a position, 0: never
    CONFLICT,  # time of the last sign of a second craft under this identity
    JUMP,  # time of the last position out of reach
    ALT_REF,
    SWEEP,  # serial of the last group of plots that updated it
    SEEN_BY,  # row of the sensor that did, plus 1
    GROUND,
    SEEN_AT,  # and when
) = range(24)
TOP, N_FREE, COUNTS, CURSOR, LIVE, USED, GROUPS, SERIAL = range(8)

EMPTY, REMOVED = 0, -1  # rows hold k + 1
CHAIN_MAX = 8  # tracks that may claim one identity at a time
NUMBERS = 65536


class Store(NamedTuple):
    """All arrays of one source view; ``head`` holds its few scalars (TOP … SERIAL)."""

    mean: F8
    cov: F8
    fac: F8
    imm: F8
    book: I8
    keys: I8
    rows: I8
    free: I8
    numbers: NDArray[np.bool_]
    head: I8


@njit(cache=True, nogil=True)
def bucket(keys: I8, identity: int) -> int:
    """Where the search for an identity starts; the table's length is a power of two.

    Fibonacci hashing of the folded 64 bits, kept below 2⁶³ so that nothing wraps.

    >>> bucket(np.zeros(8, np.int64), 0)
    0
    """
    low = (identity ^ (identity >> 31)) & 0x7FFFFFFF
    return ((low * 0x9E3779B1) >> 16) & (len(keys) - 1)


@njit(cache=True, nogil=True)
def find(st: Store, identity: int) -> int:
    """The newest track that claims an identity, or −1. Constant time while the table is less than half full.

    >>> st = blank(4, 8); k = take_row(st); link(st, k, 77); find(st, 77), find(st, 78)
    (0, -1)
    """
    mask = len(st.keys) - 1
    i = bucket(st.keys, identity)
    for _ in range(mask + 1):
        row = st.rows[i]
        if row == EMPTY:
            return -1
        if row > 0 and st.keys[i] == identity:
            return int(row - 1)
        i = (i + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def chain_length(st: Store, identity: int) -> int:
    """How many tracks claim an identity.

    >>> st = blank(4, 8); link(st, take_row(st), 5); link(st, take_row(st), 5); chain_length(st, 5)
    2
    """
    n, k = 0, find(st, identity)
    while k >= 0:
        n += 1
        k = st.book[k, NEXT]
    return n


@njit(cache=True, nogil=True)
def link(st: Store, k: int, identity: int) -> None:
    """Let track k claim an identity (not 0); it goes to the head of the chain.

    >>> st = blank(4, 8); link(st, 0, 5); link(st, 1, 5); find(st, 5), int(st.book[1, NEXT])
    (1, 0)
    """
    mask = len(st.keys) - 1
    st.book[k, IDENTITY] = identity
    i, spot = bucket(st.keys, identity), -1
    for _ in range(mask + 1):
        row = st.rows[i]
        if row > 0 and st.keys[i] == identity:
            st.book[k, NEXT] = row - 1
            st.rows[i] = k + 1
            return
        if row <= 0 and spot < 0:
            spot = i
        if row == EMPTY:
            break
        i = (i + 1) & mask
    st.book[k, NEXT] = -1
    if st.rows[spot] == EMPTY:
        st.head[USED] += 1
    st.keys[spot], st.rows[spot] = identity, k + 1


@njit(cache=True, nogil=True)
def unlink(st: Store, k: int) -> None:
    """Take track k out of the chain of its identity; nothing happens where it claims none.

    >>> st = blank(4, 8); link(st, 0, 5); link(st, 1, 5); unlink(st, 1); find(st, 5)
    0
    """
    identity = st.book[k, IDENTITY]
    if identity == 0:
        return
    mask = len(st.keys) - 1
    i = bucket(st.keys, identity)
    for _ in range(mask + 1):
        row = st.rows[i]
        if row == EMPTY:
            break
        if row > 0 and st.keys[i] == identity:
            if row - 1 == k:
                after = st.book[k, NEXT]
                st.rows[i] = REMOVED if after < 0 else after + 1
            else:
                j = row - 1
                while st.book[j, NEXT] >= 0 and st.book[j, NEXT] != k:
                    j = st.book[j, NEXT]
                st.book[j, NEXT] = st.book[k, NEXT]
            break
        i = (i + 1) & mask
    st.book[k, IDENTITY], st.book[k, NEXT] = 0, -1


@njit(cache=True, nogil=True)
def rehash(st: Store) -> None:
    """Build the table of identities anew when removed entries have filled half of it.

    >>> st = blank(4, 8); link(st, 0, 5); unlink(st, 0); link(st, 1, 6); rehash(st); find(st, 6), int(st.head[USED])
    (1, 1)
    """
    n = len(st.keys)
    keys, rows = st.keys.copy(), st.rows.copy()
    st.rows[:] = EMPTY
    st.keys[:] = 0
    st.head[USED] = 0
    for i in range(n):
        if rows[i] > 0:
            j = bucket(st.keys, keys[i])
            while st.rows[j] != EMPTY:
                j = (j + 1) & (n - 1)
            st.keys[j], st.rows[j] = keys[i], rows[i]
            st.head[USED] += 1


@njit(cache=True, nogil=True)
def take_row(st: Store) -> int:
    """A free row, cleared, with a fresh counter and number; −1 when the store is full.

    Numbers run round 1..65,535 and skip those in use, so that one is not reused at once; 0 when all are in use.

    >>> st = blank(2, 8); [take_row(st), take_row(st), take_row(st)], st.book[:, NUMBER].tolist()
    ([0, 1, -1], [1, 2])
    """
    head = st.head
    if head[N_FREE] > 0:
        head[N_FREE] -= 1
        k = st.free[head[N_FREE]]
    elif head[TOP] < len(st.book):
        k = head[TOP]
        head[TOP] += 1
    else:
        return -1
    st.mean[k, :] = 0.0
    st.cov[k, :] = 0.0
    st.fac[k, :] = 0.0
    st.imm[k, :] = 0.0
    st.book[k, :] = 0
    head[COUNTS] += 1
    head[LIVE] += 1
    st.book[k, NEXT], st.book[k, MODE_3A] = -1, -1
    st.book[k, COUNTER] = head[COUNTS]
    if head[LIVE] < NUMBERS:
        c = head[CURSOR]
        while st.numbers[c]:
            c = c % (NUMBERS - 1) + 1
        st.numbers[c] = True
        st.book[k, NUMBER] = c
        head[CURSOR] = c % (NUMBERS - 1) + 1
    return int(k)


@njit(cache=True, nogil=True)
def drop_row(st: Store, k: int) -> None:
    """Give row k back: its identity, number and place are free again; ``LIFE`` becomes 0.

    >>> st = blank(2, 8); k = take_row(st); drop_row(st, k); take_row(st), int(st.book[0, COUNTER])
    (0, 2)
    """
    unlink(st, k)
    number = st.book[k, NUMBER]
    if number > 0:
        st.numbers[number] = False
    st.book[k, LIFE] = 0
    st.free[st.head[N_FREE]] = k
    st.head[N_FREE] += 1
    st.head[LIVE] -= 1


def blank(capacity: int, buckets: int) -> Store:
    """An empty store of a capacity; ``buckets``: a power of two, at least twice the capacity."""
    head = np.zeros(8, np.int64)
    head[CURSOR] = 1
    return Store(
        mean=np.zeros((capacity, 8)),
        cov=np.zeros((capacity, 10)),
        fac=np.zeros((capacity, 4)),
        imm=np.zeros((capacity, WIDTH)),
        book=np.zeros((capacity, 24), np.int64),
        keys=np.zeros(buckets, np.int64),
        rows=np.zeros(buckets, np.int64),
        free=np.zeros(capacity, np.int64),
        numbers=np.zeros(NUMBERS, np.bool_),
        head=head,
    )


def enlarged(st: Store, capacity: int, buckets: int) -> Store:
    """The same store with room for more; rows keep their places.

    >>> st = blank(1, 16); link(st, take_row(st), 5); big = enlarged(st, 2, 32); find(big, 5), take_row(big)
    (0, 1)
    """
    out = blank(capacity, buckets)
    n = len(st.book)
    for name in ("mean", "cov", "fac", "imm", "book", "free"):
        getattr(out, name)[:n] = getattr(st, name)
    out.keys[: len(st.keys)], out.rows[: len(st.rows)] = st.keys, st.rows
    out.numbers[:], out.head[:] = st.numbers, st.head
    rehash(out)
    return out
