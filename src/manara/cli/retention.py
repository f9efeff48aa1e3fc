"""manara retention: let go of what is due, and the legal holds that keep it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.retention import Swept
    from manara.release.statements import AnyStatement

END_NS = (1 << 63) - 1
PATIENCE_S = 30.0


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    top = arguments.command(
        commands, "retention", "what is erased, and what a legal hold keeps", "manara retention run a.toml"
    )
    inner = top.add_subparsers(dest="what", required=True, metavar="run|hold|lift")
    run = arguments.command(
        inner,
        "run",
        "erase now what the terms of partners and the node's own say is due",
        "manara retention run a.toml",
    )
    run.add_argument("node", metavar="NODE", type=Path, help="the node's configuration, or the folder of one that runs")
    run.add_argument("--dry-run", action="store_true", help="only say what is due")
    run.add_argument("--wait", type=float, default=PATIENCE_S, metavar="S", help="seconds to wait for the node (30)")
    run.add_argument("--json", action="store_true", help="as JSON")
    run.set_defaults(run=run_sweep)
    who = "--node a.toml --person arvena.minister --key m.key --person arvena.chief --key c.key"
    hold = arguments.command(
        inner,
        "hold",
        "keep what is needed for a case; takes a policy and an operational signature",
        f"manara retention hold case-7 --originator belora {who}",
    )
    hold.add_argument("name", metavar="NAME", help="of the case")
    hold.add_argument("--originator", required=True, metavar="ID", help="whose tracks: a partner, or this node itself")
    hold.add_argument("--track", action="append", default=[], metavar="N", help="its number; default: all")
    hold.add_argument("--from", dest="begin", default="", metavar="TIME", help="RFC 3339, UTC; default: from the first")
    hold.add_argument("--to", dest="end", default="", metavar="TIME", help="RFC 3339, UTC; default: until it is lifted")
    lift = arguments.command(
        inner, "lift", "end a legal hold; takes the same two signatures", f"manara retention lift case-7 {who}"
    )
    lift.add_argument("name", metavar="NAME", help="of the case")
    for one in (hold, lift):
        one.add_argument("--reason", default="", metavar="TEXT", help="for the record")
        handing.node_options(one)
        handing.person_options(one)
        handing.statement_options(one)
        one.set_defaults(run=run_hold)


def run_sweep(args: argparse.Namespace) -> int:
    """Ask the node that runs; where none does, do it here."""
    from manara.host import config, retention

    folder = args.node
    if not folder.is_dir():
        loaded = config.node_config(args.node)
        folder = args.node.parent / (loaded.folder or f"{loaded.name}.node")
    if not (folder / "vault").is_dir():
        raise BadInput("holds nothing of partners", str(folder), "name a node that shares, or its configuration")
    swept = _sweep_here(args, folder)
    if swept is None:
        swept = retention.ask(folder, args.dry_run, args.wait)
    if swept is None:
        raise BadInput(
            f"the node did not answer in {args.wait:g} s", str(folder), "see whether it is halted, or --wait"
        )
    return _tell(args, swept)


def _sweep_here(args: argparse.Namespace, folder: Path) -> tuple[Swept, ...] | None:
    """None: another process has the folder. What was erased is handed in for the log when the node next runs."""
    import time

    from manara.host import config
    from manara.host.sharing import Sharing
    from manara.node.durable.disk import DiskError

    if _locked(folder / "vault"):
        return None
    if args.node.is_dir():
        raise BadInput("no node runs in this folder", str(folder), "name its configuration, so that it can sign")
    try:
        sharing = Sharing(config.node_config(args.node), args.node.parent, folder, time.time_ns)
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder)) from None
    try:
        return sharing.sweep_alone(args.dry_run)
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder)) from None
    finally:
        sharing.close()


def _locked(folder: Path) -> bool:
    from manara.host.disk import FolderDisk
    from manara.node.durable.disk import DiskError

    try:
        FolderDisk(folder).close()
    except DiskError as fault:
        if fault.kind == "locked":
            return True
        raise BadInput(fault.detail, str(folder)) from None
    return False


def _tell(args: argparse.Namespace, swept: tuple[Swept, ...]) -> int:
    import msgspec

    if args.json:
        said = {"dry_run": args.dry_run, "swept": msgspec.to_builtins(swept)}
        print(msgspec.json.encode(said).decode())
        return 0
    if not swept:
        print("nothing is due")
    for one in swept:
        parts = [f"{one.keys:,} keys {'would be ' if args.dry_run else ''}erased"]
        parts += [f"{one.rows:,} rows of which the hashes are left"] if one.rows else []
        parts += [f"{one.pruned:,} pruned"] if one.pruned else []
        parts += [f"{one.held:,} keys kept under {', '.join(one.holds)}"] if one.held else []
        print(f"{one.originator}: {', '.join(parts)}")
    return 0


def run_hold(args: argparse.Namespace) -> int:
    """Make the statement, sign it, hand it in."""
    from manara.host import commands
    from manara.release import statements

    at = handing.home(args)
    last = commands.standings(at.folder).heads.get(f"hold/{args.name}", "")
    if args.what == "lift":
        wanted: AnyStatement = statements.HoldLift(
            name=args.name, reason=handing.reason(args), nonce=handing.nonce(), after=last
        )
    else:
        if at.directory.partner(args.originator) is None:
            raise BadInput(f"{args.originator} is not in the directory", "--originator", "a partner's id")
        strange = [one for one in args.track if not one.isdecimal()]
        if strange:
            raise BadInput(f"{strange[0]!r} is no number of a track", "--track", "write it in digits")
        wanted = statements.HoldPlace(
            name=args.name,
            originator=args.originator,
            tracks=tuple(args.track) or ("all",),
            from_ns=str(handing.time_ns(args.begin, 0, "--from")),
            to_ns=str(handing.time_ns(args.end, END_NS, "--to")),
            reason=handing.reason(args),
            nonce=handing.nonce(),
            after=last,
        )
    checked = statements.read(statements.envelope(statements.canonical(wanted), ()))
    if isinstance(checked, statements.Refusal):
        raise BadInput(checked.sentence, args.name)
    return handing.tell(args, [handing.hand_in(args, at, wanted, {})])
