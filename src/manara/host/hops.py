"""Hop receipts: what a broker signed for each envelope that it took, kept by who sent it.

One line each, RFC 8785 JSON; the file is begun anew when it is long, and the one before is kept.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from manara.host.broker_desk import HOP

FILE_BYTES = 16 << 20
RECEIPT_BYTES = 2_048


class _Receipt(msgspec.Struct, forbid_unknown_fields=True):
    hop: str
    sig: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]


class _Hop(msgspec.Struct, forbid_unknown_fields=True):
    sender: str = msgspec.field(name="from")
    recipient: str = msgspec.field(name="to")
    sha256: str
    size: int
    time_ns: str


class Hops:
    """The receipts for one direction. ``key``: the broker's node's own, 32 bytes."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key

    def take(self, receipt: bytes, envelope: bytes, sender: str, recipient: str) -> bool:
        """Keep it, if the broker signed it and it is for this envelope on this route."""
        if not holds(receipt, self._key, envelope, sender, recipient):
            return False
        if self._path.exists() and self._path.stat().st_size > FILE_BYTES:
            self._path.replace(self._path.with_suffix(".hops.before"))
        if not self._path.exists():
            self._path.touch(0o600)
        with self._path.open("ab") as file:
            file.write(receipt + b"\n")
        return True


def holds(receipt: bytes, key: bytes, envelope: bytes, sender: str, recipient: str) -> bool:
    """Did the broker sign that it took this envelope on this route?"""
    if len(receipt) > RECEIPT_BYTES:
        return False
    try:
        one = msgspec.json.decode(receipt, type=_Receipt)
        hop = msgspec.json.decode(one.hop, type=_Hop)
        Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(one.sig), HOP + one.hop.encode())
    except (msgspec.MsgspecError, InvalidSignature, ValueError, RecursionError):
        return False
    said = (hop.sender, hop.recipient, hop.sha256, hop.size)
    return said == (sender, recipient, hashlib.sha256(envelope).hexdigest(), len(envelope))
