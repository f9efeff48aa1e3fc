"""The desks of a simulated federation: officers who offer tracks to partners, and answer what is offered to them.

They have a chance of their own: who offers what changes no fault of a plan.
"""

from __future__ import annotations

from collections.abc import Sequence

from manara.records.inputs import Command
from manara.release import statements
from manara.study.federation.chance import Chance
from manara.study.federation.member import Member
from manara.study.federation.papers import Papers, people

OFFERS = 0.04  # in a second, of each direction
ANSWERS = 0.2  # in a second, of each open offer
WRONG = 0.2  # of the offers: a track that the partner was never told of
WAIT_S = 20


def sit(members: Sequence[Member], papers: Papers, chance: Chance) -> None:
    """One second at all desks."""
    by = {one.id: one for one in members}
    for direction in papers.agreements:
        a, _, b = direction.partition(">")
        if by[a].alive and chance.share() < OFFERS:
            _offer(by[a], b, papers, chance)
        if by[b].alive:
            _answer(by[b], direction, papers, chance)


def _offer(at: Member, partner: str, papers: Papers, chance: Chance) -> None:
    """Somebody offers a track that the partner has a number for, or one that it has not."""
    held = at.runner.state.release.channels.get(partner) if at.runner is not None else None
    known = held.precise.known["number"].tolist() if held is not None else []
    wrong = not known or chance.share() < WRONG
    track = int.from_bytes(chance.data(8), "little") if wrong else known[chance.integer(0, len(known) - 1)]
    stream = f"{at.id}>{partner}"
    said = statements.HandoverOffer(
        stream=stream,
        track=str(track),
        wait_s=str(WAIT_S),
        nonce=chance.data(16).hex(),
        after=at.standings.heads.get(f"handover/{stream}", ""),
    )
    _hand_in(at, said, papers, chance)


def _answer(at: Member, direction: str, papers: Papers, chance: Chance) -> None:
    """Somebody looks at what is offered, or does not."""
    for one in at.views.handovers.all:
        if one.stream == direction and one.state == "offered" and chance.share() < ANSWERS:
            word = "accept" if chance.share() < 0.7 else "decline"
            nonce = chance.data(16).hex()
            said = statements.HandoverDecide(stream=direction, offer=one.id, answer=word, nonce=nonce)
            _hand_in(at, said, papers, chance)


def _hand_in(at: Member, said: statements.AnyStatement, papers: Papers, chance: Chance) -> None:
    name = f"{statements.type_of(said).replace('.', '-')}-{chance.data(8).hex()}"
    at.spool[name] = Command(name, papers.envelope(said, people(at.id)[1:]), 0)
