"""A partner's log in memory: entries with salts and paths, ticks, signed checkpoints; and how it could lie."""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.ledger import checkpoint, entry, note, tree
from manara.link import heads
from manara.records.released import Block, Delivery, Head

S = 1_000_000_000
T0 = 1_790_000_000 * S


def log_key(name: str) -> tuple[Ed25519PrivateKey, note.Key]:
    """A key that depends on the name alone."""
    private = Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())
    return private, note.Key(name, note.ED25519, private.public_key().public_bytes_raw())


class MemoryLog:
    """LogReads of host/link_server.py. ``publish`` puts one entry into each named stream under one leaf."""

    def __init__(self, origin: str = "arvena.example/log", seed: int = 0) -> None:
        self._private, self.key = log_key(origin)
        self._chance = random.Random(seed)
        self.streams: dict[str, list[Delivery]] = {}
        self.leaves: list[bytes] = []
        self.edge = tree.Range()
        self.ticks: list[bytes] = []
        self.reads = self.oldest = 0
        self._cached: tuple[int, tree.Hashes] = (0, tree.from_leaves([]))

    def publish(self, *streams: str, rows: int = 0, kind: str = "heartbeat", subject: str = "") -> None:
        """One tick."""
        self.publish_heads([(name, rows, kind, subject) for name in streams])

    def publish_heads(self, entries: Sequence[tuple[str, int, str, str]]) -> None:
        """One tick of these entries: stream, rows of padding, kind, subject."""
        time_ns = T0 + len(self.leaves) * S
        made = []
        for stream, rows, kind, subject in entries:
            blocks = (Block(0, 40, self._chance.randbytes(40 * rows), b"\7" * 8 * rows),) if rows else ()
            place = len(self.streams.get(stream, ())) + sum(one[0] == stream for one in made)
            head = Head(
                kind=kind, stream=stream, offset=str(place), time_ns=str(time_ns), subject=subject,
                blocks=tuple((b.table, b.width, rows) for b in blocks),
            )  # fmt: skip
            made.append((stream, place, heads.encode(head), blocks, self._chance.randbytes(16 * (rows + 1))))
        roots = [
            entry.entry_root(data, [(b.rows, b.width) for b in blocks], salts) for _, _, data, blocks, salts in made
        ]
        dummies = [self._chance.randbytes(32) for _ in range(entry.dummies_needed(len(roots)))]
        root, paths = entry.tick_tree(roots, dummies)
        tick, width, leaf = entry.tick_bytes(time_ns, root), len(roots) + len(dummies), len(self.leaves)
        for at, (stream, place, data, blocks, salts) in enumerate(made):
            delivery = Delivery(place, data, blocks, salts, at, width, paths[at], tick, leaf)
            self.streams.setdefault(stream, []).append(delivery)
        self.leaves.append(tree.leaf_hash(tick))
        self.edge.append(self.leaves[-1])

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        self.reads += 1
        found, size = [], 0
        if first < self.oldest:
            return []
        for one in self.streams.get(stream, [])[first : first + max_entries]:
            size += sum(len(b.rows) for b in one.blocks) + len(one.head)
            if found and size > max_bytes:
                break
            found.append(one)
        return found

    def heads(self) -> dict[str, int]:
        return {name: len(entries) for name, entries in self.streams.items()}

    def checkpoint(self) -> bytes:
        body = checkpoint.Checkpoint(self.key.name, self.edge.size, self.edge.root())
        return checkpoint.signed(body, self.key, self._private.sign)

    def inclusion(self, leaf: int, size: int) -> list[bytes]:
        return tree.inclusion_path(self._hashes(size), leaf, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        return tree.consistency_path(self._hashes(new), old, new)

    def _hashes(self, size: int) -> tree.Hashes:
        if self._cached[0] != size:
            self._cached = size, tree.from_leaves(self.leaves[:size])
        return self._cached[1]
