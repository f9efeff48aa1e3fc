"""Run as a program by tests/host/test_disk.py: forks a process that takes numbered inputs on the real disk and says
each once it is kept, kills it in the midst of that, and prints what it had said. One line of JSON per round."""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.node.durable import toy

from manara.host.disk import FolderDisk
from manara.node.durable.runner import Limits, Runner

LIMITS = Limits(steps_per_snapshot=40, segment_bytes=20_000)


def work(folder: str, out: int) -> None:
    """Never returns."""
    runner = Runner(FolderDisk(folder), toy.machine(), toy.ABOUT, LIMITS)
    os.write(out, b"%d\n" % len(runner.state.seen))
    while True:
        i = len(runner.state.seen)
        runner.offer([toy.chunk(f"w{i}-{'x' * (i * 37 % 700)}")])
        assert runner.turn(i * toy.SECOND).halted is None
        os.write(out, b"%d\n" % i)


def kill_one(folder: str, after_s: float) -> list[int]:
    """What a process said before its death, ``after_s`` after its first word."""
    here, there = os.pipe()
    child = os.fork()
    if not child:
        try:
            work(folder, there)
        finally:
            os._exit(3)
    os.close(there)
    said = os.read(here, 1 << 16)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    while more := os.read(here, 1 << 16):
        said += more
    os.close(here)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the process ended by itself, status {status}")
    return [int(line) for line in said.split(b"\n")[:-1]]  # a line that the kill cut in half was not said


def main() -> None:
    chance = random.Random(24)
    for _ in range(int(sys.argv[2])):
        print(json.dumps(kill_one(sys.argv[1], 0.06 * chance.random() ** 2)), flush=True)


if __name__ == "__main__":
    main()
