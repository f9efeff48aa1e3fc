"""Check: rules that do nothing are named with the reason, rules that do something are not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from manara.records.agreement import Agreement, Phase
from manara.release.check import LIVE, check, reached_when_known
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


def notes(*rules, **fields) -> dict[str, str]:
    found = check(agreement(*rules, **fields), BOOK)
    assert found.errors == ()
    return {one.where: one.why for one in found.notes}


def test_rules_that_all_do_something_are_left_alone():
    assert notes(permit("a", domain=("sea",)), permit("b", domain=("air",)), forbid("c", emergency=False)) == {}


@pytest.mark.parametrize(
    ("rules", "fields", "where", "why"),
    [
        ((permit("a", area=("north",), outside=("north",)),), {}, "rules[0]", "never fires: its conditions"),
        ((permit("a", domain=("land",)),), {"domains": ("sea",)}, "rules[0]", "never lets anything go: its domain"),
        ((permit("a", domain=("sea",)), forbid("b", domain=("sea",))), {}, "rules[0]", "matches, b forbids"),
        ((permit("a"), permit("b", domain=("sea",))), {}, "rules[1]", "is shadowed: nothing changes without it"),
        ((permit("a", domain=("sea",)), forbid("b", domain=("air",))), {}, "rules[1]", "guards nothing"),
        ((permit("a"), forbid("b", sort=("alert",), domain=("air",)), forbid("c", domain=("air",))),
         {}, "rules[1]", "is shadowed: wherever it guards"),
        ((permit("a", age_max_s=5), forbid("b", area=("north",), outside=("north",))), {}, "rules[1]", "not known"),
        ((permit("a", cell_m=1_500),), {}, "rules[0].cell_m", "no cell of the grid"),
        ((permit("a", domain=("sea",), cell_m=8_000, epoch_s=10),), {}, "rules[0].epoch_s", "too short"),
        ((permit("a", purpose=("investigation",)),), {}, "rules[0].purpose", "none of these"),
        ((permit("a", phase=("suspended",)),), {}, "rules[0].when.phase", "suspended agreement"),
        ((), {}, "rules", "there is no rule"),
        ((permit("a"),), {"sources": ()}, "sources", "no source"),
        ((permit("a"),), {"domains": ()}, "domains", "no domain"),
    ],
)  # fmt: skip
def test_what_does_nothing_is_named(rules, fields, where, why):
    found = notes(*rules, **fields)
    assert why in found[where], found


def test_areas_that_may_overlap_are_no_contradiction():
    assert notes(permit("a", area=("south",)), areas=("north",)) == {}
    apart = check(agreement(permit("a", area=("south",)), areas=("north",)), BOOK, overlaps={"area": frozenset()})
    assert "areas of the agreement" in apart.notes[0].why


def test_a_forbid_that_no_permit_opens_guards_nothing():
    found = notes(permit("a", emergency=True), forbid("b", emergency=False))
    assert list(found) == ["rules[1]"]
    found = notes(permit("a", phase=("interim",)), forbid("b", phase=("full",)))
    assert found == {"rules[1]": "guards nothing: no permit opens what it forbids"}


def test_errors_come_with_their_place_and_stop_the_search():
    found = check(agreement(permit("a"), permit("b", area=("nroth",))), BOOK)
    assert [(one.rule, one.where) for one in found.errors] == [("b", "rules[1].when.area")]
    assert "did you mean 'north'" in found.errors[0].why
    assert found.notes == ()


def test_too_many_cases_name_the_attribute_that_costs_most():
    areas = tuple(f"area-{k}" for k in range(18))
    book = type(BOOK)(areas, BOOK.sources, BOOK.partners)
    rules = [permit(f"p{k}", area=(name,), delay_s=k) for k, name in enumerate(areas)]
    found = check(agreement(*rules), book)
    assert [one.where for one in found.errors] == ["rules[].when.area"]
    assert "area costs most" in found.errors[0].why
    apart = check(agreement(*rules), book, overlaps={"area": frozenset()})
    assert apart.errors == ()
    assert apart.classes["area"] == 19


@settings(max_examples=25, deadline=None)
@given(one=world.agreements(4))
def test_without_a_rule_that_is_noted_as_idle_every_row_fares_the_same(one):
    """Shadowed, never firing, guarding nothing: take it out, and nobody gets more, less, or otherwise."""
    rows = world.rows(5, 200)
    for note in check(one, BOOK).notes:
        idle = note.where.startswith("rules[") and note.where.endswith("]") and "only where" not in note.why
        if not idle:
            continue
        less = agreement(*(r for r in one.rules if r.id != note.rule), **_bounds(one))
        for phase in LIVE:
            pair = [decide(compile_rules(x, BOOK, phase), rows, NOW) for x in (one, less)]
            assert (pair[0].allowed == pair[1].allowed).all(), note
            for name in pair[0].obligations.__dataclass_fields__:
                columns = [getattr(x.obligations, name) for x in pair]
                assert (columns[0] == columns[1]).all(), (note, name)


def _bounds(one: Agreement) -> dict:
    return {"areas": one.areas, "sources": one.sources, "domains": one.domains}


@settings(max_examples=15, deadline=None)
@given(one=world.agreements(4))
def test_what_only_the_unknown_reaches_is_told_apart(one):
    made = compile_rules(one, BOOK, Phase.FULL)
    sure = reached_when_known(made.space)
    rows = world.rows(9, 300)
    full = (
        (rows.domain <= 3) & (rows.domain > 0) & (rows.sort < 9) & (rows.craft > 0) & (rows.craft < 14)
        & (rows.area_bits < 1 << 63) & (rows.sources < 1 << 63) & (rows.originator < 63) & (rows.sensitivity < 4)
        & (rows.emergency < 2) & (rows.time_ns > 0)
    )  # fmt: skip
    assert full.any()
    assert sure[made.space.signatures(rows.take(np.flatnonzero(full)), NOW)].all()
