"""AVR raw (TCP 30002): one frame a line in hexadecimal, ``*…;``, with a counter ``@…;``, with signal ``<…;``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from manara.feeds.adsb.lines import LineDecoder, Lines
from manara.feeds.adsb.mode_s import ModeS, Rejects
from manara.feeds.decoder import Options, Plain
from manara.kernels import aircraft
from manara.kernels import beast as kernel
from manara.records.batch import Batch
from manara.records.reports import Flag

LONGEST = 256
_LINE = re.compile(rb"(?:\*|@([0-9A-Fa-f]{12})|<([0-9A-Fa-f]{12})[0-9A-Fa-f]{2})([0-9A-Fa-f]{14}|[0-9A-Fa-f]{28});?\s*")
_MODE_AC = re.compile(rb"(?:\*|@[0-9A-Fa-f]{12}|<[0-9A-Fa-f]{14})[0-9A-Fa-f]{4};?\s*")
STEP_MIN_S = 10.0  # of lines without a counter: a recording read at once has them all at one time


class AvrDecoder(LineDecoder):
    """AVR lines to a Batch."""

    def __init__(self, options: Options) -> None:
        self.stage = ModeS(options)
        self.lines = Lines(LONGEST)
        self.clock = np.zeros(kernel.CLOCK, dtype=np.int64)
        self.timed = -1  # the first frame says whether lines carry a counter

    def _decode(self, lines: list[bytes], received_ns: int, rejects: Rejects) -> Batch:
        raw: list[bytes] = []
        ticks: list[int] = []
        sizes: list[int] = []
        mode_ac = 0
        for line in lines:
            match = _LINE.fullmatch(line)
            if match is None:
                if _MODE_AC.fullmatch(line):
                    mode_ac += 1
                else:
                    rejects.add("not_hex", line, "not * or @, 14 or 28 hexadecimal digits, ;", received_ns)
                continue
            ticks.append(int(match[1] or match[2] or b"0", 16))
            frame = bytes.fromhex(match[3].decode())
            sizes.append(len(frame))
            raw.append(frame.ljust(14, b"\0"))
        batch = self._advance(b"".join(raw), sizes, ticks, received_ns, rejects)
        return replace(batch, counts={**batch.counts, "mode_ac": mode_ac}) if mode_ac else batch

    def _advance(self, raw: bytes, sizes: list[int], ticks: list[int], received_ns: int, rejects: Rejects) -> Batch:
        counter = np.array(ticks, dtype=np.int64)
        clock_ns, time_ns = np.empty_like(counter), np.empty_like(counter)
        kernel.steady(counter, received_ns, self.clock, clock_ns, time_ns)
        if self.timed < 0 and ticks:
            self.timed = int(ticks[0] != 0)
        self.stage.sky.settings[aircraft.STEP_MIN_S] = STEP_MIN_S if self.timed == 0 else 0.0
        frames = np.frombuffer(bytearray(raw), dtype=np.uint8).reshape(-1, 14)
        size = np.array(sizes, dtype=np.int64)
        return self.stage.advance(frames, size, time_ns, clock_ns, received_ns, int(Flag.TIME_ASSUMED), rejects)

    def dump(self) -> Plain:
        """The whole state."""
        return {
            "sky": self.stage.sky.dump(),
            "rest": self.lines.rest,
            "skipping": self.lines.skipping,
            "clock": self.clock.tolist(),
            "timed": self.timed,
        }

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self.stage.sky.load(state["sky"])
        self.lines.rest, self.lines.skipping = state["rest"], state["skipping"]
        self.clock = np.array(state["clock"], dtype=np.int64)
        self.timed = state["timed"]


def guess(head: bytes) -> float:
    """How sure: the share of whole lines that are AVR."""
    lines = [line for line in head[:65536].split(b"\n")[:-1] if line.strip()][:200] or [head.strip()]
    good = sum(1 for line in lines if _LINE.fullmatch(line) or _MODE_AC.fullmatch(line))
    return 0.98 * good / len(lines)


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(offset behind, counter in ns or None) of each line."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        match = _LINE.match(data, at, min(end, at + LONGEST))
        ticks = int(match[1] or match[2] or b"0", 16) if match else 0
        yield end, ticks * 250 // 3 if ticks else None
        at = end
