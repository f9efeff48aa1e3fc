"""The shortest reproduction: with fewer faults, fewer nodes, fewer craft and less time the same still does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from manara.study.federation.faults import Fault
from manara.study.federation.run import Outcome, Setting

RUNS_MAX = 40
AT_THE_END = ("lost", "covariance")  # these show only when a run is over

Run = Callable[[Setting], Outcome]


def shrink(found: Outcome, run: Run, runs_max: int = RUNS_MAX) -> Outcome:
    """A smaller run that breaks the same invariant; the given one where none is found."""
    wanted, left = found.violations[0].invariant, runs_max
    best = replace(found, setting=replace(found.setting, planned=found.setting.plan()))
    again = True
    while again and left > 0:
        again = False
        for smaller in _smaller(best):
            left -= 1
            tried = run(smaller)
            if any(one.invariant == wanted for one in tried.violations):
                best, again = tried, True
                break
            if left <= 0:
                break
    return best


def _smaller(found: Outcome) -> Iterator[Setting]:
    """Settings with a little less, the boldest first."""
    now, planned = found.setting, found.setting.plan()
    second = found.violations[0].second
    if found.violations[0].invariant not in AT_THE_END and second < now.seconds:
        yield replace(now, seconds=second)
    if len(planned) > 1:
        half = len(planned) // 2
        yield replace(now, planned=planned[:half])
        yield replace(now, planned=planned[half:])
    elif planned:
        yield replace(now, planned=())
    if now.nodes > 2 and all(max(one.a, one.b) < now.nodes - 1 for one in planned):
        yield replace(now, nodes=now.nodes - 1)
    if now.craft > 4:
        yield replace(now, craft=now.craft // 2)
    for k in range(len(planned) if len(planned) > 1 else 0):
        yield replace(now, planned=(*planned[:k], *planned[k + 1 :]))


def said(one: Setting) -> str:
    """A setting as people read it, with its faults one a line."""
    faults = "".join(f"\n  {_fault(fault)}" for fault in one.plan())
    return f"seed {one.seed}, {one.nodes} nodes, {one.craft} craft, {one.seconds} s{faults or ', no fault'}"


def _fault(one: Fault) -> str:
    return f"{one.kind} from second {one.begin_s} to {one.end_s}, nodes {one.a} and {one.b}, size {one.size:.3f}"
