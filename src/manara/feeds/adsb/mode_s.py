"""Frames in, a Batch out: the stage that Beast, AVR and JSON lines share. The counting is in kernels/squitters.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.feeds.decoder import Options, Plain
from manara.kernels import aircraft, squitters
from manara.kernels import squitters as sq
from manara.records.batch import Batch
from manara.records.identity import Space, pack, source_id
from manara.records.particulars import Particulars
from manara.records.reject import KEPT_BYTES, Reject
from manara.records.reports import AltRef, Flag, Kind, Reports

AIRCRAFT_MAX = 65_536
REJECTS_KEPT = 256  # of each batch; the rest is counted
KNOT = 1852.0 / 3600.0
FOOT = 0.3048
_ALPHABET = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"
_GROUPS = ("", " identification", " surface", " airborne", " velocity", " status", " operational", " target_state")
WHY = (
    "",
    "unpaired",
    "implausible_speed",
    "out_of_range",
    "surface_ambiguous",
    "bad_crc",
    "unknown_address",
    "wrong_length",
    "bad_address",
    "unknown_format",
)
DETAIL = {
    "implausible_speed": "the aircraft could not have come here from its last place at 700 m/s",
    "out_of_range": "further from the receiver than range_max_m of the feed",
    "surface_ambiguous": "a surface position fits four places; give the feed its receiver_lat_deg and receiver_lon_deg",
    "bad_crc": "parity does not fit",
    "unknown_address": "the address under the parity was not heard in clear in the last five minutes",
    "wrong_length": "the downlink format needs 14 bytes",
    "bad_address": "an address of zeros",
    "unknown_format": "no such downlink format",
}
_SPACE_SHIFT = 56


class Sky:
    """The aircraft that one feed hears, on columns: grown as needed, at most 65,536, the longest unheard given up."""

    def __init__(self, options: Options, step_min_s: float = 0.0) -> None:
        self.settings = np.array(
            [options.receiver_lat_deg, options.receiver_lon_deg, options.range_max_m, step_min_s], dtype=np.float64
        )
        self.index = np.full(2 * AIRCRAFT_MAX, -1, dtype=np.int32)
        rows = min(256, AIRCRAFT_MAX)
        self.ints = np.zeros((rows, aircraft.INTS), dtype=np.int64)
        self.floats = np.zeros((rows, aircraft.FLOATS), dtype=np.float64)
        self.used = np.zeros(2, dtype=np.int64)

    def make_room(self, frames: int) -> None:
        """Rows enough that so many frames (each at most an aircraft and its shadow) give none up too early."""
        wanted = min(int(self.used[0]) + 2 * frames, AIRCRAFT_MAX)
        have = len(self.ints)
        if wanted <= have:
            return
        more = max(wanted, min(2 * have, AIRCRAFT_MAX)) - have
        self.ints = np.concatenate([self.ints, np.zeros((more, aircraft.INTS), dtype=np.int64)])
        self.floats = np.concatenate([self.floats, np.zeros((more, aircraft.FLOATS), dtype=np.float64)])

    def dump(self) -> Plain:
        """Its rows as bytes."""
        n = int(self.used[0])
        return {"used": self.used.tolist(), "ints": self.ints[:n].tobytes(), "floats": self.floats[:n].tobytes()}

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave; the index is made anew, and finds the same."""
        self.used = np.array(state["used"], dtype=np.int64)
        n = int(self.used[0])
        self.ints = np.frombuffer(state["ints"], dtype=np.int64).reshape(n, aircraft.INTS).copy()
        self.floats = np.frombuffer(state["floats"], dtype=np.float64).reshape(n, aircraft.FLOATS).copy()
        self.index = np.full(2 * AIRCRAFT_MAX, -1, dtype=np.int32)
        aircraft.reindex(self.index, self.ints, n)


class Rejects:
    """Counts every refusal, keeps the first few."""

    def __init__(self) -> None:
        self.kept: list[Reject] = []
        self.counts: dict[str, int] = {}

    def add(self, why: str, data: bytes, detail: str = "", time_ns: int = 0, n: int = 1) -> None:
        """One more, or n more of which one is shown."""
        self.counts[why] = self.counts.get(why, 0) + n
        if len(self.kept) < REJECTS_KEPT:
            self.kept.append(Reject(why, data[:KEPT_BYTES], detail or DETAIL.get(why, ""), time_ns))


class ModeS:
    """Mode S frames of one feed to a Batch."""

    def __init__(self, options: Options, step_min_s: float = 0.0) -> None:
        self.source = source_id(options.feed)
        self.sky = Sky(options, step_min_s)
        self.placed: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # frame of each row of the last batch

    def advance(
        self,
        frames: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        time_ns: NDArray[np.int64],
        clock_ns: NDArray[np.int64],
        received_ns: int,
        flags: int,
        rejects: Rejects,
    ) -> Batch:
        """Take n frames: (n, 14) bytes, their sizes, when they were true, and the steady clock that gates use.

        frames must be writable: Numba compiles a read-only array as another type, all kernels over again.
        """
        n = len(sizes)
        if n == 0:
            self.placed = np.empty(0, dtype=np.int64)
            return Batch(rejects=tuple(rejects.kept), reject_counts=rejects.counts)
        sky = self.sky
        sky.make_room(n)
        what, why = np.zeros(n, dtype=np.uint8), np.zeros(n, dtype=np.uint8)
        rows_f = np.full((n, sq.ROW_FLOATS), np.nan)
        rows_i = np.zeros((n, sq.ROW_INTS), dtype=np.int64)
        changes = np.zeros((n, sq.CHANGES), dtype=np.int64)
        squitters.advance(
            frames,
            sizes,
            clock_ns,
            sky.settings,
            sky.index,
            sky.ints,
            sky.floats,
            sky.used,
            what,
            why,
            rows_f,
            rows_i,
            changes,
        )
        counts = _counts(what, why)
        _refuse(frames, sizes, time_ns, why, rejects)
        self.placed = rows = np.flatnonzero(rows_i[:, sq.ROW])
        return Batch(
            reports=reports_of(rows_f[rows], rows_i[rows], time_ns[rows], received_ns, self.source, flags),
            particulars=particulars_of(changes, time_ns, self.source),
            rejects=tuple(rejects.kept),
            reject_counts=rejects.counts,
            counts=counts,
        )


def _counts(what: NDArray[np.uint8], why: NDArray[np.uint8]) -> dict[str, int]:
    """Every sound frame by kind; those that wait for their other half once more."""
    sound = (why == 0) | (why == aircraft.WAITING)
    tally = np.bincount(what[sound], minlength=1)
    counts = {f"df{code & 31}{_GROUPS[code >> 5]}": int(tally[code]) for code in np.flatnonzero(tally).tolist()}
    waiting = int(np.count_nonzero(why == aircraft.WAITING))
    return counts | {"unpaired": waiting} if waiting else counts


def _refuse(
    frames: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    time_ns: NDArray[np.int64],
    why: NDArray[np.uint8],
    rejects: Rejects,
) -> None:
    refused = np.flatnonzero(why > aircraft.WAITING)
    for i in refused[:REJECTS_KEPT].tolist():
        rejects.add(WHY[why[i]], frames[i, : sizes[i]].tobytes(), time_ns=int(time_ns[i]))
    rest = np.bincount(why[refused[REJECTS_KEPT:]], minlength=1)
    for code in np.flatnonzero(rest).tolist():
        rejects.counts[WHY[code]] = rejects.counts.get(WHY[code], 0) + int(rest[code])


def identity_of(key: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Packed identities of table keys: 24 bits of address, bit 24 for an anonymous one."""
    space = np.where(key >> 24 & 1, int(Space.ANONYMOUS24), int(Space.ICAO24))
    return (space.astype(np.uint64) << np.uint64(_SPACE_SHIFT)) | (key & 0xFFFFFF).astype(np.uint64)


def _kinds() -> NDArray[np.uint8]:
    """Emitter category (type code × 8 + number) to kind; 0 and what is reserved stay aircraft."""
    kinds = np.full(64, Kind.AIRCRAFT, dtype=np.uint8)
    kinds[3 << 3 | 6] = Kind.UNMANNED_AIRCRAFT
    kinds[2 << 3 | 1] = kinds[2 << 3 | 2] = Kind.GROUND_VEHICLE
    kinds[2 << 3 | 3 : (2 << 3 | 5) + 1] = Kind.SURFACE_OBSTACLE
    return kinds


_KINDS = _kinds()


def kind_of(category: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Kinds of emitter categories as the table holds them, −1 for not known."""
    return _KINDS[np.where(category < 0, 0, category)]


def emergency_flags(squawk: NDArray[np.int64], state: NDArray[np.int64]) -> NDArray[np.int64]:
    """Flags of Mode A codes and of emergency states (TC28). A medical flight (2) is no emergency of its own."""
    flags = np.where((squawk == 0o7700) | (state == 1) | (state == 3) | (state == 6), int(Flag.EMERGENCY), 0)
    flags |= np.where((squawk == 0o7600) | (state == 4), int(Flag.RADIO_FAILURE), 0)
    flags |= np.where((squawk == 0o7500) | (state == 5), int(Flag.UNLAWFUL_INTERFERENCE), 0)
    return flags


def _flags(rows_f: NDArray[np.float64], rows_i: NDArray[np.int64], also: int) -> NDArray[np.uint32]:
    placed = rows_i[:, sq.POSITION] == 1
    flags = emergency_flags(rows_i[:, sq.SQUAWK], rows_i[:, sq.EMERGENCY])
    flags |= np.where((rows_i[:, sq.SURVEILLANCE] == 1) & (flags == 0), int(Flag.EMERGENCY), 0)
    flags |= np.where(rows_i[:, sq.SURVEILLANCE] == 3, int(Flag.IDENT), 0)
    flags |= np.where(rows_i[:, sq.GROUND] == 1, int(Flag.ON_GROUND), 0)
    flags |= np.where(rows_i[:, sq.CONFLICT] == 1, int(Flag.IDENTITY_CONFLICT), 0)
    flags |= np.where(rows_i[:, sq.RELAYED] == 1, int(Flag.FROM_GROUND), 0)
    flags |= np.where(placed, 0, int(Flag.NO_POSITION))
    flags |= np.where(placed & np.isnan(rows_f[:, sq.SIGMA_M]), int(Flag.POSITION_SUSPECT), 0)
    return (flags | also).astype(np.uint32)


def reports_of(
    rows_f: NDArray[np.float64],
    rows_i: NDArray[np.int64],
    time_ns: NDArray[np.int64],
    received_ns: int,
    source: int,
    also: int,
) -> Reports:
    """Rows as the kernel has them, feet, knots and degrees, to Reports."""
    n = len(time_ns)
    alt_ref = np.array([AltRef.NONE, AltRef.ELLIPSOID, AltRef.PRESSURE], dtype=np.uint8)[rows_i[:, sq.ALT_REF]]
    return Reports.blank(n).replace(
        time_ns=time_ns,
        received_ns=np.full(n, received_ns, dtype=np.int64),
        source=np.full(n, source, dtype=np.uint32),
        identity=identity_of(rows_i[:, sq.KEY]),
        kind=kind_of(rows_i[:, sq.CATEGORY]),
        lat_rad=np.radians(rows_f[:, sq.LAT_DEG]),
        lon_rad=np.radians(rows_f[:, sq.LON_DEG]),
        alt_m=rows_f[:, sq.ALT_FT] * FOOT,
        alt_ref=alt_ref,
        speed_mps=rows_f[:, sq.SPEED_KN] * KNOT,
        course_rad=np.radians(rows_f[:, sq.COURSE_DEG]),
        climb_mps=rows_f[:, sq.CLIMB_FPM] * (FOOT / 60.0),
        sigma_m=rows_f[:, sq.SIGMA_M],
        flags=_flags(rows_f, rows_i, also),
    )


def callsign_of(packed: int) -> str:
    """Eight letters of six bits.

    >>> callsign_of(0x2CC371C32CE0)
    'KLM1023'
    """
    if packed < 0:
        return ""
    return "".join(_ALPHABET[packed >> shift & 63] for shift in range(42, -1, -6)).rstrip()


def category_of(number: int) -> str:
    """Emitter category as people write it; empty where not known or not said.

    >>> category_of(4 << 3 | 3), category_of(-1), category_of(4 << 3)
    ('A3', '', '')
    """
    return "" if number < 8 or number & 7 == 0 else f"{'DCBA'[(number >> 3) - 1]}{number & 7}"


def particulars_of(changes: NDArray[np.int64], time_ns: NDArray[np.int64], source: int) -> tuple[Particulars, ...]:
    """What has changed, as the kernel noted it."""
    return tuple(
        _particular(changes[i].tolist(), int(time_ns[i]), source)
        for i in np.flatnonzero(changes[:, sq.CHANGED]).tolist()
    )


def _particular(change: list[int], time_ns: int, source: int) -> Particulars:
    changed, key, squawk, callsign, category = change
    words: dict[str, Any] = {}
    if changed & 1:
        words["squawk"] = f"{squawk:04o}"
    if changed & 2:
        words["callsign"] = callsign_of(callsign)
    if changed & 4:
        words["emitter_category"] = category_of(category)
    space = Space.ANONYMOUS24 if key >> 24 & 1 else Space.ICAO24
    return Particulars(identity=pack(space, key & 0xFFFFFF), time_ns=time_ns, source=source, **words)
