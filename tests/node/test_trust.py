"""Partners are judged in the step: an officer's word is journalled and replayed, and a liar moves nothing else."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.doubles.two_nodes import SECOND_NS, Sea, Two

from manara.node import state as node
from manara.node.durable.snapshot import decode_plain, encode_plain
from manara.node.step import step
from manara.records.inputs import Input, Ruled


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> Two:
    two = Two(tmp_path_factory.mktemp("judged"), Sea())
    two.run(1)
    two.activate("arvena", "belora")
    two.run(75)
    return two


def test_an_officers_word_is_an_input_that_outlives_a_restart(warm):
    """Hold and release, through the codec of the journal and a dump between them."""
    two = warm.copy()
    belora = two["belora"]
    before = set(belora.views.tracks.track_id.tolist())
    led = {track for track in before if track >> 63}
    assert led, "Arvena tells of craft that Belora does not see"
    hold = msgspec.msgpack.decode(msgspec.msgpack.encode(Ruled("arvena", 0, "hold", "desk", belora.now_ns)), type=Input)
    belora.waiting.append(hold)
    two.run(1)
    assert belora.views.whole == {1: "held"}
    assert not {track for track in belora.views.tracks.track_id.tolist() if track >> 63}
    assert set(belora.views.apart.id.tolist()) >= led, "apart, and not gone"
    two = two.copy()
    two.run(2)
    belora = two["belora"]
    assert belora.views.whole == {1: "held"}, "after a restart too"
    belora.waiting.append(Ruled("arvena", 0, "release", "desk", belora.now_ns))
    belora.waiting.append(Ruled("nobody", 0, "hold", "desk", belora.now_ns))
    two.run(1)
    assert belora.views.whole == {}
    assert led & set(belora.views.tracks.track_id.tolist())


def test_what_is_apart_is_in_no_warning_and_changes_no_track_of_our_own(warm):
    held, free = warm.copy(), warm.copy()
    held["belora"].waiting.append(Ruled("arvena", 0, "hold", "desk", held["belora"].now_ns))
    held.run(5)
    free.run(5)
    own = [np.flatnonzero(two["belora"].views.pedigree == 1) for two in (held, free)]
    ids = [set(two["belora"].views.tracks.track_id[rows].tolist()) for two, rows in zip((held, free), own, strict=True)]
    assert ids[1] <= ids[0], "who is fused with nobody is our own alone"
    assert all(draft.tracks == () or not any(t >> 63 for t in draft.tracks) for draft in held["belora"].views.drafts)


def test_a_snapshot_from_before_quarantine_begins_it_anew(warm):
    belora = warm.copy()["belora"]
    plain = node.dump(belora.state)
    for view in plain["held"]["views"]:
        del view["picture"]["trust"]
    state = node.load(decode_plain(encode_plain(plain)), belora.config, b"secret of belora")
    stepped = step(state, (), belora.now_ns + SECOND_NS)
    assert len(stepped.views.tracks) > 50
    assert set(stepped.state.held.own.picture.trust.conducts) == {1}, "begun anew"
