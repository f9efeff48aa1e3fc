"""Mode S frames: parity and the fields that a picture needs, read from the bits.

A frame is a row of 14 bytes (uint8), a short one in the first 7. Feet and knots as on the wire. ICAO Annex 10 vol. IV
for the frame, Doc 9871 (2nd ed.) for the 56 bits of an extended squitter.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

U1 = NDArray[np.uint8]


def _table() -> NDArray[np.int64]:
    out = np.zeros(256, dtype=np.int64)
    for byte in range(256):
        crc = byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ 0xFFF409 if crc & 0x800000 else crc << 1
        out[byte] = crc & 0xFFFFFF
    return out


_CRC = _table()

# 95 % horizontal accuracy in metres. NACp: Doc 9871 table A-2-14 (DO-260B 2.2.3.2.7.2.7); NUCp: table A-2-3.
_NACP_M = np.array([np.nan, 18520.0, 7408.0, 3704.0, 1852.0, 926.0, 555.6, 185.2, 92.6, 30.0, 10.0, 3.0])
_NUCP_M = np.array([np.nan, 18520.0, 9260.0, 1852.0, 926.0, 463.0, 185.2, 92.6, 10.0, 3.0])
_RAYLEIGH_95 = 2.4477468306808161  # √(−2 ln 0.05): 95 % radius of a round Gaussian in standard deviations


@njit(cache=True, nogil=True)
def remainder(frame: U1, size: int) -> int:
    """What the parity leaves: 0 for a sound squitter, the address for a reply, the interrogator for an all-call.

    Division by x²⁴ + … (0xFFF409) over the first size − 3 bytes, laid over the last three. size is 7 or 14, not
    checked. Annex 10 vol. IV, 3.1.2.3.3.

    >>> import numpy as np
    >>> remainder(np.frombuffer(bytes.fromhex("8d4840d6202cc371c32ce0576098"), np.uint8), 14)
    0
    """
    crc = 0
    for i in range(size - 3):
        crc = ((crc << 8) & 0xFFFFFF) ^ _CRC[(crc >> 16) ^ frame[i]]
    return int(crc ^ (np.int64(frame[size - 3]) << 16 | np.int64(frame[size - 2]) << 8 | np.int64(frame[size - 1])))


@njit(cache=True, nogil=True)
def bits(frame: U1, first: int, count: int) -> int:
    """So many bits of a frame as a number, the first bit being number 1, as the standards count.

    count ≤ 56 and inside the row, not checked.

    >>> import numpy as np
    >>> bits(np.array([0x8D, 0x48], dtype=np.uint8), 1, 5)
    17
    """
    value = np.int64(0)
    last = first - 1 + count
    for byte in range((first - 1) >> 3, (last + 7) >> 3):
        value = (value << 8) | np.int64(frame[byte])
    return int((value >> (-last & 7)) & ((np.int64(1) << count) - 1))


@njit(cache=True, nogil=True)
def altitude_ft(code: int) -> float:
    """Altitude of the 13-bit AC field (C1 A1 C2 A2 C4 A4 M B1 Q B2 D2 B4 D4); not a number where none is given.

    Q = 1: 25 n − 1000. Q = 0: the Gillham code, steps of 100 ft. M = 1 (metres, never seen in use): 25 n m.
    Annex 10 vol. IV, 3.1.2.6.5.4. The 12-bit field of a squitter is the same without M.

    >>> altitude_ft(0b0010100110000), altitude_ft(0)
    (7400.0, nan)
    """
    if code == 0:
        return math.nan
    if code & 0x40:
        return (((code >> 7) << 6) | (code & 0x3F)) * 25.0 / 0.3048
    if code & 0x10:
        return (((code >> 7) << 5) | ((code & 0x20) >> 1) | (code & 0x0F)) * 25.0 - 1000.0
    return _gillham_ft(code)


@njit(cache=True, nogil=True)
def _gillham_ft(code: int) -> float:
    five = 0  # D2 D4 A1 A2 A4 B1 B2 B4, reflected binary, steps of 500 ft
    for position in (2, 0, 11, 9, 7, 5, 3, 1):
        five = (five << 1) | (((code >> position) & 1) ^ (five & 1))
    one = 0  # C1 C2 C4, reflected binary, five of eight used
    for position in (12, 10, 8):
        one = (one << 1) | (((code >> position) & 1) ^ (one & 1))
    if one in (0, 5, 6):
        return math.nan
    one = 5 if one == 7 else one
    if five & 1:
        one = 6 - one
    return five * 500.0 + one * 100.0 - 1300.0


@njit(cache=True, nogil=True)
def squawk(code: int) -> int:
    """The Mode A code of the 13-bit ID field (C1 A1 C2 A2 C4 A4 X B1 D1 B2 D2 B4 D4), as an integer.

    >>> oct(squawk(0b0101010101010))
    '0o7700'
    """
    a = ((code >> 11) & 1) | ((code >> 8) & 2) | ((code >> 5) & 4)
    b = ((code >> 5) & 1) | ((code >> 2) & 2) | ((code << 1) & 4)
    c = ((code >> 12) & 1) | ((code >> 9) & 2) | ((code >> 6) & 4)
    d = ((code >> 4) & 1) | ((code >> 1) & 2) | ((code << 2) & 4)
    return a << 9 | b << 6 | c << 3 | d


@njit(cache=True, nogil=True)
def movement_kn(code: int) -> float:
    """Ground speed of the 7-bit movement field, the low end of its step; not a number where it says nothing.

    Doc 9871 table B-2-6.

    >>> movement_kn(1), movement_kn(13), movement_kn(124), movement_kn(125)
    (0.0, 2.0, 175.0, nan)
    """
    if code == 0 or code > 124:
        return math.nan
    if code == 1:
        return 0.0
    if code < 9:
        return 0.125 * (code - 1)
    if code < 13:
        return 1.0 + 0.25 * (code - 9)
    if code < 39:
        return 2.0 + 0.5 * (code - 13)
    if code < 94:
        return 15.0 + (code - 39)
    if code < 109:
        return 70.0 + 2.0 * (code - 94)
    return 100.0 + 5.0 * (code - 109)


@njit(cache=True, nogil=True)
def velocity(frame: U1) -> tuple[float, float, float]:
    """East, north (kn, over ground) and climb (ft/min) of a velocity squitter (TC19); not a number where not given.

    Subtype 1: steps of 1 kn; 2: of 4 kn. Subtypes 3 and 4 carry airspeed, which is no motion over ground: climb only.
    Doc 9871 tables B-2-9a and b.

    >>> import numpy as np
    >>> frame = np.frombuffer(bytes.fromhex("8d485020994409940838175b284f"), np.uint8)
    >>> velocity(frame)
    (-8.0, -159.0, -832.0)
    """
    subtype = bits(frame, 38, 3)
    east, north, climb = math.nan, math.nan, math.nan
    if subtype in (1, 2):
        step = 4.0 if subtype == 2 else 1.0
        ve, vn = bits(frame, 47, 10), bits(frame, 58, 10)
        if ve > 0 and vn > 0:
            east = (1.0 - ve if bits(frame, 46, 1) else ve - 1.0) * step
            north = (1.0 - vn if bits(frame, 57, 1) else vn - 1.0) * step
    vr = bits(frame, 70, 9)
    if 1 <= subtype <= 4 and vr > 0:
        climb = (1.0 - vr if bits(frame, 69, 1) else vr - 1.0) * 64.0
    return east, north, climb


@njit(cache=True, nogil=True)
def sigma_m(type_code: int, nacp: int) -> float:
    """Standard deviation per axis of a position, as the craft states it: NACp where known (0 to 11), else type code.

    σ = R₉₅ / √(−2 ln 0.05). Tables: Doc 9871 A-2-14 and A-2-3. nacp −1: not known. Not a number: accuracy unknown.

    >>> round(sigma_m(11, 8), 1), round(sigma_m(11, -1), 1), sigma_m(18, -1)
    (37.8, 37.8, nan)
    """
    if 0 <= nacp <= 11:
        return float(_NACP_M[nacp]) / _RAYLEIGH_95
    nucp = 0
    if 5 <= type_code <= 8:
        nucp = 14 - type_code
    elif 9 <= type_code <= 18:
        nucp = 18 - type_code
    elif 20 <= type_code <= 21:
        nucp = 29 - type_code
    return float(_NUCP_M[nucp]) / _RAYLEIGH_95
