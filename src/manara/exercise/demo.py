"""The demo: a fictional sea, real bytes through real sockets, and partners who share what they hear of it.

::

    transmitter ─ Arvena's channels ─▶ node (this program) ─ desk
        │   │                            ▲ TLS ▼
        │   └──── Belora's channels ───▶ node (`neighbour`, a program of its own) ─ desk      and so on, one for each
        └─ the sea's clock ─▶ all

The scenario says who shares with whom. One in which nobody does gets one node, which hears everything.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from manara.exercise import brokered, partners, story
from manara.exercise.neighbour import Neighbour
from manara.host.clock import FollowedClock
from manara.host.config import node_config
from manara.host.problems import BadInput
from manara.host.running import Face, Running, memory_turn
from manara.host.sharing import Sharing
from manara.records.config import NodeConfig
from manara.study import scenario as scenarios
from manara.study.land import land_geojson
from manara.study.scenario import Scenario
from manara.study.world import feeds, sensors

LATER_S = 3.0  # two cores paint the first map or load a second node, not both
OPENED_S = 20.0  # for a neighbour to open its desk; then the next begins all the same
TIDY_S = 3.0  # for a neighbour whose folder is kept


@dataclass
class Staged:
    """A node of the demo, the clock that it follows, and what shares with the other partner."""

    running: Running
    clock: FollowedClock
    sharing: Sharing | None

    def close(self) -> None:
        """The step that runs is let finish; then nothing is written any more."""
        self.running.close()
        if self.sharing is not None:
            self.sharing.close()


@dataclass
class Begun:
    """What the demo has begun outside of this program."""

    transmitter: Transmitter
    folder: Path | None = None  # of the partners, removed at the end
    neighbours: list[Neighbour] = field(default_factory=list)

    def end(self) -> None:
        """End the programs; who sends first, who listens after it. One whose folder is removed need not tidy up."""
        self.transmitter.stop()
        for one in self.neighbours:
            one.stop(0.0 if self.folder else TIDY_S)

    def clean(self) -> None:
        """Leave nothing behind. A thread may still be putting a last file there."""
        for _ in range(20):
            if self.folder is None or not self.folder.exists():
                return
            shutil.rmtree(self.folder, ignore_errors=True)
            time.sleep(0.02)


@dataclass
class Demo:
    """A running node, what feeds it, and what begins the other partners' nodes, in order."""

    staged: Staged
    begun: Begun
    scenario: Scenario
    neighbours: tuple[Callable[[], Neighbour], ...] = ()
    desks: list[story.Desk] = field(default_factory=list)  # of the others, as they open

    @property
    def running(self) -> Running:
        """The node of this program."""
        return self.staged.running

    async def work(self) -> None:
        """Feed the node until cancelled, then end what was begun."""
        try:
            self.begun.transmitter.go(self._tell)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.running.run_live())
                tasks.create_task(self._begin_neighbours())
                tasks.create_task(story.follow(self.scenario, self.desks, self.running.tell))
        finally:
            self.begun.end()
            self.staged.close()
            self.begun.clean()

    def _tell(self, now_ns: int) -> None:
        self.staged.clock.hear(now_ns)
        for one in self.begun.neighbours:
            one.tell(now_ns)

    async def _begin_neighbours(self) -> None:
        """The first map is not kept waiting: the others begin when a browser has had time to paint one, each when the
        one before it has its desk open."""
        await self.running.wait(0)
        await asyncio.sleep(LATER_S)
        for begin in self.neighbours:
            one = begin()
            self.begun.neighbours.append(one)
            await asyncio.to_thread(one.opened, OPENED_S)


class Transmitter:
    """The world, in a program of its own. A plain process with a thread that reads it: however early somebody
    interrupts, `stop` ends it."""

    def __init__(self, name: str, seed: int, speed: float, udp: Mapping[str, int], names: tuple[str, ...] = ()) -> None:
        said = [f"--udp={channel}={port}" for channel, port in udp.items()] + [f"--partner={one}" for one in names]
        self._process = subprocess.Popen(  # noqa: S603 - our own program; the words are one argument each, no shell
            [sys.executable, "-m", "manara.exercise.transmitter", name, f"--seed={seed}", f"--speed={speed}", *said],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for us; we end it
        )
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def ports(self) -> dict[str, int]:
        """The TCP port of each stream; waits until the world is made."""
        line = self._stdout.readline()
        if not line:
            raise RuntimeError("the transmitter ended before it began; its own words stand above")
        ports: dict[str, int] = json.loads(line)["ports"]
        return ports

    def go(self, tell: Callable[[int], None]) -> None:
        """Let the world begin; ``tell`` gets its time from now on."""

        def follow() -> None:
            for line in self._stdout:
                tell(int(line))

        self._stdin.write(b"go\n")
        self._stdin.flush()
        threading.Thread(target=follow, name="world's clock", daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()


def stage(config: NodeConfig, scenario: Scenario, speed: float, member: Path | None) -> Staged:
    """A node of this scenario, ready to run. ``member``: the partner's folder; None: it shares with nobody. It keeps no
    journal: a sea that is gone cannot be gone on with."""
    names = {scenarios.alias(partner.name): partner for partner in scenario.partner}
    own = names.get(config.partner)
    face = Face(
        title=f"{own.name} – {scenario.title}" if own else scenario.title,
        title_ar=f"{own.name_ar} – {scenario.title_ar}" if own else scenario.title_ar,
        mode="demo",
        land=msgspec.json.encode(land_geojson(scenario)),
        centre=(scenario.lat_deg, scenario.lon_deg, 7.0),
    )
    clock = FollowedClock(scenarios.start_ns(scenario), speed)
    if member is None:
        return Staged(Running(config, clock, memory_turn(config), face), clock, None)
    sharing = Sharing(config, member, member / f"{config.name}.node", clock.now_ns)
    turn = memory_turn(config, sharing.secret)
    return Staged(Running(config, clock, turn, face, sharing=sharing), clock, sharing)


@dataclass(frozen=True)
class Wish:
    """What the demo is asked for. ``scenario``: a name or a file; ``ports``: of the neighbours' desks in order, 0 (and
    where none is named) takes a free one; ``keep``: where the partners' folders stay, None: they are removed;
    ``shown``: told a neighbour's name and the address of its desk."""

    scenario: str
    seed: int = 1
    speed: float = 20.0
    ports: tuple[int, ...] = ()
    keep: Path | None = None
    shown: Callable[[str, str], None] = lambda _name, _url: None


async def prepare(wish: Wish) -> Demo:
    """Start the transmitter and make the node that listens to it. Raises BadInput for an unknown scenario."""
    name, speed = wish.scenario, wish.speed
    try:
        scenario = scenarios.load(scenarios.find(name))
    except ValueError as fault:
        raise BadInput(str(fault), "--scenario") from None
    names = scenarios.sharing(scenario)
    if wish.keep is not None and not names:
        raise BadInput("no two of its partners that have sensors share", name, "leave --keep out")
    if wish.keep is not None and wish.keep.exists():
        raise BadInput("is there already", str(wish.keep), "name a folder that is not there yet")
    scenario = scenarios.apart(scenario) if names else scenario
    heard = [feed for one in names or (None,) for feed in feeds(scenario, one)]
    udp = {feed.name: _free_port(socket.SOCK_DGRAM) for feed in heard if feed.format == "asterix"}
    begun = Begun(Transmitter(name, wish.seed, speed, udp, names))
    try:
        base = NodeConfig(name=scenario.name, stale_s=15.0 * max(1.0, speed / 4))  # a fast clock makes seconds short
        draft = msgspec.structs.replace(base, feeds=tuple(heard))
        loading = asyncio.get_running_loop().run_in_executor(None, _load_kernels, draft)
        made = _partners(begun, scenario, names, wish.keep) if names else None
        ports, _ = await asyncio.gather(asyncio.to_thread(begun.transmitter.ports), loading)
        urls = {channel: f"udp://127.0.0.1:{port}" for channel, port in udp.items()}
        urls |= {channel: f"tcp://127.0.0.1:{port}" for channel, port in ports.items()}
        if made is None:
            whole = tuple(msgspec.structs.replace(feed, url=urls[feed.name]) for feed in heard)
            config = msgspec.structs.replace(base, feeds=whole, sensors=sensors(scenario))
            return Demo(stage(config, scenario, speed, None), begun, scenario)
        for member in made.members:
            partners.configure(made, member, urls, base)
        carry(made, scenario, names)
        own, *others = made.members.values()
        config = node_config(own.config)
        beside = itertools.chain(wish.ports, itertools.repeat(0))
        opened: list[story.Desk] = []
        begins = [
            functools.partial(_neighbour, wish, one, port, opened) for one, port in zip(others, beside, strict=False)
        ]
        return Demo(stage(config, scenario, speed, own.folder), begun, scenario, tuple(begins), opened)
    except BaseException:  # interrupted while it was being made: nothing stays behind
        begun.end()
        begun.clean()
        raise


def carry(made: partners.Made, scenario: Scenario, names: tuple[str, ...]) -> None:
    """Who has no link gets a line through somebody who carries; two people have compared its fingerprint."""
    for one in scenarios.relations(scenario, names):
        if one.via:
            a, b = map(scenarios.alias, one.between)
            brokered.pair(made, (a, b), scenarios.alias(one.via))


def _neighbour(wish: Wish, member: partners.Member, port: int, opened: list[story.Desk]) -> Neighbour:
    def shown(url: str) -> None:
        opened.append(story.Desk(partner=member.id, name=member.name, name_ar=member.name_ar, url=url))
        wish.shown(member.name, url)

    return Neighbour(member.config, wish.scenario, wish.speed, port, shown)


def _partners(begun: Begun, scenario: Scenario, names: tuple[str, ...], keep: Path | None) -> partners.Made:
    """In this thread, while the transmitter makes its world: an interruption finds it done or not begun."""
    folder = keep
    if folder is None:
        folder = begun.folder = Path(tempfile.mkdtemp(prefix="manara-demo-"))
    made = partners.make(folder, scenario, names, {one: _free_port(socket.SOCK_STREAM) for one in names})
    for one in scenarios.relations(scenario, names):
        a, b = map(scenarios.alias, one.between)
        partners.activate(made, a, b, one.phase)
        partners.activate(made, b, a, one.phase)
    return made


def _load_kernels(config: NodeConfig) -> None:
    """While the transmitter makes its world: one empty step loads decoders and kernels."""
    memory_turn(config)((), 0)


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
