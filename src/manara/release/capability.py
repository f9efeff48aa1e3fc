"""The register as it stands: what is configured, and what persons have said of it since.

::

    [[capability]] tables ─┐
    statements of persons ─┴▶ entries now ─▶ own desk │ means (for each agreement: the rules) ─▶ partners │ coverage
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from manara.records.capability import REGISTER_MAX, Availability, Capability, Changed, Entry
from manara.release.conditions import PURPOSES
from manara.release.statements import CapabilityChange

WORDS = {"yes": Availability.YES, "limited": Availability.LIMITED, "no": Availability.NO}
NEVER_NS = (1 << 63) - 1


@dataclass
class State:
    """What was said last of each entry, by its id."""

    changed: dict[str, Changed] = field(default_factory=dict)


def init() -> State:
    """Nothing but what is configured."""
    return State()


def take(state: State, said: CapabilityChange, by: tuple[str, ...], now_ns: int) -> None:
    """A verified statement of our own people. Of an entry that is not configured it changes nothing that is shown."""
    state.changed.pop(said.id, None)
    if said.availability != "configured":
        state.changed[said.id] = Changed(
            id=said.id,
            availability=said.availability,
            since_ns=now_ns,
            until_ns=int(said.until_ns),
            caveat=said.caveat,
            caveat_ar=said.caveat_ar,
            by=by,
        )
    while len(state.changed) > REGISTER_MAX:
        del state.changed[next(iter(state.changed))]


def entries(configured: Iterable[Capability], changed: Mapping[str, Changed], now_ns: int) -> tuple[Entry, ...]:
    """Every entry that stands now, in order; those withdrawn or void are not among them."""
    found = []
    for one in configured:
        made = _with(_entry(one), changed.get(one.id), now_ns)
        if made.availability != Availability.WITHDRAWN and now_ns < made.expires_ns:
            found.append(made)
    return tuple(found[:REGISTER_MAX])


def _entry(one: Capability) -> Entry:
    until_ns = time_ns(one.until)
    return Entry(
        id=one.id,
        kind=one.kind,
        form=one.form,
        name=one.name,
        name_ar=one.name_ar,
        owner=one.owner,
        source=one.source,
        lat_rad=math.radians(one.lat_deg),
        lon_rad=math.radians(one.lon_deg),
        area=one.area,
        domain=one.domain,
        availability=WORDS[one.availability],
        since_ns=time_ns(one.since),
        until_ns=until_ns,
        expires_ns=until_ns or NEVER_NS,
        caveat=one.caveat,
        caveat_ar=one.caveat_ar,
        purpose=sum(PURPOSES[name] for name in set(one.purpose)),
        sensitivity=one.sensitivity,
        endurance_s=one.endurance_s,
        speed_mps=one.speed_mps,
        reach_m=one.reach_m,
        persons=one.persons,
    )


def _with(one: Entry, said: Changed | None, now_ns: int) -> Entry:
    if said is None or (said.until_ns and now_ns >= said.until_ns):
        return one
    return msgspec.structs.replace(
        one,
        availability=WORDS.get(said.availability, Availability.WITHDRAWN),
        since_ns=said.since_ns,
        until_ns=said.until_ns or one.until_ns,
        caveat=said.caveat or one.caveat,
        caveat_ar=said.caveat_ar or one.caveat_ar,
    )


def time_ns(said: str) -> int:
    """RFC 3339 as ns since 1970; 0 for nothing said. ValueError for anything else: configurations are checked first.

    >>> time_ns("1970-01-01T00:00:02Z"), time_ns("")
    (2000000000, 0)
    """
    if not said:
        return 0
    read = datetime.fromisoformat(said)
    if read.tzinfo is None:
        raise ValueError(f"no time zone: {said!r}")
    return (read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000


def dump(state: State) -> list[Any]:
    """Plain values."""
    plain: list[Any] = msgspec.to_builtins(list(state.changed.values()))
    return plain


def load(plain: Iterable[Any]) -> State:
    """Take what ``dump`` gave."""
    return State({one.id: one for one in (msgspec.convert(some, Changed) for some in plain)})
