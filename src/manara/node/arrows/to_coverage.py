"""feeds, the register and link ─▶ coverage of each source view, and ─▶ release, with its marking.

::

    sensors, receivers of the view ─▶ up? (health, last word, register) ─▶ tracking: Cover ┐
    what partners told the view ───────────────────────────────────────────────────────────┴▶ picture: Joined ─▶ gaps
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from manara.feeds import stage as feeds
from manara.kernels import grid
from manara.kernels.membership import area_bits
from manara.node.names import name_of
from manara.node.sources import SourceView, Surveyed
from manara.picture import coverage as joint
from manara.records.capability import COOPERATIVE, Availability, Entry
from manara.records.columns import F8, I8, U8
from manara.records.config import NodeConfig
from manara.records.coverage import CELLS_MAX, TIER, Cover
from manara.records.directory import Directory
from manara.records.marking import ALL_PURPOSES, OWN, UNKNOWN, Codebook, Marking, Sensitivity, Sort
from manara.records.reports import Domain
from manara.records.sensors import FeedConfig, Sensor
from manara.release.means import Means
from manara.tracking import coverage, measured
from manara.tracking import stage as tracking
from manara.tracking.coverage import Observer

NS = 1_000_000_000
QUIET_S, PERIODS = 30.0, 3.0  # a sensor of which nothing was heard for so long, or for so many turns, is down
RECEIVER_M, RECEIVER = 20.0, 0.9  # height and probability of a receiver of which nothing is said
_RECEIVERS = {"ais": Domain.SEA, "beast": Domain.AIR, "avr": Domain.AIR, "sbs": Domain.AIR,
              "aircraft-json": Domain.AIR, "modes-jsonl": Domain.AIR}  # fmt: skip
_DOMAINS = {"air": Domain.AIR, "sea": Domain.SEA}
SOURCES_MAX = 1_024  # of a view whose last word is remembered
MEASURED_NS = 60 * NS  # what was measured is looked at so often
_EVERYBODY = (1 << 63) - 1


def survey(
    view: SourceView,
    rows: tracking.Inbox,
    heard: feeds.Outbox,
    stand: Sequence[Entry],
    book: Codebook,
    directory: Directory,
    config: NodeConfig,
    now_ns: int,
) -> None:
    """Bring a view's coverage up to date; what has not changed is not counted again."""
    _listen(view, rows, heard, config, now_ns)
    seeing = _up(view, heard, {one.source: one for one in stand if one.source}, config, now_ns)
    up = tuple(replace(one, sources=_bits(one.name, book, config)) for one in seeing)
    _measure(view, rows, up, config, now_ns)
    cells = interest(directory, config)
    before = view.surveyed
    found_ns = before.found_ns if before is not None else now_ns
    if before is None or before.up != up or now_ns - found_ns >= MEASURED_NS:
        found_ns = now_ns
        own = coverage.cover(up, {name: measured.levels(one) for name, one in view.measured.items()})
    elif before.revision == view.means.revision and before.interest is cells and now_ns < before.until_ns:
        return
    else:
        own = before.own
    joined = joint.join(own, view.means.cover, cells, now_ns)
    until_ns = min(joint.until_ns({k: v[v["until_ns"] > now_ns] for k, v in view.means.cover.items()}), (1 << 63) - 1)
    view.surveyed = Surveyed(up, view.means.revision, cells, until_ns, own, joined, found_ns)


def _listen(view: SourceView, rows: tracking.Inbox, heard: feeds.Outbox, config: NodeConfig, now_ns: int) -> None:
    """When each source of the view last said anything."""
    named = {*rows.plots.source.tolist(), *rows.reports.source.tolist()}
    named |= {one.source for batch in heard.batches for one in batch.status}
    for source in sorted(named):
        if view.knows(source, config) and (source in view.heard_ns or len(view.heard_ns) < SOURCES_MAX):
            view.heard_ns[source] = now_ns


def _measure(view: SourceView, rows: tracking.Inbox, up: Sequence[Observer], config: NodeConfig, now_ns: int) -> None:
    """Looks and hits of the view's radars, on craft that report themselves to the same view."""
    radars = [one for one in up if one.period_s]
    if not radars:
        return
    plots, reports = rows.plots, rows.reports.take(view.mask(rows.reports.source, config))
    names, where = np.unique(plots.source, return_inverse=True)
    named = np.array([name_of(int(one), config) for one in names], object)
    for one in radars:
        mine = (named == one.name)[where] if len(plots) else np.zeros(0, np.bool_)
        measured.note(view.measured.setdefault(one.name, measured.Radar()), one, plots.take(mine), reports, now_ns)


def _up(
    view: SourceView, heard: feeds.Outbox, said: Mapping[str, Entry], config: NodeConfig, now_ns: int
) -> Iterator[Observer]:
    """Sensors and receivers of the view that see now."""
    last: dict[str, int] = {}
    for source, at_ns in view.heard_ns.items():
        name = name_of(source, config)
        last[name] = max(last.get(name, 0), at_ns)
    for one in config.sensors:
        quiet_ns = int(max(QUIET_S, PERIODS * one.period_s) * NS)
        known = view.sources is None or {one.name, one.feed} & set(view.sources)
        if known and one.domain in _DOMAINS and one.name in last and now_ns - last[one.name] < quiet_ns:
            yield from _available(_of_sensor(one), said.get(one.name) or said.get(one.feed))
    live = {one.name for one in heard.health if one.state == "live"}
    for feed in config.feeds:
        if (view.sources is None or feed.name in view.sources) and feed.name in live and feed.format in _RECEIVERS:
            yield from _available(_of_receiver(feed), said.get(feed.name))


def _bits(name: str, book: Codebook, config: NodeConfig) -> int:
    """A sensor goes by its own name and by that of its feed, a receiver by its feed's."""
    names = {name} | {one.feed for one in config.sensors if one.name == name}
    return book.source_bits(tuple(names & set(book.sources)))


def _available(one: Observer, entry: Entry | None) -> Iterator[Observer]:
    if not math.isfinite(one.lat_rad + one.lon_rad) or (entry and entry.availability == Availability.NO):
        return
    if entry is not None:
        limited = entry.availability == Availability.LIMITED
        one = replace(one, limited=limited, broadcasting=one.broadcasting or entry.form in COOPERATIVE)
    yield one


def _of_sensor(one: Sensor) -> Observer:
    return Observer(
        name=one.name,
        domain=int(_DOMAINS[one.domain]),
        lat_rad=math.radians(one.lat_deg),
        lon_rad=math.radians(one.lon_deg),
        height_m=one.height_m,
        range_max_m=one.range_max_m,
        probability=one.detection_probability,
        period_s=one.period_s,
        sigma_range_m=one.sigma_range_m,
        sigma_azimuth_rad=math.radians(one.sigma_azimuth_deg),
    )


def _of_receiver(one: FeedConfig) -> Observer:
    return Observer(
        name=one.name,
        domain=int(_RECEIVERS[one.format]),
        lat_rad=math.radians(one.receiver_lat_deg),
        lon_rad=math.radians(one.receiver_lon_deg),
        height_m=RECEIVER_M,
        range_max_m=one.range_max_m,
        probability=RECEIVER,
        broadcasting=True,
    )


def interest(directory: Directory, config: NodeConfig) -> U8:
    """Cells of the areas in which gaps are looked for, sorted; at most CELLS_MAX."""
    chosen = tuple(
        one.corners_deg
        for one in directory.areas
        if (one.id in config.interest if config.interest else one.partner == config.partner and config.partner)
    )
    return _cells(chosen)


@functools.lru_cache(maxsize=64)
def _cells(areas: tuple[tuple[tuple[float, float], ...], ...]) -> U8:
    """Cells whose centres lie in one of the areas. The same array for the same areas."""
    step = math.degrees(0.5 * grid.NARROWEST * grid.CELLS_M[TIER] / grid.AUTHALIC_M)
    found = [np.zeros(0, np.uint64)]
    for corners in areas:
        points = np.array(corners, np.float64)
        (south, west), (north, east) = points.min(0), points.max(0)
        down, along = np.arange(south, north + step, step), np.arange(west, east + step, step)
        if len(down) * len(along) > 4 * CELLS_MAX * 16:
            continue  # an ocean: nobody looks for gaps of eight kilometres in it
        lat, lon = (np.radians(one.ravel()) for one in np.meshgrid(down, along))
        cells = np.unique(grid.cell_of(lat, lon, TIER))
        cells = cells[cells != 0]
        centre_lat, centre_lon = grid.centre(cells)
        first = np.array([0, len(points)], np.int64)
        corner_lat, corner_lon = (np.ascontiguousarray(np.radians(points[:, k])) for k in (0, 1))
        found.append(cells[area_bits(centre_lat, centre_lon, first, corner_lat, corner_lon) == 1])
    return np.unique(np.concatenate(found))[:CELLS_MAX]


def means(
    register: Means, view: SourceView, book: Codebook, areas: tuple[I8, F8, F8], config: NodeConfig, now_ns: int
) -> Means:
    """The register, and what this view covers and does not, each row with its marking."""
    seen = view.surveyed
    if seen is None:
        return register
    names = (*book.areas, "", *book.partners, areas[1].tobytes().hex(), areas[2].tobytes().hex())
    if view.beside is None or view.beside[0] is not seen or view.beside[1] != names:
        gaps = joint.gaps(seen.joined)
        marked = _marking(seen.own, Sort.COVERAGE, view, areas, config)
        made = replace(register, cover=seen.own, cover_marking=marked, gaps=gaps,
                       gap_marking=_of_gaps(gaps, view, book, areas, config))  # fmt: skip
        view.beside = seen, names, made
    kept = view.beside[2]
    return replace(
        kept,
        entries=register.entries,
        marking=register.marking,
        cover_marking=kept.cover_marking.replace(time_ns=np.full(len(kept.cover), now_ns, np.int64)),
        gap_marking=kept.gap_marking.replace(time_ns=np.full(len(kept.gaps), now_ns, np.int64)),
    )


def _marking(cover: Cover, sort: Sort, view: SourceView, areas: tuple[I8, F8, F8], config: NodeConfig) -> Marking:
    """Our own: as closely kept as the closest of the view's feeds."""
    n = len(cover)
    lat, lon = grid.centre(cover.cell)
    return Marking.blank(n).replace(
        sort=np.full(n, sort, np.uint8),
        domain=np.where(cover.domain == 0, UNKNOWN, cover.domain).astype(np.uint8),
        area_bits=area_bits(lat, lon, areas[0], areas[1], areas[2]),
        sources=cover.sources.copy(),
        originator=np.full(n, OWN, np.uint16),
        sensitivity=np.full(n, _sensitivity(view, config), np.uint8),
        emergency=np.zeros(n, np.uint8),
        purpose=np.full(n, ALL_PURPOSES, np.uint32),
        onward=np.full(n, _EVERYBODY, np.uint64),
    )


def _sensitivity(view: SourceView, config: NodeConfig) -> int:
    """The closest-kept of the feeds that the view holds, or whose sensors it holds; a sensor of any feed: of all."""
    if view.sources is None:
        feeds_held = {feed.name for feed in config.feeds}
    else:
        feeds_held = set(view.sources) | {one.feed for one in config.sensors if one.name in view.sources}
    kept = [feed.sensitivity for feed in config.feeds if feed.name in feeds_held or "" in feeds_held]
    return max((int(Sensitivity[one.upper()]) for one in kept), default=int(Sensitivity.OPEN))


def _of_gaps(gaps: Cover, view: SourceView, book: Codebook, areas: tuple[I8, F8, F8], config: NodeConfig) -> Marking:
    """Gaps are joint: of everybody who contributed, and of all the view's sources, for a gap is what none of them
    sees. They go on only to whom every contributor lets its part go on; the view holds no other part, and this binds
    besides."""
    n = len(gaps)
    named = book.source_bits(tuple(name for name in view.sources or () if name in book.sources))
    marked = _marking(gaps, Sort.GAP, view, areas, config).replace(sources=np.full(n, named, np.uint64))
    if not any(len(rows) for rows in view.means.cover.values()):
        return marked
    onward = 1 << book.partner(view.recipient) if view.recipient in book.partners else 0
    return marked.replace(originator=np.full(n, 65_535, np.uint16), onward=np.full(n, onward, np.uint64))
