"""Identity claims: what a craft, or a source, says that something is. A claim may be false.

An identity is one unsigned 64-bit number: the space in the top byte, the value below. 0: none.
"""

from __future__ import annotations

from enum import IntEnum


class Space(IntEnum):
    """Who gives the numbers out."""

    NONE = 0
    MMSI = 1  # ITU maritime identity, nine digits
    ICAO24 = 2  # 24-bit aircraft address
    ANONYMOUS24 = 3  # 24-bit address that is not an ICAO address (TIS-B, ADS-R, "~" in readsb)
    SENSOR_TRACK = 4  # a source's own track number: (source << 16 | number)
    UID = 5  # CoT uid or GeoJSON id: the low 56 bits of its BLAKE2b hash


_SHIFT = 56
_MASK = (1 << _SHIFT) - 1


def pack(space: Space, value: int) -> int:
    """One number from space and value; value must fit in 56 bits.

    >>> hex(pack(Space.ICAO24, 0xD00001))
    '0x200000000d00001'
    """
    if not 0 <= value <= _MASK:
        raise ValueError(f"identity value out of range: {value}")
    return int(space) << _SHIFT | value


def unpack(identity: int) -> tuple[Space, int]:
    """Space and value of a packed identity.

    >>> unpack(pack(Space.MMSI, 291000001))
    (<Space.MMSI: 1>, 291000001)
    """
    return Space(identity >> _SHIFT), identity & _MASK


def text(identity: int) -> str:
    """How people write it: nine digits, six hex digits, or the number with its space.

    >>> text(pack(Space.ICAO24, 0xD00001)), text(pack(Space.MMSI, 2910001)), text(0)
    ('D00001', '002910001', '')
    """
    space, value = unpack(identity)
    if space is Space.NONE:
        return ""
    if space is Space.MMSI:
        return f"{value:09d}"
    if space is Space.ICAO24:
        return f"{value:06X}"
    if space is Space.ANONYMOUS24:
        return f"~{value:06X}"
    if space is Space.SENSOR_TRACK:
        return f"{value >> 16:X}/{value & 0xFFFF}"
    return f"uid:{value:014x}"


def source_id(feed: int, sac: int = 0, sic: int = 0) -> int:
    """A source: which feed, and within ASTERIX which SAC/SIC. Fits in uint32; feed < 65,536.

    >>> hex(source_id(2, 20, 1))
    '0x21401'
    """
    return feed << 16 | sac << 8 | sic
