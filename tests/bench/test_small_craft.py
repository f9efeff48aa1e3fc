"""The small-craft scenario is what it says, and anybody's scorer can read it."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest


@pytest.fixture(scope="module")
def small(repository):
    spec = importlib.util.spec_from_file_location("small_craft", repository / "bench/small_craft.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def z(small):
    return small.generate(60, 5, scans=40)


def test_one_seed_is_one_scenario(small, z):
    again = small.generate(60, 5, scans=40)
    assert z.keys() == again.keys()
    assert all(np.array_equal(z[name], again[name]) for name in z)
    assert not np.array_equal(z["det_range"][:50], small.generate(60, 6, scans=40)["det_range"][:50])


def test_craft_are_small_slow_and_hard_to_see(small, z):
    speed = np.hypot(*z["tru_v"].T)
    assert speed.min() >= 10.0
    assert speed.max() <= 40.0
    real = z["det_truth"] >= 0
    assert (~real).sum() > 1.5 * real.sum(), "heavy clutter"
    assert len(np.unique(z["tru_id"])) < 60 or len(z["tru_t"]) < 60 * len(z["times"]), "low coverage"
    count = np.zeros(len(z["times"]))
    site = z["sites"][:, 0]
    for t in range(len(count)):
        own = z["tru_xy"][z["tru_t"] == t]
        reached = (np.linalg.norm(own - site[t % 3], axis=1) < small.REACH_M).sum()
        count[t] = (real & (z["det_t"] == t)).sum() / reached
    assert 0.5 < count.mean() < 0.7


def test_noise_is_what_is_stated(z):
    real = z["det_truth"] >= 0
    index = {(t, i): k for k, (t, i) in enumerate(zip(z["tru_t"].tolist(), z["tru_id"].tolist(), strict=True))}
    row = [index[key] for key in zip(z["det_t"][real].tolist(), z["det_truth"][real].tolist(), strict=True)]
    e, r = z["det_xy"][real] - z["tru_xy"][row], z["det_R"][real]
    square = (r[:, 2] * e[:, 0] ** 2 - 2 * r[:, 1] * e[:, 0] * e[:, 1] + r[:, 0] * e[:, 1] ** 2) / (
        r[:, 0] * r[:, 2] - r[:, 1] ** 2
    )
    assert square.mean() / 2 == pytest.approx(1.0, abs=0.08)


def test_the_truth_scores_as_perfect(small, z):
    n = len(z["tru_t"])
    tracks = {"time": z["times"][z["tru_t"]], "track_id": z["tru_id"], "x": z["tru_xy"][:, 0], "y": z["tru_xy"][:, 1]}
    tracks |= {"vx": z["tru_v"][:, 0], "vy": z["tru_v"][:, 1], "pxx": np.ones(n), "pxy": np.zeros(n), "pyy": np.ones(n)}
    got = small.scored(z, tracks, 300.0)
    assert (got["gospa_per_sqrt_n_m"], got["completeness"], got["velocity_error_mps"]) == (0.0, 1.0, 0.0)
