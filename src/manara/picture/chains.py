"""Exact fusion: what each tracker of a craft has learned, each increment once, in the order of time.

::

    own track ─▶ increments ─┐
    partners' increments ────┼─▶ log of the last WINDOW_NS ─▶ run from the base to now ─▶ System.fused
      by origin and interval │        └─▶ what is older goes into the base; what comes later than that is too late
    pedigree: one door for ──┘
    each originator

A chain is a system track that two or more tell increments of. It begins with what the states give (``states.blend``)
and begins anew when who tells it changes, or when somebody's state was told anew. A gap loses information and nothing
else. Each originator's information enters by one member only: its own where it is one, else whoever brought it first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.kernels import chain, increment
from manara.picture.correlate import Follower, System, rows_of
from manara.picture.partners import SECOND_NS, Learned, Partner
from manara.picture.states import HIDDEN, blend
from manara.records.columns import F8, I8, U8

WINDOW_NS = 6 * SECOND_NS  # what comes later than this is not counted
MOST = 16  # increments of one member and chain within the window
DOOR_NS = 30 * SECOND_NS  # so long after something could not be counted a member's state is taken besides
Bools = NDArray[np.bool_]


@dataclass
class Chains:
    """All chains, (n,), sorted by ``id``; W = 1 + the highest place of a partner."""

    id: U8 = field(default_factory=lambda: np.zeros(0, np.uint64))  # of the system track
    base: F8 = field(default_factory=lambda: np.zeros((0, 5)))  # n-vector, velocity
    cov: F8 = field(default_factory=lambda: np.zeros((0, 10)))
    base_ns: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    own: F8 = field(default_factory=lambda: np.zeros((0, 5)))  # our own track as it was last counted
    own_cov: F8 = field(default_factory=lambda: np.zeros((0, 10)))
    own_ns: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    own_updated_ns: I8 = field(default_factory=lambda: np.zeros(0, np.int64))
    who: U8 = field(default_factory=lambda: np.zeros((0, 1), np.uint64))  # (n, W) partner's number, 0: no member
    door: U8 = field(default_factory=lambda: np.zeros((0, 1), np.uint64))  # (n, W) originators that enter by a member
    through_ns: I8 = field(default_factory=lambda: np.zeros((0, 1), np.int64))  # (n, W) counted up to here
    shut_ns: I8 = field(default_factory=lambda: np.zeros((0, 1), np.int64))  # (n, W) when something was not counted
    log: Learned = field(default_factory=lambda: Learned.blank(0))

    def __len__(self) -> int:
        return len(self.id)


COLUMNS = tuple(f.name for f in fields(Chains) if f.name != "log")


def advance(
    chains: Chains, system: System, followers: list[Follower], partners: dict[int, Partner], recipient: int, now_ns: int
) -> U8:
    """Run all chains on; ``System.fused`` and its pedigree follow. Returns for each row of the system whose sensors
    taught it something in this step (of rows without a chain: all who ever did)."""
    news = system.taught.copy()
    who = _members(system, followers, partners, recipient)
    rows = np.flatnonzero((who != 0).sum(axis=1) >= 2)
    rows = rows[np.argsort(system.id[rows], kind="stable")]
    who, width = who[rows], who.shape[1]
    if not len(rows):
        _become(chains, Chains())
        return news
    old = rows_of(system.id[rows], chains.id)
    stays = _stays(chains, system, partners, rows, who, old)
    kept = _take(chains, old[stays], width)
    ours, sound = _own_learned(kept, system, rows[stays], now_ns)
    stays[stays] = sound
    began = _begin(system, followers, partners, rows[~stays], who[~stays], recipient, now_ns)
    kept = _take(kept, np.flatnonzero(sound), width)
    _become(chains, _join(kept, began, chains.log))
    place = rows_of(chains.id, system.id)
    fresh = _counted(chains, [ours, *_told(chains, partners)], recipient)
    _run(chains, system, place, partners, fresh, now_ns)
    taught = np.zeros(len(chains), np.uint64)
    at = rows_of(fresh.track, chains.id)
    np.bitwise_or.at(taught, at, fresh.pedigree)
    again = ~np.isin(chains.id, kept.id)
    system.pedigree[place] |= np.bitwise_or.reduce(chains.door, axis=1)
    news[place] = np.where(again, system.pedigree[place], taught)
    return news


def inside(chains: Chains, system: System, one: Follower, now_ns: int) -> Bools:
    """Which of a partner's tracks are counted in a chain and nothing of them was left out lately, (m,)."""
    out = np.zeros(len(one.system), np.bool_)
    if len(chains) and one.partner < chains.who.shape[1]:
        at = rows_of(system.id[one.system], chains.id)
        member = chains.who[at, one.partner] != 0
        out = (at >= 0) & member & (now_ns - chains.shut_ns[at, one.partner] > DOOR_NS)
    return out


def _members(system: System, followers: list[Follower], partners: dict[int, Partner], recipient: int) -> U8:
    """Who tells increments of each system track: (n, W), the partner's number; column 0: our own track."""
    width = 1 + max(partners, default=0)
    who = np.zeros((len(system.id), width), np.uint64)
    who[system.of_partner == 0, 0] = 1
    for partner, one in partners.items():
        led = np.flatnonzero(system.of_partner == partner)
        _member(who, partner, one, led, system.row[led])
    for f in followers:
        _member(who, f.partner, partners[f.partner], f.system, f.row)
    if recipient and recipient < width:
        who[:, recipient] = 0
    return who


def _member(who: U8, partner: int, one: Partner, rows: I8, theirs: I8) -> None:
    held = one.held
    flows = (held.flow[theirs] != 0) & (held.exact[theirs] != 0) & (held.pedigree[theirs] & HIDDEN == 0)
    flows &= one.fuse & one.believed()
    who[rows[flows], partner] = held.track[theirs[flows]]


def _stays(chains: Chains, system: System, partners: dict[int, Partner], rows: I8, who: U8, old: I8) -> Bools:
    """Which chains go on: the same members as before, nobody's state told anew, no new originator of ours."""
    there = np.flatnonzero(old >= 0)
    out = old >= 0
    before = _wide(chains.who[old[there]], who.shape[1])
    out[there] = before.shape[1] == who.shape[1]
    if before.shape[1] == who.shape[1]:
        out[there] = (before == who[there]).all(axis=1)
    for partner, one in partners.items():
        if one.whole and partner < who.shape[1]:
            out &= (who[:, partner] == 0) | ~np.isin(who[:, partner], np.concatenate(one.whole))
    ours = system.of_partner[rows[there]] == 0
    out[there] &= ~ours | (system.pedigree[rows[there]] & ~chains.door[old[there], 0] == 0)
    return out


def _wide(columns: NDArray[Any], width: int) -> NDArray[Any]:
    if columns.shape[1] >= width:
        return columns
    return np.pad(columns, ((0, 0), (0, width - columns.shape[1])))


def _take(chains: Chains, rows: I8, width: int) -> Chains:
    """Some chains, without the log, with room for so many members."""
    out: dict[str, Any] = {name: getattr(chains, name)[rows] for name in COLUMNS}
    wide: dict[str, Any] = {name: _wide(c, width) if name in _WIDE else c for name, c in out.items()}
    return Chains(**wide)


_WIDE = ("who", "door", "through_ns", "shut_ns")


def _join(one: Chains, two: Chains, log: Learned) -> Chains:
    both = {name: np.concatenate([getattr(one, name), getattr(two, name)]) for name in COLUMNS}
    order = np.argsort(both["id"], kind="stable")
    return Chains(**{name: c[order] for name, c in both.items()}, log=log.take(np.isin(log.track, one.id)))


def _become(chains: Chains, other: Chains) -> None:
    for f in fields(Chains):
        setattr(chains, f.name, getattr(other, f.name))


def _own_learned(kept: Chains, system: System, rows: I8, now_ns: int) -> tuple[Learned, Bools]:
    """What our own tracks have learned since they were last counted, and where no increment says that."""
    sound = np.ones(len(kept), np.bool_)
    due = np.flatnonzero((kept.who[:, 0] != 0) & (system.updated_ns[rows] > kept.own_updated_ns))
    mine, n = rows[due], len(due)
    moving = system.moving
    place = np.column_stack([moving.at[mine], np.nan_to_num(moving.alt_m[mine]), moving.vel_mps[mine]])
    mean, cov, time_ns = kept.own[due], kept.own_cov[due], kept.own_ns[due]
    gain, moved, begin_ns = np.zeros((n, 10)), np.zeros((n, 4)), np.zeros(n, np.int64)
    told, now = np.ascontiguousarray(moving.cov[mine]), np.full(n, now_ns)
    place, anew = np.ascontiguousarray(place), np.zeros(n, np.int64)
    increment.increments(mean, cov, time_ns, anew, _q(system, mine), place, told, told, now, gain, moved, begin_ns)
    kept.own[due], kept.own_cov[due], kept.own_ns[due] = mean, cov, time_ns
    kept.own_updated_ns[due] = system.updated_ns[mine]
    sound[due] = begin_ns > 0
    ours = Learned(
        track=kept.id[due], member=np.zeros(n, np.int64), begin_ns=begin_ns, time_ns=now,
        pedigree=system.taught[mine], place=place, gain=gain, moved=moved,
    )  # fmt: skip
    return ours.take(begin_ns > 0), sound


def _q(system: System, rows: I8) -> F8:
    q = increment.q_of(system.kind[rows].astype(np.int64), system.labels.domain[rows])
    return np.ascontiguousarray(q, np.float64)


def _begin(
    system: System,
    followers: list[Follower],
    partners: dict[int, Partner],
    rows: I8,
    who: U8,
    recipient: int,
    now_ns: int,
) -> Chains:
    """Chains of these rows of the system, from what the states of their members give."""
    n, width = who.shape
    moving = system.moving
    own = np.concatenate([moving.at[rows], moving.vel_mps[rows]], axis=1)
    door, through_ns = np.zeros((n, width), np.uint64), np.full((n, width), now_ns)
    member = np.where(who[:, 0] != 0, 0, system.of_partner[rows])
    door[np.arange(n), member] = system.pedigree[rows]
    spot, back = np.full(len(system.id), -1, np.int64), np.uint64(1 << recipient if recipient else 0)
    spot[rows] = np.arange(n)
    for f in followers:
        at = spot[f.system]
        use = (at >= 0) & (who[np.maximum(at, 0), f.partner] != 0) if n else np.zeros(len(at), np.bool_)
        held, whom = partners[f.partner].held, at[use]
        others = np.bitwise_or.reduce(door[whom], axis=1)
        theirs = held.pedigree[f.row[use]]
        door[whom, f.partner] = theirs & ~others & ~back
        through_ns[whom, f.partner] = held.time_ns[f.row[use]]
        use[use] = theirs & back == 0
        blend(system, f, partners[f.partner], use, now_ns)
    _led_through(through_ns, system, partners, rows)
    fused = system.fused
    return Chains(
        id=system.id[rows], base=np.concatenate([fused.at[rows], fused.vel_mps[rows]], axis=1), cov=fused.cov[rows],
        base_ns=np.full(n, now_ns), own=own, own_cov=moving.cov[rows], own_ns=np.full(n, now_ns),
        own_updated_ns=system.updated_ns[rows], who=who, door=door, through_ns=through_ns,
        shut_ns=np.full((n, width), np.iinfo(np.int64).min // 2),
    )  # fmt: skip


def _led_through(through_ns: I8, system: System, partners: dict[int, Partner], rows: I8) -> None:
    for partner, one in partners.items():
        led = np.flatnonzero(system.of_partner[rows] == partner)
        if len(led):
            through_ns[led, partner] = one.held.time_ns[system.row[rows[led]]]


def _told(chains: Chains, partners: dict[int, Partner]) -> list[Learned]:
    """Increments that partners told in this step of tracks that have a chain, under the chain's id."""
    out = []
    for partner, one in sorted(partners.items()):
        if not one.learned or partner >= chains.who.shape[1]:
            continue
        told = Learned.join(one.learned)
        member = np.flatnonzero(chains.who[:, partner])
        at = rows_of(told.track, chains.who[member, partner])
        told = told.take(at >= 0)
        out.append(told.replace(track=chains.id[member[at[at >= 0]]], gain=told.gain / one.excess))
    return out


def _counted(chains: Chains, told: list[Learned], recipient: int) -> Learned:
    """Put into the log what may be counted; returns that. Decided in the order of members and times, not of coming."""
    new = Learned.join(told)
    at = rows_of(new.track, chains.id)
    new, at = new.take(at >= 0), at[at >= 0]
    order = np.lexsort((new.time_ns, new.begin_ns, new.member, at))
    new, at = new.take(order), at[order]
    news = (new.time_ns > chains.base_ns[at]) & (new.begin_ns >= chains.through_ns[at, new.member])
    new, at = new.take(news), at[news]
    both = Learned.join([chains.log, new])
    fresh = np.arange(len(both)) >= len(chains.log)
    at = rows_of(both.track, chains.id)
    order = np.lexsort((both.begin_ns, fresh, both.member, at))
    both, at, fresh, kept = both.take(order), at[order], fresh[order], np.zeros(len(both), np.bool_)
    chain.admit(at, both.member, both.begin_ns, both.time_ns, fresh, MOST, kept)
    kept[kept & fresh] = _doors(chains, both.take(kept & fresh), at[kept & fresh], recipient)
    chains.log = both.take(kept)
    return both.take(kept & fresh)


def _doors(chains: Chains, new: Learned, at: I8, recipient: int) -> Bools:
    """Which increments come by the door of their originators; a door is given to who first brings an originator. Where
    one cannot be counted, that is remembered."""
    out = np.zeros(len(new), np.bool_)
    direct = _direct(chains.who) & ~chains.door[:, :1]
    back = np.uint64(1 << recipient if recipient else 0)
    todo = np.arange(len(new))
    # One round for each increment of a chain: a door that was given counts for the next.
    while len(todo):
        _, first = np.unique(at[todo], return_index=True)
        now, todo = todo[first], np.delete(todo, first)
        row, member = at[now], new.member[now]
        door = chains.door[row] | direct[row]
        door[np.arange(len(now)), member] = 0
        pedigree = new.pedigree[now]
        others = np.bitwise_or.reduce(door, axis=1) | back
        opens = (member == 0) | (pedigree & (others | HIDDEN) == 0)
        out[now] = opens
        chains.door[row[opens], member[opens]] |= pedigree[opens]
        shut = ~opens & (pedigree & ~others != 0)
        chains.shut_ns[row[shut], member[shut]] = new.time_ns[now[shut]]
    return out


def _direct(who: U8) -> U8:
    """(n, W): each member's own bit."""
    return np.where(who != 0, np.uint64(1) << np.arange(who.shape[1], dtype=np.uint64), np.uint64(0)).astype(np.uint64)


def _run(chains: Chains, system: System, place: I8, partners: dict[int, Partner], fresh: Learned, now_ns: int) -> None:
    """What is older than the window goes into the base; from there to now, and into the system."""
    log = chains.log
    at = rows_of(log.track, chains.id)
    order = np.lexsort((log.begin_ns, log.member, log.time_ns, at))
    log, at = log.take(order), at[order]
    new = _is_new(log, fresh)
    times = np.ascontiguousarray(log.time_ns)
    where, gain, moved = (np.ascontiguousarray(part) for part in (log.place, log.gain, log.moved))
    first, last = np.searchsorted(at, np.arange(len(chains))), np.searchsorted(at, np.arange(len(chains)), side="right")
    q, score, edge = _q(system, place), np.full(len(log), np.nan), now_ns - WINDOW_NS
    chain.run(chains.base, chains.cov, chains.base_ns, q, first, last, times, where, gain, moved, edge, new, score)
    past = log.time_ns <= edge
    np.maximum.at(chains.through_ns, (at[past], log.member[past]), log.time_ns[past])
    first = first + np.bincount(at[past], minlength=len(chains))
    mean, cov, time_ns = chains.base.copy(), chains.cov.copy(), chains.base_ns.copy()
    chain.run(mean, cov, time_ns, q, first, last, times, where, gain, moved, now_ns, new, score)
    chain.forward(mean, cov, time_ns, q, system.moving.alt_m[place], now_ns)
    system.fused.at[place], system.fused.vel_mps[place], system.fused.cov[place] = mean[:, :3], mean[:, 3:], cov
    chains.log = log.take(~past)
    for partner, one in partners.items():
        theirs = score[new & (log.member == partner)]
        one.judge(theirs[np.isfinite(theirs)], now_ns)


def _is_new(log: Learned, fresh: Learned) -> Bools:
    """Which rows of the log came in this step."""
    key = [("", np.uint64), ("", np.int64), ("", np.int64)]
    a, b = (np.ascontiguousarray(np.column_stack([one.track, one.member.view(np.uint64), one.begin_ns.view(np.uint64)]))
            for one in (log, fresh))  # fmt: skip
    return np.isin(a.view(key).ravel(), b.view(key).ravel()) if len(b) else np.zeros(len(a), np.bool_)


def dump(chains: Chains) -> dict[str, Any]:
    """Plain arrays."""
    log = {f.name: getattr(chains.log, f.name).copy() for f in fields(Learned)}
    return {**{name: getattr(chains, name).copy() for name in COLUMNS}, "log": log}


def load(plain: dict[str, Any]) -> Chains:
    """Take what ``dump`` gave."""
    log = Learned(**{name: np.array(value) for name, value in plain["log"].items()})
    return Chains(**{name: np.array(plain[name]) for name in COLUMNS}, log=log)
