"""One end's line to a partner through a broker: an envelope at every beat, whatever there is to say, and what comes.

::

    every beat: letter ─▶ sign, seal ─▶ POST to the broker ─▶ hop receipt, kept
    always:     GET from N ─▶ open ─▶ signed? ours, new? ─▶ talk ─▶ answer:  wire, link_checks, store ─▶ the next step
                                       │ no: Refused, with the broker's name       receipt, statement ─▶ the door

To the node it is as any link: the step does not know the carrier. That a sign of life is late, that places are missing,
or that what we send is not opened over there, is said at both ends, and a line is ``live`` only when nothing is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from manara.host import files, hops, link_answers
from manara.host.broker_desk import Fetched
from manara.host.broker_keys import Relation
from manara.host.broker_talk import Came, Plain, Talk, seen
from manara.host.door import BUSY
from manara.host.link_answers import LogReads
from manara.host.link_checks import CONTRADICTIONS, Asked, Refusal, check
from manara.host.link_client import Door, Memory, Unreachable
from manara.host.problems import BadInput
from manara.ledger import note
from manara.link import heads, sealed, wire
from manara.link.sealed import Place, Want
from manara.node.durable.disk import DiskError
from manara.records.brokered import WARNING_BYTES, Brokered
from manara.records.inputs import Input, LinkState, Refused
from manara.records.reject import Reject
from manara.records.released import Delivery

STATE_BYTES = 64 << 10
WAIT_S = 25.0  # for news at the broker
PAUSE_S = 1.0  # after a failure
FETCH_BYTES = 4 << 20
ANSWER_BYTES = 1 << 20  # of rows in one answer, at most
REASONS_MAX = 64
SAID_S = 5.0  # the same thing is not said again sooner
UNSURE_KINDS = ("warning", "heartbeat")  # of entries that an unconfirmed relation carries
UNSURE = "unverified: the broker could read it, so that it carries warnings only"


class Post(Protocol):
    """The link to the broker (link_client.LinkClient)."""

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and answer. Raises Unreachable."""
        ...

    async def fetch(self, path: str, wait_s: float, most: int) -> tuple[int, bytes]:
        """Status and answer. Raises Unreachable."""
        ...


class State(msgspec.Struct):
    """What a line remembers. ``epoch``: of its last start; ``fetched``: number at the broker; ``seen``: of theirs."""

    epoch: int = 0
    fetched: int = 0
    seen: Plain | None = None


@dataclass(frozen=True)
class Ends:
    """What a line needs of its node. ``admitted``: "" or why nothing is to go to the partner now; ``hear``: as a
    door's; ``broker_key``: with which hop receipts are signed."""

    own: str
    log: LogReads
    log_key: note.Key
    door: Door
    memory: Memory
    admitted: Callable[[], str]
    hear: Callable[[str, str, bytes], Awaitable[str]]
    broker_key: bytes
    now_ns: Callable[[], int]


class BrokerLine:
    """Follows one partner through one broker. Raises BadInput."""

    def __init__(self, said: Brokered, relation: Relation, broker: Post, ends: Ends, folder: Path) -> None:
        """``folder``: where it remembers."""
        self._said, self._relation, self._broker, self._ends = said, relation, broker, ends
        self._size = said.size_bytes if relation.verified else WARNING_BYTES
        self._path = folder / f"{said.partner}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise BadInput(f"no folder: {fault.strerror or fault}", str(folder), "see to room and rights") from None
        self._state = _load(self._path)
        self._state.epoch += 1
        self._keep()
        self._hops = hops.Hops(folder / f"{said.partner}.hops", ends.broker_key)
        ours = f"{ends.own}>{said.partner}"
        streams = (ours, f"{ours}/backfill") if relation.verified else (ours,)
        self._log: LogReads = ends.log if relation.verified else WarningsOnly(ends.log)
        grace_s = max(2.0, 3 * said.every_s)
        self._talk = Talk(streams, self._answer, lambda one: ends.log.heads().get(one, 0), grace_s)
        if self._state.seen is not None:
            self._talk.seen = seen(self._state.seen)
        self._reading = tuple(_theirs(one) for one in streams)
        self._handed = {one: 0 for one in self._reading}
        self._sequence = 0
        self._unsent: bytes | None = None
        self._trouble = ""  # of the way to the broker
        self._told = ("", 0.0)
        self._heard_s = self._began_s = -1.0
        self._counts: Counter[str] = Counter()
        self._spoken_s: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def follow(self) -> None:
        """Send and fetch until cancelled."""
        self._heard_s = self._began_s = _now_s()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat(), name=f"beat {self._said.partner}")
            tasks.create_task(self._fetch(), name=f"fetch {self._said.partner}")

    async def tell(self, kind: str, envelope: bytes) -> str:
        """Hand a receipt or a statement to the partner; "" once it came whole. Raises Unreachable. An unconfirmed
        relation carries no statement."""
        if kind == "statement" and not self._relation.verified:
            return "unverified"
        number = self._talk.send(kind, envelope)
        try:
            async with asyncio.timeout(max(self._said.silence_s, 10 * self._said.every_s)):
                while self._talk.waiting(number):
                    await self._changed.wait()
        except TimeoutError:
            raise Unreachable("silent", f"{self._said.via} did not bring it over in time") from None
        finally:
            self._talk.withdraw(number)
        return ""

    # Sending

    async def _beat(self) -> None:
        at_s = _now_s()
        while True:
            at_s = max(at_s + self._said.every_s, _now_s() - self._said.every_s)
            await asyncio.sleep(max(0.0, at_s - _now_s()))
            try:
                await self._send()
            except (BadInput, DiskError, OSError) as fault:  # of our own disk
                self._trouble = f"not_kept: {fault}"
            self._say()
            if self._trouble:
                await asyncio.sleep(PAUSE_S)

    async def _send(self) -> None:
        """One envelope; the same again until the broker has taken it."""
        if self._unsent is None:
            place = Place(self._relation.alias, self._relation.theirs.alias, self._state.epoch, self._sequence)
            quiet = self._ends.admitted() == "revoked"
            body = self._talk.letter(self._sequence, sealed.body_max(self._size), self._wants(), quiet)
            self._unsent = self._relation.shut(place, body, self._size)
        envelope = self._unsent
        try:
            status, answer = await self._broker.post(f"/v1/broker/{self._relation.theirs.alias}", envelope)
        except Unreachable as fault:
            self._trouble = f"broker_lost: {self._said.via} cannot be reached ({fault.why})"
            return
        if status != 200:
            why = answer[:60].decode("ascii", "replace").strip()
            self._trouble = (
                f"broker_{why if why.replace('_', '').isalpha() else status}: {self._said.via} takes nothing"
            )
            return
        if not self._hops.take(answer, envelope, self._relation.alias, self._relation.theirs.alias):
            self._refuse("broker_receipt", "its receipt is not for what it was given")
        self._trouble = ""
        if self._unsent is envelope:  # else another start was begun meanwhile
            self._unsent = None
            self._sequence += 1

    def _answer(self, stream: str, first: int, size: int) -> bytes | str:
        if why := self._ends.admitted():
            return why
        most = min(ANSWER_BYTES, 4 * self._size)
        return link_answers.answer(self._log, stream, first, size, self._ends.now_ns(), most)

    def _wants(self) -> tuple[Want, ...]:
        size = self._ends.memory.last(self._said.partner).size
        return tuple(Want(one, self._ends.door.next_of(one), size) for one in self._reading)

    # Fetching

    async def _fetch(self) -> None:
        while True:
            try:
                await self._fetch_once()
            except Unreachable as fault:
                self._trouble = self._trouble or f"broker_lost: {self._said.via} cannot be reached ({fault.why})"
                await asyncio.sleep(PAUSE_S)
            except (BadInput, DiskError, OSError) as fault:
                self._trouble = f"not_kept: {fault}"
                await asyncio.sleep(PAUSE_S)

    async def _fetch_once(self) -> None:
        path = f"/v1/broker/{self._relation.alias}?from={self._state.fetched}&wait_ms={int(WAIT_S * 1e3)}"
        status, body = await self._broker.fetch(path, WAIT_S, FETCH_BYTES)
        if status != 200:
            raise Unreachable(f"status_{status}", body[:60].decode("ascii", "replace"))
        try:
            found = msgspec.msgpack.decode(body, type=Fetched)
        except msgspec.MsgspecError:
            raise Unreachable("not_an_answer", "the broker's answer cannot be read") from None
        if found.next < self._state.fetched:
            self._refuse("broker_went_back", f"its box ends at {found.next}; {self._state.fetched} were fetched")
            self._state.fetched = 0
        for number, envelope in found.envelopes:
            await self._open(envelope)
            self._state.fetched = max(self._state.fetched, number + 1)
        if found.envelopes:
            self._keep()
            self._say()
        elif self._state.fetched < found.next:
            self._state.fetched = found.next  # what lay before is not there any more; places will show what is missing

    async def _open(self, envelope: bytes) -> None:
        """One envelope, checked from outside in."""
        found = self._relation.open(envelope)
        if isinstance(found, Reject):
            self._refuse(f"broker_{found.why}", found.detail)
            return
        place, body = found
        letter = sealed.read(body)
        if isinstance(letter, Reject):
            self._refuse(f"broker_{letter.why}", letter.detail)
            return
        epoch = self._talk.seen.epoch
        if why := self._talk.seen.take(place):
            self._refuse(why, f"place {place.sequence} of start {place.epoch} came before")
            return
        self._heard_s = _now_s()
        if place.epoch != epoch:
            self._talk.forget()
        if (letter.epoch, letter.seen) > (self._state.epoch, self._sequence):
            self._state.epoch = (
                letter.epoch + 1
            )  # we were put back from a backup, and the other end has seen more of us
            self._sequence, self._unsent = 0, None
            self._talk.anew()
        if gone := self._talk.seen.gaps():
            self._refuse("broker_gap", f"{gone} envelopes did not come; {self._talk.seen.missing} since its start")
        missed = self._talk.missed
        came = self._talk.hear(letter, self._state.epoch, self._heard_s)
        if self._talk.missed > missed:
            self._refuse("broker_gap_there", f"{self._talk.missed} of ours did not come there")
        self._changed.set()
        self._changed = asyncio.Event()
        for one in came:
            await self._take(one)

    async def _take(self, came: Came) -> None:
        """Something whole, as if it had come by a direct link."""
        if self._ends.admitted() == "revoked":
            return
        if came.kind == "answer":
            await self._take_answer(came)
            return
        why = "unverified"
        if came.kind == "receipt" or self._relation.verified:
            why = await self._ends.hear(self._said.partner, came.kind, came.data)
        if why != BUSY:  # then it comes again
            self._talk.taken(came.number)
        if why:
            self._refuse(f"{came.kind}_refused", why)

    async def _take_answer(self, came: Came) -> None:
        partner, last = self._said.partner, self._ends.memory.last(self._said.partner)
        wanted = self._ends.door.next_of(came.stream) if came.stream in self._reading else -1
        if came.first not in (wanted, max(wanted, self._handed.get(came.stream, -1))) or came.size != last.size:
            return  # it came before, or what lies before it has not come: it comes again
        answer = wire.parse(came.data)
        if isinstance(answer, Reject):
            self._refuse(answer.why, answer.detail)
            return
        if not self._relation.verified and (kinds := _kinds(answer) - set(UNSURE_KINDS)):
            self._refuse("unverified_held", f"unconfirmed, and yet it brought {', '.join(sorted(kinds))[:60]}")
            return
        received_ns = self._ends.now_ns()
        asked = Asked(partner, self._ends.log_key, came.stream, came.first)
        found = await asyncio.to_thread(check, answer, asked, last, received_ns)
        if isinstance(found, Refusal):
            if found.why in CONTRADICTIONS:
                self._ends.memory.contradiction(partner, last, found)
            self._refuse(found.why, found.detail)
            return
        if found.remembered.size > last.size:
            self._ends.memory.remember(partner, found.remembered)
        if found.arrived:
            await asyncio.to_thread(self._ends.memory.keep, partner, answer, received_ns)
            while not self._ends.door.offer(found.arrived):
                await asyncio.sleep(0.05)
            self._handed[came.stream] = came.first + len(found.arrived)

    # Saying how it stands

    def health(self) -> tuple[str, str]:
        """State and detail: live only when both directions are heard of in time and nothing else is wrong."""
        now_s, said = _now_s(), self._said
        late = (self._sequence - 1 - self._talk.acknowledged) * said.every_s
        if (why := self._ends.admitted()) == "revoked":
            return "refused", why
        if self._trouble:
            return "lost", self._trouble
        if now_s - self._heard_s > said.silence_s:
            return "lost", f"broker_silent: nothing of {said.partner} came through {said.via}"
        if late > said.silence_s:
            return "lost", f"broker_unheard: what is sent through {said.via} is not opened by {said.partner}"
        if self._talk.seen.high < 0 or self._talk.acknowledged < 0:
            return "waiting", f"through {said.via}"
        if self._talk.why == link_answers.PRUNED:
            why = "pruned" if self._relation.verified else "unverified_held"
            return "refused", f"{why}: what waits for {said.partner} cannot go"
        if not self._relation.verified:
            return "live", UNSURE
        return "live", f"through {said.via}, sealed"

    def _say(self) -> None:
        """Tell the step how it stands, when that is news."""
        state, detail = self.health()
        if self._told[0] == state + detail:
            return
        if self._ends.door.offer((LinkState(self._said.partner, state, detail[:300], self._ends.now_ns(), 0),)):
            self._told = (state + detail, _now_s())

    def _refuse(self, why: str, detail: str) -> None:
        """Count it, and say it, but not every time: a broker could fill our journal with it."""
        key = why if why in self._counts or len(self._counts) < REASONS_MAX else "other"
        self._counts[key] += 1
        if _now_s() - self._spoken_s.get(key, -SAID_S) < SAID_S:
            return
        self._spoken_s[key] = _now_s()
        said = f"through {self._said.via}: {detail} ({self._counts[key]} times)"
        refused: Sequence[Input] = (Refused(self._said.partner, key, said[:300], self._ends.now_ns()),)
        self._ends.door.offer(refused)

    @property
    def counts(self) -> Counter[str]:
        """What was refused, by reason."""
        return self._counts

    def _keep(self) -> None:
        if hasattr(self, "_talk"):
            self._state.seen = self._talk.seen.plain()
        files.write(self._path, msgspec.json.encode(self._state), private=True)


class WarningsOnly:
    """A log as an unconfirmed relation may read it: up to the first that is neither a warning nor a sign of life."""

    def __init__(self, log: LogReads) -> None:
        self._log = log
        self.checkpoint, self.inclusion = log.checkpoint, log.inclusion
        self.consistency, self.heads = log.consistency, log.heads

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        """Entries, as far as they may go."""
        found = []
        for one in self._log.read(stream, first, max_entries, max_bytes):
            head = heads.parse(one.head)
            if isinstance(head, Reject) or head.kind not in UNSURE_KINDS:
                break
            found.append(one)
        return found


def _kinds(answer: wire.Answer) -> set[str]:
    found = [heads.parse(one.head) for one in answer.deliveries]
    return {"unknown" if isinstance(one, Reject) else one.kind for one in found}


def _theirs(stream: str) -> str:
    """The other direction of a stream.

    >>> _theirs("arvena>delmara/backfill")
    'delmara>arvena/backfill'
    """
    direction, _, tail = stream.partition("/")
    releaser, _, recipient = direction.partition(">")
    return f"{recipient}>{releaser}" + (f"/{tail}" if tail else "")


def _load(path: Path) -> State:
    if not path.exists():
        return State()
    try:
        return msgspec.json.decode(files.read(path, STATE_BYTES), type=State)
    except (msgspec.MsgspecError, UnicodeError) as fault:
        raise BadInput(f"damaged: {fault}", str(path), "without it old envelopes would pass for new ones") from None


def _now_s() -> float:
    return asyncio.get_running_loop().time()
