"""What may leave, read anew in plain words from the rules of ``papers.py`` and the table of who hears which craft.

It shares no code with ``manara.release``: a row that left is held against the truth of its craft, not against what a
node thinks of it. Rule 0 counts as the permit that it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from manara.records.columns import F8
from manara.records.inputs import Arrived
from manara.records.released import DTYPES, Entry, Head, Rows, RowTable
from manara.records.reports import Domain
from manara.study.federation.papers import Papers
from manara.study.federation.sea import FEEDS, Sea

DELAY_NS = 10_000_000_000
EDGE_RAD = 2.5e-4  # 1.5 km: the node decides by what it believed ten seconds before
WARNING_BYTES = 1_000
_OPEN, _CLOSE, _HIDDEN = range(len(FEEDS))
_TRACKS = ("full", "interim")
Mask = NDArray[np.bool_]


class Permits:
    """The rules for one federation and one sea."""

    def __init__(self, papers: Papers, sea: Sea) -> None:
        self._papers, self._sea = papers, sea
        self._names = [one.id for one in papers.directory.partners]
        self._by_sha256 = {one.sha256: direction for direction, one in papers.agreements.items()}
        self.echoing: Mask = np.zeros(len(sea), np.bool_)  # craft that are told twice from one hearing
        self._echoes: dict[str, Mask] = {}
        self._known = {one: self._may_know(one) for one in self._names}
        waters = {one.partner: np.radians([corner[1] for corner in one.corners_deg]) for one in papers.directory.areas}
        self._waters = {name: (float(lons.min()), float(lons.max())) for name, lons in waters.items()}

    def direction(self, agreement: str) -> str:
        """Whose agreement a statement names."""
        return self._by_sha256.get(agreement, "")

    def own(self, releaser: str) -> Mask:
        """Craft that a node may tell of by its own sensors: heard by the open feed, and not by the one kept close."""
        heard = self._sea.heard[self._names.index(releaser)]
        return np.asarray((heard[_OPEN] & ~heard[_CLOSE]) | self._echoes.get(releaser, False), np.bool_)

    def echo(self, liar: str, whose: str) -> None:
        """From now on a node also tells, as its own, what another's open feed hears; others then may know of it."""
        taken = np.asarray(self._sea.heard[self._names.index(whose)][_OPEN], np.bool_)
        self._echoes[liar] = taken
        self.echoing = self.echoing | taken
        self._known = {one: self._may_know(one) for one in self._names}

    def passed_on(self, releaser: str, recipient: str) -> Mask:
        """Craft that a node may tell of because somebody told it and lets it go on to this recipient."""
        found = np.zeros(len(self._sea), np.bool_)
        rules = self._papers.agreements[f"{releaser}>{recipient}"].agreement.rules
        if all(rule.when.originator == ("own",) for rule in rules if rule.effect == "permit"):
            return found
        for origin in self._names:
            first = self._papers.agreements.get(f"{origin}>{releaser}")
            if origin != recipient and first is not None and recipient in first.agreement.onward:
                found |= self.own(origin)
        return found

    def _may_know(self, name: str) -> Mask:
        """Craft that a node may know of at all: by its own feeds, or because somebody may tell it."""
        found = np.asarray(self._sea.heard[self._names.index(name)].any(axis=0), np.bool_)
        for direction in self._papers.agreements:
            releaser, _, recipient = direction.partition(">")
            if recipient == name:
                found = found | self.own(releaser) | self.passed_on(releaser, name)
        return found

    def entry(self, entry: Entry, phase: str, now_ns: int, liars: set[str]) -> Iterator[tuple[str, str]]:
        """What of an entry may not leave: which invariant, and why."""
        head = msgspec.json.decode(entry.head, type=Head)
        if head.kind == "warning":
            if len(entry.blocks) != 1 or entry.blocks[0].table != RowTable.WARNING:
                yield "permit", "a warning that says more than rule 0 may"
            return
        rows = [one for one in entry.blocks if one.table != RowTable.PAD and one.rows]
        if rows and phase not in _TRACKS:
            yield "phase", f"rows left in phase {phase or 'none'}"
        if rows and head.phase != phase:
            yield "phase", f"the entry says {head.phase}, its persons said {phase}"
        agreed = self._papers.agreements.get(entry.stream)
        if rows and (agreed is None or head.policy != agreed.sha256):
            yield "permit", "rows left under no agreement"
            return
        for block in rows:
            if block.table == RowTable.PRECISE:
                precise = np.frombuffer(block.rows, DTYPES[block.table])
                yield from (("permit", why) for why in self._precise(precise, entry.stream, head, now_ns, liars))
            elif block.table == RowTable.WARNING:
                yield "permit", "a warning among tracks"

    def _precise(self, rows: Rows, stream: str, head: Head, now_ns: int, liars: set[str]) -> Iterator[str]:
        releaser, _, recipient = stream.partition(">")
        at = self._sea.index(rows["identity"])
        strange = at < 0
        if strange.any() and not liars:
            yield f"{int(strange.sum())} rows of no craft that there is"
        rows, at = rows[~strange], at[~strange]
        own, passed = self.own(releaser)[at], self.passed_on(releaser, recipient)[at]
        if not (own | passed).all():
            yield f"{int((~(own | passed)).sum())} rows of craft that no open source may tell of"
        air = self._sea.domain[at] == Domain.AIR
        west, east = self._waters[recipient]
        lon: F8 = rows["lon_rad"]
        if (~air & ((lon < west - EDGE_RAD) | (lon > east + EDGE_RAD))).any():
            yield "vessels outside the recipient's waters, not by the square"
        if (~air & (rows["time_ns"] > now_ns - DELAY_NS)).any():
            yield "vessels without the delay"
        if (~air & ~np.isnan(rows["alt_m"])).any():
            yield "heights that were to be stripped"
        yield from self._terms(rows, air, head, stream)

    def _terms(self, rows: Rows, air: Mask, head: Head, stream: str) -> Iterator[str]:
        onward = set(self._papers.agreements[stream].agreement.onward)
        for place, one in enumerate(head.terms):
            mine = rows["terms"] == place
            if not set(one.onward) <= onward:
                yield f"onward to {', '.join(sorted(set(one.onward) - onward))}, which was not agreed"
            unnamed = [rule for rule, some in (("air", air), ("sea-near", ~air)) if (mine & some).any()]
            if not set(unnamed) <= set(one.rules):
                yield f"told under {', '.join(one.rules) or 'no rule'}, which does not permit it"

    def waited(self, entry: Entry, shown_ns: list[int], passed_ns: list[int]) -> Iterator[str]:
        """Does what was delayed leave late enough by a clock that nobody can set? ``shown_ns``, ``passed_ns``: what
        the node's clock and the true one showed at each of its steps, this one last."""
        for block in entry.blocks:
            if block.table == RowTable.PRECISE and block.rows:
                rows = np.frombuffer(block.rows, DTYPES[block.table])
                made_ns = rows["time_ns"][rows["domain"] == Domain.SEA]
                step = np.minimum(np.searchsorted(shown_ns, made_ns), len(shown_ns) - 1)
                short_ns = DELAY_NS - (passed_ns[-1] - np.array(passed_ns)[step])
                if len(short_ns) and short_ns.max() > 0:
                    yield f"a delay came out {short_ns.max() / 1e9:.1f} s short by the true clock"

    def known(self, came: Arrived, node: str, liars: set[str]) -> Iterator[str]:
        """What of an entry that a node took it may not know of."""
        for block in came.blocks:
            if block.table == RowTable.PRECISE:
                yield from self.shown(node, np.frombuffer(block.rows, DTYPES[block.table])["identity"], liars)

    def shown(self, node: str, identity: NDArray[np.uint64], liars: set[str]) -> Iterator[str]:
        """What of these identities a node may not know of."""
        at = self._sea.index(identity)
        if (at < 0).any() and not liars:
            yield "craft that there are not"
        at = at[at >= 0]
        leaked = at[~self._known[node][at]]
        if len(leaked):
            yield f"craft {sorted(set(leaked.tolist()))[:5]} that nobody may tell it of"
