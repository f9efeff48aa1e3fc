"""The picture: words are kept, trails are rings, attention is rare."""

import numpy as np

from manara.picture import stage
from manara.records.particulars import Particulars, SafetyText, SensorStatus
from manara.records.reports import Flag, Kind
from manara.records.tracks import Tracks

S = 1_000_000_000


def tracks(*ids, **columns):
    table = Tracks.blank(len(ids))
    table.track_id[:] = ids
    for name, value in columns.items():
        getattr(table, name)[:] = value
    return table


def said(identity=7, **words):
    return Particulars(identity=identity, time_ns=1, source=0, **words)


def test_the_latest_of_each_word_is_kept():
    state = stage.init()
    stage.advance(state, stage.Inbox(Tracks.blank(0), (said(name="Lantern", imo=5), said(8, name="Other"))), 0)
    before = stage.advance(state, stage.Inbox(Tracks.blank(0)), 0).particulars
    after = stage.advance(
        state, stage.Inbox(Tracks.blank(0), (said(callsign="LT1", name="Lantern II"),)), 0
    ).particulars
    assert (after[7].name, after[7].callsign, after[7].imo) == ("Lantern II", "LT1", 5)
    assert before[7].name == "Lantern", "what was published is not written to"
    assert list(after) == [8, 7], "the longest unheard stands first and goes first"


def test_words_are_bounded(monkeypatch):
    monkeypatch.setattr(stage, "PARTICULARS_KEPT", 10)
    state = stage.init()
    for k in range(0, 100, 5):
        many = tuple(said(i, name=str(i)) for i in range(k, k + 5))
        kept = stage.advance(state, stage.Inbox(Tracks.blank(0), many), 0).particulars
    assert list(kept) == list(range(90, 100))


def test_texts_and_status_are_bounded():
    state = stage.init()
    texts = tuple(SafetyText(identity=1, time_ns=k, source=0, text=str(k)) for k in range(500))
    status = tuple(SensorStatus(source=k, time_ns=0, kind="status") for k in range(9000))
    out = stage.advance(state, stage.Inbox(Tracks.blank(0), (), texts, status), 0)
    assert [t.text for t in out.texts] == [str(k) for k in range(300, 500)]
    assert len(out.status) == stage.STATUS_KEPT
    assert max(out.status) == 8999


def test_trails_follow_their_tracks_through_births_and_ends():
    state = stage.init()
    for k in range(200):
        ids = [3, 1] if k < 100 else [9, 3]
        table = tracks(*ids, time_ns=k * 10 * S, lat_rad=[k + i / 10 for i in ids], lon_rad=0.0)
        trails = stage.advance(state, stage.Inbox(table), k * 10 * S).trails
    assert trails.track_id.tolist() == [3, 9]
    order = (np.arange(stage.TRAIL_LENGTH) + trails.head) % stage.TRAIL_LENGTH
    assert np.allclose(trails.lat_rad[0][order], np.arange(200 - stage.TRAIL_LENGTH, 200) + 0.3)
    assert np.isnan(trails.lat_rad).sum() == 0


def test_trails_are_sampled_every_ten_seconds():
    state = stage.init()
    heads = [
        stage.advance(state, stage.Inbox(tracks(1, lat_rad=0.1, lon_rad=0.1)), k * S).trails.head for k in range(25)
    ]
    assert heads == [1] * 10 + [2] * 10 + [3] * 5


def test_attention_is_for_danger_then_for_contradiction_never_for_tests():
    rows = [
        (0, Kind.VESSEL_A, 0),
        (Flag.EMERGENCY, Kind.AIRCRAFT, 2),
        (Flag.UNLAWFUL_INTERFERENCE, Kind.AIRCRAFT, 2),
        (Flag.DISTRESS, Kind.DISTRESS_DEVICE, 2),
        (Flag.DISTRESS, Kind.VESSEL_A, 1),
        (Flag.DISTRESS | Flag.TEST, Kind.DISTRESS_DEVICE, 0),
        (Flag.IDENTITY_CONFLICT, Kind.DISTRESS_DEVICE, 1),
        (Flag.POSITION_JUMP, Kind.AIRCRAFT, 1),
        (Flag.IDENT, Kind.AIRCRAFT, 0),
    ]
    flags, kinds, levels = zip(*rows, strict=True)
    assert stage.attention(tracks(*range(9), flags=flags, kind=kinds)).tolist() == list(levels)


def test_a_dump_is_the_state():
    state = stage.init()
    inbox = stage.Inbox(
        tracks(4, lat_rad=0.1, lon_rad=0.2),
        (said(name="x"),),
        (SafetyText(identity=1, time_ns=2, source=3, text="t"),),
        (SensorStatus(source=1, time_ns=2, kind="north_mark"),),
    )
    stage.advance(state, inbox, 5 * S)
    again = stage.load(stage.dump(state))
    one, two = (stage.advance(s, inbox, 16 * S) for s in (state, again))
    assert one.particulars == two.particulars
    assert (one.texts, one.status) == (two.texts, two.status)
    assert one.trails.lat_rad.tobytes() == two.trails.lat_rad.tobytes()
