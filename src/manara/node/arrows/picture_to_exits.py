"""picture ─▶ exits: the picture in other systems' formats, each exit at its own period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from manara.feeds import outgoing
from manara.picture import stage as picture
from manara.records.config import ExitConfig
from manara.records.inputs import Effect, Send
from manara.records.tracks import Tracks
from manara.tracking import stage as tracking

SECOND_NS = 1_000_000_000
SENDS_PER_STEP = 4_096  # datagrams of one exit in one step; the rest of a larger picture is left out and counted


@dataclass
class State:
    """When each exit last spoke."""

    exits: tuple[ExitConfig, ...] = ()
    sent_ns: dict[str, int] = field(default_factory=dict)


def init(exits: tuple[ExitConfig, ...]) -> State:
    """No exit has spoken yet."""
    return State(exits)


def sends(
    state: State, tracked: tracking.Outbox, shown: picture.Outbox, now_ns: int, sequence: int
) -> tuple[Effect, ...]:
    """What leaves in this step: the node's own tracks; what partners told goes on by agreements only. Effect ids
    repeat when the step is repeated: sequence and place."""
    effects: list[Effect] = []
    for one in state.exits:
        if now_ns - state.sent_ns.get(one.name, -(1 << 62)) < int(one.period_s * SECOND_NS):
            continue
        state.sent_ns[one.name] = now_ns
        for data in _encoded(one, tracked.tracks, shown, now_ns)[:SENDS_PER_STEP]:
            effects.append(Send(sequence << 20 | len(effects), one.name, data))
    return tuple(effects)


def _encoded(one: ExitConfig, tracks: Tracks, shown: picture.Outbox, now_ns: int) -> list[bytes]:
    return outgoing.encode(one.format, tracks, shown.particulars, now_ns, sac=one.sac, sic=one.sic, tlp=one.tlp)


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {"sent_ns": dict(state.sent_ns)}


def load(plain: Mapping[str, Any], exits: tuple[ExitConfig, ...] = ()) -> State:
    """Take what ``dump`` gave."""
    return State(exits, dict(plain["sent_ns"]))
