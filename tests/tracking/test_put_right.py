"""The stage with sensors that are wrong: found from common craft, taken out, and no harm where none is."""

from __future__ import annotations

import dataclasses
import math

import msgspec
import numpy as np
import pytest
from tests.tracking.scene import same
from tests.tracking.two_sensors import ADSB, RADAR, SECOND, SITES, T0, S, Sky, Wrong

from manara.kernels import geodesy
from manara.records.plots import Plots
from manara.records.reports import Reports
from manara.records.tracks import Life
from manara.tracking import stage

SENSORS = tuple(msgspec.structs.replace(s, sac=1, sic=k + 1) for k, s in enumerate(SITES))
BAD = Wrong(range_m=100.0, turn_rad=math.radians(0.1))
RIGHT = Wrong()


def inboxes(sky, seconds, first, second=RIGHT, *, named=True, reports=True, **how):
    """Second by second what comes in; ``first`` and ``second`` may be functions of the second."""
    for t in range(1, seconds + 1):
        seen = []
        for source, wrong in ((RADAR, first), (SECOND, second)):
            if t % 4 == 2 * (source - RADAR):
                plots = sky.plots(t, wrong(t) if callable(wrong) else wrong, source)
                seen.append(plots if named else plots.replace(identity=np.zeros(sky.n, np.uint64)))
        told = sky.reports(t, **how) if reports else Reports.blank(0)
        feeds = {0: "ads-b", 1: "radars"} if t == 1 else {}
        yield stage.Inbox(told, Plots.join(seen), SENSORS if t == 1 else (), feeds), T0 + t * S


def run(state, boxes):
    """All outboxes."""
    return [stage.advance(state, inbox, now) for inbox, now in boxes]


def error_m(sky, box, t):
    """RMS of the tracks from the craft nearest to them, and mean NEES (1: honest)."""
    tracks = box.tracks.take(box.tracks.life > Life.TENTATIVE)
    lat, lon = sky.at(float(t))
    far, nees = [], []
    for k in range(len(tracks)):
        here = geodesy.nvector(tracks.lat_rad[k], tracks.lon_rad[k])
        off = np.array([geodesy.offset(*here, 0.0, *geodesy.nvector(*p)) for p in zip(lat, lon, strict=True)])
        e = off[np.argmin(np.hypot(*off.T))]
        c = tracks.cov[k]
        far.append(e @ e)
        nees.append(e @ np.linalg.solve([[c[0], c[1]], [c[1], c[4]]], e) / 2)
    return math.sqrt(np.mean(far)), float(np.mean(nees))


def of(box, source):
    return next(one for one in box.registered if one.source == source)


@pytest.mark.parametrize("named", [True, False], ids=["with names", "echoes"])
def test_done_when_100_m_and_a_tenth_of_a_degree_are_taken_out_within_two_minutes(named):
    """Two radars and, where the craft have names, their reports; where they have none, the radars alone."""
    sky, alike = Sky(21), Sky(21)
    on, off = stage.init(capacity=256), stage.init(capacity=256, register=False)
    right = run(on, inboxes(sky, 120, BAD, named=named, reports=named))[-1]
    left = run(off, inboxes(alike, 120, BAD, named=named, reports=named))[-1]
    said = of(right, RADAR)
    assert said.applied
    assert said.place_m[0] == pytest.approx(100.0, abs=max(10.0, 4 * said.place_sigma_m[0]))
    assert math.degrees(said.turn_rad) == pytest.approx(0.1, abs=max(0.015, math.degrees(4 * said.turn_sigma_rad)))
    (error, nees), (before, doubtful) = error_m(sky, right, 120), error_m(sky, left, 120)
    assert error < (1.0 if named else 0.8) * before, "where reports come, they say where the craft is"
    assert nees < 1.3
    assert named or doubtful > 1.5


@pytest.mark.parametrize("named", [True, False], ids=["with names", "echoes"])
def test_no_harm_where_nothing_is_wrong(named):
    errors = {True: [], False: []}
    for register in (True, False):
        sky, state = Sky(22), stage.init(capacity=256, register=register)
        boxes = run(state, inboxes(sky, 160, RIGHT, named=named, reports=named))
        errors[register] = [error_m(sky, boxes[t - 1], t)[0] for t in range(60, 161, 20)]
        if register:
            assert not any(box.jumped for box in boxes)
            assert not any(one.dishonest for one in boxes[-1].registered)
    assert np.mean(errors[True]) < 1.05 * np.mean(errors[False])


def test_a_jump_is_said_once_and_learnt_anew():
    sky, state = Sky(23), stage.init(capacity=256)
    boxes = run(state, inboxes(sky, 220, lambda t: Wrong(range_m=0.0 if t < 140 else 200.0)))
    jumps = [(k + 1, alarm) for k, box in enumerate(boxes) for alarm in box.jumped]
    assert [(a.source, a.bias) for _, a in jumps] == [(RADAR, "first")]
    assert 140 <= jumps[0][0] <= 160
    said = of(boxes[-1], RADAR)
    assert (said.alarm, said.alarms) == ("first", 1)
    assert 60.0 < said.alarm_size < 260.0, "about: part of it is learnt before the window closes"
    assert said.place_m[0] == pytest.approx(200.0, abs=20.0)


def test_reports_less_exact_than_they_say_get_the_noise_that_they_have():
    sky, state = Sky(24), stage.init(capacity=256)
    boxes = run(state, inboxes(sky, 160, RIGHT, sigma_m=50.0, noise=6.0))
    assert of(boxes[-1], ADSB).dishonest
    assert not of(boxes[-1], RADAR).dishonest
    alike, other = Sky(24), stage.init(capacity=256, register=False)
    vain = error_m(alike, run(other, inboxes(alike, 160, RIGHT, sigma_m=50.0, noise=6.0))[-1], 160)
    honest = error_m(sky, boxes[-1], 160)
    assert honest[1] < 0.5 * vain[1], "a track does not believe them more than they deserve"


def test_a_craft_that_lies_moves_no_radar():
    """One transponder in twenty says 500 m beside where it is, for ever."""
    sky, state = Sky(25, n=20), stage.init(capacity=256)

    def lying(inbox):
        lat = inbox.reports.lat_rad + np.where(inbox.reports.identity == sky.name[0], 500.0 / 6.37e6, 0.0)
        return dataclasses.replace(inbox, reports=inbox.reports.replace(lat_rad=lat))

    box = run(state, ((lying(inbox), now) for inbox, now in inboxes(sky, 160, RIGHT)))[-1]
    assert abs(of(box, RADAR).place_m[0]) < 15.0
    assert abs(math.degrees(of(box, RADAR).turn_rad)) < 0.03


def test_a_hidden_reference_leaves_no_trace():
    """What only a hidden source could tell of the radar is not known in the view: to the bit."""
    view = frozenset({RADAR, SECOND})
    sky, alike = Sky(26), Sky(26)
    with_ = run(stage.init(view=view, capacity=256), inboxes(sky, 60, BAD))
    boxes = ((dataclasses.replace(b, reports=Reports.blank(0)), now) for b, now in inboxes(alike, 60, BAD))
    for one, other in zip(with_, run(stage.init(view=view, capacity=256), boxes), strict=True):
        assert same(one, other)
        assert one.registered == other.registered
    assert [one.source for one in with_[-1].registered] == [RADAR, SECOND]
    known = run(stage.init(capacity=256), inboxes(Sky(26), 60, BAD))[-1]
    assert of(known, RADAR).late_sigma_s < 0.5 * of(with_[-1], RADAR).late_sigma_s


def test_a_snapshot_keeps_it_and_an_old_one_begins_anew():
    boxes = list(inboxes(Sky(27), 90, BAD))
    one, two = stage.init(capacity=256), stage.init(capacity=256)
    run(one, boxes[:60])
    run(two, boxes[:37])
    two = stage.load(stage.dump(two))
    run(two, boxes[37:60])
    old = {name: value for name, value in stage.dump(one).items() if not name.startswith("regist")}
    assert stage.load(old).registration is not None
    ahead = [run(state, boxes[60:]) for state in (one, two)]
    assert all(same(a, b) and a.registered == b.registered for a, b in zip(*ahead, strict=True))
    assert run(stage.load(old), boxes[60:61])[0].registered != ahead[0][0].registered
    off = stage.init(register=False)
    assert stage.load(stage.dump(off)).registration is None


def test_a_sensor_that_is_moved_is_learnt_anew():
    boxes = list(inboxes(Sky(28), 62, BAD))
    state = stage.init(capacity=256)
    run(state, boxes[:60])
    moved = (msgspec.structs.replace(SENSORS[0], height_m=50.0), SENSORS[1])
    again = stage.advance(state, dataclasses.replace(boxes[60][0], sensors=SENSORS), boxes[60][1])
    assert of(again, RADAR).differences > 100
    inbox = dataclasses.replace(boxes[61][0], sensors=moved)
    assert all(one.differences < 50 for one in stage.advance(state, inbox, boxes[61][1]).registered)
