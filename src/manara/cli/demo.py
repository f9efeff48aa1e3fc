"""manara demo: a living map of a fictional sea."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys
from pathlib import Path

from manara.cli import arguments

DESKS_MAX = 8  # beside the first one that are given the ports behind it
PATIENCE_S = 1.0  # of whoever waits; then a line says why


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    demo = arguments.command(
        commands, "demo", "a living map of a fictional sea, shared by four partners", "manara demo --port 8777"
    )
    arguments.desk(demo)
    demo.add_argument(
        "--scenario", default="lantern", metavar="NAME", help="name or TOML file of the scenario (default lantern)"
    )
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="another seed, another traffic (default 1)")
    demo.add_argument(
        "--speed", type=float, default=20.0, metavar="X", help="of the clock, times real time (default 20)"
    )
    demo.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the partners' keys, agreements and logs in a new folder"
    )
    demo.add_argument("--duration", type=float, metavar="SECONDS", help="end after so many seconds")
    demo.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start the world, the nodes that share it, and their desks."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from manara.cli import serving
    from manara.exercise import demo

    logging.getLogger("asyncio").setLevel(logging.ERROR)  # else a line for each write to a partner who has just gone
    patience = asyncio.get_running_loop().call_later(PATIENCE_S, _say_why_it_takes)
    preparing = asyncio.ensure_future(
        demo.prepare(
            demo.Wish(args.scenario, args.seed, args.speed, _ports_beside(args.port), args.keep, _say_neighbour)
        )
    )
    preparing.add_done_callback(lambda _: patience.cancel())
    await asyncio.to_thread(_load_desk)  # while the world is made
    made = await preparing
    return await serving.run(made.running, made.work(), args)


def _load_desk() -> None:
    import manara.desk.serve  # noqa: F401 - loaded here so that nobody waits for it later


def _say_why_it_takes() -> None:
    print("manara: making the sea and its craft; the map opens in a few seconds", file=sys.stderr, flush=True)


def _say_neighbour(name: str, url: str) -> None:
    print(f"manara: the picture of {name} is at {url}", flush=True)


def _ports_beside(port: int) -> tuple[int, ...]:
    """The next ports, 0 (any) in the place of one where somebody listens already."""
    return tuple(_free(port + 1 + place) if port else 0 for place in range(DESKS_MAX))


def _free(port: int) -> int:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except (OSError, OverflowError):
        return 0
