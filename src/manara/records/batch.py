"""What one feed made of some bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from manara.records.particulars import Particulars, SafetyText, SensorStatus
from manara.records.plots import Plots
from manara.records.reject import Reject
from manara.records.reports import Reports


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows in the order of the bytes. ``counts``: every decoded record by kind, also those that make no row
    ("ais 6", "cat034 north_mark"). ``dropped``: how many rejects were counted but not kept (bounded)."""

    reports: Reports = field(default_factory=lambda: Reports.blank(0))
    plots: Plots = field(default_factory=lambda: Plots.blank(0))
    particulars: tuple[Particulars, ...] = ()
    texts: tuple[SafetyText, ...] = ()
    status: tuple[SensorStatus, ...] = ()
    rejects: tuple[Reject, ...] = ()
    reject_counts: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


EMPTY = Batch()


def join(batches: list[Batch]) -> Batch:
    """One batch from many, in order."""
    if len(batches) == 1:
        return batches[0]
    return Batch(
        reports=Reports.join([b.reports for b in batches]),
        plots=Plots.join([b.plots for b in batches]),
        particulars=tuple(p for b in batches for p in b.particulars),
        texts=tuple(t for b in batches for t in b.texts),
        status=tuple(s for b in batches for s in b.status),
        rejects=tuple(r for b in batches for r in b.rejects),
        reject_counts=_sum([b.reject_counts for b in batches]),
        counts=_sum([b.counts for b in batches]),
    )


def _sum(counts: list[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for key, n in one.items():
            total[key] = total.get(key, 0) + n
    return total
