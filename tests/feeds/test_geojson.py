"""Partner GeoJSON: what we write we read back; what is wrong is counted."""

import json
import math
import random

import pytest

from manara.feeds import geojson
from manara.feeds.decoder import Options
from manara.records import identity
from manara.records.particulars import Particulars
from manara.records.reports import AltRef, Domain, Flag, Kind
from manara.records.tracks import Tracks

FORM = geojson.FORMATS[0]


def feature(**change):
    one = {
        "type": "Feature",
        "id": "a7",
        "geometry": {"type": "Point", "coordinates": [-120.5, -47.25, 30]},
        "properties": {
            "time": "2026-03-01T10:00:00Z",
            "domain": "sea",
            "speed_mps": 5,
            "course_deg": -90,
            "name": "Lantern",
        },
    }
    return {**one, **change}


def decode(*documents, step: int = 0):
    data = b"\n".join(d if isinstance(d, bytes) else json.dumps(d).encode() for d in documents)
    decoder = FORM.new(Options(feed=1))
    step = step or len(data)
    batches = [decoder.advance(data[at : at + step], 7) for at in range(0, len(data), step)] + [decoder.finish(7)]
    rejects: dict[str, int] = {}
    for b in batches:
        for why, n in b.reject_counts.items():
            rejects[why] = rejects.get(why, 0) + n
    return [b.reports for b in batches if len(b.reports)], rejects


def test_a_feature_is_a_row():
    (rows,), rejects = decode(feature())
    assert not rejects
    assert rows.kind[0] == Kind.VESSEL
    assert rows.time_ns[0] == 1772359200_000_000_000
    assert math.degrees(rows.course_rad[0]) == pytest.approx(270)
    assert (rows.alt_m[0], rows.alt_ref[0]) == (30, AltRef.ELLIPSOID)
    assert not rows.flags[0] & Flag.TIME_ASSUMED


def test_a_collection_and_lines_and_any_split_say_the_same():
    many = [feature(id=f"x{k}") for k in range(5)]
    together = decode({"type": "FeatureCollection", "features": many})[0][0]
    for step in (1, 13, 400):
        lines, rejects = decode(*many, step=step)
        assert not rejects
        ids = [int(i) for rows in lines for i in rows.identity]
        assert ids == together.identity.tolist()
        assert len(set(ids)) == 5


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (feature(geometry=None), "no_geometry"),
        (feature(geometry={"type": "Point", "coordinates": [200, 0]}), "bad_position"),
        (feature(geometry={"type": "Point", "coordinates": []}), "bad_position"),
        (feature(geometry={"type": "Point", "coordinates": ["1", "2"]}), "bad_position"),
        (feature(geometry={"type": "Point", "coordinates": [1e400, 2]}), "bad_json"),
        (feature(geometry={"type": "Point", "coordinates": 5}), "bad_position"),
        (feature(geometry={"type": "Point", "coordinates": {"0": 1}}), "bad_position"),
        (feature(id=None), "no_id"),
        ({"type": "Topology"}, "not_geojson"),
        ({"type": "FeatureCollection", "features": 7}, "not_geojson"),
        (b'{"type": "Feature", }', "bad_json"),
        (b'{"type": "Feature"', "truncated"),
        (b"[1, 2]", "truncated"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(document, why):
    rows, rejects = decode(document)
    assert rows == []
    assert list(rejects) == [why]


def test_no_time_is_said_to_be_assumed():
    (rows,), _ = decode(feature(properties={"mmsi": 291000001, "time": "yesterday"}))
    assert rows.time_ns[0] == 7
    assert rows.flags[0] & Flag.TIME_ASSUMED
    assert identity.text(int(rows.identity[0])) == "291000001"


def test_what_we_write_we_read_back():
    tracks = Tracks.blank(2)
    claimed = identity.pack(identity.Space.ICAO24, 0xD00123)
    for name, value in {
        "lat_rad": 0.7,
        "lon_rad": -3.1,
        "ve_mps": 3.0,
        "vn_mps": 4.0,
        "alt_m": 900.0,
        "time_ns": 1772359200_000_000_000,
    }.items():
        getattr(tracks, name)[0] = value
    tracks.identity[0], tracks.alt_ref[0], tracks.domain[0], tracks.kind[0] = (
        claimed,
        AltRef.ELLIPSOID,
        Domain.AIR,
        Kind.AIRCRAFT,
    )
    tracks.cov[0, 0] = tracks.cov[0, 4] = 400.0
    said = {claimed: Particulars(identity=claimed, time_ns=0, source=0, callsign="LAN1")}
    data = geojson.encode_tracks(tracks, said, 5)
    (rows,), rejects = decode(data)
    assert not rejects
    assert len(rows) == 1, "a track without a position is not written"
    assert rows.identity[0] == claimed
    assert rows.lat_rad[0] == pytest.approx(0.7, abs=2e-9)
    assert (rows.speed_mps[0], rows.sigma_m[0], rows.kind[0], rows.time_ns[0]) == (
        5.0,
        20.0,
        Kind.AIRCRAFT,
        1772359200_000_000_000,
    )


ANYTHING = [None, True, 5, -1e300, 10**30, "x", "", [], [1], {}, {"a": 1}, [[1, 2]], "2026-13-45T99:00:00Z", "\ud800"]


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], new)
    return copy


def places(value, path=()):
    yield path
    kids = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, kid in kids:
        yield from places(kid, (*path, key))


@pytest.mark.parametrize("full", [False, True])
def test_anything_may_stand_anywhere(full):
    more = {
        "mmsi": 1,
        "icao24": "d00001",
        "time_ns": 5,
        "sigma_m": 3,
        "altitude_m": 4,
        "callsign": "x",
        "kind": "vessel",
    }
    good = feature(properties={**feature()["properties"], **more})
    collection = {"type": "FeatureCollection", "features": [good, good]}
    for path in list(places(collection)):
        for new in ANYTHING:
            document = json.dumps(replaced(collection, path, new)).encode()
            if full:
                list(FORM.full(document, Options()))
                list(FORM.cut(document))
            else:
                batch = FORM.new(Options()).advance(document, 7, whole=True)
                assert len(batch.reports) <= 2


def fuzz(rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    good = json.dumps(feature()).encode()
    decoder = FORM.new(Options())
    for _ in range(rounds):
        data = bytearray(good)
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.choice(b'{}[]",:0919e-+ \\a\xff')
        batch = decoder.advance(bytes(data), 1, whole=rng.random() < 0.7)
        assert not len(batch.reports) or (abs(batch.reports.lat_rad) <= math.pi / 2).all()


def test_ten_thousand_mutations_do_no_harm():
    fuzz(10_000, 1)


@pytest.mark.soak
def test_a_million_mutations_do_no_harm():
    fuzz(1_000_000, 2)
