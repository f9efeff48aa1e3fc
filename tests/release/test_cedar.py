"""Cedar, which shares no line with us, decides the whole table alike; and a fault put into our side is found."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.host import cedar_oracle
from manara.records.agreement import Phase
from manara.records.marking import Codebook
from manara.release import cedar, cover, document
from manara.release.rules import compile_rules


def _beside(name: str):
    """A module that lies beside this file."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


world = _beside("rule_world")
BOOK, agreement, permit, forbid = world.BOOK, world.agreement, world.permit, world.forbid

RULES = agreement(
    permit("ships", domain=("sea",), area=("north", "strait"), sensitivity=("open",)),
    permit("distress", emergency=True, age_max_s=600),
    permit("aircraft", domain=("air",), cell_m=16_000, epoch_s=128, outside=("south",)),
    forbid("unmanned", craft=("unmanned_aircraft",)),
    forbid("of corvia", originator=("corvia",), source=("radar",)),
    areas=("north", "strait", "south"),
)


@pytest.mark.parametrize("phase", Phase)
def test_cedar_agrees_on_the_whole_table(phase):
    made = compile_rules(RULES, BOOK, phase)
    found = cedar_oracle.compare(made, most=1_000)
    assert found.rows > 500
    assert found.mismatches == ()
    assert found.agree


def test_a_small_table_is_compared_without_a_gap():
    small = agreement(permit("a", domain=("sea",), area=("north",)), forbid("b", emergency=True), sources=())
    made = compile_rules(small, BOOK, Phase.INTERIM)
    found = cedar_oracle.compare(made)
    assert found.complete
    assert found.rows >= cover.combinations(made.space)
    assert found.agree


@pytest.mark.parametrize("labels", world.LABELS)
def test_row_25_cedar_agrees_on_what_has_no_word_over_there(labels):
    """The second engine reads the table of markings from the document itself."""
    one = agreement(permit("all", domain=("sea", "air")), forbid("b", sensitivity=("restricted",)), labels=labels)
    found = cedar_oracle.compare(compile_rules(one, BOOK, Phase.FULL))
    assert found.complete
    assert found.mismatches == ()


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("name", ["arvena-belora", "belora-arvena", "corvia-belora", "minimal"])
def test_cedar_agrees_on_every_case_of_the_agreements_that_we_ship(repository, name, phase):
    one = document.read((repository / f"examples/agreements/{name}.toml").read_bytes()).agreement
    areas = ("arvena-waters", "belora-waters", "corvia-waters")
    others = [partner for partner in BOOK.partners if partner != one.releaser]
    made = compile_rules(one, Codebook(areas, one.sources, (one.releaser, *others)), phase)
    found = cedar_oracle.compare(made)
    assert found.complete
    assert found.mismatches == ()


@pytest.mark.soak
@pytest.mark.parametrize("phase", Phase)
def test_cedar_agrees_on_every_case_of_rules_of_all_kinds(phase):
    found = cedar_oracle.compare(compile_rules(RULES, BOOK, phase), most=100_000)
    assert found.complete
    assert found.mismatches == ()


@settings(max_examples=10, deadline=None)
@given(one=world.agreements(), phase=st.sampled_from(Phase), seed=st.integers(0, 999), strict=st.booleans())
def test_cedar_agrees_on_rules_and_rows_by_chance(one, phase, seed, strict):
    made = compile_rules(one, BOOK, phase, known=("ais", "adsb") if strict else None)
    rows = world.rows(seed, 40)
    assert cedar_oracle.compare(made, rows, world.NOW).mismatches == ()
    assert cedar_oracle.compare(made, most=40).mismatches == ()


@pytest.mark.parametrize("rule", range(5))
def test_a_fault_in_our_table_is_found(rule):
    made = compile_rules(RULES, BOOK, Phase.FULL)
    matched = made.table.matched.copy()
    fires = np.flatnonzero(matched[:, 0] >> np.uint64(rule) & np.uint64(1))
    matched[fires[0], 0] ^= np.uint64(1 << rule)
    made.__dict__["table"] = replace(made.table, matched=matched)
    assert not cedar_oracle.compare(made, most=2_000).agree


def test_a_condition_that_we_lost_is_found():
    """As if the compiler had forgotten a condition: the rows cover what it no longer tells apart."""
    lax = agreement(
        *(permit("ships", domain=("sea",)) if r.id == "ships" else r for r in RULES.rules), areas=RULES.areas
    )
    made = replace(compile_rules(lax, BOOK, Phase.FULL), agreement=RULES)
    assert not cedar_oracle.compare(made, most=3_000).agree


def test_a_value_in_the_wrong_class_is_found():
    made = compile_rules(agreement(permit("ships", domain=("sea",))), BOOK, Phase.FULL)
    axis = next(one for one in made.space.axes if one.attribute == "domain")
    axis.table[3] = axis.table[2]  # land now counts as sea
    assert not cedar_oracle.compare(made, most=2_000).agree


def test_every_rule_is_a_policy_under_its_id_whatever_the_id():
    odd = agreement(permit('a "quoted" \\ id'), forbid("ممنوع", domain=("land",)))
    text = cedar.export(odd)
    assert text.count("@id(") == 2 + len(cedar.BOUNDS)
    assert cedar_oracle.compare(compile_rules(odd, BOOK, Phase.FULL)).agree
