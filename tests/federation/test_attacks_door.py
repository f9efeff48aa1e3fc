"""A hostile partner at a real door, with its own valid certificate: what it may not have, it is not told of either."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import msgspec
import pytest
from tests.doubles.callers import caller
from tests.doubles.two_nodes import Sea

from manara.exercise import partners
from manara.host import keys, tls
from manara.host.sharing import Sharing
from manara.link import heads
from manara.records.config import NodeConfig
from manara.records.inputs import Views
from manara.records.released import Entry, Head
from manara.release import standing, statements
from manara.study.world import feeds

NOW = 1_790_000_000 * 1_000_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")
    names = ("Arvena", "Belora", "Corvia")
    return partners.make(folder, Sea().scenario, names, {name: 1 for name in names})


@contextlib.asynccontextmanager
async def door(made, agreed=("belora", "corvia"), **changes):
    """Arvena's node with its door open, and a way to ask at it as a partner; no step runs behind it."""
    member = made.members["arvena"]
    heard = {feed.name: "tcp://127.0.0.1:9" for feed in feeds(made.scenario, "Arvena")}
    config = partners.configure(made, "arvena", heard, NodeConfig())
    config = msgspec.structs.replace(config, link_listen="https://127.0.0.1:0", **changes)
    one = Sharing(config, member.folder, member.kept, lambda: NOW)
    agreements = {}
    for other in agreed:
        at = standing.Standing(
            agreement="ab" * 32, releaser="arvena", recipient=other, edition=1, phase="full", before="full",
            since_ns=NOW, not_before_ns=0, not_after_ns=1 << 62, last="cd" * 32, since=(), by=(),
        )  # fmt: skip
        agreements[f"arvena>{other}"] = at
    now = msgspec.structs.replace(standing.init(), agreements=agreements)
    one.shown(Views(standings=msgspec.json.encode(standing.dump(now))))
    for other in agreed:
        if f"arvena>{other}" in one.log.heads():
            continue  # an earlier test's
        head = Head(kind="heartbeat", stream=f"arvena>{other}", offset="0", time_ns=str(NOW))
        one.log.publish(NOW, len(one.log.heads()) + 1, (Entry(head.stream, 0, heads.encode(head)),))
    run = asyncio.get_running_loop().create_task(one.run())
    while one.door.server is None or one.door.server._server is None:
        await asyncio.sleep(0.01)
    port = one.door.server._server.sockets[0].getsockname()[1]
    try:
        yield one, port
    finally:
        run.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await run
        one.close()


async def ask(made, who: str, port: int, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """What this partner gets."""
    member = made.members[who]
    mine = keys.load_or_make(member.folder / "keys", who)
    known = made.directory.partner("arvena").tls_certificate
    context = tls.client_context(mine.tls_certificate, mine.tls_key, known, tls.Failures())
    assert isinstance(context, ssl.SSLContext)
    async with (
        caller(context) as session,
        session.request("GET" if body is None else "POST", f"https://127.0.0.1:{port}{path}", data=body) as got,
    ):
        return got.status, await got.read()


def test_who_is_on_never_to_hears_the_same_as_who_has_no_agreement(made):
    async def both():
        async with door(made, agreed=(), never_to=("belora",)) as (_, port):
            barred = await ask(made, "belora", port, "/v1/stream/arvena%3Ebelora?from=0")
            other = await ask(made, "corvia", port, "/v1/stream/arvena%3Ecorvia?from=0")
        return barred, other

    barred, other = asyncio.run(both())
    assert barred == other
    assert barred[0] == 403


def test_streams_of_others_odd_names_and_offsets_tell_nothing(made):
    streams = ["arvena%3Ecorvia", "arvena%3Enobody", "arvena", "corvia%3Ebelora", "..%2F..%2Fkeys", "arvena%3E..",
               "%00", "arvena%3Ebelora%20", "ARVENA%3Ebelora", "arvena%3Ecorvia%2Fbackfill"]  # fmt: skip

    async def all_of():
        async with door(made) as (_, port):
            odd = [await ask(made, "belora", port, f"/v1/stream/{name}?from=0") for name in streams]
            mine = await ask(made, "belora", port, "/v1/stream/arvena%3Ebelora?from=0")
            beyond = await ask(made, "belora", port, f"/v1/stream/arvena%3Ebelora?from={10**18 - 1}")
            own = "/v1/stream/arvena%3Ebelora?from="
            wrong = [await ask(made, "belora", port, own + odd) for odd in ("-1", "1e9", "%D9%A3", "9" * 30)]
        return odd, mine, beyond, wrong

    odd, mine, beyond, wrong = asyncio.run(all_of())
    assert set(odd) == {(404, b"not_your_stream\n")}, "a stream that is there and one that is not read the same"
    assert mine[0] == 200
    assert b"corvia" not in mine[1] + beyond[1]
    assert {status for status, _ in wrong} == {400}


def test_statements_that_no_step_takes_do_not_pile_up(made):
    """The disk is full, no step runs: a partner that hands in statement upon statement fills no memory."""
    own = keys.load_or_make(made.members["belora"].folder / "keys", "belora").agreement

    async def flood():
        async with door(made) as (one, _):
            held = []
            for k in range(1_000):
                text = statements.canonical(statements.HoldLift(name="x", nonce=f"{k:032x}", reason="r" * 900))
                signed = statements.signed(text, own.public(), own.sign, node="belora")
                held.append(await one.door.hear("belora", "statement", statements.envelope(text, [signed])))
            return len(one._waiting), held[0], held[-1]

    waiting, first, last = asyncio.run(flood())
    assert (first, last) == ("", "busy")
    assert waiting < 300
