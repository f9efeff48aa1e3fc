"""Deterministic, restorable at any point, deaf to nonsense; and the recorded Danish sea."""

from __future__ import annotations

import gzip
import math
import time

import numpy as np
import pytest
from tests.tracking.scene import T0, S, same

from manara.records.plots import Plots
from manara.records.reports import Kind, Reports
from manara.records.sensors import Sensor
from manara.records.tracks import Life, Tracks
from manara.tracking import stage

RADAR = Sensor(name="r", sac=1, sic=1, lat_deg=52.0, lon_deg=5.0)
LATER = Sensor(name="late", sac=1, sic=2, lat_deg=52.5, lon_deg=5.5, period_s=8.0)


def inboxes(seed, ticks=40):
    """A busy, partly senseless sky: reports of few identities, plots of two sensors, sensors that change."""
    rng = np.random.default_rng(seed)
    for k in range(ticks):
        n, m = rng.integers(0, 30), rng.integers(0, 40)
        reports = Reports.blank(n).replace(
            time_ns=T0 + k * S - rng.integers(0, 20 * S, n),
            source=rng.integers(1, 4, n).astype(np.uint32),
            identity=rng.integers(0, 12, n).astype(np.uint64) + np.uint64(2 << 56),
            kind=rng.integers(0, 16, n).astype(np.uint8),
            lat_rad=rng.normal(0.9, 0.001, n),
            lon_rad=rng.normal(0.09, 0.001, n),
            speed_mps=rng.uniform(0, 300, n),
            course_rad=rng.uniform(0, 7, n),
            flags=rng.integers(0, 1 << 15, n).astype(np.uint32),
        )
        plots = Plots.blank(m).replace(
            time_ns=T0 + k * S - rng.integers(0, 2 * S, m),
            source=rng.choice([0x0101, 0x0102, 0x0777], m).astype(np.uint32),
            form=rng.integers(0, 3, m).astype(np.uint8),
            range_m=rng.uniform(0, 60_000, m),
            azimuth_rad=rng.uniform(0, 6.2, m),
            lat_rad=rng.normal(0.9, 0.001, m),
            lon_rad=rng.normal(0.09, 0.001, m),
            mode_3a=rng.integers(-1, 4, m).astype(np.int32),
            identity=np.where(rng.random(m) < 0.2, 2 << 56 | 5, 0).astype(np.uint64),
        )
        sensors = {0: (RADAR,), 17: (RADAR, LATER)}.get(k, ())
        yield stage.Inbox(reports, plots, sensors), T0 + k * S


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_in_gives_the_same_out(seed):
    a, b = stage.init(capacity=16), stage.init(capacity=16)
    for inbox, now in inboxes(seed):
        assert same(stage.advance(a, inbox, now), stage.advance(b, inbox, now))


@pytest.mark.parametrize("seed", [4, 5])
def test_dump_and_load_at_any_point_change_nothing(seed):
    a, b = stage.init(capacity=16, view=frozenset({1, 2, 0x0101, 0x0102}), serial=7), None
    for inbox, now in inboxes(seed):
        plain = stage.dump(a)
        assert all(isinstance(v, np.ndarray | int) for v in plain.values())
        b = stage.load(plain)
        frozen = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in plain.items()}
        assert same(stage.advance(a, inbox, now), stage.advance(b, inbox, now))
        assert all(np.array_equal(frozen[k], plain[k], equal_nan=k in ("mean", "table")) for k in plain)


def test_what_was_published_is_not_written_again():
    state, kept = stage.init(capacity=16), []
    for inbox, now in inboxes(6):
        out = stage.advance(state, inbox, now)
        columns = {c: getattr(out.tracks, c) for c in Tracks.__dataclass_fields__}
        kept.append((columns, {c: v.copy() for c, v in columns.items()}))
    assert all(np.array_equal(a[c], b[c], equal_nan=a[c].dtype.kind == "f") for a, b in kept for c in a)


def test_an_inbox_may_be_read_only_and_strided():
    reports = Reports.blank(8).replace(identity=np.arange(1, 9, dtype=np.uint64), lat_rad=np.zeros(16)[::2])
    reports = reports.replace(lon_rad=np.linspace(0, 1, 16)[::2], time_ns=np.full(8, T0))
    for column in Reports.__dataclass_fields__:
        getattr(reports, column).flags.writeable = False
    assert len(stage.advance(stage.init(capacity=16), stage.Inbox(reports=reports), T0).tracks) == 8


def test_ids_are_never_reused_and_numbers_are_unique_at_a_time():
    state, seen, gone = stage.init(capacity=16), set(), set()
    for inbox, now in inboxes(7, 150):
        out = stage.advance(state, inbox, now)
        ids = out.tracks.track_id.tolist()
        assert len(set(ids)) == len(ids)
        assert not gone & set(ids)
        numbers = out.tracks.number.tolist()
        assert len(set(numbers)) == len(numbers)
        assert all(1 <= x <= 65_535 for x in numbers)
        gone |= set(out.ended.track_id.tolist())
        seen |= set(ids)
    assert gone & seen


REALS = [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300, 1.57, 3.2, -3.14159, 5e4]
WHOLES = [0, 1, -1, 2**62, -(2**62), 1_700_000_000_000_000_000, T0, T0 + S, T0 + 3600 * S, -(2**63), 2**63 - 1]


def hostile(table, n, rng):
    columns = {}
    blank = table.blank(1)
    for name in table.__dataclass_fields__:
        dtype = getattr(blank, name).dtype
        if dtype.kind == "f":
            columns[name] = rng.choice(REALS, n)
        elif dtype == np.int64:
            columns[name] = rng.choice(np.array(WHOLES, np.int64), n)
        else:
            top = np.iinfo(dtype)
            few = rng.integers(0, 8, n).astype(dtype)
            columns[name] = np.where(
                rng.random(n) < 0.7, few, rng.integers(top.min, top.max, n, dtype=dtype, endpoint=True)
            )
    return table(**columns)


@pytest.mark.parametrize("seed", range(6))
def test_hostile_rows_never_raise_and_leave_only_finite_tracks(seed):
    rng, state = np.random.default_rng(100 + seed), stage.init(capacity=64)
    odd = Sensor(name="o", lat_deg=90.0, lon_deg=0.0, period_s=math.nan, range_max_m=math.inf)
    for k in range(10):
        inbox = stage.Inbox(hostile(Reports, 300, rng), hostile(Plots, 300, rng), (odd, RADAR), {0: "x"})
        out = stage.advance(state, inbox, T0 + k * S)
        assert out.used + sum(out.refused.values()) == 600
        t = out.tracks
        for column in (t.lat_rad, t.lon_rad, t.ve_mps, t.vn_mps, t.cov):
            assert np.isfinite(column).all()
        assert (np.abs(t.lat_rad) <= math.pi / 2).all()
        assert (t.cov[:, [0, 4, 7, 9]] >= 0).all()
        assert set(t.life.tolist()) <= {Life.TENTATIVE, Life.CONFIRMED, Life.COASTING}
        state = stage.load(stage.dump(state))


def test_time_may_stand_still_and_jump():
    state, n = stage.init(capacity=16), 0
    for inbox, now in inboxes(8, 10):
        for shown in (now, now, now + 100_000 * S, now, 0, 2**62):
            out = stage.advance(state, inbox, shown)
            n += len(out.tracks)
            assert np.isfinite(out.tracks.lat_rad).all()
    assert n


def test_the_danish_sea_has_a_track_for_each_vessel(recordings):
    """Five minutes of a national AIS network, through our own decoder, one advance a second."""
    from manara.feeds.ais.decoder import AisDecoder
    from manara.feeds.decoder import Options

    path = recordings("ais/dma-abnormal") / "ais-sample.txt.gz"
    raw = gzip.decompress(path.read_bytes())
    began = time.process_time()
    rows = AisDecoder(Options(feed=1)).advance(raw, T0).reports
    decoded = time.process_time()
    order = np.argsort(rows.time_ns, kind="stable")
    rows = rows.take(order)
    second = (rows.time_ns - rows.time_ns[0]) // S
    state, who, used = stage.init(), set(), 0
    for k in range(int(second[-1]) + 1):
        part = rows.take(second == k)
        out = stage.advance(state, stage.Inbox(reports=part), int(rows.time_ns[0]) + (k + 1) * S)
        ship = np.isin(out.tracks.kind, (Kind.VESSEL_A, Kind.VESSEL_B))
        who |= set(out.tracks.identity[ship].tolist())
        used += out.used
    spent = time.process_time() - decoded
    print(f"{len(rows)} rows, {used} used, {len(who)} vessels, decoded {decoded - began:.1f} s, tracked {spent:.1f} s")
    assert len(who) >= 1430
    assert used == len(rows)
    assert ship.sum() < 1.02 * len(who)
