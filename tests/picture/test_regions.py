"""What was told within a cell: a square that holds the craft until the next word, and joins nothing."""

from __future__ import annotations

import numpy as np
import pytest
from tests.picture.scene import LAT, LON, T0, S, at, coarse, ended, own, told

from manara.kernels import geodesy, grid
from manara.link import stage as link
from manara.link.rows import Sorted
from manara.node.arrows import link_to_picture
from manara.node.sources import SourceView
from manara.picture import regions, stage
from manara.picture.partners import MANNERS
from manara.records.marking import Codebook
from manara.records.released import Head, Terms
from manara.records.reports import Domain, Kind

TERMS = (Terms(("air",), 511, 0),)


def cell(lat=LAT, lon=LON, tier=3):
    return int(grid.cell_of(np.array([lat]), np.array([lon]), tier)[0])


def run(state, t, tracks, *rows):
    return stage.advance(state, stage.Inbox(tracks, partners=tuple(rows)), T0 + t * S)


@pytest.mark.parametrize(("lat", "lon"), [(0.0, 0.0), (0.61, 3.1415), (1.2, -2.0), (-1.55, 1.0), (0.73, 0.7853)])
def test_the_square_holds_all_of_its_cell(lat, lon):
    """Points of the cell, by the grid's own word, are inside the square."""
    rng = np.random.default_rng(1)
    number = np.array([cell(lat, lon)], np.uint64)
    mid_lat, mid_lon, half_m = regions.square(number)
    middle = geodesy.nvector(mid_lat[0], mid_lon[0])
    east, north = rng.uniform(-2 * half_m[0], 2 * half_m[0], (2, 4000))
    points = np.array(
        [geodesy.lat_lon(*geodesy.move(*middle, 0.0, e, n)[:3]) for e, n in zip(east, north, strict=True)]
    )
    inside = grid.cell_of(points[:, 0], points[:, 1], 3) == number[0]
    assert inside.sum() > 200
    assert (np.abs(east[inside]) <= half_m[0] * 1.001).all()
    assert (np.abs(north[inside]) <= half_m[0] * 1.001).all()


def test_a_region_grows_as_fast_as_its_craft_may_go_and_then_goes():
    state = stage.init()
    rows = coarse(70, 2, (7, cell(), 0, 60, Kind.VESSEL_A, Domain.SEA), (8, cell(), 0, 60, 0, Domain.AIR))
    first = run(state, 70, own(70), rows).regions
    assert first.track.tolist() == [7, 8]
    assert first.partner.tolist() == [2, 2]
    assert first.epoch_ns.tolist() == [T0, T0]
    assert first.until_ns.tolist() == [T0 + 190 * S] * 2, "two epochs after its receipt"
    later = run(state, 170, own(170)).regions
    grown = later.half_m - first.half_m
    assert grown == pytest.approx([100 * MANNERS[Kind.VESSEL_A].reach_mps, 100 * MANNERS[Kind.AIRCRAFT].reach_mps])
    assert len(run(state, 190, own(190)).regions) == 2
    assert len(run(state, 191, own(191)).regions) == 0


def test_the_craft_is_in_its_region_all_the_time():
    """A vessel on any course below its class's speed, told of each epoch by the cell at its begin."""
    rng = np.random.default_rng(3)
    state, place, speed = stage.init(), np.zeros(2), 15.0
    for t in range(600):
        if t % 50 == 0:
            course = rng.uniform(0, 6.28)
        place += speed * np.array([np.sin(course), np.cos(course)])
        if t % 60 == 0:
            begin = cell(*at(*place))
        rows = [coarse(t, 1, (5, begin, t - 59, 60, Kind.VESSEL_A, Domain.SEA))] if t % 60 == 59 else []
        out = run(state, t, own(t), *rows)
        if t >= 59:
            told_at = geodesy.nvector(out.regions.lat_rad[0], out.regions.lon_rad[0])
            off = geodesy.offset(*told_at, 0.0, *geodesy.nvector(*at(*place)))
            assert max(map(abs, off)) <= out.regions.half_m[0]


def test_it_joins_nothing_and_moves_nothing():
    with_, without = stage.init(), stage.init()
    for t in range(6):
        tracks = own(t, (0, 200))
        a = run(with_, t, tracks, coarse(t, 1, (5, cell(tier=0), t, 60, Kind.AIRCRAFT, Domain.AIR)))
        b = run(without, t, tracks)
    assert len(a.regions) == 1
    assert a.tracks.cov.tobytes() == b.tracks.cov.tobytes()
    assert (a.pedigree.tolist(), a.seen_by.tolist()) == ([1], [0])


def test_which_tracks_it_could_be_is_counted():
    state = stage.init()
    tracks = own(0, (0, 0), (500, 0), (90_000, 0), (100, 0), domain=[1, 0, 1, 2])
    rows = coarse(0, 1, (5, cell(tier=3), 0, 60, 0, Domain.AIR), (6, cell(tier=3), 0, 60, 0, 0))
    out = run(state, 0, tracks, rows)
    assert out.could_be == {(1, 5): 2, (1, 6): 3}
    assert regions.could_be(out.regions, 0, out.tracks).tolist() == [True, True, False, False]
    assert regions.could_be(out.regions, 1, out.tracks).tolist() == [True, True, False, True]


def test_the_newest_epoch_stands_and_bad_cells_are_counted():
    state = stage.init()
    elsewhere = cell(LAT + 0.1)
    rows = coarse(200, 1, (5, cell(), 120, 60, 0, 2), (5, elsewhere, 60, 60, 0, 2), (6, 12345, 0, 60, 0, 2))
    out = run(state, 200, own(200), rows)
    assert out.regions.cell.tolist() == [cell()]
    assert stage.refused(state) == {1: {"cell": 1}}
    out = run(state, 201, own(201), coarse(201, 1, (5, elsewhere, 30, 60, 0, 2)))
    assert out.regions.cell.tolist() == [cell()]


def test_what_is_told_precisely_is_not_shown_coarsely_too():
    state = stage.init()
    out = run(
        state, 0, own(0), coarse(0, 1, (101, cell(), 0, 600, 0, 1), (102, cell(), 0, 600, 0, 1)), told(0, 1, (0, 9))
    )
    assert out.regions.track.tolist() == [102]
    out = run(state, 1, own(1), ended(1, 1, 102))
    assert out.regions.track.tolist() == []


def test_regions_of_a_partner_are_bounded(monkeypatch):
    monkeypatch.setattr(regions, "REGIONS_MAX", 10)
    state = stage.init()
    rows = coarse(90, 1, *((k, cell(), k, 60, 0, 2) for k in range(40)))
    out = run(state, 90, own(90), rows)
    assert out.regions.track.tolist() == list(range(30, 40)), "the newest stay"
    assert stage.refused(state) == {1: {"crowded": 30}}


@pytest.mark.parametrize("phase", ["suspended", "warning_only"])
def test_squares_of_a_partner_that_falls_silent_go_at_once_and_others_stay(phase):
    """Also those that came in the same step, before the word; a square outlived a suspension and grew on the map."""
    book = Codebook((), (), ("arvena", "belora", "corvia"))

    def frame(kind, row=None, said=phase, partner="belora", stream=""):
        head = Head(kind=kind, stream=stream or f"{partner}>arvena", offset="0", time_ns="0", phase=said, terms=TERMS)
        return link.Frame(partner, head.stream, 0, head, Sorted({2: row.coarse} if row else {}), T0 + 71 * S, True)

    state = stage.init()
    two = [coarse(70, n, (7, cell(), 0, 60, 0, Domain.AIR)) for n in (1, 2)]
    assert run(state, 70, own(70), *two).regions.partner.tolist() == [1, 2]
    view = SourceView("", 0, None, "", 0, None, state)

    def step(t, *frames):
        link_to_picture.recall(state, link.Outbox(frames), book)
        return run(state, t, own(t), *link_to_picture.rows(frames, view, book)).regions.partner.tolist()

    assert step(71, frame("phase", said="full")) == [1, 2]
    assert step(71, frame("phase", stream="belora>arvena/backfill")) == [1, 2], "history says nothing of now"
    fresh = coarse(71, 1, (9, cell(), 60, 60, 0, Domain.AIR))
    assert step(72, frame("batch", fresh, "full"), frame("phase")) == [2]
    assert step(73, frame("batch", fresh, "full")) == [1, 2], "after a resumption they come again"
