"""Proofs of what partners sent: out of the store of a node that received it, also when their own log is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.ledger.bundle import Bundle


def prove(folder: Path, stream: str, offset: int, row: int | None) -> Bundle | None:
    """The proof of an entry of a partner's stream, as it came; None where this node has none of that. Raises BadInput,
    DiskError."""
    from manara.cli.ledger_disk import Looking
    from manara.host.received import Received
    from manara.host.vault import Vault
    from manara.ledger import bundle, tree

    if not (folder / "received").is_dir():
        return None
    found = Received(Looking(folder / "received"), Vault(Looking(folder / "vault"))).delivery(stream, offset)
    if found is None:
        return None
    one, path, signed = found
    made = bundle.Bundle(signed, one.leaf, one.tick, tuple(tree.cut(path)))
    rows = [(block.rows, block.width) for block in one.blocks]
    try:
        return bundle.with_entry(made, one.head, rows, one.salts, one.erased, (one.place, one.width, one.path), row)
    except ValueError as fault:
        raise BadInput(str(fault), "--row") from None
