"""manara agreement recall: ask a recipient to give up what it was told, and say what it answered."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.cli.handing import Home
    from manara.host.log_store import LogStore
    from manara.release.statements import Recall

LOOK_BACK = 1_000  # newest entries of the node's own stream that are searched for the answer
LOOK_S = 0.2


def add(commands: arguments.Commands) -> None:
    """manara agreement recall."""
    recall = arguments.command(
        commands,
        "recall",
        "ask the recipient to erase what it was told; any one person of the releaser may",
        "manara agreement recall arvena-belora.toml --from 2026-11-01T00:00:00Z --node arvena.toml "
        "--person arvena.chief --key chief.key",
    )
    recall.add_argument("file", metavar="FILE", type=Path, help="the agreement under which it was told")
    recall.add_argument(
        "--track", action="append", default=[], metavar="N", help="its number at the recipient, or its id here; repeat"
    )
    recall.add_argument("--from", dest="begin", default="", metavar="TIME", help="told since; default: the first")
    recall.add_argument("--to", dest="end", default="", metavar="TIME", help="told until, RFC 3339; default: now")
    recall.add_argument("--reason", default="", metavar="TEXT", help="for the record; the recipient reads it")
    handing.node_options(recall)
    handing.person_options(recall)
    handing.statement_options(recall)
    recall.set_defaults(run=run_recall)


def run_recall(args: argparse.Namespace) -> int:
    """Make the statement, sign it, hand it in; then wait for what the recipient says."""
    import msgspec

    from manara.host import agreements

    until_s = time.monotonic() + args.wait
    at = handing.home(args)
    one = agreements.load(args.file).agreement
    if one.releaser != at.own:
        whose = at.own or "this node"
        raise BadInput(f"what {one.releaser} told is not for {whose} to recall", str(args.file), "its releaser may")
    wanted = _statement(args, at, f"{one.releaser}>{one.recipient}")
    handed = handing.hand_in(args, at, wanted, {})
    rows = None
    if handed.refusal == "":
        handed = handing.Handed(handed.kind, handed.sha256, "", f"{one.recipient} is asked to erase {_said(wanted)}")
        rows = _answer(at, wanted.stream, handed.sha256, until_s)
    if args.json:
        said = {"statement": handed.kind, "sha256": handed.sha256, "refusal": handed.refusal, "detail": handed.detail}
        print(json.dumps({**said, "asked": msgspec.to_builtins(wanted), "rows": rows}, ensure_ascii=False))
        return int(handed.refusal not in ("", "waiting"))
    code = handing.tell(args, [handed])
    if handed.refusal == "":
        print(_answered(at, one.recipient, rows))
        print("The agreement goes on: what is told from now on is not recalled (manara agreement suspend stops it).")
    return code


def _statement(args: argparse.Namespace, at: Home, stream: str) -> Recall:
    from manara.host import commands
    from manara.release import statements

    strange = next((one for one in args.track if not (one.isascii() and one.isdecimal() and len(one) < 21)), None)
    if strange is not None:
        raise BadInput(f"{strange[:40]!r} is no number of a track", "--track", "write it in digits")
    begin_ns = handing.time_ns(args.begin, 0, "--from")
    end_ns = handing.time_ns(args.end, time.time_ns(), "--to")
    if begin_ns > end_ns:
        raise BadInput("ends before it begins", "--to", "give an earlier --from, or a later --to")
    made = statements.Recall(
        stream=stream,
        tracks=tuple(dict.fromkeys(str(int(one)) for one in args.track)) or ("all",),
        from_ns=str(begin_ns),
        to_ns=str(end_ns),
        reason=handing.reason(args),
        after=commands.standings(at.folder).heads.get(f"recall/{stream}", ""),
        nonce=handing.nonce(),
    )
    sound = statements.read(statements.envelope(statements.canonical(made), ()))
    if isinstance(sound, statements.Refusal):
        raise BadInput(sound.sentence, "recall")
    return made


def _said(wanted: Recall) -> str:
    what = "everything" if wanted.tracks == ("all",) else f"tracks {', '.join(wanted.tracks[:10])}"
    more = f" and {len(wanted.tracks) - 10} more" if len(wanted.tracks) > 10 else ""
    begin = f" from {handing.utc(int(wanted.from_ns))}" if wanted.from_ns != "0" else ""
    return f"{what}{more} that it was told{begin} until {handing.utc(int(wanted.to_ns))}"


def _answered(at: Home, recipient: str, rows: int | None) -> str:
    if rows is not None:
        return f"{recipient} has answered: {rows:,} rows erased"
    month = handing.utc(time.time_ns())[:7]
    return (
        f"{recipient} has not answered yet. Its answer will stand in the log: "
        f"manara export account {at.folder} --month {month} --partner {recipient} --out DIR"
    )


def _answer(at: Home, stream: str, sha256: str, until_s: float) -> int | None:
    """How many rows the recipient says that it erased for this recall; None while it has said nothing."""
    from manara.host import commands

    seen = ""
    while True:
        newest = commands.standings(at.folder).heads.get(f"recall.done/{stream}", "")
        if newest != seen:
            seen = newest
            rows = logged(at.folder, at.own, sha256)
            if rows is not None:
                return rows
        if time.monotonic() >= until_s:
            return None
        time.sleep(LOOK_S)


def logged(folder: Path, own: str, recall: str) -> int | None:
    """What the log of a node, which may run meanwhile, says of how a recall ended; None where it says nothing."""
    from manara.cli import ledger_folder
    from manara.node.durable.disk import DiskError

    if not any((folder / "log").glob(ledger_folder.LOG_FILES)):
        return None
    try:
        return _newest(ledger_folder.open_store(folder / "log", folder / "vault"), own, recall)
    except DiskError:
        return None  # it was being written: the next look sees


def _newest(store: LogStore, own: str, recall: str) -> int | None:
    from manara.link import heads
    from manara.records.reject import Reject
    from manara.release import statements

    many = store.heads().get(own, 0)
    for offset in range(many - 1, max(many - LOOK_BACK, 0) - 1, -1):
        kept = store.head(own, offset)
        head = heads.parse(kept.entry.head) if kept else None
        if head is None or isinstance(head, Reject):
            continue
        taken = statements.read(head.subject.encode())
        said = None if isinstance(taken, statements.Refusal) else taken[1]
        if isinstance(said, statements.RecallDone) and said.recall == recall:
            return int(said.count)
    return None
