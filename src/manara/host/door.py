"""The node's door for partners: who comes in, what he hands in, and what is no longer given out.

::

    certificate ─▶ admit ─▶ streams of his own
    receipt, statement ─▶ hear ─▶ the next step
    rows logged before a suspension and not fetched ─▶ their hashes: they are in the log, and nobody gets them any more
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from manara.host import backfill, bounds, tls
from manara.host.broker_desk import BrokerDesk
from manara.host.commands import FOREIGN
from manara.host.keys import NodeKeys
from manara.host.link_server import Admitted, Desks, LinkServer
from manara.host.log_store import LogStore
from manara.host.witness_desk import WitnessDesk
from manara.ledger import entry
from manara.link import heads
from manara.records.config import NodeConfig
from manara.records.directory import Directory, Partner
from manara.records.inputs import Answered, Command, Input, Refused, Views
from manara.records.reject import Reject
from manara.records.released import Delivery
from manara.release import standing, statements
from manara.release.statements import Receipt, Verified

HEARD_MAX = 256  # envelopes of one partner that wait for a step
BUSY = "busy"  # said to a partner beyond that, and before the first step: it tries again
SALT = 16


class Door:
    """What stands behind the link's server. ``offer``: hands an input to the next step. ``told``: streams of the log
    that have an entry; whoever publishes adds to it."""

    def __init__(
        self,
        config: NodeConfig,
        directory: Directory,
        log: LogStore,
        witness: WitnessDesk,
        room: backfill.Room,
        offer: Callable[[Input], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._config, self._directory, self._log, self._witness = config, directory, log, witness
        self._room, self._offer, self._now_ns = room, offer, now_ns
        self._others = [one for one in directory.partners if one.id != config.partner]
        self._heard: Counter[str] = Counter()  # partner -> envelopes that no step has taken yet
        self._views = Views()
        self.told = set(log.heads())
        self.accuse: Callable[[str, tuple[bytes, bytes]], str] = lambda _, __: ""  # keeps evidence, names the file
        self.held: Callable[[str], bytes] = lambda _: b""  # partner -> the newest checkpoint known of its log
        self.standings = standing.init()
        self._ready = False  # until a step has said who was revoked and what was suspended, nobody comes in
        self.server: LinkServer | None = None
        self.carry: BrokerDesk | None = None

    async def open(self, keys: NodeKeys) -> None:
        """Listen where the configuration says. Raises BadInput."""
        host, port = bounds.link_address(self._config.link_listen, "link_listen")
        self.server = LinkServer(
            self,
            Desks(self.admit, self.hear, self._cosign, self._log.tile, self._epoch, self._known, self.carry),
            self._now_ns,
        )
        pinned = [one.tls_certificate for one in self._others if one.tls_certificate]
        context = tls.server_context(keys.tls_certificate, keys.tls_key, pinned, self.server.handshakes)
        await self.server.open(host, port, context)

    def shown(self, views: Views, standings: standing.Standings, changed: bool) -> None:
        """What the step published."""
        self._views, self.standings, self._ready = views, standings, True
        if changed and self.server is not None:
            self.server.review()

    def taken(self) -> None:
        """A step has taken what was handed in."""
        self._heard.clear()

    def wake(self) -> None:
        """The log has something new. On the event loop."""
        if self.server is not None:
            self.server.wake()

    async def close(self) -> None:
        """Let nobody in any more."""
        if self.server is not None:
            await self.server.close()

    def admit(self, fingerprint: str) -> Admitted | str:
        """Who may fetch: a partner of the directory, by its certificate, that has an agreement with us in either
        direction, or to whom rule 0 has told something; it stands above ``never_to``."""
        found = next((one for one in self._others if one.tls_sha256 == fingerprint), None)
        if found is None:
            return "unknown_certificate"
        if not self._ready:
            return BUSY
        if fingerprint in self.standings.revoked:
            return "revoked"
        if why := self._agreed(found):
            carried = self.carry is not None and found.id in self.carry.partners
            return Admitted(found.id, frozenset(), witnessed=False) if carried else why
        ours = self._ours(found)
        return Admitted(found.id, frozenset({ours, f"{ours}/backfill"}))

    def _agreed(self, found: Partner) -> str:
        ours, theirs = self._ours(found), f"{found.id}>{self._config.partner}"
        agreed = ours in self.standings.agreements or theirs in self.standings.agreements
        if ours not in self.told and (found.id in self._config.never_to or not agreed):
            return "no_agreement"  # never_to is nobody's business but ours
        return ""

    def admitted(self, partner: str) -> str:
        """Why a partner without a link of its own, to whom a broker carries, is told nothing now; "" when it is."""
        found = next((one for one in self._others if one.id == partner), None)
        if found is None or not self._ready:
            return BUSY
        if {found.ledger_key, found.agreement_key, found.seal_key} & set(self.standings.revoked):
            return "revoked"
        return self._agreed(found)

    def _ours(self, partner: Partner) -> str:
        return f"{self._config.partner}>{partner.id}"

    async def hear(self, partner: str, kind: str, envelope: bytes) -> str:
        """A receipt or a statement that a partner handed in; "" when it goes to the step, else why not."""
        found = statements.verify(envelope, self._directory)
        if not isinstance(found, Verified):
            return found.why
        if not self._ready:
            return BUSY
        used = {one.agreement_key for one in self._others if one.id in found.nodes}
        if used & set(self.standings.revoked):
            return "revoked"
        if self._heard[partner] >= HEARD_MAX:
            return BUSY
        if kind == "receipt":
            return self._receipt(partner, found, envelope)
        self._offer(Command(f"{FOREIGN}{partner}-{found.sha256[:16]}", envelope, self._now_ns()))
        self._heard[partner] += 1
        return ""

    def _receipt(self, partner: str, found: Verified, envelope: bytes) -> str:
        said, ours = found.statement, f"{self._config.partner}>{partner}"
        if not isinstance(said, Receipt) or found.nodes != (partner,) or said.stream not in (ours, f"{ours}/backfill"):
            return "not_a_receipt"
        if int(said.next) <= self._views.signed.get(said.stream, 0):
            return ""  # nothing new: a receipt that was lost and came again, or one that is repeated to keep us busy
        self._room.signed(said.stream, int(said.next))
        self._offer(Answered(partner, said.stream, int(said.next), envelope, self._now_ns()))
        self._heard[partner] += 1
        return ""

    async def _cosign(self, partner: str, body: bytes) -> tuple[int, bytes]:
        """A partner's log asks us to witness it."""
        said = await asyncio.to_thread(self._witness.add_checkpoint, body, time.time_ns())
        if said.accused is not None:
            where = await asyncio.to_thread(self.accuse, partner, said.accused)
            why = f"two checkpoints of its log cannot both be true; both are kept in {where}"
            self._offer(Refused(partner, "log_contradicts", why[:300], self._now_ns()))
        elif said.why:
            self._offer(Refused(partner, f"witness_{said.status}", said.why[:300], self._now_ns()))
        return said.status, said.body

    def _epoch(self) -> tuple[int, bytes]:
        """In which epoch our log is, and by whose word."""
        return self._log.epoch, self._log.statement

    def _known(self, partner: str) -> bytes:
        """What a partner gets who asks how far its own log has come by our memory."""
        return self.held(partner)

    # The log as partners read it (link_answers.LogReads)

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        """Entries of a stream; rows that were logged before its last suspension are not given any more."""
        found = self._log.read(stream, first, max_entries, max_bytes)
        before = self._views.cut.get(stream, 0)
        if stream.endswith("/backfill") and self._suspended(stream.removesuffix("/backfill")):
            before = 1 << 62
        return [withheld(one) if one.offset < before else one for one in found]

    def _suspended(self, direction: str) -> bool:
        one = self.standings.agreements.get(direction)
        return one is None or one.phase == "suspended"

    def heads(self) -> dict[str, int]:
        """The next place of each stream."""
        return self._log.heads()

    def checkpoint(self) -> bytes:
        """The newest checkpoint."""
        return self._log.checkpoint()

    def inclusion(self, leaf: int, size: int) -> Sequence[bytes]:
        """The path of a leaf."""
        return self._log.inclusion(leaf, size)

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """That the log has only grown."""
        return self._log.consistency(old, new)

    def oldest(self, stream: str) -> int:
        """The first place of a stream that can still be read."""
        return self._log.oldest(stream)


def withheld(one: Delivery) -> Delivery:
    """The same entry with its proof and without its rows; a warning keeps them: rule 0 stands above every phase."""
    head = heads.parse(one.head)
    if isinstance(head, Reject) or head.kind != "batch" or not one.blocks:
        return one
    pieces = [(block.rows, block.width) for block in one.blocks]
    hashes = entry.known_hashes(one.head, pieces, one.salts, one.erased)[1:]
    blocks, at = [], 0
    for block, (_, _, count) in zip(one.blocks, head.blocks, strict=True):
        rows = b"".join(hashes[at : at + count])
        blocks.append(msgspec.structs.replace(block, rows=rows, subjects=b""))
        at += count
    salts = one.salts[:SALT] + bytes(SALT * len(hashes))
    return msgspec.structs.replace(one, blocks=tuple(blocks), salts=salts, erased=b"\1" * len(hashes))
