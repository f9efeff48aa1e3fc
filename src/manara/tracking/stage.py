"""The stage: one independent state per source view; reports and plots in, tracks out.

::

    Inbox (reports, plots, sensors) ─▶ advance ─▶ Outbox (tracks, ended, sources, refused)
                                         │
      follow (reports, in order of time) ┤ sweep (plots, slice by slice) ─▶ age ─▶ read ─▶ registration

The same state and the same inboxes give the same outboxes, bit for bit; ``dump`` and ``load`` may stand anywhere
between. Nothing in an inbox raises: what cannot be used is counted with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np

from manara.kernels import clutter, follow, life, states, tables
from manara.kernels.sensing import Scene
from manara.kernels.sweep import sweep
from manara.records.columns import F8, I8, U4
from manara.records.plots import Plots
from manara.records.reports import Reports
from manara.records.sensors import Registration, Sensor
from manara.records.tracks import Life, Tracks
from manara.tracking import motion, registration, rows, sites

Rows = TypeVar("Rows", Reports, Plots)
CAPACITY_MAX = 1 << 20  # tracks per view; more rows are refused and counted
_OF = "registration_"  # before the names of what registration dumps
_KINDS, _MOTIONS = motion.table(), motion.models()
_WHY = {
    states.NO_POSITION: "no_position",
    states.OUT_OF_RANGE: "out_of_range",
    states.NO_IDENTITY: "no_identity",
    states.TOO_LATE: "too_late",
    states.FUTURE: "future",
    states.CAPACITY: "capacity",
    states.CROWDED: "identity_crowded",
    states.UNKNOWN_SITE: "unknown_site",
    states.BAD_PLOT: "bad_plot",
}


@dataclass(frozen=True, eq=False)
class Inbox:
    """What came in since the last advance. ``sensors`` and ``feeds`` (number of a feed -> its name) only when they
    changed, else empty; a plot's source finds its sensor by SAC, SIC and the feed's name."""

    reports: Reports = field(default_factory=lambda: Reports.blank(0))
    plots: Plots = field(default_factory=lambda: Plots.blank(0))
    sensors: tuple[Sensor, ...] = ()
    feeds: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outbox:
    """``tracks``: all that live, brought forward to now. ``ended``: those that this advance dropped. ``sources``: slot
    -> source, as in ``Tracks.sources``. ``refused``: why -> rows that were not used. ``used``: rows that were;
    ``late``: those of them that were older than their track's state and were taken without moving it back.
    ``registered``: what is believed to be wrong with each source; ``jumped``: biases that have just jumped."""

    tracks: Tracks
    ended: Tracks
    sources: tuple[int, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    used: int = 0
    late: int = 0
    registered: tuple[Registration, ...] = ()
    jumped: tuple[registration.Alarm, ...] = ()


@dataclass(eq=False)
class State:
    """Everything one source view remembers. ``advance`` writes into it; nobody else does."""

    view: frozenset[int] | None
    serial: int
    capacity_max: int
    plain: bool
    store: tables.Store
    table: F8  # of sensors; row 0 knows no site
    seen_ns: I8  # time of each sensor's last plot
    tally: F8  # what each sensor's plots say of its false ones, see ``kernels.clutter``
    row_of: dict[int, int] = field(default_factory=dict)  # source -> row of the table
    slot_of: dict[int, int] = field(default_factory=dict)  # source -> bit of Tracks.sources
    sensors: tuple[Sensor, ...] = ()
    feeds: dict[int, str] = field(default_factory=dict)
    registration: registration.State | None = None  # None: sensors are taken as they are


def init(
    view: frozenset[int] | None = None,
    capacity: int = 16384,
    serial: int = 0,
    capacity_max: int = CAPACITY_MAX,
    plain: bool = False,
    register: bool = True,
) -> State:
    """A state that has seen nothing. ``view``: the sources it may know, None for all; ``serial``: the view's number
    below 65,536, the top 16 bits of its track ids; ``capacity``: tracks to make room for at first;
    ``plain``: one model of motion and counts of plots, for comparison with a textbook tracker; ``register``: find what
    is wrong with the sensors, and take it out.

    >>> len(advance(init(capacity=16), Inbox(), 0).tracks)
    0
    """
    capacity = max(1, min(capacity, capacity_max))
    store = tables.blank(capacity, _buckets(capacity))
    table = sites.row(None)[np.newaxis, :].copy()
    known = registration.init() if register and not plain else None
    seen_ns, tally = np.zeros(1, np.int64), clutter.blank(1)
    return State(view, serial & 0xFFFF, capacity_max, plain, store, table, seen_ns, tally, registration=known)


def advance(state: State, inbox: Inbox, now_ns: int) -> Outbox:
    """Take in what came, age what is there, and read everything at ``now_ns``.

    Reports go first, each batch in order of its own times (equal times: in order of the rows), then plots slice by
    slice. Rows that are older than a track's state are used where they still help, else counted as ``too_late``.
    """
    if inbox.sensors or inbox.feeds:
        _configure(state, inbox)
    reports, plots = _visible(inbox.reports, state.view), _visible(inbox.plots, state.view)
    counts = np.zeros(states.N_COUNTS, np.int64)
    _make_room(state, len(reports) + len(plots))
    if len(reports):
        _follow(state, reports, now_ns, counts)
    which, to = _sweep(state, plots, now_ns, counts)
    ended = np.empty(int(state.store.head[tables.TOP]), np.int64)
    ended = ended[: life.age(state.store, now_ns, _KINDS, ended)]
    gone = rows.tracks(life.read(state.store, ended, now_ns, _KINDS), state.serial)
    life.release(state.store, ended)
    alive = life.alive(state.store)
    tracks = rows.tracks(life.read(state.store, alive, now_ns, _KINDS), state.serial)
    registered, jumped = _register(state, reports, plots, (which, to), (alive, tracks), now_ns)
    return Outbox(
        tracks=tracks,
        ended=gone.replace(life=np.full(len(gone), Life.DROPPED, np.uint8)),
        sources=tuple(state.slot_of),
        refused={why: int(counts[i]) for i, why in _WHY.items() if counts[i]},
        used=int(counts[states.USED_ROWS]),
        late=int(counts[states.LATE_USED]),
        registered=registered,
        jumped=jumped,
    )


def _follow(state: State, reports: Reports, now_ns: int, counts: I8) -> None:
    if state.registration is not None:
        reports = registration.weighed(state.registration, reports)
    order = np.argsort(reports.time_ns, kind="stable")
    follow.follow(order, rows.reports(reports, _bits(state, reports.source)), now_ns, _KINDS, state.store, counts)


def _sweep(state: State, plots: Plots, now_ns: int, counts: I8) -> tuple[I8, I8]:
    """Take plots, put right by what is known of their sensors; gives their rows of the table of sensors, and of the
    store: the track that took each, −1 none."""
    to = np.full(len(plots), -1, np.int64)
    if len(plots) == 0:
        return to, to
    which = _sensor_rows(state, plots.source)
    if state.registration is not None:
        plots = registration.corrected(state.registration, plots, which, state.table)
    order = np.argsort(plots.time_ns, kind="stable")
    seen = rows.plots(plots, _bits(state, plots.source), which)
    work, seeing = np.zeros((4, 14)), np.zeros((len(state.table), 5))
    scene = Scene(state.table, state.seen_ns, state.tally, _KINDS, _MOTIONS, work, state.plain, seeing, to)
    sweep(order, seen, now_ns, scene, state.store, counts)
    return which, to


def _register(
    state: State, reports: Reports, plots: Plots, taken: tuple[I8, I8], told: tuple[I8, Tracks], now_ns: int
) -> tuple[tuple[Registration, ...], tuple[registration.Alarm, ...]]:
    """Compare what the sources say of the same craft. ``taken``: as ``_sweep`` gives it; ``told``: the tracks, and
    their rows of the store."""
    if state.registration is None:
        return (), ()
    (which, to), (alive, tracks) = taken, told
    spot = np.full(int(state.store.head[tables.TOP]) + 1, -1, np.int64)
    spot[alive] = np.arange(len(alive))
    registration.observe(state.registration, reports, plots, which, state.table, tracks, spot[to])
    jumped = registration.advance(state.registration, now_ns)
    return registration.status(state.registration), jumped


def dump(state: State) -> dict[str, Any]:
    """The whole state as NumPy arrays and integers; ``load`` goes on from it bit for bit."""
    top = int(state.store.head[tables.TOP])
    cut = {name: getattr(state.store, name)[:top].copy() for name in ("mean", "cov", "fac", "imm", "book", "free")}
    whole = {name: getattr(state.store, name).copy() for name in ("keys", "rows", "numbers", "head")}
    beside = [sorted(state.view) if state.view is not None else None, state.sensors, state.feeds]
    return {
        **cut,
        **whole,
        "table": state.table.copy(),
        "seen_ns": state.seen_ns.copy(),
        "tally": state.tally.copy(),
        "row_of": np.array(list(state.row_of.items()), np.int64).reshape(-1, 2),
        "slot_of": np.array(list(state.slot_of.items()), np.int64).reshape(-1, 2),
        "configuration": np.frombuffer(msgspec.msgpack.encode(beside), np.uint8),
        "serial": state.serial,
        "plain": int(state.plain),
        "registers": int(state.registration is not None),
        **{
            _OF + name: value
            for name, value in (registration.dump(state.registration) if state.registration else {}).items()
        },
        "capacity": len(state.store.book),
        "capacity_max": state.capacity_max,
    }


def load(plain: Mapping[str, Any]) -> State:
    """A state from what ``dump`` gave."""
    view, sensors, feeds = msgspec.msgpack.decode(
        np.asarray(plain["configuration"], np.uint8).tobytes(),
        type=tuple[list[int] | None, tuple[Sensor, ...], dict[int, str]],
    )
    blank = tables.blank(int(plain["capacity"]), len(plain["keys"]))
    for name, column in blank._asdict().items():
        column[: len(plain[name])] = plain[name]
    return State(
        view=None if view is None else frozenset(view),
        serial=int(plain["serial"]),
        plain=bool(plain["plain"]),
        capacity_max=int(plain["capacity_max"]),
        store=blank,
        table=np.array(plain["table"]),
        seen_ns=np.array(plain["seen_ns"]),
        tally=np.array(plain["tally"]),
        row_of={int(a): int(b) for a, b in plain["row_of"]},
        slot_of={int(a): int(b) for a, b in plain["slot_of"]},
        sensors=sensors,
        feeds=feeds,
        registration=_known(plain),
    )


def _known(plain: Mapping[str, Any]) -> registration.State | None:
    if "registers" not in plain:  # written before there was one
        return None if int(plain["plain"]) else registration.init()
    mine = {name.removeprefix(_OF): value for name, value in plain.items() if name.startswith(_OF)}
    return registration.load(mine) if mine else None


def warm() -> None:
    """Run every kernel of tracking once, so that all are compiled and cached."""
    state = init(capacity=16)
    report = Reports.blank(1).replace(
        identity=np.ones(1, np.uint64), lat_rad=np.zeros(1), lon_rad=np.zeros(1), kind=np.ones(1, np.uint8)
    )
    plot = Plots.blank(1).replace(range_m=np.full(1, 1e4), azimuth_rad=np.zeros(1))
    site = Sensor(name="warm", lat_deg=0.0, lon_deg=0.0)
    for now_ns in (1, 2_000_000_000, 10**13):
        advance(state, Inbox(report, plot, (site,)), now_ns)
    registration.warm()


def _buckets(capacity: int) -> int:
    return 1 << max(4, (2 * capacity - 1).bit_length())


def _visible(table: Rows, view: frozenset[int] | None) -> Rows:
    """Only the rows whose source the view may know."""
    if view is None or len(table) == 0:
        return table
    return table.take(np.isin(table.source, np.fromiter(view, np.int64, len(view))))


def _configure(state: State, inbox: Inbox) -> None:
    """Sensors changed: every known source finds its row anew; what was believed of them is no longer."""
    state.sensors = inbox.sensors or state.sensors
    state.feeds = dict(inbox.feeds) or state.feeds
    for source, row in state.row_of.items():
        if row > 0:
            before = state.table[row].copy()
            state.table[row] = sites.row(sites.match(source, state.sensors, state.feeds))
            if state.registration is not None and not np.array_equal(before, state.table[row], equal_nan=True):
                state.registration = registration.init()


def _make_room(state: State, more: int) -> None:
    """Double the store until ``more`` rows fit, up to the bound; keep the table of identities at most half full."""
    store = state.store
    capacity, need = len(store.book), min(int(store.head[tables.LIVE]) + more, state.capacity_max)
    if need > capacity:
        while capacity < need:
            capacity *= 2
        state.store = tables.enlarged(store, min(capacity, state.capacity_max), _buckets(capacity))
    elif int(store.head[tables.USED]) + more > len(store.keys) // 4 * 3:
        tables.rehash(store)


def _lookup(source: U4, known: dict[int, int], fresh: Any) -> I8:
    """Map a column of sources through a table that ``fresh`` extends."""
    first = int(source[0])
    single = bool((source == first).all())
    names, where = (np.array([first]), None) if single else np.unique(source, return_inverse=True)
    found = np.array([known[s] if s in known else fresh(s) for s in names.tolist()], np.int64)
    return np.full(len(source), found[0]) if where is None else found[where]


def _bits(state: State, source: U4) -> I8:
    """One bit for each of the first 63 sources, the last for all further ones."""

    def fresh(s: int) -> int:
        if len(state.slot_of) >= 63:
            return 63
        state.slot_of[s] = len(state.slot_of)
        return state.slot_of[s]

    slots = _lookup(source, state.slot_of, fresh).astype(np.uint64)
    return np.left_shift(np.uint64(1), slots).view(np.int64)


def _sensor_rows(state: State, source: U4) -> I8:
    """Row of the table of sensors for each plot."""

    def fresh(s: int) -> int:
        if len(state.row_of) >= sites.SOURCES_MAX:
            return 0
        state.row_of[s] = len(state.table)
        row = sites.row(sites.match(s, state.sensors, state.feeds))
        state.table = np.vstack([state.table, row])
        state.seen_ns = np.append(state.seen_ns, 0)
        state.tally = np.vstack([state.tally, clutter.blank(1)])
        return state.row_of[s]

    return _lookup(source, state.row_of, fresh)
