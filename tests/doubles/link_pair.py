"""Two partners on loopback: Arvena serves its log, Belora follows it into a real link stage."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import aiohttp
from tests.doubles.callers import caller
from tests.doubles.certificates import certificate
from tests.doubles.log import T0, MemoryLog

from manara.host import link_client, tls
from manara.host.link_checks import Refusal, Remembered
from manara.host.link_client import Pace, Peer
from manara.host.link_quota import Quota
from manara.host.link_server import Admitted, Desks, LinkServer
from manara.link import stage, wire
from manara.records.inputs import Input, LinkState, Refused

STREAM = "arvena>belora"
QUICK = Pace(wait_s=1.0, first_s=0.05, most_s=0.2, refused_s=0.05, silence_s=0.5)


class Taker:
    """A node's side of the link: a stage that takes what is offered at once, and remembers what it took."""

    def __init__(self, own: str = "belora") -> None:
        self.state = stage.init(own)
        self.frames: list[stage.Frame] = []
        self.inputs: list[Input] = []
        self.receipts: list[tuple[str, bytes]] = []
        self.full = False

    def next_of(self, stream: str) -> int:
        return stage.next_offset(self.state, stream)

    def offer(self, inputs: Sequence[Input]) -> bool:
        if self.full:
            return False
        self.inputs += inputs
        out = stage.advance(self.state, inputs, T0)
        self.frames += out.frames
        self.receipts += out.receipts
        return True

    @property
    def offsets(self) -> list[int]:
        return [frame.offset for frame in self.frames]

    def refusals(self) -> list[str]:
        return [one.why for one in self.inputs if isinstance(one, Refused)]

    def states(self) -> list[str]:
        return [one.state for one in self.inputs if isinstance(one, LinkState)]


class Noted:
    """What the client remembers, in memory."""

    def __init__(self) -> None:
        self.newest: dict[str, Remembered] = {}
        self.evidence: list[tuple[str, Remembered, Refusal]] = []
        self.kept: list[tuple[str, int, bytes]] = []

    def last(self, partner: str) -> Remembered:
        return self.newest.get(partner, Remembered())

    def remember(self, partner: str, newest: Remembered) -> None:
        self.newest[partner] = newest

    def contradiction(self, partner: str, last: Remembered, refusal: Refusal) -> None:
        self.evidence.append((partner, last, refusal))

    def epoch(self, partner: str) -> int:
        return 1

    def begun(self, partner: str, envelope: bytes) -> str:
        return "not here"

    def keep(self, partner: str, answer: wire.Answer, received_ns: int) -> None:
        first = answer.deliveries[0].offset
        self.kept.append((answer.stream, first, b""))


class Pair:
    """Certificates, a log, its door, and who may come in."""

    def __init__(self, folder: Path, log: MemoryLog | None = None) -> None:
        self.files = {name: certificate(folder, name) for name in ("arvena", "belora", "corvia")}
        self.folder, self.log = folder, log or MemoryLog()
        self.admitted = {
            self.fingerprint("belora"): Admitted("belora", frozenset({STREAM, "arvena"})),
            self.fingerprint("corvia"): Admitted("corvia", frozenset({"arvena>corvia", "arvena"})),
        }
        self.heard: list[tuple[str, str, bytes]] = []
        self.taker, self.memory, self.failures = Taker(), Noted(), tls.Failures()
        self.now_ns = T0
        self.port = 0
        self.server: LinkServer | None = None
        self.door: ssl.SSLContext | None = None

    def pem(self, name: str) -> str:
        return self.files[name][0].read_text("ascii")

    def fingerprint(self, name: str) -> str:
        return tls.fingerprint_of_pem(self.pem(name))

    def quota(self, name: str, quota: Quota) -> None:
        print_ = self.fingerprint(name)
        self.admitted[print_] = replace(self.admitted[print_], quota=quota)

    async def hear(self, partner: str, kind: str, envelope: bytes) -> str:
        self.heard.append((partner, kind, envelope))
        return "" if envelope != b"bad" else "not_a_statement"

    async def open(self, port: int = 0, pinned: Sequence[str] = ("belora", "corvia")) -> LinkServer:
        desks = Desks(lambda print_: self.admitted.get(print_, "no_agreement"), self.hear)
        self.server = LinkServer(self.log, desks, lambda: self.now_ns)
        pems = [self.pem(name) for name in pinned]
        self.door = tls.server_context(*self.files["arvena"], pems, self.server.handshakes)
        self.port = await self.server.open("127.0.0.1", port, self.door)
        return self.server

    def context(self, name: str = "belora", server: str = "arvena") -> ssl.SSLContext:
        return tls.client_context(*self.files[name], self.pem(server), self.failures)

    def client(
        self, pace: Pace = QUICK, port: int = 0, streams: tuple[str, ...] = (STREAM,), server: str = "arvena"
    ) -> link_client.LinkClient:
        url = f"https://127.0.0.1:{port or self.port}"
        peer = Peer("arvena", url, self.log.key, streams, self.context(server=server))
        return link_client.LinkClient(peer, self.taker, self.memory, lambda: T0, lambda: 0.5, pace)

    def session(self, name: str = "belora") -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        """A bare caller with this partner's certificate."""
        return caller(self.context(name), f"https://127.0.0.1:{self.port}", limit=64)


async def until(true: object, within_s: float = 5.0) -> None:
    """Wait until a condition holds; TimeoutError when it does not."""
    assert callable(true)
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
