"""One sea, two listeners: the transmitter gives each partner channels of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from manara.feeds.decoder import Options
from manara.feeds.formats import table
from manara.study import scenario as scenarios
from manara.study.world import feeds


@pytest.fixture
def started(quick: Path) -> Iterator[Any]:
    children: list[subprocess.Popen[bytes]] = []

    def start(*args: str) -> tuple[subprocess.Popen[bytes], dict[str, int]]:
        child = subprocess.Popen(
            [sys.executable, "-m", "manara.exercise.transmitter", str(quick), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        children.append(child)
        assert child.stdout is not None
        return child, json.loads(child.stdout.readline())["ports"]

    yield start
    for child in children:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):  # of what was not sent
                pipe.close()


def udp() -> tuple[socket.socket, int]:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    one.settimeout(20)
    return one, one.getsockname()[1]


def test_each_partner_has_channels_of_its_own_and_something_to_hear(quick: Path, started: Any) -> None:
    parted = scenarios.apart(scenarios.load(quick))
    wanted = {feed.name: feed for partner in ("Arvena", "Belora") for feed in feeds(parted, partner)}
    heard: dict[str, bytes] = {}
    doors = {name: udp() for name, feed in wanted.items() if feed.format == "asterix"}
    said = [f"--udp={name}={port}" for name, (_, port) in doors.items()]
    child, ports = started("--partner=Arvena", "--partner=Belora", "--speed=30", *said)
    assert set(ports) | set(doors) == set(wanted)
    assert set(ports) == {"ais-arvena", "ais-belora", "beast-arvena", "beast-belora"}

    streams = {name: socket.create_connection(("127.0.0.1", port), 20) for name, port in ports.items()}
    child.stdin.write(b"go\n")
    child.stdin.flush()
    for name, stream in streams.items():
        while len(heard.get(name, b"")) < 400:
            heard[name] = heard.get(name, b"") + stream.recv(4096)
        stream.close()
    for name, (door, _) in doors.items():
        heard[name] = door.recv(65_536)
        door.close()
    for name, data in heard.items():
        decoder = table()[wanted[name].format].new(Options(editions=wanted[name].editions))
        batch = decoder.advance(data, 1_900_000_000_000_000_000, True)
        assert dict(batch.reject_counts) == {}, name
    assert b"arven1" in heard["ais-arvena"] or b"arven2" in heard["ais-arvena"]  # the station that heard it
    assert b"belor1" in heard["ais-belora"]
    assert b"belor1" not in heard["ais-arvena"]


def test_it_ends_when_whoever_started_it_is_gone(started: Any) -> None:
    child, ports = started("--partner=Belora", "--udp=radar-belora=9")
    assert set(ports) == {"ais-belora", "beast-belora"}
    child.stdin.close()
    assert child.wait(20) == 0
