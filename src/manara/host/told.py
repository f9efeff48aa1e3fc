"""What partners sent, for who plays a recording back: the journal only names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from manara.host.disk import FolderDisk
from manara.host.problems import BadInput
from manara.host.received import Received
from manara.host.vault import Vault, WipingDisk
from manara.node.durable.disk import DiskError
from manara.records.inputs import Input


class Told:
    """The store of a node's folder, while the node does not run. Raises BadInput."""

    def __init__(self, folder: Path) -> None:
        try:
            self._keys = WipingDisk(folder / "vault")
            self._store = Received(FolderDisk(folder / "received"), Vault(self._keys))
        except DiskError as fault:
            raise BadInput(str(fault), str(folder)) from None

    @property
    def erased(self) -> int:
        """Rows that are gone since they came."""
        return self._store.erased

    def filled(self, windows: Iterator[tuple[int, tuple[Input, ...]]]) -> Iterator[tuple[int, tuple[Input, ...]]]:
        """Steps of a recording with the rows that are left."""
        for now_ns, inputs in windows:
            yield now_ns, self._store.fill(inputs)

    def close(self) -> None:
        """Let go of the folders."""
        self._store.close()
        self._keys.close()
