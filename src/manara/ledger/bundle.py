"""An offline proof, in one file, of one entry or of one row of it: to be checked with the log's key alone.

::

    row, salt ─▶ entry ─▶ tick ─▶ leaf of the log ─▶ root ─▶ checkpoint ◀─ log's key, witnesses' keys
                   └────▶ receipts ◀─ recipient's key

The file is RFC 8785 JSON (docs/spec/ledger.md). A bundle without an entry proves only that the tick is in the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import rfc8785

from manara.ledger import checkpoint, cosign, entry, evidence, note, receipt, tree

KIND = "manara/bundle/v1"
BUNDLE_MAX = 48 << 20
RECEIPTS_MAX = 16
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class Shown(NamedTuple):
    """A leaf of the entry that is shown: 0 the head, r + 1 row r. ``path``: to the entry's root, where the hashes of
    all leaves are not given."""

    leaf: int
    salt: bytes
    content: bytes
    path: tuple[bytes, ...] = ()


class Acknowledged(NamedTuple):
    """A receipt, and the path from this entry to the root that it names."""

    envelope: bytes
    path: tuple[bytes, ...]


class Bundle(NamedTuple):
    """What the file holds. ``leaf``, ``tick``, ``path``: the leaf of the log; ``place``, ``width``, ``entry_path``: the
    entry in the tick; ``leaves``: of the entry, 0 where none is shown; ``hashes``: all of them, joined, or empty."""

    checkpoint: bytes
    leaf: int
    tick: bytes
    path: tuple[bytes, ...]
    place: int = 0
    width: int = 1
    entry_path: bytes = b""
    leaves: int = 0
    shown: tuple[Shown, ...] = ()
    hashes: bytes = b""
    receipts: tuple[Acknowledged, ...] = ()

    def encode(self) -> bytes:
        """Bytes of the file."""
        plain: dict[str, Any] = {
            "kind": KIND,
            "checkpoint": self.checkpoint.decode(),
            "leaf": str(self.leaf),
            "tick": note.b64(self.tick),
            "path": _texts(self.path),
        }
        if self.leaves:
            plain["entry"] = {
                "place": self.place,
                "width": self.width,
                "path": _texts(tree.cut(self.entry_path)),
                "leaves": self.leaves,
                "hashes": note.b64(self.hashes),
                "shown": [
                    {"leaf": s.leaf, "salt": note.b64(s.salt), "bytes": note.b64(s.content), "path": _texts(s.path)}
                    for s in self.shown
                ],
            }
            plain["receipts"] = [{"envelope": a.envelope.decode(), "path": _texts(a.path)} for a in self.receipts]
        return rfc8785.dumps(plain)

    def said(self) -> dict[str, Any]:
        """What the head says, where it is shown and is JSON; not verified."""
        for one in self.shown:
            if one.leaf == 0:
                try:
                    found = json.loads(one.content)
                except (ValueError, RecursionError):
                    return {}
                return found if isinstance(found, dict) else {}
        return {}


def _texts(hashes: Iterable[bytes]) -> list[str]:
    return [note.b64(one) for one in hashes]


def with_entry(
    one: Bundle,
    head: bytes,
    rows: Sequence[tuple[bytes, int]],
    salts: bytes,
    erased: bytes,
    where: tuple[int, int, bytes],
    row: int | None = None,
) -> Bundle:
    """The bundle with its entry: whole, or the head and one row. ``where``: place, width and path in the tick. Raises
    ValueError when the lengths do not fit or there is no such row."""
    hashes = entry.known_hashes(head, rows, salts, erased)
    contents = [head, *entry.pieces(rows, erased)]
    wanted = range(len(contents)) if row is None else (0, row + 1)
    if not all(0 <= leaf < len(contents) for leaf in wanted) or (row is not None and row < 0):
        raise ValueError(f"no row {row}: the entry has {len(contents) - 1}")
    levels = tree.rows(hashes)
    shown = tuple(
        Shown(
            leaf,
            salts[leaf * entry.SALT_BYTES : (leaf + 1) * entry.SALT_BYTES],
            contents[leaf],
            () if row is None else tuple(tree.path_in(levels, leaf)),
        )
        for leaf in wanted
        if not (leaf and erased and erased[leaf - 1])
    )
    place, width, path = where
    joined = b"".join(hashes) if row is None else b""
    return one._replace(place=place, width=width, entry_path=path, leaves=len(hashes), shown=shown, hashes=joined)


def parse(data: bytes) -> Bundle | str:
    """The bundle of a file, or why it is none. Nothing is verified."""
    found = evidence.load(data, KIND, BUNDLE_MAX)
    if isinstance(found, str):
        return found
    try:
        return _bundle(found)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        return f"not a bundle: {fault}"


def _bundle(found: dict[str, Any]) -> Bundle:
    if not found.keys() <= {"kind", "checkpoint", "leaf", "tick", "path", "entry", "receipts"}:
        raise ValueError("unknown fields")
    if not _NUMBER.fullmatch(found["leaf"]):
        raise ValueError("leaf is no number")
    one = Bundle(found["checkpoint"].encode(), int(found["leaf"]), _bytes(found["tick"]), _hashes(found["path"]))
    if "entry" not in found:
        return one
    inner = found["entry"]
    if inner.keys() != {"place", "width", "path", "leaves", "hashes", "shown"}:
        raise ValueError("the entry has other fields")
    receipts = found.get("receipts", [])
    if len(receipts) > RECEIPTS_MAX:
        raise ValueError(f"more than {RECEIPTS_MAX} receipts")
    return one._replace(
        place=_int(inner["place"]),
        width=_int(inner["width"]),
        entry_path=b"".join(_hashes(inner["path"])),
        leaves=_int(inner["leaves"]),
        hashes=_bytes(inner["hashes"]),
        shown=tuple(
            Shown(_int(s["leaf"]), _bytes(s["salt"]), _bytes(s["bytes"]), _hashes(s["path"])) for s in inner["shown"]
        ),
        receipts=tuple(Acknowledged(a["envelope"].encode(), _hashes(a["path"])) for a in receipts),
    )


def _int(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("not a number")
    return value


def _bytes(value: str) -> bytes:
    found = note.unb64(value)
    if found is None:
        raise ValueError("not base64")
    return found


def _hashes(values: list[str]) -> tuple[bytes, ...]:
    found = tuple(_bytes(one) for one in values)
    if len(found) > tree.PATH_MAX or any(len(one) != tree.HASH_BYTES for one in found):
        raise ValueError("not a path")
    return found


def verify(
    one: Bundle,
    keys: Iterable[note.Key],
    witnesses: Iterable[note.Key] = (),
    quorum: int = 0,
    recipients: Iterable[bytes] = (),
) -> str:
    """The first place that does not hold and why; "" when everything does. ``keys``: of the log; ``recipients``:
    public keys that may sign its receipts (without any, receipts are not looked at)."""
    opened = checkpoint.open_signed(one.checkpoint, keys)
    if isinstance(opened, str):
        return f"checkpoint: {opened}"
    if why := cosign.short_of(opened.note, witnesses, quorum):
        return f"checkpoint: {why}"
    return _proven(one, opened.checkpoint, tuple(recipients))


def holds(one: Bundle) -> str:
    """``verify`` without keys: does everything lead to the root of the checkpoint, whoever signed that?"""
    said = checkpoint.parse_note(one.checkpoint)
    return f"checkpoint: {said}" if isinstance(said, str) else _proven(one, said[0], ())


def _proven(one: Bundle, log: checkpoint.Checkpoint, recipients: tuple[bytes, ...]) -> str:
    if not tree.verify_inclusion(tree.leaf_hash(one.tick), one.leaf, log.size, one.path, log.root):
        return f"leaf {one.leaf}: the tick and its path do not lead to the checkpoint's root"
    if not one.leaves:
        said = entry.parse_tick(one.tick)
        return f"leaf {one.leaf}: {said}" if isinstance(said, str) else ""
    root = _entry_root(one)
    if isinstance(root, str):
        return root
    if why := entry.check_root(root, one.place, one.width, one.entry_path, one.tick):
        return f"entry: {why}"
    return _framed(one) or _receipts(one, root, recipients)


def rows_said(one: Bundle) -> int:
    """How many rows the head speaks of; not verified."""
    try:
        return sum(int(count) for _, _, count in one.said().get("blocks", ()))
    except (TypeError, ValueError):
        return 0


def _entry_root(one: Bundle) -> bytes | str:
    """The root that all shown leaves lead to, or which of them does not."""
    if not 0 < one.leaves <= entry.ROWS_MAX + 1 or not one.shown or one.shown[0].leaf != 0:
        return "entry: its head is not shown"
    if one.hashes and len(one.hashes) != one.leaves * tree.HASH_BYTES:
        return f"entry: {len(one.hashes)} bytes of hashes for {one.leaves} leaves"
    hashes, root, last = tree.cut(one.hashes), b"", -1
    for shown in one.shown:
        if not last < shown.leaf < one.leaves or len(shown.salt) != entry.SALT_BYTES:
            return f"{_name(shown.leaf)}: out of order, or its salt has not 16 bytes"
        last, found = shown.leaf, tree.leaf_hash(shown.salt + shown.content)
        if hashes and found != hashes[shown.leaf]:
            return f"{_name(shown.leaf)}: it or its salt was changed, or its hash was"
        if not hashes:
            leads = tree.leads_to(found, shown.leaf, one.leaves, shown.path)
            if leads is None or (root and leads != root):
                return f"{_name(shown.leaf)}: it, its salt or its path was changed"
            root = leads
    return tree.root(hashes) if hashes else root


def _name(leaf: int) -> str:
    return f"row {leaf - 1}" if leaf else "head"


def _framed(one: Bundle) -> str:
    """Are the rows as many and as wide as the head says?"""
    widths: list[int] = []
    try:
        for _, width, count in one.said().get("blocks", ()):
            if len(widths) + int(count) >= one.leaves:
                return f"head: it speaks of more rows than the entry's {one.leaves - 1}"
            widths += [int(width)] * int(count)
    except (TypeError, ValueError):
        return "head: its blocks are malformed"
    if len(widths) != one.leaves - 1:
        return f"head: it speaks of {len(widths)} rows, the entry has {one.leaves - 1}"
    for shown in one.shown[1:]:
        if len(shown.content) != widths[shown.leaf - 1]:
            return f"{_name(shown.leaf)}: {len(shown.content)} bytes, the head says {widths[shown.leaf - 1]}"
    return ""


def _receipts(one: Bundle, root: bytes, keys: tuple[bytes, ...]) -> str:
    said = one.said()
    stream, offset = str(said.get("stream", "")), str(said.get("offset", ""))
    if one.receipts and not _NUMBER.fullmatch(offset):
        return "head: no offset that a receipt could speak of"
    for number, acknowledged in enumerate(one.receipts if keys else ()):
        found = receipt.read(acknowledged.envelope)
        why = (
            found
            if isinstance(found, str)
            else receipt.short_of(found, stream, int(offset), root, acknowledged.path, keys)
        )
        if why:
            return f"receipt {number}: {why}"
    return ""
