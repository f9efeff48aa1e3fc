"""A track that only sensors see takes a plot: by its three models where they are in use, by one where they are not."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import geodesy, kalman, models
from manara.kernels.sensing import Plot
from manara.kernels.states import GATE_REPORT, heard, height, take_position
from manara.kernels.tables import HITS, IDENTITY, NX, NY, NZ, REPORTED, TIME, VE, VN, Store

F8 = NDArray[np.float64]

HITS_TO_MODEL = 3  # before, nothing is known of its velocity that a turn could change


@njit(cache=True, nogil=True)
def take_plot(st: Store, k: int, plot: Plot, m: models.Motion, work: F8) -> float:
    """Update track k with a plot; returns its squared distance. The mean is that of all models, and so is its spread.

    In: ``m.rate`` 0 for a kind that has one model only; ``work`` (4, 14). A craft that names itself keeps one model,
    the wide one: its name associates it, and what reports and partners add is told by that model too.

    >>> from manara.kernels.tables import blank
    >>> st = blank(1, 2); st.mean[0, 0] = 1.0; st.cov[0, [0, 4, 7, 9]] = 100.0; st.book[0, HITS] = 2
    >>> p = Plot(10**9, 1.0, 0.0, 0.0, 1e4, 0.0, 1e4, 0, -1, 0, 0, 0, 0, 0, 0.0, 0, 0.0, 0.0, 4.0, 0)
    >>> take_plot(st, 0, p, models.Motion(0.1, 1.0, 60.0, 0.03), np.zeros((4, 14))), float(st.imm[0, models.IN_USE])
    (0.0, 1.0)
    """
    b, v, t = st.book, st.mean, plot.time_ns
    dt = (t - b[k, TIME]) / 1e9
    several = m.rate > 0.0 and b[k, REPORTED] == 0 and b[k, IDENTITY] == 0
    if not several or st.imm[k, models.IN_USE] == 0.0 or not -models.LATE_S <= dt <= models.LONGEST_S:
        nis = take_position(st, k, t, plot.x, plot.y, plot.z, plot.rxx, plot.rxy, plot.ryy, m.restless)
        if several and b[k, HITS] >= HITS_TO_MODEL:
            models.begin(st.imm[k], v[k, VE], v[k, VN], st.cov[k], m.rate)
        return nis
    f = st.imm[k]
    e, n = geodesy.offset(v[k, NX], v[k, NY], v[k, NZ], height(st, k), plot.x, plot.y, plot.z)
    nis = models.step(f, work, dt, e, n, plot.rxx, plot.rxy, plot.ryy, m, GATE_REPORT)
    now = work[3]
    x, y, z, c, s = geodesy.move(v[k, NX], v[k, NY], v[k, NZ], height(st, k), now[0], now[1])
    v[k, NX], v[k, NY], v[k, NZ] = x, y, z
    v[k, VE], v[k, VN] = c * now[2] - s * now[3], s * now[2] + c * now[3]
    for a in range(10):
        st.cov[k, a] = now[4 + a]
    if abs(s) > 1e-12 or c < 0.0:
        kalman.turn(st.cov, k, c, s)
    models.carry(f, now[0], now[1], c, s)
    b[k, TIME] = max(t, b[k, TIME])
    heard(st, k, t)
    return nis
