"""The category definitions in the form that the codec reads: one ``Definition`` per category and edition."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from manara.feeds.asterix import tables

Node = list[Any]


@dataclass(frozen=True, eq=False)
class Profile:
    """A user application profile: which field each bit of the fspec announces. None: spare; "RFS": random order."""

    name: str
    rows: tuple[Any, ...]  # (name, node number), "RFS" or None
    fspec_bytes_max: int
    by_name: dict[str, int]  # name -> row


@dataclass(frozen=True, eq=False)
class Definition:
    """One edition of one category. ``selector``: (field, subfield, {value: profile name}) where profiles vary."""

    category: int
    edition: str
    nodes: tuple[Node, ...]
    profiles: tuple[Profile, ...]
    selector: tuple[str, str, dict[int, str]] | None
    expansion: int  # node of the body of the RE field, -1 for none

    def node(self, name: str) -> Node | None:
        """The node of a field of any profile, None if the edition has no such field."""
        for profile in self.profiles:
            if name in profile.by_name:
                number: int = profile.rows[profile.by_name[name]][1]
                return self.nodes[number]
        return None


CATEGORIES: tuple[int, ...] = tuple(tables.TEXT)


def editions(category: int) -> tuple[str, ...]:
    """The editions that the table holds, oldest first; empty for an unknown category.

    >>> editions(21)[:2], editions(21)[-1], editions(99)
    (('0.23', '0.24'), '2.7', ())
    """
    return tuple(_source(category)["editions"]) if category in tables.TEXT else ()


def normal_edition(category: int, wanted: str) -> str:
    """The edition's name in the table: "" is the newest; "v2.4", "2.40" and "2.4" are one.

    Raises ValueError, in one line, for an edition that the table does not hold.

    >>> normal_edition(21, "v2.4"), normal_edition(48, ""), normal_edition(21, "0.230")
    ('2.4', '1.32', '0.23')
    """
    known = editions(category)
    if not known:
        raise ValueError(f"ASTERIX category {category:03d} is not supported")
    if not wanted:
        return known[-1]
    text = wanted.strip().lower().lstrip("v")
    for name in (text, text.rstrip("0"), _short(text)):
        if name in known:
            return name
    raise ValueError(f"ASTERIX category {category:03d} has no edition {wanted!r}; known: {', '.join(known)}")


def _short(text: str) -> str:
    major, _, minor = text.partition(".")
    return f"{int(major)}.{int(minor)}" if major.isdigit() and minor.isdigit() else text


NOT_CATEGORIES = ("beast", "sbs")  # how those formats give time is said in the same place


def editions_of(wanted: dict[str, str]) -> dict[int, str]:
    """What a configuration says of editions, checked: {"021": "0.23"} gives {21: "0.23"}. Raises ValueError.

    >>> editions_of({"021": "0.23"})
    {21: '0.23'}
    """
    result = {}
    for key, edition in wanted.items():
        if key in NOT_CATEGORIES:
            continue
        digits = key.strip().lower().removeprefix("cat").lstrip("0")
        if not digits.isdigit():
            raise ValueError(f"ASTERIX category {key!r} is not a number")
        result[int(digits)] = normal_edition(int(digits), edition)
    return result


@functools.cache
def _source(category: int) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(tables.TEXT[category])
    return loaded


@functools.cache
def definition(category: int, edition: str = "") -> Definition:
    """The definition of a category; edition "" is the newest. Raises ValueError for what the table does not hold."""
    name = normal_edition(category, edition)
    source = _source(category)
    rows = source["editions"][name]
    # Which profile holds is known only inside the record, so the longest fspec of all is allowed at its head.
    fspec_bytes_max = max(row[2] for row in rows)
    profiles = tuple(_profile(row[0], row[1], fspec_bytes_max) for row in rows)
    selector = None
    if source["selector"]:
        field, subfield, values = source["selector"]
        selector = (field, subfield, {int(k): v for k, v in values.items()})
    bodies = list(source["expansions"].values())
    return Definition(category, name, tuple(source["nodes"]), profiles, selector, bodies[-1] if bodies else -1)


def _profile(name: str, rows: list[Any], fspec_bytes_max: int) -> Profile:
    fixed = tuple(tuple(row) if isinstance(row, list) else row for row in rows)
    by_name = {row[0]: i for i, row in enumerate(fixed) if isinstance(row, tuple)}
    return Profile(name, fixed, fspec_bytes_max, by_name)


def bits_of(nodes: tuple[Node, ...], number: int) -> int:
    """The length in bits of an element or group; -1 where the length varies."""
    node = nodes[number]
    if node[0] == "e":
        return int(node[1])
    return sum(member[1] for member in node[1]) if node[0] == "g" else -1
