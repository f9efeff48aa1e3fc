"""The door: rows that nobody fetched before a suspension stay inside, with their proof; a receipt counts once."""

from __future__ import annotations

import asyncio
import time

import msgspec
import numpy as np
import pytest
from tests.doubles import a_log
from tests.doubles.key_disk import KeyDisk

from manara.exercise import partners
from manara.host.door import Door, withheld
from manara.ledger import entry
from manara.link import heads, rows
from manara.records.config import NodeConfig
from manara.records.inputs import Answered, Input, Views
from manara.records.reject import Reject
from manara.records.released import PRECISE, WARNING, Block, Entry, Head, RowTable, Terms
from manara.release import standing, statements

STREAM = "arvena>belora"


def frame(offset: int, kind: str, table: RowTable, dtype: np.dtype, many: int) -> Entry:
    filled = np.zeros(many, dtype)
    filled[dtype.names[0]] = b"belora-roads" if table == RowTable.WARNING else np.arange(1, many + 1)
    block = Block(table, dtype.itemsize, filled.tobytes(), bytes(8 * many))
    head = Head(kind=kind, stream=STREAM, offset=str(offset), time_ns="7", terms=(Terms(("air",), 1, 1),),
                blocks=((table, dtype.itemsize, many),))  # fmt: skip
    return Entry(STREAM, offset, heads.encode(head), (block,))


@pytest.fixture
def log():
    made = a_log.store(KeyDisk(), 1 << 20)
    for offset in range(3):
        made.publish(offset, offset + 1, [frame(offset, "batch", RowTable.PRECISE, PRECISE, 5)])
    made.publish(3, 4, [frame(3, "warning", RowTable.WARNING, WARNING, 1)])
    made.publish(4, 5, [frame(4, "batch", RowTable.PRECISE, PRECISE, 2)])
    return made


class Room:
    def __init__(self) -> None:
        self.said: list[tuple[str, int]] = []

    def signed(self, stream: str, following: int) -> None:
        self.said.append((stream, following))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from manara.study import scenario as scenarios

    sea = scenarios.apart(scenarios.load(scenarios.find("lantern")))
    return partners.make(tmp_path_factory.mktemp("door"), sea, ("Arvena", "Belora"), {"Arvena": 1, "Belora": 2})


def opened(log, made, offer=lambda one: None) -> Door:
    config = NodeConfig(name="arvena", partner="arvena")
    return Door(config, made.directory, log, None, Room(), offer, time.time_ns)


def sound(one) -> str:
    pieces = [(block.rows, block.width) for block in one.blocks]
    return entry.check_entry(one.head, pieces, one.salts, one.erased, one.place, one.width, one.path, one.tick)


def tracks(one) -> list[int]:
    from manara.link import wire

    living = wire.living(one)
    assert not isinstance(living, Reject)
    read = rows.read(heads.parse(one.head), living)
    assert not isinstance(read, Reject)
    found = read.tables.get(RowTable.PRECISE)
    return [] if found is None else found["track"].tolist()


def test_rows_before_a_suspension_are_not_given_and_their_entries_still_prove(log, made):
    door = opened(log, made)
    before = door.read(STREAM, 0, 10, 1 << 20)
    door.shown(Views(cut={STREAM: 4}), standing.init(), True)
    after = door.read(STREAM, 0, 10, 1 << 20)
    assert [one.offset for one in after] == [0, 1, 2, 3, 4], "no place is skipped"
    assert [sound(one) for one in after] == [""] * 5
    assert [entry_root(one) for one in after] == [entry_root(one) for one in before]
    secret = np.frombuffer(before[0].blocks[0].rows, PRECISE)["track"].tobytes()
    for one in after[:3]:
        assert one.erased == b"\1" * 5
        assert all(secret[:8] != block.rows[:8] for block in one.blocks)
        assert one.salts[16:] == bytes(16 * 5), "a salt would let somebody try rows until one fits"
    assert after[3] == before[3], "a warning stands above every phase"
    assert after[4] == before[4], "what was logged later is not touched"


def entry_root(one) -> bytes:
    return entry.entry_root(one.head, [(b.rows, b.width) for b in one.blocks], one.salts, one.erased)


def test_a_reader_takes_such_an_entry_as_one_whose_rows_are_gone(log, made):
    door = opened(log, made)
    door.shown(Views(cut={STREAM: 1}), standing.init(), True)
    first, second = door.read(STREAM, 0, 2, 1 << 20)
    assert tracks(second) == [1, 2, 3, 4, 5]
    assert tracks(first) == []


def test_an_entry_whose_rows_were_erased_already_can_still_be_withheld(log):
    one = log.read(STREAM, 0, 1, 1 << 20)[0]
    log.erase("arvena", None, 0, 1 << 40)
    half = log.read(STREAM, 0, 1, 1 << 20)[0]
    assert entry_root(withheld(half)) == entry_root(one)
    assert withheld(withheld(one)) == withheld(one)


def test_history_of_a_suspended_agreement_is_not_given(made):
    back = f"{STREAM}/backfill"
    store = a_log.store(KeyDisk(), 1 << 20)
    one = frame(0, "batch", RowTable.PRECISE, PRECISE, 3)
    head = msgspec.structs.replace(heads.parse(one.head), stream=back)
    store.publish(0, 1, [Entry(back, 0, heads.encode(head), one.blocks)])
    (found,) = opened(store, made).read(back, 0, 1, 1 << 20)
    assert found.erased == b"\1" * 3


def receipt(made, following: int, stream: str = STREAM) -> bytes:
    said = statements.Receipt(stream=stream, next=str(following), root="11" * 32, size=str(following), nonce="")
    text, key = statements.canonical(said), made.members["belora"].keys.agreement
    return statements.envelope(text, [statements.signed(text, key.public(), key.sign, node="belora")])


def test_row_21_a_receipt_that_says_nothing_new_wakes_no_step(log, made):
    heard: list[Input] = []
    door = opened(log, made, heard.append)
    door.shown(Views(signed={STREAM: 3}), standing.init(), False)

    async def hear(*envelopes: bytes) -> list[str]:
        return [await door.hear("belora", "receipt", one) for one in envelopes]

    assert asyncio.run(hear(receipt(made, 2), receipt(made, 3))) == ["", ""]
    assert heard == []
    assert asyncio.run(hear(receipt(made, 4))) == [""]
    assert [(one.stream, one.next) for one in heard if isinstance(one, Answered)] == [(STREAM, 4)]
    assert (
        asyncio.run(hear(receipt(made, 9, "belora>arvena"), receipt(made, 9, "arvena>corvia"))) == ["not_a_receipt"] * 2
    )
