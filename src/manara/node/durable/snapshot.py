"""Snapshots: the whole state at one place of the journal, so that recovery replays little. A projection: losing
every snapshot costs time, never truth.

::

    file = "MNS1" │ length of payload (u64 LE) │ CRC-32 of payload (u32 LE) │ payload (MessagePack map)

Arrays travel as MessagePack extension 1, NumPy scalars as extension 2: [dtype, shape, bytes].
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.node.durable.disk import Disk, DiskError
from manara.node.durable.journal import Position

Plain = dict[str, Any]  # dict, list, str, bytes, int, float, bool, None and NumPy arrays

MAGIC = b"MNS1"
MAX_BYTES = 1 << 30
KEPT = 2

_NAME = re.compile(r"snapshot-(\d{20})\.mns")
_HEAD = struct.Struct("<4sQI")
_KINDS = "biufcSUMm"
_ARRAY, _SCALAR = 1, 2


class Snapshot(msgspec.Struct, frozen=True):
    """What a snapshot holds. It reflects the journal up to and with ``sequence``, whose frame ends at ``offset``."""

    version: int
    build: str
    sequence: int
    now_ns: int
    segment: str
    offset: int
    state: Any
    outbox: Any

    @property
    def position(self) -> Position:
        """Where the journal goes on behind it."""
        return Position(self.segment, self.offset)


class _Packed(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    raw: bytes


def encode_plain(plain: Any) -> bytes:
    """Bytes of a plain state. An object array or a foreign type is a fault of ours and raises TypeError."""
    return msgspec.msgpack.encode(plain, enc_hook=_pack)


def decode_plain(data: bytes) -> Any:
    """The plain state; arrays come back writable and C-contiguous, tuples as lists. msgspec.MsgspecError when the
    bytes are not such a state."""
    return msgspec.msgpack.decode(data, ext_hook=_unpack)


def snapshot_name(sequence: int) -> str:
    """Name of the snapshot that reflects this sequence."""
    return f"snapshot-{sequence:020d}.mns"


def write(disk: Disk, snapshot: Snapshot) -> int:
    """Write a snapshot, then remove all but the newest two. Its size in bytes."""
    payload = msgspec.msgpack.encode(snapshot, enc_hook=_pack)
    if len(payload) > MAX_BYTES:
        raise DiskError("full", f"the state takes {len(payload)} bytes, more than the {MAX_BYTES} of a snapshot")
    disk.write_whole(snapshot_name(snapshot.sequence), _HEAD.pack(MAGIC, len(payload), zlib.crc32(payload)) + payload)
    for name in names(disk)[KEPT:]:
        disk.remove(name)
    return _HEAD.size + len(payload)


def names(disk: Disk) -> list[str]:
    """Names of all snapshots, newest first."""
    return sorted((name for name in disk.names() if _NAME.fullmatch(name)), reverse=True)


def read(disk: Disk, name: str) -> Snapshot | str:
    """The snapshot, or why it cannot be used."""
    size = disk.size(name)
    head = disk.read(name, 0, _HEAD.size)
    if len(head) < _HEAD.size or size > MAX_BYTES + _HEAD.size:
        return f"{size} bytes are no snapshot"
    magic, length, crc = _HEAD.unpack(head)
    if magic != MAGIC or length != size - _HEAD.size:
        return "not a snapshot, or cut"
    payload = disk.read(name, _HEAD.size, length)
    if zlib.crc32(payload) != crc:
        return "checksum"
    try:
        return msgspec.msgpack.decode(payload, type=Snapshot, ext_hook=_unpack)
    except msgspec.MsgspecError as error:
        return str(error)


def _pack(value: Any) -> msgspec.msgpack.Ext:
    if not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"a state holds plain values and NumPy arrays, not {type(value).__name__}")
    if value.dtype.kind not in _KINDS:
        raise TypeError(f"a state holds no arrays of dtype {value.dtype}")
    packed = _Packed(value.dtype.str, value.shape, value.tobytes())
    return msgspec.msgpack.Ext(_ARRAY if isinstance(value, np.ndarray) else _SCALAR, msgspec.msgpack.encode(packed))


def _unpack(code: int, data: memoryview) -> Any:
    packed = msgspec.msgpack.decode(data, type=_Packed)
    try:
        dtype = np.dtype(packed.dtype)
        known = code in (_ARRAY, _SCALAR) and dtype.kind in _KINDS
        array: NDArray[Any] = np.ndarray(packed.shape, dtype if known else "u1", packed.raw).copy()
    except (TypeError, ValueError) as error:
        raise msgspec.ValidationError(f"no array: {error}") from None
    if not known or array.nbytes != len(packed.raw):
        raise msgspec.ValidationError(f"extension {code}: no array of {dtype} with shape {packed.shape}")
    return array if code == _ARRAY else array[()]
