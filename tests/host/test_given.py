"""What a partner has of this node is read from its stream, as the partner reads it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from manara.host import given
from manara.link import heads
from manara.records.released import COARSE, ENDED, NAMES, PRECISE, WARNING, Block, Delivery, Head, RowTable, Terms

T0, S = 1_790_000_000_000_000_000, 1_000_000_000
OPEN = Terms(("open",), 1, 3_600)
CLOSE = Terms(("close",), 2, 60, ("corvia",), 0, 5)
STREAM = "arvena>belora"


class Log:
    """A log of one stream; counts what is read of it."""

    def __init__(self) -> None:
        self.entries: list[Delivery] = []
        self.reads: list[int] = []
        self.first = 0

    def heads(self) -> dict[str, int]:
        return {STREAM: len(self.entries)} if self.entries else {}

    def oldest(self, stream: str) -> int:
        return self.first

    def read(self, stream: str, first: int, max_entries: int, max_bytes: int) -> list[Delivery]:
        assert stream == STREAM
        some = self.entries[first : first + max_entries]
        self.reads += [one.offset for one in some]
        return some

    def tell(self, second: int, *blocks: Block, kind: str = "batch", subject: str = "", terms=(OPEN, CLOSE)) -> None:
        head = Head(
            kind=kind, stream=STREAM, offset=str(len(self.entries)), time_ns=str(T0 + second * S), policy="aa" * 32,
            phase="full", terms=terms if blocks else (), subject=subject,
            blocks=tuple((one.table, one.width, len(one.rows) // one.width) for one in blocks),
        )  # fmt: skip
        self.entries.append(Delivery(len(self.entries), heads.encode(head), blocks, b"", 0, 1, b"", b"", 0))


def block(table: RowTable, rows) -> Block:
    """Rows as they lie in our own log: with whose track each is of."""
    return Block(table, rows.dtype.itemsize, rows.tobytes(), bytes(8 * len(rows)))


def precise(second: int, *tracks: int, terms: int = 0, lat: float = 0.1) -> Block:
    rows = np.zeros(len(tracks), PRECISE)
    rows["track"], rows["time_ns"], rows["updated_ns"] = tracks, T0 + second * S, T0 + second * S
    rows["lat_rad"], rows["lon_rad"], rows["kind"], rows["domain"], rows["life"] = lat, 0.2, 1, 1, 2
    rows["cov"][:, [0, 4, 7, 9]] = 100.0
    rows["terms"] = terms
    return block(RowTable.PRECISE, rows)


def coarse(second: int, track: int, cell: int = 0x103020000700005, epoch_s: int = 100) -> Block:
    rows = np.zeros(1, COARSE)
    rows["track"], rows["cell"], rows["epoch_ns"], rows["epoch_s"] = track, cell, T0 + second * S, epoch_s
    rows["kind"], rows["domain"] = 1, 1
    return block(RowTable.COARSE, rows)


def ended(second: int, *tracks: int) -> Block:
    rows = np.zeros(len(tracks), ENDED)
    rows["track"], rows["time_ns"] = tracks, T0 + second * S
    return block(RowTable.ENDED, rows)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def stream(log: Log) -> given.Stream:
    return given.Stream(log, "arvena", "belora")


def held(one) -> dict[int, tuple[float, tuple[str, ...]]]:
    terms = [one.terms[k].rules for k in one.precise_terms]
    return {int(row["track"]): (float(row["lat_rad"]), rule) for row, rule in zip(one.precise, terms, strict=True)}


def test_the_newest_row_of_each_track_stands_with_its_terms(log, stream):
    assert len(stream.given().precise) == 0
    log.tell(1, precise(1, 7, 8))
    log.tell(2, precise(2, 8, terms=1, lat=0.3))
    log.tell(3, precise(3, 9), terms=(CLOSE,))
    one = stream.given()
    assert held(one) == {7: (0.1, ("open",)), 8: (0.3, ("close",)), 9: (0.1, ("close",))}
    assert (one.reached, one.time_ns, one.phase, one.withheld) == (3, T0 + 3 * S, "full", "")


def test_what_ended_or_was_taken_back_is_gone_and_comes_again_only_when_it_is_told_again(log, stream):
    log.tell(1, precise(1, 7, 8, 9), coarse(1, 11))
    log.tell(2, ended(2, 7))
    assert set(held(stream.given())) == {8, 9}
    log.tell(3, kind="recall", subject=msgspec.json.encode({"recall": "aa" * 32, "tracks": ["8"]}).decode())
    assert set(held(stream.given())) == {9}
    log.tell(4, precise(4, 8))
    assert set(held(stream.given())) == {8, 9}
    log.tell(5, kind="recall", subject=msgspec.json.encode({"tracks": ["all"]}).decode())
    one = stream.given()
    assert (len(one.precise), len(one.coarse)) == (0, 0)


def test_what_is_not_told_again_fades_and_a_square_lasts_two_epochs(log, stream):
    log.tell(1, precise(1, 7), coarse(1, 11))
    log.tell(90, precise(90, 8))
    assert set(held(stream.given())) == {7, 8}
    log.tell(92, precise(92, 8))
    one = stream.given()
    assert set(held(one)) == {8}
    assert one.coarse["track"].tolist() == [11]
    log.tell(202, precise(202, 8))
    assert stream.given().coarse["track"].tolist() == []


def test_only_the_news_is_read_and_after_a_long_while_nobody_reads_it_all(log, stream):
    for second in range(5):
        log.tell(second, precise(second, 7))
    stream.given()
    log.tell(6, precise(6, 7))
    stream.given()
    assert log.reads == [0, 1, 2, 3, 4, 5]
    for second in range(7, 7 + 3 * given.BACK):
        log.tell(second, precise(second, 7))
    stream.given()
    assert log.reads[6:] == list(range(len(log.entries) - given.BACK, len(log.entries)))


def test_erased_rows_are_not_there(log, stream):
    log.tell(1, precise(1, 7, 8))
    whole = log.entries[0]
    rows = whole.blocks[0].rows
    gone = Block(RowTable.PRECISE, PRECISE.itemsize, bytes(32) + rows[PRECISE.itemsize :])
    log.entries[0] = msgspec.structs.replace(whole, blocks=(gone,), erased=b"\1\0")
    assert set(held(stream.given())) == {8}


def test_names_and_why_nothing_goes(log, stream):
    names = np.zeros(1, NAMES)
    names["track"], names["name"], names["callsign"] = 7, "نجمة".encode(), b"LTN7"
    log.tell(1, precise(1, 7), block(RowTable.NAMES, names))
    assert stream.given().names == {7: ("نجمة", "LTN7")}
    log.tell(2, kind="withheld", subject="warming")
    assert stream.given().withheld == "warming"
    log.tell(3, kind="heartbeat")
    assert stream.given().withheld == "warming", "a heartbeat says nothing new about it"
    log.tell(4, precise(4, 7))
    assert stream.given().withheld == ""


def test_warnings_under_rule_0_are_an_area_a_danger_and_five_minutes(log, stream):
    rows = np.zeros(1, WARNING)
    rows["area"], rows["window_ns"], rows["hazard"], rows["severity"] = (
        b"belora-waters",
        T0 // (300 * S) * (300 * S),
        2,
        3,
    )
    log.tell(1, block(RowTable.WARNING, rows), kind="warning", terms=(Terms(("rule 0",), 511, 0),))
    (one,) = stream.given().warned
    assert (one.area, one.hazard, one.severity, one.received_ns) == ("belora-waters", 2, 3, T0 + S)
    assert one.window_ns % (300 * S) == 0
    log.tell(61, block(RowTable.WARNING, rows), kind="warning", terms=(Terms(("rule 0",), 511, 0),))
    (again,) = stream.given().warned
    assert again == msgspec.structs.replace(one, received_ns=T0 + 61 * S), "said again it stands once"
    for second in range(62, 100):
        rows["area"] = f"area-{second}".encode()
        log.tell(second, block(RowTable.WARNING, rows), kind="warning", terms=(Terms(("rule 0",), 511, 0),))
    assert len(stream.given().warned) == given.WARNED_MAX


def test_what_the_partner_could_not_read_is_not_shown_either(log, stream):
    log.tell(1, precise(1, 7))
    log.tell(2, precise(2, 8))
    log.entries[1] = msgspec.structs.replace(log.entries[1], head=b"not a head")
    log.tell(3, precise(3, 9, lat=9.9))
    assert set(held(stream.given())) == {7}


@pytest.mark.parametrize("seed", range(8))
def test_followed_by_and_by_or_read_by_a_plain_reader_it_is_the_same(log, stream, seed):
    """Against a dictionary that takes row after row."""
    chance, plain = np.random.default_rng(seed), {}
    for second in range(60):
        some = chance.choice(30, chance.integers(1, 12), replace=False) + 1
        lat, terms = float(chance.uniform(-1, 1)), int(chance.integers(0, 2))
        gone = [int(one) for one in chance.choice(30, 2, replace=False) + 1]
        log.tell(second, precise(second, *some, lat=lat, terms=terms), ended(second, *gone))
        for one in some:
            plain[int(one)] = (lat, ("open", "close")[terms])
        for one in gone:
            plain.pop(one, None)
        if chance.random() < 0.3:
            assert {k: (v[0], v[1][0]) for k, v in held(stream.given()).items()} == plain
    assert {k: (v[0], v[1][0]) for k, v in held(stream.given()).items()} == plain
    afresh = given.Stream(log, "arvena", "belora").given()
    assert held(afresh) == held(stream.given())
