"""What a broker keeps for one recipient: envelopes in the order in which they came, until they are fetched.

::

    <alias>.<number of the first envelope>     framed.py: a header, then a frame for each envelope and its hop
    logged.<alias>                             how far the own log speaks of them

An envelope is synced before its sender is told that it was taken. A file goes when all in it was fetched (the
recipient asks for what follows) and written down in the log. Nothing here can be opened by who keeps it.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from manara.host import framed
from manara.node.durable.disk import Disk, DiskError

FILE_ENVELOPES = 64
TWICE_MAX = 64  # the newest so many are known by their hash: a sender who saw no answer sends the same again
FETCH_MAX = 64
FETCH_BYTES = 1 << 20
_HEADER, _ENVELOPE = b"MNBH", b"MNBE"
_HOP = struct.Struct("<I")
_NUMBER = 16


class Kept(NamedTuple):
    """One envelope. ``hop``: what was said to its sender of it."""

    number: int
    hop: bytes
    envelope: bytes


@dataclass
class _File:
    name: str
    first: int
    seed: int
    places: list[tuple[int, int]] = field(default_factory=list)  # where each frame begins, and its envelope's length

    @property
    def end(self) -> int:
        return self.first + len(self.places)


class Box:
    """One recipient's. ``envelopes``, ``most_bytes``: what may wait. Any thread. Raises DiskError."""

    def __init__(self, disk: Disk, alias: str, envelopes: int, most_bytes: int) -> None:
        self._disk, self._alias = disk, alias
        self._envelopes, self._most_bytes = envelopes, most_bytes
        self._lock = threading.Lock()
        self._files: list[_File] = []
        self._hashes: deque[tuple[bytes, Kept]] = deque(maxlen=TWICE_MAX)
        self.fetched = 0  # everything before it
        self.logged = 0
        for name in disk.names():
            if name.startswith(f"{alias}.") and len(name) == len(alias) + 1 + _NUMBER:
                self._recover(name)
        self.fetched = self.logged = self._files[0].first if self._files else 0
        if (name := self._logged_name) in disk.names():
            said = disk.read(name, 0, 32)
            self.logged = max(self.logged, min(int(said) if said.isdigit() else 0, self.next))

    @property
    def _logged_name(self) -> str:
        return f"logged.{self._alias}"

    @property
    def next(self) -> int:
        """The number that the next envelope gets."""
        return self._files[-1].end if self._files else 0

    def waiting(self) -> tuple[int, int]:
        """Envelopes that were not fetched, and their bytes."""
        with self._lock:
            return self._waiting()

    def _waiting(self) -> tuple[int, int]:
        sizes = [size for one in self._files for n, (_, size) in enumerate(one.places, one.first) if n >= self.fetched]
        return len(sizes), sum(sizes)

    def again(self, envelope: bytes) -> Kept | None:
        """The same envelope, if it was taken lately."""
        mark = hashlib.sha256(envelope).digest()
        with self._lock:
            return next((kept for known, kept in self._hashes if known == mark), None)

    def full(self, size: int) -> bool:
        """Is there no room for one more of this size?"""
        count, held = self.waiting()
        return count >= self._envelopes or held + size > self._most_bytes

    def put(self, hop: bytes, envelope: bytes) -> int:
        """Keep it; durable when this returns its number."""
        with self._lock:
            if not self._files or len(self._files[-1].places) >= FILE_ENVELOPES:
                self._begin(self.next)
            last, number = self._files[-1], self.next
            at = self._disk.size(last.name)
            payload = _HOP.pack(len(hop)) + hop + envelope
            try:
                self._disk.append(last.name, framed.build(_ENVELOPE, payload, last.seed))
                self._disk.sync(last.name)
            except DiskError:
                self._disk.truncate(last.name, at)
                raise
            last.places.append((at, len(envelope)))
            self._remember(Kept(number, hop, envelope))
            return number

    def fetch(self, first: int) -> list[Kept]:
        """Envelopes from there on; what lies before was taken in by the recipient."""
        with self._lock:
            self.fetched = max(self.fetched, min(first, self.next))
            self._drop()
            found: list[Kept] = []
            size = 0
            for number in range(max(first, self._files[0].first if self._files else 0), self.next):
                one = self._read(number)
                size += len(one.envelope)
                if found and (size > FETCH_BYTES or len(found) >= FETCH_MAX):
                    break
                found.append(one)
            return found

    def unlogged(self, most: int) -> list[Kept]:
        """What no statement in the log speaks of yet."""
        with self._lock:
            return [self._read(number) for number in range(self.logged, min(self.next, self.logged + most))]

    def was_logged(self, following: int) -> None:
        """The log speaks of everything before this number."""
        with self._lock:
            self.logged = max(self.logged, min(following, self.next))
            self._disk.write_whole(self._logged_name, str(self.logged).encode())
            self._drop()

    def _remember(self, kept: Kept) -> None:
        self._hashes.append((hashlib.sha256(kept.envelope).digest(), kept._replace(envelope=b"")))

    def _begin(self, first: int) -> None:
        name = f"{self._alias}.{first:0{_NUMBER}d}"
        payload = hashlib.sha256(name.encode()).digest()
        self._disk.write_whole(name, framed.build(_HEADER, payload))
        self._files.append(_File(name, first, framed.seed_of(payload)))

    def _drop(self) -> None:
        """Files in which nothing is owed; the newest stays, its name says how far we came."""
        while len(self._files) > 1 and self._files[0].end <= min(self.fetched, self.logged):
            self._disk.remove(self._files.pop(0).name)

    def _read(self, number: int) -> Kept:
        held = next(one for one in self._files if one.first <= number < one.end)
        at, _ = held.places[number - held.first]
        name = held.name
        found = framed.read_one(lambda a, n: self._disk.read(name, a, n), at, self._disk.size(name), held.seed)
        if found is None:
            raise DiskError("damaged", f"{name}: envelope {number} cannot be read")
        return _kept(number, found.payload)

    def _recover(self, name: str) -> None:
        first = int(name[-_NUMBER:]) if name[-_NUMBER:].isdigit() else -1
        if first < 0 or (self._files and first != self._files[-1].end):
            raise DiskError("damaged", f"{name}: a file of envelopes before it is missing")
        made = _File(name, first, 0)
        for one in framed.walk(lambda a, n: self._disk.read(name, a, n), self._disk.size(name)):
            if isinstance(one, framed.Stop):
                if one.why == "damaged":
                    raise DiskError("damaged", f"{name}: byte {one.at} cannot be read")
                if one.why:
                    self._disk.truncate(name, one.at)  # nobody was told that it was taken
            elif one.marker == _HEADER:
                made.seed = framed.seed_of(one.payload)
            else:
                kept = _kept(first + len(made.places), one.payload)
                made.places.append((one.at, len(kept.envelope)))
                self._remember(kept)
        self._files.append(made)


def _kept(number: int, payload: bytes) -> Kept:
    (length,) = _HOP.unpack_from(payload)
    return Kept(number, payload[_HOP.size : _HOP.size + length], payload[_HOP.size + length :])
