"""What is wrong with an agreement's rules, and what in them does nothing: found by search over all cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from manara.records.agreement import Agreement, Phase
from manara.records.columns import U8
from manara.records.marking import Codebook
from manara.release import labels
from manara.release.conditions import DOMAINS, PURPOSES, Bools, Fault
from manara.release.explain import DENIALS_EN
from manara.release.limits import meetable
from manara.release.rules import BOUNDS, Denial, Program, compile_rules, judge, permit_bits
from manara.release.space import Overlap, Space, known

LIVE = (Phase.WARNING_ONLY, Phase.INTERIM, Phase.FULL)
ALIKE = ("allowed", "denial")
NAMES_MAX = 6


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """``errors``: it cannot stand. ``notes``: it can, but deserves a look. ``signatures``: cases told apart in each
    phase; ``classes``: what each attribute adds to them."""

    errors: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()
    signatures: dict[str, int] = {}
    classes: dict[str, int] = {}


@dataclass
class _Seen:
    """What was found of one rule over all phases."""

    matches: bool = False
    matches_known: bool = False
    lets: bool = False  # permit: matches within the bounds; forbid: strikes what a permit opens
    acts: bool = False  # permit: and no forbid strikes; forbid: and no other forbid strikes there
    differs: bool = False  # without it something would be otherwise
    failed: int = 255  # bounds that kept it in every case
    beside: int = 0  # rules that do its work


def check(
    agreement: Agreement,
    book: Codebook,
    *,
    overlaps: Mapping[str, Overlap] | None = None,
) -> Checked:
    """Search the rules of an agreement over all cases of all phases.

    >>> from manara.records.agreement import Rule, When
    >>> book = Codebook((), (), ("arvena", "belora"))
    >>> never = Rule(id="a", effect="permit", when=When(domain=("land",)))
    >>> made = Agreement(id="x", title="x", releaser="arvena", recipient="belora", not_before="", not_after="",
    ...                  sources=(), rules=(never,))
    >>> check(made, book).notes[-1].why
    'never lets anything go: its domain is not within the agreement, or is not known'
    """
    programs = []
    for phase in LIVE:
        made = compile_rules(agreement, book, phase, overlaps=overlaps)
        if isinstance(made, tuple):
            return Checked(errors=made)
        programs.append(made)
    seen = [_Seen() for _ in agreement.rules]
    for program in programs:
        _search(program, seen)
    full = programs[-1].space
    return Checked(
        notes=(
            *_of_document(agreement),
            *_of_labels(agreement),
            *_of_obligations(agreement),
            *_of_rules(agreement, seen),
        ),
        signatures={one.phase.name.lower(): one.space.size for one in programs},
        classes={axis.attribute: len(axis.values) for axis in full.axes},
    )


def _bit(masks: U8, k: int) -> Bools:
    return (masks[:, k // 64] >> np.uint64(k % 64) & np.uint64(1)).astype(bool)


def _without(masks: U8, k: int) -> U8:
    less = masks.copy()
    less[:, k // 64] &= np.uint64(0xFFFFFFFFFFFFFFFF ^ 1 << k % 64)
    return less


def _search(program: Program, seen: list[_Seen]) -> None:
    space, which, table = program.space, program.which, program.table
    matched, failed, domain = space.matched[which], space.failed[which], space.domain
    permits = permit_bits(program.duties)
    struck = ((matched & ~permits) != 0).any(1)
    opened = ((matched & permits) != 0).any(1) & (failed == 0)
    sure = reached_when_known(space)
    for k, one in enumerate(seen):
        hit = _bit(matched, k)
        one.matches |= bool(hit.any())
        one.matches_known |= bool((hit & sure).any())
        if program.duties.permits[k]:
            lets, acts = hit & (failed == 0), hit & (failed == 0) & ~struck
            one.failed &= int(np.bitwise_and.reduce(failed[hit]))  # 255 where it never matches
        else:
            others = ((_without(matched, k) & ~permits) != 0).any(1)
            lets, acts = hit & opened, hit & opened & ~others
        one.lets |= bool(lets.any())
        one.acts |= bool(acts.any())
        if lets.any():
            one.beside |= _rules_of(np.bitwise_or.reduce(_without(matched, k)[lets], axis=0))
        if acts.any() and not one.differs:
            judged = judge(program.duties, _without(matched, k)[acts], failed[acts], domain[acts])
            now = table.obligations.take(acts)
            one.differs = any((getattr(judged, name) != getattr(table, name)[acts]).any() for name in ALIKE) or any(
                (getattr(judged.obligations, name) != getattr(now, name)).any() for name in now.__dataclass_fields__
            )


def _rules_of(words: U8) -> int:
    return int(words[0]) | int(words[1]) << 64


def reached_when_known(space: Space) -> Bools:
    """Which signatures some row has of which everything is known, shape (size,)."""
    reached = np.ones(1, np.bool_)
    for k, axis in enumerate(space.axes):
        ahead = len(space.axes[k + 1].values) if k + 1 < len(space.axes) else 1
        begin = (reached[:, None] & known(axis)[None, :]).reshape(-1)
        leads = space.steps[k] // ahead
        reached = np.zeros(int(leads.max()) + 1, np.bool_)
        reached[leads[begin]] = True
    return reached


def _of_document(agreement: Agreement) -> Iterator[Fault]:
    if not agreement.rules:
        yield Fault("", "rules", "there is no rule: nothing is ever released but the duty to warn")
    if not agreement.domains:
        yield Fault("", "domains", "no domain is named: nothing is ever released")
    if not agreement.sources:
        yield Fault("", "sources", "no source is named: what any sensor contributed to is never released")
    if not agreement.purposes:
        yield Fault("", "purposes", "no purpose is named: nothing is ever released")


def _of_labels(agreement: Agreement) -> Iterator[Fault]:
    places = {rule.id: k for k, rule in enumerate(agreement.rules)}
    for where, why in labels.unmapped(agreement):
        rule = where.removeprefix("rules[].") if where.startswith("rules[].") else ""
        yield Fault(rule, f"rules[{places[rule]}].when.sensitivity" if rule else where, why)


def _of_obligations(agreement: Agreement) -> Iterator[Fault]:
    for k, rule in enumerate(agreement.rules):
        domains = [DOMAINS[name] for name in rule.when.domain or agreement.domains]
        bad = [name for name, one in DOMAINS.items() if one in domains and not meetable(one, rule.cell_m, rule.epoch_s)]
        if bad:
            whole = all(not meetable(one, rule.cell_m, 0) for one in domains)
            where, why = (
                ("cell_m", f"{rule.cell_m:,} m is no cell of the grid; they are 1,000 m doubled up to ten times")
                if whole
                else ("epoch_s", f"{rule.epoch_s:,} s is too short for a cell of {rule.cell_m:,} m ({', '.join(bad)})")
            )
            yield Fault(rule.id, f"rules[{k}].{where}", f"{why}: where it matches, nothing goes")
        if rule.purpose and not set(rule.purpose) & set(agreement.purposes) & set(PURPOSES):
            yield Fault(
                rule.id, f"rules[{k}].purpose", "none of these is a purpose of the agreement: nothing goes by it"
            )
    for phase in ("suspended",):
        for k, rule in enumerate(agreement.rules):
            if set(rule.when.phase) == {phase}:
                yield Fault(rule.id, f"rules[{k}].when.phase", "a suspended agreement releases nothing")


def _of_rules(agreement: Agreement, seen: list[_Seen]) -> Iterator[Fault]:
    for k, (rule, one) in enumerate(zip(agreement.rules, seen, strict=True)):
        why = _permit_note(agreement, one) if rule.effect == "permit" else _forbid_note(agreement, one)
        if why:
            yield Fault(rule.id, f"rules[{k}]", why)


def _permit_note(agreement: Agreement, one: _Seen) -> str:
    if not one.matches:
        return "never fires: its conditions never hold together"
    if not one.lets:
        bounds = [DENIALS_EN[Denial(denial)] for denial, flag in BOUNDS.items() if one.failed & flag]
        return f"never lets anything go: {'; '.join(bounds) or 'each case lies outside some bound of the agreement'}"
    if not one.acts:
        return f"never lets anything go: wherever it matches, {_named(agreement, one.beside, 'forbid')} forbids"
    if not one.differs:
        beside = _named(agreement, one.beside, "permit")
        said = f"wherever it matches, {beside} permits the same" if beside else "what it permits goes in no case"
        return f"is shadowed: nothing changes without it; {said}"
    return ""


def _forbid_note(agreement: Agreement, one: _Seen) -> str:
    if not one.matches:
        return "never fires: its conditions never hold together"
    if not one.lets:
        return "guards nothing: no permit opens what it forbids"
    if not one.acts:
        return f"is shadowed: wherever it guards something, {_named(agreement, one.beside, 'forbid')} forbids it too"
    if not one.matches_known:
        return "fires only where something is not known: its conditions never hold together"
    return ""


def _named(agreement: Agreement, bits: int, effect: str) -> str:
    names = [rule.id for k, rule in enumerate(agreement.rules) if bits >> k & 1 and rule.effect == effect]
    return ", ".join(names[:NAMES_MAX]) + (" …" if len(names) > NAMES_MAX else "")
