"""The store of tracks against a dictionary that does the same."""

from __future__ import annotations

import numpy as np
import pytest

from manara.kernels import tables


def chain(st, identity):
    out, k = [], tables.find(st, identity)
    while k >= 0:
        out.append(k)
        k = int(st.book[k, tables.NEXT])
    return out


@pytest.mark.parametrize("seed", range(4))
def test_identities_as_a_dictionary_would_hold_them(seed):
    rng = np.random.default_rng(seed)
    st, held, live = tables.blank(64, 128), {}, []
    for step in range(3000):
        if live and (len(live) == 64 or rng.random() < 0.5):
            k = live.pop(rng.integers(len(live)))
            held[int(st.book[k, tables.IDENTITY])].remove(k)
            tables.drop_row(st, k)
        else:
            k = tables.take_row(st)
            identity = int(rng.integers(1, 20)) * 2**56 + int(rng.integers(1, 30)) - 2**62
            tables.link(st, k, identity)
            held.setdefault(identity, []).append(k)
            live.append(k)
        if st.head[tables.USED] > 90:
            tables.rehash(st)
        if step % 50 == 0:
            for identity, rows in held.items():
                assert sorted(chain(st, identity)) == sorted(rows)
                assert tables.chain_length(st, identity) == len(rows)
    assert st.head[tables.LIVE] == len(live)


def test_numbers_are_not_reused_at_once_and_never_twice_at_a_time():
    st = tables.blank(4, 8)
    rows = [tables.take_row(st) for _ in range(4)]
    seen = [int(st.book[k, tables.NUMBER]) for k in rows]
    tables.drop_row(st, rows[0])
    k = tables.take_row(st)
    assert st.book[k, tables.NUMBER] not in seen
    assert st.book[k, tables.COUNTER] == 5


def test_numbers_run_out_before_tracks_do():
    st = tables.blank(70_000, 1 << 18)
    for _ in range(70_000):
        tables.take_row(st)
    numbers = st.book[:, tables.NUMBER]
    assert len(np.unique(numbers[numbers > 0])) == (numbers > 0).sum() == 65_535
    assert numbers.max() == 65_535
    tables.drop_row(st, 100)
    assert tables.take_row(st) == 100
    assert len(np.unique(st.book[:, tables.COUNTER])) == 70_000


def test_a_full_store_says_so():
    st = tables.blank(2, 8)
    assert [tables.take_row(st) for _ in range(3)] == [0, 1, -1]


def test_enlarging_keeps_rows_and_identities():
    st = tables.blank(8, 16)
    for i in range(8):
        tables.link(st, tables.take_row(st), 1000 + i // 2)
    big = tables.enlarged(st, 16, 32)
    for i in range(4):
        assert sorted(chain(big, 1000 + i)) == [2 * i, 2 * i + 1]
    assert tables.take_row(big) == 8
