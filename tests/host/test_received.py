"""What partners sent: it opens, it proves, it is erased row by row, and no fault of the disk changes that."""

from __future__ import annotations

import secrets

import msgspec
import numpy as np
import pytest
from tests.doubles import a_log
from tests.doubles.faulty_disk import PowerCut
from tests.doubles.key_disk import KeyDisk

from manara.host import framed, received_places
from manara.host.disk import FolderDisk
from manara.host.link_answers import answer
from manara.host.problems import BadInput
from manara.host.received import Received, bare
from manara.host.received_frames import Gone, Places
from manara.host.told import Told
from manara.host.vault import HOUR_NS, Hold, Vault, WipingDisk
from manara.ledger import checkpoint, entry, tree
from manara.link import wire
from manara.node.durable.disk import DiskError
from manara.records.inputs import Arrived
from manara.records.released import Block, Entry, RowTable

STREAM, BACK = "arvena>belora", "arvena>belora/backfill"
WIDTH = 40
NOON = 480_000 * HOUR_NS
FULL = 1 << 30


def rows_of(tracks: list[int], seed: int) -> bytes:
    filled = np.random.default_rng(seed).integers(0, 256, (len(tracks), WIDTH), np.uint8)
    filled[:, :8] = np.array(tracks, "<u8").view(np.uint8).reshape(-1, 8)
    return filled.tobytes()


class Sent:
    """Arvena's log, and what Belora gets of it."""

    def __init__(self) -> None:
        self.log = a_log.store(KeyDisk(), 1 << 20)
        self.ticks = 0

    def publish(self, tracks: list[int], stream: str = STREAM, padded: int = 1) -> Entry:
        blocks = (
            Block(RowTable.PRECISE, WIDTH, rows_of(tracks, self.ticks), bytes(8 * len(tracks))),
            Block(RowTable.PAD, WIDTH, secrets.token_bytes(WIDTH * padded), bytes(8 * padded)),
        )
        offset = self.log.heads().get(stream, 0)
        one = Entry(stream, offset, b'{"tick":"%d"}' % self.ticks, blocks)
        self.log.publish(self.ticks * a_log.TICK_NS, 100 + self.ticks, [one])
        self.ticks += 1
        return one

    def answer(self, first: int = 0, stream: str = STREAM) -> wire.Answer:
        found = wire.parse(answer(self.log, stream, first, 0, 1))
        assert isinstance(found, wire.Answer), found
        return found


def proof_fault(sent: Sent, store: Received, stream: str, offset: int) -> str:
    """What a third party checks with the log's key alone."""
    one, path, signed = store.delivery(stream, offset)
    rows = [(block.rows, block.width) for block in one.blocks]
    said = checkpoint.open_signed(signed, [sent.log.key]).checkpoint
    leaf = tree.leaf_hash(one.tick)
    inside = tree.verify_inclusion(leaf, one.leaf, said.size, tree.cut(path), said.root)
    fault = entry.check_entry(one.head, rows, one.salts, one.erased, one.place, one.width, one.path, one.tick)
    return fault or ("" if inside else "not in the log")


def arrived(offset: int, stream: str = STREAM) -> Arrived:
    return Arrived("arvena", stream, offset, b"", (), NOON)


def tracks_in(one: Arrived) -> list[int]:
    first = next(block for block in one.blocks if block.table == RowTable.PRECISE)
    return np.frombuffer(first.rows, np.uint8).reshape(-1, WIDTH)[:, :8].copy().view("<u8").ravel().tolist()


def opened(disk: KeyDisk, segment_bytes: int = FULL) -> Received:
    return Received(disk, Vault(disk), segment_bytes)


@pytest.fixture
def sent() -> Sent:
    made = Sent()
    for tracks in ([1, 2, 3], [2, 3], [3, 1, 1]):
        made.publish(tracks)
    return made


def test_what_came_is_filled_in_at_once_and_after_opening_again(sent):
    disk = KeyDisk()
    store = opened(disk)
    store.keep("arvena", sent.answer(), NOON)
    for one in (store, store, opened(disk)):  # from memory, from the disk, from the disk of another life
        filled = one.fill([arrived(0), arrived(1), arrived(2)])
        assert [tracks_in(some) for some in filled] == [[1, 2, 3], [2, 3], [3, 1, 1]]
        assert [some.blocks for some in filled] == [d.blocks for d in sent.answer().deliveries]


def test_the_journal_gets_the_name_of_an_entry_and_no_row():
    one = msgspec.structs.replace(arrived(0), blocks=(Block(1, WIDTH, rows_of([7], 0)),), root=b"r" * 32)
    assert bare(one).blocks == ()
    assert (bare(one).offset, bare(one).root) == (0, one.root)


def test_nothing_that_is_kept_can_be_read_without_its_keys(sent):
    keys, disk = KeyDisk(), KeyDisk()
    Received(disk, Vault(keys)).keep("arvena", sent.answer(), NOON)
    stored = disk.bytes_of_all()
    rows = [
        block.rows[at + 8 : at + WIDTH]
        for d in sent.answer().deliveries
        for block in d.blocks
        for at in range(0, len(block.rows), WIDTH)
    ]
    assert len(rows) == 11
    assert not any(row in stored or row[:12] in stored for row in rows)


def test_what_is_there_is_not_written_again_and_a_gap_is_filled_in_order(sent):
    disk = KeyDisk()
    store = opened(disk)
    store.keep("arvena", sent.answer(), NOON)
    before = len(disk.bytes_of_all("received-"))
    store.keep("arvena", sent.answer(1), NOON + 1)
    assert len(disk.bytes_of_all("received-")) == before
    sent.publish([9])
    store.keep("arvena", sent.answer(2), NOON + 2)
    assert tracks_in(opened(disk).fill([arrived(3)])[0]) == [9]


def test_row_22_what_came_proves_itself_to_a_third_party(sent):
    store = opened(KeyDisk())
    store.keep("arvena", sent.answer(), NOON)
    assert [proof_fault(sent, store, STREAM, n) for n in range(3)] == ["", "", ""]
    assert store.delivery(STREAM, 3) is None
    assert store.delivery("arvena>corvia", 0) is None


def test_row_24_recalled_rows_are_gone_for_ever_and_the_proofs_stand(sent):
    disk = KeyDisk()
    store = opened(disk)
    store.keep("arvena", sent.answer(), NOON)
    plain = rows_of([3, 1, 1], 2)[:WIDTH]
    assert store.erase(STREAM, [3], 0, NOON, "aa") == 3
    for one in (store, opened(disk)):
        assert [tracks_in(some) for some in one.fill([arrived(n) for n in range(3)])] == [[1, 2], [2], [1, 1]]
        assert [proof_fault(sent, one, STREAM, n) for n in range(3)] == ["", "", ""]
        whole, _, _ = one.delivery(STREAM, 2)
        assert whole.erased == bytes([1, 0, 0, 0])
        assert plain not in whole.blocks[0].rows
    assert Vault(disk).subjects("arvena", NOON // HOUR_NS).tolist() == [0, 1, 2]


def test_row_24_a_recall_that_is_repeated_after_a_crash_gives_the_same_count(sent):
    disk = KeyDisk()
    store = opened(disk)
    store.keep("arvena", sent.answer(), NOON)
    assert store.erase(STREAM, [1], 0, NOON, "aa") == 3
    assert opened(disk).erase(STREAM, [1], 0, NOON, "aa") == 3
    assert store.erase(STREAM, [1], 0, NOON, "another") == 0


def test_an_erasure_takes_the_whole_hour_and_says_so_in_every_stream(sent):
    """Keys are of hours: rows outside of the asked time lose theirs too, and must be hashed before."""
    disk = KeyDisk()
    store = opened(disk)
    sent.publish([3, 8], BACK)
    store.keep("arvena", sent.answer(), NOON)
    store.keep("arvena", sent.answer(0, BACK), NOON + 60 * a_log.TICK_NS)
    assert store.erase(STREAM, [3], NOON, NOON) == 4
    assert [proof_fault(sent, store, *at) for at in ((STREAM, 0), (STREAM, 2), (BACK, 0))] == ["", "", ""]
    assert tracks_in(store.fill([arrived(0, BACK)])[0]) == [8]


def test_a_recall_speaks_by_the_clock_of_who_told(sent):
    """Told in the first three seconds of 1970 by that clock, received hours later by ours."""
    store = opened(KeyDisk())
    store.keep("arvena", sent.answer(), NOON)
    assert store.erase(STREAM, [3], 3 * a_log.TICK_NS, NOON, "aa") == 0
    assert store.erase(STREAM, [3], a_log.TICK_NS, a_log.TICK_NS, "bb") == 3
    assert [proof_fault(sent, store, STREAM, n) for n in range(3)] == ["", "", ""]


def test_other_hours_other_tracks_and_other_partners_stay(sent):
    store = opened(KeyDisk())
    store.keep("arvena", sent.answer(), NOON)
    sent.publish([1, 4])
    store.keep("arvena", sent.answer(3), NOON + HOUR_NS)
    assert store.erase(STREAM, [1], NOON, NOON + 1) == 3
    assert tracks_in(store.fill([arrived(3)])[0]) == [1, 4]
    assert store.erase(STREAM, [77], 0, FULL << 40) == 0
    assert store.erase("corvia>belora", [1], 0, FULL << 40) == 0


def test_everything_of_a_stream_can_be_erased(sent):
    store = opened(KeyDisk())
    store.keep("arvena", sent.answer(), NOON)
    assert store.erase(STREAM, [], 0, NOON) == 8 + 3
    assert [tracks_in(some) for some in store.fill([arrived(n) for n in range(3)])] == [[], [], []]
    assert [proof_fault(sent, store, STREAM, n) for n in range(3)] == ["", "", ""]


def test_row_11_a_legal_hold_keeps_what_a_recall_asks_for(sent):
    disk = KeyDisk()
    vault = Vault(disk)
    store = Received(disk, vault)
    store.keep("arvena", sent.answer(), NOON)
    vault.place_hold(Hold(name="inquiry", originator="arvena", subjects=(3,)))
    assert store.erase(STREAM, [1, 3], 0, NOON, "aa") == 3
    assert store.held(STREAM, [1, 3], 0, NOON) == (3, ("inquiry",))
    assert tracks_in(store.fill([arrived(0)])[0]) == [2, 3]
    vault.lift_hold("inquiry")
    assert store.erase(STREAM, [1, 3], 0, NOON, "bb") == 3
    assert [proof_fault(sent, store, STREAM, n) for n in range(3)] == ["", "", ""]


def test_what_came_erased_is_kept_as_its_hash_and_still_proves(sent):
    sent.log.erase("arvena", 0, 0, 1)
    store = opened(KeyDisk())
    store.keep("arvena", sent.answer(), NOON)
    assert tracks_in(store.fill([arrived(0)])[0]) == []
    assert proof_fault(sent, store, STREAM, 0) == ""


def test_keys_that_are_gone_without_an_erasure_are_damage_and_no_proof(sent):
    disk = KeyDisk()
    vault = Vault(disk)
    store = Received(disk, vault)
    store.keep("arvena", sent.answer(), NOON)
    vault.erase("arvena", 2, 0, FULL)
    with pytest.raises(DiskError, match="keys are gone"):
        store.delivery(STREAM, 0)
    assert tracks_in(opened(disk).fill([arrived(0)])[0]) == [1, 3]  # the step goes on with what there is


def test_old_segments_are_pruned_and_a_later_life_does_not_write_into_the_newest(sent):
    disk = KeyDisk()
    store = opened(disk, 300)
    for n in range(3, 9):
        sent.publish([n])
        store.keep("arvena", sent.answer(n), NOON + n * HOUR_NS)
    names = [name for name in disk.names() if name.startswith("received-")]
    assert len(names) > 4
    assert store.prune(NOON + 6 * HOUR_NS) > 0
    kept = [name for name in disk.names() if name.startswith("received-")]
    assert kept == names[-len(kept) :]
    again = opened(disk, 300)
    sent.publish([42])
    again.keep("arvena", sent.answer(9), NOON + 9 * HOUR_NS)
    assert max(disk.names()) not in kept  # a segment of its own
    last = opened(disk, 300)
    assert tracks_in(last.fill([arrived(9)])[0]) == [42]
    assert proof_fault(sent, last, STREAM, 8) == ""
    assert last.fill([arrived(3)])[0].blocks == ()
    assert last.delivery(STREAM, 3) is None


class CountingDisk(KeyDisk):
    """Also counts the bytes of segments that were read."""

    read_bytes = 0

    def read(self, name, offset, length):
        found = super().read(name, offset, length)
        self.read_bytes += len(found) if name.startswith("received-") else 0
        return found


def many(sent: Sent, disk: KeyDisk) -> Received:
    """A store of dozens of segments, in two streams, with rows that a recall took."""
    store = opened(disk, 900)
    for n in range(40):
        stream = BACK if n % 5 == 0 else STREAM
        sent.publish([n % 3, 7], stream)
        store.keep("arvena", sent.answer(sent.log.heads()[stream] - 1, stream), NOON + n * HOUR_NS // 8)
        if n == 20:
            assert store.erase(STREAM, [1], 0, NOON + 9 * HOUR_NS, "aa") > 3
    return store


def all_in(store: Received, sent: Sent) -> list[object]:
    first = {STREAM: 3, BACK: 0}  # what was told before the store began
    whole = [store.delivery(s, k) for s in (STREAM, BACK) for k in range(first[s], sent.log.heads()[s])]
    assert None not in whole
    return [whole, store.hours(), store.erased, store.held(STREAM, [7], 0, NOON + 99 * HOUR_NS)]


def test_a_start_reads_the_newest_segment_and_no_other(sent):
    disk = CountingDisk()
    before = all_in(many(sent, disk), sent)
    segments = [name for name in disk.names() if name.startswith("received-")]
    assert len(segments) > 20
    disk.read_bytes = 0
    again = opened(disk, 900)
    assert disk.read_bytes <= disk.size(segments[-1]) + 64 * len(segments)
    assert all_in(again, sent) == before
    assert again.erase(STREAM, [1], 0, NOON + 9 * HOUR_NS, "aa") == again.erased > 3


@pytest.mark.parametrize("harm", ["lost", "cut", "rotten", "another's", "older"])
def test_an_index_that_does_not_fit_its_segment_is_made_anew(sent, harm):
    disk = CountingDisk()
    before = all_in(many(sent, disk), sent)
    places = [name for name in disk.names() if name.startswith("places-")]
    one, data = places[3], disk.read(places[3], 0, disk.size(places[3]))
    if harm == "lost":
        disk.remove(one)
    elif harm == "rotten":
        disk.rot(one, len(data) // 2)
    else:
        other = disk.read(places[4], 0, disk.size(places[4]))
        older = framed.build(b"MNRX", data[16:].replace(b"\x95\x01", b"\x95\x00", 1))
        disk.write_whole(one, {"cut": data[:-1], "another's": other, "older": older}[harm])
    disk.read_bytes = 0
    assert all_in(opened(disk, 900), sent) == before
    assert disk.read(one, 0, disk.size(one)) == data
    assert all_in(opened(disk, 900), sent) == before


def test_a_pruned_segment_takes_its_index_along(sent):
    disk = KeyDisk()
    assert many(sent, disk).prune(NOON + 2 * HOUR_NS) > 3
    left = [{name[-16:-4] for name in disk.names() if name.startswith(kind)} for kind in ("received-", "places-")]
    assert left[1] < left[0]
    assert len(left[0] - left[1]) == 1  # the one that is written


def keep_three(store: Received, sent: Sent) -> None:
    for n in range(3):
        sent.publish([n])
        store.keep("arvena", sent.answer(sent.ticks - 1), NOON + n * HOUR_NS)


def test_a_full_disk_is_said_and_nothing_stands_half(sent):
    for at in range(1, 12):
        disk = KeyDisk(at)
        store = opened(disk, 300)
        store.keep("arvena", sent.answer(2), NOON)
        disk.full_at = disk.operations + at
        with pytest.raises(DiskError, match="full"):
            keep_three(store, sent)
        disk.room()
        store.keep("arvena", sent.answer(3), NOON)
        for one in (store, opened(disk, 300)):
            assert [proof_fault(sent, one, STREAM, n) for n in (2, sent.ticks - 1)] == ["", ""]


def life(disk: KeyDisk, sent: Sent, acknowledged: list[object]) -> None:
    """Three answers and a recall; what returned is noted."""
    store = opened(disk, 900)
    for first in range(3):
        store.keep("arvena", sent.answer(first), NOON + first)
        acknowledged.append(first)
    acknowledged.append(("erased", store.erase(STREAM, [3], 0, NOON + 9, "aa")))


@pytest.mark.parametrize("seed", range(6))
def test_row_19_a_power_cut_at_every_operation_loses_nothing_acknowledged(sent, seed):
    whole = KeyDisk(seed)
    life(whole, sent, [])
    for cut in range(1, whole.operations + 1):
        disk, acknowledged = KeyDisk(seed), []
        disk.cut_at = cut
        with pytest.raises(PowerCut):
            life(disk, sent, acknowledged)
        disk.power_on()
        store = opened(disk, 900)
        kept = [one for one in acknowledged if isinstance(one, int)]
        for offset in kept:
            assert proof_fault(sent, store, STREAM, offset) == "", (cut, offset)
        store.keep("arvena", sent.answer(), NOON)
        assert store.erase(STREAM, [3], 0, NOON + 9, "aa") == 3, cut
        assert Vault(disk).subjects("arvena", NOON // HOUR_NS).tolist() == [0, 1, 2]
        assert [proof_fault(sent, store, STREAM, n) for n in range(3)] == ["", "", ""]


def test_on_a_real_folder_a_torn_end_is_cut_and_rot_is_told(sent, tmp_path):
    vault = Vault(WipingDisk(tmp_path / "vault"))
    store = Received(FolderDisk(tmp_path / "received"), vault)
    store.keep("arvena", sent.answer(), NOON)
    store.close()
    path = next((tmp_path / "received").glob("*.mnr"))
    sound = path.read_bytes()
    path.write_bytes(sound + sound[40:120])
    again = Received(FolderDisk(tmp_path / "received"), vault)
    assert path.read_bytes() == sound
    assert proof_fault(sent, again, STREAM, 2) == ""
    sent.publish([5])
    again.keep("arvena", sent.answer(3), NOON)
    again.close()
    whole = bytearray(path.read_bytes())
    whole[len(sound) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DiskError, match="cannot be read"):
        Received(FolderDisk(tmp_path / "received"), vault)


def test_a_recording_is_played_back_with_the_rows_that_are_left(sent, tmp_path):
    keys = WipingDisk(tmp_path / "vault")
    store = Received(FolderDisk(tmp_path / "received"), Vault(keys))
    store.keep("arvena", sent.answer(), NOON)
    assert store.erase(STREAM, [2], 0, NOON + 1) == 2
    store.close()
    keys.close()
    told = Told(tmp_path)
    steps = list(told.filled(iter([(1, (arrived(0),)), (2, ()), (3, (arrived(1), arrived(2)))])))
    assert [now_ns for now_ns, _ in steps] == [1, 2, 3]
    assert [tracks_in(one) for _, inputs in steps for one in inputs] == [[1, 3], [3], [3, 1, 1]]
    assert told.erased == 2
    with pytest.raises(BadInput, match="stop it first"):
        Told(tmp_path)  # as while the node runs
    told.close()
    Told(tmp_path).close()


def test_the_sample_of_an_index_is_read_and_written_as_it_stands(repository):
    """docs/spec/log-store.md. The sample is of a segment of 900 bytes whose seed is 7."""
    golden = (repository / "tests/golden/received/places-000000000000.mnx").read_bytes()
    segment, disk = "received-000000000000.mnr", KeyDisk()
    disk.append(segment, bytes(900))
    disk.append("places-000000000000.mnx", golden)
    index = received_places.read(disk, segment, 7)
    assert index is not None
    assert index.gone == (Gone(STREAM, 4, ((1, b"\x01" * 32),), "aa"),)
    places: dict[str, Places] = {}
    received_places.take(index, 5, places)
    one = places[STREAM]
    assert (one.first, one.of(4), one.of(5), one.of(6)) == (4, (5, 36), (5, 470), None)
    assert (list(one.came_ns), list(one.told_ns)) == ([1000, 2000], [900, 1900])
    assert received_places.newest_ns(5, places) == 2000
    received_places.write(disk, segment, 5, 7, places, index.gone)
    assert disk.read("places-000000000000.mnx", 0, len(golden) + 1) == golden
    assert received_places.read(disk, segment, 8) is None


def test_places_of_a_log_that_began_anew_outlive_an_index():
    """A stream jumps where its releaser's log began anew; an index has a run for each part."""
    disk, segment = KeyDisk(), "received-000000000000.mnr"
    disk.append(segment, bytes(900))
    one = Places(4)
    for row, offset in enumerate((4, 5, 1 << 40, (1 << 40) + 1, 2 << 40)):
        one.goes_on(offset)
        one.segments.append(0 if row < 4 else 1)
        for column in (one.frames, one.came_ns, one.told_ns):
            column.append(10 * row)
    received_places.write(disk, segment, 0, 7, {STREAM: one}, ())
    index = received_places.read(disk, segment, 7)
    assert [(run.first, len(run.frames) // 8) for run in index.runs] == [(4, 2), (1 << 40, 2)]
    places: dict[str, Places] = {}
    received_places.take(index, 0, places)
    found = places[STREAM]
    assert [found.of(at) for at in (3, 4, 5, 6, 1 << 40, (1 << 40) + 1, (1 << 40) + 2)] == [
        None, (0, 0), (0, 10), None, (0, 20), (0, 30), None,
    ]  # fmt: skip
    assert [found.offset(row) for row in range(4)] == [4, 5, 1 << 40, (1 << 40) + 1]
