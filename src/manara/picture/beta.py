"""The Beta distribution: what so much evidence for and against says of a share.

Jeffreys' prior (½, ½), under which the equal-tailed interval holds the true share about as often as it says, for any
share. Brown, Cai, DasGupta, Statistical Science 16 (2001) 101. Plain Python: a few calls a minute.
"""

from __future__ import annotations

import math
from typing import NamedTuple

PRIOR = 0.5
INSIDE = 0.9
_STEPS = 300
_LEAST = 1e-300


class Share(NamedTuple):
    """Expected value and the interval that holds the share with probability ``INSIDE``."""

    mean: float
    low: float
    high: float


def share(corroborated: float, refuted: float) -> Share:
    """What evidence says; numbers need not be whole.

    >>> [round(x, 3) for x in share(9.0, 1.0)]
    [0.864, 0.669, 0.982]
    >>> [round(x, 3) for x in share(0.0, 0.0)]
    [0.5, 0.006, 0.994]
    """
    a, b = PRIOR + max(corroborated, 0.0), PRIOR + max(refuted, 0.0)
    tail = (1.0 - INSIDE) / 2.0
    return Share(a / (a + b), quantile(tail, a, b), quantile(1.0 - tail, a, b))


def quantile(p: float, a: float, b: float) -> float:
    """x with I_x(a, b) = p, for 0 < p < 1; by bisection to 1e-12.

    >>> round(quantile(0.5, 2.0, 2.0), 9)
    0.5
    """
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2.0
        if cumulative(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def cumulative(x: float, a: float, b: float) -> float:
    """I_x(a, b), the regularised incomplete beta function, for a, b > 0, by Lentz's continued fraction; better than
    1e-10 for a, b up to 10,000. Abramowitz and Stegun 26.5.8.

    >>> round(cumulative(0.25, 1.0, 3.0), 9)
    0.578125
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - cumulative(1.0 - x, b, a)
    log = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    out = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1.0 / _not_zero(1.0 + term * d), _not_zero(1.0 + term / c)
            out *= d * c
        if abs(d * c - 1.0) < 1e-13:
            break
    return out


def _not_zero(x: float) -> float:
    return x if abs(x) > _LEAST else _LEAST
