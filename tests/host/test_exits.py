"""Ways out, on real sockets; and that there are no others."""

import asyncio
import re
import socket

import pytest

from manara.host import exits
from manara.host.problems import BadInput
from manara.records.config import ExitConfig


def test_the_table_in_the_docstring_is_the_table():
    assert tuple(re.findall(r"^\| ([a-z-]+) \| ", exits.__doc__, re.M)[1:]) == exits.EXITS


def test_udp_goes_out():
    async def main():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.bind(("127.0.0.1", 0))
            ear.settimeout(2)
            out = await exits.open_exit(
                ExitConfig(name="x", url=f"udp://127.0.0.1:{ear.getsockname()[1]}", format="cot")
            )
            out.send([b"one"])
            out.close()
            return ear.recv(100)

    assert asyncio.run(main()) == b"one"


def test_every_listener_hears_and_a_deaf_one_is_cut_off(monkeypatch):
    monkeypatch.setattr(exits, "PEER_BYTES", 100_000)

    async def main():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        out = await exits.open_exit(ExitConfig(name="x", url=f"tcp-listen://127.0.0.1:{port}", format="sbs"))
        reader, ear = await asyncio.open_connection("127.0.0.1", port)
        _, deaf = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        await asyncio.sleep(0.1)
        heard = 0
        for _ in range(400):
            out.send([b"x" * 50_000])
            heard += len(await reader.readexactly(50_000))
        assert len(out._peers) == 1
        out.close()
        ear.close()
        deaf.close()
        return heard

    assert asyncio.run(main()) == 400 * 50_000


def test_a_file_is_replaced_whole(tmp_path):
    out = asyncio.run(exits.open_exit(ExitConfig(name="x", url=str(tmp_path / "picture.geojson"), format="geojson")))
    out.send([b"first"])
    out.send([b"sec", b"ond"])
    assert (tmp_path / "picture.geojson").read_bytes() == b"second"
    assert [p.name for p in tmp_path.iterdir()] == ["picture.geojson"]


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:5", "serial:///dev/null", "-"])
def test_where_nothing_can_be_sent(url):
    with pytest.raises(BadInput):
        asyncio.run(exits.open_exit(ExitConfig(name="x", url=url, format="ais")))
