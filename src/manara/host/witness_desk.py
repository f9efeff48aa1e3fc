"""Our witnessing of others' logs (C2SP tlog-witness): what we have cosigned is remembered before it is said.

::

    body ─▶ ledger.witness.decide ─▶ remembered on the disk, durably ─▶ cosigned ─▶ answer

A witness that forgets cosigns two histories. So each origin's latest checkpoint is one small file, replaced whole; a
file that cannot be read stops the witnessing of that origin until a person has looked, it never begins from nothing.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from manara.host.keys import Signer
from manara.ledger import checkpoint, cosign, note, witness
from manara.ledger.witness import Remembered
from manara.node.durable.disk import Disk, DiskError

ACCUSED_MAX = 100  # pairs of checkpoints kept as evidence


class Answer(NamedTuple):
    """What is answered over HTTP. ``why``: for our own records. ``accused``: the remembered and the submitted
    checkpoint, when together they may prove that the log lies (ledger.evidence)."""

    status: int
    body: bytes
    kind: str
    why: str = ""
    accused: tuple[bytes, bytes] | None = None


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    origin: str
    size: int
    root: bytes
    signed: bytes


class WitnessDesk:
    """The state of a witness over a disk of its own. ``name``: as it stands in cosignatures. ``logs``: origin to the
    keys that may sign it; it may be replaced while running."""

    def __init__(self, disk: Disk, signer: Signer, name: str, logs: Mapping[str, Iterable[note.Key]]) -> None:
        self._disk, self._signer = disk, signer
        self.key = note.Key(name, note.COSIGNATURE, signer.public())
        self._lock = threading.Lock()
        self._remembered: dict[str, Remembered] = {}
        self._damaged: dict[str, str] = {}
        self.logs: dict[str, tuple[note.Key, ...]] = {}
        self.look_after(logs)

    @property
    def vkey(self) -> str:
        """The line by which others know this witness."""
        return note.vkey(self.key)

    def look_after(self, logs: Mapping[str, Iterable[note.Key]]) -> None:
        """Witness these logs from now on. What is remembered of others stays on the disk."""
        with self._lock:
            self.logs = {origin: tuple(keys) for origin, keys in logs.items()}
            there = set(self._disk.names())
            for origin in self.logs:
                if origin not in self._remembered and _name(origin) in there:
                    self._load(origin)

    def remembered(self, origin: str) -> Remembered:
        """The latest checkpoint cosigned for an origin; what a log asks for before it signs."""
        with self._lock:
            return self._remembered.get(origin, Remembered())

    def add_checkpoint(self, body: bytes, now_ns: int) -> Answer:
        """The answer to POST /add-checkpoint. The next request is looked at after this one is stored."""
        with self._lock:
            said = witness.parse_request(body)
            if not isinstance(said, str) and (why := self._damaged.get(said.checkpoint.origin)):
                return _refused(500, why)
            decision = witness.decide(body, self.logs, self._remembered)
            if decision.remembered is None or isinstance(said, str):
                accused = None if isinstance(said, str) else self._accuse(said.checkpoint.origin, decision.accuses)
                return Answer(decision.status, decision.body.encode(), decision.kind, decision.why, accused)
            try:
                self._keep(said.checkpoint.origin, decision.remembered)
            except DiskError as fault:
                return _refused(500, f"not remembered, so not cosigned: {fault}")
            self._remembered[said.checkpoint.origin] = decision.remembered
            line = cosign.sign(decision.text, self.key, now_ns // 1_000_000_000, self._signer.sign).line()
            return Answer(200, line.encode(), decision.kind)

    def _keep(self, origin: str, one: Remembered) -> None:
        payload = msgspec.msgpack.encode(_Kept(origin, one.size, one.root, one.signed))
        self._disk.write_whole(_name(origin), zlib.crc32(payload).to_bytes(4, "little") + payload)

    def _load(self, origin: str) -> None:
        name = _name(origin)
        data = self._disk.read(name, 0, self._disk.size(name))
        try:
            kept = msgspec.msgpack.decode(data[4:], type=_Kept)
        except msgspec.MsgspecError:
            kept = None
        if kept is None or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little") or kept.origin != origin:
            self._damaged[origin] = (
                f"{name}: what was cosigned for {origin} cannot be read; restore it, then start again"
            )
            return
        self._remembered[origin] = Remembered(kept.size, kept.root, kept.signed)

    def _accuse(self, origin: str, submitted: bytes) -> tuple[bytes, bytes] | None:
        """Keep both checkpoints beside what is remembered; what the disk refuses is still in the answer."""
        before = self._remembered.get(origin, Remembered()).signed
        if not submitted or not before:
            return None
        name = accused_name(before, submitted)
        try:
            there = [one for one in self._disk.names() if one.startswith("accused-")]
            if name not in there and len(there) < ACCUSED_MAX:
                self._disk.write_whole(name, msgspec.msgpack.encode((before, submitted)))
        except DiskError:
            return before, submitted
        return before, submitted

    def accusations(self) -> list[tuple[bytes, bytes]]:
        """The kept pairs of checkpoints: remembered, submitted."""
        names = [one for one in self._disk.names() if one.startswith("accused-")]
        kept = (self._disk.read(name, 0, self._disk.size(name)) for name in names)
        return [msgspec.msgpack.decode(one, type=tuple[bytes, bytes]) for one in kept]


def accused_name(before: bytes, submitted: bytes) -> str:
    """The file in which two checkpoints are kept that cannot both be true."""
    return f"accused-{hashlib.sha256(before + submitted).hexdigest()[:32]}"


def kept_accusations(folder: Path) -> list[tuple[str, Path]]:
    """Of a witness's folder: the log that each kept pair of checkpoints accuses, and the file."""
    found = []
    for path in sorted(folder.glob("accused-*")):
        try:
            before, _ = msgspec.msgpack.decode(path.read_bytes(), type=tuple[bytes, bytes])
            said = checkpoint.parse_note(before)
        except (OSError, msgspec.MsgspecError):
            said = "not readable"
        found.append(("?" if isinstance(said, str) else said[0].origin, path))
    return found


def _refused(status: int, why: str) -> Answer:
    return Answer(status, b"", "text/plain; charset=utf-8", why)


def _name(origin: str) -> str:
    return f"witnessed-{hashlib.sha256(origin.encode()).hexdigest()[:40]}"
