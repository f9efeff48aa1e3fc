"""manara agreement check, explain, diff, preview: at the command line, with the examples that we ship."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.doubles import lantern
from tests.doubles.persons import DIRECTORY

from manara.cli import main
from manara.host import directory, kept
from manara.host.offline import COLUMNS
from manara.records.directory import Area

S = 1_000_000_000
NOW = 1_772_359_200 * S


def waters(partner: str, south: float, west: float) -> Area:
    """A square degree that a partner answers for."""
    corners = ((south, west), (south, west + 1), (south + 1, west + 1), (south + 1, west))
    return Area(id=f"{partner}-waters", partner=partner, name="W", corners_deg=corners)


WATERS = (waters("belora", -48.0, -121.0), waters("arvena", -48.0, -119.0), waters("corvia", -40.0, -119.0))
TRACKS = (  # number, domain, kind, identity, latitude, longitude, flags
    (1, 2, 1, "291000001", -47.5, -120.5, 0),  # a vessel in Belora's waters
    (2, 2, 1, "291000002", -47.5, -110.0, 0),  # a vessel far away
    (3, 1, 8, "", -47.5, -110.0, 0),  # an unmanned aircraft
    (4, 2, 1, "291000004", -47.5, -110.0, 1),  # in distress, far away
    (5, 3, 9, "", -47.5, -120.5, 0),  # on land
)


@pytest.fixture
def examples(repository):
    return repository / "examples" / "agreements"


@pytest.fixture
def names(tmp_path):
    directory.write(tmp_path / "directory.toml", msgspec.structs.replace(DIRECTORY, areas=WATERS))
    return str(tmp_path / "directory.toml")


@pytest.fixture
def tracks(tmp_path):
    """Five craft over twenty minutes, a row each five minutes."""
    rows = [(NOW + k * 300 * S, *one) for k in range(5) for one in TRACKS]
    plain = {name: [0] * len(rows) for name in COLUMNS} | {"name": [""] * len(rows), "callsign": [""] * len(rows)}
    said = ("time_ns", "number", "domain", "kind", "identity", "lat_deg", "lon_deg", "flags")
    plain |= {name: [row[k] for row in rows] for k, name in enumerate(said)}
    plain |= {"track_id": plain["number"], "life": ["confirmed"] * len(rows), "sources": [1] * len(rows)}
    plain["updated_ns"] = plain["time_ns"]
    table = {name: np.array(plain[name]) for name in COLUMNS}
    pq.write_table(pa.table(table), tmp_path / "tracks.parquet")
    return str(tmp_path / "tracks.parquet")


def agreement(*words: object) -> int:
    return main(["agreement", *map(str, words)])


def changed(path, tmp_path, *swaps: tuple[str, str]):
    text = path.read_text("utf-8")
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "changed.toml").write_text(text, "utf-8")
    return tmp_path / "changed.toml"


@pytest.mark.parametrize("name", ["arvena-belora", "belora-arvena", "corvia-belora", "minimal"])
def test_the_examples_stand_and_every_rule_of_them_does_something(examples, names, name, capsys):
    assert agreement("check", examples / f"{name}.toml", "--directory", names, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert said["found"] == []
    assert set(said["cases"]) == {"warning_only", "interim", "full"}


def test_check_says_line_rule_and_reason(examples, names, tmp_path, capsys):
    path = changed(examples / "arvena-belora.toml", tmp_path, ('area = ["belora-waters"]', 'area = ["belora-watres"]'))
    assert agreement("check", path, "--directory", names) == 1
    line = next(n for n, row in enumerate(path.read_text("utf-8").splitlines(), 1) if "watres" in row)
    told = capsys.readouterr().out
    assert f"{path}:{line}: error: rule sea-near: rules[1].when.area:" in told
    assert "did you mean 'belora-waters'" in told


def test_check_refuses_an_unknown_field_with_its_line(examples, tmp_path, capsys):
    path = changed(examples / "minimal.toml", tmp_path, ('effect = "permit"', 'effect = "permit"\ncolour = "red"'))
    assert agreement("check", path) == 1
    assert "colour" in capsys.readouterr().out
    assert agreement("check", path, "--json") == 1
    assert json.loads(capsys.readouterr().out)["found"][0]["line"] > 10


def test_check_names_a_rule_that_does_nothing(examples, tmp_path, names, capsys):
    more = '[[rules]]\nid = "again"\neffect = "permit"\nwhen = { sort = ["alert"] }\n'
    path = changed(examples / "minimal.toml", tmp_path, ("[[rules]]", more + "\n[[rules]]"))
    assert agreement("check", path, "--directory", names) == 0
    assert "note: rule again: rules[0]: is shadowed" in capsys.readouterr().out


def test_check_can_ask_cedar(examples, capsys):
    assert agreement("check", examples / "minimal.toml", "--cedar") == 0
    assert capsys.readouterr().out.count("Cedar agrees") == 4
    assert agreement("check", examples / "minimal.toml", "--export-cedar") == 0
    assert '@id("warnings")\npermit' in capsys.readouterr().out


def test_row_13_explain_says_why_and_why_not(examples, names, tracks, capsys):
    given = ("--agreement", examples / "arvena-belora.toml", "--tracks", tracks, "--directory", names)
    assert agreement("explain", "1", "belora", *given) == 0
    assert "permitted by sea-near" in capsys.readouterr().out
    assert agreement("explain", "291000002", "belora", *given) == 0
    assert "cell_m 8,000" in capsys.readouterr().out
    assert agreement("explain", "5", "belora", *given) == 1
    assert "Nearest permit: " in capsys.readouterr().out
    assert agreement("explain", "5", "belora", *given, "--lang", "ar") == 1
    assert "أقرب قاعدة سامحة" in capsys.readouterr().out
    assert agreement("explain", "3", "belora", *given, "--phase", "suspended", "--json") == 1
    assert json.loads(capsys.readouterr().out)["denial"] == "phase"


def test_explain_finds_the_newest_agreement_beside_the_directory(examples, names, tracks, tmp_path, capsys):
    assert agreement("explain", "1", "belora", "--tracks", tracks, "--directory", names) == 2
    assert "no agreement for belora" in capsys.readouterr().err
    changed(examples / "arvena-belora.toml", tmp_path, ('id = "sea-near"', 'id = "older"'))
    (tmp_path / "changed.toml").rename(tmp_path / "first.toml")
    changed(examples / "arvena-belora.toml", tmp_path, ("edition = 1", "edition = 2"))
    assert agreement("explain", "1", "belora", "--tracks", tracks, "--directory", names) == 0
    assert "permitted by sea-near" in capsys.readouterr().out


def test_explain_without_a_directory_says_that_no_area_is_known(examples, tracks, capsys):
    given = ("--agreement", examples / "belora-arvena.toml", "--tracks", tracks)
    assert agreement("explain", "1", "arvena", *given) == 1
    assert "not known" in capsys.readouterr().out
    assert agreement("explain", "4", "arvena", *given) == 0
    assert "permitted by distress" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "1", "corvia", "--agreement", "FILE", "--tracks", "TRACKS"),
        ("explain", "99", "belora", "--agreement", "FILE", "--tracks", "TRACKS"),
        ("explain", "1", "belora", "--tracks", "TRACKS"),
        ("explain", "1", "belora", "--agreement", "FILE"),
        ("explain", "1", "belora", "--agreement", "FILE", "--tracks", "FILE"),
        ("preview", "FILE"),
        ("diff", "FILE", "nowhere.toml"),
        ("check", "nowhere.toml"),
    ],
)
def test_bad_input_is_one_line(examples, tracks, words, capsys):
    stands = {"FILE": examples / "arvena-belora.toml", "TRACKS": tracks}
    assert agreement(*(stands.get(word, word) for word in words)) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_row_15_diff_prints_rule_zero_fields_and_cases(examples, tmp_path, capsys):
    old = examples / "arvena-belora.toml"
    assert agreement("diff", old, old) == 0
    assert "no difference" in capsys.readouterr().out
    new = changed(old, tmp_path, ("cell_m = 8_000", "cell_m = 4_000"))
    assert agreement("diff", old, new) == 1
    told = capsys.readouterr().out
    assert "Rule 0, the duty to warn" in told
    assert "rules.sea-far.cell_m: 8000 -> 4000" in told
    assert "[interim, full] belora gets more" in told
    assert "[warning_only" not in told
    assert agreement("diff", old, new, "--json") == 1
    assert {one["effect"] for one in json.loads(capsys.readouterr().out)["shifts"]} == {"more"}


def test_row_15_a_reason_that_reads_otherwise_is_a_difference(examples, tmp_path, capsys):
    old = examples / "arvena-belora.toml"
    assert agreement("diff", old, changed(old, tmp_path, ("minutes count", "seconds count"))) == 1
    assert "no case changes today" in capsys.readouterr().out


def test_row_14_preview_counts_what_would_have_gone(examples, names, tracks, tmp_path, capsys):
    old = examples / "arvena-belora.toml"
    assert agreement("preview", old, "--tracks", tracks, "--directory", names, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["tracks"], first["before"], first["after"], first["gained"]) == (5, 0, 4, 4)
    new = changed(old, tmp_path, ('domain = ["air"]', 'domain = ["air"], emergency = true'), ("8_000", "4_000"))
    assert agreement("preview", new, "--against", old, "--tracks", tracks, "--directory", names, "--json") == 0
    then = json.loads(capsys.readouterr().out)
    assert (then["before"], then["after"], then["lost"], then["gained"]) == (4, 3, 1, 0)
    assert then["looser"] == 2
    assert then["withheld"] == {"no rule permits it": 2}
    assert agreement("preview", new, "--against", old, "--tracks", tracks, "--directory", names) == 0
    assert "1 no longer" in capsys.readouterr().out


def test_row_14_preview_of_a_nodes_own_hour(examples, tmp_path, capsys):
    node = kept.KeptNode(lantern.config(), tmp_path / "n")
    for now_ns, inputs in lantern.windows(20):
        seen = node.turn(inputs, now_ns).views
    assert len(seen.tracks)
    path = changed(examples / "arvena-belora.toml", tmp_path, ('"arvena-ais", "arvena-air"', _listed(lantern.config())))
    assert agreement("preview", path, "--node", tmp_path / "n", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tracks"] >= len(seen.tracks)
    assert told["after"] > 0
    number = str(int(seen.tracks.number[np.flatnonzero(seen.tracks.domain == 1)[0]]))
    assert agreement("explain", number, "belora", "--agreement", path, "--node", tmp_path / "n") == 0
    assert "permitted by air" in capsys.readouterr().out
    node.close()  # only now: rules are tried beside a node that runs


def _listed(config) -> str:
    return ", ".join(json.dumps(feed.name) for feed in config.feeds)
