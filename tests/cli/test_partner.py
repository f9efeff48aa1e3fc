"""manara partner: two strangers, two cards, one fingerprint; and how one leaves."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from tests.doubles import folders

from manara.cli import main
from manara.host import directory, keys, meeting
from manara.host.problems import BadInput
from manara.records.directory import Directory
from manara.release import standing

WITNESS = "lantern+0a0b0c0d+BAAA"


def node(folder, name: str):
    """A configuration with nothing beside it."""
    place = folder / name
    place.mkdir()
    config = place / f"{name}.toml"
    config.write_text(
        f'name = "{name}"\npartner = "{name}"\ndirectory = "directory.toml"\nlink_listen = "https://127.0.0.1:7001"\n'
    )
    return config


@pytest.fixture
def pair(tmp_path):
    return node(tmp_path, "arvena"), node(tmp_path, "belora")


def run(*words) -> int:
    return main(["partner", *map(str, words)])


def shown(capsys) -> str:
    return re.search(r"fingerprint: ([0-9a-f ]{39})", capsys.readouterr().out)[1]


def meet(a, b, capsys) -> tuple[str, str]:
    """The cards go to and fro; gives the fingerprint of each side."""
    card, reply = a.parent / "a.card", b.parent / "b.card"
    assert run("invite", a, "--out", card) == 0
    assert run("join", b, card, "--reply", reply) == 0
    theirs = shown(capsys)
    assert run("join", a, reply, "--invitation", card) == 0
    return shown(capsys), theirs


def book(config) -> Directory:
    return directory.load(config.parent / "directory.toml").directory


def test_row_2_two_strangers_meet_with_one_fingerprint_and_nobody_above_them(pair, capsys):
    a, b = pair
    for config, name in ((a, "arvena"), (b, "belora")):
        assert run("invite", config, "--out", config.parent / "first.card") == 0
        words = ("--person", f"{name}.minister", "--name", "M", "--capacity", "policy")
        assert run("key", config.parent / "m.key", *words, "--directory", config.parent / "directory.toml") == 0
    ours, theirs = meet(a, b, capsys)
    assert ours == theirs
    assert len(ours.split()) == 8
    assert {p.id for p in book(a).partners} == {"arvena"}, "nothing is taken before it is compared"
    card, reply = a.parent / "a.card", b.parent / "b.card"
    assert run("join", a, reply, "--invitation", card, "--fingerprint", theirs) == 0
    assert "cannot outvote one liar" in capsys.readouterr().out
    words = ("--fingerprint", ours.upper().replace(" ", "-"), "--witness", f"lantern={WITNESS}")
    assert run("join", b, card, "--reply", reply, *words) == 0
    assert "liar" not in capsys.readouterr().out
    for mine in (book(a), book(b)):
        assert {p.id for p in mine.partners} == {"arvena", "belora"}
        assert {p.id for p in mine.persons} == {"arvena.minister", "belora.minister"}
    assert book(a).partner("belora") == book(b).partner("belora")
    assert book(a).partner("belora").url == "https://127.0.0.1:7001"
    assert "BEGIN CERTIFICATE" in book(a).partner("belora").tls_certificate
    assert book(b).witnesses == {"lantern": WITNESS}


def test_who_stands_between_is_seen(pair, tmp_path, capsys):
    """The middle gives each side a card of its own; the fingerprints differ, and a wrong one takes nothing."""
    a, b = pair
    middle = node(tmp_path, "mallory")
    capsys.readouterr()
    card = a.parent / "a.card"
    assert run("invite", a, "--out", card) == 0
    assert run("invite", middle, "--out", middle.parent / "m.card") == 0
    false_card = middle.parent / "false.card"
    taken = json.loads((middle.parent / "m.card").read_text())
    taken["partner"]["id"] = "arvena"
    false_card.write_text(json.dumps(taken))
    assert run("join", b, false_card, "--reply", b.parent / "b.card") == 0
    belora_hears = shown(capsys)
    answer = json.loads((b.parent / "b.card").read_text())
    import hashlib

    answer["answers"] = hashlib.sha256(card.read_bytes()).hexdigest()
    answer["partner"]["agreement_key"] = taken["partner"]["agreement_key"]
    (middle.parent / "answer.card").write_text(json.dumps(answer))
    assert run("join", a, middle.parent / "answer.card", "--invitation", card) == 0
    assert shown(capsys) != belora_hears
    before = book(a)
    assert run("join", a, middle.parent / "answer.card", "--invitation", card, "--fingerprint", belora_hears) == 1
    assert "Somebody may stand between you" in capsys.readouterr().err
    assert book(a) == before


def test_bad_cards_are_said_in_one_line(pair, capsys):
    a, b = pair
    meet(a, b, capsys)
    card, reply = a.parent / "a.card", b.parent / "b.card"
    spoilt = a.parent / "spoilt.card"
    good = json.loads(reply.read_text())
    stranger = b.parent / "stranger.card"
    assert run("invite", b, "--out", stranger) == 0
    cases = [
        ("garbage", ("--invitation", card), "not a partner's card"),
        (json.dumps({**good, "v": 2}), ("--invitation", card), "version 2"),
        (json.dumps({**good, "more": 2}), ("--invitation", card), "unknown field"),
        (json.dumps({**good, "answers": "00" * 32}), ("--invitation", card), "does not answer"),
        (json.dumps({**good, "partner": {**good["partner"], "id": "B B"}}), ("--invitation", card), "lower case"),
        (json.dumps({**good, "persons": [{"id": "c.x", "partner": "corvia", "name": "", "capacity": "policy",
                                          "key": "00" * 32}]}), ("--invitation", card), "a partner of this"),
        (reply.read_text(), ("--reply", a.parent / "new.card"), "is an answer"),
        (stranger.read_text(), ("--invitation", stranger), "does not answer this invitation"),
        (stranger.read_text(), (), "which side"),
        (card.read_text(), ("--reply", a.parent / "new.card"), "one's own card"),
        (stranger.read_text(), ("--reply", reply), "answers another card"),
    ]  # fmt: skip
    for content, words, says in cases:
        spoilt.write_text(content)
        capsys.readouterr()
        assert run("join", a, spoilt, *words) == 2
        said = capsys.readouterr().err
        assert says in said, (says, said)
        assert len(said.strip().splitlines()) == 1


def test_a_known_partner_with_other_keys_is_no_meeting(pair, capsys):
    a, b = pair
    meet(a, b, capsys)
    _, other = meeting.read(b.parent / "b.card")
    once = meeting.joined(book(a), other, {})
    assert meeting.joined(once, other, {}).partners == once.partners
    changed = msgspec.structs.replace(other, partner=msgspec.structs.replace(other.partner, ledger_key="ab" * 32))
    with pytest.raises(BadInput, match="known already"):
        meeting.joined(once, changed, {})


def test_a_partner_may_not_bring_our_own_key(pair, capsys):
    a, b = pair
    meet(a, b, capsys)
    _, other = meeting.read(b.parent / "b.card")
    ours = book(a).partner("arvena").ledger_key
    thief = msgspec.structs.replace(other, partner=msgspec.structs.replace(other.partner, ledger_key=ours))
    with pytest.raises(BadInput, match="the same key"):
        meeting.joined(book(a), thief, {})


@pytest.mark.parametrize("witness", ["lantern", "=x+1+A", "lantern=x", "a\u202eb=x+1+A"])
def test_a_witness_has_a_name_and_a_key(pair, capsys, witness):
    a, b = pair
    ours, _ = meet(a, b, capsys)
    words = ("--invitation", a.parent / "a.card", "--fingerprint", ours, "--witness", witness)
    assert run("join", a, b.parent / "b.card", *words) == 2
    assert "--witness" in capsys.readouterr().err


# A person's key


def test_a_key_file_is_private_and_its_row_is_printed(tmp_path, capsys):
    words = ("--person", "arvena.chief", "--name", "C", "--name-ar", "ق", "--capacity", "operational")
    assert run("key", tmp_path / "c.key", *words) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "c.key").stat().st_mode & 0o777 == 0o600
    public = keys.load_signer(tmp_path / "c.key").public().hex()
    assert f'key = "{public}"' in said
    assert said.startswith("[[persons]]")
    assert run("key", tmp_path / "c.key", *words) == 2
    assert "never overwritten" in capsys.readouterr().err


def test_a_row_that_cannot_be_makes_no_key(tmp_path, capsys):
    config = folders.make(tmp_path)
    place = config.parent / "directory.toml"
    for person, more, says in (
        ("Arvena Chief", (), "lower case"),
        ("arvena.chief", ("--directory", place), "twice"),
        ("zeta.chief", ("--directory", place), "not in the directory"),
    ):
        words = ("--person", person, "--name", "C", "--capacity", "policy")
        assert run("key", tmp_path / "new.key", *words, *more) == 2
        assert says in capsys.readouterr().err
        assert not (tmp_path / "new.key").exists()


def test_without_a_directory_it_says_what_begins_one(pair, capsys):
    config, _ = pair
    place = config.parent / "directory.toml"
    words = ("--person", "arvena.chief", "--name", "C", "--capacity", "policy", "--directory", place)
    assert run("key", config.parent / "c.key", *words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "there is no directory yet" in said
    assert not (config.parent / "c.key").exists()
    told = re.search(r"manara (partner invite .*?),", said)[1].replace("CONFIG.toml", str(config))
    assert main(told.replace("CARD", str(config.parent / "first.card")).split()) == 0, "what it says to do works"
    assert run("key", config.parent / "c.key", *words) == 0


def test_a_card_says_whom_it_names(pair, capsys):
    a, b = pair
    assert run("invite", a, "--out", a.parent / "none.card") == 0
    said = capsys.readouterr()
    assert "names no person" in said.err
    words = ("--person", "arvena.chief", "--name", "C", "--capacity", "policy")
    assert run("key", a.parent / "c.key", *words, "--directory", a.parent / "directory.toml") == 0
    capsys.readouterr()
    assert run("invite", a, "--out", a.parent / "one.card") == 0
    said = capsys.readouterr()
    assert "it names arvena.chief" in said.out
    assert not said.err
    assert run("join", b, a.parent / "one.card", "--reply", b.parent / "reply.card") == 0
    assert "reply.card names no person" in capsys.readouterr().err


# The address on the card


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "0", "[0:0::0]"])
def test_a_card_bears_no_address_that_nobody_can_call(pair, capsys, host):
    config, _ = pair
    config.write_text(config.read_text().replace("127.0.0.1:7001", f"{host}:7001"))
    assert run("invite", config, "--out", config.parent / "a.card") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"link_listen = 'https://{host}:7001'" in said
    assert "link_url" in said
    assert not (config.parent / "a.card").exists()
    config.write_text(config.read_text() + 'link_url = "https://arvena.example:443"\n')
    assert run("invite", config, "--out", config.parent / "a.card") == 0
    assert meeting.read(config.parent / "a.card")[1].partner.url == "https://arvena.example:443"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('7001"', '7001"\nlink_url = "https://0.0.0.0:1"', "link_url = 'https://0.0.0.0:1' is no address that"),
        ('7001"', '7001"\nlink_url = "arvena.example"', "is no address of a link"),
        ('link_listen = "https://127.0.0.1:7001"', 'link_url = "https://a.example:1"', "and link_listen is not"),
        (":7001", ":0", "is no address that a partner can call"),
    ],
)
def test_an_address_that_cannot_be_is_said_with_its_key(pair, capsys, old, new, says):
    config, _ = pair
    config.write_text(config.read_text().replace(old, new))
    assert run("invite", config, "--out", config.parent / "a.card") == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


# Parting


def leave(config, *who: str) -> int:
    persons = [w for one in who for w in ("--person", one, "--key", config.parent / f"{one}.key")]
    return run("leave", "belora", "--node", config, *persons, "--json")


def test_row_24_leaving_suspends_recalls_and_revokes(tmp_path, capsys):
    config = folders.make(tmp_path)
    both = ("arvena.minister", "arvena.chief")
    file = str(config.parent / "arvena-belora.toml")
    people = [w for one in both for w in ("--person", one, "--key", str(config.parent / f"{one}.key"))]
    signed = [w for one in ("arvena.minister", "belora.minister")
              for w in ("--person", one, "--key", str(config.parent / f"{one}.key"))]  # fmt: skip
    assert main(["agreement", "sign", file, "--node", str(config), *signed]) == 0
    with folders.running(config.parent / "arvena.node") as clerk:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("manara.cli.agreement.second_opinion", lambda *_: None)
            assert main(["agreement", "activate", file, "--phase", "full", "--node", str(config), *people]) == 0
        capsys.readouterr()
        assert leave(config, *both) == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["statement"] for one in told] == ["agreement.suspend", "recall", *["key.rotate"] * 2]
        assert clerk.now.agreements["arvena>belora"].phase == "suspended"
        assert {"recall/arvena>belora", "key/belora/ledger/", "key/belora/agreement/"} < set(clerk.now.heads)


def test_one_person_suspends_and_recalls_but_revokes_nothing(tmp_path, capsys):
    config = folders.make(tmp_path)
    with folders.running(config.parent / "arvena.node") as clerk:
        assert leave(config, "arvena.chief") == 1
        told = json.loads(capsys.readouterr().out)
        assert [one["refusal"] for one in told] == ["", "capacity_missing"]
        assert set(clerk.now.heads) == {"recall/arvena>belora"}
    assert standing.init() != clerk.now


@pytest.mark.parametrize("other", ["arvena", "zeta"])
def test_nobody_parts_from_oneself_or_a_stranger(tmp_path, capsys, other):
    config = folders.make(tmp_path)
    key = config.parent / "arvena.chief.key"
    assert run("leave", other, "--node", config, "--person", "arvena.chief", "--key", key) == 2
    assert "no other partner" in capsys.readouterr().err
