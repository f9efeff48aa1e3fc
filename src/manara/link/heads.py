"""Heads of frames as bytes: RFC 8785 JSON, and nothing that would not be written again to the same bytes."""

from __future__ import annotations

import re

import msgspec

from manara.records.reject import KEPT_BYTES, Reject
from manara.records.released import Head

VERSION = 1
HEAD_BYTES = 256 << 10  # a statement of 64 KiB fits, written as JSON within JSON
TERMS_MAX = 255  # a row names its terms in one byte
BLOCKS_MAX = 64
STREAM_BYTES = 200
NUMBER_MAX = (1 << 63) - 1

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SLUG = re.compile(r"[a-z][a-z0-9_.-]{0,31}")
_STREAM = re.compile(r"[a-z0-9][a-z0-9-]*(>[a-z0-9][a-z0-9-]*(/[a-z]+)?)?")
_HASH = re.compile(r"[0-9a-f]{64}")
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Head)


def encode(head: Head) -> bytes:
    """The bytes of a head, as they are hashed and sent.

    >>> encode(Head(kind="heartbeat", stream="arvena>belora", offset="7", time_ns="0"))
    b'{"kind":"heartbeat","offset":"7","stream":"arvena>belora","time_ns":"0"}'
    """
    return _ENCODER.encode(head)


def parse(data: bytes) -> Head | Reject:
    """A head from its bytes, or why not: too_long, not_a_head, version, out_of_bounds, not_canonical.

    Unknown kinds pass: a later version may know them. Unknown fields do not, since they would not be written again.

    >>> parse(b'{"kind":"phase", "offset":"7","stream":"arvena>belora","time_ns":"0"}').why
    'not_canonical'
    """
    if len(data) > HEAD_BYTES:
        return Reject("too_long", data[:KEPT_BYTES], f"a head of {len(data)} bytes; at most {HEAD_BYTES}")
    try:
        head = _DECODER.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as fault:
        return Reject("not_a_head", data[:KEPT_BYTES], str(fault)[:200])
    if head.v != VERSION:
        return Reject("version", data[:KEPT_BYTES], f"version {head.v}; this node reads {VERSION}")
    if fault_at := out_of_bounds(head):
        return Reject("out_of_bounds", data[:KEPT_BYTES], fault_at)
    if _ENCODER.encode(head) != data:
        return Reject("not_canonical", data[:KEPT_BYTES], "written again it would be other bytes")
    return head


def out_of_bounds(head: Head) -> str:
    """Which field is beyond its bound, "" for none."""
    if not _SLUG.fullmatch(head.kind):
        return f"kind {head.kind[:40]!r}"
    if not is_stream(head.stream):
        return f"stream {head.stream[:40]!r}"
    if _number(head.offset) < 0 or _number(head.time_ns) < 0:
        return f"offset {head.offset[:40]!r} or time_ns {head.time_ns[:40]!r}"
    if head.policy and not _HASH.fullmatch(head.policy):
        return f"policy {head.policy[:40]!r}"
    if head.phase and not _SLUG.fullmatch(head.phase):
        return f"phase {head.phase[:40]!r}"
    if len(head.terms) > TERMS_MAX or len(head.blocks) > BLOCKS_MAX:
        return f"{len(head.terms)} terms, {len(head.blocks)} blocks"
    if any(min(block) < 0 or max(block) > 0xFFFFFFFF for block in head.blocks):
        return "blocks: a number below 0 or above 2^32"
    return _terms_fault(head)


def _terms_fault(head: Head) -> str:
    for place, one in enumerate(head.terms):
        numbers = (one.purpose, one.retention_s, one.cell_m, one.delay_s)
        if min(numbers) < 0 or max(numbers) > 0xFFFFFFFF:
            return f"terms[{place}]: a number below 0 or above 2^32"
    return ""


def is_stream(name: str) -> bool:
    """``arvena``, ``arvena>belora`` or ``arvena>belora/backfill``."""
    return len(name) <= STREAM_BYTES and _STREAM.fullmatch(name) is not None


def releaser(stream: str) -> str:
    """Who tells in this stream.

    >>> releaser("arvena>belora/backfill"), recipient("arvena>belora/backfill"), recipient("arvena")
    ('arvena', 'belora', '')
    """
    return stream.partition(">")[0]


def recipient(stream: str) -> str:
    """To whom; "" for a node's own statements, which every partner may read."""
    return stream.partition(">")[2].partition("/")[0]


def offset(head: Head) -> int:
    """The head's place in its stream."""
    return int(head.offset)


def time_ns(head: Head) -> int:
    """The releaser's tick."""
    return int(head.time_ns)


def _number(text: str) -> int:
    """A decimal number written in the one way, at most 2^63 - 1; -1 for anything else."""
    if not _NUMBER.fullmatch(text):
        return -1
    number = int(text)
    return number if number <= NUMBER_MAX else -1
