"""The figures of quality: by hand, against a scorer that is not ours, and what no picture can change."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manara.records.tracks import Tracks
from manara.study import metrics
from manara.study.metrics import Craft, Held, Rules


def columns(rows):
    """Rows (sweep, number, x, y) as columns."""
    table = np.array(rows, float).reshape(-1, 4)
    return table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2:]


def measure(truth, held, **rules):
    return metrics.measure(Craft(*columns(truth)), Held(*columns(held)), Rules(**{"step_s": 10.0, **rules}))


TWO = [(k, n, 1000.0 * n, 100.0 * k) for k in range(4) for n in (1, 2)]


def test_a_perfect_picture():
    got = measure(TWO, TWO)
    assert (got.gospa_m, got.ospa_m, got.missed, got.false, got.switches) == (0.0, 0.0, 0.0, 0.0, 0)
    assert (got.completeness, got.ambiguity, got.spuriousness, got.longest_segment, got.continuity) == (1, 1, 0, 1, 1)
    assert got.false_tracks_per_hour == 0.0


def test_by_hand():
    """Craft 1 is held by track 7, then 8, at 30 m; craft 2 is missed; track 9 is of nobody; 7 has a twin once."""
    held = [(0, 7, 1030.0, 0.0), (1, 7, 1030.0, 100.0), (2, 8, 1030.0, 200.0), (3, 8, 1030.0, 300.0)]
    held += [(k, 9, 9000.0, 0.0) for k in range(3)] + [(0, 6, 1200.0, 0.0)]
    got = measure(TWO, held, cut_m=500.0)
    each = [30.0**2 + 500.0**2 / 2 * more for more in (3, 2, 2, 1)]
    assert got.gospa_m == pytest.approx(np.mean(np.sqrt(each)))
    assert got.located_share == pytest.approx(4 * 900.0 / sum(each))
    assert got.missed_share == pytest.approx(4 * 500.0**2 / 2 / sum(each))
    assert got.false_share == pytest.approx(4 * 500.0**2 / 2 / sum(each))
    assert got.position_rms_m == pytest.approx(30.0)
    assert (got.missed, got.false, got.switches) == (0.5, 0.5, 1)
    assert got.changes_per_hour == pytest.approx(1 / (8 * 10 / 3600))
    assert (got.completeness, got.ambiguity, got.spuriousness) == (0.5, 1.25, 3 / 8)
    assert got.position_error_m == pytest.approx((4 * 30.0 + 200.0) / 5)
    assert got.longest_segment == 2 / 8
    assert got.continuity == pytest.approx(2 / 3)
    assert got.false_tracks_per_hour == pytest.approx(1 / (40 / 3600))
    assert got.ospa_m == pytest.approx(np.mean([math.sqrt((900.0 + 500.0**2 * (m - 1)) / m) for m in (3, 2, 2, 2)]))


def test_consistency_and_freshness():
    sweep, track, at = columns(TWO)
    cov = np.tile([4.0, 1.0, 2.0], (8, 1))
    error = np.array([1.0, 2.0])
    fresh = np.arange(8) % 2 == 0
    got = metrics.measure(
        Craft(sweep, track, at), Held(sweep, track, at + error, cov=cov, fresh=fresh), Rules(step_s=1.0)
    )
    want = error @ np.linalg.solve([[4.0, 1.0], [1.0, 2.0]], error) / 2
    assert got.position_nees.mean == pytest.approx(want)
    assert got.position_nees.samples == 8
    assert got.update_probability == 0.5
    assert got.state_nees is None


def test_only_the_sweeps_that_are_asked_for():
    assert measure(TWO, TWO[2:], first=1, last=2).missed == 0.0
    assert measure(TWO, TWO[2:], first=0, last=2).missed == pytest.approx(1 / 3)


def test_nothing_at_all():
    got = measure([], [])
    assert got.sweeps == 0
    assert math.isnan(got.completeness)
    assert measure(TWO, []).missed == 1.0
    assert measure([], TWO).false == 1.0


def test_rows_that_are_no_number_are_missed_and_false():
    got = measure([(0, 1, 0.0, 0.0)], [(0, 7, float("nan"), 0.0)])
    assert (got.missed, got.false) == (1.0, 1.0)


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_the_order_of_rows_says_nothing(p, q):
    held = [(k, 7 + n, x + 30.0 * n, y) for k, n, x, y in TWO]
    mixed = measure([TWO[k] for k in p], [held[k] for k in q])
    assert repr(mixed) == repr(measure(TWO, held)), "as text, since some figures are NaN"


def test_an_honest_covariance_is_called_honest_and_a_vain_one_is_not():
    rng = np.random.default_rng(1)
    squares = rng.chisquare(2, 2000)
    assert metrics.consistency(squares, 2).honest
    assert not metrics.consistency(1.2 * squares, 2).honest
    assert not metrics.consistency(squares / 1.2, 2).honest
    assert metrics.consistency(np.full(3, np.nan), 2) is None


def honest(rng, n):
    """Tracks of a picture whose errors are drawn from their own covariances, at the antimeridian."""
    root = rng.normal(size=(n, 4, 4)) * np.array([40.0, 30.0, 2.0, 3.0])[:, None]
    p = root @ root.transpose(0, 2, 1) + np.eye(4)
    error = np.linalg.cholesky(p) @ rng.normal(size=(n, 4, 1))
    lat, lon = 0.9 + np.arange(n) * 4e-4, np.full(n, math.pi)
    at = metrics.on_earth(lat, lon)
    east = np.column_stack([-np.sin(lon), np.cos(lon), np.zeros(n)])
    north = np.column_stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    held = at + error[:, 0] * east + error[:, 1] * north
    return at, held, error[:, 2:, 0], p[:, *np.triu_indices(4)]


def test_nees_on_the_earth_is_calibrated():
    rng = np.random.default_rng(2)
    at, held_at, vel, cov = honest(rng, 1500)
    k, none = np.arange(1500), np.zeros(1500, np.int64)
    got = metrics.measure(
        Craft(none, k, at, np.zeros((1500, 2))),
        Held(none, k, held_at, vel, cov),
        Rules(step_s=1.0, cut_m=2000.0, tail=1e-3),
    )
    assert got.missed < 0.01
    assert got.position_nees.honest
    assert got.state_nees.honest


def test_tracks_of_a_picture_are_taken_as_they_are():
    rows = Tracks.blank(2).replace(
        track_id=np.array([3, 4], np.uint64), lat_rad=np.zeros(2), lon_rad=np.zeros(2), updated_ns=np.array([5, 9])
    )
    held = metrics.joined([metrics.of_tracks(rows, k, 6) for k in (0, 1)])
    assert held.sweep.tolist() == [0, 0, 1, 1]
    assert held.fresh.tolist() == [False, True, False, True]
    assert held.cov.shape == (4, 10)


SAME = {
    "gospa": "gospa_m",
    "gospa_per_sqrtN": "gospa_per_sqrt_n_m",
    "loc_rms_m": "position_rms_m",
    "id_switches": "switches",
    "switches_per_obj_hour": "changes_per_hour",
    "completeness": "completeness",
    "ambiguity": "ambiguity",
    "spuriousness": "spuriousness",
    "pos_acc_m": "position_error_m",
    "longest_segment": "longest_segment",
    "vel_err_ms": "velocity_error_mps",
}


def picture(z, rng):
    """Bad tracks of a scenario: noise, gaps, false ones, twins, and labels that are exchanged."""
    keep = rng.random(len(z["tru_t"])) < 0.93
    t, number = z["tru_t"][keep], z["tru_id"][keep] + 10_000 * (z["tru_t"][keep] // 17)
    xy = z["tru_xy"][keep] + rng.normal(0, 90.0, (keep.sum(), 2))
    vel = z["tru_v"][keep] + rng.normal(0, 9.0, (keep.sum(), 2))
    more = rng.random(len(t)) < 0.06
    half = float(z["side"]) / 2
    extra = np.concatenate([xy[more] + rng.normal(0, 200.0, (more.sum(), 2)), rng.uniform(-half, half, (300, 2))])
    xy = np.concatenate([xy, extra])
    vel = np.concatenate([vel, np.zeros_like(extra)])
    t = np.concatenate([t, t[more], rng.integers(0, len(z["times"]), 300)])
    number = np.concatenate([number, 10**6 + np.arange(len(extra))])
    cov = np.tile([8100.0, 500.0, 7000.0], (len(t), 1))
    return t.astype(np.int64), number, xy, vel, cov


def test_the_neutral_scorer_says_the_same(recordings, tmp_path):
    """To four decimals, dense and scattered, through files and another program."""
    folder = recordings("../bench/tracking")
    for n, more in ((40, ["--density", "0.4"]), (300, [])):
        scenario, tracks = tmp_path / f"{n}.npz", tmp_path / f"{n}-tracks.npz"
        command = [sys.executable, str(folder / "scenario.py"), str(n), str(scenario), "--scans", "15", *more]
        subprocess.run(command, check=True, capture_output=True)
        z = dict(np.load(scenario))
        t, number, xy, vel, cov = picture(z, np.random.default_rng(n))
        np.savez(
            tracks, time=z["times"][t], track_id=number, x=xy[:, 0], y=xy[:, 1], vx=vel[:, 0], vy=vel[:, 1],
            pxx=cov[:, 0], pxy=cov[:, 1], pyy=cov[:, 2],
        )  # fmt: skip
        told = subprocess.run(
            [sys.executable, str(folder / "score.py"), str(scenario), str(tracks)], check=True, capture_output=True
        )
        want = json.loads(told.stdout)
        rules = Rules(
            step_s=z["times"][1] - z["times"][0], first=int(np.searchsorted(z["times"], 20.0)), last=len(z["times"])
        )
        truth = Craft(z["tru_t"].astype(np.int64), z["tru_id"], z["tru_xy"], z["tru_v"])
        got = metrics.measure(truth, Held(t, number, xy, vel, cov), rules)
        assert want["id_switches"] > 10
        for theirs, ours in SAME.items():
            assert round(float(getattr(got, ours)), 4) == pytest.approx(want[theirs], abs=1.01e-4), theirs
        assert round(got.position_nees.mean, 4) == want["anees_pos"]
        assert round(100 * got.missed, 4) == want["missed_pct"]
        assert round(100 * got.false, 4) == want["false_pct"]
