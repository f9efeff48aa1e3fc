"""Rejects: bytes that did not decode, kept and counted with the reason. Bad input is a value."""

from __future__ import annotations

import msgspec

KEPT_BYTES = 256  # of each reject; more is cut


class Reject(msgspec.Struct, frozen=True):
    """Bytes of a feed that were refused. ``why`` is a short stable slug (checksum, too_short, …), the key of the
    count; ``detail`` says what a person needs to act on it."""

    why: str
    data: bytes = b""
    detail: str = ""
    time_ns: int = 0
