"""The log of what left this node: one leaf for each tick, kept so that a proof outlives the rows that it speaks of.

::

    publish ─▶ rows sealed (vault) ─▶ leaf ─▶ tree ─▶ signed checkpoint ─▶ one frame, one sync ─▶ Published
    read    ─▶ Delivery: rows opened, or the leaf hash of each that was erased
    witnesses ─▶ behind? add_cosignature ─▶ checkpoint

The format stands in docs/spec/log-store.md. One lock: the node publishes while partners read.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from manara.host import log_epochs, log_tiles
from manara.host import log_segments as segments
from manara.host import log_ticks as ticks
from manara.host.disk import FolderDisk
from manara.host.keys import Signer
from manara.host.log_retention import Removed, Retention
from manara.host.log_segments import Cosigned, Header, Segments
from manara.host.log_ticks import KeptEntry, KeptTick
from manara.host.log_tree import LogTree
from manara.host.vault import HOUR_NS, Vault
from manara.ledger import checkpoint, note, places, tiles, tree
from manara.ledger.checkpoint import Checkpoint
from manara.node.durable.disk import Disk
from manara.records.directory import Directory
from manara.records.inputs import Published
from manara.records.released import Delivery, Entry
from manara.release import statements

CACHE_BYTES = 96 << 20  # deliveries of the newest ticks, as they are asked for by all recipients
EFFECTS_MAX = 4_096  # of the newest ticks: by what a repeated effect is recognised
RECALLED = 1_024  # of them when the log is opened, at least
NOTES_MAX = 256  # newest checkpoints whose cosignatures are collected
REMEDY = "two persons begin a new epoch (manara ledger epoch)"


class MustNotSign(Exception):
    """The log must not grow: a witness has seen more of it than we have, or what is to be published does not continue
    it. One sentence for a person."""


class Head(NamedTuple):
    """What still stands of an entry whose rows were pruned: enough to prove the head. ``head_path``: from the head's
    leaf to ``root``; ``path``: from there to the tick's root."""

    entry: KeptEntry
    leaf: int
    tick: bytes
    place: int
    width: int
    path: bytes


class LogStore:
    """The log over a disk of its own (host/disk.py). ``origin``: the log's name; ``own``: this node's id, under which
    keys of its own rows lie. Every refusal of the disk is a DiskError."""

    def __init__(
        self,
        disk: Disk,
        signer: Signer,
        vault: Vault,
        origin: str,
        own: str,
        *,
        clock: Callable[[], int] = time.time_ns,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        segment_bytes: int = segments.SEGMENT_BYTES,
    ) -> None:
        self._disk, self._signer, self._vault, self._own = disk, signer, vault, own
        self._clock, self._chance, self._segment_bytes = clock, chance, segment_bytes
        self._base, self._lock = origin, threading.RLock()
        self._cache: OrderedDict[int, tuple[Delivery, ...]] = OrderedDict()
        self._cached = 0
        self._refused = self._apart = ""
        self._seen: Checkpoint | None = None  # what a witness has, more or other than ours
        self._open()

    def _open(self) -> None:
        """Take the newest epoch from the disk."""
        there = segments.epochs(self._disk) or [1]
        kept = self._open_epoch(there.pop())
        while there and not self._segments.all:  # a crash cut the very first write of an epoch: it did not begin
            kept = self._open_epoch(there.pop())
        self._edge, self._heads = tree.Range(), {}
        self._notes: OrderedDict[int, bytes] = OrderedDict()
        self._effects: OrderedDict[int, int] = OrderedDict()
        self._older = [Segments(self._disk, one, self._segment_bytes) for one in there]
        for older in self._older:
            older.open()
        self._first = places.first_place(self.epoch)
        self._before = self._last_effect()
        if self._segments.all:
            header = self._segments.all[-1].header
            self._edge, self._heads = tree.Range.load(header.edge), dict(header.heads)
            self._recall_segments()
        self._tree = LogTree(self._disk, self.epoch)
        fresh = [self._take(one) for one in kept]
        self._mend_tree(self._edge.size - len(fresh), fresh)
        for one in self._segments.cosigned:
            self._cosign(one)
        self.behind(log_epochs.newer(self._disk))

    def _open_epoch(self, epoch: int) -> list[KeptTick]:
        self.epoch, self._segments = epoch, Segments(self._disk, epoch, self._segment_bytes)
        return self._segments.open()

    def _recall_segments(self) -> None:
        """The last segment may be young: effects and the newest checkpoint of those before it count as well."""
        lines: list[segments.Line] = []
        for number in range(len(self._segments.all) - 2, -1, -1):
            before = self._segments.index(number).lines
            if before and not lines:
                self._notes[before[-1].leaf + 1] = self._segments.tick(number, before[-1]).note
            lines = [*before, *lines]
            if len(lines) >= RECALLED:
                break
        for line in lines[-EFFECTS_MAX:]:
            self._effects[line.effect_id] = line.leaf

    def _take(self, kept: KeptTick) -> bytes:
        tick, _ = ticks.tick_of(kept)
        self._grow(kept, tick)
        return tick

    def _grow(self, kept: KeptTick, tick: bytes) -> None:
        self._edge.append(tree.leaf_hash(tick))
        for one in kept.entries:
            self._heads[one.stream] = one.offset + 1
        self._notes[kept.leaf + 1] = kept.note
        self._effects[kept.effect_id] = kept.leaf
        for bounded, most in ((self._notes, NOTES_MAX), (self._effects, EFFECTS_MAX)):
            while len(bounded) > most:
                bounded.popitem(last=False)

    def _mend_tree(self, settled: int, fresh: Sequence[bytes]) -> None:
        """The files of leaves and hashes follow the segments, whatever a crash left of them."""
        edge = tree.Range.load(self._segments.all[-1].header.edge) if self._segments.all else tree.Range()
        self._tree.cut(settled)
        if not self._tree.sound(settled, edge.root()):
            self._tree.cut(0)
            for number in range(len(self._segments.all) - 1):
                lines = self._segments.index(number).lines
                self._tree.append(ticks.tick_of(self._segments.tick(number, line))[0] for line in lines)
        self._tree.append(fresh)

    def _last_effect(self) -> int:
        """Of earlier epochs: what was done then is not done again."""
        for older in reversed(self._older):
            for number in range(len(older.all) - 1, -1, -1):
                if lines := older.index(number).lines:
                    return lines[-1].effect_id
        return 0

    @property
    def origin(self) -> str:
        """The log's name in this epoch."""
        return log_epochs.origin_of(self._base, self.epoch)

    @property
    def statement(self) -> bytes:
        """Of the persons who began this epoch; b"" in the first."""
        return self._segments.all[0].header.statement if self.epoch > 1 and self._segments.all else b""

    @property
    def halted(self) -> str:
        """Why nothing is signed until two persons begin the log anew; "" while it goes on."""
        return self._refused or self._apart

    @property
    def size(self) -> int:
        """Leaves of the log."""
        return self._edge.size

    @property
    def root(self) -> bytes:
        """Root of the log."""
        return self._edge.root()

    @property
    def key(self) -> note.Key:
        """Under which its checkpoints are signed."""
        return note.Key(self.origin, note.ED25519, self._signer.public())

    @property
    def last_effect_id(self) -> int:
        """Of the newest tick; 0 for none."""
        return next(reversed(self._effects), self._before)

    def heads(self) -> dict[str, int]:
        """The next place of each stream."""
        with self._lock:
            return dict(self._heads)

    def oldest(self, stream: str) -> int:
        """The first place of a stream that can still be read; below it there are heads only."""
        with self._lock:
            there = (one.header for one in self._segments.all if not one.header.pruned)
            return next((one.heads.get(stream, self._first) for one in there), self._first)

    def publish(
        self, tick_ns: int, effect_id: int, entries: Sequence[Entry], foreign: Mapping[int, str] | None = None
    ) -> Published:
        """Put a tick's entries into the log: one leaf, durable and signed when it returns. A repeated effect gives the
        answer of the first time. ``foreign``: subjects of another originator, whose keys they lie under.

        Raises DiskError, and MustNotSign, also for a place that skips or repeats: a journal that began anew beside an
        older log.
        """
        with self._lock:
            self._check()
            leaf = self._effects.get(effect_id)
            if leaf is not None and (again := self._published_before(leaf, tick_ns, entries)):
                return again
            entries = log_epochs.placed(tuple(entries), self._heads, self._first)
            self._check_places(entries)
            made = ticks.make(tick_ns, self.size, entries, self._vault, self._own, foreign or {}, self._chance)
            edge = tree.Range(self._edge.size, self._edge.hashes)
            edge.append(tree.leaf_hash(made.tick))
            signed = checkpoint.signed(Checkpoint(self.origin, edge.size, edge.root()), self.key, self._signer.sign)
            kept = made.kept(effect_id, edge.root(), signed)
            payload = ticks.encode(kept)
            self._vault.sync()
            if not self._segments.room(len(payload)):
                self._begin_segment(tick_ns)
            self._segments.append(kept, payload)
            self._grow(msgspec.structs.replace(kept, packed=None), made.tick)
            self._tree.append([made.tick])
            self._remember(kept.leaf, made.deliveries)
            return Published(tick_ns, kept.leaf, self.size, self.root, self._clock())

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        """Entries of a stream from a place on, at least one if there is one; none below ``oldest``."""
        with self._lock:
            found: list[Delivery] = []
            total = 0
            for offset in range(first, min(first + max_entries, self._heads.get(stream, 0))):
                one = self._delivery(stream, offset)
                if one is None:
                    break
                total += _bytes_of(one)
                if found and total > max_bytes:
                    break
                found.append(one)
            return found

    def head(self, stream: str, offset: int) -> Head | None:
        """The head of an entry with its proof, whether its rows are there or not."""
        with self._lock:
            found = self._segments.of_offset(stream, offset)
            if found is None:
                return None
            kept = self._segments.tick(*found)
            tick, stand = ticks.tick_of(kept)
            mine = next(n for n, one in enumerate(kept.entries) if (one.stream, one.offset) == (stream, offset))
            place, path = stand.entries[mine]
            return Head(kept.entries[mine], kept.leaf, tick, place, stand.width, path)

    def checkpoint(self) -> bytes:
        """The newest signed checkpoint with the cosignatures known; b"" before the first tick."""
        with self._lock:
            return next(reversed(self._notes.values()), b"")

    def cosigned(self, quorum: int) -> bytes:
        """The newest checkpoint with at least so many cosignatures; b"" when there is none."""
        with self._lock:
            held = (one for one in reversed(self._notes.values()) if _signatures(one) > quorum)
            return next(held, b"")

    def add_cosignature(self, size: int, line: str) -> bool:
        """Take a witness's signature line over the checkpoint of this size; whether it was new and of a size that is
        still looked after. That it holds is checked by who asked the witness (ledger.cosign)."""
        with self._lock:
            one = Cosigned(size, line)
            if self._segments.broken or not self._cosign(one):
                return False
            self._segments.note_cosigned(one)
            return True

    def inclusion(self, leaf: int, size: int) -> list[bytes]:
        """The path of a leaf in the tree of that size. Raises ValueError when there is no such."""
        with self._lock:
            if size > self.size:
                raise ValueError(f"the log has {self.size} leaves")
            return tree.inclusion_path(self._tree.hashes, leaf, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """That the tree of size ``old`` is the beginning of that of size ``new``. Raises ValueError."""
        with self._lock:
            if new > self.size:
                raise ValueError(f"the log has {self.size} leaves")
            return tree.consistency_path(self._tree.hashes, old, new)

    def behind(self, remembered: bytes) -> str:
        """Why we must not sign, seeing a checkpoint of ours that a witness remembers; "" when we may. From then on
        ``publish`` refuses. What we have not signed ourselves says nothing."""
        with self._lock:
            one = self._own_word(remembered)
            if one is None:
                return ""
            if one.origin != self.origin:
                why = f"a witness has seen a later epoch of this log, {one.origin}: a copy was restored"
            elif one.size > self.size:
                why = f"a witness has seen {one.size} leaves of this log, and here are {self.size}: a copy was restored"
            elif tree.root_at(self._tree.hashes, one.size) != one.root:
                why = f"a witness has seen another log at {one.size} leaves: this is not its continuation"
            else:
                return ""
            if self._seen is None or _rank(one) >= _rank(self._seen):
                if self._seen != one:
                    log_epochs.keep_newer(self._disk, remembered)
                self._refused, self._seen = f"{why}; {REMEDY}", one
            return self._refused

    def _own_word(self, signed: bytes) -> Checkpoint | None:
        """A checkpoint that our key has signed, of this epoch or of a later one."""
        parsed = checkpoint.parse_note(signed) if signed else ""
        if isinstance(parsed, str):
            return None
        base, epoch = log_epochs.epoch_of(parsed[0].origin)
        if base != self._base or epoch < self.epoch:
            return None
        said = checkpoint.open_signed(signed, [self.key._replace(name=parsed[0].origin)])
        return None if isinstance(said, str) else said.checkpoint

    def begin_epoch(self, envelope: bytes, directory: Directory) -> str:
        """Start the log anew under a new name, by a statement (ledger.epoch) of two persons of this node's partner that
        names the old head; "" or why not. Streams go on from places that no earlier epoch has reached. The statement
        that began this very epoch is taken again and changes nothing."""
        with self._lock:
            if envelope == self.statement and envelope:
                return ""
            said = log_epochs.read(envelope, self._own, directory)
            if isinstance(said, statements.Refusal):
                return said.sentence
            if fault := self._epoch_fault(said):
                return fault
            there = {name: max(at, places.first_place(said.epoch)) for name, at in self._heads.items()}
            log_epochs.begin(self._disk, said, there, envelope, self._clock())
            self._refused, self._apart, self._seen = "", "", None
            self._forget_cache()
            self._open()
            return ""

    def erase(self, originator: str, subject: int | None, first_hour: int, end_hour: int) -> Removed:
        """Make the rows of a subject (None: of all) unreadable for ever, hours [first, end): their leaf hashes are kept
        first, then their keys are erased. What a legal hold keeps stays readable and is counted."""
        done = self._retention().erase(originator, subject, first_hour, end_hour)
        self._forget_cache()
        return done

    def expire(self, before_ns: int, originators: Sequence[str] = ()) -> Removed:
        """Retention: whole segments older than that are pruned to heads and hashes, then the keys of whole hours before
        it are erased: of this node and of these originators. A segment with anything under a legal hold stays."""
        done = self._retention().expire(before_ns // HOUR_NS, (self._own, *originators))
        self._forget_cache()
        return done

    def tile(self, path: str) -> bytes | None:
        """The bytes of one tile or bundle (``tile/0/x001/234``); None where this log has none of that name."""
        found = tiles.parse_path(path)
        with self._lock:
            if found is None or found.number * tiles.FULL + found.width > tiles.tiles_at(found.level, self.size):
                return None
            return log_tiles.tile(self._tree, found)

    def export_tiles(self, folder: Path) -> int:
        """Write the log as C2SP tlog-tiles: static files for anybody's web server or a one-way copy; only what is not
        there yet. Gives the number of files written. Raises BadInput."""
        with self._lock:
            log, newest, size = self._tree, self.checkpoint(), self.size
        return log_tiles.export(log, newest, size, folder, self._lock)

    def close(self) -> None:
        """Let go of the disks of log and key table."""
        with self._lock:
            self._vault.close()
            if isinstance(self._disk, FolderDisk):
                self._disk.close()

    def _check(self) -> None:
        if self._refused:
            raise MustNotSign(self._refused)
        if self._segments.broken is not None:
            raise self._segments.broken

    def _published_before(self, leaf: int, tick_ns: int, entries: Sequence[Entry]) -> Published | None:
        found = self._segments.of_leaf(leaf)
        if found is None:
            return None
        line = found[1]
        same = line.tick_ns == tick_ns and line.offsets == tuple((one.stream, one.offset) for one in entries)
        return Published(tick_ns, leaf, leaf + 1, line.tree_root, self._clock()) if same else None

    def _check_places(self, entries: Sequence[Entry]) -> None:
        ahead: dict[str, int] = {}
        for one in entries:
            wanted = ahead.get(one.stream, self._heads.get(one.stream, self._first))
            if one.offset != wanted:
                where = f"{one.stream}: place {one.offset} where {wanted} comes next"
                self._apart = f"{where}; journal and log are not of one life: {REMEDY}"
                raise MustNotSign(self._apart)
            ahead[one.stream] = one.offset + 1
        self._apart = ""

    def _begin_segment(self, now_ns: int) -> None:
        self._tree.settle()
        at = self.size, self.origin, now_ns, self._edge.dump(), dict(self._heads), self.statement
        self._segments.begin(Header(segments.VERSION, self.epoch, *at))

    def _delivery(self, stream: str, offset: int) -> Delivery | None:
        found = self._segments.of_offset(stream, offset)
        if found is None:
            return None
        number, line = found
        deliveries = self._cache.get(line.leaf)
        if deliveries is None:
            kept = self._segments.tick(number, line)
            if kept.packed is None:
                return None
            deliveries = ticks.deliver(kept, self._vault, self._own, self._segments.gone(number, line.leaf))
            self._remember(line.leaf, deliveries)
        else:
            self._cache.move_to_end(line.leaf)
        return deliveries[line.offsets.index((stream, offset))]

    def _remember(self, leaf: int, deliveries: tuple[Delivery, ...]) -> None:
        self._cache[leaf] = deliveries
        self._cached += sum(map(_bytes_of, deliveries))
        while self._cached > CACHE_BYTES and len(self._cache) > 1:
            self._cached -= sum(map(_bytes_of, self._cache.popitem(last=False)[1]))

    def _forget_cache(self) -> None:
        with self._lock:
            self._cache.clear()
            self._cached = 0

    def _cosign(self, one: Cosigned) -> bool:
        known = self._notes.get(one.size)
        line = note.parse_line(one.line.rstrip("\n"))
        said = note.parse(known) if known else ""
        if isinstance(line, str) or isinstance(said, str) or len(said.signatures) >= note.SIGNATURES_MAX:
            return False
        if any((s.name, s.number) == (line.name, line.number) for s in said.signatures):
            return False
        self._notes[one.size] = note.Note(said.text, (*said.signatures, line)).encode()
        return True

    def _epoch_fault(self, said: log_epochs.Began) -> str:
        if not self.halted:
            return "The log goes on: nothing shows that it must begin anew."
        old = self._seen or Checkpoint(self.origin, self.size, self.root)
        if said.old != old:
            return f"The statement must name the old head: {old.origin}, {old.size} leaves, root {old.root.hex()}."
        return ""

    def _retention(self) -> Retention:
        return Retention([*self._older, self._segments], self._vault, self._own, self._lock)


def _rank(one: Checkpoint) -> tuple[int, int]:
    return log_epochs.epoch_of(one.origin)[1], one.size


def _bytes_of(one: Delivery) -> int:
    return len(one.head) + len(one.salts) + sum(len(block.rows) for block in one.blocks)


def _signatures(signed: bytes) -> int:
    """Signatures of a checkpoint, the log's own among them."""
    return signed.rpartition(b"\n\n")[2].count(b"\n")
