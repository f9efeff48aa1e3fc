"""Another node of the demo: ``python -m manara.cli.neighbour CONFIG.toml SCENARIO``.

It follows the clock that whoever started it writes to its standard input, a line (ns) at a time, and ends with it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from manara.host import numba_cache


def main() -> int:
    """Entry of the program of its own."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}")
    parser.add_argument("config", type=Path)
    parser.add_argument("scenario")
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    args.host, args.no_browser = "127.0.0.1", True
    numba_cache.configure()
    return asyncio.run(_run(args))


async def _run(args: argparse.Namespace) -> int:
    from manara.cli import serving
    from manara.exercise import demo
    from manara.host import config
    from manara.study import scenario as scenarios

    logging.getLogger("asyncio").setLevel(logging.ERROR)  # else a line for each write to a partner who has just gone
    scenario = scenarios.load(scenarios.find(args.scenario))
    staged = demo.stage(config.node_config(args.config), scenario, args.speed, args.config.parent)

    def follow() -> None:
        left = b""
        while said := os.read(0, 4096):  # not sys.stdin: its lock would outlive us at the end
            *lines, left = (left + said).split(b"\n")
            if lines:
                staged.clock.hear(int(lines[-1]))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="world's clock", daemon=True).start()
    try:
        return await serving.run(staged.running, staged.running.run_live(), args)
    finally:
        staged.close()


if __name__ == "__main__":
    sys.exit(main())
