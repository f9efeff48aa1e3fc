"""What passes between two desks, as release takes it: offers and answers, alarms that were taken, stamps of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from manara.records.agreement import Agreement, Phase
from manara.records.inputs import Answered, Command, Input
from manara.release import handover, stamps, standing
from manara.release.document import Admitted
from manara.release.statements import HandoverAnswer, HandoverDecide, Refusal, Verified, WarningTaken


@dataclass
class State:
    """``handing``: offers on either side; ``stamps``: what partners are still to be told that we have heard."""

    handing: handover.State = field(default_factory=handover.init)
    stamps: stamps.State = field(default_factory=stamps.init)


@dataclass(frozen=True, eq=False)
class Place:
    """What stands here: agreements in force, and the documents that are known by their hash."""

    standings: standing.Standings
    documents: Mapping[str, Admitted]

    def agreement(self, stream: str) -> Agreement | None:
        """The agreement of a direction."""
        one = self.standings.agreements.get(stream)
        known = self.documents.get(one.agreement) if one else None
        return known.document.agreement if known else None

    def measured(self, stream: str) -> bool:
        """Does the agreement of this direction say how times are measured?"""
        one = self.agreement(stream)
        return one is not None and one.promises.clock_s > 0

    def measuring(self) -> tuple[tuple[str, Agreement], ...]:
        """Agreements that stand here, in either direction, and measure times; by their hash."""
        held = ((one.agreement, self.agreement(stream)) for stream, one in self.standings.agreements.items())
        return tuple((sha256, one) for sha256, one in held if one is not None and one.promises.clock_s)


def init() -> State:
    """Nothing has passed."""
    return State()


def waits(state: State, one: Input) -> bool:
    """Is it an offer of our people? Then it is kept, and answered at the next tick."""
    return isinstance(one, Command) and handover.is_offer(one.envelope) and handover.ask(state.handing, one) is None


def answered(state: State, one: Answered, place: Place) -> None:
    """A receipt has come; where times are measured its signer is told that it was heard."""
    if place.measured(one.stream):
        stamps.hear_envelope(state.stamps, one.partner, one.envelope)


def acted(state: State, verified: Verified, place: Place, now_ns: int) -> Refusal | tuple[tuple[str, bytes], ...]:
    """What people on either side say to an offer or a warning: why not, or what this node is to sign because of it,
    for its log and for a partner."""
    wanted, partner = verified.statement, "".join(verified.nodes)
    if isinstance(wanted, HandoverDecide):
        if standing.phase_at(place.standings.agreements.get(wanted.stream), now_ns) is Phase.SUSPENDED:
            return Refusal("suspended", "The agreement is suspended; its offers stand no more.")
        said = handover.decide(state.handing, wanted, who(verified), now_ns)
        return said if isinstance(said, Refusal) else ((wanted.stream.partition(">")[0], said),)
    if isinstance(wanted, HandoverAnswer):
        if refused := handover.answered(state.handing, wanted, verified.sha256, now_ns):
            return refused
        stamps.hear(state.stamps, partner, verified.sha256)
    elif isinstance(wanted, WarningTaken) and place.measured(wanted.stream):
        stamps.hear(state.stamps, partner, verified.sha256)
    return ()


def who(verified: Verified) -> str:
    """Who signed: a person, or the desk of a node."""
    return ", ".join(one.id for one in verified.persons) or "desk"


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {"handing": handover.dump(state.handing), "stamps": stamps.dump(state.stamps)}


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(handover.load(plain["handing"]), stamps.load(plain["stamps"]))
