"""Frames of one size: exact, bounded in cost, and of no use to who counts bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.released import COARSE, PRECISE, RowTable
from manara.release import cadence

NS = 10**9
HOUR = 1_700_000_000 // 3_600 * 3_600


def head(extra=""):
    """A head as it is written: JSON that names its blocks."""
    return lambda pads: len(json.dumps({"kind": "batch", "terms": extra, "blocks": [[1, 208, 77], *map(list, pads)]}))


@settings(max_examples=200)
@given(st.integers(0, 5_000_000), st.text(max_size=300), st.integers(0, 10**6))
def test_each_frame_is_exactly_as_long_as_its_size(rows_bytes, extra, second):
    state = cadence.init()
    pads = cadence.fill(state, rows_bytes, head(extra), (HOUR + second) * NS)
    assert rows_bytes + head(extra)(pads) + cadence.cost(pads) == state.size
    assert state.size in cadence.SIZES
    assert all(table == RowTable.PAD and 100 <= width <= 999 and n > 0 for table, width, n in pads)
    assert [len(b.rows) for b in cadence.blocks(pads, bytes(cadence.noise_bytes(pads)))] == [w * n for _, w, n in pads]


def test_sizes_do_not_follow_what_there_is_to_say():
    rng = np.random.Generator(np.random.Philox(1))
    state, sizes = cadence.init(), []
    for second in range(3_000):
        busy = 1.0 + 0.15 * np.sin(second / 200.0)
        used = int(rng.poisson(300 * busy)) * (PRECISE.itemsize + cadence.SALT)
        pads = cadence.fill(state, used, head(), (HOUR + second) * NS)
        sizes.append(used + head()(pads) + cadence.cost(pads))
    assert len(set(sizes[600:])) == 1


def test_it_rises_at_once_and_falls_at_marks_only():
    state = cadence.init()

    def at(second, used):
        cadence.fill(state, used, head(), (HOUR + second) * NS)
        return state.size

    small = at(0, 10_000)
    large = at(10, 100_000)
    assert large > small
    assert [at(s, 10_000) for s in range(11, 1_200, 7)] == [large] * len(range(11, 1_200, 7))
    assert at(1_201, 10_000) == small  # the ten minutes from 600 s needed little
    assert at(1_202, 100_000) == large


@pytest.mark.parametrize(("rows", "times"), [(20, 3.0), (100, 2.0), (1_000, 2.0), (10_000, 2.0)])
def test_it_costs_at_most_twice(rows, times):
    """A hundred rows a tick or more; with a few rows the busiest tick is far from the usual one, and that costs."""
    rng = np.random.Generator(np.random.Philox(2))
    state, used_total, total = cadence.init(), 0, 0
    for second in range(1_500):
        used = int(rng.poisson(rows)) * (PRECISE.itemsize + cadence.SALT)
        pads = cadence.fill(state, used, head(), (HOUR + second) * NS)
        used_total += used + head()(())
        total += used + head()(pads) + cadence.cost(pads)
    assert total <= times * used_total


def test_what_is_longer_than_any_size_goes_unfilled():
    state = cadence.init()
    assert cadence.fill(state, 9_000_000, head(), HOUR * NS) == ()
    assert cadence.fill(state, 100, head(), HOUR * NS) != ()


def test_it_goes_on_from_what_was_dumped():
    state = cadence.init()
    for second in (0, 500, 700, 1_300):
        again = cadence.load(cadence.dump(state))
        used = 5_000 * (second % 3 + 1)
        now = (HOUR + second) * NS
        assert cadence.fill(state, used, head(), now) == cadence.fill(again, used, head(), now)
        assert state == again


def watched(rng, tracks, extra, padded, seconds=80):
    """What an onlooker measures of a stream's sizes. ``extra``: the part by which a source that the recipient may not
    know of makes rows come more often."""
    state, sizes, key = cadence.init(), [], rng.bytes(32)
    for second in range(seconds):
        precise = int(rng.poisson(0.4 * tracks * (1.0 + extra)))
        coarse = int(rng.poisson(2.0))
        used = precise * (PRECISE.itemsize + cadence.SALT) + coarse * (COARSE.itemsize + cadence.SALT)
        now, one = (HOUR + second) * NS, head("t" * coarse)
        pads = cadence.fill(state, used, one, now, key) if padded else ()
        sizes.append(used + one(pads) + cadence.cost(pads))
    late = np.array(sizes[20:], float)
    return [late.mean(), late.std(), late.max(), late.min(), np.count_nonzero(np.diff(late)), (late % 216).mean()]


def auc(no, yes):
    """The chance that a stream with the source ranks above one without."""
    no, yes = np.array(no)[:, None], np.array(yes)[None, :]
    return float(np.mean((yes > no) + 0.5 * (yes == no)))


def best_of(with_it, without):
    """The classifier that an onlooker can train: on half of the streams it picks its sign and its best measure, or
    their sum weighed by how much they differ; the other half judges it."""
    yes, no = np.array(with_it), np.array(without)
    half = len(yes) // 2
    spread = np.concatenate([yes[:half], no[:half]]).std(axis=0) + 1e-12
    weight = (yes[:half].mean(axis=0) - no[:half].mean(axis=0)) / spread
    scores = [*(np.eye(yes.shape[1]) / spread), weight / spread]
    trained = [auc(no[:half] @ w, yes[:half] @ w) for w in scores]
    chosen = int(np.argmax(np.abs(np.array(trained) - 0.5)))
    sign = 1.0 if trained[chosen] >= 0.5 else -1.0
    return auc(sign * no[half:] @ scores[chosen], sign * yes[half:] @ scores[chosen])


def streams(n, padded, tracks, seconds=80):
    """n streams with the source and n without, on the same days."""

    def day(k, extra, salt):
        rng = np.random.Generator(np.random.Philox([k, salt]))
        return watched(rng, tracks(k), extra, padded, seconds)

    return [day(k, 0.02, 1) for k in range(n)], [day(k, 0.0, 2) for k in range(n)]


def test_row_08_sizes_tell_a_source_where_nothing_is_filled():
    """The classifier can see: traffic like every day's, and 2 % more rows where the source is there."""
    assert best_of(*streams(40, False, lambda k: 300, seconds=300)) >= 0.95


def test_row_08_sizes_of_filled_frames_do_not():
    """The mean over kinds of days: one such figure from 65 streams against 65 errs by 0.04 by itself."""
    kinds = [lambda k: 180, lambda k: 220, lambda k: 260, lambda k: 300, lambda k: 150 + 37 * k % 300]
    found = [best_of(*streams(130, padded=True, tracks=tracks)) for tracks in kinds]
    assert np.mean(found) <= 0.55


def test_row_08_what_no_view_holds_changes_no_byte():
    """A source outside the recipient's view is not in its rows at all: the same rows, the same sizes."""
    one, other = (watched(np.random.Generator(np.random.Philox(3)), 300, 0.0, True) for _ in range(2))
    assert one == other
