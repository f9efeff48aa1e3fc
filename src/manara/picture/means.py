"""What partners told of their registers: held until taken back, not renewed, recalled, or the partner falls silent.

::

    rows of partners ─▶ take ─▶ entries by partner and number ─▶ shown (the desk; who may be asked for help)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from manara.picture import coverage
from manara.records.capability import FORM_WORDS, KIND_WORDS, REGISTER_MAX, Availability, Entry
from manara.records.columns import U8
from manara.records.released import Rows, Terms
from manara.records.reports import Domain

NS = 1_000_000_000
STANDS_NS = 3_600 * NS  # nothing stands longer without being told again, whatever a partner says
_DOMAINS = ("", *(one.name.lower() for one in Domain if one))


@dataclass(frozen=True, eq=False)
class MeansRows:
    """What one frame of a partner tells. ``told_ns``: the releaser's tick, by its clock."""

    partner: int
    name: str
    received_ns: int
    told_ns: int
    terms: tuple[Terms, ...]
    capability: Rows
    cover: Rows
    gaps: Rows


@dataclass
class State:
    """Of one source view, by the partner's place: entries by their number; cells of coverage and of the partner's own
    gaps (picture/coverage.py: TOLD). ``revision`` grows with each change of coverage."""

    register: dict[int, dict[int, Entry]] = field(default_factory=dict)
    cover: dict[int, Rows] = field(default_factory=dict)
    gaps: dict[int, Rows] = field(default_factory=dict)
    revision: int = 0
    crowded: int = 0  # entries for which there was no room


def init() -> State:
    """Nobody has told anything."""
    return State()


def take(state: State, came: Sequence[MeansRows]) -> None:
    """Take in what came, in order."""
    for one in came:
        held = state.register.setdefault(one.partner, {})
        for row in one.capability:
            number = int(row["number"])
            held.pop(number, None)
            if row["availability"] == Availability.WITHDRAWN:
                continue
            if len(held) >= REGISTER_MAX:
                state.crowded += 1
                continue
            held[number] = _entry(row, one)
        for table, rows in ((state.cover, one.cover), (state.gaps, one.gaps)):
            if len(rows):
                before = table.get(one.partner, np.zeros(0, coverage.TOLD))
                table[one.partner] = coverage.take(before, rows, one.terms, one.received_ns)
                state.revision += 1


def _entry(row: np.void, of: MeansRows) -> Entry:
    terms = of.terms[int(row["terms"])]
    left_ns = min(max(int(row["expires_ns"]) - of.told_ns, 0), STANDS_NS, terms.retention_s * NS)
    text = {name: row[name].decode("utf-8", "replace") for name in ("id", "area", "name", "name_ar", "owner", "caveat",
                                                                    "caveat_ar")}  # fmt: skip
    return Entry(
        number=int(row["number"]),
        partner=of.name,
        kind=KIND_WORDS[int(row["kind"])],
        form=FORM_WORDS[int(row["form"])],
        lat_rad=float(row["lat_rad"]),
        lon_rad=float(row["lon_rad"]),
        cell=int(row["cell"]),
        domain=_DOMAINS[int(row["domain"])],
        availability=int(row["availability"]),
        since_ns=int(row["since_ns"]),
        until_ns=int(row["until_ns"]),
        expires_ns=of.received_ns + left_ns,
        purpose=terms.purpose,
        endurance_s=int(row["endurance_s"]),
        speed_mps=float(row["speed_mps"]),
        reach_m=float(row["reach_m"]),
        persons=int(row["persons"]),
        told_ns=of.received_ns,
        rules=terms.rules,
        onward=terms.onward,
        **text,
    )


def silence(state: State, partner: int) -> None:
    """The partner tells nothing any more: what it told goes at once."""
    state.register.pop(partner, None)
    _forget(state, partner, None)


def _forget(state: State, partner: int, numbers: U8 | None) -> None:
    for table in (state.cover, state.gaps):
        if partner in table:
            kept = table[partner]
            table[partner] = kept[:0] if numbers is None else kept[~np.isin(kept["key"], numbers)]
            state.revision += 1


def drop(state: State, partner: int, numbers: U8 | None) -> None:
    """A recall, in the partner's numbers for us; None: all."""
    held = state.register.get(partner, {})
    for number in list(held) if numbers is None else numbers.tolist():
        held.pop(number, None)
    _forget(state, partner, numbers)


def shown(state: State, now_ns: int) -> tuple[Entry, ...]:
    """All that stands, by partner, then as they came."""
    for held in state.register.values():
        for number in [number for number, one in held.items() if now_ns >= one.expires_ns]:
            del held[number]
    return tuple(one for _, held in sorted(state.register.items()) for one in held.values())


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    register = [[place, list(held.values())] for place, held in state.register.items()]
    cells = [{str(place): _bytes(rows) for place, rows in table.items()} for table in (state.cover, state.gaps)]
    return {"register": msgspec.msgpack.encode(register), "crowded": state.crowded, "cover": cells[0], "gaps": cells[1]}


def _bytes(rows: Rows) -> Any:
    return np.frombuffer(rows.tobytes(), np.uint8).copy()


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    register = msgspec.msgpack.decode(plain["register"], type=list[tuple[int, list[Entry]]])
    cover, gaps = (
        {int(k): np.frombuffer(np.asarray(v, np.uint8).tobytes(), coverage.TOLD).copy() for k, v in table.items()}
        for table in (plain.get("cover", {}), plain.get("gaps", {}))
    )
    entries = {place: {one.number: one for one in some} for place, some in register}
    return State(entries, cover, gaps, crowded=plain["crowded"])
