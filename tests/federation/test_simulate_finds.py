"""Planted bugs are found by the simulated federation, each by an invariant that speaks of it."""

from __future__ import annotations

import pytest
from tests.federation.mutants import MUTANTS, Mutant

from manara.host import simulated
from manara.study.federation.member import Host
from manara.study.federation.run import Federation, Setting

HOST = Host(simulated.Store, simulated.signer, simulated.checked, simulated.REFUSALS)
QUICK = ("every row is allowed", "a receipt says one more", "an entry is taken again")


def found_in(mutant: Mutant, seeds: int, seconds: int) -> tuple[int, str]:
    """The first seed whose run breaks something, and what; 0 for none."""
    for seed in range(1, seeds + 1):
        setting = Setting(seed, nodes=3, seconds=seconds, craft=20, kinds=mutant.kinds, pace_s=3)
        outcome = Federation(setting, HOST).run()
        if outcome.violations:
            return seed, outcome.violations[0].invariant
    return 0, ""


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if one.name in QUICK], ids=lambda one: one.name)
def test_a_planted_bug_is_found(mutant, monkeypatch):
    mutant.patch(monkeypatch)
    seed, invariant = found_in(mutant, mutant.seeds, 130)
    assert seed, "nobody noticed"
    assert invariant in mutant.invariants


@pytest.mark.soak
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_each_planted_bug_is_found_within_its_seeds(mutant, monkeypatch):
    mutant.patch(monkeypatch)
    seed, invariant = found_in(mutant, mutant.seeds, 180)
    assert seed, "nobody noticed"
    assert invariant in mutant.invariants


def test_the_list_is_long_enough():
    assert len({one.name for one in MUTANTS}) == len(MUTANTS) >= 20
