"""What explain and preview read of a node's journal: the newest of it, once, under the numbers of the desk."""

from __future__ import annotations

import collections

import msgspec
import numpy as np
import pytest
from tests.doubles import lantern

from manara.cli import agreement_journal as looked
from manara.host import backfill, kept
from manara.host.disk import FolderDisk
from manara.host.problems import BadInput
from manara.node.durable import frames, journal
from manara.node.durable.journal import End, Journal
from manara.records.config import NodeConfig
from manara.records.inputs import Chunk

S = 10**9
BEGIN_NS = 1_793_491_200 * S


@pytest.fixture
def node(tmp_path):
    made = kept.KeptNode(lantern.config(), tmp_path / "n")
    yield made
    made.close()


def numbers(views) -> dict[int, int]:
    return dict(zip(views.tracks.track_id.tolist(), views.tracks.number.tolist(), strict=True))


def test_row_13_from_the_newest_snapshot_everything_stands_as_on_the_desk(node, tmp_path, monkeypatch):
    """The first minute is only in the snapshot; the records behind it are played, those before it are not read."""
    windows = lantern.windows(30)
    for now_ns, inputs in windows[:20]:
        node.turn(inputs, now_ns)
    node.runner.snapshot()
    for now_ns, inputs in windows[20:]:
        seen = node.turn(inputs, now_ns).views
    played, play = [], looked._played

    def counted(turn, some):
        played.append(len(some))
        return play(turn, some)

    monkeypatch.setattr(looked, "_played", counted)
    views, now_ns = looked.last(tmp_path / "n", lantern.config())
    assert played == [10]
    assert now_ns == windows[-1][0]
    assert numbers(views) == numbers(seen)
    assert np.array_equal(np.sort(views.tracks.lat_rad), np.sort(seen.tracks.lat_rad))


def test_row_13_at_a_snapshot_with_nothing_behind_it_its_own_picture_is_seen(node, tmp_path):
    for now_ns, inputs in lantern.windows(20):
        seen = node.turn(inputs, now_ns).views
    node.runner.snapshot()
    views, now_ns = looked.last(tmp_path / "n", lantern.config())
    assert numbers(views) == numbers(seen)
    assert now_ns == lantern.windows(20)[-1][0]


def test_a_snapshot_of_another_build_is_not_used_and_a_short_journal_is_played_whole(
    node, tmp_path, monkeypatch, capsys
):
    for now_ns, inputs in lantern.windows(20):
        seen = node.turn(inputs, now_ns).views
    node.runner.snapshot()
    other = msgspec.structs.replace(kept.about(), build="another")
    monkeypatch.setattr(kept, "about", lambda: other)
    views, _ = looked.last(tmp_path / "n", lantern.config())
    assert numbers(views) == numbers(seen)
    assert not capsys.readouterr().err, "from the first step on: the numbers are the desk's"


def three_hours(folder, every_s: int = 30) -> None:
    """A journal of silence in many segments, a step each so many seconds."""
    folder.mkdir()
    disk = FolderDisk(folder)
    made = Journal(disk, kept.about(), End(), segment_bytes=4_000)
    for k in range(3 * 3_600 // every_s):
        made.append(BEGIN_NS + k * every_s * S, [frames.encode_input(Chunk(0, b"$" * 200, BEGIN_NS, False))])
        made.commit()
    disk.close()


def test_row_14_of_a_long_journal_only_the_last_hour_is_read_and_only_once(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "n"
    three_hours(folder)
    bytes_read: collections.Counter[str] = collections.Counter()
    read = backfill.Reading.read

    def counted(self, name: str, offset: int, n: int) -> bytes:
        got = read(self, name, offset, n)
        bytes_read[name] += len(got)
        return got

    monkeypatch.setattr(backfill.Reading, "read", counted)
    moments = list(looked.hour(folder, NodeConfig(feeds=())))
    times = [now_ns for _, now_ns in moments]
    assert times[-1] == BEGIN_NS + (3 * 3_600 - 30) * S
    assert times[-1] - times[0] == 3_600 * S
    assert len(times) == 61
    every = {name: (folder / name).stat().st_size for name in sorted(p.name for p in folder.glob("journal-*"))}
    assert len(every) > 20
    newest = list(every)[-len(bytes_read) :]
    assert set(bytes_read) == set(newest)
    assert len(newest) < len(every) / 2
    assert all(bytes_read[name] <= every[name] * 1.01 for name in newest), "each is read once"
    assert looked.last(folder, NodeConfig(feeds=()))[1] == times[-1]
    assert "its identity is the same" in capsys.readouterr().err


def test_what_is_held_is_bounded(tmp_path, monkeypatch):
    three_hours(tmp_path / "n", every_s=60)
    monkeypatch.setattr(looked, "HELD_BYTES", 200 * 10)
    assert len(list(looked.hour(tmp_path / "n", NodeConfig(feeds=())))) == 10


def test_damage_and_emptiness_are_said(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="holds no step"):
        list(looked.hour(tmp_path / "none", NodeConfig()))
    three_hours(tmp_path / "n")
    name = journal.segments(FolderDisk(tmp_path / "n"))[-2][1]
    spoilt = bytearray((tmp_path / "n" / name).read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    (tmp_path / "n" / name).write_bytes(spoilt)
    with pytest.raises(BadInput, match="damaged"):
        list(looked.hour(tmp_path / "n", NodeConfig()))
