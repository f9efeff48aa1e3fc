"""Signatures in words: which records they are, as few lines as will do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from manara.records.marking import UNKNOWN, UNKNOWN_BIT, Codebook
from manara.release.conditions import NO_AGE, NOBODY, S_NS, SETS, WORDS, Bools
from manara.release.space import Axis, Space

LINES_MAX = 6
NAMES_MAX = 6
Cube = tuple[frozenset[int], ...]  # for each axis the classes that it holds


def places(space: Space, signatures: Sequence[int], book: Codebook, most: int = LINES_MAX) -> tuple[str, ...]:
    """Which records a set of signatures holds: one line for each product of classes, attributes that do not matter
    left out; of more than ``most`` lines the last says so."""
    lines: list[str] = []
    for cube in cubes(space, signatures):
        if len(lines) == most:
            return (*lines, "… and further cases")
        lines.append(line(space, cube, book))
    return tuple(lines)


def cubes(space: Space, wanted: Iterable[int]) -> Iterator[Cube]:
    """The combinations of classes that lead to some of these signatures, as products that do not overlap."""
    leads = []
    for level, axis in enumerate(space.axes):
        ahead = len(space.axes[level + 1].values) if level + 1 < len(space.axes) else 1
        leads.append((space.steps[level] // ahead).reshape(-1, len(axis.values)))
    listed = np.zeros(space.size, np.bool_)
    listed[list(wanted)] = True
    return _back(leads, listed)


def _back(leads: Sequence[NDArray[np.intp]], wanted: Bools) -> Iterator[Cube]:
    """The same for beginnings that these steps lead to: back by one step, classes of like origin together."""
    if not leads:
        if wanted.any():
            yield ()
        return
    into = wanted[leads[-1]]
    alike: dict[bytes, list[int]] = {}
    for one in np.flatnonzero(into.any(0)).tolist():
        alike.setdefault(into[:, one].tobytes(), []).append(one)
    for group in alike.values():
        for cube in _back(leads[:-1], into[:, group[0]]):
            yield (*cube, frozenset(group))


def line(space: Space, cube: Cube, book: Codebook) -> str:
    """One product in words."""
    parts = []
    for axis, classes in zip(space.axes, cube, strict=True):
        if len(classes) < len(axis.values):
            inside = np.zeros(len(axis.values), np.bool_)
            inside[list(classes)] = True
            raw = axis.raw[inside[axis.classes]]
            parts.append(f"{axis.attribute} {_listed(_words(axis, raw, book))}")
    return "; ".join(parts) or "every record"


def _words(axis: Axis, raw: NDArray[np.generic], book: Codebook) -> Iterator[str]:
    values = [int(one) for one in raw]
    if axis.attribute in SETS:
        names = book.areas if axis.attribute == "area" else book.sources
        yield from (_set(value, names) for value in values)
    elif axis.attribute == "age":
        limits = [int(one) for one in axis.raw]
        yield from (_age(value, limits) for value in values)
    elif axis.attribute == "originator":
        yield from _originators(values, book)
    elif axis.attribute == "emergency":
        yield from ({0: "no", 1: "yes"}.get(value, "not known") for value in values)
    else:
        named = {number: name for name, number in WORDS[axis.attribute].items()} | {UNKNOWN: "not known"}
        yield from (named[value] for value in values)


def _originators(values: Iterable[int], book: Codebook) -> Iterator[str]:
    others = False
    for value in values:
        if value < len(book.partners):
            yield book.partners[value] if value else "own"
        others |= len(book.partners) <= value < NOBODY
    if others:
        yield "others"
    if NOBODY in values:
        yield "not known"


def _set(value: int, names: Sequence[str]) -> str:
    inside = "+".join(name for k, name in enumerate(names) if value >> k & 1)
    if value & (UNKNOWN_BIT - 1) >> len(names) << len(names):
        inside = f"{inside}+others".lstrip("+")
    if value & UNKNOWN_BIT:
        return f"{inside}+not known" if inside else "not known"
    return inside or "none"


def _age(value: int, limits: Sequence[int]) -> str:
    if value == NO_AGE:
        return "not known"
    before = max((one for one in limits if one < value), default=None)
    if value == NO_AGE - 1:
        return "any" if before is None else f"over {before // S_NS} s"
    return f"to {value // S_NS} s" if before is None else f"{before // S_NS} to {value // S_NS} s"


def _listed(words: Iterable[str]) -> str:
    told = list(dict.fromkeys(words))
    if len(told) > NAMES_MAX:
        return f"{' | '.join(told[:NAMES_MAX])} | … ({len(told):,})"
    return " | ".join(told)
