"""The directory on disk: one TOML file that every partner's node holds, and its signatures beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from manara.host import files
from manara.host.problems import BadInput
from manara.records.directory import Directory
from manara.release import register
from manara.release.register import Listed

_PAGE = "see docs/how-to/agreements.md"


def load(path: Path) -> Listed:
    """The directory in a file. Raises BadInput with the first fault and its line."""
    found = register.read(files.read(path, register.DIRECTORY_BYTES, _PAGE))
    if isinstance(found, Listed):
        return found
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise BadInput(f"{found[0].text()}{more}", str(path), _PAGE)


def write(path: Path, directory: Directory) -> Listed:
    """Write a directory over an older one. Raises BadInput where it has faults or the one that is there is newer."""
    found = register.read(text(directory).encode())
    if not isinstance(found, Listed):
        raise BadInput(found[0].text(), str(path), _PAGE)
    refused = register.replaces(found, load(path)) if path.exists() else None
    if refused:
        raise BadInput(refused.sentence, str(path), "take the newer one")
    files.write(path, found.text)
    return found


def text(directory: Directory) -> str:
    """A directory as TOML; read again it is the same.

    >>> print(text(Directory(version=2, witnesses={"lantern": "lantern+0a+AA"})), end="")
    version = 2
    <BLANKLINE>
    [witnesses]
    "lantern" = "lantern+0a+AA"
    """
    lines = [f"version = {directory.version}"]
    if directory.issued:
        lines.append(f"issued = {_value(directory.issued)}")
    for name in ("partners", "persons", "areas"):
        for row in getattr(directory, name):
            lines += ["", f"[[{name}]]", *table(row)]
    if directory.witnesses:
        lines += ["", "[witnesses]", *(f"{_value(k)} = {_value(v)}" for k, v in directory.witnesses.items())]
    return "\n".join(lines) + "\n"


def table(row: msgspec.Struct) -> list[str]:
    """The lines of one row; what has its default is left out."""
    said = ((one, getattr(row, one.name)) for one in msgspec.structs.fields(row))
    return [f"{one.name} = {_value(value)}" for one, value in said if value != one.default]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
