"""Poison: inputs that crash the step. One that was in flight at two crashes is found and passed over.

A crash is an exception, or the end of the process itself (a library that aborts, the memory killer). In ordinary
running nothing is written for it: the last record of the journal *is* the mark of what was in flight. Only recovery
writes a mark (``attempt.mna``), synced, before it runs a suspect: so the count survives when it dies again. After
the second crash the guilty input is found by bisection on copies of the state: every trial is marked before it
runs, so that one that kills the process has still answered.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from manara.link import heads
from manara.node.durable.disk import Disk
from manara.node.durable.frames import Record, Verdict
from manara.records.inputs import Arrived, Input, Skip
from manara.records.reject import KEPT_BYTES, Reject
from manara.records.released import Head

NAME = "attempt.mna"
MAX_GUILTY = 16  # of one record; with more, the whole record is passed over

CLEAN, LIVE, REPLAY = "clean", "live", "replay"


class Attempt(msgspec.Struct, frozen=True):
    """What the process was about to run when it wrote this. ``crashes``: how often that had crashed before.
    ``at`` ≥ 0: a trial of the first ``at`` inputs; ``lo``: so many are known to pass, ``hi``: to fail."""

    phase: str
    sequence: int = 0
    crashes: int = 0
    lo: int = -1
    hi: int = -1
    at: int = -1
    guilty: tuple[int, ...] = ()


def read_attempt(disk: Disk) -> Attempt:
    """How the last process ended; CLEAN when there was none or its mark cannot be read."""
    if NAME not in disk.names():
        return Attempt(CLEAN)
    try:
        return msgspec.msgpack.decode(disk.read(NAME, 0, disk.size(NAME)), type=Attempt)
    except msgspec.MsgspecError:
        return Attempt(CLEAN)


def write_attempt(disk: Disk, attempt: Attempt) -> None:
    """Mark durably what is about to run."""
    disk.write_whole(NAME, msgspec.msgpack.encode(attempt))


def substitute(record: Record, guilty: tuple[int, ...]) -> tuple[Input, ...]:
    """The inputs of a record as they are run: a Skip at each guilty place; of an entry of a partner's stream its empty
    place stays, for nothing could follow a gap."""
    return tuple(_skip(record, one) if i in guilty else one for i, one in enumerate(record.inputs))


def is_empty(one: Arrived) -> bool:
    """Whether this is the place of an entry that was passed over: whatever it held is not to be looked up again."""
    return one.head == _empty(one)


def _empty(one: Arrived) -> bytes:
    return heads.encode(Head(kind="poison", stream=one.stream, offset=str(one.offset), time_ns="0"))


def rejects(record: Record, verdict: Verdict) -> tuple[Reject, ...]:
    """What was passed over, as counted rejects that a person can look at."""
    guilty = range(len(record.inputs)) if verdict.omit else verdict.skipped
    return tuple(_reject(record, i) for i in guilty if i < len(record.inputs)) or (
        (Reject("poison", detail=f"step {record.sequence} crashed without any input", time_ns=record.now_ns),)
        if verdict.omit
        else ()
    )


def find_poison(
    record: Record,
    crashes: Callable[[tuple[Input, ...]], bool],
    mark: Callable[[Attempt], None],
    died: Attempt | None = None,
) -> Verdict:
    """Which inputs of a record crash the step.

    ``crashes(inputs)`` runs the step on a copy of the state before the record and says whether it raised; ``mark``
    makes each trial durable first. ``died``: the mark of a trial that killed the last process; it counts as run.
    Bisects on the length of the prefix, O(log n) trials per guilty input. A record that passes as a whole comes
    back with nothing skipped; one that crashes with no input at all, or with a Skip, is omitted.
    """
    n = len(record.inputs)
    lo, hi, guilty = (died.lo, died.hi, died.guilty) if died else (-1, n + 1, ())
    while True:
        at = n if hi > n else 0 if lo < 0 else (lo + hi) // 2
        trial = Attempt(REPLAY, record.sequence, 1, lo, hi, at, guilty)
        failed = trial == died or _try(trial, substitute(record, guilty)[:at], crashes, mark)
        lo, hi = (lo, at) if failed else (at, hi)
        if at == n and not failed:
            return Verdict(record.sequence, guilty)
        if hi == 0:
            return Verdict(record.sequence, omit=True)
        if hi - lo == 1 and lo >= 0:
            if hi - 1 in guilty:
                return Verdict(record.sequence, omit=True)
            guilty = tuple(sorted((*guilty, hi - 1))) if len(guilty) < MAX_GUILTY else tuple(range(n))
            lo, hi = -1, n + 1


def _try(
    trial: Attempt,
    inputs: tuple[Input, ...],
    crashes: Callable[[tuple[Input, ...]], bool],
    mark: Callable[[Attempt], None],
) -> bool:
    mark(trial)
    return crashes(inputs)


def _skip(record: Record, one: Input) -> Skip | Arrived:
    if isinstance(one, Arrived):
        return msgspec.structs.replace(one, head=_empty(one), blocks=())
    return Skip(sequence=record.sequence, feed=getattr(one, "feed", -1), received_ns=one.received_ns)


def _reject(record: Record, i: int) -> Reject:
    one = record.inputs[i]
    kind = type(one).__name__
    detail = f"input {i} ({kind}, feed {getattr(one, 'feed', -1)}) of step {record.sequence} crashed the step twice"
    return Reject("poison", getattr(one, "data", b"")[:KEPT_BYTES], detail, one.received_ns)
