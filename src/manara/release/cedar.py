"""The same rules in Cedar, for an engine that shares no line with ours.

Every rule becomes one policy, in the order of the agreement, under its id; what the agreement, its phase and a marking
bound becomes forbids after them. The text is made from the agreement as it is written, not from the compiled program.
Joined obligations have no counterpart in Cedar: a row that only its obligations deny is allowed there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from manara.records.agreement import Agreement, Phase, Rule
from manara.records.marking import OWN, UNKNOWN_BIT, Codebook, Marking, Purpose, Sensitivity, Sort
from manara.records.reports import Domain, Kind
from manara.release.limits import phase_allows

S_NS = 1_000_000_000
BOUNDS = ("phase", "domain", "area", "source", "label", "expired", "onward", "purpose")
PLAIN = ("sort", "domain", "craft", "originator", "sensitivity")
_NAMED_ONLY = (Sort.COVERAGE, Sort.CAPABILITY, Sort.GAP)  # a permit without sorts does not speak of these
_KINDS: Mapping[str, Any] = {"sort": Sort, "domain": Domain, "craft": Kind, "sensitivity": Sensitivity}


def export(agreement: Agreement, known: Sequence[str] | None = None, *, permits_only: bool = False) -> str:
    """The policies, one for each rule, then one for each bound. ``known``: as in rules.compile_rules.
    ``permits_only``: without rules that forbid and without bounds.

    >>> from manara.records.agreement import When
    >>> ships = Rule(id="ships", effect="permit", when=When(sort=("track",)))
    >>> made = Agreement(id="x", title="x", releaser="arvena", recipient="belora", not_before="", not_after="",
    ...                  rules=(ships,))
    >>> print(export(made, permits_only=True))
    @id("ships")
    permit (principal == Partner::"belora", action == Action::"release", resource)
    when { context has sort && ["track"].contains(context.sort) };
    """
    head = f'(principal == Partner::{_text(agreement.recipient)}, action == Action::"release", resource)'
    made = [
        _policy(rule.id, rule.effect, head, _when(rule, agreement.releaser))
        for rule in agreement.rules
        if rule.effect == "permit" or not permits_only
    ]
    if not permits_only:
        made += [_policy(f"bound {name}", "forbid", head, no) for name, no in _bounds(agreement, known).items()]
    return "\n".join(made)


def _policy(name: str, effect: str, head: str, when: str) -> str:
    return f"@id({_text(name)})\n{effect} {head}" + (f"\nwhen {{ {when} }};" if when else ";")


def _text(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(_text(name) for name in names)}]"


def _when(rule: Rule, releaser: str) -> str:
    """All conditions of a rule; what is not known is no for a permit and yes for a forbid."""
    when, permit, parts = rule.when, rule.effect == "permit", []
    for name in PLAIN:
        names: tuple[str, ...] = getattr(when, name)
        if name == "sort" and permit and not names:
            names = tuple(one.name.lower() for one in Sort if one not in _NAMED_ONLY)
        if names:
            said = [releaser if one == "own" else one for one in names] if name == "originator" else names
            parts.append(_known(name, f"{_listed(said)}.contains(context.{name})", permit))
    if when.emergency is not None:
        parts.append(_known("emergency", f"context.emergency == {str(when.emergency).lower()}", permit))
    if when.age_max_s is not None:
        parts.append(_known("age_ns", f"context.age_ns <= {when.age_max_s * S_NS}", permit))
    for name, more, names in (("areas", "more_areas", when.area), ("sources", "more_sources", when.source)):
        if names:
            met = f"context.{name}.containsAny({_listed(names)})"
            parts.append(met if permit else f"({met} || context.{more})")
    if when.outside:
        out = f"!context.areas.containsAny({_listed(when.outside)})"
        parts.append(f"{out} && !context.more_areas" if permit else out)
    if when.phase:
        parts.append(f"{_listed(when.phase)}.contains(context.phase)")
    return " && ".join(parts)


def _known(name: str, test: str, permit: bool) -> str:
    return f"context has {name} && {test}" if permit else f"(!(context has {name}) || {test})"


def _bounds(agreement: Agreement, known: Sequence[str] | None) -> dict[str, str]:
    """When each bound fails."""
    phases = []
    for phase in Phase:
        allows = phase_allows(phase)
        here = f'context.phase == "{phase.name.lower()}"'
        if allows is None:
            phases.append(here)
            continue
        for name, names in zip(("sort", "domain"), allows, strict=True):
            if names:
                passed = _known(name, f"{_listed(names)}.contains(context.{name})", True)
                phases.append(f"({here} && !({passed}))")
    inside = f"context.areas.containsAny({_listed(agreement.areas)})"
    named = _listed(agreement.sources if known is None else known)
    foreign = f"context.sources.containsAny({named})"
    if known is not None:
        foreign = f"{named}.containsAll(context.sources)"
    return {
        "phase": " || ".join(phases),
        "domain": f"!({_known('domain', f'{_listed(agreement.domains)}.contains(context.domain)', True)})",
        "area": f"!{inside}" if agreement.areas else "false",
        "source": f"context.more_sources || (!context.sources.isEmpty() && !{foreign})",
        "label": _unlabelled(agreement),
        "expired": "context.expires_in_ns < 0",
        "onward": f"context.foreign && !context.onward.contains({_text(agreement.recipient)})",
        "purpose": "context.purposes.isEmpty()",
    }


def _unlabelled(agreement: Agreement) -> str:
    """When a marking has no word over there; read from the document, not from the compiled bounds."""
    table = agreement.labels
    words = {"open": table.open, "limited": table.limited, "restricted": table.restricted, "closed": table.closed}
    if not table.policy and not any(words.values()):
        return "false"
    there = [name for name, word in words.items() if word is not None]
    return f"!({_known('sensitivity', f'{_listed(there)}.contains(context.sensitivity)', True)})"


def context(marking: Marking, k: int, book: Codebook, phase: Phase, now_ns: int) -> dict[str, Any]:
    """One row of a marking as Cedar's context: names; what is not known is absent."""
    area, source = int(marking.area_bits[k]), int(marking.sources[k])
    onward, place, time_ns = int(marking.onward[k]), int(marking.originator[k]), int(marking.time_ns[k])
    said: dict[str, Any] = {
        "phase": phase.name.lower(),
        "areas": _members(book.areas, area),
        "more_areas": area >= UNKNOWN_BIT,
        "sources": _members(book.sources, source) + ["?"] * bool((source & UNKNOWN_BIT - 1) >> len(book.sources)),
        "more_sources": source >= UNKNOWN_BIT,
        "expires_in_ns": max(-1, min(1, int(marking.expires_ns[k]) - now_ns)),
        "foreign": place != OWN,
        "onward": _members(book.partners, onward),
        "purposes": [p.name.lower() for p in Purpose if p and p & int(marking.purpose[k]) and p.name],
    }
    for name, kind in _KINDS.items():
        value = int(getattr(marking, name)[k])
        if value in kind.__members__.values() and kind(value).name != "UNKNOWN":
            said[name] = kind(value).name.lower()
    if place < 63:
        said["originator"] = book.partners[place] if place < len(book.partners) else "?"
    if int(marking.emergency[k]) <= 1:
        said["emergency"] = bool(marking.emergency[k])
    if time_ns > 0:
        said["age_ns"] = now_ns - time_ns
    return said


def _members(names: Sequence[str], bits: int) -> list[str]:
    return [name for place, name in enumerate(names) if bits >> place & 1]
