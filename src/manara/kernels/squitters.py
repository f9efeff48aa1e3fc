"""One pass over a batch of Mode S frames: parity, address, fields, place, and one row for each frame that says where.

The state is the table of kernels/aircraft.py. What a frame was stands in ``what``, why it was refused in ``why``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from manara.kernels import aircraft as a
from manara.kernels.aircraft import IMPLAUSIBLE, SHADOW, claim, find, place, place_given, resolve
from manara.kernels.mode_s import altitude_ft, bits, movement_kn, remainder, sigma_m, squawk, velocity

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
U1 = NDArray[np.uint8]

# what: the downlink format, and for 17 and 18 the group times 32
OTHER, IDENTIFICATION, SURFACE, AIRBORNE, VELOCITY, STATUS, OPERATIONAL, TARGET_STATE = 0, 1, 2, 3, 4, 5, 6, 7
# why: 0 accepted, 1 to 4 as kernels/aircraft.py, then
BAD_CRC, UNKNOWN_ADDRESS, WRONG_LENGTH, BAD_ADDRESS, UNKNOWN_FORMAT = 5, 6, 7, 8, 9

# columns of rows_i
ROW, KEY, CATEGORY, EMERGENCY, SQUAWK, GROUND, CONFLICT, SURVEILLANCE, RELAYED, ALT_REF, POSITION, CALLSIGN = range(12)
ROW_INTS = 12
# columns of rows_f
LAT_DEG, LON_DEG, ALT_FT, SPEED_KN, COURSE_DEG, CLIMB_FPM, SIGMA_M = range(7)
ROW_FLOATS = 7
# columns of changes; CHANGED: 1 squawk, 2 callsign, 4 category
CHANGED, CHANGED_KEY, NEW_SQUAWK, NEW_CALLSIGN, NEW_CATEGORY = range(5)
CHANGES = 5

JOIN_NS = 5_000_000_000  # a velocity or an altitude so old still belongs to a position
SURE_NS = 300_000_000_000  # an address heard in clear so long ago still vouches for one laid over parity
_GNSS, _BARO = 1, 2


@njit(cache=True, nogil=True)
def _emergency_class(code: int, state: int) -> int:
    if code in (0o7500, 0o7600, 0o7700):
        return code
    return state if state in (1, 3, 4, 5, 6) else 0


@njit(cache=True, nogil=True)
def _change(ints: I8, row: int, column: int, value: int, changes: I8, bit: int) -> None:
    """Take a new word of an aircraft, and note it where it differs from the last."""
    if ints[row, column] == value:
        return
    ints[row, column] = value
    changes[CHANGED] |= bit
    changes[CHANGED_KEY] = ints[row, a.KEY] & ~SHADOW
    changes[NEW_SQUAWK] = ints[row, a.SQUAWK]
    changes[NEW_CALLSIGN] = ints[row, a.CALLSIGN]
    changes[NEW_CATEGORY] = ints[row, a.CATEGORY]


@njit(cache=True, nogil=True)
def describe(ints: I8, row: int, now_ns: int, rows_i: I8) -> None:
    """Fill in what is known of an aircraft whatever the frame: address, category, emergency, code, conflict."""
    rows_i[ROW] = 1
    rows_i[KEY] = ints[row, a.KEY] & ~SHADOW
    rows_i[CATEGORY] = ints[row, a.CATEGORY]
    rows_i[EMERGENCY] = ints[row, a.EMERGENCY]
    rows_i[SQUAWK] = ints[row, a.SQUAWK]
    rows_i[CONFLICT] = 1 if now_ns - ints[row, a.CONFLICT_NS] <= a.CONFLICT_FOR_NS else 0


@njit(cache=True, nogil=True)
def _set_code(ints: I8, row: int, code: int, state: int, now_ns: int, changes: I8, rows_i: I8) -> None:
    """A new Mode A code or emergency state; an emergency of a craft without a recent place makes a row of its own."""
    before = _emergency_class(ints[row, a.SQUAWK], ints[row, a.EMERGENCY])
    _change(ints, row, a.SQUAWK, code, changes, 1)
    ints[row, a.EMERGENCY] = state
    after = _emergency_class(code, state)
    if after not in (0, before) and now_ns - ints[row, a.PLACE_NS] > JOIN_NS * 2:
        describe(ints, row, now_ns, rows_i)


@njit(cache=True, nogil=True)
def _motion(ints: I8, floats: F8, row: int, now_ns: int, rows_f: F8) -> None:
    """Join the latest velocity; where two craft share the address, whose it is cannot be told."""
    if abs(now_ns - ints[row, a.VELOCITY_NS]) > JOIN_NS or now_ns - ints[row, a.CONFLICT_NS] <= a.CONFLICT_FOR_NS:
        return
    east, north = floats[row, a.EAST_KN], floats[row, a.NORTH_KN]
    if not math.isnan(east):
        rows_f[SPEED_KN] = math.sqrt(east * east + north * north)
        rows_f[COURSE_DEG] = math.degrees(math.atan2(east, north)) % 360.0
    rows_f[CLIMB_FPM] = floats[row, a.CLIMB_FPM]


@njit(cache=True, nogil=True)
def _position(
    frame: U1, code: int, row: int, now_ns: int, index: I4, ints: I8, floats: F8, used: I8, settings: F8, rows_f: F8
) -> int:
    """Place one position squitter; its address's shadow takes it where it does not fit. Gives the verdict."""
    surface = code <= 8
    odd = bits(frame, 54, 1) == 1
    yz, xz = bits(frame, 55, 17), bits(frame, 72, 17)
    speed_kn = movement_kn(bits(frame, 38, 7)) if surface else math.nan
    pair_ns = a.PAIR_NS
    if surface:
        pair_ns = a.PAIR_MOVING_NS if speed_kn > 0.0 else a.PAIR_STANDING_NS
    verdict, lat, lon = place(ints, floats, row, yz, xz, odd, surface, pair_ns, now_ns, settings)
    if verdict == IMPLAUSIBLE:
        shadow = claim(index, ints, floats, used, ints[row, a.KEY] | SHADOW, now_ns)
        verdict, lat, lon = place(ints, floats, shadow, yz, xz, odd, surface, pair_ns, now_ns, settings)
        verdict = resolve(ints, floats, row, shadow, verdict, now_ns)
    if verdict != a.ACCEPTED:
        return verdict
    rows_f[LAT_DEG], rows_f[LON_DEG] = lat, lon
    if surface:
        rows_f[SPEED_KN] = speed_kn
        if bits(frame, 45, 1):
            rows_f[COURSE_DEG] = bits(frame, 46, 7) * 360.0 / 128.0
    else:
        _motion(ints, floats, row, now_ns, rows_f)
    return verdict


@njit(cache=True, nogil=True)
def _height(frame: U1, code: int, row: int, now_ns: int, ints: I8, floats: F8, rows_f: F8, rows_i: I8) -> None:
    """Altitude of an airborne position, from the frame or from a surveillance reply just before."""
    field = bits(frame, 41, 12)
    alt = altitude_ft((field >> 6) << 7 | (field & 63))
    rows_i[ALT_REF] = _BARO if code <= 18 else _GNSS
    if math.isnan(alt):
        fresh = abs(now_ns - ints[row, a.ALT_NS]) <= JOIN_NS
        alt = floats[row, a.ALT_FT] if fresh else math.nan
        rows_i[ALT_REF] = _BARO if fresh else 0
    rows_f[ALT_FT] = alt


@njit(cache=True, nogil=True)
def _key(frame: U1, df: int, code: int) -> int:
    """The address, bit 24 set where it is not an ICAO one; −1 for what TIS-B has besides (coarse, management)."""
    address = bits(frame, 9, 24)
    if df == 17:
        return address
    control = bits(frame, 6, 3)
    if control == 0:
        return address
    if control in (1, 5):
        return address | 1 << 24
    if control not in (2, 6):
        return -1
    flag = 0
    if 9 <= code <= 22:
        flag = bits(frame, 41, 1) if code == 19 else bits(frame, 40, 1)
    elif 5 <= code <= 8:
        flag = bits(frame, 53, 1)
    return address | flag << 24


@njit(cache=True, nogil=True)
def _group(code: int) -> int:
    if 1 <= code <= 4:
        return IDENTIFICATION
    if 5 <= code <= 8:
        return SURFACE
    if 9 <= code <= 18 or 20 <= code <= 22:
        return AIRBORNE
    if code == 19:
        return VELOCITY
    if code == 28:
        return STATUS
    if code == 31:
        return OPERATIONAL
    return TARGET_STATE if code == 29 else OTHER


@njit(cache=True, nogil=True)
def _words(frame: U1, code: int, row: int, now_ns: int, ints: I8, floats: F8, changes: I8, rows_i: I8) -> None:
    """The squitters that say no place: name, velocity, code, accuracy."""
    subtype = bits(frame, 38, 3)
    if 1 <= code <= 4:
        _change(ints, row, a.CALLSIGN, bits(frame, 41, 48), changes, 2)
        _change(ints, row, a.CATEGORY, code << 3 | subtype, changes, 4)
    elif code == 19:
        floats[row, a.EAST_KN], floats[row, a.NORTH_KN], floats[row, a.CLIMB_FPM] = velocity(frame)
        ints[row, a.VELOCITY_NS] = now_ns
    elif code == 28 and subtype == 1:
        _set_code(ints, row, squawk(bits(frame, 44, 13)), bits(frame, 41, 3), now_ns, changes, rows_i)
    elif code == 31 and subtype <= 1 and bits(frame, 73, 3) >= 1:
        ints[row, a.NACP] = bits(frame, 77, 4)


@njit(cache=True, nogil=True)
def _squitter(
    frame: U1,
    df: int,
    now_ns: int,
    index: I4,
    ints: I8,
    floats: F8,
    used: I8,
    settings: F8,
    rows_f: F8,
    rows_i: I8,
    changes: I8,
) -> tuple[int, int]:
    """One extended squitter of sound parity. Gives (group, why)."""
    code = bits(frame, 33, 5)
    key = _key(frame, df, code)
    group = _group(code)
    if key < 0:
        return OTHER, 0
    if key & 0xFFFFFF == 0:
        return group, BAD_ADDRESS
    row = claim(index, ints, floats, used, key, now_ns)
    ints[row, a.SURE] = now_ns
    if group not in (SURFACE, AIRBORNE):
        _words(frame, code, row, now_ns, ints, floats, changes, rows_i)
        rows_i[RELAYED] = 1 if df == 18 and bits(frame, 6, 3) >= 2 else 0
        return group, 0
    verdict = _position(frame, code, row, now_ns, index, ints, floats, used, settings, rows_f)
    if verdict != a.ACCEPTED:
        return group, verdict
    describe(ints, row, now_ns, rows_i)
    rows_i[POSITION] = 1
    rows_i[RELAYED] = 1 if df == 18 and bits(frame, 6, 3) >= 2 else 0
    if group == SURFACE:
        rows_i[GROUND] = 1
    else:
        rows_i[SURVEILLANCE] = bits(frame, 38, 2)
        _height(frame, code, row, now_ns, ints, floats, rows_f, rows_i)
    rows_f[SIGMA_M] = sigma_m(code, ints[row, a.NACP])
    return group, 0


@njit(cache=True, nogil=True)
def _reply(frame: U1, df: int, row: int, now_ns: int, ints: I8, floats: F8, changes: I8, rows_i: I8) -> None:
    """A surveillance reply of a known address: altitude (0, 4, 16, 20) or Mode A code (5, 21).

    The address vouches for the frame less than a parity of its own would: a code that differs counts from the second
    time on, so that one garbled reply raises no emergency.
    """
    if df in (5, 21):
        code = squawk(bits(frame, 20, 13))
        if code in (ints[row, a.SQUAWK], ints[row, a.TENTATIVE]) or ints[row, a.SQUAWK] < 0:
            _set_code(ints, row, code, ints[row, a.EMERGENCY], now_ns, changes, rows_i)
        ints[row, a.TENTATIVE] = code
        return
    alt = altitude_ft(bits(frame, 20, 13))
    if not math.isnan(alt):
        floats[row, a.ALT_FT] = alt
        ints[row, a.ALT_NS] = now_ns


@njit(cache=True, nogil=True)
def _all_call(frame: U1, left: int, now_ns: int, index: I4, ints: I8, floats: F8, used: I8) -> int:
    """DF11: to no interrogator it makes an address known; to one (7 bits left over) only of one known already."""
    if left >> 7:
        return BAD_CRC
    address = bits(frame, 9, 24)
    if address == 0:
        return BAD_ADDRESS
    if left > 0 and find(index, ints, address) < 0:
        return UNKNOWN_ADDRESS
    row = claim(index, ints, floats, used, address, now_ns)
    ints[row, a.SURE] = now_ns
    return 0


@njit(cache=True, nogil=True)
def _one(
    frame: U1,
    size: int,
    now_ns: int,
    index: I4,
    ints: I8,
    floats: F8,
    used: I8,
    settings: F8,
    rows_f: F8,
    rows_i: I8,
    changes: I8,
) -> tuple[int, int]:
    """One frame. Gives (what, why)."""
    df = min(int(frame[0]) >> 3, 24)
    short = df < 16
    if size != 14 and not (short and size == 7):
        return df, WRONG_LENGTH
    if df in (19, 24):
        return df, 0
    if df not in (0, 4, 5, 11, 16, 17, 18, 20, 21):
        return df, UNKNOWN_FORMAT
    left = remainder(frame, 7 if short else 14)
    if df in (17, 18):
        if left != 0:
            return df, BAD_CRC
        group, why = _squitter(frame, df, now_ns, index, ints, floats, used, settings, rows_f, rows_i, changes)
        return df + 32 * group, why
    if df == 11:
        return df, _all_call(frame, left, now_ns, index, ints, floats, used)
    row = find(index, ints, left) if left > 0 else -1
    if row < 0 or now_ns - ints[row, a.SURE] > SURE_NS:
        return df, UNKNOWN_ADDRESS
    ints[row, a.SEEN] = now_ns
    _reply(frame, df, row, now_ns, ints, floats, changes, rows_i)
    return df, 0


@njit(cache=True, nogil=True)
def advance(
    frames: U1,
    sizes: I8,
    clock_ns: I8,
    settings: F8,
    index: I4,
    ints: I8,
    floats: F8,
    used: I8,
    what: U1,
    why: U1,
    rows_f: F8,
    rows_i: I8,
    changes: I8,
) -> None:
    """Take n frames in order, changing the table and writing one line of each output per frame.

    frames (n, 14) uint8; sizes (n,) 7 or 14; clock_ns (n,) the receiver's steady clock; settings, index, ints, floats,
    used as kernels/aircraft.py. what, why (n,) uint8; rows_f (n, 7) comes filled with NaN, rows_i (n, 12) and
    changes (n, 5) with 0. Deterministic, and the same however the frames are cut into batches. Under 1 µs a frame.
    """
    for i in range(len(sizes)):
        what[i], why[i] = _one(
            frames[i],
            sizes[i],
            clock_ns[i],
            index,
            ints,
            floats,
            used,
            settings,
            rows_f[i],
            rows_i[i],
            changes[i],
        )


@njit(cache=True, nogil=True)
def _say(ints: I8, floats: F8, row: int, now_ns: int, rows_f: F8, rows_i: I8, changes: I8) -> None:
    """Take the words of one line: code, emergency, name, category, velocity, altitude; −1 and NaN say nothing."""
    squawk_said, state = rows_i[SQUAWK], rows_i[EMERGENCY]
    if rows_i[CALLSIGN] >= 0:
        _change(ints, row, a.CALLSIGN, rows_i[CALLSIGN], changes, 2)
    if rows_i[CATEGORY] >= 0:
        _change(ints, row, a.CATEGORY, rows_i[CATEGORY], changes, 4)
    if not math.isnan(rows_f[SPEED_KN]) or not math.isnan(rows_f[CLIMB_FPM]):
        course = math.radians(rows_f[COURSE_DEG])
        floats[row, a.EAST_KN] = rows_f[SPEED_KN] * math.sin(course)
        floats[row, a.NORTH_KN] = rows_f[SPEED_KN] * math.cos(course)
        floats[row, a.CLIMB_FPM] = rows_f[CLIMB_FPM]
        ints[row, a.VELOCITY_NS] = now_ns
    if rows_i[ALT_REF] == _BARO and not math.isnan(rows_f[ALT_FT]):
        floats[row, a.ALT_FT] = rows_f[ALT_FT]
        ints[row, a.ALT_NS] = now_ns
    rows_i[ROW] = 0
    if squawk_said >= 0 or state >= 0:
        code = squawk_said if squawk_said >= 0 else ints[row, a.SQUAWK]
        _set_code(ints, row, code, state if state >= 0 else ints[row, a.EMERGENCY], now_ns, changes, rows_i)


@njit(cache=True, nogil=True)
def _given(
    row: int,
    now_ns: int,
    once_ns: int,
    index: I4,
    ints: I8,
    floats: F8,
    used: I8,
    settings: F8,
    rows_f: F8,
    rows_i: I8,
) -> int:
    """One position that somebody else decoded. Gives the verdict; WAITING where it is the last one told again."""
    lat, lon = rows_f[LAT_DEG], rows_f[LON_DEG]
    last = ints[row, a.PLACE_NS]
    if once_ns >= 0 and last != a.NEVER and abs(now_ns - last) <= once_ns:
        return a.WAITING
    verdict, _, _ = place_given(ints, floats, row, lat, lon, now_ns, settings)
    if verdict == IMPLAUSIBLE:
        shadow = claim(index, ints, floats, used, ints[row, a.KEY] | SHADOW, now_ns)
        if once_ns >= 0 and ints[shadow, a.PLACE_NS] != a.NEVER and abs(now_ns - ints[shadow, a.PLACE_NS]) <= once_ns:
            return a.WAITING
        verdict, _, _ = place_given(ints, floats, shadow, lat, lon, now_ns, settings)
        verdict = resolve(ints, floats, row, shadow, verdict, now_ns)
    if verdict != a.ACCEPTED:
        return verdict
    describe(ints, row, now_ns, rows_i)
    rows_i[POSITION] = 1
    if rows_i[GROUND] == 0 and math.isnan(rows_f[ALT_FT]) and abs(now_ns - ints[row, a.ALT_NS]) <= JOIN_NS:
        rows_f[ALT_FT] = floats[row, a.ALT_FT]
        rows_i[ALT_REF] = _BARO
    if math.isnan(rows_f[SPEED_KN]):
        _motion(ints, floats, row, now_ns, rows_f)
    return verdict


@njit(cache=True, nogil=True)
def advance_given(
    clock_ns: I8,
    once_ns: int,
    settings: F8,
    index: I4,
    ints: I8,
    floats: F8,
    used: I8,
    why: U1,
    rows_f: F8,
    rows_i: I8,
    changes: I8,
) -> None:
    """Take n lines that somebody else decoded (SBS, aircraft.json) through the same table and gate.

    rows_f (n, 7) and rows_i (n, 12) come with what each line says (NaN and −1: nothing) and go with the rows that they
    make, ROW 0 where none. ``once_ns``: a position of an aircraft no further in time from its last is the same again,
    −1 to take all. why as ``advance``, WAITING for such a repetition.
    """
    for i in range(len(clock_ns)):
        now_ns = clock_ns[i]
        row = claim(index, ints, floats, used, rows_i[i, KEY], now_ns)
        _say(ints, floats, row, now_ns, rows_f[i], rows_i[i], changes[i])
        if not math.isnan(rows_f[i, LAT_DEG]):
            why[i] = _given(row, now_ns, once_ns, index, ints, floats, used, settings, rows_f[i], rows_i[i])
