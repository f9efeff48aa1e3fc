"""Where everything of a full segment lies, beside it: so that a start reads the newest segment and not the whole store.

::

    received-<n>.mnr is full ─▶ places-<n>.mnx: of each stream frames and times; hashes of rows that were erased

An index is made from its segment, says which it is of (size, seed) and is made anew where it is lost, damaged or of
another state. It names no row and opens none.
"""

from __future__ import annotations

import contextlib
import itertools
from array import array
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from manara.host import framed
from manara.host.received_frames import Gone, Places
from manara.node.durable.disk import Disk, DiskError

VERSION = 1
_MARKER = b"MNRX"


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Entries of one stream from ``first`` on: frame, time of receipt and time told of each (int64, little-endian)."""

    stream: str
    first: int
    frames: bytes
    came_ns: bytes
    told_ns: bytes


class Index(msgspec.Struct, frozen=True, array_like=True):
    """Of one segment, of which ``size`` and ``seed`` speak."""

    version: int
    size: int
    seed: int
    runs: tuple[Run, ...]
    gone: tuple[Gone, ...]


def write(disk: Disk, segment: str, number: int, seed: int, places: Mapping[str, Places], gone: Sequence[Gone]) -> None:
    """Of a segment that is full. A disk that refuses costs the next start some reading, nothing else."""
    runs = tuple(run for stream, one in places.items() for run in _runs(stream, one, number))
    index = Index(VERSION, disk.size(segment), seed, runs, tuple(gone))
    with contextlib.suppress(DiskError):
        disk.write_whole(_name(segment), framed.build(_MARKER, msgspec.msgpack.encode(index)))


def read(disk: Disk, segment: str, seed: int) -> Index | None:
    """None: there is none that speaks of the segment as it is now."""
    name = _name(segment)
    if name not in disk.names():
        return None
    size = disk.size(name)
    frame = framed.read_one(lambda at, n: disk.read(name, at, n), 0, size, 0)
    if frame is None or frame.marker != _MARKER or frame.end != size:
        return None
    try:
        index = msgspec.msgpack.decode(frame.payload, type=Index)
    except msgspec.MsgspecError:
        return None
    return index if (index.version, index.size, index.seed) == (VERSION, disk.size(segment), seed) else None


def take(index: Index, number: int, places: dict[str, Places]) -> None:
    """Put what an index says behind what is known of earlier segments. ``number``: of its segment."""
    for run in index.runs:
        known = places.setdefault(run.stream, Places(run.first))
        known.goes_on(run.first)
        for column, data in ((known.frames, run.frames), (known.came_ns, run.came_ns), (known.told_ns, run.told_ns)):
            column.extend(np.frombuffer(data, "<i8").tolist())
        known.segments.extend([number] * (len(run.frames) // 8))


def remove(disk: Disk, segment: str) -> None:
    """With its segment."""
    if _name(segment) in disk.names():
        disk.remove(_name(segment))


def newest_ns(number: int, places: Mapping[str, Places]) -> int:
    """When the last of a segment came; 0: it holds nothing."""
    found = 0
    for one in places.values():
        begin, end = _span(one, number)
        found = max([found, *one.came_ns[begin:end]])
    return found


def _runs(stream: str, one: Places, number: int) -> Iterator[Run]:
    """A run for each part that reaches into the segment."""
    begin, end = _span(one, number)
    cuts = [begin, *(at for _, at in one.parts if begin < at < end), end]
    for low, high in itertools.pairwise(cuts):
        if low < high:
            columns = (_bytes(column[low:high]) for column in (one.frames, one.came_ns, one.told_ns))
            yield Run(stream, one.offset(low), *columns)


def _span(one: Places, number: int) -> tuple[int, int]:
    """Entries are written in the order of segments, so those of one stand side by side."""
    segments = np.array(one.segments)
    return int(np.searchsorted(segments, number)), int(np.searchsorted(segments, number, side="right"))


def _bytes(column: array[int]) -> bytes:
    return np.array(column, "<i8").tobytes()


def _name(segment: str) -> str:
    return segment.replace("received-", "places-").replace(".mnr", ".mnx")
