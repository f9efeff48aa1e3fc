"""What of a partner's tracks cannot be so, and stands apart: not in the picture, not fused, not warned from.

::

    its own motion:   faster than its kind, two leaps, a vessel on a perfect circle        ─▶ that track
    our own sensors:  should have seen it, saw nothing near (trials.py)                    ─▶ that track
    the partner:      suddenly several times as many tracks                                ─▶ those that came then
                      most of what could be judged was not there                           ─▶ all that nobody bore out
    an officer:       hold                                                                 ─▶ all of the partner's

A track comes back when our own sensors bear it out, or by an officer's word. A reason stays until then, also where what
gave rise to it has passed. Warnings under rule 0 do not come this way and are always taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.picture.partners import SECOND_NS, Held, Partner
from manara.picture.trials import Verdicts, Watched
from manara.records.columns import F8, I8
from manara.records.confidence import Apart, Why
from manara.records.reports import Domain, Kind

EARTH_M = 6_371_000.0
MPS_MAX = np.array([1_200.0, 1_200.0, 60.0, 150.0])  # by domain; nothing that tells its place goes faster
UNMANNED_MPS_MAX = 350.0
LEAP_M = 1_000.0  # beyond what speed and accuracy allow
LEAPS_NS = 600 * SECOND_NS  # two of them within
STEP_M = 50.0  # between points of a curve
TURNS = 3.0
STEADY = 0.9  # net turn over all turning
PERFECT = 0.015  # distance from the circle over its radius
RADIUS_M_MIN, CIRCLE_MPS_MIN = 80.0, 3.0
STRAIGHT_M = 6_000.0  # a curve that has turned less than a quarter by then is none
LEARN_NS = 300 * SECOND_NS
SLOW_NS = 1_800 * SECOND_NS
TIMES, MORE = 3.0, 50.0
LATELY_NS = 120 * SECOND_NS
SWARM_MIN = 8
BORNE_OUT_NS = 600 * SECOND_NS
PARDON_NS = 3_600 * SECOND_NS
_HARD = np.uint32(Why.UNSEEN | Why.SPEED | Why.JUMP | Why.CIRCLE)
# Columns of a curve: the last point (x, y) and course, net turn, all turning, path; then n and the sums of x, y, x²,
# x y, y², x z, y z, z² (z = x² + y²), in km from the anchor.
_X, _Y, _COURSE, _NET, _ALL, _PATH, _SUMS = 0, 1, 2, 3, 4, 5, 6
Bools = NDArray[np.bool_]


@dataclass
class Conduct:
    """What is remembered of a partner as a whole. ``usual``: how many tracks it tells; −1: not learned yet."""

    watched: Watched = field(default_factory=lambda: Watched.blank(0))
    begun_ns: int = 0
    usual: float = -1.0
    stepped_ns: int = 0
    burst: bool = False
    swarm: bool = False
    held: bool = False  # by an officer
    pardon_ns: int = 0  # an officer let it back; until then only single tracks are put apart


def motion(held: Held, watched: Watched, now_ns: int) -> None:
    """Put apart what moves as nothing does; ``watched`` is written to."""
    dt_s = (held.time_ns - watched.at_ns) / SECOND_NS
    fresh = (dt_s >= 0.5) & np.isfinite(held.lat_rad)
    if not fresh.any():
        return
    limit = MPS_MAX[np.minimum(held.domain, 3)]
    limit = np.where(held.kind == Kind.UNMANNED_AIRCRAFT, UNMANNED_MPS_MAX, limit)
    sigma_m = np.sqrt(np.maximum(np.maximum(held.cov[:, 0], held.cov[:, 4]), 0.0))
    slack = 5.0 * np.sqrt(np.maximum(np.maximum(held.cov[:, 7], held.cov[:, 9]), 0.0))
    fast = fresh & (np.hypot(held.ve_mps, held.vn_mps) - slack > limit)
    _because(watched, np.flatnonzero(fast), Why.SPEED, now_ns)
    rows = np.flatnonzero(fresh & (watched.at_ns > 0))
    before, after = (watched.lat_rad[rows], watched.lon_rad[rows]), (held.lat_rad[rows], held.lon_rad[rows])
    way_m = _distance(before, after)
    free = limit[rows] * dt_s[rows] + 5.0 * (sigma_m[rows] + watched.sigma_m[rows]) + LEAP_M
    leaps = rows[way_m > free]
    again = leaps[(watched.jumped_ns[leaps] > 0) & (held.time_ns[leaps] - watched.jumped_ns[leaps] <= LEAPS_NS)]
    _because(watched, again, Why.JUMP, now_ns)
    watched.jumped_ns[leaps] = held.time_ns[leaps]
    _curves(held, watched, np.flatnonzero(fresh & (held.domain == Domain.SEA)), now_ns)
    watched.at_ns[fresh], watched.sigma_m[fresh] = held.time_ns[fresh], sigma_m[fresh]
    watched.lat_rad[fresh], watched.lon_rad[fresh] = held.lat_rad[fresh], held.lon_rad[fresh]


def _distance(a: tuple[F8, F8], b: tuple[F8, F8]) -> F8:
    """Metres between places, by the haversine."""
    half = np.sin((b[0] - a[0]) / 2) ** 2 + np.cos(a[0]) * np.cos(b[0]) * np.sin((b[1] - a[1]) / 2) ** 2
    return np.asarray(2.0 * EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1.0))))


def _curves(held: Held, watched: Watched, rows: I8, now_ns: int) -> None:
    """Follow how vessels turn; a circle is one that closes ``TURNS`` times and fits better than water allows."""
    if not len(rows):
        return
    lat, lon, curve, anchor = held.lat_rad[rows], held.lon_rad[rows], watched.curve, watched.anchor
    new = rows[np.isnan(anchor[rows, 0])]
    anchor[new, 0], anchor[new, 1] = held.lat_rad[new], held.lon_rad[new]
    x = (lon - anchor[rows, 1]) * np.cos(anchor[rows, 0]) * EARTH_M * 1e-3
    y = (lat - anchor[rows, 0]) * EARTH_M * 1e-3
    dx, dy = x - curve[rows, _X], y - curve[rows, _Y]
    step = np.hypot(dx, dy)
    far = step >= STEP_M * 1e-3
    rows, x, y, dx, dy, step = rows[far], x[far], y[far], dx[far], dy[far], step[far]
    course = np.arctan2(dx, dy)
    turn = (course - curve[rows, _COURSE] + np.pi) % (2.0 * np.pi) - np.pi
    turn = np.where(curve[rows, _PATH] > 0.0, turn, 0.0)
    curve[rows, _NET] += turn
    curve[rows, _ALL] += np.abs(turn)
    curve[rows, _PATH] += step
    curve[rows, _X], curve[rows, _Y], curve[rows, _COURSE] = x, y, course
    z = x * x + y * y
    sums = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, x * z, y * z, z * z], axis=1)
    curve[rows, _SUMS:] += sums
    net, all_of_it = np.abs(curve[rows, _NET]), curve[rows, _ALL]
    round_often = (net >= TURNS * 2.0 * math.pi) & (net >= STEADY * all_of_it)
    circles = [row for row in rows[round_often].tolist() if _perfect(curve[row], held, row)]
    _because(watched, np.array(circles, np.int64), Why.CIRCLE, now_ns)
    wavers = (all_of_it > math.pi / 2.0) & (net < STEADY * all_of_it)
    straight = (curve[rows, _PATH] > STRAIGHT_M * 1e-3) & (net < math.pi / 2.0)
    over = rows[round_often | wavers | straight]
    curve[over], anchor[over] = 0.0, np.nan


def _perfect(curve: F8, held: Held, row: int) -> bool:
    """Whether the points lie on one circle (Kåsa's fit, linear in D, E, F: x² + y² + D x + E y + F = 0), which a craft
    under way goes round; water moves, so no vessel comes back to its own wake so exactly."""
    n, sx, sy, sxx, sxy, syy, sxz, syz, szz = curve[_SUMS:].tolist()
    if n < 8:
        return False
    left = np.array([[sxx, sxy, sx], [sxy, syy, sy], [sx, sy, n]])
    right = np.array([sxz, syz, sxx + syy])
    if abs(float(np.linalg.det(left))) < 1e-12:
        return False
    d, e, f = (-np.linalg.solve(left, right)).tolist()
    radius = math.sqrt(max((d * d + e * e) / 4.0 - f, 0.0))  # km
    off = math.sqrt(max(szz + d * sxz + e * syz + f * (sxx + syy), 0.0) / n) / max(2.0 * radius, 1e-6)
    moves = math.hypot(float(held.ve_mps[row]), float(held.vn_mps[row])) >= CIRCLE_MPS_MIN
    return moves and radius * 1e3 >= RADIUS_M_MIN and off <= PERFECT * radius


def _because(watched: Watched, rows: I8, why: Why, now_ns: int) -> None:
    """Put rows apart, unless an officer has let them go back."""
    rows = rows[watched.pardoned[rows] == 0]
    first = rows[watched.why[rows] == 0]
    watched.since_ns[first], watched.alike[first] = now_ns, 0
    watched.why[rows] |= np.uint32(why)


def verdicts(conduct: Conduct, ended: Verdicts, now_ns: int) -> None:
    """What our own sensors say: what was not there stands apart."""
    _because(conduct.watched, ended.rows[~ended.held_up], Why.UNSEEN, now_ns)


def borne_out(conduct: Conduct, now_ns: int) -> None:
    """What our own sensors bear out comes back at once."""
    watched = conduct.watched
    back = (watched.why != 0) & (watched.ok_ns == now_ns) & (now_ns > 0)
    watched.why[back], watched.since_ns[back] = 0, 0


def as_a_whole(conduct: Conduct, one: Partner, now_ns: int) -> None:
    """The partner's numbers: a burst, a swarm, an officer's hold."""
    watched, held = conduct.watched, one.held
    n = len(held)
    told = n > 0 and now_ns - int(held.heard_ns.max()) <= 5 * SECOND_NS
    if told and conduct.begun_ns == 0:
        conduct.begun_ns = now_ns
    _usual(conduct, n - int(np.count_nonzero(watched.why)), told, now_ns)
    pardoned = now_ns < conduct.pardon_ns
    most = max(TIMES * conduct.usual, conduct.usual + MORE)
    conduct.burst = conduct.usual >= 0.0 and n > most and not pardoned
    borne = (watched.ok_ns > 0) & (now_ns - watched.ok_ns <= BORNE_OUT_NS)
    hard = int(np.count_nonzero(watched.why & _HARD))
    conduct.swarm = hard >= SWARM_MIN and hard > 2 * int(borne.sum()) and not pardoned
    if conduct.burst:
        _because(watched, np.flatnonzero(~borne & (now_ns - held.born_ns <= LATELY_NS)), Why.BURST, now_ns)
    if conduct.swarm:
        _because(watched, np.flatnonzero(~borne), Why.SWARM, now_ns)
    conduct.stepped_ns = now_ns


def _usual(conduct: Conduct, n: int, told: bool, now_ns: int) -> None:
    """How many it tells on an ordinary day: learned for five minutes, then it follows slowly; nothing is learned from a
    partner that is silent, or while it bursts."""
    if not told or conduct.burst:
        return
    if conduct.usual < 0.0:
        conduct.usual = float(n) if now_ns - conduct.begun_ns >= LEARN_NS else -1.0
        return
    past_ns = min(max(now_ns - conduct.stepped_ns, 0), 60 * SECOND_NS)
    conduct.usual += (n - conduct.usual) * -math.expm1(-past_ns / SLOW_NS)


def shut(conduct: Conduct) -> Bools:
    """Which of the partner's tracks stand apart, (n,), in the order of its ``Held``."""
    watched = conduct.watched
    return np.ones(len(watched), np.bool_) if conduct.held else watched.why != 0


def release(conduct: Conduct, row: int | None, now_ns: int) -> None:
    """An officer's word: one track (its row), or all of the partner's, go back and stay; the partner's numbers are
    learned as they now are, and as a whole it is not put apart again for an hour."""
    watched = conduct.watched
    if row is not None:
        watched.why[row], watched.since_ns[row], watched.pardoned[row] = 0, 0, 1
        return
    some = watched.why != 0
    watched.why[some], watched.since_ns[some], watched.pardoned[some] = 0, 0, 1
    conduct.held, conduct.burst, conduct.swarm = False, False, False
    conduct.usual = float(len(watched)) if conduct.usual >= 0.0 else -1.0
    conduct.pardon_ns = now_ns + PARDON_NS


def apart(conduct: Conduct, partner: int, one: Partner, places: tuple[F8, F8], which: I8) -> Apart:
    """The rows that stand apart, where they stand now. ``places``: of them, radians."""
    held, watched = one.held.take(which), conduct.watched.take(which)
    why = watched.why | np.uint32(Why.HELD if conduct.held else 0)
    return Apart.blank(len(which)).replace(
        id=held.id,
        track=held.track,
        partner=np.full(len(which), partner, np.uint16),
        why=why.astype(np.uint32),
        since_ns=watched.since_ns,
        lat_rad=places[0],
        lon_rad=places[1],
        ve_mps=held.ve_mps,
        vn_mps=held.vn_mps,
        identity=held.identity,
        kind=held.kind,
        domain=held.domain,
    )


_PLAIN = ("begun_ns", "usual", "stepped_ns", "burst", "swarm", "held", "pardon_ns")


def dump(conduct: Conduct) -> dict[str, Any]:
    """Plain values and arrays."""
    watched = {name: value.copy() for name, value in vars(conduct.watched).items()}
    return {"watched": watched, **{name: getattr(conduct, name) for name in _PLAIN}}


def load(plain: dict[str, Any]) -> Conduct:
    """Take what ``dump`` gave."""
    watched = Watched(**{name: np.array(value) for name, value in plain["watched"].items()})
    return Conduct(watched, **{name: plain[name] for name in _PLAIN})
