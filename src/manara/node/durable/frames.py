"""Bytes of the journal: frames with a marker and a checksum, and what stands in them (docs/spec/journal.md).

::

    segment = header frame, then inputs frames and verdict frames
    frame   = head (16) │ payload (MessagePack)
    head    = marker (4) │ length of payload │ CRC-32 of payload │ CRC-32 of these 12 bytes   (u32, little-endian)

The checksums of a frame start from the seed of its segment: the head checksum of the header frame. So bytes of
another segment, left behind on the medium, do not pass; nor do bytes that somebody shaped like a frame and sent
through a feed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from manara.records.inputs import Input

HEADER = b"MNJ1"
INPUTS = b"MNJF"
VERDICT = b"MNJV"
VERSION = 1
HEAD_BYTES = 16
MAX_PAYLOAD_BYTES = 16 << 20
MAX_INPUT_BYTES = 4 << 20
MAX_TIME_NS = 1 << 62  # the year 2116; a journal from elsewhere may state anything, columns hold 64 bits

_HEAD = struct.Struct("<4sIII")


class About(msgspec.Struct, frozen=True):
    """What decides whether a replay is bit for bit the same: the build and the machine that ran it."""

    build: str
    glibc: str = ""
    cpu: str = ""
    numba: str = ""


class Header(msgspec.Struct, frozen=True):
    """First frame of a segment. ``first``: sequence of its first record."""

    version: int
    first: int
    created_ns: int
    about: About


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What one step took: its sequence, the node's time, the inputs in order."""

    sequence: int
    now_ns: int
    inputs: tuple[Input, ...]


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """How a record that crashed the step twice is run from now on: the inputs at these places become ``Skip``;
    ``omit``: the step is not run for this record at all."""

    sequence: int
    skipped: tuple[int, ...] = ()
    omit: bool = False
    why: str = "poison"


_UNREADABLE = (msgspec.MsgspecError, RecursionError)  # nested a million deep: hostile, and no crash

_encode = msgspec.msgpack.Encoder().encode
_records = msgspec.msgpack.Decoder(tuple[Record, ...])
_verdict = msgspec.msgpack.Decoder(Verdict)
_header = msgspec.msgpack.Decoder(Header)
_input = msgspec.msgpack.Decoder(Input)


class Head(NamedTuple):
    """What a sound head says. ``check``: its own checksum, which seeds the segment when it is the header's."""

    marker: bytes
    length: int
    crc: int
    check: int


def build_frame(marker: bytes, payload: bytes, seed: int = 0) -> bytes:
    """One frame. ``seed``: that of the segment, 0 for the header frame itself.

    >>> build_frame(INPUTS, b"", seed=0).hex(" ", 4)
    '4d4e4a46 00000000 00000000 7caf3775'
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a frame holds at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    return build_head(marker, payload, seed) + payload


def build_head(marker: bytes, payload: bytes, seed: int = 0) -> bytes:
    """The head of the frame of this payload."""
    head = _HEAD.pack(marker, len(payload), zlib.crc32(payload, seed), 0)[:12]
    return head + zlib.crc32(head, seed).to_bytes(4, "little")


def parse_head(head: bytes, seed: int) -> Head | str:
    """What the head says, or why these bytes do not begin a frame."""
    if len(head) < HEAD_BYTES:
        return "short"
    found = Head(*_HEAD.unpack_from(head))
    if found.marker not in (HEADER, INPUTS, VERDICT):
        return "marker"
    if zlib.crc32(head[:12], seed) != found.check:
        return "head checksum"
    return found if found.length <= MAX_PAYLOAD_BYTES else "length"


def sound(head: Head, payload: bytes, seed: int) -> bool:
    """Is this the payload that the head speaks of?"""
    return len(payload) == head.length and zlib.crc32(payload, seed) == head.crc


def find_sound(data: bytes, seed: int) -> int:
    """Offset of the first sound inputs or verdict frame anywhere in these bytes, -1 for none. It tells a torn tail
    (nothing sound behind it: a frame is written only after the one before was synced) from damage in the middle."""
    for at in sorted(_places(data, INPUTS) + _places(data, VERDICT)):
        head = parse_head(data[at : at + HEAD_BYTES], seed)
        if not isinstance(head, str) and sound(head, data[at + HEAD_BYTES : at + HEAD_BYTES + head.length], seed):
            return at
    return -1


def encode_input(one: Input) -> bytes:
    """Bytes of one input, as they stand in a record."""
    return _encode(one)


def decode_input(data: bytes) -> Input | str:
    """The input, or why not."""
    try:
        one: Input = _input.decode(data)
    except _UNREADABLE as error:
        return str(error)
    return one


def encode_records(records: Sequence[tuple[int, int, Sequence[bytes]]]) -> bytes:
    """Payload of an inputs frame, from (sequence, now_ns, encoded inputs)."""
    return _encode([(sequence, now_ns, [msgspec.Raw(one) for one in inputs]) for sequence, now_ns, inputs in records])


def decode_records(payload: bytes) -> tuple[Record, ...] | str:
    """The records of an inputs frame, or why they cannot be read."""
    try:
        found: tuple[Record, ...] = _records.decode(payload)
    except _UNREADABLE as error:
        return str(error)
    late = [one.sequence for one in found if not -MAX_TIME_NS <= one.now_ns <= MAX_TIME_NS or _untimely(one.inputs)]
    return f"record {late[0]} states a time that no clock shows" if late else found


def _untimely(inputs: tuple[Input, ...]) -> bool:
    return any(not -MAX_TIME_NS <= one.received_ns <= MAX_TIME_NS for one in inputs)


def encode_verdict(verdict: Verdict) -> bytes:
    """Payload of a verdict frame."""
    return _encode(verdict)


def decode_verdict(payload: bytes) -> Verdict | str:
    """The verdict, or why it cannot be read."""
    try:
        return _verdict.decode(payload)
    except _UNREADABLE as error:
        return str(error)


def encode_header(header: Header) -> bytes:
    """Payload of a header frame."""
    return _encode(header)


def decode_header(payload: bytes) -> Header | str:
    """The header, or why it cannot be read; a version that this build does not know is such a reason."""
    try:
        header = _header.decode(payload)
    except _UNREADABLE as error:
        return str(error)
    if header.version != VERSION:
        return f"journal version {header.version}; this build reads version {VERSION}"
    return header


def _places(data: bytes, marker: bytes) -> list[int]:
    places = []
    at = data.find(marker)
    while at >= 0:
        places.append(at)
        at = data.find(marker, at + 1)
    return places
