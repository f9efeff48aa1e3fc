"""Arguments to commands. Nothing heavy is imported before a command is known."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from typing import NoReturn

from manara.cli import (
    agreement,
    arguments,
    demo,
    export,
    feeds,
    ledger,
    node,
    partner,
    playback,
    retention,
    simulate,
    track,
    watch,
)
from manara.host.problems import BadInput

SLOW = {"ledger": "reads the log", "export": "reads log and journal", "retention": "looks through what is kept"}
COMMANDS = (demo, watch, node, feeds, track, playback, ledger, agreement, partner, retention, export, simulate)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """One line, exit 2."""
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(
        prog="manara",
        description="One shared picture of air and sea for partners who do not fully trust each other.",
        epilog="Start with: manara demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for module in COMMANDS:
        module.add(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    top = parser()
    args = top.parse_args(argv)
    if args.version:
        return _version()
    if args.command is None:
        top.print_help()
        return 0
    from manara.host import numba_cache

    numba_cache.configure()
    try:
        with arguments.patience(SLOW[args.command]) if args.command in SLOW else nullcontext():
            return int(args.run(args))
    except BadInput as fault:
        print(f"manara: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us went away: that is fine
        return 0
    except OSError as fault:
        if fault.filename is None:
            raise  # no path of the user's: a fault of ours, and its trace is wanted
        print(f"manara: {str(fault.filename)[:200]}: {fault.strerror}", file=sys.stderr)
        return 2


def _version() -> int:
    from importlib.metadata import version

    print(f"manara {version('manara')}")
    return 0
