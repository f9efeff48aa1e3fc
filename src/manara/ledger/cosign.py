"""Cosignatures of witnesses (C2SP tlog-cosignature, cosignature/v1), and whether there are enough of them.

A cosignature says: at that time this was the largest tree of this log that I had seen, and it continued all that I had
seen before. With N witnesses of which f lie, two quorums share an honest witness when q ≥ ⌊(N + f) / 2⌋ + 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from manara.ledger import note


class Cosignature(NamedTuple):
    """A witness's word on a checkpoint, and when it was given."""

    witness: note.Key
    time_s: int


def sign(text: str, key: note.Key, time_s: int, signer: note.Sign) -> note.Signature:
    """The cosignature of a checkpoint's text. ``key``: of kind COSIGNATURE."""
    body = time_s.to_bytes(8, "big") + signer(note.cosigned_bytes(text, time_s))
    return note.Signature(key.name, key.number, body)


def cosignatures(one: note.Note, witnesses: Iterable[note.Key]) -> tuple[Cosignature, ...] | str:
    """Which of these witnesses have cosigned, each once (two names of one key are one witness); or why the note is
    refused: a cosignature of a known witness that does not hold."""
    found = note.verify(one, [key for key in witnesses if key.kind == note.COSIGNATURE])
    if isinstance(found, str):
        return found if found.startswith("the signature") else ()
    by_key = {key.public: Cosignature(key, int.from_bytes(s.body[:8], "big")) for key, s in found}
    return tuple(by_key.values())


def short_of(one: note.Note, witnesses: Iterable[note.Key], quorum: int) -> str:
    """What is missing for ``quorum`` of these witnesses to have cosigned; "" when nothing is."""
    found = cosignatures(one, witnesses)
    if isinstance(found, str):
        return found
    return "" if len(found) >= quorum else f"{len(found)} of {quorum} witnesses that are needed have cosigned"


def add(data: bytes, lines: str, witnesses: Sequence[note.Key]) -> bytes:
    """The note with the cosignatures among these lines (a witness's answer) that hold and are new; all others are
    passed over. Of one witness the first stays."""
    one = note.parse(data)
    if isinstance(one, str):
        return data
    found = list(one.signatures)
    known = {(key.name, key.number): key for key in witnesses if key.kind == note.COSIGNATURE}
    there = {(s.name, s.number) for s in found}
    for line in lines.split("\n")[: note.SIGNATURES_MAX]:
        new = note.parse_line(line)
        if isinstance(new, str) or (new.name, new.number) in there:
            continue
        key = known.get((new.name, new.number))
        if key is not None and note.holds(one.text, new, key) and len(found) < note.SIGNATURES_MAX:
            found.append(new)
            there.add((new.name, new.number))
    return note.Note(one.text, tuple(found)).encode()


def quorum_for(witnesses: int, liars: int) -> int:
    """How many of N witnesses must cosign, so that two quorums share an honest one; 0 when no number is enough.

    >>> quorum_for(4, 1), quorum_for(3, 1), quorum_for(2, 1), quorum_for(1, 0)
    (3, 0, 0, 1)
    """
    needed = (witnesses + liars) // 2 + 1
    return needed if needed <= witnesses - liars else 0
