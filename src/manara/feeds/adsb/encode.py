"""Mode S frames and their wrappings, written: for the simulated world and for tests.

Bit layouts: ICAO Doc 9871 (2nd ed.), table numbers beside each. Feet and knots, as the wire has them.
"""

from __future__ import annotations

import math

from manara.kernels import cpr

_POLYNOMIAL = 0xFFF409  # ICAO Annex 10 vol. IV, 3.1.2.3.3.1.2
_ALPHABET = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"
_MOVEMENT = (  # Doc 9871 table B-2-6: from this speed (kn), from this code, in such steps (kn)
    (175.0, 124, math.inf),
    (100.0, 109, 5.0),
    (70.0, 94, 2.0),
    (15.0, 39, 1.0),
    (2.0, 13, 0.5),
    (1.0, 9, 0.25),
    (0.125, 2, 0.125),
)


def _table() -> tuple[int, ...]:
    def row(byte: int) -> int:
        crc = byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ _POLYNOMIAL if crc & 0x800000 else crc << 1
        return crc & 0xFFFFFF

    return tuple(row(b) for b in range(256))


_CRC = _table()


def parity(body: bytes) -> int:
    """The 24 parity bits over everything before them.

    >>> hex(parity(bytes.fromhex("8d4840d6202cc371c32ce0")))
    '0x576098'
    """
    crc = 0
    for byte in body:
        crc = (crc << 8 & 0xFFFFFF) ^ _CRC[crc >> 16 ^ byte]
    return crc


def _sealed(body: int, length: int, overlay: int = 0) -> bytes:
    """A frame: body, then parity with the address or interrogator laid over it."""
    head = body.to_bytes(length - 3, "big")
    return head + (parity(head) ^ overlay).to_bytes(3, "big")


def _squitter(icao: int, message: int, capability: int = 5) -> bytes:
    """DF17: capability, address, the 56 bits of the message."""
    if not 0 < icao < 1 << 24:
        raise ValueError(f"a 24-bit address is needed, not {icao:#x}")
    return _sealed(17 << 83 | capability << 80 | icao << 56 | message, 14)


def _altitude_12(alt_ft: float) -> int:
    """Twelve bits in steps of 25 ft (Q = 1); 0, not known, outside −1,000 to 50,175 ft."""
    if not -1000.0 <= alt_ft <= 50175.0:
        return 0
    n = round((alt_ft + 1000.0) / 25.0)
    return n >> 4 << 5 | 1 << 4 | n & 15


def _movement(speed_kn: float) -> int:
    """Seven bits of ground speed (table B-2-6): 0 not known, 1 stopped, 124 at 175 kn and above."""
    if not speed_kn >= 0.0:
        return 0
    for low, code, step in _MOVEMENT:
        if speed_kn >= low:
            return code + (0 if math.isinf(step) else int((speed_kn - low) / step))
    return 1


def position_frame(
    icao: int,
    lat_deg: float,
    lon_deg: float,
    alt_ft: float,
    odd: bool,
    *,
    surface: bool = False,
    ground_speed_kn: float = 0.0,
    track_deg: float | None = None,
    nic_category: int = 11,
) -> bytes:
    """An airborne or a surface position (tables B-2-5, B-2-6): 14 bytes, one of the odd/even pair.

    ``nic_category`` is the type code that says how exact it is: 9 (7.5 m) to 18 with pressure altitude, 20 to 22
    with height over the ellipsoid; 11 means within 185 m. On the surface it is 5 to 8; anything else becomes 7.

    >>> position_frame(0x40621D, 52.2572, 3.91937, 38000.0, False).hex()
    '8d40621d58c382d690c8ac2863a7'
    """
    yz, xz = cpr.encode(lat_deg, lon_deg, odd, surface)
    place = int(odd) << 34 | yz << 17 | xz
    if not surface:
        return _squitter(icao, nic_category << 51 | _altitude_12(alt_ft) << 36 | place)
    code = nic_category if 5 <= nic_category <= 8 else 7
    track = 0 if track_deg is None else 1 << 7 | round(track_deg % 360.0 * 128.0 / 360.0) & 127
    return _squitter(icao, code << 51 | _movement(ground_speed_kn) << 44 | track << 36 | place, capability=4)


def velocity_frame(icao: int, east_kn: float, north_kn: float, climb_fpm: float) -> bytes:
    """Velocity over ground (table B-2-9a): steps of 1 kn to 1,021 kn, of 4 kn beyond; climb in steps of 64 ft/min.

    >>> velocity_frame(0xD00001, -9.0, -159.0, -832.0).hex()
    '8dd0000199140a941838002ecbec'
    """
    fast = max(abs(east_kn), abs(north_kn)) > 1021.0
    step = 4.0 if fast else 1.0
    message = 19 << 51 | (2 if fast else 1) << 48 | 2 << 43
    message |= _signed(east_kn, step, 10) << 32 | _signed(north_kn, step, 10) << 21
    return _squitter(icao, message | 1 << 20 | _signed(climb_fpm, 64.0, 9) << 10)


def _signed(value: float, step: float, bits: int) -> int:
    """Sign and size + 1 in so many bits; all zero where it is not known."""
    if math.isnan(value):
        return 0
    size = min(round(abs(value) / step) + 1, (1 << bits) - 1)
    return int(value < 0.0) << bits | size


def identification_frame(icao: int, callsign: str, category: str = "A3") -> bytes:
    """Callsign and emitter category (table B-2-8). Letters that the alphabet lacks become spaces.

    >>> identification_frame(0x4840D6, "KLM1023", "A0").hex()
    '8d4840d6202cc371c32ce0576098'
    """
    name = 0
    for letter in f"{callsign.upper():<8.8}":
        code = _ALPHABET.find(letter)
        name = name << 6 | (code if code > 0 and letter != "#" else 32)
    return _squitter(icao, ("DCBA".index(category[0]) + 1) << 51 | int(category[1]) << 48 | name)


def _identity_13(squawk: str) -> int:
    """Thirteen bits C1 A1 C2 A2 C4 A4 X B1 D1 B2 D2 B4 D4 of a code of four octal digits."""
    a, b, c, d = (int(digit, 8) for digit in squawk)
    order = ((c, 1), (a, 1), (c, 2), (a, 2), (c, 4), (a, 4), (0, 1), (b, 1), (d, 1), (b, 2), (d, 2), (b, 4), (d, 4))
    bits = 0
    for digit, weight in order:
        bits = bits << 1 | (1 if digit & weight else 0)
    return bits


def status_frame(icao: int, squawk: str, emergency: int) -> bytes:
    """Emergency or priority status with the Mode A code (TC28 subtype 1, table B-2-97a).

    0 none, 1 general, 2 medical, 3 minimum fuel, 4 no communications, 5 unlawful interference, 6 downed.
    """
    return _squitter(icao, 28 << 51 | 1 << 48 | (emergency & 7) << 45 | _identity_13(squawk) << 32)


def accuracy_frame(icao: int, *, nacp: int = 9, surface: bool = False, version: int = 2) -> bytes:
    """Operational status (TC31, table B-2-101): the version and the navigation accuracy NACp, 11 (3 m) to 0."""
    return _squitter(icao, 31 << 51 | int(surface) << 48 | (version & 7) << 13 | (nacp & 15) << 8 | 3 << 4)


def surveillance_frame(icao: int, *, squawk: str | None = None, alt_ft: float = math.nan) -> bytes:
    """A short reply: DF5 with the Mode A code, or DF4 with the altitude; the address is laid over the parity.

    >>> len(surveillance_frame(0xD00001, squawk="7700"))
    7
    """
    if squawk is not None:
        return _sealed(5 << 27 | _identity_13(squawk), 7, icao)
    twelve = _altitude_12(alt_ft)
    return _sealed(4 << 27 | twelve >> 6 << 7 | twelve & 63, 7, icao)


def all_call_frame(icao: int, capability: int = 5) -> bytes:
    """The acquisition squitter DF11: address and nothing else."""
    return _sealed(11 << 27 | capability << 24 | icao, 7)


def beast(frame: bytes, ticks_12mhz: int, signal: int = 128) -> bytes:
    """A frame as Beast binary: 1a, type, 48 bits of a 12 MHz counter, signal, frame; each 1a after the type doubled.

    >>> beast(bytes(7), 0x1A, 1).hex()
    '1a3200000000001a1a0100000000000000'
    """
    kind = {2: b"1", 7: b"2", 14: b"3"}[len(frame)]
    body = (ticks_12mhz & 0xFFFFFFFFFFFF).to_bytes(6, "big") + bytes((signal & 255,)) + frame
    return b"\x1a" + kind + body.replace(b"\x1a", b"\x1a\x1a")


def avr(frame: bytes, ticks_12mhz: int | None = None) -> bytes:
    """A frame as a line of text, with the counter ("@") or without ("*").

    >>> avr(bytes(7)), avr(bytes(7), 12)
    (b'*00000000000000;\\n', b'@00000000000C00000000000000;\\n')
    """
    if ticks_12mhz is None:
        return f"*{frame.hex().upper()};\n".encode()
    return f"@{ticks_12mhz & 0xFFFFFFFFFFFF:012X}{frame.hex().upper()};\n".encode()
