"""Row 24: a person recalls; the partner's picture drops it, its store erases it, and its word of it comes back."""

from __future__ import annotations

import secrets
import time

import msgspec
import pytest
from tests.doubles.two_kept import exact, opened
from tests.doubles.two_processes import PAIR, Two, sea, two

from manara.cli import main
from manara.exercise import partners
from manara.host import commands, reciprocity
from manara.release import standing, statements

STREAM = "arvena>belora"


def hand_in(made: Two, node: str, said: statements.AnyStatement, *people: str) -> str:
    """A statement of these persons at a node; how it is refused, "" when it was taken."""
    text = statements.canonical(said)
    signed = []
    for one in people:
        key = partners.signer(made.made.members[node], f"{node}.{one}")
        signed.append(statements.signed(text, key.public(), key.sign, person=f"{node}.{one}"))
    name = f"test-{secrets.token_hex(4)}"
    commands.offer(made.made.members[node].kept, name, statements.envelope(text, signed))
    answer = commands.wait_answer(made.made.members[node].kept, name, 20)
    assert answer is not None, "the node did not answer"
    return answer.refusal


def recall(made: Two, tracks: tuple[str, ...] = ("all",)) -> str:
    one = statements.Recall(stream=STREAM, tracks=tracks, to_ns=str(time.time_ns()), nonce=secrets.token_hex(16))
    assert hand_in(made, "arvena", one, "operational") == ""
    return statements.statement_sha256(statements.canonical(one))


def added(made: Two) -> reciprocity.Added:
    """What Arvena added at Belora, as the command finds it beside the running node (row 27)."""
    folder = made.made.members["belora"].kept
    assert main(["export", "reciprocity", str(folder), "--partner", "arvena"]) == 0
    return max(reciprocity.kept(folder), key=lambda one: one.end_ns)


def done_in_log(made: Two, node: str) -> list[statements.RecallDone]:
    """What stands of recalls in a node's own log: Belora's word with its signature at Arvena, bare at home."""
    found = []
    with opened(made, node) as one:
        for offset in range(one.log.heads()[node]):
            subject = msgspec.json.decode(one.log.head(node, offset).entry.head)["subject"]
            if "recall.done" not in subject:
                continue
            if node == "belora":
                found.append(msgspec.json.decode(subject, type=statements.RecallDone))
                continue
            said = statements.verify(subject.encode(), made.made.directory)
            assert (said.nodes, said.persons) == (("belora",), ())
            found.append(said.statement)
    return found


def rows_left(made: Two, until: int) -> tuple[int, int]:
    """Of the entries before this one: rows of tracks that Belora can still read, and rows that are gone."""
    living = gone = 0
    with opened(made, "belora") as one:
        for offset in range(until):
            delivery, _, _ = one.received.delivery(STREAM, offset)
            row = 0
            for block in delivery.blocks:
                head = msgspec.json.decode(delivery.head)
                count = next(many for table, _, many in head["blocks"] if table == block.table)
                marks = delivery.erased[row : row + count] if delivery.erased else bytes(count)
                row += count
                if block.table:
                    gone += sum(marks)
                    living += count - sum(marks)
    return living, gone


def test_row_24_a_recall_empties_picture_and_store_and_is_acknowledged_in_both_logs(tmp_path):
    with two(tmp_path) as made:
        made.start()
        made.activate()
        made.b.until(lambda now: len(now["told"]) > 3)
        time.sleep(11)  # a sample of both pictures is taken every ten seconds
        assert added(made).told > 3
        assert made.command("suspend", *PAIR, ("operational",)) == 0
        made.b.until_partner(lambda now: now["phase_in"] == "suspended")
        assert made.b.status()["told"], "a suspension alone takes nothing back"
        before = made.b.status()["reading"][STREAM]
        asked = recall(made)
        made.b.until(lambda now: not now["told"] and now["reading"][STREAM] > before)
        assert made.b.status()["tracks"] > 0, "Belora's own craft stay"
        ends = time.monotonic() + 20
        while f"recall.done/{STREAM}" not in commands.standings(made.made.members["arvena"].kept).heads:
            assert time.monotonic() < ends, "Belora's word did not come back"
            time.sleep(0.1)
        assert [node.stop() for node in made.nodes.values()] == [0, 0]

        living, gone = rows_left(made, before)
        assert living == 0
        for node in PAIR:
            (done,) = done_in_log(made, node)
            assert (done.recall, done.stream) == (asked, STREAM)
            assert int(done.count) >= gone > 5
        assert exact(made, *PAIR) > 5  # what is gone is proven by its hashes as before
        assert added(made).told == 0, "what was recalled since counts as not sent"


def test_row_24_a_legal_hold_blocks_a_recall_and_says_so(tmp_path):
    with two(tmp_path) as made:
        made.start()
        made.activate()
        made.b.until(lambda now: len(now["told"]) > 3)
        hold = statements.HoldPlace(
            name="inquiry", originator="arvena", tracks=("all",), to_ns=str((1 << 63) - 1), nonce=secrets.token_hex(16)
        )
        assert hand_in(made, "belora", hold, "operational") == "capacity_missing"
        assert hand_in(made, "belora", hold, "policy", "operational") == ""
        assert made.command("suspend", *PAIR, ("operational",)) == 0
        made.b.until_partner(lambda now: now["phase_in"] == "suspended")
        before = made.b.status()["reading"][STREAM]
        recall(made)
        told = made.b.until_partner(lambda now: now["refused"].get("recall_held"))
        assert "inquiry" in told["detail"]
        assert not made.b.status()["told"], "it is not used any more, held or not"
        time.sleep(1.5)
        assert [node.stop() for node in made.nodes.values()] == [0, 0]
        living, gone = rows_left(made, before)
        assert living > 5
        assert gone == 0
        (done,) = done_in_log(made, "arvena")
        assert done.count == "0"


@pytest.mark.parametrize("node", PAIR)
def test_nobody_but_the_recipients_node_says_that_a_recall_is_done(tmp_path, node):
    made = partners.make(tmp_path, sea(), ("Arvena", "Belora"), {"Arvena": 1, "Belora": 2})
    done = statements.RecallDone(stream=STREAM, recall="0" * 64, count="7", nonce="")
    text = statements.canonical(done)
    key = made.members[node].keys.agreement
    envelope = statements.envelope(text, [statements.signed(text, key.public(), key.sign, node=node)])
    verified = statements.verify(envelope, made.directory)
    assert isinstance(verified, statements.Verified), verified
    found = standing.apply(standing.init(), verified, made.directory, {}, (), 0, "arvena")
    if node == "arvena":
        assert found.why == "not_authorised"
        return
    assert found.heads == {f"recall.done/{STREAM}": verified.sha256}
    again = standing.apply(found, verified, made.directory, {}, (), 0, "arvena")
    assert again.why == "already"
    assert standing.apply(standing.init(), verified, made.directory, {}, (), 0, "corvia").why == "not_authorised"
