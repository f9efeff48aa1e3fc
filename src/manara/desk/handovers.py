"""Hand-over at the desk: what was offered, who answers for it, what is about to cross; and promised times."""

from __future__ import annotations

from typing import Any

import msgspec

from manara.desk import words
from manara.records.handovers import Handover, Proposal, Turned
from manara.records.inputs import Views

Plain = dict[str, Any]
SHOWN = 30
ANSWERS = ("accept", "decline")


def handovers(views: Views) -> Plain:
    """Open ones first, the newest first; behind them those that are over."""
    own = views.own
    newest = sorted(views.handovers.all, key=lambda one: (one.state != "offered", -one.since_ns))
    return {
        "time": words.time_text(views.now_ns),
        "sequence": views.sequence,
        "own": own,
        "handovers": [_handover(one, own, views.now_ns) for one in newest[:SHOWN]],
        "proposals": [_proposal(one) for one in views.handovers.proposals],
        "turned": [_turned(one) for one in reversed(views.handovers.turned[-5:])],
    }


def _handover(one: Handover, own: str, now_ns: int) -> Plain:
    releaser, _, recipient = one.stream.partition(">")
    state = one.at(now_ns)
    return {
        "id": one.id,
        "stream": one.stream,
        "partner": recipient if releaser == own else releaser,
        "ours": releaser == own,
        "track": str(one.track) if one.track else "",
        "number": str(one.number),
        "area": one.area,
        "reason": one.reason,
        "state": state,
        "why": one.why,
        "by": one.by,
        "confirmed": one.confirmed,
        "responsible": one.responsible,
        "since": words.time_text(one.since_ns),
        "left_s": round(one.wait_s - (now_ns - one.since_ns) * 1e-9, 1) if state == "offered" else None,
        "answerable": releaser != own and state in ("offered", "unanswered"),
    }


def _proposal(one: Proposal) -> Plain:
    plain: Plain = msgspec.to_builtins(one)
    return {**plain, "track": str(one.track)}


def _turned(one: Turned) -> Plain:
    return {"partner": one.partner, "track": str(one.track), "why": one.why, "sentence": one.sentence}


def open_offer(views: Views, offer: str) -> Handover | None:
    """A partner's offer that may be answered here."""
    own = views.own
    found = next((one for one in views.handovers.all if one.id == offer), None)
    return found if found is not None and found.stream.endswith(f">{own}") and found.state == "offered" else None


def promises(measured: tuple[Any, ...]) -> Plain:
    """How promised times of the last day were kept, a row for each direction."""
    return {"promises": [msgspec.to_builtins(one) for one in measured]}
