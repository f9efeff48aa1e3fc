"""Rows of the register and of coverage as partners send them: what makes no sense is counted and dropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.kernels import grid
from manara.records.capability import FORM_WORDS, KIND_WORDS, Availability
from manara.records.coverage import LAYERS, TIERS_TOLD
from manara.records.released import CAPABILITY, Head, Rows
from manara.records.reports import Domain

Mask = NDArray[np.bool_]
FAR_M, FAST_MPS = 2e7, 400.0  # no boat, helicopter or aircraft of rescue goes farther or faster
TEXTS = tuple(name for name in CAPABILITY.names or () if CAPABILITY[name].kind == "S")


def capability(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    """Faults of rows of the register, texts apart (link/rows.py knows how to look at those)."""
    placed = np.isfinite(rows["lat_rad"]) | np.isfinite(rows["lon_rad"])
    there = (np.abs(rows["lat_rad"]) <= np.pi / 2) & (np.abs(rows["lon_rad"]) <= np.pi + 1e-9)
    reach, speed = rows["reach_m"], rows["speed_mps"]
    return [
        ("position", (placed & ~there) | ((rows["cell"] != 0) & ~grid.valid(rows["cell"].astype(np.uint64)))),
        ("kind", (rows["kind"] >= len(KIND_WORDS)) | (rows["form"] >= len(FORM_WORDS))),
        ("kind", (rows["availability"] > max(Availability)) | (rows["domain"] > max(Domain))),
        ("figures", ~((reach >= 0) & (reach <= FAR_M) & (speed >= 0) & (speed <= FAST_MPS))),
        ("time", (rows["since_ns"] < 0) | (rows["until_ns"] < 0) | (rows["expires_ns"] < 0)),
        ("terms", rows["terms"] >= len(head.terms)),
    ]


def cover(rows: Rows, head: Head) -> list[tuple[str, Mask]]:
    """Faults of rows of coverage and of gaps."""
    cell = rows["cell"].astype(np.uint64)
    tier = grid.parts(cell)[0]
    bits = np.array([2 * LAYERS.get(d, 0) for d in range(256)], np.uint64)[rows["domain"]]
    beyond = ((rows["levels"].astype(np.uint64) | rows["counts"].astype(np.uint64)) >> bits) != 0
    return [
        ("position", ~grid.valid(cell) | (tier < TIERS_TOLD[0]) | (tier > TIERS_TOLD[1])),
        ("kind", np.asarray((bits == 0) | beyond, np.bool_)),
        ("time", (rows["epoch_ns"] < 0) | (rows["epoch_s"] == 0) | (rows["epoch_s"] > 1 << 20)),
        ("terms", rows["terms"] >= len(head.terms)),
    ]
