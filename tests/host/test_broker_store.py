"""What a broker keeps: bounded, durable before it is acknowledged, gone when it was fetched and written down."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from hashlib import sha256

import msgspec
import pytest
from tests.doubles.brokered_pair import SIGNER, card, keys, relation
from tests.doubles.faulty_disk import FaultyDisk, PowerCut

from manara.host import hops
from manara.host.broker_desk import BrokerDesk, Fetched
from manara.host.broker_store import FILE_ENVELOPES, Box
from manara.host.disk import FolderDisk
from manara.link import sealed
from manara.link.sealed import Letter, Place
from manara.node.durable.disk import DiskError
from manara.records.brokered import Carries
from manara.release import statements

A, D = relation(keys(1), card("delmara", keys(3))), relation(keys(3), card("arvena", keys(1)))
PAIR = Carries(partners=("arvena", "delmara"), aliases=(A.alias, D.alias), per_s=100.0, envelopes=20, mib=1)


def envelope(n: int, size: int = 4_096) -> bytes:
    return A.shut(Place(A.alias, D.alias, 1, n), sealed.encode(Letter(1, 0, -1, 0)), size)


def desk_over(disk, carries: Carries = PAIR, now_s=lambda: 0.0) -> BrokerDesk:
    return BrokerDesk((carries,), disk, SIGNER, lambda: 7, now_s)


def post(desk: BrokerDesk, who: str, alias: str, data: bytes) -> tuple[int, bytes]:
    return asyncio.run(desk.post(who, alias, data))


def fetched(desk: BrokerDesk, who: str, alias: str, first: int = 0, wait_s: float = 0.0) -> list[tuple[int, bytes]]:
    status, body = asyncio.run(desk.get(who, alias, first, wait_s))
    assert status == 200
    return list(msgspec.msgpack.decode(body, type=Fetched).envelopes)


def test_what_was_acknowledged_survives_a_power_cut_at_any_operation():
    total = 0
    for cut in range(1, 400):
        disk, kept = FaultyDisk(cut), []
        disk.cut_at = cut
        box = None
        with suppress(PowerCut):
            box = Box(disk, D.alias, 1_000, 1 << 30)
            for n in range(FILE_ENVELOPES + 6):
                box.put(b"hop %d" % n, b"envelope %d" % n)
                kept.append(n)
                if n % 5 == 4:
                    box.fetch(n - 2)
                    box.was_logged(n - 2)
            total = cut
        if total:
            break
        disk.power_on()
        again = Box(disk, D.alias, 1_000, 1 << 30)
        found = {one.number: one.envelope for one in again.fetch(0)}
        last = max(kept, default=-1)
        assert again.next in (last + 1, last + 2), "one that nobody was told of may have come whole"
        wanted = [n for n in kept if n >= max(0, last - 3)]
        assert all(found.get(n, again._read(n).envelope) == b"envelope %d" % n for n in wanted)
    assert total > 100, "it was cut at every operation, and ran through in the end"


def test_a_full_disk_loses_nothing_and_is_said(tmp_path):
    disk = FaultyDisk()
    desk = desk_over(disk)
    assert post(desk, "arvena", D.alias, envelope(0))[0] == 200
    disk.full_at = 1
    assert post(desk, "arvena", D.alias, envelope(1)) == (503, b"not_kept")
    disk.room()
    assert post(desk, "arvena", D.alias, envelope(1))[0] == 200
    assert [n for n, _ in fetched(desk, "delmara", D.alias)] == [0, 1]


def test_files_go_when_fetched_and_written_down(tmp_path):
    disk = FolderDisk(tmp_path)
    box = Box(disk, D.alias, 10_000, 1 << 30)
    for n in range(5 * FILE_ENVELOPES):
        box.put(b"h", b"%d" % n)
    files = len(disk.names())
    box.fetch(box.next)
    assert len(disk.names()) == files, "the log does not speak of them yet"
    box.was_logged(box.next)
    assert len([name for name in disk.names() if name.startswith(D.alias)]) == 1
    disk.close()
    again = Box(FolderDisk(tmp_path), D.alias, 10_000, 1 << 30)
    assert again.next == again.logged == 5 * FILE_ENVELOPES, "numbers go on, and nothing is written down twice"


def test_rot_is_said_and_not_given_out(tmp_path):
    disk = FolderDisk(tmp_path)
    box = Box(disk, D.alias, 100, 1 << 30)
    for n in range(3):
        box.put(b"hop", b"x" * 500 + b"%d" % n)
    (name,) = [name for name in disk.names() if name.startswith(D.alias)]
    path = tmp_path / name
    path.write_bytes(path.read_bytes().replace(b"x" * 500 + b"1", b"x" * 500 + b"2"))
    with pytest.raises(DiskError):
        box.fetch(0)
    disk.close()
    with pytest.raises(DiskError):
        Box(FolderDisk(tmp_path), D.alias, 100, 1 << 30)


def test_only_the_ends_of_a_route_use_it_and_only_envelopes_pass(tmp_path):
    desk = desk_over(FolderDisk(tmp_path))
    assert post(desk, "delmara", D.alias, envelope(0)) == (404, b"not_your_route")
    assert post(desk, "belora", D.alias, envelope(0)) == (404, b"not_your_route")
    assert post(desk, "arvena", "x" + "0" * 24, envelope(0)) == (404, b"not_your_route")
    assert asyncio.run(desk.get("arvena", D.alias, 0, 0.0)) == (404, b"not_your_route")
    assert post(desk, "arvena", D.alias, b"position of a craft") == (400, b"size")
    assert post(desk, "arvena", D.alias, bytes(4_096)) == (400, b"not_an_envelope")
    assert desk.counts["belora"] == {"not_your_route": 1}
    assert not fetched(desk, "delmara", D.alias)


def test_a_flood_is_bounded_by_count_bytes_and_rate_and_the_other_direction_goes_on(tmp_path):
    seconds = [0.0]
    slow = msgspec.structs.replace(PAIR, per_s=2.0, envelopes=1_000)
    desk = desk_over(FolderDisk(tmp_path / "rate"), slow, lambda: seconds[0])
    said = [post(desk, "arvena", D.alias, envelope(n))[0] for n in range(60)]
    assert (said.count(200), said.count(429)) == (30, 30), "fifteen seconds' worth at once"
    assert post(desk, "delmara", A.alias, envelope(0))[0] == 200
    seconds[0] = 1.0
    assert [post(desk, "arvena", D.alias, envelope(n))[0] for n in range(60, 63)] == [200, 200, 429]

    desk = desk_over(FolderDisk(tmp_path / "count"))
    said = [post(desk, "arvena", D.alias, envelope(n)) for n in range(25)]
    assert [one[0] for one in said].count(200) == 20
    assert said[-1] == (429, b"box_full")
    assert len(fetched(desk, "delmara", D.alias)) == 20, "what was taken stays"
    fetched(desk, "delmara", D.alias, 5)
    assert post(desk, "arvena", D.alias, envelope(30))[0] == 200, "and there is room again when it is fetched"

    desk = desk_over(FolderDisk(tmp_path / "bytes"))
    said = [post(desk, "arvena", D.alias, envelope(n, 262_144))[0] for n in range(6)]
    assert said.count(200) == 4, "a MiB"


def test_the_same_envelope_again_is_not_kept_twice_and_gets_the_same_receipt(tmp_path):
    disk = FolderDisk(tmp_path)
    desk, one = desk_over(disk), envelope(0)
    first = post(desk, "arvena", D.alias, one)
    assert post(desk, "arvena", D.alias, one) == first
    disk.close()
    assert post(desk_over(FolderDisk(tmp_path)), "arvena", D.alias, one) == first
    assert hops.holds(first[1], SIGNER.public(), one, A.alias, D.alias)


def test_whoever_waits_is_answered_when_something_comes(tmp_path):
    desk = desk_over(FolderDisk(tmp_path))

    async def waits() -> list[tuple[int, bytes]]:
        waiting = asyncio.create_task(desk.get("delmara", D.alias, 0, 20.0))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await desk.post("arvena", D.alias, envelope(0))
        async with asyncio.timeout(5):
            return list(msgspec.msgpack.decode((await waiting)[1], type=Fetched).envelopes)

    assert [n for n, _ in asyncio.run(waits())] == [0]


def test_hop_receipts_are_signed_kept_and_add_up_to_what_the_log_says(tmp_path):
    desk = desk_over(FolderDisk(tmp_path / "broker"))
    kept = hops.Hops(tmp_path / "delmara.hops", SIGNER.public())
    for n in range(3):
        one = envelope(n)
        receipt = post(desk, "arvena", D.alias, one)[1]
        assert kept.take(receipt, one, A.alias, D.alias)
        assert not kept.take(receipt, envelope(9), A.alias, D.alias), "for something else"
        assert not kept.take(receipt, one, D.alias, A.alias), "on another route"
        assert not kept.take(receipt.replace(b'"sig":"', b'"sig":"00'), one, A.alias, D.alias)
        assert not hops.holds(receipt, bytes(32), one, A.alias, D.alias), "by somebody else"
    lines = [json.loads(line) for line in (tmp_path / "delmara.hops").read_text("ascii").splitlines()]
    texts = [json.loads(line["hop"]) for line in lines]
    assert set(texts[0]) == {"from", "to", "sha256", "size", "time_ns"}, "all that the broker knows"
    (said,) = desk.hops(lambda subject: "ab" * 32 if subject == f"broker/{D.alias}" else "")
    read = msgspec.json.decode(said[0], type=statements.BrokerHops)
    digests = b"".join(sha256(line["hop"].encode()).digest() for line in lines)
    assert (read.hops, read.first, read.next, read.size) == (sha256(digests).hexdigest(), "0", "3", str(3 * 4_096))
    assert read.after == "ab" * 32
    said[1].was_logged(said[2])
    assert desk.hops(lambda _: "") == []
