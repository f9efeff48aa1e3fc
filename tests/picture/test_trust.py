"""How far partners are believed: intervals that cover, one origin that counts once, and what stands apart."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from tests.picture.scene import LAT, LON, T0, S, at, own, precise

from manara.node.durable import snapshot
from manara.picture import beta, quarantine, reliability, stage
from manara.picture.partners import PartnerRows
from manara.picture.reliability import Evidence
from manara.records.confidence import Credibility, Judge, Ruling, Why
from manara.records.partners import Warned
from manara.records.reports import Domain, Kind
from manara.records.sensors import Sensor

HIDDEN = 1 << 63
RADAR = Sensor(
    name="hill",
    lat_deg=math.degrees(LAT),
    lon_deg=math.degrees(LON),
    height_m=100.0,
    range_max_m=200_000.0,
    period_s=4.0,
)
COAST = Sensor(
    name="coast", lat_deg=math.degrees(LAT), lon_deg=math.degrees(LON), height_m=200.0, range_max_m=60_000.0,
    period_s=3.0, domain="sea",
)  # fmt: skip
JUDGE = Judge((RADAR, COAST), 1)
REAL = [(25_000 + 10_000 * k, 200) for k in range(5)]  # beyond the cone above the antenna
GHOSTS = [(-60_000 - 6_000 * k, -150) for k in range(12)]


def rows(t, *tables, partner=1, pedigree=None):
    joined = np.concatenate(tables)
    bits = np.full(len(joined), 1 << partner if pedigree is None else pedigree, np.uint64)
    return PartnerRows(partner, T0 + t * S, joined, pedigree=bits)


def honest(t, **more):
    """The same aircraft as ours, by a partner's own sensors."""
    return precise(t, *[(e + 20, v) for e, v in REAL], alt_m=5000.0, **more)


def ghosts(t, first=900, craft=GHOSTS):
    return precise(t, *craft, first=first, alt_m=6000.0)


def ring(t, first=700, radius_m=400.0, speed_mps=9.0, east_m=20_000.0, wobble_m=0.0, turns=99.0):
    """A vessel that goes round; ``wobble_m``: how far water carries the circle off in each turn."""
    angle = min(speed_mps * t / radius_m, turns * 2 * math.pi)
    drift = wobble_m * angle / (2 * math.pi)
    row = precise(0, (0, 0), kind=Kind.VESSEL_A, domain=Domain.SEA, first=first, sigma_m=10.0)
    place = at(east_m + radius_m * math.cos(angle) + drift, radius_m * math.sin(angle))
    row["lat_rad"], row["lon_rad"] = place
    row["ve_mps"], row["vn_mps"] = -speed_mps * math.sin(angle), speed_mps * math.cos(angle)
    row["time_ns"] = row["updated_ns"] = T0 + t * S
    return row


def run(state, t, *told, judge=JUDGE, tracks=None, rulings=(), warned=()):
    inbox = stage.Inbox(own(t, *REAL) if tracks is None else tracks, partners=told, judge=judge, rulings=rulings)
    return stage.advance(state, dataclasses.replace(inbox, warned=warned), T0 + t * S)


def evidence(out, partner=1):
    found = [one for one in out.reliability if one.partner == partner]
    return round(sum(one.corroborated for one in found)), round(sum(one.refuted for one in found))


# ── the arithmetic ──


def test_quantiles_are_those_of_the_density():
    """Against plain integration of the density, in 200,000 strips."""
    x = (np.arange(200_000) + 0.5) / 200_000
    for a, b in ((0.5, 0.5), (2.5, 7.5), (40.5, 1.5), (200.5, 180.5)):
        log = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
        mass = np.cumsum(np.exp(log - log.max()))
        for p in (0.05, 0.5, 0.95):
            assert beta.quantile(p, a, b) == pytest.approx(x[np.searchsorted(mass, p * mass[-1])], abs=3e-3)
            assert beta.cumulative(beta.quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("shown", [25, 80, 300])
def test_row_26_intervals_cover_what_they_say(shown):
    """Of 90 % intervals nine in ten hold the true share, over shares of every size: between 87 and 94 of a hundred for
    all of them, at no single share fewer than 80."""
    chance, held, of_share = np.random.default_rng(26), [], []
    for true in (0.1, 0.3, 0.5, 0.7, 0.85, 0.93, 0.98):
        s = chance.binomial(shown, true, 400)
        found = {k: beta.share(k, shown - k) for k in np.unique(s).tolist()}
        inside = [found[k].low <= true <= found[k].high for k in s.tolist()]
        of_share.append(np.mean(inside))
        held += inside
    assert 0.87 <= np.mean(held) <= 0.94
    assert min(of_share) >= 0.80, of_share


def test_intervals_cover_with_forgetting_too():
    """Evidence that fades makes intervals wider than they need be, never narrower."""
    chance, inside = np.random.default_rng(3), 0
    for _ in range(150):
        seen, true = Evidence(), chance.uniform(0.2, 0.98)
        for k in range(900):
            good = int(chance.random() < true)
            reliability.count(seen, (1, 1, ""), good, 1 - good, T0 + k * 600 * S)
        found = beta.share(*seen.cells[1, 1, ""][:2])
        inside += found.low <= true <= found.high
    assert inside >= 0.88 * 150


def test_a_partner_may_mend_and_may_begin_to_lie():
    seen, letters, now = Evidence(), [], T0
    for good in [1] * 150 + [0] * 400 + [1] * 2_000:
        now += 600 * S
        reliability.count(seen, (1, 1, ""), good, 1 - good, now)
        letters.append(reliability.letter(*seen.cells[1, 1, ""][:2]))
    assert letters[149] == "A"
    assert letters[549] == "E"
    assert letters[-1] == "A"
    assert all(one == "F" for one in letters[:20]), "with little evidence there is no letter"


def test_f_is_unknown_and_never_the_worst():
    assert reliability.letter(0.0, 0.0) == reliability.letter(0.0, 19.0) == "F"
    assert reliability.letter(50.0, 12.0) == "F", "the interval lies across two bands"
    assert reliability.letter(0.0, 60.0) == "E"


# ── who counts ──


def test_own_sensors_bear_out_and_refute():
    state = stage.init()
    for t in range(50):
        out = run(state, t, rows(t, honest(t), ghosts(t)))
    assert evidence(out) == (5, 12)
    assert {one.letter for one in out.reliability} == {"F"}, "seventeen trials are too few"


def test_what_came_from_us_bears_nobody_out():
    """Our own track that comes back, and one whose makers are not told, are no evidence: one origin is one."""
    for pedigree in (0b11, HIDDEN | 0b10, 0b01):
        state = stage.init()
        for t in range(50):
            out = run(state, t, rows(t, honest(t), pedigree=pedigree))
        assert evidence(out) == (0, 0), bin(pedigree)


def test_one_craft_told_by_two_is_evidence_of_each_once():
    state = stage.init()
    for t in range(120):
        out = run(state, t, rows(t, honest(t)), rows(t, honest(t, first=301), partner=2))
    assert evidence(out, 1) == evidence(out, 2) == (5, 0)


def test_a_receiver_that_only_repeats_what_craft_say_is_no_judge():
    """Our own track by reports alone: the craft's own word by two ways is one word."""
    state = stage.init()
    for t in range(50):
        out = run(state, t, rows(t, honest(t)), judge=dataclasses.replace(JUDGE, slots=2))
    assert evidence(out) == (0, 0)


@pytest.mark.parametrize(
    ("why", "judge", "craft", "more"),
    [
        ("no sensor watches", Judge((), 1), GHOSTS, {}),
        ("beyond the range", JUDGE, [(-190_000 - 5_000 * k, -9) for k in range(12)], {}),
        ("below the horizon", JUDGE, [(-120_000 - 2_000 * k, -9) for k in range(12)], {"alt_m": 200.0}),
        ("may be small", JUDGE, GHOSTS, {"kind": Kind.UNMANNED_AIRCRAFT}),
        ("near something of ours", JUDGE, [(e + 1_500, v + 40) for e, v in REAL], {}),
    ],
)
def test_absence_refutes_only_where_we_should_have_seen(why, judge, craft, more):
    state = stage.init()
    for t in range(60):
        told = precise(t, *craft, first=900, **{"alt_m": 6000.0, **more})
        out = run(state, t, rows(t, told), judge=judge)
    assert evidence(out)[1] == 0, why
    assert len(out.apart) == 0, why


def test_evidence_stands_under_its_area_and_domain():
    north = (np.array([0, 4]), np.radians([30.0, 30.0, 40.0, 40.0]), np.radians([10.0, 25.0, 25.0, 10.0]))
    state = stage.init()
    for t in range(50):
        out = run(state, t, rows(t, honest(t)), judge=dataclasses.replace(JUDGE, areas=("north",), corners=north))
    assert [(one.area, one.domain) for one in out.reliability] == [("north", Domain.AIR)]


def test_credibility_is_of_the_track_alone():
    state = stage.init()
    alone = precise(0, (400_000, 0), first=800)
    for t in range(8):
        alone["time_ns"] = alone["updated_ns"] = T0 + t * S
        out = run(
            state, t, rows(t, honest(t)), rows(t, alone, partner=2), rows(t, alone, partner=3, pedigree=HIDDEN | 8)
        )
    assert out.credibility[: len(REAL)].tolist() == [Credibility.CONFIRMED] * len(REAL)
    assert Credibility.POSSIBLE in out.credibility[len(REAL) :]
    state = stage.init()
    out = run(state, 0, rows(0, alone, partner=3, pedigree=HIDDEN | 8))
    assert out.credibility.tolist() == [0] * len(REAL) + [Credibility.CANNOT_BE_JUDGED]


# ── what stands apart ──


def others(out, keep):
    """The rows of the picture that are not the liar's, as bytes."""
    t = out.tracks.take(np.arange(len(out.tracks)) if keep is None else keep)
    return [getattr(t, f.name).tobytes() for f in dataclasses.fields(t)]


def test_row_26_threat_11_a_ghost_swarm_and_a_spoofed_circle_stay_outside_the_picture():
    """An attacker among the partners: from second 20 on partner 2 tells of twelve ghosts and of a vessel on a circle,
    beside what is there. The rest of the picture is bit for bit the picture without them at every second; within a
    minute the ghosts stand apart, the circle too; and the partner's reliability falls."""
    lied, told = stage.init(), stage.init()
    falls = []
    for t in range(0, 150):
        first = rows(t, honest(t))
        true = honest(t, first=301)
        extra = (ghosts(t), ring(t)) if t >= 20 else ()
        with_lies = run(lied, t, first, rows(t, true, *extra, partner=2))
        without = run(told, t, first, rows(t, true, partner=2))
        keep = with_lies.of_partner != 2
        assert others(with_lies, keep) == others(without, without.of_partner != 2), t
        falls += [one.mean for one in with_lies.reliability if (one.partner, one.domain) == (2, Domain.AIR)]
        if t >= 85:
            assert len(with_lies.apart) == 13, t
            assert len(with_lies.tracks) == len(without.tracks) == len(REAL)
    assert set(with_lies.whole) == {2}
    assert (with_lies.apart.why & (Why.UNSEEN | Why.SWARM) != 0).all()
    assert falls[-1] < 0.5 < max(falls)
    assert evidence(with_lies, 1) == (5, 0), "another partner's evidence is its own"


def test_a_circle_beyond_our_sensors_stands_apart_for_its_shape_alone():
    state, far = stage.init(), Judge((), 0)
    for t in range(0, 1000, 5):
        out = run(state, t, rows(t, ring(t, east_m=500_000.0)), judge=far)
    assert (out.apart.why == Why.CIRCLE).tolist() == [True]
    assert evidence(out) == (0, 0), "its shape is no evidence of our sensors"


@pytest.mark.parametrize("how", ["carried by the water", "one turn", "an aircraft that holds"])
def test_what_goes_round_honestly_stays(how):
    state, far = stage.init(), Judge((), 0)
    for t in range(0, 1200, 5):
        told = ring(t, east_m=500_000.0, wobble_m=60.0 if "water" in how else 0.0, turns=1.0 if "one" in how else 99.0)
        if "aircraft" in how:
            told["domain"], told["kind"] = Domain.AIR, Kind.AIRCRAFT
        out = run(state, t, rows(t, told), judge=far)
    assert len(out.apart) == 0


def test_impossible_speed_and_leaps_stand_apart_and_fast_craft_do_not():
    fast, leap = stage.init(), stage.init()
    for t in range(12):
        told = precise(t, (0, 700), (50_000, 3_000), first=900)
        out = run(fast, t, rows(t, told), judge=Judge())
        jump = precise(t, (200_000 + 40_000 * (t // 4), 100), (400_000, 250), first=900)
        hop = run(leap, t, rows(t, jump), judge=Judge())
    assert out.apart.track.tolist() == [901]
    assert out.apart.why[0] & Why.SPEED
    assert (hop.apart.track.tolist(), hop.apart.why.tolist()) == ([900], [Why.JUMP])


def test_a_sudden_many_stands_apart_and_what_was_there_stays():
    state = stage.init()
    base = [(300_000 + 9_000 * k, 10) for k in range(20)]
    for t in range(0, 700, 10):
        many = ghosts(t, craft=[(-300_000 - 9_000 * k, 10) for k in range(90)]) if t >= 600 else ghosts(t)[:0]
        out = run(state, t, rows(t, precise(t, *base), many), judge=Judge())
        if t == 590:
            assert len(out.apart) == 0, "twenty ordinary tracks"
    assert len(out.apart) == 90
    assert (out.apart.why == Why.BURST).all()
    assert int((out.of_partner == 1).sum()) == 20


def test_an_officer_lets_back_and_it_stays():
    state = stage.init()
    for t in range(60):
        out = run(state, t, rows(t, honest(t), ghosts(t)))
    one = int(out.apart.id[0])
    out = run(state, 60, rows(60, honest(60), ghosts(60)), rulings=(Ruling(1, one, "release"),))
    assert len(out.apart) == len(GHOSTS) - 1
    assert one in out.tracks.track_id.tolist()
    out = run(state, 61, rows(61, honest(61), ghosts(61)), rulings=(Ruling(1, 0, "release"),))
    for t in range(62, 120):
        out = run(state, t, rows(t, honest(t), ghosts(t)))
    assert len(out.apart) == 0
    assert out.whole == {}


def test_an_officer_puts_all_of_a_partner_apart_and_its_warnings_are_still_taken():
    state = stage.init()
    said = Warned(partner="b", area="town", window_ns=T0, hazard=1, severity=3, received_ns=T0)
    for t in range(10):
        rulings = (Ruling(1, 0, "hold"),) if t == 5 else ()
        out = run(state, t, rows(t, honest(t)), rulings=rulings, warned=(said,) if t == 7 else ())
    assert len(out.apart) == len(REAL)
    assert (out.apart.why & Why.HELD != 0).all()
    assert out.seen_by.tolist() == [0] * len(REAL), "fused with nobody"
    assert out.warned == (said,)


def test_our_own_sensors_bring_back_what_they_bear_out():
    """A swarm's rows stand apart for company; one that our radar comes to see is let back within seconds."""
    state = stage.init()
    for t in range(80):
        out = run(state, t, rows(t, ghosts(t)), tracks=own(t))
    assert len(out.apart) == len(GHOSTS)
    for t in range(80, 100):
        out = run(state, t, rows(t, ghosts(t)), tracks=own(t, (GHOSTS[0][0] + 30, GHOSTS[0][1])))
    assert 900 not in out.apart.track.tolist()
    assert len(out.apart) == len(GHOSTS) - 1


@pytest.mark.parametrize("stop", [3, 33, 61, 90])
def test_a_restart_changes_nothing(stop):
    state = stage.init()
    for t in range(0, 100):
        if t == stop:
            plain = snapshot.decode_plain(snapshot.encode_plain(stage.dump(state)))
            again = stage.load(plain)
        told = rows(t, honest(t), ghosts(t), ring(t))
        out = run(state, t, told)
        if t >= stop:
            same = run(again, t, told)
            assert others(out, None) == others(same, None)
            assert out.apart.why.tolist() == same.apart.why.tolist()
            assert out.reliability == same.reliability
    plain.pop("trust")
    assert stage.load(plain).trust.conducts == {}, "a snapshot from before begins anew"


def test_what_is_remembered_is_bounded_by_what_is_held():
    state = stage.init()
    for t in range(0, 40, 2):
        out = run(state, t, rows(t, ghosts(t, first=1000 + 100 * t)))
    conduct = state.trust.conducts[1]
    assert len(conduct.watched) == len(state.partners[1].held)
    assert out is not None
    assert quarantine.shut(conduct).shape == (len(conduct.watched),)
