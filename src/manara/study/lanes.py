"""Ways over water: the shortest way between two points that keeps clear of the land, first on a grid, then pulled
straight."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from manara.records.columns import F8
from manara.study.land import Land

_CELL_M = 8000.0
_GRID_CLEAR_M = 2500.0
_LINE_CLEAR_M = 2000.0
_NEIGHBOURS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
Point = tuple[float, float]
Cell = tuple[int, int]


class Lanes:
    """Ways over the water of one land. Searches from one origin are kept, since many ships share a port."""

    def __init__(self, land: Land, width_m: float, height_m: float) -> None:
        self._land = land
        self._nx, self._ny = int(width_m / _CELL_M) + 1, int(height_m / _CELL_M) + 1
        self._x = (np.arange(self._nx) - (self._nx - 1) / 2) * _CELL_M
        self._y = (np.arange(self._ny) - (self._ny - 1) / 2) * _CELL_M
        x, y = np.meshgrid(self._x, self._y, indexing="ij")
        self._open = land.clearance_m(x, y) > _GRID_CLEAR_M
        self._steps = {step: self._passable(x, y, *step) for step in _NEIGHBOURS}
        self._trees: dict[Cell, dict[Cell, Cell]] = {}
        self._ways: dict[tuple[Point, Point], tuple[Point, ...]] = {}

    def way(self, a: Point, b: Point) -> tuple[Point, ...]:
        """Corners of a way from a to b, both in open water. ValueError where there is none."""
        if (a, b) not in self._ways:
            if (b, a) in self._ways:
                return self._ways[b, a][::-1]
            self._ways[a, b] = self._search(a, b)
        return self._ways[a, b]

    def route(self, stops: Sequence[Point]) -> tuple[Point, ...]:
        """One way through several points."""
        out: list[Point] = [stops[0]]
        for a, b in itertools.pairwise(stops):
            out += self.way(a, b)[1:]
        return tuple(out)

    def _search(self, a: Point, b: Point) -> tuple[Point, ...]:
        if self._land.clear(a, b, _LINE_CLEAR_M):
            return (a, b)
        start, end = self._near(a), self._near(b)
        if end in self._trees and start not in self._trees:
            return self._search(b, a)[::-1]
        if start not in self._trees:
            self._trees[start] = self._spread(start)
        parents = self._trees[start]
        if end not in parents:
            raise ValueError(f"no way over water from {a} to {b}")
        cells = [end]
        while cells[-1] != start:
            cells.append(parents[cells[-1]])
        middle = [(float(self._x[i]), float(self._y[j])) for i, j in cells[::-1]]
        return self._pulled([a, *middle, b])

    def _passable(self, x: F8, y: F8, di: int, dj: int) -> Any:
        """From which cells the step to that neighbour stays on the grid and in open water all the way."""
        there = np.zeros_like(self._open)
        i, j = np.arange(self._nx)[:, None] + di, np.arange(self._ny)[None, :] + dj
        inside = (i >= 0) & (i < self._nx) & (j >= 0) & (j < self._ny)
        there[inside] = self._open[i % self._nx, j % self._ny][inside]
        for share in (0.25, 0.5, 0.75):
            room = self._land.clearance_m(x + di * share * _CELL_M, y + dj * share * _CELL_M)
            there &= room > _LINE_CLEAR_M
        return there & self._open

    def _near(self, p: Point) -> Cell:
        """The nearest open cell that p sees over water."""
        x, y = np.meshgrid(self._x, self._y, indexing="ij")
        far = np.where(self._open, np.hypot(x - p[0], y - p[1]), np.inf)
        order = np.argsort(far, axis=None)[:30]
        for flat in order:
            i, j = divmod(int(flat), self._ny)
            if self._open[i, j] and self._land.clear(p, (float(self._x[i]), float(self._y[j])), 600.0):
                return i, j
        raise ValueError(f"no open water near {p}")

    def _spread(self, start: Cell) -> dict[Cell, Cell]:
        """Dijkstra over the open cells with eight neighbours: from every cell the next one on the way to start."""
        parents, best = {start: start}, {start: 0.0}
        queue = [(0.0, start)]
        steps = [(i, j, math.hypot(i, j), table.tolist()) for (i, j), table in self._steps.items()]
        while queue:
            way, (i, j) = heapq.heappop(queue)
            if way > best[i, j]:
                continue
            for di, dj, step, passable in steps:
                if not passable[i][j]:
                    continue
                cell = (i + di, j + dj)
                if way + step < best.get(cell, math.inf):
                    best[cell], parents[cell] = way + step, (i, j)
                    heapq.heappush(queue, (way + step, cell))
        return parents

    def _pulled(self, points: list[Point]) -> tuple[Point, ...]:
        """The same way with every corner left out that is not needed to stay clear: farthest visible, by halving."""
        out, i = [points[0]], 0
        while i < len(points) - 1:
            low, high = i + 1, len(points) - 1
            while low < high:
                middle = (low + high + 1) // 2
                if self._land.clear(points[i], points[middle], _LINE_CLEAR_M):
                    low = middle
                else:
                    high = middle - 1
            out.append(points[low])
            i = low
        return tuple(out)
