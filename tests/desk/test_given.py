"""What a partner gets, on the desk: its own stream as GeoJSON, with the rules under which each row went."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import numpy as np
import pytest
from litestar.testing import TestClient
from tests.doubles.desk_shared import SharedSource, told_to_belora

from manara.desk import given
from manara.desk.app import build
from manara.kernels import grid
from manara.records.directory import Area
from manara.records.inputs import Views
from manara.records.partners import Given, PartnerStatus, Warned
from manara.records.released import COARSE


@pytest.fixture
def told() -> dict:
    return given.given(told_to_belora(), Views(now_ns=told_to_belora().time_ns + 1_000_000_000))


def test_points_are_points_and_what_was_told_within_a_cell_is_the_cell_and_nothing_more(told):
    assert (told["exact"], told["within_cells"], told["behind_s"]) == (3, 1, 1.0)
    points = [one for one in told["features"] if one["geometry"]["type"] == "Point"]
    (square,) = (one for one in told["features"] if one["geometry"]["type"] == "Polygon")
    assert points[0]["geometry"]["coordinates"] == pytest.approx([-38.0, 12.0], abs=1e-6)
    assert points[0]["properties"]["name"] == "SALT WIND"
    ring = square["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert len(ring) == 5
    lat, lon = grid.corners(told_to_belora().coarse["cell"])
    assert {round(x, 6) for x, _ in ring} == {round(float(np.degrees(x)), 6) for x in lon[0]}
    assert {round(y, 6) for _, y in ring} == {round(float(np.degrees(y)), 6) for y in lat[0]}
    assert not {"speed_mps", "course_deg", "identity", "name"} & set(square["properties"])


def test_each_says_under_which_rule_and_terms_it_went(told):
    by = {one["properties"]["track"]: one["properties"] for one in told["features"]}
    assert by["7"]["rules"] == ["air"]
    assert by["7"]["purpose"] == ["safety_of_life", "search_and_rescue"]
    assert by["7"]["onward"] == ["corvia"]
    assert (by["11"]["rules"], by["11"]["cell_m"], by["11"]["delay_s"]) == (["sea", "cells"], 8_000, 30)


def test_a_warning_names_the_area_in_both_languages_and_nothing_more():
    area = Area(id="belora-waters", partner="belora", name="Waters of Belora", name_ar="مياه بيلورا", corners_deg=())
    told = Warned(
        partner="belora",
        area="belora-waters",
        window_ns=300_000_000_000 * 5_833_334,
        hazard=2,
        severity=3,
        received_ns=0,
    )
    one = Given(partner="belora", stream="arvena>belora", warned=(told,))
    (plain,) = given.given(one, Views(areas=(area,)))["warned"]
    assert (plain["area_name"], plain["area_name_ar"], plain["hazard"]) == (
        "Waters of Belora",
        "مياه بيلورا",
        "unidentified_aircraft",
    )
    begin, end = (dt.datetime.fromisoformat(plain[word]) for word in ("window", "window_end"))
    assert (end - begin).total_seconds() == 300


def test_a_square_across_the_antimeridian_is_one_square_and_a_number_that_is_no_cell_is_left_out():
    rows = np.zeros(2, COARSE)
    rows["cell"] = [grid.cell_of(np.array([0.3]), np.array([np.pi - 1e-6]), 3)[0], 5]
    one = Given(partner="belora", stream="arvena>belora", coarse=rows, coarse_terms=np.zeros(2, np.int64))
    plain = given.given(one, Views())
    (square,) = plain["features"]
    lon = [x for x, _ in square["geometry"]["coordinates"][0]]
    assert max(lon) - min(lon) < 1.0
    assert square["properties"]["rules"] == []
    assert plain["behind_s"] is None


def test_the_counts_say_how_many_there_are_where_not_all_are_shown(monkeypatch):
    monkeypatch.setattr(given, "MOST", 2)
    plain = given.given(told_to_belora(), Views())
    assert (plain["exact"], len(plain["features"])) == (3, 3)


def test_the_desk_answers_for_partners_it_has_and_says_what_was_withheld():
    source = SharedSource(20)
    source.streams = {"belora": told_to_belora()}
    status = PartnerStatus(id="belora", name="Belora", withheld={"forbidden": 4}, void=2)
    source._views = dataclasses.replace(source.views(), partners=(status,))
    with TestClient(build(source), base_url="http://127.0.0.1:8777") as client:
        said = client.get("/api/partners/belora/given")
        assert said.headers["content-type"].startswith("application/geo+json")
        plain = said.json()
        assert (plain["withheld"], plain["void"]) == ({"forbidden": 4}, 2)
        assert client.get("/api/partners/nobody/given").status_code == 404
        assert client.get("/api/partners/..%2Fbelora/given").status_code == 404

        def broken(partner: str) -> Given:
            raise OSError(5, "the disk")

        source.given = broken
        assert client.get("/api/partners/belora/given").status_code == 503


def test_nothing_of_ours_but_what_went_is_in_the_answer(told):
    """No number of ours, no name of a sensor of ours: only columns of the rows, their terms, and counts."""
    allowed = {"track", "kind", "domain", "rules", "purpose", "retention_s", "onward", "cell_m", "delay_s", "identity",
               "name", "callsign", "time", "speed_mps", "course_deg", "altitude_m", "cell", "epoch_s"}  # fmt: skip
    assert {key for one in told["features"] for key in one["properties"]} <= allowed
    assert "subject" not in json.dumps(told)
