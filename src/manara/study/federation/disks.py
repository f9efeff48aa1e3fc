"""The disks of a simulated machine: in memory, with the faults that a power cut, a full disk or a medium may bring.

All disks of one machine share its power: when it fails at an operation of one of them, what was not synced is lost,
torn anywhere or kept sector by sector on each. What ``node/durable/disk.py`` promises is kept, and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from manara.node.durable.disk import DiskError
from manara.study.federation.chance import Chance

SECTOR = 512
_TORN, _SECTORS, _LOST, _KEPT = range(4)


class PowerCut(BaseException):
    """The machine died here. Not an Exception: nothing in the program may catch it."""


@dataclass
class _File:
    """``durable``: so many bytes survive, -1: not even the name does. ``before``: what survives of a file that was cut
    shorter than that, until it is synced."""

    data: bytearray = field(default_factory=bytearray)
    durable: int = -1
    before: bytes | None = None

    def settle(self) -> None:
        """All of it survives from now on."""
        self.durable, self.before = len(self.data), None


class Power:
    """Of one machine. ``cut_in``: it dies at that operation from now, 0: it does not; ``full``: nothing more fits on
    any of its disks; ``refuses``: syncs fail."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.cut_in = 0
        self.full = False
        self.operations = 0

    def operation(self) -> bool:
        """Count one; True: the machine dies at it."""
        self.operations += 1
        if self.cut_in:
            self.cut_in -= 1
            return self.cut_in == 0
        return False


class SimDisk:
    """``Disk`` of node/durable/disk.py over a machine's power, and the vault's ``wipe``."""

    def __init__(self, power: Power) -> None:
        self._power = power
        self._files: dict[str, _File] = {}

    def names(self) -> list[str]:
        """All files, sorted."""
        return sorted(self._files)

    def size(self, name: str) -> int:
        """Length in bytes."""
        return len(self._file(name).data)

    def read(self, name: str, offset: int, n: int) -> bytes:
        """Bytes of a file."""
        return bytes(memoryview(self._file(name).data)[offset : offset + n])

    def append(self, name: str, data: bytes) -> None:
        """Write at the end; of what a full disk or a cut interrupts, any part may stand."""
        cut, full = self._power.operation(), self._power.full
        part = self._power.chance.integer(0, len(data)) if cut or full else len(data)
        self._files.setdefault(name, _File()).data += memoryview(data)[:part]
        self._end(cut)
        if full:
            raise DiskError("full", f"{name}: no space is left")

    def sync(self, name: str) -> None:
        """Make the file durable."""
        cut, file = self._power.operation(), self._file(name)
        if cut and self._power.chance.share() < 0.5:
            self._end(cut)
        file.settle()
        self._end(cut)

    def truncate(self, name: str, size: int) -> None:
        """Cut the file."""
        cut, file = self._power.operation(), self._file(name)
        if size < file.durable and file.before is None:
            file.before = bytes(memoryview(file.data)[: file.durable])
        del file.data[size:]
        self._end(cut)

    def rename(self, old: str, new: str) -> None:
        """Give another name, all or nothing."""
        self._file(old)
        self._atomic(lambda: self._files.__setitem__(new, self._files.pop(old)))

    def remove(self, name: str) -> None:
        """Delete, all or nothing."""
        self._file(name)
        self._atomic(lambda: self._files.__delitem__(name))

    def wipe(self, name: str) -> None:
        """Destroy."""
        self.remove(name)

    def write_whole(self, name: str, data: bytes) -> None:
        """Put this content there, all or nothing."""
        if self._power.full:
            self._power.operation()
            raise DiskError("full", f"{name}: no space is left")
        self._atomic(lambda: self._files.__setitem__(name, _File(bytearray(data), len(data))))

    def power_on(self, *, torn: bool) -> None:
        """After a cut: what is left. ``torn``: unsynced bytes may be lost, cut or kept by sectors; else they stay (the
        process died, the machine did not)."""
        for name in list(self._files):
            file = self._files[name]
            if torn and file.durable < 0 and self._power.chance.share() < 0.5:
                del self._files[name]
            elif torn:
                file.data = bytearray(self._survivors(file))
            if name in self._files:
                file.settle()

    def copy(self, power: Power) -> SimDisk:
        """What a backup of it holds."""
        made = SimDisk(power)
        made._files = {name: _File(bytearray(one.data), len(one.data)) for name, one in self._files.items()}
        return made

    def _survivors(self, file: _File) -> bytes:
        chance, written = self._power.chance, bytes(file.data)
        if file.before is not None:  # a truncate that was not synced
            return chance.one([file.before, written])
        durable = written[: max(file.durable, 0)]
        how, fresh = chance.integer(0, 3), written[len(durable) :]
        if how == _LOST:
            fresh = b""
        elif how == _TORN:
            fresh = fresh[: chance.integer(0, len(fresh))]
        elif how == _SECTORS:
            pieces = (fresh[at : at + SECTOR] for at in range(0, len(fresh), SECTOR))
            fresh = b"".join(one if chance.share() < 0.5 else bytes(len(one)) for one in pieces)
        return durable + fresh

    def _atomic(self, change: Callable[[], object]) -> None:
        cut = self._power.operation()
        if not cut or self._power.chance.share() < 0.5:
            change()
        self._end(cut)

    @staticmethod
    def _end(cut: bool) -> None:
        if cut:
            raise PowerCut

    def _file(self, name: str) -> _File:
        if name not in self._files:
            raise DiskError("missing", f"{name}: it is not there")
        return self._files[name]
