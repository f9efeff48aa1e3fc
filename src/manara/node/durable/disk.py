"""The seam to the disk: a folder of named, flat, append-only files. The host brings the real one
(``host/disk.py``), the tests and the federation simulator one with faults.

What each call promises once it has returned:

* ``append`` – nothing yet; the bytes may be lost, torn or reordered until ``sync``.
* ``sync`` – all bytes of that file, its length and its name survive a power cut. After it *failed* the bytes
  since the last good ``sync`` count as lost, even if a later ``sync`` succeeds (the kernel forgets them).
* ``write_whole``, ``rename``, ``remove`` – durable, and after a crash either fully done or not done at all.
* ``truncate`` – durable after the next ``sync`` of that file.
"""

from __future__ import annotations

from typing import Protocol


class DiskError(Exception):
    """The disk refused. ``kind``: full, denied, locked, missing, io. ``detail`` tells a person what and where."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class Disk(Protocol):
    """Files by name in one folder that one process owns. A name is lower-case letters, digits, dot and dash.

    Every call may raise DiskError and nothing else.
    """

    def names(self) -> list[str]:
        """The names of all files, sorted."""
        ...

    def size(self, name: str) -> int:
        """Length in bytes."""
        ...

    def read(self, name: str, offset: int, n: int) -> bytes:
        """Up to n bytes from offset; fewer only at the end of the file."""
        ...

    def append(self, name: str, data: bytes) -> None:
        """Write at the end; makes the file when it is not there. After an error any part may have been written."""
        ...

    def sync(self, name: str) -> None:
        """Make the file and its name durable."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to this length."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing a file of that name."""
        ...

    def remove(self, name: str) -> None:
        """Delete the file."""
        ...

    def write_whole(self, name: str, data: bytes) -> None:
        """Put this content under this name, all or nothing."""
        ...
