"""Hand-over of a track between two partners: what was offered, what was answered, and who answers for it meanwhile.

::

    releaser   offer ─▶ waits for the tick ─▶ told this very track? ─▶ offered ──────▶ accepted │ declined
                                                  └ no: turned away       └─ suspended, or told no more: void
    recipient  the frame ─▶ told of that number? ─▶ offered ─▶ its people decide ─▶ signed answer ─▶ confirmed

From its acceptance on the recipient answers for the track, by its own word; the releaser until that word has come. So
in between both do, and never nobody. An answer that does not come is shown as that, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import rfc8785

from manara.records.agreement import Phase
from manara.records.directory import Directory
from manara.records.handovers import ACCEPTED, DECLINED, OFFERED, VOID, Handover, Handovers, Proposal, Turned
from manara.records.inputs import Command
from manara.release import statements
from manara.release.phases import ALLOWS
from manara.release.statements import HandoverAnswer, HandoverDecide, HandoverOffer, Refusal, Verified

ASKED_MAX = 64  # offers of our own people that wait for a tick
OPEN_MAX = 64  # of one stream; more are turned away
KEPT_MAX = 512  # of both directions; the oldest that are over go first
TURNED_MAX = 32
SPENT_MAX = 1_024
WAIT_MAX_S = 86_400
FRAME = "handover.offer"  # a subject of this type in a frame of kind statement
_TAG = b'"type\\":\\"handover.offer\\"'  # as it stands in an envelope


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The subject of the frame that offers. ``offer``: hash of our people's statement; ``track``: the recipient's
    number."""

    type: str = FRAME
    offer: statements.Sha256
    track: statements.Number
    area: statements.Short = ""
    wait_s: statements.Number
    reason: statements.Text = ""
    by: statements.Short = ""


@dataclass
class State:
    """``asked``: offers of our people that wait for a tick. ``shown``: by the offer's hash, in the order of coming.
    ``spent``: offers of our own desk, which follow nothing: each counts once."""

    asked: list[Command] = field(default_factory=list)
    shown: dict[str, Handover] = field(default_factory=dict)
    turned: tuple[Turned, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    looked_ns: int = -1
    spent: tuple[str, ...] = ()


def init() -> State:
    """Nothing was offered."""
    return State()


def ours(wanted: HandoverOffer | HandoverDecide, verified: Verified, own: str, directory: Directory) -> Refusal | None:
    """Only our people, or our desk by the node's key, offer a track of ours or answer a partner's offer."""
    releaser, _, recipient = wanted.stream.partition(">")
    here, there = (releaser, recipient) if isinstance(wanted, HandoverOffer) else (recipient, releaser)
    if here != own or directory.partner(there) is None:
        return Refusal("unknown_stream", f"{wanted.stream} is no stream between {own} and a partner.")
    signed = {*verified.nodes, *(one.partner for one in verified.persons)}
    if signed != {own} or (verified.nodes and verified.persons):
        return Refusal("not_authorised", f"Only somebody of {own} says this here.")
    return None


def theirs(stream: str, verified: Verified, own: str) -> Refusal | None:
    """Only the recipient's node says what its people did about something of our stream."""
    releaser, _, recipient = stream.partition(">")
    if releaser != own or verified.nodes != (recipient,) or verified.persons:
        return Refusal("not_authorised", f"Only the recipient's node says this of {stream}.")
    return None


def is_offer(envelope: bytes) -> bool:
    """Does this envelope hold an offer? It waits for the next tick, when it is known who was told what."""
    if _TAG not in envelope:
        return False
    taken = statements.read(envelope)
    return not isinstance(taken, Refusal) and isinstance(taken[1], HandoverOffer)


def ask(state: State, one: Command) -> Refusal | None:
    """Take an offer of our people."""
    if len(state.asked) >= ASKED_MAX:
        return Refusal("too_many", f"{ASKED_MAX} offers wait already.")
    if one.name not in {other.name for other in state.asked}:
        state.asked.append(one)
    return None


def refused(phase: Phase, wanted: HandoverOffer, state: State) -> Refusal | None:
    """Why this may not be offered now, whatever the track."""
    if not ALLOWS[phase].handover:
        word = phase.name.lower()
        why = "suspended" if phase is Phase.SUSPENDED else "phase"
        return Refusal(why, f"In phase {word} no track is told, so none is handed over.")
    if not 1 <= int(wanted.wait_s) <= WAIT_MAX_S:
        return Refusal("malformed", f"An answer is waited for between 1 and {WAIT_MAX_S} seconds.")
    if sum(one.stream == wanted.stream and one.state == OFFERED for one in state.shown.values()) >= OPEN_MAX:
        return Refusal("too_many", f"{OPEN_MAX} offers to this partner are open.")
    return None


def offer(
    state: State, wanted: HandoverOffer, sha256: str, by: str, subject: int, number: int, now_ns: int
) -> Refusal | str:
    """Our offer of a track that its recipient knows under this number: the subject of the frame that tells it."""
    same = next((one for one in state.shown.values() if one.stream == wanted.stream and one.subject == subject), None)
    if same is not None and same.at(now_ns) in (OFFERED, ACCEPTED):
        return Refusal("already", f"This track was offered already: {same.state}.")
    made = Handover(
        id=sha256, stream=wanted.stream, number=number, track=int(wanted.track), subject=subject, area=wanted.area,
        wait_s=int(wanted.wait_s), reason=wanted.reason, offered_ns=now_ns, since_ns=now_ns,
    )  # fmt: skip
    _keep(state, made)
    said = Told(
        offer=sha256, track=str(number), area=wanted.area, wait_s=wanted.wait_s, reason=wanted.reason, by=by[:120]
    )
    return rfc8785.dumps(msgspec.to_builtins(said)).decode()


def came(state: State, stream: str, said: Told, track: int | None, time_ns: int, now_ns: int) -> None:
    """A partner offers. ``track``: in our picture, 0 where it is only a region; None: it told us of no such track."""
    partner, number = stream.partition(">")[0], int(said.track)
    if track is None:
        turn(state, Turned(time_ns=now_ns, partner=partner, track=number, why="unknown_track",
                           sentence=f"{partner} offers a track of which it has told us nothing."))  # fmt: skip
        return
    known = state.shown.get(said.offer)
    if known is not None or not 1 <= int(said.wait_s) <= WAIT_MAX_S:
        why = "already" if known is not None else "malformed"
        turn(state, Turned(time_ns=now_ns, partner=partner, track=number, why=why,
                           sentence=f"An offer of {partner} that came before, or makes no sense."))  # fmt: skip
        return
    if sum(one.stream == stream and one.state == OFFERED for one in state.shown.values()) >= OPEN_MAX:
        turn(state, Turned(time_ns=now_ns, partner=partner, track=number, why="too_many",
                           sentence=f"{OPEN_MAX} offers of {partner} are open."))  # fmt: skip
        return
    _keep(
        state,
        Handover(
            id=said.offer, stream=stream, number=number, track=track, area=said.area, wait_s=int(said.wait_s),
            reason=said.reason, offered_ns=time_ns, since_ns=now_ns, why="",
        ),
    )  # fmt: skip


def decide(state: State, wanted: HandoverDecide, by: str, now_ns: int) -> Refusal | bytes:
    """Our people answer a partner's offer: the statement that this node signs, for its log and for the partner."""
    known = _open(state, wanted.stream, wanted.offer, "")
    if isinstance(known, Refusal):
        return known
    said = HandoverAnswer(
        stream=wanted.stream, offer=wanted.offer, answer=wanted.answer, by=by[:120], time_ns=str(now_ns),
        reason=wanted.reason, after=wanted.offer,
    )  # fmt: skip
    text = statements.canonical(said)
    _answer(state, known, said, statements.statement_sha256(text), now_ns)
    return text


def answered(state: State, said: HandoverAnswer, sha256: str, now_ns: int) -> Refusal | None:
    """A partner's word on our offer has come. One that is late is taken: its people act on it."""
    known = _open(state, said.stream, said.offer, sha256)
    if isinstance(known, Refusal):
        return known
    _answer(state, known, said, sha256, now_ns)
    return None


def _open(state: State, stream: str, offered: str, sha256: str) -> Handover | Refusal:
    known = state.shown.get(offered)
    if known is None or known.stream != stream:
        return Refusal("unknown_offer", "There is no such offer here.")
    if known.state in (ACCEPTED, DECLINED):
        same = sha256 and known.answer == sha256
        return Refusal("already", "This very answer was taken before." if same else f"It is {known.state} already.")
    if known.state == VOID:
        return Refusal("void", f"The offer stands no more: {known.why}.")
    return known


def _answer(state: State, known: Handover, said: HandoverAnswer, sha256: str, now_ns: int) -> None:
    state.shown[known.id] = msgspec.structs.replace(
        known,
        state=ACCEPTED if said.answer == "accept" else DECLINED,
        why=said.reason,
        by=said.by,
        answered_ns=now_ns,
        answer=sha256,
    )


def confirm(state: State, stream: str, heard: frozenset[str]) -> None:
    """The releaser says that it has these answers."""
    for one in state.shown.values():
        if one.stream == stream and one.answer in heard:
            state.shown[one.id] = msgspec.structs.replace(one, confirmed=True)


def void(state: State, stream: str, why: str, number: int | None = None) -> None:
    """What was offered and not answered stands no more: all of a stream, or one track of it. What was accepted stands:
    whoever took a track answers for it."""
    for one in state.shown.values():
        if one.stream == stream and one.state == OFFERED and number in (None, one.number):
            state.shown[one.id] = msgspec.structs.replace(one, state=VOID, why=why)


def follow(state: State, tracks: Mapping[str, int]) -> None:
    """In which of our tracks each stands now, by the offer's hash."""
    for one, track in tracks.items():
        if one in state.shown and state.shown[one].track != track:
            state.shown[one] = msgspec.structs.replace(state.shown[one], track=track)


def live(state: State, stream: str = "") -> Iterator[Handover]:
    """Those that are offered or accepted."""
    for one in state.shown.values():
        if one.state in (OFFERED, ACCEPTED) and stream in ("", one.stream):
            yield one


def turn(state: State, one: Turned) -> None:
    """Remember, for the desk, what came to nothing."""
    state.turned = (*state.turned, one)[-TURNED_MAX:]


def read(subject: str) -> Told | None:
    """The offer in a partner's frame, if it is one."""
    try:
        said = msgspec.json.decode(subject, type=Told)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    whole = said.type == FRAME and int(said.track) < 1 << 64 and re.fullmatch(r"[0-9]{1,6}", said.wait_s)
    return said if whole else None


def shown(state: State) -> Handovers:
    """For the views."""
    return Handovers(all=tuple(state.shown.values()), proposals=state.proposals, turned=state.turned)


def _keep(state: State, one: Handover) -> None:
    state.shown[one.id] = one
    over = len(state.shown) - KEPT_MAX
    for old in sorted(state.shown.values(), key=lambda old: (old.state in (OFFERED, ACCEPTED), old.since_ns))[
        : max(over, 0)
    ]:
        del state.shown[old.id]


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "asked": [msgspec.to_builtins(one, builtin_types=(bytes,)) for one in state.asked],
        "shown": [msgspec.to_builtins(one) for one in state.shown.values()],
        "turned": [msgspec.to_builtins(one) for one in state.turned],
        "proposals": [msgspec.to_builtins(one) for one in state.proposals],
        "looked_ns": state.looked_ns,
        "spent": list(state.spent),
    }


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    kept = [msgspec.convert(one, Handover) for one in plain["shown"]]
    return State(
        asked=[msgspec.convert(one, Command, builtin_types=(bytes,)) for one in plain["asked"]],
        shown={one.id: one for one in kept},
        turned=tuple(msgspec.convert(one, Turned) for one in plain["turned"]),
        proposals=tuple(msgspec.convert(one, Proposal) for one in plain["proposals"]),
        looked_ns=plain["looked_ns"],
        spent=tuple(plain["spent"]),
    )
