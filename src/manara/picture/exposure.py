"""How surely our own sensors should have seen something: the measure by which seeing nothing says anything.

**Nominal**: from the table of sensors – range, period, probability of detection, the radio horizon, the cone above the
antenna – and only of sensors that have measured something of late. It knows no terrain, no weather and no sizes beyond
a guess by kind, so it is cut on every side: it would rather say nothing than refute what is there. Where reception
coverage is measured, this one function is the place for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from manara.kernels import geodesy
from manara.records.columns import F8, U1
from manara.records.reports import Domain, Kind
from manara.records.sensors import Sensor

RANGE = 0.75  # of a sensor's stated range
SURE = 0.8  # of its stated probability of detection
SMALL = 0.2  # of the range, for what may be small: range goes with the fourth root of the echo's size
EARTH_M = 6_371_000.0 * 4.0 / 3.0  # with the usual refraction
STEEP = math.tan(math.radians(40.0))  # above it lies the cone of silence
UNTOLD_M = {int(Domain.AIR): 150.0}  # height of what does not tell it: low, so that little is expected; else 3 m
_LOW_M = 3.0
_SERVES = {"air": (Domain.AIR,), "sea": (Domain.SEA,), "surface": (Domain.SEA,)}
_LARGE = (Kind.AIRCRAFT, Kind.SEARCH_AIRCRAFT, Kind.VESSEL_A)


def expected(sensors: Sequence[Sensor], lat_rad: F8, lon_rad: F8, alt_m: F8, kind: U1, domain: U1, dt_s: F8) -> F8:
    """−ln of the probability that all sensors together miss each craft over ``dt_s`` seconds, (n,).

    >>> site = Sensor(name="hill", lat_deg=0.0, lon_deg=0.0, height_m=300.0, period_s=4.0, detection_probability=0.9)
    >>> lat, lon = np.radians([0.3, 0.3, 5.0]), np.zeros(3)
    >>> kinds, domains = np.array([7, 8, 7], np.uint8), np.ones(3, np.uint8)
    >>> made = expected([site], lat, lon, np.full(3, 5000.0), kinds, domains, np.full(3, 12.0))
    >>> made.round(1).tolist()
    [3.8, 3.8, 0.0]
    """
    out = np.zeros(len(lat_rad))
    low = np.where(domain == Domain.AIR, UNTOLD_M[int(Domain.AIR)], _LOW_M)
    height = np.where(np.isfinite(alt_m), np.maximum(alt_m, low), low)
    size = np.where(np.isin(kind, [int(one) for one in _LARGE]), 1.0, SMALL)
    flat = np.cos(lat_rad)
    at = np.stack([flat * np.cos(lon_rad), flat * np.sin(lon_rad), np.sin(lat_rad)], axis=1)
    for one in sensors:
        serves = np.isin(domain, [int(each) for each in _SERVES.get(one.domain, ())])
        if not serves.any() or not (math.isfinite(one.lat_deg) and math.isfinite(one.lon_deg)) or one.period_s <= 0:
            continue
        site = np.array(geodesy.nvector(math.radians(one.lat_deg), math.radians(one.lon_deg)))
        chord = np.sqrt(((at - site) ** 2).sum(axis=1)) * 6_371_000.0
        mast = max(one.height_m, 10.0)
        horizon = np.sqrt(2.0 * EARTH_M * mast) + np.sqrt(2.0 * EARTH_M * np.maximum(height, 0.0))
        good = serves & (chord < RANGE * one.range_max_m * size) & (chord < 0.9 * horizon)
        good &= height - mast < STEEP * np.maximum(chord, 1.0)
        sure = -math.log1p(-min(max(SURE * one.detection_probability, 0.0), 0.99))
        out += np.where(good, sure * dt_s / one.period_s, 0.0)
    return out
