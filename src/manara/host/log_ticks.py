"""One tick of the log: entries committed to and sealed on the way in, opened as deliveries on the way out.

::

    entries ─▶ rows sealed, salts (log_layout, vault) ─▶ hashes ─▶ roots ─▶ tick root ─▶ KeptTick
    KeptTick ─▶ rows opened, or the leaf hash of each row whose key is gone ─▶ Delivery
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from manara.host import log_layout as layout
from manara.host.vault import HOUR_NS, Vault
from manara.ledger import entry as ledger_entry
from manara.ledger import tree
from manara.node.durable.disk import DiskError
from manara.records.columns import U1, U8
from manara.records.released import Block, Delivery, Entry

NONCE_BYTES = 12
WIDTH_MIN = 16  # leaves of the smallest tick: a warning to one partner more does not widen what the others see
PLACES = b"manara/places/v1\n"
HASH = tree.HASH_BYTES


class KeptEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry in the clear. ``head_path``: from the head's leaf to the entry's root: it outlives the rows."""

    stream: str
    offset: int
    head: bytes
    salt: bytes
    root: bytes
    head_path: bytes
    blocks: int


class KeptTick(msgspec.Struct, frozen=True, array_like=True):
    """What a frame of the log holds. ``foreign``: originators that are not this node, with the subjects (uint64) that
    are theirs. ``packed`` None: pruned, only hashes are left."""

    leaf: int
    tick_ns: int
    effect_id: int
    tree_root: bytes
    note: bytes
    dummies: bytes
    nonce: bytes
    entries: tuple[KeptEntry, ...]
    foreign: tuple[tuple[str, bytes], ...] = ()
    packed: layout.Packed | None = None

    @property
    def hour(self) -> int:
        """Under whose keys its rows lie."""
        return self.tick_ns // HOUR_NS


class Gone(msgspec.Struct, frozen=True, array_like=True):
    """Leaf hashes of rows of a tick, kept before their keys were erased. ``rows``: numbers in the tick (uint32)."""

    leaf: int
    rows: bytes
    hashes: bytes


class Made(NamedTuple):
    """A tick on its way in. ``tick``: the leaf; the rest as in KeptTick."""

    leaf: int
    tick_ns: int
    tick: bytes
    dummies: bytes
    nonce: bytes
    entries: tuple[KeptEntry, ...]
    foreign: tuple[tuple[str, bytes], ...]
    packed: layout.Packed
    deliveries: tuple[Delivery, ...]

    def kept(self, effect_id: int, tree_root: bytes, signed: bytes) -> KeptTick:
        """As it is kept, under the log's root with it and the signed checkpoint."""
        return KeptTick(
            leaf=self.leaf,
            tick_ns=self.tick_ns,
            effect_id=effect_id,
            tree_root=tree_root,
            note=signed,
            dummies=self.dummies,
            nonce=self.nonce,
            entries=self.entries,
            foreign=self.foreign,
            packed=self.packed,
        )


class Stand(NamedTuple):
    """How the entries of a tick stand in its tree. ``entries``: place and path of each, in the order of the tick."""

    root: bytes
    width: int
    entries: tuple[tuple[int, bytes], ...]


_encode = msgspec.msgpack.Encoder().encode
_tick = msgspec.msgpack.Decoder(KeptTick)


def encode(kept: KeptTick) -> bytes:
    """Bytes of a frame's payload."""
    return _encode(kept)


def decode(payload: bytes) -> KeptTick:
    """Take what ``encode`` gave. Raises DiskError: the frame's checksum was right, so another program wrote it."""
    try:
        return _tick.decode(payload)
    except msgspec.MsgspecError as fault:
        raise DiskError("io", f"a frame of the log cannot be read: {fault}") from None


def make(
    tick_ns: int,
    leaf: int,
    entries: Sequence[Entry],
    vault: Vault,
    own: str,
    foreign: Mapping[int, str],
    chance: Callable[[int], bytes] = secrets.token_bytes,
) -> Made:
    """Seal and commit the entries of a tick. Keys that are new are not synced yet."""
    hour, nonce = tick_ns // HOUR_NS, chance(NONCE_BYTES)
    parts = [_part(block) for one in entries for block in one.blocks]
    subjects = np.unique(np.concatenate([part.subjects for part in parts])) if parts else np.zeros(0, np.uint64)
    owners = _owners(subjects, foreign)
    for name, theirs in _shares(subjects, own, owners):
        if len(theirs):
            vault.make(name, hour, theirs)
    packed, salts = layout.pack(parts, _streams(vault, own, owners, hour, nonce))
    kept: list[KeptEntry] = []
    salted: list[bytes] = []
    at = 0
    for one in entries:
        mine = chance(ledger_entry.SALT_BYTES)
        salted.append(mine + b"".join(salt.tobytes() for salt in salts[at : at + len(one.blocks)]))
        at += len(one.blocks)
        rows = [(block.rows, block.width) for block in one.blocks]
        levels = tree.rows(ledger_entry.entry_hashes(one.head, rows, salted[-1]))
        path = b"".join(tree.path_in(levels, 0))
        kept.append(KeptEntry(one.stream, one.offset, one.head, mine, levels[-1][0], path, len(one.blocks)))
    least = max(WIDTH_MIN - len(kept), 0)
    dummies = chance(HASH * (least or ledger_entry.dummies_needed(len(kept))))
    stand = _stand([one.root for one in kept], dummies, nonce)
    tick = ledger_entry.tick_bytes(tick_ns, stand.root)
    deliveries = tuple(
        Delivery(one.offset, one.head, _bare(one.blocks), salted[i], place, stand.width, path, tick, leaf)
        for i, (one, (place, path)) in enumerate(zip(entries, stand.entries, strict=True))
    )
    return Made(leaf, tick_ns, tick, dummies, nonce, tuple(kept), owners, packed, deliveries)


def tick_of(kept: KeptTick) -> tuple[bytes, Stand]:
    """The leaf, and where each entry stands under it."""
    stand = _stand([one.root for one in kept.entries], kept.dummies, kept.nonce)
    return ledger_entry.tick_bytes(kept.tick_ns, stand.root), stand


def _stand(roots: Sequence[bytes], dummies: bytes, nonce: bytes) -> Stand:
    """Entries and dummies in an order drawn by the tick's nonce, which never leaves the node: in the order in which
    they were told, a recipient's place would say how many others were told something before it."""
    width = len(roots) + len(dummies) // HASH
    drawn = sorted(range(width), key=lambda k: hashlib.sha256(PLACES + nonce + k.to_bytes(4, "big")).digest())
    leaves = [b""] * width
    for place, leaf in zip(drawn, [*roots, *tree.cut(dummies)], strict=True):
        leaves[place] = leaf
    levels = tree.rows([tree.leaf_hash(one) for one in leaves])
    paths = ((place, b"".join(tree.path_in(levels, place))) for place in drawn[: len(roots)])
    return Stand(levels[-1][0], width, tuple(paths))


def open_rows(kept: KeptTick, vault: Vault, own: str, wanted: U8 | None = None) -> layout.Opened:
    """Rows, salts and what is gone. ``wanted``: open those of these subjects only. Raises DiskError on damage."""
    if kept.packed is None:
        raise DiskError("missing", f"the rows of leaf {kept.leaf} were pruned")
    streams = _streams(vault, own, kept.foreign, kept.hour, kept.nonce, wanted)
    try:
        return layout.unpack(kept.packed, streams)
    except ValueError as fault:
        raise DiskError("io", f"leaf {kept.leaf} of the log is damaged: {fault}") from None


def deliver(kept: KeptTick, vault: Vault, own: str, gone: Sequence[Gone]) -> tuple[Delivery, ...]:
    """All entries of a tick as recipients get them. Raises DiskError."""
    opened = open_rows(kept, vault, own)
    shapes = kept.packed.blocks if kept.packed else ()
    hashes = _hashes_of(gone)
    tick, stand = tick_of(kept)
    found = []
    block = row = 0
    for one, (place, path) in zip(kept.entries, stand.entries, strict=True):
        blocks, salts, marks = [], [one.salt], []
        for number in range(block, block + one.blocks):
            shape = shapes[number]
            rows, salt = opened.rows[number], opened.salts[number]
            missing = _closed(opened.gone[number], hashes, row)
            if missing.any():
                blocks.append(Block(shape.table, shape.width, _mixed(rows, missing, hashes, row, kept.leaf)))
                salts.append((salt * (1 - missing)[:, None]).tobytes())
            else:
                blocks.append(Block(shape.table, shape.width, rows.tobytes()))
                salts.append(salt.tobytes())
            marks.append(missing)
            row += shape.rows
        block += one.blocks
        erased = b"".join(mark.tobytes() for mark in marks) if any(mark.any() for mark in marks) else b""
        found.append(
            Delivery(
                one.offset,
                one.head,
                tuple(blocks),
                b"".join(salts),
                place,
                stand.width,
                path,
                tick,
                kept.leaf,
                erased,
            )
        )
    return tuple(found)


def to_be_gone(
    kept: KeptTick, vault: Vault, own: str, originator: str, subject: int | None, before: Sequence[Gone]
) -> Gone | None:
    """The leaf hashes of the rows that an erasure will close; None when there are none. What a hold keeps is left.
    ``before``: rows that an earlier erasure closed, whose subject may have had another key since."""
    if kept.packed is None:
        return None
    subjects = np.frombuffer(kept.packed.subjects, "<u8").astype(np.uint64)
    mine = dict(_shares(subjects, own, kept.foreign)).get(originator, subjects[:0])
    asked = mine if subject is None else mine[mine == np.uint64(subject)]
    asked = asked[vault.held(originator, kept.hour, asked)[0] == 0]
    if not len(asked):
        return None
    opened = open_rows(kept, vault, own, asked)
    already = _hashes_of(before)
    rows, hashes, at = [], [], 0
    for data, salts, closed in zip(opened.rows, opened.salts, opened.gone, strict=True):
        missing = _closed(closed, already, at)
        for number in np.flatnonzero(missing == 0).tolist():
            rows.append(at + number)
            hashes.append(tree.leaf_hash(salts[number].tobytes() + data[number].tobytes()))
        at += len(data)
    return Gone(kept.leaf, np.array(rows, "<u4").tobytes(), b"".join(hashes)) if rows else None


def pruned(kept: KeptTick) -> KeptTick:
    """The tick without its rows: heads, roots and paths stay."""
    return msgspec.structs.replace(kept, packed=None, foreign=())


def _part(block: Block) -> layout.Part:
    if not 0 < block.width <= layout.WIDTH_MAX or len(block.rows) % block.width:
        raise ValueError(f"{len(block.rows)} bytes are not rows of {block.width}")
    rows = np.frombuffer(block.rows, np.uint8).reshape(-1, block.width)
    if not block.subjects:
        return layout.Part(block.table, rows, np.zeros(len(rows), np.uint64))
    subjects = np.frombuffer(block.subjects, "<u8").astype(np.uint64)
    if len(subjects) != len(rows):
        raise ValueError(f"{len(subjects)} subjects for {len(rows)} rows")
    return layout.Part(block.table, rows, subjects)


def _bare(blocks: Sequence[Block]) -> tuple[Block, ...]:
    return tuple(Block(one.table, one.width, one.rows) for one in blocks)


def _owners(subjects: U8, foreign: Mapping[int, str]) -> tuple[tuple[str, bytes], ...]:
    if not foreign:
        return ()
    by_name: dict[str, list[int]] = {}
    for one in subjects.tolist():
        if one in foreign:
            by_name.setdefault(foreign[one], []).append(one)
    return tuple((name, np.array(theirs, "<u8").tobytes()) for name, theirs in sorted(by_name.items()))


def _shares(subjects: U8, own: str, owners: Sequence[tuple[str, bytes]]) -> list[tuple[str, U8]]:
    """Subjects by originator, this node's own first."""
    found = [(name, np.frombuffer(theirs, "<u8").astype(np.uint64)) for name, theirs in owners]
    rest = subjects if not found else np.setdiff1d(subjects, np.concatenate([theirs for _, theirs in found]))
    return [(own, rest), *found]


def _streams(
    vault: Vault,
    own: str,
    owners: Sequence[tuple[str, bytes]],
    hour: int,
    nonce: bytes,
    wanted: U8 | None = None,
) -> layout.Streams:
    def streams(subjects: U8, length: int) -> tuple[U1, U1]:
        if wanted is None and not owners:
            return vault.streams(own, hour, subjects, length, nonce)
        whole, known = np.zeros((len(subjects), length), np.uint8), np.zeros(len(subjects), np.uint8)
        for name, theirs in _shares(np.unique(subjects), own, owners):
            chosen = np.isin(subjects, theirs if wanted is None else np.intersect1d(theirs, wanted))
            whole[chosen], known[chosen] = vault.streams(name, hour, subjects[chosen], length, nonce)
        return whole, known

    return streams


def _hashes_of(gone: Sequence[Gone]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for one in gone:
        found.update(zip(np.frombuffer(one.rows, "<u4").tolist(), tree.cut(one.hashes), strict=True))
    return found


def _closed(gone: U1, hashes: Mapping[int, bytes], first: int) -> U1:
    """1 for each row without a key, and for each that was erased though its subject has a key again."""
    if not hashes:
        return gone
    erased = np.array([first + n in hashes for n in range(len(gone))], np.uint8)
    return gone | erased


def _mixed(rows: U1, missing: U1, hashes: Mapping[int, bytes], first: int, leaf: int) -> bytes:
    lost = [n for n in np.flatnonzero(missing).tolist() if first + n not in hashes]
    if lost:
        raise DiskError("io", f"leaf {leaf}: the keys of {len(lost)} rows are gone without an erasure")
    pieces = (hashes[first + n] if missing[n] else rows[n].tobytes() for n in range(len(rows)))
    return b"".join(pieces)
