"""What shares with partners, beside a running node: its keys, its log, its door and the lines that it calls out on.

::

    step ─▶ effects ─▶ perform: Answer, Erase, Tell, Acknowledge, Publish (last: the log remembers how far it came)
     ▲                                                          └─▶ door (partners pull), witnesses
     └── take ◀─ directory, commands, what partners sent, what the log took

``perform`` runs in the step's thread, before anybody sees the step's views; everything else on the event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import msgspec

from manara.host import backfill, commands, directory, given, keys, log_epochs, promised, retention, tls
from manara.host.broker_line import BrokerLine, Ends
from manara.host.brokering import Brokering
from manara.host.disk import FolderDisk
from manara.host.door import BUSY, Door
from manara.host.epochs import Epochs
from manara.host.link_checks import Refusal, Remembered
from manara.host.link_client import LinkClient, Peer, Unreachable
from manara.host.link_memory import FolderMemory
from manara.host.log_names import log_key, log_name, witness_key, witness_name
from manara.host.log_store import LogStore, MustNotSign
from manara.host.problems import BadInput
from manara.host.received import Received
from manara.host.vault import HOUR_NS, Hold, Vault, WipingDisk
from manara.host.waiting import Waiting
from manara.host.witness_desk import WitnessDesk, accused_name
from manara.host.witnessing import UNREACHABLE, Holds, Post, Witnessing, neutral, poster
from manara.ledger import note
from manara.link import heads, wire
from manara.node.durable.disk import DiskError
from manara.records.config import NodeConfig
from manara.records.directory import Partner
from manara.records.inputs import (
    Acknowledge,
    Answer,
    Command,
    Directed,
    Effect,
    Epoch,
    Erase,
    Erased,
    Input,
    Publish,
    Refused,
    Replayed,
    Tell,
    Views,
)
from manara.records.partners import Given
from manara.release import standing, statements

SECRET = b"manara/pseudonyms/v1\n"
SPOOL_S = 0.2
END_NS = (1 << 63) - 1
OUTGOING_MAX = 256  # envelopes for one partner; of receipts only the newest of a stream waits


class Sharing:
    """One node's dealings with partners. Raises BadInput when keys, directory or folder cannot be used."""

    def __init__(self, config: NodeConfig, base: Path, folder: Path, now_ns: Callable[[], int]) -> None:
        """``base``: beside what the configuration's paths are; ``folder``: the node's own; ``now_ns``: node time."""
        self.config, self.folder, self._now_ns = config, folder, now_ns
        self.listed = directory.load(base / config.directory)
        self.keys = keys.load_or_make(base / config.keys, config.partner)
        self._check_own(str(base / config.directory))
        self.secret = hashlib.sha256(self.keys.agreement.sign(SECRET)).digest()
        try:
            keyed, logged = WipingDisk(folder / "vault"), FolderDisk(folder / "log")
            self._disks = (keyed, logged, FolderDisk(folder / "witness"))
            self.vault = Vault(keyed)
            self.log = LogStore(logged, self.keys.ledger, self.vault, log_name(config.partner), config.partner)
            self.received = Received(FolderDisk(folder / "received"), self.vault)
        except DiskError as fault:
            raise BadInput(str(fault), str(folder)) from None
        keep_ns = int(config.journal_days * retention.DAY_NS)
        self.promised = promised.Following(self.log, self.received, config.partner)
        self.sweeper = retention.Sweeper(
            self.received, self.log, self.vault, config.partner, keep_ns, folder / "retention"
        )
        self.memory = FolderMemory(folder / "partners", now_ns)
        self.witness = WitnessDesk(self._disks[2], self.keys.witness, witness_name(config.partner), self._logs())
        self.epochs = Epochs(
            self.log, self.memory, config.partner, self.listed.directory, folder, now_ns, self._began_anew
        )
        self.witnessing = Witnessing(self.log, self._quietly, now_ns)
        for partner in self._others():
            if partner.witness_key and partner.url and partner.tls_certificate:
                self.witnessing.expect(witness_name(partner.id))
        self.room = backfill.Room(self.log.heads)
        self.door = Door(config, self.listed.directory, self.log, self.witness, self.room, self._offer_one, now_ns)
        self._given = {one.id: given.Stream(self.log, config.partner, one.id) for one in self._others()}
        self.brokering = Brokering(config, base, folder, self.keys, self.listed.directory, now_ns)
        self.door.carry = self.brokering.desk
        self.door.accuse, self.door.held = self._accuse, self._held
        self._gaps = backfill.Gaps()
        self._session: aiohttp.ClientSession | None = None
        self.wake = asyncio.Event()
        self.trouble = ""
        self._views = Views()
        self._standings = standing.init()
        self._waiting = Waiting(len(self._others()))
        self._waiting.append(Directed(self.listed.sha256, self.listed.text, now_ns()))
        self._taken: set[str] = set()
        self._owed: list[Effect] = []
        self._outgoing: dict[str, asyncio.Queue[tuple[str, bytes]]] = {}
        self._clients: dict[str, LinkClient] = {}
        self._lines: dict[str, BrokerLine] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # The step's side

    def take(self) -> list[Input]:
        """What came since the last call, in order; of each partner what its budget for a step buys."""
        self.door.taken()
        return [*self.epochs.news(), *self._waiting.take()]

    def fill(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """Inputs as the journal names them, with the rows that lie in the store of what partners sent."""
        return self.received.fill(inputs)

    def perform(self, effects: tuple[Effect, ...]) -> bool:
        """Do it, in order. False when the log or a disk refused: what is left is owed and tried again at the next
        call, and no step may be run before."""
        self._owed += effects
        self.trouble = ""
        while self._owed:
            try:
                self._one(self._owed[0])
            except (DiskError, MustNotSign, BadInput) as fault:
                self.trouble = str(fault)
                return False
            self._owed.pop(0)
        return True

    def shown(self, views: Views) -> None:
        """What the step published: who may fetch what, and from where partners' streams are wanted."""
        changed = views.standings != self._views.standings
        if views.handovers != self._views.handovers:
            commands.publish_handovers(self.folder, views.handovers, views.now_ns)
        self._views = views
        if changed and views.standings:
            self._standings = standing.load(msgspec.json.decode(views.standings))
            commands.publish(self.folder, self._standings)
            self._keep_holds()
        self.door.shown(views, self._standings, changed)

    def given(self, partner: str) -> Given | None:
        """What a partner has of this node now, read from its own stream in our log."""
        return self._given[partner].given() if partner in self._given else None

    def _sweep(self, dry: bool) -> tuple[retention.Swept, ...]:
        return self.sweeper.run(self._now_ns(), dry)

    def _swept(self, one: retention.Swept) -> None:
        """What was erased goes into the log, in the node's own words."""
        last = self._last_said(f"retention/{one.originator}")
        self._log_own("retention", retention.statement(one, last, secrets.token_hex(16)))

    def _last_said(self, subject: str) -> str:
        return self._standings.heads.get(subject, "")

    def _log_own(self, name: str, text: bytes) -> None:
        """A statement of this node goes into its log."""
        self._offer_one(Command(f"{name}-{statements.statement_sha256(text)[:16]}", self._signed(text), self._now_ns()))

    def say(self, text: bytes) -> None:
        """Somebody at this desk says something: the node signs for whoever sits there."""
        self._log_own("desk", text)

    def sweep_alone(self, dry: bool) -> tuple[retention.Swept, ...]:
        """The same while no node runs: what is said of it waits in the spool for the log."""
        self._standings = commands.standings(self.folder)
        self._keep_holds()
        swept = self._sweep(dry)
        for one in swept:
            if one.gone and not dry:
                self._swept(one)
        for said in [one for one in self._waiting if isinstance(one, Command)]:
            commands.offer(self.folder, said.name, said.envelope)
        return swept

    def _keep_holds(self) -> None:
        """The key table erases nothing that persons have put under a legal hold."""
        for hold in self._standings.holds.values():
            subjects = () if "all" in hold.tracks else tuple(int(one) for one in hold.tracks)
            first, end = hold.from_ns // HOUR_NS, hold.to_ns // HOUR_NS + 1
            self.vault.place_hold(
                Hold(name=hold.name, originator=hold.originator, subjects=subjects, first=first, end=end)
            )
        for gone in {one.name for one in self.vault.holds()} - self._standings.holds.keys():
            self.vault.lift_hold(gone)

    def _one(self, effect: Effect) -> None:
        if isinstance(effect, Publish):
            backfill.note(
                self.folder, self.config.partner, effect.entries, effect.tick_ns, self._gaps, self._stands_since
            )
            self.witnessing.wait()
            told = self.log.publish(effect.tick_ns, effect.effect_id, effect.entries)
            self.door.told |= {one.stream for one in effect.entries}
            self._later(self._published, told)
        elif isinstance(effect, Answer):
            commands.answer(self.folder, effect.name, effect.refusal, effect.detail)
            self._later(self._taken.discard, effect.name)
        elif isinstance(effect, Acknowledge):
            self._later(self._send, effect.partner, _kind(effect.statement), self._signed(effect.statement))
        elif isinstance(effect, Tell):
            self._later(self._send, effect.partner, "statement", effect.envelope)
        elif isinstance(effect, Erase):
            self._erase(effect)

    def _erase(self, effect: Erase) -> None:
        what = (effect.stream, effect.tracks, effect.from_ns, effect.to_ns)
        count = self.received.erase(*what, effect.recall)
        if not effect.tracks:  # everything: history since then, too, whose rows came later than what they tell
            back = f"{effect.stream}/backfill"
            count = self.received.erase(back, (), effect.from_ns, END_NS, effect.recall)
        rows, holds = self.received.held(*what)
        if holds:
            why = f"{rows} rows stay under the legal hold {', '.join(holds)}"
            self._later(
                self._offer_one, Refused(heads.releaser(effect.stream), "recall_held", why[:300], self._now_ns())
            )
        self._later(self._offer_one, Erased(effect.recall, effect.stream, count, self._now_ns()))

    def _signed(self, statement: bytes) -> bytes:
        one = statements.signed(
            statement, self.keys.agreement.public(), self.keys.agreement.sign, node=self.config.partner
        )
        return statements.envelope(statement, [one])

    def _later(self, call: Callable[..., object], *args: object) -> None:
        """On the event loop, from the step's thread; at once where there is no loop (a tool, a test)."""
        if self._loop is None:
            call(*args)
        else:
            self._loop.call_soon_threadsafe(call, *args)

    def _published(self, told: Input) -> None:
        self._waiting.append(told)  # news for the next tick: nobody is woken for it
        self.door.wake()
        self.witnessing.grown()

    def _quietly(self, one: Input) -> None:
        """News for the next tick: nobody is woken for it."""
        self._waiting.append(one)

    def _offer_one(self, one: Input) -> None:
        self._waiting.append(one)
        self.wake.set()

    # The door and the lines

    async def run(self) -> None:
        """Serve and fetch until cancelled. Raises BadInput when the door cannot be opened."""
        self._loop = asyncio.get_running_loop()
        try:
            if self.config.link_listen:
                await self.door.open(self.keys)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._spool(), name="commands")
                tasks.create_task(retention.keep(self.folder, self._sweep, self._swept), name="retention")
                for partner in self._others():
                    if partner.id not in self.brokering.said and partner.url and partner.tls_certificate:
                        self._call(partner, tasks)
                for name in self.brokering.relations:
                    self._call_through(name, tasks)
                tasks.create_task(self.brokering.keep_hops(self._last_said, self._log_own), name="hops")
                self._ask_neutral(tasks)
                tasks.create_task(backfill.keep(self._history()), name="history")
        finally:
            await self.door.close()
            if self._session is not None:
                await self._session.close()
            self._loop = None

    def close(self) -> None:
        """Let go of the folders."""
        self.sweeper.stop()
        self.received.close()
        self.brokering.close()
        for disk in self._disks:
            disk.close()

    def _history(self) -> backfill.Node:
        """What a replay for a new recipient needs of this node."""
        return backfill.Node(
            config=self.config,
            folder=self.folder,
            directory=self.listed.directory,
            secret=self.secret,
            standings=lambda: self._standings,
            offer=self.offer,
            room=lambda stream, window: 0 if self._replays_wait() else self.room.of(stream, window),
            now_ns=self._now_ns,
        )

    def _stands_since(self, direction: str, now_ns: int) -> int:
        return backfill.since_of(self._standings, direction, now_ns)

    def _replays_wait(self) -> bool:
        return any(isinstance(one, Replayed) for one in self._waiting)

    def _call(self, partner: Partner, tasks: asyncio.TaskGroup) -> None:
        context = tls.client_context(
            self.keys.tls_certificate, self.keys.tls_key, partner.tls_certificate, tls.Failures()
        )
        ours = f"{partner.id}>{self.config.partner}"
        peer = Peer(partner.id, partner.url, log_key(partner), (ours, f"{ours}/backfill"), context)
        client = LinkClient(peer, self, self, self._now_ns, random.SystemRandom().random)
        self._clients[partner.id] = client
        self._outgoing[partner.id] = asyncio.Queue(OUTGOING_MAX)
        tasks.create_task(client.follow(), name=f"from {partner.id}")
        tasks.create_task(self._deliver(partner.id), name=f"to {partner.id}")
        if partner.witness_key:
            shown = self.witnessing.show(witness_key(partner), self._post(client), self._holds(client))
            tasks.create_task(shown, name=f"witness {partner.id}")

    def _call_through(self, name: str, tasks: asyncio.TaskGroup) -> None:
        """A partner without a link: what is for it, and what it says, goes sealed through a broker."""
        via, partner = self.brokering.said[name].via, self.listed.directory.partner(name)
        if via not in self._clients or partner is None:
            raise BadInput(f"[[broker]] via: no address of {via} is known", str(self.folder), "join it first")
        ends = Ends(
            own=self.config.partner, log=self.door, log_key=log_key(partner), door=self, memory=self,
            admitted=lambda: self.door.admitted(name), hear=self.door.hear,
            broker_key=self.brokering.broker_key(name), now_ns=self._now_ns,
        )  # fmt: skip
        line = self._lines[name] = self.brokering.line(name, self._clients[via], ends)
        self._outgoing[name] = asyncio.Queue(OUTGOING_MAX)
        tasks.create_task(line.follow(), name=f"through {via} to {name}")
        tasks.create_task(self._deliver(name), name=f"to {name}")

    def _post(self, client: LinkClient) -> Post:
        """Posts to a partner's witness, over its link."""

        async def post(body: bytes) -> tuple[int, bytes]:
            try:
                return await client.post("/witness/add-checkpoint", body)
            except Unreachable:
                return UNREACHABLE, b""

        return post

    def _holds(self, client: LinkClient) -> Holds:
        """What a partner knows of our log, whether it cosigned it or fetched it."""

        async def ask() -> bytes:
            try:
                status, body = await client.fetch("/witness/checkpoint", 0.0, wire.NOTE_BYTES)
            except Unreachable:
                return b""
            return body if status == 200 else b""

        return ask

    def _held(self, partner: str) -> bytes:
        """The newest checkpoint that we know of a partner's log, as its witness and as its recipient."""
        try:
            cosigned = self.witness.remembered(log_epochs.origin_of(log_name(partner), self.memory.epoch(partner)))
            fetched = self.memory.last(partner)
        except BadInput:  # damaged: said where it is needed
            return b""
        return max((cosigned.size, cosigned.signed), (fetched.size, fetched.signed))[1]

    def _ask_neutral(self, tasks: asyncio.TaskGroup) -> None:
        """Neutral witnesses that have an address."""
        for name, said in self.listed.directory.witnesses.items():
            found = neutral(said)
            if not isinstance(found, str) and found[1]:
                self._session = self._session or aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10.0))
                shown = self.witnessing.show(found[0], poster(found[1], self._session))
                tasks.create_task(shown, name=f"witness {name}")

    def _check_own(self, where: str) -> None:
        """The directory must know this node by the keys that it has."""
        own = self.listed.directory.partner(self.config.partner)
        if own is None:
            raise BadInput(f"{self.config.partner!r} is not in the directory", where, "see docs/how-to/agreements.md")
        for name, value in self.keys.fingerprints().items():
            if getattr(own, name) not in ("", value):
                raise BadInput(
                    f"{name} of {own.id} is not the key in the folder of keys", where, "which is the old one?"
                )

    def _others(self) -> list[Partner]:
        return [one for one in self.listed.directory.partners if one.id != self.config.partner]

    async def _spool(self) -> None:
        while True:
            for one in await asyncio.to_thread(commands.take, self.folder, self._now_ns(), frozenset(self._taken)):
                self._taken.add(one.name)
                if await asyncio.to_thread(self.epochs.command, one):
                    self._offer_one(one)
                else:
                    self._taken.discard(one.name)
            await asyncio.sleep(SPOOL_S)

    def _send(self, partner: str, kind: str, envelope: bytes) -> None:
        """Put an envelope on its way; a full queue loses its oldest: receipts repeat, and a person's word is in the
        log."""
        queue = self._outgoing.get(partner)
        if queue is None:
            return
        if queue.full():
            queue.get_nowait()
        queue.put_nowait((kind, envelope))

    async def _deliver(self, partner: str) -> None:
        queue, pause_s = self._outgoing[partner], 0.5
        client = self._lines[partner] if partner in self._lines else self._clients[partner]
        while True:
            kind, envelope = await queue.get()
            while True:
                try:
                    why = await client.tell(kind, envelope)
                    if why == BUSY:
                        raise Unreachable(why, "its node takes nothing now")
                    if why:
                        self._offer_one(Refused(partner, f"{kind}_refused", why, self._now_ns()))
                    pause_s = 0.5
                    break
                except Unreachable:
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, 30.0)
                    if kind == "receipt" and not queue.empty():
                        break  # a newer one says more

    # What the client asks of the node (Door) and of the store (Memory)

    def next_of(self, stream: str) -> int:
        """The offset from which the step wants a partner's stream."""
        return self._views.reading.get(stream, 0)

    def offer(self, inputs: Sequence[Input]) -> bool:
        """Hand inputs to the next step; False when there is no room."""
        if not self._waiting.offer(inputs):
            return False
        self.wake.set()
        return True

    def last(self, partner: str) -> Remembered:
        """The newest checkpoint believed of a partner's log."""
        return self.memory.last(partner)

    def remember(self, partner: str, newest: Remembered) -> None:
        """Put a newer one in its place."""
        self.memory.remember(partner, newest)

    def contradiction(self, partner: str, last: Remembered, refusal: Refusal) -> None:
        """Keep the evidence that a partner's log contradicts itself."""
        self.memory.contradiction(partner, last, refusal)

    def _accuse(self, partner: str, pair: tuple[bytes, bytes]) -> str:
        """Where the two checkpoints of a partner's log lie that cannot both be true."""
        kept = self.memory.accuse(partner, *pair)
        return str(kept or self.folder / "witness" / accused_name(*pair))

    def epoch(self, partner: str) -> int:
        """Of a partner's log, as far as its persons' word was taken."""
        return self.memory.epoch(partner)

    def begun(self, partner: str, envelope: bytes) -> str:
        """A partner's log began anew by this statement; "" when we follow it, else why not."""
        return self.epochs.partner(partner, envelope, self._standings.revoked)

    def _began_anew(self, one: Epoch) -> None:
        """A partner's log: from now on we witness it under its new name. The step learns it behind what came before."""
        self.witness.look_after(self._logs())
        self._later(self._offer_one, one)

    def _logs(self) -> dict[str, tuple[note.Key, ...]]:
        """Partners' logs as we witness them: each in its present epoch."""
        found = [log_epochs.in_epoch(log_key(one), self.memory.epoch(one.id)) for one in self._others()]
        return {one.name: (one,) for one in found}

    def keep(self, partner: str, answer: wire.Answer, received_ns: int) -> None:
        """Keep what came, sealed; the journal only names it. Raises DiskError."""
        self.received.keep(partner, answer, received_ns)


def _kind(statement: bytes) -> str:
    """Under which path a statement of this node is handed over."""
    return "receipt" if b'"type":"receipt"' in statement else "statement"
