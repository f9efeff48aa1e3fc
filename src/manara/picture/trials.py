"""What our own sensors say of each track that a partner tells: it was there, it was not, or nothing that counts.

::

    look (every 2 s) ─▶ how surely should it have been seen by now?   (exposure)
                     ├▶ joined with a track that our measuring sensors made  ─▶ corroborated
                     ├▶ something of ours near, not joined                   ─▶ nothing that counts
                     └▶ nothing of ours near in the whole trial              ─▶ refuted

A trial ends when all our sensors together would have missed a craft there once in eight thousand times; the next one of
the same track begins ten minutes later, so that one track is not taken for many. Where our sensors cannot see, nothing
is said either way: who is corroborated only where he cannot be refuted would only gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manara.kernels import correlate
from manara.kernels.fusion import Moving
from manara.picture import exposure
from manara.picture.correlate import rows_of
from manara.picture.partners import SECOND_NS, Held, Partner, brought_forward
from manara.records.columns import F8, I8, U1, U4, U8, Table, column
from manara.records.confidence import Judge
from manara.records.identity import Space
from manara.records.marking import UNKNOWN_BIT
from manara.records.tracks import Life, Tracks

LOOK_NS = 2 * SECOND_NS
LOOKS_MAX = 2_048  # of one partner's tracks in a step; the longest unlooked go first
APART_MAX = 256  # of them that stand apart: each is compared by itself
ENOUGH = 9.0  # −ln of the probability that everybody missed it
LEAST_NS = np.array([60, 30, 60, 60], np.int64) * SECOND_NS  # a trial lasts at least so long, by domain
AGAIN_NS = 600 * SECOND_NS
SOON_NS = 60 * SECOND_NS
FRESH_NS = np.array([15, 15, 60, 30], np.int64) * SECOND_NS  # what was not seen for longer is not judged
STRIDE_S = 10.0  # a look speaks of so much time at most
VAGUE_M = 2_000.0  # a place less sure than that is not judged
NEAR_M = np.array([2_500.0, 2_500.0, 1_000.0, 1_000.0])  # what is ours and so near might be it
ALIKE_M = np.array([500.0, 500.0, 200.0, 100.0])
ALIKE_MPS = np.array([20.0, 20.0, 4.0, 5.0])
PAIRS_MAX, LEAST_LOOKS = 3_000_000, 64
_OURS = np.uint64(UNKNOWN_BIT | 1)
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Watched(Table):
    """What is remembered of each track of one partner, (n,), in the order of its ``Held``."""

    track: U8 = column("u8")
    born_ns: I8 = column("i8")
    looked_ns: I8 = column("i8")
    began_ns: I8 = column("i8")  # of the trial
    next_ns: I8 = column("i8")  # no trial before
    expected: F8 = column("f8")  # −ln of the probability that it was missed, in this trial
    near: U1 = column("u1")  # 1: something of ours was near in this trial
    joined: U1 = column("u1")  # 1: our measuring sensors saw it in this trial
    alike: U1 = column("u1")  # the last looks at which something of ours moved alike beside it, one bit each
    ok_ns: I8 = column("i8")  # when our sensors last bore it out; 0: never
    why: U4 = column("u4")  # confidence.Why; not 0: it stands apart
    since_ns: I8 = column("i8")
    pardoned: U1 = column("u1")  # 1: an officer let it go back
    at_ns: I8 = column("i8")  # of the place that follows
    lat_rad: F8 = column("f8", float("nan"))
    lon_rad: F8 = column("f8", float("nan"))
    sigma_m: F8 = column("f8")
    jumped_ns: I8 = column("i8")
    anchor: F8 = column("f8", float("nan"), width=2)  # of the curve: latitude, longitude
    curve: F8 = column("f8", 0.0, width=15)  # see quarantine.py


class Verdicts(NamedTuple):
    """Rows of a partner's memory whose trial has ended: true where corroborated."""

    rows: I8
    held_up: Bools


def align(watched: Watched, held: Held) -> Watched:
    """The same tracks as ``held`` in the same order; what has ended is forgotten, what is new begins blank."""
    if len(watched) == len(held) and (watched.track == held.track).all() and (watched.born_ns == held.born_ns).all():
        return watched
    out = Watched.blank(len(held))
    at = rows_of(held.track, watched.track)
    same = np.flatnonzero(at >= 0)
    same = same[watched.born_ns[at[same]] == held.born_ns[same]]
    for name, value in vars(out).items():
        value[same] = getattr(watched, name)[at[same]]
    out.track[:], out.born_ns[:] = held.track, held.born_ns
    return out


def look(one: Partner, watched: Watched, own: Tracks, judge: Judge, now_ns: int) -> Verdicts:
    """Look at those tracks that are due; ``watched`` is written to. Returns the trials that ended and say something
    that counts as evidence: whose sensors made the track is told, and they are not ours."""
    held = one.held
    due = np.flatnonzero(now_ns - watched.looked_ns >= LOOK_NS)
    if len(due) > LOOKS_MAX:
        due = np.sort(due[np.argsort(watched.looked_ns[due], kind="stable")[:LOOKS_MAX]])
    due = _as_many_as_can_be(held, watched, due[_can_be_judged(held, due, now_ns)], own, judge)
    if not len(due):
        return Verdicts(due, np.zeros(0, np.bool_))
    sub = held.take(due)
    theirs = brought_forward(Partner(held=sub), now_ns)
    sigma_m = np.sqrt(np.maximum(theirs.cov[:, 0], theirs.cov[:, 4]))
    clear = sigma_m < VAGUE_M
    due, sub, sigma_m = due[clear], sub.take(clear), sigma_m[clear]
    theirs = Moving(*(part[clear] for part in theirs))
    domain = np.minimum(sub.domain, 3).astype(np.int64)
    joined = _joined(sub, own, judge) | _beside(watched, due, theirs, domain, sigma_m, own, judge)
    near = joined.copy()
    alone = np.flatnonzero(~joined)
    near[alone] = _near(Moving(*(part[alone] for part in theirs)), domain[alone], sigma_m[alone], own) != 0
    _expect(watched, due, sub, judge, now_ns)
    watched.joined[due] |= joined.astype(np.uint8)
    watched.near[due] |= near.astype(np.uint8)
    watched.ok_ns[due[joined]] = now_ns
    return _ended(watched, due, domain, now_ns)


def _can_be_judged(held: Held, due: I8, now_ns: int) -> Bools:
    domain = np.minimum(held.domain[due], 3)
    fresh = now_ns - held.updated_ns[due] <= FRESH_NS[domain]
    return np.asarray(fresh & (held.life[due] == Life.CONFIRMED) & np.isfinite(held.lat_rad[due]))


def _as_many_as_can_be(held: Held, watched: Watched, due: I8, own: Tracks, judge: Judge) -> I8:
    """Those that are joined, and of the others as many as can be compared with all of ours in this step."""
    alone = ~_joined(held.take(due), own, judge)
    most = max(PAIRS_MAX // max(len(own), 1), LEAST_LOOKS)
    if int(alone.sum()) <= most:
        return due
    waits = due[alone]
    waits = waits[np.argsort(watched.looked_ns[waits], kind="stable")[:most]]
    return np.sort(np.concatenate([due[~alone], waits]))


def _joined(sub: Held, own: Tracks, judge: Judge) -> Bools:
    """Which belong to a track that our measuring sensors made."""
    at = rows_of(sub.leader, own.track_id)
    sources = own.sources[np.maximum(at, 0)] if len(own) else np.zeros(len(at), np.uint64)
    return np.asarray((at >= 0) & (sub.leader != 0) & (sources & np.uint64(judge.slots) != 0))


def _beside(watched: Watched, due: I8, theirs: Moving, domain: I8, sigma_m: F8, own: Tracks, judge: Judge) -> Bools:
    """Of those that stand apart, and hence are joined with nobody: beside which something that our measuring sensors
    made has moved alike at three of the last four looks."""
    out = np.zeros(len(due), np.bool_)
    rows = np.flatnonzero(watched.why[due] != 0)
    rows = rows[np.argsort(watched.looked_ns[due[rows]], kind="stable")[:APART_MAX]]
    mine = own.take((own.sources & np.uint64(judge.slots)) != 0) if len(rows) else own
    if not len(rows) or not len(mine):
        return out
    at, domains = _points(mine), mine.domain.astype(np.int64)
    speed = np.hypot(theirs.vel_mps[rows, 0], theirs.vel_mps[rows, 1])
    slack = ALIKE_MPS[domain[rows]] + 0.2 * speed
    for k, row in enumerate(rows.tolist()):
        x, y, z = theirs.at[row]
        half_m = float(ALIKE_M[domain[row]] + 3.0 * sigma_m[row])
        inside = correlate.in_square(x, y, z, half_m, int(domain[row]), at, domains)
        apart = np.hypot(mine.ve_mps[inside] - theirs.vel_mps[row, 0], mine.vn_mps[inside] - theirs.vel_mps[row, 1])
        alike = bool((apart < slack[k]).any())
        bits = (int(watched.alike[due[row]]) << 1 | alike) & 0b1111
        watched.alike[due[row]] = bits
        out[row] = bits.bit_count() >= 3
    return out


def _near(theirs: Moving, domain: I8, sigma_m: F8, own: Tracks) -> I8:
    """How many of our tracks might be each, (n,)."""
    half_m = NEAR_M[domain] + 3.0 * sigma_m
    at, domains = _points(own), own.domain.astype(np.int64)
    return correlate.within(np.ascontiguousarray(theirs.at), half_m, domain, at, domains, 1 << 40)


def _points(tracks: Tracks) -> F8:
    cos = np.cos(tracks.lat_rad)
    return np.stack([cos * np.cos(tracks.lon_rad), cos * np.sin(tracks.lon_rad), np.sin(tracks.lat_rad)], axis=1)


def _expect(watched: Watched, due: I8, sub: Held, judge: Judge, now_ns: int) -> None:
    """Add what our sensors should have seen since the last look; begin trials that are due."""
    begins = (watched.began_ns[due] == 0) & (now_ns >= watched.next_ns[due])
    watched.began_ns[due[begins]] = now_ns
    past_s = np.where(begins, 0.0, np.minimum((now_ns - watched.looked_ns[due]) / SECOND_NS, STRIDE_S))
    more = exposure.expected(judge.sensors, sub.lat_rad, sub.lon_rad, sub.alt_m, sub.kind, sub.domain, past_s)
    watched.expected[due] += np.where(watched.began_ns[due] != 0, more, 0.0)
    watched.looked_ns[due] = now_ns


def _ended(watched: Watched, due: I8, domain: I8, now_ns: int) -> Verdicts:
    """Trials in which enough was expected for long enough."""
    running = watched.began_ns[due] != 0
    over = running & (watched.expected[due] >= ENOUGH) & (now_ns - watched.began_ns[due] >= LEAST_NS[domain])
    rows = due[over]
    corroborated = watched.joined[rows] != 0
    counts = corroborated | (watched.near[rows] == 0)
    watched.next_ns[rows] = now_ns + np.where(counts, AGAIN_NS, SOON_NS)
    watched.began_ns[rows], watched.expected[rows], watched.near[rows], watched.joined[rows] = 0, 0.0, 0, 0
    rows, corroborated = rows[counts], corroborated[counts]
    watched.ok_ns[rows[~corroborated]] = 0
    return Verdicts(rows, corroborated)


def independent(one: Partner, rows: I8) -> Bools:
    """Which of a partner's tracks count as evidence: whose sensors made them is told, and none of them is ours. Where
    its pedigrees are doubted because its word is too much like ours, only craft that tell everybody where they are:
    there is an innocent reason, and whoever would send our word back could have heard theirs."""
    told = one.held.pedigree[rows] & _OURS == 0
    space = one.held.identity[rows] >> np.uint64(56)
    public = (space == np.uint64(Space.MMSI)) | (space == np.uint64(Space.ICAO24))
    return np.asarray(told & (one.believed() | public), np.bool_)
