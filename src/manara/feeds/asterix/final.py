"""FINAL recordings unwrapped: frames of ASTERIX blocks with the time at which a recorder wrote them.

::

    length 2 (all of the frame), board 1, line 1, day of the recording 1, time of day 3 (1/100 s), blocks, 4 x 0xA5

Source: the published sources of the recorder's reader (Croatia Control, 2009); big endian throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from manara.feeds.decoder import Plain
from manara.records.reject import KEPT_BYTES, Reject

HEAD_BYTES = 8
PADDING = b"\xa5\xa5\xa5\xa5"
FRAME_BYTES_MIN = HEAD_BYTES + 3 + len(PADDING)
DAY_NS = 86_400_000_000_000
TICK_NS = 10_000_000


@dataclass
class Frames:
    """What some bytes held: the blocks of each frame, its time from midnight of the first day, and what was refused."""

    payloads: list[bytes] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    others: int = 0


class FinalReader:
    """Takes a recording in pieces of any size; after bytes that are no frame it goes on at the next that is one."""

    def __init__(self) -> None:
        self._waiting = b""
        self._at = 0
        self._lost = b""
        self._lost_bytes = 0

    def take(self, data: bytes) -> Frames:
        """The frames that these bytes complete."""
        frames = Frames()
        data = self._waiting + data
        pos = 0
        while pos + 2 <= len(data):
            size = int.from_bytes(data[pos : pos + 2], "big")
            if size >= FRAME_BYTES_MIN and pos + size > len(data):
                break
            if size < FRAME_BYTES_MIN or data[pos + size - 4 : pos + size] != PADDING:
                self._lost = (self._lost + data[pos : pos + 1])[:KEPT_BYTES]
                self._lost_bytes += 1
                pos += 1
                continue
            self._found_again(frames.rejects)
            frames.payloads.append(data[pos + HEAD_BYTES : pos + size - 4])
            ticks = int.from_bytes(data[pos + 5 : pos + 8], "big")
            frames.times_ns.append(data[pos + 4] * DAY_NS + ticks * TICK_NS)
            pos += size
            frames.ends.append(self._at + pos)
        self._at += pos
        self._waiting = data[pos:]
        return frames

    def finish(self) -> list[Reject]:
        """The recording ended; a frame that was cut is a reject."""
        rejects: list[Reject] = []
        self._found_again(rejects)
        waiting, self._waiting = self._waiting, b""
        if waiting:
            rejects.append(Reject("truncated", waiting[:KEPT_BYTES], "the recording ended inside a frame"))
        return rejects

    def _found_again(self, rejects: list[Reject]) -> None:
        if self._lost_bytes:
            rejects.append(Reject("bad_length", self._lost, f"{self._lost_bytes} bytes are no frame"))
            self._lost, self._lost_bytes = b"", 0

    def dump(self) -> Plain:
        """The whole state as plain values."""
        return {"waiting": self._waiting, "at": self._at, "lost": self._lost, "lost_bytes": self._lost_bytes}

    def load(self, state: Plain) -> None:
        """Take a state that ``dump`` gave."""
        self._waiting, self._at = state["waiting"], state["at"]
        self._lost, self._lost_bytes = state["lost"], state["lost_bytes"]
