"""The vector of docs/spec/means.md, and texts of the register that would paint on somebody's screen."""

from __future__ import annotations

import re

import numpy as np

from manara.kernels import coverage
from manara.link import rows
from manara.records.capability import FORM_WORDS, KIND_WORDS
from manara.records.coverage import Band, Size
from manara.records.released import CAPABILITY, COVER, Block, Head, RowTable, Terms

TERMS = (Terms((), 1, 60),)


def read(table: RowTable, some: np.ndarray) -> rows.Sorted:
    head = Head(kind="batch", stream="a>b", offset="0", time_ns="0", terms=TERMS,
                blocks=((int(table), some.dtype.itemsize, len(some)),))  # fmt: skip
    found = rows.read(head, (Block(int(table), some.dtype.itemsize, some.tobytes()),))
    assert isinstance(found, rows.Sorted)
    return found


def test_the_vector_of_the_page_reads_as_it_says(repository):
    page = (repository / "docs/spec/means.md").read_text("utf-8")
    raw = bytes.fromhex(re.search(r"```hex\n([0-9a-f]+)\n", page)[1])
    (row,) = read(RowTable.COVERAGE, np.frombuffer(raw, COVER)).tables[RowTable.COVERAGE]
    assert f"`{hex(int(row['cell']))}`" in page
    levels, counts = (coverage.unpack(np.array([row[name]]), 9)[0].reshape(3, 3) for name in ("levels", "counts"))
    wanted = np.zeros((3, 3), int)
    wanted[[Band.MIDDLE, Band.HIGH], Size.LARGE] = 1
    assert (levels == 3 * wanted).all()
    assert (counts == wanted).all()
    assert (int(row["epoch_ns"]), int(row["epoch_s"])) == (1_900_000_200 * 10**9, 600)


def test_the_page_names_every_word_by_its_number(repository):
    page = (repository / "docs/spec/means.md").read_text("utf-8")
    for number, word in [*enumerate(KIND_WORDS), *enumerate(FORM_WORDS)]:
        assert not word or f"{number} {word}" in page


def test_texts_that_are_none_are_dropped():
    some = np.zeros(4, CAPABILITY)
    some["availability"], some["name"] = 3, b"ok"
    some["caveat"][1], some["owner"][2], some["id"][3] = b"\x1b[31m", b"\xff", "\u202eevil".encode()
    found = read(RowTable.CAPABILITY, some)
    assert len(found.tables[RowTable.CAPABILITY]) == 1
    assert found.dropped == {"text": 3}


def test_figures_that_no_means_of_rescue_has_are_dropped():
    some = np.zeros(5, CAPABILITY)
    some["availability"] = 3
    some["speed_mps"][1], some["reach_m"][2], some["speed_mps"][3], some["lat_rad"][4] = 4_000.0, np.nan, -1.0, 2.0
    assert read(RowTable.CAPABILITY, some).dropped == {"figures": 3, "position": 1}
