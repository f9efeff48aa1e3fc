"""What is raised: only what lasts, nothing that flickers, and nobody who says who he is."""

from __future__ import annotations

import numpy as np
import pytest

from manara.records.directory import Area
from manara.records.identity import Space, pack
from manara.records.inputs import Decided
from manara.records.partners import Warned
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.records.warnings import Hazard, Severity
from manara.warning import inbox, stage, watch

S = 1_000_000_000
T0 = 10_000 * S
CORNERS = (np.array([0, 4, 8]), np.array([0.0, 0.0, 0.01, 0.01, 0.0, 0.0, 0.01, 0.01]),
           np.array([0.0, 0.01, 0.01, 0.0, 0.02, 0.03, 0.03, 0.02]))  # fmt: skip
AREAS = (
    Area(id="home", partner="arvena", name="Home", corners_deg=(), warned=True),
    Area(id="away", partner="belora", name="Away", corners_deg=(), warned=True),
)


def tracks(n=1, lon=-0.01, ve=230.0, **columns):
    made = Tracks.blank(n).replace(
        track_id=np.arange(1, n + 1).astype(np.uint64),
        lat_rad=np.full(n, 0.005),
        lon_rad=np.full(n, lon),
        ve_mps=np.full(n, ve),
        domain=np.full(n, Domain.AIR, np.uint8),
        life=np.full(n, Life.CONFIRMED, np.uint8),
        cov=np.tile(np.array([900.0, 0, 0, 0, 900.0, 0, 0, 1.0, 0, 1.0]), (n, 1)),
        time_ns=np.full(n, T0),
        born_ns=np.full(n, T0 - 20 * S),
    )
    return made.replace(**columns)


def news(seen, now_ns, own="arvena", attention=None, **more):
    moved = seen.replace(
        time_ns=np.full(len(seen), now_ns),
        lon_rad=seen.lon_rad + seen.ve_mps * (now_ns - T0) * 1e-9 / 6_378_137.0,
    )
    level = np.zeros(len(seen), np.uint8) if attention is None else attention
    return stage.Inbox(moved, level, AREAS, CORNERS, 1, own, **more)


def run(state, seen, seconds, start=0, **more):
    out = stage.Outbox()
    for k in range(start, start + seconds):
        out = stage.advance(state, news(seen, T0 + k * S, **more), T0 + k * S)
    return out


def named(out):
    return {(one.partner, one.area, one.hazard) for one in out.dangers}


def test_an_aircraft_without_identity_is_told_of_after_ten_seconds_and_not_before():
    state = stage.init()
    seen = tracks()
    assert run(state, seen, 10).dangers == ()
    out = run(state, seen, 1, 10)
    assert named(out) == {
        ("arvena", "home", Hazard.UNIDENTIFIED_AIRCRAFT),
        ("belora", "away", Hazard.UNIDENTIFIED_AIRCRAFT),
    }
    home = next(one for one in out.dangers if one.area == "home")
    truly_ns = T0 + int(0.01 * 6_378_137.0 / 230.0 * 1e9)
    assert abs(home.time_ns - truly_ns) < 15 * S
    assert home.severity == Severity.MODERATE


@pytest.mark.parametrize(
    ("why", "columns"),
    [
        ("says its address", {"identity": np.array([pack(Space.ICAO24, 0xD00001)], np.uint64)}),
        ("answers with a code", {"mode_3a": np.array([0o1234], np.uint32)}),
        ("is not confirmed", {"life": np.array([Life.TENTATIVE], np.uint8)}),
        ("hangs in the air", {"ve_mps": np.array([9.0])}),
        ("is a vessel", {"domain": np.array([Domain.SEA], np.uint8)}),
        ("flies the other way", {"ve_mps": np.array([-230.0])}),
    ],
)
def test_nobody_is_warned_of_one_that(why, columns):
    state = stage.init()
    assert run(state, tracks(**columns), 15).dangers == (), why
    assert state.inbox.drafts == {}


def test_a_sensors_own_track_number_is_no_claim():
    numbered = tracks(identity=np.array([pack(Space.SENSOR_TRACK, 77)], np.uint64))
    assert run(stage.init(), numbered, 11).dangers


def test_distress_is_told_at_once_also_at_rest_and_at_sea():
    raft = tracks(lon=0.025, ve=0.0, domain=np.array([Domain.SEA], np.uint8))
    out = run(stage.init(), raft, 1, attention=np.array([2], np.uint8))
    assert named(out) == {("belora", "away", Hazard.DISTRESS)}
    assert out.dangers[0].severity == Severity.SEVERE
    assert out.drafts == (), "it is in nobody's area of ours"


def test_what_flickers_is_neither_raised_nor_dropped():
    state = stage.init()
    there, away = tracks(), tracks(ve=-230.0)
    for k in range(40):  # never ten seconds in one piece
        out = stage.advance(state, news(there if k % 8 else away, T0 + k * S), T0 + k * S)
        assert out.dangers == ()
    state = stage.init()
    run(state, there, 12)
    quiet = run(state, tracks(n=0), 20, 12)
    assert quiet.dangers == (), "nothing is said of what is not seen now"
    assert run(state, there, 1, 32).dangers, "it lasted already: no need to prove itself again"
    run(state, tracks(n=0), 40, 33)
    assert run(state, there, 5, 73).dangers == (), "by now it must"


def test_ten_thousand_tracks_give_one_danger_for_an_area():
    state = stage.init()
    out = run(state, tracks(n=10_000), 11)
    assert len(out.dangers) == 2
    assert len(out.drafts) == 1
    assert len(out.drafts[0].tracks) == inbox.TRACKS_MAX
    assert len(state.pairs) <= watch.PAIRS_MAX


def test_a_step_between_ticks_looks_at_nothing():
    state = stage.init()
    run(state, tracks(), 11)
    assert stage.advance(state, news(tracks(), T0 + 10 * S + 5), T0 + 10 * S + 5).dangers == ()


def test_a_new_directory_begins_anew():
    state = stage.init()
    run(state, tracks(), 11)
    more = news(tracks(), T0 + 11 * S)
    swapped = stage.Inbox(more.tracks, more.attention, AREAS[::-1], CORNERS, 2, "arvena")
    assert stage.advance(state, swapped, T0 + 11 * S).dangers == ()


def test_it_is_the_same_from_a_snapshot_at_any_second():
    seen = tracks(n=3, lon=-0.02)
    for cut in (1, 9, 12):
        whole, halved = stage.init(), stage.init()
        for k in range(20):
            now_ns = T0 + k * S
            warned = (Warned(partner="belora", area="home", window_ns=T0, hazard=1, severity=3, received_ns=now_ns),)
            decided = (Decided(1, "take", "desk", now_ns),)
            some = news(seen, now_ns, warned=warned if k == 4 else (), decided=decided if k == 6 else ())
            if k == cut:
                halved = stage.load(stage.dump(halved))
            a, b = stage.advance(whole, some, now_ns), stage.advance(halved, some, now_ns)
            assert a == b or (a.dangers, a.drafts, a.refused) == (b.dangers, b.drafts, b.refused)
        assert stage.dump(whole) == stage.dump(halved)
