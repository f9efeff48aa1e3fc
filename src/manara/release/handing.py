"""Offers of our own people, put to their recipients at a tick: when it is known who was told what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from manara.records.agreement import Phase
from manara.records.handovers import OFFERED, Turned
from manara.records.inputs import Command
from manara.records.tracks import Tracks
from manara.release import between, channel, handover, pseudonyms, stage, standing, statements
from manara.release.channel import Offer
from manara.release.phases import ALLOWS
from manara.release.stage import Told
from manara.release.statements import HandoverOffer, Refusal, Verified

APART_M = 100.0  # two views of one craft may lie so far apart beyond what they say of themselves
SIGMAS = 3.0


@dataclass(frozen=True, eq=False)
class Settled:
    """``answers``: as of commands; ``statements``: envelopes that were taken; ``told``: the frames that offer."""

    answers: tuple[tuple[str, str, str], ...] = ()
    statements: tuple[bytes, ...] = ()
    told: tuple[Told, ...] = ()


def settle(state: stage.State, own: Tracks, views: Mapping[str, Offer], now_ns: int) -> Settled:
    """One tick. ``own``: tracks of our own picture that our sensors see; ``views``: what each source view holds."""
    _void(state, now_ns)
    asked, state.between.handing.asked = state.between.handing.asked, []
    answers, taken, told = [], [], []
    for one in asked:
        found = _put(state, one, own, views, now_ns)
        if isinstance(found, Refusal):
            answers.append((one.name, found.why, found.sentence))
        else:
            answers.append((one.name, "", ""))
            taken.append(one.envelope)
            told.append(found)
    return Settled(tuple(one for one in answers if one[0]), tuple(taken), tuple(told))


def _void(state: stage.State, now_ns: int) -> None:
    """What can no longer be answered: the phase allows it no more, or the track is told no more."""
    for direction, one in state.standings.agreements.items():
        phase = standing.phase_at(one, now_ns)
        if not ALLOWS[phase].handover:
            handover.void(state.between.handing, direction, "suspended" if phase is Phase.SUSPENDED else "phase")
        elif one.releaser == state.own:
            held = state.channels.get(one.recipient)
            for open_one in [n for n in handover.live(state.between.handing, direction) if n.state == OFFERED]:
                if isinstance(channel.told(held, open_one.subject, now_ns), str):
                    handover.void(state.between.handing, direction, "ended", open_one.number)


def _put(state: stage.State, one: Command, own: Tracks, views: Mapping[str, Offer], now_ns: int) -> Told | Refusal:
    """The frame of one offer, or why there is none."""
    verified = statements.verify(one.envelope, state.directory)
    if isinstance(verified, Refusal):
        return verified
    wanted = verified.statement
    if not isinstance(wanted, HandoverOffer):
        return Refusal("malformed", "No offer.")
    found = _offered(state, wanted, verified, own, views, now_ns)
    if isinstance(found, Refusal) and set(verified.nodes) | {p.partner for p in verified.persons} == {state.own}:
        partner = wanted.stream.partition(">")[2][:120]
        no = Turned(time_ns=now_ns, partner=partner, track=int(wanted.track), why=found.why, sentence=found.sentence)
        handover.turn(state.between.handing, no)
    return found


def _offered(
    state: stage.State, wanted: HandoverOffer, verified: Verified, own: Tracks, views: Mapping[str, Offer], now_ns: int
) -> Told | Refusal:
    after = standing.apply(
        state.standings, verified, state.directory, state.documents, state.never_to, now_ns, state.own
    )
    if isinstance(after, Refusal):
        return after
    if verified.sha256 in state.between.handing.spent:
        return Refusal("already", "This very offer was taken before.")
    known = state.standings.agreements.get(wanted.stream)
    phase = standing.phase_at(known, now_ns)
    admitted = state.documents.get(known.agreement) if known else None
    if refused := handover.refused(phase, wanted, state.between.handing):
        return refused
    if known is None or admitted is None:
        return Refusal("suspended", "No agreement stands in this direction.")
    area = next((a for a in state.directory.areas if a.id == wanted.area), None)
    if wanted.area and (area is None or area.partner != known.recipient):
        return Refusal("unknown_area", f"{wanted.area} is no area of {known.recipient}.")
    offer = views.get(stage.view_name(admitted.document.agreement))
    held = state.channels.get(known.recipient)
    subject = subject_of(held, own, offer.tracks if offer else own.take(np.zeros(0, np.int64)), int(wanted.track))
    if isinstance(subject, Refusal):
        return subject
    number = channel.told(held, subject, now_ns)
    if isinstance(number, str):
        why = f"{known.recipient} was not told of this track: {number}"
        return Refusal("withheld", f"{why}; see manara agreement explain.")
    made = handover.offer(
        state.between.handing, wanted, verified.sha256, between.who(verified), subject, number, now_ns
    )
    if isinstance(made, Refusal):
        return made
    state.standings = after
    if verified.nodes:
        state.between.handing.spent = (*state.between.handing.spent, verified.sha256)[-handover.SPENT_MAX :]
    return Told(wanted.stream, "statement", known.agreement, phase.name.lower(), subject=made)


def subject_of(held: channel.State | None, own: Tracks, view: Tracks, track: int) -> int | Refusal:
    """The track of a recipient's source view that is this one of our own picture, or that has this number."""
    if held is not None:
        given = int(pseudonyms.tracks_of(held.pseudonyms, np.array([track], np.uint64))[0])
        if given:
            return given
    mine = np.flatnonzero(own.track_id == np.uint64(track))
    if len(mine) == 0:
        return Refusal("unknown_track", "There is no such track that our own sensors see.")
    one = own.take(mine[:1])
    called = np.flatnonzero((view.identity == one.identity[0]) & (one.identity[0] != 0))
    near = called if len(called) == 1 else _near(one, view)
    if len(near) == 1:
        return int(view.track_id[near[0]])
    if len(near):
        return Refusal("ambiguous", f"{len(near)} tracks that the recipient may know could be this one.")
    return Refusal("withheld", "None of the sources that the recipient may know of sees this track: source.")


def _near(one: Tracks, view: Tracks) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows of a view that lie where this track does, as far as both can tell."""
    north = (view.lat_rad - one.lat_rad[0]) * 6_371_000.0
    east = (view.lon_rad - one.lon_rad[0]) * 6_371_000.0 * np.cos(one.lat_rad[0])
    spread = np.sqrt(np.maximum(view.cov[:, 0] + view.cov[:, 4] + one.cov[0, 0] + one.cov[0, 4], 0.0))
    moved = np.hypot(one.ve_mps[0], one.vn_mps[0]) * np.abs(view.time_ns - one.time_ns[0]) * 1e-9
    with np.errstate(invalid="ignore"):
        close = np.hypot(east, north) <= SIGMAS * spread + moved + APART_M
    return np.flatnonzero(close & (view.domain == one.domain[0])).astype(np.int64)
