"""The door for partners: who comes in, what he may ask, and what the others notice of one who floods."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from dataclasses import replace

import aiohttp
import pytest
from tests.doubles.callers import caller
from tests.doubles.certificates import certificate
from tests.doubles.link_pair import STREAM, Pair, ended, until

from manara.host import link_server, tls
from manara.host.link_quota import Bucket, Quota
from manara.host.problems import BadInput
from manara.link import wire

PULL = f"/v1/stream/{STREAM}"


def run(folder, play, **opened) -> Pair:
    """One scene with an open door."""
    pair = Pair(folder)

    async def scene() -> None:
        server = await pair.open(**opened)
        try:
            await play(pair, server)
        finally:
            await server.close()

    asyncio.run(scene())
    return pair


async def get(session: aiohttp.ClientSession, path: str, **about) -> tuple[int, bytes]:
    async with session.get(path, **about) as got:
        return got.status, await got.read()


async def fails(pair: Pair, context: ssl.SSLContext) -> BaseException:
    """The error of a call with this context."""
    async with caller(context, f"https://127.0.0.1:{pair.port}") as session:
        with pytest.raises((aiohttp.ClientError, ssl.SSLError, ConnectionError)) as caught:
            await get(session, "/checkpoint")
        return caught.value


def test_a_partner_gets_its_own_stream_and_no_other(tmp_path):
    async def play(pair, server):
        pair.log.publish(STREAM, "arvena>corvia", "arvena", rows=2)
        async with pair.session() as session:
            status, body = await get(session, PULL)
            answer = wire.parse(body)
            assert (status, answer.next, len(answer.deliveries)) == (200, 1, 1)
            assert answer.deliveries[0].blocks[0].subjects == b""
            assert (await get(session, "/v1/stream/arvena"))[0] == 200
            for name in ("arvena>corvia", "belora", "..", "arvena>belora/backfill"):
                assert (await get(session, f"/v1/stream/{name}"))[0] == 404, name
            for query in ("?from=-1", "?from=x", "?size=1e9", "?from=٣", f"?from={10**30}"):
                assert (await get(session, PULL + query))[0] == 400, query
            assert (await get(session, PULL + "?size=99"))[1] == b"size_beyond_log\n"
            assert (await get(session, "/checkpoint"))[1] == pair.log.checkpoint()
            assert (await get(session, "/elsewhere"))[0] == 404

    run(tmp_path, play)


def test_only_pinned_certificates_come_in_and_each_failure_is_counted(tmp_path):
    wrong = certificate(tmp_path, "mallory")
    old = certificate(tmp_path, "late", (-30, -1))
    soon = certificate(tmp_path, "early", (2, 30))

    async def play(pair, server):
        for late in (old, soon):
            tls.trust(pair.door, late[0].read_text())
        arvena = pair.pem("arvena")
        for files in (wrong, old, soon):
            await fails(pair, tls.client_context(*files, arvena, pair.failures))
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE
        await fails(pair, nobody)
        older = tls.client_context(*pair.files["belora"], arvena, pair.failures)
        older.minimum_version, older.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2
        await fails(pair, older)
        reader, writer = await asyncio.open_connection("127.0.0.1", pair.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.read()
        writer.close()
        await until(lambda: sum(server.handshakes.counts.values()) >= 6)
        assert set(server.handshakes.counts) == {  # a client may try twice
            "certificate_unknown",
            "certificate_expired",
            "certificate_not_yet_valid",
            "no_certificate",
            "protocol",
            "not_tls",
        }
        assert pair.door.num_tickets == 0
        assert server.sessions() == {}

    run(tmp_path, play)


def test_a_client_insists_on_the_partner_it_calls(tmp_path):
    """Corvia's certificate at Arvena's address: refused before a byte is sent."""

    async def play(pair, server):
        context = tls.client_context(*pair.files["belora"], pair.pem("arvena"), pair.failures)
        tls.trust(context, pair.pem("corvia"))
        pair.files["arvena"] = pair.files["corvia"]
        second = Pair.__new__(Pair)
        second.__dict__.update(pair.__dict__)
        other = await second.open()
        try:
            fault = await fails(second, context)
            assert "another partner" in str(fault) or isinstance(fault, aiohttp.ClientError)
            assert pair.failures.counts == {"wrong_peer": 1}
        finally:
            await other.close()

    run(tmp_path, play)


def test_a_partner_without_an_agreement_is_refused_at_each_request_and_cut_off_at_once(tmp_path):
    async def play(pair, server):
        pair.log.publish(STREAM)
        async with pair.session() as session:
            assert (await get(session, PULL))[0] == 200
            waiting = asyncio.create_task(get(session, PULL + "?from=1&wait=30"))
            await until(lambda: server.sessions() == {"belora": 1})
            await asyncio.sleep(0.05)
            who = pair.admitted.pop(pair.fingerprint("belora"))
            server.review()
            began = time.monotonic()
            with contextlib.suppress(aiohttp.ClientError):
                assert (await waiting)[0] == 403  # the cut was met with a second try
            assert time.monotonic() - began < 5
            assert await get(session, PULL) == (403, b"no_agreement\n")
            pair.admitted[pair.fingerprint("belora")] = who
            assert (await get(session, PULL))[0] == 200

    run(tmp_path, play)


def test_a_suspension_while_a_pull_waits_answers_it_with_nothing(tmp_path):
    async def play(pair, server):
        async with pair.session() as session:
            waiting = asyncio.create_task(get(session, PULL + "?wait=30"))
            await until(lambda: server.sessions() == {"belora": 1})
            await asyncio.sleep(0.05)
            del pair.admitted[pair.fingerprint("belora")]
            pair.log.publish(STREAM)
            server.wake()
            assert await waiting == (403, b"no_agreement\n")

    run(tmp_path, play)


def test_a_long_poll_wakes_when_there_is_something(tmp_path):
    async def play(pair, server):
        async with pair.session() as session:
            waiting = asyncio.create_task(get(session, PULL + "?wait=30"))
            await until(lambda: server.sessions() == {"belora": 1})
            await asyncio.sleep(0.05)
            assert not waiting.done()
            pair.log.publish("arvena>corvia")  # another's news answers nobody else
            server.wake()
            await asyncio.sleep(0.05)
            assert not waiting.done()
            pair.log.publish(STREAM)
            server.wake()
            assert len(wire.parse((await waiting)[1]).deliveries) == 1
            assert wire.parse((await get(session, PULL + "?from=1&wait=0"))[1]).deliveries == ()

    run(tmp_path, play)


def test_row_21_receipts_and_statements_are_handed_in_and_a_bad_one_is_told(tmp_path):
    async def play(pair, server):
        client = pair.client()
        assert await client.tell("receipt", b"{}") == ""
        assert await client.tell("statement", b"{}") == ""
        assert await client.tell("statement", b"bad") == "not_a_statement"
        assert [(who, kind) for who, kind, _ in pair.heard] == [("belora", k) for k in ("receipt", *["statement"] * 2)]
        assert (await client.post("/witness/add-checkpoint", b""))[0] == 404
        await client.close()

    run(tmp_path, play)


def test_a_partner_asks_us_to_cosign_and_an_auditor_reads_tiles(tmp_path):
    tiles = {"tile/0/000": b"hashes", "tile/entries/000.p/3": b"ticks"}

    async def cosign(partner, body):
        return (409, b"7\n") if body == b"old 3\n" else (200, partner.encode())

    async def play(pair, server):
        server._desks = replace(server._desks, cosign=cosign, tile=tiles.get)
        async with pair.session() as session:
            for path, content in tiles.items():
                assert await get(session, f"/{path}") == (200, content)
            for path in ("tile/0/001", "tile/../secret", "tile/%2e%2e/secret"):
                assert (await get(session, f"/{path}"))[0] == 404
            async with session.post("/witness/add-checkpoint", data=b"old 3\n") as got:
                assert (got.status, got.content_type, await got.read()) == (409, "text/x.tlog.size", b"7\n")
            async with session.post("/witness/add-checkpoint", data=b"old 7\n") as got:
                assert (got.status, await got.read()) == (200, b"belora")
            long = {"data": bytes(link_server.WITNESS_BYTES + 1)}
            async with session.post("/witness/add-checkpoint", **long) as got:
                assert got.status == 413

    run(tmp_path, play)


def test_bodies_are_bounded_and_nothing_is_unpacked(tmp_path):
    async def play(pair, server):
        async with pair.session() as session:
            for about in (
                {"data": b"x" * (link_server.ENVELOPE_BYTES + 1)},
                {"data": _pieces(b"x" * 10_000, 20)},
            ):
                async with session.post("/v1/receipt", **about) as got:
                    assert (got.status, got.headers.get("Connection")) == (413, "close")
            bomb = {"Content-Encoding": "gzip"}
            async with session.post("/v1/receipt", data=b"\x1f\x8b" + bytes(50), headers=bomb) as got:
                assert got.status == 415
            async with session.get("/checkpoint", headers={"Accept-Encoding": "gzip, br"}) as got:
                assert "Content-Encoding" not in got.headers
        assert pair.heard == []
        assert server.counts["belora"]["encoded"] == 1

    run(tmp_path, play)


async def _pieces(piece: bytes, many: int):
    for _ in range(many):
        yield piece


def test_who_dawdles_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(link_server, "FIRST_S", 0.3)
    monkeypatch.setattr(link_server, "SWEEP_S", 0.1)
    monkeypatch.setattr(link_server, "BODY_S", 0.3)

    async def play(pair, server):
        reader, writer = await asyncio.open_connection("127.0.0.1", pair.port, ssl=pair.context())
        writer.write(b"GET /checkpoint HTTP/1.1\r\nX-Slow: ")
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while await asyncio.wait_for(reader.read(100), 5):
                pass
        assert time.monotonic() - began < 4
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", pair.port, ssl=pair.context())
        writer.write(b"POST /v1/receipt HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 408")
        writer.close()
        assert server.counts[""]["dawdles"] == 1
        assert server.counts["belora"]["slow_body"] == 1

    run(tmp_path, play)


def test_who_does_not_take_his_answer_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(link_server, "WRITE_S", 0.3)

    async def play(pair, server):
        for _ in range(8):
            pair.log.publish(STREAM, rows=30_000)
        call = socket.create_connection(("127.0.0.1", pair.port))
        wrapped = await asyncio.to_thread(pair.context().wrap_socket, call)
        await asyncio.to_thread(wrapped.sendall, f"GET {PULL} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        try:
            await until(lambda: server.counts.get("belora", {}).get("slow_reader"), 10)  # and reads nothing
        finally:
            wrapped.close()

    run(tmp_path, play)


def test_who_floods_is_held_back_and_the_others_are_answered(tmp_path, monkeypatch):
    monkeypatch.setattr(link_server, "FLOOD_S", 0.1)

    async def play(pair, server):
        pair.quota("belora", Quota(requests_per_s=5, request_burst=10))
        pair.log.publish(STREAM, "arvena>corvia")
        async with pair.session() as flood, pair.session("corvia") as other:
            storm = asyncio.gather(*(_quietly(flood) for _ in range(200)))
            for _ in range(10):
                assert (await get(other, "/v1/stream/arvena>corvia"))[0] == 200
            statuses = await storm
        assert statuses.count(200) <= 15
        assert sum(server.counts["belora"].values()) > 50
        assert "corvia" not in server.counts

    run(tmp_path, play)


async def _quietly(session: aiohttp.ClientSession) -> int:
    try:
        return (await get(session, PULL))[0]
    except aiohttp.ClientError:
        return 0


def test_long_polls_of_one_partner_have_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(link_server, "FLOOD_S", 0.1)

    async def play(pair, server):
        pair.quota("belora", Quota(at_once=3))
        async with pair.session() as session:
            waiting = [asyncio.create_task(get(session, PULL + "?wait=1")) for _ in range(6)]
            statuses = sorted([(await one)[0] for one in waiting])
        assert statuses == [200, 200, 200, 429, 429, 429]

    run(tmp_path, play)


def test_bytes_are_rationed(tmp_path):
    async def play(pair, server):
        pair.quota("belora", Quota(bytes_per_s=100_000, byte_burst=20_000))
        pair.log.publish(STREAM, rows=1_000)
        async with pair.session() as session:
            began = time.monotonic()
            for _ in range(2):
                assert (await get(session, PULL))[0] == 200
            assert time.monotonic() - began > 0.3  # 57 kB of the first answer, 20 kB of which were in the bucket

    run(tmp_path, play)


def test_an_address_in_use_is_said_in_one_line(tmp_path):
    async def play(pair, server):
        with pytest.raises(BadInput, match="cannot listen"):
            await pair.open(port=pair.port)
        await pair.server.close()
        pair.server = server

    run(tmp_path, play)


def test_what_is_no_certificate_is_said(tmp_path):
    files = certificate(tmp_path, "one")
    with pytest.raises(BadInput, match="not a certificate"):
        tls.server_context(*files, ["nonsense"], tls.Failures())
    with pytest.raises(BadInput, match="not a certificate"):
        tls.fingerprint_of_pem("nonsense")
    with pytest.raises(BadInput, match="cannot use"):
        tls.server_context(files[0], certificate(tmp_path, "two")[1], [], tls.Failures())


def test_a_bucket_never_gives_more_than_its_rate():
    bucket, given = Bucket(per_s=10, burst=5, now_s=0), 0
    for k in range(1000):
        given += bucket.take(1, k / 100)
    assert 100 <= given <= 105
    bucket.owe(50, 10)
    assert bucket.wait_s(10) == pytest.approx(5, abs=0.6)
    assert not bucket.take(1, 9)  # a clock that goes back fills nothing


def test_the_pair_closes_without_leaving_anything(tmp_path):
    async def play(pair, server):
        following = asyncio.create_task(pair.client().follow())
        await until(lambda: server.sessions() == {"belora": 1})
        await ended(following)

    run(tmp_path, play)
