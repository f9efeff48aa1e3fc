"""Beast binary (TCP 30005), the form in which receivers pass on whole frames with a counter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from manara.feeds.adsb.mode_s import ModeS, Rejects
from manara.feeds.decoder import Options, Plain
from manara.kernels import beast as kernel
from manara.records.batch import Batch, join
from manara.records.reports import Flag

PIECE = 1 << 18  # bytes decoded at once: bounds the memory of a large file


class Unwrapped:
    """The records of some bytes."""

    def __init__(self, data: bytes, noisy: bool) -> None:
        room = len(data) // 2 + 1
        self.kinds = np.zeros(room, dtype=np.uint8)
        self.ticks = np.zeros(room, dtype=np.int64)
        self.frames = np.zeros((room, 14), dtype=np.uint8)
        self.ends = np.zeros(room, dtype=np.int64)
        raw = np.frombuffer(data, dtype=np.uint8)
        n, self.used, self.noisy = kernel.unwrap(raw, noisy, self.kinds, self.ticks, self.frames, self.ends)
        self.kinds, self.ticks, self.ends = self.kinds[:n], self.ticks[:n], self.ends[:n]
        self.frames = self.frames[:n]


class BeastDecoder:
    """Beast binary to a Batch. The option ``editions = {"beast": "gps"}`` says that a Radarcape sends UTC."""

    def __init__(self, options: Options) -> None:
        self.stage = ModeS(options)
        self.gps = options.editions.get("beast") == "gps"
        self.rest = b""
        self.noisy = False
        self.clock = np.zeros(kernel.CLOCK, dtype=np.int64)

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode some bytes; the beginning of a frame waits for its end, at most 57 bytes."""
        out = [self._piece(data[at : at + PIECE], received_ns) for at in range(0, len(data), PIECE)]
        if whole:
            out.append(self.finish(received_ns))
        return join(out or [Batch()])

    def finish(self, received_ns: int) -> Batch:
        """What still waits is a frame cut short."""
        rejects = Rejects()
        if self.rest:
            rejects.add("truncated", self.rest, "the feed ended inside a frame", received_ns)
        self.rest, self.noisy = b"", False
        return Batch(rejects=tuple(rejects.kept), reject_counts=rejects.counts)

    def _piece(self, data: bytes, received_ns: int) -> Batch:
        data = self.rest + data
        found = Unwrapped(data, self.noisy)
        self.rest, self.noisy = data[found.used :], found.noisy
        rejects = Rejects()
        _note(data, found, received_ns, rejects)
        good = np.flatnonzero((found.kinds == kernel.SHORT) | (found.kinds == kernel.LONG))
        clock_ns, time_ns = self._times(found.ticks[good], received_ns)
        sizes = np.where(found.kinds[good] == kernel.LONG, 14, 7)
        flags = 0 if self.gps else int(Flag.TIME_ASSUMED)
        batch = self.stage.advance(found.frames[good], sizes, time_ns, clock_ns, received_ns, flags, rejects)
        others = {"mode_ac": kernel.MODE_AC, "receiver_status": kernel.STATUS, "receiver_place": kernel.PLACE}
        counts = {word: int(np.count_nonzero(found.kinds == kind)) for word, kind in others.items()}
        return join([batch, Batch(counts={word: n for word, n in counts.items() if n})])

    def _times(self, ticks: NDArray[np.int64], received_ns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        clock_ns, time_ns = np.empty_like(ticks), np.empty_like(ticks)
        if self.gps:
            kernel.gps_time(ticks, received_ns, time_ns)
            return time_ns, time_ns
        kernel.steady(ticks, received_ns, self.clock, clock_ns, time_ns)
        return clock_ns, time_ns

    def dump(self) -> Plain:
        """The whole state."""
        return {"sky": self.stage.sky.dump(), "rest": self.rest, "noisy": self.noisy, "clock": self.clock.tolist()}

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self.stage.sky.load(state["sky"])
        self.rest, self.noisy = state["rest"], state["noisy"]
        self.clock = np.array(state["clock"], dtype=np.int64)


def _note(data: bytes, found: Unwrapped, received_ns: int, rejects: Rejects) -> None:
    """Count what was no frame."""
    for i in np.flatnonzero(found.kinds <= kernel.TRUNCATED).tolist():
        end = int(found.ends[i])
        if found.kinds[i] == kernel.NOISE:
            rejects.add("noise", data[end : end + 32], "bytes between frames", received_ns)
        else:
            rejects.add("truncated", data[max(0, end - 32) : end], "another frame began inside", received_ns)


def guess(head: bytes) -> float:
    """How sure: the share of the bytes that whole Beast frames cover."""
    found = Unwrapped(head[:8192], False)
    whole = found.kinds >= kernel.MODE_AC
    if not whole.any():
        return 0.0
    noise = int(np.count_nonzero(~whole))
    return float(np.count_nonzero(whole)) / (float(np.count_nonzero(whole)) + 2.0 * noise) * 0.99


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(offset behind, counter in ns) of each frame. The counter's zero is not known: only differences mean anything."""
    base, noisy = 0, False
    while base < len(data):
        found = Unwrapped(data[base : base + PIECE], noisy)
        for i in np.flatnonzero(found.kinds >= kernel.MODE_AC).tolist():
            tick = int(found.ticks[i])
            timed = tick not in (0, 0xFF004D4C4154)
            yield base + int(found.ends[i]), tick * 250 // 3 if timed else None
        base, noisy = base + max(found.used, 1), found.noisy
