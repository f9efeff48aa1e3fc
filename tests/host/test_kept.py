"""A kept node: what was heard is played back bit for bit, and a killed process loses nothing that it journalled."""

import dataclasses
import os
import signal
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from tests.doubles import lantern

from manara.feeds.ais import encode
from manara.host import kept
from manara.host.disk import FolderDisk
from manara.host.problems import BadInput
from manara.node import state as node
from manara.node.durable import journal
from manara.node.durable.runner import Limits, Runner
from manara.node.step import step

S = 1_000_000_000


def bits(tracks) -> bytes:
    return b"".join(np.ascontiguousarray(getattr(tracks, f.name)).tobytes() for f in dataclasses.fields(tracks))


def test_playback_gives_the_same_tracks_bit_for_bit(tmp_path):
    config = lantern.config()
    one = kept.KeptNode(config, tmp_path / "n")
    lived = [bits(one.turn(inputs, now_ns).views.tracks) for now_ns, inputs in lantern.windows(20)]
    one.close()

    assert msgspec.msgpack.encode(kept.read_config(tmp_path / "n")) == msgspec.msgpack.encode(config)
    disk = kept.open_folder(tmp_path / "n")
    first_ns, last_ns, steps, differs = kept.summary(disk)
    windows = lantern.windows(20)
    assert (first_ns, last_ns, steps, differs) == (windows[0][0], windows[-1][0], 20, "")
    held = node.init(config)
    played = [bits(step(held, inputs, now_ns).views.tracks) for now_ns, inputs in kept.windows(disk)]
    disk.close()
    assert played == lived


def test_a_node_that_is_opened_again_goes_on_bit_for_bit(tmp_path):
    windows = lantern.windows(20)
    straight = node.init(lantern.config())
    expected = [bits(step(straight, inputs, now_ns).views.tracks) for now_ns, inputs in windows]
    for begin, end in ((0, 8), (8, 15), (15, 20)):
        one = kept.KeptNode(lantern.config(), tmp_path / "n")
        assert one.runner.sequence == begin
        got = [bits(one.turn(inputs, now_ns).views.tracks) for now_ns, inputs in windows[begin:end]]
        assert got == expected[begin:end]
        one.close()


def test_two_processes_cannot_run_one_node(tmp_path):
    one = kept.KeptNode(lantern.config(), tmp_path / "n")
    with pytest.raises(BadInput, match="another process"):
        kept.KeptNode(lantern.config(), tmp_path / "n")
    one.close()


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_a_folder_that_is_no_recording(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no recording"):
        kept.read_config(tmp_path / name)


NODE = """
import sys
from pathlib import Path
from manara.host import kept, numba_cache
numba_cache.configure()
from manara.records.config import NodeConfig
from manara.records.inputs import Chunk
from manara.records.sensors import FeedConfig
one = kept.KeptNode(NodeConfig(feeds=(FeedConfig(name="ais", url="-", format="ais"),)), Path(sys.argv[1]))
print("begun", one.runner.sequence, flush=True)
for line in sys.stdin.buffer:
    now_ns, _, data = line.partition(b" ")
    stepped = one.turn((Chunk(0, data, int(now_ns)),), int(now_ns))
    print(stepped.views.sequence, len(stepped.views.tracks), flush=True)
"""


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged, sent = 0, 0
    for life in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", NODE, str(tmp_path / "n")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ,
        )
        assert int(child.stdout.readline().split()[1]) >= acknowledged
        for _ in range(10 + life):
            sent += 1
            now_ns = 1_772_359_200 * S + sent * S
            said = {"mmsi": 291000000 + sent, "lat": -47.0 + sent / 10, "lon": -120.0, "speed": 1.0, "course": 2.0}
            child.stdin.write(b"%d " % now_ns + encode.sentences(1, said))
            child.stdin.flush()
            acknowledged, tracks = (int(x) for x in child.stdout.readline().split())
            assert tracks == acknowledged, "each line makes one vessel, and none was lost"
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
    again = kept.KeptNode(kept.read_config(tmp_path / "n"), tmp_path / "n")
    assert again.runner.sequence == acknowledged
    assert len(again.runner.views.tracks) == acknowledged
    again.close()


def test_other_feeds_begin_anew_and_the_earlier_life_is_kept(tmp_path):
    one = kept.KeptNode(lantern.config(), tmp_path / "n")
    for now_ns, inputs in lantern.windows(20)[:3]:
        one.turn(inputs, now_ns)
    one.close()
    feeds = lantern.config().feeds
    other = msgspec.structs.replace(lantern.config(), feeds=feeds[::-1], title="new")
    two = kept.KeptNode(other, tmp_path / "n")
    assert (two.runner.sequence, two.begun_anew.startswith("before-")) == (0, True)
    two.close()
    disk = kept.open_folder(tmp_path / "n" / two.begun_anew)
    assert kept.summary(disk)[2] == 3
    disk.close()
    same = kept.KeptNode(msgspec.structs.replace(other, title="newer"), tmp_path / "n")
    assert same.begun_anew == "", "a title changes nothing that a journal means"
    same.close()


def test_an_old_journal_is_removed_and_the_node_still_comes_back(tmp_path):
    limits = Limits(segment_bytes=60_000, steps_per_snapshot=5)
    disk = FolderDisk(tmp_path / "n")
    one = Runner(disk, kept.machine(lantern.config()), kept.about(), limits)
    windows = lantern.windows(20)[:18]
    for now_ns, inputs in windows:
        one.offer(inputs)
        one.turn(now_ns)
    segments = len(journal.segments(disk))
    assert segments > 3
    assert kept.prune(disk, one, 0, windows[-1][0]) == []
    assert kept.prune(disk, one, 3600 * S, windows[-1][0]) == [], "nothing is an hour old"
    gone = kept.prune(disk, one, 8 * S, windows[-1][0])
    assert 0 < len(gone) < segments
    first = journal.segments(disk)[0][0]
    assert windows[first - 1][0] <= windows[-1][0] - 8 * S, "what is younger than eight seconds is all there"
    before = bits(one.views.tracks)
    disk.close()
    disk = FolderDisk(tmp_path / "n")
    again = Runner(disk, kept.machine(lantern.config()), kept.about(), limits)
    assert (again.sequence, bits(again.views.tracks)) == (18, before)
    disk.close()


def test_a_full_disk_halts_and_says_so(tmp_path, monkeypatch):
    from manara.node.durable.disk import DiskError

    one = kept.KeptNode(lantern.config(), tmp_path / "n")
    windows = lantern.windows(20)
    one.turn(windows[0][1], windows[0][0])
    real = one._disk.sync

    def full(_name):
        raise DiskError("full", "no space is left; make room and the node goes on")

    monkeypatch.setattr(one._disk, "sync", full)
    halted = one.turn(windows[1][1], windows[1][0]).views
    assert "full" in halted.trouble
    monkeypatch.setattr(one._disk, "sync", real)
    on = one.turn(windows[2][1], windows[2][0]).views
    assert (on.trouble, on.now_ns) == ("", windows[2][0])
    one.close()


def test_without_a_clean_end_the_journal_is_replayed(tmp_path):
    one = kept.KeptNode(lantern.config(), tmp_path / "n")
    for now_ns, inputs in lantern.windows(20):
        one.turn(inputs, now_ns)
    one._disk.close()  # as if the process had died: no snapshot, no clean end
    again = kept.KeptNode(lantern.config(), tmp_path / "n")
    assert again.runner.report.frames == 20
    assert (again.runner.sequence, again.runner.now_ns) == (20, lantern.windows(20)[-1][0])
    again.close()
