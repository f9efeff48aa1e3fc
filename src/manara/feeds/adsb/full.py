"""Every field of every frame, by rs1090, with the positions of our own stage beside them.

rs1090 pairs odd and even frames only within one call and panics on what is not hexadecimal: it sees single frames of
14 or 28 digits only, which come here as bytes, so that nothing else can reach it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import rs1090
from numpy.typing import NDArray

from manara.feeds.adsb import avr, beast, modes_jsonl
from manara.feeds.adsb.mode_s import ModeS, Rejects
from manara.feeds.decoder import Options
from manara.records.batch import Batch
from manara.records.reject import Reject


class _Listener(ModeS):
    """A stage that also keeps each frame and what became of it."""

    def __init__(self, options: Options, step_min_s: float = 0.0) -> None:
        super().__init__(options, step_min_s)
        self.heard: list[dict[str, Any] | Reject] = []

    def advance(
        self,
        frames: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        time_ns: NDArray[np.int64],
        clock_ns: NDArray[np.int64],
        received_ns: int,
        flags: int,
        rejects: Rejects,
    ) -> Batch:
        """As the stage; keeps the frames."""
        already = len(rejects.kept)
        batch = super().advance(frames, sizes, time_ns, clock_ns, received_ns, flags, rejects)
        rows = [decoded(frames[i, : sizes[i]].tobytes()) for i in range(len(sizes))]
        places = zip(self.placed.tolist(), batch.reports.lat_rad.tolist(), batch.reports.lon_rad.tolist(), strict=True)
        at = {frame: (lat, lon) for frame, lat, lon in places if not math.isnan(lat)}
        for i, row in enumerate(rows):
            if isinstance(row, dict):
                row["time_ns"] = int(time_ns[i])
                if i in at:
                    row["latitude"], row["longitude"] = math.degrees(at[i][0]), math.degrees(at[i][1])
            self.heard.append(row)
        self.heard += rejects.kept[:already]
        return batch


def decoded(frame: bytes) -> dict[str, Any] | Reject:
    """All that rs1090 reads in one frame.

    >>> decoded(bytes.fromhex("8d4840d6202cc371c32ce0576098"))["callsign"]
    'KLM1023'
    """
    if len(frame) not in (7, 14):
        return Reject("wrong_length", frame, "7 or 14 bytes are needed")
    row: Any = rs1090.decode(frame.hex())  # None where it refuses, which its types do not say
    if not isinstance(row, dict):
        return Reject("bad_crc", frame, "parity does not fit, or no format that rs1090 knows")
    return {"frame": frame.hex()} | row


def _stream(data: bytes, decoder: Any, options: Options, step: int) -> Iterator[dict[str, Any] | Reject]:
    listener = decoder.stage = _Listener(options)
    for at in range(0, len(data), step):
        decoder.advance(data[at : at + step], 0)
        yield from listener.heard
        listener.heard.clear()
    last = decoder.finish(0)
    yield from listener.heard
    yield from (reject for reject in last.rejects if reject not in listener.heard)


def beast_full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    """Every frame of a Beast recording."""
    return _stream(data, beast.BeastDecoder(options), options, 1 << 16)


def avr_full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    """Every line of an AVR recording."""
    return _stream(data, avr.AvrDecoder(options), options, 1 << 16)


def modes_jsonl_full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    """Every line of a recording of JSON lines."""
    return _stream(data, modes_jsonl.ModesJsonlDecoder(options), options, 1 << 16)
