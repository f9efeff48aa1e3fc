"""The newest stretch of a node's journal, run again in memory: what the node showed, a minute apart.

::

    newest snapshot of this build ─▶ state ─┐
    newest segments, read once ─▶ records ──┴─▶ steps ─▶ views

The node may run meanwhile: nothing is locked and nothing is written.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from manara.cli import arguments
from manara.host.problems import BadInput
from manara.node.durable import journal, poison, snapshot
from manara.node.durable.disk import DiskError
from manara.node.durable.frames import Record, Verdict
from manara.node.durable.journal import End
from manara.node.durable.snapshot import Snapshot
from manara.records.config import NodeConfig
from manara.records.inputs import Input, Stepped, Views

HOUR_NS = 3_600_000_000_000
MINUTE_NS = 60_000_000_000
WARM_NS = 600_000_000_000  # played before what is looked at begins
HELD_BYTES = 1 << 30  # of inputs; of a node that hears more in an hour, less than an hour is looked at

Turn = Callable[[tuple[Input, ...], int], Stepped[Any]]
Window = tuple[int, tuple[Input, ...]]


@dataclass(frozen=True)
class Stretch:
    """Steps of a journal in order. ``whole``: the first of them is the first that the node ever took."""

    windows: tuple[Window, ...]
    whole: bool


def hour(folder: Path, config: NodeConfig) -> Iterator[tuple[Views, int]]:
    """Views of the last hour, a minute apart, the newest last. Raises BadInput."""
    found = _stretch(folder, HOUR_NS + WARM_NS)
    last_ns = found.windows[-1][0]
    due_ns = last_ns - HOUR_NS
    for views, now_ns in _played(_afresh(config), found.windows):
        if now_ns >= due_ns or now_ns == last_ns:
            due_ns = now_ns + MINUTE_NS
            yield views, now_ns


def last(folder: Path, config: NodeConfig) -> tuple[Views, int]:
    """The newest views, under the numbers that stand on the node's desk where a snapshot of this build is there.
    Raises BadInput."""
    begun = newest_snapshot(folder)
    if begun is None:
        found = _stretch(folder, WARM_NS)
        if not found.whole:
            print(
                "this build wrote no snapshot there: ten minutes are played again, and a track's number may be another "
                "than on the desk; its identity is the same",
                file=sys.stderr,
            )
        return deque(_played(_afresh(config), found.windows), maxlen=1)[0]
    since = _read(folder, _from(folder, begun), begun)
    windows = since.windows or ((begun.now_ns, ()),)
    return deque(_played(_resumed(config, begun), windows), maxlen=1)[0]


def _played(turn: Turn, windows: tuple[Window, ...]) -> Iterator[tuple[Views, int]]:
    with arguments.progress(len(windows), "steps") as bar:
        for now_ns, inputs in windows:
            yield turn(inputs, now_ns).views, now_ns
            bar.update()


def _afresh(config: NodeConfig) -> Turn:
    from manara.host.running import memory_turn

    return memory_turn(_bare(config))


def _bare(config: NodeConfig) -> NodeConfig:
    """The same ears, and nobody to share with."""
    import msgspec

    return msgspec.structs.replace(config, exits=(), partner="")


def _resumed(config: NodeConfig, begun: Snapshot) -> Turn:
    """Steps on what a node had heard at a snapshot, without what partners told it: of that no row is in the journal."""
    from manara.feeds import stage as feeds
    from manara.node import sources
    from manara.node import state as node
    from manara.node.step import step
    from manara.picture import stage as picture

    bare, plain = _bare(config), begun.state
    views = [one for one in plain["held"]["views"] if one["name"] == sources.OWN]
    held = sources.load({**plain["held"], "views": views})
    for partner in tuple(held.own.picture.partners):
        picture.drop(held.own.picture, partner)
    state = replace(
        node.init(bare),
        feeds=feeds.load(plain["feeds"], bare.feeds, bare.stale_s),
        held=held,
        now_ns=plain["now_ns"],
        sequence=plain["sequence"],
    )
    return lambda inputs, now_ns: step(state, inputs, now_ns)


def newest_snapshot(folder: Path) -> Snapshot | None:
    """The newest one of this build, if there is one."""
    from manara.cli.ledger_disk import Looking
    from manara.host import kept

    disk = Looking(folder)
    build = kept.about().build
    for name in snapshot.names(disk):
        try:
            found = snapshot.read(disk, name)
        except DiskError:
            continue  # the node has just replaced it
        if isinstance(found, Snapshot) and found.build == build:
            return found
    return None


def _stretch(folder: Path, span_ns: int) -> Stretch:
    """The steps of the newest time of this length. Raises BadInput."""
    found = _read(folder, _newest(folder, span_ns), None, span_ns)
    if not found.windows:
        raise BadInput("holds no step", str(folder), "has the node run?")
    return found


def _segments(folder: Path) -> list[tuple[int, str]]:
    from manara.cli.ledger_disk import Looking

    return journal.segments(Looking(folder))


def _from(folder: Path, begun: Snapshot) -> list[str]:
    return [name for _, name in _segments(folder) if name >= begun.segment]


def _newest(folder: Path, span_ns: int) -> list[str]:
    """The segments that must hold it: those from the last one that began so long before the newest did."""
    from manara.cli.ledger_disk import Looking

    there, disk = _segments(folder), Looking(folder)
    begun = [_begun_ns(journal.read_header(disk, name)) for _, name in there]
    known = [one for one in begun if one]
    before = [n for n, one in enumerate(begun) if one and one <= known[-1] - span_ns]
    return [name for _, name in there[before[-1] if before else 0 :]]


def _begun_ns(header: Any) -> int:
    return 0 if isinstance(header, str) else int(header.created_ns)


def _read(folder: Path, names: list[str], begun: Snapshot | None, span_ns: int = 1 << 62) -> Stretch:
    """Once through these segments. Raises BadInput."""
    from manara.host.backfill import Reading

    records: deque[tuple[Record, int]] = deque()
    verdicts: dict[int, Verdict] = {}
    held = 0
    start = (begun.position, begun.sequence) if begun else (None, 0)
    try:
        for one in journal.read(Reading(folder, names), *start):
            if isinstance(one, Verdict):
                verdicts[one.sequence] = one
            elif isinstance(one, Record):
                many = sum(len(getattr(part, "data", b"")) for part in one.inputs)
                records.append((one, many))
                held += many
                while records[0][0].now_ns < one.now_ns - span_ns or (held > HELD_BYTES and len(records) > 1):
                    held -= records.popleft()[1]
            elif isinstance(one, End) and one.damage is not None:
                raise BadInput(f"the journal is damaged: {one.damage}", str(folder))
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder), "the node has just moved on: once more") from None
    whole = bool(records) and records[0][0].sequence == 1
    return Stretch(tuple(_as_run([one for one, _ in records], verdicts)), whole)


def _as_run(records: list[Record], verdicts: dict[int, Verdict]) -> Iterator[Window]:
    """What the steps took: poison inputs stand as skips, and a step that was not run is none."""
    for one in records:
        verdict = verdicts.get(one.sequence)
        if verdict is None:
            yield one.now_ns, one.inputs
        elif not verdict.omit:
            yield one.now_ns, poison.substitute(one, verdict.skipped)
