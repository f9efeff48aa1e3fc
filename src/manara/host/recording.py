"""Recordings: files of any feed, cut into units with their times, merged on one time line."""

from __future__ import annotations

import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from manara.feeds import formats
from manara.host.problems import BadInput
from manara.records.columns import I8
from manara.records.inputs import Chunk, FeedState, Input

FILE_BYTES = 4 << 30
PIPE_BYTES = 256 << 20  # of a pipe, which does not say its size
UNPACK_BYTES = 1 << 20
BOMB_BYTES = 64 << 20  # a gzip may unpack to so much, however small it is,
BOMB_RATIO = 100  # or to so many times its size
DAY_NS = 86_400_000_000_000
WINDOW_NS = 250_000_000  # units of one window make one chunk
UNTIMED_PER_S = 500  # units a second when the recording holds no time at all


@dataclass(frozen=True, eq=False)
class Recording:
    """One file: its bytes, where each unit ends, and when each was heard (never falling)."""

    path: str
    format: str
    said: str  # what was guessed or assumed, for the operator
    data: bytes
    ends: I8
    times_ns: I8

    @property
    def start_ns(self) -> int:
        """Time of the first unit."""
        return int(self.times_ns[0])

    @property
    def end_ns(self) -> int:
        """Time of the last unit."""
        return int(self.times_ns[-1])


def read(path: Path) -> bytes:
    """A file's bytes, gunzipped where it is gzip. Raises BadInput."""
    try:
        if path.is_dir():
            raise BadInput("is a folder", str(path), "name the files in it, or `manara playback` for a node's folder")
        found = path.stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)):
            raise BadInput("is no file", str(path), "a device never ends; copy a part of it into a file")
        if found.st_size > FILE_BYTES:
            raise BadInput("larger than 4 GiB", str(path), "cut it into parts")
        with path.open("rb") as file:
            data = file.read(-1 if stat.S_ISREG(found.st_mode) else PIPE_BYTES + 1)
    except (OSError, ValueError) as fault:  # ValueError: a NUL in the name
        raise BadInput(f"cannot be read: {getattr(fault, 'strerror', None) or fault}", str(path)) from None
    if stat.S_ISFIFO(found.st_mode) and len(data) > PIPE_BYTES:
        raise BadInput("a pipe of more than 256 MiB", str(path), "write it to a file first")
    if data[:2] == b"\x1f\x8b":
        return _gunzip(data, path)
    return data


def _gunzip(data: bytes, path: Path) -> bytes:
    """In pieces: a bomb is seen by its ratio long before it fills the memory. Feeds pack four to thirty times."""
    most = min(FILE_BYTES, max(BOMB_BYTES, BOMB_RATIO * len(data)))
    pieces, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            while piece := packed.read(UNPACK_BYTES):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    break
    except (OSError, EOFError, zlib.error) as fault:
        raise BadInput(f"broken gzip: {fault}", str(path), "copy it again") from None
    if size > FILE_BYTES:
        raise BadInput("unpacks to more than 4 GiB", str(path), "cut it into parts")
    if size > most:
        raise BadInput(f"unpacks to more than {BOMB_RATIO} times its size", str(path), "a bomb? unpack it first")
    return b"".join(pieces)


def settle_format(data: bytes, path: str, wanted: str = "auto") -> tuple[str, str]:
    """Which format, and what was guessed. ``wanted``: auto, a format or a family. Raises BadInput."""
    among = formats.names(wanted)
    if not among:
        raise BadInput(f"unknown format {wanted!r}", "format", f"one of {', '.join(formats.table())}")
    if wanted in formats.table() and len(among) == 1:
        return wanted, ""
    if not data:
        raise BadInput("is empty", path)
    guessed = formats.guess(data, among)
    if guessed is None:
        if wanted in formats.table():
            return wanted, ""
        raise BadInput("format not recognised", path, f"say which of {', '.join(among)}")
    return guessed.name, guessed.said


def load(path: Path, wanted: str = "auto", day: str = "") -> Recording:
    """Read, guess, cut. ``day`` (YYYY-MM-DD): for recordings that hold only the time of day. Raises BadInput."""
    data = read(path)
    name, said = settle_format(data, str(path), wanted)
    cuts = list(formats.table()[name].cut(data))
    if not cuts:
        raise BadInput(f"holds nothing in the format {name}", str(path))
    ends = np.array([end for end, _ in cuts], np.int64)
    times, more = _times([t for _, t in cuts], path, day)
    if ends[-1] < len(data):
        ends = np.append(ends, len(data))
        times = np.append(times, times[-1])
    return Recording(str(path), name, "; ".join(x for x in (said, more) if x), data, ends, times)


def _times(said: list[int | None], path: Path, day: str) -> tuple[I8, str]:
    """Times that never fall; what is missing is carried on, or made from the file's date."""
    known = [t for t in said if t is not None]
    if not known:
        start = _midnight_ns(path, day)
        steps = np.arange(len(said), dtype=np.int64) * (1_000_000_000 // UNTIMED_PER_S)
        return start + steps, f"no times in it: {UNTIMED_PER_S} a second assumed"
    filled = np.array([-1 if t is None else t for t in said], np.int64)
    filled[0] = known[0] if filled[0] < 0 else filled[0]
    times = np.maximum.accumulate(filled)
    if times[-1] >= 366 * DAY_NS:
        return times, ""
    shown = datetime.fromtimestamp(_midnight_ns(path, day) / 1e9, UTC).date()
    why = "the day that was said" if day else "the date of the file (--date says another)"
    return times + _midnight_ns(path, day), f"only the time of day in it: {shown}, {why}"


def _midnight_ns(path: Path, day: str) -> int:
    if not day:
        return int(path.stat().st_mtime) * 1_000_000_000 // DAY_NS * DAY_NS
    try:
        return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    except ValueError:
        raise BadInput(f"not a date: {day!r}", "--date", "write it as YYYY-MM-DD") from None


def windows(recordings: list[Recording]) -> Iterator[tuple[int, tuple[Input, ...]]]:
    """The merged time line in ticks of one second: (time at the end of the tick, what was heard in it).

    Feeds are numbered in the order of the list. The last window says that each feed ended.
    """
    start = min(r.start_ns for r in recordings)
    end = max(r.end_ns for r in recordings)
    places = [0] * len(recordings)
    tick = 1_000_000_000
    now = start // tick * tick
    while now <= end:
        now += tick
        taken: list[Chunk] = []
        for feed, one in enumerate(recordings):
            places[feed] = _take(one, feed, places[feed], now, taken)
        if not taken:  # a gap: go to the tick before the next unit
            upcoming = [int(r.times_ns[p]) for r, p in zip(recordings, places, strict=True) if p < len(r.times_ns)]
            if upcoming and min(upcoming) - now > 60 * tick:
                yield now, ()
                now += (min(upcoming) - now) // tick * tick - tick
        yield now, tuple(sorted(taken, key=lambda c: c.received_ns))
    yield now + tick, tuple(FeedState(feed, "ended", "", now) for feed in range(len(recordings)))


def _take(one: Recording, feed: int, place: int, until_ns: int, taken: list[Chunk]) -> int:
    """Units up to ``until_ns`` as chunks of a quarter second each; gives the new place."""
    stop = int(np.searchsorted(one.times_ns, until_ns, side="left"))
    datagrams = formats.table()[one.format].datagrams
    while place < stop:
        last = place + 1
        if not datagrams:
            last = int(np.searchsorted(one.times_ns, one.times_ns[place] + WINDOW_NS, side="left"))
            last = max(place + 1, min(last, stop))
        begin = int(one.ends[place - 1]) if place else 0
        data = one.data[begin : int(one.ends[last - 1])]
        taken.append(Chunk(feed, data, int(one.times_ns[last - 1]), datagrams))
        place = last
    return place
