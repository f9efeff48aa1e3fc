"""The table of phases: whole, ordered, said in both languages."""

from __future__ import annotations

import itertools

import pytest

from manara.records.agreement import Phase
from manara.records.marking import Sort
from manara.records.reports import Domain
from manara.release import phases
from manara.release.document import names
from manara.release.phases import ALLOWS, NEEDS


def reach(phase: Phase) -> set[tuple[str, str]]:
    """Every (sort, domain) that a phase lets through."""
    rule = ALLOWS[phase]
    if rule.nothing:
        return set()
    return {(s, d) for s in rule.sorts or names(Sort) for d in rule.domains or names(Domain)}


def test_every_phase_has_its_rule_and_its_sentences():
    assert set(ALLOWS) == set(Phase)
    said = [rule.sentence_en for rule in ALLOWS.values()] + [rule.sentence_ar for rule in ALLOWS.values()]
    assert len(set(said)) == 8
    assert all(any("\u0600" <= c <= "\u06ff" for c in rule.sentence_ar) for rule in ALLOWS.values())


def test_row_9_the_phases_allow_what_the_issue_says():
    assert reach(Phase.SUSPENDED) == set()
    assert {s for s, _ in reach(Phase.WARNING_ONLY)} == {"warning", "alert"}
    assert {d for _, d in reach(Phase.INTERIM)} == {"air", "sea"}
    assert len(reach(Phase.FULL)) == len(names(Sort)) * len(names(Domain))


def test_a_higher_phase_of_tracks_never_allows_less():
    tracks = [{pair for pair in reach(phase) if pair[0] == "track"} for phase in Phase]
    assert all(a <= b for a, b in itertools.pairwise(tracks))


@pytest.mark.parametrize("phase", Phase)
def test_words_lead_back(phase):
    assert phases.phase_of(phases.phase_name(phase)) is phase


def test_words_of_the_rules_are_those_of_the_records():
    for rule in ALLOWS.values():
        assert set(rule.sorts) <= names(Sort)
        assert set(rule.domains) <= names(Domain)


def test_letting_more_out_takes_two_and_less_takes_one():
    for kind in ("agreement.activate", "agreement.phase", "agreement.resume"):
        assert NEEDS[kind].capacities == ("policy", "operational")
        assert NEEDS[kind].of == "releaser"
    assert NEEDS["agreement.suspend"].capacities == ()
    assert NEEDS["agreement.suspend"].of == "either"
    said = {kind for kind, needs in NEEDS.items() if needs.node}
    between_desks = {"handover.offer", "handover.decide", "handover.answer", "warning.taken"}
    assert said == {"recall.done", "retention.erased", "receipt", "broker.hops", *between_desks}


def test_core_3_tracks_are_handed_over_exactly_where_a_phase_lets_tracks_through():
    """What a partner was not told of cannot be offered to it; so no phase without tracks has offers."""
    for phase, rule in ALLOWS.items():
        assert rule.handover == any(sort == "track" for sort, _ in reach(phase)), phase
