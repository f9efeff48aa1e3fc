"""The journal: the only source of truth. Segments of frames; written by group commit, read from any position.

Reading never skips in silence. It ends with an ``End`` that says where, and why there: the end of the journal, a
torn tail (the write that a crash cut; nobody was told that it was kept), or damage (bytes that had been synced and
are not readable any more).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from manara.node.durable import frames
from manara.node.durable.disk import Disk, DiskError
from manara.node.durable.frames import About, Head, Header, Record, Verdict

SEGMENT_BYTES = 64 << 20
LOOK_BYTES = 128 << 20  # of a segment, for something sound behind what is not; a sparse file states any size

_NAME = re.compile(r"journal-(\d{20})\.mnj")


@dataclass(frozen=True)
class Position:
    """A place in the journal: behind the last byte of a frame, or at the start of a segment (offset 0)."""

    segment: str
    offset: int


@dataclass(frozen=True)
class Damage:
    """Bytes that had been kept and cannot be read. ``why``: checksum, header, gap, undecodable, short_journal."""

    why: str
    segment: str
    offset: int
    detail: str = ""

    def __str__(self) -> str:
        return f"journal damaged ({self.why}) in {self.segment} at byte {self.offset}: {self.detail}"


@dataclass(frozen=True)
class End:
    """Where reading ended. ``position`` lies behind the last good frame, None when there is no segment at all;
    ``seed`` and ``about`` are those of its segment. ``torn_bytes`` behind it are to be cut off."""

    position: Position | None = None
    next_sequence: int = 1
    torn_bytes: int = 0
    torn_segment: str = ""
    damage: Damage | None = None
    seed: int = 0
    about: About | None = None


def segment_name(first: int) -> str:
    """Name of the segment whose first record has this sequence.

    >>> segment_name(1)
    'journal-00000000000000000001.mnj'
    """
    return f"journal-{first:020d}.mnj"


def segments(disk: Disk) -> list[tuple[int, str]]:
    """(first sequence, name) of all segments, oldest first."""
    found = [(match, name) for name in disk.names() if (match := _NAME.fullmatch(name))]
    return sorted((int(match[1]), name) for match, name in found)


class Journal:
    """The writing end. ``append`` collects records, ``commit`` writes them as one frame and syncs; what a returned
    ``commit`` has kept is never lost. After a refused write the bytes are taken back; when even that fails, or a
    sync failed, the journal stays ``broken`` and must be recovered from what the disk truly holds."""

    def __init__(self, disk: Disk, about: About, end: End, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._disk = disk
        self._about = about
        # A segment without records keeps its header even under another build: its name is the one we would need.
        bare = end.position is not None and end.position.segment == segment_name(end.next_sequence)
        stays = end.position if end.about == about or bare else None
        self._segment, self._offset = (stays.segment, stays.offset) if stays else ("", 0)
        self._seed = end.seed
        self._segment_bytes = segment_bytes
        self._pending: list[tuple[int, int, Sequence[bytes]]] = []
        self.next_sequence = end.next_sequence
        self.bytes_written = 0
        self.broken: DiskError | None = None

    @property
    def position(self) -> Position:
        """Behind the last committed frame."""
        return Position(self._segment, self._offset)

    def append(self, now_ns: int, inputs: Sequence[bytes]) -> int:
        """Take one record (inputs as ``frames.encode_input`` gave them); its sequence. Nothing is written yet."""
        sequence = self.next_sequence + len(self._pending)
        self._pending.append((sequence, now_ns, inputs))
        return sequence

    def commit(self) -> Position:
        """Write and sync what was appended. On DiskError nothing of it counts, and it is no longer pending."""
        pending, self._pending = self._pending, []
        if pending:
            self._write(frames.INPUTS, frames.encode_records(pending), pending[0][0], pending[0][1])
            self.next_sequence += len(pending)
        return self.position

    def commit_verdict(self, verdict: Verdict, now_ns: int) -> None:
        """Write and sync how a poisoned record is run from now on."""
        self._write(frames.VERDICT, frames.encode_verdict(verdict), self.next_sequence, now_ns)

    def _write(self, marker: bytes, payload: bytes, first: int, now_ns: int) -> None:
        if self.broken is not None:
            raise self.broken
        segment, offset, seed, head = self._segment, self._offset, self._seed, b""
        if not segment or offset + frames.HEAD_BYTES + len(payload) > self._segment_bytes:
            segment, offset = segment_name(first), 0
            header = Header(frames.VERSION, first, now_ns, self._about)
            head = frames.build_frame(frames.HEADER, frames.encode_header(header))
            seed = int.from_bytes(head[12:16], "little")
        written = head + frames.build_frame(marker, payload, seed)
        self._put(segment, offset, written)
        self._segment, self._offset, self._seed = segment, offset + len(written), seed
        self.bytes_written += len(written)

    def _put(self, segment: str, offset: int, data: bytes) -> None:
        try:
            self._disk.append(segment, data)
        except DiskError as error:
            self._take_back(segment, offset, error)
            raise
        try:
            self._disk.sync(segment)
        except DiskError as error:
            self._take_back(segment, offset, error)
            self.broken = error
            raise

    def _take_back(self, segment: str, offset: int, cause: DiskError) -> None:
        try:
            if offset:
                self._disk.truncate(segment, offset)
                self._disk.sync(segment)
            elif segment in self._disk.names():
                self._disk.remove(segment)
        except DiskError:
            self.broken = cause


def read(disk: Disk, start: Position | None = None, after: int = 0) -> Iterator[Record | Verdict | End]:
    """Records with a sequence above ``after`` and all verdicts, in the order written; the last value is the End.

    ``start``: a position from a snapshot, None for the beginning; ``after`` is the sequence it reflects. Records must
    follow one another without a gap; the first one may have any sequence (what lies before was pruned) unless
    ``after`` says what comes before it.
    """
    expected = after + 1 if after else 0
    for found in _walk(disk, start, after):
        if isinstance(found, End):
            yield replace(found, next_sequence=expected or 1)
            return
        decoded = _decode(found)
        why, detail = ("undecodable", decoded) if isinstance(decoded, str) else _gap(decoded, expected, after)
        if isinstance(decoded, str) or why:
            segment = found.behind.segment
            yield End(Position(segment, found.at), expected or 1, damage=Damage(why, segment, found.at, detail))
            return
        for one in decoded:
            if isinstance(one, Verdict):
                yield one
            elif one.sequence > after:
                yield one
                expected = one.sequence + 1


def settle(disk: Disk, end: End) -> None:
    """Before anything is built on what was read: cut a torn tail off and sync the rest. A process that was killed
    between write and sync leaves bytes that can be read and would not outlive a power cut."""
    position = end.position
    if end.torn_bytes and (position is None or position.segment != end.torn_segment):
        disk.remove(end.torn_segment)
    elif end.torn_bytes and position is not None:
        disk.truncate(position.segment, position.offset)
    if position is not None:
        disk.sync(position.segment)


def prune(disk: Disk, before: int) -> list[str]:
    """Remove the segments that hold only records before this sequence; the last segment always stays."""
    found = segments(disk)
    gone = [name for (_, name), (following, _) in pairwise(found) if following <= before]
    for name in gone:
        disk.remove(name)
    return gone


def set_aside(disk: Disk, damage: Damage) -> list[str]:
    """After a person has decided to go on without them: keep the damaged bytes and all that follows under names
    that the journal does not read, and end the journal before the damage. Their new names."""
    kept = []
    for _, name in segments(disk):
        if name == damage.segment and damage.offset:
            rest = f"{name}.at-{damage.offset}.damaged"
            disk.write_whole(rest, disk.read(name, damage.offset, disk.size(name) - damage.offset))
            disk.truncate(name, damage.offset)
            disk.sync(name)
            kept.append(rest)
        elif name >= damage.segment:
            disk.rename(name, f"{name}.damaged")
            kept.append(f"{name}.damaged")
    return kept


def read_header(disk: Disk, name: str) -> Header | str:
    """The header of a segment: build, machine, when; or why it cannot be read."""
    found = _frame(disk, name, 0, disk.size(name), 0)
    if isinstance(found, str):
        return found
    return frames.decode_header(found.payload) if found.head.marker == frames.HEADER else "no header"


@dataclass(frozen=True)
class _Found:
    """One sound frame: its head, its payload, where it begins and what lies behind it."""

    head: Head
    payload: bytes
    at: int
    behind: Position


class _Opened(NamedTuple):
    end: End


def _decode(found: _Found) -> tuple[Record, ...] | tuple[Verdict] | str:
    if found.head.marker == frames.VERDICT:
        verdict = frames.decode_verdict(found.payload)
        return verdict if isinstance(verdict, str) else (verdict,)
    return frames.decode_records(found.payload)


def _gap(decoded: tuple[Record, ...] | tuple[Verdict], expected: int, after: int) -> tuple[str, str]:
    for one in decoded:
        if isinstance(one, Verdict) or one.sequence <= after:
            continue
        if expected and one.sequence != expected:
            return "gap", f"sequence {one.sequence} where {expected} must stand"
        expected = one.sequence + 1
    return "", ""


def _walk(disk: Disk, start: Position | None, after: int) -> Iterator[_Found | End]:
    """Sound frames of all segments from ``start`` on, then the End."""
    todo = _from(segments(disk), start, after)
    end = End()
    if start and (not todo or todo[0][1] != start.segment):
        yield replace(end, damage=Damage("short_journal", start.segment, 0, "a snapshot names it and it is not there"))
        return
    for i, (first, name) in enumerate(todo):
        last = i == len(todo) - 1
        size = disk.size(name)
        opened = _open(disk, name, first, size, end, last)
        if isinstance(opened, End):
            yield opened if opened.damage or not start or start.segment != name else _short(end, start, size)
            return
        end = opened.end
        if start and start.segment == name:
            end = replace(end, position=start)
        if end.position is not None and end.position.offset > size:
            yield _short(end, end.position, size)
            return
        for found in _walk_segment(disk, end, size, last):
            if isinstance(found, End):
                yield found
                return
            yield found
            end = replace(end, position=found.behind)
    yield end


def _walk_segment(disk: Disk, end: End, size: int, last: bool) -> Iterator[_Found | End]:
    """The frames of one segment; an End only when it is not sound to its last byte."""
    name, at = (end.position.segment, end.position.offset) if end.position else ("", size)
    while at < size:
        found = _frame(disk, name, at, size, end.seed)
        if isinstance(found, str):
            yield _bad(disk, replace(end, position=Position(name, at)), size, last, found)
            return
        yield found
        at = found.behind.offset


def _open(disk: Disk, name: str, first: int, size: int, end: End, last: bool) -> _Opened | End:
    """Where the frames of this segment begin; or the End because it has no sound header."""
    head = _frame(disk, name, 0, size, 0)
    if isinstance(head, str):
        if last and not _anything_sound(disk, name, size):
            return _torn(end, name, size)
        return replace(end, damage=Damage("header", name, 0, f"header not sound ({head})"))
    header = frames.decode_header(head.payload)
    if isinstance(header, str) or header.first != first:
        why = header if isinstance(header, str) else f"the header says first sequence {header.first}"
        return replace(end, damage=Damage("header", name, 0, why))
    return _Opened(
        End(head.behind, seed=head.head.check, about=header.about),
    )


def _anything_sound(disk: Disk, name: str, size: int) -> bool:
    """Is there a sound frame behind an unsound header? Its seed is the header's checksum: as it stands there, or,
    when that is what rotted, as the header's bytes give it."""
    data = disk.read(name, 0, min(size, LOOK_BYTES))
    length, stated = (int.from_bytes(data[at : at + 4], "little") for at in (4, 12))
    counted = frames.build_head(frames.HEADER, data[frames.HEAD_BYTES : frames.HEAD_BYTES + length])[12:16]
    return any(frames.find_sound(data, seed) >= 0 for seed in (stated, int.from_bytes(counted, "little")))


def _short(end: End, position: Position, size: int) -> End:
    detail = f"a snapshot reflects it up to byte {position.offset}, and it has {size}"
    return replace(end, position=None, damage=Damage("short_journal", position.segment, size, detail))


def _from(found: list[tuple[int, str]], start: Position | None, after: int) -> list[tuple[int, str]]:
    """The segments to read: from that of ``start``, or from the one that must hold the record after ``after``."""
    if start and any(name == start.segment for _, name in found):
        return [(first, name) for first, name in found if name >= start.segment]
    holding = [first for first, _ in found if first <= after + 1]
    return [(first, name) for first, name in found if not holding or first >= holding[-1]]


def _frame(disk: Disk, name: str, at: int, size: int, seed: int) -> _Found | str:
    head = frames.parse_head(disk.read(name, at, frames.HEAD_BYTES), seed)
    if isinstance(head, str):
        return head
    if (head.marker == frames.HEADER) != (at == 0):
        return "marker"
    behind = at + frames.HEAD_BYTES + head.length
    if behind > size:
        return "short"
    payload = disk.read(name, at + frames.HEAD_BYTES, head.length)
    return _Found(head, payload, at, Position(name, behind)) if frames.sound(head, payload, seed) else "checksum"


def _bad(disk: Disk, end: End, size: int, last: bool, why: str) -> End:
    name, at = (end.position.segment, end.position.offset) if end.position else ("", 0)
    if last and frames.find_sound(disk.read(name, at, min(size - at, LOOK_BYTES)), end.seed) < 0:
        return _torn(end, name, size - at)
    return replace(end, damage=Damage("checksum", name, at, f"frame not sound ({why}), and it is not the last one"))


def _torn(end: End, name: str, torn_bytes: int) -> End:
    # An empty file leaves nothing to count, yet it must go: the name stands for a first sequence.
    return replace(end, torn_bytes=max(torn_bytes, 1), torn_segment=name)
