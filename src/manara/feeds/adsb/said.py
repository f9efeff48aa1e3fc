"""Lines that somebody else decoded (SBS, aircraft.json): the words of each, then the same table and gate as frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from manara.feeds.adsb.mode_s import WHY, Rejects, Sky, particulars_of, reports_of
from manara.kernels import aircraft
from manara.kernels import squitters as sq
from manara.records.batch import Batch

NOTHING = math.nan
_ALPHABET = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"


@dataclass
class Said:
    """What the lines of one batch say: one list of numbers each, in the order of kernels/squitters.py."""

    floats: list[tuple[float, ...]] = field(default_factory=list)
    ints: list[tuple[int, ...]] = field(default_factory=list)
    time_ns: list[int] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def add(
        self,
        raw: bytes,
        time_ns: int,
        key: int,
        *,
        lat_deg: float = NOTHING,
        lon_deg: float = NOTHING,
        alt_ft: float = NOTHING,
        alt_ref: int = 0,
        speed_kn: float = NOTHING,
        course_deg: float = NOTHING,
        climb_fpm: float = NOTHING,
        sigma_m: float = NOTHING,
        category: int = -1,
        emergency: int = -1,
        squawk: int = -1,
        ground: bool = False,
        ident: bool = False,
        relayed: bool = False,
        callsign: int = -1,
    ) -> None:
        """One line. Positions off the globe are taken out before."""
        self.raw.append(raw)
        self.time_ns.append(time_ns)
        self.floats.append((lat_deg, lon_deg, alt_ft, speed_kn, course_deg, climb_fpm, sigma_m))
        ref = alt_ref if not math.isnan(alt_ft) else 0
        surveillance = 3 if ident else 0
        self.ints.append(
            (0, key, category, emergency, squawk, int(ground), 0, surveillance, int(relayed), ref, 0, callsign)
        )


def advance(
    said: Said, sky: Sky, source: int, received_ns: int, once_ns: int, counts: dict[str, int], rejects: Rejects
) -> Batch:
    """The lines through table and gate, to a Batch."""
    n = len(said.time_ns)
    if n == 0:
        return Batch(rejects=tuple(rejects.kept), reject_counts=rejects.counts, counts=counts)
    sky.make_room(n)
    time_ns = np.array(said.time_ns, dtype=np.int64)
    rows_f = np.array(said.floats, dtype=np.float64).reshape(n, sq.ROW_FLOATS)
    rows_i = np.array(said.ints, dtype=np.int64).reshape(n, sq.ROW_INTS)
    changes = np.zeros((n, sq.CHANGES), dtype=np.int64)
    why = np.zeros(n, dtype=np.uint8)
    sq.advance_given(
        time_ns, once_ns, sky.settings, sky.index, sky.ints, sky.floats, sky.used, why, rows_f, rows_i, changes
    )
    for i in np.flatnonzero(why > aircraft.WAITING).tolist():
        rejects.add(WHY[why[i]], said.raw[i], time_ns=said.time_ns[i])
    rows = np.flatnonzero(rows_i[:, sq.ROW])
    unplaced = rows_i[:, sq.POSITION] == 0
    rows_f[unplaced, :3] = np.nan
    return Batch(
        reports=reports_of(rows_f[rows], rows_i[rows], time_ns[rows], received_ns, source, 0),
        particulars=particulars_of(changes, time_ns, source),
        rejects=tuple(rejects.kept),
        reject_counts=rejects.counts,
        counts=counts,
    )


def pack_callsign(text: str) -> int:
    """Eight letters to 48 bits; −1 for an empty one.

    >>> hex(pack_callsign("KLM1023")), pack_callsign("  ")
    ('0x2cc371c32ce0', -1)
    """
    if not text.strip():
        return -1
    packed = 0
    for letter in f"{text.strip().upper():<8.8}":
        code = _ALPHABET.find(letter)
        packed = packed << 6 | (code if code > 0 and letter != "#" else 32)
    return packed


def pack_category(text: str) -> int:
    """Emitter category "A3" to its number; −1 for none.

    >>> pack_category("A3"), pack_category("Z9"), pack_category("")
    (35, -1, -1)
    """
    if len(text) != 2 or text[0] not in "DCBA" or text[1] not in "01234567":
        return -1
    return ("DCBA".index(text[0]) + 1) << 3 | int(text[1])


def pack_squawk(text: str) -> int:
    """Four octal digits to a number; −1 for anything else.

    >>> pack_squawk("7700"), pack_squawk("7780"), pack_squawk("")
    (4032, -1, -1)
    """
    return int(text, 8) if len(text) == 4 and all(digit in "01234567" for digit in text) else -1


def pack_address(text: str) -> int:
    """Six hexadecimal digits, "~" before an anonymous address; −1 for anything else.

    >>> pack_address("d00001"), pack_address("~D00001"), pack_address("000000"), pack_address("0x1234")
    (13631489, 30408705, -1, -1)
    """
    anonymous = text.startswith("~")
    digits = text[1:] if anonymous else text
    if len(digits) != 6 or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        return -1
    address = int(digits, 16)
    return (address | anonymous << 24) if address else -1


def bounded(value: float, low: float, high: float) -> float:
    """The value where it lies within the bounds, else not a number."""
    return value if low <= value <= high else NOTHING
