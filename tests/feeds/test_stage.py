"""The feeds of a node: formats are guessed, health is honest, a wrong edition is seen."""

import json

from manara.feeds import stage
from manara.feeds.ais import encode
from manara.records.inputs import Chunk, FeedState, Overflow
from manara.records.sensors import FeedConfig

S = 1_000_000_000
T0 = 1_772_359_200 * S
LINE = encode.sentences(1, {"mmsi": 291000001, "lat": -47.0, "lon": -120.0, "speed": 1.0, "course": 2.0}, time_ns=T0)


def feeds(*formats, **more):
    return tuple(FeedConfig(name=f"f{i}", url="-", format=f, **more) for i, f in enumerate(formats))


def test_an_auto_feed_waits_for_enough_then_says_what_it_guessed():
    state = stage.init(feeds("auto"))
    first = stage.advance(state, (Chunk(0, LINE, T0),), T0)
    assert first.batches == ()
    later = stage.advance(state, (), T0 + 3 * S)
    assert len(later.batches[0].reports) == 1
    assert later.health[0].format == "ais"
    assert later.health[0].detail.startswith("guessed ais")


def test_a_datagram_is_guessed_at_once_and_noise_is_counted():
    state = stage.init(feeds("auto"))
    noise = stage.advance(state, (Chunk(0, b"\x00\x01 noise", T0, True),), T0).health[0]
    assert (noise.format, noise.rejects) == ("auto", {"unknown_format": 1})
    assert stage.advance(state, (Chunk(0, LINE, T0, True),), T0).health[0].records_total == 1


def test_a_family_is_guessed_within():
    state = stage.init(feeds("adsb"))
    out = stage.advance(state, (Chunk(0, LINE * 100, T0),), T0)
    assert out.health[0].rejects == {"unknown_format": 1}, "AIS is no ADS-B"


def test_rates_cover_the_last_ten_seconds_and_the_offset_is_a_median():
    state = stage.init(feeds("ais"))
    for k in range(30):
        line = encode.sentences(1, {"mmsi": 291000001 + k, "lat": -47.0, "lon": -120.0}, time_ns=T0 + k * S)
        health = stage.advance(state, (Chunk(0, line, T0 + k * S + S // 2),), T0 + k * S + S // 2).health[0]
    assert health.records_per_s == 1.0
    assert health.clock_offset_s == 0.5
    assert stage.advance(state, (), T0 + 100 * S).health[0].records_per_s == 0.0


def test_a_lost_feed_finishes_what_it_had_begun():
    state = stage.init(feeds("ais"))
    out = stage.advance(state, (Chunk(0, LINE[:-4], T0), FeedState(0, "lost", "gone", T0)), T0)
    assert (out.health[0].state, out.health[0].detail) == ("lost", "gone")
    assert out.health[0].records_total + out.health[0].rejects_total == 1


def test_an_overflow_is_counted_and_said():
    state = stage.init(feeds("ais"))
    health = stage.advance(state, (Overflow(0, 99, T0),), T0).health[0]
    assert health.rejects == {"overflow": 1}
    assert "99 bytes" in health.detail


def test_a_wrong_edition_is_seen_on_the_health_page(recordings):
    data = (recordings("asterix/lebl-2016") / "adsb_cat021_v0.23.ast").read_bytes()[:200_000]
    for edition, doubted in (("2.4", True), ("0.23", False)):
        state = stage.init(feeds("asterix", editions={"021": edition}))
        detail = stage.advance(state, (Chunk(0, data, T0),), T0).health[0].detail
        assert ("is the edition right?" in detail) is doubted


def test_reasons_and_kept_rejects_are_bounded():
    state = stage.init(feeds("geojson"))
    for k in range(300):
        document = json.dumps({"type": "Feature", "geometry": None, "k": k}).encode()
        stage.advance(state, (Chunk(0, document, T0),), T0)
    room = state.rooms[0]
    assert len(room.kept) == stage.REJECTS_KEPT
    assert room.rejects == {"no_geometry": 300}
    stage._count(room.rejects, {f"why {k}": 1 for k in range(500)})
    assert len(room.rejects) <= stage.REASONS_KEPT + 1
    assert sum(room.rejects.values()) == 800


def test_a_dump_goes_on_like_the_state():
    state = stage.init(feeds("auto", "ais"))
    stage.advance(state, (Chunk(0, LINE[:20], T0), Chunk(1, LINE[:20], T0)), T0)
    again = stage.load(stage.dump(state), feeds("auto", "ais"))
    rest = (Chunk(0, LINE[20:], T0 + S), Chunk(1, LINE[20:], T0 + S), FeedState(0, "ended", "", T0 + S))
    one, two = (stage.advance(s, rest, T0 + S) for s in (state, again))
    assert [len(b.reports) for b in one.batches] == [len(b.reports) for b in two.batches]
    assert one.health == two.health
    assert one.health[0].records_total == one.health[1].records_total == 1
