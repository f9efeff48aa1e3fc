"""Lines of JSON that carry a raw frame and its time, as jet1090 writes them: ``{"timestamp": …, "frame": "8d…", …}``.

Only these two are read: what else such a line says was decoded by somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import numpy as np

from manara.feeds.adsb.lines import LineDecoder, Lines
from manara.feeds.adsb.mode_s import ModeS, Rejects
from manara.feeds.decoder import Options, Plain
from manara.records.batch import Batch

LONGEST = 65_536
TIME_MAX_S = 4.0e9  # year 2096: int64 nanoseconds hold it
_HEX = re.compile(r"[0-9A-Fa-f]{14}|[0-9A-Fa-f]{28}")


class Line(msgspec.Struct):
    """What is read of a line."""

    timestamp: float
    frame: str


_DECODER = msgspec.json.Decoder(Line)


def parse(line: bytes) -> tuple[int, bytes] | str:
    """Time in ns and frame of a line, or why not."""
    try:
        row = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "not_json"
    if not _HEX.fullmatch(row.frame):
        return "not_hex"
    if not 0.0 < row.timestamp < TIME_MAX_S:
        return "bad_time"
    return round(row.timestamp * 1e6) * 1000, bytes.fromhex(row.frame)


class ModesJsonlDecoder(LineDecoder):
    """JSON lines of frames to a Batch; the times are the receiver's own."""

    def __init__(self, options: Options) -> None:
        self.stage = ModeS(options)
        self.lines = Lines(LONGEST)

    def _decode(self, lines: list[bytes], received_ns: int, rejects: Rejects) -> Batch:
        raw: list[bytes] = []
        sizes: list[int] = []
        times: list[int] = []
        for line in lines:
            found = parse(line)
            if isinstance(found, str):
                rejects.add(found, line, "a line needs a timestamp and a frame of 14 or 28 digits", received_ns)
                continue
            times.append(found[0])
            sizes.append(len(found[1]))
            raw.append(found[1].ljust(14, b"\0"))
        frames = np.frombuffer(bytearray(b"".join(raw)), dtype=np.uint8).reshape(-1, 14)
        time_ns = np.array(times, dtype=np.int64)
        size = np.array(sizes, dtype=np.int64)
        return self.stage.advance(frames, size, time_ns, time_ns, received_ns, 0, rejects)

    def dump(self) -> Plain:
        """The whole state."""
        return {"sky": self.stage.sky.dump(), "rest": self.lines.rest, "skipping": self.lines.skipping}

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self.stage.sky.load(state["sky"])
        self.lines.rest, self.lines.skipping = state["rest"], state["skipping"]


def guess(head: bytes) -> float:
    """How sure: the share of whole lines that carry a frame."""
    lines = [line for line in head[:65536].split(b"\n")[:-1] if line.strip()][:100] or [head.strip()]
    return 0.98 * sum(1 for line in lines if not isinstance(parse(line), str)) / len(lines)


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(offset behind, time or None) of each line."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        found = parse(data[at:end]) if end - at <= LONGEST else ""
        yield end, None if isinstance(found, str) else found[0]
        at = end
