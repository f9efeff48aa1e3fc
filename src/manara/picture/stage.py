"""What the node holds: tracks, what is said of them, where they were, and which need a look.

::

    tracks ────────▶ correlate ─▶ fuse ─▶ attention ─▶ Outbox
    partners' rows ──▶ ▲   └▶ regions, names, pedigree
    particulars ──▶ the latest of each word
    every 10 s ───▶ trails
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from manara.picture import assembled, chains, fused, partners, regions, trust
from manara.picture import labels as marks
from manara.picture.chains import Chains
from manara.picture.correlate import correlate_all
from manara.picture.partners import Name, Partner, PartnerRows
from manara.picture.trust import Trust
from manara.records.columns import I8, U1, U2, U8
from manara.records.confidence import Apart, Judge, Reliability, Ruling
from manara.records.inputs import Trails
from manara.records.particulars import Particulars, SafetyText, SensorStatus
from manara.records.partners import Regions, Warned
from manara.records.released import COARSE, PRECISE
from manara.records.reports import Flag, Kind
from manara.records.tracks import Tracks

SECOND_NS = 1_000_000_000
TRAIL_LENGTH = 90  # positions of each track
TRAIL_PERIOD_NS = 10 * SECOND_NS
PARTICULARS_KEPT = 200_000  # identities; the longest unheard go first
TEXTS_KEPT = 200
STATUS_KEPT = 4_096

_DANGER = Flag.EMERGENCY | Flag.RADIO_FAILURE | Flag.UNLAWFUL_INTERFERENCE
_LOOK = Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP


@dataclass(frozen=True, eq=False)
class Inbox:
    """What a step brings to the picture. ``partners``: what came from partners, of each in the order of its coming.
    ``origins``: for each of our own tracks the bits of those whose sensors made it; None: ours. ``taught``: of those
    whose sensors did so since the last step; None: all of them. ``recipient``: place of the partner for whom this view
    is, 0: for nobody. ``judge``: what our own sensors can say of what partners tell; ``rulings``: what officers decided
    about partners' rows."""

    tracks: Tracks
    particulars: tuple[Particulars, ...] = ()
    texts: tuple[SafetyText, ...] = ()
    status: tuple[SensorStatus, ...] = ()
    partners: tuple[PartnerRows, ...] = ()
    warned: tuple[Warned, ...] = ()
    origins: U8 | None = None
    taught: U8 | None = None
    recipient: int = 0
    judge: Judge = Judge()
    rulings: tuple[Ruling, ...] = ()


@dataclass(frozen=True, eq=False)
class Outbox:
    """The picture as it now stands. Nothing in it is written to again.

    ``tracks``: own ones first, in their order and under their ids, then those that only partners see. ``pedigree``:
    bits of those who contributed to each row (bit 0: this node), bit 63: also somebody who is not told. ``news``: of
    those who did in this step, where that is known. ``seen_by``:
    bits of the partners whose tracks belong to it, fused or not. ``of_partner``: whose a row is that only partners see,
    0: own. ``could_be``: how many tracks each region may mean, as of the last count. ``names``: what partners call
    system tracks."""

    tracks: Tracks
    attention: U1
    particulars: Mapping[int, Particulars]
    texts: tuple[SafetyText, ...]
    status: Mapping[int, SensorStatus]
    trails: Trails
    pedigree: U8
    news: U8
    seen_by: U8
    of_partner: U2
    regions: Regions
    could_be: Mapping[tuple[int, int], int]  # partner and its number -> tracks
    names: assembled.Names
    labels: marks.Shown  # how partners marked system tracks, in our own words
    warned: tuple[Warned, ...]
    credibility: U1
    apart: Apart  # what of partners' tracks stands in quarantine
    whole: Mapping[int, str]  # partners who do so as a whole: held, swarm, burst
    reliability: tuple[Reliability, ...]


def _no_trails() -> Trails:
    blank = np.full((0, TRAIL_LENGTH), np.nan)
    return Trails(np.empty(0, np.uint64), 0, np.zeros((0, TRAIL_LENGTH), np.int64), blank, blank.copy())


@dataclass
class State:
    """The memory of the picture."""

    particulars: dict[int, Particulars] = field(default_factory=dict)
    texts: tuple[SafetyText, ...] = ()
    status: dict[int, SensorStatus] = field(default_factory=dict)
    trails: Trails = field(default_factory=_no_trails)
    sampled_ns: int = -TRAIL_PERIOD_NS
    serial: int = 0
    partners: dict[int, Partner] = field(default_factory=dict)
    chains: Chains = field(default_factory=Chains)
    names: assembled.Names = field(default_factory=dict)
    could_be: dict[tuple[int, int], int] = field(default_factory=dict)
    warned: tuple[Warned, ...] = ()
    trust: Trust = field(default_factory=Trust)
    labels: marks.Kept = field(default_factory=dict)
    marked: marks.Shown = field(default_factory=dict)  # as of the last step; made anew in each


def init(serial: int = 0) -> State:
    """An empty picture. ``serial``: number of the source view, below 32,768; ids of rows that only partners see bear
    it below the top bit, then the partner, then a count: 1 | serial (15 bits) | partner (6) | count (42)."""
    return State(serial=serial & 0x7FFF)


def advance(state: State, inbox: Inbox, now_ns: int) -> Outbox:
    """Take in what was said and what partners told, put it to our tracks, and say what needs a look."""
    _take_words(state, inbox)
    _take_partners(state, inbox.partners, now_ns)
    trust.advance(state.trust, state.partners, inbox.tracks, inbox.judge, inbox.rulings, now_ns)
    own, sample = inbox.tracks, now_ns - state.sampled_ns >= TRAIL_PERIOD_NS
    tracks, n = own, len(own)
    pedigree, seen_by, of_partner = _alone(inbox), np.zeros(n, np.uint64), np.zeros(n, np.uint16)
    news = pedigree if inbox.taught is None else inbox.taught
    if any(len(one.held) for one in state.partners.values()):
        system, followers = correlate_all(own, state.partners, now_ns, _alone(inbox), inbox.taught)
        news = fused.fuse(state.chains, system, followers, state.partners, inbox.recipient, now_ns)
        tracks = assembled.tracks(own, system, followers, state.partners, now_ns)
        pedigree, seen_by, of_partner = system.pedigree, system.seen_by, system.of_partner
        if sample or any(len(rows.names) for rows in inbox.partners):
            state.names = assembled.names(system, followers, state.partners)
        if state.labels or state.marked:
            marks.forget(state.labels, state.partners)
            state.marked = marks.shown(state.labels, system, followers, state.partners)
    elif state.names or state.marked:
        state.names, state.marked = {}, {}
    told = regions.shown(state.partners, now_ns)
    if sample:
        # What only we saw of our own craft: a recall must leave no trace of a partner in it.
        unfused = tracks.replace(**{name: _own_first(own, tracks, name) for name in ("lat_rad", "lon_rad")})
        state.trails = _sample(state.trails, unfused)
        state.could_be = _count(told, tracks)
        state.sampled_ns = now_ns
    return Outbox(
        tracks=tracks,
        attention=attention(tracks),
        particulars=state.particulars,
        texts=state.texts,
        status=state.status,
        trails=state.trails,
        pedigree=pedigree,
        news=news,
        seen_by=seen_by,
        of_partner=of_partner,
        regions=told,
        could_be=state.could_be,
        names=state.names,
        labels=state.marked,
        warned=state.warned,
        credibility=trust.credibility(tracks, pedigree, n, inbox.judge),
        apart=trust.apart(state.trust, state.partners, now_ns),
        whole=trust.whole(state.trust),
        reliability=trust.told(state.trust, now_ns),
    )


def silence(state: State, partner: int) -> None:
    """A partner tells of tracks no more (a suspension): its squares go, which would only grow. Its tracks grow stale
    and end as any that nobody sees."""
    if partner in state.partners:
        one = state.partners[partner]
        one.regions = one.regions.take(np.zeros(len(one.regions), np.bool_))


def drop(state: State, partner: int, numbers: U8 | None = None) -> int:
    """A recall: whatever a partner told of these tracks (its own numbers; None: of all) leaves the picture and its
    trails at once; system tracks fall back to what else is known. Returns how many tracks, regions and names went."""
    one = state.partners.get(partner)
    if one is None:
        return 0
    before = one.held.id
    n = partners.drop(one, numbers)
    gone = np.setdiff1d(before, one.held.id)
    state.trails = _without(state.trails, gone)
    state.names = _unnamed(state.names, partner, one)
    told = set(one.regions.track.tolist())
    state.could_be = {key: k for key, k in state.could_be.items() if key[0] != partner or key[1] in told}
    return n


def find(state: State, partner: int, number: int) -> int | None:
    """The system track that a partner's number stands for: 0 where it is only a region, None where it told of none."""
    one = state.partners.get(partner)
    if one is None:
        return None
    at = np.flatnonzero(one.held.track == np.uint64(number))
    if len(at):
        return int(one.held.leader[at[0]]) or int(one.held.id[at[0]])
    return 0 if bool(np.any(one.regions.track == np.uint64(number))) else None


def refused(state: State) -> dict[int, dict[str, int]]:
    """Rows of each partner that the picture could not use, by reason, since its first step."""
    return {partner: dict(one.refused) for partner, one in state.partners.items()}


def _take_words(state: State, inbox: Inbox) -> None:
    if inbox.warned:
        state.warned = (state.warned + inbox.warned)[-TEXTS_KEPT:]
    if inbox.particulars:
        state.particulars = _merge(state.particulars, inbox.particulars)
    if inbox.texts:
        state.texts = (state.texts + inbox.texts)[-TEXTS_KEPT:]
    if inbox.status:
        news = {one.source: one for one in inbox.status}
        state.status = dict(list({**state.status, **news}.items())[-STATUS_KEPT:])


def _take_partners(state: State, told: tuple[PartnerRows, ...], now_ns: int) -> None:
    for one in state.partners.values():
        one.learned, one.whole = [], []
    for rows in sorted(told, key=lambda rows: rows.partner):
        if not 0 < rows.partner < partners.PARTNERS_MAX:
            continue
        one = state.partners.setdefault(rows.partner, Partner())
        partners.take(one, rows, now_ns, state.serial)
        regions.take(one, rows, now_ns)
    marks.take(state.labels, told)
    for one in state.partners.values():
        partners.age(one, now_ns)


def _alone(inbox: Inbox) -> U8:
    ones = np.ones(len(inbox.tracks), np.uint64)
    return ones if inbox.origins is None else inbox.origins | ones


def _own_first(own: Tracks, tracks: Tracks, name: str) -> Any:
    column = getattr(tracks, name).copy()
    column[: len(own)] = getattr(own, name)
    return column


def _count(told: Regions, tracks: Tracks) -> dict[tuple[int, int], int]:
    keys = zip(told.partner.tolist(), told.track.tolist(), strict=True)
    counts: I8 = regions.counts(told, tracks)
    return dict(zip(keys, counts.tolist(), strict=True))


def _without(trails: Trails, gone: U8) -> Trails:
    kept = ~np.isin(trails.track_id, gone)
    if kept.all():
        return trails
    columns = (trails.time_ns[kept], trails.lat_rad[kept], trails.lon_rad[kept])
    return Trails(trails.track_id[kept], trails.head, *columns)


def _unnamed(names: assembled.Names, partner: int, one: Partner) -> assembled.Names:
    """Without the names of this partner that it no longer gives."""
    given = set(one.names.values())
    kept = {key: tuple(n for n in some if n[0] != partner or n[1] in given) for key, some in names.items()}
    return {key: some for key, some in kept.items() if some}


def attention(tracks: Tracks) -> U1:
    """2: emergency or distress, 1: something contradicts itself, 0: ordinary. Test signals stay at 0. Shape (n,).

    A distress *device* is distress. An ordinary vessel that sends the devices' navigational status (14) is seen daily
    and is nearly always a wrong setting: worth a look, not an alarm.
    """
    flags = tracks.flags
    level = np.zeros(len(tracks), np.uint8)
    device = tracks.kind == Kind.DISTRESS_DEVICE
    level[(flags & np.uint32(_LOOK)) != 0] = 1
    level[(flags & np.uint32(Flag.DISTRESS)) != 0] = 1
    level[(flags & np.uint32(_DANGER)) != 0] = 2
    level[device & ((flags & np.uint32(Flag.DISTRESS)) != 0)] = 2
    level[(flags & np.uint32(Flag.TEST)) != 0] = 0
    return level


def _merge(held: dict[int, Particulars], news: tuple[Particulars, ...]) -> dict[int, Particulars]:
    """A new table (the old one is published): the latest of each word, the longest unheard dropped at the bound."""
    merged = dict(held)
    for one in news:
        old = merged.pop(one.identity, None)  # popped and put back: the order is that of hearing
        merged[one.identity] = one if old is None else _over(old, one)
    over = len(merged) - PARTICULARS_KEPT
    for identity in list(merged)[: max(over, 0)]:
        del merged[identity]
    return merged


_WORDS = tuple(name for name in Particulars.__struct_fields__ if name not in ("identity", "time_ns", "source"))


def _over(old: Particulars, new: Particulars) -> Particulars:
    """What the new one does not say stands as the old one said it."""
    kept = {name: getattr(old, name) for name in _WORDS if getattr(new, name) in ("", None)}
    return msgspec.structs.replace(new, **kept) if kept else new


def _sample(trails: Trails, tracks: Tracks) -> Trails:
    """A new ring with the present positions in the column at head; tracks that ended are left out."""
    ids: U8 = np.sort(tracks.track_id)
    order = np.argsort(tracks.track_id, kind="stable")
    time_ns = np.zeros((len(ids), TRAIL_LENGTH), np.int64)
    lat_rad = np.full((len(ids), TRAIL_LENGTH), np.nan)
    lon_rad = np.full((len(ids), TRAIL_LENGTH), np.nan)
    _, old_row, new_row = np.intersect1d(trails.track_id, ids, assume_unique=True, return_indices=True)
    time_ns[new_row] = trails.time_ns[old_row]
    lat_rad[new_row] = trails.lat_rad[old_row]
    lon_rad[new_row] = trails.lon_rad[old_row]
    time_ns[:, trails.head] = tracks.time_ns[order]
    lat_rad[:, trails.head] = tracks.lat_rad[order]
    lon_rad[:, trails.head] = tracks.lon_rad[order]
    return Trails(ids, (trails.head + 1) % TRAIL_LENGTH, time_ns, lat_rad, lon_rad)


def dump(state: State) -> dict[str, Any]:
    """The whole state as plain values and arrays."""
    return {
        "particulars": [msgspec.to_builtins(p) for p in state.particulars.values()],
        "texts": [msgspec.to_builtins(t) for t in state.texts],
        "status": [msgspec.to_builtins(s) for s in state.status.values()],
        "sampled_ns": state.sampled_ns,
        "head": state.trails.head,
        "track_id": state.trails.track_id,
        "time_ns": state.trails.time_ns,
        "lat_rad": state.trails.lat_rad,
        "lon_rad": state.trails.lon_rad,
        "serial": state.serial,
        "partners": [[partner, partners.dump(one)] for partner, one in state.partners.items()],
        "chains": chains.dump(state.chains),
        "names": [[key, [[p, *name] for p, name in some]] for key, some in state.names.items()],
        "could_be": [[*key, n] for key, n in state.could_be.items()],
        "warned": [msgspec.to_builtins(one) for one in state.warned],
        "trust": trust.dump(state.trust),
        "labels": marks.dump(state.labels),
    }


def load(plain: dict[str, Any]) -> State:
    """Take what ``dump`` gave."""
    particulars = [msgspec.convert(p, Particulars) for p in plain["particulars"]]
    status = [msgspec.convert(s, SensorStatus) for s in plain["status"]]
    held = {partner: partners.load(one) for partner, one in plain.get("partners", [])}
    return State(
        particulars={p.identity: p for p in particulars},
        texts=tuple(msgspec.convert(t, SafetyText) for t in plain["texts"]),
        status={s.source: s for s in status},
        trails=Trails(plain["track_id"], plain["head"], plain["time_ns"], plain["lat_rad"], plain["lon_rad"]),
        sampled_ns=plain["sampled_ns"],
        serial=plain.get("serial", 0),
        partners=held,
        chains=chains.load(plain["chains"]) if "chains" in plain else Chains(),
        names={key: tuple((p, Name(*words)) for p, *words in some) for key, some in plain.get("names", [])},
        could_be={(p, track): n for p, track, n in plain.get("could_be", [])},
        warned=tuple(msgspec.convert(one, Warned) for one in plain.get("warned", [])),
        trust=trust.load(plain["trust"], held) if "trust" in plain else Trust(),
        labels=marks.load(plain.get("labels", [])),
    )


def warm() -> None:
    """Run every kernel of the picture once, so that all are compiled and cached."""
    row = np.zeros(2, PRECISE)
    row["track"], row["cov"][:, [0, 4, 7, 9]] = (1, 2), 1.0
    own = Tracks.blank(1).replace(track_id=np.ones(1, np.uint64), lat_rad=np.zeros(1), lon_rad=np.zeros(1))
    own = own.replace(cov=row["cov"][:1].astype(np.float64))
    cell = np.zeros(1, COARSE)
    cell["cell"], cell["epoch_s"] = 0x103020000700005, 60
    state = init()
    for now_ns in range(0, 5 * SECOND_NS, SECOND_NS):
        row["time_ns"], row["updated_ns"] = now_ns, now_ns
        advance(state, Inbox(own, partners=(PartnerRows(1, now_ns, row, cell),)), now_ns)
