"""Where a stream of blocks is taken up again after bytes that are none."""

from __future__ import annotations

from manara.feeds.asterix.definitions import CATEGORIES

RESYNC_BYTES_MAX = 8192  # a longer block is not believed there


def next_head(data: bytes, pos: int) -> int:
    """The next place that may be the head of a block, or where fewer than three bytes remain.

    >>> next_head(bytes.fromhex("ffff00003000041122"), 0)
    4
    """
    while len(data) - pos >= 3:
        length = data[pos + 1] << 8 | data[pos + 2]
        if data[pos] in CATEGORIES and 4 <= length <= RESYNC_BYTES_MAX:
            return pos
        pos += 1
    return pos
