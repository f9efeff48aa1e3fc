"""Craft that say who they are: one track each, everywhere on earth; two that say the same are two."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.tracking.scene import ICAO, MMSI, Craft, covariance, error, filled, join, ns, report, step

from manara.records.reports import Domain, Flag, Kind, Reports
from manara.records.tracks import Life
from manara.tracking import stage


def follow(craft, seconds, every=1, seed=1, sigma=30.0, **more):
    """Fly and report; the last outbox, and the ids of all tracks that ever were."""
    rng, state, ids = np.random.default_rng(seed), stage.init(capacity=16), set()
    for t in range(0, seconds, every):
        out = step(state, t, [report(craft, t, sigma, rng, **more)])
        ids |= set(out.tracks.track_id.tolist())
        craft.fly(every)
    craft.fly(-every)
    return out, ids


@pytest.mark.parametrize(
    ("name", "craft"),
    [
        ("over the north pole", Craft(89.0, 20.0, 30.0, 240.0)),
        ("over the south pole", Craft(-89.0, -100.0, -20.0, -240.0)),
        ("exactly over the pole", Craft(89.5, 0.0, 0.0, 250.0)),
        ("across the antimeridian eastward", Craft(52.0, 179.5, 240.0, 20.0)),
        ("across the antimeridian westward", Craft(-17.0, -179.5, -240.0, 20.0)),
        ("across the equator and the prime meridian", Craft(-0.3, -0.3, 150.0, 150.0)),
    ],
)
def test_one_track_all_the_way(name, craft):
    out, ids = follow(craft, 900)
    assert len(ids) == 1
    assert len(out.tracks) == 1
    assert not out.tracks.flags[0] & (Flag.IDENTITY_CONFLICT | Flag.POSITION_JUMP)
    e = error(out.tracks, 0, craft)
    p = covariance(out.tracks, 0)
    assert e @ np.linalg.solve(p, e) < 20.0
    assert np.hypot(*e[:2]) < 60.0
    assert np.hypot(*e[2:]) < 10.0


def test_the_pole_itself_is_a_place():
    state = stage.init(capacity=16)
    for t in range(5):
        row = filled(
            Reports,
            {"time_ns": ns(t), "identity": ICAO, "kind": Kind.AIRCRAFT, "lat_rad": math.pi / 2, "lon_rad": 0.7 * t - 1},
        )
        out = step(state, t, [row])
    assert len(out.tracks) == 1
    assert out.tracks.hits[0] == 5
    assert out.tracks.lat_rad[0] == pytest.approx(math.pi / 2, abs=1e-5)


def test_a_track_from_the_first_report_confirmed_by_the_second():
    state, ship = stage.init(capacity=16), Craft(55.0, 11.0, 5.0, 2.0)
    first = step(state, 0, [report(ship, 0, who=MMSI, kind=Kind.VESSEL_A)])
    assert first.tracks.life.tolist() == [Life.TENTATIVE]
    ship.fly(10)
    second = step(state, 10, [report(ship, 10, who=MMSI, kind=Kind.VESSEL_A)])
    assert second.tracks.life.tolist() == [Life.CONFIRMED]
    assert second.tracks.domain.tolist() == [Domain.SEA]
    assert second.tracks.identity.tolist() == [MMSI]
    assert second.tracks.number.tolist() == [1]
    assert second.used == 1


@pytest.mark.parametrize(
    ("kind", "coast_s", "drop_s"), [(Kind.VESSEL_A, 430, 1210), (Kind.AIRCRAFT, 11, 61), (Kind.BASE_STATION, 910, 3610)]
)
def test_silence_is_borne_by_kind(kind, coast_s, drop_s):
    state, craft = stage.init(capacity=16), Craft(55.0, 11.0, 0.0, 0.0)
    for t in (0, 180) if kind != Kind.AIRCRAFT else (0, 5):
        out = step(state, t, [report(craft, t, kind=kind)])
    assert out.tracks.life.tolist() == [Life.CONFIRMED]
    out = step(state, t + coast_s, [])
    assert out.tracks.life.tolist() == [Life.COASTING]
    track = out.tracks.track_id[0]
    out = step(state, t + drop_s, [])
    assert len(out.tracks) == 0
    assert out.ended.track_id.tolist() == [track]
    assert out.ended.life.tolist() == [Life.DROPPED]
    assert len(step(state, t + drop_s + 1, []).ended) == 0


def test_a_moored_ship_that_reports_every_three_minutes_does_not_flicker():
    state, ship = stage.init(capacity=16), Craft(55.0, 11.0, 0.0, 0.0)
    rng = np.random.default_rng(4)
    for t in range(0, 3600, 60):
        out = step(state, t, [report(ship, t, 5.0, rng, who=MMSI, kind=Kind.VESSEL_A)] if t % 180 == 0 else [])
        assert len(out.tracks) == 1
        assert out.tracks.life[0] != Life.COASTING


def test_two_craft_under_one_identity_are_two_tracks_and_a_flag():
    state, rng = stage.init(capacity=16), np.random.default_rng(5)
    a, b = Craft(50.0, 3.0, 200.0, 0.0), Craft(50.5, 3.0, -180.0, 30.0)
    ids = set()
    for t in range(60):
        out = step(state, t, [report(one, t, 20.0, rng) for one in (a, b)])
        ids |= set(out.tracks.track_id.tolist())
        a.fly(1)
        b.fly(1)
    assert len(ids) == len(out.tracks) == 2
    assert out.tracks.identity.tolist() == [ICAO, ICAO]
    assert (out.tracks.flags & Flag.IDENTITY_CONFLICT).all()
    a.fly(-1)
    b.fly(-1)
    for craft in (a, b):
        assert min(np.hypot(*error(out.tracks, i, craft)[:2]) for i in range(2)) < 50.0


def test_the_conflict_is_forgotten_when_one_goes():
    state = stage.init(capacity=16)
    a, b = Craft(50.0, 3.0, 200.0, 0.0), Craft(50.5, 3.0, -180.0, 30.0)
    for t in range(200):
        out = step(state, t, [report(one, t) for one in ((a, b) if t < 30 else (a,))])
        a.fly(1)
        b.fly(1)
    assert len(out.tracks) == 1
    assert not out.tracks.flags[0] & Flag.IDENTITY_CONFLICT


def test_one_wild_position_is_a_jump_not_a_conflict():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 200.0, 0.0)
    tracks = []
    for t in range(40):
        out = step(state, t, [report(craft if t != 20 else Craft(53.0, 3.0, 0.0, 0.0), t)])
        tracks.append(len(out.tracks))
        craft.fly(1)
    assert tracks[19:22] == [1, 2, 2]
    assert tracks[-1] == 1
    assert out.tracks.flags[0] & Flag.POSITION_JUMP
    assert not out.tracks.flags[0] & Flag.IDENTITY_CONFLICT


def test_a_craft_that_stays_where_it_jumped_is_followed_there():
    state, craft, moved = stage.init(capacity=16), Craft(50.0, 3.0, 200.0, 0.0), Craft(51.0, 3.0, 200.0, 0.0)
    for t in range(100):
        out = step(state, t, [report(craft if t < 20 else moved, t)])
        craft.fly(1)
        moved.fly(1)
    assert len(out.tracks) == 1
    assert out.tracks.hits[0] == 80
    assert not out.tracks.flags[0] & Flag.IDENTITY_CONFLICT


def test_a_ship_that_turned_unseen_stays_one_ship():
    """Six minutes of silence, and back it came: out of the gate, within reach."""
    state, ship = stage.init(capacity=16), Craft(55.0, 11.0, 10.0, 0.0)
    for t in range(0, 120, 10):
        step(state, t, [report(ship, t, who=MMSI, kind=Kind.VESSEL_A)])
        ship.fly(10)
    ship.ve = -10.0
    ship.fly(360)
    out = step(state, 480, [report(ship, 480, who=MMSI, kind=Kind.VESSEL_A)])
    assert len(out.tracks) == 1
    assert np.hypot(*error(out.tracks, 0, ship)[:2]) < 1.0


def test_position_and_velocity_in_separate_rows():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 200.0, 100.0)
    blind = {"lat_rad": math.nan, "lon_rad": math.nan, "flags": Flag.NO_POSITION | Flag.EMERGENCY}
    before = step(state, 0, [report(craft, 0, **blind)])
    assert before.refused == {"no_position": 1}
    step(state, 0, [report(craft, 0, velocity=False)])
    out = step(state, 1, [report(craft, 1, alt_m=9000.0, alt_ref=2, climb_mps=-5.0, **blind)])
    assert out.tracks.ve_mps[0] == pytest.approx(200.0, abs=1.0)
    assert out.tracks.alt_m[0] == pytest.approx(9000.0, abs=6.0)
    assert out.tracks.flags[0] & Flag.EMERGENCY
    assert not out.tracks.flags[0] & Flag.NO_POSITION
    assert out.tracks.life[0] == Life.TENTATIVE


def test_flags_come_and_go():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 0.0, 0.0)
    seen = []
    for t in range(0, 150, 5):
        flags = (Flag.EMERGENCY if t < 20 else 0) | (Flag.ON_GROUND if t < 50 else 0)
        seen.append(step(state, t, [report(craft, t, flags=flags)]).tracks.flags[0])
    assert seen[0] & Flag.EMERGENCY
    assert seen[3] & Flag.EMERGENCY
    assert not seen[-1] & Flag.EMERGENCY
    assert [bool(f & Flag.ON_GROUND) for f in seen] == [t < 50 for t in range(0, 150, 5)]


def test_a_late_report_helps_and_moves_nothing_back():
    rng = np.random.default_rng(8)
    ordered, swapped, craft = stage.init(capacity=16), stage.init(capacity=16), Craft(50.0, 3.0, 200.0, 100.0)
    rows = []
    for t in range(40):
        rows.append(report(craft, t, 30.0, rng))
        craft.fly(1)
    craft.fly(-1)
    for a in range(0, 40, 2):
        step(ordered, a, [rows[a]])
        x = step(ordered, a + 1, [rows[a + 1]])
        y = step(swapped, a + 1, [rows[a + 1]])
        z = step(swapped, a + 1, [rows[a]])
        assert z.late == (a > 0) * 1 + (a == 0) * 1
        assert (z.tracks.time_ns >= y.tracks.time_ns).all()
    assert z.tracks.updated_ns[0] == ns(39)
    better, worse = np.hypot(*error(x.tracks, 0, craft)[:2]), np.hypot(*error(z.tracks, 0, craft)[:2])
    assert abs(better - worse) < 15.0
    e = error(z.tracks, 0, craft)
    assert e @ np.linalg.solve(covariance(z.tracks, 0), e) < 20.0


def test_what_cannot_be_used_is_counted():
    state, craft = stage.init(capacity=16), Craft(50.0, 3.0, 200.0, 100.0)
    step(state, 100, [report(craft, 100)])
    rows = [
        report(craft, 60),  # far older than its track
        report(craft, 100, time_ns=0, identity=ICAO + 1),  # 1970
        report(craft, 100_000),
        report(craft, 100, who=0),
        report(craft, 100, lat_rad=math.radians(91.0)),
        report(craft, 100, lon_rad=math.radians(181.0)),
        report(craft, 100, lat_rad=math.inf, identity=ICAO + 2),
    ]
    out = step(state, 101, rows)
    assert out.refused == {"too_late": 2, "future": 1, "no_identity": 1, "out_of_range": 2, "no_position": 1}
    assert len(out.tracks) == 1


def test_ten_thousand_positions_of_one_identity_are_bounded():
    rng, state = np.random.default_rng(9), stage.init(capacity=16)
    n = 10_000
    rows = Reports.blank(n).replace(
        time_ns=np.full(n, ns(0)),
        identity=np.full(n, ICAO, np.uint64),
        kind=np.full(n, Kind.AIRCRAFT, np.uint8),
        lat_rad=rng.uniform(-1.5, 1.5, n),
        lon_rad=rng.uniform(-3.1, 3.1, n),
    )
    out = stage.advance(state, stage.Inbox(reports=rows), ns(0))
    assert len(out.tracks) <= 8
    assert out.used + sum(out.refused.values()) == n
    assert out.refused["identity_crowded"] > 9_000


def test_the_store_grows_to_its_bound_and_says_so():
    n = 3000
    rows = join([report(Craft(i % 80, i % 170, 0.0, 0.0), 0, who=ICAO + i) for i in range(n)])
    state = stage.init(capacity=16, capacity_max=2000)
    out = stage.advance(state, stage.Inbox(reports=rows), ns(0))
    assert len(out.tracks) == 2000
    assert out.refused == {"capacity": 1000}
    assert len(np.unique(out.tracks.track_id)) == 2000
    later = stage.advance(state, stage.Inbox(reports=rows), ns(0))
    assert later.refused == {"capacity": 1000}
    assert later.used == 2000


def test_views_see_their_sources_only():
    a, b = Craft(50.0, 3.0, 200.0, 0.0), Craft(40.0, 3.0, 200.0, 0.0)
    everything, one = stage.init(capacity=16), stage.init(view=frozenset({1}), capacity=16, serial=3)
    rows = [report(a, 0, source=1), report(b, 0, who=ICAO + 1, source=2)]
    both, single = step(everything, 0, rows), step(one, 0, rows)
    assert len(both.tracks) == 2
    assert both.sources == (1, 2)
    assert both.tracks.sources.tolist() == [1, 2]
    assert single.sources == (1,)
    assert single.tracks.track_id.tolist() == [3 << 48 | 1]


def test_a_hidden_source_leaves_no_trace():
    """The same view with and without the other source's rows: the same tracks, bit for bit, ids included."""
    from tests.tracking.scene import same

    with_it, without = (stage.init(view=frozenset({1}), capacity=16) for _ in range(2))
    a, b = Craft(50.0, 3.0, 200.0, 0.0), Craft(50.001, 3.0, 200.0, 0.0)
    for t in range(20):
        seen = report(a, t, source=1)
        x = step(with_it, t, [report(b, t, source=2), seen, report(b, t, who=ICAO + 1, source=2)])
        assert same(x, step(without, t, [seen]))
        a.fly(1)


def test_more_sources_than_bits_share_the_last():
    state = stage.init(capacity=16)
    rows = [report(Craft(i % 80, 0.0, 0.0, 0.0), 0, who=ICAO + i, source=1000 + i) for i in range(70)]
    out = step(state, 0, rows)
    assert len(out.sources) == 63
    assert out.tracks.sources[:63].tolist() == [1 << i for i in range(63)]
    assert set(out.tracks.sources[63:].tolist()) == {1 << 63}
