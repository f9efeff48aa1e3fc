"""How far partners can be believed, by what our own sensors see; and what of theirs stands apart, in quarantine.

Reliability is of a partner, credibility of one track; neither is a probability of the other, and they are never
multiplied. F and 6 say "cannot be judged": unknown, not worst.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

import msgspec

from manara.records.columns import F8, I8, U1, U2, U4, U8, Table, column
from manara.records.sensors import Sensor

ACTS = ("release", "hold")


class Why(IntFlag):
    """Why a partner's track is not believed for now."""

    NONE = 0
    UNSEEN = 1  # our own sensors should have seen it and saw nothing near
    SPEED = 2  # faster than any craft of its kind
    JUMP = 4  # it leapt where no craft of its kind could get
    CIRCLE = 8  # a vessel on a circle more perfect than water allows
    BURST = 16  # it came when the partner suddenly told of several times as many
    SWARM = 32  # most of what the partner told and we could judge was not there; and nobody saw this one
    HELD = 64  # an officer put all of the partner's rows apart


class Credibility(IntEnum):
    """Of one track of the picture, in the form of the Admiralty scale's second axis; 0: ours alone, not rated."""

    NOT_RATED = 0
    CONFIRMED = 1  # our own measuring sensors see it and an independent partner tells of it
    PROBABLE = 2  # two who are independent tell of it
    POSSIBLE = 3  # one partner alone; nothing speaks against it
    DOUBTFUL = 4  # something in it contradicts itself
    IMPROBABLE = 5  # it stands apart because it was not there, or because nothing moves so
    CANNOT_BE_JUDGED = 6  # whose sensors made it is not told


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's reliability in one domain and one published area. ``area`` "": in none of them. ``corroborated``,
    ``refuted``: evidence with its age taken off, hence no whole numbers. ``letter``: A to E where there is enough of
    it and the 90 % interval (``low`` to ``high``) lies within the letter's band, else F."""

    partner: int  # place in the directory
    domain: int  # reports.Domain
    area: str
    corroborated: float
    refuted: float
    mean: float
    low: float
    high: float
    letter: str


@dataclass(frozen=True, eq=False)
class Apart(Table):
    """Partners' tracks in quarantine, (n,): not in the picture, not fused, not warned from."""

    id: U8 = column("u8")  # ours, as it would stand in the picture
    track: U8 = column("u8")  # the partner's number
    partner: U2 = column("u2")
    why: U4 = column("u4")  # Why
    since_ns: I8 = column("i8")
    lat_rad: F8 = column("f8", float("nan"))
    lon_rad: F8 = column("f8", float("nan"))
    ve_mps: F8 = column("f8", 0.0)
    vn_mps: F8 = column("f8", 0.0)
    identity: U8 = column("u8")
    kind: U1 = column("u1")
    domain: U1 = column("u1")


@dataclass(frozen=True, eq=False)
class Judge:
    """What our own sensors can say at this step: the judge of partners' rows. ``sensors``: those that measure and now
    watch; ``slots``: bits of ``Tracks.sources`` that are theirs; ``areas``: ids of the published areas, with their
    corners as ``kernels.membership`` takes them (first, latitudes, longitudes)."""

    sensors: tuple[Sensor, ...] = ()
    slots: int = 0
    areas: tuple[str, ...] = ()
    corners: tuple[I8, F8, F8] | None = None


class Ruling(msgspec.Struct, frozen=True):
    """What an officer decided about a partner's rows. ``track``: our id of one, 0: all of the partner."""

    partner: int
    track: int
    act: str  # release, hold
