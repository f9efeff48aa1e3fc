"""Lines that craft can steer: rounded corners, turns of least radius, and how fast and high along them.

Headings are compass radians (clockwise from north), unwrapped along a line, so that a turn is a continuous change.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manara.records.columns import F8

_STEP_RAD = math.radians(15.0)  # a cubic between points 15 degrees apart leaves a circle by 4e-6 of its radius


@dataclass(frozen=True, eq=False)
class Line:
    """A curve: way along it from its start, position, heading; (n,) each."""

    s_m: F8
    x_m: F8
    y_m: F8
    heading_rad: F8

    @property
    def length_m(self) -> float:
        """The whole way."""
        return float(self.s_m[-1])


@dataclass(frozen=True)
class Pose:
    """A position and a heading."""

    x_m: float
    y_m: float
    heading_rad: float


class _Pen:
    """Draws straights and arcs one behind the other."""

    def __init__(self, x: float, y: float, heading: float) -> None:
        self.rows = [(0.0, x, y, heading)]

    def straight(self, length: float) -> None:
        s, x, y, h = self.rows[-1]
        if length > 1e-6:
            self.rows.append((s + length, x + length * math.sin(h), y + length * math.cos(h), h))

    def arc(self, radius: float, turn: float) -> None:
        """Turn by that angle, right when positive."""
        s, x, y, h = self.rows[-1]
        if abs(turn) < 1e-9:
            return
        side = math.copysign(1.0, turn)
        cx, cy = x + side * radius * math.cos(h), y - side * radius * math.sin(h)
        n = math.ceil(abs(turn) / _STEP_RAD)
        for i in range(1, n + 1):
            hi = h + turn * i / n
            step = radius * abs(turn) * i / n
            self.rows.append((s + step, cx - side * radius * math.cos(hi), cy + side * radius * math.sin(hi), hi))

    def line(self) -> Line:
        s, x, y, h = np.array(self.rows).T
        return Line(s, x, y, h)


def compass_rad(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Heading from a to b on the plane.

    >>> round(math.degrees(compass_rad((0, 0), (1, 1))), 6)
    45.0
    """
    return math.atan2(b[0] - a[0], b[1] - a[1])


def rounded(points: Sequence[tuple[float, float]], radius_m: float) -> Line:
    """A polyline with its corners rounded by arcs of that radius, smaller where its legs are too short.

    An arc of radius r in a corner that turns by φ begins r tan(φ/2) before it. The line begins at the first point,
    ends at the last, and is tangent to each leg. Points nearer than a metre to the one before are passed over.
    """
    corner = [points[0]]
    for p in points[1:]:
        if math.dist(p, corner[-1]) > 1.0:
            corner.append(p)
    heading = [compass_rad(a, b) for a, b in itertools.pairwise(corner)]
    length = [math.dist(a, b) for a, b in itertools.pairwise(corner)]
    pen = _Pen(*corner[0], heading[0])
    used = 0.0
    for i in range(len(length)):
        if i + 1 == len(length):
            pen.straight(length[i] - used)
            break
        turn = math.remainder(heading[i + 1] - heading[i], 2 * math.pi)
        half = min(math.tan(abs(turn) / 2), 1e6)
        cut = min(radius_m * half, 0.45 * min(length[i], length[i + 1]))
        pen.straight(length[i] - used - cut)
        if half > 1e-9:
            pen.arc(cut / half, turn)
        used = cut
    return pen.line()


def turning(a: Pose, b: Pose, radius_m: float) -> Line:
    """The shortest curve-straight-curve way from one pose to another with turns of that radius (Dubins, 1957).

    With sides σ = +1 (right) and -1 (left), turning centres c = p + σ r (cos h, -sin h), d = c₁ - c₀:
    straight length L = √(d² - (σ₁-σ₀)² r²), heading β = ∠d - atan2((σ₁-σ₀) r, L). Same-side ways always exist,
    so there always is one. The end is reached within rounding.
    """
    best: tuple[float, float, float, float] | None = None
    shortest = math.inf
    for side0 in (1.0, -1.0):
        for side1 in (1.0, -1.0):
            way = _curve_straight_curve(a, b, radius_m, side0, side1)
            if way is None:
                continue
            length = radius_m * (abs(way[0]) + abs(way[2])) + way[1]
            if length < shortest:
                best, shortest = (*way, length), length
    if best is None:
        raise ValueError("a same-side way always exists")
    pen = _Pen(a.x_m, a.y_m, a.heading_rad)
    pen.arc(radius_m, best[0])
    pen.straight(best[1])
    pen.arc(radius_m, best[2])
    return pen.line()


def _curve_straight_curve(a: Pose, b: Pose, r: float, side0: float, side1: float) -> tuple[float, float, float] | None:
    """First turn, straight length, second turn; None where the circles are too close for it."""
    dx = b.x_m + side1 * r * math.cos(b.heading_rad) - a.x_m - side0 * r * math.cos(a.heading_rad)
    dy = b.y_m - side1 * r * math.sin(b.heading_rad) - a.y_m + side0 * r * math.sin(a.heading_rad)
    across = (side1 - side0) * r
    squared = dx * dx + dy * dy - across * across
    if squared < 0.0:
        return None
    straight = math.sqrt(squared)
    heading = math.atan2(dx, dy) - math.atan2(across, straight)
    return _sweep(heading - a.heading_rad, side0), straight, _sweep(b.heading_rad - heading, side1)


def _sweep(angle: float, side: float) -> float:
    turn = (side * angle) % (2 * math.pi)
    return 0.0 if turn > 2 * math.pi - 1e-7 else side * turn


def joined(lines: Sequence[Line]) -> Line:
    """One line from several, each beginning where and as the one before ends; headings stay unwrapped."""
    s: list[F8] = []
    x: list[F8] = []
    y: list[F8] = []
    h: list[F8] = []
    way, bias = 0.0, 0.0
    for i, line in enumerate(lines):
        first = 1 if i else 0
        if i:
            bias = 2 * math.pi * round((h[-1][-1] - line.heading_rad[0]) / (2 * math.pi))
        s.append(line.s_m[first:] + way)
        x.append(line.x_m[first:])
        y.append(line.y_m[first:])
        h.append(line.heading_rad[first:] + bias)
        way += line.length_m
    return Line(np.concatenate(s), np.concatenate(x), np.concatenate(y), np.concatenate(h))


def refined(line: Line, s_m: F8) -> Line:
    """The same line with further points at those ways along it."""
    s = np.unique(np.concatenate([line.s_m, s_m[(s_m > 0) & (s_m < line.length_m)]]))
    s = s[np.concatenate([[True], np.diff(s) > 0.5])]
    s[-1] = line.length_m
    i = np.clip(np.searchsorted(line.s_m, s, side="right") - 1, 0, len(line.s_m) - 2)
    span = line.s_m[i + 1] - line.s_m[i]
    u = (s - line.s_m[i]) / span
    turn = line.heading_rad[i + 1] - line.heading_rad[i]
    heading = line.heading_rad[i] + turn * u
    # On an arc the chord to the new point turns by half of what the heading does; sinc is the chord over the arc.
    chord = span * u * np.sinc(turn * u / (2 * math.pi))
    middle = line.heading_rad[i] + turn * u / 2
    return Line(s, line.x_m[i] + chord * np.sin(middle), line.y_m[i] + chord * np.cos(middle), heading)
