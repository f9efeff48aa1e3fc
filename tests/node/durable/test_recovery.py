"""Whatever the disk does at whatever moment: what was acknowledged is there once, in order."""

from __future__ import annotations

import random

import pytest
from tests.doubles.faulty_disk import FaultyDisk, PowerCut
from tests.node.durable import toy
from tests.node.durable.toy import ABOUT, SECOND, chunk

from manara.node.durable import journal, outbox, snapshot
from manara.node.durable.frames import About
from manara.node.durable.recovery import Machine
from manara.node.durable.runner import Limits, Runner

SMALL = Limits(steps_per_snapshot=4, segment_bytes=700, done_per_write=3)
STEPS = 14


def run(disk: FaultyDisk, about: About = ABOUT, limits: Limits = SMALL) -> Runner[toy.State]:
    return Runner(disk, toy.machine(), about, limits)


def live(disk: FaultyDisk, acknowledged: list[str], first: int = 0, steps: int = STEPS) -> Runner[toy.State]:
    """Take some inputs in; ``acknowledged`` grows as turns return."""
    runner = run(disk)
    for i in range(first, first + steps):
        words = [f"w{i}-{k}-{'x' * (17 * i % 60)}" for k in range(i % 4)]
        assert runner.offer([chunk(word) for word in words]) == ()
        result = runner.turn(i * SECOND)
        assert result.halted is None
        acknowledged += words
        runner.done([one.effect_id for one in result.effects])
    runner.close()
    return runner


def count_operations() -> int:
    disk = FaultyDisk()
    live(disk, [])
    return disk.operations


OPERATIONS = count_operations()


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_at_any_operation_loses_nothing_acknowledged_and_doubles_nothing(seed: int) -> None:
    for cut_at in range(1, OPERATIONS + 1):
        disk = FaultyDisk(seed * 1000 + cut_at)
        disk.cut_at = cut_at
        acknowledged: list[str] = []
        with pytest.raises(PowerCut):
            live(disk, acknowledged)
        disk.power_on()
        runner = run(disk)
        assert runner.halted is None, (seed, cut_at, runner.halted)
        seen = [*runner.state.seen]
        assert seen[: len(acknowledged)] == acknowledged, (seed, cut_at)
        assert len(seen) - len(acknowledged) < 4, (seed, cut_at)  # at most the record that was being written
        runner.offer([chunk("after")])
        assert runner.turn(99 * SECOND).halted is None
        again = run(disk)
        assert again.state.seen == [*seen, "after"], (seed, cut_at)


def test_two_power_cuts_in_a_row_the_second_during_recovery() -> None:
    for cut_at in range(5, OPERATIONS, 7):
        for second in range(1, 9):
            disk = FaultyDisk(cut_at * 100 + second)
            disk.cut_at = cut_at
            acknowledged: list[str] = []
            with pytest.raises(PowerCut):
                live(disk, acknowledged)
            disk.power_on()
            disk.cut_at = disk.operations + second
            try:
                runner = run(disk)
                runner.offer([chunk("between")])
                runner.turn(50 * SECOND)
                acknowledged = [*runner.state.seen]
            except PowerCut:
                disk.power_on()
            disk.cut_at = 0
            runner = run(disk)
            assert runner.halted is None, (cut_at, second, runner.halted)
            assert runner.state.seen[: len(acknowledged)] == acknowledged, (cut_at, second)
            assert "skip" not in runner.state.seen, (cut_at, second)


def test_what_a_killed_process_had_written_and_not_synced_is_synced_before_it_counts() -> None:
    for seed in range(20):
        disk = FaultyDisk(seed)
        runner = run(disk, limits=Limits())
        runner.turn(SECOND)
        disk.cut_at = disk.operations + 2  # the sync of the next record, and the machine keeps its memory
        runner.offer([chunk("unsynced")])
        with pytest.raises(PowerCut):
            runner.turn(2 * SECOND)
        disk.cut_at = 0
        seen = [*run(disk).state.seen]
        disk.power_on()
        assert run(disk).state.seen == seen


def test_the_recovered_state_goes_on_as_the_one_that_never_stopped() -> None:
    steady, stopped = FaultyDisk(), FaultyDisk()
    live(steady, [])
    for first in range(0, STEPS, 2):
        live(stopped, [], first, 2)
    assert toy.dump(run(stopped).state) == toy.dump(run(steady).state)


def test_a_tick_costs_one_sync() -> None:
    disk = FaultyDisk()
    runner = run(disk, limits=Limits())
    runner.turn(SECOND)
    before = disk.operations
    for i in range(100):
        runner.offer([chunk(f"w{i}")])
        runner.turn((2 + i) * SECOND)
    assert disk.operations - before == 200  # an append and a sync each


def test_both_snapshots_damaged_falls_back_to_the_whole_journal() -> None:
    disk = FaultyDisk()
    acknowledged: list[str] = []
    live(disk, acknowledged)
    newest, older = snapshot.names(disk)
    disk.rot(newest, disk.size(newest) // 2)
    runner = run(disk)
    assert runner.report.snapshot == int(older[9:29])
    assert "checksum" in runner.report.snapshots_damaged[0]
    assert runner.state.seen == acknowledged
    disk.rot(older, 3)
    runner = run(disk)
    assert runner.report.snapshot == 0
    assert runner.report.frames == STEPS
    assert runner.state.seen == acknowledged


def test_a_snapshot_whose_state_does_not_load_falls_back_to_the_journal() -> None:
    disk = FaultyDisk()
    acknowledged: list[str] = []
    live(disk, acknowledged)

    def refuse(plain: object) -> toy.State:
        raise KeyError("a field of yesterday")

    machine = toy.machine()
    runner = Runner(disk, Machine(machine.init, machine.step, machine.dump, refuse), ABOUT, SMALL)
    assert runner.report.snapshot == 0
    assert "KeyError" in runner.report.snapshots_damaged[0]
    assert runner.state.seen == acknowledged


def test_a_snapshot_of_another_build_is_not_used_and_the_journal_names_both() -> None:
    disk = FaultyDisk()
    acknowledged: list[str] = []
    live(disk, acknowledged)
    runner = run(disk, About("build-b"))
    assert len(runner.report.snapshots_of_other_builds) == 2
    assert runner.report.frames == STEPS
    assert runner.state.seen == acknowledged
    runner.turn(99 * SECOND)
    headers = [journal.read_header(disk, name) for _, name in journal.segments(disk)]
    builds = [one.about.build for one in headers if not isinstance(one, str)]
    assert builds[-2:] == ["build-a", "build-b"]


def test_a_pruned_journal_says_so_when_another_build_must_replay_it() -> None:
    disk = FaultyDisk()
    live(disk, [])
    runner = run(disk)
    assert runner.prune(10_000)
    assert run(disk).state.seen == runner.state.seen
    first = journal.segments(disk)[0][0]
    assert run(disk, About("build-b")).report.pruned_before == first > 1


def test_a_torn_tail_is_cut_and_counted() -> None:
    for torn in range(1, 40):
        disk = FaultyDisk()
        acknowledged: list[str] = []
        live(disk, acknowledged, steps=3)
        name = journal.segments(disk)[-1][1]
        disk.append(name, b"MNJF" + random.Random(torn).randbytes(torn))
        disk.sync(name)
        runner = run(disk)
        assert runner.report.torn_bytes == torn + 4
        assert runner.state.seen == acknowledged
        assert run(disk).report.torn_bytes == 0


def test_rot_of_any_byte_in_the_middle_is_reported_and_never_skipped() -> None:
    disk = FaultyDisk()
    live(disk, [], steps=6)
    for name in [*snapshot.names(disk), outbox.NAME]:  # so that effects wait
        disk.remove(name)
    name = journal.segments(disk)[0][1]
    clean = run(disk).state.seen
    records = [one for one in journal.read(disk) if not isinstance(one, journal.End)]
    last = len(records) - 1
    for offset in range(disk.size(name)):
        before = disk.read(name, 0, disk.size(name))
        disk.rot(name, offset)
        end = [*journal.read(disk)][-1]
        assert isinstance(end, journal.End)
        assert end.damage or (end.torn_bytes and end.next_sequence > last), offset
        runner = run(disk)
        if end.damage:
            assert runner.halted is not None
            assert runner.halted.why == "damaged"
            assert name in runner.halted.detail
            assert runner.resume() is runner.halted  # it needs a person
            assert runner.turn(99 * SECOND).effects == ()
            assert clean[: len(runner.state.seen)] == runner.state.seen
        disk.write_whole(name, before)


def test_a_person_may_set_damaged_bytes_aside_and_go_on() -> None:
    disk = FaultyDisk()
    live(disk, [], steps=6)
    for name in snapshot.names(disk):
        disk.remove(name)
    name = journal.segments(disk)[0][1]
    disk.rot(name, disk.size(name) // 2)
    runner = run(disk)
    assert runner.report.damage is not None
    prefix = [*runner.state.seen]
    kept = journal.set_aside(disk, runner.report.damage)
    assert all(one in disk.names() for one in kept)
    runner = run(disk)
    assert runner.halted is None
    runner.offer([chunk("on")])
    runner.turn(50 * SECOND)
    assert run(disk).state.seen == [*prefix, "on"]


def test_a_journal_shorter_than_its_snapshot_is_damage() -> None:
    disk = FaultyDisk()
    live(disk, [])
    for name in snapshot.names(disk)[1:]:
        disk.remove(name)
    name = journal.segments(disk)[-1][1]
    disk.truncate(name, disk.size(name) - 1)
    disk.sync(name)
    halted = run(disk).halted
    assert halted is not None
    assert "short_journal" in halted.detail
    for _, name in journal.segments(disk):
        disk.remove(name)
    halted = run(disk).halted
    assert halted is not None
    assert "short_journal" in halted.detail
