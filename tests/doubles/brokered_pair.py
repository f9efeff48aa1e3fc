"""Two ends and a broker in one process: real lines, a real desk on a real disk, a broker that may lie."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.doubles.link_pair import Noted, Taker
from tests.doubles.log import T0, MemoryLog

from manara.host.broker_desk import BrokerDesk, Fetched
from manara.host.broker_keys import AliasCard, Relation, alias_of
from manara.host.broker_line import BrokerLine, Ends
from manara.host.disk import FolderDisk
from manara.host.keys import FileSigner, SealKey
from manara.host.link_client import Unreachable
from manara.records.brokered import Brokered, Carries
from manara.records.directory import Partner

ENDS = ("arvena", "delmara")
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32))
EVERY_S = 0.02


def keys(seed: int) -> tuple[FileSigner, SealKey]:
    sign = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return FileSigner(sign), SealKey(X25519PrivateKey.from_private_bytes(bytes([seed + 1]) * 32))


def card(partner: str, pair: tuple[FileSigner, SealKey]) -> AliasCard:
    row = Partner(id=partner, name=partner.title(), ledger_key="")
    return AliasCard(nonce="", sign_key=pair[0].public().hex(), seal_key=pair[1].public().hex(), partner=row)


def relation(own: tuple[FileSigner, SealKey], theirs: AliasCard, verified: bool = True) -> Relation:
    alias = alias_of(own[0].public(), own[1].public())
    return Relation(theirs.partner.id, own[0], own[1], alias, theirs, verified)


class Middle:
    """One end's way to the broker. ``gives``: what the broker makes of what it is to give out; ``cut``: no way there;
    ``seen``: lengths of everything that was posted."""

    def __init__(self, desk: BrokerDesk, own: str) -> None:
        self._desk, self._own = desk, own
        self.cut = False
        self.gives: Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]] = list
        self.seen: list[int] = []
        self.posted: list[bytes] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        await self._way()
        self.seen.append(len(body))
        self.posted.append(body)
        return await self._desk.post(self._own, path.rpartition("/")[2], body)

    async def fetch(self, path: str, wait_s: float, most: int) -> tuple[int, bytes]:
        await self._way()
        alias, _, query = path.rpartition("/")[2].partition("?from=")
        first = int(query.partition("&")[0])
        status, body = await self._desk.get(self._own, alias, first, 0.2)
        found = msgspec.msgpack.decode(body, type=Fetched)
        given = self.gives([(n, bytes(e)) for n, e in found.envelopes])
        return status, msgspec.msgpack.encode(Fetched(found.next, tuple(given)))

    async def _way(self) -> None:
        if self.cut:
            await asyncio.sleep(0.02)
            raise Unreachable("connection", "cut")


class End:
    """One end: its line, what its node would have taken, and its log."""

    def __init__(self, own: str, other: str, made: Relation, desk: BrokerDesk, folder: Path, log: MemoryLog, key: Any,
                 **pace: Any) -> None:  # fmt: skip
        self.own, self.middle, self.log = own, Middle(desk, own), log
        self.taker, self.memory, self.heard = Taker(own), Noted(), []
        self.why = ""

        async def hear(partner: str, kind: str, envelope: bytes) -> str:
            self.heard.append((partner, kind, envelope))
            return self.why

        ends = Ends(own=own, log=log, log_key=key, door=self.taker, memory=self.memory, admitted=lambda: "", hear=hear,
                    broker_key=SIGNER.public(), now_ns=lambda: T0)  # fmt: skip
        self.folder, self.ends, self.relation = folder / own, ends, made
        self.said = Brokered(via="corvia", partner=other, **{"every_s": EVERY_S, "silence_s": 1.0, **pace})
        self.line = self.again()

    def again(self) -> BrokerLine:
        """As after a restart."""
        self.line = BrokerLine(self.said, self.relation, self.middle, self.ends, self.folder)
        return self.line


class Both:
    """Arvena and Delmara, and Corvia's desk between them."""

    def __init__(self, folder: Path, verified: bool = True, bounds: dict[str, Any] | None = None, **pace: Any) -> None:
        pairs = {"arvena": keys(1), "delmara": keys(3)}
        cards = {name: card(name, pair) for name, pair in pairs.items()}
        aliases = tuple(cards[name].alias for name in ENDS)
        self.carries = Carries(partners=ENDS, aliases=aliases, **{"per_s": 100.0, **(bounds or {})})
        self.folder, self.disk = folder, FolderDisk(folder / "broker")
        self.desk = BrokerDesk((self.carries,), self.disk, SIGNER, lambda: T0, asyncio.get_running_loop().time)
        logs = {name: MemoryLog(f"manara/{name}") for name in ENDS}
        made = []
        for own, other in (ENDS, ENDS[::-1]):
            end = relation(pairs[own], cards[other], verified)
            made.append(End(own, other, end, self.desk, folder, logs[own], logs[other].key, **pace))
        self.a, self.d = made

    def close(self) -> None:
        self.disk.close()


@contextlib.asynccontextmanager
async def both(folder: Path, **more: Any) -> AsyncIterator[Both]:
    made = Both(folder, **more)
    tasks = [asyncio.create_task(one.line.follow()) for one in (made.a, made.d)]
    try:
        yield made
    finally:
        for one in tasks:
            one.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        made.close()
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


async def until(true: Callable[[], Any], patience_s: float = 15.0) -> None:
    async with asyncio.timeout(patience_s):
        while not true():
            await asyncio.sleep(0.01)
