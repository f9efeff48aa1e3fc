"""Markings in the recipient's own words: what has none stays here, and each row says its word."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.doubles.agreements import TEXT, read

from manara.kernels import geodesy
from manara.records.agreement import Label, Labels, Phase
from manara.records.marking import UNKNOWN, Sensitivity
from manara.records.released import DTYPES, RowTable, Terms
from manara.records.reports import Domain
from manara.records.tracks import Life, Tracks
from manara.release import channel, document, labels
from manara.release.channel import InForce, Offer
from manara.release.check import check
from manara.release.diff import diff
from manara.release.rules import Denial, compile_rules, decide
from manara.release.toml_lines import line_of

if "rule_world" not in sys.modules:
    spec = importlib.util.spec_from_file_location("rule_world", Path(__file__).with_name("rule_world.py"))
    sys.modules["rule_world"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["rule_world"])
world = sys.modules["rule_world"]
S = world.S
TABLE = Labels(
    policy="Belora service markings",
    open=Label(word="ÖFFENTLICH", tlp="clear"),
    limited=Label(word="DIENST", tlp="amber"),
)
LEVELS = [int(one) for one in Sensitivity] + [UNKNOWN]


def with_table(text: str) -> str:
    return TEXT.replace("[promises]", text + "\n\n[promises]", 1)


def test_row_25_what_has_no_word_over_there_stays_here():
    one = world.agreement(world.permit(), labels=TABLE)
    program = compile_rules(one, world.BOOK, Phase.FULL)
    decided = decide(program, world.marking(5, sensitivity=LEVELS), world.NOW)
    assert decided.allowed.tolist() == [True, True, False, False, False]
    assert decided.denial.tolist()[2:] == [Denial.LABEL] * 3
    bare = decide(compile_rules(world.agreement(world.permit()), world.BOOK, Phase.FULL),
                  world.marking(5, sensitivity=LEVELS), world.NOW)  # fmt: skip
    assert bare.allowed.all(), "an agreement without a table is read as it was signed"


def test_a_table_that_maps_nothing_lets_nothing_go():
    one = world.agreement(world.permit(), labels=Labels(policy="theirs"))
    program = compile_rules(one, world.BOOK, Phase.FULL)
    assert not decide(program, world.marking(5, sensitivity=LEVELS), world.NOW).allowed.any()


def test_row_25_each_row_bears_the_recipients_own_word():
    """Two craft of one rule, kept differently close: two words on the wire, each with its rows."""
    one = world.agreement(world.permit(), labels=TABLE)
    force = InForce(one, "00" * 32, Phase.FULL, compile_rules(one, world.BOOK, Phase.FULL))
    tracks = Tracks.blank(3).replace(
        track_id=np.arange(1, 4, dtype=np.uint64), life=np.full(3, Life.CONFIRMED, np.uint8),
        domain=np.full(3, Domain.SEA, np.uint8), lat_rad=np.full(3, 0.6), lon_rad=np.array([0.3, 0.31, 0.32]),
        updated_ns=np.full(3, world.NOW), time_ns=np.full(3, world.NOW),
        cov=np.tile(np.array([100.0, 0, 0, 0, 100.0, 0, 0, 1, 0, 1]), (3, 1)),
    )  # fmt: skip
    offer = Offer(tracks, world.marking(3, sensitivity=[0, 1, 2], time_ns=world.NOW), {})
    filled = channel.fill(channel.init(), force, offer, None, world.BOOK, b"secret", world.NOW)
    told = next(np.frombuffer(b.rows, DTYPES[b.table]) for b in filled.blocks if b.table == RowTable.PRECISE)
    words = [(filled.terms[k].label, filled.terms[k].tlp) for k in told["terms"].tolist()]
    assert sorted(words) == [("DIENST", "amber"), ("ÖFFENTLICH", "clear")]
    assert filled.withheld["label"] == 1
    assert geodesy is not None


def test_terms_of_before_are_read_and_silence_is_not_written():
    old = msgspec.json.encode(Terms(("a",), 1, 2))
    assert b"label" not in old
    assert msgspec.json.decode(old, type=Terms).label == ""


def test_check_says_by_line_what_stays_here():
    text = with_table('[labels.open]\nword = "PUBLIC"').replace(
        'sensitivity = ["open"', 'sensitivity = ["restricted", "open"'
    )
    found = read(text)
    checked = check(found.agreement, world_book(found.agreement))
    notes = {(one.where, one.why) for one in checked.notes}
    assert ("labels", "limited has no word of belora's: nothing that is marked limited is released") in notes
    assert line_of(found.lines, "labels") == found.text.decode().split("\n").index("[labels.open]") + 1


def world_book(one):
    from manara.records.marking import Codebook

    areas = tuple(dict.fromkeys([*one.areas, *(a for r in one.rules for a in (*r.when.area, *r.when.outside))]))
    sources = tuple(dict.fromkeys([*one.sources, *(s for r in one.rules for s in r.when.source)]))
    return Codebook(areas, sources, ("arvena", "belora", "corvia"))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[labels.open]\nword = ""', "labels.open.word"),
        ('[labels.open]\nword = "A"\ntlp = "purple"', "labels.open.tlp"),
        ('[labels.secret]\nword = "A"', "labels.secret"),
        ('[labels.open]\nword = "A"\ntlp = "red"\n[labels.closed]\nword = "B"\ntlp = "green"', "labels.closed.tlp"),
        ("[labels]\nopen = 3", "labels.open"),
    ],
)
def test_a_wrong_table_is_a_fault_with_its_line(text, where):
    made = document.read(with_table(text).encode())
    assert isinstance(made, tuple)
    assert any(one.line > 0 and (one.where.startswith(where) or where.split(".")[1] in one.why) for one in made), made
    assert all(one.where.startswith("labels") for one in made)


def test_diff_tells_the_word_and_who_gets_less():
    old = world.agreement(world.permit())
    found = diff(old, msgspec.structs.replace(old, labels=TABLE), world.BOOK)
    assert {one.where for one in found.fields} >= {"labels.policy", "labels.open", "labels.limited"}
    assert found.cases("less") > 0
    assert found.cases("more") == 0
    words = msgspec.structs.replace(TABLE, open=Label(word="FREE", tlp="clear"))
    again = diff(msgspec.structs.replace(old, labels=TABLE), msgspec.structs.replace(old, labels=words), world.BOOK)
    assert [one.where for one in again.fields] == ["labels.open.word"]


def test_every_level_of_the_enumeration_has_a_place_in_the_table():
    assert set(labels.LEVELS) | {"policy"} == set(Labels.__struct_fields__)
