"""Snapshots: a state comes back bit for bit, or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.doubles.faulty_disk import FaultyDisk

from manara.node.durable import snapshot
from manara.node.durable.snapshot import Snapshot

DTYPES = ["<f8", "<i8", "<u8", "<i4", "<u4", "|u1", "|b1", "<f4", "<c16", "|S5", "<U3", "<M8[ns]"]


def whole(state: Any, sequence: int = 7) -> Snapshot:
    return Snapshot(1, "build", sequence, 5, "journal-00000000000000000001.mnj", 99, state, None)


@given(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3), st.randoms(use_true_random=False))
def test_arrays_of_every_kind_and_shape_come_back_bit_for_bit(dtype: str, shape: list[int], chance: Any) -> None:
    kind = np.dtype(dtype)
    size = int(np.prod(shape)) * kind.itemsize
    raw = chance.randbytes(size) if kind.kind not in "bU" else bytes(size)
    array = np.frombuffer(raw, kind).reshape(shape)
    again = snapshot.decode_plain(snapshot.encode_plain({"a": array}))["a"]
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.tobytes() == raw
    assert again.flags.c_contiguous
    assert again.flags.writeable


def test_views_scalars_and_plain_values_come_back() -> None:
    grid = np.arange(12.0).reshape(3, 4)
    plain = {
        "column": grid[:, 1],
        "turned": grid.T,
        "scalar": np.uint64(1 << 63),
        "ids": {1: "one", (1 << 64) - 1: b"\x00"},
        "nan": [float("nan"), -0.0, None, True, -(1 << 63)],
    }
    again = snapshot.decode_plain(snapshot.encode_plain(plain))
    assert np.array_equal(again["column"], grid[:, 1])
    assert np.array_equal(again["turned"], grid.T)
    assert (type(again["scalar"]), int(again["scalar"])) == (np.uint64, 1 << 63)
    assert again["ids"] == plain["ids"]
    assert repr(again["nan"]) == repr(plain["nan"])


@pytest.mark.parametrize(
    "foreign", [np.array([object()]), np.zeros(2, [("a", "f8"), ("b", "u1")]), 1 + 2j, lambda: 0, np.array([None])]
)
def test_what_is_not_plain_is_refused_when_written(foreign: object) -> None:
    with pytest.raises(TypeError, match="a state holds"):
        snapshot.encode_plain({"x": foreign})


def test_the_newest_two_are_kept() -> None:
    disk = FaultyDisk()
    for sequence in (3, 20, 100):
        snapshot.write(disk, whole({"n": sequence}, sequence))
    assert snapshot.names(disk) == [snapshot.snapshot_name(100), snapshot.snapshot_name(20)]
    found = snapshot.read(disk, snapshot.snapshot_name(20))
    assert isinstance(found, Snapshot)
    assert found.state == {"n": 20}
    assert found.position.offset == 99


def test_every_rotten_byte_and_every_cut_is_noticed() -> None:
    disk = FaultyDisk()
    snapshot.write(disk, whole({"a": np.arange(9.0)}))
    (name,) = snapshot.names(disk)
    good = disk.read(name, 0, 9999)
    for at in range(len(good)):
        disk.rot(name, at)
        assert isinstance(snapshot.read(disk, name), str)
        disk.write_whole(name, good[:at])
        assert isinstance(snapshot.read(disk, name), str)
        disk.write_whole(name, good)
    assert isinstance(snapshot.read(disk, name), Snapshot)


def test_a_forged_snapshot_with_a_right_checksum_is_refused_not_obeyed() -> None:
    def packed(code: int, *parts: Any) -> bytes:
        return msgspec.msgpack.encode(msgspec.msgpack.Ext(code, msgspec.msgpack.encode(parts)))

    forged = [
        packed(1, "|O", (1,), bytes(8)),
        packed(1, "<f8", (1 << 40,), bytes(8)),
        packed(1, "<f8", (-1,), bytes(12)),
        packed(1, "no dtype", (1,), bytes(8)),
        packed(9, "<f8", (1,), bytes(8)),
        packed(1, "<f8", "shape", bytes(8)),
        b"\xc7\x01\x01\xff",
    ]
    for payload in forged:
        with pytest.raises(msgspec.MsgspecError):
            snapshot.decode_plain(payload)
