"""A small log on a disk with faults: ticks for two recipients, and what a recipient checks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.key_disk import KeyDisk

from manara.host.keys import FileSigner
from manara.host.log_store import LogStore
from manara.host.vault import Vault
from manara.ledger import checkpoint, entry, tree
from manara.records.inputs import Published
from manara.records.released import Block, Delivery, Entry

SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))
TICK_NS = 1_000_000_000
ORIGIN = "lantern.example/arvena"


def store(disk: KeyDisk, segment_bytes: int = 4_000) -> LogStore:
    return LogStore(disk, SIGNER, Vault(disk), ORIGIN, "arvena", clock=lambda: 5, segment_bytes=segment_bytes)


def an_entry(stream: str, offset: int, subjects: Iterable[int], seed: int = 0, width: int = 24) -> Entry:
    numbers = np.array(list(subjects), "<u8")
    rows = np.random.default_rng([seed, offset, len(stream)]).bytes(width * len(numbers))
    head = b'{"kind":"batch","offset":"%d","stream":"%s"}' % (offset, stream.encode())
    return Entry(stream, offset, head, (Block(1, width, rows, numbers.tobytes()),))


def publish(one: LogStore, number: int, subjects: Iterable[int] = (1, 2, 3), at_ns: int = -1) -> Published:
    """Tick ``number`` for two recipients, a statement without rows beside them."""
    subjects = list(subjects)
    entries = [
        an_entry("arvena>belora", number, subjects),
        an_entry("arvena>corvia", number, subjects[::-1]),
        Entry("arvena", number, b'{"kind":"statement"}'),
    ]
    return one.publish(number * TICK_NS if at_ns < 0 else at_ns, 100 + number, entries)


def proves(log: LogStore, one: Delivery) -> str:
    """What a recipient checks, with bytes only; "" when all of it holds."""
    rows = [(block.rows, block.width) for block in one.blocks]
    fault = entry.check_entry(one.head, rows, one.salts, one.erased, one.place, one.width, one.path, one.tick)
    said = checkpoint.open_signed(log.checkpoint(), [log.key])
    assert not isinstance(said, str), said
    size = said.checkpoint.size
    path = log.inclusion(one.leaf, size)
    inside = tree.verify_inclusion(tree.leaf_hash(one.tick), one.leaf, size, path, said.checkpoint.root)
    return fault or ("" if inside else "the tick is not in the log")


def all_of(log: LogStore) -> dict[str, list[Delivery]]:
    return {name: log.read(name, log.oldest(name), 10_000, 1 << 40) for name in log.heads()}


def plain(one: Delivery) -> tuple[object, ...]:
    return (one.head, [block.rows for block in one.blocks], one.salts, one.path, one.tick, one.leaf, one.erased)
