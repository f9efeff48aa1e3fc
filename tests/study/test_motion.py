"""Voyages: the stated velocity is the derivative of the stated position."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.study.motion import Motion, Voyage, chained, sail, stay
from manara.study.path import Pose, rounded, turning
from manara.study.plane import Plane, ecef_m
from manara.study.world import World

PLANE = Plane.at(-47.0, -115.0)


def out_and_back() -> Voyage:
    line = rounded([(0.0, 0.0), (0.0, 8000.0), (6000.0, 12_000.0)], 700.0)
    there = sail(line, [(0.0, 0.0), (2000.0, 9.0), (line.length_m - 2000.0, 9.0), (line.length_m, 0.0)])
    return stay(there, 300.0)


def test_sailing_a_circle_keeps_its_radius_and_speed() -> None:
    line = turning(Pose(0, 0, 0.0), Pose(10_000.0, 0, math.pi), 5000.0)
    motion = Motion(PLANE, [sail(line, [(0.0, 100.0), (line.length_m, 100.0)])], np.zeros(1))
    t = np.linspace(0.0, line.length_m / 100.0 - 1e-6, 500)
    state = motion.at(np.zeros(500, dtype=int), t)
    x = (state.lon_rad - PLANE.lon_rad) * PLANE.east_m
    y = (state.lat_rad - PLANE.lat_rad) * PLANE.north_m
    np.testing.assert_allclose(np.hypot(x - 5000.0, y), 5000.0, atol=0.1)
    np.testing.assert_allclose(state.speed_mps, 100.0, rtol=2e-3)


def test_constant_acceleration_between_the_points() -> None:
    line = rounded([(0.0, 0.0), (0.0, 1000.0)], 1.0)
    voyage = sail(line, [(0.0, 10.0), (1000.0, 30.0)], [(0.0, 0.0), (500.0, 100.0), (1000.0, 0.0)])
    assert voyage.period_s == pytest.approx(1000.0 / 20.0)
    assert voyage.z_m.tolist() == [0.0, 100.0, 0.0]
    assert voyage.vy_mps[1] == pytest.approx(math.sqrt((100 + 900) / 2))


def test_staying_stands_still_where_the_voyage_ended() -> None:
    voyage = out_and_back()
    motion = Motion(PLANE, [voyage], np.zeros(1))
    state = motion.at(np.zeros(3, dtype=int), voyage.period_s - np.array([299.0, 150.0, 1.0]))
    assert (state.speed_mps == 0).all()
    assert np.ptp(state.lat_rad) == 0.0
    np.testing.assert_allclose(state.course_rad, state.heading_rad)


def test_a_voyage_that_does_not_repeat_stands_before_and_after() -> None:
    line = rounded([(0.0, 0.0), (0.0, 1000.0)], 1.0)
    once = sail(line, [(0.0, 10.0), (1000.0, 10.0)])
    once = Voyage(**{**vars(once), "repeats": False})
    motion = Motion(PLANE, [once], np.array([-50.0]))
    state = motion.at(np.zeros(4, dtype=int), np.array([0.0, 100.0, 149.9, 900.0]))
    assert state.speed_mps[[0, 3]].tolist() == [0.0, 0.0]
    assert state.speed_mps[1] == pytest.approx(10.0, rel=1e-3)
    assert state.lat_rad[3] > state.lat_rad[2] > state.lat_rad[1] > state.lat_rad[0]


def test_chained_voyages_take_their_times_together() -> None:
    one = out_and_back()
    two = chained([one, one])
    assert two.period_s == pytest.approx(2 * one.period_s)
    assert (np.diff(two.t_s) > 0).all()
    assert np.abs(np.diff(two.heading_rad)).max() <= math.pi


def test_every_craft_moves_as_its_velocity_says(world: World) -> None:
    """Positions 0.1 s apart against the stated velocity, in Earth-centred coordinates, for all craft at many times."""
    everyone = np.arange(len(world.craft))
    motion = world._fleet.motion
    step = 0.05
    for t in np.linspace(10.0, 20_000.0, 41):
        now = motion.at(everyone, np.full(len(everyone), t))
        rows = [motion.at(everyone, np.full(len(everyone), t + s)) for s in (-step, step)]
        before, after = (ecef_m(s.lat_rad, s.lon_rad, s.alt_m) for s in rows)
        moved = np.linalg.norm(after - before, axis=1) / (2 * step)
        stated = np.sqrt(now.speed_mps**2 + now.vu_mps**2)
        # Within a knot's reach the climb changes at once; elsewhere they agree to centimetres a second.
        wrong = np.abs(moved - stated) > 0.02
        assert wrong.mean() < 0.02, t


def test_no_craft_ever_jumps(world: World) -> None:
    everyone = np.arange(len(world.craft))
    motion = world._fleet.motion
    t = np.arange(0.0, 9000.0, 7.0)
    previous = None
    for at in t:
        state = motion.at(everyone, np.full(len(everyone), at))
        where = ecef_m(state.lat_rad, state.lon_rad, state.alt_m)
        if previous is not None:
            assert np.linalg.norm(where - previous, axis=1).max() < 275.0 * 7.0
        previous = where
