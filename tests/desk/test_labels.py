from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
from tests.doubles.desk_source import FakeSource

from manara.desk.labels import Labels
from manara.records import identity
from manara.records.inputs import Views


def later(views: Views, sequence: int, **changes: object) -> Views:
    return dataclasses.replace(views, sequence=sequence, **changes)


def test_every_track_gets_a_slot_of_its_own_and_its_words():
    views = FakeSource(50).views()
    labels = Labels()
    slots = labels.advance(views)
    assert slots.dtype == np.uint32
    assert len(set(slots.tolist())) == 50
    rows = {row.slot: row for row in labels.since(-1)}
    for slot, track_id, who in zip(slots, views.tracks.track_id, views.tracks.identity, strict=True):
        assert rows[slot].track_id == str(int(track_id))
        assert rows[slot].identity == (identity.text(int(who)) if who else "")


def test_nothing_new_means_no_rows():
    views = FakeSource(20).views()
    labels = Labels()
    labels.advance(views)
    labels.advance(later(views, views.sequence + 1))
    assert labels.since(views.sequence) == []
    assert len(labels.since(-1)) == 20


def test_a_new_name_is_told_once_and_keeps_the_slot():
    views = FakeSource(20).views()
    labels = Labels()
    slots = labels.advance(views)
    who = int(views.tracks.identity[0])
    said = {**views.particulars, who: renamed(views.particulars[who], "NEW NAME")}
    labels.advance(later(views, 100, particulars=said))
    labels.advance(later(views, 101, particulars=said))
    (row,) = labels.since(views.sequence)
    assert (row.slot, row.name) == (slots[0], "NEW NAME")
    assert labels.since(100) == []


def test_the_same_words_said_again_are_not_told_again():
    views = FakeSource(20).views()
    labels = Labels()
    labels.advance(views)
    again = {who: renamed(said, said.name) for who, said in views.particulars.items()}
    labels.advance(later(views, 100, particulars=again))
    assert labels.since(views.sequence) == []


def test_a_slot_is_never_given_to_another_track():
    views = FakeSource(6).views()
    labels = Labels()
    first = labels.advance(views).tolist()
    labels.advance(later(views, 100, tracks=views.tracks.take(np.array([0, 1]))))
    back = labels.advance(later(views, 101)).tolist()
    assert back[:2] == first[:2]
    assert not set(back[2:]) & set(first)
    assert {row.slot for row in labels.since(100)} == set(back[2:])


def test_flags_that_change_are_told():
    views = FakeSource(3).views()
    labels = Labels()
    labels.advance(views)
    flags = views.tracks.flags.copy()
    flags[2] = 1
    labels.advance(later(views, 100, tracks=views.tracks.replace(flags=flags)))
    assert [row.flags for row in labels.since(views.sequence)] == [1]


def renamed(said, name):
    return msgspec.structs.replace(said, name=name)
