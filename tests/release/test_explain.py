"""Every decision says why, in both languages; a refusal names what came nearest and what it lacks."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.agreement import Phase
from manara.records.reports import Domain, Kind
from manara.release.explain import DENIALS_AR, DENIALS_EN, explain
from manara.release.rules import Denial, compile_rules, decide


def _beside(name: str):
    """A module that lies beside this file."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


world = _beside("rule_world")
BOOK, NOW, agreement, permit, forbid = world.BOOK, world.NOW, world.agreement, world.permit, world.forbid


def why(*rules, phase=Phase.FULL, fields=(), **columns):
    made = compile_rules(agreement(*rules, **dict(fields)), BOOK, phase)
    return explain(made, world.marking(**columns), NOW)


def test_row_13_what_goes_names_its_rules_and_obligations():
    found = why(
        permit("ships", domain=("sea",), reason="Safety at sea", reason_ar="السلامة في البحر", delay_s=30),
        permit("all", strip=("names",)),
        permit("air", domain=("air",)),
    )
    assert found.allowed
    assert [one.rule for one in found.rules] == ["ships", "all"]
    assert found.obligations["delay_s"] == 30
    assert found.obligations["strip"] == ("names",)
    assert found.obligations["onward"] == ("corvia",)
    assert "permitted by ships, all" in found.text()
    assert "ships: Safety at sea" in found.text()
    assert "السلامة في البحر" in found.text("ar")


def test_row_13_what_does_not_go_names_the_nearest_permit_and_its_first_false_condition():
    found = why(
        permit("far", domain=("air",), area=("north",), sensitivity=("closed",)),
        permit("near", domain=("sea",), craft=("vessel_a",), area=("strait",)),
    )
    assert found.denial == "default"
    assert (found.nearest.rule, found.nearest.where) == ("near", "rules[1].when.area")
    assert (found.nearest.failing, found.nearest.of) == (1, 3)
    assert "near (rules[1].when.area) asks for area strait, which does not hold" in found.text()


def test_the_nearest_permit_says_when_the_value_is_not_known():
    found = why(permit("near", craft=("vessel_a",)), craft=0)
    assert found.nearest.unknown
    assert "not known" in found.text()
    assert "غير معروف" in found.text("ar")


def test_row_13_a_forbid_that_struck_is_named_with_what_was_not_known():
    found = why(permit("all"), forbid("unmanned", craft=("unmanned_aircraft",)), craft=0)
    assert found.denial == "forbidden"
    assert [(one.rule, one.unknown) for one in found.rules if one.effect == "forbid"] == [("unmanned", ("craft",))]
    assert "Forbidden by unmanned" in found.text()
    assert "craft is not known" in found.text()
    struck = why(permit("all"), forbid("unmanned", craft=("unmanned_aircraft",)), craft=Kind.UNMANNED_AIRCRAFT)
    assert struck.rules[1].unknown == ()


def test_a_permit_of_another_phase_is_the_nearest_by_its_phase():
    found = why(permit("later", phase=("full",)), phase=Phase.INTERIM)
    assert found.nearest.where == "rules[0].when.phase"


def test_the_phase_is_told():
    assert "The phase is suspended." in why(permit("all"), phase=Phase.SUSPENDED).text()


def test_what_only_a_bound_keeps_back_names_the_permit_and_what_was_asked():
    found = why(permit("cells", cell_m=8_000, epoch_s=60))
    assert found.denial == "unmeetable"
    assert "But for that it would go by cells." in found.text()
    assert "cell_m 8000, epoch_s 60" in found.text()
    assert "cell_m 8000" in found.text("ar")


def test_no_rule_at_all_has_no_nearest():
    found = why()
    assert found.nearest is None
    assert "no rule permits it" in found.text()


@pytest.mark.parametrize("denial", Denial)
def test_every_denial_has_words_in_both_languages(denial):
    assert DENIALS_EN[denial]
    assert re.search("[\u0600-\u06ff]", DENIALS_AR[denial])


@settings(max_examples=30, deadline=None)
@given(one=world.agreements(), phase=st.sampled_from(Phase), seed=st.integers(0, 999))
def test_an_explanation_is_of_the_decision(one, phase, seed):
    made, rows = compile_rules(one, BOOK, phase), world.rows(seed, 12)
    decided = decide(made, rows, NOW)
    for k in range(len(rows)):
        found = explain(made, rows.take(np.array([k])), NOW)
        assert found.allowed == decided.allowed[k]
        assert found.denial == Denial(decided.denial[k]).name.lower()
        assert found.text("en") != found.text("ar")
        assert (found.nearest is not None) == (
            found.denial == "default" and any(rule.effect == "permit" for rule in one.rules)
        )


def test_domains_outside_the_agreement_are_said():
    found = why(permit("all"), fields={"domains": ("air",)}.items(), domain=Domain.SEA)
    assert found.denial == "domain"
    assert "domain" in found.text()
