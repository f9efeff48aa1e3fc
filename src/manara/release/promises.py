"""Promised times, measured from stamps that both sides have signed: the same figures on both sides, to the last byte.

::

    entries of the stream (releaser's ticks) ─▶ questions: first rows, warnings, offers        ┐
                       └▶ hashes of statements that the releaser heard, and when ─▶ which count ├─▶ figures
    the recipient's statements (its own stamps) ────────────────────────────────────────────────┘

Only a statement that the releaser says it has heard counts: of it both sides hold the same bytes. Each is caught
between two ticks of the releaser, that of what it speaks of and that of its hearing, in which it must have been made;
so the difference of the clocks lies between two bounds, the closer the faster the answers. A stamp that lies outside by
more than the agreement lets clocks differ is contradicted: shown, and in no figure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from manara.records.agreement import Promise
from manara.release import handover, stamps, statements
from manara.release.statements import HandoverAnswer, Receipt, WarningTaken

NS = 1_000_000_000
SHOWN_MAX = 32
KINDS = ("first", "warning", "alarm", "answer")


class Entry(NamedTuple):
    """One entry of the releaser's stream, by its head alone."""

    offset: int
    time_ns: int
    kind: str
    policy: str
    subject: str


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """How one promise was kept. Times in ns; -1: nothing was measured, or nothing promised. ``late``: answered
    later than promised; ``unanswered``: not answered, and the time is over; ``open``: it is not; ``contradicted``:
    stamps that are in none of these."""

    promise: str  # first, warning, alarm, answer
    promised_ns: int
    measured: int
    median_ns: int
    worst_ns: int
    late: int
    unanswered: int
    open: int
    contradicted: int


class Contradicted(msgspec.Struct, frozen=True, kw_only=True):
    """A stamp that cannot be: ``not_before_ns`` and ``not_after_ns``: between which ticks of the releaser it was made,
    ``why``: early, ahead, beyond (it speaks of what was not told), before (first detected after it was told)."""

    what: str  # type of the statement; "first": the releaser's own stamp
    sha256: str
    why: str
    stamp_ns: str
    not_before_ns: str
    not_after_ns: str


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """The recipient's clock less the releaser's lies between the two, by ``stamps`` of them; ``agree`` 0: no one
    difference explains all of them, so a clock was set meanwhile, or somebody lies within what is allowed."""

    allowed_ns: int
    low_ns: int
    high_ns: int
    stamps: int
    agree: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All of one direction. ``unmeasured``: first rows that were too many for one frame."""

    stream: str
    agreement: str
    from_ns: str
    until_ns: str
    figures: tuple[Figure, ...]
    clocks: Clocks
    unmeasured: int
    contradicted: tuple[Contradicted, ...]


@dataclass
class _Asked:
    """Questions of one kind: key -> tick of the releaser, and from when the time counts."""

    at: dict[str, tuple[int, int]] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)  # key -> duration
    contradicted: int = 0


class _Stamp(NamedTuple):
    said: Receipt | HandoverAnswer | WarningTaken
    sha256: str
    heard_ns: int


def measure(
    entries: Iterable[Entry],
    said: Mapping[str, bytes],
    stream: str,
    agreement: str,
    promise: Promise,
    from_ns: int,
    until_ns: int,
) -> Measured:
    """The figures of one agreement between two ticks of the releaser. ``entries``: of its stream, in order; ``said``:
    the recipient's statements by their hash, verbatim; ``agreement``: hash of the document; its promises count."""
    kept = [one for one in entries if one.time_ns < until_ns]
    asked, unmeasured, wrong = _asked(kept, agreement, promise, from_ns)
    times, places = [one.time_ns for one in kept], [one.offset for one in kept]
    low, high, count = -(1 << 62), 1 << 62, 0
    receipts: list[tuple[int, int]] = []
    for one in _heard(kept, said, stream, from_ns):
        begin = _begin(one.said, times, places, asked)
        stamp, end = int(one.said.time_ns), one.heard_ns
        if begin is not None and begin < from_ns:
            continue  # of what stands before the time that is looked at
        why = _why(stamp, begin, end, promise.clock_s * NS)
        if why:
            wrong.append(_wrong(one, why, begin))
            _blame(one.said, asked)
            continue
        count += 1
        low, high = max(low, stamp - end), min(high, stamp - (begin or 0))
        if isinstance(one.said, Receipt):
            receipts.append((int(one.said.next), stamp))
        else:
            _answered(one.said, stamp, asked)
    _receipted(receipts, asked)
    clocks = Clocks(
        allowed_ns=promise.clock_s * NS, low_ns=low if count else 0, high_ns=high if count else 0,
        stamps=count, agree=int(low <= high),
    )  # fmt: skip
    spans = {"first": promise.first_s, "warning": promise.warning_s, "alarm": promise.alarm_s,
             "answer": promise.answer_s}  # fmt: skip
    return Measured(
        stream=stream, agreement=agreement, from_ns=str(from_ns), until_ns=str(until_ns),
        figures=tuple(_figure(kind, asked[kind], spans[kind] * NS, until_ns) for kind in KINDS),
        clocks=clocks, unmeasured=unmeasured, contradicted=tuple(wrong[:SHOWN_MAX]),
    )  # fmt: skip


def _asked(
    kept: list[Entry], agreement: str, promise: Promise, from_ns: int
) -> tuple[dict[str, _Asked], int, list[Contradicted]]:
    """What asks for an answer: the key of a question by which its answer names it, when, since when it counts."""
    asked, unmeasured, active = {kind: _Asked() for kind in KINDS}, 0, False
    wrong: list[Contradicted] = []
    for one in kept:
        active = one.policy == agreement if one.policy else active
        if not active or one.time_ns < from_ns:
            continue
        if one.kind == "warning":
            for kind in ("warning", "alarm"):
                asked[kind].at[str(one.offset)] = one.time_ns, one.time_ns
        elif one.kind == "statement" and (told := handover.read(one.subject)):
            asked["answer"].at.setdefault(told.offer, (one.time_ns, one.time_ns))
        elif one.kind == "batch":
            said = stamps.parse(one.subject)
            unmeasured += said.more
            for place, first in enumerate(said.first):
                if int(first) > one.time_ns + promise.clock_s * NS:
                    asked["first"].contradicted += 1
                    wrong.append(
                        Contradicted(what="first", sha256="", why="before", stamp_ns=first, not_before_ns="",
                                     not_after_ns=str(one.time_ns))
                    )  # fmt: skip
                else:
                    asked["first"].at[f"{one.offset}/{place}"] = one.time_ns, int(first)
    return asked, unmeasured, wrong


def _heard(kept: list[Entry], said: Mapping[str, bytes], stream: str, from_ns: int) -> Iterator[_Stamp]:
    """The recipient's stamped statements about this stream that the releaser has heard, in that order, each once."""
    known: set[str] = set()
    for one in kept:
        if one.kind not in ("batch", "statement") or one.time_ns < from_ns:
            continue
        for sha256 in stamps.parse(one.subject).heard:
            text = said.get(sha256)
            if sha256 in known or text is None:
                continue
            known.add(sha256)
            found = _statement(text)
            if found is not None and found.stream == stream and found.time_ns:
                yield _Stamp(found, sha256, one.time_ns)


def _statement(text: bytes) -> Receipt | HandoverAnswer | WarningTaken | None:
    found = statements.inner(text)
    return found if isinstance(found, Receipt | HandoverAnswer | WarningTaken) else None


def _begin(
    said: Receipt | HandoverAnswer | WarningTaken, times: list[int], places: list[int], asked: Mapping[str, _Asked]
) -> int | None:
    """The releaser's tick of the newest thing that a statement speaks of; None where there was no such thing."""
    if isinstance(said, HandoverAnswer):
        return asked["answer"].at.get(said.offer, (None, 0))[0]
    newest = int(said.next) - 1 if isinstance(said, Receipt) else max(map(int, said.places))
    if newest < 0:
        return 0
    at = bisect_left(places, newest)
    if at < len(places) and places[at] == newest:
        return times[at]
    return 0 if places and newest < places[0] else None


def _why(stamp: int, begin: int | None, end: int, allowed_ns: int) -> str:
    if begin is None:
        return "beyond"
    if stamp < begin - allowed_ns:
        return "early"
    return "ahead" if stamp > end + allowed_ns else ""


def _wrong(one: _Stamp, why: str, begin: int | None) -> Contradicted:
    return Contradicted(
        what=statements.type_of(one.said), sha256=one.sha256, why=why, stamp_ns=one.said.time_ns,
        not_before_ns="" if begin is None else str(begin), not_after_ns=str(one.heard_ns),
    )  # fmt: skip


def _blame(said: Receipt | HandoverAnswer | WarningTaken, asked: Mapping[str, _Asked]) -> None:
    kind = {Receipt: "first", HandoverAnswer: "answer", WarningTaken: "alarm"}[type(said)]
    asked[kind].contradicted += 1
    if kind == "first":
        asked["warning"].contradicted += 1


def _answered(said: HandoverAnswer | WarningTaken, stamp: int, asked: Mapping[str, _Asked]) -> None:
    kind, keys = ("answer", (said.offer,)) if isinstance(said, HandoverAnswer) else ("alarm", said.places)
    for key in keys:
        if key in asked[kind].at and key not in asked[kind].taken:
            asked[kind].taken[key] = stamp - asked[kind].at[key][1]


def _receipted(receipts: list[tuple[int, int]], asked: Mapping[str, _Asked]) -> None:
    """Each first row and each warning by the first heard receipt that covers it."""
    best: list[tuple[int, int]] = []  # next, stamp; both grow
    for following, stamp in receipts:
        if not best or following > best[-1][0]:
            best.append((following, stamp))
    ends = [one[0] for one in best]
    for kind in ("first", "warning"):
        for key, (_, since) in asked[kind].at.items():
            at = bisect_left(ends, int(key.partition("/")[0]) + 1)
            if at < len(best):
                asked[kind].taken[key] = best[at][1] - since


def _figure(kind: str, one: _Asked, promised_ns: int, until_ns: int) -> Figure:
    spans = sorted(one.taken.values())
    waiting = [until_ns - at for key, (at, _) in one.at.items() if key not in one.taken]
    over = sum(span > promised_ns for span in waiting) if promised_ns else 0
    return Figure(
        promise=kind,
        promised_ns=promised_ns or -1,
        measured=len(spans),
        median_ns=spans[(len(spans) - 1) // 2] if spans else -1,
        worst_ns=spans[-1] if spans else -1,
        late=sum(span > promised_ns for span in spans) if promised_ns else 0,
        unanswered=over,
        open=len(waiting) - over,
        contradicted=one.contradicted,
    )


__all__ = ["Clocks", "Contradicted", "Entry", "Figure", "Measured", "measure"]
