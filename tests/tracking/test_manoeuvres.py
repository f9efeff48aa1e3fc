"""Craft that fly straight and turn, seen by radars alone: honest spreads, clean beginnings, and heaps of plots."""

from __future__ import annotations

import math

import numpy as np
from tests.tracking.scene import T0, Craft, S, polar, step

from manara.kernels import geodesy
from manara.records.plots import Plots
from manara.records.sensors import Sensor
from manara.records.tracks import Life
from manara.tracking import stage

RADARS = tuple(
    Sensor(name=str(i), sac=1, sic=i, lat_deg=lat, lon_deg=lon, sigma_range_m=50.0, sigma_azimuth_deg=0.08)
    for i, (lat, lon) in enumerate(((51.6, 4.2), (51.7, 5.9), (52.8, 5.0)))
)
SWEEP_S = 4.0 / 3.0


class Fleet:
    """n craft that turn at 1 to 3 degrees a second for some 25 s in each two minutes, far enough apart to be told."""

    def __init__(self, n, seed):
        self.rng = np.random.default_rng(seed)
        k = math.ceil(math.sqrt(n))
        self.craft = []
        for i in range(n):
            speed, course = self.rng.uniform(80, 260), self.rng.uniform(0, 2 * np.pi)
            where = 51.2 + 1.8 * (i // k) / k, 3.6 + 2.8 * (i % k) / k
            self.craft.append(Craft(*where, speed * math.sin(course), speed * math.cos(course)))
        self.rate = np.zeros(n)

    def fly(self, dt):
        for i, one in enumerate(self.craft):
            if self.rate[i] == 0.0 and self.rng.random() < dt / 120.0:
                self.rate[i] = math.radians(self.rng.uniform(1, 3)) * self.rng.choice([-1, 1])
            elif self.rate[i] != 0.0 and self.rng.random() < dt / 25.0:
                self.rate[i] = 0.0
            a = self.rate[i] * dt
            one.ve, one.vn = math.cos(a) * one.ve - math.sin(a) * one.vn, math.sin(a) * one.ve + math.cos(a) * one.vn
            one.fly(dt, steps=1)


def watch(fleet, sweeps, clutter=0, seed=4):
    """Outboxes of three radars that look in turn, and whether each craft turned then."""
    rng, state = np.random.default_rng(seed), stage.init(capacity=1024)
    for k in range(sweeps):
        radar, t = RADARS[k % 3], k * SWEEP_S
        rows = [polar(c, t, radar, 0x0100 + k % 3, rng) for c in fleet.craft if rng.random() < 0.9]
        for e, n in rng.uniform((51.2, 3.6), (53.0, 6.4), (clutter, 2)):
            rows.append(polar(Craft(e, n, 0.0, 0.0), t, radar, 0x0100 + k % 3, rng))
        yield step(state, t, plots=rows, sensors=RADARS if k == 0 else ())
        fleet.fly(SWEEP_S)


def errors(tracks, fleet):
    """NEES of position (2 degrees) of confirmed tracks just updated, owner, and the error in m."""
    x = np.array([c.n for c in fleet.craft])
    out = []
    for i in np.flatnonzero(tracks.life == Life.CONFIRMED):
        n = np.array(geodesy.nvector(tracks.lat_rad[i], tracks.lon_rad[i]))
        k = int(np.argmax(x @ n))
        e = np.array(geodesy.offset(*x[k], 0.0, *n))
        if np.hypot(*e) < 1000.0:
            c = tracks.cov[i]
            p = np.array([[c[0], c[1]], [c[1], c[4]]])
            out.append((float(e @ np.linalg.solve(p, e)), k, float(np.hypot(*e))))
    return out


def test_the_spread_of_agile_craft_is_honest_and_their_error_small():
    fleet = Fleet(64, 11)
    still, turning, square = [], [], []
    for k, out in enumerate(watch(fleet, 90)):
        for nees, who, error in errors(out.tracks, fleet) if k > 15 else []:
            (turning if fleet.rate[who] else still).append(nees)
            square.append(error * error)
    assert len(turning) > 500
    everything = np.array(still + turning)
    assert 0.8 * 2 < everything.mean() < 1.1 * 2
    assert np.mean(turning) < 2.0 * 2, "while it turns: its onset is a surprise, what follows is not"
    assert math.sqrt(np.mean(square)) < 60.0


def test_a_craft_is_confirmed_by_its_second_or_third_plot_and_clutter_is_not():
    fleet, first, false, told = Fleet(25, 12), {}, 0, 0
    for k, out in enumerate(watch(fleet, 60, clutter=25)):
        near = errors(out.tracks, fleet)
        firm = int((out.tracks.life == Life.CONFIRMED).sum())
        if k > 12:
            false += firm - len(near)
            told += firm
        for _, who, _ in near:
            first.setdefault(who, k)
    assert len(first) == 25
    assert np.median(list(first.values())) <= 4
    assert false < 0.02 * told


def test_ten_thousand_plots_on_one_point_are_sound():
    craft, state = Craft(52.0, 5.0, 0.0, 0.0), stage.init(capacity=64)
    one = polar(craft, 0.0, RADARS[0], 0x0100)
    heap = Plots.join([one] * 10_000)
    for k in range(3):
        rows = heap.replace(time_ns=np.full(10_000, T0 + 4 * k * S))
        out = stage.advance(state, stage.Inbox(plots=rows, sensors=RADARS if k == 0 else ()), T0 + 4 * k * S)
        assert out.used + sum(out.refused.values()) == 10_000
        assert np.isfinite(out.tracks.cov).all()
        assert (out.tracks.cov[:, [0, 4, 7, 9]] >= 0).all()


def test_plain_mode_is_kept_by_dump_and_load_and_has_one_model():
    fleet, plain = Fleet(9, 13), stage.init(capacity=64, plain=True)
    for k in range(12):
        rows = [polar(c, k * SWEEP_S, RADARS[k % 3], 0x0100 + k % 3) for c in fleet.craft]
        step(plain, k * SWEEP_S, plots=rows, sensors=RADARS if k == 0 else ())
        plain = stage.load(stage.dump(plain))
        fleet.fly(SWEEP_S)
    assert plain.plain
    assert not plain.store.imm[:, 0].any()
    assert (plain.store.book[:9, 3] == Life.CONFIRMED).all()


def test_models_go_on_from_a_dump_in_a_turn():
    fleet, a, b = Fleet(9, 14), stage.init(capacity=64), None
    for k in range(30):
        rows = [polar(c, k * SWEEP_S, RADARS[k % 3], 0x0100 + k % 3) for c in fleet.craft]
        b = stage.load(stage.dump(a))
        boxes = [step(x, k * SWEEP_S, plots=rows, sensors=RADARS if k == 0 else ()) for x in (a, b)]
        assert boxes[0].tracks.cov.tobytes() == boxes[1].tracks.cov.tobytes()
        assert a.store.imm.tobytes() == b.store.imm.tobytes()
        fleet.fly(SWEEP_S)
    assert a.store.imm[:, 0].sum() >= 8
