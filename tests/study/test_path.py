"""Lines that craft can steer."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manara.study.path import Line, Pose, joined, refined, rounded, turning

near = st.floats(-50_000.0, 50_000.0)
angles = st.floats(-10.0, 10.0)


def curvature(line: Line) -> np.ndarray:
    return np.abs(np.diff(line.heading_rad)) / np.maximum(np.diff(line.s_m), 1e-9)


def chords_fit(line: Line) -> None:
    """Each piece is an arc or a straight: its chord has the mean heading and length s·sinc(turn/2)."""
    ds, turn = np.diff(line.s_m), np.diff(line.heading_rad)
    middle = line.heading_rad[:-1] + turn / 2
    chord = ds * np.sinc(turn / (2 * math.pi))
    np.testing.assert_allclose(np.diff(line.x_m), chord * np.sin(middle), atol=1e-4)
    np.testing.assert_allclose(np.diff(line.y_m), chord * np.cos(middle), atol=1e-4)


@given(near, near, angles, near, near, angles, st.floats(100.0, 9000.0))
def test_a_turning_way_joins_any_two_poses_with_no_tighter_turn(x0, y0, h0, x1, y1, h1, radius) -> None:
    line = turning(Pose(x0, y0, h0), Pose(x1, y1, h1), radius)
    assert math.hypot(line.x_m[-1] - x1, line.y_m[-1] - y1) < radius * 1e-5
    assert abs(math.remainder(line.heading_rad[-1] - h1, 2 * math.pi)) < 1e-6
    assert line.length_m >= math.hypot(x1 - x0, y1 - y0) - 1e-3
    if len(line.s_m) > 1:
        assert curvature(line).max() <= 1 / radius * (1 + 1e-6)
        chords_fit(line)


def test_the_shortest_of_the_ways_is_taken() -> None:
    straight = turning(Pose(0, 0, 0.0), Pose(0, 10_000, 0.0), 1000.0)
    assert straight.length_m == pytest.approx(10_000.0)
    back = turning(Pose(0, 0, 0.0), Pose(2000.0, 0, math.pi), 1000.0)
    assert back.length_m == pytest.approx(math.pi * 1000.0)


@given(st.lists(st.tuples(near, near), min_size=2, max_size=8, unique=True), st.floats(50.0, 3000.0))
def test_rounded_corners_keep_the_ends_and_stay_near_the_legs(points, radius) -> None:
    if any(math.dist(a, b) < 10.0 for i, a in enumerate(points) for b in points[:i]):
        return
    line = rounded(points, radius)
    assert (line.x_m[0], line.y_m[0]) == points[0]
    whole = sum(math.dist(a, b) for a, b in itertools.pairwise(points))
    assert math.dist((line.x_m[-1], line.y_m[-1]), points[-1]) < 1e-4 * max(whole, 1.0)
    assert line.length_m <= whole * (1 + 1e-9)
    chords_fit(line)


def test_a_wide_corner_is_an_arc_of_the_radius_asked_for() -> None:
    line = rounded([(0.0, 0.0), (0.0, 10_000.0), (10_000.0, 10_000.0)], 800.0)
    bends = curvature(line)
    assert bends[bends > 0] == pytest.approx(1 / 800.0)
    assert line.heading_rad[-1] - line.heading_rad[0] == pytest.approx(math.pi / 2)


def test_refining_adds_points_of_the_same_curve() -> None:
    arc = turning(Pose(0, 0, 0.0), Pose(4000.0, 0, math.pi), 2000.0)
    fine = refined(arc, np.linspace(0, arc.length_m, 77))
    assert len(fine.s_m) > 70
    np.testing.assert_allclose(np.hypot(fine.x_m - 2000.0, fine.y_m), 2000.0, atol=1e-6)
    chords_fit(fine)


def test_joined_lines_keep_heading_and_way_continuous() -> None:
    a = turning(Pose(0, 0, 0.0), Pose(5000, 5000, 3.0), 900.0)
    b = turning(Pose(5000, 5000, 3.0 - 2 * math.pi), Pose(0, 0, 0.0), 900.0)
    line = joined([a, b])
    assert line.length_m == pytest.approx(a.length_m + b.length_m)
    assert (np.diff(line.s_m) > 0).all()
    assert np.abs(np.diff(line.heading_rad)).max() < 0.5
