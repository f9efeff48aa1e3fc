"""What the numbers mean: units, validity bits, flags, kinds, accuracies, for each category."""

from __future__ import annotations

import math

import numpy as np
import pytest

from manara.feeds.asterix import encode
from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.decoder import Options
from manara.records.identity import Space, source_id, unpack
from manara.records.plots import Form
from manara.records.reports import AltRef, Flag, Kind

DAY_NS = 86_400_000_000_000
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
WHO = {"SAC": 1, "SIC": 2}


def decode(category, edition, *records, editions=True):
    block = encode.block(category, [encode.record(category, edition, items) for items in records])
    options = Options(feed=7, editions={f"{category:03d}": edition} if editions else {})
    got = AsterixDecoder(options).advance(block, NOON_NS)
    assert not got.reject_counts
    return got


def test_a_radar_plot_in_si(radar_block):
    plots = AsterixDecoder(Options(feed=7)).advance(radar_block(), NOON_NS).plots
    assert plots.time_ns[0] == NOON_NS
    assert plots.form[0] == Form.POLAR
    assert plots.range_m[0] == 18_520.0
    assert plots.azimuth_rad[0] == pytest.approx(math.pi / 2, abs=1e-12)
    assert plots.alt_m[0] == 100 * 30.48
    assert plots.alt_ref[0] == AltRef.PRESSURE
    assert plots.mode_3a[0] == 0o1234
    assert plots.track_number[0] == 77
    assert plots.speed_mps[0] == 0.125 * 1852.0
    assert plots.course_rad[0] == pytest.approx(math.pi)
    assert plots.kind[0] == Kind.AIRCRAFT
    assert plots.flags[0] == 0
    assert np.isnan([plots.x_m[0], plots.lat_rad[0], plots.sigma_range_m[0]]).all()


@pytest.mark.parametrize(
    ("items", "flag"),
    [
        ({"_020": {"TYP": 5, "SIM": 1}}, Flag.TEST),
        ({"_020": {"TYP": 5, "TST": 1}}, Flag.TEST),
        ({"_020": {"TYP": 5, "SPI": 1}}, Flag.IDENT),
        ({"_020": {"TYP": 5, "RAB": 1}}, Flag.FROM_GROUND),
        ({"_020": {"TYP": 5, "ME": 1}}, Flag.EMERGENCY),
        ({"_020": {"TYP": 0}}, Flag.DEAD_RECKONED),
        ({"_070": {"MODE3A": "7700"}}, Flag.EMERGENCY),
        ({"_070": {"MODE3A": "7600"}}, Flag.RADIO_FAILURE),
        ({"_070": {"MODE3A": "7500"}}, Flag.UNLAWFUL_INTERFERENCE),
        ({"_230": {"STAT": 1}}, Flag.ON_GROUND),
        ({"_230": {"STAT": 5}}, Flag.IDENT),
        ({}, Flag.NONE),
    ],
)
def test_flags_of_a_radar_plot(items, flag, radar_block):
    assert AsterixDecoder(Options()).advance(radar_block(**items), NOON_NS).plots.flags[0] == flag


@pytest.mark.parametrize("bits", [{"V": 1}, {"G": 1}])
def test_a_code_or_level_that_is_not_valid_is_not_used(bits, radar_block):
    block = radar_block(_070={**bits, "MODE3A": "7700"}, _090={**bits, "FL": 100.0})
    plots = AsterixDecoder(Options()).advance(block, NOON_NS).plots
    assert plots.mode_3a[0] == -1
    assert plots.flags[0] == 0
    assert math.isnan(plots.alt_m[0])
    assert plots.alt_ref[0] == AltRef.NONE


def test_a_radar_plot_without_polar_position(radar_block):
    got = AsterixDecoder(Options()).advance(radar_block(_040=None, _042={"X": 10.0, "Y": -5.0}), NOON_NS)
    assert got.plots.form[0] == Form.CARTESIAN
    assert (got.plots.x_m[0], got.plots.y_m[0]) == (18_520.0, -9_260.0)
    nowhere = AsterixDecoder(Options()).advance(radar_block(_040=None), NOON_NS)
    assert len(nowhere.plots) == 0
    assert nowhere.counts == {"cat048 no_position": 1}
    assert nowhere.particulars[0].callsign == "MNR123", "the name is heard all the same"


def older(time_s, **items):
    fields = {"010": WHO, "020": {"TYP": 0}, "040": {"RHO": 10.0, "THETA": 0.0}, "141": time_s % 512.0}
    return fields | {key.lstrip("_"): value for key, value in items.items()}


@pytest.mark.parametrize("tod_s", [0.0, 100.5, 43_200.0, 86_399.0])
@pytest.mark.parametrize("late_s", [-250.0, 0.0, 250.0])
def test_the_truncated_time_of_the_older_form_is_completed_by_the_radar(tod_s, late_s):
    """I001/141 wraps every 512 s from midnight on; the last full time of I002/030 says which turn it is."""
    true_ns = 20_000 * DAY_NS + int(tod_s * 1e9)
    full = {"010": WHO, "000": 1, "030": (tod_s - late_s) % 86_400.0, "041": 5.0}
    blocks = encode.block(2, [encode.record(2, "1.2", full)])
    blocks += encode.block(1, [encode.record(1, "1.4", older(tod_s))])
    decoder = AsterixDecoder(Options())
    got = decoder.advance(blocks, true_ns + 3600 * 1_000_000_000 if 1e4 < tod_s < 8e4 else true_ns)
    if 0.0 <= tod_s - late_s < 86_400.0:
        assert got.plots.time_ns[0] == true_ns
    assert got.status[0].antenna_period_s == 5.0


def test_the_time_of_another_radar_completes_nothing():
    full = {"010": {"SAC": 9, "SIC": 9}, "000": 1, "030": 7000.0}
    blocks = encode.block(2, [encode.record(2, "1.2", full)])
    blocks += encode.block(1, [encode.record(1, "1.4", older(43_200.0))])
    assert AsterixDecoder(Options()).advance(blocks, NOON_NS).plots.time_ns[0] == NOON_NS


def test_the_older_form_says_emergencies_in_its_descriptor():
    got = decode(1, "1.4", *(older(0.0, _020={"TYP": 0, "DS1DS2": value}) for value in (1, 2, 3)))
    assert got.plots.flags.tolist() == [Flag.UNLAWFUL_INTERFERENCE, Flag.RADIO_FAILURE, Flag.EMERGENCY]


def test_a_track_of_the_older_form_has_a_number_and_a_velocity():
    items = older(0.0, _020={"TYP": 1}, _161=300, _200={"GSP": 0.0625, "HDG": 270.0}, _090={"HGT": 50.0})
    plots = decode(1, "1.4", items).plots
    assert plots.track_number[0] == 300
    assert plots.speed_mps[0] == 0.0625 * 1852
    assert plots.alt_m[0] == 50 * 30.48
    assert plots.range_m[0] == 18_520.0


SURFACE = {"010": WHO, "000": 1, "140": 43_200.0, "020": {"TYP": 1}}


def test_a_surface_plot_prefers_geodetic_over_cartesian_over_polar():
    positions = {
        "041": {"LAT": 10.0, "LON": -20.0}, "042": {"X": 100.0, "Y": 50.0}, "040": {"RHO": 500.0, "TH": 180.0},
    }  # fmt: skip
    rows = [{**SURFACE, **dict(list(positions.items())[skip:])} for skip in range(3)]
    plots = decode(10, "1.1", *rows).plots
    assert plots.form.tolist() == [Form.GEODETIC, Form.CARTESIAN, Form.POLAR]
    assert math.degrees(plots.lat_rad[0]) == pytest.approx(10.0, abs=1e-6)
    assert math.degrees(plots.lon_rad[0]) == pytest.approx(-20.0, abs=1e-6)
    assert plots.x_m.tolist()[1:] == pytest.approx([100.0, math.nan], nan_ok=True)
    assert math.isnan(plots.x_m[0])
    assert plots.range_m[2] == 500.0
    assert plots.azimuth_rad[2] == pytest.approx(math.pi)


@pytest.mark.parametrize(
    ("items", "kind"),
    [
        ({"020": {"TYP": 1, "TOT": 1}}, Kind.AIRCRAFT),
        ({"020": {"TYP": 1, "TOT": 2}}, Kind.GROUND_VEHICLE),
        ({"020": {"TYP": 1, "TOT": 3}}, Kind.AIRCRAFT),
        ({"300": 3}, Kind.GROUND_VEHICLE),
        ({"220": 0xD00001}, Kind.AIRCRAFT),
        ({}, Kind.UNKNOWN),
    ],
)
def test_kinds_on_the_surface(items, kind):
    plots = decode(10, "1.1", {**SURFACE, "042": {"X": 1.0, "Y": 1.0}, **items}).plots
    assert plots.kind[0] == kind


def test_accuracy_velocity_and_ground_bit_of_the_surface():
    items = {
        **SURFACE, "042": {"X": 1.0, "Y": 1.0}, "202": {"VX": -3.0, "VY": 4.0}, "500": {"DEVX": 3.0, "DEVY": 4.0},
        "020": {"TYP": 1, "GBS": 1}, "170": {"CST": 2},
    }  # fmt: skip
    plots = decode(10, "1.1", items).plots
    assert plots.speed_mps[0] == 5.0
    assert math.degrees(plots.course_rad[0]) == pytest.approx(360 - math.degrees(math.atan2(3, 4)))
    assert plots.sigma_m[0] == pytest.approx(math.sqrt(12.5))
    assert plots.flags[0] == Flag.ON_GROUND | Flag.DEAD_RECKONED


def test_a_place_that_does_not_exist_is_no_position():
    north = {"LAT": 95.0, "LON": 10.0}
    adsb = decode(21, "2.6", {**ADSB, "131": north}).reports
    system = decode(62, "1.20", {**TRACK, "105": north}).reports
    for one in (adsb, system):
        assert np.isnan([one.lat_rad[0], one.lon_rad[0]]).all()
        assert one.flags[0] == Flag.NO_POSITION
    both = decode(10, "1.1", {**SURFACE, "041": north, "042": {"X": 5.0, "Y": 6.0}}).plots
    assert (both.form[0], both.x_m[0]) == (Form.CARTESIAN, 5.0)
    assert decode(10, "1.1", {**SURFACE, "041": north}).counts == {"cat010 no_position": 1}
    pole = decode(62, "1.20", {**TRACK, "105": {"LAT": 90.0, "LON": -180.0}}).reports
    assert pole.lat_rad[0] == pytest.approx(math.pi / 2)


def test_without_cartesian_velocity_the_polar_one_stands():
    items = {**SURFACE, "042": {"X": 1.0, "Y": 1.0}, "200": {"GSP": 0.0078125, "TRA": 90.0}}
    plots = decode(10, "1.1", items).plots
    assert plots.speed_mps[0] == 0.0078125 * 1852
    assert plots.course_rad[0] == pytest.approx(math.pi / 2)


def test_service_reports_of_the_surface_sensor_are_no_plots():
    got = decode(10, "1.1", {"010": WHO, "000": 3, "140": 43_200.0, "550": {"NOGO": 0}}, {**SURFACE, "000": 2})
    assert got.counts == {"cat010 status": 1, "cat010 update_cycle": 1}
    assert [one.kind for one in got.status] == ["status", "update_cycle"]
    assert [one.operational for one in got.status] == [True, None]


def test_multilateration_states_its_accuracy():
    items = {
        "010": WHO, "020": {"MS": 1}, "140": 43_200.0, "042": {"X": -10.0, "Y": 20.5}, "105": 1000.0,
        "500": {"DOP": {"X": 1.0}, "SDP": {"X": 6.0, "Y": 8.0}}, "220": 0xD00003, "245": {"STI": 0, "CHR": "MNR1"},
        "230": {"STAT": 1},
    }  # fmt: skip
    got = decode(20, "1.10", items)
    assert got.plots.sigma_m[0] == pytest.approx(math.sqrt(50.0))
    assert got.plots.alt_m[0] == pytest.approx(304.8)
    assert got.plots.alt_ref[0] == AltRef.ELLIPSOID
    assert got.plots.y_m[0] == 20.5
    assert got.plots.flags[0] == Flag.ON_GROUND
    assert got.particulars[0].callsign == "MNR1"


ADSB = {"010": WHO, "040": {"ATP": 0}, "073": 43_200.0, "080": 0xD00001, "131": {"LAT": 45.0, "LON": -0.5}}


def test_a_report_in_si():
    items = {
        **ADSB, "140": 10_000.0, "145": 101.0, "160": {"GS": 0.125, "TA": 45.0}, "157": {"RE": 0, "GVR": -600.0},
        "090": {"NACP": 9}, "210": {"VN": 2}, "020": 5, "170": "MNR42", "070": {"MODE3A": "4321"},
    }  # fmt: skip
    got = decode(21, "2.6", items)
    one = got.reports
    assert one.time_ns[0] == NOON_NS
    assert math.degrees(one.lat_rad[0]) == pytest.approx(45.0, abs=1e-6)
    assert math.degrees(one.lon_rad[0]) == pytest.approx(-0.5, abs=1e-6)
    assert (one.alt_m[0], one.alt_ref[0]) == (101 * 30.48, AltRef.PRESSURE)
    assert one.speed_mps[0] == 0.125 * 1852
    assert one.course_rad[0] == pytest.approx(math.pi / 4)
    assert one.climb_mps[0] == pytest.approx(-600 * 0.3048 / 60)
    assert one.sigma_m[0] == pytest.approx(30.0 / 2.4477, rel=1e-4)
    assert unpack(int(one.identity[0])) == (Space.ICAO24, 0xD00001)
    said = got.particulars[0]
    assert (said.callsign, said.squawk, said.emitter_category) == ("MNR42", "4321", "A5")


def test_the_coarse_position_and_the_geometric_height_stand_in():
    items = {k: v for k, v in ADSB.items() if k != "131"} | {"130": {"LAT": -10.0, "LON": 170.0}, "140": 1000.0}
    one = decode(21, "2.4", items).reports
    assert math.degrees(one.lat_rad[0]) == pytest.approx(-10.0, abs=3e-5)
    assert (one.alt_m[0], one.alt_ref[0]) == (pytest.approx(304.8), AltRef.ELLIPSOID)


@pytest.mark.parametrize(
    ("items", "flag"),
    [
        ({"040": {"ATP": 0, "GBS": 1}}, Flag.ON_GROUND),
        ({"040": {"ATP": 0, "SIM": 1}}, Flag.TEST),
        ({"040": {"ATP": 0, "RAB": 1}}, Flag.FROM_GROUND),
        ({"040": {"ATP": 1}}, Flag.IDENTITY_CONFLICT),
        ({"200": {"PS": 1}}, Flag.EMERGENCY),
        ({"200": {"PS": 4}}, Flag.RADIO_FAILURE),
        ({"200": {"PS": 5}}, Flag.UNLAWFUL_INTERFERENCE),
        ({"200": {"SS": 3}}, Flag.IDENT),
        ({"070": {"MODE3A": "7700"}}, Flag.EMERGENCY),
        ({"131": None}, Flag.NO_POSITION),
        ({"073": None}, Flag.TIME_ASSUMED),
    ],
)
def test_flags_of_a_report(items, flag):
    assert decode(21, "2.6", {**ADSB, **items}).reports.flags[0] == flag


@pytest.mark.parametrize(
    ("emitter", "kind"),
    [(3, Kind.AIRCRAFT), (13, Kind.UNMANNED_AIRCRAFT), (21, Kind.GROUND_VEHICLE), (22, Kind.SURFACE_OBSTACLE)],
)
def test_kinds_by_emitter_category(emitter, kind):
    assert decode(21, "2.6", {**ADSB, "020": emitter}).reports.kind[0] == kind
    assert decode(21, "0.23", {"010": WHO, "030": 1.0, "020": emitter}).reports.kind[0] == kind


def test_anonymous_addresses_are_no_aircraft_addresses():
    new = decode(21, "2.6", {**ADSB, "040": {"ATP": 3}}).reports
    old = decode(21, "0.23", {"010": WHO, "040": {"ATP": 3}, "080": 0xD00001}).reports
    for one in (new, old):
        assert unpack(int(one.identity[0])) == (Space.ANONYMOUS24, 0xD00001)


def test_quality_is_read_on_the_scale_of_the_transponder():
    rows = [{**ADSB, "210": {"VN": 0}, "090": {"NUCPNIC": 7}}, {**ADSB, "210": {"VN": 2}, "090": {"NUCPNIC": 7}}]
    sigma = decode(21, "2.6", *rows).reports.sigma_m
    assert sigma[0] == pytest.approx(92.6 / 2.4477, rel=1e-4)
    assert math.isnan(sigma[1]), "a containment radius without NACp says no deviation"


def test_a_value_beyond_its_range_is_not_a_value():
    items = {**ADSB, "160": {"RE": 1, "GS": 0.9}, "157": {"RE": 1, "GVR": 100.0}, "155": {"RE": 0, "BVR": 60.0}}
    one = decode(21, "2.6", items).reports
    assert math.isnan(one.speed_mps[0])
    assert one.climb_mps[0] == pytest.approx(0.3048, rel=0.1)


def test_the_old_edition_in_si():
    items = {
        "010": WHO, "040": {"ATP": 1, "GBS": 1, "SPI": 1}, "030": 43_199.0, "080": 0xD00004,
        "130": {"LAT": 45.0, "LON": -0.5}, "145": 350.0, "160": {"GS": 0.1, "TA": 180.0}, "157": 300.0,
        "090": {"PA": 9 - 16}, "200": 4,  # the definitions call these four bits signed; they are a code
    }  # fmt: skip
    one = decode(21, "0.23", items).reports
    assert one.time_ns[0] == NOON_NS - 1_000_000_000
    assert one.alt_m[0] == 350 * 30.48
    assert one.climb_mps[0] == pytest.approx(1.524)
    assert one.flags[0] == Flag.ON_GROUND | Flag.IDENT | Flag.RADIO_FAILURE
    assert one.sigma_m[0] == pytest.approx(3.0 / 2.4477, rel=1e-4)


TRACK = {"010": WHO, "070": 43_200.0, "105": {"LAT": 35.0, "LON": 15.0}, "040": 513, "185": {"VX": 30.0, "VY": -40.0}}


def test_a_system_track_in_si():
    items = {
        **TRACK, "136": 200.0, "220": 1200.0, "500": {"APC": {"X": 30.0, "Y": 40.0}}, "060": {"MODE3A": "2000"},
        "380": {"ADR": 0xD00005, "ID": "MNR5"},
    }  # fmt: skip
    got = decode(62, "1.20", items)
    one = got.reports
    assert one.kind[0] == Kind.SYSTEM_TRACK_AIR
    assert unpack(int(one.identity[0])) == (Space.ICAO24, 0xD00005)
    assert one.speed_mps[0] == 50.0
    assert math.degrees(one.course_rad[0]) == pytest.approx(180 - math.degrees(math.atan2(30, 40)))
    assert (one.alt_m[0], one.alt_ref[0]) == (200 * 30.48, AltRef.PRESSURE)
    assert one.climb_mps[0] == pytest.approx(6.096, rel=0.01)
    assert one.sigma_m[0] == pytest.approx(math.sqrt(1250.0))
    assert (got.particulars[0].callsign, got.particulars[0].squawk) == ("MNR5", "2000")


def test_a_system_track_without_address_is_the_centre_s_own():
    one = decode(62, "1.20", TRACK).reports
    assert unpack(int(one.identity[0])) == (Space.SENSOR_TRACK, source_id(7, 1, 2) << 16 | 513)
    assert math.isnan(one.alt_m[0])


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"135": {"QNH": 1, "CTB": 10.0}}, (304.8, AltRef.MEAN_SEA)),
        ({"135": {"QNH": 0, "CTB": 10.0}, "130": 500.0}, (304.8, AltRef.PRESSURE)),
        ({"130": 1000.0}, (304.8, AltRef.ELLIPSOID)),
    ],
)
def test_altitudes_of_a_system_track(items, expected):
    one = decode(62, "1.20", {**TRACK, **items}).reports
    assert (one.alt_m[0], one.alt_ref[0]) == (pytest.approx(expected[0]), expected[1])


@pytest.mark.parametrize(
    ("items", "flag"),
    [
        ({"080": {"SPI": 1}}, Flag.IDENT),
        ({"080": {"SIM": 1}}, Flag.TEST),
        ({"080": {"CST": 1}}, Flag.DEAD_RECKONED),
        ({"080": {"EMS": 1}}, Flag.EMERGENCY),
        ({"080": {"EMS": 5}}, Flag.UNLAWFUL_INTERFERENCE),
        ({"105": None}, Flag.NO_POSITION),
    ],
)
def test_flags_of_a_system_track(items, flag):
    assert decode(62, "1.20", {**TRACK, **items}).reports.flags[0] == flag


def test_a_system_track_s_accuracy_in_degrees():
    deg = 100.0 / 6_371_000.0 / math.pi * 180.0
    items = {**TRACK, "500": {"APW": {"LAT": deg, "LON": deg / math.cos(math.radians(35.0))}}}
    assert decode(62, "1.20", items).reports.sigma_m[0] == pytest.approx(100.0, rel=0.01)


def test_a_radar_s_service():
    rows = [
        {"010": WHO, "000": 1, "030": 43_200.0, "041": 4.5, "050": {"COM": {"NOGO": 0}}},
        {"010": WHO, "000": 2, "030": 43_201.0, "020": 45.0},
        {"010": WHO, "000": 1, "030": 43_204.5, "120": {"HGT": 120, "LAT": 34.5, "LON": 13.25}},
        {"010": WHO, "000": 9, "030": 43_204.5, "050": {"COM": {"NOGO": 1}}},
    ]
    got = decode(34, "1.29", *rows)
    assert got.counts == {"cat034 north_mark": 2, "cat034 sector": 1, "cat034 status": 1}
    mark, sector, site, odd = got.status
    assert (mark.antenna_period_s, mark.operational, mark.source) == (4.5, True, source_id(7, 1, 2))
    assert (sector.sector_deg, sector.antenna_period_s, sector.operational) == (45.0, None, None)
    assert site.site_lat_deg == pytest.approx(34.5, abs=2e-5)
    assert (site.site_lon_deg, site.site_height_m) == (pytest.approx(13.25, abs=2e-5), 120.0)
    assert (odd.kind, odd.operational) == ("status", False)


def test_a_centre_s_service_and_its_sensors():
    beat = decode(65, "1.5", {"010": WHO, "000": 1, "015": 1, "030": 43_200.0, "040": {"NOGO": 1}}).status[0]
    assert (beat.kind, beat.operational, beat.time_ns) == ("heartbeat", False, NOON_NS)
    about = {"010": WHO, "030": 43_200.0, "050": {"SAC": 5, "SIC": 6}, "060": {"CON": 3}}
    sensor = decode(63, "1.6", about).status[0]
    assert (sensor.source, sensor.operational, sensor.detail) == (source_id(7, 5, 6), False, "not connected")


def test_the_services_of_the_other_categories():
    site = {"010": WHO, "000": 2, "140": 43_200.0, "600": {"LAT": 34.5, "LON": 13.0}, "550": {"NOGO": 0}}
    one = decode(19, "1.3", site).status[0]
    assert (one.kind, one.operational) == ("status", True)
    assert one.site_lat_deg == pytest.approx(34.5, abs=1e-6)
    assert decode(2, "1.2", {"010": WHO, "000": 2, "030": 43_200.0, "020": 90.0}).status[0].sector_deg == 90.0
    assert decode(247, "1.2", {"010": WHO, "140": 43_200.0}).counts == {"cat247 status": 1}
    assert decode(23, "1.2", {"010": WHO, "000": 1, "070": 43_200.0}).counts == {"cat023 status": 1}
