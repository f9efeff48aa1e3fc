"""What a decoder gathers while it goes through some bytes, put in the order of the bytes at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix.labels import Labels, particulars
from manara.records.batch import Batch
from manara.records.columns import Table
from manara.records.particulars import Particulars, SensorStatus
from manara.records.plots import Plots
from manara.records.reject import Reject
from manara.records.reports import Flag, Reports

REJECTS_KEPT = 256  # of one batch; all are counted

T = TypeVar("T")
Tab = TypeVar("Tab", bound=Table)
I8 = NDArray[np.int64]
Rows = list[tuple[I8, Tab]]


class Pieces:
    """Rows and rejects with their place in the bytes; ``base`` is added to every place given."""

    def __init__(self) -> None:
        self.base = 0
        self.full_times: list[tuple[int, int, int]] = []  # CAT002: (place, source, time)
        self._counts: dict[str, int] = {}
        self._plots: Rows[Plots] = []
        self._reports: Rows[Reports] = []
        self._particulars: list[tuple[int, Particulars]] = []
        self._status: list[tuple[I8, list[SensorStatus]]] = []
        self._rejects: list[tuple[int, Reject]] = []

    def count(self, key: str, n: int) -> None:
        """Count n records of a kind."""
        if n:
            self._counts[key] = self._counts.get(key, 0) + n

    def reject(self, at: int, reject: Reject) -> None:
        """Bytes refused at a place."""
        self._rejects.append((self.base + at, reject))

    def plots(self, key: str, at: I8, plots: Plots, labels: Labels | None, told: I8 | None) -> None:
        """Plots of one category; those without a position are counted, not kept."""
        self._label(labels, told)
        nowhere = (plots.flags & Flag.NO_POSITION) != 0
        missing = int(np.count_nonzero(nowhere))
        self.count(f"{key} no_position", missing)
        self.count(key, len(at) - missing)
        if missing:
            at, plots = at[~nowhere], plots.take(~nowhere)
        if len(at):
            self._plots.append((at + self.base, plots))

    def reports(self, key: str, at: I8, reports: Reports, labels: Labels, told: I8) -> None:
        """Reports of one category."""
        self.count(key, len(at))
        self._label(labels, told)
        if len(at):
            self._reports.append((at + self.base, reports))

    def status(self, key: str, at: I8, rows: list[SensorStatus]) -> None:
        """What sensors say of themselves, counted by kind."""
        for kind, n in Counter([one.kind for one in rows]).items():
            self.count(f"{key} {kind}", n)
        if rows:
            self._status.append((at + self.base, rows))

    def _label(self, labels: Labels | None, told: I8 | None) -> None:
        if labels is not None and told is not None:
            self._particulars += [(self.base + at, one) for at, one in particulars(labels, told)]

    def batch(self) -> Batch:
        """Everything, in the order of the bytes."""
        rejects = _ordered(self._rejects)
        reject_counts: dict[str, int] = {}
        for one in rejects:
            reject_counts[one.why] = reject_counts.get(one.why, 0) + 1
        return Batch(
            reports=_joined(self._reports, Reports.join),
            plots=_joined(self._plots, Plots.join),
            particulars=tuple(_ordered(self._particulars)),
            status=_in_order(self._status),
            rejects=tuple(rejects[:REJECTS_KEPT]),
            reject_counts=reject_counts,
            counts=self._counts,
        )


def _ordered(rows: list[tuple[int, T]]) -> list[T]:
    return [one for _, one in sorted(rows, key=lambda row: row[0])]


def _in_order(rows: list[tuple[I8, list[SensorStatus]]]) -> tuple[SensorStatus, ...]:
    """One list of many; no pairs are built, for each costs the collector as much as the row."""
    if not rows:
        return ()
    places = np.concatenate([at for at, _ in rows])
    together = [one for _, some in rows for one in some]
    if np.all(places[1:] >= places[:-1]):
        return tuple(together)
    return tuple(together[i] for i in np.argsort(places, kind="stable").tolist())


def _joined(rows: Rows[Tab], join: Callable[[list[Tab]], Tab]) -> Tab:
    table = join([one for _, one in rows])
    if len(rows) < 2:
        return table
    at = np.concatenate([places for places, _ in rows])
    if np.all(at[1:] >= at[:-1]):
        return table
    return table.take(np.argsort(at, kind="stable"))
