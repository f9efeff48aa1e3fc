"""Craft that only sensors see: initiation, assignment, crossing the antenna, and one track for radar and ADS-B."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.tracking.scene import ICAO, Craft, covariance, error, ns, plot, polar, report, step

from manara.records.plots import Plots
from manara.records.reports import Domain, Flag
from manara.records.sensors import Sensor
from manara.records.tracks import Life
from manara.tracking import stage

RADAR = Sensor(name="radar", sac=1, sic=1, lat_deg=52.0, lon_deg=5.0, height_m=50.0, period_s=4.0)
SEA = Sensor(
    name="coast", sac=1, sic=2, lat_deg=52.0, lon_deg=5.0, height_m=50.0, period_s=3.0, domain="sea", sigma_range_m=20.0
)
SOURCE, SEA_SOURCE = 0x0101, 0x0102


def watch(craft, sweeps, sensor=RADAR, source=SOURCE, seed=1, state=None, **more):
    """Sweep by sweep, each at the time when the antenna points there; outboxes."""
    rng = np.random.default_rng(seed)
    state = state or stage.init(capacity=64)
    out = []
    for k in range(sweeps):
        t = k * sensor.period_s
        rows = [polar(one, t, sensor, source, rng, **more) for one in craft if rng.random() < 0.95]
        out.append(step(state, t, plots=rows, sensors=(sensor,) if k == 0 else ()))
        for one in craft:
            one.fly(sensor.period_s)
    for one in craft:
        one.fly(-sensor.period_s)
    return out


def test_a_track_is_confirmed_by_its_third_plot():
    out = watch([Craft(52.5, 5.5, 200.0, 0.0, 9000.0)], 12)
    lives = [o.tracks.life.tolist() for o in out]
    assert lives[0] == [Life.TENTATIVE]
    assert [Life.CONFIRMED] in lives[2:5]
    assert lives[-1] == [Life.CONFIRMED]
    assert out[-1].tracks.domain.tolist() == [Domain.AIR]
    assert len({i for o in out for i in o.tracks.track_id.tolist()}) == 1


@pytest.mark.parametrize("miss_m", [0.0, 300.0, 2000.0])
def test_crossing_the_antenna_keeps_the_track(miss_m):
    """Straight over the site at 9 km, through the cone where a radar measures slant range only."""
    craft = Craft(51.7, 5.0, 0.0, 220.0, 9000.0)
    craft.n = Craft(51.7, 5.0 + miss_m / 68_500, 0.0, 0.0).n
    out = watch([craft], 80, seed=3)
    confirmed = [set(o.tracks.track_id[o.tracks.life != Life.TENTATIVE].tolist()) for o in out[6:]]
    assert set.union(*confirmed) == confirmed[0]
    assert all(len(c) == 1 for c in confirmed)
    e = error(out[-1].tracks, 0, craft)
    assert np.hypot(*e[:2]) < 400.0


def test_two_that_cross_keep_their_numbers():
    a, b = Craft(52.3, 5.4, 200.0, 40.0, 9000.0), Craft(52.42, 5.4, 200.0, -40.0, 9000.0)
    out = watch([a, b], 80, seed=5)
    assert len(out[-1].tracks) == 2
    ids = [{i for o in out for i in o.tracks.track_id[o.tracks.life == Life.CONFIRMED].tolist()}]
    assert len(ids[0]) == 2
    first = out[8].tracks
    north = first.track_id[np.argmax(first.lat_rad)]
    last = out[-1].tracks
    assert last.track_id[np.argmin(last.lat_rad)] == north


def test_clutter_makes_no_confirmed_tracks():
    rng, state = np.random.default_rng(6), stage.init(capacity=256)
    confirmed = 0
    for k in range(60):
        rows = [
            polar(Craft(52.0 + e, 5.0 + n, 0.0, 0.0, 5000.0), 4.0 * k, RADAR, SOURCE)
            for e, n in rng.uniform(-1.5, 1.5, (20, 2))
        ]
        out = step(state, 4.0 * k, plots=rows, sensors=(RADAR,) if k == 0 else ())
        confirmed += int((out.tracks.life == Life.CONFIRMED).sum())
    assert confirmed <= 6
    assert len(out.tracks) < 100


def test_a_track_that_is_seen_no_more_coasts_and_ends():
    state = stage.init(capacity=64)
    watch([Craft(52.5, 5.5, 200.0, 0.0, 9000.0)], 10, state=state)
    assert step(state, 36 + 8.0).tracks.life.tolist() == [Life.COASTING]
    gone = step(state, 36 + 20.0)
    assert len(gone.tracks) == 0
    assert len(gone.ended) == 1


def test_radar_and_ads_b_of_one_aircraft_are_one_track():
    rng, state = np.random.default_rng(7), stage.init(capacity=64)
    craft = Craft(52.5, 5.5, 200.0, 50.0, 9000.0)
    ids = set()
    for t in range(60):
        plots = [polar(craft, t, RADAR, SOURCE, rng, mode_3a=0o1234)] if t % 4 == 0 else []
        out = step(state, t, [report(craft, t, 20.0, rng, alt_m=9000.0)], plots, (RADAR,) if t == 0 else ())
        ids |= set(out.tracks.track_id.tolist())
        craft.fly(1)
    assert len(ids) == 1
    assert out.tracks.mode_3a.tolist() == [0o1234]
    assert bin(int(out.tracks.sources[0])).count("1") == 2
    assert out.tracks.identity.tolist() == [ICAO]


def test_a_radar_track_takes_the_identity_that_comes_later():
    rng, state = np.random.default_rng(8), stage.init(capacity=64)
    craft, ids = Craft(52.5, 5.5, 200.0, 50.0, 9000.0), set()
    for t in range(0, 80, 2):
        plots = [polar(craft, t, RADAR, SOURCE, rng)] if t % 4 == 0 else []
        reports = [report(craft, t, 20.0, rng)] if t > 40 else []
        out = step(state, t, reports, plots, (RADAR,) if t == 0 else ())
        ids |= set(out.tracks.track_id.tolist())
        craft.fly(2)
    assert len(ids) == 1
    assert out.tracks.identity.tolist() == [ICAO]


def test_an_address_outweighs_distance():
    """Two aircraft 150 m apart, each plot with its Mode S address: never exchanged."""
    a, b = Craft(52.5, 5.5, 200.0, 0.0, 9000.0), Craft(52.5013, 5.5, 200.0, 0.0, 9000.0)
    rng, state = np.random.default_rng(9), stage.init(capacity=64)
    for t in range(0, 200, 4):
        rows = [polar(c, t, RADAR, SOURCE, rng, identity=ICAO + i) for i, c in enumerate((a, b))]
        out = step(state, t, plots=rows[:: 1 if t % 8 else -1], sensors=(RADAR,) if t == 0 else ())
        a.fly(4)
        b.fly(4)
    assert out.tracks.hits.tolist() == [50, 50]
    assert sorted(out.tracks.identity.tolist()) == [ICAO, ICAO + 1]


def test_two_that_answer_with_one_address_are_two():
    a, b = Craft(52.5, 5.5, 200.0, 0.0, 9000.0), Craft(51.5, 5.5, -200.0, 0.0, 9000.0)
    rng, state = np.random.default_rng(10), stage.init(capacity=64)
    for t in range(0, 80, 4):
        rows = [polar(c, t, RADAR, SOURCE, rng, identity=ICAO) for c in (a, b)]
        out = step(state, t, plots=rows, sensors=(RADAR,) if t == 0 else ())
        a.fly(4)
        b.fly(4)
    assert len(out.tracks) == 2
    assert (out.tracks.flags & Flag.IDENTITY_CONFLICT).all()


def test_equal_codes_help_and_unequal_ones_hinder():
    """Two 400 m apart with their codes; without codes the exchange is possible, with them the codes stay put."""
    a, b = Craft(53.5, 5.5, 200.0, 0.0, 9000.0), Craft(53.5036, 5.5, 200.0, 0.0, 9000.0)
    rng, state = np.random.default_rng(11), stage.init(capacity=64)
    held = {}
    for t in range(0, 400, 4):
        rows = [polar(c, t, RADAR, SOURCE, rng, mode_3a=0o1000 + i) for i, c in enumerate((a, b))]
        out = step(state, t, plots=rows, sensors=(RADAR,) if t == 0 else ())
        if t > 40:
            for track, code in zip(out.tracks.track_id.tolist(), out.tracks.mode_3a.tolist(), strict=True):
                held.setdefault(track, set()).add(code)
        a.fly(4)
        b.fly(4)
    steady = [codes for codes in held.values() if len(codes) == 1]
    assert len(steady) >= 2
    assert len(out.tracks) == 2


def test_air_and_sea_do_not_mix():
    rng, state = np.random.default_rng(12), stage.init(capacity=64)
    ship, craft = Craft(52.3, 5.3, 5.0, 0.0), Craft(52.3, 5.299, 8.0, 0.0, 3000.0)
    for t in range(0, 60, 3):
        rows = [
            polar(ship, t, SEA, SEA_SOURCE, rng, alt_m=math.nan),
            polar(craft, t, RADAR, SOURCE, rng),
        ]
        out = step(state, t, plots=rows, sensors=(RADAR, SEA) if t == 0 else ())
        ship.fly(3)
        craft.fly(3)
    assert sorted(out.tracks.domain.tolist()) == [Domain.AIR, Domain.SEA]


def test_a_plot_of_an_unknown_site_is_counted():
    row = polar(Craft(52.3, 5.3, 5.0, 0.0), 0, RADAR, SOURCE)
    state = stage.init(capacity=16)
    assert step(state, 0, plots=[row]).refused == {"unknown_site": 1}
    out = step(state, 0, plots=[row], sensors=(RADAR,))
    assert out.refused == {}
    assert len(out.tracks) == 1


def test_a_sensor_belongs_to_its_feed():
    here, there = (
        Sensor(name=n, sac=1, sic=1, feed=n, lat_deg=52.0, lon_deg=lon) for n, lon in (("a", 5.0), ("b", 9.0))
    )
    rows = [polar(Craft(52.3, 5.3, 0.0, 0.0), 0, here, feed << 16 | 0x0101) for feed in (0, 1)]
    inbox = stage.Inbox(plots=Plots.join(rows), sensors=(here, there), feeds={0: "a", 1: "b"})
    out = stage.advance(stage.init(capacity=16), inbox, ns(0))
    assert np.degrees(sorted(out.tracks.lon_rad)) == pytest.approx([5.3, 9.3], abs=1e-3)


def test_plots_without_a_sensors_table_still_track():
    rng, state = np.random.default_rng(13), stage.init(capacity=16)
    craft = Craft(10.0, 179.99, 100.0, 0.0)
    for t in range(30):
        out = step(state, t, plots=[plot(craft, t, rng, sigma=40.0)])
        craft.fly(1)
    craft.fly(-1)
    assert len(out.tracks) == 1
    e = error(out.tracks, 0, craft)
    assert e @ np.linalg.solve(covariance(out.tracks, 0), e) < 20.0


def test_one_advance_of_many_sweeps_is_about_as_good_as_many_advances():
    """Plots carry their own times: how they are cut into advances decides nothing but the order of ageing."""
    rng = np.random.default_rng(14)
    craft, rows = Craft(52.5, 5.5, 200.0, 0.0, 9000.0), []
    for k in range(20):
        rows.append(polar(craft, 4.0 * k, RADAR, SOURCE, rng))
        craft.fly(4)
    one, many = stage.init(capacity=64), stage.init(capacity=64)
    at_once = step(one, 76, plots=rows, sensors=(RADAR,))
    for k, row in enumerate(rows):
        piecewise = step(many, 4.0 * k, plots=[row], sensors=(RADAR,) if k == 0 else ())
    assert len(at_once.tracks) == len(piecewise.tracks) == 1
    assert at_once.tracks.lat_rad.tobytes() == piecewise.tracks.lat_rad.tobytes()
    assert at_once.tracks.cov.tobytes() == piecewise.tracks.cov.tobytes()
