"""What we write, read by rs1090, which we did not write."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rs1090
from hypothesis import given
from hypothesis import strategies as st

from manara.feeds.adsb import encode
from manara.kernels import mode_s

ICAO = st.integers(1, 0xFFFFFF)
SQUAWK = st.from_regex(r"\A[0-7]{4}\Z")


def read(frame: bytes) -> dict:
    one = rs1090.decode(frame.hex())
    assert one is not None, frame.hex()
    return one


@given(ICAO, st.floats(-90, 90), st.floats(-180, 180), st.integers(-40, 2000), st.booleans())
def test_a_position_says_address_altitude_and_parity(icao, lat, lon, steps, odd):
    one = read(encode.position_frame(icao, lat, lon, steps * 25.0, odd))
    assert int(one["icao24"], 16) == icao
    assert one["altitude"] == steps * 25
    assert one["parity"] == ("odd" if odd else "even")


@given(ICAO, st.floats(0, 174.9), st.floats(0, 359.9))
def test_a_surface_position_says_speed_and_track_within_their_steps(icao, speed, track):
    frame = encode.position_frame(icao, 1.0, 2.0, 0.0, True, surface=True, ground_speed_kn=speed, track_deg=track)
    one = read(frame)
    step = 5.0 if speed >= 100 else 2.0 if speed >= 70 else 1.0 if speed >= 15 else 0.5
    assert 0.0 <= speed - one["groundspeed"] < step
    assert abs((one["track"] - track + 180) % 360 - 180) <= 1.41


@given(ICAO, st.integers(-1021, 1021), st.integers(-1021, 1021), st.integers(-500, 500))
def test_a_velocity_says_what_was_put_in(icao, east, north, climb):
    one = read(encode.velocity_frame(icao, east, north, climb * 64.0))
    assert one["groundspeed"] == pytest.approx(math.hypot(east, north), abs=1e-9)
    assert one["vertical_rate"] == climb * 64


def test_a_velocity_beyond_a_thousand_knots_goes_in_steps_of_four():
    frame = np.frombuffer(encode.velocity_frame(1, -2000.0, 1400.0, math.nan), dtype=np.uint8)
    east, north, climb = mode_s.velocity(frame)
    assert (east, north) == (-2000.0, 1400.0)
    assert math.isnan(climb)


@given(ICAO, st.from_regex(r"\A[A-Z0-9]{1,8}\Z"), st.sampled_from("ABCD"), st.integers(0, 7))
def test_a_callsign_comes_back(icao, name, letter, number):
    frame = encode.identification_frame(icao, name, f"{letter}{number}")
    assert read(frame)["callsign"] == name
    assert frame[4] >> 3 == "DCBA".index(letter) + 1
    assert frame[4] & 7 == number


def test_letters_that_the_alphabet_lacks_become_spaces():
    assert read(encode.identification_frame(1, "ab[é1"))["callsign"].replace(" ", "") == "AB1"


@given(ICAO, SQUAWK, st.integers(0, 6))
def test_a_status_says_code_and_emergency(icao, squawk, emergency):
    one = read(encode.status_frame(icao, squawk, emergency))
    assert one["squawk"] == squawk
    words = (
        "none",
        "general",
        "medical",
        "minimum_fuel",
        "no_communication",
        "unlawful_interference",
        "downed_aircraft",
    )
    assert one["emergency_state"].split("_")[0] == words[emergency].split("_")[0]


@given(ICAO, SQUAWK)
def test_surveillance_replies_carry_the_address_under_the_parity(icao, squawk):
    five, four = encode.surveillance_frame(icao, squawk=squawk), encode.surveillance_frame(icao, alt_ft=12350.0)
    assert (read(five)["squawk"], int(read(five)["icao24"], 16)) == (squawk, icao)
    assert (read(four)["altitude"], int(read(four)["icao24"], 16)) == (12350, icao)
    assert int(read(encode.all_call_frame(icao))["icao24"], 16) == icao


def test_accuracy_is_read_where_it_was_written():
    one = read(encode.accuracy_frame(0xD00001, nacp=7))
    assert (one["NACp"], one["version"]) == (7, 2)


@pytest.mark.parametrize("icao", [0, -1, 1 << 24])
def test_an_address_that_is_none_is_an_error_of_ours(icao):
    with pytest.raises(ValueError, match="24-bit address"):
        encode.position_frame(icao, 0.0, 0.0, 0.0, False)


@given(st.binary(min_size=7, max_size=7) | st.binary(min_size=14, max_size=14), st.integers(0, 2**48 - 1))
def test_beast_doubles_every_escape_and_nothing_else(frame, ticks):
    wire = encode.beast(frame, ticks)
    assert wire[2:].replace(b"\x1a\x1a", b"\x1a") == ticks.to_bytes(6, "big") + b"\x80" + frame
    assert b"\x1a" not in wire[1:].replace(b"\x1a\x1a", b"")


@given(st.integers(0, 8191))
def test_altitude_of_any_thirteen_bits_is_that_of_rs1090_or_none(code):
    body = bytes.fromhex(f"{4 << 27 | code:08x}")
    theirs = read(encode.surveillance_frame(0xD00001) if code == 0 else body + sealed(body))["altitude"]
    ours = mode_s.altitude_ft(code)
    if code & 0x40 or theirs is None or math.isnan(ours):
        return  # metres are never in use; a garbled Gillham code is no altitude to us
    assert ours == theirs


def sealed(body: bytes) -> bytes:
    return (encode.parity(body) ^ 0xD00001).to_bytes(3, "big")
