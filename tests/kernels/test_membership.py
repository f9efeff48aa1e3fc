"""Areas against exact arithmetic, and as a mosaic without gap or overlap."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.kernels import membership


def bits(lat, lon, areas):
    """``areas``: lists of (lat, lon)."""
    first = np.cumsum([0, *(len(a) for a in areas)]).astype(np.int64)
    corners = np.array([c for a in areas for c in a], float).reshape(-1, 2).T
    corners = np.ascontiguousarray(corners)
    return membership.area_bits(
        np.atleast_1d(np.array(lat, float)), np.atleast_1d(np.array(lon, float)), first, corners[0], corners[1]
    )


def winding(lat, lon, area):
    """The same question by exact winding number."""
    turns = 0
    for begin, end in zip(area, area[1:] + area[:1], strict=True):
        a, b, c, d = map(Fraction, (*begin, *end))
        left = (c - a) * (Fraction(lon) - b) - (Fraction(lat) - a) * (d - b)
        if a <= lat < c and left < 0:
            turns += 1
        elif c <= lat < a and left > 0:
            turns -= 1
    return turns != 0


def star(rng, corners):
    """A simple polygon around the origin: its corners in order of angle."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    far = rng.uniform(0.1, 1.0, corners)
    return [(float(r * np.sin(t)), float(r * np.cos(t))) for r, t in zip(far, angle, strict=True)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 40))
def test_inside_is_what_the_winding_number_says(seed, corners):
    rng = np.random.default_rng(seed)
    area = star(rng, corners)
    # Around the origin a winding number of either sense is inside; gaps of more than half a turn make it outside.
    lat, lon = rng.uniform(-1, 1, (2, 60))
    got = bits(lat, lon, [area])
    want = [winding(a, b, area) for a, b in zip(lat, lon, strict=True)]
    assert (got == 1).tolist() == want
    assert any(want) or corners < 12
    assert (bits(lat, lon, [area[::-1]]) == got).all(), "the sense of the border does not matter"


def test_a_mosaic_leaves_no_place_out_and_none_twice():
    """Sixty triangles that share sides and corners; places on the sides and corners themselves."""
    rng = np.random.default_rng(1)
    grid = [
        [(float(i + rng.uniform(-0.3, 0.3)), float(j + rng.uniform(-0.3, 0.3))) for j in range(7)] for i in range(6)
    ]
    areas = []
    for i in range(5):
        for j in range(6):
            a, b, c, d = grid[i][j], grid[i][j + 1], grid[i + 1][j + 1], grid[i + 1][j]
            areas += [[a, b, c], [c, a, d]]
    inner = [grid[i][j] for i in range(1, 5) for j in range(1, 6)]
    ends = [grid[i][j + 1] for i in range(1, 5) for j in range(1, 5)]
    middle = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in zip(inner, ends, strict=False)]
    spread = rng.uniform((0.5, 0.5), (4.5, 5.5), (3000, 2)).tolist()
    places = np.array(inner + middle + spread)
    found = bits(places[:, 0], places[:, 1], areas)
    assert len(areas) == 60
    assert all(int(f).bit_count() == 1 for f in found)


def test_each_area_has_its_bit_and_more_than_sixty_three_have_none():
    areas = [[(0.0, float(k)), (0.0, k + 1.0), (1.0, k + 1.0), (1.0, float(k))] for k in range(70)]
    found = bits(np.full(70, 0.5), np.arange(70) + 0.5, areas)
    assert found.tolist() == [1 << k for k in range(63)] + [0] * 7


def test_what_is_not_known_says_so_and_degenerate_areas_hold_nothing():
    areas = [
        [],
        [(0.0, 0.0)],
        [(0.0, 0.0), (1.0, 1.0)],
        [(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)],
        [(-1, -1), (1, -1), (0, 1)],
    ]
    found = bits([0.0, np.nan, 0.0, np.inf, 9.0], [0.0, 0.0, -np.inf, np.nan, 9.0], areas)
    assert found.tolist() == [16, 1 << 63, 1 << 63, 1 << 63, 0]
    assert bits([0.5], [0.5], []).tolist() == [0]
    assert len(bits([], [], areas)) == 0


def test_a_concave_harbour_with_an_island_of_land():
    """A U: between its arms is outside; both arms are inside."""
    u = [(0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 2.0), (1.0, 2.0), (1.0, 1.0), (3.0, 1.0), (3.0, 0.0)]
    assert bits([2.0, 2.0, 2.0, 0.5, -0.1], [0.5, 1.5, 2.5, 1.5, 1.0], [u]).tolist() == [1, 0, 1, 1, 0]
