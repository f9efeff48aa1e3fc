"""Three real nodes, the one in the middle of which can read nothing: cut, killed, flooded, searched, listened to."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import aiohttp
import pytest
from tests.doubles.callers import caller
from tests.doubles.three_brokered import Three, of, three, until
from tests.doubles.two_kept import Proxy, exact
from tests.doubles.two_processes import Node, free_port

from manara.cli.main import main
from manara.host import keys, tls
from manara.host.link_quota import Quota


def live(made: Three) -> None:
    until(made.a, "delmara", lambda one: one["link"] == "live")
    until(made.d, "arvena", lambda one: one["link"] == "live")


def passes(made: Three, more: int = 3) -> None:
    """Entries of Arvena's stream go on arriving at Delmara."""
    so_far = until(made.d, "arvena", lambda one: True)["received_entries"]
    until(made.d, "arvena", lambda one: one["received_entries"] > so_far + more)


def canaries(made: Three) -> list[bytes]:
    """What Arvena tells Delmara that nobody else may read: rows and heads as they were sent, statements, names."""
    from tests.doubles.two_kept import opened

    found = [b"arvena>delmara", b"Whatever flies, wherever it is"]
    with opened(made, "arvena") as one:
        for offset in range(one.log.heads()["arvena>delmara"]):
            for delivery in one.log.read("arvena>delmara", offset, 1, 1 << 20):
                found += [block.rows[:24] for block in delivery.blocks if len(block.rows) >= 24 and block.table != 0]
                found.append(delivery.tick)
    return found


def memory_of(pid: int) -> bytes:
    """Every readable byte of a process of ours."""
    whole = bytearray()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text("ascii").splitlines():
            (
                span,
                rights,
                *_,
            ) = line.split()
            begin, end = (int(one, 16) for one in span.split("-"))
            if not rights.startswith("rw"):
                continue
            try:
                memory.seek(begin)
                whole += memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
    return bytes(whole)


def disk_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def heard_by(node: Node) -> bytes:
    return Path(node.wish["tap"]).read_bytes()


def test_row_17_threat_5_the_brokers_disk_and_memory_hold_nothing_of_what_it_carries(tmp_path):
    """Also rows 16 and 1 to 4 at once: what an agreement lets Delmara have comes by the broker, once and in order."""
    with three(tmp_path) as made:
        made.start()
        live(made)
        assert made.activate("arvena", "delmara") == 0
        until(made.d, "arvena", lambda one: one["received_entries"] > 12 and one["rows_in"] > 5)
        until(made.a, "delmara", lambda one: one["receipted"] > 0)
        memory, disk = memory_of(made.b.process.pid), disk_of(made.b.member.kept)
        own = memory_of(made.d.process.pid)
        assert made.stop() == [0, 0, 0]
        assert exact(made, "arvena", "delmara") > 12
        secret = canaries(made)
        assert len(secret) > 20
        assert any(one in own for one in secret[2:]), "the search finds what is there"
        assert b"MNSE" in disk, "it did carry"
        assert not [one for one in secret[2:] if one in memory or one in disk]
        assert secret[1] not in memory
        assert secret[1] not in disk


def test_threat_16_what_crosses_at_arvena_names_nothing_of_delmaras(tmp_path):
    """Every byte at Arvena's only way to the broker, and every answer as it came out of TLS; the same the other way."""
    port = free_port()
    ways = {name: Proxy(port) for name in ("arvena", "delmara")}
    try:
        with three(tmp_path, port=port, through={name: one.port for name, one in ways.items()}) as made:
            for one in ways.values():
                one.record()
            made.start()
            live(made)
            made.distress()
            until(made.d, "arvena", lambda one: one["received_entries"] > 0)
            assert made.stop() == [0, 0, 0]
            for own, other, node in (("arvena", "delmara", made.a), ("delmara", "arvena", made.d)):
                wire, inside = ways[own].heard(), heard_by(node)
                assert len(wire) > 50_000
                assert len(inside) > 10_000
                member = made.made.members[other]
                named = [other.encode(), other.title().encode(), f"127.0.0.1:{made.ports[other]}".encode()]
                named += [bytes.fromhex(one) for one in member.keys.fingerprints().values()]
                named += [one.encode() for one in member.keys.fingerprints().values()]
                pem = member.keys.tls_certificate.read_bytes()
                named += [pem[60:100]]
                assert not [one for one in named if one in wire or one in inside]
                alias = json.loads((made.made.members[own].folder / "keys/brokered" / other / "ours.card").read_text())
                assert alias["partner"]["url"] == ""
    finally:
        for one in ways.values():
            one.close()


def test_rule_0_crosses_without_any_agreement_and_while_nothing_is_confirmed(tmp_path):
    with three(tmp_path, confirmed=False) as made:
        made.start()
        live(made)
        for node, other in ((made.a, "delmara"), (made.d, "arvena")):
            assert of(node, other)["detail"].startswith("unverified")
        assert made.activate("arvena", "delmara") == 1, "never_to: the broker could read it"
        made.distress()
        until(made.d, "arvena", lambda one: one["received_entries"] == 1)
        warned = json.loads(made.d.desk("/api/partners"))["warned"]
        assert {(one["partner"], one["hazard"]) for one in warned} == {("arvena", "distress")}
        assert len({one["area"] for one in warned}) == len(warned) == of(made.d, "arvena")["rows_in"]
        made.stop()


def test_row_16_each_of_the_three_is_killed_and_nothing_is_lost_or_doubled(tmp_path):
    with three(tmp_path) as made:
        made.start()
        live(made)
        assert made.activate("arvena", "delmara") == 0
        passes(made)
        for node in (made.b, made.d, made.a):
            node.kill()
            time.sleep(1.0)
            node.start()
            passes(made)
        live(made)
        assert made.stop() == [0, 0, 0]
        assert exact(made, "arvena", "delmara") > 12
        for name in ("arvena", "delmara"):  # Corvia's log speaks of what it carried once a minute: there is none yet
            member = made.made.members[name]
            listed = str(member.folder / "directory.toml")
            assert main(["ledger", "verify", str(member.kept), "--directory", listed]) == 0


def test_threat_6_a_cut_on_either_side_is_said_at_both_ends_and_mends(tmp_path):
    port = free_port()
    way = Proxy(port)
    try:
        with three(tmp_path, port=port, through={"delmara": way.port}) as made:
            made.start()
            live(made)
            assert made.activate("arvena", "delmara") == 0
            passes(made)
            way.lets(False)
            way.reset()
            until(made.a, "delmara", lambda one: one["link"] == "lost" and one["detail"].startswith("broker_"))
            until(made.d, "arvena", lambda one: one["link"] == "lost" and one["detail"].startswith("broker_"))
            way.lets(True)
            passes(made)
            live(made)
            assert made.stop() == [0, 0, 0]
            assert exact(made, "arvena", "delmara") > 8
    finally:
        way.close()


def test_threat_15_a_flood_at_the_broker_slows_no_other_partner(tmp_path):
    """With Arvena's own certificate, hundreds of envelopes at once: refused, and Delmara's fetches go on as before."""
    with three(tmp_path) as made:
        made.start()
        live(made)
        before, during = asyncio.run(flooded(made))
        assert during < 10 * before + 1.0
        live(made)
        made.stop()


async def flooded(made: Three) -> tuple[float, float]:
    """How long the slower half of Delmara's questions take, in seconds: alone, and while Arvena floods."""
    place = made.made.members["arvena"].folder / "keys/brokered/delmara"
    theirs = made.made.directory.partner("corvia").tls_certificate
    url = f"https://127.0.0.1:{made.ports['corvia']}/v1/broker/"
    alias = re.findall(r"x[0-9a-f]{24}", made.made.members["corvia"].config.read_text("utf-8"))
    contexts = {}
    for name in ("arvena", "delmara"):
        mine = keys.load_or_make(made.made.members[name].folder / "keys", name)
        contexts[name] = tls.client_context(mine.tls_certificate, mine.tls_key, theirs, tls.Failures())
    assert place.is_dir()
    async with caller(contexts["delmara"]) as asks, caller(contexts["arvena"], limit=16) as floods:

        async def asked() -> float:
            took = []
            for _ in range(10):
                began = time.monotonic()
                async with asks.get(f"{url}{alias[1]}?from=1000000&wait_ms=0") as got:
                    assert got.status == 200
                    await got.read()
                took.append(time.monotonic() - began)
                await asyncio.sleep(0.15)
            return sorted(took)[5]

        async def flood() -> int:
            try:
                async with floods.post(url + alias[1], data=b"MNSE" + bytes(16_380)) as got:
                    await got.read()
                    return got.status
            except aiohttp.ClientError:
                return 0

        alone = await asked()
        began = time.monotonic()
        flooding = asyncio.gather(*(flood() for _ in range(400)))
        during = await asked()
        answers = await flooding
        most = Quota.request_burst + Quota.requests_per_s * (time.monotonic() - began) + 1
        assert len(answers) - answers.count(429) <= most
        assert answers.count(429) > 100
    return alone, during


@pytest.mark.soak
def test_threat_6_a_real_minute_held_back_alarms_both_ends(tmp_path):
    port = free_port()
    way = Proxy(port)
    try:
        with three(tmp_path, port=port, through={"delmara": way.port}, silence_s=30.0, every_s=1.0) as made:
            made.start()
            live(made)
            way.lets(False)
            time.sleep(60)
            assert of(made.a, "delmara")["link"] == of(made.d, "arvena")["link"] == "lost"
            way.lets(True)
            way.reset()
            live(made)
    finally:
        way.close()
