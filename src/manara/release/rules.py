"""Rules: an agreement compiled to a table over all signatures, and decisions about rows by it.

Default deny. A forbid that matches overrides every permit. The obligations of all permits that match are joined to the
stricter. What is not known closes a permit and opens a forbid. What an agreement says of domains, areas, sources,
purposes, onward release and retention bounds every permit of it; what a marking says of purpose, onward release and
expiry binds besides. An obligation that this node cannot meet denies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from manara.records.agreement import RULES_MAX, Agreement, Phase, Rule
from manara.records.columns import U1, U4, U8
from manara.records.marking import ALL_PURPOSES, OWN, Codebook, Marking, Obligations
from manara.release import labels, space
from manara.release.conditions import (
    DOMAINS,
    PHASES,
    PURPOSES,
    SENSITIVITIES,
    SORTS,
    STRIPS,
    Bools,
    Column,
    Condition,
    Fault,
    known_names,
    nearest,
    of_rule,
)
from manara.release.limits import meetable, phase_allows
from manara.release.space import SIGNATURES_MAX, Bound, Overlap, RuleSet, Space

ALL_STRIPS = sum(STRIPS.values())
NUMBERS = ("cell_m", "epoch_s", "delay_s", "rate_s", "pseudonym_s", "retention_s")
LARGEST = ("cell_m", "epoch_s", "delay_s", "rate_s")
SMALLEST = ("pseudonym_s", "retention_s")
_U4 = 0xFFFFFFFF
_ONWARD_ALL = (1 << 64) - 1


class Denial(IntEnum):
    """Why a row does not go."""

    NONE = 0  # it goes
    DEFAULT = 1  # no permit matches
    FORBIDDEN = 2
    PHASE = 3  # the phase allows nothing of its sort or domain
    PURPOSE = 4  # no purpose is left
    EXPIRED = 5
    MARKING_ONWARD = 6  # its originator does not let it go to this recipient
    UNMEETABLE = 7  # an obligation that this node cannot perform
    DOMAIN = 8  # outside the agreement's domains
    AREA = 9  # outside the agreement's areas
    NEVER = 10  # a partner that nothing may reach
    SOURCE = 11  # a source that the recipient may not know of
    LABEL = 12  # its marking has no word over there


BOUNDS = {Denial.NEVER: 16, Denial.PHASE: 8, Denial.DOMAIN: 1, Denial.AREA: 2, Denial.SOURCE: 4, Denial.LABEL: 32}
# In order of telling.


@dataclass(frozen=True, eq=False)
class Decisions:
    """One decision for each row. ``matched``: (n, 2), rule i is bit i % 64 of word i // 64. Obligations of a row that
    does not go are the strictest."""

    allowed: Bools
    matched: U8
    denial: U1
    obligations: Obligations


@dataclass(frozen=True, eq=False)
class Duties:
    """The obligations of each rule, one column each, shape (rules,)."""

    numbers: Mapping[str, U4]
    strip: U4
    purpose: U4
    onward: U8
    permits: Bools


@dataclass(frozen=True, eq=False)
class Program:
    """An agreement compiled for one phase."""

    agreement: Agreement
    phase: Phase
    book: Codebook
    rules: RuleSet
    duties: Duties
    space: Space
    which: int = 0  # which of the space's sets of rules this is
    recipient: int = 0  # place of the recipient in the codebook
    known: tuple[str, ...] | None = None  # as in compile_rules

    @cached_property
    def table(self) -> Decisions:
        """The decision for each signature; built once, when first needed."""
        return _table(self)


def compile_rules(
    agreement: Agreement,
    book: Codebook,
    phase: Phase,
    *,
    overlaps: Mapping[str, Overlap] | None = None,
    known: Sequence[str] | None = None,
    never: int = 0,
) -> Program | tuple[Fault, ...]:
    """Compile an agreement for one phase, or say what is wrong with it.

    ``overlaps``: which areas ("area") and sources ("source") may hold together; left out: any may. ``known``: the
    names of all sources that the recipient may know of, where a feed and its sensors have names of their own; then a
    row with any other source is denied. Left out: a row is denied when none of its sources is named in the agreement;
    that no other contributed is what the source view is for. ``never``: bits of partners that nothing may reach.

    >>> from manara.records.agreement import When
    >>> book = Codebook((), ("ais",), ("arvena", "belora"))
    >>> ships = Rule(id="ships", effect="permit", when=When(domain=("sea",)))
    >>> made = Agreement(id="x", title="x", releaser="arvena", recipient="belora", not_before="", not_after="",
    ...                  sources=("ais",), rules=(ships,))
    >>> program = compile_rules(made, book, Phase.FULL)
    >>> program.space.size
    6
    >>> row = Marking.blank(1).replace(
    ...     domain=np.array([2], np.uint8), sort=np.array([1], np.uint8), sources=np.array([1], np.uint64),
    ...     originator=np.array([0], np.uint16))
    >>> decide(program, row, 5).allowed.tolist()
    [True]
    """
    rules, faults = rule_set(agreement, book, phase, known=known, never=never)
    if faults:
        return faults
    made = space.build((rules,), book, overlaps or {})
    if isinstance(made, dict):
        return (crowded(made),)
    return Program(
        agreement, phase, book, rules, duties_of(agreement, book, never), made, 0, book.partner(agreement.recipient),
        None if known is None else tuple(known),
    )  # fmt: skip


def crowded(counts: Mapping[str, int], most: int = SIGNATURES_MAX) -> Fault:
    """Too many signatures: which attribute costs most."""
    worst = max(counts, key=lambda one: counts[one])
    listed = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda one: -one[1]) if n > 1)
    field_of = {"area": "area", "source": "source", "age": "age_max_s"}.get(worst, worst)
    return Fault(
        "",
        f"rules[].when.{field_of}",
        f"the rules tell more than {most:,} cases apart; {worst} costs most ({listed}): name fewer",
    )


def rule_set(
    agreement: Agreement, book: Codebook, phase: Phase, *, known: Sequence[str] | None = None, never: int = 0
) -> tuple[RuleSet, tuple[Fault, ...]]:
    """The rules of an agreement as conditions, and all that is wrong with it."""
    found = [of_rule(rule, f"rules[{k}]", book) for k, rule in enumerate(agreement.rules)]
    faults = [*_document_faults(agreement, book), *(fault for _, wrong in found for fault in wrong)]
    seen: dict[str, int] = {}
    for k, rule in enumerate(agreement.rules):
        faults += _rule_faults(rule, f"rules[{k}]", book)
        if rule.id in seen:
            faults.append(Fault(rule.id, f"rules[{k}].id", f"rules[{seen[rule.id]}] has the same id"))
        seen.setdefault(rule.id, k)
    if faults:
        return RuleSet((), (), ()), tuple(faults)
    unreached = not (never >> book.partner(agreement.recipient) & 1)
    return RuleSet(
        permits=tuple(rule.effect == "permit" for rule in agreement.rules),
        active=tuple(not rule.when.phase or phase.name.lower() in rule.when.phase for rule in agreement.rules),
        conditions=tuple(conditions for conditions, _ in found),
        bounds=_bounds(agreement, book, phase, known),
        by_domain=any(rule.cell_m for rule in agreement.rules),
        closed=(0 if unreached else BOUNDS[Denial.NEVER]) | (0 if phase_allows(phase) else BOUNDS[Denial.PHASE]),
    ), ()


def _bounds(agreement: Agreement, book: Codebook, phase: Phase, known: Sequence[str] | None) -> tuple[Bound, ...]:
    def of(attribute: str, names: Iterable[str], denial: Denial, places: Mapping[str, int], how: str = "") -> Bound:
        listed = tuple(names)
        bits = sum(1 << places[name] for name in listed if name in places)
        return Bound(Condition(attribute, how or attribute, listed, bits), BOUNDS[denial])

    sources = agreement.sources if known is None else tuple(known)
    sourced = known_names("source", book)
    made = [
        of("domain", agreement.domains, Denial.DOMAIN, DOMAINS),
        of("source", sources, Denial.SOURCE, sourced, "known" if known is None else "only"),
    ]
    if agreement.areas:
        made.append(of("area", agreement.areas, Denial.AREA, known_names("area", book)))
    told = labels.mapped(agreement)
    if told is not None:
        made.append(of("sensitivity", told, Denial.LABEL, SENSITIVITIES))
    sorts, domains = phase_allows(phase) or ((), ())
    if sorts:
        made.append(of("sort", sorts, Denial.PHASE, SORTS))
    if domains:
        made.append(of("domain", domains, Denial.PHASE, DOMAINS))
    return tuple(made)


def _document_faults(agreement: Agreement, book: Codebook) -> list[Fault]:
    faults = []
    for name in ("releaser", "recipient"):
        if getattr(agreement, name) not in book.partners:
            faults.append(Fault("", name, f"no partner {getattr(agreement, name)!r} is known"))
    if agreement.releaser == agreement.recipient:
        faults.append(Fault("", "recipient", "releaser and recipient are one"))
    if len(agreement.rules) > RULES_MAX:
        faults.append(Fault("", "rules", f"{len(agreement.rules)} rules; an agreement holds at most {RULES_MAX}"))
    if not 0 <= agreement.retention_s <= _U4:
        faults.append(Fault("", "retention_s", "lies between 0 and 4,294,967,295"))
    for field_name, what, names in (("purposes", "purpose", PURPOSES), ("domains", "domain", DOMAINS)):
        faults += _strangers("", field_name, what, getattr(agreement, field_name), names)
    for field_name, attribute in (("areas", "area"), ("sources", "source")):
        places = known_names(attribute, book)
        faults += _strangers("", field_name, attribute, getattr(agreement, field_name), places)
    return faults + _strangers("", "onward", "partner", agreement.onward, book.partners)


def _rule_faults(rule: Rule, at: str, book: Codebook) -> list[Fault]:
    faults = []
    if not rule.id:
        faults.append(Fault("", f"{at}.id", "a rule needs an id"))
    if rule.effect not in ("permit", "forbid"):
        faults.append(Fault(rule.id, f"{at}.effect", f"permit or forbid, not {rule.effect!r}"))
    plain = Rule(id="", effect="permit")
    if rule.effect == "forbid":
        for name in (*NUMBERS, "strip", "purpose", "onward"):
            if getattr(rule, name) != getattr(plain, name):
                faults.append(Fault(rule.id, f"{at}.{name}", "obligations stand in permits; a forbid lets nothing go"))
    for name in NUMBERS:
        if not 0 <= getattr(rule, name) <= _U4:
            faults.append(Fault(rule.id, f"{at}.{name}", "lies between 0 and 4,294,967,295"))
    faults += _strangers(rule.id, f"{at}.when.phase", "phase", rule.when.phase, PHASES)
    faults += _strangers(rule.id, f"{at}.strip", "field to strip", rule.strip, STRIPS)
    faults += _strangers(rule.id, f"{at}.purpose", "purpose", rule.purpose, PURPOSES)
    return faults + _strangers(rule.id, f"{at}.onward", "partner", rule.onward or (), book.partners)


def _strangers(rule: str, where: str, what: str, names: Iterable[str], known: Iterable[str]) -> list[Fault]:
    return [Fault(rule, where, f"no {what} {n!r} is known{nearest(n, known)}") for n in names if n not in set(known)]


def duties_of(agreement: Agreement, book: Codebook, never: int = 0) -> Duties:
    """The obligations of each rule, within the bounds of the agreement."""
    rules = agreement.rules
    most = sum(PURPOSES[name] for name in set(agreement.purposes))
    onward = book.partner_bits(tuple(set(agreement.onward))) & ~never
    numbers = {name: np.array([getattr(rule, name) for rule in rules], np.uint32) for name in NUMBERS}
    numbers["retention_s"] = np.minimum(numbers["retention_s"], np.uint32(agreement.retention_s))

    def purposes(rule: Rule) -> int:
        return sum(PURPOSES[name] for name in set(rule.purpose)) & most if rule.purpose else most

    def onwards(rule: Rule) -> int:
        return onward if rule.onward is None else onward & book.partner_bits(tuple(set(rule.onward)))

    return Duties(
        numbers=numbers,
        strip=np.array([sum(STRIPS[name] for name in set(rule.strip)) for rule in rules], np.uint32),
        purpose=np.array([purposes(rule) for rule in rules], np.uint32),
        onward=np.array([onwards(rule) for rule in rules], np.uint64),
        permits=np.array([rule.effect == "permit" for rule in rules], np.bool_),
    )


def join(duty: Duties, matched: U8) -> Obligations:
    """The obligations of all permits in each mask, (n, 2), joined to the stricter.

    >>> of = {"cell_m": (0, 4_000), "epoch_s": (0, 60), "delay_s": (30, 0), "rate_s": (0, 0),
    ...       "pseudonym_s": (9, 5), "retention_s": (7, 8)}
    >>> two = Duties({k: np.array(v, np.uint32) for k, v in of.items()}, np.array([1, 2], np.uint32),
    ...     np.array([3, 6], np.uint32), np.array([0, 1], np.uint64), np.array([True, True]))
    >>> both = join(two, np.array([[3, 0]], np.uint64))
    >>> [int(getattr(both, name)[0]) for name in ("cell_m", "delay_s", "pseudonym_s", "strip", "purpose", "onward")]
    [4000, 30, 5, 3, 2, 0]
    """
    made = Obligations.blank(len(matched)).replace(onward=np.full(len(matched), _ONWARD_ALL, np.uint64))
    for k in np.flatnonzero(duty.permits).tolist():
        on = (matched[:, k // 64] >> np.uint64(k % 64) & np.uint64(1)).astype(bool)
        for names, stricter in ((LARGEST, np.maximum), (SMALLEST, np.minimum)):
            for name in names:
                _into(getattr(made, name), on, stricter, duty.numbers[name][k])
        _into(made.strip, on, np.bitwise_or, duty.strip[k])
        _into(made.purpose, on, np.bitwise_and, duty.purpose[k])
        _into(made.onward, on, np.bitwise_and, duty.onward[k])
    return made


def obliged(duty: Obligations, k: int = 0, partners: Sequence[str] = ()) -> str:
    """The obligations of a row in a few words, "" for none.

    >>> obliged(Obligations.blank(1).replace(cell_m=np.array([4000]), strip=np.array([2])))
    '; cell_m 4000, strip names'
    """
    told = [f"{name} {int(getattr(duty, name)[k])}" for name in LARGEST if getattr(duty, name)[k]]
    told += [f"{name} {int(getattr(duty, name)[k])}" for name in SMALLEST if getattr(duty, name)[k] != _U4]
    for name, words in (("strip", STRIPS), ("purpose", PURPOSES)):
        bits = int(getattr(duty, name)[k])
        if bits and not (name == "purpose" and bits == ALL_PURPOSES):
            told.append(f"{name} {'+'.join(word for word, bit in words.items() if bits & bit)}")
    if 0 < (bits := int(duty.onward[k])) < _ONWARD_ALL:
        told.append(f"onward {'+'.join(name for i, name in enumerate(partners) if bits >> i & 1)}")
    return f"; {', '.join(told)}" if told else ""


def _into(column: U4 | U8, on: Bools, stricter: Callable[..., object], value: np.uint32 | np.uint64) -> None:
    stricter(column, value, out=column, where=on)


def permit_bits(duty: Duties) -> U8:
    """The mask of all permits, shape (2,)."""
    bits = sum(1 << k for k in np.flatnonzero(duty.permits).tolist())
    return np.array([bits & 0xFFFFFFFFFFFFFFFF, bits >> 64], np.uint64)


def judge(duties: Duties, matched: U8, failed: U1, domain: U1) -> Decisions:
    """Decisions for masks of rules that match, bounds that fail, and the domain: what the table is made of."""
    permits = permit_bits(duties)
    opened = ((matched & permits) != 0).any(1)
    struck = ((matched & ~permits) != 0).any(1)
    duty = join(duties, matched)
    denial = np.select(
        [struck, ~opened, *((failed & flag) != 0 for flag in BOUNDS.values()), ~_meetable(duty, domain),
         duty.purpose == 0],
        [Denial.FORBIDDEN, Denial.DEFAULT, *BOUNDS, Denial.UNMEETABLE, Denial.PURPOSE],
        Denial.NONE,
    ).astype(np.uint8)  # fmt: skip
    closed = (failed & BOUNDS[Denial.NEVER]) != 0
    denial[closed] = Denial.NEVER
    _close(duty, np.flatnonzero(denial))
    return Decisions(denial == 0, matched, denial, duty)


def _meetable(duty: Obligations, domain: U1) -> Bools:
    """Whether this node can do what is asked, shape (n,)."""
    keys: list[Column] = [domain, duty.cell_m, duty.epoch_s]
    first, back = space.distinct(keys)
    asked = zip(*(key[first].tolist() for key in keys), strict=True)
    return np.array([meetable(*one) for one in asked], np.bool_)[back]


def _table(program: Program) -> Decisions:
    whole = program.space
    return judge(program.duties, whole.matched[program.which], whole.failed[program.which], whole.domain)


def _close(duty: Obligations, rows: NDArray[np.intp]) -> None:
    """Put the strictest obligations where nothing goes."""
    for name in LARGEST:
        getattr(duty, name)[rows] = _U4
    for name in ("retention_s", "purpose", "onward"):
        getattr(duty, name)[rows] = 0
    duty.pseudonym_s[rows] = 1
    duty.strip[rows] = ALL_STRIPS


def decide(program: Program, marking: Marking, now_ns: int) -> Decisions:
    """Decide about every row of a marking, shape (n,): one look-up each, then what the marking itself binds."""
    table = program.table
    where = program.space.signatures(marking, now_ns)
    denial = np.take(table.denial, where)
    duty = Obligations(**{name: np.take(getattr(table.obligations, name), where) for name in _COLUMNS})
    duty.purpose[:] &= marking.purpose
    duty.onward[:] &= marking.onward
    foreign = (marking.originator != OWN) & (marking.onward >> np.uint64(program.recipient) & np.uint64(1) == 0)
    reasons = (
        (foreign, Denial.MARKING_ONWARD),
        (np.int64(now_ns) > marking.expires_ns, Denial.EXPIRED),
        (duty.purpose == 0, Denial.PURPOSE),
    )
    open_still = denial == 0
    late = np.flatnonzero(open_still & (reasons[0][0] | reasons[1][0] | reasons[2][0]))
    if len(late):  # the table has closed its own already
        for no, why in reversed(reasons):
            denial[late[no[late]]] = why
        _close(duty, late)
        open_still[late] = False
    return Decisions(open_still, np.take(table.matched, where, axis=0), denial, duty)


_COLUMNS = tuple(Obligations.__dataclass_fields__)
__all__ = ["Decisions", "Denial", "Fault", "Program", "compile_rules", "decide"]
