"""Receipts: what a recipient signed for, as far as a proof needs it (docs/spec/ledger.md).

An envelope is JSON: the statement as text, and signatures over ``manara/statement/v1\\n`` ‖ statement. A receipt
``{stream, next, root, size}`` says: I have everything of that stream before ``next``. ``root`` is that of the tree
whose leaves are the roots of those entries, so one receipt acknowledges each of them, with a path; the first is at
place 0, or where the stream went on when the log last began anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from manara.ledger import note, places, tree

SIGNED = b"manara/statement/v1\n"
ENVELOPE_MAX = 64 << 10
SIGNATURES_MAX = 16
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_HASH = re.compile(r"[0-9a-f]{64}")


class Receipt(NamedTuple):
    """What a receipt says, and the public keys (32 bytes) whose signatures under it hold."""

    stream: str
    next: int
    root: bytes
    signed: tuple[bytes, ...]

    @property
    def first(self) -> int:
        """The first of the entries under its root."""
        return places.begin_of(max(self.next - 1, 0))


def read(envelope: bytes) -> Receipt | str:
    """The receipt of an envelope, or why it is none. Every signature in it must hold."""
    if len(envelope) > ENVELOPE_MAX:
        return f"a receipt of {len(envelope)} bytes, at most {ENVELOPE_MAX}"
    try:
        outer = json.loads(envelope)
        said = json.loads(outer["statement"])
        fields = [said[name] for name in ("type", "stream", "next", "root")]
        keys = _signers(outer["signatures"], SIGNED + outer["statement"].encode())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "not a receipt: not a signed statement with stream, next and root"
    if isinstance(keys, str):
        return keys
    if not all(isinstance(one, str) for one in fields) or fields[0] != "receipt":
        return "not a receipt: a statement of another type"
    if not _NUMBER.fullmatch(fields[2]) or not _HASH.fullmatch(fields[3]):
        return "not a receipt: no number or no root"
    return Receipt(fields[1], int(fields[2]), bytes.fromhex(fields[3]), keys)


def _signers(signatures: list[dict[str, Any]], signed: bytes) -> tuple[bytes, ...] | str:
    if not 0 < len(signatures) <= SIGNATURES_MAX:
        return f"{len(signatures)} signatures under the receipt, at most {SIGNATURES_MAX} and not none"
    found = []
    for one in signatures:
        public, signature = bytes.fromhex(one["key"]), note.unb64(one["sig"])
        if signature is None or not note.verify_bytes(public, signed, signature):
            return "a signature under the receipt does not hold"
        found.append(public)
    return tuple(found)


def path_of(roots: Sequence[bytes], offset: int) -> list[bytes]:
    """The path by which a receipt for the entries with these roots, from the first on, acknowledges one of them."""
    return tree.path_in(tree.rows([tree.leaf_hash(one) for one in roots]), offset)


def short_of(one: Receipt, stream: str, offset: int, root: bytes, path: Sequence[bytes], keys: Iterable[bytes]) -> str:
    """Why this receipt, or whoever signed it, does not acknowledge the entry with that root; "" when it does."""
    if not set(one.signed) & set(keys):
        return "it is not signed by a key of the recipient"
    if one.stream != stream:
        return f"it is of the stream {one.stream!r}"
    if not one.first <= offset < one.next:
        return f"it acknowledges what stands before entry {one.next}, not entry {offset}"
    if not tree.verify_inclusion(tree.leaf_hash(root), offset - one.first, one.next - one.first, path, one.root):
        return "what it acknowledges at this place is another entry"
    return ""
