"""Issue 4, Core 3: coverage as measured from plots on common craft; what a hill hides is not covered, whatever the
figures of the radar say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.kernels import coverage as arithmetic
from manara.kernels import geodesy, grid
from manara.records.coverage import Band, Size
from manara.records.plots import Form, Plots
from manara.records.reports import Domain, Flag, Kind, Reports
from manara.tracking import coverage, measured

NS = 1_000_000_000
LAT, LON, HEIGHT = math.radians(-47.0), math.radians(-115.0), 200.0
RADAR = coverage.Observer(
    name="hill", domain=int(Domain.AIR), lat_rad=LAT, lon_rad=LON, height_m=HEIGHT, range_max_m=200_000.0,
    probability=0.9, period_s=4.0, sigma_range_m=70.0, sigma_azimuth_rad=math.radians(0.08),
)  # fmt: skip
ALT = 7_000.0


def places(n: int, azimuth_rad: float, ground_m: float) -> tuple[np.ndarray, np.ndarray]:
    """n craft that stand close together in one direction."""
    away = (ground_m + 50.0 * np.arange(n)) / geodesy.A_M
    lat = np.arcsin(math.sin(LAT) * np.cos(away) + math.cos(LAT) * np.sin(away) * math.cos(azimuth_rad))
    east = math.sin(azimuth_rad) * np.sin(away) * math.cos(LAT)
    return lat, LON + np.arctan2(east, np.cos(away) - math.sin(LAT) * np.sin(lat))


def reports(lat, lon, now_ns, first=1, **more) -> Reports:
    n = len(lat)
    return Reports.blank(n).replace(
        time_ns=np.full(n, now_ns), identity=np.arange(first, first + n).astype(np.uint64), lat_rad=lat, lon_rad=lon,
        kind=np.full(n, more.get("kind", Kind.AIRCRAFT), np.uint8), alt_m=np.full(n, more.get("alt_m", ALT)),
        speed_mps=np.zeros(n), course_rad=np.zeros(n), flags=np.full(n, more.get("flags", 0), np.uint32),
    )  # fmt: skip


def plots(lat, lon, azimuth_rad, now_ns, rng) -> Plots:
    """As a radar would see them: slant range between two places of the ellipsoid, noise on both."""
    own = np.array(geodesy.to_ecef(*geodesy.nvector(LAT, LON), HEIGHT))
    there = np.array([geodesy.to_ecef(*geodesy.nvector(a, b), ALT) for a, b in zip(lat, lon, strict=True)])
    n = len(lat)
    slant = np.linalg.norm(there - own, axis=1) if n else np.zeros(0)
    return Plots.blank(n).replace(
        time_ns=np.full(n, now_ns), form=np.full(n, Form.POLAR, np.uint8), range_m=slant + rng.normal(0, 70.0, n),
        azimuth_rad=(azimuth_rad + rng.normal(0, 0.0014, n)) % (2 * np.pi),
    )  # fmt: skip


def watched(chance, minutes=10, ground_m=90_000.0, n=1, **more) -> measured.Radar:
    """``chance``: azimuth -> probability that the radar sees a craft there."""
    rng, one = np.random.Generator(np.random.Philox(3)), measured.Radar()
    for second in range(1, 60 * minutes):
        now_ns = (1_000 + second) * NS
        said, seen = [], []
        for k, (azimuth, p) in enumerate(chance.items()):
            lat, lon = places(n, azimuth, ground_m)
            said.append(reports(lat, lon, now_ns, 1 + 10 * k, **more))
            if second % 4 == 0:
                hit = rng.random(n) < p
                seen.append(plots(lat[hit], lon[hit], azimuth, now_ns, rng))
        measured.note(one, RADAR, Plots.join(seen) if seen else Plots.blank(0), Reports.join(said), now_ns)
    return one


def at(cover, azimuth, band, size, ground_m=90_000.0) -> int:
    lat, lon = places(1, azimuth, ground_m)
    row = np.flatnonzero(cover.cell == grid.cell_of(lat, lon, 3)[0])
    return int(arithmetic.unpack(cover.levels[row], 9)[0, 3 * band + size]) if len(row) else 0


NORTH, EAST, SOUTH = 0.0, 0.5 * np.pi, np.pi


@pytest.fixture(scope="module")
def hill() -> measured.Radar:
    return watched({NORTH: 0.99, EAST: 0.5, SOUTH: 0.0})


def test_what_a_hill_hides_is_not_covered_and_what_is_seen_is(hill):
    nominal = coverage.cover((RADAR,))
    found = coverage.cover((RADAR,), {"hill": measured.levels(hill)})
    for azimuth, level in ((NORTH, 3), (EAST, 1), (SOUTH, 0)):
        assert at(nominal, azimuth, Band.HIGH, Size.LARGE) == 3
        assert at(found, azimuth, Band.HIGH, Size.LARGE) == level
        assert at(found, azimuth, Band.MIDDLE, Size.LARGE) == 3, "of other heights nothing was learned"


def test_the_measured_share_is_that_with_which_it_sees(hill):
    lat, lon = places(1, EAST, 90_000.0)
    cell = int(grid.cell_of(lat, lon, 3)[0])
    key = cell | (3 * Band.HIGH + Size.LARGE) << 60
    row = hill.counts[hill.counts["key"] == key][0]
    assert row["looks"] >= 40
    assert abs(row["hits"] / row["looks"] - 0.5) < 4 * math.sqrt(0.25 / row["looks"])


def test_a_plot_of_a_neighbour_is_not_taken_for_ones_own():
    assert len(watched({EAST: 0.5}, minutes=2, n=4).counts) == 0, "four craft within two hundred metres: nobody can say"


def test_few_looks_change_nothing_and_old_ones_fade():
    few = watched({SOUTH: 0.0}, minutes=2)
    assert 0 < few.counts["looks"].max() < measured.LOOKS_LEAST
    assert len(measured.levels(few).cell) == 0
    many = watched({NORTH: 1.0}, minutes=40)
    assert measured.LOOKS_MOST / 2 <= many.counts["looks"].max() <= measured.LOOKS_MOST


@pytest.mark.parametrize(
    "more", [{"flags": int(Flag.ON_GROUND)}, {"kind": Kind.VESSEL_A}, {"alt_m": float("nan")}, {"alt_m": 20.0}]
)
def test_what_is_no_craft_in_the_air_is_no_look(more):
    assert len(watched({NORTH: 0.0}, minutes=2, **more).counts) == 0


def test_beyond_its_reach_a_miss_is_no_miss():
    assert len(watched({NORTH: 0.0}, minutes=2, ground_m=260_000.0).counts) == 0


def test_a_flood_is_bounded():
    one = measured.Radar()
    lat, lon = np.full(50_000, LAT), np.full(50_000, LON)
    rng = np.random.Generator(np.random.Philox(1))
    many = plots(lat[:3_000], lon[:3_000], 0.0, 5 * NS, rng)
    for second in range(1, 30):
        measured.note(one, RADAR, many, reports(lat, lon, second * NS), second * NS)
    assert len(one.plots) <= measured.PLOTS_MAX
    assert len(one.craft) <= 4 * measured.REPORTS_MAX
    assert len(one.counts) <= measured.CELLS_MAX


def test_it_goes_on_from_where_it_was(hill):
    again = measured.load(measured.dump({"hill": hill}))["hill"]
    for name in ("plots", "craft", "counts"):
        assert getattr(again, name).tobytes() == getattr(hill, name).tobytes()
    assert again.begin_ns == hill.begin_ns
