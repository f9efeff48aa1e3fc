"""What is feared, and what a node's own people are asked to look at: dangers, and drafts in a plain inbox."""

from __future__ import annotations

from enum import IntEnum

import msgspec

WINDOW_NS = 300_000_000_000  # what a warning under rule 0 says of time: in which five minutes


class Hazard(IntEnum):
    """What is feared."""

    DISTRESS = 1  # somebody is in distress there
    UNIDENTIFIED_AIRCRAFT = 2
    FALLING = 3
    COLLISION = 4
    POLLUTION = 5
    WEATHER = 6


class Severity(IntEnum):
    """CAP 1.2."""

    UNKNOWN = 0
    MINOR = 1
    MODERATE = 2
    SEVERE = 3
    EXTREME = 4


class Danger(msgspec.Struct, frozen=True):
    """Something that a partner must be told: in which of its areas, what, how bad, for when."""

    partner: str
    area: str
    hazard: Hazard
    severity: Severity
    time_ns: int


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the inbox: something that may concern one of this node's own areas. Nothing leaves because of it; a
    person decides. Times in ns, 0: not known. At most one is open for an area and a hazard."""

    id: int  # counted from 1, never used twice
    area: str
    hazard: int
    severity: int
    first_ns: int  # when the danger may come first and last; of a partner's warning the window that it names
    last_ns: int
    probability: float = -1.0  # of entry, by our own tracks; -1: known only from partners, who say none
    since_ns: int  # when the draft was made
    renewed_ns: int  # when something last spoke for it
    partners: tuple[str, ...] = ()  # who warned of it
    tracks: tuple[int, ...] = ()  # our own tracks that speak for it
    warned_ns: int = 0  # when a partner's warning first came
    own_ns: int = 0  # when our own sensors first detected what now speaks for it
    state: str = "open"  # open, taken, closed
    by: str = ""  # who took or closed it; "" and closed: nothing spoke for it any more
    decided_ns: int = 0
