"""Three nodes in a ring, A ─▶ C ─▶ B ─▶ A, with shared sensors and feedback: are they as sure as they may be?

::

    world (truth, plots) ─▶ a tracker for each node ─▶ picture for itself ──────────────▶ scores
             └─▶ one tracker with every plot             └▶ picture for the next ─▶ release.precise ─▶ delays ─▶ next

A has radars 0 and 1, B has 1 and 2, C has 2; radar 0 is A's, 1 is B's, 2 is C's. What the next node receives itself is
no source of the view for it; what it taught others is left out of that view, as far as pedigrees tell. A node that
withholds pedigrees tells its whole picture. The pictures and increments are those of a node; the world and its
trackers are plain: constant velocity with white acceleration, which the trackers know.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from manara.kernels import geodesy
from manara.picture import stage as picture
from manara.picture.partners import PartnerRows
from manara.records.columns import F8, I8, U8
from manara.records.marking import Obligations
from manara.records.reports import Domain, Kind
from manara.records.tracks import Life, Tracks
from manara.release import precise

S = 1_000_000_000
BEGIN_NS = 1_700_000_000 * S
A, C, B = 1, 2, 3  # places in the directory; each node calls itself 0
NEXT = {A: C, C: B, B: A}
RADARS = {A: (0, 1), B: (1, 2), C: (2,)}
TOLD = {A: (0, 1), B: (2,), C: ()}  # the sources of the view for the next: without what it receives itself
OWNER = np.array([1 << A, 1 << B, 1 << C], np.uint64)
SITES_M = np.array([[-60e3, -30e3], [70e3, -20e3], [0.0, 90e3]])
PERIOD_S = 4.0
LATE_S = 8
UPPER = np.triu_indices(4)


@dataclass(frozen=True)
class Setting:
    """What a run is of. ``withheld``: nodes that tell no pedigree; ``wrong``: share of plots that are not the craft's;
    ``late_s``: least and greatest delay of each row; ``bias``: of every radar, metres in range and radians in azimuth;
    ``missed``: share of rows that never come; ``q``: how unsteady the craft are, and what the trackers suppose."""

    craft: int = 1000
    seconds: int = 160
    seed: int = 1
    withheld: tuple[int, ...] = ()
    wrong: float = 0.0
    late_s: tuple[float, float] = (0.0, 0.0)
    bias: tuple[float, float] = (0.0, 0.0)
    missed: float = 0.0
    lie: bool = False  # B tells its whole picture and says that C alone made it
    pairs: float = 0.0  # share of craft that fly within 600 to 1,500 m of another
    q: float = 60.0
    q_tracker: float = 60.0
    after_s: int = 80


@dataclass
class Filter:
    """A constant-velocity filter of n craft, each in the plane at its own origin."""

    x: F8
    p: F8
    t: F8
    heard: F8
    taught: U8

    def advance(self, t: F8, q: float) -> None:
        """To times t (n,)."""
        dt = t - self.t
        f, noise = _motion(dt, q)
        self.x = np.einsum("nij,nj->ni", f, self.x)
        self.p = f @ self.p @ f.transpose(0, 2, 1) + noise
        self.t = t.copy()

    def correct(self, which: NDArray[np.bool_], z: F8, r: F8, t: F8, owner: U8) -> None:
        """Positions of some."""
        k = np.flatnonzero(which)
        gap, p = z[k] - self.x[k, :2], self.p[k]
        gain = p[:, :, :2] @ np.linalg.inv(p[:, :2, :2] + r[k])
        self.x[k] += np.einsum("nij,nj->ni", gain, gap)
        p = p - gain @ p[:, :2, :]
        self.p[k] = (p + p.transpose(0, 2, 1)) / 2
        self.heard[k] = t[k]
        self.taught[k] |= owner[k]


@dataclass
class Late:
    """A tracker at A with every plot, in the order of time, of which radar 2's come late, each by its own delay."""

    base: Filter  # with all plots up to LATE_S before now
    plots: list[tuple[int, NDArray[np.bool_], I8, F8, F8, F8]] = field(default_factory=list)

    def now(self, t: int, q: float) -> Filter:
        """The estimate at second t."""
        done = [one for one in self.plots if one[0] <= t - LATE_S]
        self.plots = [one for one in self.plots if one[0] > t - LATE_S]
        for _, which, _, when, z, r in done:
            self._take(self.base, which, when, z, r, q)
        out = copy.deepcopy(self.base)
        for second, which, late, when, z, r in self.plots:
            here = which & (second + late <= t)
            self._take(out, here, when, z, r, q)
        out.advance(np.full(len(out.t), float(t)), q)
        return out

    def _take(self, one: Filter, which: NDArray[np.bool_], when: F8, z: F8, r: F8, q: float) -> None:
        one.advance(np.where(which, when, one.t), q)
        one.correct(which, z, r, when, np.zeros(len(when), np.uint64))


def _motion(dt: F8, q: float) -> tuple[F8, F8]:
    f, noise = np.tile(np.eye(4), (len(dt), 1, 1)), np.zeros((len(dt), 4, 4))
    for a in range(2):
        f[:, a, a + 2] = dt
        noise[:, a, a], noise[:, a + 2, a + 2] = q * dt**3 / 3, q * dt
        noise[:, a, a + 2] = noise[:, a + 2, a] = q * dt**2 / 2
    return f, noise


class World:
    """Truth and plots. One tick is a second; each radar sees each craft once in four seconds, at its own moment."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.rng = setting, np.random.Generator(np.random.Philox(setting.seed))
        n, rng = setting.craft, self.rng
        side = int(np.ceil(np.sqrt(n)))
        where = np.stack([np.arange(n) % side, np.arange(n) // side], axis=1).astype(float)
        self.place_m = (where - side / 2) * 9_000.0 + rng.uniform(-3e3, 3e3, (n, 2))
        close = np.flatnonzero(rng.random(n - 1) < setting.pairs) + 1
        angle, far = rng.uniform(0, 2 * np.pi, len(close)), rng.uniform(600, 1500, len(close))
        beside = np.stack([np.cos(angle), np.sin(angle)], axis=1) * far[:, np.newaxis]
        self.place_m[close] = self.place_m[close - 1] + beside
        self.origin = np.array([geodesy.move(1.0, 0.0, 0.0, 0.0, float(e), float(n))[:3] for e, n in self.place_m])
        self.truth = np.concatenate([np.zeros((n, 2)), rng.normal(0, 100, (n, 2))], axis=1)
        self.truth[close, 2:] = self.truth[close - 1, 2:]
        self.phase = rng.uniform(0, PERIOD_S, (n, 3))
        nodes = {**RADARS, 0: (0, 1, 2), **{-node: radars for node, radars in TOLD.items()}}
        self.filters = {node: self._filter() for node in nodes}
        self.radars = nodes
        self.late = Late(copy.deepcopy(self.filters[0])) if setting.late_s[1] > 0 else None

    def _filter(self) -> Filter:
        n = self.setting.craft
        p = np.tile(np.diag([1e4, 1e4, 1e4, 1e4]), (n, 1, 1))
        x = np.concatenate([self.truth[:, :2] + self.rng.normal(0, 100, (n, 2)), np.zeros((n, 2))], axis=1)
        return Filter(x, p, np.zeros(n), np.zeros(n), np.zeros(n, np.uint64))

    def second(self, t: int) -> None:
        """From t − 1 to t."""
        self.t = t
        for one in self.filters.values():
            one.taught[:] = 0
        when = self.phase + np.ceil((t - 1 - self.phase) / PERIOD_S) * PERIOD_S
        when = np.where(when < t, when, np.inf)
        order, last = np.argsort(when, axis=1), np.full(len(when), float(t - 1))
        for slot in range(3):
            radar = order[:, slot]
            due = np.take_along_axis(when, radar[:, np.newaxis], axis=1)[:, 0]
            seen = np.isfinite(due)
            now = np.where(seen, np.maximum(due, last), last)
            self._move(now - last)
            last = now
            if seen.any():
                self._plots(seen, radar, now)
        self._move(t - last)
        for one in self.filters.values():
            one.advance(np.full(len(last), float(t)), self.setting.q_tracker)

    def _move(self, dt: F8) -> None:
        q = self.setting.q
        kick = np.sqrt(q) * self.rng.normal(size=(len(dt), 2, 2))
        a, b, c = np.sqrt(dt**3 / 3), np.sqrt(3.0 * dt) / 2, np.sqrt(dt) / 2
        self.truth[:, :2] += self.truth[:, 2:] * dt[:, np.newaxis] + a[:, np.newaxis] * kick[:, 0]
        self.truth[:, 2:] += b[:, np.newaxis] * kick[:, 0] + c[:, np.newaxis] * kick[:, 1]

    def _plots(self, seen: NDArray[np.bool_], radar: I8, now: F8) -> None:
        ray = self.truth[:, :2] + self.place_m - SITES_M[radar]
        far = np.linalg.norm(ray, axis=1)
        u = ray / far[:, np.newaxis]
        v = np.stack([-u[:, 1], u[:, 0]], axis=1)
        across = far * np.radians(0.08)
        r = 2500.0 * u[:, :, None] * u[:, None, :] + (across**2)[:, None, None] * v[:, :, None] * v[:, None, :]
        one, two = self.rng.normal(size=(2, len(far)))
        wrong = self.rng.random(len(far)) < self.setting.wrong
        one, two = np.where(wrong, 3.0 * one, one), np.where(wrong, 3.0 * two, two)
        bias_m, bias_rad = self.setting.bias
        side = np.array([1.0, -1.0, 1.0])[radar]
        along, aside = 50.0 * one + side * bias_m, across * two + side * far * bias_rad
        z = self.truth[:, :2] + along[:, np.newaxis] * u + aside[:, np.newaxis] * v
        if self.late is not None:
            wait = np.ceil(self.rng.uniform(*self.setting.late_s, len(far))).astype(np.int64)
            self.late.plots.append((self.t, seen.copy(), np.where(radar == 2, wait, 0), now.copy(), z, r))
        for node, radars in self.radars.items():
            which = seen & np.isin(radar, radars)
            if which.any():
                one_filter = self.filters[node]
                one_filter.advance(np.where(which, now, one_filter.t), self.setting.q_tracker)
                one_filter.correct(which, z, r, now, OWNER[radar])

    def tracks(self, node: int, t: int) -> Tracks:
        """A node's own tracks at second t; row k is craft k, under id k + 1. −node: of its view for the next."""
        one, n = self.filters[node], self.setting.craft if self.radars[node] else 0
        at = [_from(o, float(x[0]), float(x[1])) for o, x in zip(self.origin[:n], one.x[:n], strict=True)]
        where = np.array([geodesy.lat_lon(x, y, z) for x, y, z in at]).reshape(n, 2)
        return Tracks.blank(n).replace(
            track_id=np.arange(1, n + 1, dtype=np.uint64),
            time_ns=np.full(n, BEGIN_NS + t * S),
            updated_ns=BEGIN_NS + (one.heard[:n] * S).astype(np.int64),
            born_ns=np.full(n, BEGIN_NS),
            life=np.full(n, Life.CONFIRMED, np.uint8),
            domain=np.full(n, Domain.AIR, np.uint8),
            kind=np.full(n, Kind.AIRCRAFT, np.uint8),
            lat_rad=where[:, 0].copy(),
            lon_rad=where[:, 1].copy(),
            ve_mps=one.x[:n, 2].copy(),
            vn_mps=one.x[:n, 3].copy(),
            cov=np.ascontiguousarray(one.p[:n, UPPER[0], UPPER[1]]),
            sources=np.ones(n, np.uint64),
        )

    def errors(self, tracks: Tracks) -> tuple[F8, F8, F8]:
        """NEES over four and squared error of position of each craft; and its claimed position variance."""
        n = self.setting.craft
        e = np.empty((n, 4))
        for k in range(n):
            at = geodesy.nvector(float(tracks.lat_rad[k]), float(tracks.lon_rad[k]))
            x, y, z = (float(v) for v in self.origin[k])
            e[k, :2] = geodesy.offset(x, y, z, 0.0, *at)
        e[:, 2], e[:, 3] = tracks.ve_mps[:n], tracks.vn_mps[:n]
        e -= self.truth
        p = np.zeros((n, 4, 4))
        p[:, UPPER[0], UPPER[1]] = tracks.cov[:n]
        p = p + p.transpose(0, 2, 1) - p * np.eye(4)
        return scored(e, p)


def _from(origin: F8, east_m: float, north_m: float) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in origin)
    x, y, z, _, _ = geodesy.move(x, y, z, 0.0, east_m, north_m)
    return x, y, z


def scored(e: F8, p: F8) -> tuple[F8, F8, F8]:
    """NEES over four, squared error of position, claimed variance of position, each (n,)."""
    nees = np.einsum("ni,ni->n", e, np.linalg.solve(p, e[:, :, np.newaxis])[:, :, 0]) / 4
    return nees, (e[:, :2] ** 2).sum(axis=1), p[:, 0, 0] + p[:, 1, 1]


@dataclass
class Sender:
    """What a node tells the next: rows from the view that it keeps for it."""

    state: precise.PreciseState = field(default_factory=precise.init)
    taught: dict[int, int] = field(default_factory=dict)  # id -> who taught it since its last row

    def rows(self, out: picture.Outbox, node: int, told: bool, lie: bool, now_ns: int) -> PartnerRows:
        """Rows of a tick, as the next node takes them."""
        to, t = NEXT[node], out.tracks
        for key, bits in zip(t.track_id.tolist(), _turned(out.news, node, to).tolist(), strict=True):
            self.taught[key] = self.taught.get(key, 0) | bits
        n = len(t)
        number = t.track_id + np.uint64(1000)
        gone = precise.advance(self.state, t, out.of_partner != to, Obligations.blank(n), number, now_ns)
        rows = gone.precise.rows
        ever = dict(zip(t.track_id.tolist(), _turned(out.pedigree, node, to).tolist(), strict=True))
        pedigree = np.zeros(len(rows), np.uint64)
        for k, (key, begin) in enumerate(zip((rows["track"] - 1000).tolist(), rows["begin_ns"].tolist(), strict=True)):
            since = self.taught.pop(key)
            pedigree[k] = since if begin and since else ever[key]
        if lie:
            pedigree[:] = 1 << C
        return PartnerRows(node, now_ns, rows, ended=gone.ended.rows, pedigree=pedigree if told else None)


def _turned(p: U8, sender: int, receiver: int) -> U8:
    """Bit 0 is the sender's own there; at the receiver it is the sender's place, and the receiver's place is bit 0."""
    return _local(_global(p, sender), receiver)


def _global(p: U8, node: int) -> U8:
    own = np.where(p & np.uint64(1), np.uint64(1 << node), np.uint64(0)).astype(np.uint64)
    return p & ~np.uint64(1) | own


def _local(p: U8, node: int) -> U8:
    own = np.where(p & np.uint64(1 << node), np.uint64(1), np.uint64(0)).astype(np.uint64)
    return p & ~np.uint64(1 << node) | own


class Ring:
    """All of it, second by second."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.world = setting, World(setting)
        self.own = {node: picture.init() for node in RADARS}
        self.views = {node: picture.init(1) for node in RADARS}
        self.senders = {node: Sender() for node in RADARS}
        self.ever = {view: np.zeros(setting.craft, np.uint64) for node in RADARS for view in (node, -node)}
        self.waiting: list[tuple[int, int, PartnerRows]] = []  # when, to whom, what
        self.rng = np.random.Generator(np.random.Philox(setting.seed + 1_000_000))

    def second(self, t: int) -> dict[int, picture.Outbox]:
        """Every node's own picture at second t."""
        self.world.second(t)
        now_ns, shown = BEGIN_NS + t * S, {}
        for node in (B, A, C):
            due = tuple(x for when, to, x in self.waiting if to == node and when <= now_ns)
            self.waiting = [one for one in self.waiting if one[1] != node or one[0] > now_ns]
            shown[node] = picture.advance(self.own[node], self._inbox(node, t, due, 0), now_ns)
            told, lie = node not in self.setting.withheld, self.setting.lie and node == B
            view, to = (-node, NEXT[node]) if told and not lie else (node, 0)
            out = picture.advance(self.views[node], self._inbox(view, t, due, to), now_ns)
            self._send(NEXT[node], self.senders[node].rows(out, node, told, lie, now_ns), now_ns)
        return shown

    def _inbox(self, view: int, t: int, due: tuple[PartnerRows, ...], recipient: int) -> picture.Inbox:
        own = self.world.tracks(view, t)
        taught = _local(self.world.filters[view].taught, abs(view))
        self.ever[view] |= taught
        n = len(own)
        return picture.Inbox(
            own, partners=due, origins=self.ever[view][:n].copy(), taught=taught[:n], recipient=recipient
        )

    def _send(self, to: int, rows: PartnerRows, now_ns: int) -> None:
        low, high = self.setting.late_s
        n = len(rows.precise)
        lost = self.rng.random(n) < self.setting.missed
        late = np.ceil(self.rng.uniform(low, high, n)).astype(np.int64)
        for delay in np.unique(late[~lost]):
            which = ~lost & (late == delay)
            pedigree = None if rows.pedigree is None else rows.pedigree[which]
            when = now_ns + int(delay) * S
            self.waiting.append((when, to, PartnerRows(rows.partner, when, rows.precise[which], pedigree=pedigree)))
        if len(rows.ended):
            when = now_ns + int(high) * S
            self.waiting.append((when, to, PartnerRows(rows.partner, when, ended=rows.ended)))


def run(setting: Setting) -> dict[str, float]:
    """Run it: ANEES over four, RMS of position and its ratio to the centralised tracker's at that moment, by node."""
    ring = Ring(setting)
    sums: dict[str, list[F8]] = {}
    for t in range(1, setting.seconds):
        shown = ring.second(t)
        if t <= setting.after_s:
            continue
        whole = ring.world.filters[0]
        found = {"all": scored(whole.x - ring.world.truth, whole.p)}
        if ring.world.late is not None:
            late = ring.world.late.now(t, setting.q_tracker)
            found["late"] = scored(late.x - ring.world.truth, late.p)
        for node, name in ((A, "a"), (B, "b"), (C, "c")):
            found[name] = ring.world.errors(shown[node].tracks)
            alone = ring.world.filters[node]
            found[f"{name}_alone"] = scored(alone.x - ring.world.truth, alone.p)
            extra = np.full(setting.craft, len(shown[node].tracks) / setting.craft)
            sums.setdefault(f"{name}_tracks", []).append(np.stack([extra]))
        for name, values in found.items():
            sums.setdefault(name, []).append(np.stack(values))
    out: dict[str, float] = {"craft": setting.craft, "seconds": setting.seconds}
    rms = {name: float(np.sqrt(np.mean([v[1] for v in some]))) for name, some in sums.items() if len(some[0]) == 3}
    for name, some in sums.items():
        if len(some[0]) == 1:
            out[f"{name}_per_craft"] = float(np.mean(some))
            continue
        out[f"{name}_anees"] = float(np.mean([v[0] for v in some]))
        out[f"{name}_rms_m"] = rms[name]
        out[f"{name}_claimed_m"] = float(np.sqrt(np.mean([v[2] for v in some])))
        out[f"{name}_over_all"] = rms[name] / rms["all"] - 1.0
    out["a_over_late"] = rms["a"] / rms.get("late", rms["all"]) - 1.0
    return out
