"""A diff misses nothing: no change of a rule goes untold, and no case changes that it does not list."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from manara.records.agreement import Phase, Promise
from manara.release import diff as diffs
from manara.release.conditions import Fault
from manara.release.cubes import cubes, places
from manara.release.diff import LESS, MORE, OTHER, REASON, diff
from manara.release.rules import compile_rules, decide


def _beside(name: str):
    """A module that lies beside this file."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


world = _beside("rule_world")
BOOK, NOW, agreement, permit, forbid = world.BOOK, world.NOW, world.agreement, world.permit, world.forbid

RULES = (
    permit("ships", domain=("sea",), area=("north", "strait"), sensitivity=("open",), delay_s=30),
    permit("aircraft", domain=("air",), cell_m=16_000, epoch_s=128, outside=("south",), strip=("names",)),
    permit("distress", emergency=True, age_max_s=600, retention_s=3_600, purpose=("safety_of_life",)),
    forbid("unmanned", craft=("unmanned_aircraft",)),
    forbid("of corvia", originator=("corvia",), source=("radar",)),
)
MUTANTS = {
    "effect": ("permit", "forbid"),
    "reason": ("other",),
    "reason_ar": ("آخر",),
    "cell_m": (0, 1_000, 32_000),
    "epoch_s": (0, 4_096),
    "delay_s": (0, 7),
    "rate_s": (11,),
    "pseudonym_s": (600,),
    "strip": ((), ("height",)),
    "purpose": ((), ("traffic_safety",)),
    "retention_s": (60,),
    "onward": (None, ()),
    "id": ("another",),
}
MUTANT_CONDITIONS = {
    "sort": ((), ("alert",)), "domain": ((), ("land",), ("sea",)), "craft": ((), ("vessel_b",)),
    "area": ((), ("south",)), "outside": ((), ("north",)), "source": ((), ("ais",)),
    "originator": ((), ("delmara",), ("own",)), "sensitivity": ((), ("closed",)), "emergency": (None, True, False),
    "age_max_s": (None, 5), "phase": ((), ("interim",), ("full",)),
}  # fmt: skip
EVERY = [(field, value, False) for field, values in MUTANTS.items() for value in values] + [
    (field, value, True) for field, values in MUTANT_CONDITIONS.items() for value in values
]


def mutate(rule, field, value, condition):
    if condition:
        return msgspec.structs.replace(rule, when=msgspec.structs.replace(rule.when, **{field: value}))
    return msgspec.structs.replace(rule, **{field: value})


@pytest.mark.parametrize("k", range(len(RULES)), ids=[rule.id for rule in RULES])
def test_row_15_any_field_of_any_rule_that_changes_is_seen(k):
    before, seen = agreement(*RULES), 0
    for field, value, condition in EVERY:
        changed = mutate(RULES[k], field, value, condition)
        if changed == RULES[k]:
            continue
        found = diff(before, agreement(*RULES[:k], changed, *RULES[k + 1 :]), BOOK)
        assert not found.same, (field, value)
        assert any(field in one.where or one.where.endswith((RULES[k].id, "another")) for one in found.fields)
        if condition and not found.unsearched:
            assert found.shifts, (field, value)
        seen += 1
    assert seen > 25


def test_the_same_agreement_has_no_difference():
    found = diff(agreement(*RULES), agreement(*RULES), BOOK)
    assert found.same
    assert found.shifts == ()


@settings(max_examples=40, deadline=None)
@given(old=world.agreements(4), new=world.agreements(4), phase=st.sampled_from(Phase), seed=st.integers(0, 999))
def test_row_15_a_case_that_is_not_listed_does_not_change(old, new, phase, seed):
    found = diff(old, new, BOOK)
    assume(not found.unsearched)
    rows = world.rows(seed, 150)
    pair = [decide(compile_rules(one, BOOK, phase), rows, NOW) for one in (old, new)]
    if not [shift for shift in found.shifts if shift.phase == phase.name.lower()] and not found.untold:
        assert (pair[0].allowed == pair[1].allowed).all()
        assert (pair[0].denial == pair[1].denial).all()
        for name in pair[0].obligations.__dataclass_fields__:
            assert (getattr(pair[0].obligations, name) == getattr(pair[1].obligations, name)).all()
    gained = pair[1].allowed & ~pair[0].allowed
    assert not gained.any() or found.cases(MORE, phase.name.lower()) or found.untold


def test_row_15_who_gets_more_is_counted_and_named():
    old = agreement(permit("ships", domain=("sea",), area=("north",)), sources=())
    new = agreement(permit("ships", domain=("sea",), area=("north", "strait")), sources=())
    found = diff(old, new, BOOK)
    more = [one for one in found.shifts if one.phase == "full" and one.effect == MORE]
    assert len(more) == 1
    assert "domain sea" in more[0].where[0]
    assert "strait" in more[0].where[0]
    assert "north" not in more[0].where[0]
    assert more[0].old.startswith("withheld")
    assert more[0].new == "goes by ships; retention_s 2592000, " + more[0].new.split("2592000, ")[1]
    assert not [one for one in found.shifts if one.phase == "suspended" and one.effect == MORE]


@pytest.mark.parametrize(
    ("old", "new", "effect"),
    [
        ({"delay_s": 30}, {"delay_s": 10}, MORE),
        ({"delay_s": 30}, {"delay_s": 60}, LESS),
        ({"retention_s": 60}, {"retention_s": 600}, MORE),
        ({"strip": ("names",)}, {}, MORE),
        ({}, {"strip": ("names",)}, LESS),
        ({"delay_s": 30}, {"strip": ("names",)}, OTHER),
        ({}, {"onward": ()}, LESS),
        ({}, {"purpose": ("traffic_safety",)}, LESS),
    ],
)
def test_what_counts_as_more(old, new, effect):
    found = diff(agreement(permit("a", **old)), agreement(permit("a", **new)), BOOK)
    assert {one.effect for one in found.shifts} == {effect}


def test_a_forbid_that_guards_nothing_today_still_shows_when_it_moves():
    """The decision is the same in every case; only the rules that match differ."""
    ships = permit("ships", area=("north",))
    old = agreement(ships, forbid("guard", area=("strait",), outside=("north",)))
    new = agreement(ships, forbid("guard", area=("south",), outside=("north",)))
    known = [one for one in diff(old, new, BOOK).shifts if one.phase == "full"]
    assert REASON in {one.effect for one in known}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "Other"), ("retention_s", 60), ("promises", Promise(warning_s=5)), ("purposes", ("traffic_safety",)),
        ("onward", ()), ("sources", ("ais",)), ("domains", ("sea",)), ("areas", ("north",)), ("quorum", 2),
        ("not_after", "2028-01-01T00:00:00Z"), ("constant_cadence", False), ("edition", 2), ("window", 5),
    ],
)  # fmt: skip
def test_every_field_of_the_agreement_is_told(field, value):
    found = diff(agreement(*RULES), agreement(*RULES, **{field: value}), BOOK)
    assert [one.where.split(".")[0] for one in found.fields] == [field]
    bounds = {"retention_s", "purposes", "onward", "sources", "domains", "areas"}
    assert bool(found.shifts) == (field in bounds)


def test_what_cannot_be_searched_is_said_and_is_not_the_same():
    found = diff(agreement(), agreement(permit("a", area=("nowhere",))), BOOK)
    assert not found.same
    assert isinstance(found.unsearched[0], Fault)


@settings(max_examples=15, deadline=None)
@given(one=world.agreements(4), share=st.integers(1, 5))
def test_the_lines_hold_the_cases_they_are_said_to_hold_and_no_other(one, share):
    space = compile_rules(one, BOOK, Phase.FULL).space
    assume(space.axes)
    wanted = frozenset(range(0, space.size, share))
    sizes = [len(axis.values) for axis in space.axes]
    assume(np.prod(sizes, dtype=float) <= 20_000)
    told = np.zeros(sizes, int)
    for cube in cubes(space, wanted):
        told[np.ix_(*(sorted(side) for side in cube))] += 1
    grid = np.indices(sizes).reshape(len(sizes), -1)
    lead = np.zeros(grid.shape[1], np.intp)
    for k, step in enumerate(space.steps):
        lead = step[lead + grid[k]]
    assert (told.reshape(-1) == np.isin(lead, list(wanted))).all()
    assert places(space, sorted(wanted), BOOK)


def test_kinds_of_change_beyond_the_bound_are_counted(monkeypatch):
    monkeypatch.setattr(diffs, "SHIFTS_MAX", 1)
    found = diff(agreement(), agreement(*RULES), BOOK)
    assert found.untold > 0
    assert not found.same
