"""Rows that cover a space: every combination of classes where they can be listed, and every single value once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manara.records.marking import Marking
from manara.release.conditions import Column
from manara.release.space import Space, rows_of

STARS = 3  # signatures around which every value of every attribute is tried
VALUES_MAX = 4_096  # of one attribute


def combinations(space: Space) -> int:
    """How many combinations of classes there are."""
    return int(np.prod([len(axis.values) for axis in space.axes], dtype=np.float64))


def whole(space: Space, most: int) -> tuple[Marking, bool]:
    """Rows at space.BASE_NS that cover the space, and whether they hold every combination of classes.

    Beyond ``most`` combinations: one row of every signature, and an even sample of the combinations. In either case
    also every value of every attribute, whatever class the compiler gave it, around a few signatures.
    """
    sizes = [len(axis.values) for axis in space.axes]
    total = combinations(space)
    if total <= most:
        picked = np.arange(total)
    else:
        picked = np.unique((np.arange(most, dtype=np.float64) * (total / most)).astype(np.int64))
    columns = [axis.values[where] for axis, where in zip(space.axes, _digits(picked, sizes), strict=True)]
    parts = [rows_of(space.axes, columns, len(picked)), *_stars(space)]
    if total > most:
        parts.append(space.rows().take(np.arange(0, space.size, -(-space.size // most))))
    return Marking.join(parts), total <= most


def _digits(numbers: NDArray[np.int64], sizes: list[int]) -> list[NDArray[np.int64]]:
    found = []
    for size in reversed(sizes):
        numbers, digit = np.divmod(numbers, size)
        found.append(digit)
    return found[::-1]


def _stars(space: Space) -> list[Marking]:
    """Around a few signatures every value of every attribute."""
    parts = []
    for base in sorted({int(k) for k in np.linspace(0, space.size - 1, STARS)}):
        centre = [axis.values[space.paths[base, k]] for k, axis in enumerate(space.axes)]
        for k, axis in enumerate(space.axes):
            tried = axis.raw[:: max(1, len(axis.raw) // VALUES_MAX)]
            columns: list[Column] = [np.full(len(tried), one) for one in centre]
            columns[k] = tried
            parts.append(rows_of(space.axes, columns, len(tried)))
    return parts
