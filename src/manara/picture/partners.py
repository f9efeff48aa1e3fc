"""What partners told, as this node remembers it: their tracks, their names, each until it is old, ended or recalled.

::

    PartnerRows ─▶ take ─▶ Partner (sorted columns, bounded) ─▶ brought forward to now ─▶ correlate
                               ▲          drop (a recall) ─┘

A partner is known by its place in the codebook: 0 is this node, 1 … 62 the partners in the order of the directory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from manara.kernels import correlate, fusion
from manara.records.columns import F8, I8, U1, U8, Table, column
from manara.records.marking import UNKNOWN_BIT
from manara.records.partners import Regions
from manara.records.released import COARSE, ENDED, NAMES, PRECISE, Rows
from manara.records.reports import Domain, Kind
from manara.records.tracks import Life

TRACKS_MAX = 65_536  # of one partner; what is beyond is refused and counted
NAMES_MAX = 65_536
PARTNERS_MAX = 63
SECOND_NS = 1_000_000_000
FLOOR = np.array([25.0, 0, 0, 0, 25.0, 0, 0, 0.01, 0, 0.01])  # nobody's sensors are better aligned with ours
SPEED_MPS_MAX, VARIANCE_MAX = 20_000.0, 1e12  # what is beyond is not told
JUDGED = 400  # increments; the mean of so many is right to 5 %
MISFIT_MAX, TOO_LIKE, HONEST, EXCESS_MAX = 20.0, 0.8, 0.1, 1e3
DOUBT_NS = 600 * SECOND_NS
MOVED_MAX = 1e6  # metres or m/s that an increment may point away from its row
Bools = NDArray[np.bool_]


class Manner(NamedTuple):
    """How craft of a kind move, and how long a partner's silence about them is borne."""

    q_m2ps3: float  # spectral density of acceleration, as tracking.motion has it
    fade_s: float  # of silence until a track coasts
    drop_s: float  # until it is gone
    reach_mps: float  # faster an ordinary one does not go
    sigma_m: float  # of a place whose accuracy was not told
    sigma_mps: float  # of a velocity that was not told


_AIR = Manner(60.0, 20.0, 60.0, 350.0, 500.0, 150.0)
_SEA = Manner(0.05, 90.0, 300.0, 30.0, 200.0, 8.0)
_BOAT = _SEA._replace(q_m2ps3=0.2)
_FIXED = Manner(1e-6, 120.0, 300.0, 1.0, 200.0, 0.1)
_LAND = Manner(2.0, 45.0, 120.0, 60.0, 200.0, 10.0)

MANNERS: dict[Kind, Manner] = {
    Kind.UNKNOWN: Manner(20.0, 30.0, 120.0, 350.0, 500.0, 60.0),
    Kind.VESSEL_A: _SEA,
    Kind.VESSEL_B: _BOAT,
    Kind.BASE_STATION: _FIXED,
    Kind.AID_TO_NAVIGATION: _FIXED._replace(q_m2ps3=1e-5),
    Kind.SEARCH_AIRCRAFT: _AIR._replace(q_m2ps3=10.0),
    Kind.DISTRESS_DEVICE: _SEA._replace(reach_mps=10.0),
    Kind.AIRCRAFT: _AIR,
    Kind.UNMANNED_AIRCRAFT: _AIR._replace(q_m2ps3=15.0, reach_mps=150.0, sigma_mps=40.0),
    Kind.GROUND_VEHICLE: _LAND,
    Kind.SYSTEM_TRACK_AIR: _AIR,
    Kind.SYSTEM_TRACK_SEA: _SEA,
    Kind.SURFACE_OBSTACLE: _FIXED,
    Kind.VESSEL: _BOAT,
}
_BY_KIND: F8 = np.array([MANNERS[kind] for kind in Kind], np.float64)
_OF_DOMAIN = {Domain.AIR: Kind.AIRCRAFT, Domain.SEA: Kind.VESSEL, Domain.LAND: Kind.GROUND_VEHICLE}
_KIND_OF = np.array([_OF_DOMAIN.get(domain, Kind.UNKNOWN) for domain in Domain], np.int64)


def manners(kind: U1, domain: U1) -> F8:
    """A row of ``Manner`` for each track, (n, 6); the kind's, or the domain's where the kind is not told.

    >>> manners(np.array([1, 0], np.uint8), np.array([2, 1], np.uint8))[:, 2].tolist()
    [300.0, 60.0]
    """
    known = np.where(kind < len(_BY_KIND), kind, 0).astype(np.int64)
    where = _KIND_OF[np.where(domain < len(_KIND_OF), domain, 0)]
    return np.ascontiguousarray(_BY_KIND[np.where(known > 0, known, where)])


def _none(dtype: np.dtype[np.void]) -> Any:
    return field(default_factory=lambda: np.zeros(0, dtype))


@dataclass(frozen=True, eq=False)
class PartnerRows:
    """What came of one partner since the last step. ``pedigree``: for each precise row the bits of the partners that
    contributed (bit 0: this node), as far as the agreement lets us know; None: not told, hence nothing is taken for
    independent. ``fuse``: False where the partner's clock cannot be trusted: its rows are shown and not fused."""

    partner: int
    received_ns: int
    precise: Rows = _none(PRECISE)
    coarse: Rows = _none(COARSE)
    ended: Rows = _none(ENDED)
    names: Rows = _none(NAMES)
    fuse: bool = True
    pedigree: U8 | None = None
    labels: tuple[tuple[str, str], ...] = ()  # of its terms: the marking in our words and its TLP level, "": none


@dataclass(frozen=True, eq=False)
class Held(Table):
    """A partner's tracks, (n,), sorted by ``track``. Our own memory: it is written to between steps."""

    track: U8 = column("u8")  # the partner's number for it
    id: U8 = column("u8")  # ours, if it leads; never given again
    leader: U8 = column("u8")  # id of the system track that it belongs to; 0: it leads
    candidate: U8 = column("u8")  # with whom it has lately agreed
    judged_ns: I8 = column("i8")  # when that was last looked at
    agreed: U1 = column("u1")  # the last four looks, one bit each
    odd: U1 = column("u1")  # 1: its name belongs to a craft elsewhere
    exact: U1 = column("u1")  # 1: its accuracy was told
    flow: U1 = column("u1")  # 1: it tells what it learned since its last row
    time_ns: I8 = column("i8")  # of the state, by our clock
    updated_ns: I8 = column("i8")
    born_ns: I8 = column("i8")  # first heard
    heard_ns: I8 = column("i8")  # last heard
    identity: U8 = column("u8")
    pedigree: U8 = column("u8")
    lat_rad: F8 = column("f8", float("nan"))
    lon_rad: F8 = column("f8", float("nan"))
    alt_m: F8 = column("f8", float("nan"))
    ve_mps: F8 = column("f8", 0.0)
    vn_mps: F8 = column("f8", 0.0)
    vu_mps: F8 = column("f8", float("nan"))
    heading_rad: F8 = column("f8", float("nan"))
    cov: F8 = column("f8", 0.0, width=10)
    mode_3a: NDArray[np.uint32] = column("u4", 0xFFFFFFFF)
    flags: NDArray[np.uint32] = column("u4")
    kind: U1 = column("u1")
    domain: U1 = column("u1")
    life: U1 = column("u1")
    alt_ref: U1 = column("u1")


@dataclass(frozen=True, eq=False)
class Learned(Table):
    """What tracks have learned over (begin, time], (n,): increments as docs/spec/increments.md has them."""

    track: U8 = column("u8")  # a partner's number; in a chain's log the id of the system track
    member: I8 = column("i8")  # whose: place of the partner, 0 our own
    begin_ns: I8 = column("i8")
    time_ns: I8 = column("i8")
    pedigree: U8 = column("u8")  # whose sensors taught it
    place: F8 = column("f8", 0.0, width=6)  # of the row: n-vector, height, velocity
    gain: F8 = column("f8", 0.0, width=10)
    moved: F8 = column("f8", 0.0, width=4)


class Name(NamedTuple):
    """What a partner calls a track."""

    name: str
    callsign: str
    detail: str


@dataclass
class Partner:
    """One partner's share of the picture's memory. ``refused``: reason -> rows, since the first step. ``learned`` and
    ``whole`` are of this step: increments, and numbers of tracks whose state was told anew. ``misfit``: sum over the
    increments that were looked at, and how many they were. ``excess``: by how much these are less exact than they say.
    ``doubted_ns``: until then its pedigrees are not believed, because what it calls its own is too much like ours."""

    held: Held = field(default_factory=lambda: Held.blank(0))
    regions: Regions = field(default_factory=lambda: Regions.blank(0))
    names: dict[int, Name] = field(default_factory=dict)
    given: int = 0  # ids
    fuse: bool = True
    recalled: int = 0  # tracks, regions and names that a recall took away
    refused: dict[str, int] = field(default_factory=dict)
    learned: list[Learned] = field(default_factory=list)
    whole: list[U8] = field(default_factory=list)
    misfit: tuple[float, int] = (0.0, 0)
    excess: float = 1.0
    doubted_ns: int = 0
    now_ns: int = 0
    apart: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))  # of this step: rows in quarantine (trust.py)

    def refuse(self, why: str, n: int) -> None:
        """Count rows that were not used."""
        if n:
            self.refused[why] = self.refused.get(why, 0) + n

    def free(self) -> Bools:
        """Which rows are not in quarantine."""
        same = len(self.apart) == len(self.held)
        return ~self.apart if same else np.ones(len(self.held), np.bool_)

    def believed(self) -> bool:
        """Whether its pedigrees count."""
        return self.now_ns >= self.doubted_ns

    def judge(self, misfit: F8, now_ns: int) -> None:
        """Look at how far its increments lie from what was known without them (χ² of two, (n,)): farther than they
        say, and they count for less; nearer than independent ones can, and its pedigree is not believed for a while."""
        total = self.misfit[0] + float(np.minimum(misfit, MISFIT_MAX).sum())
        n = self.misfit[1] + len(misfit)
        self.misfit = (total, n)
        if n < JUDGED:
            return
        ratio = total / (2.0 * n)
        if self.excess == 1.0 and ratio < TOO_LIKE:
            self.doubted_ns = now_ns + DOUBT_NS
        self.excess = min(max(1.0, self.excess * ratio), EXCESS_MAX) if abs(ratio - 1.0) > HONEST else self.excess
        self.misfit = (0.0, 0)


def take(one: Partner, rows: PartnerRows, now_ns: int, serial: int = 0) -> None:
    """Take in what a partner told; what cannot be used is counted. ``serial``: the view's, part of the ids."""
    one.fuse = rows.fuse
    if len(rows.precise):
        _take_precise(one, rows, now_ns, serial)
    if len(rows.ended):
        _end(one, rows.ended, by_clock=rows.fuse)
    for row in rows.names[-NAMES_MAX:]:
        number = int(row["track"])
        one.names.pop(number, None)
        one.names[number] = Name(*(bytes(row[word]).decode("utf-8", "replace") for word in Name._fields))
    for number in list(one.names)[: max(len(one.names) - NAMES_MAX, 0)]:
        del one.names[number]


def age(one: Partner, now_ns: int) -> None:
    """Let go of what was not heard for long, or not seen by anybody's sensors; the rest fades.

    The second is against rumours: a track that nodes only pass on round a ring is told for ever and seen by nobody.
    """
    one.now_ns, held = now_ns, one.held
    if len(held) == 0:
        return
    silent_s = (now_ns - np.minimum(held.heard_ns, held.updated_ns)) / SECOND_NS
    how = manners(held.kind, held.domain)
    gone = silent_s > how[:, 2]
    fading = (silent_s > how[:, 1]) & (held.life != Life.TENTATIVE)
    held.life[fading] = Life.COASTING
    if gone.any():
        _keep(one, ~gone)


def drop(one: Partner, tracks: U8 | None) -> int:
    """A recall: forget these tracks of a partner, or all (None), with all that was told of them; returns how many
    tracks, regions and names that were."""
    if tracks is None:
        n = len(one.held) + len(one.regions) + len(one.names)
        one.held, one.regions, one.names = Held.blank(0), Regions.blank(0), {}
    else:
        wanted = {int(t) for t in tracks.tolist()}
        recalled, cells = np.isin(one.held.track, tracks), np.isin(one.regions.track, tracks)
        words = [number for number in one.names if number in wanted]
        n = int(recalled.sum()) + int(cells.sum()) + len(words)
        one.held, one.regions = one.held.take(~recalled), one.regions.take(~cells)
        for number in words:
            del one.names[number]
    one.recalled += n
    return n


def taught(one: Partner) -> U8:
    """Whose sensors taught each of the partner's tracks something in this step, (n,); all who ever did, where it tells
    states only."""
    held = one.held
    out = np.where(held.flow != 0, np.uint64(0), held.pedigree)
    for some in one.learned:
        at = np.minimum(np.searchsorted(held.track, some.track), max(len(held) - 1, 0))
        if len(held):
            there = held.track[at] == some.track
            np.bitwise_or.at(out, at[there], some.pedigree[there])
    return np.asarray(out, np.uint64)


def brought_forward(one: Partner, now_ns: int) -> fusion.Moving:
    """The partner's tracks as they stand now, by the motion of their kind."""
    held = one.held
    dt_s = np.maximum(now_ns - held.time_ns, 0) / SECOND_NS
    q = np.ascontiguousarray(manners(held.kind, held.domain)[:, 0])
    return correlate.reckon(
        held.lat_rad, held.lon_rad, held.alt_m, held.vu_mps, held.ve_mps, held.vn_mps, held.cov, dt_s, q
    )


def _take_precise(one: Partner, rows: PartnerRows, now_ns: int, serial: int) -> None:
    new = read(rows, now_ns)
    good = np.isfinite(new.lat_rad) & np.isfinite(new.lon_rad) & (np.abs(new.lat_rad) <= np.pi / 2)
    one.refuse("position", int((~good).sum()))
    drop_s = manners(new.kind, new.domain)[:, 2]
    old = good & (now_ns - new.time_ns > drop_s * SECOND_NS)
    one.refuse("too_late", int(old.sum()))
    if rows.fuse:
        one.learned.append(learned(rows, new, good & ~old & (rows.precise["begin_ns"] > 0), now_ns))
    new = _last_of_each(_only(new, good & ~old))
    where = np.searchsorted(one.held.track, new.track)
    known = np.zeros(len(new), np.bool_)
    inside = where < len(one.held)
    known[inside] = one.held.track[where[inside]] == new.track[inside]
    back = np.zeros(len(new), np.bool_)
    back[known] = new.time_ns[known] < one.held.time_ns[where[known]]
    one.refuse("out_of_order", int(back.sum()))
    at, fresh = where[known & ~back], _only(new, known & ~back)
    one.whole.append(fresh.track[fresh.flow == 0])
    fresh = _going_on(fresh, one.held.take(at))
    for f in fields(Held):
        if f.name not in _OURS:
            getattr(one.held, f.name)[at] = getattr(fresh, f.name)
    born = new.take(~known)
    room = max(TRACKS_MAX - len(one.held), 0)
    one.refuse("crowded", max(len(born) - room, 0))
    born = born.take(np.arange(len(born)) < room)
    if len(born):
        top = 1 << 63 | (serial & 0x7FFF) << 48 | rows.partner << 42
        number = np.arange(one.given + 1, one.given + 1 + len(born), dtype=np.uint64)
        one.given += len(born)
        joined = Held.join([one.held, born.replace(id=np.uint64(top) | number)])
        one.held = joined.take(np.argsort(joined.track, kind="stable"))


def _going_on(fresh: Held, held: Held) -> Held:
    """Whoever flowed flows; who taught a track since its last row has taught it besides whoever did before."""
    flows = fresh.flow != 0
    pedigree = np.where(flows, fresh.pedigree | held.pedigree, fresh.pedigree)
    return fresh.replace(flow=fresh.flow | held.flow, pedigree=pedigree)


_OURS = {"track", "id", "leader", "candidate", "judged_ns", "agreed", "odd", "born_ns"}


@np.errstate(invalid="ignore")  # a partner's NaN may be a signalling one
def read(rows: PartnerRows, now_ns: int) -> Held:
    """Precise rows as our columns. What was stripped is as little known as a craft of its kind allows; a covariance
    that is none counts as stripped. A partner's time that lies ahead counts as now; where its clock is not to be
    trusted, the time of receipt stands for it. Before 1970 is 1970: ages are counted in 64 bits."""
    told = rows.precise
    kind = np.where(told["kind"] < len(_BY_KIND), told["kind"], 0).astype(np.uint8)
    domain = np.where(told["domain"] < len(_KIND_OF), told["domain"], 0).astype(np.uint8)
    how = manners(kind, domain)
    ve, vn = told["ve_mps"].astype(np.float64), told["vn_mps"].astype(np.float64)
    moving = (np.abs(ve) < SPEED_MPS_MAX) & (np.abs(vn) < SPEED_MPS_MAX)
    cov = np.ascontiguousarray(told["cov"], np.float64)
    exact = fusion.sound(cov) & moving & (np.nan_to_num(cov, posinf=np.inf).max(axis=1, initial=0.0) < VARIANCE_MAX)
    default = np.zeros_like(cov)
    default[:, 0] = default[:, 4] = how[:, 4] * how[:, 4]
    default[:, 7] = default[:, 9] = np.where(moving, 25.0, how[:, 5] * how[:, 5])
    nothing = np.full(len(told), 1 << rows.partner | UNKNOWN_BIT, np.uint64)
    pedigree = nothing if rows.pedigree is None else np.where(rows.pedigree == 0, nothing, rows.pedigree)
    time_ns, updated_ns = np.clip(told["time_ns"], 0, now_ns), np.clip(told["updated_ns"], 0, now_ns)
    if not rows.fuse:
        time_ns = np.full(len(told), min(rows.received_ns, now_ns), np.int64)
        updated_ns = time_ns.copy()
    heard = np.full(len(told), min(rows.received_ns, now_ns), np.int64)
    return Held.blank(len(told)).replace(
        track=told["track"].astype(np.uint64),
        exact=exact.astype(np.uint8),
        flow=(exact & rows.fuse & (told["begin_ns"] > 0)).astype(np.uint8),
        time_ns=time_ns.astype(np.int64),
        updated_ns=updated_ns.astype(np.int64),
        born_ns=heard,
        heard_ns=heard.copy(),
        identity=told["identity"].astype(np.uint64),
        pedigree=pedigree.astype(np.uint64),
        lat_rad=told["lat_rad"].astype(np.float64),
        lon_rad=told["lon_rad"].astype(np.float64),
        alt_m=_finite(told["alt_m"]),
        ve_mps=np.where(moving, ve, 0.0),
        vn_mps=np.where(moving, vn, 0.0),
        vu_mps=_finite(told["vu_mps"]),
        heading_rad=_finite(told["heading_rad"]),
        cov=np.where(exact[:, np.newaxis], cov + FLOOR, default),
        mode_3a=told["mode_3a"].astype(np.uint32),
        flags=told["flags"].astype(np.uint32),
        kind=kind,
        domain=domain,
        life=np.clip(told["life"], Life.TENTATIVE, Life.COASTING).astype(np.uint8),
        alt_ref=told["alt_ref"].astype(np.uint8),
    )


@np.errstate(invalid="ignore")
def learned(rows: PartnerRows, new: Held, which: Bools, now_ns: int) -> Learned:
    """The increments of some rows, which ``read`` gave as ``new``. What is none gains nothing; nobody's sensors are so
    well aligned with ours that a gain may say more than ``FLOOR``."""
    told, new = rows.precise[which], new.take(which)
    flat = np.cos(new.lat_rad)
    where = (flat * np.cos(new.lon_rad), flat * np.sin(new.lon_rad), np.sin(new.lat_rad))
    gain, moved = np.ascontiguousarray(told["gain"], np.float64), np.ascontiguousarray(told["moved"], np.float64)
    good = np.isfinite(gain).all(axis=1) & (np.abs(moved) < MOVED_MAX).all(axis=1) & (new.flow != 0)
    gain, moved = np.where(good[:, np.newaxis], gain, 0.0), np.where(good[:, np.newaxis], moved, 0.0)
    sharpest = np.maximum(np.maximum(gain[:, 0], gain[:, 4]) * FLOOR[0], np.maximum(gain[:, 7], gain[:, 9]) * FLOOR[7])
    gain /= 1.0 + np.maximum(sharpest, 0.0)[:, np.newaxis]
    return Learned(
        track=new.track,
        member=np.full(len(new), rows.partner, np.int64),
        begin_ns=np.clip(told["begin_ns"], 0, now_ns).astype(np.int64),
        time_ns=new.time_ns,
        pedigree=new.pedigree,
        place=np.column_stack([*where, np.nan_to_num(new.alt_m), new.ve_mps, new.vn_mps]),
        gain=gain,
        moved=moved,
    )


def _finite(told: NDArray[np.float32]) -> F8:
    wide = told.astype(np.float64)
    return np.where(np.abs(wide) < 1e6, wide, np.nan)


def _only(table: Held, which: Bools) -> Held:
    """Those rows; the table itself where that is all of them."""
    return table if which.all() else table.take(which)


def _last_of_each(new: Held) -> Held:
    """Of several rows of one track, the last."""
    if (new.track[1:] > new.track[:-1]).all():
        return new
    _, first = np.unique(new.track[::-1], return_index=True)
    return new.take(len(new) - 1 - first)


def _end(one: Partner, ended: Rows, by_clock: bool) -> None:
    """Tracks that the partner says have ended, unless it has spoken of them since."""
    order = np.lexsort((ended["time_ns"], ended["track"]))
    numbers, when = ended["track"][order], ended["time_ns"][order]
    spot = np.searchsorted(numbers, one.held.track, side="right") - 1  # the latest word of each
    said = spot >= 0
    said[said] = numbers[spot[said]] == one.held.track[said]
    if by_clock:
        said[said] = one.held.time_ns[said] <= when[spot[said]]
    _keep(one, ~said)


def _keep(one: Partner, kept: Bools) -> None:
    for number in one.held.track[~kept].tolist():
        one.names.pop(int(number), None)
    one.held = one.held.take(kept)


def dump(one: Partner) -> dict[str, Any]:
    """Plain values and arrays."""
    return {
        "held": {f.name: getattr(one.held, f.name).copy() for f in fields(Held)},
        "regions": {f.name: getattr(one.regions, f.name).copy() for f in fields(Regions)},
        "names": [[number, *name] for number, name in one.names.items()],
        "given": one.given,
        "fuse": one.fuse,
        "recalled": one.recalled,
        "refused": dict(one.refused),
        "judged": [*one.misfit, one.excess, one.doubted_ns],
    }


def load(plain: Mapping[str, Any]) -> Partner:
    """Take what ``dump`` gave."""
    return Partner(
        held=Held(**{name: np.array(value) for name, value in plain["held"].items()}),
        regions=Regions(**{name: np.array(value) for name, value in plain["regions"].items()}),
        names={row[0]: Name(*row[1:]) for row in plain["names"]},
        given=plain["given"],
        fuse=plain["fuse"],
        recalled=plain["recalled"],
        refused=dict(plain["refused"]),
        misfit=(float(plain["judged"][0]), int(plain["judged"][1])),
        excess=float(plain["judged"][2]),
        doubted_ns=int(plain["judged"][3]),
    )
