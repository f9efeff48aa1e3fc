"""manara playback: a recorded hour on the desk."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.told import Told


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    playback = arguments.command(
        commands, "playback", "what a node heard, played again on the desk", "manara playback harbour.node --speed 10"
    )
    playback.add_argument("folder", metavar="DIR", type=Path, help="the folder of a node (journal and configuration)")
    playback.add_argument("--speed", type=float, default=1.0, metavar="X", help="times real time (default 1)")
    playback.add_argument("--duration", type=float, metavar="SECONDS", help="end after so many seconds")
    arguments.desk(playback)
    playback.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the journal through the same step."""
    if not 0 < args.speed <= 1000:
        raise BadInput(f"not a speed: {args.speed}", "--speed", "more than 0, up to 1000")
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    import msgspec

    from manara.cli import serving
    from manara.host import kept
    from manara.host.clock import RecordedClock
    from manara.host.running import Face, Running, memory_turn

    config = kept.read_config(args.folder)
    disk = kept.open_folder(args.folder)
    told = None
    try:
        first_ns, last_ns, steps, differs = kept.summary(disk)
        if not steps:
            raise BadInput(
                "holds no step", str(args.folder), "has the node run? the demo keeps no journal of its feeds"
            )
        print(f"{args.folder}: {steps:,} steps, {_when(first_ns)} to {_when(last_ns)}", file=sys.stderr)
        if differs:
            print(f"recorded under another {differs}: the tracks may differ in the last digits", file=sys.stderr)
        # what left the node then does not leave again: no exits
        silent = msgspec.structs.replace(config, exits=())
        told = _told(args.folder)
        face = Face(config.title or config.name, "recording")
        running = Running(silent, RecordedClock(first_ns, args.speed), memory_turn(silent), face)
        windows = kept.windows(disk) if told is None else told.filled(kept.windows(disk))
        return await serving.run(running, running.run_recorded(windows), args)
    finally:
        disk.close()
        if told is not None:
            told.close()


def _told(folder: Path) -> Told | None:
    """What partners sent, of a node that shared: the journal only names it."""
    from manara.host.told import Told

    if not (folder / "received").is_dir():
        return None
    told = Told(folder)
    if told.erased:
        print(f"{told.erased:,} rows of partners were erased since; they are not in the picture", file=sys.stderr)
    return told


def _when(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
