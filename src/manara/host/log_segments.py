"""The segments of the log on disk: append-only files of frames, one frame for each tick, and where everything stands.

::

    log-<epoch>-<first leaf>.mnl   header, then tick and cosignature frames
    log-….mnx                      where the ticks of a full segment stand; a projection, made anew when it is missing
    gone-….mng                     leaf hashes of rows of that segment, kept before their keys were erased

A header says what the log was before its segment: size, the right edge of its tree, the next place of each stream. So
opening reads the headers and the last segment, whatever the log's age.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from manara.host import framed
from manara.host.log_ticks import Gone, KeptTick, decode, encode
from manara.node.durable.disk import Disk, DiskError

SEGMENT_BYTES = 64 << 20
INDEXES_OPEN = 8
VERSION = 1

TICK, COSIGNED = b"MNLT", b"MNLC"
_HEADER, _INDEX, _GONE = b"MNLH", b"MNLX", b"MNLG"
_NAME = re.compile(r"log-(\d{4})-(\d{12})\.mnl")


class Header(msgspec.Struct, frozen=True, array_like=True):
    """``edge``: ledger.tree.Range.dump before the segment. ``statement``: of persons, that began this epoch.
    ``pruned``: of its ticks only heads and hashes are left."""

    version: int
    epoch: int
    first: int
    origin: str
    created_ns: int
    edge: bytes
    heads: dict[str, int]
    statement: bytes = b""
    pruned: bool = False


class Line(msgspec.Struct, frozen=True, array_like=True):
    """Where a tick stands, and what is asked of it without reading it."""

    at: int
    leaf: int
    tick_ns: int
    effect_id: int
    tree_root: bytes
    offsets: tuple[tuple[str, int], ...]


class Cosigned(msgspec.Struct, frozen=True, array_like=True):
    """A signature line of a witness over the checkpoint of this size."""

    size: int
    line: str


class Segment:
    """One file: its header, its seed, its length in bytes."""

    def __init__(self, name: str, header: Header, seed: int, size: int) -> None:
        self.name, self.header, self.seed, self.size = name, header, seed, size


class Index:
    """Where the ticks of a segment stand: in order, and by stream and place."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self.lines: list[Line] = []
        self.places: dict[tuple[str, int], Line] = {}
        for one in lines:
            self.add(one)

    def add(self, line: Line) -> None:
        """One more tick."""
        self.lines.append(line)
        self.places.update(dict.fromkeys(line.offsets, line))


_headers = msgspec.msgpack.Decoder(Header)
_lines = msgspec.msgpack.Decoder(tuple[Line, ...])
_cosigned = msgspec.msgpack.Decoder(Cosigned)
_gones = msgspec.msgpack.Decoder(Gone)
_pack = msgspec.msgpack.Encoder().encode


def epochs(disk: Disk) -> list[int]:
    """The epochs that have segments, ascending."""
    return sorted({int(found[1]) for name in disk.names() if (found := _NAME.fullmatch(name))})


class Segments:
    """The files of one epoch. After a refused write the bytes are taken back; when even that fails, or a sync failed,
    ``broken`` says so, and only opening anew shows what the disk truly holds."""

    def __init__(self, disk: Disk, epoch: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._disk, self.epoch, self._segment_bytes = disk, epoch, segment_bytes
        self.all: list[Segment] = []
        self.last = Index()  # of the last segment
        self.cosigned: list[Cosigned] = []  # in the last segment, oldest first
        self.broken: DiskError | None = None
        self._indexes: OrderedDict[str, Index] = OrderedDict()
        self._gone: OrderedDict[str, dict[int, list[Gone]]] = OrderedDict()

    def open(self) -> list[KeptTick]:
        """Read headers and the last segment; cut its torn tail. Gives the last segment's ticks without their rows."""
        names = [
            name for name in self._disk.names() if (found := _NAME.fullmatch(name)) and int(found[1]) == self.epoch
        ]
        for name in names:
            segment = self._segment(name, last=name == names[-1])
            if segment is not None:
                self.all.append(segment)
        ticks: list[KeptTick] = []
        if self.all:
            last = self.all[-1]
            for frame in self._frames(last, cut=True):
                if frame.marker == TICK:
                    kept = decode(frame.payload)
                    self.last.add(line_of(kept, frame.at))
                    ticks.append(msgspec.structs.replace(kept, packed=None))
                elif frame.marker == COSIGNED:
                    self.cosigned.append(_cosigned.decode(frame.payload))
            self._disk.sync(last.name)  # what a killed process left unsynced is readable, and must not be lost later
        return ticks

    def room(self, payload: int) -> bool:
        """Does a tick of so many bytes still belong in the last segment?"""
        return bool(self.all) and (not self.last.lines or self.all[-1].size + payload <= self._segment_bytes)

    def begin(self, header: Header) -> None:
        """A new segment; the one before is indexed. Nothing is synced before the first ``append``."""
        self._check()
        if self.all:
            self._keep_index(self.all[-1], self.last.lines)
        seed = secrets.token_bytes(framed.SEED_BYTES)
        segment = Segment(f"log-{header.epoch:04d}-{header.first:012d}.mnl", header, framed.seed_of(seed), 0)
        self._put(segment, framed.build(_HEADER, seed + _pack(header)), sync=False)
        self.all.append(segment)
        self.last, self.cosigned = Index(), []

    def append(self, kept: KeptTick, payload: bytes) -> None:
        """Put a tick behind the last one, and sync: once it returns the tick is kept."""
        self._check()
        segment = self.all[-1]
        at = segment.size
        self._put(segment, framed.build(TICK, payload, segment.seed), sync=True)
        self.last.add(line_of(kept, at))

    def note_cosigned(self, one: Cosigned) -> None:
        """Remember a cosignature; durable with the next tick (a witness can be asked again)."""
        self._check()
        segment = self.all[-1]
        self._put(segment, framed.build(COSIGNED, _pack(one), segment.seed), sync=False)
        self.cosigned.append(one)

    def index(self, number: int) -> Index:
        """Where the ticks of a segment stand."""
        if number in (-1, len(self.all) - 1):
            return self.last
        segment = self.all[number]
        found = self._indexes.get(segment.name)
        if found is None:
            lines = self._read_index(segment)
            if lines is None:
                frames = self._frames(segment, cut=False)
                lines = [line_of(decode(one.payload), one.at) for one in frames if one.marker == TICK]
                self._keep_index(segment, lines)
            found = self._indexes[segment.name] = Index(lines)
            while len(self._indexes) > INDEXES_OPEN:
                self._indexes.popitem(last=False)
        return found

    def of_leaf(self, leaf: int) -> tuple[int, Line] | None:
        """Segment and line of a leaf."""
        number = bisect_right(self.all, leaf, key=lambda one: one.header.first) - 1
        lines = self.index(number).lines if number >= 0 else []
        place = leaf - self.all[number].header.first
        return (number, lines[place]) if 0 <= place < len(lines) else None

    def of_offset(self, stream: str, offset: int) -> tuple[int, Line] | None:
        """Segment and line of the tick that holds this place of a stream."""
        number = bisect_right(self.all, offset, key=lambda one: one.header.heads.get(stream, 0)) - 1
        line = self.index(number).places.get((stream, offset)) if number >= 0 else None
        return (number, line) if line else None

    def tick(self, number: int, line: Line) -> KeptTick:
        """The tick of a line. Raises DiskError on damage."""
        segment = self.all[number]
        frame = framed.read_one(self._reader(segment.name), line.at, segment.size, segment.seed)
        if frame is None:
            raise DiskError("io", f"{segment.name}: damaged at byte {line.at}")
        return decode(frame.payload)

    def gone(self, number: int, leaf: int) -> list[Gone]:
        """Kept leaf hashes of erased rows of a tick."""
        return self._gone_of(self.all[number]).get(leaf, [])

    def keep_gone(self, number: int, rows: list[Gone]) -> None:
        """Keep leaf hashes, durably, before keys are erased. A repeat after a crash does no harm."""
        segment = self.all[number]
        known = self._gone_of(segment)
        name = _gone_name(segment)
        seed = self._gone_seed(name)
        before = self._disk.size(name)
        try:
            self._disk.append(name, b"".join(framed.build(_GONE, _pack(one), seed) for one in rows))
            self._disk.sync(name)
        except DiskError:
            with contextlib.suppress(DiskError):  # else opening anew cuts it
                self._disk.truncate(name, before)
            raise
        for one in rows:
            known.setdefault(one.leaf, []).append(one)

    def prune(self, number: int, ticks: list[KeptTick]) -> None:
        """Put these ticks without rows in the place of a segment's (not the last one's), all or nothing."""
        segment = self.all[number]
        seed = secrets.token_bytes(framed.SEED_BYTES)
        segment.header = msgspec.structs.replace(segment.header, pruned=True)
        pieces = [framed.build(_HEADER, seed + _pack(segment.header))]
        pieces += [framed.build(TICK, encode(one), framed.seed_of(seed)) for one in ticks]
        whole = b"".join(pieces)
        if self._there(_index_name(segment)):
            self._disk.remove(_index_name(segment))  # it speaks of the file as it was
        self._disk.write_whole(segment.name, whole)
        segment.seed, segment.size = framed.seed_of(seed), len(whole)
        self._indexes.pop(segment.name, None)
        if self._there(_gone_name(segment)):
            self._disk.remove(_gone_name(segment))
        self._gone.pop(segment.name, None)

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken

    def _put(self, segment: Segment, data: bytes, sync: bool) -> None:
        try:
            self._disk.append(segment.name, data)
        except DiskError as fault:
            self._take_back(segment, fault)
            raise
        if sync:
            try:
                self._disk.sync(segment.name)
            except DiskError as fault:
                self._take_back(segment, fault)
                self.broken = fault
                raise
        segment.size += len(data)

    def _take_back(self, segment: Segment, cause: DiskError) -> None:
        try:
            if segment.size:
                self._disk.truncate(segment.name, segment.size)
            elif self._there(segment.name):
                self._disk.remove(segment.name)
        except DiskError:
            self.broken = cause

    def _there(self, name: str) -> bool:
        try:
            return self._disk.size(name) >= 0
        except DiskError as fault:
            if fault.kind == "missing":
                return False
            raise

    def _reader(self, name: str) -> framed.Read:
        return lambda at, n: self._disk.read(name, at, n)

    def _segment(self, name: str, last: bool) -> Segment | None:
        size = self._disk.size(name)
        frame = framed.read_one(self._reader(name), 0, size, 0)
        if frame is None:
            stop = next(framed.walk(self._reader(name), size), None)
            if last and (not isinstance(stop, framed.Stop) or stop.why != "damaged"):
                self._disk.remove(name)  # a crash cut its first write
                return None
            raise DiskError("io", f"{name}: damaged: it has no header")
        try:
            header = _headers.decode(frame.payload[framed.SEED_BYTES :])
        except msgspec.MsgspecError as fault:
            raise DiskError("io", f"{name}: its header cannot be read: {fault}") from None
        if header.version != VERSION:
            raise DiskError("io", f"{name}: version {header.version} of the log; this build reads version {VERSION}")
        return Segment(name, header, framed.seed_of(frame.payload), size)

    def _frames(self, segment: Segment, cut: bool) -> Iterator[framed.Frame]:
        for one in framed.walk(self._reader(segment.name), segment.size):
            if isinstance(one, framed.Frame):
                yield one
            elif one.why == "torn" and cut:
                self._disk.truncate(segment.name, one.at)
                segment.size = one.at
            elif one.why:
                raise DiskError("io", f"{segment.name}: damaged at byte {one.at}; restore it, or begin a new epoch")

    def _keep_index(self, segment: Segment, lines: list[Line]) -> None:
        seed = segment.seed.to_bytes(framed.SEED_BYTES, "little")  # an index of other bytes of this name does not pass
        try:
            self._disk.write_whole(_index_name(segment), framed.build(_INDEX, seed + _pack(tuple(lines)), segment.seed))
        except DiskError:
            return  # it is made anew when it is asked for

    def _read_index(self, segment: Segment) -> list[Line] | None:
        name = _index_name(segment)
        if not self._there(name):
            return None
        found = framed.read_one(self._reader(name), 0, self._disk.size(name), segment.seed)
        return None if found is None else list(_lines.decode(found.payload[framed.SEED_BYTES :]))

    def _gone_of(self, segment: Segment) -> dict[int, list[Gone]]:
        known = self._gone.get(segment.name)
        if known is None:
            known = self._gone[segment.name] = {}
            name = _gone_name(segment)
            if self._there(name):
                for one in framed.walk(self._reader(name), self._disk.size(name)):
                    if isinstance(one, framed.Stop):
                        self._settle_gone(name, one)
                    elif one.marker == _GONE:
                        rows = _gones.decode(one.payload)
                        known.setdefault(rows.leaf, []).append(rows)
            while len(self._gone) > INDEXES_OPEN:
                self._gone.popitem(last=False)
        return known

    def _settle_gone(self, name: str, stop: framed.Stop) -> None:
        if stop.why == "damaged":
            raise DiskError("io", f"{name}: damaged at byte {stop.at}")
        if stop.why:
            self._disk.truncate(name, stop.at)

    def _gone_seed(self, name: str) -> int:
        if self._there(name) and self._disk.size(name):
            found = framed.read_one(self._reader(name), 0, self._disk.size(name), 0)
            if found is None:
                raise DiskError("io", f"{name}: damaged: it has no header")
            return framed.seed_of(found.payload)
        seed = secrets.token_bytes(framed.SEED_BYTES)
        self._disk.append(name, framed.build(_HEADER, seed))
        return framed.seed_of(seed)


def line_of(kept: KeptTick, at: int) -> Line:
    """The line of a tick that stands there."""
    offsets = tuple((one.stream, one.offset) for one in kept.entries)
    return Line(at, kept.leaf, kept.tick_ns, kept.effect_id, kept.tree_root, offsets)


def _index_name(segment: Segment) -> str:
    return segment.name.removesuffix("l") + "x"


def _gone_name(segment: Segment) -> str:
    return segment.name.replace("log-", "gone-").removesuffix("l") + "g"
