"""The space of signatures: it tells apart what the rules tell apart, by whichever way a value is looked up."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.agreement import Phase
from manara.records.directory import Area
from manara.records.marking import UNKNOWN_BIT, Codebook
from manara.release import cover, space
from manara.release.rules import Denial, Program, compile_rules, decide
from manara.release.space import BASE_NS, combination, distinct, overlapping


def _beside(name: str):
    """A module that lies beside this file."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


world = _beside("rule_world")
BOOK, NOW, agreement, permit, forbid = world.BOOK, world.NOW, world.agreement, world.permit, world.forbid
MANY = tuple(f"area-{k}" for k in range(40))
WIDE = Codebook(MANY, BOOK.sources, BOOK.partners)
APART = {"area": frozenset({frozenset((MANY[0], MANY[1]))})}  # only the first two overlap


def many(**keys) -> Program:
    """Forty areas, each with a delay of its own."""
    rules = [permit(f"p{k}", area=(name,), delay_s=k + 1) for k, name in enumerate(MANY)]
    made = compile_rules(agreement(*rules), WIDE, Phase.FULL, **keys)
    assert isinstance(made, Program), made
    return made


def test_forty_areas_that_lie_apart_are_looked_up_one_by_one():
    made = many(overlaps=APART)
    axis = next(one for one in made.space.axes if one.attribute == "area")
    assert len(axis.atoms) > space.ATOMS_DIRECT
    bits = [1 << k for k in range(40)] + [0b11, 0, UNKNOWN_BIT | 0b100]
    found = decide(made, world.marking(len(bits), area_bits=np.array(bits, np.uint64)), NOW)
    assert found.obligations.delay_s[:41].tolist() == [*range(1, 41), 2]
    assert found.allowed.tolist() == [True] * 41 + [False, True]


def test_a_combination_that_was_said_not_to_occur_counts_as_nothing_known():
    made = many(overlaps=APART)
    found = decide(made, world.marking(1, area_bits=0b10100), NOW)
    assert found.denial.tolist() == [Denial.DEFAULT]
    assert int(found.matched[0].max()) == 0
    rules = (permit("a", area=("north",)), permit("b", area=("south",)), forbid("c", area=("strait",)))
    direct = compile_rules(agreement(*rules), BOOK, Phase.FULL, overlaps={"area": frozenset()})
    met = decide(direct, world.marking(2, area_bits=[0b001, 0b101]), NOW)
    assert met.denial.tolist() == [Denial.NONE, Denial.FORBIDDEN]


def test_forty_areas_that_may_all_overlap_are_refused():
    rules = [permit(f"p{k}", area=(name,)) for k, name in enumerate(MANY)]
    found = compile_rules(agreement(*rules), WIDE, Phase.FULL)
    assert isinstance(found, tuple)
    assert "area costs most" in found[0].why


def test_more_signatures_than_the_bound_are_refused_and_the_dearest_attribute_is_named():
    """Every source alone and every area alone, each with its own rule: what matches is a set of both."""
    book = Codebook(MANY[:9], tuple(f"s{k}" for k in range(9)), BOOK.partners)
    rules = [permit(f"a{k}", area=(name,)) for k, name in enumerate(book.areas)]
    rules += [permit(f"s{k}", source=(name,)) for k, name in enumerate(book.sources)]
    found = compile_rules(agreement(*rules, sources=book.sources), book, Phase.FULL)
    assert isinstance(found, tuple)
    assert found[0].where in ("rules[].when.source", "rules[].when.area")
    assert "65,536" in found[0].why


@settings(max_examples=40, deadline=None)
@given(one=world.agreements(), phase=st.sampled_from(Phase))
def test_a_row_of_each_signature_falls_into_it(one, phase):
    made = compile_rules(one, BOOK, phase)
    rows = made.space.rows()
    assert (made.space.signatures(rows, BASE_NS) == np.arange(made.space.size)).all()
    assert made.space.cases.sum() == pytest.approx(cover.combinations(made.space))


@settings(max_examples=20, deadline=None)
@given(one=world.agreements(3))
def test_a_cover_holds_every_signature(one):
    made = compile_rules(one, BOOK, Phase.FULL)
    rows, complete = cover.whole(made.space, 50_000)
    assert complete == (cover.combinations(made.space) <= 50_000)
    assert len(np.unique(made.space.signatures(rows, BASE_NS))) == made.space.size


def test_rules_that_ask_nothing_alike_share_signatures():
    """Nine forbids on nine attributes: the combinations are many, what they come to is little."""
    made = compile_rules(
        agreement(permit("a", domain=("sea",), craft=("vessel_a",), area=("north",), source=("ais",), emergency=True,
                         sensitivity=("open",), age_max_s=5, originator=("own",), sort=("track",))),
        BOOK, Phase.FULL,
    )  # fmt: skip
    assert made.space.size < 20
    assert cover.combinations(made.space) > 1_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_distinct_gives_each_row_its_first_like(pairs):
    keys = [np.array([pair[k] for pair in pairs]) for k in (0, 1)]
    first, back = distinct(keys)
    assert [pairs[one] for one in first[back]] == pairs
    assert first.tolist() == sorted(pairs.index(one) for one in set(pairs))


def test_a_combination_says_what_is_met_and_that_there_is_more():
    values = np.array([0, 0b110, UNKNOWN_BIT, UNKNOWN_BIT | 1], np.uint64)
    assert combination(values, (0b001, 0b010, 0b100)).tolist() == [0, 0b0110, 0b1000, 0b1001]


def test_areas_that_touch_may_overlap_and_areas_apart_may_not():
    def box(name: str, south: float, west: float) -> Area:
        return Area(
            id=name, partner="x", name=name, corners_deg=((south, west), (south + 1, west), (south + 1, west + 1))
        )

    found = overlapping((box("a", 0, 0), box("b", 1, 1), box("c", 5, 0)))
    assert found == frozenset({frozenset(("a", "b"))})
