"""An input that crashes the step twice is found, passed over and journalled; all others are kept."""

from __future__ import annotations

import pytest
from tests.doubles.faulty_disk import FaultyDisk
from tests.node.durable import toy
from tests.node.durable.toy import ABOUT, SECOND, Killed, chunk

from manara.node.durable import journal, poison
from manara.node.durable.frames import Record, Verdict
from manara.node.durable.recovery import Machine
from manara.node.durable.runner import Limits, Runner
from manara.records.inputs import ClockJump, Input, Stepped


def run(disk: FaultyDisk, machine: Machine[toy.State] | None = None) -> Runner[toy.State]:
    return Runner(disk, machine or toy.machine(), ABOUT, Limits(steps_per_snapshot=5))


def verdicts(disk: FaultyDisk) -> list[Verdict]:
    return [one for one in journal.read(disk) if isinstance(one, Verdict)]


@pytest.mark.parametrize("places", [[0], [6], [3], [0, 6], [2, 3], [0, 1, 2, 3, 4, 5, 6]])
def test_an_input_that_raises_is_skipped_and_nothing_else(places: list[int]) -> None:
    disk = FaultyDisk()
    runner = run(disk)
    runner.offer([chunk("before")])
    runner.turn(SECOND)
    words = ["poison" if i in places else f"w{i}" for i in range(7)]
    runner.offer([chunk(word) for word in words])
    result = runner.turn(2 * SECOND)
    assert result.halted is None
    assert result.sequence == 2
    assert result.recovered is not None
    assert [one.why for one in result.recovered.poison] == ["poison"] * len(places)
    assert result.recovered.poison[0].data == b"poison"
    assert "ValueError: cannot stomach poison" in result.recovered.crash
    expected = ["before", *("skip" if word == "poison" else word for word in words)]
    assert runner.state.seen == expected
    assert verdicts(disk) == [Verdict(2, tuple(places))]
    assert [one.data.decode() for one in result.effects] == expected[1:]
    again = run(disk)
    assert again.state.seen == expected
    assert not again.report.crash  # the verdict stands: it is not tried again


def failing_halves(place: int, n: int) -> int:
    lo, hi, failing = 0, n, 0
    while hi - lo > 1:
        middle = (lo + hi) // 2
        failing += middle > place
        lo, hi = (lo, middle) if middle > place else (middle, hi)
    return failing


def test_an_input_that_kills_the_process_is_found_over_restarts() -> None:
    for place in range(6):
        disk = FaultyDisk()
        words = ["killer" if i == place else f"w{i}" for i in range(6)]
        deaths = 0
        runner = run(disk)
        runner.turn(SECOND)
        runner.offer([chunk(word) for word in words])
        with pytest.raises(Killed):
            runner.turn(2 * SECOND)
        for _ in range(20):
            try:
                runner = run(disk)
                break
            except Killed:
                deaths += 1
        assert runner.state.seen == ["skip" if word == "killer" else word for word in words]
        assert verdicts(disk) == [Verdict(2, (place,))]
        assert deaths == 2 + failing_halves(place, len(words))  # the second crash, the whole, the halves with it
        runner.offer([chunk("after")])
        assert runner.turn(3 * SECOND).halted is None
        assert run(disk).state.seen[-1] == "after"


def test_a_record_that_an_upgrade_cannot_stomach_in_the_middle_of_the_journal() -> None:
    disk = FaultyDisk()
    runner = run(disk)
    for i in range(4):
        runner.offer([chunk(f"w{i}"), chunk(f"v{i}")])
        runner.turn(i * SECOND)

    def picky(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        if any(getattr(one, "data", b"") == b"w1" for one in inputs):
            raise Killed("w1")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, picky, toy.dump, toy.load)
    for _ in range(12):
        try:
            runner = run(disk, machine)
            break
        except Killed:
            continue
    assert runner.state.seen == ["w0", "v0", "skip", "v1", "w2", "v2", "w3", "v3"]
    assert verdicts(disk) == [Verdict(2, (0,))]


def test_kills_that_are_nobodys_fault_skip_nothing() -> None:
    """The supervisor kills the process in every recovery at the same record; no trial finds it guilty."""
    disk = FaultyDisk()
    runner = run(disk)
    runner.offer([chunk("innocent")])
    runner.turn(SECOND)
    poison.write_attempt(disk, poison.Attempt(poison.REPLAY, 1, crashes=5))
    runner = run(disk)
    assert runner.state.seen == ["innocent"]
    assert verdicts(disk) == []


def test_inputs_that_crash_only_together() -> None:
    def jointly(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        data = [getattr(one, "data", b"") for one in inputs]
        if b"a" in data and b"b" in data:
            raise ValueError("a and b")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, jointly, toy.dump, toy.load)
    disk = FaultyDisk()
    runner = run(disk, machine)
    runner.offer([chunk(word) for word in "xaybz"])
    runner.turn(SECOND)
    assert runner.state.seen == ["x", "a", "y", "skip", "z"]


def test_a_step_that_fails_without_any_input_is_omitted_and_then_halts() -> None:
    def broken(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        if now_ns >= 3 * SECOND:
            raise ZeroDivisionError("time")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, broken, toy.dump, toy.load)
    disk = FaultyDisk()
    runner = run(disk, machine)
    halts = []
    for i in range(1, 8):
        runner.offer([chunk(f"w{i}")])
        halts.append(runner.turn(i * SECOND).halted)
    assert runner.state.seen == ["w1", "w2"]
    assert [bool(one) for one in halts] == [False, False, False, False, True, True, True]
    assert runner.halted is not None
    assert runner.halted.why == "step"
    assert "ZeroDivisionError: time" in runner.halted.detail
    assert [one.omit for one in verdicts(disk)] == [True] * 3


def test_a_crash_by_chance_costs_nothing_the_second_time() -> None:
    failures = iter([True])

    def flaky(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        if inputs and next(failures, False):
            raise MemoryError("for a moment")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, flaky, toy.dump, toy.load)
    disk = FaultyDisk()
    runner = run(disk, machine)
    runner.offer([chunk("w")])
    assert runner.turn(SECOND).recovered is not None
    assert runner.state.seen == ["w"]
    assert verdicts(disk) == []


def test_what_crashes_by_chance_again_and_again_is_omitted() -> None:
    calls = iter(range(1, 99))

    def flaky(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        if inputs and next(calls) in (1, 2, 4):  # live, replayed; not in the trial; and replayed once more
            raise MemoryError("now and then")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, flaky, toy.dump, toy.load)
    disk = FaultyDisk()
    runner = run(disk, machine)
    runner.offer([chunk("w")])
    runner.turn(SECOND)
    assert verdicts(disk) == [Verdict(1, omit=True)]
    assert runner.state.seen == []


def test_steps_that_fail_now_and_then_do_not_halt_the_node() -> None:
    def moody(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        if now_ns // SECOND % 3 != 0:
            raise ZeroDivisionError("time")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, moody, toy.dump, toy.load)
    runner = run(FaultyDisk(), machine)
    assert not any(runner.turn(i * SECOND).halted for i in range(12))


def test_poison_again_and_again_does_not_halt_the_node() -> None:
    runner = run(FaultyDisk())
    for i in range(9):
        runner.offer([chunk("poison"), chunk(f"w{i}")])
        assert runner.turn(i * SECOND).halted is None
    assert [word for word in runner.state.seen if word != "skip"] == [f"w{i}" for i in range(9)]


def test_a_panic_that_is_no_exception_is_caught() -> None:
    class Panic(BaseException):
        pass

    def panics(state: toy.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[toy.State]:
        if any(getattr(one, "data", b"") == b"p" for one in inputs):
            raise Panic("called unwrap on None")
        return toy.step(state, inputs, now_ns)

    machine = Machine(toy.machine().init, panics, toy.dump, toy.load)
    runner = run(FaultyDisk(), machine)
    runner.offer([chunk("p"), chunk("w")])
    assert runner.turn(SECOND).halted is None
    assert runner.state.seen == ["skip", "w"]


def test_finding_one_among_many_takes_logarithmic_trials() -> None:
    record = Record(9, SECOND, tuple(chunk("bad" if i == 700 else "good") for i in range(1000)))
    marks: list[poison.Attempt] = []

    def crashes(inputs: tuple[Input, ...]) -> bool:
        return any(getattr(one, "data", b"") == b"bad" for one in inputs)

    assert poison.find_poison(record, crashes, marks.append) == Verdict(9, (700,))
    assert len(marks) <= 14
    assert poison.find_poison(record, lambda inputs: True, marks.append).omit
    assert poison.find_poison(Record(1, 0, ()), lambda inputs: False, marks.append) == Verdict(1)


def test_more_guilty_inputs_than_can_be_named_pass_the_whole_record_over() -> None:
    record = Record(9, SECOND, tuple(chunk("bad") for _ in range(40)))

    def crashes(inputs: tuple[Input, ...]) -> bool:
        return any(getattr(one, "data", b"") == b"bad" for one in inputs)

    verdict = poison.find_poison(record, crashes, lambda _: None)
    assert verdict.skipped == tuple(range(40))
    assert len(poison.rejects(record, verdict)) == 40


def test_a_mark_that_cannot_be_read_suspects_nothing() -> None:
    disk = FaultyDisk()
    disk.write_whole(poison.NAME, b"\xff\x00 no mark")
    assert poison.read_attempt(disk) == poison.Attempt(poison.CLEAN)


def test_a_skip_for_an_input_without_feed() -> None:
    record = Record(3, SECOND, (ClockJump(5, 7),))
    (skip,) = poison.substitute(record, (0,))
    assert (skip.sequence, skip.feed, skip.received_ns) == (3, -1, 7)  # type: ignore[union-attr]  # it is a Skip
