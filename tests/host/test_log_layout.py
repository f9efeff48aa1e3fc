"""Rows of a tick on disk: the same bytes come back, whatever they are; and they cost what is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.host import log_layout as layout
from manara.host.log_layout import Part


def streams_of(gone: frozenset[int] = frozenset()) -> layout.Streams:
    """Key streams that depend on subject and occurrence; for the gone ones none."""

    def streams(subjects: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        seen: dict[int, int] = {}
        rows = np.zeros((len(subjects), length), np.uint8)
        for i, one in enumerate(subjects.tolist()):
            seen[one] = seen.get(one, 0) + 1
            rows[i] = np.random.default_rng([one, seen[one]]).integers(0, 256, length, np.uint8)
        known = np.array([one not in gone for one in subjects.tolist()], np.uint8)
        return rows * known[:, None], known

    return streams


@st.composite
def ticks(draw: st.DrawFn) -> list[Part]:
    """Blocks of few tables, with subjects that occur in several blocks, twice in one, or once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    parts = []
    for _ in range(draw(st.integers(0, 5))):
        table, width = draw(st.sampled_from([(1, 12), (2, 5), (2, 12), (0, 1)]))
        subjects = rng.integers(0, draw(st.sampled_from([1, 4, 400])), draw(st.integers(0, 90))).astype(np.uint64)
        rows = np.zeros((len(subjects), width), np.uint8)
        rows[:, :] = (subjects[:, None] * 7 % 256).astype(np.uint8)
        rows[:, rng.integers(0, width)] = rng.integers(0, draw(st.sampled_from([1, 256])), len(subjects))
        parts.append(Part(table, rows, subjects))
        if draw(st.booleans()):
            parts.append(Part(table, rows ^ np.uint8(draw(st.integers(0, 1))), subjects))
    return parts


@settings(max_examples=60)
@given(ticks())
def test_any_rows_come_back_with_their_salts(parts):
    packed, salts = layout.pack(parts, streams_of())
    opened = layout.unpack(packed, streams_of())
    assert all((a == part.rows).all() for a, part in zip(opened.rows, parts, strict=True))
    assert all((a == b).all() for a, b in zip(opened.salts, salts, strict=True))
    assert not any(one.any() for one in opened.gone)


@settings(max_examples=30)
@given(ticks(), st.frozensets(st.integers(0, 4)))
def test_rows_whose_key_lives_open_though_others_are_gone(parts, gone):
    packed, _ = layout.pack(parts, streams_of())
    opened = layout.unpack(packed, streams_of(gone))
    for rows, missing, part in zip(opened.rows, opened.gone, parts, strict=True):
        assert missing.tolist() == [one in gone for one in part.subjects.tolist()]
        assert (rows[missing == 0] == part.rows[missing == 0]).all()


def ten_recipients(n: int) -> list[Part]:
    rng = np.random.default_rng(7)
    base = rng.integers(1, 256, (n, 196), np.uint8)
    subjects = rng.permutation(n).astype(np.uint64)
    parts = []
    for _ in range(10):
        rows = base.copy()
        rows[:, :8] = rng.integers(0, 256, (n, 8))  # each recipient's own number for the track
        parts.append(Part(1, rows, subjects))
    return parts


def test_a_further_recipient_costs_only_what_differs():
    n = 200
    packed, _ = layout.pack(ten_recipients(n), streams_of())
    assert len(packed.blob) == n * (196 + 9 * 8 + 2)


def test_stripped_columns_cost_nothing_where_many_rows_lack_them():
    rng = np.random.default_rng(1)
    rows = rng.integers(1, 256, (64, 50), np.uint8)
    rows[:, 10:30] = 0
    many = Part(1, rows, np.arange(64, dtype=np.uint64))
    few = Part(1, rows[:63], np.arange(63, dtype=np.uint64))
    assert len(layout.pack([many], streams_of())[0].blob) == 64 * (30 + 2)
    assert len(layout.pack([few], streams_of())[0].blob) == 63 * (50 + 2), "few rows: nothing is said in the clear"


def test_nothing_of_a_row_lies_in_the_clear():
    rows = np.frombuffer(b"CANARY-0123" * 64, np.uint8).reshape(64, 11)
    parts = [Part(1, rows, np.arange(64, dtype=np.uint64))] * 3
    packed, salts = layout.pack(parts, streams_of())
    assert b"CANARY" not in packed.blob
    assert not [one for one in np.concatenate(salts) if one.tobytes() in packed.blob]


@settings(max_examples=30)
@given(ticks(), st.data())
def test_damaged_bytes_are_refused_or_change_rows_but_never_crash(parts, chosen):
    packed, _ = layout.pack(parts, streams_of())
    cut = chosen.draw(st.integers(-5, 5).filter(bool))
    blob = packed.blob[:cut] if cut < 0 else packed.blob + bytes(cut)
    damaged = layout.Packed(packed.blocks, packed.subjects, blob)
    if blob == packed.blob:
        return
    with pytest.raises(ValueError, match=r"bytes|fit|short|buffer"):
        layout.unpack(damaged, streams_of())
