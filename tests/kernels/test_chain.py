"""Chains: increments of several trackers, each once and in its time, against one filter with every measurement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kernels.test_fusion import craft, full, pairs, some
from tests.kernels.test_increment import Link, Sender

from manara.kernels import chain, fusion, geodesy


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 20), st.integers(1, 6)), max_size=30))
def test_no_moment_of_one_origin_is_counted_twice(told):
    """Whatever is told, in whatever order, repeated or not: what is counted of one chain and member never overlaps,
    and what is left out does overlap with something that is counted."""
    rows = sorted({(c, m, b, b + n) for c, m, b, n in told})
    rows += rows[: len(rows) // 2]  # repeats
    order = sorted(range(len(rows)), key=lambda k: rows[k])
    columns = np.array([rows[k] for k in order], np.int64).reshape(-1, 4)
    c, m, b, e = (np.ascontiguousarray(x) for x in columns.T)
    kept = np.zeros(len(c), np.bool_)
    chain.admit(c, m, b, e, np.ones(len(c), np.bool_), 99, kept)
    for k in range(len(c)):
        group = [j for j in np.flatnonzero(kept).tolist() if j != k and (c[j], m[j]) == (c[k], m[k])]
        overlaps = [j for j in group if b[k] < e[j] and b[j] < e[k]]
        assert bool(overlaps) != bool(kept[k])


def test_who_tells_without_end_is_cut_off_and_what_was_counted_stays():
    n = 50
    begin, zero = np.arange(n) * 2, np.zeros(n, np.int64)
    fresh, kept = np.arange(n) > 0, np.zeros(n, np.bool_)
    chain.admit(zero, zero, begin, begin + 1, fresh, 5, kept)
    assert kept.sum() == 5
    assert kept[0]


def two(seed, q=15.0):
    """Two trackers of one craft, what each tells at each second, and one filter with every measurement."""
    rng = np.random.Generator(np.random.Philox(seed))
    senders = [Sender(rng, q) for _ in range(3)]
    for one in senders[1:]:
        one.place, one.cov = senders[0].place.copy(), senders[0].cov.copy()
    return senders, [Link(q) for _ in senders]


def take(sender, z, sigma):
    """A position, measured at the sender's time: z is an n-vector."""
    from manara.kernels import kalman

    r = sigma * sigma
    e, n = geodesy.offset(*sender.place[:3], 0.0, *z)
    s = kalman.spread(sender.cov, 0, 0.0, sender.q, r, 0.0, r)
    de, dn, dve, dvn = kalman.correct(sender.cov, 0, 1.0, 0.0, e, n, *s)
    x, y, w, c, t = geodesy.move(*sender.place[:3], 0.0, de, dn)
    ve, vn = sender.place[4] + dve, sender.place[5] + dvn
    sender.place = np.array([x, y, w, 0.0, c * ve - t * vn, t * ve + c * vn])
    kalman.turn(sender.cov, 0, c, t)


@pytest.mark.parametrize("order", ["in time", "any"])
def test_increments_of_two_trackers_are_one_filter_with_every_measurement(order):
    """The chain holds what a filter with all measurements holds: within 0.15 standard deviations and 5 % of variance.
    The first common moment is told once; then each tracker measures at its own seconds."""
    (a, b, whole), links = two(3)
    rng = np.random.Generator(np.random.Philox(4))
    for k, one in enumerate((a, b)):
        links[k].tell(one)
    begin = a.place.copy(), a.cov.copy(), a.t
    entries = []
    for second in range(1, 21):
        for one in (a, b, whole):
            one.advance(1.0)
        for k, one in enumerate((a, b)):
            if second % 3 == k:
                z = geodesy.move(*whole.place[:3], 0.0, *rng.normal(0, 30, 2))[:3]
                take(one, z, 30.0)
                take(whole, z, 30.0)
                gain, moved, since, _ = links[k].tell(one)
                assert since > 0
                entries.append((one.t, one.place.copy(), gain, moved))
    if order == "any":
        entries = [entries[k] for k in rng.permutation(len(entries))]
    entries.sort(key=lambda one: one[0])  # the log is sorted; the order of coming is not in it
    mean = np.array([[*begin[0][:3], *begin[0][4:]]])
    cov, when = begin[1].copy(), np.full(1, begin[2])
    times, rows, gain, moved = (np.ascontiguousarray(np.array(x)) for x in zip(*entries, strict=True))
    score, q = np.full(len(times), np.nan), np.full(1, 15.0)
    first, last = np.zeros(1, np.int64), np.full(1, len(times))
    until = int(whole.t)
    chain.run(mean, cov, when, q, first, last, times, rows, gain, moved, until, np.ones(len(times), np.bool_), score)
    chain.forward(mean, cov, when, q, np.zeros(1), until)
    e, n = geodesy.offset(*whole.place[:3], 0.0, *mean[0, :3])
    x = np.array([e, n, *(mean[0, 3:] - whole.place[4:])])
    sigma = np.sqrt(np.diag(full(whole.cov[0])))
    assert np.abs(x / sigma).max() < 0.15
    assert np.allclose(np.diag(full(cov[0])), sigma**2, rtol=0.05)
    assert np.isfinite(score).all()


def test_the_misfit_of_what_is_new_is_two_and_of_what_is_known_less():
    """χ² of two for an independent measurement; the same one met again, after it was counted, is too near."""
    rng = np.random.Generator(np.random.Philox(8))
    p, g = np.zeros(10), np.zeros(10)
    p[[0, 4, 7, 9]], r = (400.0, 400.0, 25.0, 25.0), 900.0
    g[[0, 4]] = 1.0 / r
    fresh, again = [], []
    for _ in range(4000):
        x, z = rng.normal(0, 20, 2), rng.normal(0, 30, 2)
        apart, moved = np.array([*x, 0, 0]), np.array([*z, 0, 0])
        fresh.append(chain.misfit(p, apart, g, moved))
        after, known = x + 400 / 1300 * (z - x), p.copy()
        known[[0, 4]] = 1 / (1 / 400 + 1 / r)
        again.append(chain.misfit(known, np.array([*after, 0, 0]), g, moved))
    assert np.mean(fresh) == pytest.approx(2.0, abs=0.1)
    assert np.mean(again) < 1.3
    assert np.isnan(chain.misfit(p, apart, np.zeros(10), moved)), "nothing was measured"


def test_what_would_take_information_away_is_passed_over():
    mean, cov = np.zeros((1, 5)), np.zeros((1, 10))
    mean[0, 0] = 1.0
    cov[0, [0, 4, 7, 9]] = 100.0, 100.0, 4.0, 4.0
    gain = -0.5 * np.array([[0.01, 0, 0, 0, 0.01, 0, 0, 0.25, 0, 0.25]])
    before, i, when = cov.copy(), np.zeros(1, np.int64), np.zeros(1, np.int64)
    chain.run(mean, cov, when, np.zeros(1), i, i + 1, i, np.eye(1, 6), gain, np.ones((1, 4)), 9, i > 0, np.zeros(1))
    assert np.allclose(cov, before, rtol=1e-9)
    assert np.allclose(mean, np.eye(1, 5))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 0.98))
def test_inverse_intersection_is_consistent_for_every_common_estimate(seed, part):
    """x_i = own information plus one common estimate c that both have taken in, whatever c is: claimed ≥ actual. The
    joint covariance is exact: P_i⁻¹ = I_i + C⁻¹, cross-covariance P_1 C⁻¹ P_2."""
    rng = np.random.default_rng(seed)
    one, two_, common = (np.linalg.inv(full(row)) for row in some(rng, 3))
    common = common * (10.0 * part) ** 2
    p, q = np.linalg.inv(one + common), np.linalg.inv(two_ + common)
    upper = np.triu_indices(4)
    rows = [np.ascontiguousarray(m[upper]) for m in (p, q)]
    out, gain = np.empty(10), np.empty((4, 4))
    for k in range(4):
        gap = np.zeros(4)
        gap[k] = 1.0
        assert fusion.without(*rows, gap, out, np.empty((5, 10))) >= 0.0
        gain[:, k] = gap
    keep, cross = np.eye(4) - gain, p @ common @ q
    actual = keep @ p @ keep.T + gain @ q @ gain.T + keep @ cross @ gain.T + gain @ cross.T @ keep.T
    root = np.linalg.inv(np.linalg.cholesky(full(out)))
    assert np.linalg.eigvalsh(root @ actual @ root.T).max() <= 1.0 + 1e-4
    assert np.linalg.det(full(out)) <= min(np.linalg.det(p), np.linalg.det(q)) * (1.0 + 1e-6)


def test_our_own_word_come_back_is_nothing_by_inverse_intersection_too():
    rows = some(np.random.default_rng(4), 100)
    for copy in (rows, rows * 1.5, rows + np.array([25.0, 0, 0, 0, 25.0, 0, 0, 0.01, 0, 0.01])):
        ours = craft(rows, (30.0, -4.0))
        assert (fusion.fuse(*pairs(100, fusion.INVERSE), ours, craft(copy, (31.0, -4.0))) == 1.0).all()
        assert np.array_equal(ours.cov, rows)


def test_inverse_intersection_gives_more_than_intersection():
    """Why it is used where something may be shared: it is surer, and never surer than addition."""
    one, other = some(np.random.default_rng(6), 60), some(np.random.default_rng(7), 60)
    size = {}
    for bound in (0.0, 1.0, fusion.INVERSE):
        ours = craft(one)
        fusion.fuse(*pairs(60, bound), ours, craft(other))
        size[bound] = np.array([np.linalg.slogdet(full(c))[1] for c in ours.cov])
    assert (size[fusion.INVERSE] <= size[1.0] + 2e-2).all()
    assert (size[fusion.INVERSE] >= size[0.0] - 1e-6).all()
    assert size[fusion.INVERSE].mean() < size[1.0].mean() - 0.05
