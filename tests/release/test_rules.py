"""Decisions: equal to a plain reading of the rules, whatever the rules and the rows; and each rule of the design."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.records.agreement import Phase
from manara.records.marking import UNKNOWN, UNKNOWN_BIT, Purpose, Sort, Strip
from manara.records.reports import Domain, Kind
from manara.release.rules import Denial, Program, compile_rules, decide


def _beside(name: str):
    """A module that lies beside this file."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


world = _beside("rule_world")
NOW, S, BOOK = world.NOW, world.S, world.BOOK
agreement, permit, forbid, marking = world.agreement, world.permit, world.forbid, world.marking


def program(*rules, phase=Phase.FULL, **fields) -> Program:
    keys = {key: fields.pop(key) for key in ("overlaps", "known", "never") if key in fields}
    made = compile_rules(agreement(*rules, **fields), BOOK, phase, **keys)
    assert isinstance(made, Program), made
    return made


def denial(made: Program, **columns) -> Denial:
    found = decide(made, marking(**columns), NOW)
    assert found.allowed[0] == (found.denial[0] == 0)
    return Denial(found.denial[0])


@settings(max_examples=60, deadline=None)
@given(one=world.agreements(), phase=st.sampled_from(Phase), seed=st.integers(0, 9999))
def test_decisions_are_those_of_a_plain_reading(one, phase, seed):
    made = compile_rules(one, BOOK, phase)
    assert isinstance(made, Program), made
    table = world.rows(seed)
    found = decide(made, table, NOW)
    for k in range(len(table)):
        allowed, matched, joined = world.plain(one, world.row_of(table, k), phase)
        bits = int(found.matched[k, 0])
        assert {rule.id for i, rule in enumerate(one.rules) if bits >> i & 1} == matched
        assert bool(found.allowed[k]) == allowed, world.row_of(table, k)
        if allowed:
            assert {name: int(getattr(found.obligations, name)[k]) for name in joined} == joined


def test_row_3_two_recipients_of_one_track_get_what_their_own_agreement_says():
    exact = compile_rules(agreement(permit(recipient_free := "all")), BOOK, Phase.FULL)
    coarse = compile_rules(
        agreement(permit(recipient_free, cell_m=4_000, epoch_s=512), recipient="corvia", onward=()), BOOK, Phase.FULL
    )
    cells = [int(decide(made, marking(), NOW).obligations.cell_m[0]) for made in (exact, coarse)]
    assert cells == [0, 4_000]
    assert (exact.recipient, coarse.recipient) == (1, 2)


def test_row_4_without_a_permit_nothing_goes():
    assert denial(program()) is Denial.DEFAULT
    assert denial(program(permit(domain=("air",)))) is Denial.DEFAULT
    assert denial(program(permit(domain=("sea",)))) is Denial.NONE


def test_row_4_one_forbid_overrides_every_permit():
    made = program(permit("a"), permit("b", domain=("sea",)), forbid("c", craft=("vessel_a",)))
    assert denial(made) is Denial.FORBIDDEN
    assert denial(made, craft=Kind.VESSEL_B) is Denial.NONE


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ({"sort": ("track",)}, {"sort": UNKNOWN}),
        ({"domain": ("sea",)}, {"domain": 0}),
        ({"craft": ("vessel_a",)}, {"craft": 0}),
        ({"area": ("north",)}, {"area_bits": UNKNOWN_BIT}),
        ({"outside": ("north",)}, {"area_bits": UNKNOWN_BIT | 2}),
        ({"source": ("radar",)}, {"sources": UNKNOWN_BIT | 1}),
        ({"originator": ("own",)}, {"originator": 65_535}),
        ({"sensitivity": ("open",)}, {"sensitivity": UNKNOWN}),
        ({"emergency": True}, {"emergency": UNKNOWN}),
        ({"age_max_s": 5}, {"time_ns": 0}),
    ],
)
def test_what_is_not_known_closes_a_permit_and_opens_a_forbid(condition, columns):
    asked = decide(program(permit("a", **condition), forbid("b", **condition)), marking(**columns), NOW)
    assert int(asked.matched[0, 0]) == 0b10


def test_row_9_areas_and_domains_bound_every_permit():
    made = program(permit(), areas=("strait",), domains=("sea",))
    assert denial(made, area_bits=0b10) is Denial.NONE
    assert denial(made, area_bits=0b01) is Denial.AREA
    assert denial(made, area_bits=UNKNOWN_BIT) is Denial.AREA
    assert denial(made, area_bits=0b10, domain=Domain.AIR) is Denial.DOMAIN
    assert denial(made, area_bits=0b10, domain=0) is Denial.DOMAIN


def test_row_9_a_rule_asks_for_areas_and_for_none():
    made = program(permit(area=("north",), outside=("strait",)))
    assert [denial(made, area_bits=b) for b in (0b001, 0b011, 0b010)] == [Denial.NONE, Denial.DEFAULT, Denial.DEFAULT]


def test_row_10_the_purpose_narrows_from_agreement_to_rule_to_marking():
    made = program(permit("a", purpose=("safety_of_life", "traffic_safety")), permit("b"))
    found = decide(made, marking(2, purpose=[Purpose.TRAFFIC_SAFETY | Purpose.PICTURE, Purpose.PICTURE]), NOW)
    assert found.obligations.purpose.tolist() == [Purpose.TRAFFIC_SAFETY, Purpose.NONE]
    assert found.denial.tolist() == [Denial.NONE, Denial.PURPOSE]


def test_row_10_permits_without_a_common_purpose_deny():
    made = program(permit("a", purpose=("safety_of_life",)), permit("b", purpose=("traffic_safety",)))
    assert denial(made) is Denial.PURPOSE


def test_row_10_a_rule_cannot_widen_the_purposes_of_its_agreement():
    assert denial(program(permit(purpose=("investigation",)))) is Denial.PURPOSE


def test_row_11_the_shortest_retention_holds_and_what_expired_stays():
    made = program(permit("a", retention_s=3_600), permit("b", retention_s=60), retention_s=86_400)
    assert decide(made, marking(), NOW).obligations.retention_s.tolist() == [60]
    assert decide(program(permit()), marking(), NOW).obligations.retention_s.tolist() == [30 * 86_400]
    assert denial(made, expires_ns=NOW) is Denial.NONE
    assert denial(made, expires_ns=NOW - 1) is Denial.EXPIRED


def test_row_12_obligations_are_joined_to_the_stricter():
    made = program(
        permit("a", cell_m=1_000, epoch_s=900, delay_s=5, rate_s=60, pseudonym_s=7_200, strip=("identity",)),
        permit("b", cell_m=4_000, epoch_s=300, delay_s=30, rate_s=10, pseudonym_s=3_600, strip=("names",), onward=()),
        permit("c", domain=("air",), delay_s=9_999),
    )
    joined = decide(made, marking(), NOW).obligations
    found = {name: int(getattr(joined, name)[0]) for name in ("cell_m", "epoch_s", "delay_s", "rate_s", "pseudonym_s")}
    assert found == {"cell_m": 4_000, "epoch_s": 900, "delay_s": 30, "rate_s": 60, "pseudonym_s": 3_600}
    assert joined.strip[0] == Strip.IDENTITY | Strip.NAMES
    assert joined.onward[0] == 0


@settings(max_examples=30, deadline=None)
@given(one=world.agreements(), seed=st.integers(0, 9999))
def test_row_12_a_permit_more_never_loosens_what_was_allowed(one, seed):
    table = world.rows(seed, 60)
    more = agreement(
        *one.rules, permit("more", cell_m=2_000, epoch_s=300, strip=("height",)),
        areas=one.areas, sources=one.sources, domains=one.domains,
    )  # fmt: skip
    before = decide(compile_rules(one, BOOK, Phase.FULL), table, NOW)
    after = decide(compile_rules(more, BOOK, Phase.FULL), table, NOW)
    both = before.allowed & after.allowed
    assert (after.obligations.cell_m[both] >= before.obligations.cell_m[both]).all()
    assert (after.obligations.strip[both] & before.obligations.strip[both] == before.obligations.strip[both]).all()
    assert (after.obligations.purpose[both] & ~before.obligations.purpose[both] == 0).all()


def test_row_18_a_partners_record_goes_on_only_where_its_originator_allows():
    made = program(permit())
    assert denial(made, originator=2, onward=0b10) is Denial.NONE
    assert denial(made, originator=2, onward=0b1000) is Denial.MARKING_ONWARD
    assert denial(made, originator=65_535, onward=0) is Denial.MARKING_ONWARD
    assert denial(made, originator=0, onward=0) is Denial.NONE


def test_row_18_what_may_go_on_is_what_originator_agreement_and_every_rule_allow():
    made = program(permit("a", onward=("corvia", "delmara")), permit("b"), onward=("corvia", "delmara"), never=0b1000)
    assert decide(made, marking(), NOW).obligations.onward.tolist() == [0b100]
    assert decide(made, marking(originator=3, onward=0b1010), NOW).obligations.onward.tolist() == [0]


def test_a_partner_that_nothing_may_reach_gets_nothing():
    assert denial(program(permit(), never=0b10)) is Denial.NEVER
    assert denial(program(never=0b10)) is Denial.NEVER


@pytest.mark.parametrize(
    ("phase", "columns", "says"),
    [
        (Phase.SUSPENDED, {}, Denial.PHASE),
        (Phase.SUSPENDED, {"sort": Sort.WARNING}, Denial.PHASE),
        (Phase.WARNING_ONLY, {}, Denial.PHASE),
        (Phase.WARNING_ONLY, {"sort": Sort.ALERT}, Denial.NONE),
        (Phase.INTERIM, {}, Denial.NONE),
        (Phase.INTERIM, {"domain": Domain.LAND}, Denial.PHASE),
        (Phase.FULL, {"domain": Domain.LAND}, Denial.NONE),
    ],
)
def test_the_phase_bounds_what_goes(phase, columns, says):
    assert denial(program(permit(), phase=phase), **columns) is says


def test_a_rule_may_hold_in_some_phases_only():
    rules = (permit("a"), forbid("b", phase=("interim",)))
    assert denial(program(*rules)) is Denial.NONE
    assert denial(program(*rules, phase=Phase.INTERIM)) is Denial.FORBIDDEN


@pytest.mark.parametrize(
    ("duty", "domain", "says"),
    [
        ({"cell_m": 1_500, "epoch_s": 9_000}, Domain.SEA, Denial.UNMEETABLE),
        ({"cell_m": 2_048_000, "epoch_s": 900_000}, Domain.SEA, Denial.UNMEETABLE),
        ({"cell_m": 8_000, "epoch_s": 1}, Domain.SEA, Denial.UNMEETABLE),
        ({"cell_m": 8_000, "epoch_s": 3_600}, Domain.SEA, Denial.NONE),
        ({"cell_m": 8_000, "epoch_s": 64}, Domain.AIR, Denial.NONE),
        ({"cell_m": 8_000}, Domain.SEA, Denial.NONE),
        ({"epoch_s": 1 << 21}, Domain.SEA, Denial.UNMEETABLE),
    ],
)
def test_an_obligation_that_cannot_be_met_denies(duty, domain, says):
    assert denial(program(permit(**duty)), domain=domain) is says


def test_a_source_that_the_recipient_may_not_know_of_denies():
    feed_only = program(permit(), sources=("ais",))
    assert denial(feed_only, sources=0b001) is Denial.NONE
    assert denial(feed_only, sources=0b010) is Denial.SOURCE
    assert denial(feed_only, sources=0b011) is Denial.NONE  # a feed and its sensor have names of their own
    assert denial(feed_only, sources=UNKNOWN_BIT | 1) is Denial.SOURCE
    assert denial(feed_only, sources=0) is Denial.NONE
    exact = program(permit(), sources=("ais",), known=("ais",))
    assert denial(exact, sources=0b011) is Denial.SOURCE
    assert denial(exact, sources=1 << 40) is Denial.SOURCE


def test_what_does_not_go_carries_the_strictest_obligations():
    found = decide(program(forbid()), marking(), NOW).obligations
    assert (found.purpose[0], found.retention_s[0], found.onward[0]) == (0, 0, 0)
    assert found.strip[0] == sum(Strip)


def test_the_second_word_of_the_mask_holds_the_rules_from_64_on():
    made = program(*(permit(f"p{k}", domain=("air",)) for k in range(70)), permit("last"))
    found = decide(made, marking(2, domain=[Domain.SEA, Domain.AIR]), NOW)
    assert found.matched[:, 1].tolist() == [1 << 6, (1 << 7) - 1]
    assert found.matched[:, 0].tolist() == [0, (1 << 64) - 1]


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ({"rules": (permit("a", area=("nroth",)),)}, "rules[0].when.area"),
        ({"rules": (permit("a"), permit("b", craft=("unknown",)))}, "rules[1].when.craft"),
        ({"rules": (permit("a", age_max_s=-1),)}, "rules[0].when.age_max_s"),
        ({"rules": (permit("a", phase=("war",)),)}, "rules[0].when.phase"),
        ({"rules": (permit("a", originator=("nobody",)),)}, "rules[0].when.originator"),
        ({"rules": (permit("a"), permit("a"))}, "rules[1].id"),
        ({"rules": (permit("a", strip=("hull",)),)}, "rules[0].strip"),
        ({"rules": (permit("a", onward=("nobody",)),)}, "rules[0].onward"),
        ({"rules": (permit("a", cell_m=-1),)}, "rules[0].cell_m"),
        ({"rules": (permit("a", purpose=("force",)),)}, "rules[0].purpose"),
        ({"sources": ("sonar",)}, "sources"),
        ({"areas": ("moon",)}, "areas"),
        ({"recipient": "nobody"}, "recipient"),
        ({"onward": ("nobody",)}, "onward"),
        ({"rules": tuple(permit(f"p{k}") for k in range(129))}, "rules"),
    ],
)
def test_what_cannot_stand_is_a_fault_with_its_place(fault, where):
    found = compile_rules(agreement(**fault), BOOK, Phase.FULL)
    assert isinstance(found, tuple)
    assert [one.where for one in found] == [where]
    assert found[0].why


def test_a_forbid_with_an_obligation_and_an_effect_that_is_none_are_faults():
    import msgspec

    found = compile_rules(agreement(msgspec.structs.replace(forbid("f"), delay_s=3)), BOOK, Phase.FULL)
    assert [one.where for one in found] == ["rules[0].delay_s"]
    found = compile_rules(agreement(msgspec.structs.replace(permit("f"), effect="maybe")), BOOK, Phase.FULL)
    assert [one.where for one in found] == ["rules[0].effect"]


def test_an_empty_marking_gives_empty_decisions():
    assert len(decide(program(permit()), marking(0), NOW).allowed) == 0


def test_times_at_the_edge_of_what_a_column_holds_do_not_wrap():
    made = program(permit("a", age_max_s=60))
    far = np.array([-(1 << 63), (1 << 63) - 1, 1], np.int64)
    assert decide(made, marking(3, time_ns=far), NOW).allowed.tolist() == [False, True, False]
