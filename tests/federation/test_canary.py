"""What an agreement withholds is in no exit toward the partner: a canary is planted and looked for in every byte.

Two canaries: a vessel that only a source hears of which the agreement does not speak, and one far off whose name and
identity are stripped.
"""

from __future__ import annotations

import asyncio
import json
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.callers import caller
from tests.doubles.two_kept import opened
from tests.doubles.two_processes import PAIR, Two, two

from manara.cli.main import main
from manara.feeds.ais import sentences
from manara.host import keys, tls
from manara.host.vault import HOUR_NS
from manara.ledger import entry
from manara.records.released import PRECISE, RowTable

STREAM = "arvena>belora"
HIDDEN = {"mmsi": 291_909_091, "shipname": "ZQHIDDENCANARY", "callsign": "ZQH77Q"}
STRIPPED = {"mmsi": 291_909_173, "shipname": "XKSTRIPPEDNAME", "callsign": "XKS55K"}
HIDDEN_AT = (-46.60, -114.20)  # in Belora's own waters: were its source open, it would go precisely
STRIPPED_AT = (-48.31, -117.93)  # far from them
PATHS = (
    "/v1/stream/arvena?from=0", "/v1/stream/arvena%3Ecorvia?from=0", "/v1/stream/arvena%3Ebelora%2Fbackfill?from=0",
    "/v1/stream/arvena%3Ebelora?from=999999", "/v1/stream/arvena%3Ebelora?from=-1", "/v1/stream/..%2F..%2Fetc?from=0",
    "/v1/stream/arvena%3Ebelora?from=0&size=99999999", "/checkpoint", "/tile/0/000", "/tile/entries/000",
    "/nothing", "/api/tracks", "/v1/statement",
)  # fmt: skip


def needles(one: dict, at: tuple[float, float]) -> list[bytes]:
    """How it could stand somewhere: name, callsign, number in text and in binary, position as it was said."""
    mmsi = one["mmsi"]
    lat, lon = np.radians(at)
    return [
        one["shipname"].encode(), one["callsign"].encode(), str(mmsi).encode(),
        struct.pack("<I", mmsi), struct.pack(">I", mmsi), struct.pack("<d", lat), struct.pack("<d", lon),
        f"{at[0]:.2f}".encode(),
    ]  # fmt: skip


class Planted:
    """The canaries, said again every half second until closed."""

    def __init__(self, made: Two) -> None:
        self._made, self._over = made, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            for feed, one, (lat, lon) in (("hidden", HIDDEN, HIDDEN_AT), ("ais-arvena", STRIPPED, STRIPPED_AT)):
                where = {"mmsi": one["mmsi"], "lat": lat, "lon": lon, "speed": 0.0, "course": 0.0, "second": 60}
                self._made.say(feed, sentences(1, where))
                self._made.say(feed, sentences(5, {**one, "ship_type": 70}))

    def close(self) -> None:
        self._over.set()
        self._thread.join()


async def refusals(made: Two) -> bytes:
    """Everything that Arvena's door answers to Belora's certificate when it asks for what is not its own."""
    mine = keys.load_or_make(made.made.members["belora"].folder / "keys", "belora")
    theirs = made.made.directory.partner("arvena").tls_certificate
    context = tls.client_context(mine.tls_certificate, mine.tls_key, theirs, tls.Failures())
    base, heard = f"https://127.0.0.1:{made.ports['arvena']}", b""
    async with caller(context) as session:
        for path in PATHS:
            for method in ("GET", "POST"):
                async with session.request(method, base + path, data=b"{" if method == "POST" else None) as got:
                    heard += f"{method} {path} {got.status} {got.headers}".encode() + await got.read()
    assert b" 404 " in heard
    assert b"not_your_stream" in heard
    return heard


def desk(made: Two) -> bytes:
    """Everything that Belora's desk tells."""
    heard = b""
    for path in ("/api/health", "/api/config", "/api/trails", "/", "/api/tracks"):
        heard += made.b.desk(path)
    for one in json.loads(made.b.desk("/api/tracks"))["features"]:
        heard += made.b.desk(f"/api/tracks/{one['id']}")
    for query in (HIDDEN["shipname"], STRIPPED["shipname"], str(HIDDEN["mmsi"])):
        assert json.loads(made.b.desk(f"/api/search?q={query}")) == {"found": []}
    return heard


def at_rest(folder: Path) -> bytes:
    """Every byte of every file of a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def delivered(made: Two) -> tuple[bytes, list[np.ndarray]]:
    """What Belora has of the stream, opened: heads and rows; and the precise ones of them."""
    whole, precise = b"", []
    with opened(made, "belora") as one:
        offset = 0
        while (found := one.received.delivery(STREAM, offset)) is not None:
            whole += found[0].head + found[2] + b"".join(block.rows for block in found[0].blocks)
            precise += [np.frombuffer(b.rows, PRECISE) for b in found[0].blocks if b.table == RowTable.PRECISE]
            offset += 1
    return whole, precise


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory):
    """Two nodes that shared for a while with the canaries planted, now ended; and what was heard meanwhile."""
    with two(tmp_path_factory.mktemp("canary")) as made:
        planted = Planted(made)
        made.start()
        made.activate()
        made.a.until(lambda now: {HIDDEN["shipname"], STRIPPED["shipname"]} <= set(now["names"]))
        made.b.until(lambda now: len(now["told"]) > 3)
        so_far = made.b.partner()["received_entries"]
        made.b.until_partner(lambda now: now["received_entries"] > so_far + 8)
        made.a.until_partner(lambda now: now["receipted"] > 0)
        heard = {"refusals": asyncio.run(refusals(made)), "desk": desk(made)}
        own = made.a.desk("/api/tracks")
        planted.close()
        assert [node.stop() for node in made.nodes.values()] == [0, 0]
        yield made, heard, own


@pytest.mark.parametrize(("one", "at"), [(HIDDEN, HIDDEN_AT), (STRIPPED, STRIPPED_AT)], ids=["hidden", "stripped"])
def test_row_08_and_05_no_exit_toward_a_partner_holds_a_byte_of_what_is_withheld(told, tmp_path, one, at):
    made, heard, own = told
    assert all(needle in own for needle in (one["shipname"].encode(), str(one["mmsi"]).encode())), "a canary that sang"
    assert main(["ledger", "export", str(made.made.members["arvena"].kept), "--out", str(tmp_path / "tiles")]) == 0
    member = made.made.members["belora"]
    rows, _ = delivered(made)
    exits = {
        **heard,
        "link, after TLS": (member.folder / "tap.bin").read_bytes(),
        "the partner's disk": at_rest(member.kept),
        "the partner's words": made.b.said.read_bytes() + made.b.status_path.read_bytes(),
        "rows and heads, opened": rows,
        "tiles and checkpoint for an auditor": at_rest(tmp_path / "tiles"),
    }
    assert all(len(some) > 500 for some in exits.values()), {name: len(some) for name, some in exits.items()}
    found = [(name, needle) for name, some in exits.items() for needle in needles(one, at) if needle in some]
    assert found == []


def test_row_08_no_row_stands_where_only_the_hidden_source_sees_something(told):
    made, _, _ = told
    _, precise = delivered(made)
    rows = np.concatenate(precise)
    assert len(rows) > 10
    lat, lon = np.radians(HIDDEN_AT)
    near = np.hypot(rows["lat_rad"] - lat, (rows["lon_rad"] - lon) * np.cos(lat)) * 6_371_000
    assert near.min() > 2_000.0


def test_row_22_the_log_at_rest_holds_no_released_row_and_after_erasing_nobody_can_open_one(told):
    made, _, _ = told
    rows, _ = delivered(made)
    names = ("arvena.node/log", "arvena.node/vault")
    log, table = (at_rest(made.made.members["arvena"].folder / name) for name in names)
    with opened(made, "arvena") as one:
        sent = one.log.read(STREAM, 0, 10_000, 1 << 40)
        plain = [
            block.rows[at : at + block.width]
            for d in sent
            for block in d.blocks
            for at in range(0, len(block.rows), block.width)
        ]
        assert len(plain) > 50
        assert all(row in rows for row in plain[:40]), "what was opened is what was sent"
        assert not any(row in some or row[8:24] in some for row in plain for some in (log, table) if any(row[8:24]))
        salts = [d.salts[at : at + 16] for d in sent for at in range(16, len(d.salts), 16)]
        assert not any(salt in log for salt in salts)

        hour = int(json.loads(sent[0].head)["time_ns"]) // HOUR_NS
        gone = one.log.erase("arvena", None, hour, hour + 2)
        assert gone.rows > 50
        after = one.log.read(STREAM, 0, 10_000, 1 << 40)
        assert all(all(d.erased) for d in after if d.blocks)
        for d in after:
            said = [(block.rows, block.width) for block in d.blocks]
            assert entry.check_entry(d.head, said, d.salts, d.erased, d.place, d.width, d.path, d.tick) == ""
    for name in names:
        assert not any(row in at_rest(made.made.members["arvena"].folder / name) for row in plain)
    member = made.made.members[PAIR[0]]
    assert main(["ledger", "verify", str(member.kept), "--directory", str(member.folder / "directory.toml")]) == 0
