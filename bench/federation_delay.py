"""From a report at one node to another's picture: two real nodes, real TLS, ten thousand tracks.

    python bench/federation_delay.py [TRACKS] [PROBES]

Arvena hears all of them over UDP (bench/federation.py says which) and lets Belora have them; both run ``manara node
run`` on this machine. One aircraft more reports at moments that fall anywhere in a tick; the figure is the time from
the datagram to the moment at which Belora's desk answers with it, Arvena's tick of a second included. Belora's desk is
asked every few milliseconds. Also what the nodes took of the processors, and what Belora has of the sea: aircraft go
precisely and stand there as tracks; the vessels lie outside Belora's waters, so that the agreement lets them go only as
cells, after an epoch of 1,024 s: they are ``coarse``, not missing, and ``expected`` are the aircraft with the one that
is watched.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from federation import Heard
from manara.cli.main import main as manara
from manara.exercise import partners, toml
from manara.host import files
from manara.records.config import NodeConfig
from manara.records.sensors import FeedConfig
from manara.study import scenario as scenarios

S = 1_000_000_000
PROBE = 0xDFFFF0 - 0xD00000
SLICES = 20
POLL_S = 0.01
PATIENCE_S = 180.0


def free_port(kind: socket.SocketKind) -> int:
    """A port of loopback that nobody has."""
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Sea:
    """Ten thousand craft on two UDP ports, evenly through each second."""

    def __init__(self, tracks: int) -> None:
        self.ports = {name: free_port(socket.SOCK_DGRAM) for name in ("ais-arvena", "beast-arvena")}
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._began_ns = time.time_ns() // S * S
        self._heard = Heard(tracks, self._began_ns)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        k = 0
        while not self._over.is_set():
            k = max(k + 1, (time.time_ns() - self._began_ns) // S)
            lines = [one.data.splitlines(keepends=True) for one in self._heard.second(k)]
            for slot in range(SLICES):
                for port, some in zip(self.ports.values(), lines, strict=True):
                    for at in range(slot * 8, len(some), SLICES * 8):
                        self._send(port, b"".join(some[at : at + 8]))
                due_ns = self._began_ns + k * S + (slot + 1) * S // SLICES
                self._over.wait(max(0.0, (due_ns - time.time_ns()) / S))

    def _send(self, port: int, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._out.sendto(data, ("127.0.0.1", port))

    def probe(self, n: int) -> None:
        """A report of the aircraft that is watched."""
        self._send(self.ports["beast-arvena"], sbs_of(n))

    def close(self) -> None:
        """Silence."""
        self._over.set()
        self._thread.join()
        self._out.close()


def sbs_of(n: int) -> bytes:
    """A little further north at each report."""
    when = f"{dt.datetime.now(dt.UTC):%Y/%m/%d,%H:%M:%S.%f}"[:-3]
    icao = f"{0xD00000 + PROBE:06X}"
    place = f"MSG,3,1,1,{icao},1,{when},{when},,35000,,,{-47.0 + n * 0.002:.5f},-118.00000,,,0,0,0,0\r\n"
    return (place + f"MSG,4,1,1,{icao},1,{when},{when},,,389,0,,,0,,,,,\r\n").encode()


class Pair:
    """Both nodes."""

    def __init__(self, folder: Path, sea: Sea, capacity: int) -> None:
        scenario = scenarios.apart(scenarios.load(scenarios.find("lantern")))
        scenario = msgspec.structs.replace(scenario, start=dt.datetime.now(dt.UTC).replace(microsecond=0))
        ports = {name: free_port(socket.SOCK_STREAM) for name in ("Arvena", "Belora")}
        self.made = partners.make(folder, scenario, tuple(ports), ports)
        self.desks: dict[str, int] = {}
        self.running: list[subprocess.Popen[bytes]] = []
        for name in ("arvena", "belora"):
            self.desks[name] = free_port(socket.SOCK_STREAM)
            addresses = {
                feed: f"udp://127.0.0.1:{sea.ports.get(feed) or free_port(socket.SOCK_DGRAM)}"
                for feed in (f"{kind}-{name}" for kind in ("ais", "beast", "radar", "coast"))
            }
            config = partners.configure(
                self.made, name, addresses, NodeConfig(desk_port=self.desks[name], capacity=capacity)
            )
            told = tuple(_sbs(feed) if feed.name == "beast-arvena" else feed for feed in config.feeds)
            member = self.made.members[name]
            files.write(member.config, toml.text(msgspec.structs.replace(config, feeds=told)).encode())
            command = [*self.starts(name), "node", "run", str(member.config), "--no-browser"]
            self.running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr))

    def starts(self, name: str) -> list[str]:  # noqa: ARG002 - bench/witness.py starts each with a file of its own
        """The program that a node is."""
        return [str(Path(sys.executable).with_name("manara"))]

    def desk(self, name: str, path: str) -> bytes:
        """What a desk answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.desks[name]}{path}", timeout=30) as got:
            return bytes(got.read())

    def activate(self) -> None:
        """As persons do."""
        home = self.made.members["arvena"].folder
        words = ["agreement", "activate", str(home / "arvena-belora.toml"), "--phase", "full"]
        for who in ("policy", "operational"):
            words += ["--person", f"arvena.{who}", "--key", str(home / "people" / f"arvena.{who}.key")]
        with contextlib.redirect_stdout(sys.stderr):
            assert manara([*words, "--node", str(home / "arvena.toml"), "--wait", "60"]) == 0

    def cpu_s(self) -> list[float]:
        """Processor seconds of each so far."""
        tick = os.sysconf("SC_CLK_TCK")
        fields = [Path(f"/proc/{one.pid}/stat").read_text("ascii").rpartition(")")[2].split() for one in self.running]
        return [(int(one[11]) + int(one[12])) / tick for one in fields]

    def close(self) -> None:
        """End both."""
        for one in self.running:
            one.send_signal(signal.SIGINT)
        for one in self.running:
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def had(pair: Pair) -> dict[str, int]:
    """What Belora's desk has of the sea: tracks by domain, cells; tracks that Arvena tells within a cell (all of them
    broadcast their place), and rows that it held back in its last tick, by the reason."""
    domains = [one["properties"]["domain"] for one in json.loads(pair.desk("belora", "/api/tracks"))["features"]]
    here, there = (json.loads(pair.desk(one, "/api/partners"))["partners"][0] for one in ("belora", "arvena"))
    return {
        "shown": len(domains),
        "shown_air": domains.count("air"),
        "shown_sea": domains.count("sea"),
        "shown_cells": here["regions"],
        "coarse": there["void"],
        **{f"withheld_{why}": n for why, n in there["withheld"].items()},
    }


def _sbs(feed: FeedConfig) -> FeedConfig:
    return msgspec.structs.replace(feed, format="sbs", editions={})


def waited(what: str, true: object) -> None:
    """Until it is so; a desk that is not there yet is waited for."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            if true():  # type: ignore[operator]  # a nullary function
                return
        time.sleep(0.3)
    raise SystemExit(f"it did not happen: {what}")


def delays(sea: Sea, pair: Pair, probes: int) -> Iterator[float]:
    """Seconds from each report to the desk that shows it."""
    rng = np.random.default_rng(5)
    count = iter(range(1 << 20))

    def found() -> list[dict[str, str]]:
        sea.probe(next(count))
        told: list[dict[str, str]] = json.loads(pair.desk("belora", "/api/search?q=DFFFF0"))["found"]
        return told

    waited("the probe stands on Belora's desk", found)
    path = f"/api/tracks/{found()[0]['track_id']}"
    time.sleep(3.0)
    for _ in range(probes):
        time.sleep(float(rng.uniform(0.3, 1.3)))
        before = json.loads(pair.desk("belora", path))["properties"]["updated"]
        begin = time.monotonic()
        sea.probe(next(count))
        while json.loads(pair.desk("belora", path))["properties"]["updated"] == before:
            if time.monotonic() - begin > 30.0:
                raise SystemExit("a report did not arrive within thirty seconds")
            time.sleep(POLL_S)
        yield time.monotonic() - begin


def main() -> None:
    """Measure and print."""
    numbers = [int(one) for one in sys.argv[1:]]
    tracks, probes = [*numbers, *(10_000, 100)[len(numbers) :]]
    sea = Sea(tracks)
    with tempfile.TemporaryDirectory() as name:
        pair = Pair(Path(name), sea, 2 * tracks)
        try:
            waited("both desks answer", lambda: [pair.desk(one, "/api/health") for one in pair.desks])
            pair.activate()
            waited(
                "Belora has nine tenths of the aircraft",
                lambda: json.loads(pair.desk("belora", "/api/health"))["tracks"] > tracks * 4 // 10 * 9 // 10,
            )
            begin, spent = time.monotonic(), pair.cpu_s()
            took = np.array(list(delays(sea, pair, probes)))
            load = (np.array(pair.cpu_s()) - spent) / (time.monotonic() - begin)
            shown = had(pair)
        finally:
            pair.close()
            sea.close()
    found = {
        "tracks": tracks,
        "expected": tracks - tracks * 6 // 10 + 1,
        **shown,
        "probes": probes,
        "median_s": np.median(took),
        "p99_s": np.quantile(took, 0.99),
        "worst_s": took.max(),
        "cores_a": load[0],
        "cores_b": load[1],
        "load_1min": os.getloadavg()[0],
    }
    print(json.dumps({key: round(float(value), 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
