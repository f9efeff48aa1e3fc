"""manara demo: a living map of a fictional sea."""

from __future__ import annotations

import argparse
import asyncio
import importlib

from manara.cli import arguments


def add(commands: arguments.Commands) -> None:
    """Add the command."""
    demo = arguments.command(
        commands, "demo", "a living map of a fictional sea, one machine, one seed", "manara demo --port 8777"
    )
    arguments.desk(demo)
    demo.add_argument("--scenario", default="lantern", help="name or TOML file of the scenario (default lantern)")
    demo.add_argument("--seed", type=int, default=1, help="of the world (default 1)")
    demo.add_argument("--speed", type=float, default=20.0, help="of the clock (default 20)")
    demo.add_argument("--duration", type=float, help="end after so many seconds")
    demo.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Start the world, a node, and its desk."""
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from manara.cli import serving
    from manara.exercise import demo

    preparing = asyncio.ensure_future(demo.prepare(args.scenario, args.seed, args.speed))
    await asyncio.to_thread(importlib.import_module, "manara.desk.serve")  # while the world is made
    made = await preparing
    return await serving.run(made.running, made.work(), args)
