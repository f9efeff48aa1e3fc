"""Two real nodes under fire: programs of their own, real TLS, real disks, and everything that may befall them."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

import aiohttp
import pytest
from tests.doubles.callers import caller
from tests.doubles.two_kept import Proxy, exact, receipts
from tests.doubles.two_processes import PAIR, Node, Two, free_port, two

from manara.cli.main import main
from manara.host import keys, tls
from manara.link import wire


def verified(made: Two) -> None:
    for name in PAIR:
        member = made.made.members[name]
        listed = str(member.folder / "directory.toml")
        assert main(["ledger", "verify", str(member.kept), "--directory", listed]) == 0


def rounds(made: Two, kills: int, seed: int = 1) -> int:
    """Kill both nodes again and again, each at its own moments: while it recovers or when it has worked a while."""
    chance = random.Random(seed)
    struck = dict.fromkeys(PAIR, 0)
    due = {name: time.monotonic() + chance.uniform(0.0, 2.0) for name in PAIR}
    while sum(struck.values()) < kills:
        for name, node in made.nodes.items():
            assert node.process.poll() is None, node.said.read_text("utf-8")[-2000:]
            if time.monotonic() > due[name] and sum(struck.values()) < kills:
                node.kill()
                struck[name] += 1
                due[name] = time.monotonic() + chance.uniform(0.5, 9.0)
                node.start()
        time.sleep(0.02)
    return min(struck.values())


def shown_at(node: Node) -> set[str]:
    """The tracks of its desk."""
    return {one["id"] for one in json.loads(node.desk("/api/tracks"))["features"]}


def under_kills(folder: Path, kills: int) -> None:
    with two(folder) as made:
        made.start()
        made.activate()
        alone = made.b.until(lambda now: now["alone"] and now["fused"])["alone"]
        assert shown_at(made.b) & set(alone)  # what only Arvena hears stands on Belora's desk

        assert rounds(made, kills) >= kills // 4
        for node in made.nodes.values():
            before = node.until(lambda now: now["partners"])["partners"][0]["received_entries"]
            node.until_partner(lambda now, n=before: now["link"] == "live" and now["received_entries"] > n + 10)
            node.until(lambda now: now["told"])
            assert node.status()["trouble"] == ""
        made.a.until_partner(lambda now: now["receipted"] > 0)
        assert [node.stop() for node in made.nodes.values()] == [0, 0]

        for releaser, recipient in (PAIR, PAIR[::-1]):
            assert exact(made, releaser, recipient) > 20
            assert receipts(made, releaser, recipient)
        verified(made)


def test_row_19_ten_kills_of_either_side_lose_and_double_nothing(tmp_path):
    under_kills(tmp_path, 10)


@pytest.mark.soak
def test_row_19_a_hundred_kills_of_either_side_lose_and_double_nothing(tmp_path):
    under_kills(tmp_path, 100)


def test_row_19_cuts_a_black_hole_and_a_full_disk_on_either_side_lose_and_double_nothing(tmp_path):
    """Also: while one side is cut off or full, the other goes on, and each desk says what is wrong."""
    ports = {name: free_port() for name in PAIR}
    proxy = Proxy(ports["arvena"])  # Belora reaches Arvena through it
    try:
        with two(tmp_path, through={"arvena": proxy.port}, ports=ports) as made:
            made.start()
            made.activate()
            made.b.until(lambda now: now["told"])
            for _ in range(4):
                proxy.reset()
                time.sleep(0.3)
            passes(made)
            proxy.lets(False)
            proxy.reset()
            made.b.until_partner(lambda now: now["link"] == "lost")
            steps = made.b.status()["sequence"]
            made.b.until(lambda now: now["sequence"] > steps + 2)
            proxy.lets(True)
            passes(made)
            for full, other in ((made.a, made.b), (made.b, made.a)):
                full.full(True)
                full.until(lambda now: now["trouble"].startswith("halted"))
                assert json.loads(full.desk("/api/health"))["trouble"].startswith("halted")
                at = other.status()["sequence"]
                other.until(lambda now, n=at: now["sequence"] > n + 2 and not now["trouble"])
                full.full(False)
                full.until(lambda now: not now["trouble"])
                passes(made)
            asyncio.run(flood(made))
            passes(made)
            assert [node.stop() for node in made.nodes.values()] == [0, 0]
            assert [exact(made, *PAIR), exact(made, *PAIR[::-1])] > [20, 20]
            verified(made)
    finally:
        proxy.close()


def passes(made: Two) -> None:
    """Entries go in both directions."""
    for node in made.nodes.values():
        so_far = node.status()["partners"][0]["received_entries"]
        node.until_partner(lambda now, n=so_far: now["received_entries"] > n + 2)


async def flood(made: Two) -> None:
    """With Belora's own certificate: dozens of pulls at once, again and again. Arvena refuses most; its steps go on."""
    mine = keys.load_or_make(made.made.members["belora"].folder / "keys", "belora")
    theirs = made.made.directory.partner("arvena").tls_certificate
    context = tls.client_context(mine.tls_certificate, mine.tls_key, theirs, tls.Failures())
    url = f"https://127.0.0.1:{made.ports['arvena']}/v1/stream/arvena%3Ebelora?from=0&size=0&wait=0"
    steps, began = made.a.status()["sequence"], time.monotonic()
    async with caller(context, limit=16) as session:

        async def pull() -> int:
            try:
                async with session.get(url) as got:
                    body = await got.read()
                    assert got.status != 200 or isinstance(wire.parse(body), wire.Answer)
                    return got.status
            except aiohttp.ClientError:
                return 0

        answers = await asyncio.gather(*(pull() for _ in range(160)))
    took_s = time.monotonic() - began
    assert answers.count(429) > 30
    assert answers.count(200) < 60 + 20 * took_s + 1
    assert made.a.status()["sequence"] - steps > 0.5 * took_s - 2


def test_a_partners_clock_ten_minutes_off_is_shown_and_its_rows_are_not_fused(tmp_path):
    """Both hear the same craft; with clocks that agree, several of them are fused (the test of kills waits for it)."""
    with two(tmp_path, off_s={"belora": -600.0}) as made:
        made.start()
        made.activate()
        for node, off_s in ((made.a, -600.0), (made.b, 600.0)):
            told = node.until(lambda now: len(now["told"]) > 3)
            assert (told["fused"], set(told["alone"])) == (0, set(told["told"]))
            assert len(told["identities"]) > len(set(told["identities"])), "no craft is known to both"
            assert told["partners"][0]["clock_offset_s"] == pytest.approx(off_s, abs=5.0)
        assert [node.stop() for node in made.nodes.values()] == [0, 0]
        assert exact(made, *PAIR) > 2
