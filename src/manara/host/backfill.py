"""Back-fill beside a running node: who is owed history, and the replay that makes it, in a thread and slowly.

::

    policy frame in Publish ─▶ <folder>/backfill/RECIPIENT.json (agreement, from when to when)
                                   └─▶ journal, read only ─▶ node/backfill.py ─▶ Replayed, as the recipient signs

The file is written before the frame leaves, so that a node that was killed goes on where it was: the step knows which
past ticks were told and lets none go twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from manara.host import files
from manara.host.problems import BadInput
from manara.ledger import places
from manara.link import heads
from manara.node import backfill
from manara.node.backfill import Stands, Wish
from manara.node.durable import journal
from manara.node.durable.disk import DiskError
from manara.node.durable.frames import Record
from manara.node.sources import WARM_NS
from manara.records.config import NodeConfig
from manara.records.directory import Directory
from manara.records.inputs import Input, Replayed
from manara.records.reject import Reject
from manara.records.released import Entry
from manara.release import backfill as rules
from manara.release import document, standing, statements
from manara.release.document import Document
from manara.release.standing import Standings

LOOK_S = 2.0
PACE_S = 0.1  # between two offers
OFFERED = 16  # past ticks of one offer
ALONE_S = 15.0  # a receipt comes after ten
GAP_NS = 90_000_000_000  # a heartbeat comes after sixty seconds
SPANS_MAX = 64
REST = 1.0  # a replay rests as long as it works
OWED_BYTES = 1 << 20


class Owed(msgspec.Struct, frozen=True):
    """What stands towards a recipient, and which history goes along. ``attachment``: the agreement as a command
    carries it."""

    recipient: str
    policy: str
    attachment: str
    begin_ns: int
    until_ns: int
    done: bool = False
    more: tuple[tuple[int, int], ...] = ()  # further spans, in order: times in which the recipient was away


Since = Callable[[str, int], int]
"""Since when a direction stands as it stands, unless it is suspended (0): what was withheld is not told later."""


def since_of(standings: Standings, direction: str, now_ns: int) -> int:
    """Of ``Since``, as things stand."""
    one = standings.agreements.get(direction)
    return max(one.since_ns, 1) if one is not None and standing.phase_at(one, now_ns) else 0


class Gaps:
    """When each recipient's stream was last added to. Nothing is for so long only where the recipient did not sign for
    what it has, and nothing new was sent: it was away. While an agreement is suspended there are heartbeats."""

    def __init__(self) -> None:
        self._last_ns: dict[str, int] = {}

    def ended(self, stream: str, now_ns: int) -> int:
        """The begin of a gap that ends with this entry; 0 where there is none."""
        last_ns = self._last_ns.get(stream, now_ns)
        self._last_ns[stream] = now_ns
        return last_ns if now_ns - last_ns > GAP_NS else 0


class Reading:
    """A disk (node/durable/disk.py) of which only these files are read: the running node writes behind them."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._folder, self._names = folder, names

    def names(self) -> list[str]:
        """The files."""
        return self._names

    def size(self, name: str) -> int:
        """Length in bytes. Raises DiskError."""
        try:
            return (self._folder / name).stat().st_size
        except OSError as fault:
            raise DiskError("missing", f"{self._folder / name}: {fault.strerror}") from None

    def read(self, name: str, offset: int, n: int) -> bytes:
        """Raises DiskError."""
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(offset)
                return file.read(n)
        except OSError as fault:
            raise DiskError("missing", f"{self._folder / name}: {fault.strerror}") from None

    def _never(self, *_: object) -> NoReturn:
        raise DiskError("denied", "this journal is only read")

    append = sync = truncate = rename = remove = write_whole = _never


def windows(folder: Path, begin_ns: int, until_ns: int) -> Iterator[tuple[int, tuple[Input, ...]]]:
    """What a node's steps took in that time, by its journal, which may be written meanwhile. Raises DiskError."""
    every = Reading(
        folder, sorted(one.name for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    )
    there = journal.segments(every)
    later = [n for n, (_, name) in enumerate(there) if _begun_ns(every, name) <= begin_ns]
    wanted = [name for _, name in there[later[-1] if later else 0 :]]
    for one in journal.read(Reading(folder, wanted)):
        if isinstance(one, Record):
            if one.now_ns >= until_ns:
                return
            if one.now_ns >= begin_ns:
                yield one.now_ns, one.inputs


def _begun_ns(disk: Reading, name: str) -> int:
    header = journal.read_header(disk, name)
    return 1 << 62 if isinstance(header, str) else header.created_ns


def note(folder: Path, own: str, entries: tuple[Entry, ...], tick_ns: int, gaps: Gaps, since: Since) -> None:
    """Remember what policy frames among these entries put in force, and who is back after having been away. Raises
    BadInput."""
    for one in entries:
        if not one.stream.startswith(f"{own}>") or "/" in one.stream:
            continue
        head = heads.parse(one.head)
        if isinstance(head, Reject) or head.kind == "warning":  # rule 0 goes on whoever is away
            continue
        if (begin_ns := gaps.ended(one.stream, tick_ns)) and (since_ns := since(one.stream, tick_ns)):
            _was_away(folder, heads.recipient(one.stream), max(begin_ns, since_ns), tick_ns)
        if head.kind == "policy":
            recipient = heads.recipient(one.stream)
            before = _read(folder / "backfill" / f"{recipient}.json")
            with contextlib.suppress(msgspec.MsgspecError):
                said = msgspec.json.decode(head.subject, type=dict[str, str])
                made = _owed(recipient, head.policy, said.get("attachment", ""), int(head.time_ns))
                if made is not None and (before is None or before.policy != made.policy):
                    _write(folder, made)


def _was_away(folder: Path, recipient: str, begin_ns: int, now_ns: int) -> None:
    one = _read(folder / "backfill" / f"{recipient}.json")
    found = _agreement(one.attachment) if one else None
    if one is None or found is None or not found.agreement.backfill_s:
        return
    begin_ns = max(begin_ns, rules.begins_ns(found.agreement, now_ns))
    if one.done:
        _write(folder, msgspec.structs.replace(one, begin_ns=begin_ns, until_ns=now_ns, done=False))
    else:
        _write(folder, msgspec.structs.replace(one, more=(*one.more, (begin_ns, now_ns))[-SPANS_MAX:]))


def _after(folder: Path, told: Owed) -> None:
    """One span is told: the next one, or none. Another agreement that came meanwhile stays as it is."""
    now = _read(folder / "backfill" / f"{told.recipient}.json")
    if now is not None and (now.policy, now.begin_ns) == (told.policy, told.begin_ns):
        if now.more:
            (begin_ns, until_ns), *more = now.more
            _write(folder, msgspec.structs.replace(now, begin_ns=begin_ns, until_ns=until_ns, more=tuple(more)))
        else:
            _write(folder, msgspec.structs.replace(now, done=True))


def _owed(recipient: str, policy: str, attachment: str, now_ns: int) -> Owed | None:
    found = _agreement(attachment)
    if found is None:
        return None
    begin_ns = rules.begins_ns(found.agreement, now_ns)
    return Owed(recipient, policy, attachment, begin_ns, now_ns, done=not found.agreement.backfill_s)


def _agreement(attachment: str) -> Document | None:
    parts = document.detach(attachment.encode())
    found = document.read(parts[0]) if not isinstance(parts, statements.Refusal) else ()
    return found if isinstance(found, Document) else None


def _read(path: Path) -> Owed | None:
    try:
        return msgspec.json.decode(files.read(path, OWED_BYTES), type=Owed)
    except (BadInput, msgspec.MsgspecError):
        return None


def _write(folder: Path, one: Owed) -> None:
    place = folder / "backfill"
    try:
        place.mkdir(exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"no place for what is owed: {fault.strerror}", str(place)) from None
    files.write(place / f"{one.recipient}.json", msgspec.json.encode(one), private=True)


def owed(folder: Path) -> list[Owed]:
    """What stands towards each recipient, done or not."""
    place = folder / "backfill"
    found = [_read(path) for path in sorted(place.glob("*.json"))] if place.is_dir() else []
    return [one for one in found if one is not None]


class Room:
    """How many entries a stream of history may take. The step keeps the agreement's window; here half of it is used,
    since some are always on their way. ``heads``: entries of each stream in the log."""

    def __init__(self, heads: Callable[[], Mapping[str, int]]) -> None:
        self._heads = heads
        self._signed: dict[str, int] = {}
        self._tried_s: dict[str, float] = {}

    def signed(self, stream: str, following: int) -> None:
        """A receipt: the recipient has everything before that."""
        self._signed[stream] = max(following, self._signed.get(stream, 0))

    def of(self, stream: str, window: int) -> int:
        """So many now. After a start nobody has signed yet: one at a time, until a receipt says how it stands."""
        there = self._heads().get(stream, 0)
        begun = places.begin_of(there)
        if there > begun and stream not in self._signed:
            if time.monotonic() - self._tried_s.get(stream, -ALONE_S) < ALONE_S:
                return 0
            self._tried_s[stream] = time.monotonic()
            return 1
        left = (window + 1) // 2 - (there - max(begun, self._signed.get(stream, 0)))
        return max(0, min(left, max(1, window // 4)))


@dataclass(frozen=True)
class Node:
    """What a replay needs of the node that runs. ``standings``: as they are now; ``offer``: to the next step;
    ``room``: how many entries a stream may take before its recipient must sign."""

    config: NodeConfig
    folder: Path
    directory: Directory
    secret: bytes
    standings: Callable[[], Standings]
    offer: Callable[[list[Input]], bool]
    room: Callable[[str, int], int]
    now_ns: Callable[[], int]


async def keep(node: Node) -> None:
    """Make what is owed, one recipient after the other, until cancelled. A disk that refuses is tried again."""
    while True:
        await asyncio.sleep(LOOK_S)
        for one in owed(node.folder):
            if not one.done:
                with contextlib.suppress(DiskError, BadInput, OSError):
                    if await tell(node, one):
                        _after(node.folder, one)


async def tell(node: Node, one: Owed) -> bool:
    """The history of one recipient; False when its agreement moved meanwhile: then it is begun anew, under what stands
    then. Suspended, or replaced: nothing more of it is owed."""
    wish = _wish(node, one)
    if wish is None:
        return True
    stream = rules.stream(node.config.partner, one.recipient)
    heard = windows(node.folder, one.begin_ns - WARM_NS, one.until_ns)
    made = backfill.replay(node.config, node.directory, wish, heard, node.secret)
    sent = 0
    while True:
        some, over = await asyncio.to_thread(_some, made)
        while some:
            now = _wish(node, one)
            if now is None or now.stands != wish.stands:
                return now is None
            many = min(len(some), node.room(stream, wish.stands.agreement.window), OFFERED)
            received_ns = node.now_ns()
            if many > 0 and node.offer([msgspec.structs.replace(r, received_ns=received_ns) for r in some[:many]]):
                some, sent = some[many:], sent + many
            await asyncio.sleep(PACE_S)
        if over:
            return True


def _some(made: Iterator[Replayed | None]) -> tuple[list[Replayed], bool]:
    """The next few past ticks that tell something; True at the end. It rests as long as it works."""
    some: list[Replayed] = []
    while len(some) < OFFERED:
        began_s = time.thread_time()
        try:
            one = next(made)
        except StopIteration:
            return some, True
        some += [] if one is None else [one]
        time.sleep(REST * (time.thread_time() - began_s))
    return some, False


def _wish(node: Node, one: Owed) -> Wish | None:
    """What is to be replayed as things stand now; None: nothing, since the agreement is suspended or another."""
    now, known = node.standings(), {other.recipient: other for other in owed(node.folder)}
    stands = _stands(node, now, one)
    if stands is None or not stands.phase:
        return None
    others = [_stands(node, now, other) for name, other in known.items() if name != one.recipient]
    return Wish(stands, tuple(found for found in others if found and found.phase), one.begin_ns, one.until_ns)


def _stands(node: Node, now: Standings, one: Owed) -> Stands | None:
    at = now.agreements.get(f"{node.config.partner}>{one.recipient}")
    found = _agreement(one.attachment)
    if at is None or found is None or at.agreement != one.policy:
        return None
    return Stands(found.agreement, one.policy, standing.phase_at(at, node.now_ns()))
