"""A log on disk as `manara ledger` reads it: a folder of tiles, or the store in a node's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.log_store import LogStore
    from manara.ledger.bundle import Acknowledged, Bundle
    from manara.ledger.tiles import Read

LOG_FILES, KEY_FILES = "log-*.mnl", "keys-*"
READ_BYTES = 64 << 20
FILE_MAX = 32 << 20  # a full bundle of the largest leaves has 16 MiB


class Folder(Protocol):
    """What the commands ask of a log."""

    def read(self, path: str) -> bytes | None:
        """A tile or bundle by its name."""

    def paths(self) -> Iterator[str]:
        """Names of all tiles and bundles that lie there."""

    def checkpoint(self) -> bytes:
        """The newest checkpoint. Raises BadInput."""

    def prove_leaf(self, leaf: int) -> Bundle:
        """A proof that a tick is in the log. Raises BadInput."""

    def prove_entry(self, stream: str, offset: int, row: int | None, receipt: bytes) -> Bundle:
        """A proof of an entry, or of one row of it. Raises BadInput."""

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Names and bytes of everything that a copy needs, the checkpoint last. Raises BadInput."""

    def receipts(self) -> Iterator[tuple[str, str, bytes]]:
        """The newest receipt of each stream: the stream, a name for a file, the envelope. Raises BadInput."""


@contextmanager
def opened(path: Path, quorum: int = 0) -> Iterator[Folder]:
    """The log at this path. Of a node's own: at its newest checkpoint that so many witnesses have cosigned, if there is
    one. Raises BadInput."""
    from manara.node.durable.disk import DiskError

    if (path / "checkpoint").is_file():
        yield TileFolder(path)
        return
    if not path.is_dir():
        raise BadInput("no such folder", str(path))
    log = _holding(path, LOG_FILES)
    if log is None:
        raise BadInput("holds no log", str(path), "want a folder of tiles (with a file checkpoint), or a node's folder")
    try:
        with TemporaryDirectory(prefix="manara-") as scratch:
            store = open_store(log, _holding(path, KEY_FILES) or log)
            yield NodeFolder(path, store, Path(scratch), quorum)
    except DiskError as fault:
        raise BadInput(fault.detail, str(path)) from None


def _holding(path: Path, pattern: str) -> Path | None:
    """The folder itself or the one right below it that holds files of that name."""
    below = sorted(one for one in path.iterdir() if one.is_dir())
    return next((one for one in (path, *below) if any(one.glob(pattern))), None)


class _Nobody:
    """A signer that signs nothing: we only look."""

    def public(self) -> bytes:
        """No key."""
        return bytes(32)

    def sign(self, data: bytes) -> bytes:
        """Never."""
        raise AssertionError(f"nothing is signed here, not even {len(data)} bytes")


def open_store(log: Path, vault: Path) -> LogStore:
    """A node's store to look at; nothing in its folders is changed. Raises DiskError."""
    from manara.cli.ledger_disk import Looking
    from manara.host.log_segments import Segments, epochs
    from manara.host.log_store import LogStore
    from manara.host.vault import Vault

    look = Looking(log)
    segments = Segments(look, max(epochs(look)))
    segments.open()
    header = segments.all[-1].header
    own = next(
        (name.partition(">")[0] for name in (*(stream for stream, _ in segments.last.places), *header.heads)), ""
    )
    return LogStore(look, _Nobody(), Vault(Looking(vault)), header.origin.partition("/epoch-")[0], own)


class TileFolder:
    """A folder in the layout of C2SP tlog-tiles."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, path: str) -> bytes | None:
        """A file below the folder; None where there is none."""
        try:
            with (self.path / path).open("rb") as file:
                return file.read(FILE_MAX)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as fault:
            raise BadInput(f"cannot be read: {fault.strerror}", str(self.path / path)) from None

    def paths(self) -> Iterator[str]:
        """Everything below ``tile``."""
        for one in sorted((self.path / "tile").rglob("*")):
            if one.is_file():
                yield one.relative_to(self.path).as_posix()

    def checkpoint(self) -> bytes:
        """The file ``checkpoint``."""
        data = self.read("checkpoint")
        if data is None:
            raise BadInput("there is no checkpoint", str(self.path))
        return data

    def prove_leaf(self, leaf: int) -> Bundle:
        """From the tiles."""
        return bundle_of(self.read, self.checkpoint(), leaf, str(self.path))

    def prove_entry(self, stream: str, offset: int, row: int | None, receipt: bytes) -> Bundle:
        """Tiles hold ticks, not what is in them."""
        del stream, offset, row, receipt
        raise BadInput("tiles hold ticks, not entries", str(self.path), "name --leaf, or the node's own folder")

    def receipts(self) -> Iterator[tuple[str, str, bytes]]:
        """Tiles hold ticks, not what is in them."""
        raise BadInput("tiles hold ticks, not receipts", str(self.path), "name the node's own folder")

    def files(self) -> Iterator[tuple[str, bytes]]:
        """The tiles of the checkpoint's size."""
        from manara.ledger import checkpoint, tiles

        said = checkpoint.parse_note(data := self.checkpoint())
        if isinstance(said, str):
            raise BadInput(f"its checkpoint: {said}", str(self.path))
        for tile in tiles.new_tiles(0, said[0].size):
            found = self.read(tile.path())
            if found is None:
                raise BadInput(f"{tile.path()} is absent", str(self.path), "manara ledger verify says more")
            yield tile.path(), found
        yield "checkpoint", data


def accusations(path: Path) -> list[tuple[str, Path]]:
    """Files of evidence that a node has kept against other logs: whose, and where. ``path``: the node's folder."""
    from manara.host.witness_desk import kept_accusations

    found = [(one.name.partition("=")[0], one) for one in sorted((path / "partners" / "evidence").glob("*=*.json"))]
    return found + kept_accusations(path / "witness")


def _file_name(stream: str) -> str:
    return stream.replace(">", "-to-").replace("/", "-")


def bundle_of(read: Read, signed: bytes, leaf: int, where: str) -> Bundle:
    """The proof of one leaf from tiles, checked against the checkpoint's root. Raises BadInput."""
    from manara.ledger import bundle, checkpoint, tiles, tree

    said = checkpoint.parse_note(signed)
    if isinstance(said, str):
        raise BadInput(f"its checkpoint: {said}", where)
    size = said[0].size
    if not 0 <= leaf < size:
        raise BadInput(f"the log has {size:,} leaves, 0 to {size - 1:,}", "--leaf")
    tick = tiles.leaf_at(read, leaf, size)
    if isinstance(tick, str):
        raise BadInput(f"leaf {leaf}: {tick}", where)
    try:
        path = tree.inclusion_path(tiles.TileHashes(read, size), leaf, size)
    except LookupError as fault:
        raise BadInput(str(fault), where) from None
    if not tree.verify_inclusion(tree.leaf_hash(tick), leaf, size, path, said[0].root):
        raise BadInput(f"leaf {leaf} does not lead to the checkpoint's root", where, "manara ledger verify says where")
    return bundle.Bundle(signed, leaf, tick, tuple(path))


class NodeFolder(TileFolder):
    """The store of a node, as tiles in a scratch folder; entries come from the store itself."""

    def __init__(self, path: Path, store: LogStore, scratch: Path, quorum: int = 0) -> None:
        super().__init__(scratch)
        self._where, self._store, self._exported = str(path), store, False
        self._node = path
        self.statement = store.statement  # by which this epoch of the log began
        self._signed = (store.cosigned(quorum) if quorum else b"") or store.checkpoint()

    def read(self, path: str) -> bytes | None:
        """From the tiles, which are made when first asked for; the last ones of a smaller size are cut from them."""
        if not self._exported:
            self._store.export_tiles(self.path)
            self._exported = True
        found = super().read(path)
        return self._cut(path) if found is None else found

    def _cut(self, path: str) -> bytes | None:
        from manara.ledger import tiles

        one, size, whole = tiles.parse_path(path), self._store.size, super().read
        if (
            one is None
            or one.width == tiles.FULL
            or tiles.tiles_at(one.level, size) < one.number * tiles.FULL + one.width
        ):
            return None
        if one.level >= 0:
            return tiles.tile_bytes(tiles.TileHashes(whole, size), one)
        leaves = tiles.load_bundle(whole, one.number, size)
        return None if isinstance(leaves, str) else tiles.bundle_bytes(leaves[: one.width])

    def paths(self) -> Iterator[str]:
        """Of the tiles of the checkpoint's size."""
        from manara.ledger import checkpoint, tiles

        said = checkpoint.parse_note(self.checkpoint())
        return iter(()) if isinstance(said, str) else (one.path() for one in tiles.new_tiles(0, said[0].size))

    def checkpoint(self) -> bytes:
        """With the cosignatures known."""
        if not self._signed:
            raise BadInput("its log is empty", self._where)
        return self._signed

    def _witnessed(self, leaf: int) -> bytes:
        """The checkpoint over this leaf that most witnesses have cosigned."""
        from manara.ledger import checkpoint

        for quorum in range(16, 0, -1):
            said = checkpoint.parse_note(data := self._store.cosigned(quorum))
            if not isinstance(said, str) and said[0].size > leaf:
                return data
        return self.checkpoint()

    def prove_leaf(self, leaf: int) -> Bundle:
        """The tick from the tiles, its path from the store, in the tree that witnesses have cosigned."""
        newest = bundle_of(self.read, self._store.checkpoint(), leaf, self._where)
        return self._in_log(leaf, newest.tick)

    def prove_entry(self, stream: str, offset: int, row: int | None, receipt: bytes) -> Bundle:
        """From the store: rows where they still can be read, else the head alone."""
        from manara.ledger import bundle

        found = self._store.read(stream, offset, 1, READ_BYTES)
        if not found and stream not in self._store.heads():
            from manara.cli import ledger_received

            if made := ledger_received.prove(self._node, stream, offset, row):
                return made
        if not found:
            return self._head(stream, offset, row)
        one = found[0]
        made = self._in_log(one.leaf, one.tick)
        rows = [(block.rows, block.width) for block in one.blocks]
        try:
            made = bundle.with_entry(made, one.head, rows, one.salts, one.erased, (one.place, one.width, one.path), row)
        except ValueError as fault:
            raise BadInput(str(fault), "--row") from None
        return made._replace(receipts=(self._acknowledged(stream, offset, receipt),)) if receipt else made

    def receipts(self) -> Iterator[tuple[str, str, bytes]]:
        """From the node's own stream, the newest first, until every stream that has entries has one."""
        from manara.cli import arguments
        from manara.ledger import receipt
        from manara.link import heads

        there = self._store.heads()
        wanted = {stream for stream in there if ">" in stream}
        for own in [stream for stream in there if ">" not in stream]:
            with arguments.progress(there[own], "statements") as bar:
                for offset in range(there[own] - 1, -1, -1):
                    bar.update()
                    found = self._store.head(own, offset) if wanted else None
                    if found is None:
                        break
                    head = heads.parse(found.entry.head)
                    data = getattr(head, "subject", "").encode()
                    said = receipt.read(data)
                    if not isinstance(said, str) and said.stream in wanted:
                        wanted.discard(said.stream)
                        yield (
                            f"{said.stream}, entries {said.first} to {said.next - 1}",
                            f"{_file_name(said.stream)}.json",
                            data,
                        )

    def _in_log(self, leaf: int, tick: bytes) -> Bundle:
        from manara.ledger import bundle, checkpoint

        said = checkpoint.parse_note(data := self._witnessed(leaf))
        if isinstance(said, str):
            raise BadInput(f"its checkpoint: {said}", self._where)
        return bundle.Bundle(data, leaf, tick, tuple(self._store.inclusion(leaf, said[0].size)))

    def _head(self, stream: str, offset: int, row: int | None) -> Bundle:
        """Its rows were pruned: what stands is the head and its path."""
        from manara.ledger import bundle, tree

        found = self._store.head(stream, offset)
        if found is None:
            there = self._store.heads().get(stream)
            said = f"{stream} ends before {there}" if there is not None else f"no stream {stream!r}"
            raise BadInput(f"no entry {offset}: {said}", "--offset")
        if row is not None:
            raise BadInput("its rows were pruned, only the head can be proven", "--row", "leave it out")
        made = self._in_log(found.leaf, found.tick)
        one = found.entry
        shown = bundle.Shown(0, one.salt, one.head, tuple(tree.cut(one.head_path)))
        made = made._replace(place=found.place, width=found.width, entry_path=found.path, shown=(shown,), leaves=1)
        return made._replace(leaves=bundle.rows_said(made) + 1)

    def _acknowledged(self, stream: str, offset: int, envelope: bytes) -> Acknowledged:
        """The receipt with the path from this entry to the root that it names."""
        from manara.ledger import bundle, receipt

        said = receipt.read(envelope)
        if isinstance(said, str):
            raise BadInput(said, "--receipt")
        if said.stream != stream or not said.first <= offset < said.next <= self._store.heads().get(stream, 0):
            raise BadInput(f"is of {said.stream}, before {said.next}: not of this entry", "--receipt")
        roots = []
        for number in range(said.first, said.next):
            found = self._store.head(stream, number)
            if found is None:
                raise BadInput("earlier entries are not in this store any more", "--receipt")
            roots.append(found.entry.root)
        return bundle.Acknowledged(envelope, tuple(receipt.path_of(roots, offset - said.first)))
