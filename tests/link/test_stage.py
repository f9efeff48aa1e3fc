"""What partners sent is taken in order and once, across restarts; gaps, repeats and lies move nothing."""

from __future__ import annotations

import json
from hashlib import sha256

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manara.ledger import tree
from manara.link import heads, stage
from manara.records.inputs import Answered, Arrived, LinkState, Refused
from manara.records.partners import PartnerStatus
from manara.records.released import WARNING, Block, Head, RowTable, Terms
from manara.release import statements

S = 1_000_000_000
NOW = 1_790_000_000 * S
STREAM = "arvena>belora"


def entry(offset: int, stream: str = STREAM, partner: str = "arvena", **said: object) -> Arrived:
    head = Head(**{"kind": "heartbeat", "stream": stream, "offset": str(offset), "time_ns": str(NOW), **said})
    root = sha256(f"{stream} {offset}".encode()).digest()
    return Arrived(partner, stream, offset, heads.encode(head), (), NOW, root)


def offsets(out: stage.Outbox) -> list[int]:
    return [frame.offset for frame in out.frames]


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_row_19_any_order_with_repeats_gives_each_entry_once_and_in_order(arrivals, chop):
    """Whatever arrives in whatever pieces, restarts between them: what is taken is 0, 1, 2 … without a hole."""
    state, taken = stage.init("belora"), []
    for at in range(0, len(arrivals), chop):
        out = stage.advance(state, [entry(k) for k in arrivals[at : at + chop]], NOW)
        taken += offsets(out)
        again = set(out.again.values())
        assert all(k <= stage.next_offset(state, STREAM) for k in again)
        state = stage.load(msgspec.msgpack.decode(msgspec.msgpack.encode(stage.dump(state))))
    assert taken == list(range(len(taken)))
    assert stage.next_offset(state, STREAM) == len(taken)
    want = 0
    for k in arrivals:
        want += k == want
    assert len(taken) == want


def test_row_19_a_gap_is_refused_and_says_where_to_pull_from():
    state = stage.init("belora")
    assert offsets(stage.advance(state, [entry(0), entry(1)], NOW)) == [0, 1]
    out = stage.advance(state, [entry(3), entry(0)], NOW)
    assert (offsets(out), out.again) == ([], {STREAM: 2})
    assert stage.piece(state, "arvena").refused == {"gap": 1, "repeated": 1}


@pytest.mark.parametrize(
    "lie",
    [
        entry(0, partner="corvia"),  # another's stream
        entry(0, stream="arvena>corvia"),  # not to us
        entry(0, stream="belora>arvena"),  # our own
        msgspec.structs.replace(entry(1), offset=0),  # moved to another place
        msgspec.structs.replace(entry(0, stream="arvena"), stream=STREAM),  # moved to another stream
        msgspec.structs.replace(entry(0), head=b"{}"),
        msgspec.structs.replace(entry(0), stream="../../etc"),
    ],
)
def test_what_does_not_belong_there_is_refused_and_the_stream_stands(lie):
    state = stage.init("belora")
    assert stage.advance(state, [lie], NOW).frames == ()
    assert sum(stage.piece(state, lie.partner).refused.values()) == 1
    assert stage.next_offset(state, STREAM) == 0
    assert offsets(stage.advance(state, [entry(0)], NOW)) == [0]


def test_stubs_take_their_place_and_are_counted():
    state = stage.init("belora")
    wrong = msgspec.structs.replace(entry(1, blocks=((1, 3, 1),)), blocks=(Block(1, 3, b"abc"),))
    out = stage.advance(state, [entry(0, kind="consultation"), wrong, entry(2)], NOW)
    assert offsets(out) == [2]
    assert stage.piece(state, "arvena").refused == {"unknown_kind": 1, "width": 1}


def test_row_21_receipts_come_by_count_and_by_time_and_chain():
    state = stage.init("belora")
    out = stage.advance(state, [entry(k) for k in range(stage.ACK_ENTRIES)], NOW)
    assert [partner for partner, _ in out.receipts] == ["arvena"]
    first = out.receipts[0][1]
    assert stage.advance(state, [entry(stage.ACK_ENTRIES)], NOW).receipts == ()
    assert stage.advance(state, [], NOW + stage.ACK_NS - 1).receipts == ()
    second = stage.advance(state, [], NOW + stage.ACK_NS).receipts[0][1]
    assert json.loads(second)["after"] == statements.statement_sha256(first)
    assert stage.advance(state, [], NOW + 10 * stage.ACK_NS).receipts == ()


@pytest.mark.parametrize("many", [1, 2, 3, 7, 100, 128, 255])
def test_row_21_a_receipt_is_the_root_of_everything_taken_and_a_statement_that_is_read(many):
    state = stage.init("belora")
    arrived = [entry(k) for k in range(many)]
    stage.advance(state, arrived, NOW)
    text = stage.receipt(STREAM, state.reading[STREAM])
    said = json.loads(text)
    assert said["root"] == tree.root(tree.leaf_hash(one.root) for one in arrived).hex()
    assert (said["next"], said["size"]) == (str(many), str(many))
    read = statements.read(statements.envelope(text, ()))
    assert not isinstance(read, statements.Refusal), read
    assert isinstance(read[1], statements.Receipt)


def test_row_21_nothing_new_is_sent_beyond_the_window_until_a_receipt_comes():
    state = stage.init("arvena")
    assert stage.paused(state, STREAM, 600, 600)
    stage.advance(state, [Answered("belora", STREAM, 10, b"", NOW)], NOW)
    assert not stage.paused(state, STREAM, 600, 600)
    stage.advance(state, [Answered("belora", STREAM, 5, b"", NOW)], NOW)  # an older one changes nothing
    stage.advance(state, [Answered("corvia", STREAM, 500, b"", NOW)], NOW)  # nor does another's
    assert stage.signed_for(state, STREAM) == 10
    assert stage.piece(state, "belora").receipted == 10


def test_row_21_a_receipt_for_what_was_never_sent_is_refused():
    state = stage.init("arvena")
    sent = {STREAM: 5}
    stage.advance(state, [Answered("belora", STREAM, 6, b"", NOW)], NOW, sent)
    assert stage.signed_for(state, STREAM) == 0
    assert stage.piece(state, "belora").refused == {"receipt_beyond": 1}
    stage.advance(state, [Answered("belora", STREAM, 5, b"", NOW)], NOW, sent)
    assert stage.signed_for(state, STREAM) == 5


def test_a_phase_frame_moves_the_phase_that_is_shown():
    state = stage.init("belora")
    stage.advance(state, [entry(0, kind="policy", phase="interim"), entry(1)], NOW)
    assert stage.piece(state, "arvena").phase_in == "interim"
    stage.advance(state, [entry(2, kind="phase", phase="suspended")], NOW)
    assert stage.piece(state, "arvena").phase_in == "suspended"


@pytest.mark.parametrize(("offset_s", "fuse"), [(0, True), (29, True), (31, False), (-600, False)])
def test_with_a_clock_far_off_rows_are_shown_not_fused_and_warnings_still_taken(offset_s, fuse):
    rows = np.zeros(1, WARNING)
    rows["area"], rows["window_ns"] = b"harbour", NOW
    block = Block(RowTable.WARNING, WARNING.itemsize, rows.tobytes())
    terms = (Terms(("r",), 1, 2),)
    warned = entry(0, kind="warning", blocks=((block.table, block.width, 1),), terms=terms)
    state = stage.init("belora")
    link = LinkState("arvena", "live", "", NOW, offset_s * S)
    out = stage.advance(state, [link, msgspec.structs.replace(warned, blocks=(block,))], NOW)
    assert out.frames[0].fuse is fuse
    assert len(out.frames[0].rows.tables[RowTable.WARNING]) == 1
    assert stage.piece(state, "arvena").clock_offset_s == offset_s


def test_what_the_host_refused_is_counted_and_shown():
    state = stage.init("belora")
    for k in range(200):
        stage.advance(state, [Refused("arvena", f"reason_{k}", "seen at the door", NOW)], NOW)
    here = stage.piece(state, "arvena")
    assert sum(here.refused.values()) == 200
    assert len(here.refused) <= stage.REASONS_MAX + 1
    assert here.detail == "reason_199: seen at the door"


def test_a_piece_fits_the_status_that_is_shown():
    state = stage.init("belora")
    stage.advance(state, [entry(0)], NOW)
    status = PartnerStatus(id="arvena", name="Arvena")
    whole = msgspec.structs.replace(status, **msgspec.structs.asdict(stage.piece(state, "arvena")))
    assert (whole.received_entries, whole.heard_ns) == (1, NOW)


def test_memory_is_bounded_whatever_partners_claim():
    state = stage.init("belora")
    stage.advance(state, [entry(0, stream=f"p{k}", partner=f"p{k}") for k in range(500)], NOW)
    assert len(state.reading) <= stage.STREAMS_MAX
    assert len(state.partners) <= stage.PARTNERS_MAX
