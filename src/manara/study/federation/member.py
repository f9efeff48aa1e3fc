"""One partner of the simulated federation: a real step under a real runner, and the host's part as a double.

::

    chunks, what partners sent, commands ─▶ runner (journal, step) ─▶ effects ─▶ perform ─▶ log, answers, outgoing
                                                    │ PowerCut anywhere: it dies, and opens again from its disks

What ``host/sharing.py`` promises is kept here: effects in order, Publish last, nothing told before its input is synced,
what could not be done is owed and no step follows before it is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec

from manara.node import state as node
from manara.node.durable.disk import DiskError
from manara.node.durable.frames import About
from manara.node.durable.recovery import Machine
from manara.node.durable.runner import Limits, Runner
from manara.node.step import step
from manara.records.config import NodeConfig
from manara.records.directory import Partner
from manara.records.inputs import (
    Acknowledge,
    Answer,
    Answered,
    Chunk,
    Command,
    Directed,
    Effect,
    Erase,
    Erased,
    Input,
    LinkState,
    Publish,
    Refused,
    Stepped,
    Tell,
    Views,
)
from manara.records.sensors import FeedConfig
from manara.release import register, standing, statements
from manara.release.statements import Receipt, Verified
from manara.study.federation.chance import Chance
from manara.study.federation.disks import Power, PowerCut, SimDisk
from manara.study.federation.papers import Papers, Signer
from manara.study.federation.sea import FEEDS
from manara.study.federation.store import Store

ABOUT = About(build="simulated", glibc="", cpu="", numba="")
LIMITS = Limits(steps_per_snapshot=40, segment_bytes=4 << 20)
PENDING_MAX = 4_096  # inputs that wait while a disk refuses
OUTGOING_MAX = 256
TAKEN_S = 15.0  # what was handed in and is not taken by then is fetched again
ASK_S = 5.0  # how long the first step waits for the witnesses of a log that is not new
_DISKS = ("vault", "log", "received", "witness", "journal", "memory")


@dataclass(frozen=True)
class Host:
    """The parts that a host brings (host/simulated.py). ``refusals``: what a store raises beside DiskError."""

    store: Callable[..., Store]
    signer: Callable[[bytes], Signer]
    checked: Callable[..., tuple[Any, ...]]
    refusals: tuple[type[Exception], ...] = ()


class Watch(Protocol):
    """Whoever looks on."""

    def opened(self, one: Member) -> None:
        """It has started and recovered."""
        ...

    def stepped(
        self, one: Member, inputs: tuple[Input, ...], before: dict[str, int], after: Stepped[node.State]
    ) -> None:
        """A step was run, perhaps again. ``before``: how far each stream was read."""
        ...

    def performed(self, one: Member, effect: Effect) -> None:
        """An effect was done."""
        ...

    def failed(self, one: Member, what: str) -> None:
        """Something raised."""
        ...

    def cosigned(self, one: Member, body: bytes, line: bytes) -> None:
        """It has cosigned a checkpoint that it was shown."""
        ...


class Known(NamedTuple):
    """The newest checkpoint believed of a partner's log."""

    size: int = 0
    root: bytes = b""
    signed: bytes = b""


class Member:
    """A node, its disks and its host. ``skew_ns``: how far its clock is from the truth; ``down``: ticks until it is
    started again after it died."""

    def __init__(self, name: str, papers: Papers, host: Host, watch: Watch, seed: str) -> None:
        self.id, self.papers, self._host, self._watch = name, papers, host, watch
        self._refusals: tuple[type[Exception], ...] = (DiskError, *host.refusals)
        self.chance = Chance(f"{seed}/{name}")
        self.power = Power(self.chance)
        self.disks = {one: SimDisk(self.power) for one in _DISKS}
        feeds = tuple(
            FeedConfig(name=f, url="-", format="geojson", sensitivity="closed" if f == "close" else "open")
            for f in FEEDS
        )
        never = papers.never_to.get(name, ())
        self.config = NodeConfig(name=name, partner=name, feeds=feeds, capacity=512, stale_s=60.0, never_to=never)
        self.spool: dict[str, Command] = {}
        self.skew_ns = self.machine_ns = self.steady_ns = self.lives = self.down = 0
        self.torn, self.every = True, 1
        self.ghosts, self.silent = 0, False
        self.echoes = -1  # whose open feed it passes off as its own
        self.deaf = False  # it does not ask the witnesses of its log
        self.perjures = False  # as a witness it signs with a wrong key
        self._backup: dict[str, SimDisk] = {}
        self.backup_size = self.turned_ns = 0
        self._store: Store | None = None
        self.runner: Runner[node.State] | None = None
        self._forget()

    def _forget(self) -> None:
        """What a process holds in memory."""
        self.views, self._ready = Views(), False  # as host/door.py: before the first step nobody comes in
        self.standings = standing.init()
        self.waiting: list[Input] = []
        self._owed: list[Effect] = []
        self._undone: list[Effect] = []
        self.trouble = ""
        self.outgoing: dict[str, list[tuple[str, bytes]]] = {}
        self._taken: set[str] = set()
        self._handed: dict[str, tuple[int, int]] = {}  # stream -> offset wanted next, when it was handed in
        self._known: dict[str, Known] = {}
        self._said: dict[str, tuple[str, int]] = {}
        self._seen: dict[str, int] = {}  # witness -> leaves of our log that it has seen
        self._shows: dict[str, tuple[int, bytes]] = {}
        self._unasked: set[str] = set()
        self._opened_ns = self.machine_ns

    @property
    def alive(self) -> bool:
        """Does its process run?"""
        return self.runner is not None

    @property
    def now_ns(self) -> int:
        """Node time."""
        if self.runner is None:
            return self.machine_ns
        return self.runner.stamp(self.machine_ns, self.steady_ns)

    @property
    def store(self) -> Store:
        """What it keeps; only while it is alive."""
        if self._store is None:
            raise RuntimeError(f"{self.id} is not alive")  # a fault of the simulator
        return self._store

    def _running(self) -> Runner[node.State]:
        if self.runner is None:
            raise RuntimeError(f"{self.id} is not alive")  # as above
        return self.runner

    # Life and death

    def tick(self, machine_ns: int, heard: Sequence[tuple[int, bytes]]) -> None:
        """A second of its life."""
        self.machine_ns, self.steady_ns = machine_ns, machine_ns - self.skew_ns
        if self.down:
            self.down -= 1
            return
        try:
            if self.runner is not None:
                self._turn(heard)
            else:
                self._open()  # its lines ask for everything before the first step has said how far it came
        except PowerCut:
            self.die()

    def die(self, ticks: int = 0) -> None:
        """The process ends here, wherever it stands; ``torn``: and the machine with it."""
        self.runner = self._store = None
        self._forget()
        self.power.cut_in = 0
        for disk in self.disks.values():
            disk.power_on(torn=self.torn)
        self.down = ticks or self.chance.integer(0, 8)
        self.lives += 1

    def backup(self) -> None:
        """Somebody copies its disks."""
        if self.alive:
            self._backup = {name: disk.copy(self.power) for name, disk in self.disks.items()}
            self.backup_size = self.store.size

    def restore(self) -> bool:
        """Somebody puts the copy in the place of what it has; False when there is none."""
        if not self._backup:
            return False
        self.die(2)
        self.disks, self._backup = self._backup, {}
        return True

    def _open(self) -> None:
        keys = tuple(self.papers.keys[f"{self.id}/{one}"] for one in ("ledger", "witness"))
        parts, directory = tuple(self.disks[one] for one in _DISKS[:4]), self.papers.directory
        try:
            self._store = self._host.store(parts, self.id, keys, directory, lambda: self.machine_ns, self.chance.data)
        except DiskError:
            return  # a full disk: whoever looks after the machine starts it again
        self._opened_ns = self.machine_ns
        self._unasked = {one for one in self._neighbours() if self.store.size and not self.deaf}
        sha256 = register.directory_sha256(self.papers.listed)
        self.waiting = [Directed(sha256, self.papers.listed, self.machine_ns)]
        through = self.store.last_effect_id
        self.runner = Runner(self.disks["journal"], self._machine(), ABOUT, LIMITS, done_through=through)
        if self.runner.halted is not None and self.runner.halted.why in ("damaged", "step"):
            self._watch.failed(self, f"recovery: {self.runner.halted}")
        self._performed(self.runner, self.runner.waiting())
        if self.runner.halted is None:
            self._watch.opened(self)

    def _neighbours(self) -> set[str]:
        """Whom it has a line to."""
        pairs = (one.split(">") for one in self.papers.agreements)
        return {b for a, b in pairs if a == self.id}

    def _machine(self) -> Machine[node.State]:
        secret = hashlib.sha256(b"secret of " + self.id.encode()).digest()
        return Machine(
            init=lambda: node.init(self.config, secret),
            step=self._step,
            dump=node.dump,
            load=lambda plain: node.load(plain, self.config, secret),
        )

    def _step(self, state: node.State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[node.State]:
        whole = self.store.fill(inputs)
        before = {name: one.next for name, one in state.link.reading.items()}
        stepped = step(state, whole, now_ns)
        self._watch.stepped(self, whole, before, stepped)
        return stepped

    def _turn(self, heard: Sequence[tuple[int, bytes]]) -> None:
        runner = self._running()
        self.waiting += [Chunk(feed, data, self.now_ns) for feed, data in heard if data]
        for name, command in self.spool.items():
            if name not in self._taken:
                self._taken.add(name)
                self.waiting.append(msgspec.structs.replace(command, received_ns=self.now_ns))
        del self.waiting[:-PENDING_MAX]
        if self.trouble and not self.perform(()):
            return
        inputs, self.waiting = self.waiting, []
        runner.offer([self.store.bare(one) for one in inputs])
        if runner.halted is not None:
            runner.resume()
        result = runner.turn(self.machine_ns, self.steady_ns)
        self.turned_ns = self.turned_ns if result.halted else self.machine_ns
        if result.recovered is not None:
            self._watch.failed(self, f"the step raised: {result.recovered.crash}")
        self._performed(runner, result.effects)
        self._shown(result.views)

    def _shown(self, views: Views) -> None:
        if views.standings and views.standings != self.views.standings:
            self.standings = standing.load(msgspec.json.decode(views.standings))
        self.views, self._ready = views, True

    # Effects

    def _performed(self, runner: Runner[node.State], effects: Sequence[Effect]) -> None:
        self._undone += effects
        if self.perform(effects):
            runner.done([one.effect_id for one in self._undone])
            self._undone = []

    def perform(self, effects: Sequence[Effect]) -> bool:
        """Do it, in order; False when something is owed."""
        self._owed += effects
        self.trouble = ""
        while self._owed:
            try:
                self._one(self._owed[0])
            except self._refusals as fault:
                self.trouble = str(fault)
                return False
            self._watch.performed(self, self._owed.pop(0))
        return True

    def _one(self, effect: Effect) -> None:
        if isinstance(effect, Publish):
            if self._unasked and self.machine_ns - self._opened_ns < ASK_S * 1e9:
                raise DiskError("io", "the witnesses of the log were asked and have not answered")
            self.waiting.append(self.store.publish(effect))
        elif isinstance(effect, Answer):
            self.spool.pop(effect.name, None)
            self._taken.discard(effect.name)
        elif isinstance(effect, Acknowledge):
            kind = "receipt" if b'"type":"receipt"' in effect.statement else "statement"
            self._send(effect.partner, kind, self.papers.of_node(effect.statement, self.id))
        elif isinstance(effect, Tell):
            self._send(effect.partner, "statement", effect.envelope)
        elif isinstance(effect, Erase):
            count, _ = self.store.erase(effect)
            self.waiting.append(Erased(effect.recall, effect.stream, count, self.now_ns))

    def _send(self, partner: str, kind: str, envelope: bytes) -> None:
        queue = self.outgoing.setdefault(partner, [])
        queue.append((kind, envelope))
        del queue[:-OUTGOING_MAX]

    # The door: what partners ask and hand in

    def serve(self, partner: str, stream: str, first: int, size: int) -> bytes | str:
        """What a partner gets who asks for its stream."""
        if not self._ready:
            return "busy"
        ours, theirs = f"{self.id}>{partner}", f"{partner}>{self.id}"
        told = ours in self.store.heads()
        agreed = ours in self.standings.agreements or theirs in self.standings.agreements
        if stream != ours or not (told or agreed):
            return "no_agreement"
        try:
            found: bytes | str = self.store.answer(stream, first, size, self.now_ns)
        except DiskError:
            return "disk"
        return found

    def hear(self, partner: str, kind: str, envelope: bytes) -> str:
        """A receipt or statement that a partner hands in; "" when it goes to the step."""
        if not self._ready:
            return "busy"
        found = statements.verify(envelope, self.papers.directory)
        if not isinstance(found, Verified):
            return found.why
        keys = {one.agreement_key for one in self.papers.directory.partners if one.id in found.nodes}
        if keys & set(self.standings.revoked):
            return "revoked"
        if kind == "receipt":
            said = found.statement
            if not isinstance(said, Receipt) or found.nodes != (partner,):
                return "not_a_receipt"
            self.waiting.append(Answered(partner, said.stream, int(said.next), envelope, self.now_ns))
        else:
            self.waiting.append(Command(f"from-{partner}-{found.sha256[:16]}", envelope, self.now_ns))
        return ""

    # Witnesses: what it shows to those of its log, and what it answers as one

    def show(self, partner: str) -> bytes | None:
        """The newest checkpoint for this witness; None: it has seen it."""
        found = None if self.deaf else self.store.show(partner, self._seen.get(partner, 0))
        if found is None:
            self._unasked.discard(partner)
            return None
        self._shows[partner] = found[:2]
        return found[2]

    def shown(self, partner: str, status: int, body: bytes) -> None:
        """What this witness answered."""
        if partner in self._shows:
            try:
                before = self._seen.get(partner, 0)
                self._seen[partner], told = self.store.shown(partner, before, *self._shows[partner], status, body)
            except DiskError:
                return
            except PowerCut:
                self.die()
                return
            self.waiting += told
            self._unasked.discard(partner)

    def cosign(self, body: bytes) -> tuple[int, bytes]:
        """Another's log, before this node's witness."""
        try:
            status, answer = self.store.cosign(body, self.now_ns)
        except PowerCut:
            self.die()
            return 0, b""
        if status == 200 and self.perjures:
            key = base64.b64encode(self.chance.data(76)).decode()
            return 200, f"— manara-witness/{self.id} {key}\n".encode()
        if status == 200:
            self._watch.cosigned(self, body, answer)
        return status, answer

    # The lines: what it fetches of partners

    def wanted(self, partner: str) -> tuple[str, int, int]:
        """Stream, offset and size of the newest log known: what it asks a partner for."""
        stream = f"{partner}>{self.id}"
        taken = self.views.reading.get(stream, 0)
        handed, since = self._handed.get(stream, (0, 0))
        if handed > taken and self.machine_ns - since > TAKEN_S * 1e9:
            handed = taken
        return stream, max(handed, taken), self.last(partner).size

    def answered(self, partner: str, first: int, data: bytes | str) -> None:
        """What came of it: checked, kept, handed to the next step."""
        try:
            self._answered(partner, first, data)
        except PowerCut:
            self.die()

    def _answered(self, partner: str, first: int, data: bytes | str) -> None:
        if isinstance(data, str):
            self._say(partner, "refused", data, 0)
            return
        stream, known = f"{partner}>{self.id}", self._partner(partner)
        found = self._host.checked(data, known, stream, first, tuple(self.last(partner)), self.now_ns)
        if len(found) == 2:
            self.waiting.append(Refused(partner, found[0], found[1][:300], self.now_ns))
            self._say(partner, "refused", found[0], 0)
            return
        arrived, newest, told_ns = found
        try:
            if newest[0] > self.last(partner).size:
                self.disks["memory"].write_whole(f"{partner}.checkpoint", msgspec.msgpack.encode(newest))
                self._known[partner] = Known(*newest)
            if arrived:
                self.store.keep(partner, data, self.now_ns)
        except DiskError:
            return
        self._say(partner, "live", "", told_ns - self.now_ns)
        if arrived:
            self.waiting += arrived
            self._handed[stream] = (first + len(arrived), self.machine_ns)

    def last(self, partner: str) -> Known:
        """The newest checkpoint believed."""
        if partner not in self._known:
            disk, name = self.disks["memory"], f"{partner}.checkpoint"
            there = name in disk.names()
            self._known[partner] = (
                Known(*msgspec.msgpack.decode(disk.read(name, 0, disk.size(name)))) if there else Known()
            )
        return self._known[partner]

    def _partner(self, partner: str) -> Partner:
        return next(one for one in self.papers.directory.partners if one.id == partner)

    def _say(self, partner: str, state: str, detail: str, offset_ns: int) -> None:
        before = self._said.get(partner, ("", 0))
        if before[0] != state + detail or abs(before[1] - offset_ns) > 1_000_000_000:
            self._said[partner] = (state + detail, offset_ns)
            self.waiting.append(LinkState(partner, state, detail[:300], self.now_ns, offset_ns))
