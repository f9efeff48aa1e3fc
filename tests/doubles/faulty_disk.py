"""A disk in memory with seeded faults: what a power cut, a full disk or a failing medium may do, and no more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from manara.node.durable.disk import DiskError

SECTOR = 512


class PowerCut(BaseException):
    """The machine died here. Not an Exception: nothing in the program may catch it."""


@dataclass
class _File:
    durable: bytes | None = None  # None: the name does not survive either
    data: bytearray = field(default_factory=bytearray)
    lost: bool = False  # a sync failed: what is not durable will never be


class FaultyDisk:
    """Disk of ``node/durable/disk.py``. ``cut_at``: die at that operation (1 = the first); ``full_at``: from that
    operation on there is no room until ``room()``; ``sync_fails_at``: that operation's sync fails."""

    def __init__(self, seed: int = 0) -> None:
        self._files: dict[str, _File] = {}
        self._random = random.Random(seed)
        self.operations = 0
        self.syncs = 0
        self.cut_at = 0
        self.full_at = 0
        self.sync_fails_at = 0

    def names(self) -> list[str]:
        return sorted(self._files)

    def size(self, name: str) -> int:
        return len(self._file(name).data)

    def read(self, name: str, offset: int, n: int) -> bytes:
        return bytes(self._file(name).data[offset : offset + n])

    def append(self, name: str, data: bytes) -> None:
        cut = self._operation()
        full = bool(self.full_at) and self.operations >= self.full_at
        part = self._random.randint(0, len(data)) if cut or full else len(data)
        self._files.setdefault(name, _File()).data += data[:part]
        self._end(cut)
        if full:
            raise DiskError("full", f"{name}: no space is left")

    def sync(self, name: str) -> None:
        cut = self._operation()
        self.syncs += 1
        file = self._file(name)
        if cut and self._random.random() < 0.5:
            self._end(cut)
        if self.operations == self.sync_fails_at:
            file.lost = True
            raise DiskError("io", f"{name}: the medium may be failing")
        if not file.lost:
            file.durable = bytes(file.data)
        self._end(cut)

    def truncate(self, name: str, size: int) -> None:
        cut = self._operation()
        file = self._file(name)
        del file.data[size:]
        if file.durable is not None and len(file.durable) >= size:
            file.lost = False
        self._end(cut)

    def rename(self, old: str, new: str) -> None:
        def change() -> None:
            self._files[new] = self._files.pop(old)

        self._atomic(change)

    def remove(self, name: str) -> None:
        def change() -> None:
            del self._files[name]

        self._file(name)
        self._atomic(change)

    def write_whole(self, name: str, data: bytes) -> None:
        def change() -> None:
            self._files[name] = _File(bytes(data), bytearray(data))

        if self.full_at and self.operations + 1 >= self.full_at:
            self._operation()
            raise DiskError("full", f"{name}: no space is left")
        self._atomic(change)

    def room(self) -> None:
        """Somebody made room."""
        self.full_at = 0

    def power_on(self) -> None:
        """After a power cut: what is left. Unsynced bytes are gone, cut anywhere, or kept sector by sector."""
        for name in list(self._files):
            file = self._files[name]
            if file.durable is None and self._random.random() < 0.5:
                del self._files[name]
                continue
            self._files[name].data = bytearray(self._survivors(file.durable or b"", bytes(file.data)))
            file.durable, file.lost = bytes(file.data), False
        self.cut_at = self.full_at = self.sync_fails_at = 0

    def rot(self, name: str, offset: int) -> None:
        """One bit of a file turns, durably."""
        file = self._file(name)
        file.data[offset] ^= 1 << self._random.randrange(8)
        file.durable = bytes(file.data)

    def _survivors(self, durable: bytes, written: bytes) -> bytes:
        if len(written) < len(durable):  # a truncate that was not synced
            return self._random.choice([durable, written])
        how = self._random.randrange(4)
        fresh = written[len(durable) :]
        if how == 0:
            fresh = b""
        elif how == 1:
            fresh = fresh[: self._random.randint(0, len(fresh))]
        elif how == 2:
            fresh = b"".join(self._maybe(fresh[at : at + SECTOR]) for at in range(0, len(fresh), SECTOR))
        return durable + fresh

    def _maybe(self, sector: bytes) -> bytes:
        return sector if self._random.random() < 0.5 else bytes(len(sector))

    def _atomic(self, change: object) -> None:
        cut = self._operation()
        if not cut or self._random.random() < 0.5:
            change()  # type: ignore[operator]  # each caller passes its own nullary function
        self._end(cut)

    def _operation(self) -> bool:
        self.operations += 1
        return self.operations == self.cut_at

    @staticmethod
    def _end(cut: bool) -> None:
        if cut:
            raise PowerCut

    def _file(self, name: str) -> _File:
        if name not in self._files:
            raise DiskError("missing", f"{name}: it is not there")
        return self._files[name]
