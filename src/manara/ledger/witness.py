"""What a witness answers to ``POST /add-checkpoint`` (C2SP tlog-witness). Pure: the host remembers, signs and serves.

::

    body ─▶ parse_request ─▶ decide(request, what is remembered of that origin) ─▶ Decision
    200: the host stores Decision.remembered FIRST, then cosigns Decision.text and answers with that line

The host must let no second decision of one origin begin before the first is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from manara.ledger import checkpoint, note, tree

BODY_MAX = note.NOTE_MAX + 64 * 64
SIZE_TYPE = "text/x.tlog.size"


class Remembered(NamedTuple):
    """The latest checkpoint that was cosigned for an origin. ``signed``: the note as it came, for evidence."""

    size: int = 0
    root: bytes = tree.EMPTY
    signed: bytes = b""


class Request(NamedTuple):
    """A parsed body. ``signed``: the checkpoint as it came."""

    old: int
    path: tuple[bytes, ...]
    signed: bytes
    checkpoint: checkpoint.Checkpoint
    note: note.Note


class Decision(NamedTuple):
    """The answer. ``why``: for our own records. ``remembered``: to be stored before answering 200. ``text``: to be
    cosigned then. ``accuses``: the submitted checkpoint, when it may prove, with the remembered one, that the log
    lies."""

    status: int
    body: str = ""
    kind: str = "text/plain; charset=utf-8"
    why: str = ""
    remembered: Remembered | None = None
    text: str = ""
    accuses: bytes = b""


def build_request(old: int, path: Iterable[bytes], signed: bytes) -> bytes:
    """The body that a log sends to a witness."""
    return "".join([f"old {old}\n", *(note.b64(one) + "\n" for one in path), "\n"]).encode() + signed


def parse_request(body: bytes) -> Request | str:
    """The request of a body, or why it is none."""
    if len(body) > BODY_MAX:
        return f"a body of {len(body)} bytes, at most {BODY_MAX}"
    front, blank, signed = body.partition(b"\n\n")
    lines = front.decode(errors="replace").split("\n")
    word, _, size = lines[0].partition(" ")
    if not blank or word != "old" or not checkpoint.SIZE.fullmatch(size) or int(size) > tree.SIZE_MAX:
        return "no line that says the old size"
    path = [note.unb64(one) for one in lines[1:]]
    if len(path) > tree.PATH_MAX or any(one is None or len(one) != tree.HASH_BYTES for one in path):
        return "no proof: a line is no hash, or there are more than 63"
    said = checkpoint.parse_note(signed)
    if isinstance(said, str):
        return said
    return Request(int(size), tuple(one for one in path if one is not None), signed, *said)


def decide(body: bytes, logs: Mapping[str, Iterable[note.Key]], remembered: Mapping[str, Remembered]) -> Decision:
    """The answer to a body. ``logs``: origin -> the keys that may sign it. ``remembered``: by origin."""
    one = parse_request(body)
    if isinstance(one, str):
        return Decision(400, why=one)
    keys = logs.get(one.checkpoint.origin)
    if keys is None:
        return Decision(404, why=f"the log {one.checkpoint.origin!r} is not witnessed here")
    if isinstance(found := note.verify(one.note, keys), str):
        return Decision(403, why=found)
    return judge(one, remembered.get(one.checkpoint.origin, Remembered()))


def judge(one: Request, last: Remembered) -> Decision:
    """The answer to a request that a key of the log has signed."""
    new = one.checkpoint
    if one.old > new.size:
        return Decision(400, why=f"the old size {one.old} is above the checkpoint's {new.size}")
    if new.size == last.size and new.root != last.root:
        return Decision(409, f"{last.size}\n", SIZE_TYPE, "another root at the same size", accuses=one.signed)
    if one.old != last.size:
        return Decision(409, f"{last.size}\n", SIZE_TYPE, f"old {one.old}, but {last.size} was cosigned last")
    if not tree.verify_consistency(one.old, new.size, last.root, new.root, one.path):
        return Decision(422, why="the proof does not show that the log has only grown", accuses=one.signed)
    return Decision(200, remembered=Remembered(new.size, new.root, one.signed), text=one.note.text)
