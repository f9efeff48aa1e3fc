"""manara export: what a node knows, for others to read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, reciprocity
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.account import Account


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    top = arguments.command(
        commands, "export", "what a node knows, for others", "manara export account a.node --month 2026-11 --out nov"
    )
    inner = top.add_subparsers(dest="what", required=True, metavar="account|history|reciprocity")
    one = arguments.command(
        inner,
        "account",
        "who got what, why, how late: a month as a spreadsheet and as pages that print, in English and Arabic",
        "manara export account arvena.node --month 2026-11 --partner belora --out november",
    )
    one.add_argument("folder", metavar="NODE_FOLDER", type=Path, help="the node may run meanwhile")
    one.add_argument("--month", required=True, metavar="YYYY-MM", help="in UTC")
    one.add_argument("--partner", default="", metavar="ID", help="this partner alone, for its own eyes")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files are written")
    one.add_argument("--json", action="store_true", help="also the tables as JSON on standard output")
    one.set_defaults(run=run_account)
    past = arguments.command(
        inner,
        "history",
        "what a partner told of the time before its agreement began, as a table",
        "manara export history belora.node --partner arvena --out before.csv",
    )
    past.add_argument("folder", metavar="NODE_FOLDER", type=Path, help="the node may run meanwhile")
    past.add_argument("--partner", required=True, metavar="ID", help="who told it")
    past.add_argument("--out", type=Path, required=True, metavar="FILE", help="CSV, one line for each row")
    past.set_defaults(run=run_history)
    reciprocity.add(inner)


def run_account(args: argparse.Namespace) -> int:
    """Read the log, write the files."""
    from manara.cli import ledger_folder
    from manara.host import account, account_sheets, files
    from manara.node.durable.disk import DiskError

    log, vault = args.folder / "log", args.folder / "vault"
    if not any(log.glob(ledger_folder.LOG_FILES)):
        raise BadInput("holds no log", str(args.folder), "name the folder of a node that shares")
    try:
        account.month_of(args.month)
    except ValueError:
        raise BadInput(f"not a month: {args.month!r}", "--month", "write it as 2026-11") from None
    try:
        store = ledger_folder.open_store(log, vault)
        with arguments.progress(sum(store.heads().values()), "entries") as bar:
            made = account.make(store, store.origin.partition("/epoch-")[0].rpartition("/")[2], args.month, bar.update)
    except DiskError as fault:
        raise BadInput(fault.detail, str(args.folder)) from None
    _with_added(made, args.folder)
    if args.partner:
        if args.partner not in made.partners:
            raise BadInput(f"nothing went to {args.partner} or came from it", "--partner", "is the id right?")
        made.partners = {args.partner: made.partners[args.partner]}
    stem = f"account-{made.own}-{'' if not args.partner else args.partner + '-'}{args.month}"
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        account_sheets.spreadsheet(made, args.out / f"{stem}.xlsx")
    except OSError as fault:
        raise BadInput(f"cannot be written: {fault.strerror or fault}", str(args.out)) from None
    for lang in account_sheets.LANGUAGES:
        files.write(args.out / f"{stem}.{lang}.html", account_sheets.page(made, lang).encode())
    if args.json:
        import json

        tables = {one.name: [list(one.columns), *map(list, one.rows)] for one in account_sheets.sheets(made, "en")}
        print(json.dumps({"about": dict(account_sheets.about(made, "en")), **tables}, ensure_ascii=False))
    else:
        print(f"{args.out / stem}.xlsx, .en.html, .ar.html: {len(made.partners)} partners")
    return 0


def _with_added(made: Account, folder: Path) -> None:
    """What `export reciprocity` found for stretches that begin in the month."""
    from manara.host.reciprocity import kept

    for one in kept(folder):
        if made.begin_ns <= one.begin_ns < made.end_ns and one.partner in made.partners:
            made.partners[one.partner].added.append(one)


def run_history(args: argparse.Namespace) -> int:
    """Read the store of what came, write the rows."""
    from manara.cli.ledger_disk import Looking
    from manara.host import history
    from manara.host.received import Received
    from manara.host.vault import Vault
    from manara.node.durable.disk import DiskError

    if not (args.folder / "received").is_dir():
        raise BadInput("holds nothing of partners", str(args.folder), "name the folder of a node that shares")
    try:
        store = Received(Looking(args.folder / "received"), Vault(Looking(args.folder / "vault")))
        many = history.write(store, args.partner, args.out)
    except DiskError as fault:
        raise BadInput(fault.detail, str(args.folder)) from None
    print(f"{args.out}: {many:,} rows")
    return 0 if many else 1
