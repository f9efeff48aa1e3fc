"""Numbers of tracks: stable for a period, different for each recipient, reversible at home only."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.agreement import FOREVER_S
from manara.release import pseudonyms

NS = 10**9
SECRET = bytes(range(32))
NOON = 1_700_000_000 // 3_600 * 3_600


def give(state, ids, second=0, period_s=3_600, recipient="belora", secret=SECRET):
    ids = np.array(ids, np.uint64)
    period = np.broadcast_to(np.array(period_s, np.uint32), ids.shape)
    return pseudonyms.advance(state, secret, recipient, ids, period, (NOON + second) * NS).tolist()


def test_a_number_stands_for_its_period_and_no_longer():
    state = pseudonyms.init()
    first = give(state, [1, 2, 3])
    assert give(state, [3, 1, 2], 3_599) == [first[2], first[0], first[1]]
    later = give(state, [1, 2, 3], 3_600)
    assert not set(first) & set(later)
    assert 0 not in first + later


def test_periods_are_those_of_absolute_time():
    """A node that begins later gives the same numbers: nothing hangs on when it first saw the track."""
    early, late = pseudonyms.init(), pseudonyms.init()
    give(early, [1, 2], 0)
    assert give(early, [1, 2], 1_800) == give(late, [2, 1], 1_800)[::-1]


def test_recipients_secrets_tracks_and_lengths_share_no_number():
    seen = []
    for recipient in ("belora", "corvia"):
        for secret in (SECRET, SECRET[::-1]):
            for period_s in (3_600, 7_200, FOREVER_S):
                seen += give(pseudonyms.init(), range(1, 200), 0, period_s, recipient, secret)
    assert len(set(seen)) == len(seen)
    assert give(pseudonyms.init(), [5], 10**7, FOREVER_S) == give(pseudonyms.init(), [5], 0, FOREVER_S)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 2**64 - 1), unique=True, max_size=30), st.integers(0, 10**6), st.integers(1, 2**32 - 1))
def test_what_is_kept_is_what_would_be_computed(ids, second, period_s):
    state = pseudonyms.init()
    give(state, ids[: len(ids) // 2], second, period_s)
    index = 0 if period_s == FOREVER_S else (NOON + second) // period_s
    want = [pseudonyms.pseudonym(SECRET, "belora", one, period_s, index) for one in ids]
    assert give(state, ids, second, period_s) == want


def test_numbers_lead_back_at_home():
    state = pseudonyms.init()
    first, second = give(state, [10, 20, 30]), give(state, [20, 30, 40], 3_600)
    back = pseudonyms.tracks_of(state, np.array([*first, *second, 77], np.uint64))
    assert back.tolist() == [10, 20, 30, 20, 30, 40, 0]
    assert set(pseudonyms.numbers_of(state, 20).tolist()) == {first[1], second[0]}
    assert pseudonyms.numbers_of(state, 20, (NOON + 3_600) * NS).tolist() == [second[0]]
    assert pseudonyms.tracks_of(pseudonyms.init(), np.array([1], np.uint64)).tolist() == [0]


def test_the_table_is_bounded(monkeypatch):
    monkeypatch.setattr(pseudonyms, "KEPT_MAX", 100)
    state = pseudonyms.init()
    for hour in range(5):
        numbers = give(state, range(1, 61), hour * 3_600)
    assert len(state.back) == 100
    assert pseudonyms.tracks_of(state, np.array(numbers, np.uint64)).tolist() == list(range(1, 61))


def test_mixed_periods_and_a_changed_rule():
    state = pseudonyms.init()
    a, b = give(state, [1, 2], 0, [600, 3_600])
    c, d = give(state, [1, 2], 700, [600, 3_600])
    assert a != c
    assert b == d
    assert give(state, [1, 2], 700, [600, 600])[1] != d


def test_it_goes_on_from_what_was_dumped():
    state = pseudonyms.init()
    give(state, range(1, 50))
    again = pseudonyms.load(pseudonyms.dump(state))
    assert give(again, range(1, 60), 3_700) == give(state, range(1, 60), 3_700)
    assert again.back.tobytes() == state.back.tobytes()
    assert SECRET not in b"".join(v.tobytes() for v in pseudonyms.dump(state).values())


def test_nobody_without_the_secret_finds_the_track():
    """The distinguisher that is open to a recipient: hashing small track ids without a key, or under another."""
    state = pseudonyms.init()
    numbers = set(give(state, range(1, 1_000)))
    for guess in (b"", bytes(32)):
        tried = {pseudonyms.pseudonym(guess, "belora", one, 3_600, NOON // 3_600) for one in range(1, 1_000)}
        assert not numbers & tried
