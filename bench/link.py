"""The link between two partners on one machine, over mutual TLS: entries a second, checks, waking, and a flood.

    python bench/link.py [ENTRIES] [ENTRIES_PER_TICK]

The releaser is a program of its own; its log is in memory (the log's own speed is bench/ledger.py). Entries hold one
row of 1 KiB. ``pull``: fetched, decoded and bounded, not yet checked. ``check``: signature, growth of the log, path
of each entry, one core. ``wake``: from the publishing of a tick to its entry checked and handed in. ``flood``: the
99th percentile of another partner's pulls while one partner floods, divided by the same without the flood.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from manara.host import tls
from manara.host.link_checks import Asked, Checked, Remembered, check
from manara.host.link_quota import Quota
from manara.host.link_server import Admitted, Desks, LinkServer
from manara.ledger import checkpoint, entry, note, tree
from manara.link import heads, wire
from manara.records.released import Block, Delivery, Head

STREAM, OTHER = "arvena>belora", "arvena>corvia"
ROW = 1024
WIDE = Quota(requests_per_s=1e9, request_burst=1e9, bytes_per_s=1e12, byte_burst=1e12, at_once=64, connections=256)
SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
LOG = note.Key("arvena.example/log", note.ED25519, KEY.public_key().public_bytes_raw())
WAKES = 300


class Log:
    """LogReads in memory."""

    def __init__(self) -> None:
        self.streams: dict[str, list[Delivery]] = {STREAM: [], OTHER: []}
        self.leaves: list[bytes] = []
        self.edge = tree.Range()
        self.note = b""
        self.getter: tree.Hashes | None = None

    def publish(self, many: int) -> None:
        """One tick of so many entries of one stream, and one of the other."""
        time_ns, leaf = time.time_ns(), len(self.leaves)
        made = [self._entry(STREAM, k, time_ns) for k in range(many)] + [self._entry(OTHER, 0, time_ns)]
        roots = [entry.entry_root(head, [(b.rows, b.width)], salts) for _, head, b, salts in made]
        dummies = [secrets.token_bytes(32) for _ in range(entry.dummies_needed(len(roots)))]
        root, paths = entry.tick_tree(roots, dummies)
        tick, width = entry.tick_bytes(time_ns, root), len(roots) + len(dummies)
        for place, (offset, head, block, salts) in enumerate(made):
            name = STREAM if place < many else OTHER
            self.streams[name].append(Delivery(offset, head, (block,), salts, place, width, paths[place], tick, leaf))
        self.leaves.append(tree.leaf_hash(tick))
        self.edge.append(self.leaves[-1])
        self.getter = None

    def _entry(self, stream: str, k: int, time_ns: int) -> tuple[int, bytes, Block, bytes]:
        offset = len(self.streams[stream]) + k
        head = Head(kind="batch", stream=stream, offset=str(offset), time_ns=str(time_ns), blocks=((99, ROW, 1),))
        return offset, heads.encode(head), Block(99, ROW, secrets.token_bytes(ROW)), secrets.token_bytes(32)

    def seal(self) -> None:
        """Sign, and get ready to prove."""
        body = checkpoint.Checkpoint(LOG.name, self.edge.size, self.edge.root())
        self.note, self.getter = checkpoint.signed(body, LOG, KEY.sign), tree.from_leaves(self.leaves)

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        """Entries from an offset on."""
        return self.streams[stream][first : first + min(max_entries, max(max_bytes // ROW, 1))]

    def heads(self) -> dict[str, int]:
        """Where each stream ends."""
        return {name: len(some) for name, some in self.streams.items()}

    def checkpoint(self) -> bytes:
        """The signed note."""
        return self.note

    def inclusion(self, leaf: int, size: int) -> list[bytes]:
        """The path of a leaf."""
        return tree.inclusion_path(self.getter, leaf, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The path between two sizes."""
        return tree.consistency_path(self.getter, old, new)


def certificate(folder: Path, name: str) -> None:
    """A self-signed certificate."""
    key = generate_private_key(SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(9))
    (folder / f"{name}.crt").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(pem)


async def serve(folder: Path, entries: int, per_tick: int) -> None:
    """The releaser. It publishes one more tick for each line on standard input."""
    log = Log()
    for _ in range(entries // per_tick):
        log.publish(per_tick)
    log.seal()
    pems = {name: (folder / f"{name}.crt").read_text() for name in ("belora", "corvia", "delmara")}
    streams = {"belora": STREAM, "corvia": OTHER, "delmara": OTHER}
    quotas = {"belora": WIDE, "corvia": WIDE, "delmara": Quota()}
    known = {
        tls.fingerprint_of_pem(pem): Admitted(name, frozenset({streams[name]}), quota=quotas[name])
        for name, pem in pems.items()
    }

    async def hear(_: str, __: str, ___: bytes) -> str:
        return ""

    server = LinkServer(log, Desks(lambda one: known.get(one, "stranger"), hear), time.time_ns)
    context = tls.server_context(folder / "arvena.crt", folder / "arvena.key", pems.values(), server.handshakes)
    print(await server.open("127.0.0.1", 0, context), flush=True)
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()
    loop.add_reader(0, lambda: lines.put_nowait(os.read(0, 100).decode()))
    while await lines.get():
        log.publish(1)
        log.seal()
        print(time.perf_counter_ns(), flush=True)
        server.wake()
    await server.close()


class Caller:
    """One partner's connection."""

    def __init__(self, folder: Path, name: str, port: int) -> None:
        pem = (folder / "arvena.crt").read_text()
        context = tls.client_context(folder / f"{name}.crt", folder / f"{name}.key", pem, tls.Failures())
        self.url = f"https://127.0.0.1:{port}/v1/stream/"
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), auto_decompress=False)

    async def pull(self, stream: str, first: int, size: int = 0, wait: int = 0) -> bytes:
        """One answer."""
        async with self.session.get(f"{self.url}{stream}?from={first}&size={size}&wait={wait}") as got:
            return await got.read() if got.status == 200 else b""


def asked(first: int) -> Asked:
    """What the checks want to know."""
    return Asked("arvena", LOG, STREAM, first)


async def pulls(caller: Caller, entries: int) -> tuple[float, list[bytes]]:
    """Everything there is: seconds, and the answers."""
    first, answers, began = 0, [], time.perf_counter()
    while first < entries:
        answers.append(await caller.pull(STREAM, first))
        read = wire.parse(answers[-1])
        assert isinstance(read, wire.Answer), read
        first += len(read.deliveries)
    return time.perf_counter() - began, answers


def checks(answers: list[bytes]) -> float:
    """Seconds to check them."""
    first, last, took = 0, Remembered(), 0.0
    for data in answers:
        read = wire.parse(data)
        began = time.perf_counter()
        found = check(read, asked(first), last, 0)
        took += time.perf_counter() - began
        assert isinstance(found, Checked), found
        first, last = first + len(found.arrived), found.remembered
    return took


async def wakes(caller: Caller, program: subprocess.Popen[str], entries: int) -> list[float]:
    """Milliseconds from publishing to a checked entry, while a long-poll waits."""
    took, loop = [], asyncio.get_running_loop()
    last = Remembered()
    for k in range(WAKES):
        waiting = asyncio.create_task(caller.pull(STREAM, entries + k, last.size, 25))
        await asyncio.sleep(0.01)
        print(k, file=program.stdin, flush=True)
        said = await loop.run_in_executor(None, program.stdout.readline)
        found = check(wire.parse(await waiting), asked(entries + k), last, 0)
        assert isinstance(found, Checked), found
        took.append((time.perf_counter_ns() - int(said)) / 1e6)
        last = found.remembered
    return took


async def latencies(caller: Caller, seconds: float, newest: int) -> list[float]:
    """Milliseconds of a modest partner's pulls of one entry."""
    took, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        assert await caller.pull(OTHER, newest)
        took.append((time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0.01)
    return took


async def flood(caller: Caller) -> None:
    """As many requests at once as a program can keep going."""

    async def one() -> None:
        while True:
            try:
                await caller.pull(OTHER, 0)
            except aiohttp.ClientError:
                await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(64)))


async def measure(folder: Path, program: subprocess.Popen[str], port: int, entries: int, per_tick: int) -> None:
    """All figures."""
    belora, corvia, delmara = (Caller(folder, name, port) for name in ("belora", "corvia", "delmara"))
    pulled_s, answers = await pulls(belora, entries)
    row = {"per_tick": per_tick, "entries": entries, "pull_per_s": round(entries / pulled_s)}
    row["pull_mib_per_s"] = round(sum(map(len, answers)) / pulled_s / 2**20, 1)
    row["check_per_s"] = round(entries / checks(answers))
    took = await wakes(belora, program, entries)
    row |= {"wake_p50_ms": round(float(np.median(took)), 2), "wake_p99_ms": round(float(np.percentile(took, 99)), 2)}
    calm = await latencies(corvia, 4, entries // per_tick + WAKES - 1)
    flooding = subprocess.Popen([sys.executable, __file__, "flood", str(folder), str(port)])
    await asyncio.sleep(1.5)
    stormy = await latencies(corvia, 6, entries // per_tick + WAKES - 1)
    flooding.kill()
    flooding.wait()
    p99 = [float(np.percentile(some, 99)) for some in (calm, stormy)]
    row |= {"calm_p99_ms": round(p99[0], 2), "flood_p99_ms": round(p99[1], 2), "flood_ratio": round(p99[1] / p99[0], 2)}
    for caller in (belora, corvia, delmara):
        await caller.session.close()
    print(json.dumps(row), flush=True)


def main() -> None:
    """Measure and print, or play a part."""
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
        return
    if sys.argv[1:2] == ["flood"]:
        os.nice(15)  # it stands for another machine: it takes our attention, not our processor

        async def play() -> None:
            await flood(Caller(Path(sys.argv[2]), "delmara", int(sys.argv[3])))

        asyncio.run(play())
        return
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 64_000
    per_tick = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for partner in ("arvena", "belora", "corvia", "delmara"):
            certificate(folder, partner)
        command = [sys.executable, __file__, "serve", name, str(entries), str(per_tick)]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            asyncio.run(measure(folder, program, int(program.stdout.readline()), entries, per_tick))
        finally:
            program.kill()
            program.wait()


if __name__ == "__main__":
    main()
