"""One node, running: its feeds, its steps, its views, its exits.

::

    supply (sockets or recordings) ─▶ turn (node.step, in a thread of its own) ─▶ views ─▶ desk
        ▲                                                                      └▶ effects ─▶ exits
        └───────────── sharing (log, link, commands) ◀──────────────────────────────┘
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from manara.host import address, desk_words, exits, sources
from manara.host.clock import Clock, RecordedClock
from manara.host.intake import Intake
from manara.host.promised import Following
from manara.host.reciprocity import Shelf
from manara.node import state as node
from manara.node.step import step
from manara.records.config import NodeConfig
from manara.records.inputs import Decided, Effect, Input, Ruled, Send, Stepped, Views
from manara.records.partners import Given

SECOND_NS = 1_000_000_000
TICK_NS = SECOND_NS  # of node time
LONGEST_WAIT_S = 10.0  # for the next moment of a recording, wall seconds
TICK_WALL_S = 0.2  # a fast clock is not stepped more often than this
DECIDED_MAX = 64  # decisions of the desk that wait for one step
ANSWER_S = 120  # how long an offer of the desk waits for its answer
GATHER_S = 0.02  # what partners send within this time goes into one step

Turn = Callable[[tuple[Input, ...], int], Stepped[Any]]


class Companion(Protocol):
    """What shares with partners, beside the node (host/sharing.py): it performs what the steps want of the log, the
    keys and the link, and brings what came of it and what partners sent."""

    wake: asyncio.Event  # set when there is something for a step to take at once

    def take(self) -> list[Input]:
        """Everything since the last call."""
        ...

    def perform(self, effects: tuple[Effect, ...]) -> bool:
        """Do it, in order; in the step's thread. False when the log or the disk refused: no step may follow before it
        is done."""
        ...

    def shown(self, views: Views) -> None:
        """What the step published."""
        ...

    promised: Following  # how promised times were kept

    def say(self, text: bytes) -> None:
        """Somebody at the desk says something, in the node's name."""
        ...

    def given(self, partner: str) -> Given | None:
        """What a partner has of this node now; None: no such partner."""
        ...

    @property
    def trouble(self) -> str:
        """Why something could not be done; "" when all is done."""
        ...

    async def run(self) -> None:
        """Serve and fetch until cancelled."""
        ...


def memory_turn(config: NodeConfig, secret: bytes = b"") -> Turn:
    """Steps without a journal: for `watch` and for recordings, which can be read again."""
    held = node.init(config, secret)

    def turn(inputs: tuple[Input, ...], now_ns: int) -> Stepped[Any]:
        return step(held, inputs, now_ns)

    return turn


@dataclass(frozen=True)
class Face:
    """How the desk introduces this node."""

    title: str
    mode: str  # live, recording, demo
    title_ar: str = ""  # where it has an Arabic one
    land: bytes | None = None
    centre: tuple[float, float, float] | None = None
    folder: Path | None = None  # of a kept node: what was found of it beside (host/reciprocity.py) is shown


class Running:
    """A node at work. It is the desk's source: `views` and `wait` give what the last step published."""

    def __init__(
        self,
        config: NodeConfig,
        clock: Clock,
        turn: Turn,
        face: Face,
        done: Callable[[tuple[Effect, ...]], None] = lambda _: None,
        sharing: Companion | None = None,
    ) -> None:
        self.config, self.clock, self._turn, self._face, self._done = config, clock, turn, face, done
        self._sharing = sharing
        self._undone: list[Effect] = []
        self._views = Views()
        self._published = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="step")
        self._exits: dict[str, exits.Exit] = {}
        self._story: Mapping[str, Any] = {}
        self._shelf = Shelf()
        self._decided: list[Decided | Ruled] = []

    @property
    def title(self) -> str:
        """The node's name, for the header."""
        return self._face.title

    @property
    def title_ar(self) -> str:
        """Its Arabic name; empty where it has none of its own."""
        return self._face.title_ar

    @property
    def story(self) -> Mapping[str, Any]:
        """What an exercise tells of itself; {}: nothing."""
        return self._story

    def added(self) -> Mapping[str, Mapping[str, object]]:
        """What each partner added, by the newest hour that somebody had stepped again without it; by its id."""
        return {} if self._face.folder is None else self._shelf.newest(self._face.folder)

    def tell(self, story: Mapping[str, Any]) -> None:
        """An exercise goes on with its story."""
        self._story = story

    @property
    def mode(self) -> str:
        """live, recording or demo."""
        return self._face.mode

    @property
    def speed(self) -> float:
        """Node seconds per real second."""
        return self.clock.speed

    def land(self) -> bytes | None:
        """Fictional land, where the sea is fictional."""
        return self._face.land

    def centre(self) -> tuple[float, float, float] | None:
        """Where the map opens."""
        return self._face.centre

    def views(self) -> Views:
        """The latest published views."""
        return self._views

    def given(self, partner: str) -> Given | None:
        """What a partner has of this node, from its own stream."""
        return None if self._sharing is None else self._sharing.given(partner)

    async def wait(self, after_sequence: int) -> Views:
        """The first views with a greater sequence."""
        while self._views.sequence <= after_sequence:
            await self._published.wait()
        return self._views

    def decide(self, decided: Decided | Ruled) -> bool:
        """A person's decision at the desk, for the next step."""
        if len(self._decided) >= DECIDED_MAX:
            return False
        self._decided.append(decided)
        if self._sharing is not None:
            self._sharing.wake.set()
        return True

    def hand_over(self, partner: str, track: int, reason: str) -> bool:
        """An offer from the desk, signed by the node."""
        if self._sharing is None:
            return False
        self._sharing.say(desk_words.offer(f"{self.config.partner}>{partner}", track, ANSWER_S, reason))
        return True

    def answer_offer(self, stream: str, offer: str, answer: str, reason: str) -> bool:
        """An answer from the desk, signed by the node."""
        if self._sharing is None:
            return False
        self._sharing.say(desk_words.decide(stream, offer, answer, reason))
        return True

    def promised(self) -> tuple[Any, ...]:
        """How promised times of the last day were kept; nothing where nobody shares."""
        views = self._views
        return () if self._sharing is None else self._sharing.promised.measured(views.measured, views.now_ns)

    async def run_live(self) -> None:
        """Follow the configured feeds until cancelled. Raises BadInput when a feed or exit cannot be opened."""
        intake = Intake(len(self.config.feeds))
        async with asyncio.TaskGroup() as tasks:
            await self._open_exits()
            for index, feed in enumerate(self.config.feeds):
                door = sources.Feed(index, address.parse(feed.url), intake, self.clock)
                tasks.create_task(sources.follow(door), name=feed.name)
            if self._sharing is not None:
                tasks.create_task(self._sharing.run(), name="sharing")
            tasks.create_task(self._tick(intake))

    async def _tick(self, intake: Intake) -> None:
        now_ns = self.clock.now_ns()
        while True:
            now_ns = max(now_ns + TICK_NS, self.clock.now_ns() + int(TICK_WALL_S * self.clock.speed * SECOND_NS))
            now_ns = now_ns // TICK_NS * TICK_NS
            longest_s = max(TICK_NS / SECOND_NS / self.clock.speed, TICK_WALL_S)  # whatever the clock says meanwhile
            woken = await self._sleep(min(self.clock.wait_s(now_ns), longest_s))
            reached_ns = self.clock.now_ns()
            now_ns = reached_ns if self.clock.holds or woken else max(now_ns, reached_ns)
            if await self._free():
                await self._one_turn(intake.take(now_ns), now_ns)

    async def _free(self) -> bool:
        """Is everything done that earlier steps owe to partners? If not, no step follows, and the desk says why."""
        if self._sharing is None or not self._sharing.trouble:
            return True
        done = await asyncio.get_running_loop().run_in_executor(self._thread, self._sharing.perform, ())
        if done:
            self._tell_done()
        else:
            self._publish(replace(self._views, trouble=f"halted: {self._sharing.trouble}"))
        return done

    async def _sleep(self, wall_s: float) -> bool:
        """Until then, or until a partner or a command brings something; True: woken before."""
        if self._sharing is None:
            await asyncio.sleep(wall_s)
            return False
        try:
            async with asyncio.timeout(wall_s):  # wait_for may swallow a cancellation that comes with the event
                await self._sharing.wake.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(GATHER_S)
        self._sharing.wake.clear()
        return True

    async def run_recorded(self, windows: Iterator[tuple[int, tuple[Input, ...]]]) -> None:
        """Play windows of recorded time at the clock's pace, a step for each; returns at the end."""
        await self._open_exits()
        first = True
        for now_ns, inputs in windows:
            if first and isinstance(self.clock, RecordedClock):
                self.clock = RecordedClock(now_ns, self.clock.speed)  # the first step may have waited for the start
                first = False
            if self.clock.wait_s(now_ns) > LONGEST_WAIT_S:  # a gap in the recording, or a wrong time: nobody waits
                self.clock = RecordedClock(now_ns, self.clock.speed)
            await asyncio.sleep(self.clock.wait_s(now_ns))
            await self._one_turn(inputs, now_ns)

    async def _one_turn(self, inputs: tuple[Input, ...], now_ns: int) -> None:
        loop = asyncio.get_running_loop()
        inputs, self._decided = (*inputs, *self._decided), []
        if self._sharing is not None:
            inputs = (*inputs, *self._sharing.take())
        stepped, done = await loop.run_in_executor(self._thread, self._stepped, inputs, now_ns)
        self._perform(stepped.effects)
        self._undone += stepped.effects
        if done:
            self._tell_done()
        self._publish(stepped.views)
        if self._sharing is not None:
            self._sharing.shown(stepped.views)

    def _publish(self, views: Views) -> None:
        self._views = views
        self._published.set()
        self._published = asyncio.Event()

    def _stepped(self, inputs: tuple[Input, ...], now_ns: int) -> tuple[Stepped[Any], bool]:
        """A step and what it wants of the log: both before anybody sees the views."""
        stepped = self._turn(inputs, now_ns)
        return stepped, self._sharing is None or self._sharing.perform(stepped.effects)

    def _tell_done(self) -> None:
        done, self._undone = tuple(self._undone), []
        self._done(done)

    async def _open_exits(self) -> None:
        for one in self.config.exits:
            self._exits[one.name] = await exits.open_exit(one)

    def _perform(self, effects: tuple[Effect, ...]) -> None:
        for name, way_out in self._exits.items():
            if pieces := [one.data for one in effects if isinstance(one, Send) and one.exit == name]:
                way_out.send(pieces)

    def close(self) -> None:
        """Shut exits and the step's thread."""
        for one in self._exits.values():
            with suppress(OSError):
                one.close()
        self._thread.shutdown(wait=True)
