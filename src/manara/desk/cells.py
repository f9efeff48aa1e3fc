"""Cells of the grid as GeoJSON draws them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from manara.kernels import grid


def rings(cells: NDArray[np.uint64]) -> list[list[list[float]]]:
    """The closed ring of each valid cell, [lon, lat] in degrees to 0.1 m or so. One across the 180th meridian goes on
    beyond it: its longitudes do not jump.

    >>> rings(np.array([0x10a020000800001], np.uint64))[0][:2]
    [[10.0, 31.34683], [20.0, 31.34683]]
    """
    lat, lon = grid.corners(np.ascontiguousarray(cells, np.uint64))
    lon = lon[:, :1] + np.remainder(lon - lon[:, :1] + math.pi, 2.0 * math.pi) - math.pi
    points = np.round(np.degrees(np.stack([lon, lat], axis=2)), 6)
    closed: list[list[list[float]]] = np.concatenate([points, points[:, :1]], axis=1).tolist()
    return closed
