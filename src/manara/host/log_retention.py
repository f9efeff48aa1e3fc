"""What is forgotten, and in which order, so that proofs stay: hashes are kept first, then keys are erased."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from manara.host import log_ticks as ticks
from manara.host.log_segments import Line, Segments
from manara.host.log_ticks import Gone
from manara.host.vault import HOUR_NS, Vault

HOLD_S = 0.2  # for so long at most the log is kept from publishing (and one tick more)


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
        holds = tuple(sorted({*self.holds, *other.holds}))
        rows, pruned = self.rows + other.rows, self.pruned + other.pruned
        return Removed(rows, pruned, self.keys + other.keys, self.held + other.held, holds)


class Retention:
    """Erasure over all epochs of a log, which may be publishing meanwhile: ``lock`` is held for short whiles only."""

    def __init__(
        self, epochs: Sequence[Segments], vault: Vault, own: str, lock: AbstractContextManager[object]
    ) -> None:
        self._epochs, self._vault, self._own, self._lock = epochs, vault, own, lock

    def erase(self, originator: str, subject: int | None, first: int, end: int) -> Removed:
        """The rows of a subject (None: of all) in hours [first, end)."""
        newest = self._epochs[-1]
        with self._lock:
            work = [(epoch, number) for epoch in self._epochs for number in range(len(epoch.all))]
            young, size = max(len(newest.all) - 1, 0), _size(newest)
        rows = 0
        for epoch, number in work:
            with self._lock:
                lines = _within(epoch, number, first, end)
            rows += self._keep_hashes(epoch, number, lines, originator, subject)
        with self._lock:  # what was published meanwhile, and then the keys, with nothing in between
            for number in range(young, len(newest.all)):
                late = [one for one in _within(newest, number, first, end) if one.leaf >= size]
                rows += self._keep_hashes(newest, number, late, originator, subject)
            done = self._vault.erase(originator, subject, first, end)
        return Removed(rows, 0, done.keys, done.held, done.holds)

    def expire(self, end: int, originators: Sequence[str]) -> Removed:
        """Everything of these originators in hours before ``end``."""
        with self._lock:
            work = [(epoch, number) for epoch in self._epochs for number in self._old(epoch, end)]
        total = Removed(pruned=sum(self._prune(epoch, number) for epoch, number in work))
        for originator in originators:
            total += self.erase(originator, None, 0, end)
        return total

    def _keep_hashes(
        self, epoch: Segments, number: int, lines: Sequence[Line], originator: str, subject: int | None
    ) -> int:
        rows = at = 0
        while at < len(lines):
            with self._lock:
                waiting: list[Gone] = []
                until = time.monotonic() + HOLD_S
                while at < len(lines) and time.monotonic() < until:
                    line = lines[at]
                    before = epoch.gone(number, line.leaf)
                    tick = epoch.tick(number, line)
                    gone = ticks.to_be_gone(tick, self._vault, self._own, originator, subject, before)
                    if gone is not None:
                        waiting.append(gone)
                        rows += len(gone.rows) // 4
                    at += 1
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
        with self._lock:
            lines = epoch.index(number).lines
            epoch.prune(number, [ticks.pruned(epoch.tick(number, line)) for line in lines])
        return len(lines)


def _size(epoch: Segments) -> int:
    """Leaves of an epoch."""
    return epoch.all[-1].header.first + len(epoch.last.lines) if epoch.all else 0


def _within(epoch: Segments, number: int, first: int, end: int) -> list[Line]:
    """The ticks of a segment in hours [first, end); none when it is pruned."""
    if epoch.all[number].header.pruned:
        return []
    return [one for one in epoch.index(number).lines if first <= one.tick_ns // HOUR_NS < end]
