"""The door over the real log: what is committed, sealed and kept there arrives and holds; erased rows are stubs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.doubles.a_log import TICK_NS, store
from tests.doubles.key_disk import KeyDisk
from tests.doubles.link_pair import STREAM, Pair, ended, until

from manara.host import link_file
from manara.host.link_checks import Asked, Checked, Remembered, check
from manara.ledger import tree
from manara.link import heads, wire
from manara.records.released import COARSE, Block, Entry, Head, RowTable, Terms

T0 = 1_790_000_000_000_000_000 // TICK_NS * TICK_NS


def an_entry(offset: int, subjects: list[int]) -> Entry:
    """Coarse rows of these tracks, as release makes them."""
    rows = np.zeros(len(subjects), COARSE)
    rows["track"], rows["cell"], rows["epoch_s"], rows["epoch_ns"] = subjects, 77, 600, T0 - 600 * 10**9
    block = Block(RowTable.COARSE, COARSE.itemsize, rows.tobytes(), np.array(subjects, "<u8").tobytes())
    head = Head(
        kind="batch",
        stream=STREAM,
        offset=str(offset),
        time_ns=str(T0 + offset * TICK_NS),
        terms=(Terms(("r1",), 1, 3600),),
        blocks=((block.table, block.width, len(rows)),),
    )
    return Entry(STREAM, offset, heads.encode(head), (block,))


def filled(ticks: int, first: int = 0, disk: KeyDisk | None = None):
    log = store(disk or KeyDisk())
    for k in range(first, first + ticks):
        log.publish(T0 + k * TICK_NS, k + 1, [an_entry(k, [1, 2, 3 + k])])
    return log


def test_row_19_the_real_log_is_followed_over_tls_and_across_its_restart(tmp_path):
    disk = KeyDisk()

    async def play() -> Pair:
        pair = Pair(tmp_path, filled(5, disk=disk))
        server = await pair.open()
        following = asyncio.create_task(pair.client().follow())
        try:
            await until(lambda: pair.taker.offsets == list(range(5)))
            server._log = pair.log = filled(5, first=5, disk=disk)  # the releaser's process died and came back
            server.wake()
            await until(lambda: pair.taker.offsets == list(range(10)))
        finally:
            await ended(following)
            await server.close()
        return pair

    pair = asyncio.run(play())
    assert pair.taker.refusals() == []
    tracks = [frame.rows.tables[RowTable.COARSE]["track"].tolist() for frame in pair.taker.frames]
    assert tracks == [[1, 2, 3 + k] for k in range(10)]
    assert pair.memory.last("arvena").size == 10


@pytest.mark.parametrize("size", range(1, 9))
def test_row_22_growth_is_proven_from_any_size(size):
    log = filled(9)
    seen = Remembered(size, tree.root_at(log._tree.hashes, size), b"")
    data = link_file.answer(log, STREAM, size, size, T0)
    found = check(wire.parse(data), Asked("arvena", log.key, STREAM, size), seen, T0)
    assert isinstance(found, Checked), found
    assert len(found.arrived) == 9 - size


def test_row_11_what_was_erased_at_the_releaser_is_a_stub_at_the_recipient_and_the_proofs_hold(tmp_path: Path):
    log = filled(4)
    hours = [(T0 + k * TICK_NS) // 3_600_000_000_000 for k in range(4)]
    log.erase("arvena", 2, min(hours), max(hours) + 1)
    read = wire.parse(link_file.answer(log, STREAM, 0, 0, T0))
    assert isinstance(read, wire.Answer), read
    found = check(read, Asked("arvena", log.key, STREAM, 0), Remembered(), T0)
    assert isinstance(found, Checked), found
    for k, one in enumerate(found.arrived):
        rows = np.frombuffer(one.blocks[0].rows, COARSE)
        assert rows["track"].tolist() == [1, 3 + k]
    exported = link_file.export(log, STREAM, 0, tmp_path / "x.mnl", T0)
    assert exported.entries == 4
