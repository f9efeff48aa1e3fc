"""docs/how-to/sharing.md as a newcomer walks it: its own commands in its own order, two real nodes, one fingerprint
that is read on one side and said on the other. Only the ports are others, so that nothing else is in the way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.doubles.two_processes import free_port, sea
from tests.house.test_pages import BLOCK, Block

from manara.study.world import World, feeds

PAGE = "docs/how-to/sharing.md"
PORTS = {name: socket.SOCK_STREAM for name in ("9871", "9872", "9443", "9444")}
PORTS |= {name: socket.SOCK_DGRAM for name in ("9110", "9111")}
DIGITS = re.compile(r"([0-9a-f]{4} ){7}[0-9a-f]{4}")
WARM_S = 150.0


def page(repository: Path) -> list[Block]:
    """The page's blocks in order, with ports that are free here."""
    text = (repository / PAGE).read_text("utf-8")
    for port, kind in PORTS.items():
        assert port in text
        text = text.replace(port, str(free_port(kind)))
    return [Block(PAGE, m[1].strip(), m[2]) for m in BLOCK.finditer(text)]


class Walk:
    """One scratch folder, what runs in it, and the fingerprint that was read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.read = folder, ""
        self.nodes: list[subprocess.Popen[bytes]] = []
        binaries = str(Path(sys.executable).parent)
        self.env = {**os.environ, "PATH": binaries + os.pathsep + os.environ["PATH"], "LC_ALL": "C.UTF-8"}

    def start(self, command: str) -> None:
        """A command that goes on: a terminal of its own."""
        with (self.folder / f"terminal{len(self.nodes)}.txt").open("wb") as out:
            words = ["bash", "-c", f"exec {command}"]
            self.nodes.append(subprocess.Popen(words, cwd=self.folder, env=self.env, stdout=out, stderr=out))

    def run(self, command: str, below: list[str], patience_s: float = 0.0) -> None:
        """A command and what the page shows below it; with patience it is repeated until it does."""
        until_s = time.monotonic() + patience_s
        refused = any("refused" in line for line in below)
        while True:
            ran = subprocess.run(
                ["bash", "-c", DIGITS.sub(self.read, command) if self.read else command],
                cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            said = ran.stdout + ran.stderr
            wrong = [line for line in below if not self._shown(line, said)]
            if (ran.returncode == 0) != refused and not wrong:
                return
            if time.monotonic() > until_s:
                raise AssertionError(f"$ {command}\nexit {ran.returncode}, want {wrong}\n{said[-3000:]}")
            time.sleep(2)

    def _shown(self, line: str, said: str) -> bool:
        """Is the line there? Digits of a fingerprint are ours: read the first time, the same ever after."""
        if line.startswith("fingerprint:"):
            found = DIGITS.search(said)
            first, self.read = self.read, found[0] if found else ""
            return bool(found) and first in ("", self.read)
        pattern = ".*".join(re.escape(part.strip()) for part in line.split("…"))
        return re.search(pattern, said) is not None

    def close(self) -> None:
        for one in self.nodes:
            one.send_signal(signal.SIGINT)
        for one in self.nodes:
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


@pytest.fixture
def walk(tmp_path) -> Iterator[Walk]:
    made = Walk(tmp_path)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def ships(port: int) -> Iterator[None]:
    """The coast's AIS of a simulated sea, to one port."""
    scenario = sea()
    channel = next(feed.name for feed in feeds(scenario, "Arvena") if feed.format == "ais")
    world, over = World(scenario, 1, frozenset({channel})), threading.Event()

    def transmit() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not over.wait(0.2):
                for said in world.advance(time.time_ns()):
                    with contextlib.suppress(OSError):  # nobody listens yet
                        out.sendto(said.data, ("127.0.0.1", port))

    sea_thread = threading.Thread(target=transmit)
    sea_thread.start()
    try:
        yield
    finally:
        over.set()
        sea_thread.join()


def desk(config: Path) -> list[dict]:
    """Tracks on the desk of the node of this configuration; none while it does not answer."""
    port = re.search(r"desk_port = (\d+)", config.read_text())[1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tracks", timeout=20) as got:
            return json.loads(got.read())["features"]
    except OSError:
        return []


def until(true: Callable[[], object], patience_s: float) -> None:
    ends = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.5)


def write(walk: Walk, block: Block) -> None:
    """Arvena's file as it stands, and Belora's as the page says."""
    for name in ("arvena", "belora"):
        (walk.folder / name).mkdir(exist_ok=True)
    if block.kind != "toml node":
        for name in ("arvena", "belora"):
            (walk.folder / name / "arvena-belora.toml").write_text(block.text, "utf-8")
        return
    (walk.folder / "arvena" / "arvena.toml").write_text(block.text)
    text = block.text.replace("arvena", "belora").replace("coast ais", "coast")
    for port in re.findall(r"(?<!\d)\d{4,5}(?!\d)", text):
        kind = socket.SOCK_DGRAM if f"udp://127.0.0.1:{port}" in text else socket.SOCK_STREAM
        text = text.replace(port, str(free_port(kind)))
    (walk.folder / "belora" / "belora.toml").write_text(text)


def test_the_page_is_read_in_its_order(repository):
    """What the walk below runs, seen without running it."""
    commands = [line for one in page(repository) if one.kind == "console" for line, _ in one.commands()]
    words = [" ".join(line.split()[1:3]) for line in commands]
    order = ("partner invite", "partner key", "partner join", "agreement check", "agreement sign", "node run",
             "agreement activate", "agreement explain", "ledger verify", "agreement suspend", "agreement resume",
             "agreement recall", "partner leave")  # fmt: skip
    assert [words.index(one) for one in order] == sorted(words.index(one) for one in order)
    assert sum(one.kind.startswith("toml") for one in page(repository)) == 2


@pytest.mark.soak
def test_row_1_a_newcomer_walks_the_page_from_nothing_to_sharing_and_back(repository, walk):
    arvena, belora = (walk.folder / name / f"{name}.toml" for name in ("arvena", "belora"))
    with contextlib.ExitStack() as stack:
        for block in page(repository):
            if block.kind.startswith("toml"):
                write(walk, block)
                continue
            for command, below in block.commands():
                if " node run " in command:
                    walk.start(command)
                    continue
                walk.run(command, below, 90.0 if " ledger " in command else 0.0)
                if " activate " in command:
                    until(lambda: desk(belora), WARM_S)
                    names = [one["properties"].get("name") for one in desk(belora)]
                    assert not any(names), "told without names"
                if " leave " in command:
                    until(lambda: not desk(belora), 30.0)
                    assert desk(arvena), "what is Arvena's own stays on its own desk"
            if " node run " in block.text:
                stack.enter_context(ships(int(re.search(r"udp://127.0.0.1:(\d+)", arvena.read_text())[1])))
                until(lambda: desk(arvena), 90.0)
                assert not desk(belora), "nothing is agreed yet"
    assert walk.read, "the fingerprint was read"
    for place in walk.folder.glob("terminal*.txt"):
        assert "Traceback" not in place.read_text()
