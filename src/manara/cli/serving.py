"""A node and its desk together, until someone stops them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import webbrowser
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from manara.host.problems import BadInput

if TYPE_CHECKING:
    from manara.host.running import Running


async def run(running: Running, work: Coroutine[Any, Any, None], args: argparse.Namespace) -> int:
    """Serve the desk while ``work`` feeds the node. Ends on Ctrl+C, SIGTERM, after ``args.duration`` seconds, or when
    something fails; when the work itself ends (a recording is over) the desk stays. Raises BadInput."""
    from manara.desk.serve import serve

    host = getattr(args, "host", "127.0.0.1")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(one, stop.set)
    desk = asyncio.ensure_future(serve(running, host, args.port, lambda port: _tell(host, port, args)))
    fed = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await _until_over(desk, fed, stopped, getattr(args, "duration", None), args)
    finally:
        for task in (desk, fed, stopped):
            task.cancel()
        await asyncio.gather(desk, fed, stopped, return_exceptions=True)
        running.close()
    return 0


async def _until_over(
    desk: asyncio.Future[None],
    fed: asyncio.Future[None],
    stopped: asyncio.Future[Any],
    duration_s: float | None,
    args: argparse.Namespace,
) -> None:
    waiting: set[asyncio.Future[Any]] = {desk, fed, stopped}
    ends = None if duration_s is None else asyncio.get_running_loop().time() + duration_s
    while True:
        left = None if ends is None else max(0.0, ends - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            _raise_plainly(task, args)
        if not done or stopped in done or desk in done:
            return
        waiting -= done  # the recording is over; its last picture stays on the desk
        print("the recording is over; the last picture stays (Ctrl+C ends)", file=sys.stderr, flush=True)


def _raise_plainly(task: asyncio.Future[Any], args: argparse.Namespace) -> None:
    fault = task.exception()
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    if isinstance(fault, OSError):
        raise BadInput(
            f"the desk cannot open its port: {fault.strerror or fault}",
            f"127.0.0.1:{args.port}",
            "choose another: --port",
        ) from None
    if fault is not None:
        raise fault


def _tell(host: str, port: int, args: argparse.Namespace) -> None:
    url = f"http://{host}:{port}/"
    print(f"manara: the picture is at {url} (Ctrl+C ends)", flush=True)
    if not args.no_browser:
        asyncio.get_running_loop().run_in_executor(None, webbrowser.open, url)
