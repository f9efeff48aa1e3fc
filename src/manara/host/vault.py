"""The erasable key table. What leaves a node is kept sealed under one random key per originator, track and hour;
erasing is deleting keys, and the hash commitments of the log outlive it.

::

    keys-<hour>-<generation>.mnk     append-only frames: originator, then 8 bytes of track and 32 of key for each row
    holds.mnh                        legal holds: what must not be erased

One file for each hour, so that the table of years needs no memory and a day's expiry touches one day. An erasure writes
the keys that stay under the next generation, then overwrites the old file, makes that durable and removes it; if the
power fails between, opening finishes it. What a medium keeps of overwritten blocks is beyond us.

ChaCha20 without authentication: the log's hashes say whether what was opened is what was kept.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from manara.host import framed
from manara.host.disk import FolderDisk
from manara.node.durable.disk import Disk, DiskError
from manara.records.columns import U1, U8

HOUR_NS = 3_600_000_000_000
NONCE_BYTES = 12
KEY_BYTES = 32
HOURS_OPEN = 32  # key files in memory; at 10,000 tracks an hour takes 0.4 MB
HOLDS_MAX = 1_000
NAME_BYTES = 255  # of an originator

_FILE = re.compile(r"keys-(\d{10})-(\d{6})\.mnk")
_HEADER, _KEYS, _HOLDS = b"MNKH", b"MNKK", b"MNKL"
_HOLDS_FILE = "holds.mnh"
_GONE = ".gone"


class KeyDisk(Disk, Protocol):
    """A disk that can also destroy."""

    def wipe(self, name: str) -> None:
        """Overwrite the file with zeros, make that durable, then remove it."""
        ...


class WipingDisk(FolderDisk):
    """The real one."""

    def wipe(self, name: str) -> None:
        """Overwrite the file with zeros, make that durable, then remove it."""
        left = self.size(name)
        try:
            file = os.open(self._folder / self._named(name), os.O_WRONLY | os.O_CLOEXEC)
            try:
                while left > 0:
                    left -= os.write(file, bytes(min(left, 1 << 20)))
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            self._refuse(error, name)
        self.remove(name)


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A legal hold: keys of this originator and these subjects (empty: all) in hours [first, end) stay."""

    name: str
    originator: str
    subjects: tuple[int, ...] = ()
    first: int = 0
    end: int = 1 << 62


class Erased(NamedTuple):
    """What an erasure did: keys gone, and keys that a hold kept."""

    keys: int
    held: int
    holds: tuple[str, ...] = ()


class _Keys:
    """Keys of one originator in one hour: subjects ascending, keys beside them."""

    __slots__ = ("keys", "subjects")

    def __init__(self, subjects: U8, keys: U1) -> None:
        order = np.argsort(subjects, kind="stable")
        self.subjects, self.keys = subjects[order], keys[order]

    def places(
        self, wanted: U8
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """Where each subject stands, and whether it does."""
        if not len(self.subjects):
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
        at = np.minimum(np.searchsorted(self.subjects, wanted), len(self.subjects) - 1)
        return at, self.subjects[at] == wanted


def _none() -> _Keys:
    return _Keys(np.zeros(0, np.uint64), np.zeros((0, KEY_BYTES), np.uint8))


class _Hour:
    """One file in memory."""

    def __init__(self, hour: int, name: str, seed: int) -> None:
        self.hour, self.name, self.seed = hour, name, seed
        self.tables: dict[str, _Keys] = {}

    def add(self, originator: str, subjects: U8, keys: U1) -> None:
        old = self.tables.get(originator, _none())
        self.tables[originator] = _Keys(np.concatenate([old.subjects, subjects]), np.concatenate([old.keys, keys]))


class Vault:
    """The table over a folder of its own. ``chance(n)``: n random bytes for keys. All calls may raise DiskError."""

    def __init__(self, disk: KeyDisk, chance: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._disk, self._chance = disk, chance
        self._lock = threading.RLock()
        self._open: OrderedDict[int, _Hour] = OrderedDict()
        self._names: dict[int, str] = {}
        self._unsynced: set[str] = set()
        self._broken: DiskError | None = None  # a sync failed: what the disk truly holds is known after opening anew
        self._wipe_unfinished()
        for name in disk.names():  # ascending: of one hour the newest generation comes last
            if found := _FILE.fullmatch(name):
                if older := self._names.get(int(found[1])):
                    disk.wipe(older)  # an erasure that was cut
                self._names[int(found[1])] = name
        self._holds = {one.name: one for one in _read_holds(disk)}

    def close(self) -> None:
        """Let go of the disk."""
        if isinstance(self._disk, FolderDisk):
            self._disk.close()

    def hours(self) -> list[int]:
        """Hours for which there are keys, ascending."""
        with self._lock:
            return sorted(self._names)

    def count(self, hour: int) -> int:
        """How many keys an hour has."""
        with self._lock:
            return sum(len(one.subjects) for one in self._hour(hour).tables.values()) if hour in self._names else 0

    def subjects(self, originator: str, hour: int) -> U8:
        """Whose keys there are."""
        with self._lock:
            return (
                self._hour(hour).tables.get(originator, _none()).subjects.copy()
                if hour in self._names
                else _none().subjects
            )

    def make(self, originator: str, hour: int, subjects: U8) -> int:
        """Give each subject a key that has none; how many were new. They are durable after ``sync``."""
        if not 0 < len(originator.encode()) <= NAME_BYTES:
            raise ValueError(f"no originator: {originator!r}")
        with self._lock:
            self._check()
            held = self._hour(hour, make=True)
            known = held.tables.get(originator, _none()).places(subjects)[1]
            fresh = subjects[:0] if known.all() else np.unique(subjects[~known])
            if len(fresh):
                keys = np.frombuffer(self._chance(KEY_BYTES * len(fresh)), np.uint8).reshape(-1, KEY_BYTES)
                self._append(held, framed.build(_KEYS, _rows(originator, fresh, keys), held.seed))
                held.add(originator, fresh, keys)
            return len(fresh)

    def sync(self) -> None:
        """Keys made so far survive a power cut. It must come before what they seal is synced."""
        with self._lock:
            self._check()
            try:
                for name in sorted(self._unsynced):
                    self._disk.sync(name)
            except DiskError as fault:
                self._broken = fault
                raise
            self._unsynced.clear()

    def keystream(self, originator: str, hour: int, subjects: U8, length: int, nonce: bytes) -> tuple[U1, U1]:
        """Key stream of each subject, shape (n, length), and 1 for each whose key is there (else its row is zeros). One
        cipher call for each subject. ``nonce``: 12 bytes, never twice for the same subject and hour."""
        with self._lock:
            if hour not in self._names:
                return np.zeros((len(subjects), length), np.uint8), np.zeros(len(subjects), np.uint8)
            table = self._hour(hour).tables.get(originator, _none())
            at, known = table.places(subjects)
            keys = table.keys[at[known]].tobytes()
        full, zeros = bytes(4) + nonce, bytes(length)
        streams = [
            Cipher(algorithms.ChaCha20(keys[i : i + KEY_BYTES], full), None).encryptor().update(zeros)
            for i in range(0, len(keys), KEY_BYTES)
        ]
        found = np.frombuffer(b"".join(streams), np.uint8).reshape(-1, length)
        if known.all():
            return found, known.view(np.uint8)
        whole = np.zeros((len(subjects), length), np.uint8)
        whole[known] = found
        return whole, known.view(np.uint8)

    def seal(self, originator: str, hour: int, subjects: bytes, rows: bytes, width: int, nonce: bytes) -> bytes:
        """Rows of this width sealed, each under the key of its subject (uint64, little-endian); keys are made where
        there are none and synced. Rows of one subject share a cipher call."""
        wanted = np.frombuffer(subjects, "<u8").astype(np.uint64)
        self.make(originator, hour, wanted)
        self.sync()
        return self.open(originator, hour, subjects, rows, width, nonce)[0]

    def open(
        self, originator: str, hour: int, subjects: bytes, rows: bytes, width: int, nonce: bytes
    ) -> tuple[bytes, bytes]:
        """What ``seal`` took, and for each row 1 where its key is gone: such a row is zeros."""
        wanted = np.frombuffer(subjects, "<u8").astype(np.uint64)
        stream, known = self.streams(originator, hour, wanted, width, nonce)
        opened = (np.frombuffer(rows, np.uint8).reshape(-1, width) ^ stream) * known[:, None]
        return opened.tobytes(), (1 - known).tobytes()

    def streams(self, originator: str, hour: int, subjects: U8, width: int, nonce: bytes) -> tuple[U1, U1]:
        """Key stream of each row, shape (n, width), its subject possibly many times; and 1 where the key is there."""
        whole = np.zeros((len(subjects), width), np.uint8)
        known = np.zeros(len(subjects), np.uint8)
        order = np.argsort(subjects, kind="stable")  # rows of one subject side by side, in their order
        ranked = subjects[order]
        begins = np.flatnonzero(ranked != np.roll(ranked, 1)) if len(ranked) > 1 else np.arange(len(ranked))
        if len(ranked) and not len(begins):
            begins = np.zeros(1, np.int64)  # all of one subject
        counts = np.diff(begins, append=len(ranked))
        for count in sorted(set(counts.tolist())):
            mine = begins[counts == count]
            stream, there = self.keystream(originator, hour, ranked[mine], count * width, nonce)
            chosen = order[(mine[:, None] + np.arange(count)).ravel()]
            whole[chosen] = stream.reshape(-1, width)
            known[chosen] = np.repeat(there, count)
        return whole, known

    def place_hold(self, hold: Hold) -> None:
        """From now on nothing that it covers is erased. A hold of the same name is replaced."""
        with self._lock:
            if len(self._holds) >= HOLDS_MAX and hold.name not in self._holds:
                raise ValueError(f"at most {HOLDS_MAX} holds")
            self._keep_holds({**self._holds, hold.name: hold})

    def lift_hold(self, name: str) -> bool:
        """End a hold; whether there was one."""
        with self._lock:
            there = name in self._holds
            if there:
                self._keep_holds({key: one for key, one in self._holds.items() if key != name})
            return there

    def holds(self) -> tuple[Hold, ...]:
        """All that stand."""
        return tuple(self._holds.values())

    def held(self, originator: str, hour: int, subjects: U8) -> tuple[U1, tuple[str, ...]]:
        """1 for each subject that a hold keeps, and the names of those holds."""
        kept = np.zeros(len(subjects), np.uint8)
        names = []
        for one in self._holds.values():
            if one.originator == originator and one.first <= hour < one.end:
                mask = (
                    np.isin(subjects, np.array(one.subjects, np.uint64))
                    if one.subjects
                    else np.ones(len(subjects), bool)
                )
                if mask.any():
                    kept |= mask.view(np.uint8)
                    names.append(one.name)
        return kept, tuple(names)

    def any_held(self, hours: Iterable[int]) -> bool:
        """Does any hold speak of one of these hours?"""
        return any(one.first <= hour < one.end for one in self._holds.values() for hour in hours)

    def erase(self, originator: str, subject: int | U8 | None, first: int, end: int) -> Erased:
        """Delete the keys of a subject or of several (None: of all) in hours [first, end). When it returns they are
        gone from the disk; what a hold covers stays and is counted."""
        with self._lock:
            done = [self._erase(originator, subject, hour) for hour in self.hours() if first <= hour < end]
        names = {name for one in done for name in one.holds}
        return Erased(sum(one.keys for one in done), sum(one.held for one in done), tuple(sorted(names)))

    def _erase(self, originator: str, subject: int | U8 | None, hour: int) -> Erased:
        held = self._hour(hour)
        table = held.tables.get(originator, _none())
        everything = subject is None
        asked = np.isin(table.subjects, np.asarray(0 if subject is None else subject, np.uint64)) | everything
        kept, names = self.held(originator, hour, table.subjects[asked])
        gone = asked.copy()
        gone[asked] = kept == 0
        if gone.any():
            rest = dict(held.tables)
            rest[originator] = _Keys(table.subjects[~gone], table.keys[~gone])
            self._rewrite(hour, held, {name: one for name, one in rest.items() if len(one.subjects)})
        return Erased(int(gone.sum()), int(kept.sum()), names)

    def _rewrite(self, hour: int, held: _Hour, tables: dict[str, _Keys]) -> None:
        self._open.pop(hour, None)
        if tables:
            match = _FILE.fullmatch(held.name)
            generation = int(match[2]) + 1 if match else 0
            head, seed = self._header(hour)
            frames = [framed.build(_KEYS, _rows(name, one.subjects, one.keys), seed) for name, one in tables.items()]
            name = _name(hour, generation)
            try:
                self._disk.write_whole(name, head + b"".join(frames))
            except DiskError:
                with contextlib.suppress(DiskError):
                    self._wipe_unfinished()
                raise
            self._names[hour] = name
        else:
            del self._names[hour]
        self._unsynced.discard(held.name)
        gone = f"{held.name}{_GONE}"  # from here on the erasure is a fact, whatever happens to the wiping
        self._disk.rename(held.name, gone)
        self._disk.wipe(gone)

    def _hour(self, hour: int, make: bool = False) -> _Hour:
        held = self._open.get(hour)
        if held is None:
            held = self._begin(hour) if make and hour not in self._names else self._load(hour)
            self._open[hour] = held
            self._open.move_to_end(hour)
            while len(self._open) > HOURS_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(hour)
        return held

    def _begin(self, hour: int) -> _Hour:
        head, seed = self._header(hour)
        held = _Hour(hour, _name(hour, 0), seed)
        self._append(held, head)
        self._names[hour] = held.name
        return held

    def _header(self, hour: int) -> tuple[bytes, int]:
        seed = secrets.token_bytes(framed.SEED_BYTES)
        return framed.build(_HEADER, seed + hour.to_bytes(8, "little")), framed.seed_of(seed)

    def _load(self, hour: int) -> _Hour:
        name = self._names[hour]
        held, headed = _Hour(hour, name, 0), False
        for one in framed.walk(lambda at, n: self._disk.read(name, at, n), self._disk.size(name)):
            if isinstance(one, framed.Stop):
                self._settle(name, one)
            elif one.marker == _HEADER:
                held.seed, headed = framed.seed_of(one.payload), True
            else:
                originator, subjects, keys = _parse(one.payload)
                held.add(originator, subjects, keys)
        if not headed:
            head, held.seed = self._header(hour)  # the file was torn in its header: nothing was ever sealed with it
            self._append(held, head)
        return held

    def _settle(self, name: str, stop: framed.Stop) -> None:
        if stop.why == "damaged":
            raise DiskError(
                "io", f"{name}: damaged at byte {stop.at}; restore it from a copy, or what it sealed is lost"
            )
        if stop.why == "torn":
            self._disk.truncate(name, stop.at)
            self._disk.sync(name)

    def _append(self, held: _Hour, data: bytes) -> None:
        before = self._disk.size(held.name) if held.hour in self._names else 0
        try:
            self._disk.append(held.name, data)
        except DiskError as fault:
            self._take_back(held.name, before, fault)
            raise
        self._unsynced.add(held.name)

    def _take_back(self, name: str, size: int, cause: DiskError) -> None:
        try:
            if size:
                self._disk.truncate(name, size)
                self._unsynced.add(name)
            elif name in self._disk.names():
                self._disk.remove(name)
        except DiskError:
            self._broken = cause

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _wipe_unfinished(self) -> None:
        for name in self._disk.names():
            if name.endswith((".new", _GONE)):  # keys lie in it
                self._disk.wipe(name)

    def _keep_holds(self, holds: dict[str, Hold]) -> None:
        seed = secrets.token_bytes(framed.SEED_BYTES)
        payload = seed + msgspec.msgpack.encode(tuple(holds.values()))
        self._disk.write_whole(_HOLDS_FILE, framed.build(_HOLDS, payload))
        self._holds = holds


def _name(hour: int, generation: int) -> str:
    return f"keys-{hour:010d}-{generation:06d}.mnk"


def _rows(originator: str, subjects: U8, keys: U1) -> bytes:
    name = originator.encode()
    table = np.empty((len(subjects), 8 + KEY_BYTES), np.uint8)
    table[:, :8] = subjects.astype("<u8").view(np.uint8).reshape(-1, 8)
    table[:, 8:] = keys
    return bytes([len(name)]) + name + table.tobytes()


def _parse(payload: bytes) -> tuple[str, U8, U1]:
    begin = 1 + payload[0]
    table = np.frombuffer(payload, np.uint8, offset=begin).reshape(-1, 8 + KEY_BYTES)
    return payload[1:begin].decode(), table[:, :8].copy().view("<u8").reshape(-1).astype(np.uint64), table[:, 8:].copy()


def _read_holds(disk: Disk) -> tuple[Hold, ...]:
    if _HOLDS_FILE not in disk.names():
        return ()
    size = disk.size(_HOLDS_FILE)
    found = framed.read_one(lambda at, n: disk.read(_HOLDS_FILE, at, n), 0, size, 0)
    if found is None:
        raise DiskError("io", f"{_HOLDS_FILE}: damaged; legal holds cannot be read, and nothing may be erased")
    return msgspec.msgpack.decode(found.payload[framed.SEED_BYTES :], type=tuple[Hold, ...])
