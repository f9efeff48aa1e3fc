"""Navigational radar in: TTM and TLL become plots where the radar says they are."""

from __future__ import annotations

import math
import random
from functools import reduce
from operator import xor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manara.feeds.decoder import Options
from manara.feeds.radar_nmea import FORMATS, LATEST_NS, RadarDecoder
from manara.records.batch import Batch, join
from manara.records.columns import Table
from manara.records.plots import Form
from manara.records.reject import Reject
from manara.records.reports import Flag

NOW = 1_700_000_000_000_000_000  # 2023-11-14 22:13:20 UTC


def line(body: str) -> bytes:
    return f"${body}*{reduce(xor, body.encode(), 0):02X}\r\n".encode()


OWN = line("GPRMC,221315.00,A,3000.000,N,02000.000,W,5.0,90.0,141123,,,A")
TTM = line("RATTM,07,5.40,090.0,T,12.0,095.0,T,0.4,10.2,N,,T,,221318.50,A")


def decode(*lines: bytes, received_ns: int = NOW) -> Batch:
    decoder = RadarDecoder(Options(feed=3))
    return join([decoder.advance(b"".join(lines), received_ns), decoder.finish(received_ns)])


def same(a: Table, b: Table) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def test_without_own_ship_a_true_bearing_stays_polar():
    batch = decode(TTM)
    p = batch.plots
    assert len(p) == 1
    assert p.form[0] == Form.POLAR
    assert p.range_m[0] == pytest.approx(5.4 * 1852.0)
    assert p.azimuth_rad[0] == pytest.approx(math.pi / 2)
    assert p.speed_mps[0] == pytest.approx(12.0 * 1852 / 3600)
    assert p.course_rad[0] == pytest.approx(math.radians(95.0))
    assert p.sigma_range_m[0] == pytest.approx(max(30.0, 54.0 * 1.852) / 1.96)
    assert p.sigma_azimuth_rad[0] == pytest.approx(math.radians(1.0) / 1.96)
    assert math.isnan(p.lat_rad[0])
    assert p.track_number[0] == 7
    assert p.source[0] == 3 << 16
    assert p.time_ns[0] == NOW - 1_500_000_000
    assert not p.flags[0] & Flag.TIME_ASSUMED


def test_with_own_ship_it_is_a_position():
    p = decode(OWN, TTM).plots
    assert p.form[0] == Form.GEODETIC
    # Due east along a parallel: within the curvature of the path, and by the length of a degree of longitude there.
    degree_m = 111_412.84 * math.cos(math.radians(30)) - 93.5 * math.cos(math.radians(90))
    assert math.degrees(p.lat_rad[0]) == pytest.approx(30.0, abs=1e-4)
    assert math.degrees(p.lon_rad[0]) == pytest.approx(-20.0 + 5.4 * 1852.0 / degree_m, abs=1e-5)
    assert p.sigma_m[0] > p.sigma_range_m[0] / math.sqrt(2.0)


@pytest.mark.parametrize(("units", "metres"), [("K", 1000.0), ("N", 1852.0), ("S", 1609.344)])
def test_units(units, metres):
    p = decode(line(f"RATTM,1,2.0,10.0,T,9.0,20.0,T,,,{units},,T,,")).plots
    assert p.range_m[0] == pytest.approx(2.0 * metres)
    assert p.speed_mps[0] == pytest.approx(9.0 * metres / 3600.0)


@pytest.mark.parametrize(
    ("heading", "degrees"),
    [("HEHDT,350.0,T", 350.0), ("HETHS,350.0,A", 350.0), ("HCHDG,345.0,2.0,W,7.0,E", 350.0)],
)
def test_a_relative_bearing_adds_the_heading(heading, degrees):
    relative = line("RATTM,1,2.0,030.0,R,9.0,20.0,R,,,N,,T,,")
    p = decode(line(heading), relative).plots
    assert math.degrees(p.azimuth_rad[0]) == pytest.approx((degrees + 30.0) % 360.0)
    assert math.isnan(p.course_rad[0])  # relative to own ship: not a course over ground
    assert decode(relative).reject_counts == {"no_heading": 1}


def test_an_old_fix_or_heading_is_not_used():
    decoder = RadarDecoder(Options())
    decoder.advance(OWN + line("HEHDT,350.0,T"), NOW)
    relative = line("RATTM,1,2.0,030.0,R,9.0,20.0,R,,,N,,T,,")
    late = decoder.advance(TTM + relative, NOW + LATEST_NS + 1)
    assert late.plots.form.tolist() == [Form.POLAR]
    assert late.reject_counts == {"no_heading": 1}


def test_a_void_fix_takes_the_position_away():
    void = line("GPRMC,221316.00,V,,,,,,,141123,,,N")
    assert decode(OWN, void, TTM).plots.form.tolist() == [Form.POLAR]
    assert decode(OWN, line("GPGGA,221316.00,,,,,0,00,,,M,,M,,"), TTM).plots.form.tolist() == [Form.POLAR]
    assert decode(line("GPGGA,221316.00,3000.000,S,02000.000,E,1,08,1.0,5,M,,M,,"), TTM).plots.lat_rad[0] < 0


def test_tll_is_a_position_of_unstated_noise():
    p = decode(line("RATLL,12,3030.600,S,17959.400,E,,000001.00,T,")).plots
    assert p.form[0] == Form.GEODETIC
    assert math.degrees(p.lat_rad[0]) == pytest.approx(-30.51)
    assert math.degrees(p.lon_rad[0]) == pytest.approx(179.99)
    assert math.isnan(p.sigma_m[0])
    assert p.time_ns[0] - NOW == (24 * 3600 + 1 - (22 * 3600 + 13 * 60 + 20)) * 10**9  # past midnight, not before


def test_lost_and_acquiring():
    batch = decode(line("RATTM,1,2.0,30.0,T,,,T,,,N,,L,,"), line("RATTM,2,2.0,30.0,T,,,T,,,N,,Q,,"))
    assert batch.counts == {"ttm lost": 1, "ttm": 1}
    assert batch.plots.flags[0] & Flag.POSITION_SUSPECT
    assert batch.plots.flags[0] & Flag.TIME_ASSUMED


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("RATTM,1,nan,30.0,T,,,T,,,N,,T,,", "bad_field"),
        ("RATTM,1,2.0,361.0,T,,,T,,,N,,T,,", "bad_field"),
        ("RATTM,1,2.0,36.0,X,,,T,,,N,,T,,", "bad_field"),
        ("RATTM,1,2.0,36.0,T,,,T,,,Q,,T,,", "bad_field"),
        ("RATTM,1,900.0,36.0,T,,,T,,,N,,T,,", "bad_range"),
        ("RATTM,1,0.0,36.0,T,,,T,,,N,,T,,", "bad_range"),
        ("RATTM,1", "bad_field"),
        ("RATLL,1,9000.1,N,00000.0,E,,,T,", "bad_field"),
        ("RATLL,1,1060.0,N,00000.0,E,,,T,", "bad_field"),
        ("RATLL,1,1000.0,Q,00000.0,E,,,T,", "bad_field"),
        ("RATLL,99999,1000.0,N,00000.0,E,,,T,", "bad_field"),
        ("GPRMC,221315.00,A,3000.000,N,0200x.000,W,5.0,90.0,141123,,,A", "bad_field"),
    ],
)
def test_what_cannot_be_is_refused(body, why):
    batch = decode(line(body))
    assert batch.reject_counts == {why: 1}
    assert batch.rejects[0].data.startswith(b"$" + body[:10].encode())
    assert len(batch.plots) == 0


def test_lines_that_are_no_sentences():
    long = b"$" + b"A" * 5000 + b"\r\n"
    batch = decode(long, TTM.replace(b"5.40", b"5.41"), b"hello\n", b"# a remark\n", b"$RATTM,1\n", TTM[:-2])
    assert batch.reject_counts == {"line_too_long": 1, "checksum": 1, "not_nmea": 1, "no_checksum": 1}
    assert len(batch.plots) == 1  # the last line lacks its end, not its checksum


STREAM = OWN + TTM + b"junk\r\n" + line("HEHDT,350.0,T") + line("RATLL,12,3030.6,S,17959.4,E,,000001,T,") + TTM[:-1]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_the_same_rows_for_any_split(cuts):
    decoder = RadarDecoder(Options())
    ends = [*sorted(cuts), len(STREAM)]
    parts = []
    for begin, end in zip([0, *ends], ends, strict=False):
        parts.append(decoder.advance(STREAM[begin:end], NOW))
        again = RadarDecoder(Options())
        again.load(decoder.dump())
        decoder = again
    got = join([*parts, decoder.finish(NOW)])
    want = decode(STREAM)
    assert same(got.plots, want.plots.replace(source=got.plots.source))
    assert got.rejects == want.rejects
    assert got.counts == want.counts


@pytest.mark.parametrize("date", ["14,11,9999", "31,02,2023", "14,11,1_23", "14,11,0001", ",,"])
def test_a_date_that_cannot_be_is_no_clock(date):
    p = decode(line(f"GPZDA,221315.00,{date},00,00"), line("RATTM,1,2.0,30.0,T,,,T,,,N,,T,,")).plots
    assert p.time_ns.tolist() == [NOW]
    assert p.flags[0] & Flag.TIME_ASSUMED


def mutate(rng: random.Random, count: int) -> int:
    decoder = RadarDecoder(Options())
    plots = 0
    for _ in range(count):
        data = bytearray(STREAM)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.7:  # most mutations must get past the checksum to mean something
            data = bytearray(
                b"".join(line(x[1:].partition(b"*")[0].decode("latin-1")) for x in data.split(b"\r\n") if x.isascii())
            )
        batch = decoder.advance(bytes(data[: rng.randrange(len(data) + 1)]), NOW, whole=rng.random() < 0.5)
        p = batch.plots
        plots += len(p)
        assert np.all(np.isfinite(p.lat_rad) == (p.form == Form.GEODETIC))
        assert np.all(np.abs(p.lat_rad[np.isfinite(p.lat_rad)]) <= math.pi / 2)
        assert np.all(p.range_m[p.form == Form.POLAR] > 0)
    assert len(decoder.dump()["rest"]) <= 1024
    return plots


def test_mutations_never_raise():
    assert mutate(random.Random(1), 10_000) > 3000


@pytest.mark.soak
def test_a_million_mutations_never_raise():
    assert mutate(random.Random(2), 1_000_000) > 100_000


def test_the_format():
    (form,) = FORMATS
    data = OWN + TTM + b"junk\r\n"
    assert form.guess(data) > 0.5
    assert form.guess(b"!AIVDM,1,1,,A,13HOI:0P0000VOHLCnHQKwvL05Ip,0*23\r\n") == 0.0
    assert form.guess(b"") == 0.0
    pieces = list(form.cut(data))
    assert [end for end, _ in pieces] == [len(OWN), len(OWN + TTM), len(data)]
    assert [time for _, time in pieces] == [1_699_999_995_000_000_000, None, None]
    plot, reject = form.full(data, Options())
    assert isinstance(plot, dict)
    assert plot["form"] == "geodetic"
    assert plot["number"] == 7
    assert isinstance(reject, Reject)
    assert reject.why == "not_nmea"
