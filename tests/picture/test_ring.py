"""Nodes that tell one another what they were told: nobody becomes surer than what was seen."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.picture.scene import LAT, LON, T0, S, own

from manara.kernels import geodesy, kalman
from manara.picture import stage
from manara.picture.partners import PartnerRows
from manara.records.released import ENDED, PRECISE
from manara.records.reports import Domain, Kind
from manara.records.tracks import Life, Tracks

UPPER = np.triu_indices(4)


def full(row):
    p = np.zeros((4, 4))
    p[UPPER] = row
    return p + p.T - np.diag(np.diag(p))


def passed_on(out, sender, receiver, now_ns, told, before=None):
    """A picture as rows for another node, as an onward release would give it: nothing that the receiver itself told,
    and a word when a track has ended. ``told``: whether the pedigree may be known. ``before``: the last such rows."""
    mine = out.of_partner != receiver
    t = out.tracks.take(mine)
    rows = np.zeros(len(t), PRECISE)
    for name in ("time_ns", "updated_ns", "identity", "lat_rad", "lon_rad", "alt_m", "ve_mps", "vn_mps", "vu_mps"):
        rows[name] = getattr(t, name)
    for name in ("heading_rad", "cov", "mode_3a", "flags", "kind", "domain", "life", "alt_ref"):
        rows[name] = getattr(t, name)
    rows["track"] = t.track_id
    gone = np.setdiff1d(before.precise["track"], rows["track"]) if before is not None else []
    over = np.zeros(len(gone), ENDED)
    over["track"], over["time_ns"] = gone, now_ns
    pedigree = _turned(out.pedigree[mine], sender, receiver) if told else None
    return PartnerRows(sender, now_ns, rows, ended=over, pedigree=pedigree)


def _turned(p, sender, receiver):
    """Bit 0 is the sender's own there; at the receiver it is the sender's place, and the receiver's place is bit 0."""
    rest = p & ~np.uint64(1 | 1 << receiver)
    mine = np.where(p >> np.uint64(receiver) & np.uint64(1), 1, 0).astype(np.uint64)
    theirs = np.where(p & np.uint64(1), 1 << sender, 0).astype(np.uint64)
    return rest | mine | theirs


A, C, B = 1, 2, 3  # the directory's places; each node calls itself 0 and the others by these
RING = ((A, C), (C, B), (B, A))


@pytest.mark.parametrize("told", [True, False])
def test_threat_12_a_word_that_comes_back_round_a_ring_makes_nobody_surer(told):
    """A sees, C and B pass on: A ─▶ C ─▶ B ─▶ A, 80 s. A's picture is never surer than A's own track, the others
    never surer than A was."""
    nodes = {k: stage.init() for k in (A, C, B)}
    waiting = {k: () for k in nodes}
    least = []
    for t in range(80):
        now = T0 + t * S
        shown = {}
        for k, state in nodes.items():
            mine = own(t, (0, 200)) if k == A else own(t)
            shown[k] = stage.advance(state, stage.Inbox(mine, partners=waiting[k]), now)
        for sender, receiver in RING:
            last = waiting[receiver][0] if waiting[receiver] else None
            waiting[receiver] = (passed_on(shown[sender], sender, receiver, now, told, last),)
        for out in shown.values():
            least += [np.linalg.eigvalsh(full(c) - full(own(t, (0, 0)).cov[0])).min() for c in out.tracks.cov]
    assert len(least) > 230
    assert min(least) >= -1e-3
    assert [len(out.tracks) for out in shown.values()] == [1, 1, 1], "rumours of a second craft have died"
    assert shown[A].pedigree.tolist() == [1]
    assert shown[A].seen_by.tolist() == [1 << B]


def trackers(rng, craft, seconds, q=2.0):
    """Three trackers of the same craft, a plot each 2, 3 and 5 s: (truth, [own table of each]) a second."""
    truth = np.zeros((craft, 4))
    truth[:, 2:] = rng.normal(0, 60, (craft, 2))
    origin = np.array([geodesy.move(*geodesy.nvector(LAT, LON), 0.0, k * 12_000.0, 0.0)[:3] for k in range(craft)])
    root = np.linalg.cholesky(q * np.array([[1 / 3, 1 / 2], [1 / 2, 1.0]]))
    noise, periods = (900.0, 400.0, 2500.0), (2, 3, 5)
    states = [np.concatenate([rng.normal(0, np.sqrt(r), (craft, 2)), np.zeros((craft, 2))], axis=1) for r in noise]
    covs = [np.tile([r, 0, 0, 0, r, 0, 0, 3600.0, 0, 3600.0], (craft, 1)).astype(float) for r in noise]
    updated = [0, 0, 0]
    for t in range(1, seconds):
        kick = rng.normal(size=(craft, 2, 2)) @ root.T
        truth[:, :2] += truth[:, 2:] + kick[:, :, 0]
        truth[:, 2:] += kick[:, :, 1]
        for k, (x, cov, r) in enumerate(zip(states, covs, noise, strict=True)):
            x[:, :2] += x[:, 2:]
            hit = t % periods[k] == 0
            y = truth[:, :2] + rng.normal(0, np.sqrt(r), (craft, 2)) - x[:, :2]
            for i in range(craft):
                kalman.predict(cov, i, 1.0, q)
                if hit:
                    x[i] += kalman.correct(cov, i, 1.0, 0.0, *y[i], *kalman.spread(cov, i, 0.0, q, r, 0.0, r))
            updated[k] = t if hit else updated[k]
        yield t, truth, origin, [table(t, u, x, cov, origin) for u, x, cov in zip(updated, states, covs, strict=True)]


def table(t, updated, x, cov, origin):
    n = len(x)
    where = np.array([geodesy.lat_lon(*geodesy.move(*o, 0.0, *p[:2])[:3]) for o, p in zip(origin, x, strict=True)])
    return Tracks.blank(n).replace(
        track_id=np.arange(1, n + 1, dtype=np.uint64),
        time_ns=np.full(n, T0 + t * S),
        updated_ns=np.full(n, T0 + updated * S),
        life=np.full(n, Life.CONFIRMED, np.uint8),
        domain=np.full(n, Domain.LAND, np.uint8),
        kind=np.full(n, Kind.GROUND_VEHICLE, np.uint8),  # whose q is that of this world
        lat_rad=where[:, 0].copy(),
        lon_rad=where[:, 1].copy(),
        ve_mps=x[:, 2].copy(),
        vn_mps=x[:, 3].copy(),
        cov=cov.copy(),
    )


@pytest.mark.parametrize(("onward", "told"), [(False, True), (True, True), (True, False)])
def test_what_three_nodes_make_together_is_as_sure_as_it_may_be(onward, told):
    """NEES of A's system tracks over 40 craft and 30 s. Own tracks only, told as such: disjoint. Fused ones, with
    and without their pedigree: covariance intersection. Never above 1.05."""
    rng = np.random.default_rng(7)
    nodes = {k: stage.init() for k in (A, C, B)}
    scores, sizes, waiting = [], [], {k: () for k in nodes}
    for t, truth, origin, tables in trackers(rng, 40, 40):
        now = T0 + t * S
        shown = {}
        for (k, state), mine in zip(nodes.items(), tables, strict=True):
            shown[k] = stage.advance(state, stage.Inbox(mine, partners=waiting[k]), now)
        alone = {k: stage.advance(stage.init(), stage.Inbox(m), now) for k, m in zip(nodes, tables, strict=True)}
        given = shown if onward else alone
        own_rows = {k: _led_by_own(out) for k, out in given.items()}
        waiting = {r: tuple(passed_on(own_rows[s], s, r, now, told) for s in nodes if s != r) for r in nodes}
        if t > 20:
            scores.append(_nees(shown[A].tracks, truth, origin))
            sizes.append(np.mean(shown[A].tracks.cov[:40, 0] / tables[0].cov[:, 0]))
            assert len(shown[A].tracks) == 40
    print(f"onward {onward}, told {told}: ANEES {np.mean(scores):.3f}, size {np.mean(sizes):.3f}")
    assert 0.6 < np.mean(scores) <= 1.05
    assert np.mean(sizes) < 0.95, "sharing does help"


def _led_by_own(out):
    """What a node sees itself, with what others added to it."""
    n = int((out.of_partner == 0).sum())
    return dataclasses.replace(
        out, tracks=out.tracks.take(np.arange(n)), pedigree=out.pedigree[:n], of_partner=out.of_partner[:n]
    )


def _nees(tracks, truth, origin):
    total = 0.0
    for k in range(len(truth)):
        at = geodesy.nvector(tracks.lat_rad[k], tracks.lon_rad[k])
        e = np.array([*geodesy.offset(*origin[k], 0.0, *at), tracks.ve_mps[k], tracks.vn_mps[k]]) - truth[k]
        total += e @ np.linalg.solve(full(tracks.cov[k]), e) / 4
    return total / len(truth)


SCRIPT = """
import sys
import numpy as np
from manara.picture import stage
from tests.picture.test_partners import scene
state = stage.init()
for inbox, now in scene(11, 12):
    out = stage.advance(state, inbox, now)
t = out.tracks
np.savez(sys.argv[1], ids=t.track_id, pedigree=out.pedigree, where=np.c_[t.lat_rad, t.lon_rad], cov=t.cov)
"""


def test_without_the_compiler_the_same(repository, tmp_path):
    from tests.picture.test_partners import scene

    path = tmp_path / "pure.npz"
    subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(path)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=repository,
        check=True,
        timeout=120,
    )
    state = stage.init()
    for inbox, now in scene(11, 12):
        out = stage.advance(state, inbox, now)
    pure = np.load(path)
    assert out.tracks.track_id.tolist() == pure["ids"].tolist()
    assert out.pedigree.tolist() == pure["pedigree"].tolist()
    assert np.allclose(np.c_[out.tracks.lat_rad, out.tracks.lon_rad], pure["where"], rtol=1e-9, atol=1e-9)
    assert np.allclose(out.tracks.cov, pure["cov"], rtol=1e-6, atol=1e-6)
