"""What a partner added: the same hour stepped twice, with what it sent and without it, and the two pictures compared.

::

    journal's windows, with what partners sent ─┬─▶ node.step ──────────────────▶ picture D   ┐
                                                └─▶ node.step, that partner left out ▶ D₋A    ┴─▶ Added

    U = |D \\ D₋A| / |D|          detections that there would not have been
    Δt = median(t₋A − t)         how much earlier the others were held; over those that the partner told of
    1 − tr Σ / tr Σ₋A            by how much its word made places surer; over tracks to which it contributed

A shadow of the node: nothing leaves it, nothing is written to its journal, and the live node does not know. Each side
makes its own figure of the other; nothing reads it but people.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from manara.host import files
from manara.host.problems import BadInput
from manara.link import stage as link
from manara.node import state as node
from manara.node.step import step
from manara.records.columns import F8, I8
from manara.records.config import NodeConfig
from manara.records.inputs import (
    Arrived,
    Chunk,
    Directed,
    FeedState,
    Input,
    LinkState,
    Overflow,
    Refused,
    Ruled,
    Views,
)
from manara.records.tracks import Life, Tracks

S_NS = 1_000_000_000
SAMPLE_NS = 10 * S_NS
WARM_NS = 600 * S_NS
PAIRS_MAX = 4_000_000
SLACK_M = 500.0
EARTH_M = 6_371_000.0
FOLDER = "reciprocity"  # in a node's folder
KEPT_MAX, FILE_BYTES = 1_000, 64 << 10
_HEARD = (
    Chunk,
    FeedState,
    Overflow,
    Directed,
    Arrived,
    LinkState,
    Refused,
    Ruled,
)  # no command: a shadow agrees nothing
Window = tuple[int, tuple[Input, ...]]


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What one partner added to this node's picture in one stretch of time. ``None``: there was nothing to measure it
    by. Times in ns, UTC. ``told``: detections to which the partner contributed at all."""

    own: str
    partner: str
    begin_ns: int
    end_ns: int
    detections: int
    without: int  # of them those that there would have been without it
    told: int
    share: float | None  # U
    lead_s: float | None  # Δt
    leads: int  # detections behind it
    surer: float | None
    surer_of: int  # tracks behind it
    drafts: int  # drafts of the inbox
    drafts_without: int


@dataclass
class _Seen:
    """One detection: when it was first held with and without, and how sure it was at the moments at which both were."""

    first_ns: int
    without_ns: int = 0
    told: bool = False
    trace: float = 0.0
    trace_without: float = 0.0


@dataclass
class Comparison:
    """Two runs of the same time, as they go on."""

    partner: int
    seen: dict[int, _Seen] = field(default_factory=dict)
    drafts: set[tuple[str, int]] = field(default_factory=set)
    drafts_without: set[tuple[str, int]] = field(default_factory=set)

    def sample(self, held: Views, without: Views) -> None:
        """Compare the two pictures of one moment."""
        now_ns = held.now_ns
        alive = held.tracks.life >= Life.CONFIRMED
        rows, place = np.flatnonzero(alive), matched(held.tracks, without.tracks)
        bit = np.uint64(1 << self.partner)
        pedigree = held.pedigree if held.pedigree is not None else np.zeros(len(held.tracks), np.uint64)
        told = (pedigree & bit) != 0
        trace = held.tracks.cov[:, 0] + held.tracks.cov[:, 4]
        other = without.tracks.cov[:, 0] + without.tracks.cov[:, 4]
        for row in rows.tolist():
            one = self.seen.setdefault(int(held.tracks.track_id[row]), _Seen(now_ns))
            one.told |= bool(told[row])
            if place[row] >= 0:
                one.without_ns = one.without_ns or now_ns
                if told[row]:
                    one.trace += float(trace[row])
                    one.trace_without += float(other[place[row]])
        self.drafts |= {(one.area, one.hazard) for one in held.drafts}
        self.drafts_without |= {(one.area, one.hazard) for one in without.drafts}

    def added(self, own: str, partner: str, begin_ns: int, end_ns: int) -> Added:
        """The figures."""
        seen = list(self.seen.values())
        there = sum(one.without_ns > 0 for one in seen)
        leads = [(one.without_ns - one.first_ns) / S_NS for one in seen if one.told and one.without_ns]
        surer = [1.0 - one.trace / one.trace_without for one in seen if one.trace_without > 0.0]
        return Added(
            own=own,
            partner=partner,
            begin_ns=begin_ns,
            end_ns=end_ns,
            detections=len(seen),
            without=there,
            told=sum(one.told for one in seen),
            share=1.0 - there / len(seen) if seen else None,
            lead_s=statistics.median(leads) if leads else None,
            leads=len(leads),
            surer=statistics.median(surer) if surer else None,
            surer_of=len(surer),
            drafts=len(self.drafts),
            drafts_without=len(self.drafts_without),
        )


def matched(held: Tracks, without: Tracks) -> I8:
    """For each track of one picture the row of the other that is the same craft, −1 for none, (n,): the same id, else
    the nearest of a like domain within three sigmas and half a kilometre."""
    out = np.full(len(held), -1, np.int64)
    alive = np.flatnonzero(without.life >= Life.CONFIRMED)
    if not len(alive) or not len(held):
        return out
    order = alive[np.argsort(without.track_id[alive], kind="stable")]
    spot = np.minimum(np.searchsorted(without.track_id[order], held.track_id), len(order) - 1)
    same = without.track_id[order[spot]] == held.track_id
    out[same] = order[spot[same]]
    free = np.setdiff1d(alive, out[same])
    todo = np.flatnonzero(~same)
    if len(free):
        for some in np.array_split(todo, max(1, len(todo) * len(free) // PAIRS_MAX + 1)):
            _nearest(held, without, some, free, out)
    return out


def _nearest(held: Tracks, without: Tracks, rows: I8, free: I8, out: I8) -> None:
    a, b = _points(held, rows), _points(without, free)
    apart = np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2)) * EARTH_M
    spread = _trace(held, rows)[:, None] + _trace(without, free)[None, :]
    alike = (held.domain[rows][:, None] == without.domain[free][None, :]) | (held.domain[rows] == 0)[:, None]
    apart = np.where(alike & (apart < SLACK_M + 3.0 * np.sqrt(spread)), apart, np.inf)
    best = apart.argmin(axis=1) if len(free) else np.zeros(0, np.int64)
    good = np.isfinite(apart[np.arange(len(rows)), best])
    out[rows[good]] = free[best[good]]


def _trace(tracks: Tracks, rows: I8) -> F8:
    return np.asarray(tracks.cov[rows, 0] + tracks.cov[rows, 4], np.float64)


def _points(tracks: Tracks, rows: I8) -> F8:
    lat, lon = tracks.lat_rad[rows], tracks.lon_rad[rows]
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def compare(
    config: NodeConfig,
    windows: Iterable[Window],
    partner: str,
    begin_ns: int,
    end_ns: int,
    directed: Directed | None = None,
    each: Callable[[int], None] = lambda _: None,
) -> Added | None:
    """Step the windows twice and compare from ``begin_ns`` on, every ten seconds; what comes before is for both to warm
    up. ``directed``: the directory, where the windows do not begin with it. None where the partner is not in it, or
    there is no window."""
    silent = msgspec.structs.replace(config, exits=())
    runs = [_Run(silent, directed), _Run(silent, directed, partner)]
    made: Comparison | None = None
    due_ns, first_ns, last_ns = begin_ns, 0, 0
    for now_ns, inputs in windows:
        if now_ns >= end_ns:
            break
        both = [run.turn(inputs, now_ns) for run in runs]
        each(1)
        if now_ns >= due_ns:
            places = [one.id for one in both[0].partners]
            if partner in places:
                made = made or Comparison(places.index(partner) + 1)
                made.sample(both[0], both[1])
            due_ns, first_ns, last_ns = now_ns + SAMPLE_NS, first_ns or now_ns, now_ns
    return made.added(config.partner, partner, first_ns, last_ns) if made else None


class _Run:
    """One shadow. ``without``: the partner whose every word is left out."""

    def __init__(self, config: NodeConfig, directed: Directed | None, without: str = "") -> None:
        self._state, self._without = node.init(config), without
        self._first: tuple[Input, ...] = (directed,) if directed else ()

    def turn(self, inputs: tuple[Input, ...], now_ns: int) -> Views:
        heard = tuple(one for one in inputs if isinstance(one, _HEARD) and getattr(one, "partner", "") != self._without)
        if self._without == "":
            heard = tuple(one for one in inputs if isinstance(one, _HEARD))
        first, self._first = self._first, ()
        self._begin(heard)
        stepped = step(self._state, (*first, *heard), now_ns)
        self._state = stepped.state
        return stepped.views

    def _begin(self, inputs: tuple[Input, ...]) -> None:
        """A stream that is read from its middle on: what lies before it counts as taken."""
        reading = self._state.link.reading
        for one in inputs:
            if isinstance(one, Arrived) and one.offset and one.stream not in reading and "/" not in one.stream:
                reading[one.stream] = _stream(one.partner, one.offset)


def _stream(partner: str, offset: int) -> link.Stream:
    return link.Stream(partner, next=offset, receipted=offset, edge=[bytes(32)] * offset.bit_count())


def with_rows(
    windows: Iterable[Window], fill: Callable[[tuple[Input, ...]], tuple[Input, ...]], from_ns: int
) -> Iterator[Window]:
    """Windows from a time on, entries of partners with their rows again."""
    for now_ns, inputs in windows:
        if now_ns >= from_ns:
            yield now_ns, fill(inputs)


def keep(folder: Path, one: Added) -> Path:
    """Write it where the account and the desk find it, one file for each partner and begin. Raises BadInput."""
    place = folder / FOLDER
    begin = dt.datetime.fromtimestamp(one.begin_ns // S_NS, dt.UTC).strftime("%Y%m%dT%H%MZ")
    try:
        place.mkdir(exist_ok=True, mode=0o700)
    except OSError as fault:
        raise BadInput(f"cannot be written: {fault.strerror}", str(place)) from None
    path = place / f"{one.partner}-{begin}.json"
    files.write(path, msgspec.json.encode(one), private=True)
    return path


def kept(folder: Path) -> list[Added]:
    """What was kept there, the oldest first; what cannot be read is passed over."""
    found = []
    try:
        paths = sorted((folder / FOLDER).glob("*.json"))[-KEPT_MAX:]
    except OSError:
        return []
    for path in paths:
        try:
            found.append(msgspec.json.decode(files.read(path, FILE_BYTES), type=Added))
        except (BadInput, msgspec.MsgspecError, RecursionError):
            continue
    return sorted(found, key=lambda one: (one.begin_ns, one.partner))


class Shelf:
    """What was kept in a folder, read again only when something came."""

    def __init__(self) -> None:
        self._changed_ns = -1
        self._newest: dict[str, Mapping[str, object]] = {}

    def newest(self, folder: Path) -> Mapping[str, Mapping[str, object]]:
        """The latest figure of each partner, by its id."""
        try:
            changed_ns = (folder / FOLDER).stat().st_mtime_ns
        except OSError:
            return {}
        if changed_ns != self._changed_ns:
            self._newest = {one.partner: plain(one) for one in kept(folder)}
            self._changed_ns = changed_ns
        return self._newest


def plain(one: Added) -> Mapping[str, object]:
    """As people and programs read it: rounded."""
    made: dict[str, object] = msgspec.to_builtins(one)
    for name in ("share", "surer", "lead_s"):
        value = getattr(one, name)
        made[name] = None if value is None else round(value, 4)
    return made
