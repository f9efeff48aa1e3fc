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


STATES = {"stale": "silent", "lost": "not connected"}  # the desk's words for the states of a feed


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
    said = asyncio.ensure_future(_say_feeds(running))
    try:
        await _until_over(desk, fed, stopped, getattr(args, "duration", None), (host, args.port))
    finally:
        for task in (desk, fed, stopped, said):
            task.cancel()
        await asyncio.gather(desk, fed, stopped, said, return_exceptions=True)
        running.close()
    return 0


async def _until_over(
    desk: asyncio.Future[None],
    fed: asyncio.Future[None],
    stopped: asyncio.Future[Any],
    duration_s: float | None,
    address: tuple[str, int],
) -> None:
    waiting: set[asyncio.Future[Any]] = {desk, fed, stopped}
    ends = None if duration_s is None else asyncio.get_running_loop().time() + duration_s
    while True:
        left = None if ends is None else max(0.0, ends - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            _raise_plainly(task, address if task is desk else None)
        if not done or stopped in done or desk in done:
            return
        waiting -= done  # the recording is over; its last picture stays on the desk
        print("the recording is over; the last picture stays (Ctrl+C ends)", file=sys.stderr, flush=True)


def _raise_plainly(task: asyncio.Future[Any], address: tuple[str, int] | None) -> None:
    """What ended a task, in one line where it is the machine's fault. ``address``: of the desk, if it was the desk."""
    fault = task.exception()
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    if isinstance(fault, OSError):
        said = fault.strerror or str(fault)
        if address is None:
            raise BadInput(f"the node stopped: {said}", str(fault.filename or "")) from None
        where = f"{address[0]}:{address[1]}"
        raise BadInput(f"the desk cannot open its port: {said}", where, "choose another: --port") from None
    if fault is not None:
        raise fault


async def _say_feeds(running: Running) -> None:
    """A line on standard error when a live feed begins, is recognised, falls silent or is lost: a terminal without a
    browser is told too. The demo's feeds are its own affair."""
    if running.mode != "live":
        return
    known: dict[str, tuple[str, str]] = {}
    sequence = 0
    while True:
        views = await running.wait(sequence)
        sequence = views.sequence
        for feed in views.health:
            now = (STATES.get(feed.state, feed.state), "" if feed.format == "auto" else feed.format)
            if known.get(feed.name) != now:
                known[feed.name] = now
                words = " – ".join(x for x in (", ".join(x for x in now if x), feed.detail) if x)
                print(f"{feed.name}: {words}", file=sys.stderr, flush=True)


def _tell(host: str, port: int, args: argparse.Namespace) -> None:
    url = f"http://{host}:{port}/"
    print(f"manara: the picture is at {url} (Ctrl+C ends)", flush=True)
    if not args.no_browser:
        asyncio.get_running_loop().run_in_executor(None, webbrowser.open, url)
