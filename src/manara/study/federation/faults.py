"""What goes wrong when: a plan that follows from a seed, and how each fault is done and undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from manara.study.federation.chance import Chance
from manara.study.federation.links import Weather

LINES = ("drop", "delay", "duplicate", "corrupt", "partition", "oneway")
MACHINES = ("crash", "kill", "full", "slow", "skew", "jump", "restore")
PEOPLE = ("suspend", "phase", "recall", "revoke", "overreach")
PARTNERS = ("silent", "flood", "ghosts", "echo", "perjury", "rewrite")
KINDS = (*LINES, *MACHINES, *PEOPLE, *PARTNERS)
QUIET_S = 45  # at the end nothing fails, so that everything can come
BEGIN_S = 20
PER_MINUTE = 3.0


class Fault(NamedTuple):
    """What goes wrong from one second to another. ``a``, ``b``: nodes by number; ``size``: how bad, 0 to 1."""

    kind: str
    begin_s: int
    end_s: int
    a: int
    b: int
    size: float


def plan(chance: Chance, nodes: int, seconds: int, kinds: Sequence[str]) -> tuple[Fault, ...]:
    """Faults of these kinds for a run, each at its own time; none in the last quiet seconds."""
    last = seconds - QUIET_S
    if not kinds or last <= BEGIN_S:
        return ()
    made = []
    for _ in range(max(2, round(PER_MINUTE * seconds / 60))):
        begin_s = chance.integer(BEGIN_S, last - 1)
        a, b = chance.some(2, nodes)
        end_s = min(last, begin_s + chance.integer(3, 40))
        made.append(Fault(chance.one(tuple(kinds)), begin_s, end_s, a, b, chance.share()))
    return tuple(sorted(made, key=lambda one: one.begin_s))


def weather(fault: Fault) -> Weather:
    """What a fault of a line does to what passes."""
    worse = 0.2 + 0.7 * fault.size
    return {
        "drop": Weather(drop=worse),
        "delay": Weather(late_s=2.0 + 20.0 * fault.size),
        "duplicate": Weather(duplicate=worse, late_s=3.0),
        "corrupt": Weather(corrupt=worse),
        "partition": Weather(cut=True),
        "oneway": Weather(cut=True),
    }[fault.kind]
