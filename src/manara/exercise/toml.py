"""Records as TOML text, for the folders that an exercise makes. What has its default is left out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def text(record: msgspec.Struct) -> str:
    """A record as a TOML document: read again with msgspec it is the same record.

    >>> from manara.records.config import NodeConfig
    >>> from manara.records.sensors import Sensor
    >>> print(text(NodeConfig(name="harbour", sensors=(Sensor(name="hill", height_m=7.5),))), end="")
    name = "harbour"
    <BLANKLINE>
    [[sensors]]
    name = "hill"
    height_m = 7.5
    """
    table = _plain(record)
    lines = [f"{key} = {_value(value)}" for key, value in table.items() if not _is_tables(value)]
    for key, value in table.items():
        for one in value if _is_tables(value) else ():
            lines += ["", f"[[{key}]]", *(f"{name} = {_value(inner)}" for name, inner in one.items())]
    return "\n".join(lines) + "\n"


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        said = ((one, getattr(value, one.name)) for one in msgspec.structs.fields(value))
        return {one.name: _plain(inner) for one, inner in said if not _same(_default(one), inner)}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _default(field: Any) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _same(default: Any, value: Any) -> bool:
    both_nan = isinstance(default, float) and isinstance(value, float) and math.isnan(default) and math.isnan(value)
    return both_nan or (value == default and type(value) is type(default))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)  # TOML knows nan and inf by these words
    return str(value).lower() if isinstance(value, bool) else str(value)
