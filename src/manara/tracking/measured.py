"""Coverage as it is measured: of craft that report themselves in a radar's reach, how many it sees in one turn.

::

    reports (where a craft was, by its own word) ┐
    plots of one radar, half a turn around it ───┴▶ seen, or not ─▶ looks and hits for each cell, height and size

The reports are truth that does not depend on the radar, so a miss counts as well as a hit. What hills hide shows here
and nowhere else. It takes twenty looks before a measured figure stands in the place of the nominal one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.kernels import coverage, grid
from manara.kernels.geodesy import A_M
from manara.records.columns import F8, I8, U1, U8
from manara.records.coverage import FLOOR_M, LEAST, TIER, Size
from manara.records.plots import Form, Plots
from manara.records.released import Rows
from manara.records.reports import Domain, Flag, Kind, Reports
from manara.tracking.coverage import Observer

NS = 1_000_000_000
PLOTS_MAX, REPORTS_MAX = 2_048, 256  # of one radar in one window; further ones are not looked at
CELLS_MAX = 32_768  # of one radar: a cell and a layer each
LOOKS_LEAST, LOOKS_MOST = 20.0, 200.0  # beyond the latter both counts are halved, so that old looks fade
GATE_M = 500.0  # beside three sigmas
APART_M = 4_000.0  # craft that are closer to one another are not looked at
_KEY = np.dtype([("key", "<u8"), ("looks", "<f8"), ("hits", "<f8")])
_PLOT = np.dtype([("time_ns", "<i8"), ("range_m", "<f8"), ("azimuth_rad", "<f8")])
_CRAFT = np.dtype(
    [("identity", "<u8"), ("time_ns", "<i8"), ("lat_rad", "<f8"), ("lon_rad", "<f8"), ("alt_m", "<f8"),
     ("east_mps", "<f8"), ("north_mps", "<f8"), ("small", "u1")]
)  # fmt: skip
_AIR = (Kind.AIRCRAFT, Kind.UNMANNED_AIRCRAFT, Kind.SEARCH_AIRCRAFT)
_SEA = (Kind.VESSEL_A, Kind.VESSEL_B)
_SMALL = (Kind.UNMANNED_AIRCRAFT, Kind.VESSEL_B)
_NOT = Flag.ON_GROUND | Flag.TEST | Flag.NO_POSITION | Flag.POSITION_SUSPECT


@dataclass
class Radar:
    """What is counted of one radar. ``begin_ns``: of the window that is being filled."""

    begin_ns: int = 0
    plots: Rows = field(default_factory=lambda: np.zeros(0, _PLOT))
    craft: Rows = field(default_factory=lambda: np.zeros(0, _CRAFT))
    counts: Rows = field(default_factory=lambda: np.zeros(0, _KEY))


@dataclass(frozen=True, eq=False)
class Measured:
    """Cells and layers of which enough is known, and the level there, (n,)."""

    cell: U8
    layer: I8
    level: U1


def note(one: Radar, radar: Observer, plots: Plots, reports: Reports, now_ns: int) -> bool:
    """Take in a step's plots of this radar and reports of its view; True where a window was closed and counted."""
    if not radar.period_s:
        return False
    polar = plots.take((plots.form == Form.POLAR) & np.isfinite(plots.range_m) & np.isfinite(plots.azimuth_rad))
    new = np.zeros(len(polar), _PLOT)
    for name in _PLOT.names or ():
        new[name] = getattr(polar, name)
    one.plots = np.concatenate([one.plots, new])[:PLOTS_MAX]
    one.craft = np.concatenate([one.craft, _reported(reports, radar)])[: 4 * REPORTS_MAX]
    span_ns = int(max(2.5 * radar.period_s, 10.0) * NS)
    if one.begin_ns == 0 or now_ns - one.begin_ns > 3 * span_ns:  # the first, or one that was away
        _begin(one, now_ns)
        return False
    if now_ns - one.begin_ns < span_ns:
        return False
    _count(one, radar, now_ns)
    _begin(one, now_ns)
    return True


def _begin(one: Radar, now_ns: int) -> None:
    one.begin_ns, one.plots, one.craft = now_ns, np.zeros(0, _PLOT), np.zeros(0, _CRAFT)


def _reported(reports: Reports, radar: Observer) -> Rows:
    kinds = _SEA if radar.domain == Domain.SEA else _AIR
    good = np.isin(reports.kind, kinds) & (reports.identity != 0) & (reports.flags & _NOT == 0)
    good &= np.isfinite(reports.lat_rad) & np.isfinite(reports.lon_rad)
    if radar.domain == Domain.AIR:
        good &= reports.alt_m >= FLOOR_M[0]
    some = reports.take(good)
    speed = np.nan_to_num(some.speed_mps)
    course = np.nan_to_num(some.course_rad)
    out = np.zeros(len(some), _CRAFT)
    for name in ("identity", "time_ns", "lat_rad", "lon_rad"):
        out[name] = getattr(some, name)
    out["alt_m"] = np.nan_to_num(some.alt_m)
    out["east_mps"], out["north_mps"] = speed * np.sin(course), speed * np.cos(course)
    out["small"] = np.isin(some.kind, _SMALL)
    return out


def _count(one: Radar, radar: Observer, now_ns: int) -> None:
    """Each craft once: whether any plot within half a turn of its report lies where it was then."""
    half_ns = int(0.5 * radar.period_s * NS)
    inside = (one.craft["time_ns"] >= one.begin_ns + half_ns) & (one.craft["time_ns"] <= now_ns - half_ns - NS)
    craft = one.craft[inside]
    _, first = np.unique(craft["identity"], return_index=True)
    craft = craft[first[:REPORTS_MAX]]
    craft = craft[_alone(craft)]
    near = coverage.apart_m(radar.lat_rad, radar.lon_rad, craft["lat_rad"], craft["lon_rad"]) <= radar.range_max_m
    craft = craft[near]
    if not len(craft):
        return
    seen = _seen(craft, one.plots, radar, half_ns)
    cell = grid.cell_of(craft["lat_rad"], craft["lon_rad"], TIER)
    band = np.zeros(len(craft), np.int64)
    if radar.domain == Domain.AIR:
        band = np.searchsorted(np.array(FLOOR_M), craft["alt_m"], side="right") - 1
    sizes = [np.full(len(craft), int(Size.BROADCASTING))]
    if not radar.broadcasting:
        sizes.append(np.where(craft["small"] == 1, int(Size.SMALL), int(Size.LARGE)))
    for size in sizes:
        layer = (3 * band + size).astype(np.uint64)
        _add(one, cell | layer << np.uint64(60), seen)


def _alone(craft: Rows) -> NDArray[np.bool_]:
    """Which craft have no other near by whose plot could be taken for theirs, (n,)."""
    north = A_M * (craft["lat_rad"][:, None] - craft["lat_rad"][None, :])
    east = A_M * np.cos(craft["lat_rad"])[:, None] * (craft["lon_rad"][:, None] - craft["lon_rad"][None, :])
    close = north * north + east * east < APART_M * APART_M
    return np.asarray(close.sum(axis=1) <= 1, np.bool_)


def _seen(craft: Rows, plots: Rows, radar: Observer, half_ns: int) -> NDArray[np.bool_]:
    """Which craft have a plot, (n,). Slant range and azimuth on a sphere, both straight lines of the radio left out."""
    if not len(plots):
        return np.zeros(len(craft), np.bool_)
    late_s = (plots["time_ns"][None, :] - craft["time_ns"][:, None]) / NS
    lat = craft["lat_rad"][:, None] + craft["north_mps"][:, None] * late_s / A_M
    lon = craft["lon_rad"][:, None] + craft["east_mps"][:, None] * late_s / (A_M * np.cos(craft["lat_rad"])[:, None])
    angle = coverage.apart_m(radar.lat_rad, radar.lon_rad, lat, lon) / A_M
    a, b = A_M + radar.height_m, A_M + craft["alt_m"][:, None]
    range_m = np.sqrt((a - b) ** 2 + 4.0 * a * b * np.sin(0.5 * angle) ** 2)
    turn = _azimuth(radar, lat, lon) - plots["azimuth_rad"][None, :]
    turn = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    close = np.abs(range_m - plots["range_m"][None, :]) <= GATE_M + 3.0 * radar.sigma_range_m
    close &= turn * range_m <= GATE_M + 3.0 * radar.sigma_azimuth_rad * range_m
    close &= np.abs(late_s) * NS <= half_ns
    return np.asarray(close.any(axis=1), np.bool_)


def _azimuth(radar: Observer, lat: F8, lon: F8) -> F8:
    east = np.sin(lon - radar.lon_rad) * np.cos(lat)
    north = np.cos(radar.lat_rad) * np.sin(lat) - np.sin(radar.lat_rad) * np.cos(lat) * np.cos(lon - radar.lon_rad)
    return np.asarray(np.arctan2(east, north))


def _add(one: Radar, key: U8, seen: NDArray[np.bool_]) -> None:
    new = np.zeros(len(key), _KEY)
    new["key"], new["looks"], new["hits"] = key, 1.0, seen
    whole = np.concatenate([one.counts, new])
    whole = whole[np.argsort(whole["key"], kind="stable")]
    first = np.flatnonzero(np.append(True, whole["key"][1:] != whole["key"][:-1]))
    out = whole[first].copy()
    for name in ("looks", "hits"):
        out[name] = np.add.reduceat(whole[name], first)
    full = out["looks"] > LOOKS_MOST
    for name in ("looks", "hits"):
        out[name] = np.where(full, 0.5 * out[name], out[name])
    one.counts = out[:CELLS_MAX]


def levels(one: Radar) -> Measured:
    """Where enough looks were had: the level of the measured probability less one standard deviation.

    >>> made = Radar(); _add(made, np.full(40, 5, np.uint64), np.arange(40) < 39); levels(made).level.tolist()
    [3]
    """
    some = one.counts[one.counts["looks"] >= LOOKS_LEAST]
    share = (some["hits"] + 0.5) / (some["looks"] + 1.0)
    low = share - np.sqrt(share * (1.0 - share) / (some["looks"] + 1.0))
    cell = some["key"] & np.uint64((1 << 60) - 1)
    return Measured(cell, (some["key"] >> np.uint64(60)).astype(np.int64), coverage.level_of(low, LEAST))


def dump(some: Mapping[str, Radar]) -> list[Any]:
    """Plain values and arrays."""
    return [[name, one.begin_ns, *map(_bytes, (one.plots, one.craft, one.counts))] for name, one in some.items()]


def _bytes(rows: Rows) -> Any:
    return np.frombuffer(rows.tobytes(), np.uint8).copy()


def load(plain: Any) -> dict[str, Radar]:
    """Take what ``dump`` gave."""
    return {name: Radar(begin_ns, *map(_rows, arrays, (_PLOT, _CRAFT, _KEY))) for name, begin_ns, *arrays in plain}


def _rows(plain: Any, kind: np.dtype[np.void]) -> Rows:
    return np.frombuffer(np.asarray(plain, np.uint8).tobytes(), kind).copy()
