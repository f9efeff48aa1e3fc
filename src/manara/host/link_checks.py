"""Is what a partner answered true? Signature, growth of its log, path of each entry; before anything is believed.

::

    answer ─▶ checkpoint signed by its key? ─▶ extends the one remembered? ─▶ each entry in it, at its place? ─▶ Arrived
                                                │ no: evidence of a rewritten log or a split view

Bytes in, values out: the same checks for a live link and for files.
"""

from __future__ import annotations

from typing import NamedTuple

from manara.ledger import checkpoint, entry, evidence, note, tree
from manara.link import heads, wire
from manara.records.inputs import Arrived
from manara.records.reject import Reject
from manara.records.released import Delivery


class Remembered(NamedTuple):
    """The newest checkpoint of a partner's log that was believed. ``signed``: the note as it came."""

    size: int = 0
    root: bytes = tree.EMPTY
    signed: bytes = b""


class Asked(NamedTuple):
    """What was asked of whom. ``log``: the key that signs its checkpoints, whose name is the log's origin."""

    partner: str
    log: note.Key
    stream: str
    first: int


class Checked(NamedTuple):
    """An answer that holds."""

    arrived: tuple[Arrived, ...]
    remembered: Remembered
    next: int


class Refusal(NamedTuple):
    """One that does not. ``path``: the consistency path as it came, where the log contradicts itself; then it,
    ``signed`` and the remembered note are the evidence."""

    why: str
    detail: str
    signed: bytes = b""
    path: tuple[bytes, ...] = ()


CONTRADICTIONS = ("split_view", "rewritten")


def check(answer: wire.Answer, asked: Asked, last: Remembered, received_ns: int) -> Checked | Refusal:
    """Every check on one answer, in the order of the drawing above."""
    if answer.stream != asked.stream:
        return Refusal("misplaced", f"asked for {asked.stream}, got {answer.stream}")
    if answer.deliveries and answer.deliveries[0].offset != asked.first:
        return Refusal("misplaced", f"asked for {asked.first}, got {answer.deliveries[0].offset}")
    if answer.next < asked.first:
        return Refusal("went_back", f"the stream ends at {answer.next}; {asked.first} entries came before")
    if not answer.checkpoint and not answer.deliveries:
        return Checked((), last, answer.next)
    grown = grows(answer.checkpoint, tree.cut(answer.consistency), asked.log, last)
    if isinstance(grown, Refusal):
        return grown
    arrived = _entries(answer, asked, grown, received_ns)
    return arrived if isinstance(arrived, Refusal) else Checked(arrived, grown, answer.next)


def grows(signed: bytes, path: list[bytes], log: note.Key, last: Remembered) -> Remembered | Refusal:
    """The checkpoint of these bytes, if the log's key signed it and it extends the one remembered."""
    opened = checkpoint.open_signed(signed, (log,))
    if isinstance(opened, str):
        return Refusal("checkpoint", opened)
    now = opened.checkpoint
    if now.origin != log.name:
        return Refusal("checkpoint", f"of the log {now.origin[:80]!r}, not {log.name!r}")
    found = Remembered(now.size, now.root, signed)
    if now.size == last.size:
        if now.root != last.root:
            return Refusal("split_view", f"two roots of one size, {now.size}", signed)
        return found
    if now.size < last.size:
        return Refusal("behind", f"its log has {now.size} leaves and had {last.size}: a restored backup?", signed)
    implied = tree.begins_with(last.size, now.size, path) if last.size else (last.root, now.root)
    if implied is None or implied[1] != now.root:
        return Refusal("unproven", f"nothing shows that {now.size} leaves begin with the {last.size} seen", signed)
    if implied[0] != last.root:
        return Refusal("rewritten", f"{now.size} leaves do not begin with the {last.size} seen", signed, tuple(path))
    return found


def evidence_of(last: Remembered, refusal: Refusal) -> bytes:
    """A file by which a stranger sees that the log contradicts itself (ledger/evidence.py)."""
    return evidence.Evidence(last.signed, refusal.signed, refusal.path).encode()


def _entries(answer: wire.Answer, asked: Asked, log: Remembered, received_ns: int) -> tuple[Arrived, ...] | Refusal:
    paths = dict(answer.inclusion)
    proven: dict[int, bytes] = {}
    arrived = []
    for one in answer.deliveries:
        if one.leaf not in proven:
            leaf = tree.leaf_hash(one.tick)
            if not tree.verify_inclusion(leaf, one.leaf, log.size, tree.cut(paths[one.leaf]), log.root):
                return Refusal("not_in_log", f"entry {one.offset}: leaf {one.leaf} is not in its log")
            proven[one.leaf] = one.tick
        elif proven[one.leaf] != one.tick:
            return Refusal("not_in_log", f"entry {one.offset}: two ticks under leaf {one.leaf}")
        found = _entry(one, asked, received_ns)
        if isinstance(found, Refusal):
            return found
        arrived.append(found)
    return tuple(arrived)


def _entry(one: Delivery, asked: Asked, received_ns: int) -> Arrived | Refusal:
    pieces = [(block.rows, block.width) for block in one.blocks]
    try:
        root = entry.entry_root(one.head, pieces, one.salts, one.erased)
    except ValueError as fault:
        return Refusal("entry", f"entry {one.offset}: {fault}")
    if why := entry.check_root(root, one.place, one.width, one.path, one.tick):
        return Refusal("entry", f"entry {one.offset}: {why}")
    head = heads.parse(one.head)
    if isinstance(head, Reject):
        return Refusal(head.why, f"entry {one.offset}: {head.detail}")
    if (head.stream, heads.offset(head)) != (asked.stream, one.offset):
        return Refusal("misplaced", f"entry {one.offset} says that it is {head.offset} of {head.stream}")
    blocks = wire.living(one)
    if isinstance(blocks, Reject):
        return Refusal(blocks.why, blocks.detail)
    return Arrived(asked.partner, asked.stream, one.offset, one.head, blocks, received_ns, root)
