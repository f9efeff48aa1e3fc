"""A second opinion: Cedar decides about the same rows from the same agreement, and every difference is named.

Run in CI and before an agreement is activated; one difference blocks the activation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from manara.records.marking import ALL_PURPOSES, Marking
from manara.release import cedar, cover
from manara.release.rules import Decisions, Denial, Program, decide
from manara.release.space import BASE_NS

ROWS_MAX = 20_000
MISMATCHES_MAX = 100
OF_OBLIGATIONS = (Denial.UNMEETABLE, Denial.PURPOSE)  # denials that only joined obligations bring about


@dataclass(frozen=True)
class Mismatch:
    """A row about which the two differ."""

    row: int
    ours: str
    cedar: str


@dataclass(frozen=True)
class Comparison:
    """What came of it. ``complete``: the rows held every combination of classes. ``mismatches``: the first hundred."""

    rows: int
    complete: bool
    mismatches: tuple[Mismatch, ...]
    us_per_row: float

    @property
    def agree(self) -> bool:
        """Whether there was no difference."""
        return not self.mismatches


def compare(
    program: Program, rows: Marking | None = None, now_ns: int = BASE_NS, *, most: int = ROWS_MAX
) -> Comparison:
    """Decide about rows twice: is it allowed, and which rules match. ``rows``: left out, the whole table. The program
    is to be compiled without ``never``, which stands in no agreement."""
    complete = False
    if rows is None:
        rows, complete = cover.whole(program.space, most)
    ours, bare = decide(program, rows, now_ns), decide(_without_obligations(program), rows, now_ns)
    begin = time.perf_counter()
    theirs = opinions(program, rows, now_ns)
    took = time.perf_counter() - begin
    found: list[Mismatch] = []
    for k, opinion in enumerate(theirs):
        mine = said(program, ours, bare, k)
        if mine != opinion and len(found) < MISMATCHES_MAX:
            found.append(Mismatch(k, _words(*mine), _words(*opinion)))
    return Comparison(len(rows), complete, tuple(found), 1e6 * took / max(len(rows), 1))


def said(program: Program, ours: Decisions, bare: Decisions, k: int) -> tuple[bool, frozenset[str]]:
    """Our own decision about a row, and the rules that match. ``bare``: decided as if nothing were obliged; it speaks
    for rows that only their obligations deny."""
    words = [int(word) for word in ours.matched[k]]
    rules = frozenset(rule.id for i, rule in enumerate(program.agreement.rules) if words[i // 64] >> i % 64 & 1)
    return bool((bare if ours.denial[k] in OF_OBLIGATIONS else ours).allowed[k]), rules


def _without_obligations(program: Program) -> Program:
    rules = program.duties
    free = {name: np.zeros_like(column) for name, column in rules.numbers.items()}
    return replace(program, duties=replace(rules, numbers=free, purpose=np.full_like(rules.purpose, ALL_PURPOSES)))


def opinions(program: Program, rows: Marking, now_ns: int) -> list[tuple[bool, frozenset[str]]]:
    """Cedar's decision about each row, and the rules whose conditions it finds to hold."""
    import cedarpy

    known = program.known
    every = cedarpy.PolicySet.from_str(cedar.export(program.agreement, known))
    permits = cedarpy.PolicySet.from_str(cedar.export(program.agreement, known, permits_only=True))
    nothing = cedarpy.Entities.from_json_str("[]")
    request = {
        "principal": {"type": "Partner", "id": program.agreement.recipient},
        "action": 'Action::"release"',
        "resource": 'Row::"row"',
    }
    found: list[tuple[bool, frozenset[str]]] = []
    for k in range(len(rows)):
        asked = {**request, "context": cedar.context(rows, k, program.book, program.phase, now_ns)}
        answer = cedarpy.is_authorized(asked, every, nothing)
        rules = _rules(answer)
        if not answer.allowed and rules:  # a forbid or a bound struck: what permits would have said is asked apart
            rules |= _rules(cedarpy.is_authorized(asked, permits, nothing))
        found.append((bool(answer.allowed), frozenset(one for one in rules if not one.startswith("bound "))))
    return found


def _rules(answer: Any) -> set[str]:
    told = answer.diagnostics
    if told.errors:
        return {f"error: {told.errors[0]}"}
    return set(told.id_annotations_by_reason.values())


def _words(allowed: bool, rules: frozenset[str]) -> str:
    return f"{'allow' if allowed else 'deny'} ({', '.join(sorted(rules)) or 'no rule'})"
