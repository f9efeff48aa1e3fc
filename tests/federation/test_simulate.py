"""The simulated federation: invariants hold under faults, the same seed runs the same, planted bugs are found."""

from __future__ import annotations

import pytest

from manara.host import simulated
from manara.study.federation.faults import Fault
from manara.study.federation.member import Host
from manara.study.federation.run import Federation, Outcome, Setting

HOST = Host(simulated.Store, simulated.signer, simulated.checked, simulated.REFUSALS)


def run(seed: int, **said) -> Outcome:
    return Federation(Setting(seed, **{"nodes": 2, "seconds": 130, "craft": 12, **said}), HOST).run()


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_broken_by_cuts_and_crashes(seed):
    found = run(seed, kinds=("drop", "crash", "partition"))
    assert not found.violations
    assert found.rows > 50, "a run that tells nothing shows nothing"


def test_the_same_seed_runs_the_same():
    first, again = (run(3, kinds=("crash", "delay", "corrupt")) for _ in range(2))
    assert first == again


def test_in_a_warning_phase_nothing_is_said_of_tracks_not_even_that_they_ended():
    """Found by the simulator: seed 4, faults of people alone."""
    lowered = Fault("phase", 81, 135, 2, 1, 0.4)
    found = run(4, nodes=3, seconds=140, craft=20, planned=(lowered,), pace_s=3)
    assert not found.violations
