"""A partner's log that says it began anew is followed by the word of two of its persons, and by nothing less."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from tests.host.test_log_epochs import epoch_envelope, persons

from manara.host.epochs import Epochs
from manara.host.link_checks import Remembered
from manara.host.link_memory import FolderMemory
from manara.ledger import checkpoint, note, places
from manara.records.directory import Partner
from manara.records.inputs import Epoch

ROOT = bytes([5]) * 32


class Here:
    """Belora, which has seen seven leaves of Arvena's log."""

    def __init__(self, folder: Path) -> None:
        self.signers, directory = persons("arvena")
        both = tuple(Partner(id=one, name=one, agreement_key="", ledger_key="") for one in ("arvena", "belora"))
        self.directory = msgspec.structs.replace(directory, partners=both)
        self.folder = folder
        self.memory = FolderMemory(folder, lambda: 0)
        self.told: list[Epoch] = []
        self.epochs = self.again()

    def again(self) -> Epochs:
        log = SimpleNamespace(epoch=1, statement=b"", heads=dict)
        self.memory = FolderMemory(self.folder, lambda: 0)
        return Epochs(log, self.memory, "belora", self.directory, self.folder, lambda: 9, self.told.append)

    def seen(self, size: int = 7, origin: str = "manara/arvena") -> None:
        signer = self.signers[0]
        key = note.Key(origin, note.ED25519, signer.public())
        signed = checkpoint.signed(checkpoint.Checkpoint(origin, size, ROOT), key, signer.sign)
        self.memory.remember("arvena", Remembered(size, ROOT, signed))

    def envelope(self, signers=None, **changed) -> bytes:
        fields = {"origin": "manara/arvena", "old_size": "7", "old_root": ROOT.hex()} | changed
        return epoch_envelope(self.signers if signers is None else signers, "arvena", **fields)


@pytest.fixture
def here(tmp_path) -> Here:
    made = Here(tmp_path)
    made.seen()
    return made


def test_a_partner_is_followed_only_by_the_word_of_two_of_its_persons(here):
    others, _ = persons("arvena")
    refused = {
        "one signature": here.envelope(here.signers[:1]),
        "strangers": here.envelope(others),
        "another partner's log": here.envelope(origin="manara/corvia"),
        "no log's name": here.envelope(origin="manara/arvena/epoch-01", epoch=3),
        "no later epoch": here.envelope(epoch=1),
        "an epoch beyond all": here.envelope(epoch=1 << 20),
        "another root at the size that was seen": here.envelope(old_root="00" * 32),
        "nothing": b"",
        "bytes": b"\xff" * 70_000,
    }
    for name, envelope in refused.items():
        why = here.epochs.partner("arvena", envelope, ())
        assert why, name
        assert "\n" not in why
    assert "revoked" in here.epochs.partner("arvena", here.envelope(), (here.signers[1].public().hex(),))
    assert (here.memory.epoch("arvena"), here.memory.last("arvena").size, here.told) == (1, 7, [])

    assert here.epochs.partner("arvena", here.envelope(), ()) == ""
    said = Epoch("arvena", 2, places.first_place(2), {}, 7, 7, ("arvena.0", "arvena.1"), 9)
    assert here.told == [said]
    assert here.memory.last("arvena") == Remembered()
    assert here.memory.abandoned("arvena", 1).size == 7, "what it signed before is kept"


def test_it_outlives_a_restart_and_is_told_to_the_step_again(here):
    assert here.epochs.partner("arvena", here.envelope(), ()) == ""
    again = here.again()
    assert [(one.partner, one.epoch, one.held) for one in again.news()] == [("arvena", 2, 7)]
    assert again.news() == []
    assert here.memory.last("arvena") == Remembered(), "the old checkpoint is not one of the new log"
    here.seen(3, "manara/arvena/epoch-2")
    assert here.memory.last("arvena").size == 3
    assert "in epoch 2 already" in again.partner("arvena", here.envelope(old_size="8"), ())
    older = here.envelope(origin="manara/arvena/epoch-2", epoch=3, old_size="2", old_root="11" * 32)
    assert again.partner("arvena", older, ()) == "", "a head before what we hold: the desk shows both figures"
    assert (here.told[-1].epoch, here.told[-1].old_size, here.told[-1].held) == (3, 2, 3)


def test_a_second_statement_takes_the_place_of_one_whose_log_nobody_has_seen(here):
    assert here.epochs.partner("arvena", here.envelope(), ()) == ""
    assert here.epochs.partner("arvena", here.envelope(nonce="11" * 16), ()) == ""


def test_a_damaged_statement_is_said_in_one_line(here):
    assert here.epochs.partner("arvena", here.envelope(), ()) == ""
    (here.folder / "arvena.epoch").write_bytes(b"{}")
    with pytest.raises(Exception, match="damaged"):
        here.again()
