"""The stage: who may have what, and the frames in which they get it.

::

    Command ─▶ verified? ─▶ standings (agreements, phases, holds) ─▶ Agreed: answers, statements, views wanted
    Offers (one for each source view) ─▶ for each agreement in force: channel.fill ─▶ Told (policy, phase, batch, …)
    dangers ─▶ rule 0 ─▶ Told (warning)

Only what a rule permits becomes a frame; only a frame leaves the node. Nothing in an inbox raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import rfc8785

from manara.records.agreement import Agreement, Phase
from manara.records.directory import Directory, Person
from manara.records.inputs import Answered, Away, ClockJump, Command, Directed, Epoch, Input
from manara.records.marking import Codebook
from manara.records.released import Block, RowTable, Terms
from manara.release import (
    adversary,
    between,
    cadence,
    capability,
    channel,
    coarse,
    document,
    duty,
    means,
    names,
    precise,
    register,
    stamps,
    standing,
    statements,
)
from manara.release.channel import InForce, Offer
from manara.release.document import Admitted
from manara.release.never import may_fuse, never_bits
from manara.release.phases import phase_name
from manara.release.rules import Program, compile_rules
from manara.release.space import overlapping
from manara.release.statements import CapabilityChange, Recall, Refusal, Verified

DOCUMENTS_MAX = 256
HEARTBEAT_NS = 60_000_000_000
SUBJECT_BYTES = 100_000  # of a document that goes along in a policy frame; a longer one is handed over by people


@dataclass(frozen=True, eq=False)
class Told:
    """A frame without its place: what ledger and link make an entry of."""

    stream: str
    kind: str
    policy: str = ""
    phase: str = ""
    terms: tuple[Terms, ...] = ()
    blocks: tuple[Block, ...] = ()
    subject: str = ""
    padded: bool = False  # to the size of all frames of its stream


@dataclass(frozen=True, eq=False)
class Offered:
    """What the views hold, by name; what partners must be warned of; recipients that have not signed for what they
    have: they get no tracks."""

    offers: Mapping[str, Offer]
    dangers: tuple[duty.Danger, ...] = ()
    paused: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Agreed:
    """What commands led to. ``answers``: name, refusal slug or "", sentence; ``statements``: envelopes that were
    taken; ``wanted``: views that agreements in force need, by name."""

    answers: tuple[tuple[str, str, str], ...] = ()
    statements: tuple[bytes, ...] = ()
    tell: tuple[tuple[str, bytes], ...] = ()
    says: tuple[tuple[str, bytes], ...] = ()  # what this node itself is to sign, for its log and for a partner
    wanted: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)


@dataclass
class Counts:
    """For the desk, by recipient: rows of all ticks, and what the last tick held back, by reason."""

    rows: dict[str, int] = field(default_factory=dict)
    withheld: dict[str, Mapping[str, int]] = field(default_factory=dict)
    void: dict[str, int] = field(default_factory=dict)


@dataclass
class State:
    """Everything that release remembers. ``secret`` is given, never kept."""

    own: str
    never_to: tuple[str, ...]
    secret: bytes
    directory: Directory = field(default_factory=lambda: Directory(version=0))
    directory_text: bytes = b""
    standings: standing.Standings = field(default_factory=standing.init)
    documents: dict[str, Admitted] = field(default_factory=dict)
    channels: dict[str, channel.State] = field(default_factory=dict)  # by recipient
    cadences: dict[str, cadence.CadenceState] = field(default_factory=dict)  # by stream
    envelopes: dict[str, bytes] = field(default_factory=dict)  # direction -> the statement that moved it last
    said: dict[str, tuple[str, str]] = field(default_factory=dict)  # recipient -> policy and phase last told
    beaten_ns: dict[str, int] = field(default_factory=dict)  # recipient -> last frame of any kind
    recalls: list[tuple[str, str, Recall]] = field(default_factory=list)  # recipient, hash, to be told
    duty: duty.State = field(default_factory=duty.init)
    shadow: adversary.Shadow = field(default_factory=adversary.init)
    filled: dict[str, tuple[str, int]] = field(default_factory=dict)  # recipient -> policy, past tick told last
    capability: capability.State = field(default_factory=capability.init)
    between: between.State = field(default_factory=between.init)
    counts: Counts = field(default_factory=Counts)
    ticked_ns: int = -1
    programs: dict[tuple[str, int], Program] = field(default_factory=dict)  # a cache


def init(own: str, never_to: tuple[str, ...] = (), secret: bytes = b"") -> State:
    """A node that releases nothing."""
    return State(own, never_to, secret)


def command(state: State, inputs: Iterable[Input], now_ns: int) -> Agreed:
    """Take commands, directories and what the clock did, in order."""
    answers: list[tuple[str, str, str]] = []
    taken: list[bytes] = []
    tell: list[tuple[str, bytes]] = []
    says: list[tuple[str, bytes]] = []
    for one in inputs:
        if between.waits(state.between, one):
            continue
        if isinstance(one, Answered):
            between.answered(state.between, one, place(state))
        elif isinstance(one, Directed):
            _directed(state, one)
        elif isinstance(one, ClockJump | Away):
            _hold_back(state, one.by_ns)
        elif isinstance(one, Epoch) and one.partner == state.own:
            _renew(state)
        elif isinstance(one, Command):
            found = _command(state, one, now_ns)
            if one.name:  # what a partner's frame said needs no answer
                answers.append(
                    (one.name, found.why, found.sentence) if isinstance(found, Refusal) else (one.name, "", "")
                )
            taken += [] if isinstance(found, Refusal) or found.quiet else [one.envelope]
            tell += [] if isinstance(found, Refusal) else [(partner, one.envelope) for partner in found.concerned]
            says += [] if isinstance(found, Refusal) else found.says
    return Agreed(tuple(answers), tuple(taken), tuple(tell), tuple(says), dict(map(_view, _standing_now(state))))


def place(state: State) -> between.Place:
    """What stands here, for what passes between desks."""
    return between.Place(state.standings, state.documents)


def _hold_back(state: State, by_ns: int) -> None:
    """A delay is a time that passes, not a figure that the clock shows."""
    if by_ns > 0:
        for held in state.channels.values():
            precise.hold_back(held.precise, by_ns, state.ticked_ns)
            coarse.hold_back(held.coarse, by_ns)
            means.hold_back(held.means, by_ns)
            names.hold_back(held.names, by_ns)


def _renew(state: State) -> None:
    """Our log begins anew after a backup was restored: what recipients were told since is not known here, so that
    agreement, phase and every track are told again."""
    state.said.clear()
    for held in state.channels.values():
        channel.silence(held)


def _directed(state: State, one: Directed) -> None:
    found = register.read(one.directory)
    if isinstance(found, register.Listed) and found.directory.version > state.directory.version:
        state.directory, state.directory_text = found.directory, one.directory
        state.programs.clear()


class _Taken(NamedTuple):
    """``concerned``: partners who are handed the statement; ``quiet``: it does not go into the log that they read;
    ``says``: what this node is to sign because of it."""

    concerned: tuple[str, ...]
    quiet: bool = False
    says: tuple[tuple[str, bytes], ...] = ()


def _command(state: State, one: Command, now_ns: int) -> Refusal | _Taken:
    """Why a statement changes nothing, or what becomes of it."""
    verified = statements.verify(one.envelope, state.directory)
    if isinstance(verified, Refusal):
        return verified
    came: dict[str, Admitted] = {}
    for attachment in one.attachments:
        admitted = document.admit(attachment, state.directory)
        if isinstance(admitted, Refusal):
            return admitted
        came[admitted.document.sha256] = admitted
    known = {**state.documents, **came}
    if len(known) > DOCUMENTS_MAX:
        known = {**_standing_documents(state), **came}
    if len(known) > DOCUMENTS_MAX:
        return Refusal("too_many", f"This node holds {DOCUMENTS_MAX} documents already.")
    after = standing.apply(state.standings, verified, state.directory, known, state.never_to, now_ns, state.own)
    if isinstance(after, Refusal):
        return after
    says = between.acted(state.between, verified, place(state), now_ns)
    if isinstance(says, Refusal):
        return says
    for direction, standing_now in after.agreements.items():
        if standing_now != state.standings.agreements.get(direction):
            state.envelopes[direction] = one.envelope
    state.standings, state.documents = after, known
    _followed(state, verified, now_ns)
    return _Taken(_concerned(state, verified), isinstance(verified.statement, CapabilityChange), says)


def _followed(state: State, verified: Verified, now_ns: int) -> None:
    """What a statement that was taken leads to beside how agreements stand."""
    if isinstance(verified.statement, CapabilityChange):
        capability.take(state.capability, verified.statement, tuple(one.id for one in verified.persons), now_ns)
    if isinstance(verified.statement, Recall):
        recipient = verified.statement.stream.partition(">")[2].partition("/")[0]
        state.recalls.append((recipient, verified.sha256, verified.statement))


def _standing_documents(state: State) -> dict[str, Admitted]:
    """Documents under which something stands; what partners have long replaced takes nobody's place."""
    stand = {one.agreement for one in state.standings.agreements.values()}
    return {sha256: one for sha256, one in state.documents.items() if sha256 in stand}


def _concerned(state: State, verified: Verified) -> tuple[str, ...]:
    """The releaser of an agreement towards us, if persons of ours move it. Of our own agreements the recipient learns
    by the frames of its stream."""
    sha256 = getattr(verified.statement, "agreement", "")
    ours = any(one.partner == state.own for one in verified.persons)
    found = state.documents.get(sha256)
    if found is None or not ours:
        return ()
    releaser = found.document.agreement.releaser
    return () if releaser == state.own else (releaser,)


def _standing_now(state: State) -> list[Agreement]:
    """Our agreements that stand in any phase but suspended as decided; a view is kept warm from the first day."""
    found = []
    for one in state.standings.agreements.values():
        admitted = state.documents.get(one.agreement)
        if one.releaser == state.own and admitted and one.phase != phase_name(Phase.SUSPENDED):
            found.append(admitted.document.agreement)
    return found


def _view(one: Agreement) -> tuple[str, tuple[tuple[str, ...], str]]:
    recipient = one.recipient if may_fuse(one) else ""
    return view_name(one), (one.sources, recipient)


def view_name(one: Agreement) -> str:
    """The source view that an agreement releases from: those that ask for the same share it.

    >>> view_name(Agreement(id="x", title="", releaser="a", recipient="b", not_before="", not_after="", sources=("r",)))
    '>r'
    """
    return f"{one.recipient if may_fuse(one) else ''}>{'+'.join(sorted(one.sources))}"


def advance(
    state: State,
    offered: Offered | None,
    book: Codebook,
    now_ns: int,
) -> tuple[Told, ...]:
    """One tick: every recipient's frames, in order. None: no tick has passed, nothing leaves but what a change of
    phase says."""
    told: list[Told] = []
    if offered is None:
        return tuple(frame for one in _ours(state) for frame in _announced(state, one, now_ns))
    state.ticked_ns = now_ns
    for recipient, some in duty.advance(state.duty, offered.dangers, frozenset(), now_ns).items():
        block = Block(RowTable.WARNING, some.dtype.itemsize, some.tobytes(), bytes(8 * len(some)))
        told.append(Told(_stream(state, recipient), "warning", terms=(Terms(("rule 0",), 511, 0),), blocks=(block,)))
    for one in _ours(state):
        force = _in_force(state, one, book, now_ns)
        told += _announced(state, one, now_ns)
        told += _recalled(state, one.recipient)
        if one.recipient in offered.paused:
            continue  # tracks wait for a receipt; what was decided, and a recall, do not
        if force is None:
            told += _heartbeat(state, one.recipient, now_ns)
            continue
        offer = offered.offers.get(view_name(force.agreement))
        held = state.channels.setdefault(one.recipient, channel.init())
        if offer is None:
            filled = channel.Filled(withheld={"too_many_views": 1})
        else:
            filled = channel.fill(held, force, offer, state.shadow, book, state.secret, now_ns)
        told += _frame(state, force, filled, now_ns)
        state.counts.withheld[one.recipient] = filled.withheld
        state.counts.void[one.recipient] = filled.void
        state.counts.rows[one.recipient] = state.counts.rows.get(one.recipient, 0) + filled.rows
    return tuple(told)


def _ours(state: State) -> list[standing.Standing]:
    """Agreements under which we release."""
    return [one for one in state.standings.agreements.values() if one.releaser == state.own]


def quorum(state: State) -> int:
    """How many witnesses the strictest of our agreements asks for; at least one where any names a witness."""
    held = (state.documents.get(one.agreement) for one in _ours(state))
    known = [one.document.agreement for one in held if one is not None]
    return max((max(one.quorum, 1 if one.witnesses else 0) for one in known), default=0)


def _stream(state: State, recipient: str) -> str:
    return f"{state.own}>{recipient}"


def _in_force(state: State, one: standing.Standing, book: Codebook, now_ns: int) -> InForce | None:
    """The agreement and its program in its present phase; None while it is suspended."""
    phase = standing.phase_at(one, now_ns)
    admitted = state.documents.get(one.agreement)
    if phase <= Phase.WARNING_ONLY and one.recipient in state.channels:
        channel.silence(state.channels[one.recipient])  # also that a track ended is said of a track
    if phase is Phase.SUSPENDED or admitted is None:
        return None
    key = (one.agreement, int(phase))
    if key not in state.programs:
        overlaps = {"area": overlapping(state.directory.areas)}
        never = never_bits(state.never_to, book)
        made = compile_rules(admitted.document.agreement, book, phase, overlaps=overlaps, never=never)
        if not isinstance(made, Program):
            return None
        state.programs[key] = made
    return InForce(admitted.document.agreement, one.agreement, phase, state.programs[key])


def _announced(state: State, one: standing.Standing, now_ns: int) -> list[Told]:
    """A policy frame where a new agreement begins, a phase frame where its phase changed."""
    now = phase_name(standing.phase_at(one, now_ns))
    policy, phase = state.said.get(one.recipient, ("", ""))
    state.said[one.recipient] = (one.agreement, now)
    stream = _stream(state, one.recipient)
    if policy != one.agreement:
        return [Told(stream, "policy", one.agreement, now, subject=_policy(state, one))]
    if phase == now:
        return []
    moved = {"envelope": state.envelopes.get(one.direction, b"").decode("utf-8", "replace")}
    return [Told(stream, "phase", one.agreement, now, subject=rfc8785.dumps(moved).decode())]


def _policy(state: State, one: standing.Standing) -> str:
    """The statement that put the agreement in force and the document with its signatures: the recipient's node takes
    them as it would from its own people, and checks every signature."""
    said = {"envelope": state.envelopes.get(one.direction, b"").decode("utf-8", "replace")}
    attachment = state.documents[one.agreement].attachment.decode("utf-8", "replace")
    if len(attachment) <= SUBJECT_BYTES:
        said["attachment"] = attachment
    return rfc8785.dumps(said).decode()


def _recalled(state: State, recipient: str) -> list[Told]:
    """Recalls of persons, in the recipient's own numbers."""
    mine = [one for one in state.recalls if one[0] == recipient]
    state.recalls = [one for one in state.recalls if one[0] != recipient]
    held = state.channels.get(recipient)
    told = []
    for _, sha256, one in mine:
        tracks = channel.numbers(held, one.tracks)
        subject = {"recall": sha256, "tracks": list(tracks), "from_ns": one.from_ns, "to_ns": one.to_ns,
                   "reason": one.reason}  # fmt: skip
        told.append(Told(_stream(state, recipient), "recall", subject=rfc8785.dumps(subject).decode()))
    return told


def _heartbeat(state: State, recipient: str, now_ns: int) -> list[Told]:
    if now_ns - state.beaten_ns.get(recipient, -HEARTBEAT_NS) < HEARTBEAT_NS:
        return []
    state.beaten_ns[recipient] = now_ns
    return [Told(_stream(state, recipient), "heartbeat", phase=phase_name(Phase.SUSPENDED))]


def _frame(state: State, force: InForce, filled: channel.Filled, now_ns: int) -> list[Told]:
    """The tick's one frame: a batch, or why there is none. Without constant cadence, only when there is something."""
    recipient = force.agreement.recipient
    stream, phase, constant = _stream(state, recipient), phase_name(force.phase), force.agreement.constant_cadence
    if filled.blocks:
        state.beaten_ns[recipient] = now_ns
        times = stamps.subject(state.between.stamps, recipient, filled.firsts)
        return [Told(stream, "batch", force.sha256, phase, filled.terms, filled.blocks, times, padded=constant)]
    if "warming" in filled.withheld or "too_many_views" in filled.withheld:
        # For both the same word: that there are many views is a word about agreements with others.
        return [Told(stream, "withheld", force.sha256, phase, subject="warming", padded=constant)]
    times = stamps.subject(state.between.stamps, recipient, ((), 0))
    if constant:
        return [Told(stream, "batch", force.sha256, phase, subject=times, padded=True)]
    if times:
        return [Told(stream, "statement", force.sha256, phase, subject=times)]
    return _heartbeat(state, recipient, now_ns)


def dump(state: State) -> dict[str, Any]:
    """Plain values; programs are compiled anew."""
    return {
        "directory": state.directory_text,
        "standings": standing.dump(state.standings),
        "documents": [[one.attachment, msgspec.to_builtins(one.persons)] for one in state.documents.values()],
        "cadences": {name: cadence.dump(one) for name, one in state.cadences.items()},
        "channels": {name: channel.dump(one) for name, one in state.channels.items()},
        "envelopes": dict(state.envelopes),
        "said": {name: list(one) for name, one in state.said.items()},
        "beaten_ns": dict(state.beaten_ns),
        "recalls": [[a, b, statements.canonical(c)] for a, b, c in state.recalls],
        "duty": duty.dump(state.duty),
        "shadow": adversary.dump(state.shadow),
        "capability": capability.dump(state.capability),
        "between": between.dump(state.between),
        "filled": {name: list(one) for name, one in state.filled.items()},
        "rows": dict(state.counts.rows),
        "ticked_ns": state.ticked_ns,
    }


def load(plain: Mapping[str, Any], own: str, never_to: tuple[str, ...] = (), secret: bytes = b"") -> State:
    """Take what ``dump`` gave."""
    listed = register.read(plain["directory"])
    admitted = [_kept(attachment, persons) for attachment, persons in plain["documents"]]
    return State(
        own=own,
        never_to=never_to,
        secret=secret,
        directory=listed.directory if isinstance(listed, register.Listed) else Directory(version=0),
        directory_text=plain["directory"],
        standings=standing.load(plain["standings"]),
        documents={one.document.sha256: one for one in admitted},
        cadences={name: cadence.load(one) for name, one in plain["cadences"].items()},
        channels={name: channel.load(one) for name, one in plain["channels"].items()},
        envelopes=dict(plain["envelopes"]),
        said={name: (one[0], one[1]) for name, one in plain["said"].items()},
        beaten_ns=dict(plain["beaten_ns"]),
        recalls=[(a, b, msgspec.json.decode(c, type=Recall)) for a, b, c in plain["recalls"]],
        duty=duty.load(plain["duty"]),
        shadow=adversary.load(plain["shadow"]),
        filled={name: (one[0], one[1]) for name, one in plain.get("filled", {}).items()},
        capability=capability.load(plain.get("capability", ())),
        between=between.load(plain["between"]) if "between" in plain else between.init(),
        counts=Counts(dict(plain["rows"])),
        ticked_ns=plain["ticked_ns"],
    )


def _kept(attachment: bytes, persons: Any) -> Admitted:
    """A document that was admitted once; its signatures held under the directory of that day."""
    parts = document.detach(attachment)
    found = document.read(b"" if isinstance(parts, Refusal) else parts[0])
    if not isinstance(found, document.Document):
        raise ValueError("a kept document no longer reads as one")  # our own fault: it did when it was kept
    return Admitted(document=found, persons=msgspec.convert(persons, tuple[Person, ...]), attachment=attachment)
