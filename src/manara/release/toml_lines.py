"""On which line of a TOML text a field stands: the standard reader does not keep it, and a fault must say it."""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_QUOTES = ('"""', "'''", '"', "'")


def lines_of(text: str) -> dict[str, int]:
    """Path of each field and table -> the line on which it begins, counted from 1.

    For texts that a TOML reader has already taken: on others the lines may be wrong, never an exception.

    >>> lines_of('a = 1\\n[[rules]]\\nid = "x"\\n[rules.when]\\narea = [\\n  "b",\\n]\\n')
    {'a': 1, 'rules': 2, 'rules[0]': 2, 'rules[0].id': 3, 'rules[0].when': 4, 'rules[0].when.area': 5}
    """
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table, quote, depth = "", "", 0
    for number, line in enumerate(text.split("\n"), 1):
        rest = line
        if not quote and depth == 0:
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _table(header[2], header[1] == "[[", counts, found, number)
                continue
            if not key:
                continue
            path = _under(table, _PART.findall(key[1]), counts)
            found.setdefault(path, number)
            rest = key[2]
        quote, depth = _after(rest, quote, depth)
    return found


def line_of(lines: dict[str, int], where: str) -> int:
    """The line of a field, else of the first thing in it, else of the nearest table above it; 0 when it has none.

    >>> line_of({"rules[0]": 2, "rules[0].id": 3}, "rules[0].when.area"), line_of({"labels.open": 4}, "labels")
    (2, 4)
    """
    while where:
        if where in lines:
            return lines[where]
        if inside := [line for name, line in lines.items() if name.startswith(f"{where}.")]:
            return min(inside)
        where = where[: max(where.rfind("."), where.rfind("["), 0)]
    return 0


def _table(name: str, many: bool, counts: dict[str, int], found: dict[str, int], number: int) -> str:
    parts = _PART.findall(name)
    path = _under("", parts[:-1], counts)
    path = f"{path}.{_bare(parts[-1])}" if path else _bare(parts[-1])
    found.setdefault(path, number)
    if many:
        counts[path] = counts.get(path, -1) + 1
        path = f"{path}[{counts[path]}]"
        found[path] = number
    return path


def _under(table: str, parts: list[str], counts: dict[str, int]) -> str:
    path = table
    for part in parts:
        path = f"{path}.{_bare(part)}" if path else _bare(part)
        if path in counts:
            path = f"{path}[{counts[path]}]"
    return path


def _bare(part: str) -> str:
    return part.strip("\"'")


def _after(rest: str, quote: str, depth: int) -> tuple[str, int]:
    """What is still open at the end of a line: a text (by its quotes) and brackets."""
    place = 0
    while place < len(rest):
        if quote:
            if quote[0] == '"' and rest[place] == "\\":
                place += 2
            elif rest.startswith(quote, place):
                place, quote = place + len(quote), ""
            else:
                place += 1
            continue
        quote = next((q for q in _QUOTES if rest.startswith(q, place)), "")
        if rest[place] == "#":
            break
        depth += (rest[place] in "[{") - (rest[place] in "]}")
        place += len(quote) or 1
    return (quote if len(quote) == 3 else ""), max(depth, 0)
