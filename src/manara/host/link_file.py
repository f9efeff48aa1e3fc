"""A partner's stream as files: for a one-way copy, or a stick that is carried.

::

    "manara/link/v1\\n", then for each answer: length (u32, big-endian) │ the bytes of wire.Answer

The same entries, the same checks as over the live link. A file that ends in the middle is good up to there.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from manara.host.link_answers import LogReads, answer
from manara.host.link_checks import Asked, Refusal, Remembered, check
from manara.host.problems import BadInput
from manara.ledger import note
from manara.link import wire
from manara.records.inputs import Arrived
from manara.records.reject import Reject

MAGIC = b"manara/link/v1\n"
FILE_BYTES = 1 << 30
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Exported:
    """What a file holds. ``next``: the offset that the following file begins with."""

    path: Path
    entries: int
    next: int
    size: int  # of the log, for the following file


def export(log: LogReads, stream: str, first: int, path: Path, now_ns: int, size: int = 0) -> Exported:
    """Write a stream from an offset on into one file, whole or not at all. ``size``: of the log as the recipient knows
    it from the file before. Raises BadInput."""
    beside = path.with_name(path.name + ".new")
    following, entries, grown = first, 0, size
    try:
        with beside.open("wb") as file:
            file.write(MAGIC)
            while file.tell() < FILE_BYTES:
                data = answer(log, stream, following, grown, now_ns)
                read = data if isinstance(data, str) else wire.parse(data)
                if not isinstance(read, wire.Answer):
                    raise BadInput(f"cannot be exported: {read}", stream, "is this the right size and offset?")
                if not read.deliveries:
                    break
                file.write(_LENGTH.pack(len(data)) + (data if isinstance(data, bytes) else b""))
                entries, following = entries + len(read.deliveries), following + len(read.deliveries)
                grown = _size(read, grown)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as fault:
        beside.unlink(missing_ok=True)
        raise BadInput(f"cannot be written: {fault.strerror or fault}", str(path), "see to room and rights") from None
    return Exported(path, entries, following, grown)


def answers(path: Path) -> Iterator[bytes | Reject]:
    """The answers of a file, one by one; the last may be a Reject: not_a_file, cut, too_long. Raises BadInput."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                yield Reject("not_a_file", b"", f"{path.name} does not begin as such a file")
                return
            while head := file.read(_LENGTH.size):
                length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
                if length > wire.ANSWER_BYTES:
                    yield Reject("too_long", b"", f"an answer of {length} bytes; at most {wire.ANSWER_BYTES}")
                    return
                data = file.read(length)
                if not length or len(data) < length:
                    yield Reject("cut", b"", f"{path.name} ends in the middle of an answer")
                    return
                yield data
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror or fault}", str(path), "see to rights") from None


@dataclass(frozen=True)
class Imported:
    """What came of a file. ``next``: the offset to go on from; ``refusal``: where and why it ended early."""

    arrived: int
    remembered: Remembered
    next: int
    refusal: Refusal | None = None


def imported(
    path: Path,
    asked: Asked,
    last: Remembered,
    received_ns: int,
    take: Callable[[tuple[Arrived, ...], Remembered], None],
) -> Imported:
    """Check a file answer by answer and hand on what holds. ``asked.first``: where the step stands; answers that lie
    before it are passed over. Raises BadInput."""
    count, first = 0, asked.first
    for data in answers(path):
        read = wire.parse(data) if isinstance(data, bytes) else data
        if isinstance(read, Reject):
            return Imported(count, last, first, Refusal(read.why, read.detail))
        begins = read.deliveries[0].offset if read.deliveries else first
        if begins + len(read.deliveries) <= first:
            continue
        found = check(read, asked._replace(first=min(begins, first)), last, received_ns)
        if isinstance(found, Refusal):
            return Imported(count, last, first, found)
        fresh = tuple(one for one in found.arrived if one.offset >= first)
        last = found.remembered
        take(fresh, last)
        count, first = count + len(fresh), first + len(fresh)
    return Imported(count, last, first)


def _size(read: wire.Answer, otherwise: int) -> int:
    lines = note.parse(read.checkpoint)
    return otherwise if isinstance(lines, str) else int(lines.text.split("\n")[1])
