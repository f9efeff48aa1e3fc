"""Evidence that a log lies: two checkpoints, signed by one key, that cannot both be true. One file, self-contained.

``split``      the same size, another root: two histories were shown
``rewritten``  the later, larger tree does not begin with the earlier one. ``path`` is a consistency path whose first
               hash is always given; it leads to the later root, so its hashes are nodes of that tree; and what it says
               the earlier root must have been is not what was signed

A stranger needs the file and the log's key, nothing else. The file is RFC 8785 JSON (docs/spec/ledger.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import rfc8785

from manara.ledger import checkpoint, note, tree

KIND = "manara/evidence/v1"
EVIDENCE_MAX = 1 << 20
SAME = "the two say the same"
EMPTY = "an empty log is the beginning of every log"
CONTINUES = "the larger continues the smaller"


class Evidence(NamedTuple):
    """A file of evidence. ``first``, ``second``: signed checkpoints as they came, the smaller first."""

    first: bytes
    second: bytes
    path: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Bytes of the file."""
        return rfc8785.dumps(
            {
                "kind": KIND,
                "first": self.first.decode(),
                "second": self.second.decode(),
                "path": [note.b64(one) for one in self.path],
            }
        )


class Verdict(NamedTuple):
    """What evidence proves. ``proven``: "split", "rewritten", or "" for nothing; ``text``: in words."""

    proven: str
    text: str


def parse(data: bytes) -> Evidence | str:
    """The evidence of a file, or why it is none. Nothing is verified."""
    found = load(data, KIND, EVIDENCE_MAX)
    if isinstance(found, str):
        return found
    path = found.get("path")
    if found.keys() != {"kind", "first", "second", "path"} or not isinstance(path, list):
        return "not evidence: other fields than first, second and path"
    hashes = [note.unb64(one) if isinstance(one, str) else None for one in path]
    if not all(isinstance(found[name], str) for name in ("first", "second")) or None in hashes:
        return "not evidence: a field is not text"
    return Evidence(found["first"].encode(), found["second"].encode(), tuple(one for one in hashes if one is not None))


def load(data: bytes, kind: str, most: int) -> dict[str, Any] | str:
    """The JSON object of a file of that kind, or why it is none. It must be RFC 8785: written anew, the same bytes."""
    if len(data) > most:
        return f"{len(data)} bytes, at most {most}"
    try:
        found = json.loads(data)
        again = rfc8785.dumps(found)
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        return "not JSON in the form of RFC 8785"
    if not isinstance(found, dict) or found.get("kind") != kind:
        return f"not a file of the kind {kind}"
    return found if again == data else "not JSON in the form of RFC 8785: writing it anew gives other bytes"


def find(one: bytes, other: bytes, hashes: tree.Hashes) -> Evidence | str:
    """Evidence from two signed checkpoints that contradict each other. ``hashes``: the getter of the log as it is shown
    today, which must hold the larger tree. Or why these two make none. What the getter raises passes."""
    a, b = checkpoint.parse_note(one), checkpoint.parse_note(other)
    if isinstance(a, str):
        return a
    if isinstance(b, str):
        return b
    if a[0].size > b[0].size:
        a, b, one, other = b, a, other, one
    old, new = a[0], b[0]
    if old.size == new.size:
        return Evidence(one, other) if old.root != new.root else SAME
    if old.size == 0:
        return EMPTY
    path = whole_path(hashes, old.size, new.size)
    found = tree.begins_with(old.size, new.size, path)
    if found is None or found[1] != new.root:
        return "the tiles do not give the root of the larger checkpoint"
    return Evidence(one, other, tuple(path)) if found[0] != old.root else CONTINUES


def whole_path(hashes: tree.Hashes, old: int, new: int) -> list[bytes]:
    """The consistency path with its first hash always given."""
    path = tree.consistency_path(hashes, old, new)
    return [tree.root_at(hashes, old), *path] if old & (old - 1) == 0 else path


def check(one: Evidence, keys: Iterable[note.Key]) -> Verdict:
    """What it proves against the log with these keys, of which ONE must have signed both."""
    known = [key for key in keys if key.kind == note.ED25519]
    opened = [checkpoint.open_signed(data, known) for data in (one.first, one.second)]
    for name, found in zip(("first", "second"), opened, strict=True):
        if isinstance(found, str):
            return Verdict("", f"proves nothing: the {name} checkpoint: {found}")
    first, second = (found for found in opened if not isinstance(found, str))
    both = [key for key in first.signed if key in second.signed]
    if not both:
        return Verdict("", "proves nothing: no key has signed both checkpoints")
    return _judge(first.checkpoint, second.checkpoint, one.path, both[0].name)


def _judge(old: checkpoint.Checkpoint, new: checkpoint.Checkpoint, path: tuple[bytes, ...], signer: str) -> Verdict:
    if old.origin != new.origin:
        return Verdict("", "proves nothing: the checkpoints are of two logs")
    if old.size == new.size and old.root != new.root:
        return Verdict("split", f"{signer} signed two different logs {old.origin} of the same {old.size} leaves")
    if not 0 < old.size < new.size:
        return Verdict("", "proves nothing: the checkpoints do not contradict each other")
    found = tree.begins_with(old.size, new.size, path)
    if found is None or found[1] != new.root:
        return Verdict("", "proves nothing: the path does not lead to the root of the second checkpoint")
    if found[0] == old.root:
        return Verdict("", "proves nothing: the second checkpoint continues the first")
    text = f"{signer} rewrote {old.origin}: of the {new.size} leaves signed later, the first {old.size} are not those"
    return Verdict("rewritten", f"{text} signed earlier")
