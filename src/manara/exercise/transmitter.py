"""The air and the sea of a scenario, on real sockets: a program of its own that a demo or exercise starts.

It opens a TCP server for each stream channel, prints one JSON line with the ports, waits for one line on standard
input, then transmits at the scenario's speed until standard input ends, printing the world's time (ns) as it goes.
With ``--partner`` each of these hears its own receivers on channels of its own; what only others hear is not made.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from manara.study import scenario as scenarios
from manara.study.world import Emission, World, feeds

STEP_S = 0.02  # wall seconds between two looks at the world: 0.4 s of it at twenty times
STRIDE_NS = 1_000_000_000  # of the world between two looks, at most
LAG_BYTES = 8 << 20  # waiting for one listener; beyond, it is cut off


class Air:
    """The sockets of all channels."""

    def __init__(self, udp_ports: dict[str, int]) -> None:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ports = udp_ports
        self._peers: dict[str, set[asyncio.StreamWriter]] = {}

    async def open(self, channels: list[str]) -> dict[str, int]:
        """A TCP server on loopback for each stream channel; gives their ports."""
        ports = {}
        for channel in channels:
            self._peers[channel] = set()
            server = await asyncio.start_server(self._server(channel), "127.0.0.1", 0)
            ports[channel] = int(server.sockets[0].getsockname()[1])
        return ports

    def _server(self, channel: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._peers[channel].add(writer)
            with suppress(OSError, asyncio.CancelledError):  # cancelled: the transmitter ends
                while await reader.read(1024):
                    pass
            self._peers[channel].discard(writer)

        return serve

    def send(self, emission: Emission) -> None:
        """One emission to whoever listens on its channel."""
        if emission.channel in self._ports:
            with suppress(OSError):
                self._udp.sendto(emission.data, ("127.0.0.1", self._ports[emission.channel]))
            return
        for peer in tuple(self._peers.get(emission.channel, ())):
            if peer.transport.get_write_buffer_size() > LAG_BYTES:
                peer.transport.abort()
            else:
                peer.write(emission.data)


async def transmit(world: World, air: Air, start_ns: int, speed: float, over: threading.Event) -> None:
    """Move the world on until ``over``, and say its time after each stride. Starved of processor time it slows down
    rather than leap."""
    at_ns, looked_ns = start_ns, time.monotonic_ns()
    while not over.is_set():
        passed_ns, looked_ns = time.monotonic_ns() - looked_ns, time.monotonic_ns()
        at_ns += min(int(passed_ns * speed), STRIDE_NS)
        for emission in await asyncio.to_thread(world.advance, at_ns):
            air.send(emission)
        _say(str(at_ns))
        await asyncio.sleep(STEP_S)


def _say(line: str) -> None:
    """To whoever started us; gone, we end too."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


async def run(args: argparse.Namespace) -> None:
    """Open, say where, wait for the start, transmit."""
    scenario = scenarios.load(scenarios.find(args.scenario))
    channels = tuple(feed.name for feed in feeds(scenario))
    if args.partner:
        scenario = scenarios.apart(scenario)
        channels = tuple(feed.name for partner in args.partner for feed in feeds(scenario, partner))
    udp_ports = {name: int(port) for name, _, port in (x.partition("=") for x in args.udp)}
    air = Air(udp_ports)
    ports = await air.open([channel for channel in channels if channel not in udp_ports])
    world = World(scenario, args.seed, frozenset(channels))
    _say(json.dumps({"ports": ports}))
    loop = asyncio.get_running_loop()
    if not await loop.run_in_executor(None, sys.stdin.readline):
        return
    over = threading.Event()

    def listen_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=listen_for_the_end, daemon=True).start()
    await transmit(world, air, scenarios.start_ns(scenario), args.speed, over)


def main() -> None:
    """Entry of the program of its own."""
    parser = argparse.ArgumentParser(prog="python -m manara.exercise.transmitter")
    parser.add_argument("scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--partner", action="append", default=[], metavar="NAME")
    parser.add_argument("--udp", action="append", default=[], metavar="CHANNEL=PORT")
    with suppress(KeyboardInterrupt):
        asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
