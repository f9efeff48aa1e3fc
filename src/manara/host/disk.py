"""The real disk: one folder, owned by one process."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from pathlib import Path
from typing import NoReturn

from manara.node.durable.disk import DiskError

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,200}")
_LOCK = ".lock"
_KINDS = {
    errno.ENOSPC: ("full", "no space is left; make room and the node goes on"),
    errno.EDQUOT: ("full", "the quota is used up; make room and the node goes on"),
    errno.EFBIG: ("full", "the file system allows no longer file"),
    errno.EACCES: ("denied", "this user may not read or write there"),
    errno.EPERM: ("denied", "this user may not read or write there"),
    errno.EROFS: ("denied", "the file system is read-only"),
    errno.ENOENT: ("missing", "it is not there"),
    errno.ENOTDIR: ("missing", "a part of the path is no folder"),
}


class FolderDisk:
    """Disk over a folder, made when it is not there. A lock keeps a second process out until ``close`` or the end of
    this one, however it ends. Every refusal is a DiskError with a sentence for a person."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._open: dict[str, int] = {}
        self._unnamed: set[str] = set()  # files whose name is not durable yet
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._directory = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self._refuse(error, "")
        try:
            self._lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=self._directory)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            os.close(self._directory)
            raise DiskError("locked", f"{self._folder}: another process runs this node; stop it first") from None
        except OSError as error:
            os.close(self._directory)
            self._refuse(error, _LOCK)

    def close(self) -> None:
        """Let go of the folder."""
        for name in list(self._open):
            self._close(name)
        os.close(self._lock)
        os.close(self._directory)

    def names(self) -> list[str]:
        """The names of all files, sorted; what is not a name of ours is passed over."""
        try:
            return sorted(name for name in os.listdir(self._directory) if _NAME.fullmatch(name))
        except OSError as error:
            self._refuse(error, "")

    def size(self, name: str) -> int:
        """Length in bytes."""
        try:
            return os.fstat(self._file(name)).st_size
        except OSError as error:
            self._refuse(error, name)

    def read(self, name: str, offset: int, n: int) -> bytes:
        """Up to n bytes from offset; fewer only at the end of the file."""
        try:
            data = os.pread(self._file(name), n, offset)
            while 0 < len(data) < n and (more := os.pread(self._file(name), n - len(data), offset + len(data))):
                data += more
        except OSError as error:
            self._refuse(error, name)
        return data

    def append(self, name: str, data: bytes) -> None:
        """Write at the end; makes the file when it is not there."""
        try:
            file = self._file(name, make=True)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError as error:
            self._refuse(error, name)

    def sync(self, name: str) -> None:
        """Make the file and its name durable."""
        try:
            os.fsync(self._file(name))
            if name in self._unnamed:
                os.fsync(self._directory)
                self._unnamed.discard(name)
        except OSError as error:
            self._refuse(error, name)

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to this length."""
        try:
            os.ftruncate(self._file(name), size)
        except OSError as error:
            self._refuse(error, name)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing a file of that name."""
        self._close(old)
        self._close(new)
        try:
            os.rename(self._named(old), self._named(new), src_dir_fd=self._directory, dst_dir_fd=self._directory)
            os.fsync(self._directory)
        except OSError as error:
            self._refuse(error, old)

    def remove(self, name: str) -> None:
        """Delete the file."""
        self._close(name)
        try:
            os.unlink(self._named(name), dir_fd=self._directory)
            os.fsync(self._directory)
        except OSError as error:
            self._refuse(error, name)

    def write_whole(self, name: str, data: bytes) -> None:
        """Put this content under this name, all or nothing: a file beside it, synced, then renamed."""
        beside = f"{name}.new"
        try:
            self._close(beside)
            os.close(os.open(self._named(beside), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600, dir_fd=self._directory))
            self.append(beside, data)
            os.fsync(self._file(beside))
        except OSError as error:
            self._refuse(error, name)
        self.rename(beside, name)

    def _file(self, name: str, make: bool = False) -> int:
        file = self._open.get(name)
        if file is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
            try:
                file = os.open(self._named(name), flags, dir_fd=self._directory)
            except FileNotFoundError:
                if not make:
                    raise
                file = os.open(self._named(name), flags | os.O_CREAT, 0o600, dir_fd=self._directory)
                self._unnamed.add(name)
            while len(self._open) >= 16:
                self._close(next(iter(self._open)))
            self._open[name] = file
        return file

    def _close(self, name: str) -> None:
        file = self._open.pop(name, None)
        if file is not None:
            os.close(file)

    def _named(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no file name of a node")
        return name

    def _refuse(self, error: OSError, name: str) -> NoReturn:
        kind, what = _KINDS.get(error.errno or 0, ("io", f"{error.strerror}; the medium may be failing"))
        raise DiskError(kind, f"{self._folder / name}: {what}") from error
