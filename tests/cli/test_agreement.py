"""manara agreement: from a text to an agreement in force, and back to silence, at the command line."""

from __future__ import annotations

import functools
import json

import pytest
from tests.doubles import folders

from manara.cli import main
from manara.host import agreements, cedar_oracle, commands
from manara.host.cedar_oracle import Comparison, Mismatch


@pytest.fixture
def config(tmp_path):
    return folders.make(tmp_path)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Cedar agrees at once; one test here and tests/release/test_cedar.py ask it."""
    agrees = Comparison(0, True, (), 0.0)
    monkeypatch.setattr(cedar_oracle, "compare", lambda program: agrees)
    return monkeypatch


def run(config, *words: str, who: tuple[str, ...] = (), **more) -> int:
    persons = [w for one in who for w in ("--person", one, "--key", str(config.parent / f"{one}.key"))]
    return main(["agreement", *words, *persons, "--node", str(config)])


def file_of(config) -> str:
    return str(config.parent / "arvena-belora.toml")


def sign_all(config) -> None:
    assert run(config, "sign", file_of(config), "--json", who=("arvena.minister", "belora.minister")) == 0


def phase_of(clerk) -> str:
    return clerk.now.agreements["arvena>belora"].phase


def test_an_agreement_is_shown_in_both_languages(config, capsys):
    for lang, words in (("en", "Rule 0, the duty to warn"), ("ar", "واجب التحذير")):
        assert main(["agreement", "show", file_of(config), "--lang", lang]) == 0
        assert words in capsys.readouterr().out
    assert main(["agreement", "show", file_of(config)]) == 0
    assert "واجب التحذير" in capsys.readouterr().out, "the language that prevails"
    assert (
        main(["agreement", "show", file_of(config), "--json", "--directory", str(config.parent / "directory.toml")])
        == 0
    )
    said = json.loads(capsys.readouterr().out)
    assert said["sha256"] == agreements.load(config.parent / "arvena-belora.toml").sha256
    assert said["signed"] == []
    assert said["missing"][0] == "arvena.minister"


def test_signing_says_who_must_still(config, capsys):
    assert run(config, "sign", file_of(config), who=("arvena.minister",)) == 0
    assert "still to sign: belora.minister" in capsys.readouterr().out
    assert run(config, "sign", file_of(config), "--json", who=("belora.minister",)) == 0
    assert json.loads(capsys.readouterr().out)["missing"] == []


def test_from_signature_to_force_to_silence_and_back(config, capsys):
    sign_all(config)
    both = ("arvena.minister", "arvena.chief")
    with folders.running(config.parent / "arvena.node") as clerk:
        assert run(config, "activate", file_of(config), "--phase", "interim", who=both) == 0
        assert phase_of(clerk) == "interim"
        assert run(config, "phase", file_of(config), "--phase", "full", who=both) == 0
        assert phase_of(clerk) == "full"
        assert run(config, "suspend", file_of(config), "--reason", "بلاغ كاذب", who=("belora.watch",)) == 0
        assert phase_of(clerk) == "suspended"
        assert clerk.now.agreements["arvena>belora"].reason == "بلاغ كاذب"
        assert run(config, "resume", file_of(config), "--phase", "full", who=("arvena.chief",)) == 1
        assert "signature for policy of arvena is missing" in capsys.readouterr().err
        assert phase_of(clerk) == "suspended"
        assert run(config, "resume", file_of(config), "--phase", "interim", who=both) == 0
        assert phase_of(clerk) == "interim"


def test_a_statement_goes_from_person_to_person_in_a_file(config, capsys):
    sign_all(config)
    passed = config.parent / "activate.json"
    words = ("activate", file_of(config), "--phase", "interim", "--statement", str(passed))
    with folders.running(config.parent / "arvena.node") as clerk:
        assert run(config, *words, who=("arvena.chief",)) == 1
        assert f"Kept in {passed}" in capsys.readouterr().err
        assert not clerk.now.agreements
        other = ("activate", file_of(config), "--phase", "full", "--statement", str(passed))
        assert run(config, *other, who=("arvena.minister",)) == 2, "the second signs what the first has signed"
        assert "another statement" in capsys.readouterr().err
        assert run(config, *words, who=("arvena.minister",)) == 0
        assert clerk.now.agreements["arvena>belora"].by == ("arvena.chief", "arvena.minister")


def test_what_was_signed_elsewhere_is_handed_in(config, capsys):
    sign_all(config)
    passed = config.parent / "a.json"
    words = ("activate", file_of(config), "--phase", "interim", "--statement", str(passed), "--wait", "0", "--json")
    assert run(config, *words, who=("arvena.minister", "arvena.chief")) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["refusal"] == "waiting"
    for left in (config.parent / "arvena.node" / "commands").glob("*.json"):
        left.unlink()
    with folders.running(config.parent / "arvena.node") as clerk:
        assert run(config, "submit", str(passed), file_of(config)) == 0
        assert phase_of(clerk) == "interim"
        assert run(config, "submit", str(passed), file_of(config)) == 1
        assert "already" in capsys.readouterr().err


REFUSED = [
    (("activate", "--phase", "full"), ("arvena.minister",), "capacity_missing"),
    (("activate", "--phase", "full"), ("belora.minister", "belora.watch"), "not_authorised"),
    (("suspend",), ("arvena.chief",), "not_active"),
    (("resume", "--phase", "full"), ("arvena.minister", "arvena.chief"), "not_active"),
]


@pytest.mark.parametrize(("words", "who", "why"), REFUSED)
def test_what_may_not_be_is_refused_in_one_line_and_nothing_is_handed_in(config, capsys, words, who, why):
    sign_all(config)
    capsys.readouterr()
    assert run(config, words[0], file_of(config), *words[1:], "--json", who=who) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["refusal"] == why
    assert "Traceback" not in said.err
    assert not list((config.parent / "arvena.node").glob("commands/*.json"))


def test_an_agreement_that_not_all_have_signed_is_not_put_in_force(config, capsys):
    assert run(config, "sign", file_of(config), who=("arvena.minister",)) == 0
    words = ("activate", file_of(config), "--phase", "interim")
    assert run(config, *words, who=("arvena.minister", "arvena.chief")) == 1
    assert "belora.minister, policy of belora still must" in capsys.readouterr().err


def test_an_agreement_that_has_ended_is_not_put_in_force(config, capsys):
    path = config.parent / "arvena-belora.toml"
    path.write_text(path.read_text().replace("2126-", "2026-02-").replace("2026-02-01-01T", "2026-02-01T"))
    sign_all(config)
    words = ("activate", str(path), "--phase", "interim")
    assert run(config, *words, who=("arvena.minister", "arvena.chief")) == 1
    assert "expired" in capsys.readouterr().err


def test_row_18_never_to_blocks_signing_at_the_command_line(tmp_path, capsys):
    config = folders.make(tmp_path, never_to=("corvia",))
    assert run(config, "sign", file_of(config), who=("arvena.minister",)) == 2
    assert "arvena → belora → corvia" in capsys.readouterr().err


COMPARE = cedar_oracle.compare


def test_cedar_is_asked_before_an_agreement_is_put_in_force(config, capsys, short):
    short.setattr(cedar_oracle, "compare", functools.partial(COMPARE, most=10))
    sign_all(config)
    words = ("activate", file_of(config), "--phase", "interim", "--wait", "0")
    assert run(config, *words, who=("arvena.minister", "arvena.chief")) == 0
    assert "Cedar" in capsys.readouterr().err


def test_a_difference_with_cedar_blocks_activation(config, capsys, monkeypatch):
    sign_all(config)
    differ = Comparison(1, True, (Mismatch(0, "allow (a)", "deny (no rule)"),), 1.0)
    monkeypatch.setattr(cedar_oracle, "compare", lambda program: differ)
    words = ("activate", file_of(config), "--phase", "interim")
    assert run(config, *words, who=("arvena.minister", "arvena.chief")) == 2
    assert "Cedar decides otherwise" in capsys.readouterr().err
    assert not list((config.parent / "arvena.node").glob("commands/*.json"))


BAD = [
    (("show", "FILE"), "id = 3", "line 1"),
    (("show", "FILE"), "[", "not TOML"),
    (("show", "FILE"), None, "cannot be read"),
]


@pytest.mark.parametrize(("words", "content", "says"), BAD)
def test_bad_documents_are_said_in_one_line(tmp_path, capsys, words, content, says):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_text(content)
    assert main(["agreement", *(str(path) if w == "FILE" else w for w in words)]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert len(said.strip().splitlines()) == 1


def test_bad_persons_keys_and_nodes_are_said_in_one_line(config, capsys):
    sign_all(config)
    capsys.readouterr()
    key, other = (str(config.parent / f"{one}.key") for one in ("arvena.minister", "arvena.chief"))
    base = ["agreement", "activate", file_of(config), "--phase", "interim", "--node"]
    folder = str(config.parent)
    bare = config.parent / "bare.toml"
    bare.write_text('name = "bare"\n')
    for words, says in (
        ([str(config), "--person", "arvena.minister", "--key", other], "not the key"),
        ([str(config), "--person", "arvena.ghost", "--key", key], "not in the directory"),
        ([str(config), "--person", "a", "--person", "b", "--key", key], "2 persons and 1 keys"),
        ([str(config), "--person", "arvena.minister", "--key", folder], "a key is a file"),
        ([folder, "--person", "arvena.minister", "--key", key], "give the node's configuration"),
        ([str(bare), "--person", "arvena.minister", "--key", key], "no partner"),
    ):
        assert main([*base, *words]) == 2
        said = capsys.readouterr().err
        assert says in said
        assert len([line for line in said.splitlines() if line.startswith("manara:")]) == 1
    for reason in ("x" * 1_001, "a\u202eb"):
        assert run(config, "suspend", file_of(config), "--reason", reason, who=("arvena.chief",)) == 2
    assert main(["agreement", "submit", key, "--node", str(config)]) == 2


def test_a_node_that_does_not_run_takes_it_later(config, capsys):
    sign_all(config)
    words = ("activate", file_of(config), "--phase", "interim", "--wait", "0")
    assert run(config, *words, who=("arvena.minister", "arvena.chief")) == 0
    assert "Does it run?" in capsys.readouterr().out
    assert len(commands.take(config.parent / "arvena.node", 0)) == 1


def test_the_recipients_person_stops_it_from_the_recipients_side(config, capsys):
    """Belora's node knows nothing of Arvena's statements; the suspension is handed in all the same, to be passed on."""
    sign_all(config)
    config.write_text(config.read_text().replace('"arvena"', '"belora"'))
    words = ("suspend", file_of(config), "--wait", "0", "--statement", str(config.parent / "stop.json"))
    assert run(config, *words, who=("belora.watch",)) == 0
    [one] = commands.take(config.parent / "belora.node", 0)
    assert one.envelope == (config.parent / "stop.json").read_bytes()
    assert run(config, "suspend", file_of(config), "--wait", "0", who=("corvia.watch",)) == 0, (
        "the releaser's node says no"
    )
