"""What this node can perform and a phase allows, as the rules ask for it."""

from __future__ import annotations

from manara.kernels.grid import CELLS_M
from manara.records.agreement import Phase
from manara.records.reports import Domain
from manara.release.phases import ALLOWS

_SPEED_MPS = {Domain.AIR: 300.0, Domain.SEA: 20.0, Domain.LAND: 50.0}


def min_epoch_s(domain: int, cell_m: int) -> int:
    """The shortest epoch of a cell: so long that the fastest of the class does not cross several cells in it."""
    return int(-(-cell_m // _SPEED_MPS[Domain(domain)]))


def phase_allows(phase: Phase) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Sorts and domains that a phase allows, empty: all; None: nothing goes at all.

    >>> phase_allows(Phase.SUSPENDED), phase_allows(Phase.INTERIM)
    (None, ((), ('air', 'sea')))
    """
    rule = ALLOWS[phase]
    return None if rule.nothing else (rule.sorts, rule.domains)


__all__ = ["CELLS_M", "min_epoch_s", "phase_allows"]
