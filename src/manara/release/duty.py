"""Rule 0, the duty to warn: above every agreement and phase, below nothing but a partner's own written opt-out.

What may be said is fixed: one of the *recipient's own* published areas, a hazard class, a severity and a five-minute
window; always as long as that; at most one for an area in a minute. It is computed from all sources, goes to the
partner's desk and never to the public, and holds no track, no position and no source.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manara.records.released import WARNING, Rows
from manara.records.warnings import WINDOW_NS, Danger, Hazard, Severity

__all__ = ["Danger", "Hazard", "Severity", "State", "advance", "dump", "init", "load"]

EVERY_NS = 60_000_000_000
OPEN_MAX = 4_096  # areas remembered; there are at most 63 in a directory


@dataclass
class State:
    """When each area was last spoken of."""

    said_ns: dict[str, int] = field(default_factory=dict)


def init() -> State:
    """Nobody has been warned yet."""
    return State()


def advance(state: State, dangers: Iterable[Danger], opted_out: frozenset[str], now_ns: int) -> dict[str, Rows]:
    """The warnings that leave now, by partner. Of several for one area the most severe is told, and the area is then
    silent for a minute, whatever happens there: the number of warnings tells nothing.

    >>> one = Danger("belora", "belora-north", Hazard.DISTRESS, Severity.SEVERE, 400_000_000_000)
    >>> told = advance(init(), [one, one], frozenset(), 400_000_000_000)
    >>> len(told["belora"]), int(told["belora"]["window_ns"][0])
    (1, 300000000000)
    """
    worst: dict[str, Danger] = {}
    for one in dangers:
        known = worst.get(one.area)
        if one.partner not in opted_out and (
            known is None or (one.severity, -one.hazard) > (known.severity, -known.hazard)
        ):
            worst[one.area] = one
    told: dict[str, list[Danger]] = {}
    for area, one in sorted(worst.items()):
        if now_ns - state.said_ns.get(area, -EVERY_NS) >= EVERY_NS:
            state.said_ns.pop(area, None)
            state.said_ns[area] = now_ns
            told.setdefault(one.partner, []).append(one)
    while len(state.said_ns) > OPEN_MAX:
        del state.said_ns[next(iter(state.said_ns))]
    return {partner: _rows(some) for partner, some in told.items()}


def _rows(dangers: list[Danger]) -> Rows:
    rows = np.zeros(len(dangers), WARNING)
    for i, one in enumerate(dangers):
        rows[i]["area"] = one.area.encode("ascii", "replace")[:32]
        rows[i]["window_ns"] = one.time_ns // WINDOW_NS * WINDOW_NS
        rows[i]["hazard"], rows[i]["severity"] = one.hazard, one.severity
    return rows


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return dict(state.said_ns)


def load(plain: dict[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(dict(plain))
