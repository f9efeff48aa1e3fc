"""Keys from the partners' directory: one file instead of ten lines."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.cli import main
from manara.host import directory as files
from manara.host.log_names import log_name, witness_name
from manara.ledger import checkpoint, cosign, note, tree
from manara.records.directory import Directory, Partner

TEXT = checkpoint.Checkpoint(log_name("arvena"), 0, tree.EMPTY)


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


def public(name: str) -> bytes:
    return private(name).public_key().public_bytes_raw()


def cosigned(one: checkpoint.Checkpoint, signer: str, witnesses: tuple[str, ...] = ()) -> bytes:
    """A checkpoint of an empty log, signed by that partner's ledger and cosigned by these."""
    key = note.Key(one.origin, note.ED25519, public(f"{signer} ledger"))
    signed = checkpoint.signed(one, key, private(f"{signer} ledger").sign)
    for name in witnesses:
        key = note.Key(name, note.COSIGNATURE, public(name))
        signed = cosign.add(signed, cosign.sign(one.text(), key, 1_800_000_000, private(name).sign).line(), [key])
    return signed


@pytest.fixture
def folder(tmp_path):
    partners = [
        Partner(
            id=name,
            name=name.title(),
            ledger_key=public(f"{name} ledger").hex(),
            witness_key=public(witness_name(name)).hex(),
            agreement_key=public(f"{name} node").hex(),
        )
        for name in ("arvena", "belora")
    ]
    neutral = note.vkey(note.Key("neutral.example", note.COSIGNATURE, public("neutral.example")))
    files.write(
        tmp_path / "directory.toml", Directory(version=1, partners=tuple(partners), witnesses={"neutral": neutral})
    )
    return tmp_path


def verify(folder, capsys, signed: bytes, *more):
    (folder / "checkpoint").write_bytes(signed)
    code = main(
        ["ledger", "verify", str(folder / "checkpoint"), "--directory", str(folder / "directory.toml"), *map(str, more)]
    )
    said = capsys.readouterr()
    return code, said.out + said.err


def test_the_directory_knows_the_log_and_its_witnesses(folder, capsys):
    code, said = verify(
        folder, capsys, cosigned(TEXT, "arvena", (witness_name("belora"), "neutral.example")), "--quorum", 2
    )
    assert (code, said.count("cosigned by")) == (0, 2)
    assert verify(folder, capsys, cosigned(TEXT, "arvena"))[0] == 0


def test_nobody_is_a_witness_of_his_own_log(folder, capsys):
    signed = cosigned(TEXT, "arvena", (witness_name("arvena"), "neutral.example"))
    code, said = verify(folder, capsys, signed, "--quorum", 2)
    assert (code, "1 of 2 witnesses" in said) == (1, True)


def test_one_partner_cannot_sign_the_log_of_another(folder, capsys):
    code, said = verify(folder, capsys, cosigned(TEXT, "belora"))
    assert (code, "no signature by a known key" in said) == (1, True)


def test_a_later_epoch_is_of_the_same_partner(folder, capsys):
    later = TEXT._replace(origin=f"{TEXT.origin}/epoch-2")
    assert verify(folder, capsys, cosigned(later, "arvena"))[0] == 0


def test_a_log_of_nobody_in_the_directory_is_not_verified(folder, capsys):
    code, said = verify(folder, capsys, cosigned(TEXT._replace(origin="manara/corvia"), "corvia"))
    assert (code, "no signature by a known key" in said) == (1, True)
    assert main(["ledger", "verify", str(folder), "--directory", str(folder / "directory.toml")]) == 1


def test_the_keys_are_printed_as_others_want_them(folder, capsys):
    assert main(["ledger", "keys", str(folder / "directory.toml")]) == 0
    lines = [line.split(" ") for line in capsys.readouterr().out.splitlines()]
    assert [kind for kind, _, _ in lines] == ["log", "log", "witness", "witness", "witness", "recipient", "recipient"]
    assert note.parse_vkey(lines[0][2]) == note.Key(log_name("arvena"), note.ED25519, public("arvena ledger"))
    assert note.parse_vkey(lines[4][2]).name == "neutral.example"
    assert lines[6][1:] == ["belora", public("belora node").hex()]


def test_more_witnesses_than_there_are_is_bad_input(folder, capsys):
    code, said = verify(folder, capsys, cosigned(TEXT, "arvena"), "--quorum", 4)
    assert (code, "4 of 3 witnesses can never be" in said) == (2, True)
