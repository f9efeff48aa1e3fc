"""The two sides of a link as programs that can be killed at any moment.

    python -m tests.doubles.link_sides FOLDER

It takes commands on standard input: ``start releaser`` and ``start recipient`` fork that side, ``kill releaser`` ends
it with signal 9 and says how it ended (9: by us). The fork saves a second of imports for each start.

A releaser publishes into a real log until a file ``stop`` is there. A recipient keeps what it takes in a real journal,
and answers with signed receipts.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from manara.host import tls
from manara.host.disk import FolderDisk
from manara.host.keys import FileSigner
from manara.host.link_client import LinkClient, Pace, Peer, Unreachable
from manara.host.link_memory import FolderMemory
from manara.host.link_server import Admitted, Desks, LinkServer
from manara.host.log_store import LogStore
from manara.host.vault import Vault
from manara.ledger import note, receipt
from manara.link import heads, stage, wire
from manara.node.durable.frames import About
from manara.node.durable.recovery import Machine
from manara.node.durable.runner import Runner
from manara.records.inputs import Acknowledge, Input, Stepped, Views
from manara.records.released import Block, Entry, Head
from manara.release import statements

STREAM = "arvena>belora"
ABOUT = About("test", "", "", "")
ORIGIN = "arvena.example/log"
ARVENA = Ed25519PrivateKey.from_private_bytes(sha256(b"arvena").digest())
BELORA = Ed25519PrivateKey.from_private_bytes(sha256(b"belora").digest())
PUBLISH_S = 0.004


def put(path: Path, text: str) -> None:
    """Whole or not at all, for a process that may be killed."""
    beside = path.with_suffix(".new")
    beside.write_text(text, "ascii")
    os.replace(beside, path)


def number(path: Path) -> int:
    """The number in a file; 0 where there is none."""
    with suppress(FileNotFoundError):
        return int(path.read_text("ascii"))
    return 0


def open_log(folder: Path) -> LogStore:
    """The releaser's log, the real one."""
    disk = FolderDisk(folder / "log")
    return LogStore(disk, FileSigner(ARVENA), Vault(disk), ORIGIN, "arvena")


def publish(log: LogStore) -> None:
    """One tick more: some have nothing for Belora, some two entries."""
    k, ends, made = log.size, log.heads(), []
    for stream in ((STREAM,), (STREAM, STREAM), ("arvena>corvia", STREAM), ("arvena>corvia",))[k % 4]:
        place = ends[stream] = ends.get(stream, 0) + 1
        head = Head(kind="batch", stream=stream, offset=str(place - 1), time_ns=str(k), blocks=((0, 40, k % 3),))
        rows = Block(0, 40, bytes([k % 251]) * 40 * (k % 3), bytes(8) * (k % 3))
        made.append(Entry(stream, place - 1, heads.encode(head), (rows,)))
    log.publish(k, k + 1, made)


async def releaser(folder: Path) -> None:
    """Serve and publish."""
    log = open_log(folder)

    async def hear(_: str, __: str, envelope: bytes) -> str:
        read = receipt.read(envelope)
        if isinstance(read, str):
            return "not_a_receipt"
        with (folder / "receipts").open("ab") as file:  # one write: whole or not at all
            file.write(base64.b64encode(envelope) + b"\n")
        return ""

    admitted = Admitted("belora", frozenset({STREAM}))
    pin = (folder / "belora.crt").read_text("ascii")
    known = {tls.fingerprint_of_pem(pin): admitted}
    server = LinkServer(log, Desks(lambda one: known.get(one, "no_agreement"), hear), time.time_ns)
    context = tls.server_context(folder / "arvena.crt", folder / "arvena.key", [pin], server.handshakes)
    put(folder / "port", str(await server.open("127.0.0.1", number(folder / "port"), context)))
    while True:
        await asyncio.sleep(PUBLISH_S)
        if (folder / "stop").exists():
            put(folder / "whole", str(log.heads()[STREAM]))
        else:
            await asyncio.to_thread(publish, log)
            server.wake()


@dataclass
class State:
    """What the recipient has taken: offset and head of each entry."""

    link: stage.State = field(default_factory=lambda: stage.init("belora"))
    seen: list[list[object]] = field(default_factory=list)


def step(state: State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[State]:
    """The link alone."""
    out = stage.advance(state.link, inputs, now_ns)
    state.seen += [[one.offset, one.head.time_ns] for one in out.frames]
    effects = tuple(Acknowledge(now_ns + k, partner, text) for k, (partner, text) in enumerate(out.receipts))
    return Stepped(state, effects, Views(now_ns=now_ns))


MACHINE = Machine(
    init=State,
    step=step,
    dump=lambda state: {"link": stage.dump(state.link), "seen": state.seen},
    load=lambda plain: State(stage.load(plain["link"]), plain["seen"]),
)


class Door:
    """The runner as the client sees it."""

    def __init__(self, runner: Runner[State]) -> None:
        self.runner = runner

    def next_of(self, stream: str) -> int:
        return stage.next_offset(self.runner.state.link, stream)

    def offer(self, inputs: Sequence[Input]) -> bool:
        return not self.runner.offer(inputs)


class Memory(FolderMemory):
    """The journal of this side holds the rows itself."""

    def begun(self, partner: str, envelope: bytes) -> str:
        return "not here"

    def keep(self, partner: str, answer: wire.Answer, received_ns: int) -> None:
        pass


async def recipient(folder: Path) -> None:
    """Follow, journal, sign."""
    runner = Runner(FolderDisk(folder / "node"), MACHINE, ABOUT)
    assert runner.halted is None, runner.halted
    context = tls.client_context(
        folder / "belora.crt", folder / "belora.key", (folder / "arvena.crt").read_text("ascii"), tls.Failures()
    )
    url = f"https://127.0.0.1:{number(folder / 'port')}"
    peer = Peer(
        "arvena", url, note.Key(ORIGIN, note.ED25519, ARVENA.public_key().public_bytes_raw()), (STREAM,), context
    )
    pace = Pace(wait_s=1, first_s=0.05, most_s=0.3, refused_s=0.05, silence_s=0.5)
    memory = Memory(folder / "memory", time.time_ns)
    client = LinkClient(peer, Door(runner), memory, time.time_ns, lambda: 0.5, pace)
    following = asyncio.create_task(client.follow())
    loop, public = asyncio.get_running_loop(), BELORA.public_key().public_bytes_raw()
    while not following.done():
        result = await loop.run_in_executor(None, runner.turn, time.time_ns())
        assert result.halted is None, result.halted
        put(folder / "progress", str(len(runner.state.seen)))
        for effect in runner.waiting():
            if isinstance(effect, Acknowledge):
                signed = statements.signed(effect.statement, public, BELORA.sign, node="belora")
                with suppress(Unreachable):
                    if not await client.tell("receipt", statements.envelope(effect.statement, (signed,))):
                        runner.done([effect.effect_id])
        await asyncio.sleep(0.01)
    await following


def serve(folder: Path) -> None:
    """Fork and kill as told."""
    sides = {"releaser": releaser, "recipient": recipient}
    running: dict[str, int] = {}
    for line in sys.stdin:
        what, side = line.split()
        if what == "start":
            running[side] = os.fork()
            if not running[side]:
                os.close(0)
                try:
                    asyncio.run(sides[side](folder))
                finally:
                    traceback.print_exc()
                    os._exit(3)
            print(running[side], flush=True)
        else:
            pid = running.pop(side)
            os.kill(pid, signal.SIGKILL)
            print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
