"""A hostile partner speaks to a whole node: every frame that its signed log may hold, none of which stops a step."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, Sea, Two

from manara.link import heads
from manara.link import stage as link
from manara.node.arrows import link_to_picture
from manara.node.durable import poison
from manara.node.durable.frames import Record
from manara.node.sources import SourceView
from manara.records.inputs import Arrived, Erase, Publish
from manara.records.marking import Codebook
from manara.records.released import DTYPES, Block, Head, RowTable, Terms

STREAM = "arvena>belora"
BOOK = Codebook(areas=(), sources=(), partners=("belora", "arvena", "corvia"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    made = Two(tmp_path_factory.mktemp("attack"), Sea())
    made.run(1)
    made.activate("belora", "arvena")
    made.run(2)
    return made


class Liar:
    """Arvena's log, as it likes."""

    def __init__(self, pair: Two) -> None:
        self.node, self.second = pair["belora"], 0
        self.offset = link.next_offset(self.node.state.link, STREAM)

    def entry(self, kind: str, blocks=(), terms=(), time_ns: int = -1, **said) -> Arrived:
        now_ns = self.node.now_ns if time_ns < 0 else time_ns
        shape = tuple((one.table, one.width, len(one.rows) // one.width) for one in blocks)
        head = Head(
            kind=kind, stream=STREAM, offset=str(self.offset), time_ns=str(now_ns), terms=terms, blocks=shape, **said
        )
        assert isinstance(heads.parse(heads.encode(head)), Head), "its own host would refuse it before any step"
        self.offset += 1
        return Arrived("arvena", STREAM, self.offset - 1, heads.encode(head), blocks, now_ns, bytes(32))

    def say(self, *entries: Arrived, seconds: int = 1):
        """The node takes them; everything that it wants done, which must fit journal and log."""
        self.node.waiting += entries
        effects = self.node.hear(self.node.now_ns + seconds * SECOND_NS, [])
        for one in effects:
            msgspec.msgpack.encode(one)
            if isinstance(one, Publish):
                assert all(isinstance(heads.parse(made.head), Head) for made in one.entries)
        assert link.next_offset(self.node.state.link, STREAM) == self.offset, "the stream stands still"
        return effects


def recall(**said) -> str:
    whole = {"recall": "ab" * 32, "tracks": ["1"], "from_ns": "0", "to_ns": "9", "reason": "", **said}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    "subject",
    [
        recall(tracks=["-1"]),
        recall(tracks=[str(1 << 64)]),
        recall(tracks=["9" * 4000]),
        recall(tracks=[]),
        recall(from_ns="-1"),
        recall(to_ns=str(1 << 63)),
        recall(to_ns="9" * 200),
        recall(recall="x" * 200_000),
        recall(recall="../../vault"),
        recall(tracks=["1", "all"]),
        recall(from_ns="9", to_ns="0"),
    ],
)
def test_row_24_a_recall_that_makes_no_sense_erases_nothing_and_stops_nothing(pair, subject):
    liar = Liar(pair)
    effects = liar.say(liar.entry("recall", subject=subject))
    assert not [one for one in effects if isinstance(one, Erase)]


def test_row_24_a_recall_reaches_the_stream_that_it_came_in_and_no_other(pair):
    liar = Liar(pair)
    effects = liar.say(liar.entry("recall", subject=recall(tracks=["all"], to_ns=str((1 << 63) - 1))))
    (found,) = [one for one in effects if isinstance(one, Erase)]
    assert (found.stream, found.tracks, found.to_ns) == (STREAM, (), (1 << 63) - 1)


@pytest.mark.parametrize("table", [RowTable.PRECISE, RowTable.COARSE, RowTable.NAMES, RowTable.ENDED])
def test_a_row_that_names_terms_which_are_not_there_is_dropped_for_every_view(table):
    rows = np.zeros(3, DTYPES[table])
    rows["terms"] = (0, 1, 200)
    block = Block(table, rows.itemsize, rows.tobytes())
    head = Head(
        kind="batch", stream=STREAM, offset="0", time_ns="5", terms=(Terms(("r",), 1, 2),),
        blocks=((table, rows.itemsize, 3),),
    )  # fmt: skip
    state = link.init("belora")
    came = link.advance(state, [Arrived("arvena", STREAM, 0, heads.encode(head), (block,), 5, bytes(32))], 5)
    (got,) = link_to_picture.rows(came.frames, _view("corvia"), BOOK)
    assert len(got.precise) == len(got.coarse) == len(got.names) == len(got.ended) == 0


def _view(recipient: str) -> SourceView:
    one = SourceView.__new__(SourceView)
    one.name, one.sources, one.recipient = f"{recipient}>radar", ("radar",), recipient
    return one


def test_row_19_an_entry_that_crashes_the_step_leaves_its_place_and_the_stream_goes_on(pair):
    """Otherwise the host would fetch it again for ever, and each time the node would crash."""
    liar = Liar(pair)
    guilty, after = liar.entry("batch", subject="what crashes"), liar.entry("heartbeat")
    (empty, _) = run = poison.substitute(Record(7, liar.node.now_ns, (guilty, after)), (0,))
    assert isinstance(empty, Arrived)
    assert poison.is_empty(empty), "its rows are not looked for in the store again"
    assert not poison.is_empty(after)
    liar.say(*run)
    refused = link.piece(liar.node.state.link, "arvena").refused
    assert refused["unknown_kind"] == 1
    assert empty.root == guilty.root, "the receipt still speaks of what came"


EDGE = (0, 1, (1 << 63) - 1, -(1 << 63), -1, 1 << 62)
ODD = (float("nan"), float("inf"), float("-inf"), 3e38, -3e38, 0.0, 1e-38)


def _any_rows(rng: np.random.Generator, table: int, now_ns: int, many: int) -> Block:
    """Rows of which each column is noise, an edge, or what an honest one would say."""
    kind = DTYPES[table]
    rows = np.frombuffer(rng.bytes(kind.itemsize * many), kind).copy()
    for name in kind.names or ():
        part = rows[name]
        how = rng.integers(4)
        if name in ("terms", "track", "kind", "domain", "life", "alt_ref"):
            rows[name] = rng.integers(0, 3, part.shape)
        elif part.dtype.kind == "f" and how:
            rows[name] = (
                rng.choice(np.array(ODD, part.dtype), part.shape) if how == 1 else rng.normal(0, 0.5, part.shape)
            )
            if name in ("cov", "gain") and how == 3:
                rows[name] = np.array([100, 0, 0, 0, 100, 0, 0, 1, 0, 1], np.float32)
        elif part.dtype.kind == "i" and how:
            rows[name] = now_ns + rng.integers(-2, 3, part.shape) if how > 1 else rng.choice(np.array(EDGE), part.shape)
        elif part.dtype.kind == "S":
            rows[name] = rng.choice(np.array([b"LANTERN", b"\xd9\x85", b"\x00a", b""]), part.shape)
    return Block(table, kind.itemsize, rows.tobytes())


@pytest.mark.parametrize("seed", range(12))
def test_rows_of_noise_and_edges_stop_no_step_and_leave_nothing_behind_that_makes_no_sense(pair, seed):
    rng, liar = np.random.default_rng(seed), Liar(pair)
    terms = (Terms(("r",), 511, 60, pedigree=("arvena",)), Terms((), 0, 0, onward=("corvia",)))
    for k in range(4):
        tick_ns = int(rng.choice([liar.node.now_ns, 0, (1 << 63) - 1]))
        tables = [*rng.permutation([1, 2, 3, 4, 5])[: rng.integers(1, 6)]]
        blocks = tuple(_any_rows(rng, int(table), liar.node.now_ns, int(rng.integers(1, 40))) for table in tables)
        liar.say(liar.entry(("batch", "warning")[k % 2], blocks, terms, time_ns=tick_ns))
        shown = liar.node.views.tracks
        assert np.isfinite(shown.lat_rad).all()
        assert np.isfinite(shown.cov).all()
        assert (shown.updated_ns <= liar.node.now_ns).all()
    liar.say(liar.entry("recall", subject=recall(tracks=["all"])))


def test_no_row_outlives_the_silence_of_its_partner_whatever_times_it_names(pair):
    liar = Liar(pair)
    terms = (Terms(("r",), 511, 60),)
    rows = np.zeros(len(EDGE), DTYPES[RowTable.PRECISE])
    rows["track"] = 900 + np.arange(len(rows))
    rows["time_ns"], rows["updated_ns"], rows["begin_ns"] = liar.node.now_ns, EDGE, EDGE
    rows["lat_rad"], rows["kind"], rows["domain"], rows["life"] = 0.3, 7, 1, 1
    rows["cov"][:, [0, 4, 7, 9]] = 100.0
    block = Block(RowTable.PRECISE, rows.itemsize, rows.tobytes())
    liar.say(liar.entry("batch", (block,), terms))
    liar.say(seconds=3600)
    told = [one.held for one in liar.node.state.held.own.picture.partners.values()]
    assert not any(len(held) for held in told), "a track that nobody has spoken of for an hour is still shown"
