"""What the tables of the register may say, each fault in one line: a slip must not become a promise to a partner."""

from __future__ import annotations

import math
import re

from manara.host.problems import BadInput
from manara.records.capability import KINDS, REGISTER_MAX, Capability
from manara.records.config import NodeConfig
from manara.release import capability
from manara.release.conditions import DOMAINS, PURPOSES, SENSITIVITIES

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
BYTES = {"name": 64, "name_ar": 96, "owner": 64, "caveat": 240, "caveat_ar": 480, "area": 32}  # as told to partners
MOST = {"endurance_s": 30 * 86_400, "speed_mps": 400, "reach_m": 20_000_000, "persons": 10_000}
_PAGE = "see docs/how-to/capability.md"


def check(config: NodeConfig, where: str) -> None:
    """Raises BadInput with the entry and the key."""
    if len(config.capability) > REGISTER_MAX:
        raise BadInput(f"{len(config.capability)} entries of capability", where, f"at most {REGISTER_MAX}")
    sources = {feed.name for feed in config.feeds} | {sensor.name for sensor in config.sensors}
    seen: set[str] = set()
    for one in config.capability:
        fault = _fault(one, sources) or (f"two entries have the id {one.id!r}" if one.id in seen else "")
        if fault:
            raise BadInput(f"capability {one.id[:40]!r}: {fault}", where, _PAGE)
        seen.add(one.id)


def _fault(one: Capability, sources: set[str]) -> str:
    if not ID.fullmatch(one.id):
        return "an id is lower case, digits and hyphens, at most 31"
    return _words(one, sources) or _figures(one) or _times(one)


def _words(one: Capability, sources: set[str]) -> str:
    choices = (
        ("kind", one.kind, tuple(KINDS)),
        ("form", one.form, KINDS.get(one.kind, ())),
        ("availability", one.availability, tuple(capability.WORDS)),
        ("domain", one.domain, tuple(DOMAINS)),
        ("sensitivity", one.sensitivity, tuple(SENSITIVITIES)),
        *(("purpose", name, tuple(PURPOSES)) for name in one.purpose),
    )
    for key, said, known in choices:
        if said not in known:
            return f"no {key} {said!r}; one of {', '.join(known)}"
    if one.source and (one.kind != "sensor" or one.source not in sources):
        return f"source {one.source!r} is no feed or sensor of this node, or this is no sensor"
    long = next((name for name, most in BYTES.items() if len(getattr(one, name).encode()) > most), "")
    return f"{long} is longer than the {BYTES[long]} bytes that partners are told" if long else ""


def _figures(one: Capability) -> str:
    placed = math.isfinite(one.lat_deg) and math.isfinite(one.lon_deg)
    if placed != (not (math.isnan(one.lat_deg) and math.isnan(one.lon_deg))):
        return "lat_deg and lon_deg stand together"
    if placed and not (abs(one.lat_deg) <= 90 and abs(one.lon_deg) <= 180):
        return "lat_deg lies within 90 and lon_deg within 180"
    if placed and one.area:
        return "it has a place or an area, not both"
    for name, most in MOST.items():
        value = getattr(one, name)
        if not 0 <= value <= most:
            return f"{name} is {value}; from 0 to {most}"
        if value and one.kind != "rescue":
            return f"{name} is said of means of rescue only"
    return ""


def _times(one: Capability) -> str:
    for name in ("since", "until"):
        try:
            found = capability.time_ns(getattr(one, name))
        except (ValueError, OverflowError):
            return f"{name} {getattr(one, name)[:40]!r} is no time; write 2026-11-01T00:00:00Z"
        if not 0 <= found < 1 << 63:
            return f"{name} is beyond what 64 bits hold"
    return ""
