"""What a partner is told of the register: each entry that a rule lets go, without what the rule takes out.

::

    entries, marking ─▶ decide ─▶ rows: a cell for a place, fields stripped ─▶ listing (delay, renewal) ─▶ frame

An entry that is withdrawn, void or no longer permitted is taken back by a row that says so and nothing else. The
caveat goes wherever the entry goes: no rule strips it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.kernels import grid
from manara.records.capability import FORM_WORDS, KIND_WORDS, Entry
from manara.records.columns import U8
from manara.records.coverage import Cover
from manara.records.marking import Marking, Strip
from manara.records.released import CAPABILITY, Rows, RowTable
from manara.release import covering, listing
from manara.release.coarse import tiers
from manara.release.conditions import DOMAINS
from manara.release.covering import Leaving, Tags
from manara.release.rules import Decisions, Program, decide

NS = 1_000_000_000
ROOM = 4  # entries told in one tick: a frame's size must not jump when many change
RENEW_NS = 600 * NS
STANDS_NS = 3_600 * NS  # what is not renewed for so long vanishes at the recipient


@dataclass(frozen=True, eq=False)
class Means:
    """What a view holds for release beside tracks, each with its marking: the register, what the view's sensors cover,
    and for each cell of interest how many cover it (picture/coverage.py: gaps)."""

    entries: tuple[Entry, ...] = ()
    marking: Marking = field(default_factory=lambda: Marking.blank(0))
    cover: Cover = field(default_factory=lambda: Cover.blank(0))
    cover_marking: Marking = field(default_factory=lambda: Marking.blank(0))
    gaps: Cover = field(default_factory=lambda: Cover.blank(0))
    gap_marking: Marking = field(default_factory=lambda: Marking.blank(0))


@dataclass
class State:
    """Of one recipient."""

    register: listing.Listing = field(default_factory=listing.init)
    cover: covering.State = field(default_factory=covering.init)
    gaps: covering.State = field(default_factory=covering.init)


def init() -> State:
    """Nothing was told."""
    return State()


def silence(state: State) -> None:
    """A suspension: the recipient drops all of it by itself, and what comes after begins anew."""
    state.register, state.cover, state.gaps = listing.init(), covering.init(), covering.init()


def hold_back(state: State, by_ns: int) -> None:
    """What waits, waits so much longer."""
    for one in (state.register, state.cover.told, state.gaps.told):
        listing.hold_back(one, by_ns)


def keys(state: State) -> U8:
    """The recipient's numbers for what stands there: a recall may name them."""
    return np.concatenate([listing.keys(one) for one in (state.register, state.cover.told, state.gaps.told)])


def fill(state: State, program: Program, offer: Means, tags: Tags, secret: bytes, now_ns: int) -> list[Leaving]:
    """What leaves at this tick. ``tags``: gives the number of the terms under which each row goes."""
    cells = (offer.cover, offer.cover_marking), (offer.gaps, offer.gap_marking)
    return [
        *_register(state, program, offer, tags, secret, now_ns),
        *covering.fill(state.cover, program, *cells[0], tags, now_ns, RowTable.COVERAGE),
        *covering.fill(state.gaps, program, *cells[1], tags, now_ns, RowTable.GAP),
    ]


def _register(state: State, program: Program, offer: Means, tags: Tags, secret: bytes, now_ns: int) -> list[Leaving]:
    if not offer.entries and not len(state.register.known):
        return []
    decided = decide(program, offer.marking, now_ns)
    allowed = decided.allowed & (offer.marking.originator != program.recipient)
    tag = tags(decided, allowed, offer.marking)
    pick = np.flatnonzero(allowed)
    rows = _rows([offer.entries[k] for k in pick.tolist()], decided, pick)
    rows["number"] = numbers([offer.entries[k].id for k in pick.tolist()], program.agreement.recipient, secret)
    content = np.array([_digest(row) for row in rows], np.uint64)
    delay_ns = decided.obligations.delay_s[pick].astype(np.int64) * NS
    told = listing.advance(state.register, rows["number"], content, delay_ns, tag[pick], now_ns, ROOM, RENEW_NS)
    if not len(told.key):
        return []
    out = np.zeros(len(told.key), CAPABILITY)
    out["number"], out["lat_rad"], out["lon_rad"] = told.key, np.nan, np.nan
    place = {int(number): k for k, number in enumerate(rows["number"].tolist())}
    for k, (key, stands) in enumerate(zip(told.key.tolist(), told.content.tolist(), strict=True)):
        if stands:
            out[k] = rows[place[key]]
            out[k]["expires_ns"] = min(int(out[k]["expires_ns"]), now_ns + STANDS_NS)
    return [(RowTable.CAPABILITY, out, told.key, told.tag)]


def numbers(ids: Sequence[str], recipient: str, secret: bytes) -> U8:
    """The recipient's numbers for entries; nobody else's are alike, and none tells the order of the register."""
    made = [
        hashlib.blake2b(f"{recipient}\0{one}".encode(), key=secret[:64], digest_size=8, person=b"manara/register")
        for one in ids
    ]
    return np.array([int.from_bytes(one.digest(), "little") | 1 for one in made], np.uint64)


def _digest(row: np.void) -> int:
    return int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=8).digest(), "little") | 1


def _rows(entries: Sequence[Entry], decided: Decisions, pick: NDArray[np.intp]) -> Rows:
    """Entries as rows, stripped of what their obligations take out."""
    rows = np.zeros(len(entries), CAPABILITY)
    duties = decided.obligations
    tier = tiers(duties.cell_m)
    for row, one, at in zip(rows, entries, pick.tolist(), strict=True):
        strip = int(duties.strip[at])
        row["since_ns"], row["until_ns"], row["expires_ns"] = one.since_ns, one.until_ns, one.expires_ns
        row["kind"], row["availability"] = KIND_WORDS.index(one.kind), one.availability
        row["domain"] = DOMAINS.get(one.domain, 0)
        _place(row, one, int(tier[at]) if duties.cell_m[at] else -1)
        for name in ("area", "caveat", "caveat_ar"):
            row[name] = _cut(getattr(one, name), CAPABILITY[name].itemsize)
        if not strip & Strip.IDENTITY:
            row["id"] = _cut(one.id, 32)
        if not strip & Strip.KIND:
            row["form"] = FORM_WORDS.index(one.form)
        if not strip & (Strip.NAMES | Strip.IDENTITY):
            for name in ("name", "name_ar", "owner"):
                row[name] = _cut(getattr(one, name), CAPABILITY[name].itemsize)
        if not strip & Strip.KINEMATICS:
            for name in ("speed_mps", "reach_m", "endurance_s", "persons"):
                row[name] = getattr(one, name)
    return rows


def _place(row: Any, one: Entry, tier: int) -> None:
    """Exact (tier −1), the centre of a cell, or not told where no cell is large enough."""
    row["lat_rad"], row["lon_rad"] = one.lat_rad, one.lon_rad
    if tier >= 0:
        cell = grid.cell_of(np.array([one.lat_rad]), np.array([one.lon_rad]), tier)
        lat, lon = grid.centre(cell) if cell[0] else (np.full(1, np.nan), np.full(1, np.nan))
        row["cell"], row["lat_rad"], row["lon_rad"] = cell[0], lat[0], lon[0]


def _cut(text: str, most: int) -> bytes:
    """As many whole signs as fit."""
    return text.encode("utf-8")[:most].decode("utf-8", "ignore").encode("utf-8")


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    cells = {"cover": covering.dump(state.cover), "gaps": covering.dump(state.gaps)}
    return {"register": listing.dump(state.register), **cells}


def load(plain: dict[str, Any]) -> State:
    """Take what ``dump`` gave."""
    if "cover" not in plain:  # written before there was coverage
        return State(listing.load(plain["register"]))
    return State(listing.load(plain["register"]), covering.load(plain["cover"]), covering.load(plain["gaps"]))
