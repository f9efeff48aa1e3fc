"""The journal's format: a published vector, an old file that stays readable, and what a liar may send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.doubles.faulty_disk import FaultyDisk

from manara.node.durable import frames, journal
from manara.node.durable.disk import DiskError
from manara.node.durable.frames import About, Record, Verdict
from manara.node.durable.journal import End, Journal, Position
from manara.records.inputs import Chunk, ClockJump, FeedState, Input, Overflow, Skip

GOLDEN = Path(__file__).parents[2] / "golden" / "journal-v1.mnj"
GOLDEN_ABOUT = About("0.1.0+golden", "glibc 2.36", "a cpu", "0.68.1")
NOW_NS = 1_700_000_000_000_000_000
GOLDEN_INPUTS: list[tuple[Input, ...]] = [
    (FeedState(0, "live", "udp://239.1.2.3:8600", NOW_NS),),
    (Chunk(0, b"!AIVDM,1,1,,A,,0*26\r\n", NOW_NS + 1), Chunk(1, b"\x30\x00\x03", NOW_NS + 2, True)),
    (),
    (ClockJump(-62_000_000_000, NOW_NS + 3), Overflow(1, 4096, NOW_NS + 4), Skip(2, 1, NOW_NS + 2)),
]


def write(disk: FaultyDisk, about: About = GOLDEN_ABOUT, segment_bytes: int = 1 << 20) -> Journal:
    kept = Journal(disk, about, End(), segment_bytes)
    for i, inputs in enumerate(GOLDEN_INPUTS):
        kept.append(NOW_NS + i * 10**9, [frames.encode_input(one) for one in inputs])
        kept.commit()
    kept.commit_verdict(Verdict(2, (1,)), NOW_NS)
    return kept


def expected() -> list[object]:
    records = [Record(i + 1, NOW_NS + i * 10**9, inputs) for i, inputs in enumerate(GOLDEN_INPUTS)]
    return [*records, Verdict(2, (1,))]


def read_all(disk: FaultyDisk, start: Position | None = None, after: int = 0) -> tuple[list[object], End]:
    *found, end = journal.read(disk, start, after)
    assert isinstance(end, End)
    return [*found], end


def test_the_journal_of_version_1_stays_readable() -> None:
    disk = FaultyDisk()
    disk.write_whole(journal.segment_name(1), GOLDEN.read_bytes())
    found, end = read_all(disk)
    assert found == expected()
    assert (end.damage, end.torn_bytes, end.next_sequence) == (None, 0, 5)
    assert end.about == GOLDEN_ABOUT


def test_version_1_is_still_written_as_it_was() -> None:
    disk = FaultyDisk()
    write(disk)
    assert disk.read(journal.segment_name(1), 0, 1 << 20) == GOLDEN.read_bytes()


def test_the_published_vector_is_what_the_code_writes(repository: Path) -> None:
    page = (repository / "docs" / "spec" / "journal.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```hex\n(.*?)```", page, re.DOTALL)
    vector = bytes.fromhex(re.sub(r"#.*", "", block))
    disk = FaultyDisk()
    kept = Journal(disk, About("b", "g", "c", "n"), End())
    kept.append(2, [frames.encode_input(Chunk(3, b"hi", 1))])
    kept.commit()
    kept.commit_verdict(Verdict(1, (0,)), 2)
    assert disk.read(journal.segment_name(1), 0, 9999).hex(" ") == vector.hex(" ")


def test_several_records_in_one_commit_are_one_frame_and_one_sync() -> None:
    disk = FaultyDisk()
    kept = Journal(disk, GOLDEN_ABOUT, End())
    assert [kept.append(i, []) for i in range(5)] == [1, 2, 3, 4, 5]
    assert disk.operations == 0
    kept.commit()
    assert (disk.operations, disk.syncs) == (2, 1)
    assert kept.commit() == kept.position
    assert disk.operations == 2
    found, end = read_all(disk)
    assert [one.sequence for one in found if isinstance(one, Record)] == [1, 2, 3, 4, 5]
    assert end.position == kept.position


def test_reading_begins_at_any_position_across_segments() -> None:
    disk = FaultyDisk()
    kept = Journal(disk, GOLDEN_ABOUT, End(), segment_bytes=400)
    places = []
    for i in range(30):
        kept.append(i, [frames.encode_input(Chunk(0, bytes(60), i))])
        places.append(kept.commit())
    assert len(journal.segments(disk)) > 5
    for sequence, place in enumerate(places, 1):
        found, end = read_all(disk, place, sequence)
        assert [one.sequence for one in found if isinstance(one, Record)] == list(range(sequence + 1, 31))
        assert end.next_sequence == 31
        assert read_all(disk, None, sequence)[0] == found


def test_a_lost_segment_in_the_middle_is_a_gap() -> None:
    disk = FaultyDisk()
    kept = Journal(disk, GOLDEN_ABOUT, End(), segment_bytes=400)
    for i in range(30):
        kept.append(i, [frames.encode_input(Chunk(0, bytes(60), i))])
        kept.commit()
    names = [name for _, name in journal.segments(disk)]
    disk.remove(names[2])
    found, end = read_all(disk)
    assert end.damage is not None
    assert (end.damage.why, end.damage.segment) == ("gap", names[3])
    assert end.next_sequence == len(found) + 1


def test_a_frame_sent_through_a_feed_does_not_pass_for_a_frame_of_the_journal() -> None:
    """A torn record whose bytes hold well-formed frames is still a torn tail, and its checksum seeds are not zero."""
    record = frames.encode_records([(99, 99, [])])
    disk = FaultyDisk()
    kept = write(disk)
    planted = frames.build_frame(frames.INPUTS, record) + frames.build_frame(frames.VERDICT, record, seed=1)
    good = kept.position
    kept.append(NOW_NS, [frames.encode_input(Chunk(0, planted * 50, 0))])
    kept.commit()
    disk.truncate(good.segment, kept.position.offset - 1)
    found, end = read_all(disk)
    assert end.damage is None
    assert end.position == good
    assert found == expected()


def test_a_sound_frame_behind_a_bad_one_is_damage_not_a_torn_tail() -> None:
    disk = FaultyDisk()
    kept = write(disk)
    start = kept.position
    kept.append(NOW_NS, [frames.encode_input(Chunk(0, b"x" * 90, 0))])
    second = kept.commit()
    kept.append(NOW_NS, [])
    kept.commit()
    good = disk.read(start.segment, 0, 1 << 20)
    for offset in range(start.offset, second.offset):
        disk.rot(start.segment, offset)
        end = read_all(disk)[1]
        assert end.damage is not None
        assert end.damage.offset == start.offset
        assert end.next_sequence == 5
        disk.write_whole(start.segment, good)


def test_a_header_of_a_later_version_is_said_not_guessed() -> None:
    disk = FaultyDisk()
    payload = frames.encode_header(frames.Header(2, 1, 0, GOLDEN_ABOUT))
    disk.write_whole(journal.segment_name(1), frames.build_frame(frames.HEADER, payload))
    end = read_all(disk)[1]
    assert end.damage is not None
    assert "version 2" in end.damage.detail
    assert "version 2" in str(journal.read_header(disk, journal.segment_name(1)))


def test_a_record_that_this_build_cannot_read_is_said() -> None:
    disk = FaultyDisk()
    kept = write(disk)
    bad = frames.build_frame(frames.INPUTS, b"\x93\x01", seed=_seed(disk))
    disk.append(kept.position.segment, bad)
    found, end = read_all(disk)
    assert found == expected()
    assert end.damage is not None
    assert (end.damage.why, end.damage.offset) == ("undecodable", kept.position.offset)


def _seed(disk: FaultyDisk) -> int:
    return int.from_bytes(disk.read(journal.segment_name(1), 12, 4), "little")


def test_a_refused_write_leaves_no_trace() -> None:
    disk = FaultyDisk(7)
    kept = write(disk)
    before = kept.position
    disk.full_at = disk.operations + 1
    for _ in range(3):
        kept.append(NOW_NS, [frames.encode_input(Chunk(0, b"x" * 900, 0))])
        with pytest.raises(DiskError, match="no space"):
            kept.commit()
        assert kept.position == before
        assert disk.size(before.segment) == before.offset
    disk.room()
    assert kept.append(NOW_NS, []) == 5
    kept.commit()
    assert read_all(disk)[1].next_sequence == 6


def test_after_a_failed_sync_nothing_more_is_taken() -> None:
    disk = FaultyDisk()
    kept = write(disk)
    disk.sync_fails_at = disk.operations + 2
    kept.append(NOW_NS, [])
    for _ in range(2):
        with pytest.raises(DiskError, match="failing"):
            kept.commit()
        kept.append(NOW_NS, [])
    assert read_all(disk)[1].next_sequence == 5


def test_names_sizes_and_nothing_at_all() -> None:
    disk = FaultyDisk()
    assert [*journal.read(disk)] == [End()]
    disk.write_whole("journal-1.mnj", b"not a segment's name")
    assert journal.segments(disk) == []
    with pytest.raises(ValueError, match="at most"):
        frames.build_frame(frames.INPUTS, bytes(frames.MAX_PAYLOAD_BYTES + 1))


@given(st.binary(max_size=300))
def test_any_bytes_for_a_journal_give_an_end_and_no_exception(noise: bytes) -> None:
    for prefix in (b"", GOLDEN.read_bytes(), GOLDEN.read_bytes()[:40]):
        disk = FaultyDisk()
        disk.write_whole(journal.segment_name(1), prefix + noise)
        end = [*journal.read(disk)][-1]
        assert isinstance(end, End)
        assert end.damage or end.torn_bytes or not noise
        if not end.damage:
            journal.settle(disk, end)
            assert [*journal.read(disk)][-1].torn_bytes == 0  # type: ignore[union-attr]  # the last one is the End
