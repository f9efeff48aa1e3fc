"""Two ends through a broker that drops, holds back, doubles, swaps and lies: nothing is lost, and both ends say so."""

from __future__ import annotations

import asyncio

import pytest
from tests.doubles.brokered_pair import Both, both, card, keys, relation, until

from manara.link import sealed

STREAM = "arvena>delmara"


def run(make, *args, **more):
    async def whole(folder):
        async with both(folder, **more) as made:
            return await make(made, *args)

    return lambda folder: asyncio.run(whole(folder))


async def delivered(made: Both, many: int) -> None:
    await until(lambda: len(made.d.taker.offsets) >= many, 20)
    assert made.d.taker.offsets == list(range(many)), "in order, each once"


async def crosses(made: Both) -> None:
    for _ in range(30):
        made.a.log.publish(STREAM, rows=20)
        await asyncio.sleep(0.005)
    await delivered(made, 30)
    assert await made.d.line.tell("receipt", b"signed") == ""
    assert made.a.heard == [("delmara", "receipt", b"signed")]
    await until(lambda: made.a.line.health()[0] == made.d.line.health()[0] == "live")
    assert not made.a.line.counts
    assert not made.d.line.counts


def test_row_16_what_a_partner_without_a_link_is_told_arrives_in_order_and_once(tmp_path):
    run(crosses)(tmp_path)


async def big(made: Both) -> None:
    made.a.log.publish(STREAM, rows=2_000)  # 80 kB in envelopes of 4 kB
    made.a.log.publish(STREAM, rows=1)
    await delivered(made, 2)
    assert set(made.a.middle.seen) == {4_096}


def test_an_entry_longer_than_an_envelope_crosses_in_pieces(tmp_path):
    run(big, size_bytes=4_096)(tmp_path)


async def drops(made: Both) -> None:
    count = [0]

    def seventh(given):
        kept = []
        for one in given:
            count[0] += 1
            kept += [one] if count[0] % 7 else []
        return kept

    made.d.middle.gives = seventh
    for _ in range(40):
        made.a.log.publish(STREAM, rows=5)
        await asyncio.sleep(0.02)
    await delivered(made, 40)
    await until(lambda: made.d.line.counts["broker_gap"] and made.a.line.counts["broker_gap_there"])
    assert "broker_gap" in made.d.taker.refusals()
    assert "broker_gap_there" in made.a.taker.refusals()


def test_threat_6_every_seventh_dropped_loses_nothing_and_both_ends_are_alarmed(tmp_path):
    run(drops)(tmp_path)


async def holds(made: Both) -> None:
    await until(lambda: made.a.line.health()[0] == made.d.line.health()[0] == "live")
    held: list = []
    began = asyncio.get_running_loop().time()

    def back(given):
        """Everything comes, three of the line's patience too late, which stands for a minute."""
        held.extend(given)
        late = asyncio.get_running_loop().time() - began < 3.0
        out, held[:] = ([], held[:]) if late else (list(held), [])
        return out

    made.d.middle.gives = back
    made.a.log.publish(STREAM, kind="warning")
    await until(lambda: made.d.line.health()[0] == made.a.line.health()[0] == "lost", 5)
    # That nothing is acknowledged is seen at once with the silence, by either clock first; then the silence is named.
    await until(lambda: made.d.line.health()[1].startswith("broker_silent"), 5)
    assert made.a.line.health()[1].startswith("broker_unheard")
    assert not made.d.taker.offsets
    assert made.d.taker.states()[-1] == "lost", "never an all clear while nothing comes"
    await delivered(made, 1)
    await until(lambda: made.a.line.health()[0] == made.d.line.health()[0] == "live", 10)


def test_threat_6_held_back_for_long_alarms_both_ends_and_loses_nothing(tmp_path):
    run(holds)(tmp_path)


async def reorders(made: Both) -> None:
    made.d.middle.gives = lambda given: given[::-1]
    for _ in range(40):
        made.a.log.publish(STREAM, rows=100)
        await asyncio.sleep(0.01)
    await delivered(made, 40)
    assert not made.d.line.counts["broker_gap"], "what comes a little late is not lost"


def test_threat_6_another_order_changes_nothing(tmp_path):
    run(reorders)(tmp_path)


async def replays(made: Both) -> None:
    kept: list = []

    def twice(given):
        kept.extend(given)
        return [*given, *kept[-3:]]

    made.d.middle.gives = twice
    for _ in range(10):
        made.a.log.publish(STREAM, rows=1)
        await asyncio.sleep(0.02)
    await delivered(made, 10)
    assert made.d.line.counts["broker_replay"] > 3
    assert "broker_replay" in made.d.taker.refusals()


def test_threat_7_a_replay_is_refused_counted_and_named(tmp_path):
    run(replays)(tmp_path)


async def replays_after_restart(made: Both) -> None:
    made.a.log.publish(STREAM, rows=1)
    await delivered(made, 1)
    old = made.a.middle.posted[0]
    line = made.d.again()
    await line._open(old)
    assert line.counts["broker_replay"] == 1


def test_threat_7_a_replay_is_known_after_a_restart(tmp_path):
    run(replays_after_restart)(tmp_path)


async def crossed(made: Both) -> None:
    await until(lambda: made.a.middle.posted and made.d.line.health()[0] == "live")
    theirs = made.a.middle.posted[0]
    await made.a.line._open(theirs)  # Arvena's own, handed back to it
    third = relation(keys(7), made.d.relation.theirs)  # another relation of the recipient's
    assert third.open(theirs).why == "seal"
    moved = sealed.outer(made.a.line._state.epoch, 10_000, theirs[17:])  # the same at another place
    await made.d.line._open(moved)
    assert made.a.line.counts["broker_seal"] == made.d.line.counts["broker_seal"] == 1
    assert all("corvia" in one.detail for one in made.d.taker.inputs if getattr(one, "why", "") == "broker_seal")


def test_threat_7_handed_to_somebody_else_or_at_another_place_it_opens_nowhere(tmp_path):
    run(crossed)(tmp_path)


async def forged(made: Both) -> None:
    """The broker knows Delmara's public keys, and so can seal; it cannot sign."""
    evil = relation(keys(11), card("delmara", keys(3)))
    place = sealed.Place(made.a.relation.alias, made.d.relation.alias, 99, 0)
    body = sealed.encode(sealed.Letter(1, 0, -1, 0))
    await made.d.line._open(evil.shut(place, body, 4_096))
    assert made.d.line.counts["broker_signature"] == 1
    assert made.d.line._talk.seen.epoch < 99, "it moved nothing"


def test_threat_5_what_the_broker_makes_itself_is_not_signed_by_the_partner(tmp_path):
    run(forged)(tmp_path)


async def silent(made: Both) -> None:
    await until(lambda: made.a.line.health()[0] == "live")
    made.a.middle.cut = True
    await until(lambda: made.a.line.health()[0] == made.d.line.health()[0] == "lost", 5)
    assert made.a.line.health()[1].startswith("broker_lost")
    assert "corvia" in made.a.line.health()[1]
    await until(lambda: made.d.line.health()[1].startswith("broker_silent"), 5)
    made.a.log.publish(STREAM, rows=3)
    made.a.middle.cut = False
    await delivered(made, 1)
    await until(lambda: made.a.line.health()[0] == made.d.line.health()[0] == "live", 5)
    assert not made.d.line.counts["broker_gap"], "the envelope that was not taken goes again, under its own place"


def test_threat_6_a_cut_is_said_at_both_ends_and_mends_without_a_gap(tmp_path):
    run(silent)(tmp_path)


async def constant(made: Both, busy: bool) -> list[int]:
    await asyncio.sleep(0.2)
    for _ in range(40 if busy else 0):
        made.a.log.publish(STREAM, rows=300)
    await asyncio.sleep(1.0)
    return made.a.middle.seen


def test_threat_16_volume_and_cadence_tell_nothing(tmp_path):
    calm = run(constant, False)(tmp_path / "calm")
    busy = run(constant, True)(tmp_path / "busy")
    assert set(calm) == set(busy) == {16_384}
    assert abs(len(calm) - len(busy)) <= 0.3 * len(calm), "one at each beat, whatever there is to say"


async def unsure(made: Both) -> None:
    made.a.log.publish(STREAM, kind="warning")
    made.a.log.publish(STREAM, kind="heartbeat")
    await delivered(made, 2)
    assert made.a.line.health()[1].startswith("unverified")
    assert made.d.line.health()[1].startswith("unverified")
    made.a.log.publish(STREAM, rows=2, kind="batch")
    made.a.log.publish(STREAM, kind="warning")
    await until(lambda: made.a.line.health()[1].startswith("unverified_held"))
    await asyncio.sleep(0.3)
    assert made.d.taker.offsets == [0, 1], "nothing but warnings and signs of life, and nothing out of order"
    assert await made.a.line.tell("statement", b"x") == "unverified"
    assert set(made.a.middle.seen) == {4_096}


def test_an_unconfirmed_relation_carries_warnings_only_and_says_so(tmp_path):
    run(unsure, verified=False, size_bytes=65_536)(tmp_path)


async def busy(made: Both) -> None:
    made.d.why = "busy"
    told = asyncio.create_task(made.a.line.tell("statement", b"s" * 9_000))
    await until(lambda: len(made.d.heard) > 1, 20)  # said again while it is not taken
    assert not told.done()
    made.d.why = ""
    assert await told == ""


def test_a_statement_counts_as_delivered_only_when_the_other_node_took_it(tmp_path):
    run(busy, size_bytes=4_096, silence_s=10.0)(tmp_path)


async def lying_receipts(made: Both) -> None:
    post = made.a.middle.post

    async def lies(path, body):
        status, answer = await post(path, body)
        return status, answer.replace(b'"size\\":16384', b'"size\\":16385')

    made.a.middle.post = lies
    await until(lambda: made.a.line.counts["broker_receipt"])


def test_a_hop_receipt_for_something_else_is_refused(tmp_path):
    run(lying_receipts)(tmp_path)


async def restart(made: Both) -> None:
    made.a.log.publish(STREAM, rows=1)
    await delivered(made, 1)
    before = made.a.line._state.epoch
    fresh = made.a.again()
    assert fresh._state.epoch == before + 1, "a place is never used twice"


def test_each_start_has_an_epoch_of_its_own(tmp_path):
    run(restart)(tmp_path)


async def put_back(made: Both) -> None:
    """Arvena's folder came from a backup: the other end has seen later starts of it."""
    await until(lambda: made.a.line.health()[0] == "live")
    made.a.line._state.epoch, made.a.line._sequence, made.a.line._unsent = 0, 0, None
    made.a.line._talk.acknowledged = -1
    made.a.log.publish(STREAM, rows=1)
    await delivered(made, 1)


def test_an_end_that_was_put_back_from_a_backup_goes_on(tmp_path):
    run(put_back)(tmp_path)


async def emptied(made: Both) -> None:
    await until(lambda: made.d.line._state.fetched > 5)
    made.d.line._state.fetched = 10**6
    await until(lambda: made.d.line.counts["broker_went_back"])
    made.a.log.publish(STREAM, rows=1)
    await delivered(made, 1)


def test_a_broker_that_lost_its_store_is_named_and_the_line_goes_on(tmp_path):
    run(emptied)(tmp_path)


@pytest.mark.parametrize("body", [b"", b"\xc1", b"an answer"])
def test_an_answer_that_is_none_is_a_lost_broker(tmp_path, body):
    async def nonsense(made: Both) -> None:
        async def fetch(path, wait_s, most):
            await asyncio.sleep(0.01)
            return 200, body

        made.d.middle.fetch = fetch
        await until(lambda: made.d.line.health()[0] == "lost", 5)

    run(nonsense)(tmp_path)
