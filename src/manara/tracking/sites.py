"""The table of sensors as the kernels take it, and which row each source of plots has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from manara.kernels import geodesy, sensing
from manara.records.columns import F8
from manara.records.reports import Domain
from manara.records.sensors import Sensor

SOURCES_MAX = 1024  # further sources share the row that knows no site

_DOMAINS = {"air": Domain.AIR, "sea": Domain.SEA}
# Height of a craft whose height is not measured, and its spread: metres above the ellipsoid, by domain.
_HEIGHTS = {Domain.AIR: (5000.0, 3500.0), Domain.SEA: (0.0, 30.0), Domain.UNKNOWN: (0.0, 30.0)}


def match(source: int, sensors: Sequence[Sensor], feeds: Mapping[int, str]) -> Sensor | None:
    """The sensor that a source is: same SAC and SIC, of the feed by name, else of any feed; None where none is.

    >>> match(0x21401, [Sensor(name="a", sac=20, sic=1)], {}).name
    'a'
    """
    feed, sac, sic = source >> 16, source >> 8 & 0xFF, source & 0xFF
    fits = [s for s in sensors if s.sac == sac and s.sic == sic]
    named = [s for s in fits if s.feed and s.feed == feeds.get(feed)]
    return next(iter(named + [s for s in fits if not s.feed]), None)


def row(sensor: Sensor | None) -> F8:
    """One row of the table, (15,); the place is NaN where it is not known.

    >>> bool(np.isnan(row(None)[sensing.S_NX])), float(row(None)[sensing.S_DOMAIN])
    (True, 0.0)
    """
    known = sensor if sensor is not None else Sensor(name="", domain="")
    domain = _DOMAINS.get(known.domain, Domain.UNKNOWN)
    out = np.full(sensing.S_WIDTH, np.nan)
    if abs(known.lat_deg) <= 90.0 and abs(known.lon_deg) <= 360.0 and math.isfinite(known.height_m):
        n = geodesy.nvector(math.radians(known.lat_deg), math.radians(known.lon_deg))
        out[:4] = (*n, known.height_m)
        out[4:7] = geodesy.to_ecef(*n, known.height_m)
    height_m, spread_m = _HEIGHTS[domain]
    if known.domain == "surface":
        height_m = known.height_m
    out[7:] = (
        _positive(known.sigma_range_m, 70.0),
        math.radians(_positive(known.sigma_azimuth_deg, 0.08)),
        _positive(known.sigma_m, 30.0),
        _positive(known.range_max_m, 470_000.0),
        _positive(known.period_s, 4.0),
        float(domain),
        height_m,
        spread_m,
    )
    return out


def _positive(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) and value > 0.0 else otherwise
