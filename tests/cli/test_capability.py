"""manara node capability: the list, what a person signs, explain; and every slip in one line."""

from __future__ import annotations

import json

import pytest
from tests.doubles import folders

from manara.cli import main
from manara.host import commands
from manara.host.config import node_config
from manara.host.problems import BadInput
from manara.release import statements

BOAT = '[[capability]]\nid = "boat-1"\nkind = "rescue"\nform = "boat"\nname = "Lantern"\ncaveat = "by day only"\n'


@pytest.fixture
def config(tmp_path):
    made = folders.make(tmp_path)
    made.write_text(made.read_text("utf-8") + "\n" + BOAT, "utf-8")
    return made


def say(config, *words: str) -> int:
    key = str(config.parent / "arvena.chief.key")
    return main(["node", "capability", str(config), *words, "--person", "arvena.chief", "--key", key, "--wait", "0"])


def test_the_register_is_listed_with_its_caveat(config, capsys):
    assert main(["node", "capability", str(config)]) == 0
    assert "boat-1  rescue/boat  yes  Lantern  by day only" in capsys.readouterr().out
    assert main(["node", "capability", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["capability"][0]["id"] == "boat-1"


def test_a_change_is_signed_and_waits_for_the_node(config, capsys):
    words = (
        "boat-1",
        "--availability",
        "no",
        "--until",
        "2026-11-01T00:00:00Z",
        "--caveat",
        "engine",
        "--caveat-ar",
        "محرك",
    )
    assert say(config, *words) == 0
    (one,) = commands.take(config.parent / "arvena.node", 0)
    _, said = statements.read(one.envelope)
    assert (said.id, said.availability, said.caveat, said.caveat_ar) == ("boat-1", "no", "engine", "محرك")
    assert said.until_ns == str(1_793_491_200 * 10**9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("boat-9", "--availability", "no"), "no entry 'boat-9'"),
        (("boat-1",), "what is to be said of it?"),
        (("boat-1", "--availability", "no", "--caveat", "x" * 201), "200 signs"),
        (("boat-1", "--availability", "no", "--caveat", "\u202eevil"), "200 signs"),
        (("boat-1", "--availability", "no", "--until", "soon"), "not a time"),
    ],
)
def test_bad_input_is_one_line(config, capsys, words, told):
    assert say(config, *words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") <= 2
    assert not commands.take(config.parent / "arvena.node", 0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('form = "tank"', "no form 'tank'"),
        ('kind = "weapon"', "no kind 'weapon'"),
        ('availability = "maybe"', "no availability 'maybe'"),
        ('purpose = ["use_of_force"]', "no purpose 'use_of_force'"),
        ('source = "nowhere"', "no feed or sensor"),
        ('until = "tomorrow"', "is no time"),
        ("lat_deg = 10.0", "stand together"),
        ("lat_deg = 95.0\nlon_deg = 0.0", "within 90"),
        ('lat_deg = 5.0\nlon_deg = 0.0\narea = "strait"', "not both"),
        ("speed_mps = 4000.0", "from 0 to 400"),
        (f'owner = "{"o" * 65}"', "longer than the 64 bytes"),
        ('id = "Boat 1"', "lower case"),
        ("range_of_fire_m = 1", "unknown field"),
    ],
)
def test_every_slip_in_a_table_is_said_in_one_line(tmp_path, line, told):
    key = line.partition(" ")[0]
    kept = "\n".join(one for one in BOAT.splitlines() if not one.startswith(f"{key} "))
    path = tmp_path / "node.toml"
    path.write_text(f'name = "n"\n{kept}\n{line}\n', "utf-8")
    with pytest.raises(BadInput) as fault:
        node_config(path)
    assert told in str(fault.value)


def test_two_entries_of_one_id_are_refused(tmp_path):
    path = tmp_path / "node.toml"
    path.write_text(f'name = "n"\n{BOAT}{BOAT}', "utf-8")
    with pytest.raises(BadInput, match="two entries"):
        node_config(path)


def test_figures_of_rescue_are_said_of_rescue_only(tmp_path):
    path = tmp_path / "node.toml"
    siren = '[[capability]]\nid = "s"\nkind = "channel"\nform = "siren"\nname = "S"\nreach_m = 5.0\n'
    path.write_text(f'name = "n"\n{siren}', "utf-8")
    with pytest.raises(BadInput, match="means of rescue only"):
        node_config(path)


def test_explain_names_the_rule_or_why_not(config, capsys):
    asked = ["agreement", "explain", "capability:boat-1", "belora", "--node", str(config)]
    file = config.parent / "arvena-belora.toml"
    assert main([*asked, "--agreement", str(file)]) == 1, "a permit that does not name the sort is not about it"
    assert "belora does not get it" in capsys.readouterr().out
    named = file.with_name("named.toml")
    rule = '\n[[rules]]\nid = "means"\neffect = "permit"\nwhen = { sort = ["capability"], originator = ["own"] }\n'
    named.write_text(file.read_text("utf-8") + rule, "utf-8")
    code = main([*asked, "--agreement", str(named)])
    told = capsys.readouterr().out
    assert "means" in told
    assert code in (0, 1)
    assert (
        main(["agreement", "explain", "capability:none", "belora", "--node", str(config), "--agreement", str(file)])
        == 2
    )
