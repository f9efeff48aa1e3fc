"""What a node shows of its partners: links, phases, what went and what came; and the regions that they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from manara.records.columns import F8, I8, U1, U2, U8, Table, column
from manara.records.released import COARSE, PRECISE, Rows, Terms


class Concerned(msgspec.Struct, frozen=True, kw_only=True):
    """A concern that an agreement with this partner lists (records/agreement.py: Concern); ``id`` "": a text alone."""

    agreement: str
    edition: int
    text: str
    text_ar: str = ""
    id: str = ""
    hazard: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    craft: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    since: int = 0


class LogEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's log that began anew. ``old_size``: leaves of the head that its persons named; ``held``: leaves of the
    old log that we know, with their proofs; ``by``: who signed."""

    epoch: int = 1
    first: int = 0
    old_size: int = 0
    held: int = 0
    by: tuple[str, ...] = ()


class PartnerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One partner as the desk shows it. Counts are since the node's first step."""

    id: str
    name: str
    name_ar: str = ""
    link: str = "none"  # none, waiting, live, lost, refused
    detail: str = ""
    phase_out: str = "suspended"  # of our agreement towards it
    phase_in: str = "suspended"  # of its agreement towards us, as it told
    heard_ns: int = 0
    clock_offset_s: float = 0.0
    sent_entries: int = 0  # of its stream
    receipted: int = 0  # entries of it that the partner has signed for
    received_entries: int = 0
    rows_out: int = 0
    rows_in: int = 0
    void: int = 0  # tracks that are told within a cell although they broadcast their place to everybody
    withheld: dict[str, int] = {}  # reason -> rows of the last tick
    refused: dict[str, int] = {}  # reason -> frames turned away
    concerns: tuple[Concerned, ...] = ()  # of the agreements that stand between us
    epoch: LogEpoch = LogEpoch()  # of its log


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """What a partner warns of under rule 0: one of our own areas, a hazard, how severe, for which five minutes."""

    partner: str
    area: str
    window_ns: int
    hazard: int  # release/duty.py: Hazard
    severity: int
    received_ns: int


@dataclass(frozen=True, eq=False)
class Regions(Table):
    """What partners told within a cell: something is in it, uniform over the square, shape (n,)."""

    track: U8 = column("u8")  # the partner's number for it
    partner: U2 = column("u2")  # place in the directory
    cell: U8 = column("u8")  # kernels/grid.py
    lat_rad: F8 = column("f8", float("nan"))  # of the centre
    lon_rad: F8 = column("f8", float("nan"))
    half_m: F8 = column("f8", float("nan"))  # half the side, widened by motion since the epoch
    epoch_ns: I8 = column("i8")
    until_ns: I8 = column("i8")  # not shown after it
    kind: U1 = column("u1")
    domain: U1 = column("u1")


@dataclass(frozen=True, eq=False)
class Given:
    """What a partner has of this node now, as its own stream says it: nothing here is worked out a second time.

    ``precise``, ``coarse``: rows of records/released.py, the newest of each track; ``terms``: under which rules and
    obligations, and for each row its place there. ``names``: track -> name and callsign. ``reached``: entries read.
    """

    partner: str
    stream: str
    reached: int = 0
    time_ns: int = 0  # of the newest entry's tick
    phase: str = ""
    withheld: str = ""  # why the newest tick held everything back; "": it did not
    precise: Rows = field(default_factory=lambda: np.zeros(0, PRECISE))
    precise_terms: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    coarse: Rows = field(default_factory=lambda: np.zeros(0, COARSE))
    coarse_terms: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    terms: tuple[Terms, ...] = ()
    names: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    warned: tuple[Warned, ...] = ()  # under rule 0, the newest last; ``received_ns``: the tick in which it was told
