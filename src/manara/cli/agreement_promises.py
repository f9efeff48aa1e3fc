"""manara agreement promises: how the times that an agreement promises were kept, from the ledger of either side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments, handing
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.release.document import Document
    from manara.release.promises import Measured

NS = 1_000_000_000
WORDS = {
    "first": "first detection to receipt",
    "warning": "warning to receipt",
    "alarm": "warning to a person",
    "answer": "question to answer",
}
WHY = {
    "early": "stamped before what it speaks of was told",
    "ahead": "stamped after it had come",
    "beyond": "speaks of what was never told",
    "before": "first detected after it was told",
}


def add(inner: arguments.Commands) -> None:
    """Add the command."""
    one = arguments.command(
        inner,
        "promises",
        "how promised times were kept, from stamps that both sides have signed: the same figures on both",
        "manara agreement promises arvena-belora.toml --node arvena.toml --from 2026-11-01T00:00:00Z",
    )
    one.add_argument("file", metavar="FILE", type=Path, help="the agreement")
    handing.node_options(one)
    one.add_argument("--from", dest="begin", default="", metavar="TIME", help="RFC 3339, UTC; default: the beginning")
    one.add_argument(
        "--until", dest="end", default="", metavar="TIME",
        help="by the releaser's clock; default: the newest that this node has. To compare, both sides give the same",
    )  # fmt: skip
    one.add_argument("--json", action="store_true", help="as JSON: the same bytes on both sides")
    one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read the ledger of this side; 1 where something promised came late, was not answered, or is contradicted."""
    from manara.host import agreements

    at, document = handing.home(args), agreements.load(args.file)
    if at.own not in agreements.parties(document.agreement):
        raise BadInput(f"{at.own} is no side of this agreement", str(args.file))
    if not document.agreement.promises.clock_s:
        raise BadInput(
            "nothing is measured: it does not say how far the clocks may be apart", str(args.file),
            "write clock_s under [promises], in a new edition",
        )  # fmt: skip
    begin_ns = handing.time_ns(args.begin, 0, "--from")
    end_ns = handing.time_ns(args.end, 0, "--until") or None
    measured, through_ns = _measured(at.folder, at.own, document, begin_ns, end_ns)
    if not through_ns:
        raise BadInput("its ledger holds nothing of this direction yet", str(at.folder))
    if end_ns is not None and through_ns < end_ns - 1:
        raise BadInput(
            f"this side has the stream up to {handing.utc(through_ns)} only", "--until",
            "name a time that both sides have",
        )  # fmt: skip
    if args.json:
        from msgspec import json

        print(json.encode(measured, order="sorted").decode())
    else:
        _print(measured)
    kept = all(one.late == one.unanswered == one.contradicted == 0 for one in measured.figures)
    return 0 if kept else 1


def _measured(folder: Path, own: str, document: Document, begin_ns: int, end_ns: int | None) -> tuple[Measured, int]:
    from manara.cli import ledger_folder
    from manara.cli.ledger_disk import Looking
    from manara.host import promised
    from manara.host.received import Received
    from manara.host.vault import Vault
    from manara.node.durable.disk import DiskError

    if not any((folder / "log").glob(ledger_folder.LOG_FILES)):
        raise BadInput("holds no log", str(folder), "has the node run?")
    try:
        log = ledger_folder.open_store(folder / "log", folder / "vault")
        came = Received(Looking(folder / "received"), Vault(Looking(folder / "vault")))
        with arguments.progress(sum(log.heads().values()), "entries") as bar:
            return promised.measure(log, came, own, document.agreement, document.sha256, begin_ns, end_ns, bar.update)
    except DiskError as fault:
        raise BadInput(fault.detail, str(folder)) from None


def _print(one: Measured) -> None:
    print(f"{one.stream}, from {handing.utc(int(one.from_ns))} to {handing.utc(int(one.until_ns))}")
    print(f"{'':28}{'promised':>10}{'median':>10}{'worst':>10}{'late':>7}{'unanswered':>12}{'open':>6}{'measured':>10}")
    for row in one.figures:
        counts = f"{row.late:>7}{row.unanswered:>12}{row.open:>6}{row.measured:>10}"
        print(f"{WORDS[row.promise]:28}{_s(row.promised_ns):>10}{_s(row.median_ns):>10}{_s(row.worst_ns):>10}{counts}")
    clocks = one.clocks
    if clocks.stamps:
        print(
            f"clocks: the recipient's is {clocks.low_ns / NS:+.3f} s to {clocks.high_ns / NS:+.3f} s ahead of the "
            f"releaser's, by {clocks.stamps} stamps; allowed {clocks.allowed_ns / NS:g} s"
        )
        if not clocks.agree:
            print("        no one difference explains all of them: a clock was set, or somebody stamps falsely")
    else:
        print("clocks: nothing heard yet")
    if one.unmeasured:
        print(f"not measured: {one.unmeasured} first rows that came at once with too many others")
    bad = sum(row.contradicted for row in one.figures)
    for wrong in one.contradicted:
        print(f"contradicted: {wrong.what} {wrong.sha256[:16]} {WHY[wrong.why]} ({handing.utc(int(wrong.stamp_ns))})")
    if bad:
        print("contradicted stamps are in no figure above")


def _s(ns: int) -> str:
    return "–" if ns == -1 else f"{ns / NS:.1f} s"
