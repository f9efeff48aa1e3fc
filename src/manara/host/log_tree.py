"""The log's tree on disk: its leaves side by side, and the roots of every 256 of them. A projection of the segments.

::

    ticks-<epoch>.mnt    55 bytes for each leaf, in order        roots-<epoch>.mnt    32 bytes for each full 256 leaves

Nothing here is synced but by ``settle``; what is missing or wrong after a crash is written anew from the segments.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import lru_cache

from manara.ledger import tree
from manara.ledger.entry import TICK_BYTES
from manara.node.durable.disk import Disk, DiskError

FULL = 256
LEVEL = 8
HASH = tree.HASH_BYTES


class LogTree:
    """Leaves and hashes of one epoch. ``size``: leaves taken. A disk that refuses keeps nobody from going on: what is
    not written yet stays in memory and is written with the next leaf."""

    def __init__(self, disk: Disk, epoch: int) -> None:
        self._disk = disk
        self._ticks, self._roots = f"ticks-{epoch:04d}.mnt", f"roots-{epoch:04d}.mnt"
        self._stored = min(self._length(self._ticks) // TICK_BYTES, (self._length(self._roots) // HASH + 1) * FULL - 1)
        self._late: list[bytes] = []
        self.size = self._stored
        self.hashes: tree.Hashes = lru_cache(maxsize=4_096)(self._hash)

    def append(self, ticks: Iterable[bytes]) -> None:
        """Take more leaves."""
        for tick in ticks:
            self._late.append(tick)
            self.size += 1
        with contextlib.suppress(DiskError):
            self._flush()

    def cut(self, size: int) -> None:
        """Forget leaves from there on; also what stands torn behind the last whole one."""
        self._late.clear()
        self.size = self._stored = min(size, self._stored)
        self._trim()
        self.hashes = lru_cache(maxsize=4_096)(self._hash)

    def sound(self, size: int, root: bytes) -> bool:
        """Is the tree of that size the one with this root?"""
        return self.size >= size and tree.root_at(self.hashes, size) == root

    def settle(self) -> None:
        """What is here survives a power cut."""
        self._flush()
        for name in (self._ticks, self._roots):
            if self._length(name):
                self._disk.sync(name)

    def leaves(self, first: int, end: int) -> list[bytes]:
        """The leaves [first, end)."""
        last = min(end, self._stored)
        data = self._disk.read(self._ticks, first * TICK_BYTES, (last - first) * TICK_BYTES) if first < last else b""
        found = [data[at : at + TICK_BYTES] for at in range(0, len(data), TICK_BYTES)]
        return found + self._late[max(first - self._stored, 0) : max(end - self._stored, 0)]

    def _flush(self) -> None:
        if self._late:
            self._trim()
        while self._late:
            if (self._stored + 1) % FULL == 0:
                begin = self._stored + 1 - FULL
                full = [*self.leaves(begin, self._stored), self._late[0]]
                self._disk.append(self._roots, tree.root(map(tree.leaf_hash, full)))
            self._disk.append(self._ticks, self._late[0])
            self._stored += 1
            del self._late[0]

    def _trim(self) -> None:
        """Nothing stands behind what counts: a refused write leaves a part."""
        for name, length in ((self._ticks, self._stored * TICK_BYTES), (self._roots, self._stored // FULL * HASH)):
            if self._length(name) > length:
                self._disk.truncate(name, length)

    def _hash(self, level: int, index: int) -> bytes:
        first, end = index << level, (index + 1) << level
        if end > self.size:
            raise LookupError(f"no full subtree at level {level}, place {index}")
        if level < LEVEL or end > self._stored:
            return tree.root([tree.leaf_hash(one) for one in self.leaves(first, end)])
        return tree.root(tree.cut(self._disk.read(self._roots, first // FULL * HASH, (end - first) // FULL * HASH)))

    def _length(self, name: str) -> int:
        try:
            return self._disk.size(name)
        except DiskError as fault:
            if fault.kind == "missing":
                return 0
            raise
