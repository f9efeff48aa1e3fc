"""The log as files of C2SP tlog-tiles: single ones for who asks, all of them for anybody's web server or a copy."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from manara.host import files
from manara.host.log_tree import LogTree
from manara.host.problems import BadInput
from manara.ledger import tiles


def tile(log: LogTree, one: tiles.Tile) -> bytes:
    """The bytes of one tile or bundle."""
    if one.level == tiles.ENTRIES:
        return tiles.bundle_bytes(log.leaves(one.number * tiles.FULL, one.number * tiles.FULL + one.width))
    return tiles.tile_bytes(log.hashes, one)


def export(log: LogTree, newest: bytes, size: int, folder: Path, lock: AbstractContextManager[Any]) -> int:
    """Write what is not there yet of the log at this size, the checkpoint ``newest`` last: it promises the tiles. Gives
    the number of files. ``lock``: held while the log is read, never while a file is written. Raises BadInput."""
    written = 0
    for one in tiles.new_tiles(0, size):
        path = folder / one.path()
        if not path.exists():
            with lock:
                content = tile(log, one)
            _put(path, content)
            written += 1
    if newest:
        _put(folder / "checkpoint", newest)
    return written


def _put(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadInput(f"no folder: {fault.strerror}", str(path.parent), "name a folder of your own") from None
    files.write(path, content)
