"""The node's door: what goes into a step and what comes out. Changes are inputs; reads are views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from manara.records.agreement import Agreement
from manara.records.capability import Entry as Capable
from manara.records.columns import F8, I8, U1, U8
from manara.records.confidence import Apart, Reliability
from manara.records.coverage import Joined
from manara.records.directory import Area
from manara.records.handovers import Handovers
from manara.records.particulars import Particulars, SafetyText, SensorStatus
from manara.records.partners import PartnerStatus, Regions, Warned
from manara.records.released import Block, Entry, Rows, Terms
from manara.records.sensors import FeedHealth, Registration
from manara.records.tracks import Tracks
from manara.records.warnings import Draft


class Chunk(msgspec.Struct, frozen=True, tag="chunk", array_like=True):
    """Bytes of one feed. ``whole``: a datagram, nothing continues into the next chunk."""

    feed: int
    data: bytes
    received_ns: int
    whole: bool = False


class FeedState(msgspec.Struct, frozen=True, tag="feed", array_like=True):
    """A feed opened, was lost, or ended. ``state``: live, lost, ended, waiting."""

    feed: int
    state: str
    detail: str
    received_ns: int


class ClockJump(msgspec.Struct, frozen=True, tag="jump", array_like=True):
    """Negative: the machine's clock went back; the node's runs on. Positive: the node's clock leapt ahead by so much
    more than time passed, so that whatever waits for its time waits so much longer."""

    by_ns: int
    received_ns: int


class Away(msgspec.Struct, frozen=True, tag="away", array_like=True):
    """The node was off, by its clock for so long: nobody knows whether it was set meanwhile, so whatever waits for its
    time waits on from where it stood."""

    by_ns: int
    received_ns: int


class Overflow(msgspec.Struct, frozen=True, tag="overflow", array_like=True):
    """The host's queue for a feed was full; so many bytes were dropped, and are counted."""

    feed: int
    dropped: int
    received_ns: int


class Skip(msgspec.Struct, frozen=True, tag="skip", array_like=True):
    """An input that was in flight at two crashes and is passed over from now on (poison)."""

    sequence: int
    feed: int
    received_ns: int
    why: str = "poison"


class Command(msgspec.Struct, frozen=True, tag="command", array_like=True):
    """A signed statement of persons, as it was handed in (docs/spec/statements.md). ``name``: under which the answer is
    given."""

    name: str
    envelope: bytes
    received_ns: int
    attachments: tuple[bytes, ...] = ()  # documents that the statement speaks of, with their signatures behind them


class Carried(msgspec.Struct, frozen=True, tag="carried", array_like=True):
    """What a node keeps when it begins anew under other feeds or sensors: agreements, places in streams, what it has
    of partners (node/state.py). The host hands it in before anything else."""

    kept: bytes
    received_ns: int


class Directed(msgspec.Struct, frozen=True, tag="directed", array_like=True):
    """The directory's file as it stands beside the configuration. ``directory``: JSON of records.directory.Directory;
    ``sha256``: of the file's own bytes. It replaces an earlier one only with a higher version."""

    sha256: str
    directory: bytes
    received_ns: int


class Arrived(msgspec.Struct, frozen=True, tag="arrived", array_like=True):
    """An entry of a partner's stream whose path to that partner's log the host has checked."""

    partner: str
    stream: str
    offset: int
    head: bytes
    blocks: tuple[Block, ...]
    received_ns: int
    root: bytes = b""  # of the entry: what the receipt speaks of


class Answered(msgspec.Struct, frozen=True, tag="answered", array_like=True):
    """A partner's signed receipt for a stream of ours, checked by the host: it has everything before ``next``."""

    partner: str
    stream: str
    next: int
    envelope: bytes
    received_ns: int


class Refused(msgspec.Struct, frozen=True, tag="refused", array_like=True):
    """Something from a partner was turned away at the door, and why."""

    partner: str
    why: str
    detail: str
    received_ns: int


class LinkState(msgspec.Struct, frozen=True, tag="link", array_like=True):
    """A partner's link opened, was lost, or its clock was measured. ``state``: live, lost, waiting, refused."""

    partner: str
    state: str
    detail: str
    received_ns: int
    offset_ns: int = 0  # partner's clock less ours


class Erased(msgspec.Struct, frozen=True, tag="erased", array_like=True):
    """The host has deleted the keys of so many rows, as an ``Erase`` asked."""

    recall: str
    stream: str
    count: int
    received_ns: int


class Decided(msgspec.Struct, frozen=True, tag="decided", array_like=True):
    """A person at the desk takes or closes a draft of the inbox (records/warnings.py). ``act``: take, close; ``by``:
    who, as the desk knows."""

    draft: int
    act: str
    by: str
    received_ns: int


class Ruled(msgspec.Struct, frozen=True, tag="ruled", array_like=True):
    """An officer at the desk lets a partner's rows out of quarantine, or puts all of them there. ``track``: our id of
    one, 0: all of the partner; ``act``: release, hold; ``by``: who, as the desk knows."""

    partner: str
    track: int
    act: str
    by: str
    received_ns: int


class Published(msgspec.Struct, frozen=True, tag="published", array_like=True):
    """The log took a tick: its leaf, and the log's size and root with it."""

    tick_ns: int
    leaf: int
    size: int
    root: bytes
    received_ns: int


class Witnessed(msgspec.Struct, frozen=True, tag="witnessed", array_like=True):
    """So many witnesses have cosigned the log at this size."""

    size: int
    witnesses: tuple[str, ...]
    received_ns: int


class Epoch(msgspec.Struct, frozen=True, tag="epoch", array_like=True):
    """A log begins anew: this node's, or a partner's, by the word of two of its persons (host/log_epochs.py).
    ``first``: the place from which every stream of it goes on; ``next``: of our own, streams that stand beyond that
    already; ``old_size``: leaves of the head that the statement names; ``held``: of that log, leaves known here;
    ``by``: who signed."""

    partner: str
    epoch: int
    first: int
    next: dict[str, int]
    old_size: int
    held: int
    by: tuple[str, ...]
    received_ns: int


class Replayed(msgspec.Struct, frozen=True, tag="replayed", array_like=True):
    """What one tick of the past lets go to a new recipient, by a replay under today's agreement (node/backfill.py).
    ``of_ns``: that tick; ``policy``, ``phase``: under which it was decided; it goes only while they hold."""

    recipient: str
    policy: str
    phase: str
    of_ns: int
    terms: tuple[Terms, ...]
    blocks: tuple[Block, ...]
    received_ns: int


S = TypeVar("S")

Input = (
    Chunk
    | FeedState
    | ClockJump
    | Away
    | Overflow
    | Skip
    | Command
    | Carried
    | Directed
    | Erased
    | Decided
    | Ruled
    | Arrived
    | Answered
    | Refused
    | LinkState
    | Published
    | Witnessed
    | Epoch
    | Replayed
)


class Send(msgspec.Struct, frozen=True, tag="send", array_like=True):
    """Put bytes out of a named exit (host/exits.py). ``effect_id`` repeats when the step is repeated."""

    effect_id: int
    exit: str
    data: bytes


class Publish(msgspec.Struct, frozen=True, tag="publish", array_like=True):
    """Put the entries of one tick into the log and let each recipient fetch its own. One leaf."""

    effect_id: int
    tick_ns: int
    entries: tuple[Entry, ...]


class Acknowledge(msgspec.Struct, frozen=True, tag="acknowledge", array_like=True):
    """Sign the statement with the node's own key, hand it to the partner, and give it to the log."""

    effect_id: int
    partner: str
    statement: bytes  # RFC 8785 JSON


class Answer(msgspec.Struct, frozen=True, tag="answer", array_like=True):
    """What became of a command: "" when it was done, else why not."""

    effect_id: int
    name: str
    refusal: str
    detail: str = ""


class Erase(msgspec.Struct, frozen=True, tag="erase", array_like=True):
    """Delete the keys of what a partner recalled: these tracks (its numbers for us; empty: all) of this stream between
    two times, wherever the node keeps them. ``recall``: hash of the statement."""

    effect_id: int
    recall: str
    stream: str
    tracks: tuple[int, ...]
    from_ns: int
    to_ns: int


class Tell(msgspec.Struct, frozen=True, tag="tell", array_like=True):
    """Hand an envelope that persons have signed on to a partner."""

    effect_id: int
    partner: str
    envelope: bytes


Effect = Send | Publish | Acknowledge | Answer | Erase | Tell


@dataclass(frozen=True, eq=False)
class Trails:
    """Where tracks were: rings of recent positions. ``track_id`` (n,) uint64; the others (n, length), newest at
    column ``head`` - 1; time 0 where nothing stands."""

    track_id: U8
    head: int
    time_ns: I8
    lat_rad: F8
    lon_rad: F8


@dataclass(frozen=True, eq=False)
class Views:
    """What the last step published for reading. Immutable: readers keep a reference, never write."""

    now_ns: int = 0
    sequence: int = 0
    own: str = ""  # the partner whose node this is; "": it shares with nobody
    tracks: Tracks = field(default_factory=lambda: Tracks.blank(0))
    sources: tuple[int, ...] = ()  # slot -> source id, as in Tracks.sources
    source_names: Mapping[int, str] = field(default_factory=dict)
    particulars: Mapping[int, Particulars] = field(default_factory=dict)  # identity -> the latest of each word
    texts: tuple[SafetyText, ...] = ()  # the latest, bounded
    status: Mapping[int, SensorStatus] = field(default_factory=dict)  # source -> latest
    health: tuple[FeedHealth, ...] = ()
    registered: tuple[Registration, ...] = ()  # what is believed to be wrong with each source of plots or reports
    trails: Trails | None = None
    attention: U1 | None = None  # (n,) per track: 0 ordinary, 1 worth a look, 2 emergency or distress
    trouble: str = ""  # why the picture does not go on (a full disk, a damaged journal); "": it does
    pedigree: U8 | None = None  # (n,) per track: partners that contributed (directory's order), bit 63: undisclosed
    regions: Regions | None = None  # where partners say that something is, within a cell
    partners: tuple[PartnerStatus, ...] = ()
    reliability: tuple[Reliability, ...] = ()  # of partners, by domain and area, as our own sensors bear them out
    credibility: U1 | None = None  # (n,) per track: confidence.Credibility
    apart: Apart | None = None  # partners' tracks in quarantine
    labels: Mapping[int, tuple[tuple[int, str, str], ...]] = field(default_factory=dict)  # track -> partner, word, TLP
    whole: Mapping[int, str] = field(default_factory=dict)  # partners all of whose rows are, and why
    warned: tuple[Warned, ...] = ()  # what partners warn of, the newest last, bounded
    areas: tuple[Area, ...] = ()  # all published areas, as the directory lists them
    drafts: tuple[Draft, ...] = ()  # what persons are asked to look at, the newest last (warning/inbox.py)
    capability: tuple[Capable, ...] = ()  # the register: our own entries, then what partners told of theirs
    coverage: Joined | None = None  # what we and our partners cover, and cells of our own areas that nobody does
    told_gaps: Mapping[int, Rows] = field(default_factory=dict)  # place of a partner -> its gaps (picture/coverage.py)
    reading: Mapping[str, int] = field(default_factory=dict)  # partners' streams -> the offset wanted next
    signed: Mapping[str, int] = field(default_factory=dict)  # our streams -> entries signed for by their recipient
    cut: Mapping[str, int] = field(default_factory=dict)  # our streams -> rows before this place are not given any more
    standings: bytes = b""  # how agreements stand, as JSON of release.standing.Standings
    log_size: int = 0  # leaves of the node's own log
    witnessed: int = 0  # of them under a quorum of witnesses
    measured: tuple[tuple[str, Agreement], ...] = ()  # agreements that stand and measure times, by their hash
    handovers: Handovers = Handovers()  # tracks that were offered to or by partners, or might be
    refused: Mapping[str, int] = field(default_factory=dict)  # rows that tracking did not use, by reason, this step


@dataclass(frozen=True, eq=False)
class Stepped(Generic[S]):
    """What one step gives back. ``state`` is the node's; nobody else looks into it."""

    state: S
    effects: tuple[Effect, ...]
    views: Views
