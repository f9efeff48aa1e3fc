"""Hostile things on the disk: links and pipes in the way of an exit, journals made to break the reader."""

import asyncio
import os

import msgspec
import pytest

from manara.host import exits, kept
from manara.host.disk import FolderDisk
from manara.host.problems import BadInput
from manara.node.durable import frames, journal
from manara.node.durable.frames import About, Header
from manara.records.config import ExitConfig


def test_a_file_exit_follows_no_link_and_waits_for_no_pipe(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    out = tmp_path / "out.json"
    one = asyncio.run(exits.open_exit(ExitConfig(name="x", url=str(out), format="geojson")))
    for lay in (lambda p: p.symlink_to(victim), os.mkfifo):
        lay(tmp_path / "out.json.part")
        one.send([b"picture"])
        assert out.read_bytes() == b"picture"
        assert victim.read_bytes() == b"mine"
        out.unlink()


def _journal(folder, payload):
    head = frames.build_frame(frames.HEADER, frames.encode_header(Header(1, 1, 0, About("b"))))
    seed = int.from_bytes(head[12:16], "little")
    (folder / journal.segment_name(1)).write_bytes(head + frames.build_frame(frames.INPUTS, payload, seed))


@pytest.mark.parametrize(
    "payload",
    [
        b"\x91\x94\x01\x01\x90" + b"\x91" * 1_000_000 + b"\x00",  # nested a million deep
        b"\xdd\xff\xff\xff\xff\x93\x01\x01\x90",  # four milliards of records
        msgspec.msgpack.encode([[1, 2**64 - 1, []]]),
        msgspec.msgpack.encode([[1, -(2**63), []]]),
        msgspec.msgpack.encode([[1, 10**18, [["chunk", 0, b"x", 2**64 - 1, False]]]]),
    ],
)
def test_a_journal_that_is_made_to_break_the_reader_is_damage(tmp_path, payload):
    _journal(tmp_path, payload)
    disk = FolderDisk(tmp_path)
    try:
        with pytest.raises(BadInput, match="damaged"):
            list(kept.windows(disk))
    finally:
        disk.close()


def test_a_segment_that_states_a_terabyte_is_not_read_whole(tmp_path):
    _journal(tmp_path, msgspec.msgpack.encode([[1, 10**18, []]]))
    with (tmp_path / journal.segment_name(2)).open("wb") as sparse:
        sparse.truncate(1 << 40)
    disk = FolderDisk(tmp_path)
    try:
        assert len(list(kept.windows(disk))) == 1
    finally:
        disk.close()
