"""The real disk: the same promises as the one with faults, and a process that is killed loses nothing it promised."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.doubles.faulty_disk import FaultyDisk
from tests.node.durable import toy

from manara.host.disk import FolderDisk
from manara.node.durable.disk import Disk, DiskError
from manara.node.durable.runner import Runner

ROUNDS = Path(__file__).parents[1] / "node" / "durable" / "kill_rounds.py"


def test_every_call_does_what_the_seam_says_on_both_disks(tmp_path: Path) -> None:
    both: list[Disk] = [FolderDisk(tmp_path / "node"), FaultyDisk()]
    for disk in both:
        disk.append("a.mnj", b"0123")
        disk.append("a.mnj", b"456789")
        disk.sync("a.mnj")
        assert disk.size("a.mnj") == 10
        assert disk.read("a.mnj", 8, 100) == b"89"
        assert disk.read("a.mnj", 3, 4) == b"3456"
        assert disk.read("a.mnj", 50, 4) == b""
        disk.truncate("a.mnj", 2)
        disk.append("a.mnj", b"x")
        assert disk.read("a.mnj", 0, 9) == b"01x"
        disk.write_whole("b.mns", b"old")
        disk.write_whole("b.mns", b"new!")
        assert disk.read("b.mns", 0, 9) == b"new!"
        disk.rename("b.mns", "a.mnj")
        assert disk.read("a.mnj", 0, 9) == b"new!"
        assert disk.names() == ["a.mnj"]
        disk.remove("a.mnj")
        assert disk.names() == []
        for refused in (disk.size, disk.remove, disk.sync):
            with pytest.raises(DiskError) as error:
                refused("a.mnj")
            assert error.value.kind == "missing"


def test_many_files_stay_within_the_bound_of_open_ones(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    for i in range(40):
        disk.append(f"f{i}", b"%d" % i)
    assert [disk.read(f"f{i}", 0, 9) for i in range(40)] == [b"%d" % i for i in range(40)]
    assert len(os.listdir("/proc/self/fd")) < 100
    for i in range(40):
        disk.sync(f"f{i}")
    disk.close()


def test_a_second_process_is_kept_out_until_the_first_ends(tmp_path: Path) -> None:
    first = FolderDisk(tmp_path)
    with pytest.raises(DiskError, match="another process runs this node") as error:
        FolderDisk(tmp_path)
    assert error.value.kind == "locked"
    first.close()
    FolderDisk(tmp_path).close()


def test_refusals_are_one_sentence_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DiskError, match="file") as error:
        FolderDisk(tmp_path / "file" / "node")
    assert error.value.kind == "missing"
    disk = FolderDisk(tmp_path / "node")
    for number, kind in ((errno.ENOSPC, "full"), (errno.EACCES, "denied"), (errno.EIO, "io")):

        def fail(*_: object, number: int = number) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "write", fail)
        monkeypatch.setattr(os, "fsync", fail)
        for call in (lambda: disk.append("a", b"x"), lambda: disk.write_whole("a", b"x"), lambda: disk.sync("a")):
            with pytest.raises(DiskError, match="node/") as error:
                call()
            assert error.value.kind == kind
            assert "\n" not in error.value.detail
        monkeypatch.undo()
    with pytest.raises(ValueError, match="no file name"):
        disk.append("../outside", b"x")


def test_short_writes_are_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FolderDisk(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    disk.append("a", bytes(range(100)))
    assert disk.read("a", 0, 200) == bytes(range(100))


def test_killing_the_process_loses_nothing_that_it_said_was_kept(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROUNDS), str(tmp_path), "40"], capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    kept = -1
    for line in done.stdout.splitlines():
        opened, *numbers = json.loads(line)
        assert kept < opened <= kept + 2  # all that was said, and at most what was in flight besides
        assert numbers == list(range(opened, opened + len(numbers)))
        kept = opened + len(numbers) - 1
    assert kept > 40
    disk = FolderDisk(tmp_path)
    seen = Runner(disk, toy.machine(), toy.ABOUT).state.seen
    assert [int(word[1:].split("-")[0]) for word in seen] == list(range(len(seen)))
    assert kept < len(seen) <= kept + 2
    disk.close()
