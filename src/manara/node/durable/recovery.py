"""Recovery: from what the disk holds to the state of the last kept record.

::

    newest sound snapshot of this build ─▶ state ─▶ replay the records behind it ─▶ state, sequence, clock
    snapshots all damaged, or of another build: the same from the first record that the journal has

A record whose replay crashes is tried once more, then searched for poison (``poison.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from manara.node.durable import journal, poison, snapshot
from manara.node.durable.disk import Disk
from manara.node.durable.frames import About, Record, Verdict
from manara.node.durable.journal import Damage, End, Journal, Position
from manara.node.durable.outbox import Outbox
from manara.node.durable.poison import Attempt
from manara.node.durable.snapshot import Plain, Snapshot
from manara.records.inputs import Input, Stepped, Views
from manara.records.reject import Reject

S = TypeVar("S")

NOT_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit)  # somebody ends the program: no crash of the step


@dataclass(frozen=True)
class Machine(Generic[S]):
    """The deterministic machine whose life is kept: ``load(dump(state))`` goes on like ``state``, bit for bit.
    ``step`` may change the state in place and gives it
    back as ``Stepped.state``; after it raised the state is dropped."""

    init: Callable[[], S]
    step: Callable[[S, tuple[Input, ...], int], Stepped[S]]
    dump: Callable[[S], Plain]
    load: Callable[[Plain], S]


@dataclass
class Report:
    """What a recovery met. ``snapshot``: the sequence it began from, 0: from the beginning. ``pruned_before``: the
    first record there was, when what lies before it is needed and gone."""

    snapshot: int = 0
    frames: int = 0
    torn_bytes: int = 0
    snapshots_damaged: list[str] = field(default_factory=list)
    snapshots_of_other_builds: list[str] = field(default_factory=list)
    pruned_before: int = 0
    poison: list[Reject] = field(default_factory=list)
    omitted: list[int] = field(default_factory=list)  # sequences whose step is not run
    damage: Damage | None = None
    crash: str = ""  # the last exception of the step


@dataclass(frozen=True)
class Recovered(Generic[S]):
    """State after the last kept record; ``now_ns`` is that record's time. ``journal`` is None when the journal is
    damaged: what could be read may be shown, nothing may be added."""

    state: S
    sequence: int
    now_ns: int
    views: Views | None
    journal: Journal | None
    report: Report


def recover(
    disk: Disk,
    machine: Machine[S],
    about: About,
    outbox: Outbox,
    crashes: dict[int, int] | None = None,
    segment_bytes: int = journal.SEGMENT_BYTES,
) -> Recovered[S]:
    """Bring the state back. ``crashes``: sequence → how often it has crashed in this process; None in a new process,
    which reads from the disk how the last one ended. DiskError when the disk refuses."""
    return _Recovery(disk, machine, about, outbox, segment_bytes).run(crashes)


class _Crashed(Exception):
    def __init__(self, sequence: int, text: str) -> None:
        super().__init__(text)
        self.sequence = sequence


@dataclass
class _At(Generic[S]):
    """Where a replay stands."""

    state: S
    sequence: int
    now_ns: int
    position: Position | None
    views: Views | None = None


class _Recovery(Generic[S]):
    def __init__(self, disk: Disk, machine: Machine[S], about: About, outbox: Outbox, segment_bytes: int) -> None:
        self._disk, self._machine, self._about, self._outbox = disk, machine, about, outbox
        self._segment_bytes = segment_bytes
        self._report = Report()
        self._crashes: dict[int, int] = {}
        self._searched: set[int] = set()
        self._verdicts: dict[int, Verdict] = {}
        self._journal: Journal | None = None
        self._careful = False
        self._died: Attempt | None = None

    def run(self, crashes: dict[int, int] | None) -> Recovered[S]:
        start = self._restore()
        end = self._scan(start)
        self._suspect(crashes, end, start)
        while True:
            try:
                at = self._replay(start)
                break
            except _Crashed as crash:
                self._report.crash = str(crash)
                self._crashes[crash.sequence] = self._crashes.get(crash.sequence, 0) + 1
                start = self._restore()
        poison.write_attempt(self._disk, Attempt(poison.LIVE))
        return Recovered(at.state, at.sequence, at.now_ns, at.views, self._journal, self._report)

    def _restore(self) -> _At[S]:
        """State of the newest usable snapshot, or the first state."""
        self._report.snapshots_damaged, self._report.snapshots_of_other_builds = [], []
        for name in snapshot.names(self._disk):
            found = snapshot.read(self._disk, name)
            if isinstance(found, str):
                self._report.snapshots_damaged.append(f"{name}: {found}")
            elif found.build != self._about.build:
                self._report.snapshots_of_other_builds.append(f"{name}: {found.build}")
            elif (loaded := self._loaded(name, found)) is not None:
                return loaded
        self._report.snapshot = 0
        return _At(self._machine.init(), 0, 0, None)

    def _loaded(self, name: str, found: Snapshot) -> _At[S] | None:
        try:
            state = self._machine.load(found.state)
            self._outbox.begin(found.outbox)
        except Exception as error:  # noqa: BLE001 - a state that does not load is a damaged one: the journal has it all
            self._report.snapshots_damaged.append(f"{name}: {type(error).__name__}: {error}")
            return None
        self._report.snapshot = found.sequence
        return _At(state, found.sequence, found.now_ns, found.position)

    def _scan(self, start: _At[S]) -> End:
        """Read all that will be replayed once: cut the torn tail, note verdicts, damage, and where to go on."""
        end, first = End(), 0
        for one in journal.read(self._disk, start.position, start.sequence):
            if isinstance(one, End):
                end = one
            elif isinstance(one, Verdict):
                self._verdicts[one.sequence] = one
            else:
                first = first or one.sequence
        self._report.damage, self._report.torn_bytes = end.damage, end.torn_bytes
        self._report.pruned_before = first if not start.sequence and first > 1 else 0
        if end.damage is None:
            journal.settle(self._disk, end)
            self._journal = Journal(self._disk, self._about, end, self._segment_bytes)
        return end

    def _suspect(self, crashes: dict[int, int] | None, end: End, start: _At[S]) -> None:
        """Which records may crash the step: the last one, when the last process did not end in order; the one that
        it had marked, when it died in its recovery. The mark on the disk stays until a later one says more."""
        if crashes is not None:
            self._crashes = dict(crashes)
            return
        last = poison.read_attempt(self._disk)
        in_flight = end.next_sequence - 1
        if last.phase == poison.CLEAN:
            self._mark(Attempt(poison.REPLAY))
        elif last.phase == poison.LIVE and in_flight > start.sequence:
            self._crashes[in_flight] = 1
            self._mark(Attempt(poison.REPLAY, in_flight))
        elif last.phase == poison.REPLAY:
            self._careful = True
            if last.sequence:
                self._crashes[last.sequence] = last.crashes + 1
                self._died = last if last.at >= 0 else None

    def _replay(self, start: _At[S]) -> _At[S]:
        at = start
        self._report.frames, self._report.omitted = 0, []
        for one in journal.read(self._disk, start.position, start.sequence):
            if isinstance(one, Record):
                at = self._run(at, one)
                self._report.frames += 1
        return at

    def _run(self, at: _At[S], record: Record) -> _At[S]:
        if self._crashes.get(record.sequence, 0) >= 2:
            self._search(at, record)
        verdict = self._verdicts.get(record.sequence, Verdict(record.sequence))
        if verdict.omit:
            self._report.omitted.append(record.sequence)
            return _At(at.state, record.sequence, record.now_ns, at.position, at.views)
        if self._careful or record.sequence in self._crashes:
            crashed = self._crashes.get(record.sequence, 0)
            poison.write_attempt(self._disk, Attempt(poison.REPLAY, record.sequence, crashed))
        try:
            stepped = self._machine.step(at.state, poison.substitute(record, verdict.skipped), record.now_ns)
        except NOT_OURS:
            raise
        except BaseException as error:
            raise _Crashed(record.sequence, f"{type(error).__name__}: {error}") from error
        self._outbox.add(record.sequence, stepped.effects)
        return _At(stepped.state, record.sequence, record.now_ns, at.position, stepped.views)

    def _search(self, at: _At[S], record: Record) -> None:
        """Find what is poison in this record, on copies of the state, and journal the verdict."""
        if record.sequence in self._searched:
            if self._crashes[record.sequence] > 2:
                # It crashed although the search had let it pass: what crashes by chance is not run again.
                self._keep(record, Verdict(record.sequence, omit=True))
            return
        self._searched.add(record.sequence)
        copy = snapshot.encode_plain(self._machine.dump(at.state))
        died = self._died if self._died and self._died.sequence == record.sequence else None
        verdict = poison.find_poison(
            record, lambda inputs: self._crashes_with(copy, inputs, record.now_ns), self._mark, died
        )
        self._crashes[record.sequence] = 2
        if verdict.omit or verdict.skipped:
            self._keep(record, verdict)

    def _keep(self, record: Record, verdict: Verdict) -> None:
        self._verdicts[record.sequence] = verdict
        self._report.poison.extend(poison.rejects(record, verdict))
        if self._journal is not None:
            self._journal.commit_verdict(verdict, record.now_ns)

    def _crashes_with(self, copy: bytes, inputs: tuple[Input, ...], now_ns: int) -> bool:
        try:
            self._machine.step(self._machine.load(snapshot.decode_plain(copy)), inputs, now_ns)
        except NOT_OURS:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of a Rust library is no Exception
            self._report.crash = f"{type(error).__name__}: {error}"
            return True
        return False

    def _mark(self, attempt: Attempt) -> None:
        poison.write_attempt(self._disk, attempt)
