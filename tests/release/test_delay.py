"""Row 7: rows wait as long as is asked, are decided upon again, and the queue is bounded."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.released import ENDED
from manara.release import delay

NS = 10**9


def rows(*tracks):
    out = np.zeros(len(tracks), ENDED)
    out["track"] = tracks
    return out


def push(waiting, tracks, due):
    ids = np.array(tracks, np.uint64)
    delay.push(waiting, rows(*tracks), ids, np.zeros(len(ids), np.uint32), np.array(due, np.int64) * NS)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 50)), max_size=40), st.lists(st.integers(0, 60), max_size=9)
)
def test_row_07_nothing_leaves_early_and_all_leaves_once(queued, ticks):
    waiting, seen = delay.init(ENDED), []
    for track, due in queued:
        push(waiting, [track], [due])
    for tick in sorted([*ticks, 60]):
        out = delay.pop(waiting, tick * NS)
        seen += [(track, tick) for track in out.rows["track"].tolist()]
        assert out.subjects.tolist() == out.rows["track"].tolist()
        assert all(due > tick for due in waiting.due_ns // NS)
    assert sorted(t for t, _ in seen) == sorted(t for t, _ in queued)
    assert len(waiting.rows) == 0


def test_row_07_the_newest_decision_counts():
    waiting = delay.init(ENDED)
    push(waiting, [1, 2, 3, 2], [5, 5, 5, 9])
    chosen, tag = np.array([True, False]), np.array([7, 8], np.uint32)
    assert delay.decide_again(waiting, np.array([1, 2], np.uint64), chosen, tag) == 2
    out = delay.pop(waiting, 9 * NS)
    assert out.subjects.tolist() == [1, 3]  # 3 has ended: the last decision stands
    assert out.tag.tolist() == [7, 0]


def test_the_queue_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setattr(delay, "WAITING_MAX", 3)
    waiting = delay.init(ENDED)
    push(waiting, [1, 2], [5, 5])
    push(waiting, [3, 4], [5, 5])
    assert waiting.rows["track"].tolist() == [1, 2, 3]
    assert waiting.refused == 1
    other = delay.init(ENDED)
    push(other, [1, 2, 3, 4, 5], [5] * 5)
    assert (len(other.rows), other.refused) == (3, 2)


def test_dropped_is_gone():
    waiting = delay.init(ENDED)
    push(waiting, [1, 2], [5, 6])
    assert delay.drop(waiting) == 2
    assert len(delay.pop(waiting, 100 * NS)) == 0


def test_it_goes_on_from_what_was_dumped():
    waiting = delay.init(ENDED)
    push(waiting, [1, 2], [5, 6])
    again = delay.load(delay.dump(waiting), ENDED)
    for one in (waiting, again):
        assert delay.pop(one, 5 * NS).subjects.tolist() == [1]
        assert delay.pop(one, 6 * NS).subjects.tolist() == [2]
