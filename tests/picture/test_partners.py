"""What partners told: joined, parted, fused, named, forgotten, recalled; hostile rows; dumps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.picture.scene import ICAO, LAT, LON, MMSI, T0, S, at, coarse, cov, ended, own, precise, told

from manara.kernels import geodesy, grid
from manara.node.durable import snapshot
from manara.picture import partners, stage
from manara.records.released import PRECISE
from manara.records.reports import Domain, Flag, Kind
from manara.records.tracks import Life, Tracks
from manara.tracking import motion

HIDDEN = 1 << 63
LED_1 = 1 << 63 | 1 << 42


def run(state, t, tracks, *rows):
    return stage.advance(state, stage.Inbox(tracks, partners=tuple(rows)), T0 + t * S)


def joined(n=6, pedigree=None, **more):
    """One craft that we and partner 1 see, after n seconds."""
    state = stage.init()
    for t in range(n):
        out = run(state, t, own(t, (0, 200)), told(t, 1, (20, 200), pedigree=pedigree, **more))
    return state, out


def same(a, b):
    """Two outboxes, bit for bit."""
    for name in ("tracks", "regions"):
        x, y = getattr(a, name), getattr(b, name)
        for f in dataclasses.fields(x):
            if getattr(x, f.name).tobytes() != getattr(y, f.name).tobytes():
                return False
    columns = all(getattr(a, c).tobytes() == getattr(b, c).tobytes() for c in ("pedigree", "seen_by", "of_partner"))
    trails = a.trails.lat_rad.tobytes() == b.trails.lat_rad.tobytes()
    return columns and trails and (a.names, a.could_be) == (b.names, b.could_be)


def test_the_motion_is_that_of_tracking():
    for kind in Kind:
        assert partners.MANNERS[kind].q_m2ps3 == motion.KINDS[kind].q_m2ps3, kind


def test_without_partners_the_picture_is_our_own():
    tracks = own(0, (0, 200), (5000, -100))
    out = run(stage.init(), 0, tracks)
    assert out.tracks is tracks
    assert out.pedigree.tolist() == [1, 1]
    assert out.of_partner.tolist() == [0, 0]


def test_row_28_air_and_sea_come_from_a_partner():
    """Aircraft and vessels that only the partner sees, each under an id of ours that names the partner."""
    state = stage.init(serial=3)
    for t in range(3):
        air = precise(t, (0, 200))
        sea = precise(t, (0, 5), kind=Kind.VESSEL_A, domain=Domain.SEA, first=501, identity=MMSI)
        rows = partners.PartnerRows(2, T0 + t * S, np.concatenate([air, sea]))
        out = run(state, t, own(t, (90_000, 10)), rows)
    assert out.of_partner.tolist() == [0, 2, 2]
    assert out.tracks.domain.tolist() == [Domain.AIR, Domain.AIR, Domain.SEA]
    assert out.tracks.identity.tolist() == [0, 0, MMSI]
    top = 1 << 63 | 3 << 48 | 2 << 42
    assert out.tracks.track_id.tolist() == [1, top + 1, top + 2]
    assert out.pedigree.tolist() == [1, HIDDEN | 4, HIDDEN | 4]
    assert out.tracks.number.tolist()[1:] == [0, 0], "numbers are our own tracks'"


def test_one_craft_is_joined_after_three_looks_and_keeps_our_id():
    state, seen = stage.init(), []
    for t in range(6):
        out = run(state, t, own(t, (0, 200)), told(t, 1, (20, 200)))
        seen.append(len(out.tracks))
    assert seen == [2, 2, 1, 1, 1, 1]
    assert out.tracks.track_id.tolist() == [1]
    assert out.seen_by.tolist() == [2]


def test_two_craft_side_by_side_are_each_joined_to_their_own():
    state = stage.init()
    for t in range(5):
        out = run(state, t, own(t, (0, 200), (400, 200)), told(t, 1, (30, 200), (430, 200)))
    assert len(out.tracks) == 2
    held = state.partners[1].held
    assert held.leader.tolist() == [1, 2]


def test_what_parts_is_parted_after_three_looks_and_gets_back_its_own_id():
    state, _ = joined()
    counts = []
    for t in range(6, 16):
        off = max(0, t - 6) * 400
        out = run(state, t, own(t, (0, 200)), told(t, 1, (20 + off, 200)))
        counts.append(len(out.tracks))
    assert counts[0] == 1
    assert counts[-1] == 2
    assert counts == sorted(counts), "parted once"
    assert out.tracks.track_id.tolist() == [1, LED_1 + 1]
    assert np.allclose(out.tracks.lat_rad[0], own(15, (0, 200)).lat_rad[0], atol=1e-15)


def test_one_bad_look_parts_nobody():
    state, _ = joined()
    out = run(state, 6, own(6, (0, 200)), told(6, 1, (1500, 200)))
    assert len(out.tracks) == 1
    assert all(len(run(state, t, own(t, (0, 200)), told(t, 1, (20, 200))).tracks) == 1 for t in range(7, 12))


def test_one_name_joins_at_once_and_two_names_never():
    tracks = own(0, (0, 200), identity=ICAO)
    assert len(run(stage.init(), 0, tracks, told(0, 1, (150, 200), identity=ICAO)).tracks) == 1
    state = stage.init()
    for t in range(9):
        out = run(state, t, own(t, (0, 200), identity=ICAO), told(t, 1, (0, 200), identity=ICAO + 1))
    assert len(out.tracks) == 2


def test_one_name_at_two_places_is_a_conflict_and_is_said_on_both():
    state = stage.init()
    for t in range(4):
        out = run(state, t, own(t, (0, 200), identity=ICAO), told(t, 1, (60_000, 200), identity=ICAO))
    assert len(out.tracks) == 2
    assert (out.tracks.flags & np.uint32(Flag.IDENTITY_CONFLICT) != 0).all()
    assert out.attention.tolist() == [1, 1]


def test_somebodys_own_numbers_are_no_names():
    """A sensor's track number may be the same by chance."""
    number = 4 << 56 | 77
    out = run(stage.init(), 0, own(0, (0, 200), identity=number), told(0, 1, (60_000, 200), identity=number))
    assert not (out.tracks.flags & np.uint32(Flag.IDENTITY_CONFLICT)).any()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {"kind": Kind.VESSEL_A, "domain": Domain.SEA}),
        ({"alt_m": 9000.0, "alt_ref": 2}, {"alt_m": 3000.0, "alt_ref": 2}),
    ],
)
def test_what_cannot_be_one_is_never_joined(ours, theirs):
    state = stage.init()
    for t in range(8):
        out = run(state, t, own(t, (0, 20), **ours), told(t, 1, (0, 20), **theirs))
    assert len(out.tracks) == 2


def test_partners_join_each_other_where_we_see_nothing_and_us_when_we_do():
    state = stage.init()
    for t in range(6):
        rows = [told(t, p, (p * 10, 200), pedigree=1 << p) for p in (1, 2, 3)]
        out = run(state, t, own(t), *rows)
    assert out.tracks.track_id.tolist() == [LED_1 + 1], "the first partner leads"
    assert out.pedigree.tolist() == [0b1110]
    for t in range(6, 12):
        rows = [told(t, p, (p * 10, 200), pedigree=1 << p) for p in (1, 2, 3)]
        out = run(state, t, own(t, (0, 200)), *rows)
    assert out.tracks.track_id.tolist() == [1], "our own id stands"
    assert out.pedigree.tolist() == [0b1111]
    for t in range(12, 14):
        rows = [told(t, p, (p * 10, 200), pedigree=1 << p) for p in (1, 2, 3)]
        out = run(state, t, own(t), *rows)
        assert out.tracks.track_id.tolist() == [LED_1 + 1], "and the others stay together when ours has ended"


def test_what_fuses_depends_on_the_pedigree():
    def area(pedigree):
        out = joined(pedigree=pedigree, sigma_m=29.0)[1]
        return out.tracks.cov[0, 0], int(out.pedigree[0])

    alone = own(0, (0, 0)).cov[0, 0]
    apart, bits = area(2)
    assert apart < 0.8 * alone
    assert bits == 3
    for overlapping, told_bits in ((3, 3), (None, HIDDEN | 3)):
        found, bits = area(overlapping)
        assert found > 29.0**2, "never surer than covariance intersection"
        assert bits == told_bits


def test_our_own_word_coming_back_is_not_news():
    """Pedigree {us}: the partner passes on what we told it; our row stays bit for bit."""
    state = stage.init()
    for t in range(6):
        tracks = own(t, (0, 200))
        out = run(state, t, tracks, told(t, 1, (20, 200), sigma_m=5.0, pedigree=1))
    assert out.seen_by.tolist() == [2]
    assert out.pedigree.tolist() == [1]
    assert np.array_equal(out.tracks.cov, tracks.cov)
    assert np.array_equal(out.tracks.lat_rad, tracks.lat_rad)


def test_a_sharper_partner_sharpens_and_an_inexact_one_does_not():
    _, sharp = joined(sigma_m=5.0)
    assert sharp.tracks.cov[0, 0] < 200.0
    _, blunt = joined(cov=np.nan)
    assert blunt.tracks.cov[0, 0] == 900.0
    assert blunt.seen_by.tolist() == [2]
    assert blunt.pedigree.tolist() == [1]


def test_a_partner_whose_clock_is_off_is_shown_and_not_fused():
    state, _ = joined()
    for t in range(6, 8):
        rows = told(t, 1, (20, 200), fuse=False)
        rows.precise["time_ns"] -= 600 * S
        out = run(state, t, own(t, (0, 200)), rows)
    assert len(out.tracks) == 2
    assert out.of_partner.tolist() == [0, 1]
    assert out.pedigree.tolist()[0] == 1
    assert out.tracks.time_ns.tolist() == [T0 + 7 * S] * 2


def test_a_partners_words_fill_what_we_do_not_know_and_are_in_the_pedigree():
    state = stage.init()
    for t in range(6):
        rows = told(t, 1, (20, 200), identity=ICAO, alt_m=9000.0, alt_ref=2, flags=int(Flag.EMERGENCY), pedigree=2)
        tracks = own(t, (0, 200), life=Life.COASTING)
        out = run(state, t, tracks, rows)
    assert out.tracks.identity.tolist() == [ICAO]
    assert out.tracks.alt_m.tolist() == [9000.0]
    assert out.tracks.life.tolist() == [Life.CONFIRMED]
    assert out.attention.tolist() == [2]
    assert out.pedigree.tolist() == [3]
    assert tracks.identity.tolist() == [0], "what came in is not written to"


def test_tracks_are_carried_on_fade_and_go():
    """Between two words a track moves and grows; silence makes it coast, then it is gone: a minute in the air, five at
    sea."""
    state = stage.init()
    run(state, 0, own(0), told(0, 1, (0, 200)))
    sea = told(0, 2, (0, 5), kind=Kind.VESSEL_A, domain=Domain.SEA)
    first = run(state, 0, own(0), sea)
    later = run(state, 10, own(10))
    east, _ = geodesy.offset(
        *geodesy.nvector(LAT, LON), 0.0, *geodesy.nvector(later.tracks.lat_rad[0], later.tracks.lon_rad[0])
    )
    assert east == pytest.approx(2000.0, abs=1.0)
    assert later.tracks.cov[0, 0] > first.tracks.cov[0, 0] + 9 * 100
    lives = {t: run(state, t, own(t)).tracks for t in (15, 30, 59, 61, 100, 299, 301)}
    assert [len(x) for x in lives.values()] == [2, 2, 2, 1, 1, 1, 0]
    assert lives[15].life.tolist() == [Life.CONFIRMED, Life.CONFIRMED]
    assert lives[30].life.tolist() == [Life.COASTING, Life.CONFIRMED]
    assert lives[100].life.tolist() == [Life.COASTING]


def test_ids_are_never_given_again():
    state, seen = stage.init(), set()
    for t in range(0, 400, 80):
        run(state, t, own(t))
        out = run(state, t, own(t), told(t, 1, (0, 200)))
        assert not seen & set(out.tracks.track_id.tolist())
        seen |= set(out.tracks.track_id.tolist())
        state = stage.load(stage.dump(state))
    assert len(seen) == 5


def test_ended_tracks_go_unless_spoken_of_since():
    state = stage.init()
    run(state, 5, own(5), told(5, 1, (0, 200), (9000, 0), (20_000, 0)))
    out = run(state, 6, own(6), ended(5, 1, 101, 999), ended(4, 1, 102))
    assert state.partners[1].held.track.tolist() == [102, 103]
    assert len(out.tracks) == 2


def test_names_stand_under_the_system_track():
    state = stage.init()
    words = [(101, b"LANTERN STAR", b"LS1", "مركب".encode())]
    for t in range(12):
        out = run(state, t, own(t, (0, 200)), told(t, 1, (20, 200), (30_000, 0), names=words if t == 0 else ()))
    assert out.names == {1: ((1, partners.Name("LANTERN STAR", "LS1", "مركب")),)}
    run(state, 12, own(12, (0, 200)), ended(12, 1, 101))
    assert run(state, 22, own(22, (0, 200))).names == {}


def test_row_24_a_recall_leaves_no_trace_of_what_was_told():
    """After the recall the picture is, column by column, that of a node that was never told; trails and names too."""
    told_state, never = stage.init(), stage.init()
    words = [(101, b"A", b"", b""), (102, b"B", b"", b"")]
    cell = int(grid.cell_of(np.array([LAT]), np.array([LON]), 3)[0])
    for t in range(25):
        tracks = own(t, (0, 200))
        rows = [told(t, 1, (20, 200), (30_000, 0), names=words, identity=[ICAO, ICAO + 1], pedigree=2)]
        rows.append(coarse(t, 1, (777, cell, 0, 60, 1, 2)))
        out = run(told_state, t, tracks, *rows)
        run(never, t, tracks)
    assert out.pedigree.tolist() == [3, 2]
    assert len(out.trails.track_id) == 2
    assert stage.drop(told_state, 1) == 5, "two tracks, one region, two names"
    assert stage.drop(told_state, 1) == 0
    assert stage.drop(told_state, 9) == 0
    for t in (25, 30, 31):
        a, b = run(told_state, t, own(t, (0, 200))), run(never, t, own(t, (0, 200)))
        assert same(a, b)
        assert a.trails.lat_rad.tobytes() == b.trails.lat_rad.tobytes()
        assert a.trails.track_id.tolist() == b.trails.track_id.tolist() == [1]


def test_a_recall_of_one_track_leaves_the_others():
    state = stage.init()
    words = [(101, b"A", b"", b""), (102, b"B", b"", b"")]
    for t in range(6):
        out = run(state, t, own(t, (0, 200)), told(t, 1, (20, 200), (30_000, 0), names=words))
    assert len(out.names) == 2
    assert stage.drop(state, 1, np.array([101], np.uint64)) == 2
    out = run(state, 6, own(6, (0, 200)))
    assert out.pedigree.tolist() == [1, HIDDEN | 2]
    assert list(out.names) == [out.tracks.track_id[1]]
    assert np.array_equal(out.tracks.cov[0], cov())


def scene(seed, ticks=30):
    """Many craft, three partners of changing honesty, words, cells and endings."""
    rng = np.random.default_rng(seed)
    craft = [(float(e), float(v)) for e, v in zip(rng.uniform(0, 40_000, 25), rng.uniform(-250, 250, 25), strict=True)]
    for t in range(ticks):
        rows = []
        for p in (1, 2, 3):
            seen = [craft[k] for k in sorted(rng.choice(25, int(rng.integers(0, 20)), replace=False).tolist())]
            bits = [None, 1 << p, 0b1011][int(rng.integers(3))]
            rows.append(told(t, p, *seen, pedigree=bits, fuse=bool(rng.random() < 0.9), identity=rng.choice([0, ICAO])))
        cells = grid.cell_of(rng.uniform(0.5, 0.7, 4), rng.uniform(0.2, 0.4, 4), 3)
        rows.append(coarse(t, 2, *((int(rng.integers(900, 910)), int(c), t - 9, 60, 1, 2) for c in cells)))
        rows.append(ended(t, 1, int(rng.integers(101, 125))))
        yield stage.Inbox(own(t, *craft[:15]), partners=tuple(rows)), T0 + t * S


@pytest.mark.parametrize("seed", [1, 2])
def test_dump_and_load_at_any_point_change_nothing(seed):
    a = stage.init(serial=5)
    for inbox, now in scene(seed):
        plain = snapshot.decode_plain(snapshot.encode_plain(stage.dump(a)))
        b = stage.load(plain)
        assert same(stage.advance(a, inbox, now), stage.advance(b, inbox, now))


def test_what_was_published_is_not_written_again():
    state, kept = stage.init(), []
    for inbox, now in scene(3):
        out = stage.advance(state, inbox, now)
        columns = [getattr(out.tracks, f.name) for f in dataclasses.fields(Tracks)]
        columns += [
            out.pedigree,
            out.seen_by,
            out.of_partner,
            *(getattr(out.regions, f.name) for f in dataclasses.fields(out.regions)),
        ]
        kept.append((columns, [c.copy() for c in columns]))
    assert all(a.tobytes() == b.tobytes() for columns, copies in kept for a, b in zip(columns, copies, strict=True))


def test_the_order_of_own_tracks_is_kept_and_ids_are_unique():
    state = stage.init()
    for inbox, now in scene(4):
        out = stage.advance(state, inbox, now)
        n = len(inbox.tracks)
        assert out.tracks.track_id[:n].tolist() == inbox.tracks.track_id.tolist()
        assert len(set(out.tracks.track_id.tolist())) == len(out.tracks)
        assert (out.of_partner[:n] == 0).all()
        assert (out.of_partner[n:] > 0).all()
        assert ((out.pedigree & 1) == 1)[:n].all()


def test_memory_of_a_partner_is_bounded(monkeypatch):
    monkeypatch.setattr(partners, "TRACKS_MAX", 10)
    monkeypatch.setattr(partners, "NAMES_MAX", 5)
    state = stage.init()
    words = [(k, b"x", b"", b"") for k in range(101, 141)]
    out = run(state, 0, own(0), told(0, 1, *((k * 9000, 0) for k in range(40)), names=words))
    assert len(out.tracks) == 10
    assert stage.refused(state) == {1: {"crowded": 30}}
    assert len(state.partners[1].names) == 5


def test_old_and_repeated_rows_are_counted_not_used():
    state = stage.init()
    run(state, 100, own(100), told(100, 1, (0, 0)))
    run(state, 101, own(101), told(99, 1, (500, 0)), told(20, 1, (0, 0), first=300))
    assert stage.refused(state) == {1: {"out_of_order": 1, "too_late": 1}}
    twice = np.concatenate([precise(102, (0, 0)), precise(102, (50, 0))])
    run(state, 102, own(102), partners.PartnerRows(1, T0 + 102 * S, twice))
    held = state.partners[1].held
    assert held.track.tolist() == [101]
    assert (held.lat_rad[0], held.lon_rad[0]) == pytest.approx(at(50), abs=1e-12), "the last of one frame stands"


@pytest.mark.parametrize("seed", range(4))
def test_hostile_rows_never_raise_and_leave_only_finite_tracks(seed):
    rng, state = np.random.default_rng(seed), stage.init()
    for t in range(6):
        raw = rng.integers(0, 256, 60 * PRECISE.itemsize, dtype=np.uint8).tobytes()
        rows = np.frombuffer(raw, PRECISE).copy()
        half = rng.random(60) < 0.7
        odd = [np.nan, np.inf, -np.inf, 0.0, 1e300, -3.0, 0.6, 0.3]
        rows["lat_rad"][half], rows["lon_rad"][half] = rng.choice(odd, (2, int(half.sum())))
        rows["track"] = rng.integers(0, 30, 60)
        rows["time_ns"][half] = T0 + t * S
        rows["cov"][half] = rng.choice([0.0, 1.0, 1e30, np.nan], (int(half.sum()), 10))
        names = rng.integers(0, 256, 40, dtype=np.uint8).tobytes()
        inbox = partners.PartnerRows(
            int(rng.integers(-1, 70)),
            T0 + t * S,
            rows,
            names=np.frombuffer((names * 20)[:250], "V125").view(partners.NAMES),
        )
        cells = coarse(t, 1, *((int(k), int(rng.integers(0, 2**63)), 0, 2**32 - 1, 255, 255) for k in range(9)))
        out = run(state, t, own(t, (0, 200)), inbox, cells)
        for column in (out.tracks.lat_rad, out.tracks.lon_rad, out.tracks.ve_mps, out.tracks.vn_mps, out.tracks.cov):
            assert np.isfinite(column).all()
        state = stage.load(stage.dump(state))


def test_a_pile_of_tracks_is_looked_at_in_turn_and_all_of_it_in_time(monkeypatch):
    from manara.picture import correlate

    monkeypatch.setattr(correlate, "LOOKS_MAX", 7)
    craft = [(k * 9000, 0) for k in range(20)]
    state = stage.init()
    for t in range(30):
        out = run(state, t, own(t, *craft), told(t, 1, *craft))
    assert len(out.tracks) == 20
    assert (out.seen_by == 2).all()


def test_what_is_told_for_ever_and_seen_by_nobody_goes():
    """A rumour: the partner speaks of it each second, but no sensor has seen it since."""
    state = stage.init()
    for t in range(70):
        rows = told(t, 1, (0, 200), updated_ns=T0)
        out = run(state, t, own(t), rows)
        assert len(out.tracks) == (1 if t <= 60 else 0)
