"""Every field of every record as plain dicts: for people, for tests, for rare needs. The fast way is ``decoder``.

Strict like the standard: a spare bit in the fspec, an extension beyond the last, a field past the block's end make
the record bad, and with it the rest of its block.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manara.feeds.asterix.definitions import (
    CATEGORIES,
    Definition,
    Node,
    Profile,
    bits_of,
    definition,
    editions_of,
)
from manara.feeds.asterix.encode import choose_content
from manara.feeds.asterix.framing import next_head
from manara.feeds.decoder import Options
from manara.records.reject import KEPT_BYTES, Reject

DAY_NS = 86_400_000_000_000
DAY_TICKS = 86_400 * 128
TICK_NS = 7_812_500
TIME_FIELDS = {
    2: ("030",), 10: ("140",), 19: ("140",), 20: ("140",), 21: ("071", "073", "030", "075", "077"), 23: ("070",),
    34: ("030",), 48: ("140",), 62: ("070",), 63: ("030",), 65: ("030",), 247: ("140",),
}  # fmt: skip


class _Bad(Exception):
    """A record that does not follow its definition; never leaves this module."""


def blocks(data: bytes) -> Iterator[tuple[int, int, int] | Reject]:
    """(category, start of the records, end) of each block; a Reject for what is not a block, then it goes on."""
    pos = 0
    while pos < len(data):
        length = int.from_bytes(data[pos + 1 : pos + 3], "big")
        if pos + 3 > len(data) or pos + length > len(data):
            yield Reject("truncated", data[pos : pos + KEPT_BYTES], f"{len(data) - pos} bytes are not a whole block")
            return
        if length >= 3:
            yield data[pos], pos + 3, pos + length
            pos += length
            continue
        again = next_head(data, pos + 1)
        again = again if len(data) - again >= 3 else len(data)
        yield Reject("bad_length", data[pos:again][:KEPT_BYTES], f"{again - pos} bytes are no block")
        pos = again


def full(
    data: bytes, options: Options, raw: bool = False, near_ns: int | None = None
) -> Iterator[dict[str, Any] | Reject]:
    """Every record in the order of the bytes. ``raw``: the numbers as they stand on the wire.

    ``time_ns`` is on the day nearest to ``near_ns``; without it, counted from midnight of the first day, further days
    added when the clock passes midnight. None where the record holds no full time of day.
    """
    wanted = editions_of(options.editions)
    last_ns = near_ns
    for one in blocks(data):
        if isinstance(one, Reject):
            yield one
            continue
        category, start, end = one
        if category not in CATEGORIES:
            yield Reject("unknown_category", data[start - 3 : end][:KEPT_BYTES], f"category {category:03d}")
            continue
        for item in records(data, start, end, definition(category, wanted.get(category, "")), raw):
            tod_ns = _time_ns(item, raw) if isinstance(item, dict) else None
            if isinstance(item, dict) and tod_ns is not None:
                last_ns = (
                    tod_ns if last_ns is None else last_ns + (tod_ns - last_ns + DAY_NS // 2) % DAY_NS - DAY_NS // 2
                )
                item["time_ns"] = last_ns
            yield item


def _time_ns(item: dict[str, Any], raw: bool) -> int | None:
    for name in TIME_FIELDS.get(item["category"], ()):
        value = item["items"].get(name)
        if value is not None and value * (1 if raw else 128) < DAY_TICKS:
            ticks: int = round(value * (1 if raw else 128))
            return ticks * TICK_NS
    return None


def records(data: bytes, start: int, end: int, d: Definition, raw: bool = False) -> Iterator[dict[str, Any] | Reject]:
    """The records of one block; a bad one ends the block with a Reject."""
    pos = start
    while pos < end:
        begin = pos
        try:
            items, name, pos = _record(data, pos, end, d, raw)
        except _Bad as bad:
            yield Reject("bad_record", data[begin:end][:KEPT_BYTES], f"category {d.category:03d}: {bad}")
            return
        found: dict[str, Any] = {"category": d.category, "edition": d.edition, "time_ns": None, "items": items}
        if name:
            found["profile"] = name
        yield found


def _record(data: bytes, pos: int, end: int, d: Definition, raw: bool) -> tuple[dict[str, Any], str, int]:
    flags, pos = _fspec(data, pos, end, d.profiles[0].fspec_bytes_max)
    profile = d.profiles[0]
    items: dict[str, Any] = {}
    for i, flag in enumerate(flags):
        if not flag:
            continue
        row = profile.rows[i] if i < len(profile.rows) else None
        if row is None:
            raise _Bad(f"fspec bit {i + 1} announces no field")
        if row == "RFS":
            items["RFS"], pos = _random(data, pos, end, d, profile, raw)
            continue
        items[row[0]], pos = _field(d, row[0], row[1], data, pos, end, raw)
        if d.selector and row[0] == d.selector[0]:
            wanted = d.selector[2].get(items[row[0]][d.selector[1]])
            profile = next(p for p in d.profiles if p.name == wanted)
    return items, profile.name, pos


def _random(
    data: bytes, pos: int, end: int, d: Definition, profile: Profile, raw: bool
) -> tuple[list[dict[str, Any]], int]:
    count, pos = _take(data, pos, end, 1)
    found = []
    for _ in range(count):
        number, pos = _take(data, pos, end, 1)
        row = profile.rows[number - 1] if 0 < number <= len(profile.rows) else None
        if not isinstance(row, tuple):
            raise _Bad(f"random field sequencing names field {number}")
        value, pos = _field(d, row[0], row[1], data, pos, end, raw)
        found.append({row[0]: value})
    return found, pos


def _fspec(data: bytes, pos: int, end: int, bytes_max: int) -> tuple[list[bool], int]:
    flags: list[bool] = []
    for _ in range(bytes_max):
        byte, pos = _take(data, pos, end, 1)
        flags += [bool(byte >> shift & 1) for shift in range(7, 0, -1)]
        if not byte & 1:
            return flags, pos
    raise _Bad(f"an fspec of more than {bytes_max} bytes")


def _take(data: bytes, pos: int, end: int, size: int) -> tuple[int, int]:
    if pos + size > end:
        raise _Bad("a field runs past the end of the block")
    return int.from_bytes(data[pos : pos + size], "big"), pos + size


def _field(d: Definition, name: str, number: int, data: bytes, pos: int, end: int, raw: bool) -> tuple[Any, int]:
    value, after = _variation(d, number, data, pos, end, raw)
    if name != "RE" or d.expansion < 0:
        return value, after
    try:
        body, stop = _variation(d, d.expansion, data, pos + 1, after, raw)
    except _Bad:
        return value, after  # an RE field of another edition stays as hex
    return (body if stop == after else value), after


def _variation(d: Definition, number: int, data: bytes, pos: int, end: int, raw: bool) -> tuple[Any, int]:
    node = d.nodes[number]
    kind = node[0]
    if kind == "z":
        size, body = _take(data, pos, end, 1)
        if size == 0:
            raise _Bad("an explicit field of length zero")
        _, after = _take(data, pos, end, size)
        return data[body:after].hex(), after
    if kind == "r":
        return _repetitive(d, node, data, pos, end, raw)
    if kind == "x":
        return _extended(d, node, data, pos, end, raw)
    if kind in "cf":
        return _compound(d, node, data, pos, end, raw)
    bits = bits_of(d.nodes, number)
    word, pos = _take(data, pos, end, bits // 8)
    return _value(d, number, word, raw), pos


def _repetitive(d: Definition, node: Node, data: bytes, pos: int, end: int, raw: bool) -> tuple[list[Any], int]:
    found = []
    if node[1] == 0:
        size = (bits_of(d.nodes, node[2]) + 1) // 8
        more = 1
        while more:
            word, pos = _take(data, pos, end, size)
            more = word & 1
            found.append(_value(d, node[2], word >> 1, raw))
        return found, pos
    count, pos = _take(data, pos, end, node[1])
    for _ in range(count):
        value, pos = _variation(d, node[2], data, pos, end, raw)
        found.append(value)
    return found, pos


def _extended(d: Definition, node: Node, data: bytes, pos: int, end: int, raw: bool) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    for i, part in enumerate(node[1]):
        members = [m for m in part if m]
        has_fx = part[-1] is None
        bits = sum(m[1] for m in members) + has_fx
        word, pos = _take(data, pos, end, bits // 8)
        more = word & 1 if has_fx else 0
        found |= _members(d, members, word >> has_fx, raw)
        if not more:
            return found, pos
        if i == len(node[1]) - 1:
            raise _Bad("an extension beyond the last that is defined")
    return found, pos


def _compound(d: Definition, node: Node, data: bytes, pos: int, end: int, raw: bool) -> tuple[dict[str, Any], int]:
    if node[0] == "f":
        word, pos = _take(data, pos, end, node[1])
        flags = [bool(word >> 8 * node[1] - 1 - i & 1) for i in range(8 * node[1])]
    else:
        flags, pos = _fspec(data, pos, end, node[1])
    found = {}
    for i, flag in enumerate(flags):
        if not flag:
            continue
        row = node[2][i] if i < len(node[2]) else None
        if row is None:
            raise _Bad(f"subfield bit {i + 1} announces nothing")
        found[row[0]], pos = _variation(d, row[1], data, pos, end, raw)
    return found, pos


def _members(d: Definition, members: list[Any], word: int, raw: bool) -> dict[str, Any]:
    shift = sum(m[1] for m in members)
    found: dict[str, Any] = {}
    for name, size, number in members:
        shift -= size
        if name:
            found[name] = _value(d, number, word >> shift & (1 << size) - 1, raw, found)
    return found


def _value(d: Definition, number: int, word: int, raw: bool, siblings: Any = None) -> Any:
    node = d.nodes[number]
    if node[0] == "g":
        return _members(d, node[1], word, raw)
    if raw:
        return word
    content = choose_content(node[2], siblings)
    if content[0] == "str":
        return _text(node[1], content[1], word)
    if content[0] not in ("q", "int"):
        return word
    signed = word - (1 << node[1]) if content[1] and word >> node[1] - 1 else word
    return signed * content[2] if content[0] == "q" else signed


def _text(bits: int, kind: str, word: int) -> str:
    per = {"ascii": 8, "icao": 6, "octal": 3}[kind]
    codes = [word >> per * i & (1 << per) - 1 for i in reversed(range(bits // per))]
    if kind == "ascii":
        return "".join(chr(c) for c in codes)
    if kind == "octal":
        return "".join(str(c) for c in codes)
    return "".join(icao_char(c) for c in codes)


def icao_char(code: int) -> str:
    """A character of the six-bit alphabet of Annex 10; "" for a code that has none.

    >>> icao_char(1), icao_char(32), icao_char(0x31), icao_char(0)
    ('A', ' ', '1', '')
    """
    if 1 <= code <= 26:
        return chr(64 + code)
    return chr(code) if code == 32 or 48 <= code <= 57 else ""
