"""Rows of a partner: bad ones are dropped and counted, their neighbours stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.link import rows
from manara.records.reject import Reject
from manara.records.released import COARSE, DTYPES, ENDED, NAMES, PRECISE, WARNING, Block, Head, RowTable, Terms

S = 1_000_000_000
NOW = 1_790_000_000 * S


def head(*blocks: Block, kind: str = "batch", counts: tuple[int, ...] = ()) -> Head:
    told = counts or tuple(len(b.rows) // b.width for b in blocks)
    return Head(
        kind=kind,
        stream="arvena>belora",
        offset="0",
        time_ns=str(NOW),
        terms=(Terms(("r",), 1, 2),),
        blocks=tuple((b.table, b.width, n) for b, n in zip(blocks, told, strict=True)),
    )


def block(table: int, made: np.ndarray) -> Block:
    return Block(table, made.dtype.itemsize, made.tobytes())


def precise(n: int) -> np.ndarray:
    made = np.zeros(n, PRECISE)
    made["track"] = np.arange(n) + 1
    made["time_ns"] = made["updated_ns"] = NOW - S
    made["lat_rad"], made["lon_rad"] = 0.5, 1.0
    made["cov"][:, [0, 4, 7, 9]] = 100.0
    made["gain"][:] = np.nan
    return made


def read(made: np.ndarray, table: int = RowTable.PRECISE) -> rows.Sorted:
    one = block(table, made)
    found = rows.read(head(one), [one])
    assert isinstance(found, rows.Sorted)
    return found


def test_good_rows_pass_unchanged():
    made = precise(5)
    found = read(made)
    assert found.tables[RowTable.PRECISE].tobytes() == made.tobytes()
    assert not found.dropped


SPOILERS = [
    ("lat_rad", np.nan, "position"),
    ("lat_rad", 2.0, "position"),
    ("lon_rad", np.inf, "position"),
    ("time_ns", NOW + 11 * S, "time"),
    ("time_ns", -1, "time"),
    ("updated_ns", NOW + 60 * S, "time"),
    ("ve_mps", np.inf, "velocity"),
    ("vn_mps", 1e6, "velocity"),
    ("alt_m", -1e9, "height"),
    ("heading_rad", 100.0, "heading"),
    ("kind", 254, "kind"),
    ("domain", 9, "kind"),
    ("life", 5, "kind"),
    ("alt_ref", 200, "kind"),
    ("terms", 1, "terms"),
]


@pytest.mark.parametrize(("column", "value", "why"), SPOILERS)
def test_one_bad_row_is_dropped_alone(column, value, why):
    made = precise(3)
    made[column][1] = value
    found = read(made)
    assert found.dropped == {why: 1}
    assert found.tables[RowTable.PRECISE]["track"].tolist() == [1, 3]


def spoilt(column):
    made = precise(4)
    made["cov"][:, [0, 4, 7, 9]] = made["gain"][:, [0, 4, 7, 9]] = 1.0
    made["gain"][:, [1, 2, 3, 5, 6, 8]] = 0.0
    made[column][0, 0] = -1.0
    made[column][1, 1] = 1.5
    made[column][2, 3] = np.inf
    return made


def test_a_covariance_with_a_negative_direction_is_dropped():
    found = read(spoilt("cov"))
    assert found.dropped == {"covariance": 3}
    assert found.tables[RowTable.PRECISE]["track"].tolist() == [4]


def test_an_increment_with_a_negative_direction_is_taken_out_and_the_state_stays():
    made = spoilt("gain")
    made["begin_ns"], made["moved"] = made["time_ns"] - S, 1.0
    made["begin_ns"][3] = NOW + S  # and one that ends before it begins
    found = read(made)
    assert found.dropped == {"increment": 4}
    rows = found.tables[RowTable.PRECISE]
    assert rows["track"].tolist() == [1, 2, 3, 4]
    assert not rows["gain"].any()
    assert not rows["moved"].any()
    assert not rows["begin_ns"].any()
    assert rows["cov"].tolist() == made["cov"].tolist()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_semidefinite_agrees_with_eigenvalues(seed):
    rng = np.random.Generator(np.random.PCG64(seed))
    a = rng.normal(size=(20, 4, 4)) * rng.uniform(0.1, 100, (20, 4, 1))
    whole = a @ a.transpose(0, 2, 1) - rng.uniform(0, 2000, (20, 1, 1)) * np.eye(4) * (rng.random((20, 1, 1)) < 0.5)
    least = np.linalg.eigvalsh(whole)[:, 0] / np.abs(whole).max(axis=(1, 2))
    upper = whole[:, *np.triu_indices(4)].astype(np.float32)
    said = rows._semidefinite(upper)
    clear = np.abs(least) > 1e-3
    assert (said[clear] == (least[clear] > 0)).all()


def test_what_was_stripped_is_no_fault():
    made = precise(2)
    made["cov"][0] = np.nan
    made["cov"][1, [2, 3, 5, 6, 7, 8, 9]] = np.nan
    for name in ("ve_mps", "vn_mps", "vu_mps", "alt_m", "heading_rad"):
        made[name] = np.nan
    assert not read(made).dropped


def test_coarse_warning_names_and_ended_rows_have_bounds_too():
    coarse = np.zeros(3, COARSE)
    coarse["cell"], coarse["epoch_s"], coarse["epoch_ns"] = 7, 600, NOW - 600 * S
    coarse["cell"][0], coarse["epoch_s"][1] = 0, 0
    assert read(coarse, RowTable.COARSE).dropped == {"position": 1, "time": 1}
    warning = np.zeros(3, WARNING)
    warning["area"], warning["window_ns"] = [b"harbour", b"", b"a\x07b"], NOW
    assert read(warning, RowTable.WARNING).dropped == {"text": 2}
    names = np.zeros(4, NAMES)
    names["name"] = ["منارة".encode(), b"\xff\xfe", "x\u202ey".encode(), b"PLAIN"]
    assert read(names, RowTable.NAMES).dropped == {"text": 2}
    ended = np.zeros(2, ENDED)
    ended["time_ns"] = [NOW, NOW + 3600 * S]
    assert read(ended, RowTable.ENDED).dropped == {"time": 1}


@pytest.mark.parametrize("table", sorted(DTYPES))
@given(raw=st.binary(min_size=300, max_size=300))
@settings(max_examples=40, deadline=None)
def test_any_bytes_as_rows_give_a_value(table, raw):
    width = DTYPES[table].itemsize
    one = Block(table, width, raw[: len(raw) // width * width])
    found = rows.read(head(one), [one])
    assert isinstance(found, rows.Sorted)
    kept = sum(map(len, found.tables.values()))
    if table != RowTable.PAD:
        assert kept + sum(found.dropped.values()) == len(one.rows) // width


@pytest.mark.parametrize(
    ("said", "sent", "why"),
    [
        ((1, PRECISE.itemsize, 1), [], "blocks"),
        ((1, PRECISE.itemsize - 1, 1), [Block(1, PRECISE.itemsize - 1, b"")], "width"),
        ((1, PRECISE.itemsize, 1), [Block(2, COARSE.itemsize, b"")], "width"),
        ((99, 0, 1), [Block(99, 0, b"")], "width"),
        ((99, 5_000, 1), [Block(99, 5_000, b"")], "width"),
        ((1, PRECISE.itemsize, 1), [Block(1, PRECISE.itemsize, b"x")], "count"),
        ((1, PRECISE.itemsize, 1), [Block(1, PRECISE.itemsize, bytes(2 * PRECISE.itemsize))], "count"),
        ((1, PRECISE.itemsize, 1), [Block(1, PRECISE.itemsize, b"", b"12345678")], "count"),
        ((0, 40, 32_769), [Block(0, 40, b"")], "too_many"),
        ((99, 4_000, 2_100), [Block(99, 4_000, bytes(4_000 * 2_100))], "too_long"),
    ],
)
def test_blocks_that_are_not_what_the_head_says_are_refused(said, sent, why):
    lie = Head(kind="batch", stream="arvena>belora", offset="0", time_ns=str(NOW), blocks=(said,))
    found = rows.read(lie, sent)
    assert isinstance(found, Reject)
    assert found.why == why


def test_row_11_erased_rows_and_tables_of_a_later_version_are_counted():
    first, later = block(RowTable.PRECISE, precise(2)), Block(77, 10, bytes(30))
    found = rows.read(head(first, later, counts=(5, 3)), [first, later])
    assert isinstance(found, rows.Sorted)
    assert (found.erased, found.unknown) == (3, 3)
    assert len(found.tables[RowTable.PRECISE]) == 2
