"""The door for partners: they fetch their stream, hand in receipts and statements, and ask for a cosignature.

::

    GET  /v1/stream/{name}?from=N&size=S&wait=25    entries from N on; waits for the next one when there is none
    POST /v1/receipt, /v1/statement                 a signed envelope
    POST /witness/add-checkpoint                    C2SP tlog-witness
    GET  /v1/epoch                                  by whose word our log began anew
    GET  /witness/checkpoint                        the newest checkpoint of the asker's own log that is known here
    GET  /checkpoint, /tile/{path}                  C2SP tlog-tiles
    POST, GET /v1/broker/{alias}                    an envelope for an alias, and envelopes for one's own (broker_desk)

Each request is admitted by the fingerprint of its certificate, anew. Nothing is compressed, in neither direction.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from manara.host import tls
from manara.host.link_answers import PRUNED, LogReads, answer
from manara.host.link_quota import Meter, Quota
from manara.host.problems import BadInput
from manara.link import heads
from manara.records.brokered import SIZES

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WAIT_MAX_S = 60.0
FIRST_S = 10.0  # from the connection to the first whole request
IDLE_S = 75.0  # between requests
BODY_S = 10.0  # for a body to come
WRITE_S = 30.0  # for a piece of an answer to be taken
PIECE_BYTES = 256 << 10
FLOOD_S = 1.0  # whoever asks too much waits for his refusal
SWEEP_S = 2.0
CONNECTIONS_MAX = 256
ENVELOPE_BYTES = 64 << 10
WITNESS_BYTES = 128 << 10
READERS = 2


@dataclass(frozen=True)
class Admitted:
    """Who is behind a certificate, and what he may ask. ``witnessed``: may ask us to cosign."""

    partner: str
    streams: frozenset[str]
    witnessed: bool = True
    quota: Quota = field(default_factory=Quota)


_WHO = web.RequestKey("who", Admitted)
_METER = web.RequestKey("meter", Meter)


class Carrier(Protocol):
    """What takes and gives envelopes that this node cannot read: status and answer."""

    async def post(self, partner: str, alias: str, envelope: bytes) -> tuple[int, bytes]:
        """An envelope for an alias."""
        ...

    async def get(self, partner: str, alias: str, first: int, wait_s: float) -> tuple[int, bytes]:
        """Envelopes for an alias of the asker, from a number on."""
        ...


@dataclass(frozen=True)
class Desks:
    """What stands behind the door. ``admit``: fingerprint -> who, or why not. ``hear``: (partner, "receipt" or
    "statement", envelope) -> "" or why not. ``cosign``: (partner, body) -> status and answer. ``tile``: path -> bytes
    of the file. ``epoch``: of our log, and by whose word it
    began. ``held``: partner -> the newest checkpoint of its log that is known here."""

    admit: Callable[[str], Admitted | str]
    hear: Callable[[str, str, bytes], Awaitable[str]]
    cosign: Callable[[str, bytes], Awaitable[tuple[int, bytes]]] | None = None
    tile: Callable[[str], bytes | None] | None = None
    epoch: Callable[[], tuple[int, bytes]] = lambda: (1, b"")
    held: Callable[[str], bytes] | None = None
    carry: Carrier | None = None


@dataclass
class _Line:
    """One connection."""

    since_s: float
    busy: int = 0
    fingerprint: str = ""
    partner: str = ""


class LinkServer:
    """One node's door. ``counts``: what was refused, by partner and reason."""

    def __init__(self, log: LogReads, desks: Desks, now_ns: Callable[[], int]) -> None:
        self._log, self._desks, self._now_ns = log, desks, now_ns
        self._news = asyncio.Event()
        self._lines: dict[object, _Line] = {}
        self._meters: dict[str, Meter] = {}
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="link")
        self._runner: web.AppRunner | None = None
        self._make: Callable[[], asyncio.BaseProtocol] = asyncio.Protocol
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._refusals = 0
        self._ends: dict[str, int] = {}  # of streams, when the log last had something new
        self.counts: dict[str, Counter[str]] = {}
        self.handshakes = tls.Failures()

    async def open(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listen; gives the port. Raises BadInput."""
        app = web.Application(client_max_size=1 << 20, middlewares=[self._admitted])
        app.router.add_get("/v1/stream/{name:.+}", self._pull)
        app.router.add_get("/v1/epoch", self._epoch)
        app.router.add_post("/v1/{kind:receipt|statement}", self._hear)
        app.router.add_post("/witness/add-checkpoint", self._cosign)
        app.router.add_get("/witness/checkpoint", self._held)
        app.router.add_get("/checkpoint", self._checkpoint)
        app.router.add_get("/tile/{path:.+}", self._tile)
        app.router.add_post("/v1/broker/{alias}", self._carry_in)
        app.router.add_get("/v1/broker/{alias}", self._carry_out)
        self._runner = web.AppRunner(
            app, handle_signals=False, access_log=None, auto_decompress=False, keepalive_timeout=IDLE_S,
            handler_cancellation=True, lingering_time=1.0,
        )  # fmt: skip
        await self._runner.setup()
        self._make = self._runner.server or self._make
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._connected, host, port, ssl=context, ssl_handshake_timeout=tls.HANDSHAKE_S, backlog=64
            )
        except OSError as fault:
            raise BadInput(
                f"cannot listen: {fault.strerror or fault}", f"{host}:{port}", "is the port in use?"
            ) from None
        self._sweeper = loop.create_task(self._sweep())
        self.wake()
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            _cut(line)
        if self._runner is not None:
            await self._runner.cleanup()
        self._threads.shutdown(wait=False)

    def wake(self) -> None:
        """The log has something new: whoever waits is answered. On the loop's thread, after it was published: while
        the log is written it lets nobody read, and the loop must not wait for that."""
        self._ends = self._log.heads()
        self._news.set()
        self._news = asyncio.Event()

    def review(self) -> None:
        """The agreements have changed: whoever is no longer admitted is cut off now, long-polls too."""
        for line, about in list(self._lines.items()):
            if about.fingerprint and isinstance(self._desks.admit(about.fingerprint), str):
                _cut(line)
        self.wake()

    def sessions(self) -> dict[str, int]:
        """Partner -> its connections; those that have ended and are not swept up yet keep nobody out."""
        there = (one for line, one in self._lines.items() if getattr(line, "transport", None) is not None)
        return dict(Counter(one.partner for one in there if one.partner))

    def _spread(self, mean_s: float) -> float:
        """Between half and one and a half of it, evenly: whoever comes back does not come all at once."""
        self._refusals += 1
        return mean_s * (0.5 + self._refusals * 0.618034 % 1.0)

    def _count(self, partner: str, why: str) -> None:
        self.counts.setdefault(partner, Counter())[why] += 1

    def _connected(self) -> asyncio.BaseProtocol:
        made = self._make()
        self._lines[made] = _Line(asyncio.get_running_loop().time())
        if len(self._lines) > CONNECTIONS_MAX:
            oldest = min((one for one in self._lines if not self._lines[one].busy), key=self._age, default=None)
            _cut(oldest)
            self._lines.pop(oldest, None)
        return made

    def _age(self, line: object) -> tuple[bool, float]:
        return self._lines[line].partner != "", self._lines[line].since_s  # strangers go first

    async def _sweep(self) -> None:
        """Cut connections that dawdle: no request in time, or nothing for long."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = asyncio.get_running_loop().time()
            for line, about in list(self._lines.items()):
                idle_s = now_s - about.since_s
                if getattr(line, "transport", None) is None:
                    if idle_s > 2 * tls.HANDSHAKE_S:  # gone, or it never came to a connection
                        del self._lines[line]
                elif not about.busy and idle_s > (IDLE_S if about.partner else FIRST_S):
                    self._count(about.partner, "dawdles")
                    _cut(line)
                    del self._lines[line]

    @web.middleware
    async def _admitted(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Every request passes here: who is it, is it within bounds, and is its answer taken in time."""
        line = self._lines.setdefault(request.protocol, _Line(asyncio.get_running_loop().time()))
        ssl_object = request.transport.get_extra_info("ssl_object") if request.transport else None
        line.fingerprint = tls.peer_fingerprint(ssl_object)
        who = self._desks.admit(line.fingerprint)
        if isinstance(who, str):
            self._count("", who)
            return _refusal(403, who, cut=True)
        line.partner = who.partner
        meter = self._meters.setdefault(who.partner, Meter(who.quota, _now_s()))
        if why := self._too_much(request, meter):
            self._count(who.partner, why)
            await asyncio.sleep(self._spread(FLOOD_S))
            return _refusal(429, why, cut=why == "too_many_connections")  # a new handshake would cost us more
        if "Content-Encoding" in request.headers:
            self._count(who.partner, "encoded")
            return _refusal(415, "encoded", cut=True)
        request[_WHO], request[_METER] = who, meter
        line.busy += 1
        meter.working += 1
        try:
            return await self._answered(request, handler, meter)
        finally:
            line.busy -= 1
            meter.working -= 1
            line.since_s = asyncio.get_running_loop().time()

    def _too_much(self, request: web.Request, meter: Meter) -> str:
        if self.sessions().get(self._lines[request.protocol].partner, 0) > meter.quota.connections:
            return "too_many_connections"
        return meter.refuse(_now_s())

    async def _answered(self, request: web.Request, handler: _Handler, meter: Meter) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as fault:
            self._count(request[_WHO].partner, f"http_{fault.status}")
            return _refusal(fault.status, fault.reason.lower().replace(" ", "_"), cut=True)
        except TimeoutError:
            self._count(request[_WHO].partner, "slow_body")
            return _refusal(408, "slow_body", cut=True)
        body = response.body if isinstance(response, web.Response) else None
        whole = body if isinstance(body, bytes) else b""
        meter.bytes.owe(float(len(whole)), _now_s())
        return await self._sent(request, response, whole)

    async def _sent(self, request: web.Request, response: web.StreamResponse, whole: bytes) -> web.StreamResponse:
        """The answer, piece by piece, each taken in time; otherwise it would wait in memory for a reader."""
        if len(whole) <= PIECE_BYTES:
            return response
        pieces = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
        pieces.content_length = len(whole)
        try:
            async with asyncio.timeout(WRITE_S):
                await pieces.prepare(request)
            for at in range(0, len(whole), PIECE_BYTES):
                async with asyncio.timeout(WRITE_S):
                    await pieces.write(whole[at : at + PIECE_BYTES])
            await pieces.write_eof()
        except TimeoutError:
            self._count(request[_WHO].partner, "slow_reader")
            _cut(request.protocol)
        return pieces

    async def _pull(self, request: web.Request) -> web.Response:
        who: Admitted = request[_WHO]
        stream = request.match_info["name"]
        asked = [_number(request.query.get(name, default)) for name, default in _PULL]
        if stream not in who.streams or not heads.is_stream(stream):
            why = "not_your_stream" if who.streams else "no_agreement"  # the latter: we only carry for it
            self._count(who.partner, why)
            return _refusal(404, why)
        if min(asked) < 0:
            self._count(who.partner, "bad_query")
            return _refusal(400, "bad_query")
        first, size, wait, epoch = asked
        await asyncio.sleep(min(request[_METER].bytes.wait_s(_now_s()), WAIT_MAX_S))
        await self._until(stream, first, epoch, min(float(wait), WAIT_MAX_S))
        if isinstance(again := self._desks.admit(self._lines[request.protocol].fingerprint), str):
            self._count(who.partner, again)  # suspended while it waited
            return _refusal(403, again, cut=True)
        if (ours := self._desks.epoch()[0]) != epoch:
            return _refusal(410, "new_epoch" if ours > epoch else "older_epoch")
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._threads, self._answer, stream, first, size)
        if isinstance(body, str):
            return _refusal(410 if body == PRUNED else 400, body)
        return web.Response(body=body, content_type="application/msgpack")

    async def _until(self, stream: str, first: int, epoch: int, wait_s: float) -> None:
        """Wait until the stream has an entry at ``first``, or as long as was asked; not for a log that is over."""
        try:
            async with asyncio.timeout(wait_s):
                while self._ends.get(stream, 0) <= first and self._desks.epoch()[0] == epoch:
                    await self._news.wait()
        except TimeoutError:
            return

    def _answer(self, stream: str, first: int, size: int) -> bytes | str:
        return answer(self._log, stream, first, size, self._now_ns())

    async def _epoch(self, _: web.Request) -> web.Response:
        said = self._desks.epoch()[1]
        return web.Response(body=said, content_type="application/json") if said else _refusal(404, "first_epoch")

    async def _body(self, request: web.Request, most: int) -> bytes:
        if (request.content_length or 0) > most:
            raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
        got = bytearray()
        async with asyncio.timeout(BODY_S):
            async for piece in request.content.iter_chunked(16 << 10):
                got += piece
                if len(got) > most:
                    raise web.HTTPRequestEntityTooLarge(most, len(got))
        return bytes(got)

    async def _hear(self, request: web.Request) -> web.Response:
        body = await self._body(request, ENVELOPE_BYTES)
        partner, kind = request[_WHO].partner, request.match_info["kind"]
        if why := await self._desks.hear(partner, kind, body):
            self._count(partner, why)
            return _refusal(400, why)
        return web.Response(status=200, text="ok\n")

    async def _cosign(self, request: web.Request) -> web.Response:
        if self._desks.cosign is None or not request[_WHO].witnessed:
            return _refusal(404, "no_witness")
        status, answer = await self._desks.cosign(request[_WHO].partner, await self._body(request, WITNESS_BYTES))
        kind = "text/x.tlog.size" if status == 409 else "text/plain"
        return web.Response(status=status, body=answer, content_type=kind)

    async def _held(self, request: web.Request) -> web.Response:
        if self._desks.held is None or not request[_WHO].witnessed:
            return _refusal(404, "no_witness")
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._desks.held, request[_WHO].partner)
        return web.Response(body=found, content_type="text/plain")

    async def _carry_in(self, request: web.Request) -> web.Response:
        if self._desks.carry is None:
            return _refusal(404, "no_broker")
        body = await self._body(request, SIZES[-1])
        status, answer = await self._desks.carry.post(request[_WHO].partner, request.match_info["alias"], body)
        return web.Response(status=status, body=answer, content_type="application/json")

    async def _carry_out(self, request: web.Request) -> web.Response:
        first, wait = (_number(request.query.get(name, "0")) for name in ("from", "wait_ms"))
        if self._desks.carry is None or min(first, wait) < 0:
            return _refusal(404, "no_broker")
        who, alias = request[_WHO], request.match_info["alias"]
        status, answer = await self._desks.carry.get(who.partner, alias, first, min(wait / 1e3, WAIT_MAX_S))
        if isinstance(again := self._desks.admit(self._lines[request.protocol].fingerprint), str):
            return _refusal(403, again, cut=True)
        return web.Response(status=status, body=answer, content_type="application/msgpack")

    async def _checkpoint(self, _: web.Request) -> web.Response:
        return web.Response(body=self._log.checkpoint(), content_type="text/plain")

    async def _tile(self, request: web.Request) -> web.Response:
        path = "tile/" + request.match_info["path"]
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._desks.tile, path) if self._desks.tile else None
        if found is None:
            return _refusal(404, "no_tile")
        return web.Response(body=found, content_type="application/octet-stream")


_PULL = (("from", "0"), ("size", "0"), ("wait", "0"), ("epoch", "1"))


def _number(text: str) -> int:
    """A number of a query; -1 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _refusal(status: int, why: str, *, cut: bool = False) -> web.Response:
    response = web.Response(status=status, text=why + "\n", headers={"Retry-After": "1"} if status == 429 else {})
    if cut:
        response.force_close()
    return response


def _cut(line: object) -> None:
    """End a connection without a word."""
    transport = getattr(line, "transport", None)
    if transport is not None:
        transport.abort()
