"""What partners sent, kept so that it can be read again, proven to a third party, and erased row by row.

::

    answer that holds ─▶ keep (sealed, synced) ─▶ Arrived without rows ─▶ journal ─▶ filled ─▶ step
                              │
                              └─▶ delivery(stream, offset): entry, salts, path, checkpoint: the proof

The journal names an entry and holds none of its rows: they lie here, each sealed under the key of its track and hour,
and are gone when the key is. Their 32-byte hashes are written down before, so that proofs outlive them. Keys are of
whole hours: what is erased goes with everything of its track that came from this partner in the same hours.
"""

from __future__ import annotations

import secrets
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np

from manara.host import framed, received_places
from manara.host.disk import FolderDisk
from manara.host.received_frames import (
    HASH,
    SALT,
    Answer,
    Gone,
    Kept,
    Places,
    chosen_rows,
    flat,
    leaf_of,
    nonce_of,
    told_ns_of,
)
from manara.host.vault import Vault
from manara.link import wire
from manara.node.durable import poison
from manara.node.durable.disk import Disk, DiskError
from manara.records.columns import U8
from manara.records.inputs import Arrived, Input
from manara.records.released import Block, Delivery, RowTable

SEGMENT_BYTES = 64 << 20
FRESH_BYTES = 32 << 20  # of rows that wait for their step
GONE_ENTRIES = 1_024  # of one frame
HOUR_NS = 3_600_000_000_000
_NAME, _END = "received-", ".mnr"
_BEGIN, _ANSWER, _GONE = b"MNRH", b"MNRA", b"MNRG"
_NUMBERED = (RowTable.PRECISE, RowTable.COARSE, RowTable.NAMES, RowTable.ENDED, RowTable.CAPABILITY)  # rows begin so


class Received:
    """The store over a disk of its own. May raise DiskError. Used from several threads."""

    def __init__(self, disk: Disk, vault: Vault, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._disk, self._vault, self._lock = disk, vault, threading.RLock()
        self._segment_bytes = segment_bytes
        self._places: dict[str, Places] = {}
        self._names: list[str] = []
        self._gone: dict[tuple[str, int], dict[int, bytes]] = {}
        self._recalled: dict[str, int] = {}  # recall -> rows that were erased for it
        self._fresh: OrderedDict[tuple[str, int], tuple[Block, ...]] = OrderedDict()
        self._fresh_bytes = self._seed = 0
        self._struck_here: list[Gone] = []  # what the segment that is written says of erased rows
        self._open()
        if not self._names:
            self._begin()

    def close(self) -> None:
        """Let go of the folder."""
        if isinstance(self._disk, FolderDisk):
            self._disk.close()

    @property
    def erased(self) -> int:
        """Rows that were erased here, of the entries that are still kept."""
        return sum(map(len, self._gone.values()))

    def keep(self, partner: str, answer: wire.Answer, received_ns: int) -> None:
        """Write an answer down; durable when it returns. What is there already is not written again."""
        with self._lock:
            new = [one for one in answer.deliveries if self._place(answer.stream, one.offset) is None]
            for one in answer.deliveries:
                self._remember(answer.stream, one)
            if not new:
                return
            nonce, hour = secrets.token_bytes(9), received_ns // HOUR_NS
            kept = tuple(self._sealed(partner, one, hour, nonce, k) for k, one in enumerate(new))
            paths = tuple(answer.inclusion)
            whole = Answer(partner, answer.stream, received_ns, nonce, answer.checkpoint, paths, kept)
            at = self._append(_ANSWER, whole)
            self._synced(at)
            for entry in kept:
                self._point(answer.stream, entry, at, received_ns)

    def fill(self, inputs: Iterable[Input]) -> tuple[Input, ...]:
        """The same inputs, entries with their rows: as many as are not erased."""
        return tuple(
            self._filled(one) if isinstance(one, Arrived) and not poison.is_empty(one) else one for one in inputs
        )

    def delivery(self, stream: str, offset: int) -> tuple[Delivery, bytes, bytes] | None:
        """An entry as it came, the path of its leaf and the checkpoint: all that a third party needs. Erased rows
        stand as their hashes."""
        with self._lock:
            found = self._read(stream, offset)
            if found is None:
                return None
            answer, kept = found
            place, width, path, tick, leaf = kept.proof
            blocks, salts, erased = self._whole(answer, kept, proof=True)
            one = Delivery(offset, kept.head, blocks, kept.salt + salts, place, width, path, tick, leaf, erased)
            return one, dict(answer.paths)[leaf], answer.signed

    def erase(self, stream: str, tracks: Sequence[int], from_ns: int, to_ns: int, recall: str = "") -> int:
        """Erase rows of these tracks (empty: all) that came between two times: their hashes are written down, then
        their keys are deleted. A recall speaks of when its releaser told them, by that clock. How many rows are gone by
        this call, and by earlier ones for the same recall; those under a legal hold stay."""
        with self._lock:
            wanted = np.array(sorted(tracks), np.uint64)
            partner, hours = self._reach(stream, wanted, from_ns, to_ns, bool(recall))
            made = [
                found
                for answer in self._answers(partner, hours)
                for kept in answer.entries
                if (found := self._struck(answer, kept, wanted, recall))
            ]
            before = self._recalled.get(recall, 0) if recall else 0
            count = 0
            for first in range(0, len(made), GONE_ENTRIES):
                some = tuple(made[first : first + GONE_ENTRIES])
                self._synced(self._append(_GONE, some))  # a frame that a crash cuts has no other behind it
                self._struck_here += some
                count += sum(map(self._note_gone, some))
            for hour in sorted(hours):  # also where a crash left hashes written and keys not deleted
                self._vault.erase(partner, wanted if len(wanted) else None, hour, hour + 1)
            self._fresh.clear()
            self._fresh_bytes = 0
            return before + count

    def held(self, stream: str, tracks: Sequence[int], from_ns: int, to_ns: int) -> tuple[int, tuple[str, ...]]:
        """How many rows a recall of these leaves because of legal holds, and the names of those."""
        with self._lock:
            wanted = np.array(sorted(tracks), np.uint64)
            partner, hours = self._reach(stream, wanted, from_ns, to_ns, told=True)
            rows, names = 0, set[str]()
            for answer in self._answers(partner, hours):
                for whose in (whose for kept in answer.entries for whose in kept.subjects):
                    subjects = np.frombuffer(whose, "<u8").astype(np.uint64)[chosen_rows(whose, wanted)]
                    kept_back, holds = self._vault.held(partner, answer.received_ns // HOUR_NS, subjects)
                    rows += int(kept_back.sum())
                    names.update(holds)
            return rows, tuple(sorted(names))

    def hours(self) -> dict[str, list[int]]:
        """For each stream the hours in which something came that is still there, ascending."""
        with self._lock:
            return {
                stream: sorted(
                    {
                        came_ns // HOUR_NS
                        for came_ns, segment in zip(places.came_ns, places.segments, strict=True)
                        if self._names[segment]
                    }
                )
                for stream, places in self._places.items()
            }

    def told(self, stream: str, hour: int) -> Iterator[tuple[Answer, Kept, tuple[Block, ...], bytes]]:
        """Entries of a stream that came in an hour: their blocks, and 1 for each row that is gone."""
        with self._lock:
            places = self._places.get(stream)
        for at, came_ns in enumerate(places.came_ns if places else ()):
            if places and came_ns // HOUR_NS == hour:
                with self._lock:  # entry by entry: what comes meanwhile does not wait long
                    found = self._read(stream, places.offset(at))
                    blocks, _, erased = self._whole(*found) if found else ((), b"", b"")
                if found is not None:
                    yield *found, blocks, erased

    def first(self, stream: str, told_ns: int) -> int:
        """The first entry of a stream that its releaser told at that time or later."""
        with self._lock:
            places = self._places.get(stream)
            return places.offset(bisect_left(places.told_ns, told_ns)) if places else 0

    def heads(self, stream: str, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """Offset and head of each entry of a stream that is still kept, in order from a place on; no row is opened."""
        last: tuple[tuple[int, int], dict[int, bytes]] | None = None
        with self._lock:
            places = self._places.get(stream)
            rows = range(len(places.frames) if places else 0)
        for row in rows[bisect_left(rows, first, key=places.offset) :] if places else rows:
            offset = places.offset(row) if places else 0
            with self._lock:
                place = self._place(stream, offset)
                if place is None or not self._names[place[0]]:
                    continue
                if last is None or last[0] != place:
                    found = self._read(stream, offset)
                    last = place, {one.offset: one.head for one in found[0].entries} if found else {}
            if offset in last[1]:
                yield offset, last[1][offset]

    def prune(self, before_ns: int) -> int:
        """Remove the oldest segments, as long as everything in them came before a time; how many."""
        with self._lock:
            removed = 0
            for number, name in enumerate(self._names[:-1]):
                if name and received_places.newest_ns(number, self._places) >= before_ns:
                    break
                if name:
                    self._disk.remove(name)
                    received_places.remove(self._disk, name)
                    self._names[number], removed = "", removed + 1
            return removed

    # Writing

    def _open(self) -> None:
        """Full segments by their index, if it is there; the newest is read, and its torn end is cut."""
        there = [one for one in self._disk.names() if one.startswith(_NAME) and one.endswith(_END)]
        for name in there:
            self._names.append(name)
            full = name != there[-1]
            if full and self._indexed(name):
                continue
            if not self._index(name):
                self._disk.remove(self._names.pop())
            elif full:
                self._write_places()
        if self._names:
            self._seed = self._of(self._names[-1])

    def _indexed(self, name: str) -> bool:
        """A full segment whose index says where everything is."""
        found = received_places.read(self._disk, name, self._of(name))
        if found is not None:
            received_places.take(found, len(self._names) - 1, self._places)
            self._struck_here = list(found.gone)
            for gone in found.gone:
                self._note_gone(gone)
        return found is not None

    def _write_places(self) -> None:
        """The index of the segment that was written or read last."""
        number = len(self._names) - 1
        name = self._names[number]
        received_places.write(self._disk, name, number, self._of(name), self._places, self._struck_here)

    def _sealed(self, partner: str, one: Delivery, hour: int, nonce: bytes, k: int) -> Kept:
        """One entry sealed. Each block of each entry has a nonce of its own."""
        blocks, gone = flat(one)
        subjects, sealed, row = [], [], 0
        for number, (block, rows) in enumerate(zip(one.blocks, blocks, strict=True)):
            salts = np.frombuffer(one.salts, np.uint8).reshape(-1, SALT)[1 + row : 1 + row + len(rows)]
            whose = rows[:, :8].tobytes() if block.table in _NUMBERED else bytes(8 * len(rows))
            salted = np.hstack([salts, rows])
            wide = salted.shape[1]
            sealed.append(self._vault.seal(partner, hour, whose, salted.tobytes(), wide, nonce_of(nonce, k, number)))
            subjects.append(whose)
            row += len(rows)
        shape = tuple((block.table, block.width) for block in one.blocks)
        proof = (one.place, one.width, one.path, one.tick, one.leaf)
        return Kept(
            one.offset, one.head, shape, tuple(subjects), tuple(sealed), one.salts[:SALT], proof, tuple(gone.items())
        )

    def _append(self, marker: bytes, what: object) -> int:
        """Write a frame, not yet durable; where it begins."""
        payload = msgspec.msgpack.encode(what)
        if self._disk.size(self._names[-1]) + len(payload) > self._segment_bytes:
            self._begin()
        name = self._names[-1]
        at = self._disk.size(name)
        try:
            self._disk.append(name, framed.build(marker, payload, self._seed))
        except DiskError:
            self._disk.truncate(name, at)  # the next one must not stand behind half a frame
            raise
        return at

    def _synced(self, at: int) -> None:
        """The frame at that place is durable; if it cannot be, it is taken back."""
        try:
            self._disk.sync(self._names[-1])
        except DiskError:
            self._disk.truncate(self._names[-1], at)
            raise

    def _begin(self) -> None:
        number = int(self._names[-1][len(_NAME) : -len(_END)]) + 1 if self._names and self._names[-1] else 0
        name = f"{_NAME}{number:012d}{_END}"
        head = secrets.token_bytes(framed.SEED_BYTES)
        try:
            self._disk.append(name, framed.build(_BEGIN, head))
            self._disk.sync(name)
        except DiskError:
            if name in self._disk.names():
                self._disk.remove(name)
            raise
        if self._names and self._names[-1]:
            self._write_places()
        self._names.append(name)
        self._seed, self._struck_here = framed.seed_of(head), []

    def _reach(self, stream: str, wanted: U8, from_ns: int, to_ns: int, told: bool) -> tuple[str, set[int]]:
        """Whose keys an erasure of these rows meets, and of which hours."""
        partner, hours = "", set[int]()
        places = self._places.get(stream)
        for row in range(len(places.frames) if places else 0):
            times = places.told_ns if places and told else places.came_ns if places else ()
            if places is None or not from_ns <= times[row] <= to_ns:
                continue
            found = self._read(stream, places.offset(row))
            if found is not None and any(chosen_rows(whose, wanted).any() for whose in found[1].subjects):
                partner = found[0].partner
                hours.add(found[0].received_ns // HOUR_NS)
        return partner, hours

    def _answers(self, partner: str, hours: set[int]) -> Iterator[Answer]:
        """Everything of a partner that came in these hours, whatever the stream."""
        for stream, places in self._places.items():
            last = (-1, -1)
            for row in range(len(places.frames)):
                place = places.segments[row], places.frames[row]
                if place == last or places.came_ns[row] // HOUR_NS not in hours:
                    continue
                last = place
                found = self._read(stream, places.offset(row))
                if found is not None and found[0].partner == partner:
                    yield found[0]

    def _struck(self, answer: Answer, kept: Kept, wanted: U8, recall: str) -> Gone | None:
        """The hashes of an entry's rows of these tracks, as many as are there and under no hold."""
        if not any(chosen_rows(whose, wanted).any() for whose in kept.subjects):
            return None
        blocks, salts, erased = self._whole(answer, kept)
        struck: list[tuple[int, bytes]] = []
        row = 0
        for block, whose in zip(blocks, kept.subjects, strict=True):
            subjects = np.frombuffer(whose, "<u8").astype(np.uint64)
            chosen = chosen_rows(whose, wanted)
            chosen &= self._vault.held(answer.partner, answer.received_ns // HOUR_NS, subjects)[0] == 0
            at = 0
            for here in range(len(subjects)):
                wide = HASH if erased[row + here] else block.width
                if chosen[here] and not erased[row + here]:
                    salt = salts[SALT * (row + here) : SALT * (row + here + 1)]
                    struck.append((row + here, leaf_of(salt, block.rows[at : at + wide])))
                at += wide
            row += len(subjects)
        return Gone(answer.stream, kept.offset, tuple(struck), recall) if struck else None

    def _note_gone(self, one: Gone) -> int:
        """How many of these were not known to be gone."""
        held = self._gone.setdefault((one.stream, one.offset), {})
        new = sum(row not in held for row, _ in one.rows)
        held.update(one.rows)
        if one.recall:
            self._recalled[one.recall] = self._recalled.get(one.recall, 0) + new
        return new

    # Reading

    def _index(self, name: str) -> bool:
        """Where everything of a segment lies; a torn end is cut. False: not even its beginning was written."""
        size, begun = self._disk.size(name), False
        self._struck_here = []
        for one in framed.walk(lambda at, n: self._disk.read(name, at, n), size):
            if isinstance(one, framed.Stop):
                if one.why == "damaged":
                    raise DiskError("damaged", f"{name}: what partners sent cannot be read from byte {one.at} on")
                if one.at < size:
                    self._disk.truncate(name, one.at)
            elif one.marker == _BEGIN:
                self._seed, begun = framed.seed_of(one.payload), True
            elif one.marker == _ANSWER:
                whole = msgspec.msgpack.decode(one.payload, type=Answer)
                for kept in whole.entries:
                    self._point(whole.stream, kept, one.at, whole.received_ns)
            else:
                for gone in msgspec.msgpack.decode(one.payload, type=tuple[Gone, ...]):
                    self._struck_here.append(gone)
                    self._note_gone(gone)
        return begun

    def _point(self, stream: str, kept: Kept, at: int, received_ns: int) -> None:
        """An entry of the segment that is written or read now."""
        places = self._places.setdefault(stream, Places(kept.offset))
        places.goes_on(kept.offset)
        places.segments.append(len(self._names) - 1)
        places.frames.append(at)
        places.came_ns.append(received_ns)
        places.told_ns.append(told_ns_of(kept.proof[3]))

    def _place(self, stream: str, offset: int) -> tuple[int, int] | None:
        places = self._places.get(stream)
        return places.of(offset) if places else None

    def _read(self, stream: str, offset: int) -> tuple[Answer, Kept] | None:
        found = self._place(stream, offset)
        if found is None or not self._names[found[0]]:
            return None
        name = self._names[found[0]]
        frame = framed.read_one(
            lambda at, n: self._disk.read(name, at, n), found[1], self._disk.size(name), self._of(name)
        )
        if frame is None:
            raise DiskError("damaged", f"{name}: the entry {offset} of {stream} cannot be read")
        answer = msgspec.msgpack.decode(frame.payload, type=Answer)
        return answer, next(one for one in answer.entries if one.offset == offset)

    def _of(self, name: str) -> int:
        return framed.seed_of(self._disk.read(name, framed.HEAD_BYTES, framed.SEED_BYTES))

    def _whole(self, answer: Answer, kept: Kept, proof: bool = False) -> tuple[tuple[Block, ...], bytes, bytes]:
        """Blocks as they came, rows that are gone as their hashes; salts of the rows; 1 for each that is gone.
        ``proof``: a row without key or hash is damage; else it counts as gone."""
        gone = {**dict(kept.gone), **self._gone.get((answer.stream, kept.offset), {})}
        k = [one.offset for one in answer.entries].index(kept.offset)
        hour = answer.received_ns // HOUR_NS
        blocks, salts, flags, row = [], b"", b"", 0
        for number, ((table, width), whose, sealed) in enumerate(
            zip(kept.shape, kept.subjects, kept.sealed, strict=True)
        ):
            nonce = nonce_of(answer.nonce, k, number)
            opened, lost = self._vault.open(answer.partner, hour, whose, sealed, width + SALT, nonce)
            rows = np.frombuffer(opened, np.uint8).reshape(-1, width + SALT)
            there = [row + i not in gone and not lost[i] for i in range(len(rows))]
            if proof and any(not ok and row + i not in gone for i, ok in enumerate(there)):
                raise DiskError(
                    "damaged", f"the entry {kept.offset} of {answer.stream}: keys are gone without an erasure"
                )
            pieces = [rows[i, SALT:].tobytes() if ok else gone.get(row + i, bytes(HASH)) for i, ok in enumerate(there)]
            blocks.append(Block(table, width, b"".join(pieces)))
            salts += (rows[:, :SALT] * np.array(there, np.uint8)[:, None]).tobytes()
            flags += bytes(0 if ok else 1 for ok in there)
            row += len(rows)
        return tuple(blocks), salts, flags

    def _remember(self, stream: str, one: Delivery) -> None:
        """Rows that the next step is about to ask for."""
        blocks = wire.living(one)
        if isinstance(blocks, tuple):
            self._fresh[stream, one.offset] = blocks
            self._fresh_bytes += sum(len(block.rows) for block in blocks)
        while self._fresh_bytes > FRESH_BYTES and len(self._fresh) > 1:
            _, old = self._fresh.popitem(last=False)
            self._fresh_bytes -= sum(len(block.rows) for block in old)

    def _filled(self, one: Arrived) -> Arrived:
        with self._lock:
            key = (one.stream, one.offset)
            blocks = self._fresh.pop(key, None)
            if blocks is not None:
                self._fresh_bytes -= sum(len(block.rows) for block in blocks)
                return msgspec.structs.replace(one, blocks=blocks)
            found = self._read(*key)
            if found is None:
                return one
            whole, _, erased = self._whole(*found)
            living = wire.living(Delivery(one.offset, one.head, whole, b"", 0, 1, b"", b"", 0, erased))
            return msgspec.structs.replace(one, blocks=living) if isinstance(living, tuple) else one


def bare(one: Arrived) -> Arrived:
    """What of an entry goes into the journal."""
    return msgspec.structs.replace(one, blocks=())
