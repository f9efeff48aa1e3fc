"""Registration: what is wrong with each sensor, found from craft that two sources see, and taken out of its plots.

::

    plots ─▶ corrected ─▶ (the tracker) ─▶ tracks        reports ─▶ weighed ─▶ (the tracker)
    reports, plots as they came, tracks ─▶ observe ─▶ advance ─▶ alarms        status ─▶ what the desk shows

Reports (AIS, ADS-B) are the reference: they have no bias here, though their stated accuracy may be found dishonest.
Sensors are compared with them and with one another; where no reference is, what sensors have in common stays unknown
and its sigma says so. Each source has its noise factor: NIS over windows against what it states. Only a factor above
one is applied, and everybody sees it.

How a tracker calls it (``which``: each plot's row of the table of sensors, as the stage makes it)::

    plots = registration.corrected(state.registration, raw, which, state.table)  # before the sweep
    ...
    registration.observe(state.registration, reports, raw, which, state.table, tracks)  # after it
    alarms = registration.advance(state.registration, now_ns)

Limits: at most ``SOURCES_MAX`` sources, ``PAIRS_MAX`` differences an advance. A craft whose own error lasts (a bad
transponder, pressure height near the antenna) is taken for noise that is new each time; many craft average it out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from manara.kernels import chi2, sensing
from manara.kernels import registration as kernel
from manara.records.columns import F8, I8, U4
from manara.records.plots import Form, Plots
from manara.records.reports import Domain, Flag, Kind, Reports
from manara.records.sensors import Registration
from manara.records.tracks import Life, Tracks
from manara.tracking import motion, rows

SOURCES_MAX = 32
PAIRS_MAX = 256  # an advance, until the sensors are known; of more, every second, third …
PENDING_MAX = 65_536  # sightings that wait for a second one
CRAFT_MAX = 512  # about so many craft are looked at until then; of more, every second, fourth …
KEEPING = 4  # a sensor that is known is kept with so much less
NAMELESS_HITS = 8  # plots of a craft without a name before it is believed that they are of one craft
GAP_NS = 4_000_000_000  # the most between two sightings that are compared
WINDOW_NS = 10_000_000_000
ALARM_TAIL = 1e-6  # false alarms per window of ten seconds, over all sources: one in 116 days
STEADY_S = 3.24e6  # a source walks a thirtieth of its prior in an hour
DISHONEST = 1.5  # noise factor beyond which a source is said to be, if it is so by four sigmas
BIASES = ("first", "second", "turn", "time")
_UNUSABLE = Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP
_MOTION = [motion.KINDS[kind] for kind in Kind]
_Q, _SIGMA, _FLOOR = (np.array([getattr(m, name) for m in _MOTION]) for name in ("q_m2ps3", "sigma_m", "floor_m"))


@dataclass(frozen=True)
class Prior:
    """How wrong a sensor may be before anything is known: sigmas."""

    place_m: float = 300.0  # range, or east and north
    turn_rad: float = math.radians(1.0)
    time_s: float = 1.0
    drift: float = 1e-4  # seconds per second


@dataclass(frozen=True)
class Alarm:
    """A bias jumped: by about ``size`` (metres, radians or seconds)."""

    source: int
    bias: str  # of BIASES
    size: float
    time_ns: int


@dataclass(eq=False)
class State:
    """Everything that registration remembers. Its functions write into it; nobody else does."""

    prior: Prior
    alarm_tail: float
    book: kernel.Book
    limit: F8  # (SOURCES_MAX, 5) what is small for each source: half its noise
    settled: F8  # (SOURCES_MAX, 5) 1: known well enough to be taken out
    pending: kernel.Seen
    row_of: dict[int, int] = field(default_factory=dict)
    form_of: dict[int, int] = field(default_factory=dict)  # source -> form of its plots, −1 for reports
    alarms: dict[int, Alarm] = field(default_factory=dict)  # source -> its last one
    count: dict[int, int] = field(default_factory=dict)  # source -> alarms ever
    now_ns: int = 0
    window_ns: int = 0


def init(prior: Prior | None = None, alarm_tail: float = ALARM_TAIL) -> State:
    """A state that knows of no source.

    >>> status(init())
    ()
    """
    shape = (SOURCES_MAX, kernel.WIDTH)
    return State(
        prior or Prior(), alarm_tail, kernel.blank(SOURCES_MAX), np.ones(shape), np.zeros(shape), _sightings(0)
    )


def observe(
    state: State, reports: Reports, plots: Plots, which: I8, table: F8, tracks: Tracks, of: I8 | None = None
) -> int:
    """Compare what the sources say of the same craft; gives how many differences were used.

    In: plots as they came, not corrected; ``which`` (n,) and ``table`` (s, 15) as for ``kernels.sensing``; ``tracks``
    with the craft's velocities, about now; ``of`` (n,) row of the track that each plot went to, −1 none; None: found
    by identity. A source whose plots are refused costs nothing.
    """
    if len(tracks) == 0 or not (len(plots) or (len(reports) and _senses(state))):
        return 0
    less = KEEPING if _settled(state) else 1
    firm = _looked_at(tracks, CRAFT_MAX // less)
    by_name = np.flatnonzero(firm & (tracks.identity > 0))
    by_name = by_name[np.argsort(tracks.identity[by_name], kind="stable")]
    owner = _owner(plots.identity, tracks, by_name) if of is None else np.where((of >= 0) & firm[of], of, -1)
    fresh = [_of_plots(state, plots, which, table, tracks, owner)]
    if len(reports) and _senses(state):
        fresh.append(_of_reports(state, reports, tracks, _owner(reports.identity, tracks, by_name)))
    seen = _join([state.pending, *fresh])
    order = np.lexsort((seen.time_ns, seen.craft))
    pair, rest = kernel.pairs(order, seen, GAP_NS)
    if len(pair) > PAIRS_MAX // less:
        pair = np.ascontiguousarray(pair[:: -(-len(pair) * less // PAIRS_MAX)])
    kernel.absorb(state.book, len(state.row_of), seen, pair)
    rest = rest[np.argsort(seen.time_ns[rest], kind="stable")][-PENDING_MAX:]
    state.pending = _take(seen, rest)
    return len(pair)


def advance(state: State, now_ns: int) -> tuple[Alarm, ...]:
    """Go on to ``now_ns``: biases wander, what waits too long is dropped, a window that is over is judged."""
    n = len(state.row_of)
    if state.now_ns and now_ns > state.now_ns and n:
        kernel.age(state.book, n, min((now_ns - state.now_ns) / 1e9, STEADY_S), STEADY_S)
    state.now_ns = max(state.now_ns, now_ns)
    state.pending = _take(state.pending, np.flatnonzero(state.pending.time_ns >= state.now_ns - 2 * GAP_NS))
    raised: tuple[Alarm, ...] = ()
    if state.now_ns - state.window_ns >= WINDOW_NS and n:
        state.window_ns = state.now_ns
        raised = _judge(state, n)
    _settle(state, n)
    return raised


def corrected(state: State, plots: Plots, which: I8, table: F8) -> Plots:
    """The plots with the biases that are known taken out, and their noise as it is: stated noise times the source's
    factor, plus what is unknown of the bias. Plots of sources of which nothing is known come back untouched.

    The unknown rest of a bias is the same for all plots of a source; adding it to each plot's own noise keeps a
    single plot honest, not the mean of many.
    """
    for source, row in state.row_of.items():
        if state.form_of[source] >= 0 and (state.settled[row].any() or _applied(state, row) > 1.0):
            mine = np.flatnonzero((plots.source == source) & (plots.form == state.form_of[source]))
            if len(mine):
                plots = _correct(state, row, plots, mine, table[which[mine]])
    return plots


def weighed(state: State, reports: Reports) -> Reports:
    """The reports with the noise that they have, where their source is found to state less; else untouched."""
    for source, row in state.row_of.items():
        factor = _applied(state, row) if state.form_of[source] < 0 else 1.0
        if factor > 1.0 and len(reports):
            sigma = np.where(reports.source == source, math.sqrt(factor) * _stated(reports), reports.sigma_m)
            reports = reports.replace(sigma_m=sigma)
    return reports


def status(state: State) -> tuple[Registration, ...]:
    """What is believed of each source, in order of the sources."""
    return tuple(_said(state, source, row) for source, row in sorted(state.row_of.items()))


def dump(state: State) -> dict[str, Any]:
    """The whole state as NumPy arrays and integers; ``load`` goes on from it bit for bit."""
    beside = [state.prior, state.alarm_tail, state.row_of, state.form_of, state.alarms, state.count]
    return {
        **{f"book_{name}": column.copy() for name, column in _cut(state.book, len(state.row_of))._asdict().items()},
        **{f"pending_{name}": column.copy() for name, column in state.pending._asdict().items()},
        "limit": state.limit.copy(),
        "settled": state.settled.copy(),
        "beside": np.frombuffer(msgspec.msgpack.encode(beside), np.uint8),
        "now_ns": state.now_ns,
        "window_ns": state.window_ns,
    }


def load(plain: Mapping[str, Any]) -> State:
    """A state from what ``dump`` gave."""
    beside = msgspec.msgpack.decode(
        np.asarray(plain["beside"], np.uint8).tobytes(),
        type=tuple[Prior, float, dict[int, int], dict[int, int], dict[int, Alarm], dict[int, int]],
    )
    prior, tail, row_of, form_of, alarms, count = beside
    book = kernel.blank(SOURCES_MAX)
    for name, column in _cut(book, len(row_of))._asdict().items():
        column[:] = plain[f"book_{name}"]
    pending = kernel.Seen(*(np.array(plain[f"pending_{name}"]) for name in kernel.Seen._fields))
    limit, settled = np.array(plain["limit"]), np.array(plain["settled"])
    return State(
        prior, tail, book, limit, settled, pending, row_of, form_of, alarms, count,
        int(plain["now_ns"]), int(plain["window_ns"]),
    )  # fmt: skip


def warm() -> None:
    """Compile what a first difference would."""
    seen, book = _sightings(0), kernel.blank(1)
    pair, _ = kernel.pairs(np.zeros(0, np.int64), seen, GAP_NS)
    kernel.absorb(book, 1, seen, pair)
    kernel.age(book, 1, 1.0, STEADY_S)
    kernel.doubt(book, 0)
    kernel.judge(book, 1, 5.0, np.ones((1, kernel.WIDTH)))
    plots, none = Plots.blank(0), np.zeros(0, np.int64)
    kernel.levers(rows.plots(plots, none, none), np.zeros((1, 15)), np.zeros((0, 3)), np.zeros((0, 6)), none)
    chi2.quantile(0.5, 1.0)


def _cut(book: kernel.Book, n: int) -> kernel.Book:
    """What of a book belongs to its first n sources."""
    of = [tuple(slice(d // SOURCES_MAX * n if d % SOURCES_MAX == 0 else d) for d in c.shape) for c in book]
    return kernel.Book(*(c[part] for c, part in zip(book, of, strict=True)))


def _judge(state: State, n: int) -> tuple[Alarm, ...]:
    asked = max(1, int((state.book.prior[:n, : len(BIASES)] > 0.0).sum()))
    level = math.sqrt(chi2.quantile(state.alarm_tail / asked, 1.0))
    row, bias, size = kernel.judge(state.book, n, level, state.limit)
    if row < 0:
        return ()
    source = next(s for s, r in state.row_of.items() if r == row)
    alarm = Alarm(source, BIASES[bias], size, state.now_ns)
    state.alarms[source] = alarm
    state.count[source] = state.count.get(source, 0) + 1
    return (alarm,)


def _settle(state: State, n: int) -> None:
    """A bias is taken out once its doubt is a quarter of the sensor's noise, and left in once it is half of it."""
    sigma = np.sqrt(np.maximum(np.diag(state.book.cov).reshape(-1, kernel.WIDTH)[:n], 0.0))
    free = state.book.prior[:n] > 0.0
    known, lost = free & (sigma < 0.5 * state.limit[:n]), sigma > state.limit[:n]
    state.settled[:n] = np.where(known, 1.0, np.where(lost, 0.0, state.settled[:n]))
    state.settled[:n, kernel.DRIFT] = 0.0


def _row(state: State, source: int, form: int, site: F8 | None) -> int:
    """The book's row of a source, a new one where it is new; −1 where there is no room, or its form is not settled."""
    if source in state.row_of:
        return state.row_of[source] if state.form_of[source] == form else -1
    if len(state.row_of) >= SOURCES_MAX:
        return -1
    row = state.row_of[source] = len(state.row_of)
    state.form_of[source] = form
    if site is not None:
        prior, polar = state.prior, form == Form.POLAR
        state.book.prior[row] = (
            prior.place_m,
            0.0 if polar else prior.place_m,
            0.0 if form == Form.GEODETIC else prior.turn_rad,
            prior.time_s,
            prior.drift,
        )
        state.limit[row] = _limits(site, form)
        kernel.doubt(state.book, row)
    return row


def _limits(site: F8, form: int) -> tuple[float, float, float, float, float]:
    """Half the noise of a sensor, of each bias: place, place, turn, time, drift."""
    place_m = 0.5 * (site[sensing.S_SIGMA_R] if form == Form.POLAR else site[sensing.S_SIGMA])
    turn_rad = 0.5 * site[sensing.S_SIGMA_AZ] if form == Form.POLAR else place_m / 5000.0
    speed_mps = 20.0 if site[sensing.S_DOMAIN] == Domain.SEA else 200.0
    return place_m, place_m, turn_rad, place_m / speed_mps, 1.0


def _senses(state: State) -> bool:
    """Is anything known that measures? Reports alone are the reference of nothing."""
    return any(form >= 0 for form in state.form_of.values())


def _settled(state: State) -> bool:
    """Are place and azimuth of every sensor known to a tenth of its noise?"""
    n = len(state.row_of)
    sigma2 = np.diag(state.book.cov).reshape(-1, kernel.WIDTH)[:n, : kernel.TIME]
    return bool((sigma2 <= (0.2 * state.limit[:n, : kernel.TIME]) ** 2).all())


def _looked_at(tracks: Tracks, most: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which tracks are compared: sure ones, by their id so that it is the same craft each time."""
    firm = (tracks.life > Life.TENTATIVE) & ((tracks.flags & _UNUSABLE) == 0)
    firm &= (tracks.identity > 0) | (tracks.hits >= NAMELESS_HITS)
    mask = np.uint64((1 << max(0, (len(tracks) // most).bit_length())) - 1)
    return np.asarray(firm & ((tracks.track_id & mask) == 0), np.bool_) if mask else firm


def _owner(identity: Any, tracks: Tracks, by_name: I8) -> I8:
    """Row of the track with each identity, −1 for none."""
    if len(by_name) == 0 or len(identity) == 0:
        return np.full(len(identity), -1, np.int64)
    spot = np.minimum(np.searchsorted(tracks.identity[by_name], identity), len(by_name) - 1)
    found = by_name[spot]
    return np.where((identity > 0) & (tracks.identity[found] == identity), found, -1)


def _of_plots(state: State, plots: Plots, which: I8, table: F8, tracks: Tracks, owner: I8) -> kernel.Seen:
    mine = np.flatnonzero(owner >= 0)
    plots, which, owner = plots.take(mine), which[mine], owner[mine]
    n = len(plots)
    taken = rows.plots(plots, np.zeros(n, np.int64), which)
    at, r, why, lever, use = np.zeros((n, 3)), np.zeros((n, 3)), np.zeros(n, np.int64), np.zeros((n, 6)), owner + 1
    sensing.locate(taken, table, at, r, why)
    kernel.levers(taken, table, at, lever, use)
    good = np.flatnonzero((use > 0) & (why == sensing.PLACED))
    book = np.full(n, -1, np.int64)
    for source in np.unique(plots.source[good]).tolist():
        mine = good[plots.source[good] == source]
        form = int(plots.form[mine[0]])
        mine = mine[plots.form[mine] == form]
        book[mine] = _row(state, source, form, table[which[mine[0]]])
    return _seen(plots.time_ns, book, owner, tracks, at, r, lever, np.flatnonzero(book >= 0))


def _of_reports(state: State, reports: Reports, tracks: Tracks, owner: I8) -> kernel.Seen:
    mine = np.flatnonzero(owner >= 0)
    reports, owner = reports.take(mine), owner[mine]
    n, placed = len(reports), np.isfinite(reports.lat_rad) & np.isfinite(reports.lon_rad)
    lat, lon = np.where(placed, reports.lat_rad, 0.0), np.where(placed, reports.lon_rad, 0.0)
    at = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    sigma = _stated(reports)
    r = np.column_stack([sigma * sigma, np.zeros(n), sigma * sigma])
    assumed = (reports.flags & (Flag.TIME_ASSUMED | Flag.NO_POSITION | Flag.FROM_GROUND)) > 0
    good = np.flatnonzero((owner >= 0) & placed & ~assumed)
    book = np.full(n, -1, np.int64)
    for source in np.unique(reports.source[good]).tolist():
        book[good[reports.source[good] == source]] = _row(state, source, -1, None)
    return _seen(reports.time_ns, book, owner, tracks, at, r, np.zeros((n, 6)), np.flatnonzero(book >= 0))


def _seen(time_ns: I8, book: I8, owner: I8, tracks: Tracks, at: F8, r: F8, lever: F8, good: I8) -> kernel.Seen:
    mine = owner[good]
    kind = np.where(tracks.kind < len(_MOTION), tracks.kind, 0)[mine]
    kind = np.where((kind == 0) & (tracks.domain[mine] == Domain.AIR), Kind.AIRCRAFT, kind)
    sigma = np.sqrt(np.maximum(np.maximum(tracks.cov[mine, 7], tracks.cov[mine, 9]), 0.0))
    vel = np.column_stack([tracks.ve_mps[mine], tracks.vn_mps[mine], sigma, _Q[kind]])
    craft = tracks.track_id[mine].astype(np.int64)
    return _whole(kernel.Seen(time_ns[good], book[good], craft, at[good], r[good], lever[good], vel))


def _stated(reports: Reports) -> F8:
    """How exact reports say that they are, (n,): metres; where they say nothing, what their kind usually is."""
    kind = np.where(reports.kind < len(_MOTION), reports.kind, 0)
    sigma = np.where((reports.sigma_m >= 0) & (reports.sigma_m < 1e6), reports.sigma_m, _SIGMA[kind])
    return np.asarray(np.maximum(sigma, _FLOOR[kind]), np.float64)


def _sightings(n: int) -> kernel.Seen:
    whole, real = np.zeros(n, np.int64), np.zeros
    return kernel.Seen(whole, whole.copy(), whole.copy(), real((n, 3)), real((n, 3)), real((n, 6)), real((n, 4)))


def _whole(seen: kernel.Seen) -> kernel.Seen:
    whole: list[Any] = [np.ascontiguousarray(c, np.int64 if k < 3 else np.float64) for k, c in enumerate(seen)]
    return kernel.Seen(*whole)


def _join(parts: list[kernel.Seen]) -> kernel.Seen:
    whole: list[Any] = [np.concatenate([p[k] for p in parts]) for k in range(len(kernel.Seen._fields))]
    return kernel.Seen(*whole)


def _take(seen: kernel.Seen, index: I8) -> kernel.Seen:
    taken: list[Any] = [column[index] for column in seen]
    return kernel.Seen(*taken)


def _applied(state: State, row: int) -> float:
    """The factor by which a source's noise variance is raised: 1 unless it is found dishonest."""
    factor, sigma = (float(v) for v in state.book.factor[row])
    return factor if math.log(factor) > max(math.log(DISHONEST), 4.0 * sigma) else 1.0


def _correct(state: State, row: int, plots: Plots, mine: I8, site: F8) -> Plots:
    known = state.settled[row]
    bias = state.book.mean[row] * known
    var = np.diag(state.book.cov)[kernel.WIDTH * row : kernel.WIDTH * (row + 1)] * known
    factor, form = _applied(state, row), state.form_of[next(s for s, r in state.row_of.items() if r == row)]
    changed: dict[str, F8 | I8 | U4] = {"time_ns": plots.time_ns[mine] - round(float(bias[kernel.TIME]) * 1e9)}
    if form == Form.POLAR:
        changed |= {
            "range_m": plots.range_m[mine] - bias[0],
            "azimuth_rad": plots.azimuth_rad[mine] - bias[2],
            "sigma_range_m": _noise(plots.sigma_range_m[mine], site[:, sensing.S_SIGMA_R], factor, var[0]),
            "sigma_azimuth_rad": _noise(plots.sigma_azimuth_rad[mine], site[:, sensing.S_SIGMA_AZ], factor, var[2]),
        }
    else:
        changed["sigma_m"] = _noise(
            plots.sigma_m[mine], site[:, sensing.S_SIGMA], factor, max(float(var[0]), float(var[1]))
        )
        changed |= _moved(plots, mine, form, bias)
    columns = {name: getattr(plots, name).copy() for name in changed}
    for name, values in changed.items():
        columns[name][mine] = values
    return plots.replace(**columns)


def _moved(plots: Plots, mine: I8, form: int, bias: F8) -> dict[str, F8 | I8 | U4]:
    """Cartesian plots are turned back and shifted, geodetic ones shifted (on the sphere: a millionth of the shift)."""
    if form == Form.CARTESIAN:
        x, y = plots.x_m[mine] - bias[0], plots.y_m[mine] - bias[1]
        s, c = math.sin(bias[2]), math.cos(bias[2])
        return {"x_m": c * x - s * y, "y_m": s * x + c * y}
    lat, lon = plots.lat_rad[mine], plots.lon_rad[mine]
    return {
        "lat_rad": lat - bias[1] / 6.371e6,
        "lon_rad": lon - bias[0] / 6.371e6 / np.maximum(np.cos(lat), 1e-6),
    }


def _noise(stated: F8, otherwise: F8, factor: float, more: float) -> F8:
    sigma = np.where(np.isfinite(stated) & (stated > 0.0), stated, otherwise)
    return np.asarray(np.sqrt(factor * sigma * sigma + max(more, 0.0)), np.float64)


def _said(state: State, source: int, row: int) -> Registration:
    mean = state.book.mean[row]
    sigma = np.sqrt(np.maximum(np.diag(state.book.cov)[kernel.WIDTH * row : kernel.WIDTH * (row + 1)], 0.0))
    last = state.alarms.get(source)
    return Registration(
        source=source,
        form=("polar", "cartesian", "geodetic", "reports")[state.form_of[source]],
        place_m=(float(mean[0]), float(mean[1])),
        place_sigma_m=(float(sigma[0]), float(sigma[1])),
        turn_rad=float(mean[2]),
        turn_sigma_rad=float(sigma[2]),
        late_s=float(mean[3]),
        late_sigma_s=float(sigma[3]),
        drift=float(mean[4]),
        drift_sigma=float(sigma[4]),
        applied=bool(state.settled[row].any()),
        noise_factor=float(state.book.factor[row, 0]),
        dishonest=_applied(state, row) > 1.0,
        differences=int(state.book.tally[row, 2]),
        alarms=state.count.get(source, 0),
        alarm=last.bias if last else "",
        alarm_size=last.size if last else 0.0,
        alarm_ns=last.time_ns if last else 0,
    )
