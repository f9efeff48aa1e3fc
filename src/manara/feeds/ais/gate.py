"""What a payload must have before pyais sees it: a known type, enough bits, an identity that can be one.

pyais decodes whatever is there: a type 1 cut to 20 of its 28 characters "succeeds" with course 0.1°, one cut to five
characters with the MMSI of another ship. So the bits that a type needs are counted here. More bits are accepted: one
report in a hundred of live feeds is over-long and right.
"""

from __future__ import annotations

HEADER_BITS = 38  # type, repeat, MMSI

# M.1371-5 annex 8: through the last field that we read or show as certain. What follows (radio state, spare bits)
# is left out, or announced with a wrong fill, by known transmitters.
MIN_BITS: dict[int, int] = {
    **dict.fromkeys(range(1, 28), HEADER_BITS),
    **dict.fromkeys((1, 2, 3, 4, 11), 149),  # through RAIM
    **dict.fromkeys((9, 18), 148),  # through RAIM
    5: 420,  # through the destination but for its last two bits; gpsd meets 420 and 422 in the wild
    12: 78,  # one character of text
    14: 46,
    19: 308,  # through "assigned"
    21: 270,  # through "assigned"; the name's extension may follow
    24: 160,  # part A through the name
    27: 95,  # through the GNSS bit
}
PART_B_BITS = 162  # of type 24, through the dimensions
TYPE_5_CHARS, TYPE_5_FILL = 71, 2  # 424 bits
TEXT_BEGINS = {12: 72, 14: 40}

DECODED = frozenset({1, 2, 3, 4, 5, 9, 11, 12, 14, 18, 19, 21, 24, 27})

_SIX = {c: c - 48 if c < 96 else c - 56 for c in [*range(48, 88), *range(96, 120)]}


def header(payload: bytes) -> tuple[int, int]:
    """Type (bits 0–5) and MMSI (bits 8–37) of an armoured payload of at least seven characters.

    >>> header(b"13HOI:0P0000VOHLCnHQKwvL05Ip")
    (1, 227006760)
    """
    a, b, c, d, e, f, g = (_SIX[x] for x in payload[:7])
    return a, (b & 15) << 26 | c << 20 | d << 14 | e << 8 | f << 2 | g >> 4


def trimmed(msg_type: int, payload: bytes, fill: int) -> tuple[bytes, int]:
    """A payload whose text holds whole characters: pyais misreads a character that is cut.

    A type 5 that ends early is continued with zeros, the surplus bits of a type 12 or 14 become fill.
    """
    bits = 6 * len(payload) - fill
    if msg_type == 5 and bits < 6 * TYPE_5_CHARS - TYPE_5_FILL:
        return payload.ljust(TYPE_5_CHARS, b"0"), TYPE_5_FILL
    if msg_type in (12, 14):
        return payload, fill + (bits - TEXT_BEGINS[msg_type]) % 6
    return payload, fill


def refuse(msg_type: int, mmsi: int, payload: bytes, fill: int) -> tuple[str, str] | None:
    """Why a payload is not looked into: (slug, detail), or None if it is.

    >>> refuse(1, 227006760, b"13HOI:0P0000VOHLCnHQ", 0)
    ('too_short', 'type 1: 120 bits, needs 149')
    """
    need, bits = MIN_BITS.get(msg_type, 0), 6 * len(payload) - fill
    if not need:
        return "unknown_type", f"type {msg_type} is not in M.1371-5"
    if msg_type == 24 and bits >= HEADER_BITS + 2:
        part = _SIX[payload[6]] >> 2 & 3  # bits 38 and 39
        if part > 1:
            return "unknown_part", f"type 24: part {part}"
        need = PART_B_BITS if part else need
    if bits < need:
        return "too_short", f"type {msg_type}: {bits} bits, needs {need}"
    if not 0 < mmsi <= 999_999_999:
        return "bad_mmsi", f"type {msg_type}: MMSI {mmsi}"
    return None
