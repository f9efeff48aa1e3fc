"""Node and sensors files: TOML in, records out, faults in one line with the place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from manara.host import bounds, broker_keys
from manara.host.problems import BadInput
from manara.records.config import NodeConfig
from manara.records.sensors import Sensor

FILE_BYTES = 16 << 20  # a configuration larger than this is a mistake


def node_config(path: Path) -> NodeConfig:
    """The configuration of a node. Raises BadInput."""
    table = read_toml(path)
    sensors_file = table.pop("sensors_file", "")
    try:
        config = msgspec.convert(table, NodeConfig)
    except msgspec.ValidationError as fault:
        raise BadInput(str(fault), str(path), "see docs/how-to/node-config.md") from None
    if sensors_file:
        more = sensors(path.parent / str(sensors_file))
        config = msgspec.structs.replace(config, sensors=(*config.sensors, *more))
    _check_names(config, path)
    bounds.check(config, str(path))
    return broker_keys.bound(config, path.parent)


def _check_names(config: NodeConfig, path: Path) -> None:
    for what, named in (("feed", config.feeds), ("exit", config.exits)):
        seen: set[str] = set()
        for one in named:
            if one.name in seen:
                raise BadInput(f"two {what}s are named {one.name!r}", str(path), "give each a name of its own")
            seen.add(one.name)


def sensors(path: Path) -> tuple[Sensor, ...]:
    """The [[sensor]] tables of a sensors file. Raises BadInput."""
    table = read_toml(path)
    rows = table.pop("sensor", None)
    if not isinstance(rows, list) or table:
        extra = ", ".join(table) or "nothing"
        raise BadInput(f"expected [[sensor]] tables, found {extra}", str(path), "see docs/how-to/sensors-file.md")
    try:
        found = msgspec.convert(tuple(rows), tuple[Sensor, ...])
    except msgspec.ValidationError as fault:
        raise BadInput(str(fault), str(path), "see docs/how-to/sensors-file.md") from None
    bounds.check_sensors(found, str(path))
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as plain values. Raises BadInput for a file that is missing, unreadable, too large or malformed."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES + 1)  # a pipe or a device states no size
        if len(text) > FILE_BYTES:
            raise BadInput("larger than 16 MiB", str(path), "is this the right file?")
        return tomllib.loads(text.decode("utf-8"))
    except OSError as fault:
        raise BadInput(f"cannot be read: {fault.strerror or fault}", str(path)) from None
    except (ValueError, RecursionError) as fault:  # of TOML, of UTF-8, or a NUL in the name
        raise BadInput(f"not TOML: {fault}", str(path)) from None
