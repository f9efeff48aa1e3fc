"""Checkpoints (C2SP tlog-checkpoint): a log's name, its size and its root, as the text of a signed note."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from manara.ledger import note, tree

SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(NamedTuple):
    """What a checkpoint says. ``extensions``: lines of others, kept but without meaning here."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text that is signed.

        >>> print(Checkpoint("lantern.example/a", 0, tree.EMPTY).text(), end="")
        lantern.example/a
        0
        47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
        """
        return "".join(f"{line}\n" for line in (self.origin, self.size, note.b64(self.root), *self.extensions))


class Opened(NamedTuple):
    """A checkpoint whose signature was checked. ``signed``: which of the keys have signed it."""

    checkpoint: Checkpoint
    note: note.Note
    signed: tuple[note.Key, ...]


def parse(text: str) -> Checkpoint | str:
    """What the text of a note says as a checkpoint, or why it is none."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        return "not a checkpoint: want origin, size and root, a line each"
    root = note.unb64(lines[2])
    if not SIZE.fullmatch(lines[1]) or int(lines[1]) > tree.SIZE_MAX:
        return f"not a checkpoint: no size {lines[1][:40]!r}"
    if root is None or len(root) != tree.HASH_BYTES:
        return "not a checkpoint: no root"
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:-1]))


def parse_note(data: bytes) -> tuple[Checkpoint, note.Note] | str:
    """Checkpoint and note of these bytes, nothing verified; or why they are none."""
    one = note.parse(data)
    if isinstance(one, str):
        return one
    said = parse(one.text)
    return said if isinstance(said, str) else (said, one)


def signed(one: Checkpoint, key: note.Key, signer: note.Sign) -> bytes:
    """The checkpoint as a note with the log's own signature."""
    text = one.text()
    return note.Note(text, (note.sign(text, key, signer),)).encode()


def open_signed(data: bytes, keys: Iterable[note.Key]) -> Opened | str:
    """The checkpoint of these bytes, when one of the log's keys has signed it; or why not."""
    said = parse_note(data)
    if isinstance(said, str):
        return said
    found = note.verify(said[1], keys)
    return found if isinstance(found, str) else Opened(*said, tuple(key for key, _ in found))
