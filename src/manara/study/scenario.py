"""Scenarios: pinned, seeded descriptions of a world, read from TOML.

Kilometres and degrees stand only here, at the edge; the world counts in metres and radians on a plane of its own
(``study.plane``): x east, y north of the scenario's centre.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import msgspec

from manara.records.agreement import Phase
from manara.records.directory import CAPACITIES

PHASES = tuple(one.name.lower() for one in Phase if one is not Phase.SUSPENDED)  # in which a relation may begin
FOLDER = Path(__file__).resolve().parent / "scenarios"  # in a checkout a link to examples/scenarios


class Partner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One partner: its main island, its region (corners on the plane), the digits and words of its identities."""

    name: str
    name_ar: str
    east_km: float
    north_km: float
    radius_km: float
    mid: int  # maritime identification digits
    operator: str  # first letters of its aircraft callsigns
    region_km: tuple[tuple[float, float], ...] = ()


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fictional person who signs for a partner. ``capacity``: policy or operational."""

    name: str
    name_ar: str
    partner: str
    capacity: str
    office: str = ""
    office_ar: str = ""


class Town(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A town on a partner's coast, seen from the island's centre at a bearing. It has a quay, some an airport."""

    name: str
    name_ar: str
    partner: str
    bearing_deg: float
    airport: bool = False
    runway_deg: float = 0.0


class Radar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rotating radar. ``east_km`` and ``north_km`` count from the partner's island centre."""

    name: str
    channel: str
    partner: str
    sac: int
    sic: int
    east_km: float
    north_km: float
    height_m: float
    domain: str = "air"
    period_s: float = 4.0
    range_km: float = 370.0
    primary_range_km: float = 150.0
    sigma_range_m: float = 60.0
    sigma_azimuth_deg: float = 0.07
    primary_probability: float = 0.85
    secondary_probability: float = 0.97
    clutter_per_turn: float = 1.0
    sectors: int = 16


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An AIS station or an ADS-B receiver; several may feed one channel."""

    name: str
    channel: str
    partner: str
    kind: str  # ais, adsb
    east_km: float
    north_km: float
    height_m: float
    range_km: float
    loss: float = 0.03  # share of transmissions that it misses


class Cable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cable on the sea bed, corner by corner on the plane."""

    name: str
    name_ar: str
    path_km: tuple[tuple[float, float], ...]


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scripted craft. It appears at ``start_s`` (below 0: before the world begins) and follows its path;
    ``to_town`` adds a last corner. An aircraft is gone at the end of its path, a vessel comes back along it."""

    name: str
    kind: str  # unmanned, aircraft, tanker, cargo, distress
    path_km: tuple[tuple[float, float], ...]
    speed_mps: float = 0.0
    altitude_m: float = 0.0
    start_s: float = 0.0
    end_s: float = math.inf
    to_town: str = ""
    partner: str = ""
    callsign: str = ""
    transponder: bool = True
    dark_s: tuple[tuple[float, float], ...] = ()  # transponder off
    emergency_s: tuple[float, float] | None = None  # squawks 7700
    same_identity_as: str = ""
    text: str = ""


class Relation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two partners who share, in both directions. ``phase``: in which their agreements begin; ``via``: who carries
    between two that have no link. Where a scenario names no relation, all of its partners share with one another; where
    it names some, nobody else does."""

    between: tuple[str, str]
    phase: str = "full"
    via: str = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many craft of each sort fill the world beside the scripted ones."""

    cargo: int = 0
    tanker: int = 0
    anchored: int = 0
    ferry: int = 0
    fishing: int = 0
    pleasure: int = 0
    silent: int = 0  # fishing vessels without AIS, near the coasts
    airliner: int = 0
    overflight: int = 0
    helicopter: int = 0


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds between transmissions of aircraft, and how finely a stream's bytes are cut into pieces."""

    adsb_position_s: float = 0.5
    adsb_velocity_s: float = 0.5
    adsb_identification_s: float = 5.0
    adsb_status_s: float = 0.8
    piece_s: float = 0.05
    sigma_position_m: float = 4.0  # of every craft's own satellite position, per axis


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A world to be made: the same scenario and seed give the same bytes."""

    name: str
    title: str
    title_ar: str
    start: dt.datetime
    lat_deg: float
    lon_deg: float
    width_km: float
    height_km: float
    land_seed: int
    islets: int
    partner: tuple[Partner, ...]
    town: tuple[Town, ...]
    counts: Counts
    rates: Rates = Rates()
    radar: tuple[Radar, ...] = ()
    receiver: tuple[Receiver, ...] = ()
    cable: tuple[Cable, ...] = ()
    person: tuple[Person, ...] = ()
    relation: tuple[Relation, ...] = ()
    craft: tuple[Script, ...] = ()


def start_ns(scenario: Scenario) -> int:
    """First instant of the scenario's world, ns UTC."""
    return int(scenario.start.timestamp()) * 1_000_000_000 + scenario.start.microsecond * 1000


def parse(text: str, where: str = "scenario") -> Scenario:
    """A scenario from TOML. A bad one raises ValueError with one line: where, what.

    >>> parse("name = 3")
    Traceback (most recent call last):
        ...
    ValueError: scenario: Expected `str`, got `int` - at `$.name`
    """
    try:
        scenario = msgspec.toml.decode(text.encode(), type=Scenario)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ValueError(f"{where}: {str(error).splitlines()[0]}") from None
    fault = _fault(scenario)
    if fault:
        raise ValueError(f"{where}: {fault}")
    return scenario


def load(path: Path) -> Scenario:
    """A scenario from a file; ValueError with one line when it cannot be read or is wrong."""
    try:
        return parse(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8 text") from None


def find(name: str) -> Path:
    """Where the scenario of that name lies: a path as it is, a bare name among the examples. ValueError if nowhere."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.toml"))) or "none"
        raise ValueError(f"no scenario {name!r}; known by name: {known}")
    return path


def alias(name: str) -> str:
    """A name as it stands in agreements, folders and channels: lower case, digits and hyphens.

    >>> alias("Port Arven")
    'port-arven'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def relations(scenario: Scenario, names: Iterable[str]) -> tuple[Relation, ...]:
    """Who of these partners shares with whom.

    >>> [one.between for one in relations(load(find("lantern")), ("Arvena", "Belora"))]
    [('Arvena', 'Belora')]
    """
    known = tuple(names)
    if not scenario.relation:
        return tuple(Relation(between=pair) for pair in combinations(known, 2))
    return tuple(one for one in scenario.relation if {*one.between, one.via or one.between[0]} <= set(known))


def sharing(scenario: Scenario) -> tuple[str, ...]:
    """Partners that have a sensor and a relation to another that has one, in the scenario's order.

    >>> sharing(load(find("lantern")))
    ('Arvena', 'Belora', 'Corvia', 'Delmara')
    """
    having = {one.partner for one in scenario.radar} | {one.partner for one in scenario.receiver}
    related = {name for one in relations(scenario, sorted(having)) for name in one.between}
    return tuple(one.name for one in scenario.partner if one.name in related)


def apart(scenario: Scenario) -> Scenario:
    """The same sea, in which no channel carries what two partners hear: one that does becomes one for each of them
    (``ais`` becomes ``ais-arvena``, ``ais-belora``). Craft, sensors and their chance stay as they are."""
    placed: tuple[Radar | Receiver, ...] = (*scenario.radar, *scenario.receiver)
    users = {one.channel: {other.partner for other in placed if other.channel == one.channel} for one in placed}

    def own(channel: str, partner: str) -> str:
        return f"{channel}-{alias(partner)}" if len(users[channel]) > 1 else channel

    return msgspec.structs.replace(
        scenario,
        radar=tuple(msgspec.structs.replace(r, channel=own(r.channel, r.partner)) for r in scenario.radar),
        receiver=tuple(msgspec.structs.replace(r, channel=own(r.channel, r.partner)) for r in scenario.receiver),
    )


def _fault(scenario: Scenario) -> str:
    """What is wrong beyond the types, in words; empty when nothing is."""
    partners = {p.name for p in scenario.partner}
    placed: list[Town | Radar | Receiver | Person] = [
        *scenario.town,
        *scenario.radar,
        *scenario.receiver,
        *scenario.person,
    ]
    for one in placed:
        if one.partner not in partners:
            return f"{one.name}: no partner is called {one.partner!r}"
    for person in scenario.person:
        if person.capacity not in CAPACITIES:
            return f"{person.name}: capacity {person.capacity!r} is none of {', '.join(CAPACITIES)}"
    if fault := _relations_fault(scenario.relation, partners):
        return fault
    if len({alias(name) for name in partners}) != len(scenario.partner):
        return "two partners have one name"
    towns = {t.name for t in scenario.town}
    scripts = {c.name for c in scenario.craft}
    for craft in scenario.craft:
        fault = _craft_fault(craft, towns, partners, scripts)
        if fault:
            return f"{craft.name}: {fault}"
    names = [one.name for one in placed] + [c.name for c in scenario.craft]
    double = sorted({n for n in names if names.count(n) > 1})
    if double:
        return f"two things are called {double[0]!r}"
    return _number_fault(scenario)


def _relations_fault(relations: tuple[Relation, ...], partners: set[str]) -> str:
    said: list[frozenset[str]] = []
    for one in relations:
        pair = " and ".join(one.between)
        if not set(one.between) <= partners or len(set(one.between)) < 2:
            return f"relation between {pair}: it takes two partners of the scenario"
        if one.via and (one.via not in partners or one.via in one.between):
            return f"relation between {pair}: via takes a third partner of the scenario"
        if one.phase not in PHASES:
            return f"relation between {pair}: phase {one.phase!r} is none of {', '.join(PHASES)}"
        said.append(frozenset(one.between))
    double = [one for one in said if said.count(one) > 1]
    return f"two relations between {' and '.join(sorted(double[0]))}" if double else ""


KINDS = ("unmanned", "aircraft", "tanker", "cargo", "distress")


def _craft_fault(craft: Script, towns: set[str], partners: set[str], scripts: set[str]) -> str:
    if craft.kind not in KINDS:
        return f"kind {craft.kind!r} is none of {', '.join(KINDS)}"
    if craft.to_town and craft.to_town not in towns:
        return f"no town is called {craft.to_town!r}"
    if craft.partner and craft.partner not in partners:
        return f"no partner is called {craft.partner!r}"
    if craft.same_identity_as and craft.same_identity_as not in scripts:
        return f"no scripted craft is called {craft.same_identity_as!r}"
    if len(craft.path_km) + bool(craft.to_town) < (1 if craft.kind == "distress" else 2):
        return "path_km is too short"
    if craft.kind != "distress" and not craft.speed_mps > 0:
        return "speed_mps must be above 0"
    return ""


def _number_fault(scenario: Scenario) -> str:
    if scenario.start.tzinfo is None:
        return "start: needs a time zone, as in 2030-03-21T06:00:00Z"
    if not (abs(scenario.lat_deg) <= 80 and abs(scenario.lon_deg) <= 180):
        return "lat_deg must be within 80 and lon_deg within 180 degrees"
    if not (0 < scenario.width_km <= 2000 and 0 < scenario.height_km <= 2000):
        return "width_km and height_km must lie in (0, 2000]"
    if any(n < 0 or n > 5000 for n in msgspec.structs.astuple(scenario.counts)):
        return "counts must lie in [0, 5000]"
    if any(not r > 0 for r in msgspec.structs.astuple(scenario.rates)):
        return "rates must be above 0"
    if any(not r.period_s >= 1 or r.sectors < 1 for r in scenario.radar):
        return "a radar's period_s must be at least 1 and it needs a sector"
    return ""
