"""manara watch: your own feeds on the map."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from manara.cli import arguments
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.recording import Recording
    from manara.records.config import NodeConfig


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    watch = arguments.command(
        commands,
        "watch",
        "your own feeds on the map: files, sockets, serial ports",
        "manara watch tcp://192.0.2.7:30005 udp://0.0.0.0:10110",
    )
    arguments.sources(watch, arguments.FILES_OR_LIVE)
    arguments.desk(watch)
    watch.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="of recordings, times real time (default 1)"
    )
    watch.add_argument("--duration", type=float, metavar="SECONDS", help="end after so many seconds")
    watch.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Guess, say what was guessed, play or follow."""
    from manara.host import address

    if not 0 < args.speed <= 1000:
        raise BadInput(f"not a speed: {args.speed}", "--speed", "more than 0, up to 1000")
    kinds = {address.parse(url).scheme for url in args.source}
    if kinds == {"file"}:
        return asyncio.run(_recorded(args))
    if "file" in kinds:
        raise BadInput(
            "files and live feeds cannot be watched together", " ".join(args.source), "watch one kind at a time"
        )
    return asyncio.run(_live(args))


def load(args: argparse.Namespace) -> tuple[list[Recording], NodeConfig]:
    """The files of a command, cut and said; the configuration of a node that reads them."""
    import msgspec

    from manara.host import recording
    from manara.records.config import NodeConfig

    recordings = []
    for url in args.source:
        one = recording.load(Path(url), args.format, args.date)
        print(f"{url}: {one.format}" + (f" – {one.said}" if one.said else ""), file=sys.stderr, flush=True)
        recordings.append(one)
    feeds = arguments.feed_configs(args, args.source)
    settled = tuple(msgspec.structs.replace(f, format=r.format) for f, r in zip(feeds, recordings, strict=True))
    return recordings, NodeConfig(name="watch", feeds=settled, sensors=arguments.sensors(args.sensors))


async def _recorded(args: argparse.Namespace) -> int:
    from manara.cli import serving
    from manara.host import recording
    from manara.host.clock import RecordedClock
    from manara.host.running import Face, Running, memory_turn

    recordings, config = load(args)
    clock = RecordedClock(min(r.start_ns for r in recordings), args.speed)
    title = ", ".join(Path(r.path).name for r in recordings)
    running = Running(config, clock, memory_turn(config), Face(title, "recording"))
    return await serving.run(running, running.run_recorded(recording.windows(recordings)), args)


async def _live(args: argparse.Namespace) -> int:
    from manara.cli import serving
    from manara.host.clock import WallClock
    from manara.host.running import Face, Running, memory_turn
    from manara.records.config import NodeConfig

    config = NodeConfig(
        name="watch", feeds=arguments.feed_configs(args, args.source), sensors=arguments.sensors(args.sensors)
    )
    running = Running(config, WallClock(), memory_turn(config), Face(", ".join(args.source), "live"))
    return await serving.run(running, running.run_live(), args)
