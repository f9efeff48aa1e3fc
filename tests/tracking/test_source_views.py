"""A view that may not know a source is the same, to the bit, whether that source exists or not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.tracking.scene import T0, S, same
from tests.tracking.test_state import RADAR, inboxes

from manara.records.sensors import Sensor
from manara.tracking import stage

SHOWN = frozenset({1, 2, 0x0101, 0x0777})
HIDDEN = {3, 0x0102}
SECRET = Sensor(name="secret", sac=1, sic=2, lat_deg=52.5, lon_deg=5.5, period_s=8.0)


def without(inbox):
    """The same inbox in a world in which the hidden sources do not exist: no rows, no sensor."""
    keep = [~np.isin(table.source, list(HIDDEN)) for table in (inbox.reports, inbox.plots)]
    sensors = tuple(one for one in inbox.sensors if one.sic != SECRET.sic)
    return dataclasses.replace(
        inbox, reports=inbox.reports.take(keep[0]), plots=inbox.plots.take(keep[1]), sensors=sensors
    )


def runs(seed, change, ticks=40):
    """The two worlds side by side: (tick, outbox with the hidden sources, outbox without them)."""
    a, b = stage.init(view=SHOWN, capacity=16, serial=2), stage.init(view=SHOWN, capacity=16, serial=2)
    for k, (inbox, now) in enumerate(inboxes(seed, ticks)):
        more, less = change(inbox), without(inbox)
        yield k, stage.advance(a, more, now), stage.advance(b, less, now)


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_row_8_a_hidden_source_leaves_no_bit_in_tracks_that_may_not_know_it(seed):
    hidden = 0
    for _, with_, none in runs(seed, lambda inbox: inbox):
        assert same(with_, none)
        hidden += len(with_.tracks)
    assert hidden > 100, "there were tracks to compare"


def test_row_8_neither_does_a_flood_of_hidden_rows():
    """Ten times the rows, all hidden: no capacity, number, count or refusal of the view knows of them."""

    def flood(inbox):
        rng = np.random.default_rng(len(inbox.reports))
        n = 300
        extra = inbox.reports.blank(n).replace(
            time_ns=np.full(n, T0) + rng.integers(0, 40 * S, n),
            source=np.full(n, 3, np.uint32),
            identity=rng.integers(0, 400, n).astype(np.uint64) + np.uint64(2 << 56),
            lat_rad=rng.normal(0.9, 0.001, n),
            lon_rad=rng.normal(0.09, 0.001, n),
        )
        # Before, between and after the rows that may be known.
        joined = type(extra).join([extra.take(np.arange(150)), inbox.reports, extra.take(np.arange(150, n))])
        return dataclasses.replace(inbox, reports=joined)

    assert all(same(with_, none) for _, with_, none in runs(24, flood))


def test_row_8_nor_a_restart_between():
    """Dumped and loaded in one world only."""
    a, b = stage.init(view=SHOWN, capacity=16), stage.init(view=SHOWN, capacity=16)
    for inbox, now in inboxes(25):
        a = stage.load(stage.dump(a))
        assert same(stage.advance(a, inbox, now), stage.advance(b, without(inbox), now))


def test_a_view_that_may_know_the_source_does_change():
    """The comparison can fail: with every source in view, the same two worlds differ."""
    a, b = stage.init(capacity=16), stage.init(capacity=16)
    found = [same(stage.advance(a, inbox, now), stage.advance(b, without(inbox), now)) for inbox, now in inboxes(21)]
    assert not all(found)


def test_two_views_of_one_node_know_nothing_of_each_other():
    """Advanced in turn or alone, in either order: the same tracks, under ids of their own."""
    one, other = (
        stage.init(view=SHOWN, serial=1, capacity=16),
        stage.init(view=frozenset(HIDDEN), serial=2, capacity=16),
    )
    alone = stage.init(view=SHOWN, serial=1, capacity=16)
    for inbox, now in inboxes(26):
        seen = stage.advance(other, inbox, now)
        both = stage.advance(one, inbox, now)
        assert same(both, stage.advance(alone, inbox, now))
        assert not set(seen.tracks.track_id.tolist()) & set(both.tracks.track_id.tolist())


def test_the_sensors_of_the_scene_are_those_of_the_test():
    assert RADAR.sic != SECRET.sic
    sources = {int(s) for inbox, _ in inboxes(21) for table in (inbox.reports, inbox.plots) for s in table.source}
    assert sources == SHOWN | HIDDEN
