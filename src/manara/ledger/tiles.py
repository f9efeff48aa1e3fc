"""Tiles of a log (C2SP tlog-tiles): names and bytes, a hash getter over them, and which of them was changed.

::

    tile/<level>/<number>[.p/<width>]   256 hashes; at level L each is the root over 256^L leaves
    tile/entries/<number>[.p/<width>]   the leaves themselves, each behind its length (uint16, big-endian)
    checkpoint

``read(path)`` gives a file's bytes, or None where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from manara.ledger import tree

Read = Callable[[str], bytes | None]

HEIGHT = 8
FULL = 256
ENTRIES = -1  # the level of entry bundles
LEVEL_MAX = 7  # 256^8 leaves are more than a size can say
LEAF_MAX = 0xFFFF  # bytes
_PATH = re.compile(r"tile/(0|[1-9][0-9]?|entries)/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class Tile(NamedTuple):
    """One tile, or one bundle of entries (level ENTRIES). ``width``: hashes or entries in it."""

    level: int
    number: int
    width: int = FULL

    def path(self) -> str:
        """Its name.

        >>> Tile(0, 1234067).path(), Tile(ENTRIES, 0, 5).path()
        ('tile/0/x001/x234/067', 'tile/entries/000.p/5')
        """
        number, parts = self.number, [f"{self.number % 1000:03d}"]
        while number := number // 1000:
            parts.append(f"x{number % 1000:03d}")
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = f".p/{self.width}" if self.width != FULL else ""
        return f"tile/{level}/{'/'.join(reversed(parts))}{partial}"


def parse_path(path: str) -> Tile | None:
    """The tile of that name; None when no tile is called so.

    >>> parse_path("tile/0/x001/x234/067.p/3"), parse_path("tile/0/x000/067")
    (Tile(level=0, number=1234067, width=3), None)
    """
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level = ENTRIES if found[1] == "entries" else int(found[1])
    one = Tile(level, int(found[2].replace("x", "").replace("/", "")), int(found[3] or FULL))
    return one if level <= LEVEL_MAX and one.width <= FULL and one.path() == path else None


def tiles_at(level: int, size: int) -> int:
    """How many hashes stand at a level of a log of that size; entries for ENTRIES."""
    return size >> (HEIGHT * max(level, 0))


def new_tiles(old: int, new: int) -> list[Tile]:
    """The tiles and bundles that a log of ``new`` leaves has and one of ``old`` has not, bundles first.

    >>> [t.path() for t in new_tiles(255, 257)]  # doctest: +NORMALIZE_WHITESPACE
    ['tile/entries/000', 'tile/entries/001.p/1', 'tile/0/000', 'tile/0/001.p/1', 'tile/1/000.p/1']
    """
    found = []
    for level in range(ENTRIES, LEVEL_MAX + 1):
        before, after = tiles_at(level, old), tiles_at(level, new)
        if after == before:
            continue
        full = after // FULL
        found += [Tile(level, number) for number in range(before // FULL, full)]
        if after % FULL:
            found.append(Tile(level, full, after % FULL))
    return found


def tile_bytes(hashes: tree.Hashes, tile: Tile) -> bytes:
    """What stands in a tile."""
    first = tile.number * FULL
    return b"".join(hashes(HEIGHT * tile.level, first + place) for place in range(tile.width))


def bundle_bytes(leaves: Sequence[bytes]) -> bytes:
    """What stands in a bundle. Raises ValueError for a leaf of more than 65,535 bytes.

    >>> bundle_bytes([b"a", b"bc"])
    b'\\x00\\x01a\\x00\\x02bc'
    """
    if any(len(one) > LEAF_MAX for one in leaves):
        raise ValueError(f"a leaf has at most {LEAF_MAX} bytes")
    return b"".join(len(one).to_bytes(2, "big") + one for one in leaves)


def parse_bundle(data: bytes, width: int) -> list[bytes] | str:
    """The leaves of a bundle, or why these bytes are none of that width."""
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            return f"leaf {len(found)} of the bundle is cut short"
        found.append(data[at + 2 : end])
        at = end
    if len(found) != width or at != len(data):
        return f"the bundle does not end after {width} leaves"
    return found


class TileHashes:
    """A hash getter over the tiles of a log of ``size`` leaves. Call it as ``tree.Hashes``; it raises LookupError, with
    the path, where a tile is absent or has another length. Tiles are believed: check them (``audit``), or check what
    was computed from them against a signed root."""

    def __init__(self, read: Read, size: int, kept: int = 64) -> None:
        self.size = size
        self._read = read
        self._levels = lru_cache(kept)(self._load)

    def __call__(self, level: int, index: int) -> bytes:
        """Root of the full subtree at that level and place."""
        high, low = divmod(level, HEIGHT)
        number, place = divmod(index << low, FULL)
        rows = self._levels(high, number)
        if low >= len(rows) or place >> low >= len(rows[0]) >> low:
            raise LookupError(f"no full subtree at level {level}, place {index} of {self.size} leaves")
        return rows[low][place >> low]

    def _load(self, level: int, number: int) -> list[list[bytes]]:
        width = min(tiles_at(level, self.size) - number * FULL, FULL)
        if width < 1:
            raise LookupError(f"no tile {Tile(level, number).path()} in a log of {self.size} leaves")
        tile = Tile(level, number, width)
        found = load_tile(self._read, tile)
        if isinstance(found, str):
            raise LookupError(f"{tile.path()}: {found}")
        return tree.rows(found)


def load_tile(read: Read, tile: Tile) -> list[bytes] | str:
    """Hashes of a tile, or why they cannot be had. A full tile may stand for a partial one."""
    data = read(tile.path())
    if data is None and tile.width < FULL:
        data = read(Tile(tile.level, tile.number).path())
        data = data[: tile.width * tree.HASH_BYTES] if data is not None else None
    if data is None:
        return "absent"
    if len(data) != tile.width * tree.HASH_BYTES:
        return f"has {len(data)} bytes, not {tile.width * tree.HASH_BYTES}"
    return tree.cut(data)


def load_bundle(read: Read, number: int, size: int) -> list[bytes] | str:
    """Leaves of a bundle of a log of that size, or why they cannot be had."""
    width = min(size - number * FULL, FULL)
    data, cut = read(Tile(ENTRIES, number, width).path()), width
    if data is None and width < FULL:
        data = read(Tile(ENTRIES, number).path())
        cut = FULL
    if data is None:
        return "absent"
    found = parse_bundle(data, cut)
    return found if isinstance(found, str) else found[:width]


def leaf_at(read: Read, leaf: int, size: int) -> bytes | str:
    """One leaf, or why it cannot be had."""
    found = load_bundle(read, leaf // FULL, size)
    return found if isinstance(found, str) else found[leaf % FULL]


def write_all(leaves: Sequence[bytes], old: int = 0) -> Iterator[tuple[str, bytes]]:
    """Paths and bytes of the tiles and bundles of a log of these leaves that one of the first ``old`` has not."""
    hashes = tree.from_leaves([tree.leaf_hash(one) for one in leaves])
    for tile in new_tiles(old, len(leaves)):
        if tile.level == ENTRIES:
            first = tile.number * FULL
            yield tile.path(), bundle_bytes(leaves[first : first + tile.width])
        else:
            yield tile.path(), tile_bytes(hashes, tile)
