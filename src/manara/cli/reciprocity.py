"""manara export reciprocity: what a partner added to our picture in an hour, by stepping the hour without it."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.reciprocity import Added, Window
    from manara.records.inputs import Directed

HOUR_NS = 3_600_000_000_000
HOURS_MAX = 24


def add(inner: arguments.Commands) -> None:
    """Add the command."""
    one = arguments.command(
        inner,
        "reciprocity",
        "what a partner added: detections, earliness, precision; the hour is stepped again without it, beside the node",
        "manara export reciprocity belora.node --partner arvena --hour 2026-11-28T20",
    )
    one.add_argument("folder", metavar="NODE_FOLDER", type=Path, help="the node may run meanwhile")
    one.add_argument("--partner", required=True, metavar="ID", help="whose word is left out")
    one.add_argument("--hour", default="", metavar="YYYY-MM-DDTHH", help="in UTC; default: the newest sixty minutes")
    one.add_argument("--hours", type=int, default=1, metavar="N", help=f"so many of them (1, up to {HOURS_MAX})")
    one.add_argument("--json", action="store_true", help="as JSON")
    one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Step the hour twice, keep what came of it in the node's folder, and print it; 1 where nothing can be said."""
    from manara.host import kept, reciprocity

    if not 1 <= args.hours <= HOURS_MAX:
        raise BadInput(f"{args.hours} hours", "--hours", f"1 to {HOURS_MAX}")
    config = kept.read_config(args.folder)
    if not config.partner or not (args.folder / "received").is_dir():
        raise BadInput("holds nothing of partners", str(args.folder), "name the folder of a node that shares")
    begin_ns, end_ns = _span(args)
    windows, directed = _windows(args.folder, begin_ns - reciprocity.WARM_NS)
    with arguments.progress(0, "steps") as bar:
        made = reciprocity.compare(config, windows, args.partner, begin_ns, end_ns, directed, bar.update)
    if made is None:
        raise BadInput(f"{args.partner} is not in the directory, or nothing was heard then", "--partner")
    plain = reciprocity.plain(made)
    place = reciprocity.keep(args.folder, made)
    print(json.dumps(plain) if args.json else "\n".join(_lines(made, place)))
    return 0 if made.detections else 1


def _lines(one: Added, place: Path) -> Iterator[str]:
    began, ended = (
        dt.datetime.fromtimestamp(t / 1e9, dt.UTC).strftime("%Y-%m-%d %H:%M") for t in (one.begin_ns, one.end_ns)
    )
    yield f"{one.partner} to {one.own}, {began} to {ended} UTC"
    if one.share is None:
        yield "nothing was held in that time: there is nothing to compare"
        return
    yield f"  detections: {one.detections:,}; without it {one.without:,}: it added {one.share:.1%}"
    lead = "–" if one.lead_s is None else f"{one.lead_s:.0f} s earlier in the median"
    yield f"  of {one.leads:,} that it told of and that we had as well: {lead}"
    surer = "–" if one.surer is None else f"{one.surer:.1%} less variance in the median"
    yield f"  places of {one.surer_of:,} tracks: {surer}"
    yield f"  drafts of warnings: {one.drafts:,}; without it {one.drafts_without:,}"
    yield f"  kept in {place}"


def _span(args: argparse.Namespace) -> tuple[int, int]:
    if args.hour:
        try:
            begin = dt.datetime.strptime(args.hour, "%Y-%m-%dT%H").replace(tzinfo=dt.UTC)
        except ValueError:
            raise BadInput(f"not an hour: {args.hour!r}", "--hour", "write it as 2026-11-28T20") from None
        begin_ns = int(begin.timestamp()) * 1_000_000_000
        return begin_ns, begin_ns + args.hours * HOUR_NS
    last_ns = max((now_ns for now_ns, _ in _read(args.folder, _segments(args.folder)[-2:])), default=0)
    if not last_ns:
        raise BadInput("holds no step", str(args.folder), "has the node run?")
    return last_ns - args.hours * HOUR_NS, last_ns + 1


def _segments(folder: Path) -> list[str]:
    from manara.cli.ledger_disk import Looking
    from manara.node.durable import journal

    return [name for _, name in journal.segments(Looking(folder))]


def _read(folder: Path, names: list[str]) -> Iterator[Window]:
    """Steps of these segments. Raises BadInput."""
    from manara.host import kept
    from manara.host.backfill import Reading
    from manara.node.durable.disk import DiskError

    try:
        yield from kept.windows(Reading(folder, names))
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder), "the node has just moved on: once more") from None


def _windows(folder: Path, from_ns: int) -> tuple[Iterator[Window], Directed | None]:
    """Steps from a time on, with what partners sent; and the directory, where they do not begin with it."""
    from manara.cli.ledger_disk import Looking
    from manara.host import reciprocity
    from manara.host.received import Received
    from manara.host.vault import Vault
    from manara.node.durable import journal

    names, disk = _segments(folder), Looking(folder)
    begun = [one if isinstance(one := journal.read_header(disk, name), str) else one.created_ns for name in names]
    before = [n for n, at in enumerate(begun) if isinstance(at, int) and at <= from_ns]
    first = before[-1] if before else 0
    store = Received(Looking(folder / "received"), Vault(Looking(folder / "vault")))
    windows = reciprocity.with_rows(_read(folder, names[first:]), store.fill, from_ns)
    return windows, _directed(folder)


def _directed(folder: Path) -> Directed | None:
    """The directory as the newest snapshot has it, else as the first steps brought it."""
    from manara.cli import agreement_journal
    from manara.records.inputs import Directed
    from manara.release import register

    begun = agreement_journal.newest_snapshot(folder)
    if begun is not None:
        text = bytes(begun.state["release"]["directory"])
        return Directed(register.directory_sha256(text), text, begun.now_ns) if text else None
    for _, inputs in _read(folder, _segments(folder)[:1]):
        for one in inputs:
            if isinstance(one, Directed):
                return one
    return None
