"""The demo: nodes as programs of their own, which end together and leave nothing behind."""

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
    """A running demo. ``neighbours``: ports of the other desks by partner, in the order in which they opened."""

    def __init__(self, scenario: Path, folder: Path, others: int, *more: str) -> None:
        self.folder, self.port = folder, free_port()
        self.child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "manara",
                "demo",
                "--no-browser",
                f"--port={self.port}",
                f"--scenario={scenario}",
                *more,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        assert self.child.stdout is not None
        assert f":{self.port}/" in self.child.stdout.readline()
        said = [self.child.stdout.readline() for _ in range(others)]
        found = [re.search(r"picture of (\w+) is at http://127\.0\.0\.1:(\d+)/", one) for one in said]
        assert all(found), said
        self.neighbours = {one[1]: int(one[2]) for one in found if one}


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    begun: list[Shown] = []

    def start(scenario: Path, others: int, *more: str) -> Shown:
        folder = tmp_path / "tmp"
        folder.mkdir()
        begun.append(Shown(scenario, folder, others, *more))
        return begun[-1]

    yield start
    for one in begun:
        one.child.kill()
        one.child.communicate()


FOUR = ("Arvena", "Belora", "Corvia", "Delmara")
HEARD = {  # by whom, on what
    "Arvena": {"ais-arvena", "beast-arvena", "radar-arvena", "coast-arvena"},
    "Belora": {"ais-belora", "beast-belora", "radar-belora"},
    "Corvia": {"ais-corvia", "beast-corvia", "radar-corvia"},
    "Delmara": {"ais-delmara", "beast-delmara", "radar-delmara", "coast-delmara"},
}


def test_row_01_each_partner_runs_a_node_of_its_own_and_all_end_together(
    shown: Any, quick: Path, tmp_path: Path
) -> None:
    one = shown(quick, 3, "--keep", str(tmp_path / "kept"))
    assert tuple(one.neighbours) == FOUR[1:]
    for name, port in {"Arvena": one.port, **one.neighbours}.items():
        found = until(lambda port=port: (h := health(port)) and h["tracks"] > 5 and h)
        assert {feed["name"] for feed in found["feeds"]} == HEARD[name]
    assert len(running(one.folder)) == 5  # the nodes and the transmitter
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [name.lower() for name in FOUR]

    one.child.send_signal(signal.SIGINT)
    assert one.child.wait(20) in (0, 130)
    until(lambda: not running(one.folder))
    assert list(one.folder.iterdir()) == []
    assert not any(map(health, one.neighbours.values()))
    assert (tmp_path / "kept" / "belora" / "belora.toml").exists()


def test_killed_outright_nothing_goes_on(shown: Any, pair: Path) -> None:
    one = shown(pair, 1)
    until(lambda: health(one.neighbours["Belora"]))
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
    with pytest.raises(BadInput, match="no two of its partners"):
        asyncio.run(demo.prepare(demo.Wish(str(path), keep=tmp_path / "kept")))

    async def one() -> demo.Demo:
        made = await demo.prepare(demo.Wish(str(path)))
        made.begun.end()
        made.staged.close()
        return made

    made = asyncio.run(one())
    assert made.neighbours == ()
    assert made.begun.folder is None
    assert {feed.name for feed in made.running.config.feeds} >= {"ais", "beast", "radar-arvena"}
    assert made.running.title == "The Lantern Sea"


def test_who_has_no_sensor_or_nobody_to_share_with_gets_no_node() -> None:
    sea = scenarios.load(scenarios.find("lantern"))
    assert scenarios.sharing(sea) == FOUR
    deaf = [r for r in sea.receiver if r.partner != "Corvia"]
    without = msgspec.structs.replace(sea, receiver=tuple(deaf), radar=())
    assert scenarios.sharing(without) == ("Arvena", "Belora")  # Delmara shares with Corvia alone
    assert scenarios.sharing(msgspec.structs.replace(sea, receiver=(), radar=())) == ()
    assert scenarios.sharing(msgspec.structs.replace(sea, relation=())) == FOUR
