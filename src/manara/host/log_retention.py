"""What is forgotten, and in which order, so that proofs stay: hashes are kept first, then keys are erased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from manara.host import log_ticks as ticks
from manara.host.log_segments import Line, Segments
from manara.host.log_ticks import Gone
from manara.host.vault import HOUR_NS, Vault

BATCH_BYTES = 8 << 20


class Removed(NamedTuple):
    """What an erasure did: rows whose leaf hashes are kept, ticks of which only heads are left, keys that are gone,
    keys that legal holds kept, and the names of those."""

    rows: int = 0
    pruned: int = 0
    keys: int = 0
    held: int = 0
    holds: tuple[str, ...] = ()

    def __add__(self, other: object) -> Removed:
        if not isinstance(other, Removed):
            return NotImplemented
        counts = [a + b for a, b in zip(self[:4], other[:4], strict=True)]
        return Removed(*counts, tuple(sorted({*self.holds, *other.holds})))


class Retention:
    """Erasure over all epochs of a log."""

    def __init__(self, epochs: Sequence[Segments], vault: Vault, own: str) -> None:
        self._epochs, self._vault, self._own = epochs, vault, own

    def erase(self, originator: str, subject: int | None, first: int, end: int) -> Removed:
        """The rows of a subject (None: of all) in hours [first, end)."""
        rows = 0
        for epoch in self._epochs:
            for number, segment in enumerate(epoch.all):
                if not segment.header.pruned:
                    lines = [one for one in epoch.index(number).lines if first <= one.tick_ns // HOUR_NS < end]
                    rows += self._keep_hashes(epoch, number, lines, originator, subject)
        done = self._vault.erase(originator, subject, first, end)
        return Removed(rows, 0, done.keys, done.held, done.holds)

    def expire(self, end: int, originators: Sequence[str]) -> Removed:
        """Everything of these originators in hours before ``end``."""
        total = Removed(
            pruned=sum(self._prune(epoch, number) for epoch in self._epochs for number in self._old(epoch, end))
        )
        for originator in originators:
            total += self.erase(originator, None, 0, end)
        return total

    def _keep_hashes(
        self, epoch: Segments, number: int, lines: Sequence[Line], originator: str, subject: int | None
    ) -> int:
        waiting: list[Gone] = []
        rows = size = 0
        for line in lines:
            before = epoch.gone(number, line.leaf)
            gone = ticks.to_be_gone(epoch.tick(number, line), self._vault, self._own, originator, subject, before)
            if gone is not None:
                waiting.append(gone)
                rows += len(gone.rows) // 4
                size += len(gone.hashes)
            if size > BATCH_BYTES:
                epoch.keep_gone(number, waiting)
                waiting, size = [], 0
        if waiting:
            epoch.keep_gone(number, waiting)
        return rows

    def _old(self, epoch: Segments, end: int) -> list[int]:
        """Full segments whose ticks all lie in hours before that, with rows, and with nothing under a hold."""
        found = []
        for number, segment in enumerate(epoch.all[:-1]):
            if not segment.header.pruned:
                hours = {one.tick_ns // HOUR_NS for one in epoch.index(number).lines}
                if max(hours, default=0) < end and not self._vault.any_held(hours):
                    found.append(number)
        return found

    def _prune(self, epoch: Segments, number: int) -> int:
        lines = epoch.index(number).lines
        epoch.prune(number, [ticks.pruned(epoch.tick(number, line)) for line in lines])
        return len(lines)
