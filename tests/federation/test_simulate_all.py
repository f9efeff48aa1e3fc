"""Every kind of fault at once: twenty seeds of five minutes in each suite, longer ones in the soak."""

from __future__ import annotations

import pytest

from manara.host import simulated
from manara.study.federation import faults
from manara.study.federation.member import Host
from manara.study.federation.run import Federation, Setting

HOST = Host(simulated.Store, simulated.signer, simulated.checked, simulated.REFUSALS)


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_invariant_holds_whatever_fails(seed):
    found = Federation(Setting(seed, 3, 300, 12, faults.KINDS, pace_s=5), HOST).run()
    assert not found.violations
    assert found.steps > 30, "a federation that stands still shows nothing"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_040))
def test_five_nodes_for_ten_minutes(seed):
    found = Federation(Setting(seed, 5, 600, 40, faults.KINDS, pace_s=2), HOST).run()
    assert not found.violations


@pytest.mark.parametrize("kind", faults.KINDS)
def test_each_kind_of_fault_happens_in_some_plan(kind):
    planned = {one.kind for seed in range(40) for one in Setting(seed, 3, 300, 12, faults.KINDS).plan()}
    assert kind in planned
