from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from manara.desk.ellipse import CONFIDENCE, ellipse

size = st.floats(0.1, 1e5)


@given(size, size, st.floats(-0.999, 0.999))
def test_axes_and_bearing_are_those_of_the_eigenvectors(sigma_e, sigma_n, rho):
    cov = rho * sigma_e * sigma_n
    found = ellipse(sigma_e**2, cov, sigma_n**2)
    values, vectors = np.linalg.eigh([[sigma_e**2, cov], [cov, sigma_n**2]])
    scale = math.sqrt(stats.chi2.ppf(CONFIDENCE, 2))
    assert found.semi_major_m == pytest.approx(scale * math.sqrt(values[1]), rel=1e-9)
    assert found.semi_minor_m == pytest.approx(
        scale * math.sqrt(max(values[0], 0)), rel=1e-6, abs=found.semi_major_m * 1e-6
    )
    if values[1] > values[0] * 1.01:
        east, north = vectors[:, 1]
        off = (found.bearing_deg - math.degrees(math.atan2(east, north))) % 180.0
        assert min(off, 180.0 - off) < 1e-4


def test_ninety_five_of_a_hundred_lie_inside():
    rng = np.random.default_rng(5)
    cov = np.array([[900.0, 300.0], [300.0, 400.0]])
    found = ellipse(900.0, 300.0, 400.0)
    points = rng.multivariate_normal([0, 0], cov, 40_000)
    turn = math.radians(found.bearing_deg)
    along = points @ np.array([math.sin(turn), math.cos(turn)])
    across = points @ np.array([math.cos(turn), -math.sin(turn)])
    inside = (along / found.semi_major_m) ** 2 + (across / found.semi_minor_m) ** 2 <= 1
    assert inside.mean() == pytest.approx(CONFIDENCE, abs=0.005)


@pytest.mark.parametrize("bad", [(0.0, 0.0, 0.0), (math.nan, 0.0, 1.0), (1.0, math.inf, 1.0), (-1.0, 0.0, 4.0)])
def test_where_nothing_is_known_there_is_no_ellipse(bad):
    assert ellipse(*bad) is None


def test_rounding_below_zero_is_a_line():
    assert ellipse(1.0, 1.0 + 1e-12, 1.0).semi_minor_m == 0.0
