"""The runner's rules: refusals of the disk, bounds, the clock, and what leaves."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.doubles.faulty_disk import FaultyDisk, PowerCut
from tests.node.durable import toy
from tests.node.durable.toy import ABOUT, SECOND, chunk

from manara.node.durable import journal, outbox, snapshot
from manara.node.durable.clock import LEAP_NS, NodeClock
from manara.node.durable.disk import DiskError
from manara.node.durable.frames import Record
from manara.node.durable.outbox import Outbox, effect_id
from manara.node.durable.runner import Limits, Runner
from manara.records.inputs import Away, Chunk, ClockJump, Send


def run(disk: FaultyDisk, limits: Limits | None = None) -> Runner[toy.State]:
    return Runner(disk, toy.machine(), ABOUT, limits or Limits(steps_per_snapshot=4))


def test_a_full_disk_halts_reads_only_and_goes_on_when_there_is_room() -> None:
    for full_at in range(4, 40):
        disk = FaultyDisk(full_at)
        runner = run(disk)
        offered: list[str] = []
        disk.full_at = full_at
        for i in range(12):
            offered.append(f"w{i}")
            assert runner.offer([chunk(f"w{i}")]) == ()
            result = runner.turn(i * SECOND)
            if result.halted:
                assert result.halted.why == "full"
                assert "no space" in result.halted.detail
                assert result.views.sequence == runner.sequence  # the last views stay readable
                assert result.effects == ()
        disk.room()
        if runner.halted:
            assert runner.resume() is None
            runner.turn(20 * SECOND)
        assert runner.state.seen == offered
        assert run(disk).state.seen == offered


def test_a_failed_sync_halts_until_resumed_and_loses_and_doubles_nothing() -> None:
    for at in range(3, 40):
        disk = FaultyDisk(at)
        runner = run(disk)
        disk.sync_fails_at = at
        offered: list[str] = []
        for i in range(9):
            offered.append(f"w{i}")
            runner.offer([chunk(f"w{i}")])
            if (halted := runner.turn(i * SECOND).halted) is not None:
                assert halted.why == "io"
                assert runner.resume() is None
        runner.turn(20 * SECOND)
        assert runner.state.seen == offered, at
        disk.power_on()
        assert run(disk).state.seen == offered, at


def test_a_record_that_was_refused_and_yet_stands_on_the_disk_is_not_taken_twice() -> None:
    class Stubborn(FaultyDisk):
        def truncate(self, name: str, size: int) -> None:
            raise DiskError("io", f"{name}: not even that")

    disk = Stubborn()
    runner = run(disk)
    runner.offer([chunk("a")])
    runner.turn(SECOND)
    disk.sync_fails_at = disk.operations + 2
    runner.offer([chunk("b"), chunk("c")])
    assert runner.turn(2 * SECOND).halted is not None
    runner.offer([chunk("d")])
    assert runner.resume() is None
    assert runner.turn(3 * SECOND).halted is None
    assert runner.state.seen == ["a", "b", "c", "d"]


def test_opening_on_a_full_disk_says_so_and_resumes() -> None:
    disk = FaultyDisk()
    disk.full_at = 1
    runner = run(disk)
    assert runner.halted is not None
    assert runner.halted.why == "full"
    assert runner.turn(SECOND).halted is runner.halted
    with pytest.raises(RuntimeError, match="no space"):
        _ = runner.state
    runner.close()
    disk.room()
    assert runner.resume() is None
    runner.offer([chunk("w")])
    assert runner.turn(SECOND).halted is None


def test_a_snapshot_that_finds_no_room_is_said_and_costs_nothing() -> None:
    class NoSnapshots(FaultyDisk):
        def write_whole(self, name: str, data: bytes) -> None:
            if name.startswith("snapshot-"):
                self.full_at = self.operations + 1
            super().write_whole(name, data)

    disk = NoSnapshots()
    runner = run(disk)
    for i in range(4):
        runner.offer([chunk(f"w{i}")])
        assert runner.turn(i * SECOND).halted is None
    assert "no space" in runner.snapshot_refused
    disk.room()
    runner = run(disk)
    assert runner.state.seen == ["w0", "w1", "w2", "w3"]


def test_what_does_not_fit_is_given_back_to_be_counted() -> None:
    runner = run(FaultyDisk(), Limits(pending_bytes=1000))
    big, small = chunk("b" * 980), chunk("s")
    assert runner.offer([chunk("x" * 500), big, small]) == (big,)
    runner.turn(SECOND)
    assert runner.offer([big]) == ()
    huge = Chunk(1, bytes(5 << 20), 0)
    assert run(FaultyDisk()).offer([huge]) == (huge,)
    wrong = Chunk("one", b"", 0)  # type: ignore[arg-type]  # a fault of a caller must not reach the journal
    assert run(FaultyDisk()).offer([wrong]) == (wrong,)


def test_more_than_a_frame_holds_waits_for_the_next_turn() -> None:
    runner = run(FaultyDisk(), Limits(frame_bytes=1000))
    words = [f"{i}" * 300 for i in range(7)]
    runner.offer([chunk(word) for word in words])
    left = [runner.turn(i * SECOND).left for i in range(3)]
    assert left == [4, 1, 0]
    assert runner.state.seen == words


def test_the_clock_never_goes_back_and_a_jump_is_an_input() -> None:
    disk = FaultyDisk()
    runner = run(disk)
    times = [100, 101, 102, 40, 41, 42, 1000, 1001, 990, 991]
    nows = [runner.turn(s * SECOND).now_ns for s in times]
    assert nows == sorted(nows)
    jumps = [
        one.by_ns // SECOND
        for record in journal.read(disk)
        if isinstance(record, journal.Record)
        for one in record.inputs
        if isinstance(one, ClockJump)
    ]
    leapt = (nows[6] - nows[5]) // SECOND  # the gap of the clock that went back is closed first
    assert jumps == [-62, leapt]
    assert nows[6] == 1000 * SECOND  # a leap forward closes the gap
    reopened = run(disk)
    assert reopened.turn(5000 * SECOND).now_ns == 5000 * SECOND
    assert "clockjump" not in reopened.state.seen[2:]  # being off is no jump
    behind = run(disk)
    assert behind.turn(4000 * SECOND).now_ns == 5000 * SECOND
    assert behind.state.seen[-1] == "clockjump"


@given(st.lists(st.integers(-(10**13), 10**13), min_size=1, max_size=50), st.integers(0, 10**12))
def test_node_time_is_monotone_for_any_clock(offered: list[int], last_ns: int) -> None:
    clock = NodeClock(last_ns)
    read = [clock.read(one)[0] for one in offered]
    assert read == sorted(read)
    assert read[0] >= last_ns
    assert clock.ahead_ns >= 0
    assert clock.stamp(offered[-1]) <= read[-1]


Clocks = st.lists(
    st.tuples(st.integers(0, 400 * SECOND), st.one_of(st.just(0), st.integers(-(10**13), 10**13))), min_size=2
)


@given(Clocks, st.booleans())
def test_node_time_passes_no_faster_than_time_but_by_what_is_said(moves: list[tuple[int, int]], stamped: bool) -> None:
    """What a delay rests on: take away what was said of leaps, and node time never outran the steady clock."""
    clock, steady_ns, set_ns = NodeClock(), 10**15, 0
    began = clock.read(10**18, steady_ns)[0], steady_ns
    said_ns = last_ns = 0
    for passed_ns, by_ns in moves:
        steady_ns, set_ns = steady_ns + passed_ns, set_ns + by_ns
        machine_ns = 10**18 + steady_ns - began[1] + set_ns
        at_ns = clock.stamp(machine_ns, steady_ns) if stamped else 0
        now_ns, jump_ns = clock.read(machine_ns, steady_ns)
        said_ns += max(0, jump_ns)
        assert now_ns - began[0] - said_ns <= steady_ns - began[1] + LEAP_NS
        assert now_ns >= max(last_ns, at_ns)
        last_ns = now_ns


def test_a_clock_that_is_set_right_again_closes_the_gap_and_does_not_run_into_the_future() -> None:
    """Found by the simulator: twenty seconds back, and after a while right again."""
    clock, start = NodeClock(), 1000 * SECOND
    clock.read(start, 0)
    for s in range(1, 25):
        clock.read(start + (s - 20) * SECOND, s * SECOND)
    stamped = clock.stamp(start + 25 * SECOND, 25 * SECOND)
    now_ns, leapt_ns = clock.read(start + 25 * SECOND, 25 * SECOND)
    assert now_ns == stamped == start + 25 * SECOND
    assert leapt_ns == 3 * SECOND  # node time had lost an eighth of 24 seconds
    assert clock.ahead_ns == 0


def test_what_waits_is_told_that_the_node_was_off() -> None:
    disk = FaultyDisk()
    first = run(disk)
    first.turn(10 * SECOND)
    first.turn(11 * SECOND)
    again = run(disk)
    again.turn(3_000 * SECOND)
    again.turn(3_001 * SECOND)
    said = [one for record in journal.read(disk) if isinstance(record, Record) for one in record.inputs]
    assert said == [Away(2_989 * SECOND, 3_000 * SECOND)]


def test_a_clock_that_went_back_is_caught_up_with() -> None:
    clock = NodeClock()
    clock.read(1000 * SECOND)
    clock.read(920 * SECOND)
    assert clock.ahead_ns == 80 * SECOND
    for s in range(921, 2000):
        clock.read(s * SECOND)
    assert clock.ahead_ns == 0
    assert clock.read(2000 * SECOND) == (2000 * SECOND, 0)


def test_nothing_leaves_before_its_cause_is_synced_and_repeats_carry_their_id() -> None:
    for cut_at in range(3, 40):
        disk = FaultyDisk(cut_at)
        disk.cut_at = cut_at
        runner, sent = None, {}
        try:
            runner = run(disk)
            for i in range(9):
                runner.offer([chunk(f"w{i}")])
                for one in runner.turn(i * SECOND).effects:
                    sent[one.effect_id] = one.data
        except PowerCut:
            pass
        disk.power_on()
        runner = run(disk)
        again = {one.effect_id: one.data for one in runner.waiting()}
        assert sent.items() <= again.items(), cut_at  # none was done, so all are still held, under the same ids
        assert [one.effect_id for one in runner.turn(50 * SECOND).effects] == sorted(again)


def test_done_effects_do_not_leave_again_after_an_orderly_end_and_few_after_a_crash() -> None:
    disk = FaultyDisk()
    runner = run(disk)
    for i in range(10):
        runner.offer([chunk(f"w{i}"), chunk(f"v{i}")])
        effects = runner.turn(i * SECOND).effects
        runner.done([effects[0].effect_id])
    crashed = run(disk)
    waiting = [one.data for one in crashed.waiting()]
    assert [one for one in waiting if one.startswith(b"v")] == [f"v{i}".encode() for i in range(10)]
    assert [one for one in waiting if one.startswith(b"w")] == [b"w7", b"w8", b"w9"]  # done after the last snapshot
    crashed.done([one.effect_id for one in crashed.waiting()])
    crashed.close()
    assert run(disk).waiting() == ()


def test_the_outbox_is_bounded_and_counts_what_it_drops() -> None:
    box = Outbox(max_effects=3, max_bytes=10)
    box.add(1, tuple(Send(0, "x", b"ab") for _ in range(5)))
    assert (len(box), box.dropped) == (3, 2)
    box.add(2, (Send(0, "x", b"0123456789"),))
    assert [one.effect_id for one in box.waiting()] == [effect_id(2, 0)]
    assert box.dropped == 5
    assert [one.effect_id for one in box.take()] == [effect_id(2, 0)]
    assert box.take() == ()
    with pytest.raises(ValueError, match="at most"):
        effect_id(1, outbox.PER_STEP)


def test_done_in_any_order_survives_and_a_damaged_file_means_repeats() -> None:
    disk = FaultyDisk()
    box = Outbox()
    effects = tuple(Send(0, "x", b"%d" % i) for i in range(6))
    box.add(1, effects)
    box.done([effect_id(1, 4), effect_id(1, 0), effect_id(1, 1), 77])
    box.write(disk)
    again = Outbox()
    again.read(disk)
    again.add(1, effects)
    assert [one.data for one in again.waiting()] == [b"2", b"3", b"5"]
    kept = box.dump()
    box.done([one.effect_id for one in box.waiting()])
    kept_later = box.dump()
    box.write(disk)
    reopened = Outbox()
    reopened.read(disk)
    reopened.begin(kept)
    assert len(reopened) == 0
    reopened = Outbox()
    reopened.begin(kept_later)
    reopened.done([])
    reopened.write(disk)  # nothing waits: all that the snapshot knew is done
    again = Outbox()
    again.read(disk)
    again.add(1, effects)
    assert len(again) == 0
    disk.write_whole(outbox.NAME, b"\x00")
    third = Outbox()
    third.read(disk)
    third.add(1, effects)
    assert len(third) == 6


def test_a_step_may_use_the_views_sequence() -> None:
    runner = run(FaultyDisk())
    assert [runner.turn(i * SECOND).views.sequence for i in range(3)] == [1, 2, 3]
    assert runner.stamp(2 * SECOND + 7) == 2 * SECOND + 7
    assert runner.stamp(7) == 2 * SECOND + 7, "what was stamped later is not older"


def test_an_orderly_end_suspects_nothing_and_replays_nothing() -> None:
    disk = FaultyDisk()
    runner = run(disk)
    runner.offer([chunk("w")])
    runner.turn(SECOND)
    runner.close()
    report = run(disk).report
    assert dataclasses.replace(report, snapshot=0) == type(report)()
    assert report.snapshot == 1
    assert len(snapshot.names(disk)) == 1
