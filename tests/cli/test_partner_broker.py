"""manara partner broker: three configurations, two cards, one fingerprint."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from tests.cli.test_partner import book, node
from tests.doubles.brokered_pair import card, keys

from manara.cli import main
from manara.host import broker_keys, config


def run(*words) -> int:
    return main(["partner", "broker", *map(str, words)])


@pytest.fixture
def ends(tmp_path, capsys) -> tuple[Path, Path]:
    """Two nodes that know only themselves and Corvia, and have opted in."""
    a, d, c = (node(tmp_path, name) for name in ("arvena", "delmara", "corvia"))
    for own, other in ((a, "delmara"), (d, "arvena")):
        out, back = own.parent / "own.card", own.parent / "corvia.card"
        assert main(["partner", "invite", str(own), "--out", str(out)]) == 0
        assert main(["partner", "join", str(c), str(out), "--reply", str(back)]) == 0
        said = re.search(r"fingerprint: ([0-9a-f ]{39})", capsys.readouterr().out)[1]
        words = ["partner", "join", str(own), str(back), "--invitation", str(out), "--fingerprint", said]
        assert main(words) == 0
        own.write_text(own.read_text() + f'[[broker]]\nvia = "corvia"\npartner = "{other}"\n')
    return a, d


def printed(capsys) -> tuple[str, str]:
    out = capsys.readouterr().out
    return re.search(r"fingerprint: ([0-9a-f ]{39})", out)[1], out


def exchange(a: Path, d: Path, capsys) -> tuple[str, str]:
    one, two = a.parent / "a.alias", d.parent / "d.alias"
    assert run("invite", a, "delmara", "--out", one) == 0
    assert run("accept", d, one, "--reply", two) == 0
    theirs, _ = printed(capsys)
    assert run("accept", a, two) == 0
    ours, out = printed(capsys)
    assert "corvia could read it" in out
    return ours, theirs


def test_two_ends_meet_through_a_third_and_learn_no_address(ends, capsys):
    a, d = ends
    ours, theirs = exchange(a, d, capsys)
    assert ours == theirs
    for own, other in ((a, "delmara"), (d, "arvena")):
        row = book(own).partner(other)
        assert (row.url, row.tls_sha256, row.tls_certificate) == ("", "", "")
        assert config.node_config(own).never_to == (other,)
        assert run("confirm", own, other, "--fingerprint", ours) == 0
        assert config.node_config(own).never_to == ()
    aliases = [broker_keys.load(broker_keys.folder_of(config.node_config(p), p.parent, o), o).alias
               for p, o in ((a, "delmara"), (d, "arvena"))]  # fmt: skip
    assert run("confirm", a, "delmara") == 0
    assert aliases[0] != aliases[1]


def test_threat_5_a_broker_that_exchanges_the_keys_is_named(ends, capsys):
    """It hands each end a card with its own keys; the two fingerprints differ, and neither end confirms."""
    a, d = ends
    one, two = a.parent / "a.alias", d.parent / "d.alias"
    assert run("invite", a, "delmara", "--out", one) == 0
    _, true = broker_keys.read_card(one)
    mine = card("arvena", keys(21))
    false = d.parent / "false.alias"
    false.write_bytes(
        msgspec.json.encode(msgspec.structs.replace(true, sign_key=mine.sign_key, seal_key=mine.seal_key))
    )
    assert run("accept", d, false, "--reply", two) == 0
    theirs, _ = printed(capsys)
    assert run("accept", a, two) == 2, "it answers another invitation"
    assert "does not answer our invitation" in capsys.readouterr().err
    assert run("confirm", d, "arvena", "--fingerprint", "0" * 32) == 1
    said = capsys.readouterr().err
    assert "the fingerprints differ" in said
    assert "corvia" in said
    assert theirs in said
    assert config.node_config(d).never_to == ("arvena",)


def test_who_has_not_opted_in_makes_no_keys(ends, capsys):
    a, _ = ends
    a.write_text(a.read_text().partition("[[broker]]")[0])
    assert run("invite", a, "delmara", "--out", a.parent / "x") == 2
    assert "opt in first" in capsys.readouterr().err
    assert not (a.parent / "keys" / "brokered").exists()


def test_mistakes_are_one_line(ends, capsys):
    a, d = ends
    one = a.parent / "a.alias"
    assert run("confirm", a, "delmara") == 2
    assert "no card of delmara yet" in capsys.readouterr().err
    assert run("invite", a, "delmara", "--out", one) == 0
    assert run("invite", a, "delmara", "--out", a.parent / "b.alias") == 2
    assert run("accept", a, one, "--reply", a.parent / "y") == 2, "one's own card"
    assert run("accept", d, a, "--reply", d.parent / "y") == 2
    assert run("accept", d, one, "--reply", one) == 2
    for line in capsys.readouterr().err.strip().splitlines():
        assert "Traceback" not in line
