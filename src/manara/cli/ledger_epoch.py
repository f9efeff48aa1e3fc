"""manara ledger epoch: two persons begin a log anew after a backup was restored; and what verify says of such logs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manara.cli import arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.cli.ledger_keys import Trusted
    from manara.ledger.checkpoint import Checkpoint
    from manara.records.directory import Directory


def add(inner: arguments.Commands) -> None:
    """Add the command."""
    epoch = arguments.command(
        inner,
        "epoch",
        "begin the log of a halted node anew, by two persons, naming the old head",
        "manara ledger epoch --node arvena.toml --person arvena.policy --key policy.key --statement epoch.json",
    )
    handing.node_options(epoch)
    handing.person_options(epoch)
    handing.statement_options(epoch)
    epoch.set_defaults(run=run_epoch)


def run_epoch(args: argparse.Namespace) -> int:
    """Name the old head, sign, and hand in."""
    from manara.host import commands, log_epochs
    from manara.release.statements import LedgerEpoch

    at = handing.home(args)
    old = old_head(at)
    base, before = log_epochs.epoch_of(old.origin)
    wanted = LedgerEpoch(
        origin=old.origin,
        epoch=before + 1,
        old_size=str(old.size),
        old_root=old.root.hex(),
        nonce=handing.nonce(),
        after=commands.standings(at.folder).heads.get("ledger", ""),
    )
    if not args.json:
        goes_on = log_epochs.origin_of(base, before + 1)
        print(f"{goes_on} follows {old.origin}, whose old head is: {old.size:,} leaves, root {old.root.hex()}")
    return handing.tell(args, [handing.hand_in(args, at, wanted, {})])


def old_head(at: handing.Home) -> Checkpoint:
    """The newest head of the node's log that is known: what a witness showed and halted it, else its own. Raises
    BadInput when that is nothing that this log has signed."""
    from manara.cli import ledger_folder
    from manara.host import log_epochs
    from manara.host.log_names import log_key
    from manara.ledger import checkpoint
    from manara.node.durable.disk import DiskError

    path = at.folder / "log" / log_epochs.NEWER
    try:
        signed = path.read_bytes() if path.is_file() else _own(ledger_folder.LOG_FILES, at)
    except (OSError, DiskError) as fault:
        raise BadInput(f"cannot be read: {fault}", str(at.folder / "log")) from None
    owner, parsed = at.directory.partner(at.own), checkpoint.parse_note(signed)
    if owner is None or isinstance(parsed, str):
        raise BadInput("holds no head of its log", str(at.folder), "it has signed nothing yet")
    base, epoch = log_epochs.epoch_of(parsed[0].origin)
    key = log_key(owner)._replace(name=parsed[0].origin)
    opened = checkpoint.open_signed(signed, [key])
    if isinstance(opened, str) or base != log_key(owner).name or not epoch:
        raise BadInput("is no head that the log's key has signed", str(path), "is it the directory of this node?")
    return opened.checkpoint


def _own(files: str, at: handing.Home) -> bytes:
    from manara.cli import ledger_folder

    if not any((at.folder / "log").glob(files)):
        return b""
    return ledger_folder.open_store(at.folder / "log", at.folder / "vault").checkpoint()


def found(path: Path, statement: bytes, trusted: Trusted) -> Iterator[tuple[str, dict[str, Any], str]]:
    """What verify says of epochs: of the log itself (``statement``: by which it began, b"": the first), and of the logs
    of partners that this node follows. A line, its fields, and what does not hold about it."""
    if statement:
        yield _said(statement, trusted.directory, "")
    for one in sorted((path / "partners").glob("*.epoch")):
        kept = _kept(one)
        known = f"; {kept.size:,} leaves of the old log are known here" if kept is not None else ""
        yield _said(one.read_bytes(), trusted.directory, known)


def _kept(path: Path) -> Any:
    """The newest checkpoint that is kept of the log before."""
    from manara.ledger import checkpoint

    found = [checkpoint.parse_note(one.read_bytes()) for one in path.parent.glob(f"{path.stem}.epoch-*.checkpoint")]
    return max((one[0] for one in found if not isinstance(one, str)), key=lambda one: one.size, default=None)


def _said(envelope: bytes, directory: Directory | None, more: str) -> tuple[str, dict[str, Any], str]:
    from manara.host import log_epochs
    from manara.release import statements
    from manara.release.statements import LedgerEpoch, Refusal

    taken = statements.read(envelope)
    if isinstance(taken, Refusal) or not isinstance(one := taken[1], LedgerEpoch):
        return "", {}, "the statement that began an epoch cannot be read"
    base = log_epochs.epoch_of(one.origin)[0]
    by = [signed.person for signed in taken[0].signatures]
    fields = {"log": base, "epoch": one.epoch, "by": by, "old_size": int(one.old_size), "old_root": one.old_root}
    who = f"begun by {' and '.join(by)}"
    if directory is None:
        who += " (their signatures were not checked: no --directory)"
    else:
        held = log_epochs.read(envelope, base.rpartition("/")[2], directory)
        if isinstance(held, Refusal):
            return "", fields, f"epoch {one.epoch} of {base}: {held.sentence}"
    head = f"{int(one.old_size):,} leaves, root {one.old_root[:16]}…"
    return f"epoch {one.epoch} of {base}, {who}; it names the old head: {head}{more}", fields, ""
