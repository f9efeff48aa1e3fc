"""The desk of a node that shares: whose each track is, squares that are never points, how each partner stands."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar.testing import TestClient
from tests.doubles.desk_shared import LED, SharedSource
from tests.doubles.desk_source import FakeSource

from manara.desk import origins, partners, picture, wire
from manara.desk.app import build
from manara.desk.hub import Hub, Sent
from manara.records.inputs import Views
from manara.records.marking import UNKNOWN_BIT
from manara.records.partners import PartnerStatus, Regions
from manara.records.reports import Domain, Kind
from manara.records.tracks import Tracks
from manara.release.duty import Hazard, Severity

NOW_NS = 1_750_000_000_000_000_000
SQUARES = (("track", "u8"), ("cell", "u8"), ("lon", "i4"), ("lat", "i4"), ("half", "u4"), ("epoch", "u4"),
           ("until", "u4"), ("partner", "u1"), ("kind", "u1"), ("domain", "u1"))  # fmt: skip
BELORA = PartnerStatus(id="belora", name="Belora", name_ar="بيلورا")


def read_squares(frame: bytes) -> dict[str, list[int]]:
    """A second decoder, written from the specification."""
    assert frame[:4] == b"MNRR"
    n, at, found = struct.unpack_from("<I", frame, 8)[0], 32, {}
    for name, dtype in SQUARES:
        found[name] = np.frombuffer(frame, "<" + dtype, n, at).tolist()
        at += -(-n * int(dtype[1]) // 4) * 4
    assert at == len(frame)
    return found


def sharing(led: list[int], pedigree: list[int], others: int = 62) -> Views:
    ids = [(1 << 63 | place << 42 | k) if place else k for k, place in enumerate(led, 1)]
    tracks = Tracks.blank(len(led)).replace(track_id=np.array(ids, np.uint64))
    every = tuple(PartnerStatus(id=f"p{k}", name=f"P{k}") for k in range(1, others + 1))
    return Views(tracks=tracks, pedigree=np.array(pedigree, np.uint64), partners=every)


def square(**columns: object) -> Views:
    given = {"lat_rad": 0.1, "lon_rad": -0.2, "half_m": 500.0, "partner": 1, **columns}
    blank = Regions.blank(1)
    return Views(regions=blank.replace(**{k: np.array([v], getattr(blank, k).dtype) for k, v in given.items()}))


@pytest.fixture(scope="module")
def views() -> Views:
    return SharedSource(120).views()


# Whose a track is


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 62), st.integers(1, (1 << 64) - 1)), min_size=1, max_size=40))
def test_the_byte_of_a_track_and_the_table_say_what_its_id_and_pedigree_say(rows):
    found = origins.origins(sharing([led for led, _ in rows], [bits for _, bits in rows]))
    assert found is not None
    for (led, bits), at in zip(rows, found.rows.tolist(), strict=True):
        said = found.table[at]
        assert said.leader == led
        assert sum(1 << place for place in said.places) == bits & ~UNKNOWN_BIT
        assert said.undisclosed == bool(bits & UNKNOWN_BIT)
    assert len(set(found.table)) == len(found.table)


def test_more_origins_than_a_byte_holds_tell_the_rest_as_unnamed_and_never_as_ours():
    rng = np.random.default_rng(5)
    led = rng.integers(0, 63, 3_000).tolist()
    pedigree = [int(x) for x in rng.integers(1, 1 << 62, 3_000)]
    found = origins.origins(sharing(led, pedigree))
    assert found is not None
    assert len(found.table) <= origins.MOST
    for leader, bits, at in zip(led, pedigree, found.rows.tolist(), strict=True):
        said = found.table[at]
        assert said.leader == leader
        assert sum(1 << place for place in said.places) & ~bits == 0, "nobody is named who did not contribute"
        assert (0 in said.places) == bool(bits & 1)
        assert said.undisclosed


@pytest.mark.parametrize(
    "alone",
    [
        Views(),
        sharing([0], [1], others=0),
        dataclasses.replace(sharing([0], [1]), pedigree=None),
        dataclasses.replace(sharing([0, 0], [1, 1]), pedigree=np.array([1], np.uint64)),
    ],
)
def test_a_node_that_shares_with_nobody_has_no_origins(alone):
    assert origins.origins(alone) is None


def test_a_node_that_shares_with_nobody_sends_what_it_always_sent():
    hub = Hub(FakeSource(32))

    async def first() -> list[bytes | str]:
        task = asyncio.create_task(hub.run())
        news = await hub.frames(Sent())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert news is not None
        return news[0]

    hello, labels, frame = asyncio.run(first())
    assert [json.loads(text)["type"] for text in (hello, labels)] == ["hello", "labels"]
    assert len(frame) == 32 + 32 * 20
    assert struct.unpack_from("<H", frame, 6)[0] == wire.COMPLETE


# The wire


def vector(repository, name: str) -> bytes:
    page = (repository / "docs/spec/desk-wire.md").read_text("utf-8")
    found = re.search(rf"```{name}\n([0-9a-f\n]+)```", page)
    assert found
    return bytes.fromhex(found.group(1))


def test_the_vectors_of_the_specification(repository):
    tracks = Tracks.blank(3).replace(
        track_id=np.array([5, 1 << 63 | 1 << 42 | 7, 6], np.uint64),
        time_ns=np.full(3, NOW_NS),
        updated_ns=np.full(3, NOW_NS),
        life=np.full(3, 2, np.uint8),
        lat_rad=np.radians([12.5, 12.5, 12.5]),
        lon_rad=np.radians([-38.0, -38.25, -38.5]),
    )
    told = Regions.blank(2).replace(
        track=np.array([1 << 40, 2], np.uint64),
        partner=np.array([1, 1], np.uint16),
        cell=np.array([0x103020000700005, 0x105010005D00051], np.uint64),
        lat_rad=np.radians([-41.25, 12.5]),
        lon_rad=np.radians([0.5, -38.125]),
        half_m=np.array([4895.4, 20_000.0]),
        epoch_ns=NOW_NS - np.array([60, 600]) * 10**9,
        until_ns=np.full(2, NOW_NS + 10**12),
        kind=np.array([Kind.VESSEL_A, Kind.UNMANNED_AIRCRAFT], np.uint8),
        domain=np.array([Domain.SEA, Domain.AIR], np.uint8),
    )
    views = Views(
        now_ns=NOW_NS,
        sequence=43,
        tracks=tracks,
        pedigree=np.array([1, UNKNOWN_BIT | 2, 3], np.uint64),
        partners=(BELORA,),
        regions=told,
    )
    found = origins.origins(views)
    assert found is not None
    frame = wire.encode(views, np.array([10, 11, 12], np.uint32), origins=found.rows)
    assert frame == vector(repository, "hex-origins")
    assert wire.encode_regions(views) == vector(repository, "hex-squares")
    page = (repository / "docs/spec/desk-wire.md").read_text("utf-8")
    said = next(json.loads(line) for line in page.splitlines() if line.startswith('{"type": "partners"'))
    assert said["origins"] == json.loads(json.dumps(found.table))


def test_a_track_without_a_position_takes_its_origin_with_it(views):
    lat = views.tracks.lat_rad.copy()
    lat[0] = np.nan
    bare = dataclasses.replace(views, tracks=views.tracks.replace(lat_rad=lat))
    found = origins.origins(bare)
    n = len(lat) - 1
    frame = wire.encode(bare, np.arange(n + 1, dtype=np.uint32), origins=found.rows)
    padded = -(-n // 4) * 4
    assert frame[-padded:][:n] == found.rows[1:].tobytes()
    assert len(frame) <= 32 + 21 * n + 15


# Squares


def test_row_06_a_coarse_row_reaches_the_screen_as_its_square_and_nothing_finer(views):
    told, found = views.regions, read_squares(wire.encode_regions(views))
    assert len(found["cell"]) == len(told) > 0
    for k in range(len(told)):
        assert (found["cell"][k], found["partner"][k], found["kind"][k]) == (
            told.cell[k],
            told.partner[k],
            told.kind[k],
        )
        assert found["lat"][k] == round(np.degrees(told.lat_rad[k]) * 1e7)
        assert found["lon"][k] == round(np.degrees(told.lon_rad[k]) * 1e7)
        assert told.half_m[k] <= found["half"][k] <= told.half_m[k] * 33 / 32 + 1


@settings(max_examples=100, deadline=None)
@given(st.floats(1.0, 2e7))
def test_a_half_side_is_rounded_up_never_down_and_by_little(half_m):
    (said,) = read_squares(wire.encode_regions(square(half_m=half_m)))["half"]
    assert half_m <= said <= half_m * 33 / 32 + 1


@pytest.mark.parametrize("bad", [{"lat_rad": np.nan}, {"lon_rad": np.inf}, {"half_m": np.nan}])
def test_a_square_without_a_place_is_not_drawn(bad):
    frame = wire.encode_regions(square(**bad))
    assert len(frame) == 32
    assert struct.unpack_from("<H", frame, 6)[0] == 0, "and the frame says that it is not all"


def test_of_too_many_squares_the_newest_are_sent():
    n = wire.MOST_REGIONS + 10
    told = Regions.blank(n).replace(
        lat_rad=np.zeros(n), lon_rad=np.zeros(n), half_m=np.ones(n), epoch_ns=np.arange(n) * 10**9
    )
    frame = wire.encode_regions(Views(regions=told))
    assert min(read_squares(frame)["epoch"]) == 10
    assert struct.unpack_from("<H", frame, 6)[0] == 0


# The order of what a browser is told


def test_partners_come_before_the_picture_that_speaks_of_them_and_only_news_comes_again():
    source = SharedSource(40)
    hub = Hub(source)

    async def told() -> list[list[str]]:
        task, sent, found = asyncio.create_task(hub.run()), Sent(), []
        for k in range(4):
            news = await hub.frames(sent)
            assert news is not None
            found.append([_kind(frame) for frame in news[0]])
            sent = news[1]
            if k == 1:
                source._partners = lambda: (BELORA,)
            if k == 2:
                source._squares = lambda: Regions.blank(0)
            await source.publish()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return found

    first, second, third, fourth = asyncio.run(told())
    assert first == ["hello", "partners", "labels", "MNRV", "MNRR"]
    assert second == ["MNRV"]
    assert third == ["partners", "MNRV"]
    assert fourth == ["MNRV", "MNRR"], "that the last square is gone is news"


def _kind(frame: bytes | str) -> str:
    return json.loads(frame)["type"] if isinstance(frame, str) else frame[:4].decode()


# Over HTTP


def test_each_track_says_from_whom_it_is(views):
    plain = picture.collection(views, range(len(views.tracks)))["features"]
    for row, feature in enumerate(plain):
        said, bits = feature["properties"], int(views.pedigree[row])
        named = ["own"] * (bits & 1) + ["belora"] * (bits >> 1 & 1) + ["corvia"] * (bits >> 2 & 1)
        assert said["from"] == named
        assert said["undisclosed"] == bool(bits & UNKNOWN_BIT)
        assert (said["led_by"] == "own") == (int(views.tracks.track_id[row]) < 1 << 63)
    assert {feature["properties"]["led_by"] for feature in plain} == {"own", "belora", "corvia"}


def test_a_node_that_shares_with_nobody_says_own():
    said = picture.collection(FakeSource(3).views(), [0])["features"][0]["properties"]
    assert (said["from"], said["led_by"], said["undisclosed"]) == (["own"], "own", False)


def test_a_place_where_nobody_stands_any_more_is_a_number_and_not_an_exception():
    views = dataclasses.replace(sharing([5], [1 << 5 | UNKNOWN_BIT]), partners=(BELORA,))
    said = picture.collection(views, [0])["features"][0]["properties"]
    assert (said["from"], said["led_by"]) == (["partner-5"], "partner-5")


def test_row_13_why_rows_are_withheld_from_a_partner_is_told_by_reason(views):
    plain = json.loads(json.dumps(partners.partners(views)))
    belora, corvia = plain["partners"]
    assert belora["withheld"] == {"area": 12, "forbidden": 3, "warming": 2}
    assert (belora["link"], belora["phase_out"], belora["phase_in"]) == ("live", "full", "interim")
    assert (belora["silent_s"], belora["reason"]) == (0.4, "")
    assert corvia["reason"] == "until the inquiry is over"
    assert corvia["since"] == "2025-06-15T15:06:40.000Z"
    assert [one["tracks"] for one in plain["partners"]] == [
        int((views.tracks.track_id >> np.uint64(42) == np.uint64((LED >> 42) + place)).sum()) for place in (1, 2)
    ]
    assert [one["regions"] for one in plain["partners"]] == [3, 1]
    assert plain["log"] == {"size": 12_345, "witnessed": 12_340}


def test_a_partner_never_heard_has_no_age():
    plain = partners.partners(Views(now_ns=NOW_NS, partners=(BELORA,)))
    assert plain["partners"][0]["silent_s"] is None
    assert plain["partners"][0]["heard"] == ""


def test_what_partners_warn_of_is_told_in_words_of_the_standard(views):
    (said,) = partners.partners(views)["warned"]
    assert (said["partner"], said["hazard"], said["severity"]) == ("belora", "unidentified_aircraft", "severe")
    assert list(partners.HAZARDS[1:]) == [one.name.lower() for one in Hazard]
    assert list(partners.SEVERITIES) == [one.name.lower() for one in Severity]
    strange = dataclasses.replace(views, warned=(type(views.warned[0])(**{**_fields(views), "hazard": 99}),))
    assert partners.partners(strange)["warned"][0]["hazard"] == ""


def _fields(views: Views) -> dict[str, object]:
    one = views.warned[0]
    return {name: getattr(one, name) for name in one.__struct_fields__}


def test_the_partners_are_read_over_http():
    with TestClient(build(SharedSource(10)), base_url="http://127.0.0.1") as client:
        assert [one["id"] for one in client.get("/api/partners").json()["partners"]] == ["belora", "corvia"]
        rows = client.get("/api/tracks?sort=from&descending=true").json()["features"]
        assert rows[0]["properties"]["led_by"] == "corvia"
    with TestClient(build(FakeSource(3)), base_url="http://127.0.0.1") as client:
        assert client.get("/api/partners").json()["partners"] == []


def test_a_number_of_ours_is_never_found_in_a_partners_row(views):
    assert all(one["number"] for one in picture.search(views, "0") if one["led_by"] == "own")
    numberless = [one for one in picture.search(views, "0") if one["number"] == 0]
    assert all("0" in one["identity"] + one["name"] + one["callsign"] + one["squawk"] for one in numberless)
