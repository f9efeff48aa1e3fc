"""What a payload must have before pyais sees it: a known type, enough bits, an identity that can be one.

pyais decodes whatever is there: a type 1 cut to 20 of its 28 characters "succeeds" with course 0.1°, one cut to five
characters with the MMSI of another ship. So the bits that a type needs are counted here. More bits are accepted: one
report in a hundred of live feeds is over-long and right.
"""

from __future__ import annotations

HEADER_BITS = 38  # type, repeat, MMSI

# M.1371-5 annex 8, without trailing spare bits where transmitters are known to leave them out.
MIN_BITS: dict[int, int] = {
    **dict.fromkeys(range(1, 28), HEADER_BITS),
    **dict.fromkeys((1, 2, 3, 4, 9, 11, 18), 168),
    5: 422,  # through the destination; the last two are DTE and spare
    12: 78,  # one character of text
    14: 46,
    19: 308,  # through "assigned"
    21: 270,  # through "assigned"; the name's extension may follow
    24: 160,  # part A through the name
    27: 95,  # through the GNSS bit
}
PART_B_BITS = 162  # of type 24, through the dimensions

DECODED = frozenset({1, 2, 3, 4, 5, 9, 11, 12, 14, 18, 19, 21, 24, 27})

_SIX = {c: c - 48 if c < 96 else c - 56 for c in [*range(48, 88), *range(96, 120)]}


def header(payload: bytes) -> tuple[int, int]:
    """Type (bits 0–5) and MMSI (bits 8–37) of an armoured payload of at least seven characters.

    >>> header(b"13HOI:0P0000VOHLCnHQKwvL05Ip")
    (1, 227006760)
    """
    bits = 0
    for c in payload[:7]:
        bits = bits << 6 | _SIX[c]
    return bits >> 36, bits >> 4 & 0x3FFFFFFF


def refuse(msg_type: int, mmsi: int, bits: int) -> tuple[str, str] | None:
    """Why a payload of so many bits is not looked into: (slug, detail), or None if it is.

    >>> refuse(1, 227006760, 163)
    ('too_short', 'type 1: 163 bits, needs 168')
    """
    need = MIN_BITS.get(msg_type, 0)
    if not need:
        return "unknown_type", f"type {msg_type} is not in M.1371-5"
    if bits < need:
        return "too_short", f"type {msg_type}: {bits} bits, needs {need}"
    if not 0 < mmsi <= 999_999_999:
        return "bad_mmsi", f"type {msg_type}: MMSI {mmsi}"
    return None
