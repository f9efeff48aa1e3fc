"""A decoder that we did not write: our Beast into dump1090-mutability, its SBS into ours, over the loopback."""

from __future__ import annotations

import math
import socket
import subprocess
import time

import numpy as np
import pytest

from manara.feeds.adsb import encode
from manara.records.identity import Space, pack

CRAFT = 12


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def connect(port: int) -> socket.socket:
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody listens on {port}")


@pytest.fixture
def dump1090(tool):
    """The program with sockets to its Beast input and its SBS output."""
    beast_in, sbs_out, *others = free_ports(5)
    ports = ("--net-bi-port", str(beast_in), "--net-sbs-port", str(sbs_out))
    off = ("--net-ri-port", str(others[0]), "--net-ro-port", str(others[1]), "--net-bo-port", str(others[2]))
    command = [tool("dump1090-mutability"), "--net-only", "--net-bind-address", "127.0.0.1", *ports, *off]
    program = subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(beast_in) as give, connect(sbs_out) as take:
            yield give, take
    finally:
        program.terminate()
        program.wait(10)


def read_until_quiet(take: socket.socket) -> bytes:
    take.settimeout(3.0)
    out = b""
    while True:
        try:
            piece = take.recv(65_536)
        except TimeoutError:
            return out
        if not piece:
            return out
        out += piece


def sent() -> list[tuple[int, float, float, list[bytes]]]:
    """Of each craft: number, place, frames."""
    out = []
    for k in range(CRAFT):
        lat, lon = 9.0 + k * 0.15, 19.0 + k * 0.17
        icao = 0xD00010 + k
        fr = [encode.all_call_frame(icao), encode.identification_frame(icao, f"DEMO{k}", "A3")]
        fr += [encode.velocity_frame(icao, 200.0 - 30 * k, 150.0, 64.0 * k)]
        fr += [encode.position_frame(icao, lat, lon, 10000.0 + 25.0 * k, odd) for odd in (False, True) * 3]
        fr += [encode.surveillance_frame(icao, squawk=f"{1000 + k:04d}" if k < 8 else "7700")]
        out.append((icao, lat, lon, fr))
    return out


def test_another_decoder_reads_from_our_frames_what_we_put_in_and_we_read_what_it_writes(dump1090, decode):
    give, take = dump1090
    craft = sent()
    wire, ticks = b"", 12_000_000
    for turn in range(10):  # one frame of each craft at a time, as on the air
        for _, _, _, frames in craft:
            wire += encode.beast(frames[turn], ticks, 200)
            ticks += 60_000
    give.sendall(wire)
    text = read_until_quiet(take)
    assert text.count(b"MSG,3,") == CRAFT * 6  # the first of six has no place yet
    batch = decode("sbs", text)
    assert batch.reject_counts == {}
    assert batch.counts["sbs 3"] == CRAFT * 6
    names = {p.identity: p.callsign for p in batch.particulars if p.callsign}
    codes = {p.identity: p.squawk for p in batch.particulars if p.squawk}
    ours = decode("beast", wire).reports
    for k, (icao, lat, lon, _) in enumerate(craft):
        identity = pack(Space.ICAO24, icao)
        mine = batch.reports.identity == identity
        assert np.allclose(np.degrees(batch.reports.lat_rad[mine]), lat, atol=3e-5)
        assert np.allclose(np.degrees(batch.reports.lon_rad[mine]), lon, atol=4e-5)
        assert np.allclose(batch.reports.alt_m[mine], (10000.0 + 25.0 * k) * 0.3048)
        speed = math.hypot(200.0 - 30 * k, 150.0)
        assert np.allclose(batch.reports.speed_mps[mine] * 3600 / 1852, speed, atol=1.0)
        assert names[identity] == f"DEMO{k}"
        assert codes[identity] == (f"{1000 + k:04d}" if k < 8 else "7700")
        again = ours.identity == identity
        assert np.count_nonzero(again) == np.count_nonzero(mine) == 5
        assert np.allclose(ours.lat_rad[again], batch.reports.lat_rad[mine], atol=2e-7)
        assert np.allclose(ours.lon_rad[again], batch.reports.lon_rad[mine], atol=2e-7)
