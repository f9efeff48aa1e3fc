"""A broker's desk: it takes sealed envelopes from one end, keeps them, gives them to the other, and says so.

::

    POST envelope ─▶ whose alias? ─▶ quota ─▶ box (synced) ─▶ hop receipt, signed
    GET  from N   ─▶ own alias?   ─▶ waits ─▶ envelopes           every minute: broker.hops into the own log

It knows route, size and time, and nothing else; what is refused is counted by the partner that sent it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import rfc8785

from manara.host.broker_store import Box, Kept
from manara.host.keys import Signer
from manara.host.link_quota import Bucket
from manara.link import sealed
from manara.node.durable.disk import Disk, DiskError
from manara.records.brokered import Carries
from manara.records.reject import Reject
from manara.release import statements

HOP = b"manara/hop/v1\n"
HOPS_S = 60.0
HOPS_MAX = 4_096  # of one statement
BURST_S = 15.0  # of its quota that an end may use at once, after an outage
MIB = 1 << 20

Answer = tuple[int, bytes]


class Route(msgspec.Struct, frozen=True):
    """One direction of a pair."""

    sender: str  # partner
    recipient: str
    from_alias: str
    to_alias: str


class Fetched(msgspec.Struct, frozen=True, array_like=True):
    """The answer to who fetches: where his box ends now, and envelopes with their numbers."""

    next: int
    envelopes: tuple[tuple[int, bytes], ...] = ()


def routes(carries: Sequence[Carries]) -> dict[str, Route]:
    """All directions, by the alias of the recipient."""
    made = {}
    for one in carries:
        (a, b), (at_a, at_b) = one.partners, one.aliases
        made[at_b] = Route(a, b, at_a, at_b)
        made[at_a] = Route(b, a, at_b, at_a)
    return made


class BrokerDesk:
    """The desk of one node. ``signer``: the node's own; ``log``: takes a statement of the node for its log and gives
    the hash of the last one about a subject to follow. ``counts``: what was refused, by partner and reason."""

    def __init__(
        self, carries: Sequence[Carries], disk: Disk, signer: Signer, now_ns: Callable[[], int],
        seconds: Callable[[], float],
    ) -> None:  # fmt: skip
        self._signer, self._now_ns, self._seconds = signer, now_ns, seconds
        self.routes = routes(carries)
        bounds = {alias: one for one in carries for alias in one.aliases}
        self.boxes = {a: Box(disk, a, bounds[a].envelopes, bounds[a].mib * MIB) for a in self.routes}
        self._buckets = {a: Bucket(one.per_s, one.per_s * BURST_S, seconds()) for a, one in bounds.items()}
        self._news = {alias: asyncio.Event() for alias in self.routes}
        self.partners = frozenset(one.sender for one in self.routes.values())
        self.counts: dict[str, Counter[str]] = {}
        self._turn = asyncio.Lock()

    async def post(self, partner: str, alias: str, envelope: bytes) -> Answer:
        """An envelope for an alias: 200 and the hop receipt, or why not."""
        route = self.routes.get(alias)
        if route is None or route.sender != partner:
            return self._refused(partner, 404, "not_your_route")
        if isinstance(found := sealed.parse(envelope), Reject):
            return self._refused(partner, 400, found.why)
        if not self._buckets[alias].take(1.0, self._seconds()):
            return self._refused(partner, 429, "too_many_envelopes")
        async with self._turn:
            answer = await asyncio.to_thread(self._take, partner, route, envelope)
        self._ring(alias)
        return answer

    def _take(self, partner: str, route: Route, envelope: bytes) -> Answer:
        box = self.boxes[route.to_alias]
        try:
            if (known := box.again(envelope)) is not None:
                return 200, self._receipt(known.hop)
            if box.full(len(envelope)):
                return self._refused(partner, 429, "box_full")
            hop = hop_text(route, envelope, self._now_ns())
            box.put(hop, envelope)
        except DiskError:
            return self._refused(partner, 503, "not_kept")
        return 200, self._receipt(hop)

    def _ring(self, alias: str) -> None:
        self._news[alias].set()
        self._news[alias] = asyncio.Event()

    async def get(self, partner: str, alias: str, first: int, wait_s: float) -> Answer:
        """Envelopes for an alias from a number on; waits for the next one when there is none."""
        route = self.routes.get(alias)
        if route is None or route.recipient != partner:
            return self._refused(partner, 404, "not_your_route")
        box = self.boxes[alias]
        try:
            async with asyncio.timeout(wait_s):
                while box.next <= first:
                    await self._news[alias].wait()
        except TimeoutError:
            pass
        try:
            found = await asyncio.to_thread(box.fetch, first)
        except DiskError:
            return self._refused(partner, 503, "not_read")
        return 200, msgspec.msgpack.encode(Fetched(box.next, tuple((one.number, one.envelope) for one in found)))

    def _refused(self, partner: str, status: int, why: str) -> Answer:
        self.counts.setdefault(partner, Counter())[why] += 1
        return status, why.encode()

    def _receipt(self, hop: bytes) -> bytes:
        return rfc8785.dumps({"hop": hop.decode(), "sig": self._signer.sign(HOP + hop).hex()})

    def hops(self, last: Callable[[str], str]) -> list[tuple[bytes, Box, int]]:
        """Statements on what was carried and is not in the log yet; for each its box, and the number before which it
        then is. ``last``: hash of the last statement on a subject."""
        made = []
        for alias, box in self.boxes.items():
            some = box.unlogged(HOPS_MAX)
            if some:
                said = self._statement(self.routes[alias], some, last(f"broker/{alias}"))
                made.append((said, box, some[-1].number + 1))
        return made

    def _statement(self, route: Route, some: list[Kept], after: str) -> bytes:
        said = statements.BrokerHops(
            sender=route.from_alias,
            recipient=route.to_alias,
            first=str(some[0].number),
            next=str(some[-1].number + 1),
            size=str(sum(len(one.envelope) for one in some)),
            hops=hashlib.sha256(b"".join(hashlib.sha256(one.hop).digest() for one in some)).hexdigest(),
            nonce=secrets.token_hex(16),
            after=after,
        )
        return statements.canonical(said)


def hop_text(route: Route, envelope: bytes, now_ns: int) -> bytes:
    """What a broker says of one envelope: all that it knows.

    >>> hop_text(Route("a", "b", "xa", "xb"), b"", 7)[:24]
    b'{"from":"xa","sha256":"e'
    """
    return rfc8785.dumps(
        {
            "from": route.from_alias,
            "to": route.to_alias,
            "sha256": hashlib.sha256(envelope).hexdigest(),
            "size": len(envelope),
            "time_ns": str(now_ns),
        }
    )
