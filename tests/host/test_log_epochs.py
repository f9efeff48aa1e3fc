"""A log that was restored from an older copy does not sign; two persons begin it anew and name the old head."""

from __future__ import annotations

import contextlib
import json
import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.a_log import ORIGIN, all_of, an_entry, plain, proves, publish, store
from tests.doubles.faulty_disk import PowerCut
from tests.doubles.key_disk import KeyDisk

from manara.host.keys import FileSigner
from manara.host.log_store import LogStore, MustNotSign
from manara.ledger import checkpoint, note, places
from manara.node.durable.disk import DiskError
from manara.records.directory import Directory, Person
from manara.records.released import Entry
from manara.release import statements


def restored(disk: KeyDisk) -> KeyDisk:
    """A copy of what is on a disk now: a backup."""
    copy = KeyDisk()
    for name in disk.names():
        copy.write_whole(name, disk.read(name, 0, disk.size(name)))
    return copy


def outcome(disk: KeyDisk, newest: bytes, before: dict[str, list[object]]) -> str:
    """What a node, its witness and its recipients see of a disk on which something may have rotted."""
    try:
        log = store(disk)
        if log.behind(newest):
            return "a witness shows it"
        found = all_of(log)
    except DiskError as fault:
        return (
            "said" if (fault.kind == "io" and "mn" in fault.detail) or "leaf" in fault.detail else f"unclear: {fault}"
        )
    if [one for each in found.values() for one in each if proves(log, one)]:
        return "recipients see it"
    return "sound" if {name: list(map(plain, each)) for name, each in found.items()} == before else "UNSEEN"


def test_row_22_a_flipped_bit_anywhere_is_said_mended_or_shown_and_never_unseen():
    disk = KeyDisk()
    log = store(disk)
    for number in range(8):
        publish(log, number)
    log.erase("arvena", 2, 0, 1)
    newest, before = log.checkpoint(), {name: list(map(plain, each)) for name, each in all_of(log).items()}
    seen: dict[str, int] = {}
    chance = random.Random(5)
    for _ in range(150):
        copy = restored(disk)
        name = chance.choice(copy.names())
        copy.rot(name, chance.randrange(copy.size(name)))
        what = outcome(copy, newest, before)
        seen[what] = seen.get(what, 0) + 1
    assert set(seen) <= {"said", "a witness shows it", "recipients see it", "sound"}, seen
    assert min(seen[one] for one in ("said", "a witness shows it", "sound")) > 5, seen


def lived_on() -> tuple[LogStore, LogStore]:
    """A log, and one that was restored from an older copy of it."""
    disk = KeyDisk()
    log = store(disk)
    publish(log, 0)
    backup = restored(disk)
    publish(log, 1)
    return log, store(backup)


def test_a_restored_copy_does_not_sign_once_a_witness_has_seen_more():
    log, old = lived_on()
    assert log.behind(log.checkpoint()) == ""
    assert old.behind(old.checkpoint()) == ""
    assert "2 leaves" in old.behind(log.checkpoint())
    with pytest.raises(MustNotSign, match="restored"):
        publish(old, 1)
    assert old.size == 1


def test_a_copy_that_signed_something_else_is_no_continuation():
    log, old = lived_on()
    old.publish(7, 1, [])
    old.publish(8, 2, [])
    assert "not its continuation" in old.behind(log.checkpoint())


def test_what_we_have_not_signed_does_not_stop_us():
    log = store(KeyDisk())
    publish(log, 0)
    other = FileSigner(Ed25519PrivateKey.generate())
    forged = checkpoint.Checkpoint(ORIGIN, 99, bytes(32))
    signed = checkpoint.signed(forged, note.Key(ORIGIN, note.ED25519, other.public()), other.sign)
    assert log.behind(signed) == log.behind(b"\xff") == ""
    assert publish(log, 1).leaf == 1


def persons(partner: str) -> tuple[list[FileSigner], Directory]:
    signers = [FileSigner(Ed25519PrivateKey.generate()) for _ in range(2)]
    listed = tuple(
        Person(id=f"{partner}.{n}", partner=partner, name=f"P{n}", capacity=capacity, key=one.public().hex())
        for n, (one, capacity) in enumerate(zip(signers, ("policy", "operational"), strict=True))
    )
    return signers, Directory(version=1, persons=listed)


def epoch_envelope(signers: list[FileSigner], partner: str, **changed: object) -> bytes:
    fields = {"origin": ORIGIN, "epoch": 2, "old_size": "2", "nonce": "00" * 16} | changed
    text = statements.canonical(statements.LedgerEpoch(**fields))
    signed = [statements.signed(text, one.public(), one.sign, person=f"{partner}.{n}") for n, one in enumerate(signers)]
    return statements.envelope(text, signed)


FIRST = places.first_place(2)


def test_two_persons_begin_a_new_epoch_that_names_the_old_head():
    log, old = lived_on()
    signers, directory = persons("arvena")
    root = log.root.hex()
    envelope = epoch_envelope(signers, "arvena", old_root=root)
    assert "must begin anew" in old.begin_epoch(envelope, directory), "nothing has shown yet that it is behind"
    old.behind(log.checkpoint())
    assert "Two persons" in old.begin_epoch(epoch_envelope(signers[:1], "arvena", old_root=root), directory)
    assert "name the old head" in old.begin_epoch(epoch_envelope(signers, "arvena", old_root="00" * 32), directory)
    assert "name the old head" in old.begin_epoch(
        epoch_envelope(signers, "arvena", old_size="1", old_root=root), directory
    )
    for wrong in (1, 0, 5_000, -3):
        assert "cannot follow" in old.begin_epoch(
            epoch_envelope(signers, "arvena", old_root=root, epoch=wrong), directory
        )
    foreign_signers, foreign = persons("belora")
    assert "Two persons" in old.begin_epoch(epoch_envelope(foreign_signers, "belora", old_root=root), foreign)
    stolen = epoch_envelope(foreign_signers, "arvena", old_root=root)
    assert old.begin_epoch(stolen, directory) == "The key is not the one that the directory gives for arvena.0."
    assert old.begin_epoch(b"nonsense", directory).startswith("Not a statement")
    with pytest.raises(MustNotSign):
        publish(old, 1)
    assert old.begin_epoch(envelope, directory) == ""
    assert old.begin_epoch(envelope, directory) == "", "the same again, after a crash, changes nothing"
    done = old.publish(5, 900, [an_entry("arvena>belora", FIRST, [1])])
    assert (done.leaf, done.size) == (0, 1)
    for one in (old, store(old._disk)):
        assert one.origin == f"{ORIGIN}/epoch-2"
        assert (one.statement, one.halted) == (envelope, "")
        found = one.read("arvena>belora", FIRST, 5, 1 << 20)
        assert [d.offset for d in found] == [FIRST]
        assert proves(one, found[0]) == ""
        assert one.heads() == {"arvena>belora": FIRST + 1, "arvena>corvia": FIRST, "arvena": FIRST}
        assert one.behind(log.checkpoint()) == "", "the old log is another log now"


def test_what_halted_a_log_halts_it_after_a_restart_without_any_witness():
    log, old = lived_on()
    old.behind(log.checkpoint())
    again = store(old._disk)
    assert "2 leaves" in again.halted
    with pytest.raises(MustNotSign, match="manara ledger epoch"):
        publish(again, 1)
    signers, directory = persons("arvena")
    assert again.begin_epoch(epoch_envelope(signers, "arvena", old_root=log.root.hex()), directory) == ""
    assert store(old._disk).halted == ""


def test_a_backup_from_before_an_epoch_is_behind_that_epoch_too():
    log, old = lived_on()
    backup = restored(old._disk)
    signers, directory = persons("arvena")
    old.behind(log.checkpoint())
    assert old.begin_epoch(epoch_envelope(signers, "arvena", old_root=log.root.hex()), directory) == ""
    old.publish(5, 900, [an_entry("arvena>belora", FIRST, [1])])
    again = store(backup)
    assert "later epoch" in again.behind(old.checkpoint())
    assert "later epoch" in again.behind(log.checkpoint()), "an earlier head changes nothing"
    named = {"origin": old.origin, "epoch": 3, "old_size": "1", "old_root": old.root.hex()}
    assert "name the old head" in again.begin_epoch(
        epoch_envelope(signers, "arvena", old_root=log.root.hex()), directory
    )
    assert again.begin_epoch(epoch_envelope(signers, "arvena", **named), directory) == ""
    assert again.origin == f"{ORIGIN}/epoch-3"
    assert again.heads()["arvena"] == places.first_place(3)


def test_a_power_cut_while_an_epoch_begins_leaves_the_old_halt_or_the_new_epoch():
    log, old = lived_on()
    old.behind(log.checkpoint())
    signers, directory = persons("arvena")
    envelope = epoch_envelope(signers, "arvena", old_root=log.root.hex())
    seen = set()
    for at in range(12):
        disk = restored(old._disk)
        one = store(disk)
        disk.cut_at = disk.operations + 1 + at
        with contextlib.suppress(PowerCut):
            assert one.begin_epoch(envelope, directory) == ""
        disk.power_on()
        back = store(disk)
        seen.add(back.epoch)
        if back.epoch == 1:
            assert "2 leaves" in back.halted
            with pytest.raises(MustNotSign):
                publish(back, 1)
            assert back.begin_epoch(envelope, directory) == ""
        assert back.publish(5, 900, [an_entry("arvena>belora", FIRST, [1])]).leaf == 0
    assert seen == {1, 2}


def test_what_persons_name_is_the_newest_head_that_any_witness_shows():
    log, old = lived_on()
    assert "2 leaves" in old.behind(log.checkpoint())
    publish(log, 2)
    assert "3 leaves" in old.behind(log.checkpoint())
    publish(log, 3)
    older = log.checkpoint()
    publish(log, 4)
    assert "5 leaves" in old.behind(log.checkpoint())
    assert "5 leaves" in old.behind(older), "a witness that has seen less changes nothing"
    signers, directory = persons("arvena")
    named = epoch_envelope(signers, "arvena", old_size="4", old_root=log.root.hex())
    assert (
        old.begin_epoch(named, directory)
        == f"The statement must name the old head: {ORIGIN}, 5 leaves, root {log.root.hex()}."
    )


def test_a_disk_that_refuses_lets_no_epoch_begin_and_it_begins_once_there_is_room():
    log, old = lived_on()
    old.behind(log.checkpoint())
    signers, directory = persons("arvena")
    envelope = epoch_envelope(signers, "arvena", old_root=log.root.hex())
    for fault in ("full_at", "sync_fails_at"):
        for at in (1, 2, 3):
            disk = restored(old._disk)
            one = store(disk)
            setattr(disk, fault, disk.operations + at)
            with contextlib.suppress(DiskError):
                one.begin_epoch(envelope, directory)
            disk.full_at = disk.sync_fails_at = 0
            assert one.begin_epoch(envelope, directory) == ""
            assert one.publish(5, 900, [an_entry("arvena>belora", FIRST, [1])]).leaf == 0
            assert store(disk).origin.endswith("/epoch-2")


def test_what_was_owed_from_before_goes_at_new_places_once_and_nothing_is_numbered_twice():
    log, old = lived_on()
    signers, directory = persons("arvena")
    old.behind(log.checkpoint())
    assert old.begin_epoch(epoch_envelope(signers, "arvena", old_root=log.root.hex()), directory) == ""
    assert old.last_effect_id == 100, "what was done in the old epoch is not done again"
    head = {"kind": "heartbeat", "offset": "1", "stream": "arvena>belora", "time_ns": "7"}
    owed = [Entry("arvena>belora", 1, json.dumps(head, separators=(",", ":")).encode())]
    assert old.publish(6, 901, owed).leaf == 0
    (found,) = old.read("arvena>belora", FIRST, 9, 1 << 20)
    assert json.loads(found.head) == head | {"offset": str(FIRST)}
    old.publish(7, 902, [an_entry("arvena>corvia", FIRST, [1]), an_entry("arvena>belora", FIRST + 1, [1])])
    for there in ({"arvena>belora": FIRST + 5}, {"arvena>corvia": FIRST}, {"arvena>delmara": FIRST + 1}):
        with pytest.raises(MustNotSign, match="comes next"):
            old.publish(8, 903, [an_entry(name, place, [1]) for name, place in there.items()])
    again = store(old._disk)
    assert again.last_effect_id == 902
    assert again.publish(8, 903, [an_entry("arvena>corvia", FIRST + 1, [1])]).leaf == 2
    assert [one.offset for one in again.read("arvena>corvia", FIRST, 9, 1 << 20)] == [FIRST, FIRST + 1]
    assert again.read("arvena>corvia", 0, 9, 1 << 20) == []


def test_an_erasure_reaches_earlier_epochs():
    log, old = lived_on()
    signers, directory = persons("arvena")
    old.behind(log.checkpoint())
    assert old.begin_epoch(epoch_envelope(signers, "arvena", old_root=log.root.hex()), directory) == ""
    assert old.erase("arvena", 1, 0, 1).rows == 2
    assert store(old._disk).erase("arvena", 2, 0, 1).rows == 2
