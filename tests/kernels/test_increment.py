"""Information increments against the textbook's matrices: a recipient that adds them holds what the sender holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.kernels import geodesy, increment, kalman

UPPER = np.triu_indices(4)
NS = 10**9


def full(row):
    p = np.zeros((4, 4))
    p[UPPER] = row
    return p + p.T - np.diag(np.diag(p))


def some_covariance(rng):
    a = rng.normal(size=(4, 4)) * np.array([30.0, 30.0, 5.0, 5.0])[:, None]
    return a @ a.T + np.diag([25.0, 25.0, 0.5, 0.5])


def test_inverse_and_factor_are_those_of_the_textbook():
    rng = np.random.Generator(np.random.Philox(1))
    out, low = np.zeros(10), np.zeros((4, 4))
    for _ in range(50):
        p = some_covariance(rng)
        assert increment.invert(p[UPPER], low, out)
        assert np.allclose(full(out), np.linalg.inv(p), rtol=1e-9)
        assert increment.factor(p[UPPER], low)
        assert np.allclose(np.tril(low), np.linalg.cholesky(p))
        b = rng.normal(size=4)
        x = b.copy()
        increment.solve(low, x)
        assert np.allclose(p @ x, b)
    for bad in (np.zeros(10), -np.ones(10), np.full(10, np.nan)):
        assert not increment.invert(bad, low, out)


class Sender:
    """A constant-velocity filter on the sphere of rows: what it tells, and when."""

    def __init__(self, rng, q, lat=0.9):
        self.rng, self.q, self.t = rng, q, 1_000 * NS
        self.place = np.array([*geodesy.nvector(lat, 0.3), 0.0, *rng.normal(0, 60, 2)])
        self.cov = some_covariance(rng)[UPPER].reshape(1, 10)
        self.truth = rng.multivariate_normal(np.zeros(4), full(self.cov[0]))  # truth less state

    def advance(self, dt):
        x, y, z, c, s = geodesy.move(*self.place[:3], 0.0, dt * self.place[4], dt * self.place[5])
        ve, vn = self.place[4:]
        kalman.predict(self.cov, 0, dt, self.q)
        kalman.turn(self.cov, 0, c, s)
        self.place = np.array([x, y, z, 0.0, c * ve - s * vn, s * ve + c * vn])
        self.t += round(dt * NS)

    def measure(self, sigma):
        r = sigma * sigma
        s = kalman.spread(self.cov, 0, 0.0, self.q, r, 0.0, r)
        e, n = self.rng.multivariate_normal(np.zeros(2), [[s[0], s[1]], [s[1], s[2]]])
        de, dn, dve, dvn = kalman.correct(self.cov, 0, 1.0, 0.0, e, n, *s)
        x, y, z, c, t = geodesy.move(*self.place[:3], 0.0, de, dn)
        ve, vn = self.place[4] + dve, self.place[5] + dvn
        kalman.turn(self.cov, 0, c, t)
        self.place = np.array([x, y, z, 0.0, c * ve - t * vn, t * ve + c * vn])

    def row(self):
        return self.place.reshape(1, 6).copy(), self.cov.astype(np.float32).astype(np.float64)


class Link:
    """Both ends of one stream."""

    def __init__(self, q):
        self.q = np.full(1, q)
        self.ends = [(np.zeros((1, 5)), np.zeros((1, 10)), np.zeros(1, np.int64)) for _ in range(2)]

    def tell(self, sender, lost=False):
        place, told = sender.row()
        gain, moved, begin, now = np.zeros((1, 10)), np.zeros((1, 4)), np.zeros(1, np.int64), np.full(1, sender.t)
        anew, exact = np.zeros(1, np.int64), sender.cov.copy()
        increment.increments(*self.ends[0], anew, self.q, place, told, exact, now, gain, moved, begin)
        taken = np.zeros(1, np.int64)
        if not lost:
            increment.chain_on(*self.ends[1], self.q, place, told, now, gain, moved, begin, taken)
        return gain[0], moved[0], int(begin[0]), int(taken[0])

    def apart(self, sender):
        """How far the recipient is from the sender: standard deviations, and relative error of the covariance."""
        mean, cov, _ = self.ends[1]
        e, n = geodesy.offset(*sender.place[:3], 0.0, *mean[0, :3])
        x = np.array([e, n, mean[0, 3] - sender.place[4], mean[0, 4] - sender.place[5]])
        p = full(sender.cov[0])
        return np.abs(x / np.sqrt(np.diag(p))).max(), np.abs(np.diag(full(cov[0])) / np.diag(p) - 1.0).max()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 15.0, 60.0]), st.floats(-1.5, 1.5))
def test_a_recipient_that_adds_increments_holds_the_senders_state(seed, q, lat):
    rng = np.random.Generator(np.random.Philox(seed))
    sender, link = Sender(rng, q, lat), Link(q)
    begins = []
    for _ in range(40):
        for _ in range(rng.integers(0, 4)):  # measurements between two rows, none at times
            sender.advance(float(rng.uniform(0.0, 6.0)))
            sender.measure(float(rng.choice([5.0, 40.0, 200.0])))
        sender.advance(float(rng.uniform(0.0, 3.0)))
        begins.append(link.tell(sender)[2])
        stray, error = link.apart(sender)
        assert stray < 2 * increment.STRAY
        assert error < 2 * increment.STRAY
        assert all(np.array_equal(a, b) for a, b in zip(*link.ends, strict=True))  # both ends, to the bit
    assert begins[0] == 0
    assert begins.count(0) <= 2


def test_the_gain_is_what_was_measured_since():
    """One position measured at the row's time: the gain is H'R⁻¹H, and it moved the state to where it was measured."""
    sender, link = Sender(np.random.Generator(np.random.Philox(4)), 15.0), Link(15.0)
    link.tell(sender)
    sender.advance(4.0)
    before = sender.place.copy()
    sender.measure(20.0)
    gain, moved, begin, _ = link.tell(sender)
    assert begin == sender.t - 4 * NS
    want = np.zeros((4, 4))
    want[0, 0] = want[1, 1] = 1.0 / 400.0
    assert np.allclose(full(gain), want, atol=2e-5)
    # the information that came, G z, pushes from the forecast to the row and beyond it
    e, n = geodesy.offset(*sender.place[:3], 0.0, *before[:3])
    assert np.dot([e, n], (full(gain) @ moved)[:2]) < 0.0


def test_nothing_measured_gains_nothing():
    sender, link = Sender(np.random.Generator(np.random.Philox(5)), 60.0), Link(60.0)
    link.tell(sender)
    for _ in range(20):
        sender.advance(1.0)
        gain, _, begin, _ = link.tell(sender)
        assert begin > 0
        scale = np.sqrt(np.diag(full(sender.cov[0])))
        assert np.abs(full(gain) * np.outer(scale, scale)).max() < 1e-5


def test_information_is_counted_once():
    """The recipient's own sensor and the sender's increments: the sum of both, whatever the rhythm of telling."""
    results = []
    for every in (1, 3, 8):
        rng = np.random.Generator(np.random.Philox(9))
        sender, link = Sender(rng, 0.05), Link(0.05)
        link.tell(sender)
        for k in range(1, 25):
            sender.advance(10.0)
            sender.measure(30.0)
            if k % every == 0:
                link.tell(sender)
        results.append(link.ends[1][1][0].copy())
        assert np.allclose(results[-1], sender.cov[0], rtol=0.02, atol=0.02)
    assert np.allclose(results[0], results[1], rtol=0.03, atol=0.02)


def test_a_missed_row_makes_the_recipient_begin_anew():
    sender, link = Sender(np.random.Generator(np.random.Philox(6)), 15.0), Link(15.0)
    told = []
    for k in range(6):
        sender.advance(2.0)
        sender.measure(25.0)
        told.append(link.tell(sender, lost=k == 3)[3])
    assert told == [2, 1, 1, 0, 2, 1]
    assert link.apart(sender)[1] < 0.05


def test_information_that_was_lost_begins_anew():
    """A tracker that doubts a velocity knows less than before: no gain says that, the row replaces what was told."""
    sender, link = Sender(np.random.Generator(np.random.Philox(7)), 15.0), Link(15.0)
    link.tell(sender)
    sender.advance(1.0)
    sender.cov[0, [7, 9]] *= 50.0
    gain, moved, begin, taken = link.tell(sender)
    assert (begin, taken) == (0, 2)
    assert not gain.any()
    assert not moved.any()
    sender.advance(1.0)
    sender.measure(10.0)
    assert link.tell(sender)[2] > 0  # and goes on from there


def test_time_that_runs_back_begins_anew():
    sender, link = Sender(np.random.Generator(np.random.Philox(8)), 15.0), Link(15.0)
    link.tell(sender)
    sender.t -= NS
    assert link.tell(sender)[2:] == (0, 2)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -1.0, 0.0])
def test_a_covariance_that_is_none_begins_anew_and_stays_apart(spoilt):
    sender, link = Sender(np.random.Generator(np.random.Philox(8)), 15.0), Link(15.0)
    link.tell(sender)
    sender.cov[:] = spoilt
    assert link.tell(sender)[2] == 0


def test_noise_of_the_format_is_never_less_than_the_trackers():
    from manara.records.reports import Domain, Kind
    from manara.tracking import motion

    for kind, model in motion.KINDS.items():
        told = increment.q_of(np.array([int(kind)]), np.array([int(model.domain)]))[0]
        assert told >= model.q_m2ps3
        assert kind == Kind.UNKNOWN or told == model.q_m2ps3
        stripped = increment.q_of(np.array([0]), np.array([int(model.domain)]))[0]
        assert stripped >= model.q_m2ps3
    assert len(increment.Q_M2PS3) == len(Kind)
    assert len(increment.Q_DOMAIN_M2PS3) == len(Domain)


def test_the_vector_of_the_specification(repository):
    import json
    import math

    page = (repository / "docs/spec/increments.md").read_text("utf-8")
    said = json.loads(page.split("```json\n")[1].split("```")[0])
    sender, link = Sender(np.random.Generator(np.random.Philox(1)), 15.0), Link(15.0)
    at = geodesy.nvector(math.radians(12.5), math.radians(-38.125))
    sender.place = np.array([*at, 0.0, 40.0, 0.0])
    sender.cov[0] = np.diag([2_500.0, 2_500.0, 25.0, 25.0])[UPPER]
    link.tell(sender)
    sender.advance(4.0)
    sender.rng = type("Fixed", (), {"multivariate_normal": staticmethod(lambda *_: (20.0, 0.0))})
    sender.measure(30.0)
    gain, moved, begin, taken = link.tell(sender)
    assert (begin, taken) == (1_000 * NS, 1)
    got = {"gain_ee": gain[0], "moved_e_m": moved[0], "held_ee_m2": link.ends[1][1][0, 0]}
    assert got == pytest.approx(said, rel=2e-3)
