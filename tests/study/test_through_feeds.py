"""The world's bytes through the node's own decoders: nothing refused, and the columns are the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.feeds.decoder import Options
from manara.feeds.formats import table
from manara.records.batch import Batch, join
from manara.records.identity import Space, pack
from manara.records.reports import Kind
from manara.study.scenario import Scenario
from manara.study.world import Emission, World, feeds

S = 1_000_000_000


@pytest.fixture(scope="module")
def batches(emissions: list[Emission], lantern: Scenario) -> dict[str, Batch]:
    decoders = {
        feed.name: table()[feed.format].new(Options(feed=i, editions=feed.editions))
        for i, feed in enumerate(feeds(lantern), start=1)
    }
    out: dict[str, list[Batch]] = {name: [] for name in decoders}
    for one in emissions[: len(emissions) // 3]:
        out[one.channel].append(decoders[one.channel].advance(one.data, one.time_ns, one.whole))
    return {name: join(parts) for name, parts in out.items()}


def test_nothing_is_refused_on_any_channel(batches: dict[str, Batch]) -> None:
    for name, batch in batches.items():
        assert dict(batch.reject_counts) == {}, name
        assert len(batch.reports) + len(batch.plots) > 300, name


@pytest.mark.parametrize(("channel", "space", "within_m"), [("ais", Space.MMSI, 40.0), ("beast", Space.ICAO24, 120.0)])
def test_reports_are_where_the_craft_is(
    world: World, batches: dict[str, Batch], channel: str, space: Space, within_m: float
) -> None:
    """Within the noise and what a second (AIS) or a piece and a counter (ADS-B) leave open in time."""
    reports = batches[channel].reports
    by_identity = {}
    for i, craft in enumerate(world.craft):
        number = craft.mmsi if space is Space.MMSI else craft.icao
        if number and not craft.name.startswith("CALDER"):
            by_identity[pack(space, number)] = i
    rows = np.array([i for i, identity in enumerate(reports.identity) if int(identity) in by_identity])
    craft = np.array([by_identity[int(reports.identity[i])] for i in rows])
    state = world._fleet.motion.at(craft, (reports.time_ns[rows] - world.start_ns) / S)
    north = (reports.lat_rad[rows] - state.lat_rad) * 6_371_000
    east = (reports.lon_rad[rows] - state.lon_rad) * 6_371_000 * math.cos(math.radians(-47))
    away = np.hypot(north, east)
    assert len(rows) > 1000
    assert np.median(away) < within_m / 4
    assert np.quantile(away, 0.999) < within_m


def test_kinds_are_told_apart(world: World, batches: dict[str, Batch]) -> None:
    sea, air = batches["ais"].reports, batches["beast"].reports
    assert {Kind(int(k)) for k in sea.kind} >= {Kind.VESSEL_A, Kind.VESSEL_B, Kind.BASE_STATION, Kind.AID_TO_NAVIGATION}
    assert {Kind(int(k)) for k in air.kind} == {Kind.AIRCRAFT}
    names = {p.name for p in batches["ais"].particulars if p.name}
    assert len(names & {c.name for c in world.craft}) > 120


def test_radars_name_their_source(batches: dict[str, Batch], lantern: Scenario) -> None:
    for i, feed in enumerate(feeds(lantern), start=1):
        radars = [r for r in lantern.radar if r.channel == feed.name]
        if radars:
            sources = {i << 16 | r.sac << 8 | r.sic for r in radars}
            assert set(batches[feed.name].plots.source.tolist()) == sources
            assert {s.source for s in batches[feed.name].status} == sources
