"""History as a table: what stands in the store of it, with angles in degrees, and nothing of what is live or erased."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from tests.doubles import a_log
from tests.doubles.key_disk import KeyDisk

from manara.cli import main
from manara.host import history
from manara.host.disk import FolderDisk
from manara.host.link_answers import answer
from manara.host.received import Received
from manara.host.vault import HOUR_NS, Vault, WipingDisk
from manara.kernels import grid
from manara.link import heads, wire
from manara.records.released import COARSE, PRECISE, Block, Entry, Head, RowTable, Terms

BACK, LIVE = "arvena>belora/backfill", "arvena>belora"
NOON = 480_000 * HOUR_NS
TERMS = (Terms(("air",), 1, 60), Terms(("sea-far",), 1, 60, cell_m=8_000))
CELL = grid.cell_of(np.radians(np.array([-47.0])), np.radians(np.array([-120.0])), grid.tier_of(8_000))


def precise(tracks: list[int]) -> Block:
    table = np.zeros(len(tracks), PRECISE)
    table["track"], table["time_ns"] = tracks, NOON - HOUR_NS
    table["updated_ns"] = table["time_ns"]
    table["lat_rad"], table["lon_rad"], table["ve_mps"], table["domain"], table["kind"] = -0.5, 2.0, 7.0, 1, 1
    table["cov"][:, (0, 4, 7, 9)] = 1.0
    table["life"] = 2
    return Block(RowTable.PRECISE, PRECISE.itemsize, table.tobytes(), bytes(8 * len(tracks)))


def coarse(tracks: list[int]) -> Block:
    table = np.zeros(len(tracks), COARSE)
    table["track"], table["cell"], table["epoch_ns"], table["epoch_s"] = tracks, CELL[0], NOON - HOUR_NS, 1_024
    table["terms"], table["domain"], table["kind"] = 1, 2, 1
    return Block(RowTable.COARSE, COARSE.itemsize, table.tobytes(), bytes(8 * len(tracks)))


@pytest.fixture
def folder(tmp_path):
    theirs = a_log.store(KeyDisk(), 1 << 20)
    store = Received(FolderDisk(tmp_path / "received"), Vault(WipingDisk(tmp_path / "vault")))
    sent = [(BACK, (precise([1, 2]), coarse([3]))), (LIVE, (precise([9]),)), (BACK, (precise([2]),))]
    for tick, (stream, blocks) in enumerate(sent):
        offset = theirs.heads().get(stream, 0)
        shape = tuple((b.table, b.width, len(b.rows) // b.width) for b in blocks)
        head = Head(kind="batch", stream=stream, offset=str(offset), time_ns=str(NOON), terms=TERMS, blocks=shape)
        theirs.publish(tick * a_log.TICK_NS, 100 + tick, [Entry(stream, offset, heads.encode(head), blocks)])
        found = wire.parse(answer(theirs, stream, offset, 0, 1))
        assert isinstance(found, wire.Answer)
        store.keep("arvena", found, NOON + 5)
    yield tmp_path, store
    store.close()


def test_row_20_history_is_read_as_history(folder, capsys):
    place, _ = folder
    out = place / "before.csv"
    assert main(["export", "history", str(place), "--partner", "arvena", "--out", str(out)]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert [one["track"] for one in found] == ["1", "2", "3", "2"]
    assert found[0]["lat_deg"] == str(round(np.degrees(-0.5), 6))
    assert (found[0]["rules"], found[0]["half_m"], found[0]["ve_mps"]) == ("air", "0", "7.0")
    assert (found[2]["rules"], found[2]["half_m"], found[2]["ve_mps"]) == ("sea-far", "4002", "")
    assert abs(float(found[2]["lat_deg"]) + 47.0) < 0.1
    assert found[0]["time_utc"].endswith("Z")
    assert "4 rows" in capsys.readouterr().out


def test_what_was_erased_is_not_in_it(folder):
    _, store = folder
    store.erase(BACK, [2], 0, 1 << 62)
    assert [row[1] for row in history.told(store, "arvena")] == ["1", "3"]
    assert list(history.told(store, "corvia")) == []


def test_nothing_is_said_in_one_line(tmp_path, capsys):
    assert main(["export", "history", str(tmp_path), "--partner", "arvena", "--out", str(tmp_path / "x")]) == 2
    assert "holds nothing of partners" in capsys.readouterr().err


def test_row_24_a_recall_of_everything_takes_history_along_and_counts_it(folder):
    _, store = folder
    live = store.erase(LIVE, (), 0, 1 << 62, "ab" * 32)
    both = store.erase(BACK, (), 0, (1 << 63) - 1, "ab" * 32)
    assert live == both == 5, "keys are of the partner's hour: of the same hour both went at once"
    assert list(history.told(store, "arvena")) == []
    assert store.erase("arvena>nobody/backfill", (), 0, 1 << 62, "ab" * 32) == both
