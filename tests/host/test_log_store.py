"""The log of what left: every entry proves itself, before and after restarts, erasures, crashes and full disks."""

from __future__ import annotations

import hashlib
from itertools import count

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.a_log import ORIGIN, SIGNER, TICK_NS, all_of, an_entry, plain, proves, publish, store
from tests.doubles.faulty_disk import PowerCut
from tests.doubles.key_disk import KeyDisk

from manara.host.disk import FolderDisk
from manara.host.log_store import LogStore, MustNotSign
from manara.host.problems import BadInput
from manara.host.vault import HOUR_NS, Hold, Vault, WipingDisk
from manara.ledger import checkpoint, cosign, entry, note, tiles, tree
from manara.node.durable.disk import DiskError
from manara.records.inputs import Published
from manara.records.released import Block, Entry


def test_row_22_every_entry_proves_itself_live_and_after_a_restart():
    disk = KeyDisk()
    log = store(disk)
    for number in range(20):
        publish(log, number)
    live = all_of(log)
    assert {name: len(found) for name, found in live.items()} == {
        "arvena>belora": 20,
        "arvena>corvia": 20,
        "arvena": 20,
    }
    assert not [fault for found in live.values() for one in found if (fault := proves(log, one))]
    again = store(disk)
    assert {name: list(map(plain, found)) for name, found in all_of(again).items()} == {
        name: list(map(plain, found)) for name, found in live.items()
    }
    assert (again.size, again.root, again.heads()) == (log.size, log.root, log.heads())
    assert again.checkpoint() == log.checkpoint()
    assert len([name for name in disk.names() if name.startswith("log-")]) > 3, "many segments were crossed"


def test_rows_arrive_as_they_were_given_and_subjects_never_leave():
    log = store(KeyDisk())
    given_entry = an_entry("arvena>belora", 0, [7, 7, 9])
    log.publish(0, 1, [given_entry])
    for one in (log.read("arvena>belora", 0, 1, 1)[0], store(log._disk).read("arvena>belora", 0, 1, 1)[0]):
        assert [block.rows for block in one.blocks] == [given_entry.blocks[0].rows]
        assert [block.subjects for block in one.blocks] == [b""]


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 6), max_size=8), min_size=1, max_size=6), st.integers(200, 6_000))
def test_any_ticks_are_read_as_they_were_published(ticks, segment_bytes):
    disk = KeyDisk()
    log = store(disk, segment_bytes)
    entries = [an_entry("a>b", number, subjects) for number, subjects in enumerate(ticks)]
    for number, one in enumerate(entries):
        log.publish(number * TICK_NS, number + 1, [one])
    again = store(disk, segment_bytes)
    found = again.read("a>b", 0, 100, 1 << 30)
    assert [(one.head, one.blocks[0].rows) for one in found] == [(one.head, one.blocks[0].rows) for one in entries]
    assert not [fault for one in found if (fault := proves(again, one))]


def test_a_tick_without_entries_is_a_leaf_too_and_looks_like_one_with():
    log = store(KeyDisk())
    log.publish(0, 1, [])
    publish_one = log.publish(TICK_NS, 2, [an_entry("a>b", 0, [1])])
    assert (publish_one.leaf, publish_one.size) == (1, 2)
    assert len(set(log._tree.leaves(0, 2))) == 2


def test_the_log_grows_consistently_and_is_signed_at_every_size():
    log = store(KeyDisk())
    roots = {0: tree.EMPTY}
    for number in range(600):
        done = log.publish(number, number + 1, [])
        assert done.root == log.root
        roots[done.size] = done.root
    for old, new in ((0, 600), (1, 600), (255, 256), (256, 257), (511, 600), (600, 600)):
        assert tree.verify_consistency(old, new, roots[old], roots[new], log.consistency(old, new))
    with pytest.raises(ValueError, match="600 leaves"):
        log.consistency(1, 601)


def test_a_repeated_effect_is_answered_and_not_appended():
    disk = KeyDisk()
    log = store(disk)
    first = [publish(log, number) for number in range(8)]
    assert [publish(log, number) for number in range(8)] == first
    again = store(disk)
    assert publish(again, 7) == first[7]
    assert again.size == 8
    assert again.last_effect_id == 107


def test_a_repeated_effect_is_known_though_a_new_segment_has_just_begun():
    disk = KeyDisk()
    log = store(disk)
    done = publish(log, 0)
    log._begin_segment(9)
    disk.sync(log._segments.all[-1].name)
    again = store(disk)
    assert publish(again, 0) == done
    assert again.checkpoint() == log.checkpoint()
    assert publish(again, 1).leaf == 1


@pytest.mark.parametrize("places", [[1], [0, 0], [0, 2], [-1]])
def test_places_never_skip_and_never_repeat(places):
    log = store(KeyDisk())
    with pytest.raises(MustNotSign, match="comes next"):
        log.publish(0, 1, [Entry("a>b", place, b"{}") for place in places])
    assert log.size == 0


def test_reading_is_bounded_by_entries_and_bytes_and_gives_at_least_one():
    log = store(KeyDisk())
    for number in range(10):
        publish(log, number)
    assert [one.offset for one in log.read("arvena", 3, 4, 1 << 20)] == [3, 4, 5, 6]
    assert [one.offset for one in log.read("arvena>belora", 0, 100, 1)] == [0]
    assert log.read("arvena", 10, 5, 100) == log.read("nobody", 0, 5, 100) == []


def test_nothing_that_left_lies_open_on_the_disk():
    disk = KeyDisk()
    log = store(disk, 1 << 20)
    canary = b"CANARY-OF-A-ROW!"
    for number in range(3):
        rows = canary * 100
        log.publish(number, number + 1, [Entry("a>b", number, b"{}", (Block(1, 16, rows, np.arange(100).tobytes()),))])
    assert canary not in disk.bytes_of_all()
    salt = log.read("a>b", 0, 1, 1)[0].salts[16:32]
    assert salt not in disk.bytes_of_all()


def test_row_11_an_erased_track_cannot_be_opened_and_its_proofs_still_hold():
    disk = KeyDisk()
    log = store(disk)
    for number in range(12):
        publish(log, number)
    before = all_of(log)
    done = log.erase("arvena", 2, 0, 1)
    assert (done.rows, done.keys, done.held) == (24, 1, 0)
    for one in (log, store(disk)):
        after = all_of(one)
        for name in ("arvena>belora", "arvena>corvia"):
            for old, new in zip(before[name], after[name], strict=True):
                assert list(new.erased) == [0, 1, 0]
                width = old.blocks[0].width
                row = old.blocks[0].rows[width : 2 * width]
                hashed = hashlib.sha256(b"\0" + old.salts[32:48] + row).digest()
                assert new.blocks[0].rows == old.blocks[0].rows[:width] + hashed + old.blocks[0].rows[2 * width :]
                assert old.salts[32:48] not in new.salts
                assert proves(one, new) == ""
    assert log.erase("arvena", 2, 0, 1).rows == 0, "twice does no more"


def test_row_11_a_track_seen_again_in_the_same_hour_does_not_open_what_was_erased():
    disk = KeyDisk()
    log = store(disk, 1 << 20)
    publish(log, 0)
    log.erase("arvena", 2, 0, 1)
    publish(log, 1)
    for one in (log, store(disk)):
        old, new = one.read("arvena>belora", 0, 2, 1 << 20)
        assert (list(old.erased), list(new.erased)) == ([0, 1, 0], [])
        assert proves(one, old) == proves(one, new) == ""
    log.erase("arvena", 2, 0, 1)
    old, new = log.read("arvena>belora", 0, 2, 1 << 20)
    assert list(old.erased) == list(new.erased) == [0, 1, 0]
    assert proves(log, old) == proves(log, new) == ""


def test_row_11_what_has_expired_leaves_heads_that_still_prove_themselves():
    disk = KeyDisk()
    log = store(disk)
    for number in range(30):
        publish(log, number, at_ns=number * HOUR_NS // 10)
    full = len(disk.bytes_of_all("log-"))
    done = log.expire(2 * HOUR_NS)
    assert done.pruned > 10
    assert log._vault.hours() == [2]
    assert len(disk.bytes_of_all("log-")) < full
    for one in (log, store(disk)):
        oldest = one.oldest("arvena>belora")
        assert done.pruned == oldest <= 20
        assert one.read("arvena>belora", 0, 5, 1 << 20) == []
        kept = one.read("arvena>belora", oldest, 100, 1 << 30)
        assert [list(d.erased) for d in kept] == [[1, 1, 1] if d.offset < 20 else [] for d in kept]
        assert not [fault for d in kept if (fault := proves(one, d))]
        for offset in range(30):
            head = one.head("arvena>belora", offset)
            leaf = tree.leaf_hash(head.entry.salt + head.entry.head)
            assert tree.verify_inclusion(leaf, 0, 4, tree.cut(head.entry.head_path), head.entry.root)
            assert entry.check_root(head.entry.root, head.place, head.width, head.path, head.tick) == ""
            assert tree.verify_inclusion(
                tree.leaf_hash(head.tick), head.leaf, one.size, one.inclusion(head.leaf, one.size), one.root
            )
    assert publish(log, 30, at_ns=3 * HOUR_NS).leaf == 30


def test_row_11_a_legal_hold_keeps_rows_readable_past_their_time():
    disk = KeyDisk()
    log = store(disk)
    for number in range(30):
        publish(log, number, at_ns=number * HOUR_NS // 10)
    log._vault.place_hold(Hold(name="case-7", originator="arvena", subjects=(2,), first=1, end=2))
    done = log.expire(2 * HOUR_NS)
    assert (done.held, done.holds) == (1, ("case-7",))
    found = [one for one in log.read("arvena>belora", log.oldest("arvena>belora"), 100, 1 << 30) if one.offset < 20]
    assert {one.offset: list(one.erased) for one in found if one.offset >= 10} == {n: [1, 0, 1] for n in range(10, 20)}
    assert not [fault for one in found if (fault := proves(log, one))]


def test_the_log_goes_on_while_much_is_erased_and_what_came_meanwhile_is_closed_too(monkeypatch):
    log = store(KeyDisk())
    for number in range(12):
        publish(log, number)
    retention = log._retention()
    keep, numbers = retention._keep_hashes, count(12)
    full = len(log._segments.all)

    def meanwhile(*args: object) -> int:
        if log.size < 12 + full:  # while the lock is let go, between two segments
            publish(log, next(numbers))
        return keep(*args)

    monkeypatch.setattr(retention, "_keep_hashes", meanwhile)
    monkeypatch.setattr(log, "_retention", lambda: retention)
    done = log.erase("arvena", None, 0, 1)
    assert log.size == 12 + full > 15
    found = log.read("arvena>belora", 0, 100, 1 << 30)
    assert [list(one.erased) for one in found] == [[1, 1, 1]] * log.size
    assert not [fault for one in found if (fault := proves(log, one))]
    assert done.rows == 6 * log.size


def test_rows_of_another_originator_are_erased_by_its_name():
    log = store(KeyDisk())
    log.publish(0, 1, [an_entry("arvena>belora", 0, [1, 2])], foreign={2: "corvia"})
    log._vault.make("delmara", 0, np.array([9], np.uint64))
    assert log.expire(0, ["corvia"]).rows == 0
    assert log.erase("corvia", None, 0, 1).rows == 1
    one = log.read("arvena>belora", 0, 1, 1)[0]
    assert list(one.erased) == [0, 1]
    assert proves(log, one) == ""
    assert log.expire(HOUR_NS, ["corvia"]).rows == 1
    assert log._vault.subjects("delmara", 0).tolist() == [9], "keys of what partners sent are not the log's to erase"


def run(disk: KeyDisk, told: list[Published]) -> None:
    """Ticks over several segments, an erasure in between. ``told``: what had been answered when the power failed."""
    log = store(disk, 2_500)
    for number in range(6):
        told.append(publish(log, number))
    log.erase("arvena", 1, 0, 1)
    for number in range(6, 9):
        told.append(publish(log, number))


def test_row_19_a_power_cut_at_any_write_leaves_each_tick_whole_or_not_at_all():
    clean, seeds = KeyDisk(), count()
    run(clean, [])
    assert clean.operations > 50
    for cut in (one for one in range(1, clean.operations + 1) for _ in range(2)):
        disk, told = KeyDisk(next(seeds)), []
        disk.cut_at = cut
        with pytest.raises(PowerCut):
            run(disk, told)
        disk.power_on()
        log = store(disk, 2_500)
        assert len(told) <= log.size <= len(told) + 1, cut
        for done in told:
            assert tree.root_at(log._tree.hashes, done.size) == done.root, (cut, "an answer was taken back")
        assert set(log.heads().values()) <= {log.size}
        again = [publish(log, number) for number in range(9)]  # the step repeats what it does not know to be done
        assert [one.leaf for one in again] == list(range(9)), cut
        assert again[: len(told)] == told, cut
        for found in all_of(log).values():
            assert [one.offset for one in found] == list(range(9)), cut
            assert not [fault for one in found if (fault := proves(log, one))], cut


def test_row_19_a_full_disk_at_any_write_refuses_and_goes_on_with_room():
    clean = KeyDisk()
    run(clean, [])
    for full in range(1, clean.operations + 1):
        disk = KeyDisk(full)
        disk.full_at = full
        log, done = None, 0
        for _ in range(40):
            try:
                log = log or store(disk, 2_500)
                publish(log, done)
                done += 1
            except DiskError:
                assert disk.full_at, "refused for no reason"
                disk.room()
                log = log if log is None or log._segments.broken is None else None
            if done == 9:
                break
        assert done == 9, full
        for again in (False, True):
            one = store(disk, 2_500) if again else log
            assert one.size == 9, full
            for found in all_of(one).values():
                assert not [fault for d in found if (fault := proves(one, d))], full


def test_a_failed_sync_stops_the_log_until_it_is_opened_anew():
    disk = KeyDisk()
    log = store(disk, 1 << 20)
    publish(log, 0)
    disk.sync_fails_at = disk.operations + 2
    with pytest.raises(DiskError, match="failing"):
        publish(log, 1)
    with pytest.raises(DiskError, match="failing"):
        publish(log, 1)
    disk.power_on()
    log = store(disk, 1 << 20)
    assert [publish(log, number).leaf for number in range(3)] == [0, 1, 2]


def test_rot_in_the_middle_is_said_and_never_skipped():
    disk = KeyDisk()
    log = store(disk)
    for number in range(8):
        publish(log, number)
    names = [name for name in disk.names() if name.startswith("log-") and name.endswith(".mnl")]
    disk.rot(names[-1], disk.size(names[-1]) // 8)
    with pytest.raises(DiskError, match="damaged"):
        store(disk)


def test_a_lost_index_or_tree_file_is_made_anew():
    disk = KeyDisk()
    log = store(disk)
    for number in range(300):
        log.publish(number, number + 1, [Entry("a", number, b"{}")])
    before = (log.root, log.consistency(100, 300), [plain(one) for one in log.read("a", 0, 300, 1 << 30)])
    for name in disk.names():
        if name.endswith((".mnx", ".mnt")):
            disk.remove(name)
    again = store(disk)
    assert (again.root, again.consistency(100, 300)) == before[:2]
    assert [plain(one) for one in again.read("a", 0, 300, 1 << 30)] == before[2]


def test_a_rotten_tree_file_is_made_anew():
    disk = KeyDisk()
    log = store(disk)
    for number in range(300):
        log.publish(number, number + 1, [Entry("a", number, b"{}")])
    disk.rot("ticks-0001.mnt", 100)
    assert store(disk).consistency(100, 300) == log.consistency(100, 300)


def test_cosignatures_are_kept_and_the_newest_with_a_quorum_is_found():
    disk = KeyDisk()
    log = store(disk, 1 << 20)
    witnesses = []
    for number in range(3):
        publish(log, number)
    for name in ("w.example/1", "w.example/2"):
        secret = Ed25519PrivateKey.generate()
        witnesses.append((note.Key(name, note.COSIGNATURE, secret.public_key().public_bytes_raw()), secret))
    for size, signers in ((2, witnesses), (3, witnesses[:1])):
        for key, secret in signers:
            text = checkpoint.Checkpoint(ORIGIN, size, tree.root_at(log._tree.hashes, size)).text()
            line = cosign.sign(text, key, 9, secret.sign).line()
            assert log.add_cosignature(size, line)
            assert not log.add_cosignature(size, line), "once"
    assert not log.add_cosignature(2, "nonsense")
    assert not log.add_cosignature(77, line)
    publish(log, 3)
    keys = [key for key, _ in witnesses]
    for one in (log, store(disk, 1 << 20)):
        assert checkpoint.parse_note(one.checkpoint())[0].size == 4
        assert checkpoint.parse_note(one.cosigned(1))[0].size == 3
        assert checkpoint.parse_note(one.cosigned(2))[0].size == 2
        assert cosign.short_of(note.parse(one.cosigned(2)), keys, 2) == ""
        assert one.cosigned(3) == b""


def test_exported_tiles_are_the_log_and_a_second_export_writes_only_what_is_new(tmp_path):
    log = store(KeyDisk())
    for number in range(300):
        log.publish(number, number + 1, [Entry("a", number, b"{}")])
    assert log.export_tiles(tmp_path) == 5
    assert log.export_tiles(tmp_path) == 0

    def read(path: str) -> bytes | None:
        return (tmp_path / path).read_bytes() if (tmp_path / path).exists() else None

    said = checkpoint.open_signed(read("checkpoint"), [log.key]).checkpoint
    leaves = tiles.parse_bundle(read("tile/entries/000"), 256) + tiles.parse_bundle(read("tile/entries/001.p/44"), 44)
    assert said.root == tree.root(map(tree.leaf_hash, leaves)) == log.root
    assert tree.root_at(tiles.TileHashes(read, 300), 300) == log.root
    files = [path for path in (tmp_path / "tile").rglob("*") if path.is_file()]
    assert len(files) == 5
    assert all(log.tile(str(path.relative_to(tmp_path))) == path.read_bytes() for path in files)
    for name in ("tile/0/002", "tile/entries/001", "tile/0/001.p/45", "tile/../checkpoint", "tile/9/000"):
        assert log.tile(name) is None
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="no folder"):
        log.export_tiles(tmp_path / "file" / "below")


def test_on_a_real_disk_the_log_is_there_for_the_next_process_and_let_go(tmp_path):
    def opened() -> LogStore:
        vault = Vault(WipingDisk(tmp_path / "vault"))
        return LogStore(FolderDisk(tmp_path / "log"), SIGNER, vault, ORIGIN, "arvena")

    log = opened()
    for number in range(5):
        publish(log, number)
    log.erase("arvena", 2, 0, 1)
    before = {name: list(map(plain, found)) for name, found in all_of(log).items()}
    with pytest.raises(DiskError, match="another process"):
        opened()
    log.close()
    again = opened()
    assert {name: list(map(plain, found)) for name, found in all_of(again).items()} == before
    again.close()
