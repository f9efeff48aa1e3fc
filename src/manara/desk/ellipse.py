"""The ellipse in which a track's position lies with a stated probability."""

from __future__ import annotations

import math
from typing import NamedTuple

CONFIDENCE = 0.95
_SCALE = math.sqrt(-2.0 * math.log(1.0 - CONFIDENCE))  # of one standard deviation, for two dimensions


class Ellipse(NamedTuple):
    """Semi-axes in metres and the bearing of the long one, clockwise from true north, in [0, 180)."""

    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float


def ellipse(var_e_m2: float, cov_en_m2: float, var_n_m2: float) -> Ellipse | None:
    """Draw a covariance as people read it.

    λ = (a + c)/2 ± √(((a − c)/2)² + b²) for [[a, b], [b, c]]; semi-axis = √λ · √(−2 ln(1 − p)), p = 0.95.
    The long axis turns from east by φ = ½ atan2(2b, a − c); its bearing is 90° − φ.

    In: the upper triangle of the position covariance in local east and north, m². Out: None where nothing is known
    (not finite, zero, or no covariance at all); a small negative λ from rounding counts as zero.

    >>> ellipse(100.0, 0.0, 25.0)
    Ellipse(semi_major_m=24.477468306808166, semi_minor_m=12.238734153404083, bearing_deg=90.0)
    >>> ellipse(0.0, 0.0, 0.0) is None
    True
    """
    if not (math.isfinite(var_e_m2) and math.isfinite(cov_en_m2) and math.isfinite(var_n_m2)):
        return None
    middle = (var_e_m2 + var_n_m2) / 2
    half = (var_e_m2 - var_n_m2) / 2
    spread = math.hypot(half, cov_en_m2)
    if middle + spread <= 0.0 or min(var_e_m2, var_n_m2) < 0.0:
        return None
    turn = 0.5 * math.atan2(cov_en_m2, half)
    return Ellipse(
        math.sqrt(middle + spread) * _SCALE,
        math.sqrt(max(middle - spread, 0.0)) * _SCALE,
        (90.0 - math.degrees(turn)) % 180.0,
    )
