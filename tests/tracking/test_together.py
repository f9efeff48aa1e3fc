"""Plots of many sensors in one advance, of craft that are new or were not seen for a while."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from tests.tracking.test_put_right import RIGHT, SENSORS, inboxes, run
from tests.tracking.two_sensors import T0, S, Sky

from manara.kernels import gate, geodesy, states, tables
from manara.records.plots import Plots
from manara.records.tracks import Life
from manara.tracking import stage


def firm(box):
    return set(box.tracks.track_id[box.tracks.life > Life.TENTATIVE].tolist())


def test_two_sensors_that_see_a_new_craft_in_one_advance_begin_one_track():
    sky, state = Sky(31), stage.init(capacity=1024)
    none = np.zeros(sky.n, np.uint64)
    both = [sky.plots(4, RIGHT).replace(identity=none), sky.plots(4, RIGHT, 0x10102).replace(identity=none)]
    box = stage.advance(state, stage.Inbox(plots=Plots.join(both), sensors=SENSORS), T0 + 4 * S)
    assert box.used == 2 * sky.n
    assert sky.n <= len(box.tracks) < 1.3 * sky.n


def test_a_craft_that_five_looks_in_a_row_miss_keeps_its_number():
    sky, state = Sky(33), stage.init(capacity=256)
    boxes = list(inboxes(sky, 120, RIGHT, named=False, reports=False))
    before = firm(run(state, boxes[:80])[-1])
    unseen = [(dataclasses.replace(b, plots=Plots.blank(0)), now) for b, now in boxes[80:86]]
    assert firm(run(state, unseen)[-1]) == before
    after = firm(run(state, boxes[86:])[-1])
    assert len(before) >= 36
    assert len(before & after) >= len(before) - 1
    gone = stage.init(capacity=256)
    run(gone, boxes[:80])
    silent = [(dataclasses.replace(b, plots=Plots.blank(0)), now) for b, now in boxes[80:110]]
    assert firm(run(gone, silent)[-1]) == set(), "but not for ever"


def test_tracks_added_to_a_grid_are_found_as_those_it_was_built_of():
    rng = np.random.default_rng(6)
    st = tables.blank(300, 1024)
    centre = geodesy.nvector(math.radians(-12.0), math.pi)
    off = rng.uniform(-15e3, 15e3, (300, 2))
    for e, n in off:
        states.birth(st, 0, *geodesy.move(*centre, 0.0, e, n)[:3], 1.0, 0.0, 1.0, 1.0)
    grid = gate.build(st, np.arange(40), 0, 5000.0, 260)
    for k in range(40, 300):
        gate.add(grid, st, k)
    found = np.empty(300, np.int64)
    for e, n in rng.uniform(-15e3, 15e3, (200, 2)):
        p = geodesy.move(*centre, 0.0, e, n)[:3]
        got = found[: gate.near(grid, *p, 2000.0, found)].tolist()
        d = np.hypot(*(off - (e, n)).T)
        assert len(got) == len(set(got))
        assert set(np.flatnonzero(d < 1950.0).tolist()) <= set(got) <= set(np.flatnonzero(d < 2050.0).tolist())


def test_a_first_sweep_of_very_many_craft_finds_them_in_cells_of_their_own():
    """An empty sky that fills at once: the grid has buckets for what comes, not only for what is there."""
    st = tables.blank(1, 16)
    grid = gate.build(st, np.zeros(0, np.int64), 0, 5000.0, 100_000)
    assert len(grid.late) >= 100_000
