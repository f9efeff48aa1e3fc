"""Registration: biases found with an honest covariance, taken out, told apart; jumps and vain feeds found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2
from tests.tracking import two_sensors as two
from tests.tracking.two_sensors import ADSB, RADAR, SECOND, T0, TABLE, S, Sky, Wrong, believed, watch, which

from manara.kernels import registration as kernel
from manara.kernels import sensing
from manara.records.plots import Form, Plots
from manara.records.reports import Reports
from manara.tracking import registration, rows

BAD = Wrong(range_m=100.0, turn_rad=math.radians(0.1), late_s=0.3, drift=5e-5)


def state_of(state, source):
    return next(one for one in registration.status(state) if one.source == source)


def test_a_wrong_radar_is_found_and_put_right_within_two_minutes():
    sky, state = Sky(1), registration.init()
    watch(state, sky, 120, BAD)
    mean, cov = believed(state)
    assert np.abs(mean - BAD.as_array(120))[:3] == pytest.approx([0, 0, 0], abs=20.0)
    assert abs(mean[0] - 100.0) < 10.0
    assert abs(mean[1] - BAD.turn_rad) < math.radians(0.015)
    assert abs(mean[2] - 0.306) < 0.08
    assert (np.sqrt(np.diag(cov))[:3] < [8.0, math.radians(0.01), 0.06]).all()
    assert state_of(state, RADAR).applied


def error_m(plots, sky, late_s):
    """RMS metres of plots from where their craft were when they were really seen."""
    at, r, why = np.zeros((sky.n, 3)), np.zeros((sky.n, 3)), np.zeros(sky.n, np.int64)
    sensing.locate(rows.plots(plots, why, which(plots)), TABLE, at, r, why)
    lat, lon = sky.at((plots.time_ns - T0) / S - late_s)
    true = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return 6.37e6 * math.sqrt(((at - true) ** 2).sum(1).mean())


def test_corrected_plots_are_nearly_as_good_as_those_of_a_right_radar():
    sky, state = Sky(2), registration.init()
    watch(state, sky, 120, BAD)
    raw, fair = sky.plots(124, BAD), error_m(sky.plots(124, Wrong()), sky, 0.0)
    right = registration.corrected(state, raw, which(raw), TABLE)
    assert error_m(raw, sky, 0.0) > 1.5 * fair
    assert error_m(right, sky, 0.0) < 1.2 * fair
    assert (right.sigma_range_m > 50.0).all()
    assert (right.sigma_range_m < 56.0).all()
    assert raw.time_ns is not right.time_ns


def test_the_covariance_is_honest_over_seeds():
    """Biases drawn from the prior; at three times NEES of (range, turn, late, drift) is χ² with four degrees."""
    prior = registration.Prior(100.0, math.radians(0.2), 0.4, 1e-4)
    found = {20: [], 60: [], 120: []}
    for seed in range(24):
        rng = np.random.default_rng(1000 + seed)
        draw = rng.normal(size=4) * [prior.place_m, prior.turn_rad, prior.time_s, prior.drift]
        wrong, sky, state, last = Wrong(*draw), Sky(seed, n=12), registration.init(prior), 0
        for t, squares in found.items():
            watch(state, sky, t - last, wrong, begin=last)
            last = t
            mean, cov = believed(state)
            error = mean - wrong.as_array(t)
            squares.append(error @ np.linalg.solve(cov, error))
    for t, squares in found.items():
        low, high = chi2.ppf([5e-4, 1 - 5e-4], 4 * len(squares)) / len(squares)
        assert low < np.mean(squares) < high, (t, np.mean(squares), low, high)


def test_craft_of_one_radial_speed_do_not_tell_range_from_clock():
    """All fly straight out at nearly one speed: the sum is known, each by itself is not, and the covariance says so."""
    sky, state = Sky(3, courses=(-0.02, 0.02)), registration.init()
    sky.dlat, sky.dlon = (
        sky.dlat * 200.0 / np.hypot(*sky.velocity(0.0)),
        sky.dlon * 200.0 / np.hypot(*sky.velocity(0.0)),
    )
    wrong = Wrong(range_m=100.0, late_s=0.4)
    watch(state, sky, 120, wrong)
    mean, cov = believed(state)
    mixed = Sky(3)
    other = registration.init()
    watch(other, mixed, 120, wrong)
    apart = believed(other)[1]
    assert cov[0, 0] > 9 * apart[0, 0]
    assert cov[0, 2] / math.sqrt(cov[0, 0] * cov[2, 2]) > 0.9, "what is given to one is taken from the other"
    error = mean - wrong.as_array(120)
    assert error @ np.linalg.solve(cov, error) < chi2.isf(1e-4, 4)
    assert abs(believed(other)[0][2] - 0.4) < 0.08


def test_a_drifting_clock_is_no_range_bias():
    state = registration.init()
    watch(state, Sky(4), 400, Wrong(drift=5e-4))
    mean, cov = believed(state)
    assert abs(mean[0]) < 4 * math.sqrt(cov[0, 0]) < 30.0
    assert abs(mean[2] - 0.2) < 4 * math.sqrt(cov[2, 2])
    assert abs(mean[3] - 5e-4) < 4 * math.sqrt(cov[3, 3])


def test_without_a_reference_what_two_radars_share_stays_unknown():
    """Both stamp 0.3 s late: no difference shows it, and the filter does not claim to know."""
    sky, state, wrong = Sky(5), registration.init(), Wrong(late_s=0.3)
    watch(state, sky, 120, wrong, second=Wrong(late_s=0.3, range_m=150.0), reference=False)
    late = np.array([5 * state.row_of[RADAR] + 3, 5 * state.row_of[SECOND] + 3])
    cov = state.book.cov[np.ix_(late, late)]
    shared, apart = (math.sqrt(w @ cov @ w) for w in (np.array([0.5, 0.5]), np.array([1.0, -1.0])))
    assert shared > 0.5
    assert apart < 0.2
    assert state.book.mean[state.row_of[SECOND], 0] - believed(state)[0][0] == pytest.approx(150.0, abs=40.0)


def jumped(after):
    return lambda t: Wrong(range_m=100.0 if t < 200 else 100.0 + after)


def test_a_jump_is_an_alarm_and_is_learnt_anew():
    sky, state = Sky(6), registration.init()
    assert watch(state, sky, 199, jumped(150.0)) == []
    alarms = watch(state, sky, 30, jumped(150.0), begin=199)
    assert [(a.source, a.bias) for a in alarms] == [(RADAR, "first")]
    assert alarms[0].size == pytest.approx(150.0, abs=75.0)
    assert alarms[0].time_ns <= T0 + 215 * S
    watch(state, sky, 60, jumped(150.0), begin=229)
    assert abs(believed(state)[0][0] - 250.0) < 15.0
    assert state_of(state, RADAR).alarms == 1


def test_false_alarms_come_as_often_as_is_stated():
    """At one in five windows, counting shifts of any size (the product also wants half the noise)."""
    count = windows = 0
    for seed in range(10):
        state = registration.init(registration.Prior(100.0, math.radians(0.2), 0.4, 1e-4))
        sky = Sky(300 + seed, n=10)
        watch(state, sky, 40, Wrong())
        state.alarm_tail, state.limit[:] = 0.2, 0.0
        count += len(watch(state, sky, 160, Wrong(), begin=40))
        windows += 16
    spread = 3 * math.sqrt(0.2 * 0.8 / windows)
    assert 0.2 - spread < count / windows < 0.2 + spread


@pytest.mark.parametrize("honest", [True, False])
def test_a_radar_that_says_it_is_better_than_it_is_is_found(honest):
    noise = 1.0 if honest else 3.0
    sky, state = Sky(7), registration.init()
    watch(state, sky, 160, Wrong(noise=noise))
    said = state_of(state, RADAR)
    assert said.dishonest is not honest
    assert said.noise_factor == pytest.approx(noise**2, rel=0.35)
    assert not state_of(state, ADSB).dishonest
    raw = sky.plots(164, Wrong(noise=noise))
    sigma = registration.corrected(state, raw, which(raw), TABLE).sigma_range_m
    assert sigma.mean() == pytest.approx(50.0 * noise, rel=0.2)


def test_reports_that_say_they_are_better_than_they_are_are_found():
    state = registration.init()
    watch(state, Sky(8), 200, Wrong(), second=Wrong(), sigma_m=50.0, noise=6.0)
    assert state_of(state, ADSB).dishonest
    assert not state_of(state, RADAR).dishonest


def test_a_snapshot_goes_on_as_if_nothing_had_been():
    one, two_, sky, again = registration.init(), registration.init(), Sky(9), Sky(9)
    watch(one, sky, 90, BAD)
    watch(two_, again, 43, BAD)
    two_ = registration.load(registration.dump(two_))
    watch(two_, again, 47, BAD, begin=43)
    a, b = registration.dump(one), registration.dump(two_)
    assert a.keys() == b.keys()
    for name in a:
        assert np.asarray(a[name]).tobytes() == np.asarray(b[name]).tobytes(), name
    assert registration.status(one) == registration.status(two_)


def test_a_cartesian_sensor_that_is_shifted_and_turned():
    """Plots x, y of a sensor whose north is a degree off and whose origin is not where it says."""
    sky, state, turn = Sky(10), registration.init(), math.radians(0.5)
    late = 0.0

    def cartesian(t):
        polar = sky.plots(t, Wrong(noise=0.0, late_s=late))
        ground = np.sqrt(polar.range_m**2 - two.HEIGHT_M**2)
        x = ground * np.sin(polar.azimuth_rad + turn) + 120.0 + sky.rng.normal(0, 30, sky.n)
        y = ground * np.cos(polar.azimuth_rad + turn) - 80.0 + sky.rng.normal(0, 30, sky.n)
        nothing = np.full(sky.n, np.nan)
        return polar.replace(
            form=np.full(sky.n, Form.CARTESIAN, np.uint8), x_m=x, y_m=y, range_m=nothing, azimuth_rad=nothing
        )

    for t in range(1, 121):
        plots = cartesian(t) if t % 4 == 0 else Plots.blank(0)
        registration.observe(state, sky.reports(t), plots, which(plots), TABLE, sky.tracks(t))
        registration.advance(state, T0 + t * S)
    said = state_of(state, RADAR)
    assert said.form == "cartesian"
    assert math.degrees(said.turn_rad) == pytest.approx(0.5, abs=0.03)
    raw = cartesian(124)
    right = registration.corrected(state, raw, which(raw), TABLE)
    assert error_m(raw, sky, 0.0) > 5 * error_m(right, sky, 0.0)


def test_what_is_not_known_is_left_alone():
    sky, state = Sky(11), registration.init()
    raw = sky.plots(4, BAD)
    assert registration.corrected(state, raw, which(raw), TABLE) is raw
    watch(state, sky, 8, BAD, reference=False)
    assert registration.corrected(state, raw, which(raw), TABLE) is raw, "a radar alone says nothing of itself"


def test_rows_of_any_kind_do_no_harm():
    sky, state = Sky(12, n=8), registration.init()
    rng = np.random.default_rng(1)
    odd = np.array([np.nan, np.inf, -np.inf, 1e308, -1.0, 0.0, 1e-300, 5e4])
    for t in range(1, 60):
        plots, reports = sky.plots(t, Wrong()), sky.reports(t)
        for name in ("range_m", "azimuth_rad", "alt_m", "sigma_range_m", "lat_rad"):
            column = getattr(plots, name).copy()
            spoilt = rng.random(8) < 0.3
            column[spoilt] = odd[rng.integers(0, 8, spoilt.sum())]
            plots = plots.replace(**{name: column})
        form = rng.integers(0, 5, 8).astype(np.uint8)
        reports = reports.replace(sigma_m=rng.permutation(odd), lat_rad=rng.permutation(odd))
        registration.observe(state, reports, plots.replace(form=form), which(plots), TABLE, sky.tracks(t))
        registration.advance(state, T0 + t * S)
        registration.corrected(state, plots, which(plots), TABLE)
    assert np.isfinite(state.book.mean).all()
    assert np.isfinite(state.book.cov).all()
    assert np.linalg.eigvalsh(state.book.cov).min() > -1e-6


def test_the_doubt_is_bounded_and_never_negative():
    sky, state = Sky(13), registration.init()
    watch(state, sky, 40, BAD)
    for k in range(1, 200):
        registration.advance(state, T0 + (40 + 10**6 * k) * S)
    sigma = np.sqrt(np.diag(state.book.cov)[5 * state.row_of[RADAR] :][:5])
    assert (sigma <= 2.0 * state.book.prior[state.row_of[RADAR]] + 1e-9).all()
    assert np.linalg.eigvalsh(state.book.cov).min() > -1e-6
    assert not state_of(state, RADAR).applied


def test_more_sources_than_there_is_room_for_are_left_alone():
    sky, state = Sky(14, n=4), registration.init()
    for k in range(registration.SOURCES_MAX + 9):
        plots = sky.plots(4, Wrong()).replace(source=np.full(4, 900 + k, np.uint32))
        registration.observe(state, Reports.blank(0), plots, np.ones(4, np.int64), TABLE, sky.tracks(4))
    assert len(registration.status(state)) == registration.SOURCES_MAX


def test_the_order_of_rows_says_nothing():
    one, other, sky, again = registration.init(), registration.init(), Sky(15), Sky(15)
    rng = np.random.default_rng(2)
    for t in range(1, 41):
        for state, world, mixed in ((one, sky, False), (other, again, True)):
            plots = world.plots(t, BAD) if t % 4 == 0 else Plots.blank(0)
            reports = world.reports(t)
            if mixed:
                plots, reports = plots.take(rng.permutation(len(plots))), reports.take(rng.permutation(len(reports)))
            registration.observe(state, reports, plots, which(plots), TABLE, world.tracks(t))
            registration.advance(state, T0 + t * S)
    a, b = (believed(s) for s in (one, other))
    assert a[0] == pytest.approx(b[0], rel=1e-9, abs=1e-12)


def test_a_lever_is_what_a_bias_moves():
    """The Jacobian against differences of ``locate`` itself."""
    sky = Sky(16)
    plots = sky.plots(4, Wrong())
    none = np.zeros(sky.n, np.int64)

    def located(table):
        at, r, why = np.zeros((sky.n, 3)), np.zeros((sky.n, 3)), none.copy()
        taken = rows.plots(table, none, which(table))
        sensing.locate(taken, TABLE, at, r, why)
        return taken, at

    taken, at = located(plots)
    lever, use = np.zeros((sky.n, 6)), none + 1
    kernel.levers(taken, TABLE, at, lever, use)
    assert use.all()
    from manara.kernels import geodesy

    for k, moved in (
        (0, plots.replace(range_m=plots.range_m + 10.0)),
        (4, plots.replace(azimuth_rad=plots.azimuth_rad + 1e-4)),
    ):
        step = 10.0 if k == 0 else 1e-4
        _, other = located(moved)
        for i in range(sky.n):
            e, n = geodesy.offset(*at[i], 0.0, *other[i])
            assert (e / step, n / step) == pytest.approx(
                tuple(lever[i, k : k + 2]), rel=5e-3, abs=5e-3 * np.hypot(*lever[i, k : k + 2])
            )
