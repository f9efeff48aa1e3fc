"""One craft, one track: what an identity's rows may do when they disagree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.tracking.scene import ICAO, MMSI, Craft, plot, report, step

from manara.kernels import geodesy
from manara.records.reports import Flag, Kind
from manara.records.sensors import Sensor
from manara.records.tracks import Life
from manara.tracking import stage

QUICK = Sensor(name="", sac=1, sic=1, lat_deg=50.0, lon_deg=3.0, period_s=1.0, range_max_m=50_000.0, domain="surface")


def named(craft, t, **more):
    """A plot that carries an aircraft's address."""
    return plot(craft, t, **{"identity": ICAO, "kind": Kind.AIRCRAFT, "sigma": 8.0, **more})


def offset(craft, north_m):
    """The same craft seen elsewhere."""
    seen = Craft(0.0, 0.0, craft.ve, craft.vn)
    seen.n = geodesy.move(*craft.n, 0.0, 0.0, north_m)[:3]
    return seen


@pytest.mark.parametrize("wrong_m", [100.0, 400.0, 1500.0, 1990.0])
def test_a_sensor_that_is_wrong_by_hundreds_of_metres_begins_no_second_track(wrong_m):
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 120.0, 30.0)
    for t in range(90):
        out = step(state, t, [report(craft, t)], [named(offset(craft, wrong_m), t)] if t % 7 == 3 else [])
        assert len(out.tracks) == 1
        assert not out.tracks.flags[0] & (Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP)
        craft.fly(1)
    assert out.refused == {}
    craft.fly(-1)
    lat = math.asin(craft.n[2])
    assert abs(out.tracks.lat_rad[0] - lat) * 6.37e6 < 70.0 + 0.1 * wrong_m


def test_a_track_that_was_wrong_comes_to_where_all_rows_are():
    """Taken for little each, positions beyond the gate still win when nothing speaks against them."""
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 100.0, 0.0)
    for t in range(60):
        seen = offset(craft, 0.0 if t < 20 else 800.0)
        out = step(state, t, plots=[named(seen, t)])
        craft.fly(1)
    craft.fly(-1)
    assert len(out.tracks) == 1
    assert abs(out.tracks.lat_rad[0] - math.asin(offset(craft, 800.0).n[2])) * 6.37e6 < 30.0


def test_one_wild_plot_is_no_second_craft():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 120.0, 30.0)
    lives = []
    for t in range(60):
        wild = [named(offset(craft, 9000.0), t)] if t in (20, 21) else []
        out = step(state, t, [report(craft, t)], wild)
        assert (out.tracks.life > Life.TENTATIVE).sum() <= 1
        assert not (out.tracks.flags & Flag.IDENTITY_CONFLICT).any()
        lives.append(len(out.tracks))
        craft.fly(1)
    assert lives[20] == 2
    assert lives[40:] == [1] * 20


def test_a_second_craft_is_believed_when_it_has_lasted():
    state, a = stage.init(capacity=16), Craft(50.0, 3.0, 120.0, 30.0)
    first = None
    for t in range(40):
        out = step(state, t, [report(a, t)], [named(offset(a, 9000.0), t)] if t >= 10 else [])
        sure = int((out.tracks.life > Life.TENTATIVE).sum())
        first = t if first is None and sure == 2 else first
        a.fly(1)
    assert first == 20
    assert (out.tracks.flags & Flag.IDENTITY_CONFLICT).all()


def test_a_twin_that_comes_back_is_the_older_again():
    state, a = stage.init(capacity=16), Craft(50.0, 3.0, 120.0, 0.0)
    north, counts = 9000.0, []
    for t in range(120):
        north = max(0.0, north - (150.0 if t > 30 else 0.0))
        out = step(state, t, [report(a, t)], [named(offset(a, north), t)])
        counts.append(len(out.tracks))
        older = out.tracks.track_id.min()
        a.fly(1)
    assert counts[30] == 2
    assert counts[-1] == 1
    assert out.tracks.track_id[0] == older
    assert not out.tracks.flags[0] & Flag.IDENTITY_CONFLICT


def test_a_first_wild_position_does_not_outlive_the_craft():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 120.0, 0.0)
    for t in range(4):
        out = step(state, t, [report(craft if t else offset(craft, 50_000.0), t)])
        craft.fly(1)
    assert len(out.tracks) == 1
    assert out.tracks.life[0] == Life.CONFIRMED


@pytest.mark.parametrize(("gap_s", "one"), [(25, True), (100, True), (290, True), (310, False)])
def test_a_parked_aircraft_answers_in_fits_and_starts(gap_s, one):
    """Nothing but multilateration, on the ground, standing still."""
    state, craft, rng = stage.init(capacity=16), Craft(50.0, 3.0, 0.0, 0.0), np.random.default_rng(4)
    ids = set()
    for t in range(900):
        heard = t < 30 or t % gap_s < 3
        out = step(state, t, plots=[named(craft, t, rng=rng, flags=Flag.ON_GROUND)] if heard else [])
        ids |= set(out.tracks.track_id.tolist())
    assert (len(ids) == 1) == one
    if one:
        assert out.tracks.flags[0] & Flag.ON_GROUND


def test_a_silent_aircraft_in_the_air_ends_after_a_minute():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 120.0, 0.0)
    seen = []
    for t in range(100):
        out = step(state, t, plots=[named(craft, t)] if t < 30 else [])
        seen.append(len(out.tracks))
        craft.fly(1)
    assert seen[29:90] == [1] * 61
    assert seen[-1] == 0


@pytest.mark.parametrize(("apart_m", "tracks"), [(250.0, 1), (3000.0, 2)])
def test_two_ships_of_one_number_are_two_when_they_are_apart(apart_m, tracks):
    state, ship = stage.init(capacity=16), Craft(55.0, 11.0, 5.0, 0.0)
    for t in range(0, 300, 10):
        rows = [report(one, t, who=MMSI, kind=Kind.VESSEL_A) for one in (ship, offset(ship, apart_m))]
        out = step(state, t, rows)
        ship.fly(10)
    assert len(out.tracks) == tracks
    assert bool((out.tracks.flags & Flag.IDENTITY_CONFLICT).any()) == (tracks == 2)


@pytest.mark.parametrize(("hits", "sure"), [(5, 0), (6, 1)])
def test_echoes_of_a_quick_sensor_must_last(hits, sure):
    state, craft = stage.init(capacity=16), Craft(50.01, 3.0, 3.0, 0.0)
    for t in range(hits):
        out = step(state, t, plots=[plot(craft, t, sigma=10.0)], sensors=(QUICK,))
        craft.fly(1)
    assert int((out.tracks.life > Life.TENTATIVE).sum()) == sure


def test_a_thousand_places_of_one_address_are_bounded():
    rng, state = np.random.default_rng(2), stage.init(capacity=16)
    plots = [named(Craft(*rng.uniform(-80, 80, 2), 0.0, 0.0), 0) for _ in range(300)]
    out = step(state, 0, plots=plots)
    assert len(out.tracks) == 8
    assert out.refused == {"identity_crowded": 292}
    assert out.used == 8
    assert step(state, 1, []).refused == {}
