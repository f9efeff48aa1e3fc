"""kill -9 in the middle of publishing, on the real disk; and readers beside the publisher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.doubles.a_log import ORIGIN, SIGNER, all_of, proves, publish

from manara.host.disk import FolderDisk
from manara.host.log_store import LogStore
from manara.host.vault import Vault, WipingDisk

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from tests.doubles.a_log import publish
from tests.host.test_log_kill import opened
log = opened(Path(sys.argv[1]))
for number in range(log.size, 1_000_000):
    done = publish(log, number, range(40))
    print(done.leaf, done.root.hex(), flush=True)
    if number % 5 == 4:
        log.erase("arvena", number % 7, 0, 1 << 40)
"""


def opened(folder: Path) -> LogStore:
    vault = Vault(WipingDisk(folder / "vault"))
    return LogStore(FolderDisk(folder / "log"), SIGNER, vault, ORIGIN, "arvena", segment_bytes=20_000)


def killed_after(folder: Path, lines: int) -> list[tuple[int, str]]:
    """Publish in another process until so many answers were seen, then kill it; all answers that it gave."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        said = [child.stdout.readline() for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
    return [(int(one.split()[0]), one.split()[1]) for one in said if one.endswith("\n")]


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_row_19_kill_nine_loses_nothing_that_was_answered_and_doubles_nothing(tmp_path, rounds):
    told: dict[int, str] = {}
    for number in range(rounds):
        answers = killed_after(tmp_path, 3 + 7 * number % 20)
        assert not [leaf for leaf, root in answers if told.setdefault(leaf, root) != root]
        log = opened(tmp_path)
        assert len(told) <= log.size <= len(told) + 1
        if log.size > len(told):
            told[log.size - 1] = publish(log, log.size - 1, range(40)).root.hex()  # the step repeats what was not said
        assert log.size == len(told)
        for found in all_of(log).values():
            assert [one.offset for one in found] == list(range(log.size))
            assert not [fault for one in found[-30:] if (fault := proves(log, one))]
        log.close()


def test_readers_see_whole_entries_while_ticks_are_published(tmp_path):
    log, stop, faults = opened(tmp_path), threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            for name, following in log.heads().items():
                found = log.read(name, max(following - 3, 0), 3, 1 << 20)
                faults.extend(fault for one in found if (fault := proves(log, one)))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    for number in range(60):
        publish(log, number)
    stop.set()
    for one in readers:
        one.join()
    log.close()
    assert not faults
