"""The hash tree of RFC 6962 and RFC 9162: roots, paths, and whether they hold.

::

    leaf = SHA-256(0x00 ‖ bytes)      node = SHA-256(0x01 ‖ left ‖ right)      MTH = Merkle tree hash

A *hash getter* ``hashes(level, index)`` gives the root of the full subtree over leaves [index·2^level,
(index+1)·2^level): from a list (``from_leaves``) or from tiles (``tiles.TileHashes``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

Hashes = Callable[[int, int], bytes]

HASH_BYTES = 32
EMPTY = sha256(b"").digest()
SIZE_MAX = (1 << 63) - 1
PATH_MAX = 63  # hashes of a path in a tree that large


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two halves."""
    return sha256(b"\1" + left + right).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """Root over leaf hashes, in order: the MTH of RFC 6962 §2.1.

    hashes: 32 bytes each (not checked). Gives 32 bytes; for no leaf ``EMPTY``. Level by level, the odd one carried
    up, which is the same tree as the standard's recursion. Half a microsecond a leaf.

    >>> root([]) == EMPTY, root([leaf_hash(b"a")]) == leaf_hash(b"a")
    (True, True)
    >>> a, b, c = (leaf_hash(x) for x in (b"a", b"b", b"c"))
    >>> root([a, b, c]) == node_hash(node_hash(a, b), c)
    True
    """
    row = list(hashes)
    if not row:
        return EMPTY
    while len(row) > 1:
        row = _above(row)
    return row[0]


def _above(row: list[bytes]) -> list[bytes]:
    pairs = iter(row)
    above = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(row) & 1:
        above.append(row[-1])
    return above


def rows(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Every level over leaf hashes, leaves first, root last: for many paths of one tree."""
    found = [list(hashes)]
    while len(found[-1]) > 1:
        found.append(_above(found[-1]))
    return found


def path_in(levels: Sequence[Sequence[bytes]], leaf: int) -> list[bytes]:
    """The inclusion path of a leaf, from ``rows``: the siblings from below to above.

    >>> tree = rows([leaf_hash(bytes([n])) for n in range(5)])
    >>> all(verify_inclusion(tree[0][n], n, 5, path_in(tree, n), tree[-1][0]) for n in range(5))
    True
    """
    found = []
    for row in levels[:-1]:
        if (beside := leaf ^ 1) < len(row):
            found.append(row[beside])
        leaf >>= 1
    return found


class Range:
    """The right edge of a growing tree (a compact range): what is needed to append and to know the root.

    Holds one hash for each bit of ``size``, largest subtree first; an append costs two hashes on average.

    >>> edge = Range()
    >>> for n in range(5):
    ...     edge.append(leaf_hash(bytes([n])))
    >>> edge.root() == root(leaf_hash(bytes([n])) for n in range(5)), Range.load(edge.dump()).root() == edge.root()
    (True, True)
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)

    def append(self, leaf: bytes) -> None:
        """Take one more leaf hash."""
        size, edge = self.size, self.hashes
        while size & 1:
            leaf = node_hash(edge.pop(), leaf)
            size >>= 1
        edge.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Root of the tree so far."""
        if not self.hashes:
            return EMPTY
        found = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            found = node_hash(left, found)
        return found

    def dump(self) -> bytes:
        """8 bytes of size, big-endian, then the hashes."""
        return self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @staticmethod
    def load(data: bytes) -> Range:
        """Take what ``dump`` gave. Raises ValueError when it is not such."""
        size = int.from_bytes(data[:8], "big")
        if len(data) != 8 + HASH_BYTES * size.bit_count() or size > SIZE_MAX:
            raise ValueError("not a compact range")
        return Range(size, [data[at : at + HASH_BYTES] for at in range(8, len(data), HASH_BYTES)])


def from_leaves(leaves: Sequence[bytes]) -> Hashes:
    """A getter over a list of leaf hashes; for tests and small trees.

    >>> getter = from_leaves([leaf_hash(b"a"), leaf_hash(b"b")])
    >>> getter(1, 0) == node_hash(getter(0, 0), getter(0, 1))
    True
    """
    levels = rows(leaves)

    def hashes(level: int, index: int) -> bytes:
        if level >= len(levels) or (index + 1) << level > len(leaves):
            raise LookupError(f"no full subtree at level {level}, place {index}")
        return levels[level][index]

    return hashes


def _split(count: int) -> int:
    """Largest power of two below count."""
    return 1 << ((count - 1).bit_length() - 1)


def _between(hashes: Hashes, first: int, end: int) -> bytes:
    """Root over leaves [first, end), a node of the tree: first is a multiple of a power of two not below end-first."""
    count = end - first
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return hashes(level, first >> level)
    middle = first + _split(count)
    return node_hash(_between(hashes, first, middle), _between(hashes, middle, end))


def root_at(hashes: Hashes, size: int) -> bytes:
    """Root of the tree of that size."""
    return _between(hashes, 0, size) if size else EMPTY


def inclusion_path(hashes: Hashes, leaf: int, size: int) -> list[bytes]:
    """PATH(leaf, D[size]) of RFC 9162 §2.1.3.1: siblings from the leaf up.

    At most ⌈log₂ size⌉ hashes. Raises ValueError when the leaf is not in such a tree; what the getter raises passes.
    """
    if not 0 <= leaf < size:
        raise ValueError(f"leaf {leaf} is not in a tree of {size}")
    first, end, found = 0, size, []
    while end - first > 1:
        middle = first + _split(end - first)
        if leaf < middle:
            found.append(_between(hashes, middle, end))
            end = middle
        else:
            found.append(_between(hashes, first, middle))
            first = middle
    return found[::-1]


def consistency_path(hashes: Hashes, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 9162 §2.1.4.1: that the tree of ``old`` leaves is the beginning of that of ``new``.

    Empty for old = 0 and old = new. Raises ValueError when old > new; what the getter raises passes.
    """
    if not 0 <= old <= new:
        raise ValueError(f"{old} is not within {new}")
    if old in (0, new):
        return []
    first, end, found = 0, new, []
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            found.append(_between(hashes, middle, end))
            end = middle
        else:
            found.append(_between(hashes, first, middle))
            first = middle
    if first:  # the last piece is not the whole old tree, which the verifier knows
        found.append(_between(hashes, first, end))
    return found[::-1]


def verify_inclusion(leaf: bytes, number: int, size: int, path: Sequence[bytes], top: bytes) -> bool:
    """Does this path lead from a leaf hash at ``number`` to the root ``top`` of ``size`` leaves? RFC 9162 §2.1.3.2."""
    return leads_to(leaf, number, size, path) == top


def leads_to(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root to which a path leads from a leaf hash at ``number`` of ``size``; None when it has not the form."""
    if not 0 <= number < size <= SIZE_MAX or _malformed(path):
        return None
    at, last, found = number, size - 1, leaf
    for one in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node_hash(one, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, one)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Does this path show that the tree of ``old`` leaves is the beginning of that of ``new``? RFC 9162 §2.1.4.2."""
    if not 0 <= old <= new <= SIZE_MAX or _malformed(path):
        return False
    if old in (0, new):
        return not path and (old_root == EMPTY or old > 0) and (old_root == new_root or old < new)
    whole = [old_root, *path] if old & (old - 1) == 0 else list(path)
    return begins_with(old, new, whole) == (old_root, new_root)


def begins_with(old: int, new: int, whole: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The roots at ``old`` and at ``new`` that a consistency path implies; None when it has not the form.

    ``whole``: the path, its first hash being a node of the tree even where ``old`` is a power of two (the standard
    leaves it out there). 0 < old < new. Whoever shows a path whose second root is the signed one has shown what
    the first root must be: that is how a rewritten log is proven (evidence.py).

    >>> getter = from_leaves([leaf_hash(bytes([n])) for n in range(7)])
    >>> begins_with(3, 7, consistency_path(getter, 3, 7)) == (root_at(getter, 3), root_at(getter, 7))
    True
    """
    if not whole or not 0 < old < new <= SIZE_MAX or _malformed(whole):
        return None
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = whole[0]
    for one in whole[1:]:
        if last == 0:
            return None
        if at & 1 or at == last:
            first, second = node_hash(one, first), node_hash(one, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, one)
        at, last = at >> 1, last >> 1
    return (first, second) if last == 0 else None


def _malformed(path: Sequence[bytes]) -> bool:
    return len(path) > PATH_MAX + 1 or any(len(one) != HASH_BYTES for one in path)


def cut(hashes: bytes) -> list[bytes]:
    """Hashes that stand one behind the other, as a list; a remainder shorter than a hash stays the last of it."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
