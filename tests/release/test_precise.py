"""The precise tier: what changed, without what is stripped, with increments that a recipient can count once."""

from __future__ import annotations

import numpy as np
import pytest
from tests.release.stream import BEGIN_NS, NS

from manara.kernels import increment
from manara.records.identity import Space, pack
from manara.records.marking import Obligations, Strip
from manara.records.reports import AltRef, Domain, Flag, Kind, Reports
from manara.records.tracks import Life, Tracks
from manara.release import precise
from manara.tracking import stage


def craft(n=3, now=BEGIN_NS, updated=None, **columns):
    base = {
        "track_id": np.arange(1, n + 1, dtype=np.uint64),
        "time_ns": np.full(n, now),
        "updated_ns": np.full(n, now if updated is None else updated),
        "life": np.full(n, Life.CONFIRMED, np.uint8),
        "domain": np.full(n, Domain.AIR, np.uint8),
        "kind": np.full(n, Kind.AIRCRAFT, np.uint8),
        "identity": np.full(n, pack(Space.ICAO24, 0xD00001), np.uint64),
        "lat_rad": np.linspace(0.5, 0.6, n),
        "lon_rad": np.linspace(0.1, 0.2, n),
        "alt_m": np.full(n, 9_000.0),
        "alt_ref": np.full(n, AltRef.PRESSURE, np.uint8),
        "ve_mps": np.full(n, 200.0),
        "vn_mps": np.full(n, -50.0),
        "vu_mps": np.full(n, 3.0),
        "heading_rad": np.full(n, 1.5),
        "cov": np.tile([900.0, 10, 90, 1, 800, 1, 80, 30, 0.5, 25], (n, 1)),
        "mode_3a": np.full(n, 0o1234, np.uint32),
        "flags": np.full(n, int(Flag.EMERGENCY | Flag.FROM_GROUND | Flag.IDENTITY_CONFLICT), np.uint32),
    }
    return Tracks.blank(n).replace(**{**base, **columns})


def step(state, tracks, now, chosen=None, names=None, sources=None, tag=None, room=32_768, **obliged):
    n = len(tracks)
    obligations = Obligations.blank(n).replace(**{k: np.full(n, v, np.uint32) for k, v in obliged.items()})
    chosen = np.ones(n, bool) if chosen is None else np.array(chosen)
    names = tracks.track_id + np.uint64(100) if names is None else names
    return precise.advance(state, tracks, chosen, obligations, names, now, sources, tag, room)


def at(second):
    return BEGIN_NS + second * NS


def test_the_first_row_is_whole_and_later_ones_tell_what_is_new():
    state = precise.init()
    first = step(state, craft(), at(0)).precise
    assert first.subjects.tolist() == [1, 2, 3]
    assert first.rows["track"].tolist() == [101, 102, 103]
    assert first.rows["begin_ns"].tolist() == [0, 0, 0]
    assert len(step(state, craft(now=at(1), updated=at(0)), at(1)).precise) == 0
    one = craft(now=at(2), updated=at(0))
    one.updated_ns[1] = at(2)
    second = step(state, one, at(2)).precise
    assert second.subjects.tolist() == [2]
    assert second.rows["begin_ns"].tolist() == [at(0)]


def told_when(n, seconds, updates=None):
    """Of each track the seconds at which it was told, after a first tick in which all were told at once."""
    state, seen = precise.init(), {k: [] for k in range(1, n + 1)}
    last = np.full(n, at(0))
    step(state, craft(n), at(0))
    for second in range(1, seconds):
        if updates is not None:
            last[second % updates :: updates] = at(second)
        told = step(state, craft(n, at(second), last), at(second)).precise
        for subject in told.subjects.tolist():
            seen[subject].append(second)
    return list(seen.values())


def test_key_frames_come_within_thirty_seconds_and_not_all_at_once():
    n = 900
    seen = told_when(n, 200)
    assert all({*np.diff([0, *times]).tolist()} <= set(range(20, 31)) for times in seen)
    sizes = np.bincount(np.concatenate(seen), minlength=200)
    assert max(sizes) <= n / 11 * 1.4
    assert max(sizes[100:]) <= n / 25 * 1.8


def test_what_is_told_often_needs_no_key_frame():
    assert all(np.diff(times).tolist() == [10] * (len(times) - 1) for times in told_when(50, 95, updates=10))


def test_recipients_of_the_same_get_their_key_frames_in_the_same_tick_whatever_their_numbers():
    one, other, n = precise.init(), precise.init(), 60
    for second in range(90):
        tracks = craft(n, at(second), at(0))
        some = step(one, tracks, at(second), names=tracks.track_id * np.uint64(7919)).precise
        more = step(other, tracks, at(second), names=tracks.track_id + np.uint64(1 << 40)).precise
        assert some.subjects.tolist() == more.subjects.tolist()
        for name in set(some.rows.dtype.names) - {"track"}:
            assert some.rows[name].tobytes() == more.rows[name].tobytes()


def test_what_changes_beside_the_position_is_told_too():
    state = precise.init()
    step(state, craft(), at(0))
    coasting = craft(now=at(1), updated=at(0))
    coasting.life[0], coasting.flags[2] = Life.COASTING, 0
    assert step(state, coasting, at(1)).precise.subjects.tolist() == [1, 3]


def test_row_05_fields_that_are_stripped_are_gone_in_every_form():
    plain = step(precise.init(), craft(1), at(0), sources=np.array([5], np.uint32)).precise.rows[0]
    assert plain["identity"] == pack(Space.ICAO24, 0xD00001)
    assert plain["sources"] == 5
    blank = {
        Strip.IDENTITY: {"identity": 0, "mode_3a": 0xFFFFFFFF},
        Strip.HEIGHT: {"alt_m": np.nan, "vu_mps": np.nan, "alt_ref": 0},
        Strip.KINEMATICS: {"ve_mps": np.nan, "vn_mps": np.nan, "vu_mps": np.nan, "heading_rad": np.nan},
        Strip.ACCURACY: {"cov": [0.0] * 10},
        Strip.SOURCE: {"sources": 0},
        Strip.KIND: {"kind": 0},
    }
    for bit, columns in blank.items():
        row = step(precise.init(), craft(1), at(0), sources=np.array([5], np.uint32), strip=int(bit)).precise.rows[0]
        for name in plain.dtype.names:
            if name in columns:
                assert np.array_equal(row[name], columns[name], equal_nan=True), (bit, name)
            elif name not in {"flags", "cov"}:
                assert np.array_equal(row[name], plain[name], equal_nan=True), (bit, name)
        assert row["flags"] & int(Flag.EMERGENCY)
    assert row["domain"] == Domain.AIR


def test_row_08_what_betrays_a_source_goes_with_it():
    row = step(precise.init(), craft(1), at(0), strip=int(Strip.SOURCE)).precise.rows[0]
    assert not row["flags"] & int(Flag.FROM_GROUND | Flag.DEAD_RECKONED | Flag.TIME_ASSUMED | Flag.MANUAL)
    row = step(precise.init(), craft(1), at(0), strip=int(Strip.IDENTITY)).precise.rows[0]
    assert not row["flags"] & int(Flag.IDENTITY_CONFLICT)


@pytest.mark.parametrize("bit", [Strip.ACCURACY, Strip.KINEMATICS])
def test_row_05_increments_do_not_bring_back_what_was_stripped(bit):
    state = precise.init()
    for second in range(4):
        rows = step(state, craft(1, at(second)), at(second), strip=int(bit)).precise.rows
        assert not rows["gain"].any()
        assert not rows["moved"].any()
        assert not rows["begin_ns"].any()
    if bit == Strip.KINEMATICS:
        assert rows["cov"][0].nonzero()[0].tolist() == [0, 1, 4]  # of the position alone


def test_row_07_a_delayed_row_leaves_later_as_it_was():
    now_rows, late_rows = [], []
    plain, late = precise.init(), precise.init()
    for second in range(40):
        tracks = craft(now=at(second), lat_rad=np.linspace(0.5, 0.6, 3) + second * 1e-5)
        now_rows.append(step(plain, tracks, at(second)).precise.rows.tobytes())
        late_rows.append(step(late, tracks, at(second), delay_s=17).precise.rows.tobytes())
    assert late_rows[17:] == now_rows[:-17]
    assert not any(late_rows[:17])


def test_row_07_a_delayed_row_is_decided_again_when_it_leaves():
    state = precise.init()
    step(state, craft(), at(0), delay_s=10)
    step(state, craft(now=at(5)), at(5), chosen=[True, False, True], delay_s=10)
    told = step(state, craft(now=at(10), updated=at(5)), at(10), delay_s=10)
    assert told.precise.subjects.tolist() == [1, 3]
    for second in (15, 20, 30):
        later = step(state, craft(now=at(second), updated=at(5)), at(second), delay_s=10)
        assert 102 not in later.ended.rows["track"]  # of 2 nothing had been told: nothing says that it ended
    assert precise.drop(state) > 0
    assert len(step(state, craft(0), at(60)).precise) == 0


def test_an_end_is_told_once_and_after_the_same_delay():
    for delay_s in (0, 20):
        state, ends = precise.init(), []
        for second in range(60):
            tracks = craft(3 if second < 30 else 2, at(second))
            ended = step(state, tracks, at(second), delay_s=delay_s).ended
            ends += [(second, int(row["track"]), (int(row["time_ns"]) - BEGIN_NS) // NS) for row in ended.rows]
        assert ends == [(30 + delay_s, 103, 30)]


def test_a_track_that_may_not_go_any_more_is_ended_for_the_recipient():
    state = precise.init()
    step(state, craft(), at(0))
    told = step(state, craft(now=at(1)), at(1), chosen=[True, False, True])
    assert told.ended.rows["track"].tolist() == [102]
    again = step(state, craft(now=at(2)), at(2)).precise.rows
    assert again["begin_ns"].tolist() == [at(1), 0, at(1)]
    coarse_now = step(state, craft(now=at(3)), at(3), cell_m=8_000)
    assert coarse_now.ended.rows["track"].tolist() == [101, 102, 103]
    assert len(coarse_now.precise) == 0


def test_a_new_pseudonym_ends_the_old_one_and_begins_anew():
    state = precise.init()
    step(state, craft(), at(0))
    told = step(state, craft(now=at(1)), at(1), names=np.array([101, 202, 103], np.uint64))
    assert told.ended.rows["track"].tolist() == [102]
    assert told.precise.rows["track"].tolist() == [101, 202, 103]
    assert told.precise.rows["begin_ns"].tolist() == [at(0), 0, at(0)]


def test_a_rate_is_kept():
    state, times = precise.init(), []
    for second in range(61):
        if len(step(state, craft(1, at(second)), at(second), rate_s=12).precise):
            times.append(second)
    assert times == [0, 12, 24, 36, 48, 60]


def test_no_more_rows_than_there_is_room_for_and_none_is_forgotten():
    state, seen = precise.init(), []
    for second in range(10):
        told = step(state, craft(10, at(second), at(0)), at(second), room=4).precise
        assert len(told) <= 4
        seen += told.subjects.tolist()
    assert sorted(seen)[:10] == list(range(1, 11)) or set(seen) == set(range(1, 11))


def test_a_suspension_forgets_and_what_follows_begins_anew():
    state = precise.init()
    step(state, craft(), at(0))
    assert precise.drop(state) == 0
    told = step(state, craft(now=at(1)), at(1))
    assert told.precise.rows["begin_ns"].tolist() == [0, 0, 0]
    assert len(told.ended) == 0


def test_rows_carry_the_callers_mark():
    state = precise.init()
    told = step(state, craft(), at(0), tag=np.array([4, 5, 6], np.uint32), delay_s=5)
    told = step(state, craft(now=at(5), updated=at(0)), at(5), tag=np.array([4, 7, 6], np.uint32), delay_s=5)
    assert told.precise.tag.tolist() == [4, 7, 6]


def test_it_goes_on_from_what_was_dumped():
    one, other = precise.init(), precise.init()
    for second in range(50):
        other = precise.load(precise.dump(other))
        tracks = craft(4 if second < 20 else 3, at(second), at(second - second % 3))
        got = [step(s, tracks, at(second), delay_s=second % 2 * 4) for s in (one, other)]
        for table in ("precise", "ended"):
            a, b = (getattr(told, table) for told in got)
            assert a.rows.tobytes() == b.rows.tobytes()
            assert a.subjects.tolist() == b.subjects.tolist()


def heard(rng, k, kind, n=12):
    """Reports of craft on gentle turns, one each second or missed."""
    names = np.arange(n)
    keep = rng.uniform(size=n) < 0.6
    angle = names + 0.01 * k
    speed = 8.0 if kind == Kind.VESSEL_A else 180.0
    lat = 0.6 + names * 0.004 + 0.01 * np.sin(angle) * speed / 6.4e6 / 0.01 / 0.01 * 1e-2
    lon = 0.2 - 0.01 * np.cos(angle) * speed / 6.4e6 / 0.01 / 0.01 * 1e-2
    noise = rng.normal(0, 20.0 / 6.4e6, (2, n))
    return (
        Reports.blank(n)
        .replace(
            time_ns=np.full(n, at(k)),
            received_ns=np.full(n, at(k)),
            identity=(names + pack(Space.ICAO24, 0xD00000)).astype(np.uint64),
            kind=np.full(n, kind, np.uint8),
            lat_rad=lat + noise[0],
            lon_rad=lon + noise[1],
            sigma_m=np.full(n, 20.0),
        )
        .take(keep)
    )


@pytest.mark.parametrize("kind", [Kind.AIRCRAFT, Kind.VESSEL_A, Kind.UNMANNED_AIRCRAFT])
@pytest.mark.parametrize("strip", [0, int(Strip.KIND)])
def test_a_recipient_of_a_real_trackers_rows_reproduces_its_covariance(kind, strip):
    """The tracker's own stage, release, and the other side: increments lead to the states that the rows say."""
    rng = np.random.Generator(np.random.Philox(3))
    tracker, state, chains = stage.init(capacity=64), precise.init(), {}
    added = began = 0
    for k in range(150):
        tracks = stage.advance(tracker, stage.Inbox(reports=heard(rng, k, kind)), at(k)).tracks
        tracks = tracks.take(tracks.life >= Life.CONFIRMED)
        rows = step(state, tracks, at(k), strip=strip).precise.rows
        q, place, told, gain, moved = precise.of_rows(rows)
        for i, row in enumerate(rows):
            fresh = (np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(1, np.int64))
            chain = chains.setdefault(int(row["track"]), fresh)
            taken = np.zeros(1, np.int64)
            one = [v[i : i + 1] for v in (q, place, told)]
            when, begin = (np.array([row[name]]) for name in ("time_ns", "begin_ns"))
            increment.chain_on(*chain, *one, when, gain[i : i + 1], moved[i : i + 1], begin, taken)
            added, began = added + (taken[0] == 1), began + (taken[0] == 2)
            if k > 5:
                assert np.allclose(chain[1][0, [0, 4, 7, 9]], told[i, [0, 4, 7, 9]], rtol=2 * increment.STRAY)
                assert np.abs(chain[0][0, 3:] - place[i, 4:]).max() < 3 * increment.STRAY * np.sqrt(told[i, 7])
    assert added > 800
    assert began <= 12 + added * 0.02
