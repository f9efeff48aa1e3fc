"""A disk that only looks behaves as the real one does, and the folder stays as it is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.cli.ledger_disk import Looking
from manara.host.vault import WipingDisk
from manara.node.durable.disk import DiskError

NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["append", "write_whole"]), NAMES, st.binary(max_size=8)),
        st.tuples(st.just("truncate"), NAMES, st.integers(0, 12)),
        st.tuples(st.sampled_from(["remove", "wipe", "sync"]), NAMES),
        st.tuples(st.just("rename"), NAMES, NAMES),
        st.tuples(st.just("read"), NAMES, st.integers(0, 12), st.integers(0, 12)),
    ),
    max_size=12,
)


def outcome(disk, step):
    name, *args = step
    try:
        if name == "truncate" and args[1] > disk.size(args[0]):
            return "longer"  # never asked of a disk
        return getattr(disk, name)(*args)
    except DiskError as fault:
        return fault.kind


def seen(disk):
    return {name: disk.read(name, 0, disk.size(name)) for name in disk.names()}


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_it_behaves_as_the_real_disk(steps):
    with tempfile.TemporaryDirectory() as scratch:
        one, other = Path(scratch) / "one", Path(scratch) / "other"
        one.mkdir()
        (one / "a").write_bytes(b"0123456789")
        (one / "b").write_bytes(b"xyz")
        (one / ".lock").write_bytes(b"")
        shutil.copytree(one, other)
        real, looking = WipingDisk(other), Looking(one)
        for step in steps:
            if step[0] in ("remove", "wipe", "sync", "truncate", "rename") and step[1] not in real.names():
                continue
            if step[0] == "rename" and step[1] == step[2]:
                continue
            assert outcome(looking, step) == outcome(real, step), step
            assert seen(looking) == seen(real), step
        real.close()
        assert sorted((p.name, p.read_bytes()) for p in one.iterdir()) == [
            (".lock", b""),
            ("a", b"0123456789"),
            ("b", b"xyz"),
        ]


def test_a_file_is_as_long_as_when_it_was_first_asked_for(tmp_path):
    (tmp_path / "a").write_bytes(b"0123")
    looking = Looking(tmp_path)
    assert looking.size("a") == 4
    (tmp_path / "a").write_bytes(b"0123456789")
    assert looking.read("a", 0, 100) == b"0123"
    looking.append("a", b"x")
    assert looking.read("a", 2, 100) == b"23x"


def test_what_is_not_there_is_missing(tmp_path):
    with pytest.raises(DiskError, match="missing"):
        Looking(tmp_path).size("a")
