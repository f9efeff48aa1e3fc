"""What must hold in every step of a simulated federation, whatever fails: checked from outside, by other code.

Nothing here asks the product whether it did right: phases are followed from the statements that were answered, what may
leave is read anew from the rules (``permits.py``), and whose knowledge a craft is stands in a table beside the nodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import numpy as np

from manara.node.state import State
from manara.records.inputs import (
    Acknowledge,
    Answer,
    Answered,
    Arrived,
    Command,
    Effect,
    Input,
    LinkState,
    Publish,
    Refused,
    Stepped,
)
from manara.records.released import DTYPES, Entry, RowTable
from manara.records.tracks import Life
from manara.study.federation.member import Member
from manara.study.federation.papers import START_NS, WINDOW, Papers
from manara.study.federation.permits import Permits
from manara.study.federation.sea import Sea

NEES_999 = 13.816  # of two degrees of freedom
BEYOND_MAX = 0.02  # share of positions beyond it: 0.001 if all were Gaussian; see docs/how-to/simulate.md
NEES_LEAST = 150  # positions before the share means something
NEES_EVERY = 5  # seconds
TRACKS_PER_CRAFT = 4
VIOLATIONS_MAX = 20
STUCK_NS = 25_000_000_000
CLOCK_STEPS = 240  # of each node, for delays
WINDOW_SLACK = 15  # phases, recalls and warnings go on without a receipt
ALARMS = ("behind", "rewritten", "split_view", "unproven", "size_beyond_log", "went_back")


class Violation(NamedTuple):
    """What did not hold, where, and in which second of the run."""

    invariant: str
    node: str
    second: int
    detail: str


class Invariants:
    """Looks on while a federation runs. ``liars``: nodes of whom nothing is asked but that others do not believe
    them; ``exact``: no clock was ever wrong, so that positions can be held against the truth."""

    def __init__(self, papers: Papers, sea: Sea) -> None:
        self.papers, self.sea = papers, sea
        self.permits = Permits(papers, sea)
        self.violations: list[Violation] = []
        self.second = 0
        self.liars: set[str] = set()
        self.exact = True
        self.steps = self.rows = self.positions = self.beyond = 0
        self._published: dict[str, list[tuple[bytes, bytes]]] = {}
        self._applied: dict[tuple[str, str], list[bytes]] = {}
        self._signed: dict[tuple[str, str], int] = {}
        self._logged: dict[tuple[str, str], int] = {}
        self._stepped: dict[str, dict[int, bytes]] = {}
        self._clocks: dict[str, tuple[list[int], list[int]]] = {}
        self._cosigned: dict[tuple[str, str], tuple[int, str]] = {}  # witness, log -> size and root
        self._restored: dict[str, int] = {}  # node -> what witnesses had seen of its log
        self.echoed: dict[str, str] = {}  # whose plots a node passes off as its own
        self.fed = [0, 0]  # positions of craft that are told twice so, and those beyond the bound
        self._phases: dict[str, str] = {}
        self._receipted: dict[str, int] = {}
        self._revoked: dict[str, set[str]] = {}
        self._measured = dict.fromkeys((one.id for one in papers.directory.partners), 0)
        self._forked: dict[str, dict[int, bytes]] = {}
        self._alarmed: set[tuple[str, str]] = set()
        self._expected: set[tuple[str, str]] = set()
        self._numbers: dict[str, set[int]] = {}  # of each stream: numbers under which tracks were told
        self._accepted: set[str] = set()  # offers that their recipient has accepted
        self.handed = 0  # hand-overs that both sides have

    # What members tell

    @property
    def entries(self) -> int:
        """So many were published."""
        return sum(map(len, self._published.values()))

    def failed(self, one: Member, what: str) -> None:
        """The step raised, or a recovery failed."""
        self._broken("exception", one.id, what)

    def opened(self, one: Member) -> None:
        """A node has recovered: it still has everything that it has signed for or told."""
        if one.id in self.liars or one.runner is None:
            return
        reading = one.runner.state.link.reading
        for (node, stream), count in self._signed.items():
            if node == one.id and (stream not in reading or reading[stream].next < count):
                self._broken("acknowledged_lost", node, f"{stream}: it signed for {count} entries and has fewer")
        heads = one.store.heads()
        for (node, stream), count in self._logged.items():
            if node == one.id and heads.get(stream, 0) < count:
                self._broken("acknowledged_lost", node, f"{stream}: {count} entries were told, the log has fewer")

    def forked(self, liar: str, believed: set[str]) -> None:
        """A node goes on from a backup: whoever has believed more of its log than that must notice."""
        self.liars.add(liar)
        self._expected |= {(one, liar) for one in believed}

    def restored(self, one: Member) -> None:
        """A backup is put in the place of what a node has, by mistake: its witnesses know more of its log."""
        self.liars.add(one.id)
        seen = [size for (_, log), (size, _) in self._cosigned.items() if log == f"manara/{one.id}"]
        if max(seen, default=0) > one.backup_size:
            self._restored[one.id] = max(seen)

    def echoes(self, liar: str, whose: str) -> None:
        """A node passes off another's plots as its own: what it tells counts as heard by it."""
        self.liars.add(liar)
        self.echoed[liar] = whose
        self.permits.echo(liar, whose)

    def cosigned(self, one: Member, body: bytes, line: bytes) -> None:
        """A witness that does not lie has cosigned: each log in one history, which only grows."""
        log, size, root = body.partition(b"\n\n")[2].decode().split("\n")[:3]
        before, there = self._cosigned.get((one.id, log), (0, ""))
        if int(size) < before or (int(size) == before and root != there) or not line:
            self._broken("cosigned", one.id, f"{log}: {before} leaves were cosigned, then {size}, of another root")
        self._cosigned[one.id, log] = int(size), root

    def _under_quorum(self, one: Member, after: Stepped[State]) -> None:
        """What a node calls witnessed was cosigned by as many as its agreements ask for."""
        agreed = any(direction.startswith(f"{one.id}>") for direction in self._phases)
        quorum = min(2, len(self.papers.directory.partners) - 1) if agreed else 1
        seen = sorted(
            (size for (_, log), (size, _) in self._cosigned.items() if log == f"manara/{one.id}"), reverse=True
        )
        most = seen[quorum - 1] if len(seen) >= quorum else 0
        if after.views.witnessed > most:
            self._broken("quorum", one.id, f"{after.views.witnessed} leaves count as witnessed, {most} were cosigned")

    def performed(self, one: Member, effect: Effect) -> None:
        """An effect is done: from now on it counts as told."""
        if isinstance(effect, Publish):
            for entry in effect.entries:
                self._logged[one.id, entry.stream] = entry.offset + 1
        elif isinstance(effect, Acknowledge) and one.id not in self.liars:
            said = msgspec.json.decode(effect.statement)
            if said["type"] == "receipt":
                self._receipt(one, said)

    def stepped(self, one: Member, inputs: tuple[Input, ...], before: dict[str, int], after: Stepped[State]) -> None:
        """Each step, also those of a replay."""
        entries = [entry for e in after.effects if isinstance(e, Publish) for entry in e.entries]
        known = self._stepped.setdefault(one.id, {})
        digest = _digest_of(entries)
        sequence = after.state.sequence
        if one.id in self.liars:
            self._lied(entries)
            return
        self._taken(one, inputs, before, after.state, again=sequence in known)
        if sequence in known:
            if known[sequence] != digest:
                self._broken("replay", one.id, f"step {sequence} told something else when it was run again")
            return
        known[sequence] = digest
        self.steps += 1
        clock = self._clocks.setdefault(one.id, ([], []))
        clock[0].append(after.state.now_ns)
        clock[1].append(one.steady_ns)
        for column in clock:
            del column[:-CLOCK_STEPS]
        self._followed(one, inputs, after.effects)
        for entry in entries:
            self._entry(one, entry, after.state.now_ns)
        self._picture(one, after)
        self._handed(one, after)
        self._under_quorum(one, after)

    # One by one

    def _lied(self, entries: Iterable[Entry]) -> None:
        """What a liar tells in the place of what it told before."""
        for entry in entries:
            told, head = self._published.get(entry.stream, []), _hash(entry.head)
            if entry.offset >= len(told) or told[entry.offset][0] != head:
                self._forked.setdefault(entry.stream, {})[entry.offset] = head

    def _taken(
        self, one: Member, inputs: Iterable[Input], before: dict[str, int], after: State, *, again: bool
    ) -> None:
        """Entries that this step took: each once, in order, and the one that was published there."""
        for came in inputs:
            if not isinstance(came, Arrived):
                continue
            first = before.get(came.stream, 0)
            here = after.link.reading.get(came.stream)
            if here is None or not first <= came.offset < here.next:
                continue
            taken = self._applied.setdefault((one.id, came.stream), [])
            head = _hash(came.head)
            if came.offset < len(taken):
                if taken[came.offset] != head or not again:
                    self._broken("twice", one.id, f"{came.stream}: entry {came.offset} was taken twice")
            elif came.offset > len(taken):
                self._broken("order", one.id, f"{came.stream}: entry {came.offset} was taken after {len(taken)}")
            else:
                taken.append(head)
                self._as_published(one, came, head)
        self._counted(one, before, after)

    def _counted(self, one: Member, before: dict[str, int], after: State) -> None:
        """How far each stream was read agrees with how many entries were taken."""
        for stream, here in after.link.reading.items():
            counted = after.link.partners[here.partner].received_entries
            if counted != sum(other.next for other in after.link.reading.values() if other.partner == here.partner):
                self._broken("twice", one.id, f"{stream}: {here.next} places, {counted} entries were taken")
            if here.next < before.get(stream, 0):
                self._broken("order", one.id, f"{stream}: it went back from {before[stream]} to {here.next}")
            if here.next > len(self._applied.get((one.id, stream), ())):
                self._broken("order", one.id, f"{stream}: it counts {here.next} entries and took fewer")

    def _as_published(self, one: Member, came: Arrived, head: bytes) -> None:
        published = self._published.get(came.stream, [])
        if came.offset >= len(published):
            if came.partner not in self.liars:
                self._broken("not_published", one.id, f"{came.stream}: entry {came.offset} was never published")
            return
        if self._forked.get(came.stream, {}).get(came.offset) == head:
            self._both(one, came.stream)
            return
        told_head, told_rows = published[came.offset]
        if head != told_head or (came.blocks and _hash(*(b.rows for b in came.blocks)) != told_rows):
            self._broken("not_published", one.id, f"{came.stream}: entry {came.offset} is not what was published")
        for why in self.permits.known(came, one.id, self.liars):
            self._broken("never_to", one.id, f"{came.stream}: {why}")

    def _both(self, one: Member, stream: str) -> None:
        """A node that took an entry of a rewritten log must not have taken one that it replaced."""
        forked, published = self._forked[stream], self._published.get(stream, [])
        for offset, head in enumerate(self._applied[one.id, stream]):
            there = offset < len(published) and published[offset][0] == head
            if there and forked.get(offset, head) != head:
                self._broken("split_view", one.id, f"{stream}: it believed both histories, from entry {offset} on")
                return

    def _followed(self, one: Member, inputs: Iterable[Input], effects: Iterable[Effect]) -> None:
        """Phases, by what persons' statements were answered."""
        done = {e.name for e in effects if isinstance(e, Answer) and not e.refusal}
        revoked = set(self._revoked.get(one.id, ()))
        for said in inputs:
            if isinstance(said, Answered):
                self._receipted[said.stream] = max(said.next, self._receipted.get(said.stream, 0))
                if said.partner in revoked:
                    self._broken("revoked", one.id, f"a receipt of {said.partner} was taken, whose key is revoked")
            refused = said.why if isinstance(said, Refused) else said.detail if isinstance(said, LinkState) else ""
            if refused.partition(":")[0] in ALARMS and isinstance(said, Refused | LinkState):
                self._alarmed.add((one.id, said.partner))
            if isinstance(said, Command) and said.name in done:
                statement = msgspec.json.decode(msgspec.json.decode(said.envelope)["statement"])
                if statement["type"] == "key.rotate":
                    self._revoked.setdefault(one.id, set()).add(statement["partner"])
                direction = self.permits.direction(statement.get("agreement", ""))
                if direction.partition(">")[0] != one.id:
                    continue
                if statement["type"] == "agreement.suspend":
                    self._phases[direction] = "suspended"
                elif statement["type"] in ("agreement.activate", "agreement.phase", "agreement.resume"):
                    self._phases[direction] = statement["phase"]

    def _entry(self, one: Member, entry: Entry, now_ns: int) -> None:
        told = self._published.setdefault(entry.stream, [])
        if entry.offset != len(told):
            self._broken("order", one.id, f"{entry.stream}: place {entry.offset} was given after {len(told)}")
            return
        told.append((_hash(entry.head), _hash(*(b.rows for b in entry.blocks))))
        if ">" not in entry.stream:
            return
        if entry.offset - self._receipted.get(entry.stream, 0) > WINDOW + WINDOW_SLACK:
            self._broken(
                "window", one.id, f"{entry.stream}: {entry.offset} told, {self._receipted.get(entry.stream)} signed"
            )
        self._offered(one, entry)
        self.rows += sum(len(b.rows) // b.width for b in entry.blocks if b.table)
        for why in self.permits.waited(entry, *self._clocks[one.id]):
            self._broken("permit", one.id, f"{entry.stream} {entry.offset}: {why}")
        for invariant, why in self.permits.entry(entry, self._phases.get(entry.stream, ""), now_ns, self.liars):
            self._broken(invariant, one.id, f"{entry.stream} {entry.offset}: {why}")

    def _offered(self, one: Member, entry: Entry) -> None:
        """An offer names a number that this recipient was told of, in a phase in which tracks are told."""
        numbers = self._numbers.setdefault(entry.stream, set())
        for block in entry.blocks:
            if block.table in (RowTable.PRECISE, RowTable.COARSE):
                numbers.update(np.frombuffer(block.rows, DTYPES[block.table])["track"].tolist())
        head = msgspec.json.decode(entry.head)
        if head["kind"] != "statement":
            return
        said, phase = msgspec.json.decode(head["subject"]), self._phases.get(entry.stream, "")
        if said.get("type") == "handover.offer":
            if int(said["track"]) not in numbers:
                self._broken("handover", one.id, f"{entry.stream}: track {said['track']} is offered, never told")
            if phase not in ("interim", "full"):
                self._broken("handover", one.id, f"{entry.stream}: an offer in phase {phase or 'none'}")

    def _handed(self, one: Member, after: Stepped[State]) -> None:
        """Nobody thinks that another answers for a track who does not think so too."""
        for said in after.views.handovers.all:
            if said.state != "accepted":
                continue
            recipient = said.stream.partition(">")[2]
            if recipient == one.id:
                self._accepted.add(said.id)
            elif said.id not in self._accepted and recipient not in self.liars:
                self._broken(
                    "handover", one.id, f"it leaves track {said.track} to {recipient}, who has not accepted it"
                )

    def _answer_for(self, by: dict[str, Member]) -> None:
        """In the end: who was left a track still knows it, wherever it died meanwhile."""
        for name, one in by.items():
            for said in one.views.handovers.all:
                releaser, _, recipient = said.stream.partition(">")
                other = by[recipient]
                if said.state != "accepted" or releaser != name or {name, recipient} & self.liars or not other.alive:
                    continue
                there = {there.id: there.state for there in other.views.handovers.all}
                if there.get(said.id, "accepted") != "accepted":
                    self._broken("handover", recipient, f"it forgot that it answers for {said.track} of {name}")
                self.handed += 1

    def _receipt(self, one: Member, said: dict[str, Any]) -> None:
        stream, count = said["stream"], int(said["next"])
        if count > len(self._applied.get((one.id, stream), ())):
            self._broken("receipt", one.id, f"{stream}: it signed for {count} entries and took fewer")
        if count < self._signed.get((one.id, stream), 0) and one.lives == 0:
            self._broken("receipt", one.id, f"{stream}: it signed for fewer entries than before")
        self._signed[one.id, stream] = max(count, self._signed.get((one.id, stream), 0))

    def _picture(self, one: Member, after: Stepped[State]) -> None:
        tracks = after.views.tracks
        for why in self.permits.shown(one.id, tracks.identity, self.liars):
            self._broken("never_to", one.id, f"its picture: {why}")
        ghosts = 0 if not self.liars else 1_000
        if len(tracks) > TRACKS_PER_CRAFT * len(self.sea) + 16 + ghosts:
            self._broken("bounded", one.id, f"{len(tracks)} tracks of {len(self.sea)} craft")
        if self.exact and self.liars <= self.echoed.keys() and self.second - self._measured[one.id] >= NEES_EVERY:
            self._measured[one.id] = self.second
            self._honest(after)

    def _honest(self, after: Stepped[State]) -> None:
        """How many positions lie beyond what their covariance says."""
        tracks = after.views.tracks
        t_s = (after.state.now_ns - START_NS) / 1e9
        at = self.sea.index(tracks.identity)
        fresh = after.state.now_ns - tracks.updated_ns < 10_000_000_000
        use = (at >= 0) & (tracks.life >= Life.CONFIRMED) & fresh
        use &= self.sea.straight(t_s)[np.maximum(at, 0)]
        if not use.any():
            return
        lat, lon = (column[at[use]] for column in self.sea.place(t_s))
        n = (tracks.lat_rad[use] - lat) * 6_357_000.0
        e = (tracks.lon_rad[use] - lon) * np.cos(lat) * 6_381_700.0
        ee, en, nn = (tracks.cov[use][:, k] for k in (0, 1, 4))
        nees = (nn * e * e - 2 * en * e * n + ee * n * n) / np.maximum(ee * nn - en * en, 1e-12)
        self.positions += len(nees)
        self.beyond += int(np.count_nonzero(nees > NEES_999))
        twice = self.permits.echoing[at[use]]
        self.fed[0] += int(np.count_nonzero(twice))
        self.fed[1] += int(np.count_nonzero(nees[twice] > NEES_999))

    def ended(self, members: Iterable[Member], lines: Iterable[tuple[str, str]], heads: dict[str, int]) -> None:
        """After the last quiet seconds: everything has come, and covariances were honest. ``heads``: where each stream
        stood some seconds ago."""
        by = {one.id: one for one in members}
        for a, b in lines:
            stream, there = f"{a}>{b}", by[b].views.reading.get(f"{a}>{b}", 0)
            if a not in self.liars and b not in self.liars and there < heads.get(stream, 0):
                self._broken("lost", b, f"{stream}: {heads[stream]} entries were told, {there} came")
        for name, one in by.items():
            if name not in self.liars and one.machine_ns - one.turned_ns > STUCK_NS:
                self._broken("stuck", name, f"no step for {STUCK_NS // 10**9} s: {one.trouble or 'it is not running'}")
        for name, seen in self._restored.items():
            if by[name].alive and not by[name].trouble:
                self._broken("behind", name, f"it signs on from a backup, and witnesses had cosigned {seen} leaves")
        for node, liar in self._expected - self._alarmed:
            if node not in self.liars:
                self._broken("split_view", node, f"nobody noticed that the log of {liar} was rewritten")
        self._answer_for(by)
        self._honesty()

    def _honesty(self) -> None:
        if self.positions >= NEES_LEAST and self.beyond > BEYOND_MAX * self.positions:
            self._broken("covariance", "", f"{self.beyond} of {self.positions} positions beyond the 99.9 % bound")
        if self.fed[0] >= NEES_LEAST and self.fed[1] > BEYOND_MAX * self.fed[0]:
            self._broken("covariance", "", f"{self.fed[1]} of {self.fed[0]} positions of a false pedigree beyond it")

    def _broken(self, invariant: str, node: str, detail: str) -> None:
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(Violation(invariant, node, self.second, detail))


def _hash(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for one in parts:
        digest.update(one)
    return digest.digest()


def _digest_of(entries: Iterable[Entry]) -> bytes:
    return _hash(*(part for one in entries for part in (one.head, *(b.rows for b in one.blocks))))
