"""Keys and logs from a seed, so that a failure can be run again."""

from __future__ import annotations

from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.ledger import checkpoint, cosign, entry, note, tiles, tree


class Signer:
    """A key pair under a name, made from the name."""

    def __init__(self, name: str, kind: int = note.ED25519) -> None:
        self.seed = sha256(name.encode()).digest()
        self._private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.key = note.Key(name, kind, self._private.public_key().public_bytes_raw())

    def __call__(self, data: bytes) -> bytes:
        return self._private.sign(data)


class Log:
    """A log of ticks with its tiles in a dict."""

    def __init__(self, size: int, origin: str = "arvena.example/log", seed: str = "") -> None:
        self.signer = Signer(origin)
        self.leaves = [self.leaf(n, seed) for n in range(size)]
        self.hashes = [tree.leaf_hash(one) for one in self.leaves]
        self.files = dict(tiles.write_all(self.leaves))
        self.files["checkpoint"] = self.checkpoint()

    @staticmethod
    def leaf(n: int, seed: str) -> bytes:
        return entry.tick_bytes(n * 1_000_000_000, sha256(f"{seed}{n}".encode()).digest())

    def checkpoint(self, size: int | None = None, witnesses: tuple[Signer, ...] = ()) -> bytes:
        size = len(self.leaves) if size is None else size
        one = checkpoint.Checkpoint(self.signer.key.name, size, tree.root(self.hashes[:size]))
        signed = checkpoint.signed(one, self.signer.key, self.signer)
        lines = "".join(cosign.sign(one.text(), w.key, 1_800_000_000, w).line() for w in witnesses)
        return cosign.add(signed, lines, [w.key for w in witnesses])

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def folder(self, path):
        """Written out."""
        for name, content in self.files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
        return path


@pytest.fixture(scope="session")
def signer():
    return Signer


@pytest.fixture(scope="session")
def make_log():
    """``make_log(size)``: a log, made once for each set of arguments; change a copy of its files, not them."""
    made: dict[tuple, Log] = {}

    def make(size: int, **kind) -> Log:
        key = (size, *sorted(kind.items()))
        if key not in made:
            made[key] = Log(size, **kind)
        return made[key]

    return make
