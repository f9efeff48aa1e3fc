"""The space of signatures: all markings that the rules can tell apart, finite and small enough to list.

For each attribute the values that no rule tells apart fall into one class; combinations of classes for which the same
rules match are one signature. A table over the signatures is therefore the whole truth about a set of rules: it
decides a row by one look-up, and it can be searched, compared and shown to another engine without missing a case.

Several sets of rules may share a space (old and new, phase by phase): then its classes tell apart what any of them
tells apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manara.records.columns import F8, U1, U8
from manara.records.directory import Area
from manara.records.marking import UNKNOWN, UNKNOWN_BIT, Codebook, Marking
from manara.release.conditions import (
    ALL_BITS,
    ATTRIBUTES,
    NO_AGE,
    NOBODY,
    SETS,
    WORDS,
    Bools,
    Column,
    Condition,
    column,
    fires,
    is_known,
    unmet,
)

SIGNATURES_MAX = 65_536
RAW_MAX = 65_536  # combinations of one attribute
WIDEST = 1 << 22  # beginnings times classes, before they are merged
ATOMS_DIRECT = 15  # so many atoms are looked up in a table of all their combinations
BASE_NS = 1 << 62  # representatives of an age are dated back from this moment
COLUMNS = {"area": "area_bits", "source": "sources"}  # attribute -> column of a marking, where they differ
Overlap = frozenset[frozenset[str]] | None  # pairs that may hold together; None: any may


@dataclass(frozen=True)
class Bound:
    """What an agreement asks of every permit. ``flag``: the bit that is set where it fails."""

    condition: Condition
    flag: int


@dataclass(frozen=True, eq=False)
class RuleSet:
    """The rules of one agreement in one phase, as conditions. ``active``: rules whose phase it is; ``by_domain``:
    whether the domain matters beyond the conditions."""

    permits: tuple[bool, ...]
    active: tuple[bool, ...]
    conditions: tuple[tuple[Condition, ...], ...]
    bounds: tuple[Bound, ...] = ()
    by_domain: bool = False
    closed: int = 0  # bounds that fail whatever the marking says


@dataclass(frozen=True, eq=False)
class Axis:
    """One attribute. ``raw``: values that cover all cases, (m,); ``classes``: the class of each, (m,); ``values``:
    one of each class, (c,); ``masks``, ``flags``: for each set of rules, which rules may fire, (c, 2), and which
    bounds fail, (c,). ``table``: look-up to class times stride; ``keys``: where the look-up is not direct."""

    attribute: str
    raw: Column
    classes: NDArray[np.intp]
    values: Column
    masks: tuple[U8, ...]
    flags: tuple[U1, ...]
    table: NDArray[np.intp]
    keys: Column
    atoms: tuple[int, ...] = ()

    def places(self, values: Column) -> NDArray[np.intp]:
        """The class of each value, shape (n,)."""
        if self.attribute == "age":
            return np.take(self.table, np.searchsorted(self.keys, values, side="left"))
        if self.attribute not in SETS:
            return np.take(self.table, values)
        index = combination(values, self.atoms)
        if len(self.keys):
            where = np.minimum(np.searchsorted(self.keys, index), len(self.keys) - 1)
            index = np.where(self.keys[where] == index, where, len(self.keys))
        return np.take(self.table, index)


@dataclass(frozen=True, eq=False)
class Space:
    """All signatures, reached axis by axis: after each axis, beginnings that no rule tells apart any more are one.

    ``steps``: for each axis, what a beginning times the number of classes plus a class leads to, already times the
    number of classes of the next axis. ``matched``, ``failed``: for each set of rules, the rules that match in each
    signature, (size, 2), and the bounds that fail, (size,). ``paths``: one class on each axis that leads to the
    signature, (size, axes). ``cases``: how many combinations of classes lead to it.
    """

    axes: tuple[Axis, ...]
    steps: tuple[NDArray[np.intp], ...]
    matched: tuple[U8, ...]
    failed: tuple[U1, ...]
    domain: U1
    paths: NDArray[np.intp]
    cases: F8

    @property
    def size(self) -> int:
        """How many signatures there are."""
        return len(self.domain)

    def signatures(self, marking: Marking, now_ns: int) -> NDArray[np.intp]:
        """The signature of each row, shape (n,)."""
        if not self.axes:
            return np.zeros(len(marking), np.intp)
        first, *rest = zip(self.axes, self.steps, strict=True)
        found = np.take(first[1], first[0].places(column(marking, first[0].attribute, now_ns)))
        for axis, step in rest:
            found += axis.places(column(marking, axis.attribute, now_ns))
            found = np.take(step, found)
        return found

    def rows(self) -> Marking:
        """One row of each signature, as it is at BASE_NS."""
        return rows_of(self.axes, [axis.values[self.paths[:, k]] for k, axis in enumerate(self.axes)], self.size)


def rows_of(axes: Sequence[Axis], values: Sequence[Column], n: int) -> Marking:
    """Rows that have these values on the axes at BASE_NS. Attributes that no rule asks stand at a known value."""
    plain = Marking.blank(n).replace(
        sort=np.ones(n, np.uint8), domain=np.ones(n, np.uint8), craft=np.full(n, 7, np.uint8),
        area_bits=np.zeros(n, np.uint64), sources=np.zeros(n, np.uint64), originator=np.zeros(n, np.uint16),
        sensitivity=np.zeros(n, np.uint8), emergency=np.zeros(n, np.uint8), time_ns=np.full(n, BASE_NS, np.int64),
        onward=np.full(n, ALL_BITS, np.uint64),
    )  # fmt: skip
    columns: dict[str, Column] = {}
    for axis, said in zip(axes, values, strict=True):
        if axis.attribute == "age":
            beyond = said >= NO_AGE - 1  # older than any limit, or not known
            oldest = max((int(one) for one in axis.raw if one < NO_AGE - 1), default=0) + 1
            age = np.where(beyond, oldest, said)
            columns["time_ns"] = np.where(said == NO_AGE, 0, BASE_NS - age)
        else:
            columns[COLUMNS.get(axis.attribute, axis.attribute)] = said
    return plain.replace(**columns)


def combination(values: U8, atoms: Sequence[int]) -> U8:
    """Which atoms (masks of bits) a set meets, bit i for atom i; the last bit: there is more than the bits say.

    >>> combination(np.array([0b101, 1 << 63], np.uint64), (0b1, 0b10)).tolist()
    [1, 4]
    """
    found = (values >> np.uint64(63)) << np.uint64(len(atoms))
    for k, atom in enumerate(atoms):
        found |= ((values & np.uint64(atom)) != 0).astype(np.uint64) << np.uint64(k)
    return found


def build(
    sets: Sequence[RuleSet], book: Codebook, overlaps: Mapping[str, Overlap], most: int = SIGNATURES_MAX
) -> Space | dict[str, int]:
    """The space that tells apart what any of the sets of rules tells apart; where it has more than ``most``
    signatures, instead the number of classes that each attribute costs."""
    axes, counts = [], {}
    for attribute in ATTRIBUTES:
        raw, atoms = _raw(attribute, sets, book, overlaps.get(attribute))
        counts[attribute] = len(raw)
        if len(raw) > 2 * RAW_MAX:
            return counts
        axis = _axis(attribute, raw, atoms, sets)
        counts[attribute] = len(axis.values)
        if len(axis.values) > 1 or any(f.any() for f in axis.flags) or any((~m).any() for m in axis.masks):
            axes.append(axis)
    return _walk(tuple(axes), sets, most) or counts


def _walk(axes: tuple[Axis, ...], sets: Sequence[RuleSet], most: int) -> Space | None:
    """Go through the axes, merging at each what no rule tells apart; None where there are too many."""
    matched = [np.array([_words(one.active)], np.uint64) for one in sets]
    failed = [np.array([one.closed], np.uint8) for one in sets]
    domain: U1 = np.zeros(1, np.uint8)
    cases: F8 = np.ones(1)
    paths, leads = np.zeros((1, 0), np.intp), []
    for axis in axes:
        classes = len(axis.values)
        if len(domain) * classes > WIDEST:
            return None
        begin, last = np.divmod(np.arange(len(domain) * classes), classes)
        matched = [one[begin] & axis.masks[k][last] for k, one in enumerate(matched)]
        failed = [one[begin] | axis.flags[k][last] for k, one in enumerate(failed)]
        if axis.attribute == "domain" and any(one.by_domain for one in sets):
            domain = axis.values[last]
        else:
            domain = domain[begin]
        keys: list[Column] = [*(one[:, w] for one in matched for w in (0, 1)), *failed, domain]
        first, back = distinct(keys)
        if len(first) > most:
            return None
        leads.append(back)
        cases = np.bincount(back, cases[begin]).astype(np.float64)
        matched, failed, domain = [one[first] for one in matched], [one[first] for one in failed], domain[first]
        paths = np.column_stack([paths[begin[first]], last[first]])
    ahead = [len(axis.values) for axis in axes[1:]] + [1]
    steps = tuple(back * n for back, n in zip(leads, ahead, strict=True))
    return Space(axes, steps, tuple(matched), tuple(failed), domain, paths, cases)


def distinct(keys: Sequence[Column]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of several columns that differ: where each first stands, and for each row which of them it is.

    >>> distinct([np.array([7, 5, 7, 5]), np.array([1, 1, 1, 2])])
    (array([0, 1, 3]), array([0, 1, 0, 2]))
    """
    order = np.lexsort(keys[::-1])
    new = np.ones(len(order), np.bool_)
    new[1:] = False
    for key in keys:
        there = key[order]
        new[1:] |= there[1:] != there[:-1]
    group = np.cumsum(new) - 1
    first = order[new]  # the sort is stable: the first of its group
    rank = np.argsort(np.argsort(first))
    back = np.empty(len(order), np.intp)
    back[order] = rank[group]
    return np.sort(first), back


def _words(active: Sequence[bool]) -> tuple[int, int]:
    bits = sum(1 << k for k, one in enumerate(active) if one)
    return bits & 0xFFFFFFFFFFFFFFFF, bits >> 64


def _axis(attribute: str, raw: Column, atoms: tuple[int, ...], sets: Sequence[RuleSet]) -> Axis:
    """Merge the values that no set of rules tells apart."""
    masks = [_masks(attribute, raw, one) for one in sets]
    flags = [_flags(attribute, raw, one) for one in sets]
    keys: list[Column] = [*(mask[:, w] for mask in masks for w in (0, 1)), *flags]
    if attribute == "domain" and any(one.by_domain for one in sets):
        keys.append(raw)
    first, classes = distinct(keys)
    table, found = _table(attribute, raw, classes, atoms)
    return Axis(
        attribute, raw, classes, raw[first], tuple(mask[first] for mask in masks), tuple(flag[first] for flag in flags),
        table, found, atoms,
    )  # fmt: skip


def _table(
    attribute: str, raw: Column, classes: NDArray[np.intp], atoms: tuple[int, ...]
) -> tuple[NDArray[np.intp], Column]:
    """The look-up from a value to its class, and the keys that it goes by where it is not direct."""
    none = np.zeros(0, raw.dtype)
    if attribute == "age":
        return classes, raw[:-1]
    if attribute not in SETS:
        table = np.full(65_536 if attribute == "originator" else 256, classes[-1], np.intp)
        table[raw] = classes
        return table, none
    index = combination(raw, atoms)
    if len(atoms) <= ATOMS_DIRECT:  # a combination that was said not to occur counts as nothing known
        table = np.full(2 << len(atoms), classes[-1], np.intp)
        table[index] = classes
        return table, none
    order = np.argsort(index)
    return np.append(classes[order], classes[-1]), index[order]


def _masks(attribute: str, raw: Column, rules: RuleSet) -> U8:
    """For each value: the rules whose conditions on the attribute let them fire, shape (m, 2)."""
    found = np.full((len(raw), 2), 0xFFFFFFFFFFFFFFFF, np.uint64)
    for k, conditions in enumerate(rules.conditions):
        for one in conditions:
            if one.attribute == attribute:
                no = ~fires(one, raw, permit=rules.permits[k])
                found[no, k // 64] &= np.uint64(0xFFFFFFFFFFFFFFFF ^ (1 << k % 64))
    return found


def _flags(attribute: str, raw: Column, rules: RuleSet) -> U1:
    """For each value: the bounds that fail, shape (m,)."""
    found = np.zeros(len(raw), np.uint8)
    for bound in rules.bounds:
        if bound.condition.attribute == attribute:
            found[unmet(bound.condition, raw)] |= bound.flag
    return found


def _raw(attribute: str, sets: Sequence[RuleSet], book: Codebook, overlap: Overlap) -> tuple[Column, tuple[int, ...]]:
    """Values of an attribute that cover all cases, those not known last; for a set also its atoms."""
    if attribute in WORDS:
        return np.array([*WORDS[attribute].values(), UNKNOWN], np.uint8), ()
    if attribute == "emergency":
        return np.array([0, 1, UNKNOWN], np.uint8), ()
    if attribute == "originator":
        return np.array([*range(63), NOBODY], np.uint16), ()
    asked = [c for one in sets for c in _all_conditions(one) if c.attribute == attribute]
    if attribute == "age":
        limits = sorted({c.bits for c in asked})
        return np.array([*limits, NO_AGE - 1, NO_AGE], np.int64), ()
    names = book.areas if attribute == "area" else book.sources
    atoms = _atoms(asked)
    sets_met = _combinations(atoms, names, overlap)
    low = [_spread(one, atoms) for one in sets_met]
    return np.array([*low, *(one | UNKNOWN_BIT for one in reversed(low))], np.uint64), atoms


def _all_conditions(rules: RuleSet) -> Iterable[Condition]:
    for conditions in rules.conditions:
        yield from conditions
    yield from (bound.condition for bound in rules.bounds)


def _atoms(asked: Iterable[Condition]) -> tuple[int, ...]:
    """The bits, grouped: bits of one group are asked for by the same conditions."""
    masks = {c.bits for c in asked} | {ALL_BITS & ~c.bits for c in asked if c.field in ("known", "only")}
    groups: dict[tuple[bool, ...], int] = {}
    for bit in range(63):
        key = tuple(bool(mask >> bit & 1) for mask in sorted(masks))
        if any(key):
            groups[key] = groups.get(key, 0) | 1 << bit
    return tuple(groups.values())


def _combinations(atoms: Sequence[int], names: Sequence[str], overlap: Overlap) -> list[int]:
    """The sets of atoms that may hold together: those of which any two overlap. Stops one beyond the bound."""
    beside = [sum(1 << j for j, b in enumerate(atoms) if _may_meet(a, b, names, overlap)) for a in atoms]
    found = [0]
    for k in range(len(atoms)):
        found += [one | 1 << k for one in found if one & beside[k] == one]
        if len(found) > RAW_MAX:
            break
    return found


def _may_meet(one: int, other: int, names: Sequence[str], overlap: Overlap) -> bool:
    if overlap is None or (one | other) >> len(names):  # a place without a name may be anywhere
        return True
    listed = [[name for k, name in enumerate(names) if bits >> k & 1] for bits in (one, other)]
    return any(a == b or frozenset((a, b)) in overlap for a in listed[0] for b in listed[1])


def _spread(met: int, atoms: Sequence[int]) -> int:
    """A set of bits that meets these atoms: the lowest bit of each."""
    return sum(atom & -atom for k, atom in enumerate(atoms) if met >> k & 1)


def overlapping(areas: Sequence[Area]) -> frozenset[frozenset[str]]:
    """Pairs of areas that may overlap, by their bounding boxes: a pair that is not in it cannot hold together.

    >>> boxes = {"a": (0, 0, 1, 1), "b": (0.5, 0.5, 2, 2), "c": (5, 5, 6, 6)}
    >>> made = [Area(id=k, partner="x", name=k, corners_deg=((s, w), (s, e), (n, e), (n, w)))
    ...         for k, (s, w, n, e) in boxes.items()]
    >>> sorted(map(sorted, overlapping(made)))
    [['a', 'b']]
    """
    boxes = [(one.id, np.array(one.corners_deg).min(0), np.array(one.corners_deg).max(0)) for one in areas]
    return frozenset(
        frozenset((a, b))
        for k, (a, low_a, high_a) in enumerate(boxes)
        for b, low_b, high_b in boxes[k + 1 :]
        if bool((low_a <= high_b).all() and (low_b <= high_a).all())
    )


def known(axis: Axis) -> Bools:
    """Which classes of an axis hold a value that is fully known, shape (c,)."""
    if axis.attribute == "age":
        said = axis.raw != NO_AGE
    elif axis.attribute in SETS:
        said = (axis.raw & np.uint64(UNKNOWN_BIT)) == 0
    else:
        said = is_known(axis.attribute, axis.raw)
    found = np.zeros(len(axis.values), np.bool_)
    found[axis.classes[said]] = True
    return found
