"""The stage: who is in danger, where and when – the first, minimal form.

::

    tracks ─▶ hazards ─▶ kernels.entry ─▶ watch (lasts? flickers?) ─▶ Danger, one for an area and hazard
                                             └▶ in our own areas ─▶ inbox ◀─ partners' warnings, persons

Straight flight only; nothing per track in Python. It says what is feared and never to whom: that is an arrow's matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from manara.records.columns import F8, I8, U1
from manara.records.directory import Area
from manara.records.inputs import Decided
from manara.records.partners import Warned
from manara.records.released import Rows
from manara.records.tracks import Tracks
from manara.records.warnings import Danger, Draft, Hazard, Severity
from manara.warning import inbox, watch
from manara.warning.watch import PAIR

TICK_NS = 1_000_000_000
SEVERITY = {Hazard.DISTRESS: Severity.SEVERE, Hazard.UNIDENTIFIED_AIRCRAFT: Severity.MODERATE}


@dataclass(frozen=True, eq=False)
class Inbox:
    """What a step brings. ``tracks``: those that may give reason to warn; ``areas`` and ``corners``: all published
    areas, as in ``kernels/membership.py``; ``edition``: of the directory that names them."""

    tracks: Tracks
    attention: U1
    areas: tuple[Area, ...]
    corners: tuple[I8, F8, F8]
    edition: int
    own: str
    warned: tuple[Warned, ...] = ()
    decided: tuple[Decided, ...] = ()


@dataclass(frozen=True, eq=False)
class Outbox:
    """``dangers``: what is feared now in anybody's areas that ask to be warned, at most one for an area and hazard;
    empty between two ticks. ``drafts``: the inbox. ``refused``: decisions that changed nothing, with the reason."""

    dangers: tuple[Danger, ...] = ()
    drafts: tuple[Draft, ...] = ()
    refused: tuple[tuple[int, str], ...] = ()


@dataclass
class State:
    """Pairs of track and area under watch, and the inbox."""

    pairs: Rows = field(default_factory=watch.nothing)
    edition: int = -1
    ticked_ns: int = -1
    inbox: inbox.Inbox = field(default_factory=inbox.Inbox)


def init() -> State:
    """Nothing is feared yet."""
    return State()


def advance(state: State, news: Inbox, now_ns: int) -> Outbox:
    """One step; tracks are looked at once a tick."""
    refused = [(one.draft, inbox.decide(state.inbox, one, now_ns)) for one in news.decided]
    dangers: tuple[Danger, ...] = ()
    if news.areas and now_ns // TICK_NS > state.ticked_ns // TICK_NS:
        state.ticked_ns = now_ns
        dangers = _look(state, news, now_ns)
        inbox.age(state.inbox, now_ns)
    for one in news.warned:
        inbox.told(state.inbox, one, now_ns)
    return Outbox(dangers, inbox.shown(state.inbox), tuple((n, why) for n, why in refused if why))


def _look(state: State, news: Inbox, now_ns: int) -> tuple[Danger, ...]:
    if state.edition != news.edition:  # places of areas mean others
        state.pairs, state.edition = watch.nothing(), news.edition
    hazard = watch.hazards(news.tracks, news.attention)
    rows = watch.found(news.tracks, hazard, news.corners, now_ns) if hazard.any() else watch.nothing()
    state.pairs = watch.advance(state.pairs, rows, now_ns)
    dangers = []
    for area, kind, some in _groups(state.pairs, news.areas, now_ns):
        dangers.append(Danger(area.partner, area.id, kind, SEVERITY[kind], int(some["first_ns"].min())))
        if area.partner == news.own:
            inbox.seen(state.inbox, _draft(area.id, kind, some, now_ns))
    return tuple(dangers)


def _groups(pairs: Rows, areas: tuple[Area, ...], now_ns: int) -> Iterator[tuple[Area, Hazard, Rows]]:
    """Raised pairs that were seen in this tick, by area and hazard, for areas that ask to be warned."""
    raised = pairs[(pairs["raised"] == 1) & (pairs["seen_ns"] == now_ns)]
    key = raised["area"] << 8 | raised["hazard"]
    for one in np.unique(key).tolist():
        area = areas[one >> 8]
        if area.warned:
            yield area, Hazard(one & 0xFF), raised[key == one]


def _draft(area: str, hazard: Hazard, some: Rows, now_ns: int) -> Draft:
    """What our own tracks show of one area and hazard: of the likeliest, when; of all, which, and since when seen."""
    order = np.argsort(-some["probability"], kind="stable")
    likeliest = some[order[0]]
    return Draft(
        id=0,
        area=area,
        hazard=int(hazard),
        severity=int(SEVERITY[hazard]),
        first_ns=int(likeliest["first_ns"]),
        last_ns=int(likeliest["last_ns"]),
        probability=float(likeliest["probability"]),
        since_ns=now_ns,
        renewed_ns=now_ns,
        tracks=tuple(some["track"][order[: inbox.TRACKS_MAX]].tolist()),
        own_ns=int(some["born_ns"].min()),
    )


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "pairs": state.pairs.tobytes(),
        "edition": state.edition,
        "ticked_ns": state.ticked_ns,
        "drafts": [msgspec.to_builtins(one) for one in state.inbox.drafts.values()],
        "made": state.inbox.made,
    }


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(
        pairs=np.frombuffer(plain["pairs"], PAIR).copy(),
        edition=plain["edition"],
        ticked_ns=plain["ticked_ns"],
        inbox=inbox.load(plain["drafts"], plain["made"]),
    )


def warm() -> None:
    """Run the kernels once, so that they are compiled and cached."""
    one = np.zeros(1)
    square = (np.array([0, 3]), np.array([0.0, 0.1, 0.1]), np.array([0.0, 0.0, 0.1]))
    blank = Tracks.blank(1).replace(lat_rad=one, lon_rad=one)
    watch.found(blank, np.ones(1, np.uint8), square, 0)
