"""Reports to columns: what M.1371 calls not available is NaN, accuracy is a standard deviation, kinds are told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.feeds.ais import AisDecoder, sentences
from manara.feeds.decoder import Options
from manara.records.batch import Batch
from manara.records.identity import Space, pack, text
from manara.records.reports import AltRef, Flag, Kind

NOW = 1_700_000_000_000_000_000  # 22:13:20
SECOND = 10**9
MMSI = 271_999_001
HERE = {"lat": 12.5, "lon": -33.25}


def decode(*reports: tuple[int, dict], time_ns: int | None = NOW) -> Batch:
    data = b"".join(sentences(t, {"mmsi": MMSI, **f}, time_ns=time_ns, sequence=i) for i, (t, f) in enumerate(reports))
    batch = AisDecoder(Options(feed=2)).advance(data, NOW + 5 * SECOND)
    assert not batch.reject_counts
    return batch


@pytest.mark.parametrize("msg_type", [1, 2, 3, 4, 9, 11, 18, 19, 21, 27])
def test_every_position_type_makes_a_row(msg_type):
    batch = decode((msg_type, HERE))
    r = batch.reports
    assert batch.counts == {f"ais {msg_type}": 1}
    assert math.degrees(r.lat_rad[0]) == pytest.approx(12.5, abs=1e-6)
    assert math.degrees(r.lon_rad[0]) == pytest.approx(-33.25, abs=1e-6)
    assert r.identity[0] == pack(Space.MMSI, MMSI)
    assert r.source[0] == 2 << 16
    assert r.received_ns[0] == NOW + 5 * SECOND
    assert r.time_ns[0] == NOW
    assert r.flags[0] == 0
    assert np.isnan(r.climb_mps[0])


def test_motion_is_in_si():
    r = decode((1, {**HERE, "speed": 36.0, "course": 90.0, "heading": 359})).reports
    assert r.speed_mps[0] == pytest.approx(36.0 * 1852 / 3600)
    assert r.course_rad[0] == pytest.approx(math.pi / 2)
    assert r.heading_rad[0] == pytest.approx(math.radians(359))


@pytest.mark.parametrize(
    ("msg_type", "fields"),
    [(1, {"heading": 360, "course": 360.1, "speed": 102.3}), (18, {"heading": 400}), (9, {"speed": 1023, "alt": 4095}),
     (27, {"speed": 63, "course": 511}), (27, {"course": 360})],
)  # fmt: skip
def test_values_out_of_their_range_are_not_said(msg_type, fields):
    r = decode((msg_type, {**HERE, **fields})).reports
    for column, name in (
        (r.speed_mps, "speed"),
        (r.course_rad, "course"),
        (r.heading_rad, "heading"),
        (r.alt_m, "alt"),
    ):
        assert math.isnan(column[0]), name


def test_search_aircraft_fly_in_whole_knots():
    r = decode(
        (9, {**HERE, "speed": 150, "alt": 300, "mmsi": 111999001}), (9, {**HERE, "alt": 5, "reserved_1": 128})
    ).reports
    assert r.speed_mps[0] == pytest.approx(150 * 1852 / 3600)
    assert r.alt_m.tolist() == [300.0, 5.0]
    assert r.alt_ref.tolist() == [AltRef.MEAN_SEA, AltRef.PRESSURE]


def test_accuracy_is_one_sigma_per_axis():
    r = decode((1, {**HERE, "accuracy": True}), (1, HERE), (27, {**HERE, "accuracy": True}), (27, HERE)).reports
    rng = np.random.default_rng(1)
    for sigma, r95 in zip(r.sigma_m[:2], (10.0, 100.0), strict=True):
        inside = np.hypot(*rng.normal(0.0, sigma, (2, 100_000))) <= r95
        assert inside.mean() == pytest.approx(0.95, abs=0.003)
    assert r.sigma_m[2] > 50.0
    assert r.sigma_m[3] > r.sigma_m[2]


@pytest.mark.parametrize(
    ("mmsi", "msg_type", "kind"),
    [
        (MMSI, 1, Kind.VESSEL_A),
        (MMSI, 27, Kind.VESSEL_A),
        (MMSI, 18, Kind.VESSEL_B),
        (MMSI, 19, Kind.VESSEL_B),
        (982719901, 18, Kind.VESSEL_B),
        (2719990, 4, Kind.BASE_STATION),
        (MMSI, 4, Kind.BASE_STATION),
        (MMSI, 11, Kind.VESSEL_A),
        (992719901, 21, Kind.AID_TO_NAVIGATION),
        (992719901, 1, Kind.AID_TO_NAVIGATION),
        (111999001, 9, Kind.SEARCH_AIRCRAFT),
        (111999001, 1, Kind.SEARCH_AIRCRAFT),
        (970999001, 1, Kind.DISTRESS_DEVICE),
        (972999001, 1, Kind.DISTRESS_DEVICE),
        (974999001, 18, Kind.DISTRESS_DEVICE),
        (971999001, 1, Kind.VESSEL_A),
    ],
)
def test_kinds(mmsi, msg_type, kind):
    assert decode((msg_type, {**HERE, "mmsi": mmsi})).reports.kind[0] == kind


@pytest.mark.parametrize(
    ("mmsi", "status", "want"),
    [
        (970999001, 14, Flag.DISTRESS),
        (972999001, 14, Flag.DISTRESS),
        (974999001, 0, Flag.DISTRESS),
        (970999001, 15, Flag.TEST),
        (MMSI, 14, Flag.DISTRESS),
        (MMSI, 15, Flag.NONE),
    ],
)
def test_distress_and_its_tests(mmsi, status, want):
    for msg_type in (1, 27):
        assert decode((msg_type, {**HERE, "mmsi": mmsi, "status": status})).reports.flags[0] == want
    assert decode((18, {**HERE, "mmsi": 970999001})).reports.flags[0] == Flag.DISTRESS


@pytest.mark.parametrize(
    ("msg_type", "fields", "want"),
    [
        (1, {"repeat": 1}, Flag.FROM_GROUND),
        (21, {"virtual_aid": True}, Flag.FROM_GROUND),
        (1, {"second": 62}, Flag.DEAD_RECKONED),
        (18, {"second": 61}, Flag.POSITION_SUSPECT),
        (18, {"second": 63}, Flag.POSITION_SUSPECT),
        (1, {"second": 60}, Flag.NONE),
    ],
)
def test_other_flags(msg_type, fields, want):
    assert decode((msg_type, {**HERE, **fields})).reports.flags[0] == want


@pytest.mark.parametrize(
    ("second", "offset_s"), [(20, 0), (18, -2), (15, -5), (14, 0), (23, 3), (59, 0), (60, 0), (0, 0), (63, 0)]
)
def test_the_second_of_the_fix_refines_the_stamp(second, offset_s):
    """The stamp is 22:13:20; a second within five of it is when the fix was made, any other is not believed."""
    assert decode((1, {**HERE, "second": second})).reports.time_ns[0] == NOW + offset_s * SECOND


def test_the_second_of_the_fix_crosses_the_minute():
    minute = NOW - 20 * SECOND
    assert decode((1, {**HERE, "second": 58}), time_ns=minute + SECOND).reports.time_ns[0] == minute - 2 * SECOND
    assert decode((1, {**HERE, "second": 1}), time_ns=minute - SECOND).reports.time_ns[0] == minute + SECOND


def test_without_a_stamp_it_is_the_time_of_receipt():
    r = decode((1, {**HERE, "second": 18}), time_ns=None).reports
    assert r.time_ns[0] == NOW + 5 * SECOND
    assert r.flags[0] == Flag.TIME_ASSUMED


def test_impossible_positions_are_refused():
    batch = AisDecoder(Options()).advance(sentences(1, {"mmsi": MMSI, "lat": 95.0, "lon": 10.0}), NOW)
    assert batch.reject_counts == {"bad_position": 1}
    assert batch.counts == {"ais 1 bad_position": 1}
    assert len(batch.reports) == 0


def test_particulars():
    batch = decode(
        (5, {"shipname": "QUIET LANTERN", "callsign": "T3ST", "ship_type": 70, "imo": 9000001,
             "destination": "NORTH QUAY", "draught": 8.2, "to_bow": 100, "to_stern": 20, "to_port": 8,
             "to_starboard": 9, "month": 5, "day": 14, "hour": 20, "minute": 10}),
        (24, {"partno": 0, "shipname": "LITTLE LAMP"}),
        (24, {"partno": 1, "callsign": "L4MP", "ship_type": 36, "to_bow": 5, "to_stern": 4}),
        (24, {"partno": 1, "mmsi": 982719901, "callsign": "T3ND", "mothership_mmsi": MMSI}),
        (19, {**HERE, "shipname": "SMALL LIGHT", "ship_type": 37}),
        (21, {**HERE, "name": "NORTH BUOY"}),
        (5, {}),
    )  # fmt: skip
    big, name, size, tender, small, buoy = batch.particulars
    assert text(big.identity) == str(MMSI)
    assert (big.name, big.callsign, big.ship_type, big.imo) == ("QUIET LANTERN", "T3ST", 70, 9000001)
    assert (big.destination, big.draught_m, big.eta) == ("NORTH QUAY", 8.2, "05-14 20:10")
    assert (big.length_m, big.beam_m, big.time_ns) == (120.0, 17.0, NOW)
    assert (name.name, name.callsign, size.name, size.callsign, size.length_m) == ("LITTLE LAMP", "", "", "L4MP", 9.0)
    assert (tender.mothership, tender.length_m) == (MMSI, None)
    assert (small.name, small.ship_type, buoy.name, buoy.ship_type) == ("SMALL LIGHT", 37, "NORTH BUOY", None)


def test_a_status_is_told_when_it_changes():
    moves = [(1, {**HERE, "status": s, "second": i}) for i, s in enumerate([0, 0, 5, 15, 5, 0])]
    assert [p.nav_status for p in decode(*moves).particulars] == [0, 5, 0]


def test_safety_texts():
    batch = decode((14, {"text": "DRILL ONLY"}), (12, {"text": "HELLO", "dest_mmsi": 271999009}))
    assert [(t.text, t.addressee, t.time_ns) for t in batch.texts] == [
        ("DRILL ONLY", None, NOW),
        ("HELLO", 271999009, NOW),
    ]
    assert batch.counts == {"ais 14": 1, "ais 12": 1}


def test_what_two_stations_heard_makes_one_row():
    decoder = AisDecoder(Options())
    data = sentences(1, {"mmsi": MMSI, **HERE})
    first = decoder.advance(data + data, NOW)
    assert (len(first.reports), first.counts) == (1, {"ais 1": 1, "duplicate": 1})
    assert decoder.advance(data, NOW + 10 * SECOND).counts == {"duplicate": 1}
    assert decoder.advance(data, NOW + 21 * SECOND).counts == {"ais 1": 1}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"!AIVDM,1,1,,A,100000?P?w<tSF0l4Q@>4?wp0`9@,0*54", "bad_mmsi"),
        (b"!AIVDM,1,1,,A,13HOI:0P0000VOHLCnHQ,0*65", "too_short"),
        (b"!AIVDM,1,1,,A,13HOI,0*4B", "too_short"),
        (b"!AIVDM,1,1,,A,03HOI:0P0000VOHLCnHQKwvL05Ip,0*22", "unknown_type"),
        (b"!AIVDM,1,1,,A,H39>JhH000000000000000000000,0*5C", "unknown_part"),
    ],
)
def test_the_gate(data, why):
    body = data[1:-3]
    checked = b"!%s*%02X\r\n" % (body, int(np.bitwise_xor.reduce(np.frombuffer(body, np.uint8))))
    batch = AisDecoder(Options()).advance(checked, NOW)
    assert batch.reject_counts == {why: 1}
    assert batch.counts == {}


def test_a_type_5_that_ends_early_loses_no_letter():
    data = sentences(5, {"mmsi": MMSI, "destination": "A" * 20, "shipname": "LAMP"})
    payload = b"".join(x.split(b",")[5] for x in data.split(b"\r\n") if x)
    for cut_bits in (2, 4):  # 422 and 420 bits, as some transmit
        fill = (6 - (424 - cut_bits) % 6) % 6
        short = payload[: -(-(424 - cut_bits) // 6)]
        body = b"AIVDM,1,1,,A,%s,%d" % (short, fill)
        batch = AisDecoder(Options()).advance(
            b"!%s*%02X\n" % (body, int(np.bitwise_xor.reduce(np.frombuffer(body, np.uint8)))), NOW
        )
        assert batch.particulars[0].name == "LAMP"
        assert batch.particulars[0].destination[:19] == "A" * 19
