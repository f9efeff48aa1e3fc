"""Own tracks and partners' tracks into one list of system tracks: joined and parted; ``fused`` counts them together.

::

    own ─▶ system ◀── correlate, partner by partner in the directory's order
             │          agree 3 of 4 looks: join     agree at most 1 of 4: part
             ▼
           System (whose a row is), Followers (which tracks of each partner belong to which row)

A system track is led by an own track, whose id stays, or else by the first partner's track of it, under that track's
id. What leads is compared unfused, so that a wrong partner cannot pull others along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manara.kernels import assignment, correlate
from manara.kernels.correlate import Labels
from manara.kernels.fusion import Moving
from manara.picture.partners import SECOND_NS, Partner, brought_forward, taught
from manara.records.columns import I8, U1, U2, U8
from manara.records.identity import Space
from manara.records.tracks import Tracks

WIDEST = 8  # candidates of a track
LOOKS_MAX = 16_384  # of one partner's tracks that stand alone, at a step
LOOK_NS = 9 * SECOND_NS // 10  # no two looks at the same moment
JOINED = 0b1111
BIAS = correlate.Bias(np.array([100.0, 100.0, 30.0, 30.0]), 2.0)  # by domain: unknown, air, sea, land
LED = 10.0  # what a partner's lead adds to the cost: of an own track and a partner's of one craft, our own is joined
Bools = NDArray[np.bool_]
_ONES = np.array([bin(k).count("1") for k in range(16)], np.int64)


@dataclass
class System:
    """System tracks while they are being put together, shape (n,): own first, then those that partners lead."""

    id: U8
    updated_ns: I8
    moving: Moving  # of what leads
    labels: Labels
    kind: U1
    fused: Moving  # of all who see it
    pedigree: U8
    taught: U8  # by whose sensors what leads has learned something in this step
    seen_by: U8  # bits of the partners whose tracks belong to it
    odd: Bools  # its name is claimed elsewhere
    of_partner: U2  # 0: own
    row: I8  # in own, or in that partner's memory


@dataclass(frozen=True, eq=False)
class Follower:
    """Tracks of one partner that belong to system tracks, shape (m,)."""

    partner: int
    system: I8  # rows
    row: I8  # in the partner's memory
    theirs: Moving  # all of the partner's tracks, as they stand now


def correlate_all(
    own: Tracks, partners: dict[int, Partner], now_ns: int, origins: U8, lately: U8 | None = None
) -> tuple[System, list[Follower]]:
    """All partners' tracks put to ours; partners' memories keep who belongs to whom. ``origins``: bits of those whose
    sensors made each of our own tracks; ``lately``: in this step."""
    system = _of_own(own, origins, origins if lately is None else lately)
    followers: list[Follower] = []
    moved: dict[int, int] = {}  # a leader that is one no longer -> who leads in its place
    for partner, one in sorted(partners.items()):
        if not len(one.held):
            continue
        theirs, labels = brought_forward(one, now_ns), _labels_of_partner(one)
        leader = _standing(one, system, moved)
        if one.fuse:
            leader = _part(one, leader, system, theirs, labels)
            leader = _join(one, leader, system, theirs, labels, moved, now_ns)
        joined = np.flatnonzero(leader >= 0)
        followers.append(Follower(partner, leader[joined], joined, theirs))
        _lead(system, partner, one, np.flatnonzero((leader < 0) & one.free()), theirs, labels)
    return system, followers


def _names(identity: U8) -> I8:
    """Identities that mean the same craft to everybody; others are somebody's own numbers."""
    space = identity >> np.uint64(56)
    public = (space == np.uint64(Space.MMSI)) | (space == np.uint64(Space.ICAO24))
    return np.where(public, identity, np.uint64(0)).astype(np.uint64).view(np.int64)


def _code(mode_3a: NDArray[np.uint32]) -> I8:
    return np.where(mode_3a == 0xFFFFFFFF, -1, mode_3a.astype(np.int64))


def _domain(domain: U1) -> I8:
    return np.where(domain < 4, domain, 0).astype(np.int64)


def _of_own(own: Tracks, origins: U8, lately: U8) -> System:
    n = len(own)
    none = np.zeros(n)
    told = (own.lat_rad, own.lon_rad, own.alt_m, none, own.ve_mps, own.vn_mps, own.cov, none, none)
    moving = correlate.reckon(*(np.require(part, np.float64, ["C", "W"]) for part in told))
    labels = Labels(_names(own.identity), _domain(own.domain), _code(own.mode_3a), own.alt_ref.astype(np.int64))
    return System(
        id=own.track_id,
        updated_ns=own.updated_ns,
        moving=moving,
        labels=labels,
        kind=own.kind,
        fused=Moving(*(part.copy() for part in moving)),
        pedigree=origins.copy(),
        taught=lately.copy(),
        seen_by=np.zeros(n, np.uint64),
        odd=np.zeros(n, np.bool_),
        of_partner=np.zeros(n, np.uint16),
        row=np.arange(n),
    )


def _labels_of_partner(one: Partner) -> Labels:
    held = one.held
    return Labels(_names(held.identity), _domain(held.domain), _code(held.mode_3a), held.alt_ref.astype(np.int64))


def rows_of(wanted: U8, known: U8) -> I8:
    """Row of each wanted number among the known ones, −1 for none.

    >>> rows_of(np.array([7, 9], np.uint64), np.array([9, 8], np.uint64)).tolist()
    [-1, 0]
    """
    out = np.full(len(wanted), -1, np.int64)
    if len(known) == 0:
        return out
    order = np.argsort(known, kind="stable")
    spot = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    found = known[order[spot]] == wanted
    out[found] = order[spot[found]]
    return out


def _standing(one: Partner, system: System, moved: dict[int, int]) -> I8:
    """Rows of the leaders that this partner's tracks had; −1 where there is none (any longer)."""
    held = one.held
    _follow_on(held.leader, moved)
    _follow_on(held.candidate, moved)
    has = held.leader != 0
    leader = np.full(len(held), -1, np.int64)
    leader[has] = rows_of(held.leader[has], system.id)
    _, first = np.unique(leader, return_index=True)
    only = np.zeros(len(held), np.bool_)
    only[first] = True
    lost = has & ((leader < 0) | ~only)
    for k in np.flatnonzero(has & (leader < 0)):
        moved.setdefault(int(held.leader[k]), int(held.id[k]))
    leader[~only] = -1
    if not one.fuse:
        leader[:], lost = -1, has
    shut = ~one.free()
    leader[shut] = -1
    _alone(one, lost | shut)
    return leader


def _follow_on(ids: U8, moved: dict[int, int]) -> None:
    """In place: who leads no longer is replaced by who leads in its place."""
    if not moved:
        return
    old = np.fromiter(moved, np.uint64, len(moved))
    new = np.fromiter(moved.values(), np.uint64, len(moved))
    row = rows_of(ids, old)
    ids[row >= 0] = new[row[row >= 0]]


def _alone(one: Partner, which: Bools) -> None:
    held = one.held
    held.leader[which], held.candidate[which], held.agreed[which] = 0, 0, 0


def _looked(one: Partner, rows: I8, updated_ns: I8) -> Bools:
    """Whether there is anything new to judge by since the last look; then this is one."""
    held = one.held
    news = np.maximum(held.updated_ns[rows], updated_ns)
    look = news - held.judged_ns[rows] >= LOOK_NS
    held.judged_ns[rows[look]] = news[look]
    return np.asarray(look)


def _part(one: Partner, leader: I8, system: System, theirs: Moving, labels: Labels) -> I8:
    """Look at the pairs that are joined; part those that have not agreed for long, or may not be one at all."""
    held = one.held
    rows = np.flatnonzero(leader >= 0)
    if not len(rows):
        return leader
    whom = leader[rows]
    ratio = correlate.agreement(whom, rows, system.moving, system.labels, theirs, labels, BIAS)
    look = _looked(one, rows, system.updated_ns[whom])
    shifted = (held.agreed[rows].astype(np.int64) << 1 | (ratio <= 1.0)) & JOINED
    held.agreed[rows] = np.where(look, shifted, held.agreed[rows]).astype(np.uint8)
    parted = rows[(_ONES[held.agreed[rows]] <= 1) | (ratio >= correlate.NEVER)]
    which = np.zeros(len(held), np.bool_)
    which[parted] = True
    _alone(one, which)
    leader[parted] = -1
    return leader


def _join(
    one: Partner, leader: I8, system: System, theirs: Moving, labels: Labels, moved: dict[int, int], now_ns: int
) -> I8:
    """Look for partners of those that stand alone; join who has agreed three times of four, or has one name."""
    held = one.held
    held.odd[leader >= 0] = 0
    rows = _in_turn(np.flatnonzero((leader < 0) & one.free()), now_ns)
    if not len(rows) or not len(system.id):
        held.odd[rows] = 0
        return leader
    taken = np.zeros(len(system.id), np.bool_)
    taken[leader[leader >= 0]] = True
    named = labels.name[rows] != 0
    namesake = np.full(len(rows), -1, np.int64)
    namesake[named] = rows_of(labels.name[rows][named].view(np.uint64), system.labels.name.view(np.uint64))
    count = np.zeros(len(rows), np.int64)
    col, cost = np.zeros((len(rows), WIDEST), np.int64), np.zeros((len(rows), WIDEST))
    odd = np.zeros(len(rows), np.bool_)
    ground = correlate.lay(system.moving.at)
    sticky, handicap = rows_of(held.candidate[rows], system.id), np.where(system.of_partner > 0, LED, 0.0)
    a, b = (system.moving, system.labels), (theirs, labels)
    correlate.candidates(rows, taken, namesake, ground, *a, *b, BIAS, sticky, handicap, count, col, cost, odd)
    chosen = assignment.assign(len(rows), len(system.id), count, col, cost)
    held.odd[rows] = odd & (chosen < 0)
    system.odd[namesake[odd & (chosen < 0) & (namesake >= 0)]] = True
    _count_agreement(one, rows, chosen, system)
    some = chosen >= 0
    one_name = some & named & (system.labels.name[chosen] == labels.name[rows])
    joins = one_name | (some & (_ONES[held.agreed[rows]] >= 3) & (held.candidate[rows] == system.id[chosen]))
    who, whom = rows[joins], chosen[joins]
    held.leader[who], held.candidate[who], held.agreed[who] = system.id[whom], 0, JOINED
    leader[who] = whom
    for own_id, leads in zip(held.id[who].tolist(), system.id[whom].tolist(), strict=True):
        moved[own_id] = leads
    return leader


def _in_turn(rows: I8, now_ns: int) -> I8:
    """At most ``LOOKS_MAX`` of them, others at each second: a partner that piles up tracks costs us no more."""
    if len(rows) <= LOOKS_MAX:
        return rows
    begin = now_ns // SECOND_NS * LOOKS_MAX % len(rows)
    return np.sort(np.take(rows, np.arange(begin, begin + LOOKS_MAX), mode="wrap"))


def _count_agreement(one: Partner, rows: I8, chosen: I8, system: System) -> None:
    """One bit more for each that was looked at: with the same candidate as before, a new one, or none."""
    held = one.held
    updated_ns = np.where(chosen >= 0, system.updated_ns[chosen], 0)
    look = _looked(one, rows, updated_ns)
    whom = np.where(chosen >= 0, system.id[chosen], np.uint64(0)).astype(np.uint64)
    same = (whom != 0) & (whom == held.candidate[rows])
    fresh = (whom != 0) & ~same
    shifted = np.where(fresh, 1, (held.agreed[rows].astype(np.int64) << 1 | same) & JOINED)
    held.agreed[rows] = np.where(look, shifted, held.agreed[rows]).astype(np.uint8)
    held.candidate[rows] = np.where(look & fresh, whom, held.candidate[rows])


def _lead(system: System, partner: int, one: Partner, rows: I8, theirs: Moving, labels: Labels) -> None:
    """Tracks that belong to nobody's lead system tracks of their own."""
    if not len(rows):
        return
    held, n = one.held, len(rows)
    mine = Moving(*(part[rows] for part in theirs))
    system.id = np.concatenate([system.id, held.id[rows]])
    system.updated_ns = np.concatenate([system.updated_ns, held.updated_ns[rows]])
    system.moving = Moving(*(np.concatenate(pair) for pair in zip(system.moving, mine, strict=True)))
    system.fused = Moving(*(np.concatenate(pair) for pair in zip(system.fused, mine, strict=True)))
    taken = (column[rows] for column in labels)
    system.labels = Labels(*(np.concatenate(pair) for pair in zip(system.labels, taken, strict=True)))
    system.kind = np.concatenate([system.kind, held.kind[rows]])
    system.pedigree = np.concatenate([system.pedigree, held.pedigree[rows]])
    system.taught = np.concatenate([system.taught, taught(one)[rows]])
    system.seen_by = np.concatenate([system.seen_by, np.full(n, 1 << partner, np.uint64)])
    system.odd = np.concatenate([system.odd, held.odd[rows] != 0])
    system.of_partner = np.concatenate([system.of_partner, np.full(n, partner, np.uint16)])
    system.row = np.concatenate([system.row, rows])
