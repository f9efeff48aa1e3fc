"""The runner: one node's life, for the host and the simulator alike. It knows no clock, no chance, no socket.

::

    offer ─▶ pending ─▶ turn: journal, sync ─▶ step ─▶ outbox, views ─▶ now and then a snapshot
                              │ refused           │ raised
                              ▼                   ▼
                    halted: reads only      drop the state, recover, replay; the second time: poison

"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from manara.node.durable import frames, journal, poison, snapshot
from manara.node.durable.clock import JUMP_NS, NodeClock
from manara.node.durable.disk import Disk, DiskError
from manara.node.durable.frames import About
from manara.node.durable.journal import Journal
from manara.node.durable.outbox import Outbox
from manara.node.durable.poison import Attempt
from manara.node.durable.recovery import NOT_OURS, Machine, Recovered, Report, recover
from manara.records.inputs import Away, ClockJump, Effect, Input, Views

S = TypeVar("S")

DAMAGED, STEP = "damaged", "step"
_PROBE = "probe.mna"


@dataclass(frozen=True)
class Limits:
    """Bounds of a runner."""

    steps_per_snapshot: int = 300
    bytes_per_snapshot: int = 16 << 20  # of journal
    pending_bytes: int = 64 << 20  # offered and not yet journalled
    frame_bytes: int = 8 << 20  # of inputs in one step
    segment_bytes: int = journal.SEGMENT_BYTES
    jump_ns: int = JUMP_NS
    omitted_in_a_row: int = 3
    done_per_write: int = 4096


@dataclass(frozen=True)
class Halt:
    """Why no step is run: full, denied, io (of the disk), damaged (the journal), step (it fails without input).
    The views stay readable; inputs are refused once the queue is full. ``resume`` tries again."""

    why: str
    detail: str


@dataclass(frozen=True)
class Result:
    """What a turn did. ``effects``: to be sent now, then told to ``done``. ``recovered``: the step crashed and this
    is what bringing it back took. ``left``: inputs that wait for the next turn."""

    sequence: int
    now_ns: int
    views: Views
    effects: tuple[Effect, ...] = ()
    halted: Halt | None = None
    recovered: Report | None = None
    left: int = 0


class Runner(Generic[S]):
    """Runs a machine over a disk. Opening recovers; it never raises for what the disk holds or refuses: then
    ``halted`` says what is wrong."""

    def __init__(
        self, disk: Disk, machine: Machine[S], about: About, limits: Limits | None = None, done_through: int = 0
    ) -> None:
        self._disk, self._machine, self._about = disk, machine, about
        self._limits = limits or Limits()
        self._pending: deque[tuple[Input, bytes]] = deque()
        self._pending_bytes = 0
        self._state: S | None = None
        self._journal: Journal | None = None
        self._outbox = Outbox(through=done_through)
        self._clock = NodeClock(jump_ns=self._limits.jump_ns)
        self._leaps: deque[int] = deque()
        self._woken = False  # no step was run yet since the journal was opened, which holds some
        self._doubt = (0, 0)  # sequence and inputs of a record that was refused and may yet stand on the disk
        self._steps = self._bytes = self._dones = self._omitted = 0
        self.sequence = 0
        self.now_ns = 0
        self.views = Views()
        self.report = Report()
        self.halted: Halt | None = None
        self.snapshot_refused = ""  # why the last snapshot could not be written; the journal alone is enough
        self._open()

    @property
    def state(self) -> S:
        """The state after the last step, for looking at; RuntimeError when there is none because opening failed."""
        if self._state is None:
            raise RuntimeError(f"no state: {self.halted}")
        return self._state

    @property
    def dropped_effects(self) -> int:
        """Effects that were given up because the outbox was full."""
        return self._outbox.dropped

    def stamp(self, machine_ns: int, steady_ns: int | None = None) -> int:
        """Node time for a time of receipt that the machine's clock gave; see NodeClock."""
        return self._clock.stamp(machine_ns, steady_ns)

    def jumped(self, by_ns: int) -> None:
        """Whoever reads a NodeClock for this runner hands in here what it said of jumps; from any thread."""
        if by_ns:
            self._leaps.append(by_ns)

    def offer(self, inputs: Iterable[Input]) -> tuple[Input, ...]:
        """Take inputs for the next turn; gives back those refused (queue full, too large, or not an input), which
        the caller counts."""
        refused = []
        for one in inputs:
            encoded = frames.encode_input(one)
            again = frames.decode_input(encoded)
            full = self._pending_bytes + len(encoded) > self._limits.pending_bytes
            if full or isinstance(again, str) or len(encoded) > frames.MAX_INPUT_BYTES:
                refused.append(one)
                continue
            self._pending.append((again, encoded))
            self._pending_bytes += len(encoded)
        return tuple(refused)

    def turn(self, machine_ns: int, steady_ns: int | None = None) -> Result:
        """``turn_at``, by the runner's own clock: node time follows from the machine's clock and a steady one."""
        now_ns, jump_ns = self._clock.read(machine_ns, steady_ns)
        self.jumped(jump_ns)
        return self.turn_at(now_ns)

    def turn_at(self, now_ns: int) -> Result:
        """Journal what was offered, sync, run one step at this node time, or at the last one where that is later.
        Acknowledged means: it returned and is not halted."""
        if self.halted is not None or self._journal is None or self._state is None:
            return self._result()
        now_ns = max(now_ns, self.now_ns)
        self._put_back([(one, frames.encode_input(one)) for one in self._of_clocks(now_ns)])
        taken = self._take()
        written = self._journal.bytes_written
        try:
            sequence = self._journal.append(now_ns, [encoded for _, encoded in taken])
            self._journal.commit()
        except DiskError as error:
            self._put_back(taken)
            self._doubt = (self._journal.next_sequence, len(taken))
            self.halted = Halt(error.kind, error.detail)
            return self._result()
        self._steps += 1
        self._bytes += self._journal.bytes_written - written
        return self._step(self._state, tuple(one for one, _ in taken), sequence, now_ns)

    def _of_clocks(self, now_ns: int) -> list[Input]:
        """What the step has to know of time that did not pass, or of which nobody knows how long it was."""
        said: list[Input] = []
        while self._leaps:
            said.append(ClockJump(by_ns=self._leaps.popleft(), received_ns=now_ns))
        if self._woken and now_ns > self.now_ns:
            said.insert(0, Away(by_ns=now_ns - self.now_ns, received_ns=now_ns))
        self._woken = False
        return said

    def done(self, effect_ids: Sequence[int]) -> None:
        """These effects have left, or were given up."""
        self._outbox.done(effect_ids)
        self._dones += len(effect_ids)
        if self._dones >= self._limits.done_per_write:
            self._write_done()

    def waiting(self) -> tuple[Effect, ...]:
        """Effects that are not done, oldest first."""
        return self._outbox.waiting()

    def snapshot(self) -> bool:
        """Write a snapshot now; False when the disk refused (``snapshot_refused`` says why)."""
        if self._state is None or self._journal is None or not self.sequence:
            return False
        at, state = self._journal.position, self._machine.dump(self._state)
        whole = snapshot.Snapshot(
            1, self._about.build, self.sequence, self.now_ns, at.segment, at.offset, state, self._outbox.dump()
        )
        self._steps = self._bytes = 0
        try:
            snapshot.write(self._disk, whole)
        except DiskError as error:
            self.snapshot_refused = str(error)
            return False
        self.snapshot_refused = ""
        return True

    def resume(self) -> Halt | None:
        """After the disk refused: try again. A full disk needs only room; after anything else the state is recovered
        from what the disk holds. Damage and a failing step stay halted: they need a person."""
        if self.halted is None or self.halted.why in (DAMAGED, STEP):
            return self.halted
        try:
            self._disk.write_whole(_PROBE, b"")  # a disk that still refuses says so before a recovery is paid for
            self._disk.remove(_PROBE)
        except DiskError as error:
            self.halted = Halt(error.kind, error.detail)
            return self.halted
        sound = self._journal is not None and self._journal.broken is None
        self.halted = None
        if not sound or self._state is None:
            self._open()
        return self.halted

    def prune(self, before: int) -> list[str]:
        """Remove segments whose records all lie before this sequence and before every snapshot kept."""
        kept = [
            found
            for name in snapshot.names(self._disk)
            if not isinstance(found := snapshot.read(self._disk, name), str)
        ]
        return journal.prune(self._disk, min([before, *(one.sequence for one in kept)]))

    def close(self) -> None:
        """End in order: the next opening suspects nothing. What was offered and not yet turned is not kept."""
        if self._journal is None or self.halted is not None:
            return
        self.snapshot()
        self._write_done()
        try:
            poison.write_attempt(self._disk, Attempt(poison.CLEAN))
        except DiskError as error:
            self.halted = Halt(error.kind, error.detail)

    def _open(self) -> None:
        try:
            self._outbox.read(self._disk)
            found = recover(self._disk, self._machine, self._about, self._outbox, None, self._limits.segment_bytes)
        except DiskError as error:
            self._state = self._journal = None
            self.halted = Halt(error.kind, error.detail)
            return
        if not self.now_ns:
            self._clock = NodeClock(found.now_ns, self._limits.jump_ns)
            self._woken = found.now_ns > 0
        self._adopt(found)
        in_doubt, inputs = self._doubt
        if inputs and self.sequence >= in_doubt:
            self._take_out(inputs)
        self._doubt = (0, 0)

    def _adopt(self, found: Recovered[S]) -> None:
        self._state, self._journal, self.report = found.state, found.journal, found.report
        self.sequence = found.sequence
        self.now_ns = max(self.now_ns, found.now_ns)
        if found.views is not None:
            self.views = replace(found.views, sequence=found.sequence)
        if found.report.damage is not None:
            self.halted = Halt(DAMAGED, str(found.report.damage))

    def _step(self, state: S, inputs: tuple[Input, ...], sequence: int, now_ns: int) -> Result:
        try:
            stepped = self._machine.step(state, inputs, now_ns)
        except NOT_OURS:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of a Rust library is no Exception
            return self._recover(sequence, f"{type(error).__name__}: {error}")
        self._state, self.sequence, self.now_ns = stepped.state, sequence, now_ns
        self.views = replace(stepped.views, sequence=sequence)
        self._outbox.add(sequence, stepped.effects)
        self._omitted = 0
        if self._steps >= self._limits.steps_per_snapshot or self._bytes >= self._limits.bytes_per_snapshot:
            self.snapshot()
            self._write_done()
        return self._result()

    def _recover(self, sequence: int, crash: str) -> Result:
        self._state = None
        try:
            found = recover(
                self._disk, self._machine, self._about, self._outbox, {sequence: 1}, self._limits.segment_bytes
            )
        except DiskError as error:
            self._journal = None
            self.halted = Halt(error.kind, error.detail)
            return self._result()
        self._adopt(found)
        self._omitted = self._omitted + 1 if sequence in found.report.omitted else 0
        if self._omitted >= self._limits.omitted_in_a_row:
            self.halted = Halt(STEP, f"it fails without any input: {crash}")
        return replace(self._result(), recovered=found.report)

    def _result(self) -> Result:
        effects = () if self.halted else self._outbox.take()
        return Result(self.sequence, self.now_ns, self.views, effects, self.halted, None, len(self._pending))

    def _take(self) -> list[tuple[Input, bytes]]:
        taken: list[tuple[Input, bytes]] = []
        room = self._limits.frame_bytes
        while self._pending and (not taken or len(self._pending[0][1]) <= room):
            room -= len(self._pending[0][1])
            taken += self._take_out(1)
        return taken

    def _take_out(self, n: int) -> list[tuple[Input, bytes]]:
        taken = [self._pending.popleft() for _ in range(n)]
        self._pending_bytes -= sum(len(encoded) for _, encoded in taken)
        return taken

    def _put_back(self, taken: list[tuple[Input, bytes]]) -> None:
        self._pending.extendleft(reversed(taken))
        self._pending_bytes += sum(len(encoded) for _, encoded in taken)

    def _write_done(self) -> None:
        self._dones = 0
        try:
            self._outbox.write(self._disk)
        except DiskError as error:
            self.snapshot_refused = str(error)
