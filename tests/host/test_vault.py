"""The key table: what is sealed opens, what is erased never does, and no fault of the disk changes either."""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.doubles.faulty_disk import PowerCut
from tests.doubles.key_disk import KeyDisk

from manara.host.vault import Hold, Vault, WipingDisk
from manara.node.durable.disk import DiskError

NONCE = bytes(range(12))


def ids(*numbers: int) -> bytes:
    return np.array(numbers, "<u8").tobytes()


def u64(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def key_of(vault: Vault, originator: str, hour: int, subject: int) -> bytes:
    table = vault._hour(hour).tables[originator]
    return table.keys[np.searchsorted(table.subjects, np.uint64(subject))].tobytes()


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
)
def test_what_is_sealed_opens_again_whatever_the_order_of_subjects(subjects, width, seed):
    rows = np.random.default_rng(seed).bytes(width * len(subjects))
    vault = Vault(KeyDisk())
    sealed = vault.seal("arvena", 7, ids(*subjects), rows, width, NONCE)
    assert vault.open("arvena", 7, ids(*subjects), sealed, width, NONCE) == (rows, bytes(len(subjects)))
    again = Vault(vault._disk)
    assert again.open("arvena", 7, ids(*subjects), sealed, width, NONCE)[0] == rows


def test_the_cipher_is_chacha20_of_the_subjects_key():
    vault = Vault(KeyDisk())
    sealed = vault.seal("arvena", 7, ids(3, 9, 3), b"aaaabbbbcccc", 4, NONCE)
    plain = Cipher(algorithms.ChaCha20(key_of(vault, "arvena", 7, 3), bytes(4) + NONCE), None).decryptor()
    assert plain.update(sealed[:4] + sealed[8:]) == b"aaaacccc"


def test_no_two_rows_share_a_key_stream():
    vault = Vault(KeyDisk())
    subjects = ids(*([1, 2] * 20))
    sealed = vault.seal("arvena", 7, subjects, bytes(40 * 16), 16, NONCE)
    assert len({sealed[at : at + 16] for at in range(0, len(sealed), 16)}) == 40
    assert vault.seal("arvena", 7, subjects, bytes(40 * 16), 16, bytes(12)) != sealed


def test_hours_and_originators_have_keys_of_their_own():
    vault = Vault(KeyDisk())
    seen = {vault.seal(who, hour, ids(1), bytes(32), 32, NONCE) for who in ("arvena", "belora") for hour in (1, 2)}
    assert len(seen) == 4


def test_row_11_erased_rows_stay_closed_and_others_open():
    vault = Vault(KeyDisk())
    rows = b"".join(bytes([n]) * 8 for n in range(4))
    sealed = vault.seal("arvena", 7, ids(1, 2, 1, 3), rows, 8, NONCE)
    gone = key_of(vault, "arvena", 7, 1)
    assert vault.erase("arvena", 1, 0, 100) == (1, 0, ())
    for opened in (vault, Vault(vault._disk)):
        plain, erased = opened.open("arvena", 7, ids(1, 2, 1, 3), sealed, 8, NONCE)
        assert erased == bytes([1, 0, 1, 0])
        assert plain == bytes(8) + b"\1" * 8 + bytes(8) + b"\3" * 8
    assert gone not in vault._disk.bytes_of_all()


def test_row_11_whole_hours_expire_and_leave_no_file():
    vault = Vault(KeyDisk())
    for hour in (5, 6, 7):
        vault.make("arvena", hour, u64(1, 2, 3))
        vault.make("belora", hour, u64(1))
    vault.sync()
    assert vault.erase("arvena", None, 0, 7).keys == 6
    assert vault.hours() == [5, 6, 7], "another originator's keys stay"
    assert vault.erase("belora", None, 0, 7).keys == 2
    assert vault.hours() == [7]
    assert [name for name in vault._disk.names() if name.startswith("keys-")] == ["keys-0000000007-000000.mnk"]


def test_an_erased_subject_that_comes_again_has_another_key():
    vault = Vault(KeyDisk())
    vault.make("arvena", 7, u64(1, 2))
    before = key_of(vault, "arvena", 7, 1)
    vault.erase("arvena", 1, 7, 8)
    vault.make("arvena", 7, u64(1))
    vault.sync()
    assert key_of(Vault(vault._disk), "arvena", 7, 1) != before


def test_a_legal_hold_blocks_erasing_says_so_and_survives_a_restart():
    disk = KeyDisk()
    vault = Vault(disk)
    vault.make("arvena", 7, u64(1, 2, 3))
    vault.make("arvena", 9, u64(1))
    vault.sync()
    vault.place_hold(Hold(name="case-7", originator="arvena", subjects=(2,), first=7, end=8))
    again = Vault(disk)
    assert again.holds() == vault.holds()
    assert again.erase("arvena", None, 0, 100) == (3, 1, ("case-7",))
    assert again.subjects("arvena", 7).tolist() == [2]
    assert again.lift_hold("case-7")
    assert not again.lift_hold("case-7")
    assert again.erase("arvena", None, 0, 100) == (1, 0, ())


def test_a_hold_of_all_keeps_all_and_only_of_its_originator_and_hours():
    vault = Vault(KeyDisk())
    for who in ("arvena", "belora"):
        vault.make(who, 7, u64(1, 2))
    vault.place_hold(Hold(name="all", originator="arvena"))
    assert vault.erase("arvena", 1, 0, 100) == (0, 1, ("all",))
    assert vault.erase("belora", None, 0, 100) == (2, 0, ())


def test_damaged_holds_stop_everything_rather_than_be_forgotten():
    disk = KeyDisk()
    Vault(disk).place_hold(Hold(name="all", originator="arvena"))
    disk.rot("holds.mnh", 30)
    with pytest.raises(DiskError, match="nothing may be erased"):
        Vault(disk)


def test_a_rotten_key_file_is_said_and_nothing_is_skipped():
    disk = KeyDisk()
    vault = Vault(disk)
    vault.make("arvena", 7, u64(1))
    vault.make("arvena", 7, u64(2))
    vault.sync()
    disk.rot("keys-0000000007-000000.mnk", 60)
    with pytest.raises(DiskError, match="damaged at byte 28"):
        Vault(disk).count(7)


def scenario(disk: KeyDisk, told: dict[str, object]) -> None:
    """Keys, an erasure, more keys; ``told``: what the caller had been told when the power failed."""
    vault = Vault(disk)
    vault.make("arvena", 7, u64(1, 2, 3))
    vault.make("belora", 8, u64(4))
    vault.sync()
    told["kept"] = {("arvena", 7, 2), ("arvena", 7, 3)}
    told["one"], told["four"] = key_of(vault, "arvena", 7, 1), key_of(vault, "belora", 8, 4)
    vault.erase("arvena", 1, 7, 8)
    told["erased"] = {told["one"]}
    vault.erase("belora", None, 8, 9)
    told["erased"] = {told["one"], told["four"]}
    vault.make("arvena", 7, u64(5))
    vault.sync()
    told["kept"] = told["kept"] | {("arvena", 7, 5)}


def test_row_19_a_power_cut_at_any_operation_keeps_what_was_synced_and_nothing_erased():
    clean = KeyDisk()
    scenario(clean, {})
    for cut in range(1, clean.operations + 1):
        for seed in range(4):
            disk, told = KeyDisk(seed * 1000 + cut), {}
            disk.cut_at = cut
            with pytest.raises(PowerCut):
                scenario(disk, told)
            disk.power_on()
            vault = Vault(disk)
            for who, hour, subject in told.get("kept", ()):
                assert subject in vault.subjects(who, hour).tolist(), (cut, seed, subject)
            for hour in vault.hours():
                vault.count(hour)
            left = disk.bytes_of_all()
            assert not [key for key in told.get("erased", ()) if key in left], (cut, seed)
            vault.make("arvena", 7, u64(6))
            vault.sync()
            assert 6 in Vault(disk).subjects("arvena", 7).tolist()


def test_a_full_disk_refuses_new_keys_and_they_can_be_made_later():
    disk = KeyDisk(3)
    vault = Vault(disk)
    vault.make("arvena", 7, u64(1))
    vault.sync()
    disk.full_at = disk.operations + 1
    with pytest.raises(DiskError, match="full"):
        vault.make("arvena", 7, u64(2))
    disk.room()
    assert vault.make("arvena", 7, u64(2)) == 1
    vault.sync()
    assert Vault(disk).subjects("arvena", 7).tolist() == [1, 2]


def test_a_failed_sync_stops_the_vault_until_it_is_opened_anew():
    disk = KeyDisk()
    vault = Vault(disk)
    vault.make("arvena", 7, u64(1))
    disk.sync_fails_at = disk.operations + 1
    with pytest.raises(DiskError, match="failing"):
        vault.sync()
    with pytest.raises(DiskError, match="failing"):
        vault.sync()
    with pytest.raises(DiskError, match="failing"):
        vault.make("arvena", 7, u64(2))


def test_an_erasure_on_a_full_disk_is_refused_and_nothing_is_half_done():
    disk = KeyDisk()
    vault = Vault(disk)
    vault.make("arvena", 7, u64(1, 2))
    vault.sync()
    disk.full_at = disk.operations + 1
    with pytest.raises(DiskError, match="full"):
        vault.erase("arvena", 1, 7, 8)
    assert vault.subjects("arvena", 7).tolist() == [1, 2]
    disk.room()
    assert vault.erase("arvena", 1, 7, 8).keys == 1


def test_the_real_disk_overwrites_before_it_removes(tmp_path: Path):
    disk = WipingDisk(tmp_path)
    disk.write_whole("secret", b"\xaa" * 3_000_000)
    with (tmp_path / "secret").open("rb") as still_open:
        disk.wipe("secret")
        assert not (tmp_path / "secret").exists()
        assert still_open.read() == bytes(3_000_000)
    disk.close()


def test_keys_survive_on_a_real_disk_and_erased_ones_are_nowhere(tmp_path: Path):
    disk = WipingDisk(tmp_path)
    vault = Vault(disk)
    sealed = vault.seal("arvena", 7, ids(1, 2), b"onetwo", 3, NONCE)
    key = key_of(vault, "arvena", 7, 1)
    vault.erase("arvena", 1, 7, 8)
    disk.close()
    again = Vault(WipingDisk(tmp_path))
    assert again.open("arvena", 7, ids(1, 2), sealed, 3, NONCE) == (b"\0\0\0two", b"\1\0")
    assert not [path for path in tmp_path.iterdir() if key in path.read_bytes()]


def test_memory_is_bounded_however_many_hours_are_read():
    vault = Vault(KeyDisk())
    for hour in range(100):
        vault.make("arvena", hour, u64(hour))
    vault.sync()
    assert [vault.count(hour) for hour in range(100)] == [1] * 100
    assert len(vault._open) <= 32


def test_keys_are_random():
    vault = Vault(KeyDisk())
    vault.make("arvena", 7, np.arange(1000, dtype=np.uint64))
    keys = vault._hour(7).tables["arvena"].keys
    assert len({row.tobytes() for row in keys}) == 1000
    ones = np.unpackbits(keys).mean()
    assert 0.49 < ones < 0.51
    assert secrets.token_bytes is Vault.__init__.__defaults__[0]
