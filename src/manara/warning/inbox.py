"""The inbox: what may concern our own areas, as drafts that persons take and close. Nothing leaves because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from manara.records.inputs import Decided
from manara.records.partners import Warned
from manara.records.warnings import Draft, Hazard

DRAFTS_MAX = 512  # 63 areas × 7 hazards may be open; closed ones go first, the oldest first
TRACKS_MAX = 16  # named in a draft
PARTNERS_MAX = 63
WINDOW_NS = 300_000_000_000  # of a partner's warning
MUTE_NS = 600_000_000_000  # what a person closed is not opened again by the same so soon
LAPSE_NS = 900_000_000_000  # an open draft that nothing spoke for so long after its time closes itself
DAY_NS = 86_400_000_000_000
BY_MAX = 80

_HAZARDS = frozenset(int(one) for one in Hazard)
DONE, UNKNOWN, CLOSED = "", "unknown_draft", "closed_draft"


@dataclass
class Inbox:
    """All drafts that are kept, by number, in the order of their making."""

    drafts: dict[int, Draft] = field(default_factory=dict)
    made: int = 0

    def at(self, area: str, hazard: int) -> Draft | None:
        """The last draft for an area and a hazard."""
        same = [one for one in self.drafts.values() if one.area == area and one.hazard == hazard]
        return same[-1] if same else None


def seen(state: Inbox, one: Draft) -> None:
    """Our own tracks speak for a draft: ``one`` says what they show now; its number and state do not count."""
    last = state.at(one.area, one.hazard)
    if last is None or last.state == "closed":
        if last is None or not last.by or set(one.tracks) - set(last.tracks):
            _add(state, one)
        return
    state.drafts[last.id] = msgspec.structs.replace(
        last,
        severity=max(last.severity, one.severity),
        first_ns=one.first_ns,
        last_ns=one.last_ns,
        probability=one.probability,
        renewed_ns=one.renewed_ns,
        tracks=tuple(dict.fromkeys((*one.tracks, *last.tracks)))[:TRACKS_MAX],
        own_ns=last.own_ns or one.own_ns,
    )


def told(state: Inbox, one: Warned, now_ns: int) -> None:
    """A partner warns. What our own tracks show stands; its window is taken where they show nothing."""
    hazard = one.hazard if one.hazard in _HAZARDS else 0
    first_ns = min(max(one.window_ns, now_ns - DAY_NS), now_ns + DAY_NS)
    last = state.at(one.area, hazard)
    if last is not None and last.state == "closed" and last.by and now_ns - last.decided_ns < MUTE_NS:
        return
    if last is None or last.state == "closed":
        _add(
            state,
            Draft(
                id=0, area=one.area, hazard=hazard, severity=one.severity, first_ns=first_ns,
                last_ns=first_ns + WINDOW_NS, since_ns=now_ns, renewed_ns=now_ns, partners=(one.partner,),
                warned_ns=one.received_ns,
            ),
        )  # fmt: skip
        return
    foreign = last.probability < 0.0
    state.drafts[last.id] = msgspec.structs.replace(
        last,
        severity=max(last.severity, one.severity),
        first_ns=first_ns if foreign else last.first_ns,
        last_ns=first_ns + WINDOW_NS if foreign else last.last_ns,
        renewed_ns=now_ns,
        partners=tuple(dict.fromkeys((*last.partners, one.partner)))[:PARTNERS_MAX],
        warned_ns=last.warned_ns or one.received_ns,
    )


def decide(state: Inbox, one: Decided, now_ns: int) -> str:
    """A person takes or closes a draft; "" or why not. Closing what is closed changes nothing and is no fault."""
    draft = state.drafts.get(one.draft)
    if draft is None:
        return UNKNOWN
    if draft.state == "closed":
        return DONE if one.act == "close" else CLOSED
    after = "closed" if one.act == "close" else "taken"
    state.drafts[draft.id] = msgspec.structs.replace(draft, state=after, by=one.by[:BY_MAX], decided_ns=now_ns)
    return DONE


def age(state: Inbox, now_ns: int) -> None:
    """Close what is over and nobody took; forget the oldest beyond the bound."""
    for one in list(state.drafts.values()):
        if one.state == "open" and now_ns - max(one.last_ns, one.renewed_ns) > LAPSE_NS:
            state.drafts[one.id] = msgspec.structs.replace(one, state="closed", by="", decided_ns=now_ns)
    over = len(state.drafts) - DRAFTS_MAX
    for one in sorted(state.drafts.values(), key=_worth)[: max(over, 0)]:
        del state.drafts[one.id]


def _worth(one: Draft) -> tuple[bool, int]:
    return one.state != "closed", one.id


def _add(state: Inbox, one: Draft) -> None:
    state.made += 1
    state.drafts[state.made] = msgspec.structs.replace(one, id=state.made)


def shown(state: Inbox) -> tuple[Draft, ...]:
    """All, the newest last."""
    return tuple(state.drafts.values())


def load(plain: Iterable[object], made: int) -> Inbox:
    """Take drafts as plain values."""
    drafts = [msgspec.convert(one, Draft) for one in plain]
    return Inbox({one.id: one for one in drafts}, made)
