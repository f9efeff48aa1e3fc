"""What two nodes that have ended hold on disk: do the releaser's log and the recipient's store agree entry by entry?"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import msgspec
from tests.doubles.cut_proxy import CutProxy
from tests.doubles.two_processes import Two

from manara.host import config, kept
from manara.host.disk import FolderDisk
from manara.host.sharing import Sharing
from manara.ledger import entry, tree
from manara.link import stage
from manara.records.inputs import Arrived
from manara.release import statements


@contextlib.contextmanager
def opened(two: Two, name: str) -> Iterator[Sharing]:
    """Log, keys and store of a node that does not run."""
    member = two.made.members[name]
    made = Sharing(config.node_config(member.config), member.folder, member.kept, lambda: 0)
    try:
        yield made
    finally:
        made.close()


def released_roots(two: Two, releaser: str, stream: str) -> list[bytes]:
    """The root of each entry of a stream, out of the releaser's log, in order."""
    with opened(two, releaser) as one:
        many = one.log.heads()[stream]
        heads = [one.log.head(stream, offset) for offset in range(many)]
        assert None not in heads
        return [head.entry.root for head in heads]


def stored_roots(two: Two, recipient: str, stream: str) -> list[bytes]:
    """The same out of what the recipient keeps, computed from the rows themselves."""
    found = []
    with opened(two, recipient) as one:
        while (there := one.received.delivery(stream, len(found))) is not None:
            delivery = there[0]
            rows = [(block.rows, block.width) for block in delivery.blocks]
            found.append(entry.entry_root(delivery.head, rows, delivery.salts, delivery.erased))
    return found


def taken(two: Two, recipient: str, stream: str) -> tuple[list[Arrived], dict[str, int]]:
    """What the recipient's steps took of a stream, by its journal, in order; and what they refused."""
    state = stage.init(recipient)
    first: list[Arrived] = []
    disk = FolderDisk(two.made.members[recipient].kept)
    try:
        for now_ns, inputs in kept.windows(disk):
            for one in inputs:
                if isinstance(one, Arrived) and one.stream == stream:
                    if one.offset == stage.next_offset(state, stream):
                        first.append(one)
                    stage.advance(state, [one], now_ns)
    finally:
        disk.close()
    return first, dict(state.partners[stream.partition(">")[0]].refused)


def exact(two: Two, releaser: str, recipient: str) -> int:
    """0 lost, 0 doubled, in order; how many entries the recipient has. Both nodes have ended."""
    stream = f"{releaser}>{recipient}"
    sent = released_roots(two, releaser, stream)
    stored = stored_roots(two, recipient, stream)
    assert stored == sent[: len(stored)]
    steps, refused = taken(two, recipient, stream)
    assert [one.offset for one in steps] == list(range(len(steps)))
    assert [one.root for one in steps] == sent[: len(steps)]
    assert "gap" not in refused
    assert len(steps) <= len(stored)
    return len(steps)


def receipts(two: Two, releaser: str, recipient: str) -> list[statements.Receipt]:
    """The recipient's receipts as they stand in the releaser's log, each verified, each over the roots it speaks of."""
    roots = released_roots(two, releaser, f"{releaser}>{recipient}")
    found = []
    with opened(two, releaser) as one:
        for offset in range(one.log.heads()[releaser]):
            head = msgspec.json.decode(one.log.head(releaser, offset).entry.head)
            said = statements.verify(head["subject"].encode(), two.made.directory)
            if isinstance(said, statements.Verified) and isinstance(said.statement, statements.Receipt):
                if said.nodes != (recipient,):
                    continue
                leaves = [tree.leaf_hash(root) for root in roots[: int(said.statement.next)]]
                assert said.statement.root == tree.root(leaves).hex()
                found.append(said.statement)
    return found


class Proxy:
    """A wire that can be cut, on a thread of its own. ``port``: where it listens."""

    def __init__(self, behind: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.wire = CutProxy(behind)
        self.port = asyncio.run_coroutine_threadsafe(self.wire.open(), self._loop).result(10)

    def reset(self) -> None:
        self._loop.call_soon_threadsafe(self.wire.reset)

    def lets(self, passes: bool) -> None:
        self.wire.up = self.wire.down = passes

    def record(self) -> None:
        """Keep every byte that passes from now on."""
        self.wire.record = bytearray()

    def heard(self) -> bytes:
        return bytes(self.wire.record or b"")

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.wire.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
