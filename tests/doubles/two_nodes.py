"""Two nodes of the simulated sea in one process: real steps, real documents and signatures, a host made of memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from manara.exercise import partners
from manara.ledger import entry
from manara.link import wire
from manara.node import state as node
from manara.node.durable.snapshot import decode_plain, encode_plain
from manara.node.step import step
from manara.records.config import NodeConfig
from manara.records.inputs import (
    Acknowledge,
    Answer,
    Answered,
    Arrived,
    Chunk,
    Command,
    Directed,
    Effect,
    Input,
    Publish,
    Stepped,
    Tell,
)
from manara.release import document, register, statements
from manara.study import scenario as scenarios
from manara.study.world import World, feeds

SECOND_NS = 1_000_000_000
PAIR = ("arvena", "belora")
Change = Callable[[NodeConfig], NodeConfig]


class Sea:
    """What is heard in each second, by channel; made once."""

    def __init__(self, seed: int = 1, name: str = "lantern") -> None:
        self.scenario = scenarios.apart(scenarios.load(scenarios.find(name)))
        self._world = World(self.scenario, seed)
        self.start_ns = self._world.start_ns
        self._seconds: list[list[tuple[str, Chunk]]] = []

    def second(self, k: int) -> list[tuple[str, Chunk]]:
        """Emissions of second k, from 1 on, feed number 0."""
        while len(self._seconds) < k:
            now_ns = self.start_ns + (len(self._seconds) + 1) * SECOND_NS
            heard = self._world.advance(now_ns)
            self._seconds.append([(e.channel, Chunk(0, e.data, e.time_ns, e.whole)) for e in heard])
        return self._seconds[k - 1]


class One:
    """A node and a host that keeps everything in memory. ``sent``: entries by stream, in order."""

    def __init__(self, made: partners.Made, config: NodeConfig, start_ns: int) -> None:
        self.made, self.config, self.id = made, config, config.partner
        self.state = node.init(config, b"secret of " + config.partner.encode())
        self.now_ns = start_ns
        listed = (made.members[self.id].folder / "directory.toml").read_bytes()
        self.waiting: list[Input] = [Directed(register.directory_sha256(listed), listed, start_ns)]
        self.sent: dict[str, list[Arrived]] = {}
        self.published: list[Publish] = []
        self.answers: list[Answer] = []
        self.last: Stepped[node.State] | None = None

    @property
    def views(self):
        assert self.last is not None
        return self.last.views

    def copy(self) -> One:
        """Another of the same, through a dump of its state."""
        twin = copy.copy(self)
        plain = decode_plain(encode_plain(node.dump(self.state)))
        twin.state = node.load(plain, self.config, b"secret of " + self.id.encode())
        twin.waiting, twin.published, twin.answers = list(self.waiting), list(self.published), list(self.answers)
        twin.sent = {stream: list(some) for stream, some in self.sent.items()}
        return twin

    def hear(self, now_ns: int, heard: list[tuple[str, Chunk]]) -> tuple[Effect, ...]:
        """One step with what its own feeds say in it and what waits."""
        place = {feed.name: k for k, feed in enumerate(self.config.feeds)}
        own = [msgspec.structs.replace(chunk, feed=place[name]) for name, chunk in heard if name in place]
        inputs, self.waiting = (*own, *self.waiting), []
        self.now_ns = now_ns
        self.last = step(self.state, inputs, now_ns)
        self.state = self.last.state
        for one in self.last.effects:
            if isinstance(one, Publish):
                self._publish(one)
            elif isinstance(one, Answer):
                self.answers.append(one)
        return self.last.effects

    def _publish(self, one: Publish) -> None:
        self.published.append(one)
        for made in one.entries:
            rows = [(block.rows, block.width) for block in made.blocks]
            count = sum(len(data) // width for data, width in rows)
            root = entry.entry_root(made.head, rows, bytes(16 * (count + 1)))
            blocks = tuple(msgspec.structs.replace(block, subjects=b"") for block in made.blocks)
            stream = self.sent.setdefault(made.stream, [])
            assert made.offset == len(stream), "a place was skipped or given twice"
            stream.append(Arrived(self.id, made.stream, made.offset, made.head, blocks, one.tick_ns, root))

    def hand_in(self, name: str, statement: statements.AnyStatement, people: list[str], *attachments: bytes) -> None:
        """A statement of persons of either partner, for the next step."""
        text = statements.canonical(statement)
        made = []
        for who in people:
            key = partners.signer(self.made.members[who.partition(".")[0]], who)
            made.append(statements.signed(text, key.public(), key.sign, person=who))
        self.waiting.append(Command(name, statements.envelope(text, made), self.now_ns, attachments))

    def signed(self, text: bytes) -> bytes:
        """The envelope of a statement of this node."""
        key = self.made.members[self.id].keys.agreement
        return statements.envelope(text, [statements.signed(text, key.public(), key.sign, node=self.id)])

    def last_statement(self, recipient: str) -> str:
        """What the next statement about our agreement with a partner must name as the one before."""
        found = self.state.release.standings.agreements.get(f"{self.id}>{recipient}")
        return found.last if found else ""


class Two:
    """Arvena and Belora. ``change``: what the test wants other in a node's configuration."""

    def __init__(self, folder: Path, sea: Sea, change: Change = lambda config: config) -> None:
        made = partners.make(folder, sea.scenario, ("Arvena", "Belora"), {"Arvena": 1, "Belora": 2})
        self._begin(made, sea, change)

    @classmethod
    def of(cls, other: Two, change: Change = lambda config: config) -> Two:
        """The same partners with the same keys and documents, from the beginning."""
        made = cls.__new__(cls)
        made._begin(other.made, other.sea, change)
        return made

    def _begin(self, made: partners.Made, sea: Sea, change: Change) -> None:
        self.made, self.sea, self.nodes = made, sea, {}
        for name in PAIR:
            heard = {feed.name: "tcp://127.0.0.1:9" for feed in feeds(sea.scenario, name.title())}
            config = partners.configure(self.made, name, heard, NodeConfig(capacity=512, stale_s=60.0))
            self.nodes[name] = One(self.made, change(config), sea.start_ns)
        self.second = 0
        self.cut: set[str] = set()  # streams that do not come through
        self.carried: dict[str, int] = {}
        self.dropped: set[str] = set()  # types of nodes' statements that do not come through

    def copy(self) -> Two:
        """Another pair that stands where this one does."""
        twin = copy.copy(self)
        twin.nodes = {name: one.copy() for name, one in self.nodes.items()}
        twin.cut, twin.carried, twin.dropped = set(self.cut), dict(self.carried), set(self.dropped)
        return twin

    def __getitem__(self, name: str) -> One:
        return self.nodes[name]

    def activate(self, releaser: str, recipient: str, phase: str = "full") -> None:
        """Hand in the activation, signed by both capacities."""
        pair = self.made.agreements[releaser, recipient]
        place = self.made.members[releaser].folder / f"{pair.agreement.id}.toml"
        sidecar = place.with_name(f"{place.name}.sig").read_bytes()
        said = statements.Activate(
            agreement=pair.sha256, phase=phase, nonce="00" * 16, after=self[releaser].last_statement(recipient)
        )
        people = [f"{releaser}.policy", f"{releaser}.operational"]
        self[releaser].hand_in(f"activate-{recipient}", said, people, document.attach(pair.text, sidecar))

    def run(self, seconds: int) -> None:
        """So many seconds; what one publishes, the other has at its next step."""
        for _ in range(seconds):
            self.step(1, self.sea.second(self.second + 1))

    def step(self, seconds: float, heard: Sequence[tuple[str, Chunk]] = ()) -> None:
        """One step of each after so many seconds, in which this was heard; without it nothing."""
        self.second += seconds
        now_ns = self.sea.start_ns + int(self.second * SECOND_NS)
        for one in self.nodes.values():
            for effect in one.hear(now_ns, list(heard)):
                self._carry_effect(one, effect)
        for one in self.nodes.values():
            self._carry(one)

    def _carry(self, one: One) -> None:
        for stream, sent in one.sent.items():
            to = stream.partition(">")[2].partition("/")[0]
            if to in self.nodes and stream not in self.cut:
                first = self.carried.get(stream, 0)
                self.nodes[to].waiting += [through_wire(arrived) for arrived in sent[first:]]
                self.carried[stream] = len(sent)

    def _carry_effect(self, one: One, effect: Effect) -> None:
        if isinstance(effect, Tell) and effect.partner in self.nodes:
            other = self.nodes[effect.partner]
            other.waiting.append(Command(f"from-{one.id}", effect.envelope, one.now_ns))
        if isinstance(effect, Acknowledge) and effect.partner in self.nodes:
            said, envelope = msgspec.json.decode(effect.statement), one.signed(effect.statement)
            if said["type"] == "receipt":
                found = Answered(one.id, said["stream"], int(said["next"]), envelope, one.now_ns)
                self.nodes[effect.partner].waiting.append(found)
            elif said["type"] not in self.dropped:
                self.nodes[effect.partner].waiting.append(Command(f"from-{one.id}", envelope, one.now_ns))


def through_wire(one: Arrived) -> Arrived:
    """As it comes out of the codec on the other side."""
    assert wire.VERSION == 1
    return msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Arrived)
