"""Frames with a checksum in append-only files of the host, and where such a file ends soundly.

::

    file  = header frame (its payload begins with 4 random bytes: the seed), then frames
    frame = marker (4) │ length of payload │ CRC-32 of payload │ CRC-32 of these 12 bytes │ payload
            (u32, little-endian)

All checksums behind the header start from the seed: what somebody shaped like a frame inside a payload does not pass.
Against accidents only; who may write in the folder is met by the log's hashes, not by these.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

PAYLOAD_BYTES = 256 << 20
HEAD_BYTES = 16
SEED_BYTES = 4

_HEAD = struct.Struct("<4sIII")

Read = Callable[[int, int], bytes]  # offset, how many


class Frame(NamedTuple):
    """A sound frame: where it begins, and its payload."""

    marker: bytes
    at: int
    payload: bytes

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.at + HEAD_BYTES + len(self.payload)


class Stop(NamedTuple):
    """Where sound frames end. ``why``: "" at the end of the file; "torn": nothing sound lies behind, a write that a
    crash cut; "damaged": bytes that were kept cannot be read."""

    at: int
    why: str


def build(marker: bytes, payload: bytes, seed: int = 0) -> bytes:
    """One frame.

    >>> build(b"MNXX", b"", 0).hex(" ", 4)
    '4d4e5858 00000000 00000000 4a676e32'
    """
    if len(payload) > PAYLOAD_BYTES:
        raise ValueError(f"a frame holds at most {PAYLOAD_BYTES} bytes, not {len(payload)}")
    head = _HEAD.pack(marker, len(payload), zlib.crc32(payload, seed), 0)[:12]
    return head + zlib.crc32(head, seed).to_bytes(4, "little") + payload


def seed_of(header: bytes) -> int:
    """The seed that the payload of a header frame begins with."""
    return int.from_bytes(header[:SEED_BYTES], "little")


def read_one(read: Read, at: int, size: int, seed: int) -> Frame | None:
    """The sound frame that begins there, or None."""
    head = read(at, HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    marker, length, crc, check = _HEAD.unpack(head)
    if zlib.crc32(head[:12], seed) != check or length > min(PAYLOAD_BYTES, size - at - HEAD_BYTES):
        return None
    payload = read(at + HEAD_BYTES, length)
    return Frame(marker, at, payload) if len(payload) == length and zlib.crc32(payload, seed) == crc else None


def walk(read: Read, size: int) -> Iterator[Frame | Stop]:
    """The frames of a file, the header first, then the Stop."""
    at, seed = 0, 0
    while at < size:
        found = read_one(read, at, size, seed)
        if found is None:
            yield Stop(at, "damaged" if _sound_behind(read(at, size - at), at, seed) else "torn")
            return
        if at == 0:
            seed = seed_of(found.payload)
        yield found
        at = found.end
    yield Stop(at, "")


def _sound_behind(data: bytes, at: int, seed: int) -> bool:
    """Is there a sound frame anywhere in these bytes? A header that rotted still shows its seed, mostly."""
    seeds = [seed] if at else [seed_of(data[HEAD_BYTES:])]
    place = data.find(b"MN", 1)
    while place >= 0:
        for one in seeds:
            if read_one(lambda a, n: data[a : a + n], place, len(data), one) is not None:
                return True
        place = data.find(b"MN", place + 1)
    return False
