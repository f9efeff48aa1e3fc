"""Increments in the picture: each once, whatever comes twice, late, in disorder or not at all; nodes in a ring."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.picture.test_partners import same

from manara.node.durable import snapshot
from manara.picture import chains, partners, stage
from manara.picture.partners import PartnerRows
from manara.study import ring
from manara.study.ring import BEGIN_NS, A, B, C, Ring, S, Setting


class Recorded(Ring):
    """A ring that keeps what A's own picture is given."""

    def __init__(self, setting):
        super().__init__(setting)
        self.given = []

    def _inbox(self, view, t, due, recipient):
        made = super()._inbox(view, t, due, recipient)
        if view == A and recipient == 0:
            self.given.append((made, BEGIN_NS + t * S))
        return made


@pytest.fixture(scope="module")
def given():
    """A minute of a ring of twelve craft, rows one to five seconds late, as A's picture is given it."""
    made = Recorded(Setting(craft=12, late_s=(0.0, 5.0), seed=3))
    for t in range(1, 60):
        made.second(t)
    return made.given


def shown(given, change=lambda inbox, k: inbox, state=None):
    state = stage.init() if state is None else state
    outs = [stage.advance(state, change(inbox, k), now) for k, (inbox, now) in enumerate(given)]
    return state, outs


def with_rows(inbox, change):
    """The same with other precise rows of each partner."""
    changed = []
    for one in inbox.partners:
        pick = change(one)
        pedigree = None if one.pedigree is None else one.pedigree[pick]
        changed.append(dataclasses.replace(one, precise=one.precise[pick], pedigree=pedigree))
    return dataclasses.replace(inbox, partners=tuple(changed))


def test_increments_are_counted_and_playback_is_identical(given):
    state, outs = shown(given)
    assert len(state.chains) == 12
    assert (state.chains.log.member == B).any()
    alone = given[-1][0].tracks
    part = outs[-1].tracks.cov[:12, 0] / alone.cov[:, 0]
    assert (part < 1.0).all(), "surer than alone"
    assert part.mean() < 0.995, "by more than rounding"
    _, again = shown(given)
    assert all(same(a, b) for a, b in zip(outs, again, strict=True))


def test_what_is_told_twice_or_replayed_changes_nothing(given):
    """Each row doubled within its frame; and, at each second, all rows of the six seconds before once more."""
    _, outs = shown(given)
    _, doubled = shown(given, lambda inbox, k: with_rows(inbox, lambda one: np.repeat(np.arange(len(one.precise)), 2)))
    assert all(same(a, b) for a, b in zip(outs, doubled, strict=True))

    def replayed(inbox, k):
        old = [one for before, _ in given[max(k - 6, 0) : k] for one in before.partners]
        late = [dataclasses.replace(one, received_ns=given[k][1], ended=one.ended[:0]) for one in old]
        return dataclasses.replace(inbox, partners=(*late, *inbox.partners))

    state, again = shown(given, replayed)
    assert state.partners[B].refused["out_of_order"] > 100
    for a, b in zip(outs, again, strict=True):
        assert np.array_equal(a.tracks.cov[:12], b.tracks.cov[:12])
        assert np.array_equal(a.tracks.lat_rad[:12], b.tracks.lat_rad[:12])


def test_the_order_of_arrival_within_a_tick_does_not_matter(given):
    """Frames of two partners, and rows of one frame, in any order: the same picture and the same memory."""
    rng = np.random.default_rng(5)

    def twin(inbox, k):
        other = [
            dataclasses.replace(one, partner=C, pedigree=None if one.pedigree is None else one.pedigree * 0 + (1 << C))
            for one in inbox.partners
        ]
        return dataclasses.replace(inbox, partners=(*inbox.partners, *other))

    def shuffled(inbox, k):
        both = twin(inbox, k)
        both = with_rows(both, lambda one: rng.permutation(len(one.precise)) if k > 20 else np.arange(len(one.precise)))
        order = rng.permutation(len(both.partners))
        kept = sorted(order.tolist(), key=lambda j: (both.partners[j].received_ns,))
        return dataclasses.replace(both, partners=tuple(both.partners[j] for j in kept))

    def by_partner(inbox, k):
        both = twin(inbox, k)
        return dataclasses.replace(both, partners=tuple(sorted(both.partners, key=lambda one: -one.partner)))

    one, outs = shown(given, twin)
    two, again = shown(given, by_partner)
    assert all(same(a, b) for a, b in zip(outs, again, strict=True))
    assert snapshot.encode_plain(chains.dump(one.chains)) == snapshot.encode_plain(chains.dump(two.chains))
    _, again = shown(given, shuffled)
    for a, b in zip(outs, again, strict=True):
        assert np.allclose(a.tracks.cov[:12], b.tracks.cov[:12], rtol=1e-9)


def test_dump_and_load_at_any_point_change_nothing(given):
    a = stage.init()
    for inbox, now in given:
        b = stage.load(snapshot.decode_plain(snapshot.encode_plain(stage.dump(a))))
        assert same(stage.advance(a, inbox, now), stage.advance(b, inbox, now))
    assert len(a.chains.log)


def test_without_a_pedigree_or_with_ours_nothing_is_counted_exactly(given):
    for bits in (None, 1, 1 << 63 | 1 << B):

        def other(inbox, k, bits=bits):
            rows = [
                dataclasses.replace(one, pedigree=None if bits is None else np.full(len(one.precise), bits, np.uint64))
                for one in inbox.partners
            ]
            return dataclasses.replace(inbox, partners=tuple(rows))

        state, _ = shown(given, other)
        assert not (state.chains.log.member == B).any()


def test_a_view_for_a_partner_holds_nothing_that_the_partner_taught(given):
    """The view for C: what C taught B does not enter; with the door open it does."""
    closed, _ = shown(given, lambda inbox, k: dataclasses.replace(inbox, recipient=C))
    open_, _ = shown(given)
    assert (open_.chains.log.pedigree >> np.uint64(C) & np.uint64(1)).any()
    assert not (closed.chains.log.pedigree >> np.uint64(C) & np.uint64(1)).any()


def test_a_partner_that_tells_one_track_without_end_costs_a_few_rows(given):
    def flood(inbox, k):
        if k != len(given) - 1:
            return inbox
        one = next(one for one in inbox.partners if len(one.precise))
        rows = np.repeat(one.precise[:1], 5_000)
        end = given[k][1]
        rows["time_ns"] = end - 5 * S + np.arange(5_000) * 1_000
        rows["begin_ns"] = rows["time_ns"] - 500
        pedigree = np.full(5_000, 1 << B, np.uint64)
        more = PartnerRows(one.partner, end, rows, pedigree=pedigree)
        return dataclasses.replace(inbox, partners=(*inbox.partners, more))

    state, outs = shown(given, flood)
    log = state.chains.log
    counts = np.unique(np.stack([log.track, log.member.view(np.uint64)]), axis=1, return_counts=True)[1]
    assert counts.max() <= chains.MOST
    assert np.isfinite(outs[-1].tracks.cov).all()


@pytest.mark.parametrize("seed", range(3))
def test_hostile_increments_leave_finite_tracks_that_are_never_wider_than_alone(given, seed):
    rng = np.random.default_rng(seed)

    def hostile(inbox, k):
        changed = []
        for one in inbox.partners:
            rows = one.precise.copy()
            bad = rng.random(len(rows)) < 0.5
            odd = np.array([np.nan, np.inf, -1.0, 0.0, 1e30, 1.0])
            rows["gain"][bad] = rng.choice(odd, (int(bad.sum()), 10))
            rows["moved"][bad] = rng.choice(odd, (int(bad.sum()), 4))
            begin = rng.choice(np.array([-1, 1, 2**62, BEGIN_NS]), int(bad.sum()))
            rows["begin_ns"][bad] = begin
            changed.append(dataclasses.replace(one, precise=rows))
        return dataclasses.replace(inbox, partners=tuple(changed))

    state, outs = shown(given, hostile)
    for out in outs:
        for column in (out.tracks.lat_rad, out.tracks.lon_rad, out.tracks.ve_mps, out.tracks.vn_mps, out.tracks.cov):
            assert np.isfinite(column).all()
    stage.load(stage.dump(state))


def test_a_partner_whose_rows_are_missed_loses_what_was_in_them_and_nothing_else():
    found = ring.run(Setting(craft=40, seconds=90, after_s=60, missed=0.3))
    assert found["a_anees"] / found["all_anees"] < 1.05
    assert found["a_rms_m"] < found["a_alone_rms_m"]


def test_with_pedigree_the_ring_is_as_good_as_one_tracker_with_every_plot():
    """Shared sensors and feedback: A's ANEES within 5 % of the centralised tracker's, and its RMS within 3 %. The full
    figures are those of bench/fusion.py."""
    found = ring.run(Setting(craft=60, seconds=105))
    print({key: round(value, 3) for key, value in found.items()})
    assert 0.95 < found["a_anees"] / found["all_anees"] < 1.05
    assert found["a_over_all"] < 0.03
    for node in "bc":
        assert 0.95 < found[f"{node}_anees"] < 1.05
        assert found[f"{node}_rms_m"] < found[f"{node}_alone_rms_m"]


def test_late_rows_in_disorder_are_worth_what_late_plots_are():
    """Rows one to five seconds late, each by its own delay: within 3 % of a tracker whose plots from B are as late."""
    found = ring.run(Setting(craft=60, seconds=105, late_s=(1.0, 5.0)))
    assert 0.95 < found["a_anees"] / found["late_anees"] < 1.05
    assert found["a_over_late"] < 0.03


def test_who_withholds_pedigrees_makes_nobody_too_sure():
    found = ring.run(Setting(craft=60, seconds=105, withheld=(B,)))
    for node in "abc":
        assert 0.8 < found[f"{node}_anees"] / found["all_anees"] < 1.05
    assert found["a_over_all"] < 0.05
    assert found["a_rms_m"] < 0.95 * found["a_alone_rms_m"]


def test_who_calls_our_own_word_anothers_is_found_out(monkeypatch):
    """B tells its whole picture, A's plots in it, and says that C alone made it. What it tells lies nearer to what A
    knows than anything independent can: after some hundred increments its pedigrees are not believed."""
    lie = Setting(craft=40, seconds=100, after_s=70, lie=True)
    found = ring.run(lie)
    assert found["a_anees"] / found["all_anees"] < 1.05
    monkeypatch.setattr(partners, "TOO_LIKE", 0.0)
    believed = ring.run(lie)
    print(f"ANEES {found['a_anees']:.3f}, if it were believed {believed['a_anees']:.3f}")
    assert believed["a_anees"] / believed["all_anees"] > 1.2
