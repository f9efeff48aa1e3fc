"""Keys of one relation: what is sealed opens for one end alone, and an exchanged key is seen."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.brokered_pair import card, keys, relation

from manara.host import broker_keys, config, files, hops
from manara.host.problems import BadInput
from manara.link.sealed import Place
from manara.records.directory import Directory, Partner

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/brokered/vectors.json").read_text("ascii"))


def test_the_golden_envelope_still_opens_and_its_receipt_holds():
    end = relation(keys(3), card("arvena", keys(1)))
    assert (end.theirs.alias, end.alias) == (GOLDEN["sender"]["alias"], GOLDEN["recipient"]["alias"])
    place, body = end.open(envelope := bytes.fromhex(GOLDEN["envelope"]))
    assert (place.epoch, place.sequence, body.hex()) == (GOLDEN["epoch"], GOLDEN["sequence"], GOLDEN["body"])
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(GOLDEN["broker_private"])).public_key().public_bytes_raw()
    assert hops.holds(GOLDEN["receipt"].encode(), key, envelope, end.theirs.alias, end.alias)


def test_every_byte_of_an_envelope_counts():
    a, d = relation(keys(1), card("delmara", keys(3))), relation(keys(3), card("arvena", keys(1)))
    whole = a.shut(Place(a.alias, d.alias, 1, 1), b"body", 4_096)
    assert d.open(whole)[1] == b"body"
    for at in (4, 6, 11, 20, 60, 200, 4_000, 4_095):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1
        assert not isinstance(d.open(bytes(spoilt)), tuple)


def listed(*names: str) -> Directory:
    rows = (
        Partner(id=n, name=n.title(), ledger_key=f"{k:064x}", url="https://192.0.2.9:1", tls_sha256="ab" * 32)
        for k, n in enumerate(names, 1)
    )
    return Directory(version=1, partners=tuple(rows))


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Both sides have exchanged cards."""
    a, d = tmp_path / "a", tmp_path / "d"
    invitation = broker_keys.make_card(a, listed("arvena"), "arvena")
    reply = broker_keys.make_card(d, listed("delmara"), "delmara", invitation)
    broker_keys.keep_card(a, reply)
    broker_keys.keep_card(d, invitation)
    return a, d


def test_both_ends_read_one_fingerprint_and_no_address_is_on_a_card(folders):
    a, d = folders
    said = broker_keys.fingerprint(a)
    assert said == broker_keys.fingerprint(d)
    assert not broker_keys.load(a, "delmara").verified
    assert not broker_keys.confirm(a, "0" * 32)
    assert broker_keys.confirm(a, said.upper())
    assert broker_keys.load(a, "delmara").verified
    for folder in folders:
        text = (folder / "ours.card").read_bytes()
        assert b"192.0.2.9" not in text
        assert b"ab" * 32 not in text
        assert b"PRIVATE" not in text


def swapped(folder: Path, partner: str) -> bytes:
    """The card with the broker's own keys on it."""
    _, old = broker_keys.read_card(folder / "theirs.card")
    mine = card(partner, keys(21))
    return msgspec.json.encode(msgspec.structs.replace(old, sign_key=mine.sign_key, seal_key=mine.seal_key))


def test_threat_5_a_broker_that_exchanges_keys_is_seen_by_the_fingerprint(folders):
    """It sits between the two with keys of its own, and shows each a card that it made."""
    a, d = folders
    true = broker_keys.fingerprint(a)
    broker_keys.keep_card(a, swapped(a, "delmara"))
    broker_keys.keep_card(d, swapped(d, "arvena"))
    assert broker_keys.fingerprint(a) != broker_keys.fingerprint(d)
    assert not broker_keys.confirm(a, broker_keys.fingerprint(d))
    assert not broker_keys.confirm(a, true)
    assert not broker_keys.load(a, "delmara").verified


def test_keys_that_are_exchanged_after_they_were_confirmed_stop_the_node(folders):
    a, _ = folders
    broker_keys.confirm(a, broker_keys.fingerprint(a))
    files.write(a / "theirs.card", swapped(a, "delmara"))
    with pytest.raises(BadInput, match="exchanged the keys of delmara"):
        broker_keys.load(a, "delmara")


def test_a_new_card_is_confirmed_anew(folders):
    a, _ = folders
    broker_keys.confirm(a, broker_keys.fingerprint(a))
    broker_keys.keep_card(a, swapped(a, "delmara"))
    assert not broker_keys.load(a, "delmara").verified


def test_a_relation_begins_once_and_a_card_of_somebody_else_is_refused(folders, tmp_path):
    a, _ = folders
    with pytest.raises(BadInput, match="has begun"):
        broker_keys.make_card(a, listed("arvena"), "arvena")
    with pytest.raises(BadInput, match="not those of belora"):
        broker_keys.load(a, "belora")
    (tmp_path / "x.card").write_bytes(b"{}")
    with pytest.raises(BadInput, match="not a card"):
        broker_keys.read_card(tmp_path / "x.card")


@pytest.mark.parametrize("purpose", ["sign.key", "seal.key"])
def test_a_key_that_is_not_the_one_on_the_card_stops_the_node(folders, purpose):
    a, d = folders
    (a / purpose).unlink()
    (d / purpose).rename(a / purpose)
    with pytest.raises(BadInput, match="not those of delmara and of these keys"):
        broker_keys.load(a, "delmara")


NODE = 'name = "arvena"\npartner = "arvena"\ndirectory = "directory.toml"\nnever_to = ["belora"]\n'
ENDS = '[[broker]]\nvia = "corvia"\npartner = "delmara"\n'


def test_never_to_holds_for_whom_only_an_unconfirmed_relation_leads_to(folders, tmp_path):
    (tmp_path / "arvena.toml").write_text(NODE + ENDS)
    assert config.node_config(tmp_path / "arvena.toml").never_to == ("belora", "delmara"), "no keys yet"
    place = tmp_path / "keys" / "brokered" / "delmara"
    place.parent.mkdir(parents=True)
    folders[0].rename(place)
    assert config.node_config(tmp_path / "arvena.toml").never_to == ("belora", "delmara"), "not confirmed"
    broker_keys.confirm(place, broker_keys.fingerprint(place))
    assert config.node_config(tmp_path / "arvena.toml").never_to == ("belora",)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('[[broker]]\nvia = "belora"\npartner = "delmara"\n', "never_to names belora"),
        ('[[broker]]\nvia = "arvena"\npartner = "delmara"\n', "not another partner"),
        ('[[broker]]\nvia = "corvia"\npartner = "corvia"\n', "not another partner"),
        ('[[broker]]\nvia = "corvia"\npartner = "../keys"\n', "no id of a partner"),
        (ENDS + ENDS, "once"),
        (ENDS + "size_bytes = 5000\n", "size_bytes is 5000"),
        (ENDS + "every_s = 0.0\n", "every_s is 0.0"),
        ('[[carries]]\npartners = ["corvia", "belora"]\naliases = ["x1", "x2"]\n', "none of them in never_to"),
        ('[[carries]]\npartners = ["corvia", "arvena"]\naliases = ["x1", "x2"]\n', "two other partners"),
        ('[[carries]]\npartners = ["corvia", "delmara"]\naliases = ["x1", "x2"]\n', "24 hexadecimal digits"),
        (f'[[carries]]\npartners = ["a", "b"]\naliases = ["x{"0" * 24}", "x{"0" * 24}"]\n', "stands once"),
        (f'[[carries]]\npartners = ["a", "b"]\naliases = ["x{"0" * 24}", "x{"1" * 24}"]\nper_s = 0.0\n', "per_s"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path, more, says):
    path = tmp_path / "arvena.toml"
    path.write_text(NODE + more)
    with pytest.raises(BadInput, match=says):
        config.node_config(path)
