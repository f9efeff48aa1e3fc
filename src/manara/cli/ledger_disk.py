"""A node's folder looked at without touching it: what would be written is kept in memory, and no lock is taken.

So the log of a running node can be read: each file is as long as it was when it was first asked for.
"""

from __future__ import annotations

import re
from pathlib import Path

from manara.node.durable.disk import DiskError

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,200}")  # as in host/disk.py; a lock begins with a dot


class Looking:
    """A disk (node/durable/disk.py, with the vault's ``wipe``) over a folder that stays as it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lengths: dict[str, int] = {}  # of what stands in the folder's file; less after a truncate
        self._written: dict[str, bytearray] = {}  # behind that
        self._gone: set[str] = set()
        self._whole: set[str] = set()  # files of which nothing is taken from the folder any more

    def names(self) -> list[str]:
        """Files of the folder and those that were written here."""
        there = {one.name for one in self._folder.iterdir() if one.is_file() and _NAME.fullmatch(one.name)}
        return sorted((there | set(self._written)) - self._gone)

    def _length(self, name: str) -> int:
        if name in self._whole:
            return 0
        if name not in self._lengths:
            try:
                self._lengths[name] = (self._folder / name).stat().st_size
            except OSError as fault:
                raise DiskError("missing", f"{self._folder / name}: {fault.strerror}") from None
        return self._lengths[name]

    def size(self, name: str) -> int:
        """Length in bytes."""
        if name in self._gone:
            raise DiskError("missing", f"{self._folder / name}: it is not there")
        return self._length(name) + len(self._written.get(name, b""))

    def read(self, name: str, offset: int, n: int) -> bytes:
        """From the folder, then from what was written here."""
        end, base = min(offset + n, self.size(name)), self._length(name)
        data = b""
        if offset < base:
            try:
                with (self._folder / name).open("rb") as file:
                    file.seek(offset)
                    data = file.read(min(end, base) - offset)
            except OSError as fault:
                raise DiskError("denied", f"{self._folder / name}: {fault.strerror}") from None
        if end > base:
            data += bytes(self._written[name][max(offset - base, 0) : end - base])
        return data

    def append(self, name: str, data: bytes) -> None:
        """In memory."""
        if name in self._gone or not (self._folder / name).exists():
            self._gone.discard(name)
            self._whole.add(name)
        self._written.setdefault(name, bytearray()).extend(data)

    def sync(self, name: str) -> None:
        """Nothing is made durable."""

    def truncate(self, name: str, size: int) -> None:
        """Less of the folder's file is seen from now on."""
        base, written = self._length(name), self._written.get(name, bytearray())
        self._written[name] = written[: max(size - base, 0)]
        if size < base:
            self._lengths[name] = size

    def rename(self, old: str, new: str) -> None:
        """Its content under the other name."""
        self.write_whole(new, self.read(old, 0, self.size(old)))
        self.remove(old)

    def remove(self, name: str) -> None:
        """Not seen any more."""
        self._written.pop(name, None)
        self._gone.add(name)

    def wipe(self, name: str) -> None:
        """The same; nothing is destroyed."""
        self.remove(name)

    def write_whole(self, name: str, data: bytes) -> None:
        """In memory, in the place of the folder's file."""
        self._gone.discard(name)
        self._whole.add(name)
        self._written[name] = bytearray(data)
