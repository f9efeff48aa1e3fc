"""Two real nodes: programs of their own with sockets, disks and TLS, which hear the simulated sea in real time."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.doubles import a_node

from manara.cli.main import main
from manara.exercise import partners, toml
from manara.host import files
from manara.records.config import NodeConfig
from manara.records.sensors import FeedConfig
from manara.study import scenario as scenarios
from manara.study.world import World, feeds

PAIR = ("arvena", "belora")
SMALL = {"cargo": 10, "airliner": 10, "fishing": 6}
PATIENCE_S = 60.0
NO_FILE_LONGER = 16_384


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def sea() -> scenarios.Scenario:
    """A small sea that begins now."""
    scenario = scenarios.apart(scenarios.load(scenarios.find("lantern")))
    begun = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return msgspec.structs.replace(scenario, start=begun, counts=scenarios.Counts(**SMALL))


class Feeder:
    """The sea of one partner on real sockets: AIS over TCP to whoever connects, everything else over UDP. ``off_s``:
    how far its sensors' clocks are from ours."""

    def __init__(self, scenario: scenarios.Scenario, name: str, seed: int = 1, off_s: float = 0.0) -> None:
        began = scenario.start + dt.timedelta(seconds=off_s)
        said = feeds(scenario, name.title())
        channels = frozenset(feed.name for feed in said)
        self.world = World(msgspec.structs.replace(scenario, start=began), seed, channels)
        self._off_ns = int(off_s * 1e9)
        self.udp: dict[str, int] = {}
        self._tcp: dict[str, socket.socket] = {}
        self._peers: dict[str, list[socket.socket]] = {}
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._over = threading.Event()
        self.addresses = {feed.name: self._address(feed) for feed in said}
        self._thread = threading.Thread(target=self._run, name="sea", daemon=True)
        self._thread.start()

    def _address(self, feed: Any) -> str:
        if feed.format != "ais":
            self.udp[feed.name] = free_port(socket.SOCK_DGRAM)
            return f"udp://127.0.0.1:{self.udp[feed.name]}"
        one = socket.create_server(("127.0.0.1", 0))
        one.setblocking(False)
        self._tcp[feed.name], self._peers[feed.name] = one, []
        return f"tcp://127.0.0.1:{one.getsockname()[1]}"

    def _run(self) -> None:
        while not self._over.wait(0.2):
            for channel, one in self._tcp.items():
                with contextlib.suppress(BlockingIOError):
                    self._peers[channel].append(one.accept()[0])
            for said in self.world.advance(time.time_ns() + self._off_ns):
                self.send(said.channel, said.data)

    def send(self, channel: str, data: bytes) -> None:
        """To whoever listens there."""
        if channel in self.udp:
            with contextlib.suppress(OSError):
                self._out.sendto(data, ("127.0.0.1", self.udp[channel]))
        for peer in list(self._peers.get(channel, ())):
            try:
                peer.settimeout(1.0)
                peer.sendall(data)
            except OSError:
                peer.close()
                self._peers[channel].remove(peer)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for one in (self._out, *self._tcp.values(), *(peer for some in self._peers.values() for peer in some)):
            one.close()


class Node:
    """One node's program. ``wish``: of a_node."""

    def __init__(self, member: partners.Member, desk_port: int) -> None:
        self.member, self.desk_port = member, desk_port
        self.folder = member.folder
        self.status_path = self.folder / "status.json"
        self.said = self.folder / "said.txt"
        self.wish: dict[str, Any] = {
            "status": str(self.status_path),
            "tap": str(self.folder / "tap.bin"),
            "wait_s": 3.0,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.status_path.unlink(missing_ok=True)
        wish = self.folder / "wish.json"
        wish.write_text(json.dumps(self.wish), "utf-8")
        with self.said.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, a_node.__file__, str(wish), str(self.member.config)], stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """As a power cut of the program: no handler runs."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """In order."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -1
        finally:
            self.process = None

    def status(self) -> dict[str, Any]:
        try:
            return json.loads(self.status_path.read_text("utf-8"))
        except FileNotFoundError:
            return {}

    def partner(self) -> dict[str, Any]:
        """What it says of the other."""
        return next(iter(self.status().get("partners", ())), {})

    def until(self, true: Callable[[dict[str, Any]], Any], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """Its summed-up views, once they are so."""
        ends = time.monotonic() + patience_s
        while time.monotonic() < ends:
            now = self.status()
            if now and true(now):
                return now
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.05)
        now.pop("identities", None)
        raise AssertionError(f"{self.member.id}: it did not happen: {now}\n{self.said.read_text()[-2000:]}")

    def until_partner(self, true: Callable[[dict[str, Any]], Any], patience_s: float = PATIENCE_S) -> dict[str, Any]:
        return self.until(lambda one: one["partners"] and true(one["partners"][0]), patience_s)["partners"][0]

    def desk(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.desk_port}{path}", timeout=20) as got:
            return got.read()

    def full(self, full: bool) -> None:
        """No file of this program may grow beyond some kilobytes, or all may again: what a full disk feels like."""
        assert self.process is not None
        soft = NO_FILE_LONGER if full else resource.RLIM_INFINITY
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))

    def freeze(self, frozen: bool) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)


class Two:
    """Arvena and Belora. ``ports``: of their doors; ``through``: partner -> the port at which the other reaches it (a
    proxy's); ``off_s``: partner -> how far all its clocks are off. Arvena has one more feed, ``hidden``, of which no
    agreement speaks; nothing is heard there unless a test says it."""

    def __init__(
        self,
        folder: Path,
        seed: int = 1,
        ports: dict[str, int] | None = None,
        through: dict[str, int] | None = None,
        off_s: dict[str, float] | None = None,
    ) -> None:
        self.scenario = sea()
        self.ports = ports or {name: free_port() for name in PAIR}
        shown = {name.title(): (through or {}).get(name, port) for name, port in self.ports.items()}
        self.made = partners.make(folder, self.scenario, ("Arvena", "Belora"), shown)
        self.feeders, self.nodes = [], {}
        for name in PAIR:
            off = (off_s or {}).get(name, 0.0)
            self.feeders.append(Feeder(self.scenario, name, seed, off))
            self.nodes[name] = self._node(name)
            self.nodes[name].wish["clock_s"] = off
        self.a, self.b = self.nodes["arvena"], self.nodes["belora"]

    def _node(self, name: str) -> Node:
        member, base = self.made.members[name], NodeConfig(desk_port=free_port(), capacity=1024)
        config = partners.configure(self.made, name, self.feeders[-1].addresses, base)
        config = msgspec.structs.replace(config, link_listen=f"https://127.0.0.1:{self.ports[name]}")
        if name == "arvena":
            self.hidden_port = free_port(socket.SOCK_DGRAM)
            hidden = FeedConfig(name="hidden", url=f"udp://127.0.0.1:{self.hidden_port}", format="ais")
            config = msgspec.structs.replace(config, feeds=(*config.feeds, hidden))
        files.write(member.config, toml.text(config).encode())
        return Node(member, base.desk_port)

    def say(self, feed: str, data: bytes) -> None:
        """Bytes on a feed of Arvena, as from one more transmitter."""
        if feed != "hidden":
            self.feeders[0].send(feed, data)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(data, ("127.0.0.1", self.hidden_port))

    def start(self) -> None:
        for one in self.nodes.values():
            one.start()
        for one in self.nodes.values():
            one.until(lambda now: now["sequence"] > 2)

    def command(self, what: str, releaser: str, recipient: str, people: tuple[str, ...], *more: str) -> int:
        """``manara agreement WHAT`` of persons of the releaser, as they type it."""
        home = self.made.members[releaser].folder
        words = [
            "agreement",
            what,
            str(home / f"{releaser}-{recipient}.toml"),
            "--node",
            str(home / f"{releaser}.toml"),
        ]
        for who in people:
            person = f"{releaser}.{who}"
            words += ["--person", person, "--key", str(home / "people" / f"{person}.key")]
        return main([*words, "--wait", "30", *more])

    def activate(self) -> None:
        for releaser, recipient in (PAIR, PAIR[::-1]):
            assert self.command("activate", releaser, recipient, ("policy", "operational"), "--phase", "full") == 0

    def close(self) -> None:
        for one in self.nodes.values():
            if one.process is not None:
                one.kill()
        for feeder in self.feeders:
            feeder.close()


@contextlib.contextmanager
def two(folder: Path, **more: Any) -> Iterator[Two]:
    made = Two(folder, **more)
    try:
        yield made
    finally:
        made.close()
