"""Two machines, as far as the network goes: docs/how-to/sharing.md is walked with each partner in a network namespace
of its own and one cable between the two. The cable is pulled, and nothing is lost."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shlex
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_sharing_page import PAGE, WARM_S, Walk, ships, until
from tests.house.test_pages import BLOCK, Block

MACHINES = {"arvena": "10.213.7.1", "belora": "10.213.7.2"}
JOINED_WITHIN_S = 300.0
UNPLUGGED_S = 20.0
NEW_NETWORK = 0x40000000  # CLONE_NEWNET of setns(2)


def ip(*words: str) -> None:
    """Lay or pull a cable."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def inside(machine: str, act: Callable[[], Any]) -> Any:
    """Do something on a machine: in a thread of its own that has moved there."""
    answer: list[Any] = []

    def moved() -> None:
        place = os.open(f"/run/netns/{machine}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(place, NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns")
            answer.append(act())
        finally:
            os.close(place)

    thread = threading.Thread(target=moved)
    thread.start()
    thread.join()
    return answer[0] if answer else None


class Cabled(Walk):
    """The walk of the page, where every command runs on the machine of the partner whose file it names first."""

    def __init__(self, folder: Path, names: dict[str, str]) -> None:
        super().__init__(folder)
        self.names = names

    def machine(self, command: str) -> str:
        """Whose machine this is for."""
        named = re.search(r"(arvena|belora)/", command)
        assert named, command
        return self.names[named[1]]

    def _there(self, command: str) -> str:
        return f"ip netns exec {self.machine(command)} bash -c {shlex.quote(command)}"

    def start(self, command: str) -> None:
        super().start(f"ip netns exec {self.machine(command)} {command}")

    def run(self, command: str, below: list[str], patience_s: float = 0.0) -> None:
        super().run(self._there(command), below, patience_s)


@pytest.fixture
def cabled(tmp_path: Path) -> Iterator[Cabled]:
    names = {one: f"manara-{one}-{os.getpid()}" for one in MACHINES}
    ends = {one: f"{one[:3]}{os.getpid()}" for one in MACHINES}
    with contextlib.ExitStack() as stack:
        try:
            for name in names.values():
                ip("netns", "add", name)
                stack.callback(ip, "netns", "del", name)
        except (OSError, subprocess.CalledProcessError) as fault:
            pytest.skip(f"this machine makes no network namespaces: {fault}")
        ip("link", "add", ends["arvena"], "type", "veth", "peer", "name", ends["belora"])
        for one, name in names.items():
            ip("link", "set", ends[one], "netns", name, "name", "cable")
            ip("-n", name, "address", "add", f"{MACHINES[one]}/24", "dev", "cable")
            for device in ("lo", "cable"):
                ip("-n", name, "link", "set", device, "up")
        walk = Cabled(tmp_path, names)
        stack.callback(walk.close)
        yield walk


def page(repository: Path) -> list[Block]:
    """The page's blocks as far as the log is verified; only the addresses are others, as the page says."""
    text = (repository / PAGE).read_text("utf-8").partition("## 7.")[0]
    return [Block(PAGE, m[1].strip(), m[2]) for m in BLOCK.finditer(text)]


def write(walk: Cabled, block: Block) -> None:
    """The configuration of each, with the address by which the other calls it; or the agreement."""
    for name, address in MACHINES.items():
        folder = walk.folder / name
        folder.mkdir(exist_ok=True)
        if block.kind != "toml node":
            (folder / "arvena-belora.toml").write_text(block.text, "utf-8")
            continue
        text = block.text.replace("https://127.0.0.1:9443", "https://0.0.0.0:9443")
        text = text.replace("[[feeds]]", f'link_url = "https://{address}:9443"\n\n[[feeds]]')
        if name == "belora":
            text = text.replace("arvena", name).replace("coast ais", "coast").replace("9871", "9872")
            text = text.replace("9443", "9444").replace("9110", "9111")
        (folder / f"{name}.toml").write_text(text, "utf-8")


class Desk:
    """What one partner's desk says, asked on its machine."""

    def __init__(self, walk: Cabled, partner: str, port: int) -> None:
        self.machine, self.port = walk.names[partner], port

    def read(self, path: str) -> Any:
        """The answer; none while it does not answer."""

        def ask() -> Any:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/{path}", timeout=20) as got:
                    return json.load(got)
            except OSError:
                return None

        return inside(self.machine, ask)

    def tracks(self) -> list[Any]:
        """Features on its map."""
        return (self.read("tracks") or {"features": []})["features"]

    def partner(self) -> dict[str, Any]:
        """How it stands with the one partner."""
        (one,) = [one for one in self.read("partners")["partners"] if one["link"] != "none"]
        return one


def join(walk: Cabled, repository: Path, over: threading.Event) -> tuple[Desk, Desk]:
    """Walk the page until Arvena's ships stand on Belora's desk and each log is verified."""
    arvena, belora = Desk(walk, "arvena", 9871), Desk(walk, "belora", 9872)
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
                until(belora.tracks, WARM_S)
        if " node run " in block.text:
            sea = threading.Thread(target=inside, args=(arvena.machine, lambda: _transmit(over)))
            sea.start()
            until(arvena.tracks, 90.0)
            assert not belora.tracks(), "nothing is agreed yet"
    return arvena, belora


def _transmit(over: threading.Event) -> None:
    with ships(9110):
        over.wait()


@pytest.mark.journey
def test_two_machines_join_by_fingerprint_within_five_minutes_and_a_pulled_cable_loses_nothing(repository, cabled):
    began, over = time.monotonic(), threading.Event()
    try:
        arvena, belora = join(cabled, repository, over)
        assert cabled.read, "the fingerprint was read"
        assert time.monotonic() - began < JOINED_WITHIN_S
        before = belora.partner()["received_entries"]
        ip("-n", arvena.machine, "link", "set", "cable", "down")
        sent = arvena.partner()["sent_entries"]
        time.sleep(UNPLUGGED_S)
        until(lambda: belora.partner()["link"] != "live", 60.0)
        assert arvena.partner()["sent_entries"] > sent, "Arvena goes on telling; it waits in the stream"
        ip("-n", arvena.machine, "link", "set", "cable", "up")
        waiting = arvena.partner()["sent_entries"]
        until(lambda: belora.partner()["received_entries"] >= waiting, 90.0)
        until(lambda: arvena.partner()["receipted"] >= waiting, 90.0)
        assert before < waiting
        refused = {reason for reason in belora.partner()["refused"] if not reason.startswith("witness_")}
        assert not refused, "nothing came twice, out of order or changed; a witness's lost answer is asked for again"
        verify = "manara ledger verify {0}/{0}.node --directory {1}/directory.toml"
        cabled.run(verify.format("arvena", "belora"), ["verified"], 60.0)
        cabled.run(verify.format("belora", "arvena"), ["verified"], 60.0)
    finally:
        over.set()
    for place in cabled.folder.glob("terminal*.txt"):
        assert "Traceback" not in place.read_text()
