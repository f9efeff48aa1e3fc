"""What a node answers to "your stream from N on", out of its log: for the live door and for files alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from manara.ledger import checkpoint
from manara.link import wire
from manara.records.released import Delivery

PULL_ENTRIES = 1_024  # of an answer
PULL_BYTES = 8 << 20  # of its rows, unless one entry alone has more
READ_ENTRIES = 32  # at once: while the log is read nothing is published
PRUNED = "pruned"  # the entries that were asked for are older than what is kept: people must settle it


class LogReads(Protocol):
    """What is read of the node's log. Called in threads."""

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        """Entries of a stream from an offset on; at least one when there is one that is still kept."""
        ...

    def heads(self) -> dict[str, int]:
        """Stream -> the offset at which it ends now."""
        ...

    def checkpoint(self) -> bytes:
        """The newest checkpoint, a signed note."""
        ...

    def inclusion(self, leaf: int, size: int) -> Sequence[bytes]:
        """The path of a leaf in the tree of a size."""
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """That the tree of one size begins with that of another (RFC 9162)."""
        ...


def answer(log: LogReads, stream: str, first: int, size: int, now_ns: int, most: int = PULL_BYTES) -> bytes | str:
    """The bytes of an answer, or why there is none. ``size``: of the newest checkpoint that the asker knows; ``most``:
    bytes of rows, unless one entry alone has more."""
    following = log.heads().get(stream, 0)
    found = _read(log, stream, first, following, most)
    signed = log.checkpoint()
    if first < following and not found:
        return PRUNED
    newest = checkpoint.parse_note(signed)
    if isinstance(newest, str):  # a log that has signed nothing yet
        return wire.encode(stream, following, now_ns, b"", b"", [], [])
    grown = newest[0].size
    if size > grown:
        return "size_beyond_log"
    found = [one for one in found if one.leaf < grown]
    paths = [(leaf, b"".join(log.inclusion(leaf, grown))) for leaf in sorted({one.leaf for one in found})]
    return wire.encode(stream, following, now_ns, signed, b"".join(whole_path(log, size, grown)), paths, found)


def _read(log: LogReads, stream: str, first: int, following: int, most: int) -> list[Delivery]:
    """Entries for one answer, read in small pieces."""
    found: list[Delivery] = []
    size, end = 0, min(following, first + PULL_ENTRIES)
    while first + len(found) < end and size < most:
        at = first + len(found)
        some = log.read(stream, at, min(READ_ENTRIES, end - at), most - size)
        if not some:
            break
        found += some
        size += sum(len(block.rows) for one in some for block in one.blocks) + sum(len(one.head) for one in some)
    return found


def whole_path(log: LogReads, old: int, new: int) -> list[bytes]:
    """The consistency path with its first hash always given, also where ``old`` is a power of two and the standard
    leaves it out: so the path alone is evidence when it contradicts what was signed.

    That hash is the root over the first ``old`` leaves, which the inclusion path of leaf ``old`` passes by.
    """
    if not 0 < old < new:
        return []
    path = list(log.consistency(old, new))
    if old & (old - 1):
        return path
    beside = min(old, new - old)
    return [log.inclusion(old, new)[(beside - 1).bit_length()], *path]
