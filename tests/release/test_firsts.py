"""Since when a track could be told: never before it was detected, permitted and the stream begun; told once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.tracks import Tracks
from manara.release import firsts

NONE = np.zeros(0, np.uint64)


def of(*ids: int, born: int = 5) -> Tracks:
    return Tracks.blank(len(ids)).replace(track_id=np.array(ids, np.uint64), born_ns=np.full(len(ids), born, np.int64))


def all_of(tracks: Tracks, may: bool = True) -> np.ndarray:
    return np.full(len(tracks), may)


def test_a_track_that_the_rules_let_go_later_counts_from_then():
    state, one = firsts.init(), of(7)
    firsts.advance(state, of(), all_of(of()), NONE, 1)
    assert firsts.advance(state, one, all_of(one, may=False), NONE, 20) == ((), 0)
    assert firsts.advance(state, one, all_of(one), NONE, 30) == ((), 0)
    assert firsts.advance(state, one, all_of(one), one.track_id, 40) == ((30,), 0)


def test_what_was_there_before_the_stream_counts_from_its_begin():
    state, one = firsts.init(), of(7, born=5)
    assert firsts.advance(state, one, all_of(one), one.track_id, 50) == ((50,), 0)


def test_more_than_fit_are_counted():
    state, many = firsts.init(), of(*range(1, firsts.FIRSTS_MAX + 4))
    told, more = firsts.advance(state, many, all_of(many), many.track_id, 9)
    assert (len(told), more) == (firsts.FIRSTS_MAX, 3)


@given(st.lists(st.tuples(st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)))))
@settings(max_examples=100, deadline=None)
def test_while_it_is_permitted_a_track_is_first_once_and_a_restart_changes_nothing(steps):
    state, twin, told = firsts.init(), firsts.init(), dict.fromkeys(range(1, 7), 0)
    for now, (there, may, left) in enumerate(steps, 10):
        tracks = of(*there, born=now)
        permitted = np.array([one in may for one in there], np.bool_)
        gone = np.array(sorted(left & there), np.uint64)
        found = firsts.advance(state, tracks, permitted, gone, now)
        twin = firsts.load(firsts.dump(twin))
        assert firsts.advance(twin, tracks, permitted, gone, now) == found
        assert all(since <= now for since in found[0])
        for one in told:
            told[one] = told[one] * (one in there and one in may) + (one in left & there & may)
        assert len(found[0]) == sum(told[int(one)] == 1 for one in gone)
