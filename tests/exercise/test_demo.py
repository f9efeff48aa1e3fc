"""The demo: two nodes as two programs, which end together and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from manara.exercise import demo
from manara.host.problems import BadInput
from manara.study import scenario as scenarios

PATIENCE_S = 120.0  # a machine that builds its kernels anew


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def health(port: int) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except OSError:
        return None


def until(true: Callable[[], Any]) -> Any:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def running(folder: Path) -> list[str]:
    """Programs whose environment names this temporary folder."""
    found = []
    for one in Path("/proc").iterdir():
        try:
            if one.name.isdigit() and f"TMPDIR={folder}".encode() in (one / "environ").read_bytes().split(b"\0"):
                found.append((one / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [words for words in found if words]


class Shown:
    """A running demo. ``neighbour``: port of the other desk."""

    def __init__(self, quick: Path, folder: Path, *more: str) -> None:
        self.folder, self.port = folder, free_port()
        self.child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "manara",
                "demo",
                "--no-browser",
                f"--port={self.port}",
                f"--scenario={quick}",
                *more,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        assert self.child.stdout is not None
        own, other = self.child.stdout.readline(), self.child.stdout.readline()
        assert f":{self.port}/" in own
        found = re.search(r"picture of Belora, .* http://127\.0\.0\.1:(\d+)/", other)
        assert found, other
        self.neighbour = int(found[1])


@pytest.fixture
def shown(quick: Path, tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    begun: list[Shown] = []

    def start(*more: str) -> Shown:
        folder = tmp_path / "tmp"
        folder.mkdir()
        begun.append(Shown(quick, folder, *more))
        return begun[-1]

    yield start
    for one in begun:
        one.child.kill()
        one.child.communicate()


def test_row_01_each_partner_runs_a_node_of_its_own_and_both_end_together(shown: Any, tmp_path: Path) -> None:
    one = shown("--keep", str(tmp_path / "kept"))
    ours = until(lambda: (h := health(one.port)) and h["tracks"] > 5 and h)
    theirs = until(lambda: (h := health(one.neighbour)) and h["tracks"] > 5 and h)
    assert {feed["name"] for feed in ours["feeds"]} == {"ais-arvena", "beast-arvena", "radar-arvena", "coast-arvena"}
    assert {feed["name"] for feed in theirs["feeds"]} == {"ais-belora", "beast-belora", "radar-belora"}
    assert len(running(one.folder)) == 3  # the node, its neighbour, the transmitter
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == ["arvena", "belora"]

    one.child.send_signal(signal.SIGINT)
    assert one.child.wait(20) in (0, 130)
    until(lambda: not running(one.folder))
    assert list(one.folder.iterdir()) == []
    assert health(one.neighbour) is None
    assert (tmp_path / "kept" / "belora" / "belora.toml").exists()


def test_killed_outright_nothing_goes_on(shown: Any) -> None:
    one = shown()
    until(lambda: health(one.neighbour))
    (made,) = one.folder.iterdir()
    assert {path.name for path in made.iterdir()} == {"arvena", "belora"}
    one.child.kill()
    one.child.wait()
    until(lambda: not running(one.folder))


def test_a_folder_that_is_there_is_not_written_into(quick: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(BadInput, match="is there already"):
        asyncio.run(demo.prepare(demo.Wish(str(quick), keep=tmp_path / "mine")))
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_scenario_in_which_one_partner_hears_has_one_node(quick: Path, tmp_path: Path) -> None:
    text = quick.read_text("utf-8")
    alone = re.sub(r'(channel = "[^"]+"\npartner = )"\w+"', r'\1"Corvia"', text)
    path = tmp_path / "alone.toml"
    path.write_text(alone, "utf-8")
    with pytest.raises(BadInput, match="nothing is shared"):
        asyncio.run(demo.prepare(demo.Wish(str(path), keep=tmp_path / "kept")))

    async def one() -> demo.Demo:
        made = await demo.prepare(demo.Wish(str(path)))
        made.begun.end()
        made.staged.close()
        return made

    made = asyncio.run(one())
    assert made.neighbour is None
    assert made.begun.folder is None
    assert {feed.name for feed in made.running.config.feeds} >= {"ais", "beast", "radar-arvena"}
    assert made.running.title == "The Lantern Sea"


def test_the_two_who_share_are_the_first_that_have_a_sensor() -> None:
    sea = scenarios.load(scenarios.find("lantern"))
    assert demo.two(sea) == ("Arvena", "Belora")
    deaf = [r for r in sea.receiver if r.partner != "Arvena"]
    without = msgspec.structs.replace(sea, receiver=tuple(deaf), radar=())
    assert demo.two(without) == ("Belora", "Corvia")
    assert demo.two(msgspec.structs.replace(sea, receiver=(), radar=())) == ()
