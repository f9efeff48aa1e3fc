"""Where in a stream of a node's own log a time lies."""

from __future__ import annotations

from manara.host.log_store import LogStore
from manara.link import heads
from manara.records.released import Head


def first_since(log: LogStore, stream: str, since_ns: int) -> int:
    """The first entry at or after a time, or the place behind the last: offsets and times go up together. Places that
    were never given, between two epochs, count as earlier."""
    low, high = 0, log.heads().get(stream, 0)
    while low < high:
        middle = (low + high) // 2
        kept = log.head(stream, middle)
        head = heads.parse(kept.entry.head) if kept else None
        if not isinstance(head, Head) or int(head.time_ns) < since_ns:
            low = middle + 1
        else:
            high = middle
    return low
