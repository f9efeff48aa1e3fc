"""Every tile and every leaf of a log against its checkpoint's root; what was changed is named.

::

    root ─▶ the right edge (partial tiles) ─▶ full tiles, level by level, from above ─▶ leaves

Whatever stands above is already proven when what stands below is looked at. Where a tile does not give the hash above
it, it is made again from what lies below; if that gives the hash, the tile is at fault, and the places that differ
are known.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from manara.ledger import tiles, tree

FAULTS_MAX = 100  # more are not listed; the log is wrong anyway
UNKNOWN = b""  # a hash that nothing proves; its fault was told above


class Fault(NamedTuple):
    """Something that is not as the root says. ``path``: the file. ``place``: number of the leaf, or of the tile's hash
    in its level; -1 when it is the whole file."""

    path: str
    place: int
    why: str

    def __str__(self) -> str:
        where = "" if self.place < 0 else f", {'leaf' if '/entries/' in self.path else 'hash'} {self.place}"
        return f"{self.path}{where}: {self.why}"


def audit(read: tiles.Read, size: int, top: bytes, seen: Callable[[int], object] | None = None) -> Iterator[Fault]:
    """Each fault of a log of ``size`` leaves whose root should be ``top``. ``seen`` hears how many leaves were read."""
    if size == 0:
        if top != tree.EMPTY:
            yield Fault("checkpoint", -1, "its root is not that of an empty log")
        return
    edges = yield from _edges(read, size, top)
    above: list[bytes] = []
    for level in range(len(edges) - 1, 0, -1):
        known: list[bytes] = []
        for number in range(tiles.tiles_at(level, size) // tiles.FULL):
            tile = tiles.Tile(level, number)
            found, faults = _below(read, tile, above[number])
            yield from faults
            known += found
        above = known + edges[level]
    for number in range(-(-size // tiles.FULL)):
        width = min(size - number * tiles.FULL, tiles.FULL)
        tile = tiles.Tile(0, number, width)
        found, faults = _below(read, tile, above[number]) if width == tiles.FULL else (edges[0], [])
        yield from faults
        yield from _leaves(read, tile, found)
        if seen is not None:
            seen(width)


def _edges(read: tiles.Read, size: int, top: bytes) -> Generator[Fault, None, list[list[bytes]]]:
    """The proven hashes of each level's partial tile, level 0 first; its faults."""
    levels = max((size.bit_length() - 1) // tiles.HEIGHT, 0) + 1
    edge = [_edge(level, size) for level in range(levels)]
    stored = [_stored(read, one) for one in edge]
    made = [_made(read, one) for one in edge]
    pairs = zip(stored, made, edge, strict=True)
    choices = [[one for one in (a, b) if one is not None] or [[UNKNOWN] * tile.width] for a, b, tile in pairs]
    good = next((list(some) for some in product(*choices) if _folded(some, size) == top), None)
    if good is None:
        yield Fault("checkpoint", -1, "its root is not that of these tiles, nor of what lies below them")
    for level, one in enumerate(edge):
        if one.width and good is not None and stored[level] != good[level]:
            yield from _differences(one, stored[level], good[level])
        elif one.width and stored[level] is None:
            yield Fault(one.path(), -1, "absent or cut short")
    return good if good is not None else [some[0] for some in choices]


def _edge(level: int, size: int) -> tiles.Tile:
    count = tiles.tiles_at(level, size)
    return tiles.Tile(level, count // tiles.FULL, count % tiles.FULL)


def _stored(read: tiles.Read, tile: tiles.Tile) -> list[bytes] | None:
    if tile.width == 0:
        return []
    found = tiles.load_tile(read, tile)
    return None if isinstance(found, str) else found


def _made(read: tiles.Read, tile: tiles.Tile) -> list[bytes] | None:
    """The tile made again from what lies below it."""
    if tile.width == 0:
        return []
    if tile.level == 0:
        leaves = tiles.load_bundle(read, tile.number, tile.number * tiles.FULL + tile.width)
        return None if isinstance(leaves, str) else [tree.leaf_hash(one) for one in leaves]
    found = []
    for place in range(tile.width):
        below = tiles.load_tile(read, tiles.Tile(tile.level - 1, tile.number * tiles.FULL + place))
        if isinstance(below, str):
            return None
        found.append(tree.root(below))
    return found


def _folded(edges: Sequence[Sequence[bytes]], size: int) -> bytes:
    """The root that these partial tiles, level 0 first, give for that size."""
    levels = [tree.rows(one) for one in edges]

    def hashes(level: int, index: int) -> bytes:
        high, low = divmod(level, tiles.HEIGHT)
        rows = levels[high]
        place = (index << low) % tiles.FULL
        return rows[low][place >> low] if low < len(rows) and place >> low < len(rows[low]) else b""

    return tree.root_at(hashes, size)


def _below(read: tiles.Read, tile: tiles.Tile, above: bytes) -> tuple[list[bytes], list[Fault]]:
    """The proven hashes of a full tile whose root is ``above``, and its faults."""
    stored = _stored(read, tile)
    if stored is not None and tree.root(stored) == above:
        return stored, []
    made = _made(read, tile)
    if made is not None and tree.root(made) == above:
        return made, list(_differences(tile, stored, made))
    why = "absent or cut short" if stored is None else "it does not give the hash above it, nor does what lies below it"
    return stored or made or [UNKNOWN] * tile.width, [Fault(tile.path(), -1, why)]


def _differences(tile: tiles.Tile, stored: list[bytes] | None, good: list[bytes]) -> Iterator[Fault]:
    if stored is None:
        yield Fault(tile.path(), -1, "absent or cut short")
        return
    for place, (one, other) in enumerate(zip(stored, good, strict=True)):
        if one != other:
            yield Fault(tile.path(), tile.number * tiles.FULL + place, "not the hash that the root proves")


def _leaves(read: tiles.Read, tile: tiles.Tile, hashes: list[bytes]) -> Iterator[Fault]:
    """Each leaf of a bundle that is not what its proven hash says."""
    path, first = tiles.Tile(tiles.ENTRIES, tile.number, tile.width).path(), tile.number * tiles.FULL
    data, longer = read(path), False
    if data is None and tile.width < tiles.FULL:
        data, longer = read(tiles.Tile(tiles.ENTRIES, tile.number).path()), True
    if data is None:
        yield Fault(path, -1, "absent")
        return
    at = 0
    for place, proven in enumerate(hashes):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            yield Fault(path, first + place, "cut short, or its length was changed")
            return
        if proven != UNKNOWN and tree.leaf_hash(data[at + 2 : end]) != proven:
            yield Fault(path, first + place, "not the leaf that the root proves")
            if end != len(data) and not _fits(data, end, hashes[place + 1 :]):
                return  # its length was changed: what follows cannot be told
        at = end
    if at != len(data) and not longer:
        yield Fault(path, -1, f"{len(data) - at} bytes behind its last leaf")


def _fits(data: bytes, at: int, hashes: Sequence[bytes]) -> bool:
    """Does a leaf begin here that is the next one?"""
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    return bool(hashes) and end <= len(data) and tree.leaf_hash(data[at + 2 : end]) == hashes[0]


def leftovers(read: tiles.Read, size: int, paths: Iterable[str]) -> Iterator[Fault]:
    """Faults of other tiles that lie there: those of earlier sizes must be the beginning of today's."""
    wanted = {one.path() for one in tiles.new_tiles(0, size)}
    for path in paths:
        one = tiles.parse_path(path)
        if path == "checkpoint" or path in wanted:
            continue
        if one is None:
            yield Fault(path, -1, "not the name of a tile")
        elif why := _leftover(read, size, one):
            yield Fault(path, -1, why)


def _leftover(read: tiles.Read, size: int, one: tiles.Tile) -> str:
    width = min(tiles.tiles_at(one.level, size) - one.number * tiles.FULL, tiles.FULL)
    if one.width > width:
        return "belongs to a larger log than the checkpoint's"
    now, data = read(tiles.Tile(one.level, one.number, width).path()), read(one.path())
    return "" if now is not None and data and now.startswith(data) else "not the beginning of today's tile"
