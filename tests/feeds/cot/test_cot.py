"""Cursor on Target against the recordings, another maker's protobuf encoder, and attackers."""

import math
import random

import pytest
import takproto

from manara.feeds import cot
from manara.feeds.cot import encode, wire
from manara.feeds.decoder import Options
from manara.records import identity
from manara.records.particulars import Particulars
from manara.records.reject import Reject
from manara.records.reports import AltRef, Domain, Flag, Kind
from manara.records.tracks import Tracks

XML, PROTO = cot.FORMATS
BOAT = (
    b"<?xml version='1.0' encoding='UTF-8'?>\n<event version='2.0' uid='MMSI-291000007' type='a-u-S-X-M' how='m-g' "
    b"time='2026-03-01T10:00:01Z' start='2026-03-01T10:00:00.500Z' stale='2026-03-01T10:05:00Z'>"
    b"<point lat='-47.25' lon='-120.5' hae='12.5' ce='9.0' le='9999999.0'/>"
    b"<detail><track speed='7.5' course='271.0'/><contact callsign='Sea Lantern'/></detail></event>"
)


def decode(form, data: bytes, step: int = 0, whole: bool = False):
    decoder = form.new(Options(feed=3))
    step = step or len(data) or 1
    batches = [decoder.advance(data[at : at + step], 5, whole) for at in range(0, len(data), step)]
    batches.append(decoder.finish(5))
    rows = [b.reports for b in batches if len(b.reports)]
    rejects = {}
    for b in batches:
        for why, n in b.reject_counts.items():
            rejects[why] = rejects.get(why, 0) + n
    return rows, rejects, [p for b in batches for p in b.particulars]


def test_a_boat_is_a_row_with_its_words():
    rows, rejects, particulars = decode(XML, BOAT)
    row = rows[0]
    assert not rejects
    assert identity.text(int(row.identity[0])) == "291000007"
    assert row.kind[0] == Kind.VESSEL
    assert row.time_ns[0] == 1772359200_500_000_000
    assert math.degrees(row.lat_rad[0]) == pytest.approx(-47.25)
    assert math.degrees(row.lon_rad[0]) == pytest.approx(-120.5)
    assert (row.alt_m[0], row.alt_ref[0], row.sigma_m[0], row.speed_mps[0]) == (12.5, AltRef.ELLIPSOID, 9.0, 7.5)
    assert math.degrees(row.course_rad[0]) == pytest.approx(271.0)
    assert particulars == [
        Particulars(identity=int(row.identity[0]), time_ns=int(row.time_ns[0]), source=3 << 16, callsign="Sea Lantern")
    ]


def test_protobuf_of_another_maker_says_the_same():
    frame = bytes(takproto.xml2proto(BOAT.decode().partition("\n")[2], takproto.TAKProtoVer.STREAM))
    mesh = bytes(takproto.xml2proto(BOAT.decode().partition("\n")[2], takproto.TAKProtoVer.MESH))
    xml = decode(XML, BOAT)[0][0]
    for data, whole in ((frame, False), (mesh, True), (frame * 2, False)):
        rows, rejects, _ = decode(PROTO, data, whole=whole)
        assert not rejects
        for name in (
            "identity",
            "kind",
            "time_ns",
            "lat_rad",
            "lon_rad",
            "alt_m",
            "sigma_m",
            "speed_mps",
            "course_rad",
        ):
            assert getattr(rows[0], name)[0] == getattr(xml, name)[0], name


@pytest.mark.parametrize("step", [1, 3, 50])
def test_any_split_gives_the_same_rows(step):
    data = BOAT * 3
    whole, split = decode(XML, data), decode(XML, data, step)
    assert sum(len(r) for r in split[0]) == 3
    assert split[1] == whole[1] == {}
    frame = bytes(takproto.xml2proto(BOAT.decode().partition("\n")[2], takproto.TAKProtoVer.STREAM)) * 3
    assert sum(len(r) for r in decode(PROTO, frame, step)[0]) == 3


def test_the_recorded_examples(recordings):
    folder = recordings("cot/takcot")
    data = b"".join(path.read_bytes() for path in sorted(folder.glob("*.cot")))
    rows, rejects, _ = decode(XML, data)
    assert rejects == {}
    assert sum(len(r) for r in rows) == 2
    assert sum(1 for r in XML.full(data, Options()) if not isinstance(r, Reject)) == 12
    assert XML.guess(data) > 0.9 > PROTO.guess(data)


def test_an_entity_is_never_followed():
    bomb = (
        b"<!DOCTYPE event [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><event uid='x' type='a-u-S'>"
        b"<point lat='1' lon='2' hae='0' ce='1' le='1'/><detail><contact callsign='&a;'/></detail></event>"
    )
    event = wire.read_xml(bomb)
    assert isinstance(event, str) or event.callsign == ""


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (BOAT.replace(b"-47.25", b"-97.25"), "bad_position"),
        (BOAT.replace(b"-47.25", b"nan"), "no_point"),
        (BOAT.replace(b"-47.25", b"here"), "no_point"),
        (BOAT.replace(b"<point", b"<pt"), "no_point"),
        (BOAT.replace(b"</detail>", b""), "bad_xml"),
        (BOAT[:-3], "truncated"),
        (b"<event " + b"x" * 400_000, "too_long"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(broken, why):
    rows, rejects, _ = decode(XML, broken)
    assert rows == []
    assert list(rejects) == [why]


def fuzz(form, seed_bytes: bytes, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    decoder = form.new(Options())
    for _ in range(rounds):
        data = bytearray(seed_bytes)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        batch = decoder.advance(bytes(data[: rng.randrange(len(data) + 1)]), 1, rng.random() < 0.5)
        assert not len(batch.reports) or abs(batch.reports.lat_rad[0]) <= math.pi / 2
        assert len(decoder.dump()["rest"]) <= wire.EVENT_BYTES


def test_ten_thousand_mutations_do_no_harm():
    fuzz(XML, BOAT, 10_000, 1)
    fuzz(PROTO, bytes(takproto.xml2proto(BOAT.decode().partition("\n")[2], takproto.TAKProtoVer.STREAM)), 10_000, 2)


@pytest.mark.soak
def test_a_million_mutations_do_no_harm():
    fuzz(XML, BOAT, 1_000_000, 3)
    fuzz(PROTO, bytes(takproto.xml2proto(BOAT.decode().partition("\n")[2], takproto.TAKProtoVer.STREAM)), 1_000_000, 4)


def one_track(claimed: int, **columns) -> Tracks:
    blank = Tracks.blank(1)
    said = {
        "track_id": 9,
        "time_ns": 1772359200_000_000_000,
        "lat_rad": -0.8,
        "lon_rad": -2.1,
        "domain": Domain.SEA,
        "identity": claimed,
    }
    for name, value in {**said, **columns}.items():
        getattr(blank, name)[0] = value
    blank.cov[0, 0] = blank.cov[0, 4] = 25.0
    return blank


def test_what_we_write_we_and_others_read_back():
    claimed = identity.pack(identity.Space.MMSI, 291000007)
    tracks = one_track(claimed, ve_mps=3.0, vn_mps=4.0, alt_m=100.0, alt_ref=AltRef.ELLIPSOID)
    said = {claimed: Particulars(identity=claimed, time_ns=1, source=0, name="Sea <Lantern> & Co\x01")}
    (event,) = encode.encode_tracks(tracks, said, 1772359201_000_000_000)
    rows, rejects, particulars = decode(XML, event)
    assert not rejects
    assert rows[0].identity[0] == claimed
    assert rows[0].speed_mps[0] == pytest.approx(5.0)
    assert rows[0].sigma_m[0] == pytest.approx(5.0)
    assert particulars[0].callsign == "Sea <Lantern> & Co"
    assert takproto.parse_proto(takproto.xml2proto(event.decode().partition("\n")[2])).cotEvent.uid == "MMSI-291000007"


def test_an_identity_is_never_invented_and_a_side_never_said():
    (event,) = encode.encode_tracks(one_track(0), {}, 1)
    assert b'uid="MANARA-' in event
    assert b'type="a-u-S"' in event


def test_a_hand_made_report_is_marked_as_such():
    rows, _, _ = decode(XML, BOAT.replace(b"how='m-g'", b"how='h-e'"))
    assert rows[0].flags[0] & Flag.MANUAL
