"""Where every craft is at any time: closed curves in time, evaluated for many craft at once.

A voyage is a row of knots; between two knots the position is the cubic that has the knots' positions and velocities.
Because a position is a formula of the time and not a sum of steps, the world is the same however it is advanced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manara.records.columns import F8, I8
from manara.study.path import Line, refined
from manara.study.plane import Plane

_APART_S = 1.0e7  # every craft's clock begins that long after the last one's in the joined table


@dataclass(frozen=True, eq=False)
class Voyage:
    """Knots of one craft, (k,) each: time, position and velocity on the plane, height, heading (unwrapped)."""

    t_s: F8
    x_m: F8
    y_m: F8
    vx_mps: F8
    vy_mps: F8
    z_m: F8
    heading_rad: F8
    repeats: bool = True

    @property
    def period_s(self) -> float:
        """From first to last knot."""
        return float(self.t_s[-1] - self.t_s[0])


def sail(
    line: Line, speed_mps: Sequence[tuple[float, float]], z_m: Sequence[tuple[float, float]] = ((0.0, 0.0),)
) -> Voyage:
    """Travel a line with the given speeds and heights at ways along it: constant acceleration and slope in between.

    v² is linear in the way; over a piece of length Δs, Δt = 2Δs / (v₀ + v₁). Speeds must be above 0 except at the
    ends. The curve that the knots define holds speed and place exactly on straights.

    >>> from manara.study.path import rounded
    >>> v = sail(rounded([(0.0, 0.0), (0.0, 1000.0)], 1.0), [(0.0, 0.0), (1000.0, 20.0)])
    >>> v.t_s.tolist(), v.vy_mps.tolist()
    ([0.0, 100.0], [0.0, 20.0])
    """
    at, value = np.array(speed_mps).T
    z_at, z_value = np.array(z_m).T
    line = refined(line, np.concatenate([at, z_at]))
    speed = np.sqrt(np.interp(line.s_m, at, value * value))
    t = np.concatenate([[0.0], np.cumsum(2 * np.diff(line.s_m) / (speed[1:] + speed[:-1]))])
    vx, vy = speed * np.sin(line.heading_rad), speed * np.cos(line.heading_rad)
    return Voyage(t, line.x_m, line.y_m, vx, vy, np.interp(line.s_m, z_at, z_value), line.heading_rad)


def stay(voyage: Voyage, seconds: float) -> Voyage:
    """The same voyage, then standing still at its end."""
    return chained([voyage, _still(voyage, -1, seconds)])


def _still(voyage: Voyage, i: int, seconds: float) -> Voyage:
    hold = {name: np.repeat(getattr(voyage, name)[i], 2) for name in ("x_m", "y_m", "z_m", "heading_rad")}
    zero = np.zeros(2)
    return Voyage(np.array([0.0, seconds]), hold["x_m"], hold["y_m"], zero, zero, hold["z_m"], hold["heading_rad"])


def chained(voyages: Sequence[Voyage], repeats: bool = True) -> Voyage:
    """One voyage after the other. At a joint the later one's knot stands; headings stay unwrapped."""
    parts: dict[str, list[F8]] = {name: [] for name in ("t_s", "x_m", "y_m", "vx_mps", "vy_mps", "z_m", "heading_rad")}
    clock = 0.0
    for i, one in enumerate(voyages):
        stop = len(one.t_s) if i + 1 == len(voyages) else len(one.t_s) - 1
        for name, columns in parts.items():
            columns.append(getattr(one, name)[:stop] + (clock if name == "t_s" else 0.0))
        clock += one.period_s
    joint = {name: np.concatenate(columns) for name, columns in parts.items()}
    joint["heading_rad"] = np.unwrap(joint["heading_rad"])
    return Voyage(**joint, repeats=repeats)


@dataclass(frozen=True, eq=False)
class State:
    """Where craft are, (n,) each. Velocity is true east, north and up at the craft; heading in [0, 2π)."""

    lat_rad: F8
    lon_rad: F8
    alt_m: F8
    ve_mps: F8
    vn_mps: F8
    vu_mps: F8
    heading_rad: F8

    @property
    def speed_mps(self) -> F8:
        """Over ground."""
        return np.hypot(self.ve_mps, self.vn_mps)

    @property
    def course_rad(self) -> F8:
        """Over ground, in [0, 2π); the heading where the craft stands still."""
        course = np.mod(np.arctan2(self.ve_mps, self.vn_mps), 2 * math.pi)
        return np.where(self.speed_mps > 0.05, course, self.heading_rad)


class Motion:
    """All voyages in one table. ``phase_s``: how far into its voyage each craft is at time 0."""

    def __init__(self, plane: Plane, voyages: Sequence[Voyage], phase_s: F8) -> None:
        self.plane = plane
        self.phase_s = phase_s
        self.period_s = np.array([v.period_s for v in voyages])
        self.repeats = np.array([v.repeats for v in voyages])
        sizes = np.array([len(v.t_s) for v in voyages])
        self._last = np.cumsum(sizes) - 1
        self._first = self._last - sizes + 1
        self._t = np.concatenate([v.t_s - v.t_s[0] for v in voyages])
        self._key = self._t + np.repeat(np.arange(len(voyages)) * _APART_S, sizes)
        self._knots = np.concatenate(
            [np.stack([v.x_m, v.y_m, v.vx_mps, v.vy_mps, v.z_m, v.heading_rad], axis=1) for v in voyages]
        )

    def at(self, craft: I8, t_s: F8) -> State:
        """State of those craft at those times (seconds since the world began), row by row.

        p(u) = h₀₀p₀ + h₁₀Δv₀ + h₀₁p₁ + h₁₁Δv₁ with the cubic Hermite polynomials of u = (t-t₀)/Δ; heights and
        headings are linear. A voyage that does not repeat stands at its first knot before and its last after.
        """
        local = t_s + self.phase_s[craft]
        period = self.period_s[craft]
        local = np.where(self.repeats[craft], np.mod(local, period), np.clip(local, 0.0, period))
        i = np.searchsorted(self._key, local + craft * _APART_S, side="right") - 1
        i = np.clip(i, self._first[craft], self._last[craft] - 1)
        a, b = self._knots[i], self._knots[i + 1]
        span = self._t[i + 1] - self._t[i]
        u = np.clip((local - self._t[i]) / span, 0.0, 1.0)
        place, rate = _hermite(a, b, span, u)
        moving = self.repeats[craft] | ((local > 0.0) & (local < period))
        rate = np.where(moving[:, None], rate, 0.0)
        lat, lon = self.plane.lla(place[:, 0], place[:, 1])
        alt = a[:, 4] + (b[:, 4] - a[:, 4]) * u
        ve, vn = self.plane.velocity(lat, alt, rate[:, 0], rate[:, 1])
        climb = np.where(moving, (b[:, 4] - a[:, 4]) / span, 0.0)
        heading = np.mod(a[:, 5] + (b[:, 5] - a[:, 5]) * u, 2 * math.pi)
        return State(lat, lon, alt, ve, vn, climb, heading)


def _hermite(a: F8, b: F8, span: F8, u: F8) -> tuple[F8, F8]:
    """Position and velocity (n, 2) between knots a and b at the share u of the span."""
    u, span = u[:, None], span[:, None]
    u2, u3 = u * u, u * u * u
    p0, p1, v0, v1 = a[:, 0:2], b[:, 0:2], a[:, 2:4] * span, b[:, 2:4] * span
    place = (2 * u3 - 3 * u2 + 1) * p0 + (u3 - 2 * u2 + u) * v0 + (3 * u2 - 2 * u3) * p1 + (u3 - u2) * v1
    rate = (6 * u2 - 6 * u) * (p0 - p1) + (3 * u2 - 4 * u + 1) * v0 + (3 * u2 - 2 * u) * v1
    return place, rate / span
