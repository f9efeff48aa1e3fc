"""From a definition to the arrays that ``kernels.asterix_walk`` runs: which offsets to note, which bits to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix.definitions import Definition, Node, bits_of
from manara.kernels import asterix_walk as k


@dataclass(frozen=True, eq=False)
class Program:
    """What the kernel needs for one edition of one category and one set of columns.

    ``raw`` scales by 1: the integer on the wire. ``names``: column name -> row of ``spec``.
    """

    code: NDArray[np.int32]
    profiles: NDArray[np.int64]
    slots: int
    names: dict[str, int]
    spec: NDArray[np.int64]  # (columns, 4): slot, first bit, bits, signed
    lsb: NDArray[np.float64]


@dataclass
class _Writer:
    d: Definition
    code: list[int] = field(default_factory=list)
    slots: dict[tuple[str, int], int] = field(default_factory=dict)  # (field, part) -> slot

    def slot(self, name: str, part: int) -> int:
        return self.slots.get((name, part), -1)


def compile_program(d: Definition, wanted: Mapping[str, str]) -> Program:
    """``wanted``: column name -> path ("040.RHO", "380.ADR", "500.APC.X", "010" for the group as one number).

    A trailing "#" asks for the bits as an unsigned integer.
    A path that this edition does not have gives a column of NaN.
    """
    writer = _Writer(d)
    spec, lsb = [], []
    for path in wanted.values():
        row, scale = _column(d, path.rstrip("#").split("."), writer.slots)
        spec.append(row)
        bare = path.endswith("#")
        row[3] = 0 if bare else row[3]
        lsb.append(1.0 if bare else scale)
    profiles = [_profile(writer, i) for i in range(len(d.profiles))]
    return Program(
        code=np.array(writer.code, np.int32),
        profiles=np.array([profiles[0], profiles[-1], *_selector(d)], np.int64),
        slots=max(len(writer.slots), 1),
        names={name: i for i, name in enumerate(wanted)},
        spec=np.array(spec, np.int64).reshape(-1, 4),
        lsb=np.array(lsb, np.float64),
    )


def _selector(d: Definition) -> tuple[int, int]:
    """The row and the bit of its first byte that choose the second profile."""
    if d.selector is None:
        return -1, 0
    name, subfield, _ = d.selector
    spot = _spot(d, d.profiles[0].rows[d.profiles[0].by_name[name]][1], [subfield])
    return d.profiles[0].by_name[name], 0x80 >> spot[1] if spot else 0


def _column(d: Definition, path: list[str], slots: dict[tuple[str, int], int]) -> tuple[list[int], float]:
    number = _number(d, path[0])
    spot = _spot(d, number, path[1:]) if number >= 0 else None
    if spot is None:
        return [-1, 0, 1, 0], 1.0
    part, bit, node = spot
    slot = slots.setdefault((path[0], part), len(slots))
    content = node[2]
    signed = int(content[0] in ("q", "int") and content[1])
    return [slot, bit, node[1], signed], float(content[2]) if content[0] == "q" else 1.0


def _number(d: Definition, name: str) -> int:
    for profile in d.profiles:
        if name in profile.by_name:
            return int(profile.rows[profile.by_name[name]][1])
    return -1


def _spot(d: Definition, number: int, path: list[str]) -> tuple[int, int, Node] | None:
    """(part, bit within it, node of the element) of a subfield; part -1: counted from the field's own start."""
    node = d.nodes[number]
    if node[0] == "e":
        return (-1, 0, node) if not path else None
    if not path:
        bits = bits_of(d.nodes, number)
        return (-1, 0, ["e", bits, ["raw"]]) if bits > 0 else None
    if node[0] == "g":
        return _inside(d, -1, node[1], path)
    if node[0] == "x":
        found = (_inside(d, i, [m for m in part if m], path) for i, part in enumerate(node[1]))
        return next((spot for spot in found if spot), None)
    if node[0] == "c":
        names = [row[0] if row else None for row in node[2]]
        if path[0] not in names:
            return None
        sub = names.index(path[0])
        inner = _spot(d, node[2][sub][1], path[1:])
        return (sub, inner[1], inner[2]) if inner and inner[0] == -1 else None
    return None


def _inside(d: Definition, part: int, members: list[Any], path: list[str]) -> tuple[int, int, Node] | None:
    bit = 0
    for name, size, number in members:
        if name == path[0]:
            inner = _spot(d, number, path[1:])
            return (part, bit + inner[1], inner[2]) if inner else None
        bit += size
    return None


def _profile(writer: _Writer, index: int) -> int:
    profile = writer.d.profiles[index]
    start = len(writer.code)
    writer.code += [len(profile.rows), profile.fspec_bytes_max] + [k.SPARE, -1, 0] * len(profile.rows)
    for i, row in enumerate(profile.rows):
        if row is None:
            continue
        at = start + 2 + 3 * i
        if row == "RFS":
            writer.code[at] = k.RANDOM
            continue
        name, number = row
        writer.code[at] = _node(writer, name, writer.d.nodes[number])
        writer.code[at + 1] = writer.slot(name, -1)
        writer.code[at + 2] = max(bits_of(writer.d.nodes, number), 0) // 8
    return start


def _node(writer: _Writer, name: str, node: Node) -> int:
    """Write the code of one field; compounds and extended fields note their parts."""
    if node[0] == "c":
        return _compound(writer, name, node)
    start = len(writer.code)
    if node[0] == "x":
        writer.code += [k.EXTENDED, len(node[1])]
        for i, part in enumerate(node[1]):
            fx = int(part[-1] is None)
            bits = sum(m[1] for m in part if m) + fx
            writer.code += [bits // 8, writer.slot(name, i), fx]
    elif node[0] == "r":
        bits = bits_of(writer.d.nodes, node[2]) + (node[1] == 0)
        writer.code += [k.REPEATED, node[1], bits // 8]
    elif node[0] == "z":
        writer.code += [k.EXPLICIT]
    else:
        bits = node[1] if node[0] == "e" else sum(m[1] for m in node[1])
        writer.code += [k.FIXED, bits // 8]
    return start


def _compound(writer: _Writer, name: str, node: Node) -> int:
    subs = [None if row is None else _node(writer, f"{name}.{row[0]}", writer.d.nodes[row[1]]) for row in node[2]]
    start = len(writer.code)
    writer.code += [k.COMPOUND, node[1], len(subs)]
    for i, (sub, row) in enumerate(zip(subs, node[2], strict=True)):
        fixed = max(bits_of(writer.d.nodes, row[1]), 0) // 8 if row else 0
        writer.code += [-1 if sub is None else sub, writer.slot(name, i), fixed]
    return start
