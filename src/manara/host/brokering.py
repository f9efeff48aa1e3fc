"""What a node has to do with brokers, as an end or as one: made from its configuration, run beside its links.

::

    [[broker]]  ─▶ for each: keys and cards ─▶ a line in place of a link (broker_line)
    [[carries]] ─▶ the desk behind the door (broker_desk), and what it carried, into the own log
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from manara.host import broker_keys
from manara.host.broker_desk import HOPS_S, BrokerDesk
from manara.host.broker_keys import Relation
from manara.host.broker_line import BrokerLine, Ends, Post
from manara.host.broker_store import Box
from manara.host.disk import FolderDisk
from manara.host.keys import NodeKeys
from manara.host.problems import BadInput
from manara.node.durable.disk import DiskError
from manara.records.brokered import Brokered
from manara.records.config import NodeConfig
from manara.records.directory import Directory


class Brokering:
    """Of one node. Raises BadInput: a partner that the directory does not know, keys that are not those that were
    confirmed, a folder that cannot be used."""

    def __init__(
        self, config: NodeConfig, base: Path, folder: Path, keys: NodeKeys, listed: Directory,
        now_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        self._listed, self._folder = listed, folder
        self.said = {one.partner: one for one in config.broker}
        self.relations: dict[str, Relation] = {}
        for one in config.broker:
            self._known(one.via, "via")
            place = broker_keys.folder_of(config, base, one.partner)
            if (place / "theirs.card").exists():
                self._known(one.partner, "partner")
                self.relations[one.partner] = broker_keys.load(place, one.partner)
        self.desk: BrokerDesk | None = None
        self._disk: FolderDisk | None = None
        if config.carries:
            try:
                self._disk = FolderDisk(folder / "broker")
                self.desk = BrokerDesk(config.carries, self._disk, keys.agreement, now_ns, time.monotonic)
            except DiskError as fault:
                raise BadInput(str(fault), str(folder)) from None
            except ValueError:
                raise BadInput("damaged: a file of envelopes", str(folder / "broker")) from None

    def _known(self, partner: str, key: str) -> None:
        if self._listed.partner(partner) is None:
            raise BadInput(f"[[broker]] {key}: {partner!r} is not in the directory", "", "see docs/how-to/broker.md")

    def line(self, partner: str, broker: Post, ends: Ends) -> BrokerLine:
        """The line to a partner. Raises BadInput."""
        said: Brokered = self.said[partner]
        return BrokerLine(said, self.relations[partner], broker, ends, self._folder / "brokered")

    def broker_key(self, partner: str) -> bytes:
        """With which the broker to a partner signs what it took."""
        found = self._listed.partner(self.said[partner].via)
        return bytes.fromhex(found.agreement_key) if found is not None else b""

    async def keep_hops(self, last: Callable[[str], str], log: Callable[[str, bytes], None]) -> None:
        """Have what was carried written into the own log, until cancelled. ``log``: takes a statement to sign."""
        while self.desk is not None:
            await asyncio.sleep(HOPS_S)
            await asyncio.to_thread(self._log_hops, self.desk, last, log)

    @staticmethod
    def _log_hops(desk: BrokerDesk, last: Callable[[str], str], log: Callable[[str, bytes], None]) -> None:
        try:
            made: list[tuple[bytes, Box, int]] = desk.hops(last)
            for said, box, following in made:
                log("broker", said)
                box.was_logged(following)
        except DiskError:
            return  # the next time, when there is room

    def close(self) -> None:
        """Let go of the folder."""
        if self._disk is not None:
            self._disk.close()
