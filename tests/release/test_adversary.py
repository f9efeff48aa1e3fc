"""The shadow adversary: what it remembers, what it answers, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.kernels import grid, straight
from manara.records.reports import Domain
from manara.release import adversary

NS = 10**9
T = 1_024 * NS
BEGIN = 1_700_000_000 * NS // T * T


def one(*values):
    return np.array(values)


def tell(shadow, lat, lon, step, tier=3, track=7):
    """One epoch's cell of one track, as coarse.py does it; the tier that was told."""
    ids, when = np.array([track], np.uint64), one(BEGIN + step * T)
    got = adversary.plan(shadow, ids, one(tier), np.array([Domain.SEA], np.uint8), when)
    cells = grid.cell_of(one(lat), one(lon), got)
    adversary.note(shadow, ids[cells != 0], cells[cells != 0], when[cells != 0])
    return int(got[0])


def test_the_first_cell_is_told_as_it_is():
    for tier in range(11):
        assert tell(adversary.init(), 0.5, 0.2, 0, tier) == tier
    assert tell(adversary.init(), 0.5, 0.2, 0, 11) == -1
    assert tell(adversary.init(), 0.5, 0.2, 0, -1) == -1


def test_a_craft_that_stands_still_is_told_for_ever():
    """Repeating a cell soon says nothing new; at first it might still turn out to be creeping over an edge."""
    shadow = adversary.init()
    tiers = [tell(shadow, 0.5003, 0.2003, k) for k in range(40)]
    assert tiers.count(3) >= 36
    assert tiers[10:] == [3] * 30
    assert radius_told(shadow) > 0.5 * 8_000


def test_a_straight_course_is_told_in_larger_cells_in_between():
    shadow = adversary.init()
    tiers = [tell(shadow, 0.5 + k * 0.0011, 0.2 + k * 0.0007, k) for k in range(60)]
    assert tiers[0] == 3
    assert max(tiers) > 3
    assert min(tiers) >= -1


def radius_told(shadow):
    """What the straight-line estimate holds, in metres, at the newest time."""
    x, y, work = np.empty((96, 2)), np.empty((96, 2)), np.empty((4, 96, 2))
    n = int(shadow.count[0])
    times = (shadow.time_ns[0] - shadow.time_ns[0, n - 1]) / 1e9
    nx, ny, _ = straight.fitting(shadow.boxes[0], times, n, 45.0, x, y, work)
    return straight.radius(x, nx, y, ny, 0.0, float(shadow.wide[0]), float(shadow.high[0]))


@settings(max_examples=30)
@given(st.floats(-0.002, 0.002), st.floats(-0.002, 0.002), st.floats(0.2, 0.7))
def test_row_06_the_estimate_seldom_falls_below_the_aim(north, east, lat):
    shadow, below = adversary.init(), 0
    for k in range(40):
        tell(shadow, lat + k * north, 0.2 + k * east, k)
        below += radius_told(shadow) < adversary.AIM * 8_000
    assert below <= 20  # a craft may be unlucky; the share over many is test_attackers


def test_larger_cells_say_nothing_of_where_the_craft_is():
    """The answer is the same for every place at which the craft might now be."""
    shadow = adversary.init()
    for k in range(12):
        tell(shadow, 0.5 + k * 0.0011, 0.2, k)
    ids, when = np.array([7], np.uint64), one(BEGIN + 12 * T)
    answers = {
        int(adversary.plan(adversary.load(adversary.dump(shadow)), ids, one(3), np.array([2], np.uint8), when)[0])
        for _ in range(3)
    }
    assert len(answers) == 1  # plan takes no position at all


def test_a_second_recipient_at_the_same_time_narrows_the_same_cell():
    shadow = adversary.init()
    assert tell(shadow, 0.5003, 0.2003, 0, tier=5) == 5
    count = shadow.count.copy()
    fine = tell(shadow, 0.5003, 0.2003, 0, tier=3)
    assert (shadow.count == count).all()
    cell = grid.cell_of(one(0.5003), one(0.2003), fine)
    assert shadow.boxes[0, 0].tolist() == adversary.plane(cell)[1][0].tolist()
    tell(shadow, 0.5003, 0.2003, 0, tier=6)  # a larger one adds nothing
    assert shadow.boxes[0, 0].tolist() == adversary.plane(cell)[1][0].tolist()


def test_another_face_begins_anew():
    shadow = adversary.init()
    tell(shadow, 0.5, -1e-4, 0)
    assert shadow.count.tolist() == [1]
    tell(shadow, 0.5, 1e-4, 1)
    assert shadow.count.tolist() == [1]
    assert shadow.face.tolist() == [2]


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(adversary, "TRACKS_MAX", 50)
    shadow = adversary.init()
    for step in range(4):
        ids = np.arange(step * 30, step * 30 + 40, dtype=np.uint64)
        when = np.full(40, BEGIN + step * T)
        adversary.note(shadow, ids, grid.cell_of(np.linspace(0.1, 0.6, 40), np.full(40, 0.2), 3), when)
    assert len(shadow.track) <= 50
    assert set(range(90, 130)) <= set(shadow.track.tolist())  # the newest stay
    assert (np.diff(shadow.track.astype(np.int64)) > 0).all()


def test_of_a_full_memory_the_cell_that_says_least_goes():
    shadow = adversary.init()
    for k in range(adversary.TOLD + 20):
        tell(shadow, 0.5 + k * 0.0011, 0.2 + k * 0.0007, k)
    assert shadow.count.tolist() == [adversary.TOLD]
    assert (np.diff(shadow.time_ns[0]) > 0).all()
    assert shadow.time_ns[0, -1] == BEGIN + (adversary.TOLD + 19) * T
    assert shadow.time_ns[0, 0] < BEGIN + 15 * T  # old small cells are kept before young large ones


def test_what_is_twelve_hours_old_is_forgotten():
    shadow = adversary.init()
    tell(shadow, 0.5, 0.2, 0, track=1)
    tell(shadow, 0.5, 0.2, 30, track=2)
    adversary.forget(shadow, BEGIN + adversary.FORGOTTEN_NS + T)
    assert shadow.track.tolist() == [2]
    adversary.forget(adversary.init(), BEGIN)


def test_it_goes_on_from_what_was_dumped():
    one_shadow, other = adversary.init(), adversary.init()
    for k in range(30):
        other = adversary.load(adversary.dump(other))
        place = 0.5 + k * 0.0011, 0.2 + k * 0.0009
        assert tell(one_shadow, *place, k) == tell(other, *place, k)
    for name, column in adversary.dump(one_shadow).items():
        assert np.array_equal(column, adversary.dump(other)[name]), name


@pytest.mark.parametrize("domain", list(Domain))
def test_promises_are_made_only_where_the_epoch_is_long_enough(domain):
    for cell_m in grid.CELLS_M:
        shortest = adversary.min_epoch_s(domain, cell_m)
        assert shortest * adversary.REACH_MPS[domain] >= cell_m / 2
        assert adversary.promised_radius_m(cell_m, shortest, domain) == cell_m / 8
        assert adversary.promised_radius_m(cell_m, shortest - 1, domain) == 0.0


def test_a_polygon_is_cut_as_by_hand():
    """Against counting points: the share of a box that two strips leave."""
    rng = np.random.Generator(np.random.Philox(3))
    box = np.array([[0.0, -5.0], [10.0, -5.0], [10.0, 5.0], [0.0, 5.0]])
    points = np.stack([rng.uniform(0, 10, 200_000), rng.uniform(-5, 5, 200_000)], axis=1)
    out, spare = np.zeros((20, 2)), np.zeros((20, 2))
    for lead, low, high in [(1.0, 2.0, 6.0), (-2.0, -3.0, 9.0), (0.0, 4.0, 5.0), (3.0, 100.0, 101.0)]:
        n = straight.strip(box, 4, lead, low, high, spare, out)
        value = points[:, 0] + lead * points[:, 1]
        kept = points[(value >= low) & (value <= high)]
        area, mean, variance = straight.spread(out, n, -1.5) if n else (0.0, 0.0, 0.0)
        assert area == pytest.approx(100.0 * len(kept) / len(points), abs=0.5)
        if n:
            there = kept[:, 0] - 1.5 * kept[:, 1]
            assert (mean, variance) == (pytest.approx(there.mean(), abs=0.1), pytest.approx(there.var(), rel=0.03))
