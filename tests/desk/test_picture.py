from __future__ import annotations

import dataclasses
import math

import msgspec
import numpy as np
import pytest
from tests.doubles.desk_source import FakeSource

from manara.desk import health, picture, words
from manara.records import identity
from manara.records.inputs import Views
from manara.records.particulars import SensorStatus
from manara.records.reports import Flag, Kind


@pytest.fixture(scope="module")
def views() -> Views:
    return FakeSource(300).views()


def test_geojson_holds_what_the_table_holds(views):
    plain = msgspec.json.decode(msgspec.json.encode(picture.collection(views, range(len(views.tracks)))))
    assert plain["type"] == "FeatureCollection"
    assert plain["total"] == len(plain["features"]) == 300
    t = views.tracks
    for row, feature in enumerate(plain["features"]):
        lon, lat = feature["geometry"]["coordinates"]
        said = feature["properties"]
        assert math.radians(lat) == pytest.approx(t.lat_rad[row], abs=1e-9)
        assert math.radians(lon) == pytest.approx(t.lon_rad[row], abs=1e-9)
        assert said["speed_mps"] == pytest.approx(math.hypot(t.ve_mps[row], t.vn_mps[row]), abs=0.006)
        assert Kind[said["kind"].upper()] == t.kind[row]
        assert int(said["track_id"]) == t.track_id[row]
        assert said["identity"] == (identity.text(int(t.identity[row])) if t.identity[row] else "")


def test_a_track_without_position_has_a_null_geometry(views):
    bare = Views(tracks=views.tracks.take([0]).replace(lat_rad=np.array([np.nan])))
    assert picture.collection(bare, [0])["features"][0]["geometry"] is None


def test_details_name_the_sources_and_draw_the_trail(views):
    row = 8
    found = picture.details(views, int(views.tracks.track_id[row]))
    said = found["properties"]
    assert said["sources"] == ["ridge ADS-B", "cape radar"]
    assert said["squawk"] == "7700"
    assert "emergency" in said["flags"]
    assert said["attention"] == 2
    assert len(said["covariance"]) == 10
    times = [point[2] for point in said["trail"]]
    assert times == sorted(times)
    assert len(times) == 30
    assert said["trail"][-1][:2] == pytest.approx(found["geometry"]["coordinates"], abs=1e-5)


def test_a_ring_that_wrapped_is_read_oldest_first():
    source = FakeSource(2)
    for _ in range(50):
        source.step(1.0)
    points = picture.trail(source.views().trails, int(source.views().tracks.track_id[1]))
    assert len(points) == 60
    assert [p[2] for p in points] == sorted(p[2] for p in points)


def test_a_distress_device_shows_its_texts(views):
    found = picture.details(views, int(views.tracks.track_id[1]))
    assert [text["text"] for text in found["properties"]["texts"]] == ["SART ACTIVE"]
    assert found["properties"]["particulars"]["said_by"] == "harbour AIS"


def test_an_unknown_track_is_none(views):
    assert picture.details(views, 5) is None


@pytest.mark.parametrize(
    ("query", "column"), [("lan008", "callsign"), ("COASTER 5", "name"), ("2910000", "identity"), ("7500", "squawk")]
)
def test_search_finds_beginnings_first(views, query, column):
    found = picture.search(views, query)
    assert found[0][column].casefold().startswith(query.casefold())
    assert len(found) <= picture.MOST_FOUND


def test_search_by_number_and_by_nothing(views):
    assert "42" in {str(row["number"]) for row in picture.search(views, "42")}
    assert picture.search(views, "   ") == []
    assert picture.search(views, "no such craft") == []


def test_search_finds_arabic_names(views):
    assert {row["name"] for row in picture.search(views, "المرفأ")} == {"نجمة المرفأ"}


@pytest.mark.parametrize("sort", picture.SORTS)
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_is_a_choice_of_all_rows(views, sort, descending):
    rows = picture.ordered(views, sort, descending, 1_000)
    assert sorted(rows) == list(range(300))
    assert picture.ordered(views, sort, descending, 7) == rows[:7]


def test_orders_are_orders(views):
    altitude = views.tracks.alt_m[picture.ordered(views, "altitude", True, 300)]
    known = altitude[np.isfinite(altitude)]
    assert np.all(np.diff(known) <= 0)
    assert np.all(np.isnan(altitude[len(known) :]))
    age = views.now_ns - views.tracks.updated_ns[picture.ordered(views, "age", False, 300)]
    assert np.all(np.diff(age) >= 0)
    levels = [
        f["properties"]["attention"]
        for f in picture.collection(views, picture.ordered(views, "attention", False, 300))["features"]
    ]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 2


def test_an_unknown_order_is_by_attention(views):
    assert picture.ordered(views, "colour", False, 9) == picture.ordered(views, "attention", False, 9)


def test_sources_without_a_name_or_a_slot(views):
    unnamed = dataclasses.replace(views, source_names={})
    row = unnamed.tracks.take([0]).replace(sources=np.array([0b101 | 1 << 63], np.uint64))
    said = picture.collection(dataclasses.replace(unnamed, tracks=row), [0])["features"][0]["properties"]
    assert said["sources"] == ["feed 1", "3:20/1", "…"]


def test_trails_are_bounded_and_flat(views):
    found = picture.trails(views)
    assert found["total"] == len(found["lines"]) == 300
    assert all(len(line) == 60 for line in found["lines"].values())
    inside = picture.trails(views, picture.Box(-38.5, 11.5, -37.5, 12.5))["lines"]
    t = views.tracks
    near = (np.abs(np.degrees(t.lon_rad) + 38.0) <= 0.5) & (np.abs(np.degrees(t.lat_rad) - 12.0) <= 0.5)
    assert set(inside) == {str(int(i)) for i in t.track_id[near]}
    assert 0 < len(inside) < 300
    many = FakeSource(picture.MOST_TRAILS + 5).views()
    assert len(picture.trails(many)["lines"]) == picture.MOST_TRAILS
    assert picture.trails(many)["total"] == picture.MOST_TRAILS + 5
    assert picture.trails(Views()) == {"lines": {}, "total": 0}


def test_health_says_how_long_a_feed_is_silent(views):
    found = health.health(views)
    states = {feed["name"]: (feed["state"], feed["silent_s"]) for feed in found["feeds"]}
    assert states["cape radar"] == ("stale", 44.0)
    assert found["feeds"][0]["rejects"] == {"checksum": 41, "too_short": 3}
    assert found["texts"][0]["source"] == "harbour AIS"


def test_a_fast_clock_does_not_make_a_feed_look_silent(views):
    """44 s of the node at twenty times are two seconds of the people who look."""
    states = {speed: health.health(views, speed)["feeds"][2]["state"] for speed in (0.0, 1.0, 10.0, 20.0)}
    assert states == {0.0: "stale", 1.0: "stale", 10.0: "stale", 20.0: "live"}
    assert health.health(views, 20.0)["feeds"][2]["silent_s"] == 44.0


def test_trouble_and_rows_that_tracking_did_not_use_are_told(views):
    found = health.health(dataclasses.replace(views, trouble="halted: disk: full", refused={"too_late": 3}))
    assert (found["trouble"], found["refused"]) == ("halted: disk: full", {"too_late": 3})
    assert health.health(views)["trouble"] == ""


def test_a_repeated_safety_text_stands_once_with_its_sender_and_its_latest_age(views):
    first, *_ = views.texts
    other = msgspec.structs.replace(first, text="MAN OVER BOARD")
    again = msgspec.structs.replace(first, time_ns=views.now_ns - 12_500_000_000)
    nobody = msgspec.structs.replace(first, identity=0, text="TEST")
    found = health.health(dataclasses.replace(views, texts=(first, other, again, nobody)))["texts"]
    assert [text["text"] for text in found] == ["MAN OVER BOARD", "SART ACTIVE", "TEST"]
    assert found[1]["age_s"] == 12.5
    assert (found[1]["name"], found[1]["identity"]) == ("COASTER 1", "970010001")
    device = views.tracks.track_id[views.tracks.identity == np.uint64(first.identity)][0]
    assert found[1]["track_id"] == str(int(device))
    assert (found[2]["name"], found[2]["track_id"]) == ("", None)


def test_safety_texts_are_bounded(views):
    many = tuple(msgspec.structs.replace(views.texts[0], text=str(i)) for i in range(90))
    found = health.health(dataclasses.replace(views, texts=many))["texts"]
    assert [text["text"] for text in found] == [str(i) for i in range(90 - health.MOST_TEXTS, 90)]


def test_health_of_sensors_and_of_a_feed_never_heard(views):
    status = {3: SensorStatus(source=3 << 16 | 20 << 8 | 1, time_ns=views.now_ns, kind="status", operational=False)}
    silent = [msgspec.structs.replace(feed, last_seen_ns=0) for feed in views.health]
    found = health.health(dataclasses.replace(views, status=status, health=tuple(silent)))
    assert found["sensors"][0]["source"] == "cape radar"
    assert found["feeds"][0]["silent_s"] is None
    assert found["feeds"][0]["last_seen"] == ""


def test_words():
    assert words.flag_words(int(Flag.DISTRESS | Flag.DEAD_RECKONED)) == ["distress", "dead_reckoned"]
    assert words.time_text(0) == ""
    assert words.time_text(2**63 - 1) == ""
    assert words.degrees(math.nan) is None
    assert words.squawk(0o10000) == ""


def test_a_box_across_the_antimeridian_holds_both_sides():
    lon = np.radians([179.0, -179.0, 0.0, np.nan])
    assert picture.Box(170.0, -10.0, -170.0, 10.0).holds(np.zeros(4), lon).tolist() == [True, True, False, False]
