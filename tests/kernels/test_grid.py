"""One grid for all: cells nest, have one area, hold their points, and have no seam at a pole or the antimeridian."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from manara.kernels import geodesy, grid

LAT = st.floats(-math.pi / 2, math.pi / 2)
LON = st.floats(-math.pi, math.pi)


def somewhere(n, seed=1):
    rng = np.random.Generator(np.random.Philox(seed))
    return np.arcsin(rng.uniform(-1, 1, n)), rng.uniform(-np.pi, np.pi, n)


def band_m2(low_rad, high_rad):
    """Area of the ellipsoid per radian of longitude between two latitudes, from its radii of curvature."""

    def ring(lat):
        east, north = geodesy.radii(math.sin(lat), 0.0)
        return east * math.cos(lat) * north

    return quad(ring, low_rad, high_rad, epsabs=1.0, epsrel=1e-12)[0]


def test_the_authalic_radius_is_that_of_the_standard():
    assert pytest.approx(6_371_007.1809, abs=1e-3) == grid.AUTHALIC_M  # Moritz, Geodetic Reference System 1980


@given(st.floats(-1.0, 1.0))
def test_authalic_and_geodetic_are_inverse(s):
    assert grid.geodetic(grid.authalic(s)) == pytest.approx(s, abs=4e-15)


def test_authalic_is_the_part_of_the_area():
    whole = band_m2(0.0, math.pi / 2)
    for lat in (0.1, 0.5, 0.73, 1.2, 1.55):
        assert grid.authalic(math.sin(lat)) == pytest.approx(band_m2(0.0, lat) / whole, rel=1e-10)


@settings(max_examples=200)
@given(LAT, LON)
def test_place_and_position_are_inverse(lat, lon):
    face, a, b = grid.place(lat, lon)
    assert 0 <= face <= 5
    assert 0.0 <= a <= 1.0
    assert 0.0 <= b <= 1.0
    assert math.dist(geodesy.nvector(*grid.position(face, a, b)), geodesy.nvector(lat, lon)) * 6.4e6 < 0.2


@settings(max_examples=100)
@given(LAT, LON, st.integers(0, 9))
def test_cells_nest(lat, lon, tier):
    one = np.array([lat]), np.array([lon])
    cell, above = grid.cell_of(*one, tier), grid.cell_of(*one, tier + 1)
    assert grid.valid(cell).all()
    assert grid.parent(cell).tolist() == above.tolist()


def test_each_point_lies_in_its_cell_by_its_corners():
    """The corners give the cell another way: a point of a face's plane between its lines."""
    lat, lon = somewhere(20_000)
    for tier in (0, 3, 7, 10):
        cells = grid.cell_of(lat, lon, tier)
        found = grid.corners(cells)
        middle = grid.parts(cells)[1] < grid.NORTH  # edges are meridians and parallels
        assert (lat >= found[0].min(axis=1) - 1e-12)[middle].all()
        assert (lat <= found[0].max(axis=1) + 1e-12)[middle].all()
        assert (lon >= found[1].min(axis=1) - 1e-12)[middle].all()
        assert (lon <= found[1].max(axis=1) + 1e-12)[middle].all()
        away = distance(lat, lon, *grid.centre(cells))
        assert (away <= reach(cells) * 1.0001 + 0.01).all()


def reach(cells):
    """From the centre to the farthest corner."""
    lat, lon = grid.centre(cells)
    there = grid.corners(cells)
    return np.max([distance(lat, lon, there[0][:, k], there[1][:, k]) for k in range(4)], axis=0)


def distance(lat, lon, other_lat, other_lon):
    a = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    b = np.stack([np.cos(other_lat) * np.cos(other_lon), np.cos(other_lat) * np.sin(other_lon), np.sin(other_lat)])
    return 6_371_007.0 * 2.0 * np.arcsin(np.minimum(np.linalg.norm(a - b, axis=0) / 2.0, 1.0))


@pytest.mark.parametrize("tier", [0, 4, 10])
def test_a_centre_lies_in_its_cell(tier):
    cells = grid.cell_of(*somewhere(20_000, 3), tier)
    assert (grid.cell_of(*grid.centre(cells), tier) == cells).all()


def test_cells_around_the_equator_have_one_area():
    for tier in (0, 5, 8, 10):
        cells = grid.cell_of(np.array([0.0, 0.3, -0.55, 0.72]), np.array([0.1, -2.0, 3.0, 1.0]), tier)
        assert (grid.parts(cells)[1] < grid.NORTH).all()
        lat, lon = grid.corners(cells)
        side = 2.0 * grid.half_m(cells)
        for k in range(len(cells)):
            area = (lon[k].max() - lon[k].min()) * band_m2(lat[k].min(), lat[k].max())
            assert area == pytest.approx(side[k] * side[k], rel=1e-7)
            assert side[k] >= grid.CELLS_M[tier]


def test_all_cells_have_one_area_by_counting():
    """Points strewn evenly over the ellipsoid fall evenly into the 486 largest cells (χ², 485 degrees of freedom)."""
    rng = np.random.Generator(np.random.Philox(7))
    n = 400_000
    table = np.linspace(-math.pi / 2, math.pi / 2, 4001)
    rings = [band_m2(a, b) for a, b in zip(table[:-1:10], table[10::10], strict=True)]
    share = np.concatenate([[0.0], np.cumsum(rings)]) / sum(rings)
    lat = np.interp(rng.uniform(0, 1, n), share, table[::10])
    cells, count = np.unique(grid.cell_of(lat, rng.uniform(-np.pi, np.pi, n), 10), return_counts=True)
    assert len(cells) == 6 * 81
    chi2 = float(((count - n / 486) ** 2 / (n / 486)).sum())
    assert chi2 < 485 + 5 * math.sqrt(2 * 485)


def test_no_cell_is_narrower_than_said():
    """The width of the parallelogram of the corners, anywhere on earth."""
    lat, lon = somewhere(20_000, 5)
    cells = grid.cell_of(lat, lon, 2)
    la, lo = grid.corners(cells)
    x = np.stack([np.cos(la) * np.cos(lo), np.cos(la) * np.sin(lo), np.sin(la)], axis=2) * 6_371_007.0
    one, two = x[:, 1] - x[:, 0], x[:, 3] - x[:, 0]
    area = np.linalg.norm(np.cross(one, two), axis=1)
    width = area / np.maximum(np.linalg.norm(one, axis=1), np.linalg.norm(two, axis=1))
    assert (width >= grid.NARROWEST * 4000.0).all()
    assert width.min() < 0.75 * 4000.0  # the bound is not idle
    assert np.percentile(area, [0.1, 99.9]) == pytest.approx((4 * grid.SIDE_M) ** 2, rel=2e-2)


def test_there_is_no_seam_at_the_poles_and_the_antimeridian():
    lon = np.linspace(-np.pi, np.pi, 9)
    for lat in (math.pi / 2, -math.pi / 2):
        assert len(set(grid.cell_of(np.full(9, lat), lon, 0).tolist())) == 1
    both = grid.cell_of(np.array([0.3, 0.3]), np.array([math.pi, -math.pi]), 0)
    assert both[0] == both[1]
    near = grid.cell_of(np.array([0.3, 0.3, 1.2, 1.2]), np.array([math.pi - 1e-9, 1e-9 - math.pi] * 2), 10)
    assert distance(*[v[:2] for v in grid.centre(near)], *[v[1::-1] for v in grid.centre(near)]).max() < 1.5e6
    assert near[2] == near[3]  # on the cap the antimeridian is no line at all


def test_what_is_no_position_or_no_cell_is_said():
    assert grid.cell_of(np.array([np.nan, 0.0, np.inf]), np.array([0.0, np.nan, 0.0]), 3).tolist() == [0, 0, 0]
    assert grid.cell_of(np.zeros(2), np.zeros(2), 11).tolist() == [0, 0]
    assert [grid.tier_of(m) for m in (*grid.CELLS_M, 0, 999, 2_048_000)] == [*range(11), -1, -1, -1]
    largest = grid.cell_of(np.zeros(1), np.zeros(1), 10)
    assert grid.parent(largest).tolist() == [0]


@settings(max_examples=200)
@given(st.integers(0, 2**64 - 1))
def test_numbers_that_are_not_cells_are_refused(number):
    cell = np.array([number], np.uint64)
    if grid.valid(cell)[0]:  # then it stands for a place that gives it back
        tier = grid.parts(cell)[0]
        assert grid.cell_of(*grid.centre(cell), tier).tolist() == cell.tolist()
    tier, face, i, j = 3, 2, 5, 7
    good = grid.number(tier, face, i, j)
    assert not grid.valid(np.array([good ^ (1 << 45), good + (9 << 50), good | 1 << 63], np.uint64)).any()


def test_vectors_of_the_specification(repository):
    page = (repository / "docs/spec/grid.md").read_text("utf-8")
    rows = [line.split("|")[1:5] for line in page.splitlines() if line.count("0x1") == 2]
    assert len(rows) >= 6
    for lat, lon, small, large in rows:
        at = np.array([math.radians(float(lat))]), np.array([math.radians(float(lon))])
        got = [hex(int(grid.cell_of(*at, tier)[0])) for tier in (0, 4)]
        assert got == [small.strip(" `"), large.strip(" `")]
