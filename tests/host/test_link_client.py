"""A partner's stream is fetched and everything in it checked before it is believed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from tests.doubles.link_pair import QUICK, STREAM, Pair, ended, until
from tests.doubles.log import T0, MemoryLog, log_key

from manara.host import link_checks
from manara.host.link_answers import whole_path
from manara.host.link_checks import Asked, Checked, Remembered, check
from manara.ledger import tree
from manara.link import stage, wire
from manara.node.durable.disk import DiskError
from manara.records.inputs import LinkState
from manara.records.released import Block, Delivery

S = 1_000_000_000


def answer_of(log: MemoryLog, first: int = 0, size: int = 0, **changed: object) -> wire.Answer:
    """What an honest server would answer, with changes."""
    found = changed.pop("deliveries", None)
    found = log.read(STREAM, first, 1_000, 1 << 20) if found is None else found
    grown = log.edge.size
    parts = {
        "stream": STREAM,
        "next_offset": log.heads().get(STREAM, 0),
        "now_ns": T0,
        "checkpoint": log.checkpoint(),
        "consistency": b"".join(whole_path(log, size, grown)) if size <= grown else b"",
        "inclusion": [(n, b"".join(log.inclusion(n, grown))) for n in sorted({one.leaf for one in found})],
        "deliveries": found,
        **changed,
    }
    read = wire.parse(wire.encode(**parts))
    assert isinstance(read, wire.Answer), read
    return read


def asked(log: MemoryLog, first: int = 0) -> Asked:
    return Asked("arvena", log.key, STREAM, first)


def grown(ticks: int = 6, rows: int = 3, **about: object) -> MemoryLog:
    log = MemoryLog(**about)
    for _ in range(ticks):
        log.publish(STREAM, "arvena>corvia", rows=rows)
    return log


def test_an_honest_answer_holds_and_its_roots_are_those_of_the_log():
    log = grown()
    found = check(answer_of(log), asked(log), Remembered(), T0)
    assert isinstance(found, Checked)
    assert [one.offset for one in found.arrived] == list(range(6))
    assert found.remembered.root == log.edge.root()
    assert {len(one.root) for one in found.arrived} == {32}
    again = check(answer_of(log, first=3, size=6), asked(log, 3), found.remembered, T0)
    assert isinstance(again, Checked)


def spoilt(one: Delivery, **changed: object) -> Delivery:
    return msgspec.structs.replace(one, **changed)


def flip(data: bytes, at: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


LIES = {
    "a byte of the head": (lambda d: spoilt(d, head=flip(d.head, 30)), "entry"),
    "a byte of a row": (
        lambda d: spoilt(d, blocks=(Block(0, 40, flip(d.blocks[0].rows, 41)),)),
        "entry",
    ),
    "a row taken out": (lambda d: spoilt(d, blocks=(Block(0, 40, d.blocks[0].rows[40:]),)), "entry"),
    "a salt": (lambda d: spoilt(d, salts=flip(d.salts)), "entry"),
    "the path": (lambda d: spoilt(d, path=flip(d.path)), "entry"),
    "the tick": (lambda d: spoilt(d, tick=flip(d.tick, 30)), "not_in_log"),
    "the place": (lambda d: spoilt(d, place=1 - d.place), "entry"),
    "a row said to be erased": (lambda d: spoilt(d, erased=b"\1\0\0"), "entry"),
}


@pytest.mark.parametrize("lie", LIES)
def test_row_22_any_change_on_the_way_is_refused_with_its_reason(lie):
    log = grown()
    change, why = LIES[lie]
    deliveries = [change(d) if k == 2 else d for k, d in enumerate(log.read(STREAM, 0, 100, 1 << 20))]
    found = check(answer_of(log, deliveries=deliveries), asked(log), Remembered(), T0)
    assert isinstance(found, link_checks.Refusal)
    assert (found.why, "2" in found.detail) == (why, True)


def test_row_19_replayed_reordered_and_cross_delivered_entries_are_refused():
    log = grown()
    honest = log.read(STREAM, 0, 100, 1 << 20)
    moved = [spoilt(d, offset=d.offset - 1) for d in honest[1:]]  # entry 1 as if it were 0
    assert check(answer_of(log, deliveries=moved), asked(log), Remembered(), T0).why == "misplaced"
    theirs = log.read("arvena>corvia", 0, 100, 1 << 20)  # Corvia's entries under Belora's name
    assert check(answer_of(log, deliveries=theirs), asked(log), Remembered(), T0).why == "misplaced"
    assert check(answer_of(log, first=2), asked(log), Remembered(), T0).why == "misplaced"
    assert check(answer_of(log), asked(log)._replace(stream="arvena"), Remembered(), T0).why == "misplaced"


def test_row_11_an_erased_row_is_a_stub_and_the_entry_still_holds():
    log = grown(rows=3)
    one = log.read(STREAM, 0, 1, 1 << 20)[0]
    rows, salts = one.blocks[0].rows, one.salts
    gone = tree.leaf_hash(salts[32:48] + rows[40:80])
    stub = spoilt(
        one,
        blocks=(Block(0, 40, rows[:40] + gone + rows[80:]),),
        salts=salts[:32] + bytes(16) + salts[48:],
        erased=b"\0\1\0",
    )
    answer = answer_of(log, deliveries=[stub])
    found = check(answer, asked(log), Remembered(), T0)
    assert isinstance(found, Checked), found
    assert found.arrived[0].blocks[0].rows == rows[:40] + rows[80:]


def test_row_22_a_rewritten_log_and_a_split_view_are_contradictions():
    log, other = grown(seed=1), grown(seed=2)
    seen = check(answer_of(log), asked(log), Remembered(), T0).remembered
    assert check(answer_of(other, size=6), asked(log), seen, T0).why == "split_view"
    other.publish(STREAM)
    found = check(answer_of(other, first=6, size=6), asked(log, 6), seen, T0)
    assert found.why == "rewritten"
    assert found.signed == other.checkpoint()
    assert set(link_checks.CONTRADICTIONS) == {"split_view", "rewritten"}


def test_a_log_that_went_back_is_refused():
    log = grown(ticks=6)
    seen = check(answer_of(log), asked(log), Remembered(), T0).remembered
    restored = grown(ticks=4)
    assert check(answer_of(restored, first=4), asked(log, 4), seen, T0).why == "behind"
    assert check(answer_of(restored), asked(log, 6), seen, T0).why == "misplaced"
    short = answer_of(restored, deliveries=[])
    assert check(short, asked(log, 6), seen, T0).why == "went_back"


@pytest.mark.parametrize("name", ["arvena.example/log", "mallory.example/log"])
def test_a_checkpoint_of_another_key_or_log_is_refused(name):
    log = grown()
    forged = MemoryLog(name)
    forged._private, _ = log_key("mallory")
    forged.edge = log.edge
    assert check(answer_of(log, checkpoint=forged.checkpoint()), asked(log), Remembered(), T0).why == "checkpoint"
    for note in (b"", b"x", log.checkpoint()[:-5]):
        assert check(answer_of(log, checkpoint=note), asked(log), Remembered(), T0).why == "checkpoint"


def test_row_19_a_stream_is_followed_live_and_each_entry_comes_once(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path)
        server = await pair.open()
        pair.log.publish(STREAM, rows=2)
        following = asyncio.create_task(pair.client().follow())
        try:
            await until(lambda: pair.taker.offsets == [0])
            for _ in range(20):
                pair.log.publish(STREAM, "arvena>corvia", rows=2)
                server.wake()
                await asyncio.sleep(0.005)
            await until(lambda: len(pair.taker.frames) == 21)
        finally:
            await ended(following)
            await server.close()
        assert pair.taker.offsets == list(range(21))
        assert pair.taker.states() == ["live"]
        assert pair.memory.last("arvena").size == 21
        assert sum(first == 0 for _, first, _ in pair.memory.kept) == 1

    asyncio.run(play())


def test_two_streams_of_one_partner_never_accuse_an_honest_log(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path)
        server = await pair.open()
        following = asyncio.create_task(pair.client(streams=(STREAM, "arvena")).follow())
        try:
            for k in range(60):
                pair.log.publish(*((STREAM,), ("arvena",), (STREAM, "arvena"))[k % 3])
                server.wake()
                await asyncio.sleep(0.002)
            await until(lambda: len(pair.taker.frames) == 80)
        finally:
            await ended(following)
            await server.close()
        assert pair.taker.refusals() == []
        for stream in (STREAM, "arvena"):
            assert [f.offset for f in pair.taker.frames if f.stream == stream] == list(range(40))

    asyncio.run(play())


def test_a_lie_is_refused_kept_as_evidence_and_honest_entries_are_taken_again(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path, MemoryLog(seed=1))
        pair.log.publish(STREAM)
        server = await pair.open()
        following = asyncio.create_task(pair.client().follow())
        try:
            await until(lambda: pair.taker.offsets == [0])
            honest, lying = pair.log, MemoryLog(seed=2)
            lying.publish(STREAM)
            lying.publish(STREAM)
            server._log = lying
            server.wake()
            await until(lambda: "rewritten" in pair.taker.refusals())
            assert stage.piece(pair.taker.state, "arvena").link == "refused"
            server._log = honest
            honest.publish(STREAM)
            await until(lambda: pair.taker.offsets == [0, 1])
        finally:
            await ended(following)
            await server.close()
        partner, last, refusal = pair.memory.evidence[0]
        assert (partner, last.size, refusal.why) == ("arvena", 1, "rewritten")
        assert stage.piece(pair.taker.state, "arvena").link == "live"

    asyncio.run(play())


def test_the_partners_clock_is_measured(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path)
        pair.now_ns = T0 - 600 * S
        server = await pair.open()
        pair.log.publish(STREAM)
        following = asyncio.create_task(pair.client().follow())
        try:
            await until(lambda: pair.taker.offsets == [0])
        finally:
            await ended(following)
            await server.close()
        told = next(one for one in pair.taker.inputs if isinstance(one, LinkState))
        assert told.offset_ns == -600 * S
        assert pair.taker.frames[0].fuse is False

    asyncio.run(play())


def test_when_the_step_takes_nothing_the_client_waits_and_pulls_again(tmp_path, monkeypatch):
    monkeypatch.setattr("manara.host.link_client.AHEAD_BYTES", 100)
    monkeypatch.setattr("manara.host.link_client.TAKEN_S", 0.3)

    async def play() -> None:
        pair = Pair(tmp_path)
        server = await pair.open()
        pair.log.publish(STREAM)
        lost: list[object] = []
        honest = pair.taker.offer
        pair.taker.offer = lambda inputs: lost.append(inputs) or True  # handed in, and lost before the journal
        following = asyncio.create_task(pair.client().follow())
        try:
            await until(lambda: any(not isinstance(one[0], LinkState) for one in lost))
            pair.taker.offer = honest
            await until(lambda: pair.taker.offsets == [0])
        finally:
            await ended(following)
            await server.close()

    asyncio.run(play())


def test_a_disk_of_our_own_that_refuses_loses_nothing_and_is_said(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path)
        server = await pair.open()
        pair.log.publish(STREAM)
        keep, refused = pair.memory.keep, []

        def full(*parts: object) -> None:
            refused.append(parts)
            raise DiskError("full", "no room is left")

        pair.memory.keep = full
        following = asyncio.create_task(pair.client().follow())
        try:
            await until(lambda: len(refused) > 2)
            assert pair.taker.offsets == []
            assert pair.taker.states() == ["waiting"], "said once, and it does not flicker between the tries"
            assert "no room" in stage.piece(pair.taker.state, "arvena").detail
            pair.memory.keep = keep
            await until(lambda: pair.taker.offsets == [0])
        finally:
            await ended(following)
            await server.close()

    asyncio.run(play())


def test_a_node_that_recovers_late_is_not_sent_everything_again(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path)
        server = await pair.open()
        for _ in range(5):
            pair.log.publish(STREAM)
        stands, pair.taker.next_of = pair.taker.next_of, lambda stream: 0
        client = pair.client()
        following = asyncio.create_task(client.follow())
        try:
            await until(lambda: pair.taker.offsets == [0, 1, 2, 3, 4])
            await ended(following)
            pair.taker.next_of = stands
            following = asyncio.create_task(pair.client().follow())
            pair.log.publish(STREAM)
            server.wake()
            await until(lambda: pair.taker.offsets == [0, 1, 2, 3, 4, 5])
        finally:
            await ended(following)
            await server.close()
        assert "repeated" not in stage.piece(pair.taker.state, "arvena").refused

    asyncio.run(play())


@pytest.mark.parametrize("why", ["pruned", "no_agreement"])
def test_what_people_must_settle_is_said_and_not_asked_without_end(tmp_path, why):
    async def play() -> None:
        pair = Pair(tmp_path)
        server = await pair.open()
        pair.log.publish(STREAM)
        pair.log.publish(STREAM)
        if why == "pruned":
            pair.log.oldest = 1
        else:
            del pair.admitted[pair.fingerprint("belora")]
        following = asyncio.create_task(pair.client(pace=QUICK).follow())
        try:
            await until(lambda: stage.piece(pair.taker.state, "arvena").link == "refused")
            pair.log.reads = 0
            await asyncio.sleep(0.5)
            assert pair.log.reads < 10
        finally:
            await ended(following)
            await server.close()
        assert stage.piece(pair.taker.state, "arvena").detail.startswith(why)

    asyncio.run(play())


def test_the_pause_grows_and_is_bounded(tmp_path):
    async def play() -> None:
        pair = Pair(tmp_path)
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) > 14:
                raise asyncio.CancelledError

        client = pair.client(port=1)  # nobody listens there
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("manara.host.link_client.asyncio.sleep", sleep)
            with pytest.raises(asyncio.CancelledError):
                await client._stream(STREAM)
        await client.close()
        assert slept[:2] == [0.05, 0.1]
        assert max(slept) == slept[-1] == pair_most()
        assert pair.taker.states() == ["lost"]  # told once, not for each attempt

    def pair_most() -> float:
        return 0.2

    asyncio.run(play())
