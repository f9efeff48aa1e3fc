"""Is it a craft at all? What a sensor's false plots are like, and the odds that a track stands for something.

A row of the tally (5 float64), one for each sensor: [plots that began a track, seconds watched, Σ r² and number of
polar plots, time of the last slice in s]; all but the last fade over FADE revolutions.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels.sensing import POLAR, S_PERIOD, Plot, PlotRows
from manara.kernels.states import misfit
from manara.kernels.tables import HITS, IDENTITY, RATE, REPORTED, SCORE, UPDATED, Store

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

FADE = 15.0
DETECTED = 0.9  # chance that a sensor in whose range a craft is sees it in one look
UNKNOWN_M2 = 3e-8  # false plots per look and m² of a sensor that has not been watched for long
RIPE = 3.0  # revolutions
FIRST_SCORE, CERTAIN = math.log(0.01), 6.0  # ln odds of one unexplained plot; more than CERTAIN is not believed
YOUNG_HITS = 3
MISSED = math.log(1.0 - DETECTED)


def blank(n: int) -> F8:
    """A tally of n sensors of which nothing is known, (n, 5)."""
    return np.zeros((n, 5))


@njit(cache=True, nogil=True)
def note(tally: F8, sites: F8, rows: PlotRows, part: I8, began: int) -> None:
    """A slice of one sensor, plots ``part``, of which ``began`` were explained by no track.

    >>> i, f = np.zeros(1, np.int64), np.ones(1)
    >>> rows = PlotRows(i, i, i, i, f, f, f, f, f, f, f, i, f, f, f, f, f, i, i, i, i)
    >>> t = blank(1); note(t, np.ones((1, 15)), rows, i, 1); t[0, [0, 3]].tolist()
    [1.0, 1.0]
    """
    if len(part) == 0:
        return
    s = rows.sensor[part[0]]
    row, period = tally[s], sites[s, S_PERIOD]
    t = rows.time_ns[part[0]] / 1e9
    since = min(max(t - row[4], 0.0), 2.0 * period) if row[4] != 0.0 else 0.0
    left = 1.0 - since / (FADE * period)
    row[0] = row[0] * left + began
    row[1] = row[1] * left + since
    row[2] *= left
    row[3] *= left
    row[4] = max(t, row[4])
    for a in range(len(part)):
        i = part[a]
        if rows.form[i] == POLAR:
            row[2] += rows.range_m[i] * rows.range_m[i]
            row[3] += 1.0


@njit(cache=True, nogil=True)
def density(tally: F8, sites: F8, s: int) -> float:
    """False plots per look and m²: what began tracks in one revolution, over half the disc that has the plots' mean r².

    >>> density(blank(1), np.ones((1, 15)), 0), float(density(np.ones((1, 5)) * 9.0, np.ones((1, 15)), 0)) > 1e-7
    (3e-08, True)
    """
    row, period = tally[s], sites[s, S_PERIOD]
    if row[1] < RIPE * period or row[3] < 1.0:
        return UNKNOWN_M2
    area = math.pi * max(row[2] / row[3], 1e6)
    return float(max(row[0] / row[1] * period, 0.5) / area)


@njit(cache=True, nogil=True, inline="always")
def missing(st: Store, k: int, time_ns: int) -> float:
    """How many looks of the sensors in range have gone by since track k was updated.

    >>> from manara.kernels.tables import blank as store
    >>> st = store(1, 2); st.fac[0, RATE] = 0.25; missing(st, 0, 9 * 10**9)
    2.0
    """
    looks: float = max(time_ns - st.book[k, UPDATED], 0) / 1e9 * st.fac[k, RATE]
    return float(math.floor(looks + 0.25))


@njit(cache=True, nogil=True)
def weigh(st: Store, k: int, plot: Plot, q: float, false_m2: float) -> None:
    """Add what a plot about to be taken says to the odds of track k: ln (Pd N(z; ẑ, S) / λ), and the looks it missed.

    >>> from manara.kernels.tables import blank as store
    >>> st = store(1, 2); st.mean[0, 0] = 1.0
    >>> p = Plot(0, 1.0, 0.0, 0.0, 1e4, 0.0, 1e4, 0, -1, 0, 0, 0, 0, 0, 0.0, 0, 0.0, 0.0, 4.0, 0)
    >>> weigh(st, 0, p, 1.0, 1e-9); round(float(st.fac[0, SCORE]), 2)
    6.0
    """
    d2, spread = misfit(st, k, plot.time_ns, plot.x, plot.y, plot.z, plot.rxx, plot.rxy, plot.ryy, q)
    gain = math.log(DETECTED / (2.0 * math.pi * false_m2)) - 0.5 * (d2 + spread)
    gain += MISSED * max(missing(st, k, plot.time_ns) - 1.0, 0.0)
    st.fac[k, SCORE] = min(max(st.fac[k, SCORE] + gain, -50.0), CERTAIN)


@njit(cache=True, nogil=True, inline="always")
def doubted(st: Store, k: int, now_ns: int) -> bool:
    """Is a young track without a name less likely a craft than not, now that looks have gone by without it?

    >>> from manara.kernels.tables import blank as store
    >>> st = store(1, 2); doubted(st, 0, 0), doubted(st, 0, 10**9)
    (False, False)
    """
    b = st.book[k]
    if b[HITS] > YOUNG_HITS or b[IDENTITY] != 0 or b[REPORTED] != 0 or st.fac[k, SCORE] > CERTAIN:
        return False
    return bool(st.fac[k, SCORE] + MISSED * missing(st, k, now_ns) < 0.0)
