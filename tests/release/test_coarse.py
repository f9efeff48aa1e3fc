"""The coarse tier: one cell for each epoch, after its end, and nothing that happened inside it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.release.stream import BEGIN_NS, NS, Fleet, obliged

from manara.kernels import grid
from manara.records.identity import Space, pack
from manara.records.marking import Strip
from manara.records.released import COARSE
from manara.records.reports import Domain, Kind
from manara.records.tracks import Tracks
from manara.release import adversary, coarse

T = 1_024  # of an 8 km cell at sea
BEGIN = BEGIN_NS // (T * NS) * T * NS


def craft(n=3, now=BEGIN, lat=0.5, **columns):
    return Tracks.blank(n).replace(
        track_id=np.arange(1, n + 1, dtype=np.uint64),
        time_ns=np.full(n, now),
        domain=np.full(n, Domain.SEA, np.uint8),
        kind=np.full(n, Kind.VESSEL_A, np.uint8),
        identity=np.full(n, pack(Space.MMSI, 291000001), np.uint64),
        lat_rad=np.full(n, lat),
        lon_rad=np.linspace(0.1, 0.2, n),
        **columns,
    )


def step(state, tracks, now, cell_m=8_000, chosen=None, **also):
    n = len(tracks)
    chosen = np.ones(n, bool) if chosen is None else np.array(chosen)
    names = tracks.track_id + np.uint64(100)
    keep = {key: also.pop(key) for key in ("shadow", "tag") if key in also}
    return coarse.advance(state, tracks, chosen, obliged(n, cell_m, **also), names, now, **keep)


def run(state, ticks, **also):
    """Rows that leave, with the tick (seconds after BEGIN) at which they do."""
    out = []
    for second in ticks:
        now = BEGIN + second * NS
        for row in step(state, craft(now=now), now, **also).rows:
            out.append((second, row))
    return out


def test_row_06_one_cell_an_epoch_after_its_end():
    rows = run(coarse.init(), range(0, 3 * T + 5, 5))
    assert [second for second, _ in rows] == [T + 1] * 3 + [2 * T + 2] * 3 + [3 * T + 3] * 3  # the first tick after
    for second, row in rows:
        begin = (int(row["epoch_ns"]) - BEGIN) // NS
        assert begin % T == 0
        assert begin + T <= second < begin + T + 5
        assert row["epoch_s"] == T
        assert grid.parts(np.array([row["cell"]]))[0] == 3
    assert {int(row["track"]) for _, row in rows} == {101, 102, 103}


def test_row_07_a_delay_holds_the_row_back_by_as_much():
    rows = run(coarse.init(), range(0, 3 * T, 4), delay_s=300)
    assert {second for second, _ in rows} == {T + 300, 2 * T + 300}


def test_row_05_no_field_says_more_than_the_cell():
    row = run(coarse.init(), (0, T))[0][1]
    told = {name for name in COARSE.names if row[name] != 0}
    assert told == {"track", "cell", "epoch_ns", "epoch_s", "kind", "domain"}
    stripped = run(coarse.init(), (0, T), strip=int(Strip.KIND))[0][1]
    assert stripped["kind"] == 0
    assert stripped["domain"] == Domain.SEA


def test_row_06_what_happens_inside_an_epoch_does_not_show():
    """Two runs that agree at the epochs' begins and differ in between give the same bytes at the same ticks."""
    fleets = [Fleet.make(20, Domain.SEA, (3, 12), seed=8) for _ in range(2)]
    out = []
    for which, fleet in enumerate(fleets):
        state, rows = coarse.init(), []
        for k in range(4):
            for part in range(8):
                now = BEGIN + (k * T + part * T // 8) * NS
                tracks = fleet.tracks(now)
                if which and part:  # the second one is somewhere else between the begins, or not there at all
                    tracks = tracks.replace(lat_rad=tracks.lat_rad + 0.1, ve_mps=tracks.ve_mps + 9.0)
                    tracks = tracks.take(np.arange(20) % 8 != part)
                rows.append((now, step(state, tracks, now).rows.tobytes()))
            fleet.move(float(T))
        out.append(rows)
    assert out[0] == out[1]
    assert any(rows for _, rows in out[0])


def test_row_06_a_late_tick_counts_back_to_the_begin():
    """The cell is that of the epoch's begin, not of the tick; too late a tick leaves the epoch out."""
    edge = float(grid.corners(grid.cell_of(np.array([0.5]), np.array([0.1]), 3))[0][0].max())
    over = edge + 3.0 / 6.371e6  # three metres past the edge, four seconds after the begin, northward
    late = craft(1, BEGIN + 4 * NS, lat=over, vn_mps=np.full(1, 5.0))
    state = coarse.init()
    step(state, late, BEGIN + 4 * NS)
    got = step(state, late, BEGIN + T * NS + 4 * NS).rows["cell"]
    assert got.tolist() == grid.cell_of(np.array([0.5]), np.array([0.1]), 3).tolist()
    state = coarse.init()
    step(state, late, BEGIN + 11 * NS)
    assert len(state.waiting) == 0


def test_all_partners_get_the_same_cells_at_the_same_time():
    ours = [coarse.init(), coarse.init()]
    for second in range(0, 2 * T + 8, 4):
        now = BEGIN + second * NS
        got = [step(one, craft(now=now), now, cell_m=side).rows for one, side in zip(ours, (8_000, 8_000), strict=True)]
        assert got[0].tobytes() == got[1].tobytes()


def test_tiers_of_cells_and_epochs_nest():
    domain = np.array([d for d in Domain for _ in range(11)], np.uint8)
    tier = np.array(list(range(11)) * len(Domain))
    short = coarse.epochs_s(domain, tier, np.zeros(len(tier), np.int64))
    for wish in (0, 100, 5_000, 100_000):
        longer = coarse.epochs_s(domain, tier, np.full(len(tier), wish))
        assert (longer % short == 0).all()
        assert (longer >= np.minimum(wish, coarse.EPOCH_MAX_S)).all()
    same = domain[1:] == domain[:-1]
    assert (short[1:] % short[:-1] == 0)[same].all()
    assert coarse.tiers(np.array([1, 1_000, 1_001, 999_999, 1_024_001], np.uint32)).tolist() == [0, 0, 1, 10, 11]


def test_a_side_that_no_cell_has_is_never_told_smaller():
    rows = run(coarse.init(), (0, 2_048, 4_096), cell_m=10_000)
    assert {int(grid.parts(np.array([row["cell"]]))[0][0]) for _, row in rows} == {4}
    assert run(coarse.init(), (0, 1 << 21), cell_m=2_000_000) == []
    assert run(coarse.init(), (0, T), cell_m=0) == []


def test_what_may_not_go_at_the_end_is_dropped():
    state = coarse.init()
    step(state, craft(), BEGIN)
    end = BEGIN + T * NS
    got = step(state, craft(now=end), end, chosen=[True, False, True])
    assert got.subjects.tolist() == [1, 3]
    later = step(state, craft(now=end + 4 * NS), end + 4 * NS)
    assert len(later.rows) == 0  # not delivered later either


def test_a_track_that_ends_is_told_until_its_epoch_ends():
    state = coarse.init()
    step(state, craft(), BEGIN, tag=np.array([5, 6, 7], np.uint32))
    now = BEGIN + 500 * NS
    step(state, craft(2, now), now, chosen=[True, False], tag=np.array([8, 9], np.uint32))
    got = step(state, craft(0), BEGIN + T * NS)
    assert got.subjects.tolist() == [1, 3]  # 2 may not go; 3 has ended, and that does not show yet
    assert got.tag.tolist() == [8, 7]
    assert len(step(state, craft(0), BEGIN + 2 * T * NS).rows) == 0


def test_a_suspension_forgets_what_waits():
    state = coarse.init()
    step(state, craft(), BEGIN)
    assert coarse.drop(state) == 3
    assert len(step(state, craft(now=BEGIN + T * NS), BEGIN + T * NS).rows) == 0


def test_a_shadow_withholds_by_whole_epochs():
    fleet, state, shadow = Fleet.make(60, Domain.SEA, (6, 12), seed=2), coarse.init(), adversary.init()
    seen = []
    for k in range(30):
        now = BEGIN + k * T * NS
        seen.append(step(state, fleet.tracks(now), now, shadow=shadow).rows)
        fleet.move(float(T))
    rows = np.concatenate(seen)
    tier = grid.parts(rows["cell"])[0]
    assert tier.min() == 3
    assert (tier > 3).any()
    assert (rows["epoch_s"] == T).all()  # a larger cell does not change the rhythm
    assert grid.valid(rows["cell"]).all()


def test_it_goes_on_from_what_was_dumped():
    one, other = coarse.init(), coarse.init()
    for second in range(0, 3 * T, 64):
        now = BEGIN + second * NS
        other = coarse.load(coarse.dump(other))
        got = [step(s, craft(now=now), now, delay_s=100).rows.tobytes() for s in (one, other)]
        assert got[0] == got[1]


def test_no_position_and_a_full_queue_cost_rows_not_the_step(monkeypatch):
    state = coarse.init()
    nowhere = craft(2, lat=np.nan)
    step(state, nowhere, BEGIN)
    assert len(state.waiting) == 0
    monkeypatch.setattr(coarse, "WAITING_MAX", 2)
    step(state, craft(3), BEGIN)
    assert len(state.waiting) == 2


@pytest.mark.parametrize(
    ("space", "open_sky"), [(Space.MMSI, True), (Space.ICAO24, True), (Space.SENSOR_TRACK, False), (Space.NONE, False)]
)
def test_row_06_coarsening_is_void_where_the_craft_broadcasts(space, open_sky):
    tracks = craft(1).replace(identity=np.array([pack(space, 4711)], np.uint64))
    assert coarse.void(tracks).tolist() == [open_sky]
