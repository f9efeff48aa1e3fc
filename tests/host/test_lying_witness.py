"""A witness that says no: it stops a log by what that log itself has signed, and by nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.doubles.a_log import ORIGIN, publish, store
from tests.doubles.key_disk import KeyDisk
from tests.doubles.two_processes import free_port, sea
from tests.host.test_sharing import publish as tick
from tests.host.test_sharing import standings

from manara.exercise import partners
from manara.host.keys import FileSigner
from manara.host.log_names import log_name
from manara.host.log_store import LogStore, MustNotSign
from manara.host.sharing import Sharing
from manara.host.witness_desk import Answer, WitnessDesk
from manara.host.witnessing import Holds, Witnessing, poster
from manara.ledger import checkpoint, note
from manara.records.config import NodeConfig
from manara.records.inputs import Input, Published, Refused, Views, Witnessed

OTHER = FileSigner(Ed25519PrivateKey.generate())


def forged(log: LogStore, size: int) -> bytes:
    """A checkpoint of this log that somebody else has signed."""
    key = note.Key(ORIGIN, note.ED25519, OTHER.public())
    return checkpoint.signed(checkpoint.Checkpoint(log.origin, size, bytes(32)), key, OTHER.sign)


def truly(log: LogStore, size: int, origin: str = ORIGIN) -> bytes:
    """One that the log's own key has signed."""
    key = note.Key(origin, note.ED25519, log._signer.public())
    return checkpoint.signed(checkpoint.Checkpoint(origin, size, bytes([7]) * 32), key, log._signer.sign)


LIES: dict[str, tuple[int, bytes, Callable[[LogStore], bytes]]] = {
    "it has seen more": (409, b"1000000\n", lambda _: b""),
    "it has seen more, and a stranger signed that": (409, b"1000000\n", lambda log: forged(log, 1_000_000)),
    "it has seen more, of a log of another name": (409, b"9\n", lambda log: truly(log, 9, "manara/belora")),
    "it has seen more, and shows our own past": (409, b"1000000\n", lambda log: log.checkpoint()),
    "another root at this size": (409, b"1\n", lambda log: forged(log, 1)),
    "it has not only grown": (422, b"", lambda log: forged(log, 1)),
    "not a number": (409, b"\xff" * 9_000, lambda _: b"\xff" * 9_000),
    "a number of many digits": (409, b"9" * 5_000, lambda _: b""),
    "not our log": (404, b"", lambda log: forged(log, 3)),
    "a fault": (500, b"", lambda _: b"\n\n\n"),
}  # fmt: skip


@contextlib.asynccontextmanager
async def witness(answers: Callable[[bytes], tuple[int, bytes]]) -> AsyncIterator[str]:
    """A witness over real HTTP: its address."""

    async def add(request: web.Request) -> web.Response:
        status, body = answers(await request.read())
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_post("/add-checkpoint", add)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def until(true: Callable[[], object], patience_s: float = 10.0) -> None:
    ends = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        await asyncio.sleep(0.02)


def witnessed(told: list[Input]) -> int:
    return max((one.size for one in told if isinstance(one, Witnessed)), default=0)


def holds(data: bytes) -> Holds:
    async def ask() -> bytes:
        return data

    return ask


async def beside(log: LogStore, lie: tuple[int, bytes], shows: bytes, told: list[Input]) -> None:
    """A liar and an honest witness over HTTP look after a log that grows by three ticks."""
    honest = WitnessDesk(KeyDisk(), FileSigner(Ed25519PrivateKey.generate()), "lantern", {ORIGIN: [log.key]})
    liar = note.Key("liar", note.COSIGNATURE, OTHER.public())
    shown = Witnessing(log, told.append, time.time_ns)

    def true(body: bytes) -> tuple[int, bytes]:
        answer = honest.add_checkpoint(body, time.time_ns())
        return answer.status, answer.body

    async with witness(lambda _: lie) as false, witness(true) as other, aiohttp.ClientSession() as session:
        work = [
            asyncio.create_task(shown.show(liar, poster(false, session), holds(shows))),
            asyncio.create_task(shown.show(honest.key, poster(other, session))),
        ]
        try:
            for number in range(1, 4):
                await asyncio.to_thread(publish, log, number)
                shown.grown()
                await asyncio.sleep(0.05)
            await until(lambda: log.cosigned(1) and witnessed(told) == log.size)
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)


@pytest.mark.parametrize("name", LIES)
def test_a_no_without_our_own_signature_stops_nothing_and_the_liar_is_named_once(name):
    status, body, shows = LIES[name]
    log, told = store(KeyDisk()), list[Input]()
    publish(log, 0)
    asyncio.run(beside(log, (status, body), shows(log), told))
    assert log.size == 4
    assert publish(log, 4).leaf == 4, "the log goes on"
    assert note.parse(log.cosigned(1)).signatures[1].name == "lantern", "the quorum goes on without the liar"
    said = [one for one in told if isinstance(one, Refused)]
    assert {one.why for one in said} <= {"witness_unproven"}, said
    assert len(said) <= 1, "said once"
    assert all(one.partner == "liar" and len(one.detail) <= 300 for one in said)
    if status == 422 or (body[:1].isdigit() and len(body) < 20):
        assert said, "who says no and shows nothing is named"


def test_a_no_with_what_we_have_signed_stops_the_log_for_good():
    log, told = store(KeyDisk()), list[Input]()
    publish(log, 0)
    witness = Witnessing(log, told.append, time.time_ns)
    key = note.Key("lantern", note.COSIGNATURE, OTHER.public())
    assert witness.answered(key, 0, 1, log.checkpoint(), 409, b"9\n", truly(log, 9)) == 0
    with pytest.raises(MustNotSign, match="9 leaves"):
        publish(log, 1)
    assert [one.why for one in told] == ["log_behind"]
    other = WitnessDesk(KeyDisk(), FileSigner(Ed25519PrivateKey.generate()), "b", {ORIGIN: [log.key]})
    answer = other.add_checkpoint(witness.request(0, *witness.newest()), time.time_ns())
    witness.answered(other.key, 0, 1, log.checkpoint(), answer.status, answer.body)
    with pytest.raises(MustNotSign, match="9 leaves"):
        publish(log, 1)
    assert log.size == 1, "nobody's yes takes that back"


NAMES = ("Arvena", "Belora", "Corvia")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> partners.Made:
    return partners.make(tmp_path_factory.mktemp("kit"), sea(), NAMES, {one: free_port() for one in NAMES})


@contextlib.contextmanager
def three(kit: partners.Made, folder: Path):
    made = {}
    for name, member in kit.members.items():
        door = f"https://127.0.0.1:{member.link_port}"
        config = NodeConfig(name=name, partner=name, directory="directory.toml", keys="keys", link_listen=door)
        made[name] = Sharing(config, member.folder, folder / name, time.time_ns)
        made[name].take()
    try:
        yield made
    finally:
        for one in made.values():
            one.close()


async def live(nodes: dict[str, Sharing], meanwhile: Callable[[], None], true: Callable[[], object]) -> None:
    """All three over real TLS until it is so."""
    for one in nodes.values():
        one.shown(standings(*(f"{a}>{b}" for a in nodes for b in nodes if a != b)))
    work = [asyncio.create_task(one.run()) for one in nodes.values()]
    try:
        await asyncio.to_thread(meanwhile)
        await until(true, 20)
    finally:
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def test_a_partner_that_lies_as_our_witness_is_shown_and_the_third_is_quorum_enough(kit, tmp_path):
    with three(kit, tmp_path) as nodes:
        a, b = nodes["arvena"], nodes["belora"]
        b.witness.add_checkpoint = lambda body, now_ns: Answer(409, b"777777\n", "text/x.tlog.size")
        b.door.held = lambda partner: forged(a.log, 777_777)
        told: list[Input] = []

        def work() -> None:
            for number in range(3):
                assert a.perform((tick(number + 1, number),)), a.trouble
                told.extend(a.take())

        def so() -> bool:
            told.extend(a.take())
            return witnessed(told) == 3 and any(isinstance(one, Refused) for one in told)

        asyncio.run(live(nodes, work, so))
        assert {(one.partner, one.why) for one in told if isinstance(one, Refused)} == {("belora", "witness_unproven")}
        assert note.parse(a.log.cosigned(1)).signatures[1].name == "manara-witness/corvia"
        assert a.perform((tick(4, 3),))


def test_a_restored_node_is_stopped_by_what_its_witness_shows_over_the_link(kit, tmp_path):
    with three(kit, tmp_path) as nodes:
        a = nodes["arvena"]
        told: list[Input] = []
        assert a.perform((tick(1, 0),))
        shutil.copytree(tmp_path / "arvena", tmp_path / "backup", ignore=shutil.ignore_patterns(".*"))

        def work() -> None:
            for number in (1, 2):
                assert a.perform((tick(number + 1, number),))

        def so() -> bool:
            told.extend(a.take())
            return witnessed(told) == 3 and nodes["belora"].witness.remembered(log_name("arvena")).size == 3

        asyncio.run(live(nodes, work, so))
        assert [one.size for one in told if isinstance(one, Published)] == [1, 2, 3]
        a.close()
        shutil.rmtree(tmp_path / "arvena")
        shutil.move(tmp_path / "backup", tmp_path / "arvena")
        member = kit.members["arvena"]
        old = nodes["arvena"] = Sharing(a.config, member.folder, tmp_path / "arvena", time.time_ns)
        old.shown(Views())
        asyncio.run(live(nodes, lambda: None, lambda: any(isinstance(one, Refused) for one in old.take())))
        assert not old.perform((tick(2, 1),))
        assert "3 leaves" in old.trouble
        assert "restored" in old.trouble
        assert old.log.size == 1
