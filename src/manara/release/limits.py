"""What this node can perform and a phase allows, as the rules ask for it."""

from __future__ import annotations

from manara.kernels.grid import CELLS_M
from manara.records.agreement import Phase
from manara.records.reports import Domain
from manara.release.adversary import min_epoch_s
from manara.release.coarse import EPOCH_MAX_S
from manara.release.phases import ALLOWS


def meetable(domain: int, cell_m: int, epoch_s: int) -> bool:
    """Whether this node can tell cells of this side once in such an epoch; an epoch of 0 is the shortest there is for
    the cell. A domain that is not known counts as the slowest.

    >>> meetable(Domain.SEA, 8_000, 3_600), meetable(Domain.SEA, 8_000, 60), meetable(Domain.SEA, 1_500, 0)
    (True, False, False)
    """
    if cell_m == 0:
        return epoch_s <= EPOCH_MAX_S
    known = domain if domain <= max(Domain) else Domain.UNKNOWN
    return cell_m in CELLS_M and (epoch_s == 0 or min_epoch_s(known, cell_m) <= epoch_s <= EPOCH_MAX_S)


def phase_allows(phase: Phase) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Sorts and domains that a phase allows, empty: all; None: nothing goes at all.

    >>> phase_allows(Phase.SUSPENDED), phase_allows(Phase.INTERIM)
    (None, ((), ('air', 'sea')))
    """
    rule = ALLOWS[phase]
    return None if rule.nothing else (rule.sorts, rule.domains)
