"""Retention: what a node lets go of by itself, because the terms under which it came have run out.

::

    received: hour by hour ─▶ terms of its rows, newest agreement ─▶ due? ─▶ hashes kept, keys erased ─▶ Swept
    own log:  older than journal_days ─▶ segments pruned, keys erased ───────────────────────────────┘   │
                                                                       statement retention.erased ◀──────┘

Keys are of whole hours, so an hour of a track goes when the oldest row of it is due, and not before the hour has ended.
What a legal hold keeps is counted and named, and looked at again when a hold is placed or lifted.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from manara.host import files
from manara.host.log_store import LogStore
from manara.host.problems import BadInput
from manara.host.received import Received
from manara.host.vault import HOUR_NS, Vault
from manara.link import heads
from manara.node.durable.disk import DiskError
from manara.records.columns import U1, U8
from manara.records.reject import Reject
from manara.records.released import DTYPES, Block, Head
from manara.release import document, statements

NS = 1_000_000_000
DAY_NS = 86_400 * NS
FIRST_S = 60.0  # after its start, when it has caught up
EVERY_S = 3_600.0  # a running node sweeps so often
ASK_S = 1.0  # and looks so often whether a person asks for it
DEFAULT_S = 30 * 86_400  # where no agreement can be read, as in records.agreement
KNOWN_BYTES = 32 << 20
ASK_BYTES = 4_096
_KNOWN, _ASK, _ANSWER = "known.json", "ask.json", "answer.json"


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What was let go of one originator's. ``before_ns``: the end of the newest hour that was touched; ``rows``: whose
    hashes alone are left; ``keys``: erased; ``held``, ``holds``: keys that legal holds kept, and their names;
    ``pruned``: ticks of the own log of which only heads are left, or segments of what was received."""

    originator: str
    before_ns: int = 0
    rows: int = 0
    keys: int = 0
    held: int = 0
    holds: tuple[str, ...] = ()
    pruned: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(
            originator=self.originator,
            before_ns=max(self.before_ns, other.before_ns),
            rows=self.rows + other.rows,
            keys=self.keys + other.keys,
            held=self.held + other.held,
            holds=tuple(sorted({*self.holds, *other.holds})),
            pruned=self.pruned + other.pruned,
        )

    @property
    def gone(self) -> bool:
        """Was anything let go of?"""
        return bool(self.rows or self.keys or self.pruned)


class Known(msgspec.Struct):
    """What earlier sweeps learnt, so that an hour is read once when it ends and once when it is due. ``shortest``:
    stream -> hour -> seconds of what is still there, 0: nothing; ``limits``: stream -> of its newest agreement."""

    shortest: dict[str, dict[int, int]] = {}
    limits: dict[str, int] = {}


class Ask(msgspec.Struct, frozen=True):
    """A person at the command line asks a running node to sweep."""

    nonce: str
    dry: bool = False


class Told(msgspec.Struct, frozen=True):
    """The answer."""

    nonce: str
    swept: tuple[Swept, ...]


class Sweeper:
    """Retention over a node's stores. ``folder``: where it remembers; ``keep_ns``: how long the own log keeps rows, 0:
    for ever. May raise DiskError and BadInput."""

    def __init__(self, received: Received, log: LogStore, vault: Vault, own: str, keep_ns: int, folder: Path) -> None:
        self._received, self._log, self._vault, self._own = received, log, vault, own
        self._keep_ns, self._folder = keep_ns, folder
        self._known = _known(folder / _KNOWN)
        self._kept: dict[tuple[str, int], tuple[tuple[str, ...], Swept]] = {}  # under which holds, what they kept
        self._over = False

    def stop(self) -> None:
        """Whatever sweep is at work ends at the next hour; the rest is due at the next one."""
        self._over = True

    def run(self, now_ns: int, dry: bool = False) -> tuple[Swept, ...]:
        """Let go of what is due; one answer for each originator of whom something was due, or held. ``dry``: only
        say; rows are then counted as keys."""
        total: dict[str, Swept] = {}
        hours = self._received.hours()
        ended = [(stream, hour) for stream in sorted(hours) for hour in hours[stream] if (hour + 1) * HOUR_NS <= now_ns]
        for stream, hour in ended:  # first all: a later agreement counts for what came before it, too
            if not self._over:
                self._learn(stream, hour)
        for stream, hour in ended:
            if not self._over:
                done = self._hour(stream, hour, now_ns, dry)
                total[done.originator] = total.get(done.originator, Swept(originator=done.originator)) + done
        self._forget(hours)
        if self._keep_ns and not self._over:
            before_ns = now_ns - self._keep_ns
            total[self._own] = self._expire(before_ns, dry)
            for one in [] if dry else self._prune(before_ns, total):
                total[one.originator] = one
        if not dry:
            self._remember()
        return tuple(one for one in total.values() if one.gone or one.held)

    def _learn(self, stream: str, hour: int) -> None:
        shortest = self._known.shortest.setdefault(stream, {})
        if hour not in shortest:
            shortest[hour] = min(self._spans(stream, hour).values(), default=0)

    def _hour(self, stream: str, hour: int, now_ns: int, dry: bool) -> Swept:
        """One hour of a stream of what was received."""
        partner = heads.releaser(stream)
        nothing = Swept(originator=partner)
        shortest = self._known.shortest.get(stream, {})
        span = min(shortest.get(hour, 0), self._limit(stream))
        if not span or hour * HOUR_NS + span * NS > now_ns:
            return nothing
        standing = tuple(sorted(one.name for one in self._vault.holds()))
        before, again = self._kept.get((stream, hour), ((), nothing))
        if again.held and before == standing:
            return again
        spans = self._spans(stream, hour)
        due = [
            one for one, seconds in spans.items() if hour * HOUR_NS + min(seconds, self._limit(stream)) * NS <= now_ns
        ]
        swept = self._erase(stream, partner, hour, np.array(sorted(due), np.uint64), dry)
        if not dry:
            left = [seconds for one, seconds in spans.items() if one not in set(due)]
            shortest[hour] = shortest[hour] if swept.held else min(left, default=0)
            self._kept[stream, hour] = standing, Swept(originator=partner, held=swept.held, holds=swept.holds)
        return swept

    def _erase(self, stream: str, partner: str, hour: int, due: U8, dry: bool) -> Swept:
        there = np.intersect1d(self._vault.subjects(partner, hour), due)
        mask, names = self._vault.held(partner, hour, there)
        held, keys = int(mask.sum()), int((mask == 0).sum())
        rows = 0
        if keys and not dry:
            rows = self._received.erase(stream, due.tolist(), hour * HOUR_NS, (hour + 1) * HOUR_NS - 1)
        before_ns = (hour + 1) * HOUR_NS if keys else 0
        return Swept(originator=partner, before_ns=before_ns, rows=rows, keys=keys, held=held, holds=names)

    def _spans(self, stream: str, hour: int) -> dict[int, int]:
        """Of each track that still has rows in an hour: for how many seconds it may be kept, by the strictest of its
        rows. What bears no terms of its own (warnings, filling) goes by the agreement."""
        found: dict[int, int] = {}
        for _, kept, blocks, erased in self._received.told(stream, hour):
            head = heads.parse(kept.head)
            if isinstance(head, Reject):
                continue
            if head.kind == "policy":
                self._known.limits[stream] = _limit_of(head) or self._limit(stream)
            row = 0
            for block, whose in zip(blocks, kept.subjects, strict=True):
                subjects = np.frombuffer(whose, "<u8").astype(np.uint64)
                here = np.frombuffer(erased[row : row + len(subjects)], np.uint8) == 0
                seconds = _seconds(head, block, subjects, here)
                for one in np.unique(subjects[here]).tolist():
                    least = int(seconds[here & (subjects == np.uint64(one))].min())
                    found[one] = min(found.get(one, 1 << 40), least)
                row += len(subjects)
        return found

    def _limit(self, stream: str) -> int:
        return self._known.limits.get(stream.partition("/")[0], DEFAULT_S)  # history goes by the same agreement

    def _expire(self, before_ns: int, dry: bool) -> Swept:
        end = before_ns // HOUR_NS
        if dry:
            keys = held = 0
            names: set[str] = set()
            for hour in (one for one in self._vault.hours() if one < end):
                mask, some = self._vault.held(self._own, hour, self._vault.subjects(self._own, hour))
                keys, held, names = keys + int((mask == 0).sum()), held + int(mask.sum()), names | set(some)
            return Swept(originator=self._own, before_ns=end * HOUR_NS, keys=keys, held=held, holds=tuple(names))
        done = self._log.expire(before_ns)
        return Swept(
            originator=self._own,
            before_ns=end * HOUR_NS,
            rows=done.rows,
            keys=done.keys,
            held=done.held,
            holds=done.holds,
            pruned=done.pruned,
        )

    def _prune(self, before_ns: int, total: Mapping[str, Swept]) -> list[Swept]:
        """Files of what was received, in which nothing may be needed any more; never into a legal hold."""
        bound = min([before_ns, *(one.first * HOUR_NS for one in self._vault.holds() if one.originator != self._own)])
        count = self._received.prune(bound)
        partners = sorted({heads.releaser(stream) for stream in self._received.hours()}) if count else []
        return [
            total.get(one, Swept(originator=one)) + Swept(originator=one, before_ns=bound, pruned=count)
            for one in partners
        ]

    def _forget(self, hours: Mapping[str, Sequence[int]]) -> None:
        """Hours that are no longer there."""
        for stream, held in self._known.shortest.items():
            there = set(hours.get(stream, ()))
            self._known.shortest[stream] = {hour: span for hour, span in held.items() if hour in there}

    def _remember(self) -> None:
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(parents=True, mode=0o700)
        files.write(self._folder / _KNOWN, msgspec.json.encode(self._known), private=True)


def _seconds(
    head: Head, block: Block, subjects: U8, here: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How long each row may be kept, (n,); 1 << 40 where its terms say nothing, or it is gone."""
    out = np.full(len(subjects), 1 << 40, np.int64)
    spans = np.array([one.retention_s or 1 << 40 for one in head.terms], np.int64)
    shape = DTYPES.get(block.table)
    if shape is None or "terms" not in (shape.names or ()) or shape.itemsize != block.width or not here.any():
        return out
    at = np.cumsum(np.where(here, block.width, 32)) - np.where(here, block.width, 32)
    raw: U1 = np.frombuffer(block.rows, np.uint8)
    place = raw[at[here] + int(shape.fields["terms"][1] if shape.fields else 0)]
    known = place < len(spans)
    some = np.full(len(place), 1 << 40, np.int64)
    some[known] = spans[place[known]]
    out[here] = some
    return out


def _limit_of(head: Head) -> int:
    """The retention of the agreement that a policy frame brings; 0 where it brings none that can be read."""
    try:
        said = msgspec.json.decode(head.subject, type=dict[str, str])
    except msgspec.MsgspecError:
        return 0
    parts = document.detach(said.get("attachment", "").encode())
    found = document.read(parts[0]) if not isinstance(parts, statements.Refusal) else ()
    return found.agreement.retention_s if isinstance(found, document.Document) else 0


def _known(path: Path) -> Known:
    """What is not there, or cannot be read, is learnt anew."""
    try:
        return msgspec.json.decode(files.read(path, KNOWN_BYTES), type=Known)
    except (BadInput, msgspec.MsgspecError):
        return Known()


def statement(swept: Swept, last: str, nonce: str) -> bytes:
    """What the node signs for the log. ``last``: its statement before about the same originator."""
    return statements.canonical(
        statements.RetentionErased(
            nonce=nonce, after=last, originator=swept.originator, before_ns=str(swept.before_ns), count=str(swept.rows)
        )
    )


async def keep(folder: Path, sweep: Callable[[bool], tuple[Swept, ...]], done: Callable[[Swept], None]) -> None:
    """Sweep from time to time, and when a person asks. ``sweep(dry)`` runs in a thread beside the loop. A disk that
    refuses is said by whoever needs it first; what is due stays due."""
    next_s = time.monotonic() + FIRST_S
    while True:
        await asyncio.sleep(ASK_S)
        one = asked(folder)
        if one is None and time.monotonic() < next_s:
            continue
        next_s = next_s if one is not None else time.monotonic() + EVERY_S
        dry = one is not None and one.dry
        with contextlib.suppress(DiskError, BadInput):
            swept = await asyncio.to_thread(sweep, dry)
            for each in swept:
                if each.gone and not dry:
                    done(each)
            if one is not None:
                answer(folder, one, swept)


def ask(folder: Path, dry: bool, timeout_s: float) -> tuple[Swept, ...] | None:
    """Ask a running node; None when it did not answer in time. Raises BadInput."""
    place = folder / "retention"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"no place to ask: {fault.strerror}", str(place), "name the node's folder") from None
    nonce = secrets.token_hex(16)
    files.write(place / _ASK, msgspec.json.encode(Ask(nonce, dry)), private=True)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        with contextlib.suppress(BadInput, msgspec.MsgspecError):
            told = msgspec.json.decode(files.read(place / _ANSWER, KNOWN_BYTES), type=Told)
            if told.nonce == nonce:
                return told.swept
        time.sleep(0.05)
    return None


def asked(folder: Path) -> Ask | None:
    """What a person asks of this node, once."""
    path = folder / "retention" / _ASK
    try:
        found = msgspec.json.decode(files.read(path, ASK_BYTES), type=Ask)
    except (BadInput, msgspec.MsgspecError):
        return None
    with contextlib.suppress(OSError):
        path.unlink()
    return found


def answer(folder: Path, one: Ask, swept: tuple[Swept, ...]) -> None:
    """Tell the person. Raises BadInput."""
    files.write(folder / "retention" / _ANSWER, msgspec.json.encode(Told(one.nonce, swept)), private=True)
