"""The log in a node's folder: opened by the node that owns it, or read by anybody beside it.

::

    <node folder>/log/      segments, leaves, hashes       <node folder>/vault/   key table, legal holds
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from manara.host.disk import FolderDisk
from manara.host.keys import Signer
from manara.host.log_segments import Segments, epochs
from manara.host.log_store import LogStore
from manara.host.problems import BadInput
from manara.host.vault import Vault, WipingDisk
from manara.node.durable.disk import DiskError

LOG, VAULT = "log", "vault"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,200}")


class OpenLog(NamedTuple):
    """The store, its key table, and what must be closed at the end."""

    store: LogStore
    vault: Vault
    disks: tuple[FolderDisk, ...]

    def close(self) -> None:
        """Let go of both folders."""
        for disk in self.disks:
            disk.close()


def open_log(folder: Path, signer: Signer, origin: str, own: str) -> OpenLog:
    """The log of the node that has this folder; made when it is not there. Raises DiskError."""
    vault_disk = WipingDisk(folder / VAULT)
    try:
        log_disk = FolderDisk(folder / LOG)
    except DiskError:
        vault_disk.close()
        raise
    vault = Vault(vault_disk)
    return OpenLog(LogStore(log_disk, signer, vault, origin, own), vault, (log_disk, vault_disk))


def read_log(folder: Path, own: str = "") -> LogStore:
    """The log of a node's folder as it stands now, for reading only, though the node may be running: nothing on the
    disk is changed, and nothing can be signed. Raises BadInput."""
    try:
        disk = ReadingDisk(folder / LOG)
        found = epochs(disk)
        if not found:
            raise BadInput("no log of a node", str(folder), "name a node's folder; it has a log once it has shared")
        first = Segments(disk, found[0])
        first.open()
        origin = first.all[0].header.origin
        return LogStore(disk, _Nobody(), Vault(ReadingDisk(folder / VAULT)), origin, own or _own(origin))
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder), "see to the folder") from None
    except IndexError:
        raise BadInput("the log is empty", str(folder)) from None


def _own(origin: str) -> str:
    """The id of the node, as the end of its log's name says it."""
    return origin.rpartition("/")[2]


class _Nobody:
    """Signs nothing."""

    def public(self) -> bytes:
        """No key."""
        return bytes(32)

    def sign(self, data: bytes) -> bytes:
        """Refuses."""
        raise DiskError("denied", f"a log opened for reading signs nothing ({len(data)} bytes)")


class ReadingDisk:
    """A folder that is only read; what is written stays in memory and is gone with this."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed: dict[str, bytes | None] = {}  # None: removed

    def names(self) -> list[str]:
        """The names of all files, sorted."""
        try:
            there = {one.name for one in self._folder.iterdir() if _NAME.fullmatch(one.name)}
        except OSError as fault:
            raise DiskError("missing", f"{self._folder}: {fault.strerror}") from None
        gone = {name for name, content in self._changed.items() if content is None}
        return sorted((there | self._changed.keys()) - gone)

    def size(self, name: str) -> int:
        """Length in bytes."""
        if name in self._changed:
            return len(self._content(name))
        try:
            return (self._folder / name).stat().st_size
        except OSError as fault:
            raise _refusal(self._folder / name, fault) from None

    def read(self, name: str, offset: int, n: int) -> bytes:
        """Up to n bytes from offset; fewer only at the end of the file."""
        if name in self._changed:
            return self._content(name)[offset : offset + n]
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(offset)
                return file.read(n)
        except OSError as fault:
            raise _refusal(self._folder / name, fault) from None

    def append(self, name: str, data: bytes) -> None:
        """Write at the end, in memory."""
        try:
            before = self.read(name, 0, self.size(name))
        except DiskError:
            before = b""
        self._changed[name] = before + data

    def sync(self, name: str) -> None:
        """Nothing is kept."""

    def truncate(self, name: str, size: int) -> None:
        """Cut the file, in memory."""
        self._changed[name] = self.read(name, 0, size)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in memory."""
        self._changed[new] = self.read(old, 0, self.size(old))
        self._changed[old] = None

    def remove(self, name: str) -> None:
        """Delete the file, in memory."""
        self._changed[name] = None

    def write_whole(self, name: str, data: bytes) -> None:
        """Put this content under this name, in memory."""
        self._changed[name] = data

    def wipe(self, name: str) -> None:
        """Delete the file, in memory."""
        self._changed[name] = None

    def _content(self, name: str) -> bytes:
        content = self._changed[name]
        if content is None:
            raise DiskError("missing", f"{self._folder / name}: it is not there")
        return content


def _refusal(path: Path, fault: OSError) -> DiskError:
    kind = "missing" if isinstance(fault, FileNotFoundError) else "denied"
    return DiskError(kind, f"{path}: {fault.strerror}")
