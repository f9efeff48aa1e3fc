"""The disk with faults, able to destroy a file: for the key table and the log beside it."""

from __future__ import annotations

from tests.doubles.faulty_disk import FaultyDisk


class KeyDisk(FaultyDisk):
    """KeyDisk of ``host/vault.py``. One disk holds the key table and the log, so that one power cut meets both."""

    def wipe(self, name: str) -> None:
        self.remove(name)

    def bytes_of_all(self, prefix: str = "") -> bytes:
        """Everything on it, of the files whose names begin so."""
        return b"".join(self.read(name, 0, self.size(name)) for name in self.names() if name.startswith(prefix))
