"""The answer to a pull, as bytes: MessagePack of a strict struct, bounded before it is read, never compressed.

::

    Answer = [version, stream, next, now_ns, checkpoint, consistency, [[leaf, path], …], [delivery, …]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from manara.link import heads, rows
from manara.records.reject import KEPT_BYTES, Reject
from manara.records.released import ROWS_MAX, Block, Delivery

VERSION = 1
ANSWER_BYTES = 24 << 20
ENTRIES_MAX = 4_096  # of one answer
NOTE_BYTES = 64 << 10  # a checkpoint with its cosignatures
PATH_BYTES = 63 * 32
SALT_BYTES = 16
HASH_BYTES = 32

Path = Annotated[bytes, msgspec.Meta(max_length=PATH_BYTES)]


class _Delivery(Delivery, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A delivery as it is read: the same fields, bounded while they are read."""

    head: Annotated[bytes, msgspec.Meta(max_length=heads.HEAD_BYTES)]
    blocks: Annotated[tuple[Block, ...], msgspec.Meta(max_length=heads.BLOCKS_MAX)]
    salts: Annotated[bytes, msgspec.Meta(max_length=SALT_BYTES * (ROWS_MAX + 1))]
    path: Path
    tick: Annotated[bytes, msgspec.Meta(max_length=256)]
    erased: Annotated[bytes, msgspec.Meta(max_length=ROWS_MAX)] = b""


class Answer(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a partner answers to "from N on". ``next``: the offset at which its stream ends now. ``consistency``:
    hashes from the size that the asker named to the checkpoint's. ``inclusion``: for each leaf of the deliveries its
    path in the tree of that size."""

    version: int
    stream: str
    next: int
    now_ns: int
    checkpoint: Annotated[bytes, msgspec.Meta(max_length=NOTE_BYTES)] = b""
    consistency: Annotated[bytes, msgspec.Meta(max_length=2 * PATH_BYTES)] = b""
    inclusion: Annotated[tuple[tuple[int, Path], ...], msgspec.Meta(max_length=ENTRIES_MAX)] = ()
    deliveries: Annotated[tuple[_Delivery, ...], msgspec.Meta(max_length=ENTRIES_MAX)] = ()


class _Sent(msgspec.Struct, frozen=True, array_like=True):
    version: int
    stream: str
    next: int
    now_ns: int
    checkpoint: bytes
    consistency: bytes
    inclusion: Sequence[tuple[int, bytes]]
    deliveries: Sequence[Delivery]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Answer)


def encode(
    stream: str,
    next_offset: int,
    now_ns: int,
    checkpoint: bytes,
    consistency: bytes,
    inclusion: Sequence[tuple[int, bytes]],
    deliveries: Sequence[Delivery],
) -> bytes:
    """The bytes of an answer. Whoever makes it keeps within the bounds of ``parse``.

    >>> answer = parse(encode("arvena>belora", 7, 0, b"", b"", [], []))
    >>> answer.stream, answer.next
    ('arvena>belora', 7)
    """
    return _ENCODER.encode(
        _Sent(VERSION, stream, next_offset, now_ns, checkpoint, consistency, inclusion, [bare(d) for d in deliveries])
    )


def parse(data: bytes) -> Answer | Reject:
    """An answer from its bytes, or why not: too_long, not_an_answer, version, out_of_bounds, subjects, reordered."""
    if len(data) > ANSWER_BYTES:
        return Reject("too_long", b"", f"an answer of {len(data)} bytes; at most {ANSWER_BYTES}")
    try:
        answer = _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as fault:
        return Reject("not_an_answer", data[:KEPT_BYTES], str(fault)[:200])
    if answer.version != VERSION:
        return Reject("version", data[:KEPT_BYTES], f"version {answer.version}; this node reads {VERSION}")
    numbers = (answer.next, answer.now_ns)
    if not heads.is_stream(answer.stream) or min(numbers) < 0 or max(numbers) > heads.NUMBER_MAX:
        return Reject("out_of_bounds", data[:KEPT_BYTES], "stream, next or now_ns")
    return _order_fault(answer) or next(filter(None, map(_delivery_fault, answer.deliveries)), None) or answer


def _order_fault(answer: Answer) -> Reject | None:
    offsets = [one.offset for one in answer.deliveries]
    if offsets and (offsets != list(range(offsets[0], offsets[0] + len(offsets))) or offsets[-1] >= answer.next):
        return Reject("reordered", b"", f"offsets {offsets[:5]} … of a stream that ends at {answer.next}")
    leaves = [leaf for leaf, _ in answer.inclusion]
    if leaves != sorted(set(leaves)) or set(leaves) != {one.leaf for one in answer.deliveries}:
        return Reject("out_of_bounds", b"", "the paths to the log are not those of the deliveries")
    return None


def _delivery_fault(one: Delivery) -> Reject | None:
    """What of one delivery cannot be, before anything is hashed."""
    numbers = (one.offset, one.place, one.width, one.leaf)
    if min(numbers) < 0 or max(numbers) > heads.NUMBER_MAX or len(one.path) % HASH_BYTES or one.place >= one.width:
        return Reject("out_of_bounds", b"", f"delivery {one.offset}: place, width, path or leaf")
    if any(block.subjects for block in one.blocks):
        return Reject("subjects", b"", f"delivery {one.offset} names the releaser's own tracks")
    if sum(len(block.rows) for block in one.blocks) > rows.ENTRY_BYTES:
        return Reject("too_long", b"", f"delivery {one.offset}: more than {rows.ENTRY_BYTES} bytes of rows")
    return None


def bare(one: Delivery) -> Delivery:
    """The same delivery without what never leaves a node: whose track a row is of."""
    if not any(block.subjects for block in one.blocks):
        return one
    blocks = tuple(Block(block.table, block.width, block.rows) for block in one.blocks)
    return msgspec.structs.replace(one, blocks=blocks)


def living(one: Delivery) -> tuple[Block, ...] | Reject:
    """The blocks without the erased rows, each of which stands as its 32-byte hash where the row was."""
    if not any(one.erased):
        return one.blocks
    made, first = [], 0
    for block in one.blocks:
        kept, at, k = bytearray(), 0, first
        while at < len(block.rows) and k < len(one.erased):
            wide = HASH_BYTES if one.erased[k] else block.width
            kept += b"" if one.erased[k] else block.rows[at : at + wide]
            at, k = at + max(wide, 1), k + 1
        if at != len(block.rows):
            return Reject("count", b"", f"delivery {one.offset}: erased rows do not fit the bytes")
        made.append(Block(block.table, block.width, bytes(kept)))
        first = k
    return tuple(made)
