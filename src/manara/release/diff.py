"""What another edition of an agreement changes: every field that differs, and every case in which somebody gets more,
less, or the same for another reason.

The cases are searched without a gap: both editions are laid over one space of signatures, phase by phase, and compared
in decision, obligations and the rules that match. A change that alters no case today is still told, by its field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.records.agreement import Agreement, Phase
from manara.records.marking import Codebook, Obligations
from manara.release import concerns, space
from manara.release.conditions import Bools, Fault
from manara.release.cubes import places
from manara.release.explain import DENIALS_EN
from manara.release.rules import (
    LARGEST,
    SMALLEST,
    Decisions,
    Denial,
    Duties,
    crowded,
    duties_of,
    judge,
    obliged,
    rule_set,
)
from manara.release.space import Overlap, Space

SIGNATURES_MAX = 1 << 18  # of two editions laid over each other
SHIFTS_MAX = 200  # kinds of change told apart in one phase; cases beyond are counted
MORE, LESS, OTHER, REASON = "more", "less", "other", "reason"


class FieldChange(msgspec.Struct, frozen=True):
    """A field that reads otherwise. ``where``: "retention_s", "rules.ships.when.area"; None: it is not there."""

    where: str
    old: Any
    new: Any


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Cases that change alike. ``effect``: more, less, other (stricter in one thing, looser in another) or reason
    (the same goes, by other rules). ``cases``: combinations of classes; ``where``: which, a few lines."""

    phase: str
    effect: str
    cases: int
    old: str
    new: str
    where: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs. ``untold``: kinds of change beyond the bound. ``unsearched``: why cases could not be searched;
    then only the fields speak."""

    fields: tuple[FieldChange, ...] = ()
    shifts: tuple[Shift, ...] = ()
    untold: int = 0
    unsearched: tuple[Fault, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing at all differs, neither a word nor a case."""
        return not (self.fields or self.shifts or self.unsearched)

    def cases(self, effect: str, phase: str = "full") -> int:
        """How many cases of a phase change to this effect."""
        return sum(one.cases for one in self.shifts if one.effect == effect and one.phase == phase)


@dataclass(frozen=True, eq=False)
class _Laid:
    """Both editions over one space."""

    space: Space
    old: Decisions
    new: Decisions
    old_rules: NDArray[np.bool_]  # (size, names): which of all rules match
    new_rules: NDArray[np.bool_]
    names: tuple[str, ...]
    duties: tuple[Duties, Duties]


def diff(old: Agreement, new: Agreement, book: Codebook, *, overlaps: dict[str, Overlap] | None = None) -> Difference:
    """Compare two editions, word by word and case by case.

    >>> from manara.records.agreement import Rule
    >>> book = Codebook((), (), ("arvena", "belora"))
    >>> def made(*rules):
    ...     return Agreement(id="x", title="x", releaser="arvena", recipient="belora", not_before="", not_after="",
    ...                      rules=rules)
    >>> found = diff(made(), made(Rule(id="all", effect="permit")), book)
    >>> found.same, sorted({shift.effect for shift in found.shifts}), found.fields[0].where
    (False, ['more', 'reason'], 'rules.all')
    """
    fields = tuple(_fields(old, new))
    shifts: list[Shift] = []
    untold = 0
    for phase in Phase:
        laid = _lay(old, new, book, phase, overlaps or {})
        if isinstance(laid, tuple):
            return Difference(fields=fields, unsearched=laid)
        found, more = _shifts(laid, phase, book)
        shifts += found
        untold += more
    return Difference(fields=fields, shifts=tuple(shifts), untold=untold)


def _fields(old: Agreement, new: Agreement) -> Iterator[FieldChange]:
    rules = [{rule.id: rule for rule in one.rules} for one in (old, new)]
    yield from _changed("", *(msgspec.structs.replace(one, rules=(), concerns=()) for one in (old, new)))
    listed = [concerns.by_id(one) for one in (old, new)]
    for name in [*listed[0], *(name for name in listed[1] if name not in listed[0])]:
        yield from _changed(f"concerns.{name}", *(side.get(name) for side in listed))
    for name in [*rules[0], *(name for name in rules[1] if name not in rules[0])]:
        yield from _changed(f"rules.{name}", *(side.get(name) for side in rules))


def _changed(at: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
        for name in old.__struct_fields__:
            yield from _changed(f"{at}.{name}" if at else name, getattr(old, name), getattr(new, name))
    elif old != new:
        yield FieldChange(at, msgspec.to_builtins(old), msgspec.to_builtins(new))


def _lay(
    old: Agreement, new: Agreement, book: Codebook, phase: Phase, overlaps: dict[str, Overlap]
) -> _Laid | tuple[Fault, ...]:
    pairs = [rule_set(one, book, phase) for one in (old, new)]
    if faults := tuple(fault for _, wrong in pairs for fault in wrong):
        return faults
    made = space.build([rules for rules, _ in pairs], book, overlaps, SIGNATURES_MAX)
    if isinstance(made, dict):
        return (crowded(made, SIGNATURES_MAX),)
    duties = (duties_of(old, book), duties_of(new, book))
    judged = [judge(duty, made.matched[k], made.failed[k], made.domain) for k, duty in enumerate(duties)]
    names = tuple(dict.fromkeys(rule.id for one in (old, new) for rule in one.rules))
    tables = [_by_name(one, names, made.matched[k]) for k, one in enumerate((old, new))]
    return _Laid(made, judged[0], judged[1], tables[0], tables[1], names, duties)


def _by_name(one: Agreement, names: Sequence[str], matched: NDArray[np.uint64]) -> NDArray[np.bool_]:
    table = np.zeros((len(matched), len(names)), np.bool_)
    for k, rule in enumerate(one.rules):
        table[:, names.index(rule.id)] = matched[:, k // 64] >> np.uint64(k % 64) & np.uint64(1)
    return table


def looser(old: Obligations, new: Obligations) -> tuple[Bools, Bools]:
    """Where new obligations ask for less, and where for more, in any column, shape (n,) each."""
    less, more = np.zeros(len(old), np.bool_), np.zeros(len(old), np.bool_)
    for name in (*LARGEST, *SMALLEST):
        before, after = getattr(old, name), getattr(new, name)
        if name in SMALLEST:
            before, after = after, before
        less |= after < before
        more |= after > before
    for before, after in ((new.strip, old.strip), (old.purpose, new.purpose), (old.onward, new.onward)):
        less |= (after & ~before) != 0
        more |= (before & ~after) != 0
    return less, more


def _shifts(laid: _Laid, phase: Phase, book: Codebook) -> tuple[list[Shift], int]:
    old, new = laid.old, laid.new
    less, more = looser(old.obligations, new.obligations)
    both = old.allowed & new.allowed
    gains = (new.allowed & ~old.allowed) | (both & less & ~more)
    loses = (old.allowed & ~new.allowed) | (both & more & ~less)
    mixed = both & less & more
    otherwise = (laid.old_rules != laid.new_rules).any(1) | (old.denial != new.denial)
    effect = np.select([gains, loses, mixed, otherwise], [1, 2, 3, 4], 0)
    changed = np.flatnonzero(effect)
    groups: dict[tuple[str, ...], list[int]] = {}
    for k in changed.tolist():
        sides = (_outcome(laid, side, k, book.partners) for side in (0, 1))
        key = (("", MORE, LESS, OTHER, REASON)[int(effect[k])], *sides)
        groups.setdefault(key, []).append(k)
    ordered = sorted(groups.items(), key=lambda one: (one[0][0] == REASON, -float(laid.space.cases[one[1]].sum())))
    made = [
        Shift(
            phase=phase.name.lower(), effect=key[0], cases=int(laid.space.cases[where].sum()), old=key[1], new=key[2],
            where=places(laid.space, where, book),
        )
        for key, where in ordered[:SHIFTS_MAX]
    ]  # fmt: skip
    return made, max(len(ordered) - SHIFTS_MAX, 0)


def _outcome(laid: _Laid, side: int, k: int, partners: Sequence[str]) -> str:
    decided, rules = ((laid.old, laid.old_rules), (laid.new, laid.new_rules))[side]
    names = ", ".join(name for name, on in zip(laid.names, rules[k].tolist(), strict=True) if on) or "no rule"
    if not decided.allowed[k]:
        return f"withheld, {DENIALS_EN[Denial(int(decided.denial[k]))]} ({names})"
    return f"goes by {names}{obliged(decided.obligations, k, partners)}"
