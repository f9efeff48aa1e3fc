"""Retention: each row for as long as its terms say, no hour before, and nothing that a legal hold keeps."""

from __future__ import annotations

import asyncio

import msgspec
import numpy as np
import pytest
from tests.doubles import a_log
from tests.doubles.agreements import TEXT
from tests.doubles.key_disk import KeyDisk

from manara.host import retention
from manara.host.link_answers import answer
from manara.host.received import Received
from manara.host.retention import Ask, Sweeper, Swept
from manara.host.vault import HOUR_NS, Hold, Vault
from manara.link import heads, wire
from manara.records.released import COARSE, Block, Entry, Head, RowTable, Terms
from manara.release import document, statements

STREAM = "arvena>belora"
H = 480_000  # an hour since 1970
DAY_S = 86_400
SHORT, LONG = Terms(("short",), 1, DAY_S), Terms(("long",), 1, 7 * DAY_S)


class Scene:
    """Arvena's log, Belora's store and Belora's own log."""

    def __init__(self, folder) -> None:
        self.theirs = a_log.store(KeyDisk(), 1 << 20)
        self.disk = KeyDisk()
        self.vault = Vault(self.disk)
        self.received = Received(self.disk, self.vault, 8_000)
        self.own = a_log.store(KeyDisk(), 4_000)
        self.folder = folder
        self.ticks = 0

    def sweeper(self, keep_ns: int = 0) -> Sweeper:
        return Sweeper(self.received, self.own, self.vault, "belora", keep_ns, self.folder)

    def send(self, hour: int, rows: list[tuple[int, int]], kind: str = "batch", subject: str = "") -> None:
        """One entry that comes in this hour. ``rows``: track, place in the terms."""
        table = np.zeros(len(rows), COARSE)
        table["track"], table["terms"] = [one for one, _ in rows], [terms for _, terms in rows]
        offset = self.theirs.heads().get(STREAM, 0)
        shape = ((int(RowTable.COARSE), COARSE.itemsize, len(rows)),) if rows else ()
        head = Head(kind=kind, stream=STREAM, offset=str(offset), time_ns="0", terms=(SHORT, LONG), blocks=shape,
                    subject=subject)  # fmt: skip
        blocks = (Block(RowTable.COARSE, COARSE.itemsize, table.tobytes(), bytes(8 * len(rows))),) if rows else ()
        self.theirs.publish(
            self.ticks * a_log.TICK_NS, 100 + self.ticks, [Entry(STREAM, offset, heads.encode(head), blocks)]
        )
        self.ticks += 1
        found = wire.parse(answer(self.theirs, STREAM, offset, 0, 1))
        assert isinstance(found, wire.Answer)
        self.received.keep("arvena", found, hour * HOUR_NS + 5)

    def there(self) -> set[tuple[int, int]]:
        """Hour and track of every row that can still be read."""
        found = set()
        for hour in self.received.hours().get(STREAM, []):
            for _, _, blocks, erased in self.received.told(STREAM, hour):
                rows = np.frombuffer(b"".join(b.rows for b in blocks) if not any(erased) else b"", COARSE)
                found |= {(hour - H, int(one)) for one in rows["track"]}
                if any(erased):
                    at = 0
                    for gone in erased:
                        if not gone:
                            row = np.frombuffer(blocks[0].rows[at : at + COARSE.itemsize], COARSE)
                            found.add((hour - H, int(row["track"][0])))
                        at += 32 if gone else COARSE.itemsize
        return found


@pytest.fixture
def scene(tmp_path) -> Scene:
    made = Scene(tmp_path / "retention")
    made.send(H, [(1, 0), (2, 1)])
    made.send(H + 3, [(1, 0), (2, 1), (3, 1)])
    return made


def at(hours: float) -> int:
    return H * HOUR_NS + int(hours * HOUR_NS)


def test_row_11_each_row_goes_when_its_terms_say_and_not_before(scene):
    sweeper = scene.sweeper()
    assert sweeper.run(at(23.9)) == ()
    assert scene.there() == {(0, 1), (0, 2), (3, 1), (3, 2), (3, 3)}
    assert sweeper.run(at(24)) == (Swept(originator="arvena", before_ns=at(1), rows=1, keys=1),)
    assert scene.there() == {(0, 2), (3, 1), (3, 2), (3, 3)}
    assert sweeper.run(at(24.5)) == ()
    [one] = scene.sweeper().run(at(27))  # one that has only now started
    assert (one.rows, one.keys, scene.there()) == (1, 1, {(0, 2), (3, 2), (3, 3)})
    [one] = sweeper.run(at(8 * 24))
    assert (one.rows, one.keys, scene.there()) == (3, 3, set())
    assert sweeper.run(at(9 * 24)) == ()


def test_what_is_erased_leaves_its_proof(scene):
    before = scene.received.delivery(STREAM, 0)
    scene.sweeper().run(at(24))
    one, _, signed = scene.received.delivery(STREAM, 0)
    assert list(one.erased) == [1, 0]
    assert signed == before[2]
    assert a_log.proves(scene.theirs, one) == ""


def test_a_dry_run_says_the_same_and_erases_nothing(scene):
    [said] = scene.sweeper().run(at(24), dry=True)
    assert (said.keys, said.rows) == (1, 0)
    assert len(scene.there()) == 5
    [done] = scene.sweeper().run(at(24))
    assert done.keys == said.keys


def test_a_legal_hold_keeps_what_is_due_is_named_and_lets_it_go_when_lifted(scene):
    scene.vault.place_hold(Hold(name="case-7", originator="arvena", subjects=(1,), first=H, end=H + 1))
    sweeper = scene.sweeper()
    for _ in range(2):  # the second time from memory
        assert sweeper.run(at(25)) == (Swept(originator="arvena", held=1, holds=("case-7",)),)
    [one] = sweeper.run(at(30))
    assert (one.keys, one.held, one.holds) == (1, 1, ("case-7",))
    assert (0, 1) in scene.there()
    assert (3, 1) not in scene.there()
    scene.vault.lift_hold("case-7")
    [one] = sweeper.run(at(31))
    assert (one.keys, one.held) == (1, 0)
    assert (0, 1) not in scene.there()


def test_a_newer_agreement_that_asks_for_less_counts_for_what_came_before_it(scene):
    scene.send(H + 4, [], "policy", msgspec.json.encode({"attachment": shorter().decode()}).decode())
    [one] = scene.sweeper().run(at(9))  # two hours since the hours of the rows have ended
    assert one.keys == 5
    assert scene.there() == set()


def shorter() -> bytes:
    text = TEXT.replace("retention_s = 86_400", "retention_s = 7_200").encode()
    assert text != TEXT.encode()
    assert isinstance(document.read(text), document.Document)
    return document.attach(text, b"")


def test_an_hour_that_has_not_ended_is_not_touched(tmp_path):
    scene = Scene(tmp_path)
    scene.send(H, [], "policy", msgspec.json.encode({"attachment": shorter().decode()}).decode())
    scene.send(H + 2, [(1, 0)])
    assert scene.sweeper().run(at(2.9)) == ()
    assert scene.there() == {(2, 1)}


def test_the_own_log_keeps_rows_for_so_many_days_and_proofs_for_ever(scene):
    for hour in range(4):
        for number in range(30):
            a_log.publish(scene.own, 30 * hour + number, at_ns=(H + hour) * HOUR_NS + number)
    size = scene.own.size
    # both logs of this test have a key table of their own
    sweeper = Sweeper(scene.received, scene.own, scene.own._vault, "arvena", 2 * HOUR_NS, scene.folder)
    [said] = [one for one in sweeper.run(at(4.5), dry=True) if one.originator == "arvena" and one.before_ns == at(2)]
    done = {one.originator: one for one in sweeper.run(at(4.5))}["arvena"]
    assert done.keys == said.keys == 6  # three tracks in each of two hours
    assert done.rows + done.pruned > 0
    assert scene.own.size == size
    assert all(a_log.proves(scene.own, one) == "" for some in a_log.all_of(scene.own).values() for one in some)
    assert scene.own.head("arvena>belora", 0) is not None


def test_segments_of_what_came_are_removed_but_never_into_a_hold(tmp_path):
    scene = Scene(tmp_path)
    for hour in range(40):
        scene.send(H + hour, [(one, 1) for one in range(40)])
    scene.vault.place_hold(Hold(name="case", originator="arvena", subjects=(1,), first=H + 10, end=H + 11))
    first = len(scene.received.hours()[STREAM])
    [one] = scene.sweeper(20 * HOUR_NS).run(at(50))
    there = scene.received.hours()[STREAM]
    assert one.pruned > 0
    assert len(there) < first
    assert H + 10 in there
    assert (10, 1) in scene.there()


def test_what_is_said_of_it_is_a_statement_of_the_node():
    swept = Swept(originator="arvena", before_ns=at(1), rows=7, keys=3)
    text = retention.statement(swept, "ab" * 32, "00" * 16)
    _, said = statements.read(statements.envelope(text, ()))
    assert (said.originator, said.before_ns, said.count, said.after) == ("arvena", str(at(1)), "7", "ab" * 32)


def test_a_running_node_answers_who_asks(tmp_path):
    asked: list[bool] = []
    done: list[Swept] = []
    swept = (Swept(originator="arvena", rows=1, keys=1), Swept(originator="belora", held=2, holds=("x",)))

    async def story(dry: bool):
        def sweep(dry: bool):
            asked.append(dry)
            return swept

        work = asyncio.create_task(retention.keep(tmp_path, sweep, done.append))
        try:
            return await asyncio.to_thread(retention.ask, tmp_path, dry, 10.0)
        finally:
            work.cancel()

    assert asyncio.run(story(True)) == swept
    assert (asked, done) == ([True], [])
    assert asyncio.run(story(False)) == swept
    assert (asked, done) == ([True, False], [swept[0]])


def test_nobody_answers_and_rubbish_is_no_question(tmp_path):
    assert retention.ask(tmp_path, False, 0.1) is None
    assert isinstance(retention.asked(tmp_path), Ask)
    assert retention.asked(tmp_path) is None
    (tmp_path / "retention" / "ask.json").write_bytes(b"\xff[")
    assert retention.asked(tmp_path) is None
    (tmp_path / "retention" / "known.json").write_bytes(b"{")
    assert retention._known(tmp_path / "retention" / "known.json").shortest == {}
