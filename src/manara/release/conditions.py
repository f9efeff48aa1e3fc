"""Conditions: what a rule asks of one attribute of a marking, in three values: it holds, it does not, not known.

A permit takes "not known" for no, a forbid takes it for yes: a mistake in the marking closes, it never opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.records.agreement import Phase, Rule
from manara.records.marking import UNKNOWN_BIT, Codebook, Marking, Purpose, Sensitivity, Sort, Strip
from manara.records.reports import Domain, Kind

Bools = NDArray[np.bool_]
Column = NDArray[Any]

ATTRIBUTES = ("sort", "domain", "craft", "area", "source", "originator", "sensitivity", "emergency", "age")
SETS = ("area", "source")  # attributes that are sets, kept as bits
NOBODY = 65_535  # originator: not known
NO_AGE = (1 << 63) - 1  # age where the time is not known
ALL_BITS = UNKNOWN_BIT - 1
S_NS = 1_000_000_000


class Fault(msgspec.Struct, frozen=True):
    """Something in an agreement that cannot stand, or that deserves a look. ``rule``: its id, "" for the agreement;
    ``where``: "rules[3].when.area"."""

    rule: str
    where: str
    why: str


def _names(kinds: Iterable[Any]) -> dict[str, int]:
    return {one.name.lower(): int(one) for one in kinds}


SORTS = _names(Sort)
NAMED_ONLY = ("coverage", "capability", "gap")  # a permit speaks of these only where it names them
UNNAMED = tuple(name for name in SORTS if name not in NAMED_ONLY)
DOMAINS = _names(one for one in Domain if one)
CRAFT = _names(one for one in Kind if one)
SENSITIVITIES = _names(Sensitivity)
PURPOSES = _names(one for one in Purpose if one)
STRIPS = _names(one for one in Strip if one)
PHASES = _names(Phase)
WORDS: Mapping[str, Mapping[str, int]] = {
    "sort": SORTS,
    "domain": DOMAINS,
    "craft": CRAFT,
    "sensitivity": SENSITIVITIES,
}


@dataclass(frozen=True)
class Condition:
    """One condition of a rule. ``field``: of records.agreement.When; ``attribute``: of the marking that it asks;
    ``names``: as written; ``bits``: of what is asked for (bit v: the value v, for an age: the most, in ns)."""

    attribute: str
    field: str
    names: tuple[str, ...]
    bits: int


def of_rule(rule: Rule, at: str, book: Codebook) -> tuple[tuple[Condition, ...], tuple[Fault, ...]]:
    """The conditions of a rule, without its phase; and what is wrong with them. ``at``: "rules[3]".

    >>> from manara.records.agreement import When
    >>> book = Codebook(("north",), (), ("arvena", "belora"))
    >>> of_rule(Rule(id="a", effect="permit", when=When(area=("north",), age_max_s=60)), "rules[0]", book)[0][2].names
    ('60 s',)
    >>> of_rule(Rule(id="a", effect="permit", when=When(area=("nroth",))), "rules[0]", book)[1][0].why
    "no area 'nroth' is known; did you mean 'north'?"
    """
    when, made, faults = rule.when, [], []
    for field, attribute in (("sort", "sort"), ("domain", "domain"), ("craft", "craft"), ("area", "area"),
                             ("outside", "area"), ("source", "source"), ("originator", "originator"),
                             ("sensitivity", "sensitivity")):  # fmt: skip
        names: tuple[str, ...] = sorts_of(rule) if field == "sort" else getattr(when, field)
        if names:
            places, wrong = _places(attribute, names, book)
            faults += [Fault(rule.id, f"{at}.when.{field}", why) for why in wrong]
            made.append(Condition(attribute, field, names, sum(1 << place for place in set(places))))
    if when.emergency is not None:
        made.append(
            Condition("emergency", "emergency", ("yes" if when.emergency else "no",), 2 if when.emergency else 1)
        )
    if when.age_max_s is not None:
        if 0 <= when.age_max_s < 1 << 32:
            made.append(Condition("age", "age_max_s", (f"{when.age_max_s} s",), when.age_max_s * S_NS))
        else:
            faults.append(Fault(rule.id, f"{at}.when.age_max_s", "an age lies between 0 and 4,294,967,295 s"))
    return tuple(made), tuple(faults)


def sorts_of(rule: Rule) -> tuple[str, ...]:
    """The sorts that a rule speaks of; (): all. A permit that names none speaks of none that must be named.

    >>> sorts_of(Rule(id="a", effect="forbid")), "gap" in sorts_of(Rule(id="a", effect="permit"))
    ((), False)
    """
    return rule.when.sort or (UNNAMED if rule.effect == "permit" else ())


def known_names(attribute: str, book: Codebook) -> Mapping[str, int]:
    """The names that a condition on this attribute may use, and their places."""
    if attribute in WORDS:
        return WORDS[attribute]
    listed = {"area": book.areas, "source": book.sources, "originator": book.partners}[attribute]
    places = {name: place for place, name in enumerate(listed)}
    return {"own": 0, **places} if attribute == "originator" else places


def _places(attribute: str, names: Iterable[str], book: Codebook) -> tuple[list[int], list[str]]:
    known = known_names(attribute, book)
    return [known[n] for n in names if n in known], [unknown(attribute, n, known) for n in names if n not in known]


def unknown(attribute: str, name: str, known: Iterable[str]) -> str:
    """Why a name cannot stand, with the nearest that could."""
    if name == "unknown" and attribute in WORDS:
        return (
            f"'unknown' is no {attribute}: what is not known is never permitted; leave {attribute} out to ask nothing"
        )
    return f"no {attribute} {name!r} is known{nearest(name, known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean …?", or what there is.

    >>> nearest("see", ["air", "sea"])
    "; did you mean 'sea'?"
    """
    listed = sorted(known)
    best = max(listed, key=lambda one: _alike(name, one), default="")
    if best and _alike(name, best) >= 0.5:
        return f"; did you mean {best!r}?"
    return f" (known: {', '.join(listed[:12])}{', …' if len(listed) > 12 else ''})" if listed else " (none is known)"


def _alike(one: str, other: str) -> float:
    pairs = [{text[k : k + 2] for k in range(-1, len(text))} | {*text} for text in (one.lower(), other.lower())]
    return 2 * len(pairs[0] & pairs[1]) / (len(pairs[0]) + len(pairs[1]))


def column(marking: Marking, attribute: str, now_ns: int) -> Column:
    """The column of a marking that conditions on this attribute ask; an age in ns."""
    if attribute == "age":
        return np.where(marking.time_ns > 0, np.int64(now_ns) - np.maximum(marking.time_ns, 0), np.int64(NO_AGE))
    name = {"area": "area_bits", "source": "sources"}.get(attribute, attribute)
    found: Column = getattr(marking, name)
    return found


def holds(condition: Condition, values: Column) -> tuple[Bools, Bools]:
    """For each value of the attribute: does the condition hold, and is that not known? Never both.

    >>> sea = Condition("domain", "domain", ("sea",), 1 << Domain.SEA)
    >>> [one.tolist() for one in holds(sea, np.array([Domain.SEA, Domain.AIR, 0, 255], np.uint8))]
    [[True, False, False, False], [False, False, True, True]]
    """
    if condition.attribute in SETS:
        return _holds_of_set(condition, values)
    if condition.attribute == "age":
        missing = values == NO_AGE
        return (values <= condition.bits) & ~missing, missing
    missing = ~is_known(condition.attribute, values)
    asked = [place for place in range(condition.bits.bit_length()) if condition.bits >> place & 1]
    return np.isin(values, asked) & ~missing, missing


def is_known(attribute: str, values: Column) -> Bools:
    """Which values of an attribute that is no set say something."""
    if attribute == "originator":
        return np.asarray(values < 63)
    if attribute == "emergency":
        return np.asarray(values <= 1)
    return np.isin(values, list(WORDS[attribute].values()))


def _holds_of_set(condition: Condition, values: Column) -> tuple[Bools, Bools]:
    inside = (values & np.uint64(condition.bits)) != 0
    more = (values & np.uint64(UNKNOWN_BIT)) != 0
    if condition.field == "outside":
        return ~inside & ~more, ~inside & more
    if condition.field == "known":  # no further source, and one of these if any
        return ~more & (inside | ((values & np.uint64(ALL_BITS)) == 0)), more
    if condition.field == "only":  # no further source, and none but these
        return ~more & ((values & np.uint64(ALL_BITS & ~condition.bits)) == 0), more
    return inside, ~inside & more


def fires(condition: Condition, values: Column, *, permit: bool) -> Bools:
    """Whether the condition lets its rule fire: "not known" closes a permit and opens a forbid."""
    true, missing = holds(condition, values)
    return true if permit else true | missing


def unmet(condition: Condition, values: Column) -> Bools:
    """Where a bound of the agreement fails: it does not hold, or that is not known."""
    return ~holds(condition, values)[0]
