"""manara node init | run | capability: one partner's node."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manara.cli import arguments, capability
from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.sharing import Sharing
    from manara.records.config import NodeConfig

TEMPLATE = """\
# One node of Manara. Every key: docs/how-to/node-config.md
name = "harbour"
title = "Harbour watch"
# folder = "harbour.node"      # journal and snapshots; default: beside this file
desk_host = "127.0.0.1"
desk_port = 8777

# Feeds in. url: udp://[group@]host:port, tcp://host:port, tcp-listen://host:port,
# serial:///dev/ttyUSB0?baud=38400 or "-" (standard input). format: guessed when left out.
[[feeds]]
name = "ais"
url = "tcp-listen://127.0.0.1:10110"
format = "ais"

# [[feeds]]
# name = "radar"
# url = "udp://127.0.0.1:8600"
# format = "asterix"
# editions = { "048" = "1.31" }

# Where sensors stand and how well they measure. Polar plots need this.
# [[sensors]]
# name = "hill radar"
# feed = "radar"
# sac = 1
# sic = 1
# lat_deg = -47.0
# lon_deg = -120.0
# height_m = 120.0

# Feeds out: asterix062, ais, cot, geojson or sbs, to udp://, tcp-listen:// or a file.
# [[exits]]
# name = "to our own map"
# url = "udp://127.0.0.1:6969"
# format = "cot"
# period_s = 5.0
"""


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    node = arguments.command(commands, "node", "one partner's node", "manara node run harbour.toml")
    inner = node.add_subparsers(dest="what", required=True, metavar="init|run|capability")
    init = arguments.command(inner, "init", "write a configuration to begin with", "manara node init harbour.toml")
    init.add_argument("config", metavar="CONFIG.toml", type=Path)
    init.set_defaults(run=run_init)
    run = arguments.command(inner, "run", "run a node; what it heard survives a crash", "manara node run harbour.toml")
    run.add_argument("config", metavar="CONFIG.toml", type=Path)
    run.add_argument("--port", type=int, metavar="P", help="port of the desk; default: from the configuration")
    run.add_argument("--no-browser", action="store_true", help="do not open a browser")
    run.add_argument("--duration", type=float, metavar="SECONDS", help="end after so many seconds")
    run.set_defaults(run=run_node)
    capability.add(inner)


def run_init(args: argparse.Namespace) -> int:
    """Write the template; never over a file that is there."""
    try:
        with args.config.open("x", encoding="utf-8") as out:
            out.write(TEMPLATE)
    except FileExistsError:
        raise BadInput("is there already", str(args.config), "choose another name") from None
    except OSError as fault:
        raise BadInput(f"cannot be written: {fault.strerror or fault}", str(args.config)) from None
    print(f"{args.config} written; edit it, then: manara node run {args.config}")
    return 0


def run_node(args: argparse.Namespace) -> int:
    """Recover what the folder holds, then follow the feeds."""
    from manara.host import address, config

    loaded = config.node_config(args.config)
    for feed in loaded.feeds:
        if address.parse(feed.url).scheme == "file":
            raise BadInput(
                f"feed {feed.name!r} is a file", str(args.config), "a node follows live feeds; use manara watch"
            )
    args.port = loaded.desk_port if args.port is None else args.port
    args.host = loaded.desk_host
    folder = args.config.parent / (loaded.folder or f"{loaded.name}.node")
    return asyncio.run(_run(args, folder))


async def _run(args: argparse.Namespace, folder: Path) -> int:
    from manara.cli import serving
    from manara.host import config
    from manara.host.kept import KeptClock, KeptNode
    from manara.host.running import Face, Running

    loaded = config.node_config(args.config)
    sharing = _sharing(args.config, loaded, folder) if loaded.partner else None
    try:
        kept = KeptNode(loaded, folder, sharing)
    except BadInput:
        if sharing is not None:
            sharing.close()
        raise
    said = kept.runner.report
    if kept.begun_anew:
        print(f"feeds or sensors changed: the earlier journal is now in {folder / kept.begun_anew}", file=sys.stderr)
    if kept.runner.sequence:
        print(f"recovered step {kept.runner.sequence:,} from {folder}: {_recovered(said)}", file=sys.stderr)
    if kept.runner.halted:
        print(f"manara: {folder}: {kept.runner.halted.why}: {kept.runner.halted.detail}", file=sys.stderr)
    face = Face(loaded.title or loaded.name, "live", folder=folder)
    running = Running(loaded, KeptClock(kept.runner), kept.turn, face, kept.done, sharing)
    try:
        return await serving.run(running, running.run_live(), args)
    finally:
        kept.close()
        if sharing is not None:
            sharing.close()


def _sharing(path: Path, loaded: NodeConfig, folder: Path) -> Sharing:
    from manara.host.clock import WallClock
    from manara.host.sharing import Sharing

    made = Sharing(loaded, path.parent, folder, WallClock().now_ns)
    print(f"{loaded.partner}: log {made.log.origin}, {made.log.size:,} leaves", file=sys.stderr)
    return made


def _recovered(said: Any) -> str:
    """What the recovery did, in words; what did not happen is not mentioned."""
    parts = [f"{said.frames:,} steps replayed"]
    if said.torn_bytes:
        parts.append(f"{said.torn_bytes:,} bytes of an unfinished write cut off the end")
    if said.poison:
        parts.append(f"{len(said.poison)} inputs skipped that had brought the node down twice")
    return ", ".join(parts)
