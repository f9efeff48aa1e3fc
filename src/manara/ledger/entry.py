"""What an entry of a stream commits to, and its place in the tick's leaf (docs/spec/ledger.md).

::

    salt₀‖head  salt₁‖row₁  salt₂‖row₂ …  ─▶ entry's root
    entry's roots, then random dummies    ─▶ tick's root ─▶ "manara/tick/v1\\n" ‖ time ‖ root = one leaf of the log

A row that was erased is represented by its leaf hash; the salt is gone with it, so that nobody can try rows until one
fits. The dummies hide how many recipients got something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from manara.ledger import tree

SALT_BYTES = 16
ROWS_MAX = 32_768
HEAD_MAX = 1 << 20  # bytes
WIDTH_MAX = 1 << 16  # entries of a tick, with dummies
TICK = b"manara/tick/v1\n"
TICK_BYTES = len(TICK) + 8 + tree.HASH_BYTES


def entry_hashes(head: bytes, rows: Sequence[tuple[bytes, int]], salts: bytes) -> list[bytes]:
    """Leaf hashes of an entry, the head's first. rows: (bytes, width) for each block. ``salts``: 16 bytes for the head
    and for each row. Raises ValueError when the lengths do not fit: they are the caller's own.

    >>> [one.hex()[:8] for one in entry_hashes(b"{}", [(b"aabb", 2)], bytes(48))]
    ['d49d107d', '2441014c', '34364672']
    """
    if fault := _misfit(rows, salts, b""):
        raise ValueError(fault)
    pieces = [head]
    for data, width in rows:
        pieces += [data[at : at + width] for at in range(0, len(data), width)]
    salt = (salts[at : at + SALT_BYTES] for at in range(0, len(salts), SALT_BYTES))
    return [sha256(b"\0" + a + b).digest() for a, b in zip(salt, pieces, strict=True)]


def entry_root(head: bytes, rows: Sequence[tuple[bytes, int]], salts: bytes, erased: bytes = b"") -> bytes:
    """Root of an entry. ``erased``: for each row 0, or 1 where its 32-byte leaf hash stands in its place (its salt
    counts for nothing); empty when none is. Raises ValueError when the lengths do not fit."""
    if not any(erased):
        return tree.root(entry_hashes(head, rows, salts))
    return tree.root(known_hashes(head, rows, salts, erased))


def known_hashes(head: bytes, rows: Sequence[tuple[bytes, int]], salts: bytes, erased: bytes) -> list[bytes]:
    """``entry_hashes`` where some rows are erased. Raises ValueError when the lengths do not fit."""
    if fault := _misfit(rows, salts, erased):
        raise ValueError(fault)
    found = [tree.leaf_hash(salts[:SALT_BYTES] + head)]
    for number, piece in enumerate(pieces(rows, erased), 1):
        gone = erased and erased[number - 1]
        found.append(piece if gone else tree.leaf_hash(salts[number * SALT_BYTES : (number + 1) * SALT_BYTES] + piece))
    return found


def pieces(rows: Sequence[tuple[bytes, int]], erased: bytes) -> Iterator[bytes]:
    """Row by row over all blocks; an erased row is 32 bytes wide."""
    number = 0
    for data, width in rows:
        at = 0
        while at < len(data):
            wide = tree.HASH_BYTES if number < len(erased) and erased[number] else width
            yield data[at : at + wide]
            at += wide
            number += 1


def _misfit(rows: Sequence[tuple[bytes, int]], salts: bytes, erased: bytes) -> str:
    """Why these lengths cannot belong together."""
    if any(width < 1 for _, width in rows):
        return "a block has rows of no width"
    if any(erased):
        return _misfit_erased(rows, salts, erased)
    count = 0
    for number, (data, width) in enumerate(rows):
        if len(data) % width:
            return f"block {number}: {len(data)} bytes are not rows of {width}"
        count += len(data) // width
    return _misfit_counts(count, salts, erased)


def _misfit_erased(rows: Sequence[tuple[bytes, int]], salts: bytes, erased: bytes) -> str:
    number = 0
    for block, (data, width) in enumerate(rows):
        at = 0
        while at < len(data) and number <= ROWS_MAX:
            at += tree.HASH_BYTES if number < len(erased) and erased[number] else width
            number += 1
        if number > ROWS_MAX:
            return f"more than {ROWS_MAX} rows"
        if at != len(data):
            return f"block {block}: its last row, {number - 1}, is cut short"
    return _misfit_counts(number, salts, erased)


def _misfit_counts(count: int, salts: bytes, erased: bytes) -> str:
    if count > ROWS_MAX:
        return f"{count} rows, at most {ROWS_MAX}"
    if len(salts) != SALT_BYTES * (count + 1):
        return f"{len(salts)} bytes of salt for a head and {count} rows"
    if erased and len(erased) != count:
        return f"{len(erased)} marks of erasure for {count} rows"
    if any(one > 1 for one in erased):
        return "a mark of erasure is neither 0 nor 1"
    return ""


def dummies_needed(n: int) -> int:
    """How many dummies fill ``n`` entries up to the next power of two; an empty tick has one.

    >>> [dummies_needed(n) for n in (0, 1, 2, 3, 5)]
    [1, 0, 0, 1, 3]
    """
    return (1 << max(n - 1, 0).bit_length()) - n


def tick_tree(roots: Sequence[bytes], dummies: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """The tick's root, and for each entry the hashes from it up to that root, joined. ``dummies``: 32 random bytes
    each, as many as ``dummies_needed`` says. Raises ValueError when they are not."""
    if len(dummies) != dummies_needed(len(roots)) or any(len(one) != tree.HASH_BYTES for one in (*roots, *dummies)):
        raise ValueError(f"{len(roots)} roots and {len(dummies)} dummies")
    levels = tree.rows([tree.leaf_hash(one) for one in (*roots, *dummies)])
    return levels[-1][0], [b"".join(tree.path_in(levels, place)) for place in range(len(roots))]


def tick_bytes(time_ns: int, root: bytes) -> bytes:
    """The leaf of the log for one tick.

    >>> parse_tick(tick_bytes(5, bytes(32))) == (5, bytes(32))
    True
    """
    if len(root) != tree.HASH_BYTES:
        raise ValueError("a root has 32 bytes")
    return TICK + time_ns.to_bytes(8, "big") + root


def parse_tick(data: bytes) -> tuple[int, bytes] | str:
    """Time and root of a leaf, or why it is none.

    >>> parse_tick(b"x")
    'not a tick: 1 bytes'
    """
    if len(data) != TICK_BYTES or not data.startswith(TICK):
        return f"not a tick: {len(data)} bytes"
    return int.from_bytes(data[len(TICK) : len(TICK) + 8], "big"), data[-tree.HASH_BYTES :]


def check_entry(
    head: bytes,
    rows: Sequence[tuple[bytes, int]],
    salts: bytes,
    erased: bytes,
    place: int,
    width: int,
    path: bytes,
    tick: bytes,
) -> str:
    """Does the entry, at ``place`` of ``width``, lead to this tick? "" or why not. That the tick is in a signed log is
    another question: ``tree.verify_inclusion`` of ``tree.leaf_hash(tick)``. Any bytes may be given."""
    if len(head) > HEAD_MAX:
        return f"the head has {len(head)} bytes, at most {HEAD_MAX}"
    if fault := _misfit(rows, salts, erased):
        return fault
    return check_root(entry_root(head, rows, salts, erased), place, width, path, tick)


def check_root(root: bytes, place: int, width: int, path: bytes, tick: bytes) -> str:
    """``check_entry`` from the entry's root on."""
    said = parse_tick(tick)
    if isinstance(said, str):
        return said
    if not 0 <= place < width <= WIDTH_MAX or width & (width - 1):
        return f"place {place} of {width} is none of a tick"
    if len(path) != tree.HASH_BYTES * (width.bit_length() - 1):
        return f"a path of {len(path)} bytes does not fit a tick of {width}"
    if not tree.verify_inclusion(tree.leaf_hash(root), place, width, tree.cut(path), said[1]):
        return "the entry does not lead to the tick's root"
    return ""


def row_path(hashes: Sequence[bytes], leaf: int) -> list[bytes]:
    """The path of one leaf of an entry (0: the head; row r is leaf r + 1) from ``entry_hashes`` to the entry's root."""
    return tree.path_in(tree.rows(hashes), leaf)
