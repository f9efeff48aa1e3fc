"""The talk between two ends through a broker: what to say in the next envelope, and what one that came says.

::

    streams: wanted from N? ─▶ answers ─┐                       ┌─▶ pieces ─▶ whole answers, receipts, statements
    receipts, statements ───────────────┴▶ parts ─▶ Letter  ──▶ ┴─▶ what the other has, wants, and misses

Nothing counts as delivered before the other end says so. What is lost is sent again with a new sequence: an answer when
the place that is wanted does not move, anything else until its number is among those that came whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from manara.ledger import checkpoint
from manara.link import sealed, wire
from manara.link.sealed import Letter, Part, Place, Want

WINDOW = 16  # answers on the way
OPEN_MAX = 16  # things of which pieces have come
OPEN_BYTES = 32 << 20
DONE = 64
FULLEST = 8  # bytes that a part's numbers may grow by, at most, beyond the trial
WIDTH = 1_024  # places behind the newest in which one may still come
LATE = 16  # places behind which one that has not come counts as missing


class Came(NamedTuple):
    """Something whole. Of an answer: its stream, first place and the size from which it shows growth."""

    kind: str
    number: int
    data: bytes
    stream: str = ""
    first: int = 0
    size: int = 0


Ask = Callable[[str, int, int], bytes | str]  # stream, first, size -> an answer, or why there is none


@dataclass
class _Going:
    """Something on its way. ``last``: sequence of the envelope with its last piece, -1 before."""

    part: Part  # with the whole of the bytes
    end: int = 0  # of an answer: the place behind its last entry
    sent: int = 0
    last: int = -1
    stalled_s: float = -1.0


class Plain(msgspec.Struct):
    """``Seen`` as it is written down. ``come``: a bit for each of the places up to ``high``, the newest lowest."""

    epoch: int
    high: int
    come: str
    missing: int
    judged: int


@dataclass
class Seen:
    """Which places of the other end have come: each is taken once. ``high``: the newest, -1: none; ``missing``: places
    that count as lost; ``judged``: up to here that is decided."""

    epoch: int = 0
    high: int = -1
    come: set[int] = field(default_factory=set)
    missing: int = 0
    judged: int = -1

    def take(self, place: Place) -> str:
        """Take a place; "" when it is new, and then it counts, else why not."""
        if place.epoch < self.epoch:
            return "broker_replay"
        if place.epoch > self.epoch:
            self.epoch, self.high, self.come, self.missing, self.judged = place.epoch, -1, set(), 0, -1
            self.judged = place.sequence - LATE - 1 if place.sequence > WIDTH else -1  # we may have been away
        if place.sequence in self.come or place.sequence <= self.high - WIDTH:
            return "broker_replay"
        self.come.add(place.sequence)
        self.high = max(self.high, place.sequence)
        return ""

    def gaps(self) -> int:
        """How many more places count as missing now: they are behind, and did not come."""
        upto = self.high - LATE
        more = sum(1 for one in range(self.judged + 1, upto + 1) if one not in self.come)
        self.judged = max(self.judged, upto)
        self.missing += more
        self.come = {one for one in self.come if one > self.high - WIDTH}
        return more

    def plain(self) -> Plain:
        """To be written down."""
        bits = sum(1 << (self.high - one) for one in self.come if one > self.high - WIDTH)
        return Plain(self.epoch, self.high, f"{bits:x}", self.missing, self.judged)


def seen(plain: Plain) -> Seen:
    """As it was written down.

    >>> one = Seen(); one.take(Place("a", "b", 1, 3)), seen(one.plain()).take(Place("a", "b", 1, 3))
    ('', 'broker_replay')
    """
    bits = int(plain.come, 16)
    come = {plain.high - k for k in range(bits.bit_length()) if bits >> k & 1}
    return Seen(plain.epoch, plain.high, come, plain.missing, plain.judged)


class Talk:
    """One end. ``streams``: those of ours that the other may want; ``ask``: an answer out of our log; ``heads``: where
    a stream of ours ends; ``grace_s``: what was opened and has not moved on for so long is sent again."""

    def __init__(self, streams: Iterable[str], ask: Ask, heads: Callable[[str], int], grace_s: float) -> None:
        self._ask, self._heads, self._grace_s = ask, heads, grace_s
        self._streams = tuple(streams)
        self._number = 0
        self._answers: deque[_Going] = deque()
        self._others: dict[int, _Going] = {}
        self._wanted: dict[str, Want] = {}
        self._next: dict[str, int] = {}  # up to where answers are on their way
        self._size = -1  # of our log, as the other will know it when they have come
        self._open: dict[int, dict[int, Part]] = {}
        self._done: deque[int] = deque(maxlen=DONE)
        self.seen = Seen()
        self.acknowledged = -1  # newest place of ours that was opened there
        self.missed = 0  # of ours, as the other says
        self.why = ""  # no answer can be given: why

    # Saying

    def send(self, kind: str, data: bytes) -> int:
        """Put a receipt or a statement on its way; its number is in ``delivered`` once it came whole."""
        self._number += 1
        self._others[self._number] = _Going(Part(kind, self._number, 0, len(data), data))
        return self._number

    def withdraw(self, number: int) -> None:
        """Say it no more."""
        self._others.pop(number, None)

    def waiting(self, number: int) -> bool:
        """Has it not come whole yet?"""
        return number in self._others

    def letter(self, sequence: int, most: int, wants: tuple[Want, ...], quiet: bool = False) -> bytes:
        """The body of the envelope of this place, at most so long. ``quiet``: say nothing but what was heard."""
        letter = Letter(sealed.VERSION, self.seen.epoch, self.seen.high, self.seen.missing, tuple(self._done), wants)
        parts: list[Part] = []
        room = most - len(sealed.encode(letter)) - FULLEST
        while not quiet and len(parts) < sealed.PARTS_MAX and (going := self._going()) is not None:
            part = _piece(going, room)
            if part is None:
                break
            room -= len(sealed.encode(Letter(1, 0, 0, 0, (), (), (part,)))) + FULLEST
            going.sent += len(part.data)
            parts.append(part)
            if going.sent == going.part.total:
                going.last = sequence
        return sealed.encode(msgspec.structs.replace(letter, parts=tuple(parts)))

    def _going(self) -> _Going | None:
        """What is not wholly sent: receipts and statements first."""
        for one in (*self._others.values(), *self._answers):
            if one.last < 0:
                return one
        for stream in self._streams:
            if (made := self._answer(stream)) is not None:
                return made
        return None

    def _answer(self, stream: str) -> _Going | None:
        """The next answer of a stream, if one is wanted and there is something to tell."""
        wanted = self._wanted.get(stream)
        if wanted is None or len(self._answers) >= WINDOW:
            return None
        first = self._next.get(stream, wanted.next)
        if self._heads(stream) <= first:
            return None
        size = self._size if self._size >= 0 else wanted.size
        found = self._ask(stream, first, size)
        self.why = found if isinstance(found, str) else ""
        if isinstance(found, str):
            return None
        end, grown = _ends(found)
        if end <= first:
            return None
        self._number += 1
        made = _Going(Part("answer", self._number, 0, len(found), found, stream, first, size), end)
        self._answers.append(made)
        self._next[stream], self._size = end, max(size, grown)
        return made

    # Hearing

    def hear(self, letter: Letter, ours: int, now_s: float) -> list[Came]:
        """What an envelope says; everything that came whole with it. ``ours``: our own epoch."""
        self.acknowledged = max(self.acknowledged, letter.seen) if letter.epoch == ours else self.acknowledged
        self.missed = letter.missing if letter.epoch == ours else self.missed
        if letter.epoch == ours:
            self._others = {n: one for n, one in self._others.items() if one.part.number not in letter.done}
        for want in letter.wants:
            if want.stream in self._streams:
                self._wanted[want.stream] = want
        self._arrived(now_s)
        return [came for part in letter.parts if (came := self._part(part)) is not None]

    def taken(self, number: int) -> None:
        """A receipt or a statement was taken: the other end is told, and says it no more. Of an answer it sees that by
        the place that is wanted."""
        self._done.append(number)

    def anew(self) -> None:
        """Our own places begin anew: nothing of ours was heard yet."""
        self.acknowledged, self.missed = -1, 0
        self._others = {n: _Going(one.part) for n, one in self._others.items()}
        self._again()

    def forget(self) -> None:
        """The other end began anew: pieces of before, and the numbers, mean nothing any more."""
        self._open.clear()
        self._done.clear()
        self._again()

    def _arrived(self, now_s: float) -> None:
        """Take off what has come, and send again what has not."""
        self._answers = deque(one for one in self._answers if one.end > self._wanted[one.part.stream].next)
        stuck = next(iter(self._answers), None)
        if stuck is not None and self._stuck(stuck, now_s):
            self._again()
        if not self._answers:
            self._again()  # nothing is on its way: what the other says it has counts
        for number, one in self._others.items():
            if self._stuck(one, now_s):  # under a new number: pieces of two tries may be cut differently
                self._number += 1
                part = msgspec.structs.replace(one.part, number=self._number)
                self._others[number] = _Going(part)

    def _stuck(self, one: _Going, now_s: float) -> bool:
        """Envelopes behind its last one were opened, and yet it has not come, for a while."""
        if not 0 <= one.last <= self.acknowledged:
            return False
        if one.stalled_s < 0:
            one.stalled_s = now_s
        return now_s - one.stalled_s > self._grace_s

    def _again(self) -> None:
        self._answers.clear()
        self._next.clear()
        self._size = -1

    def _part(self, part: Part) -> Came | None:
        """A piece; the whole, when it was the last one that was missing."""
        if part.number in self._done or part.total > OPEN_BYTES:
            return None
        pieces = self._open.setdefault(part.number, {})
        pieces[part.at] = part
        if sum(len(one.data) for one in pieces.values()) < part.total:
            self._bounded()
            return None
        del self._open[part.number]
        data, at = bytearray(), 0
        for one in sorted(pieces.values(), key=lambda one: one.at):
            if one.at != at:
                return None  # pieces that do not join
            data += one.data
            at += len(one.data)
        return Came(part.kind, part.number, bytes(data), part.stream, part.first, part.size)

    def _bounded(self) -> None:
        while len(self._open) > OPEN_MAX or _held(self._open) > OPEN_BYTES:
            del self._open[min(self._open)]


def _held(pieces: dict[int, dict[int, Part]]) -> int:
    return sum(len(one.data) for some in pieces.values() for one in some.values())


def _piece(going: _Going, room: int) -> Part | None:
    """As much of it as fits; None where nothing does."""
    whole = going.part
    bare = Part(whole.kind, whole.number, going.sent, whole.total, b"", whole.stream, whole.first, whole.size)
    fits = room - len(sealed.encode(Letter(1, 0, 0, 0, (), (), (bare,))))
    if fits <= 0:
        return None
    data = whole.data[going.sent : going.sent + fits]
    return Part(whole.kind, whole.number, going.sent, whole.total, data, whole.stream, whole.first, whole.size)


def _ends(answer: bytes) -> tuple[int, int]:
    """The place behind the last entry of an answer of ours, and the size of the log that it shows."""
    found = wire.parse(answer)
    if not isinstance(found, wire.Answer) or not found.deliveries:
        return -1, -1
    signed = checkpoint.parse_note(found.checkpoint)
    return found.deliveries[-1].offset + 1, -1 if isinstance(signed, str) else signed[0].size
