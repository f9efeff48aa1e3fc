"""What a straight line through cells gives away: all courses that fit what was told, and how far apart they still are.

Along one axis a craft that keeps its course is a point (p, w), place and speed at a time of reference. Each cell told
for a time cuts a strip out of that plane; what all strips leave is a convex polygon, and every point of it fits. The
two axes are apart, because cells stand along them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

CORNERS = 96  # of a polygon: four and two for each cell that is remembered, and room
WITHIN_90 = 1.33  # R90 ≥ 1.33 rms for a uniform square (1.335), a disc (1.342), and all that is less even
SLABS = 12  # next cells looked at along one axis; where there are more, each n-th
LOW, HIGH = 0, 1


@njit(cache=True, nogil=True)
def cut(shape: F8, n: int, lead_s: float, bound_m: float, side: float, out: F8) -> int:
    """What of a convex polygon has side·(p + w·lead − bound) ≤ 0; returns how many corners it has, 0: nothing.

    Sutherland and Hodgman, CACM 17 (1974) 32–42. In: ``shape`` (≥ n, 2) corners (p, w) in order, metres and m/s,
    ``side`` 1 keeps what is below, −1 what is above; ``out`` with room for n + 1. About 5 ns a corner.

    >>> box = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [0.0, 1.0]]); out = np.zeros((9, 2))
    >>> cut(box, 4, 0.0, 1.0, 1.0, out), out[:4, 0].tolist()
    (4, [0.0, 1.0, 1.0, 0.0])
    """
    m = 0
    for k in range(n):
        j = k + 1 if k + 1 < n else 0
        here = side * (shape[k, 0] + shape[k, 1] * lead_s - bound_m)
        there = side * (shape[j, 0] + shape[j, 1] * lead_s - bound_m)
        if here <= 0.0:
            out[m, 0], out[m, 1] = shape[k, 0], shape[k, 1]
            m += 1
        if (here < 0.0 and there > 0.0) or (here > 0.0 and there < 0.0):
            part = here / (here - there)
            out[m, 0] = shape[k, 0] + part * (shape[j, 0] - shape[k, 0])
            out[m, 1] = shape[k, 1] + part * (shape[j, 1] - shape[k, 1])
            m += 1
    return m if m > 2 else 0


@njit(cache=True, nogil=True)
def strip(shape: F8, n: int, lead_s: float, low_m: float, high_m: float, spare: F8, out: F8) -> int:
    """What of a polygon lies in the strip low ≤ p + w·lead ≤ high; corners of ``out``, 0: nothing.

    >>> box = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 1.0], [0.0, 1.0]])
    >>> out, spare = np.zeros((9, 2)), np.zeros((9, 2))
    >>> strip(box, 4, 0.0, 1.0, 3.0, spare, out), spread(out, 4, 0.0)[0]
    (4, 2.0)
    """
    m = cut(shape, n, lead_s, high_m, 1.0, spare)
    return cut(spare, m, lead_s, low_m, -1.0, out) if m > 0 else 0


@njit(cache=True, nogil=True)
def spread(shape: F8, n: int, lead_s: float) -> tuple[float, float, float]:
    """Area of a polygon, and mean and variance of p + w·lead over it, all points alike.

    Over a triangle E f = Σf/3, E f² = (Σf² + f₀f₁ + f₀f₂ + f₁f₂)/6. An area of 0 gives 0, the first corner, 0.

    >>> box = np.array([[0.0, 0.0], [6.0, 0.0], [6.0, 1.0], [0.0, 1.0]])
    >>> spread(box, 4, 0.0)
    (6.0, 3.0, 3.0)
    """
    f0 = shape[0, 0] + shape[0, 1] * lead_s
    total, first, second = 0.0, 0.0, 0.0
    for k in range(1, n - 1):
        ap, aw = shape[k, 0] - shape[0, 0], shape[k, 1] - shape[0, 1]
        bp, bw = shape[k + 1, 0] - shape[0, 0], shape[k + 1, 1] - shape[0, 1]
        area = 0.5 * abs(ap * bw - aw * bp)
        f, g = ap + aw * lead_s, bp + bw * lead_s  # less f0: small numbers keep their digits
        total += area
        first += area * (f + g) / 3.0
        second += area * (f * f + g * g + f * g) / 6.0
    if total <= 0.0:
        return 0.0, f0, 0.0
    mean = first / total
    return total, f0 + mean, max(second / total - mean * mean, 0.0)


@njit(cache=True, nogil=True)
def fitting(boxes: F8, times_s: F8, n: int, reach_mps: float, x: F8, y: F8, work: F8) -> tuple[int, int, int]:
    """All courses that fit the newest cells, as many of them as one straight line can: (corners x, corners y, cells).

    From the newest cell back until no line passes through all: a craft that turned is estimated from what it did since.
    In: ``boxes`` (≥ n, 4) west, east, south, north edge in metres of one plane, ``times_s`` their times, oldest first,
    n ≥ 1; ``reach_mps``: no faster along an axis. Out: ``x``, ``y`` (CORNERS, 2), (p, w) at the newest time. In
    ``work`` (4, CORNERS, 2). About 0.1 µs a cell.

    >>> boxes = np.array([[0.0, 8.0, 0.0, 8.0], [8.0, 16.0, 0.0, 8.0]]); x, y = np.zeros((96, 2)), np.zeros((96, 2))
    >>> nx, ny, used = fitting(boxes, np.array([0.0, 8.0]), 2, 9.0, x, y, np.zeros((4, 96, 2)))
    >>> used, x[:nx, 1].min(), x[:nx, 1].max()
    (2, 0.0, 2.0)
    """
    newest = n - 1
    for axis in range(2):
        shape = x if axis == 0 else y
        low, high = boxes[newest, 2 * axis], boxes[newest, 2 * axis + 1]
        shape[0, 0], shape[0, 1] = low, -reach_mps
        shape[1, 0], shape[1, 1] = high, -reach_mps
        shape[2, 0], shape[2, 1] = high, reach_mps
        shape[3, 0], shape[3, 1] = low, reach_mps
    nx, ny, used = 4, 4, 1
    for k in range(newest - 1, -1, -1):
        if max(nx, ny) + 2 >= CORNERS:
            break
        lead = times_s[k] - times_s[newest]
        mx = strip(x, nx, lead, boxes[k, 0], boxes[k, 1], work[0], work[1])
        my = strip(y, ny, lead, boxes[k, 2], boxes[k, 3], work[2], work[3])
        if mx == 0 or my == 0 or spread(work[1], mx, 0.0)[0] <= 0.0 or spread(work[3], my, 0.0)[0] <= 0.0:
            break
        x[:mx], y[:my] = work[1, :mx], work[3, :my]
        nx, ny, used = mx, my, used + 1
    return nx, ny, used


@njit(cache=True, nogil=True)
def radius(x: F8, nx: int, y: F8, ny: int, lead_s: float, wide: float, high: float) -> float:
    """At least so many metres hold nine tenths of the places that fit, ``lead_s`` from the time of reference.

    1.33 √(wide² var x + high² var y). In: metres on the ground for one of the plane, along x and y.

    >>> box = np.array([[0.0, -1.0], [6.0, -1.0], [6.0, 1.0], [0.0, 1.0]])
    >>> round(radius(box, 4, box, 4, 0.0, 1.0, 1.0), 3)
    3.258
    """
    vx, vy = spread(x, nx, lead_s)[2], spread(y, ny, lead_s)[2]
    return WITHIN_90 * math.sqrt(wide * wide * vx + high * high * vy)


@njit(cache=True, nogil=True)
def _slabs(shape: F8, n: int, lead_s: float, side_m: float) -> tuple[int, int, int]:
    """First and last cell along an axis that the polygon reaches, and the step that looks at no more than SLABS."""
    low, high = np.inf, -np.inf
    for k in range(n):
        p = shape[k, 0] + shape[k, 1] * lead_s
        low, high = min(low, p), max(high, p)
    first, last = math.floor(low / side_m), math.floor(high / side_m)
    return int(first), int(last), 1 + int(last - first) // SLABS


@njit(cache=True, nogil=True)
def _outcomes(shape: F8, n: int, lead_s: float, half_s: float, side_m: float, work: F8, out: F8) -> int:
    """For each cell that may come next along an axis: its chance, and the variance then at its time and half-way back.

    ``out`` (SLABS + 1, 3); returns how many."""
    first, last, step = _slabs(shape, n, lead_s, side_m)
    m, total = 0, 0.0
    for i in range(first, last + 1, step):
        corners = strip(shape, n, lead_s, i * side_m, (i + 1) * side_m, work[0], work[1])
        if corners == 0:
            continue
        area, _, now = spread(work[1], corners, lead_s)
        out[m, 0], out[m, 1], out[m, 2] = area, now, spread(work[1], corners, half_s)[2]
        total += area
        m += 1
    for k in range(m):
        out[k, 0] = out[k, 0] / total if total > 0.0 else 1.0 / m
    return m


@njit(cache=True, nogil=True)
def chance_below(
    x: F8, nx: int, y: F8, ny: int, lead_s: float, half_s: float, side_m: float, r_m: float, wide: float, high: float,
    work: F8,
) -> float:  # fmt: skip
    """How likely the next cell of a side would bring the 90 % radius below r: at its time, or half-way back.

    Over all cells that may come, each as likely as its share of the courses that fit; where the radius is below
    already, only a cell that lowers it further counts. So the answer hangs on what was told, not on where the craft is.
    In: polygons and ``lead_s`` to the next time, ``half_s`` to the middle of the span; ``work`` (6, CORNERS, 2).

    >>> box = np.array([[0.0, -1.0], [8.0, -1.0], [8.0, 1.0], [0.0, 1.0]]); w = np.zeros((6, 96, 2))
    >>> chance_below(box, 4, box, 4, 0.0, 0.0, 8.0, 2.0, 1.0, 1.0, w), chance_below(
    ...     box, 4, box, 4, 0.0, 0.0, 1.0, 2.0, 1.0, 1.0, w)
    (0.0, 1.0)
    """
    along, up = work[2], work[3]
    ax, ay = np.empty((SLABS + 2, 3)), np.empty((SLABS + 2, 3))
    mx = _outcomes(x, nx, lead_s, half_s, side_m, work, ax)
    my = _outcomes(y, ny, lead_s, half_s, side_m, work, ay)
    along[0, 0], up[0, 0] = radius(x, nx, y, ny, lead_s, wide, high), radius(x, nx, y, ny, half_s, wide, high)
    now_m, then_m = min(r_m, 0.999 * along[0, 0]), min(r_m, 0.999 * up[0, 0])
    chance = 0.0
    w2, h2 = WITHIN_90 * WITHIN_90 * wide * wide, WITHIN_90 * WITHIN_90 * high * high
    for i in range(mx):
        for j in range(my):
            now = w2 * ax[i, 1] + h2 * ay[j, 1] < now_m * now_m
            if now or w2 * ax[i, 2] + h2 * ay[j, 2] < then_m * then_m:
                chance += ax[i, 0] * ay[j, 0]
    return chance


@njit(cache=True, nogil=True)
def choose(
    boxes: F8, times_s: F8, counts: I8, next_s: F8, tier: I8, side_m: float, tiers: int, r_m: F8, wide: F8, high: F8,
    reach_mps: F8, allowed: float, out: I8, fit: I8,
) -> None:  # fmt: skip
    """For each craft the smallest cell, from its tier up, that may be told next; −1 where none may.

    A cell may be told when ``chance_below`` is at most ``allowed``. In: (n, W, 4) boxes, (n, W) times and (n,) counts
    of what was told, oldest first; ``next_s`` (n,) seconds from the newest time to the next; sides are side_m·2^tier.
    Out: ``out`` (n,), and ``fit`` (n,): how many of the newest cells one line fits. 10 to 40 µs each.
    A craft of which nothing was told gets its tier.

    >>> out = np.zeros(1, np.int64); one = np.ones(1)
    >>> choose(np.zeros((1, 4, 4)), np.zeros((1, 4)), np.zeros(1, np.int64), one, np.array([3]), 1000.0, 11, one, one,
    ...        one, one, 0.02, out, np.zeros(1, np.int64)); int(out[0])
    3
    """
    x, y, work = np.empty((CORNERS, 2)), np.empty((CORNERS, 2)), np.empty((6, CORNERS, 2))
    for k in range(len(counts)):
        out[k] = tier[k]
        if counts[k] == 0:
            continue
        nx, ny, used = fitting(boxes[k], times_s[k], counts[k], reach_mps[k], x, y, work)
        newest, fit[k] = counts[k] - 1, used
        span = times_s[k, newest] + next_s[k] - times_s[k, newest - used + 1]
        half = next_s[k] - 0.5 * span
        while out[k] < tiers:
            side = side_m * (1 << out[k])
            if chance_below(x, nx, y, ny, next_s[k], half, side, r_m[k], wide[k], high[k], work) <= allowed:
                break
            out[k] += 1
        if out[k] >= tiers:
            out[k] = -1


def warm() -> None:
    """Compile every kernel once."""
    one, whole = np.ones(1), np.ones(1, np.int64)
    boxes = np.array([[[0.0, 1.0, 0.0, 1.0]]])
    choose(boxes, np.zeros((1, 1)), whole, one, whole, 1.0, 2, one, one, one, one, 0.5, whole.copy(), whole.copy())
