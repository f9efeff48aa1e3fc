"""Fetching a partner's stream: pull from where the step stands, check everything, hand it in, go on.

::

    (its log began anew ─▶ GET /v1/epoch ─▶ two persons' statement ─▶ goes on from there)
    next offset of the step ─▶ GET ─▶ wire.parse ─▶ link_checks ─▶ Arrived … ─▶ intake ─▶ (journal, step) ─▶ next offset
         ▲                                              │ no: Refused, evidence, a long pause
         └───── not taken within a while, or a restart: pulled again; the step knows repeats ─────┘

One task for each stream. Whatever fails is tried again after a pause that grows, with jitter.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import aiohttp

from manara.host import log_epochs, tls
from manara.host.link_checks import CONTRADICTIONS, Asked, Checked, Refusal, Remembered, check
from manara.host.problems import BadInput
from manara.ledger import note, places
from manara.link import wire
from manara.node.durable.disk import DiskError
from manara.records.inputs import Input, LinkState, Refused
from manara.records.reject import Reject

CONNECT_S = 10.0
LONGEST_S = 600.0  # one answer over a slow line, as long as something comes
SILENCE_S = 10.0  # beyond the wait that was asked for: then the link counts as dead
AHEAD_BYTES = 24 << 20  # handed in and not yet taken by the step
TAKEN_S = 30.0  # for the step to take what was handed in; then it is pulled again
OFFSET_NS = 1_000_000_000  # a clock offset that moved by this is told again
SMALLEST_S = 0.2  # between two pulls that bring nothing
REFUSED = ("no_agreement", "pruned", "not_your_stream")  # its node is there and will not: people must settle it
ANSWER_BYTES = 64 << 10  # to a receipt, a statement or a checkpoint
NEW_EPOCH = "new_epoch"  # what a node says whose log began anew: see /v1/epoch


@dataclass(frozen=True)
class Peer:
    """A partner to fetch from. ``url``: https://host:port; ``log``: the key of its checkpoints, named by the origin."""

    partner: str
    url: str
    log: note.Key
    streams: tuple[str, ...]
    context: ssl.SSLContext


@dataclass(frozen=True)
class Pace:
    """How long to wait. Seconds."""

    wait_s: float = 25.0  # long-poll
    first_s: float = 0.5  # pause after a failure, doubling
    most_s: float = 30.0
    refused_s: float = 10.0  # after an answer that was not true
    silence_s: float = SILENCE_S


class Door(Protocol):
    """The node's side."""

    def next_of(self, stream: str) -> int:
        """The offset from which the step wants a partner's stream."""
        ...

    def offer(self, inputs: Sequence[Input]) -> bool:
        """Hand inputs to the next step; False when there is no room, and then none was taken."""
        ...


class Memory(Protocol):
    """What is remembered of partners' logs, durable before it returns."""

    def last(self, partner: str) -> Remembered:
        """The newest checkpoint believed of a partner's log."""
        ...

    def remember(self, partner: str, newest: Remembered) -> None:
        """Put a newer one in its place."""
        ...

    def contradiction(self, partner: str, last: Remembered, refusal: Refusal) -> None:
        """Keep the evidence that a partner's log contradicts itself."""
        ...

    def epoch(self, partner: str) -> int:
        """Of a partner's log, as far as its persons' word was taken."""
        ...

    def begun(self, partner: str, envelope: bytes) -> str:
        """A partner's log says that it began anew, by this statement; "" when it was taken, else why not."""
        ...

    def keep(self, partner: str, answer: wire.Answer, received_ns: int) -> None:
        """Keep an answer that holds, before its entries are handed in: the journal only names them, and salts, paths
        and checkpoint are what a third party would ask for."""
        ...


class Unreachable(Exception):
    """The link does not work now. ``why``: a slug."""

    def __init__(self, why: str, detail: str) -> None:
        self.why, self.detail = why, detail
        super().__init__(f"{why}: {detail}")


@dataclass
class _Reading:
    """One stream being followed."""

    stream: str
    next: int
    handed: list[tuple[int, int]] = field(default_factory=list)  # end offset, bytes; not yet taken
    handed_s: float = 0.0
    failures: int = 0


class LinkClient:
    """Follows one partner."""

    def __init__(
        self,
        peer: Peer,
        door: Door,
        memory: Memory,
        now_ns: Callable[[], int],
        chance: Callable[[], float],
        pace: Pace | None = None,
    ) -> None:
        """``chance``: uniform in [0, 1), for the jitter."""
        self._peer, self._door, self._memory = peer, door, memory
        self._now_ns, self._chance, self._pace = now_ns, chance, pace or Pace()
        self._session: aiohttp.ClientSession | None = None
        self._said = ("", 0)
        self._checking = asyncio.Lock()

    async def follow(self) -> None:
        """Fetch until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for stream in self._peer.streams:
                    tasks.create_task(self._stream(stream), name=f"link {stream}")
        finally:
            await self.close()

    async def close(self) -> None:
        """Drop the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def tell(self, kind: str, envelope: bytes) -> str:
        """Hand a signed envelope to the partner: kind "receipt" or "statement". "" when it was taken, else why not."""
        status, body = await self.post(f"/v1/{kind}", envelope)
        return "" if status == 200 else body[:100].decode("ascii", "replace").strip()

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post bytes to the partner; status and answer. Raises Unreachable."""
        asked = aiohttp.ClientTimeout(total=CONNECT_S + SILENCE_S)
        try:
            async with self._open().post(self._peer.url + path, data=body, timeout=asked, allow_redirects=False) as got:
                return got.status, await _read(got, ANSWER_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _unreachable(fault) from None

    async def fetch(self, path: str, wait_s: float, most: int) -> tuple[int, bytes]:
        """What the partner answers to a question that may take so long; status and at most so many bytes. Raises
        Unreachable."""
        asked = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=wait_s + self._pace.silence_s)
        try:
            async with (
                asyncio.timeout(LONGEST_S),
                self._open().get(self._peer.url + path, timeout=asked, allow_redirects=False) as got,
            ):
                return got.status, await _read(got, most)
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _unreachable(fault) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._peer.context, limit=8, ttl_dns_cache=60),
                auto_decompress=False,
                headers={"Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _stream(self, stream: str) -> None:
        reading = _Reading(stream, self._door.next_of(stream))
        while True:
            await self._room(reading)
            began_s = _now_s()
            try:
                got = await self._pull(reading)
            except Unreachable as fault:
                if fault.why == NEW_EPOCH and not await self._begun():
                    continue
                self._say("refused" if fault.why in REFUSED else "lost", f"{fault.why}: {fault.detail}", 0)
                await self._pause(reading, self._pace.first_s)
                continue
            except (BadInput, DiskError, OSError) as fault:  # of our own disk: nothing was handed in
                self._say("waiting", f"not kept: {fault}", 0)
                await self._pause(reading, self._pace.first_s)
                continue
            if isinstance(got, Refusal):
                self._refused(got)
                await self._pause(reading, self._pace.refused_s)
                continue
            reading.failures = 0
            if not got:
                await asyncio.sleep(max(0.0, SMALLEST_S - (_now_s() - began_s)))

    async def _pull(self, reading: _Reading) -> int | Refusal:
        """One pull, checked and handed in: how many entries came, or why they were refused. Raises Unreachable."""
        epoch = self._memory.epoch(self._peer.partner)
        taken = self._door.next_of(reading.stream)  # a node that has only now recovered stands further
        reading.next = max(reading.next, taken, places.first_place(epoch))
        first, last = reading.next, self._memory.last(self._peer.partner)
        data = await self._get(reading.stream, first, last.size, epoch)
        received_ns = self._now_ns()
        answer = wire.parse(data)
        if isinstance(answer, Reject):
            return Refusal(answer.why, answer.detail)
        asked = Asked(self._peer.partner, log_epochs.in_epoch(self._peer.log, epoch), reading.stream, first)
        async with self._checking:
            if self._memory.last(self._peer.partner)[:2] != last[:2]:
                return 0  # another stream has moved the memory on: the proof is from an older size, ask again
            found = await self._checked(answer, asked, received_ns)
        if isinstance(found, Refusal):
            return found
        if found.arrived:
            await asyncio.to_thread(self._memory.keep, self._peer.partner, answer, received_ns)
        self._say("live", "", answer.now_ns - received_ns)  # not before: a disk that refuses would flicker
        if found.arrived:
            await self._hand_in(reading, found, len(data))
        return len(found.arrived)

    async def _checked(self, answer: wire.Answer, asked: Asked, received_ns: int) -> Checked | Refusal:
        """Against the newest checkpoint remembered; that it grew is remembered before anything is handed in."""
        last = self._memory.last(asked.partner)
        found = await asyncio.get_running_loop().run_in_executor(None, check, answer, asked, last, received_ns)
        if isinstance(found, Refusal):
            if found.why in CONTRADICTIONS:
                self._memory.contradiction(asked.partner, last, found)
            return found
        if found.remembered.size > last.size:
            self._memory.remember(asked.partner, found.remembered)
        return found

    async def _begun(self) -> str:
        """Ask by whose word its log began anew; "" when we follow, else why not."""
        try:
            status, body = await self.fetch("/v1/epoch", 0.0, ANSWER_BYTES)
        except Unreachable as fault:
            return fault.why
        why = await asyncio.to_thread(self._memory.begun, self._peer.partner, body) if status == 200 else "no_epoch"
        if why:
            self._refused(Refusal("epoch", why))
        return why

    async def _get(self, stream: str, first: int, size: int, epoch: int) -> bytes:
        wait_s = self._pace.wait_s
        url = f"{self._peer.url}/v1/stream/{quote(stream)}?from={first}&size={size}&wait={int(wait_s)}&epoch={epoch}"
        silence_s = wait_s + self._pace.silence_s
        asked = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        try:
            async with (
                asyncio.timeout(LONGEST_S),
                self._open().get(url, timeout=asked, allow_redirects=False) as got,
            ):
                return await self._body(got)
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _unreachable(fault) from None

    async def _body(self, got: aiohttp.ClientResponse) -> bytes:
        if "Content-Encoding" in got.headers:
            got.close()
            raise Unreachable("encoded", "its answer is compressed; nothing between partners is")
        if got.status != 200:
            said = (await _read(got, ANSWER_BYTES))[:100].decode("ascii", "replace").strip()
            why = said if said.replace("_", "").isalpha() else f"status_{got.status}"
            raise Unreachable(why, f"the partner's node answers {got.status}")
        return await _read(got, wire.ANSWER_BYTES)

    async def _hand_in(self, reading: _Reading, found: Checked, size: int) -> None:
        while not self._door.offer(found.arrived):
            await asyncio.sleep(SMALLEST_S)
        reading.next += len(found.arrived)
        if not reading.handed:
            reading.handed_s = _now_s()
        reading.handed.append((reading.next, size))

    async def _room(self, reading: _Reading) -> None:
        """Wait while too much was handed in and not taken. What the step does not take in time is pulled again."""
        while reading.handed:
            taken = self._door.next_of(reading.stream)
            waiting = [one for one in reading.handed if one[0] > taken]
            if len(waiting) < len(reading.handed):
                reading.handed_s = _now_s()
            reading.handed = waiting
            if _now_s() - reading.handed_s > TAKEN_S:
                reading.next, reading.handed = taken, []
            elif sum(size for _, size in waiting) > AHEAD_BYTES:
                await asyncio.sleep(0.05)
                continue
            return

    async def _pause(self, reading: _Reading, first_s: float) -> None:
        """After a failure; and then from where the step stands."""
        grown_s = min(first_s * 2.0 ** min(reading.failures, 10), self._pace.most_s)
        reading.failures += 1
        await asyncio.sleep(grown_s * (0.5 + self._chance()))
        if not reading.handed:
            reading.next = self._door.next_of(reading.stream)

    def _say(self, state: str, detail: str, offset_ns: int) -> None:
        """Tell the step how the link is, when that is news."""
        steady = abs(offset_ns - self._said[1]) < OFFSET_NS
        if self._said[0] == state + detail and (steady or state != "live"):
            return
        if self._door.offer((LinkState(self._peer.partner, state, detail[:300], self._now_ns(), offset_ns),)):
            self._said = (state + detail, offset_ns)

    def _refused(self, why: Refusal) -> None:
        self._door.offer((Refused(self._peer.partner, why.why, why.detail[:300], self._now_ns()),))
        self._say("refused", f"{why.why}: {why.detail}", 0)


async def _read(got: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, bounded while it comes."""
    if (got.content_length or 0) > most:
        got.close()
        raise Unreachable("too_long", f"an answer of {got.content_length} bytes; at most {most}")
    whole = bytearray()
    async for piece in got.content.iter_any():
        whole += piece
        if len(whole) > most:
            got.close()
            raise Unreachable("too_long", f"an answer of more than {most} bytes")
    return bytes(whole)


def _unreachable(fault: BaseException) -> Unreachable:
    """A word for a failure of the network or of TLS."""
    cause: object = fault.__cause__ or fault
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        cause = fault.certificate_error
    if isinstance(cause, ssl.SSLError):
        return Unreachable(tls.reason(cause), str(cause)[:200])
    if isinstance(fault, TimeoutError):
        return Unreachable("silent", "no answer in time")
    if isinstance(fault, aiohttp.ClientConnectionError | OSError):
        return Unreachable("connection", str(fault)[:200] or type(fault).__name__)
    return Unreachable("http", str(fault)[:200] or type(fault).__name__)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
