"""How reliable a partner has been, by domain and published area: evidence for and against, with its age.

Each trial that ended counts once in each area in which the track then lay. Evidence halves in a day, and no more than
``MOST`` is kept: whoever mends is believed again, and whoever begins to lie is not believed for what he was. A letter
stands only where there is enough evidence and its whole interval lies within the letter's band; else F, "cannot be
judged". The bands are ours: no text that we have read gives numbers to the letters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manara.kernels.membership import area_bits
from manara.picture import beta
from manara.picture.partners import SECOND_NS, Partner
from manara.picture.trials import Verdicts, independent
from manara.records.confidence import Judge, Reliability

LEAST = 20.0  # n₀: below it there is no letter
MOST = 400.0
HALF_LIFE_NS = 86_400 * SECOND_NS
BANDS = (("A", 0.95, 1.0), ("B", 0.8, 0.95), ("C", 0.6, 0.8), ("D", 0.4, 0.6), ("E", 0.0, 0.4))
UNKNOWN = "F"
REFRESH_NS = 60 * SECOND_NS
FADED = 0.01  # evidence below that is forgotten
Cell = tuple[int, int, str]  # partner, domain, area


@dataclass
class Evidence:
    """Corroborated, refuted, and when that was counted; by cell. ``told``: what was last made of it."""

    cells: dict[Cell, tuple[float, float, int]] = field(default_factory=dict)
    told: tuple[Reliability, ...] = ()
    told_ns: int = 0


def letter(corroborated: float, refuted: float) -> str:
    """The letter that so much evidence bears.

    >>> letter(100.0, 0.0), letter(170.0, 20.0), letter(10.0, 0.0), letter(0.0, 60.0)
    ('A', 'B', 'F', 'E')
    """
    if corroborated + refuted < LEAST:
        return UNKNOWN
    found = beta.share(corroborated, refuted)
    return next((name for name, low, high in BANDS if low <= found.low and found.high <= high), UNKNOWN)


def aged(cell: tuple[float, float, int], now_ns: int) -> tuple[float, float, int]:
    """The same evidence at a later time."""
    left = 0.5 ** (max(now_ns - cell[2], 0) / HALF_LIFE_NS)
    return cell[0] * left, cell[1] * left, now_ns


def count(evidence: Evidence, cell: Cell, corroborated: int, refuted: int, now_ns: int) -> None:
    """Add to a cell."""
    before = aged(evidence.cells.get(cell, (0.0, 0.0, now_ns)), now_ns)
    s, f = before[0] + corroborated, before[1] + refuted
    shrink = min(1.0, MOST / (s + f)) if s + f > 0.0 else 1.0
    evidence.cells[cell] = (s * shrink, f * shrink, now_ns)


def take(evidence: Evidence, partner: int, one: Partner, ended: Verdicts, judge: Judge, now_ns: int) -> None:
    """Count the trials of a partner's tracks that ended in this step."""
    counts = independent(one, ended.rows)
    rows, held_up = ended.rows[counts], ended.held_up[counts]
    if not len(rows):
        return
    held = one.held
    bits = np.zeros(len(rows), np.uint64)
    if judge.corners is not None and judge.areas:
        bits = area_bits(held.lat_rad[rows], held.lon_rad[rows], *judge.corners)
    for k, row in enumerate(rows.tolist()):
        inside = [area for place, area in enumerate(judge.areas) if int(bits[k]) >> place & 1]
        for area in inside or [""]:
            count(evidence, (partner, int(held.domain[row]), area), int(held_up[k]), int(not held_up[k]), now_ns)
    evidence.told_ns = 0


def told(evidence: Evidence, now_ns: int) -> tuple[Reliability, ...]:
    """What stands of every partner, in order, as of the last full minute; made anew when that passes or evidence
    came."""
    now_ns = now_ns // REFRESH_NS * REFRESH_NS
    if evidence.told_ns == now_ns:
        return evidence.told
    evidence.cells = {cell: kept for cell, kept in evidence.cells.items() if sum(aged(kept, now_ns)[:2]) >= FADED}
    evidence.told = tuple(_said(cell, *aged(kept, now_ns)[:2]) for cell, kept in sorted(evidence.cells.items()))
    evidence.told_ns = now_ns
    return evidence.told


def _said(cell: Cell, s: float, f: float) -> Reliability:
    found = beta.share(s, f)
    return Reliability(
        partner=cell[0],
        domain=cell[1],
        area=cell[2],
        corroborated=s,
        refuted=f,
        mean=found.mean,
        low=found.low,
        high=found.high,
        letter=letter(s, f),
    )


def dump(evidence: Evidence) -> list[list[Any]]:
    """Plain values."""
    return [[*cell, *kept] for cell, kept in evidence.cells.items()]


def load(plain: Iterable[list[Any]]) -> Evidence:
    """Take what ``dump`` gave."""
    return Evidence({(int(p), int(d), str(a)): (float(s), float(f), int(at)) for p, d, a, s, f, at in plain})
