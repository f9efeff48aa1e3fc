"""Fields in, bytes out: the inverse of ``plain``, from the same tables and the same shape of dict.

Values are engineering values (floats for quantities, ints for codes, str for strings, hex for explicit fields).
What is missing inside a group is zero; an unknown name or a value out of range is our own fault: ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from manara.feeds.asterix.definitions import Definition, Node, Profile, bits_of, definition

BLOCK_BYTES_MAX = 65_535
_ICAO = " ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def record(category: int, edition: str, items: dict[str, Any]) -> bytes:
    """One record. ``items`` is what ``plain`` gives under "items".

    >>> record(34, "1.29", {"010": {"SAC": 1, "SIC": 2}, "000": 1, "030": 0.5}).hex()
    'e0010201000040'
    """
    d = definition(category, edition)
    profile = _choose(d, items)
    unknown = set(items) - set(profile.by_name) - {"RFS"}
    if unknown:
        raise ValueError(f"category {category:03d} edition {d.edition} has no field {sorted(unknown)[0]!r}")
    flags, body = [], bytearray()
    for row in profile.rows:
        name = row if row == "RFS" else (row[0] if row else "")
        here = items.get(name) is not None
        flags.append(here)
        if here:
            body += _random(d, profile, items["RFS"]) if row == "RFS" else _field(d, name, row[1], items[name])
    return _fspec(flags) + bytes(body)


def block(category: int, records: Sequence[bytes]) -> bytes:
    """One data block: category, length, records.

    >>> block(34, [b"\\x00"]).hex()
    '22000400'
    """
    body = b"".join(records)
    if len(body) + 3 > BLOCK_BYTES_MAX:
        raise ValueError(f"a data block holds at most {BLOCK_BYTES_MAX} bytes, these are {len(body) + 3}")
    return bytes([category]) + (len(body) + 3).to_bytes(2, "big") + body


def _choose(d: Definition, items: dict[str, Any]) -> Profile:
    if d.selector is None:
        return d.profiles[0]
    field, subfield, names = d.selector
    wanted = names.get(int((items.get(field) or {}).get(subfield, 0)))
    return next((p for p in d.profiles if p.name == wanted), d.profiles[0])


def _random(d: Definition, profile: Profile, fields: list[dict[str, Any]]) -> bytes:
    out = bytearray([len(fields)])
    for one in fields:
        ((name, value),) = one.items()
        row = profile.by_name[name]
        out += bytes([row + 1]) + _field(d, name, profile.rows[row][1], value)
    return bytes(out)


def _field(d: Definition, name: str, number: int, value: Any) -> bytes:
    if name == "RE" and isinstance(value, dict):
        if d.expansion < 0:
            raise ValueError(f"category {d.category:03d} has no table for the RE field; give it as hex")
        return _explicit(_variation(d, d.expansion, value, name))
    return _variation(d, number, value, f"{d.category:03d}/{name}")


def _variation(d: Definition, number: int, value: Any, where: str) -> bytes:
    node = d.nodes[number]
    if node[0] == "z":
        return _explicit(bytes.fromhex(value) if isinstance(value, str) else bytes(value))
    if node[0] == "r":
        return _repetitive(d, node, value, where)
    if node[0] == "x":
        return _extended(d, node, value, where)
    if node[0] in "cf":
        return _compound(d, node, value, where)
    bits = bits_of(d.nodes, number)
    return _bits(d, number, value, where).to_bytes(bits // 8, "big")


def _explicit(body: bytes) -> bytes:
    if len(body) > 254:
        raise ValueError(f"an explicit field holds at most 254 bytes, this has {len(body)}")
    return bytes([len(body) + 1]) + body


def _repetitive(d: Definition, node: Node, values: Any, where: str) -> bytes:
    counter, inner = node[1], node[2]
    if counter == 0:
        if not values:
            raise ValueError(f"{where}: at least one repetition is needed")
        last = len(values) - 1
        size = (bits_of(d.nodes, inner) + 1) // 8
        words = [_bits(d, inner, v, where) << 1 | (i < last) for i, v in enumerate(values)]
        return b"".join(w.to_bytes(size, "big") for w in words)
    if len(values) >= 1 << 8 * counter:
        raise ValueError(f"{where}: {len(values)} repetitions do not fit in the counter")
    return len(values).to_bytes(counter, "big") + b"".join(_variation(d, inner, v, where) for v in values)


def _extended(d: Definition, node: Node, value: dict[str, Any], where: str) -> bytes:
    parts = node[1]
    names = [{m[0] for m in part if m and m[0]} for part in parts]
    unknown = set(value) - set().union(*names)
    if unknown:
        raise ValueError(f"{where} has no subfield {sorted(unknown)[0]!r}")
    last = max((i for i, known in enumerate(names) if known & set(value)), default=0)
    out = bytearray()
    for i, part in enumerate(parts[: last + 1]):
        word, bits = _members(d, [m for m in part if m], value, where)
        if part[-1] is None:
            word, bits = word << 1 | (i < last), bits + 1
        out += word.to_bytes(bits // 8, "big")
    return bytes(out)


def _compound(d: Definition, node: Node, value: dict[str, Any], where: str) -> bytes:
    known = {row[0] for row in node[2] if row}
    unknown = set(value) - known
    if unknown:
        raise ValueError(f"{where} has no subfield {sorted(unknown)[0]!r}")
    flags = [row is not None and value.get(row[0]) is not None for row in node[2]]
    present = [row for row, flag in zip(node[2], flags, strict=True) if flag]
    body = b"".join(_variation(d, number, value[name], f"{where}/{name}") for name, number in present)
    if node[0] == "f":
        word = sum(1 << 8 * node[1] - 1 - i for i, flag in enumerate(flags) if flag)
        return int(word).to_bytes(node[1], "big") + body
    return _fspec(flags) + body


def _fspec(flags: list[bool]) -> bytes:
    """Seven flags a byte, the low bit says that another byte follows; never empty."""
    used = max((i for i, flag in enumerate(flags) if flag), default=0) // 7 + 1
    out = bytearray(used)
    for i, flag in enumerate(flags[: used * 7]):
        out[i // 7] |= flag << 7 - i % 7
    for i in range(used - 1):
        out[i] |= 1
    return bytes(out)


def _members(d: Definition, members: list[Any], value: Any, where: str) -> tuple[int, int]:
    word = bits = 0
    for name, size, number in members:
        here = value.get(name) if name else None
        part = 0 if here is None else _bits(d, number, here, f"{where}/{name}", value)
        word, bits = word << size | part, bits + size
    return word, bits


def _bits(d: Definition, number: int, value: Any, where: str, siblings: Any = None) -> int:
    node = d.nodes[number]
    if node[0] == "g":
        if not isinstance(value, dict):
            raise ValueError(f"{where} is a group of subfields, not {value!r}")
        unknown = set(value) - {m[0] for m in node[1]}
        if unknown:
            raise ValueError(f"{where} has no subfield {sorted(unknown)[0]!r}")
        return _members(d, node[1], value, where)[0]
    return _element(node[1], choose_content(node[2], siblings), value, where)


def choose_content(content: list[Any], siblings: Any) -> list[Any]:
    """The meaning of an element, where it may depend on a subfield beside it (airspeed: knots or Mach)."""
    if content[0] != "dep":
        return content
    selected = [(siblings or {}).get(path[-1]) for path in content[1]]
    found = next((c for key, c in content[3] if key == selected), content[2])
    return list(found)


def _element(bits: int, content: list[Any], value: Any, where: str) -> int:
    kind = content[0]
    if kind == "str" and isinstance(value, str):
        return _string(bits, content[1], value, where)
    if not isinstance(value, int | float):
        raise ValueError(f"{where}: a number is needed, not {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{where}: a finite number is needed, not {value!r}")
    raw = round(value / content[2]) if kind == "q" else int(value)
    signed = kind in ("q", "int") and content[1]
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= raw <= high:
        raise ValueError(f"{where}: {value!r} is out of range")
    return raw & ((1 << bits) - 1)


def _string(bits: int, kind: str, text: str, where: str) -> int:
    per = {"ascii": 8, "icao": 6, "octal": 3}[kind]
    length = bits // per
    if len(text) > length:
        raise ValueError(f"{where}: {text!r} is longer than {length} characters")
    word = 0
    for char in text.ljust(length, "0" if kind == "octal" else " "):
        word = word << per | _char(kind, char, where)
    return word


def _char(kind: str, char: str, where: str) -> int:
    if kind == "ascii" and ord(char) < 256:
        return ord(char)
    if kind == "octal" and char in "01234567":
        return int(char)
    if kind == "icao" and char in _ICAO[1:]:
        return _ICAO.index(char)
    if kind == "icao" and (char == " " or char in "0123456789"):
        return ord(char)
    raise ValueError(f"{where}: the character {char!r} is not in the alphabet")
