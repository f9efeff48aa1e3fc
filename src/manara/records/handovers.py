"""Hand-over of a track at a border: an offer, its answer, and who answers for the track meanwhile; on either side."""

from __future__ import annotations

import msgspec

OFFERED, ACCEPTED, DECLINED, VOID = "offered", "accepted", "declined", "void"
UNANSWERED = "unanswered"  # how an offer is shown whose time is over; it is kept as offered, for the answer may come


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """One offer. Times in ns; ``offered_ns`` by the releaser's clock, the others by this node's."""

    id: str  # hash of the offer
    stream: str  # releaser>recipient
    number: int  # the recipient's number for the track
    track: int = 0  # in this node's own picture; 0: in none, or only as a region
    subject: int = 0  # at the releaser: the track in the recipient's source view
    area: str = ""
    wait_s: int
    reason: str = ""
    offered_ns: int
    since_ns: int  # when it was told here, or came here: from then on an answer is waited for
    state: str = OFFERED
    why: str = ""  # it is void, or what was said to it
    by: str = ""  # who answered
    answered_ns: int = 0
    answer: str = ""  # hash of the answer
    confirmed: bool = False  # at the recipient: the releaser has said that it has the answer

    def at(self, now_ns: int) -> str:
        """Its state now: an offer that waited longer than it should is unanswered."""
        over = self.state == OFFERED and now_ns - self.since_ns > self.wait_s * 1_000_000_000
        return UNANSWERED if over else self.state

    @property
    def responsible(self) -> str:
        """Who answers for the track: the recipient from its acceptance on, until then the releaser."""
        releaser, _, recipient = self.stream.partition(">")
        return recipient if self.state == ACCEPTED else releaser


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A track of ours that straight flight leads from our area of responsibility into a partner's."""

    partner: str
    area: str
    track: int  # in our own picture
    in_s: float  # until it is there
    probability: float


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that came to nothing: ours, or a partner's that we cannot put to anybody."""

    time_ns: int
    partner: str
    track: int
    why: str
    sentence: str


class Handovers(msgspec.Struct, frozen=True, kw_only=True):
    """What a step shows of all this, the newest last."""

    all: tuple[Handover, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    turned: tuple[Turned, ...] = ()
