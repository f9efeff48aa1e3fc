r"""Navigational radar over NMEA 0183: TTM and TLL sentences to plots.

::

    $RATTM,01,3.42,120.5,T,12.0,95.0,T,0.4,10.2,N,,T,,120001.00,A*hh    range and bearing from own ship
    $RATLL,01,1234.50,N,01234.50,E,,120001.00,T,*hh                     a position

Own ship is heard on the same stream (RMC, GGA, GLL; heading from HDT, THS, HDG with variation). With it a TTM becomes
a geodetic plot; without it a true bearing stays polar, about the site that the sensors file gives; a relative bearing
without a heading is a reject. A fix or heading older than ten seconds of receipt is not used.

Noise: IMO MSC.192(79) §5.3.1.2 asks for 30 m or 1 % of the range scale, and 1°; read as 95 %, so σ = that / 1.96, with
the range itself for the scale that is not sent. A TLL says nothing of its noise: NaN, the sensors file decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from manara.feeds.decoder import Format, Options, Plain
from manara.kernels import geodesy, nmea
from manara.records.batch import Batch
from manara.records.identity import source_id
from manara.records.plots import Form, Plots
from manara.records.reject import KEPT_BYTES, Reject
from manara.records.reports import Flag, Kind

LINE_BYTES = 1024
PIECE_BYTES = 65_536
REJECTS_KEPT = 64
RANGE_MAX_M = 200_000.0  # no ship's radar sees farther
LATEST_NS = 10_000_000_000  # how long own ship's fix and heading hold
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
UNIT_M = {b"K": 1000.0, b"N": 1852.0, b"S": 1609.344}  # of distance; speeds are the same per hour
SIGMA_BEARING_RAD = math.radians(1.0) / 1.96
_OWN = frozenset({b"RMC", b"GGA", b"GLL", b"HDT", b"THS", b"HDG", b"ZDA"})
EARLIEST_NS = 631_152_000 * SECOND_NS  # 1990: a time of day without a date is no time
_NEVER = -(1 << 62)


class BadField(ValueError):
    """A field that cannot be what the sentence says. Never leaves this module: it becomes a Reject."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why, self.detail = why, detail


@dataclass
class OwnShip:
    """What the stream last said of own ship, each with the time of receipt. Angles in radians."""

    lat_rad: float = 0.0
    lon_rad: float = 0.0
    fix_ns: int = _NEVER
    heading_rad: float = 0.0
    heading_ns: int = _NEVER
    clock_ns: int = 0  # of the last dated sentence, 0 for none
    clock_received_ns: int = 0


def _direct(lat_rad: float, lon_rad: float, range_m: float, azimuth_rad: float) -> tuple[float, float]:
    """The point at a distance and true bearing from another: within 0.1 % of the distance, a tenth of the noise."""
    east_m, north_m = range_m * math.sin(azimuth_rad), range_m * math.cos(azimuth_rad)
    n = geodesy.nvector(lat_rad, lon_rad)
    return geodesy.lat_lon(*geodesy.move(*n, 0.0, east_m, north_m)[:3])


def _number(raw: bytes, low: float, high: float, name: str) -> float:
    if not re.fullmatch(rb"-?\d{1,9}(\.\d{0,9})?|-?\.\d{1,9}", raw):
        raise BadField("bad_field", f"{name}: {raw[:16]!r} is not a number")
    value = float(raw)
    if not low <= value <= high:
        raise BadField("bad_field", f"{name}: {value} is not within {low} to {high}")
    return value


def _angle(degrees: bytes, side: bytes, sides: bytes, most: float) -> float:
    """ddmm.mm and a hemisphere to radians."""
    if len(side) != 1 or side not in sides:
        raise BadField("bad_field", f"hemisphere {side[:4]!r}")
    value = _number(degrees, 0.0, most * 100.0, "position")
    whole = math.floor(value / 100.0)
    minutes = value - 100.0 * whole
    if minutes >= 60.0 or whole + minutes / 60.0 > most:
        raise BadField("bad_field", f"position {degrees[:16]!r}")
    radians = math.radians(whole + minutes / 60.0)
    return radians if side == sides[:1] else -radians


def _time_of_day_ns(raw: bytes) -> int | None:
    found = re.fullmatch(rb"([01]\d|2[0-3])([0-5]\d)([0-5]\d)(?:\.(\d{1,9}))?", raw)
    if not found:
        return None
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    return seconds * SECOND_NS + int((found[4] or b"").ljust(9, b"0"))


def _date_ns(day: bytes, month: bytes, year: bytes) -> int | None:
    if not (day + month + year).isdigit() or not 1990 <= int(year) < 2100:
        return None
    try:
        return int(datetime(int(year), int(month), int(day), tzinfo=UTC).timestamp()) * SECOND_NS
    except ValueError:
        return None


def _clock(kind: bytes, f: list[bytes]) -> int | None:
    """The dated time of an RMC or ZDA, ns; None for other sentences."""
    time = _time_of_day_ns(f[1]) if len(f) > 4 else None
    if kind == b"ZDA" and time is not None:
        day = _date_ns(f[2], f[3], f[4])
    elif kind == b"RMC" and time is not None and len(f) > 9 and len(f[9]) == 6:
        day = _date_ns(f[9][:2], f[9][2:4], b"20" + f[9][4:])
    else:
        return None
    return None if day is None or time is None else day + time


def _nearest_day(time_of_day_ns: int, reference_ns: int) -> int:
    """The instant with this time of day that lies nearest to a reference: right across midnight."""
    offset = (time_of_day_ns - reference_ns) % DAY_NS
    return reference_ns + (offset - DAY_NS if offset > DAY_NS // 2 else offset)


class RadarDecoder:
    """State of one radar's stream: own ship, and the line that is not complete yet."""

    def __init__(self, options: Options) -> None:
        self._source = source_id(options.feed)
        self._rest = b""
        self._skipping = False
        self._own = OwnShip()
        self._begin()

    def _begin(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._rejects: list[Reject] = []
        self._reject_counts: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode some bytes. ``whole``: a datagram; a line without its end counts if its checksum is right."""
        self._begin()
        for i in range(0, len(data), PIECE_BYTES):
            self._piece(data[i : i + PIECE_BYTES], received_ns)
        if whole and (self._rest or self._skipping):
            self._piece(b"\n", received_ns)
        return Batch(
            plots=_plots(self._rows, received_ns, self._source),
            rejects=tuple(self._rejects),
            reject_counts=self._reject_counts,
            counts=self._counts,
        )

    def finish(self, received_ns: int) -> Batch:
        """The feed ended: a last line without its end is read."""
        return self.advance(b"", received_ns, whole=True)

    def _piece(self, piece: bytes, received_ns: int) -> None:
        if self._skipping:
            end = min((i for i in (piece.find(b"\n"), piece.find(b"\r")) if i >= 0), default=-1)
            if end < 0:
                return
            piece, self._skipping = piece[end:], False
        data = self._rest + piece
        rows, rest = nmea.split(data, LINE_BYTES)
        for begin, end, mark, star, right, *_ in rows:
            self._line(data[begin:end], mark - begin, star - begin, right, received_ns)
        self._rest = data[rest:]
        if len(self._rest) > LINE_BYTES:
            self._line(self._rest, -1, -1, -2, received_ns)
            self._rest, self._skipping = b"", True

    def _line(self, line: bytes, mark: int, star: int, right: int, received_ns: int) -> None:
        if right != 1:
            why = {-2: "line_too_long", 0: "checksum"}.get(right, "not_nmea" if mark < 0 else "no_checksum")
            if not line.startswith(b"#"):
                self._refuse(why, line, "no sentence with a right checksum on this line", received_ns)
            return
        f = line[mark:star].split(b",")
        kind = f[0][3:]
        try:
            self._sentence(kind, f, received_ns)
        except BadField as bad:
            self._refuse(bad.why, line, bad.detail, received_ns)

    def _sentence(self, kind: bytes, f: list[bytes], received_ns: int) -> None:
        if kind == b"TTM":
            self._take(_ttm(f, self._own, received_ns), "ttm", received_ns)
        elif kind == b"TLL":
            self._take(_tll(f), "tll", received_ns)
        else:
            self._count("own ship" if kind in _OWN else "nmea other")
            if kind in _OWN:
                _hear(self._own, kind, f, received_ns)

    def _take(self, row: dict[str, Any] | None, kind: str, received_ns: int) -> None:
        if row is None:
            return self._count(f"{kind} lost")
        row["time_ns"], assumed = _when(row.pop("time_of_day_ns"), self._own, received_ns)
        row["flags"] |= Flag.TIME_ASSUMED if assumed else Flag.NONE
        self._rows.append(row)
        return self._count(kind)

    def _count(self, kind: str) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def _refuse(self, why: str, line: bytes, detail: str, received_ns: int) -> None:
        self._reject_counts[why] = self._reject_counts.get(why, 0) + 1
        if len(self._rejects) < REJECTS_KEPT:
            self._rejects.append(Reject(why, line[:KEPT_BYTES], detail, received_ns))

    def dump(self) -> Plain:
        """The whole state, plain."""
        return {"rest": self._rest, "skipping": self._skipping, "own": asdict(self._own)}

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self._rest, self._skipping, self._own = state["rest"], state["skipping"], OwnShip(**state["own"])


def _when(time_of_day_ns: int | None, own: OwnShip, received_ns: int) -> tuple[int, bool]:
    """Time of applicability, and whether it is only the time of receipt."""
    dated = own.clock_ns and received_ns - own.clock_received_ns <= LATEST_NS
    if time_of_day_ns is not None:
        return _nearest_day(time_of_day_ns, own.clock_ns if dated else received_ns), False
    return (own.clock_ns, False) if dated else (received_ns, True)


def _hear(own: OwnShip, kind: bytes, f: list[bytes], received_ns: int) -> None:
    """Take what a sentence says of own ship; a void one takes the fix away."""
    clock = _clock(kind, f)
    if clock is not None:
        own.clock_ns, own.clock_received_ns = clock, received_ns
    if kind in (b"HDT", b"THS", b"HDG"):
        heading = _heading_deg(kind, f)
        own.heading_ns = _NEVER if heading is None else received_ns
        own.heading_rad = 0.0 if heading is None else math.radians(heading % 360.0)
    at = {b"RMC": 3, b"GGA": 2, b"GLL": 1}.get(kind)
    if at is None:
        return
    valid = {b"RMC": (2, b"A"), b"GLL": (6, b"A")}.get(kind)
    fields_needed = {b"RMC": 7, b"GGA": 7, b"GLL": 7}[kind]
    if len(f) < fields_needed or (f[valid[0]] != valid[1] if valid else f[6] in (b"0", b"")):
        own.fix_ns = _NEVER
        return
    own.lat_rad = _angle(f[at], f[at + 1], b"NS", 90.0)
    own.lon_rad = _angle(f[at + 2], f[at + 3], b"EW", 180.0)
    own.fix_ns = received_ns


def _heading_deg(kind: bytes, f: list[bytes]) -> float | None:
    if len(f) < 3 or not f[1] or (kind == b"THS" and f[2] != b"A"):
        return None
    heading = _number(f[1], 0.0, 360.0, "heading")
    if kind != b"HDG":
        return heading
    if len(f) < 6 or f[5] not in (b"E", b"W") or not f[4]:
        return None  # magnetic without variation is no true heading
    deviation = _number(f[2], 0.0, 180.0, "deviation") * (1.0 if f[3] == b"E" else -1.0) if f[2] else 0.0
    return heading + deviation + _number(f[4], 0.0, 180.0, "variation") * (1.0 if f[5] == b"E" else -1.0)


def _ttm(f: list[bytes], own: OwnShip, received_ns: int) -> dict[str, Any] | None:
    """The row of a TTM; None if the radar lost it."""
    if len(f) < 13:
        raise BadField("bad_field", f"TTM with {len(f)} fields")
    if f[12] == b"L":
        return None
    unit_m = UNIT_M.get(f[10])
    if unit_m is None or f[4] not in (b"T", b"R"):
        raise BadField("bad_field", f"units {f[10][:4]!r}, bearing {f[4][:4]!r}")
    range_m = _number(f[2], 0.0, 1e9, "distance") * unit_m
    if not 0.0 < range_m <= RANGE_MAX_M:
        raise BadField("bad_range", f"{range_m:.0f} m")
    bearing = math.radians(_number(f[3], 0.0, 360.0, "bearing"))
    if f[4] == b"R":
        if received_ns - own.heading_ns > LATEST_NS:
            raise BadField("no_heading", "a relative bearing, and no heading on this stream")
        bearing += own.heading_rad
    row = _row(f[1], f[12], _time_of_day_ns(f[14]) if len(f) > 14 else None)
    sigma_range_m = max(30.0, 0.01 * range_m) / 1.96
    row |= {"range_m": range_m, "azimuth_rad": bearing % (2.0 * math.pi)}
    row |= {"sigma_range_m": sigma_range_m, "sigma_azimuth_rad": SIGMA_BEARING_RAD}
    if f[5] and f[6] and f[7] == b"T":
        row["speed_mps"] = _number(f[5], 0.0, 1e4, "speed") * unit_m / 3600.0
        row["course_rad"] = math.radians(_number(f[6], 0.0, 360.0, "course") % 360.0)
    if received_ns - own.fix_ns <= LATEST_NS:
        row["form"] = Form.GEODETIC
        row["lat_rad"], row["lon_rad"] = _direct(own.lat_rad, own.lon_rad, range_m, bearing)
        row["sigma_m"] = math.hypot(sigma_range_m, range_m * SIGMA_BEARING_RAD) / math.sqrt(2.0)
    return row


def _tll(f: list[bytes]) -> dict[str, Any] | None:
    """The row of a TLL; None if the radar lost it."""
    if len(f) < 9:
        raise BadField("bad_field", f"TLL with {len(f)} fields")
    if f[8] == b"L":
        return None
    row = _row(f[1], f[8], _time_of_day_ns(f[7]))
    row |= {"form": Form.GEODETIC, "lat_rad": _angle(f[2], f[3], b"NS", 90.0)}
    row["lon_rad"] = _angle(f[4], f[5], b"EW", 180.0)
    return row


def _row(number: bytes, status: bytes, time_of_day_ns: int | None) -> dict[str, Any]:
    return {
        "form": Form.POLAR,
        "track_number": int(_number(number, 0, 65_535, "number")),
        "kind": Kind.VESSEL,
        "flags": Flag.NONE if status == b"T" else Flag.POSITION_SUSPECT,  # Q: still acquiring
        "time_of_day_ns": time_of_day_ns,
    }


def _plots(rows: list[dict[str, Any]], received_ns: int, source: int) -> Plots:
    plots = Plots.blank(len(rows)).replace(
        received_ns=np.full(len(rows), received_ns, np.int64), source=np.full(len(rows), source, np.uint32)
    )
    for f in fields(Plots):
        for i, row in enumerate(rows):
            if f.name in row:
                getattr(plots, f.name)[i] = row[f.name]
    return plots


_LINE = re.compile(rb"[^\r\n]+")
_OURS = re.compile(rb"\$[A-Z]{2}(TTM|TLL),")


def guess(head: bytes) -> float:
    """How sure the first bytes are of a ship's radar: 0 without one TTM or TLL, else by their share."""
    kinds = [bool(_OURS.search(found[0])) for found in _LINE.finditer(head)][:200]
    return 0.5 + 0.4 * sum(kinds) / len(kinds) if any(kinds) else 0.0


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(end offset, recorded time in ns or None) of each line; only dated sentences (RMC, ZDA) have a time."""
    begin = 0
    while begin < len(data):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end + 1
        line = data[begin:end].strip()[:LINE_BYTES]
        f = line[line.find(b"$") + 1 :].partition(b"*")[0].split(b",")
        yield end, _clock(f[0][2:5], f)
        begin = end


def full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    """Each plot of the stream with what the sentence said, in the order of the bytes; angles in degrees."""
    decoder = RadarDecoder(options)
    for found in re.finditer(rb"[^\n]*\n?", data):
        batch = decoder.advance(found[0], 0, whole=not found[0].endswith(b"\n") and found.end() == len(data))
        yield from batch.rejects
        p = batch.plots
        for i in range(len(p)):
            yield {
                "type": "plot",
                "form": Form(int(p.form[i])).name.lower(),
                "time_ns": int(p.time_ns[i]) if p.time_ns[i] > EARLIEST_NS else None,
                "number": int(p.track_number[i]),
                "range_m": _said(p.range_m[i]),
                "azimuth_deg": _said(math.degrees(p.azimuth_rad[i])),
                "lat_deg": _said(math.degrees(p.lat_rad[i])),
                "lon_deg": _said(math.degrees(p.lon_rad[i])),
                "speed_mps": _said(p.speed_mps[i]),
                "course_deg": _said(math.degrees(p.course_rad[i])),
            }


def _said(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 9)


FORMATS: tuple[Format, ...] = (
    Format(
        name="radar-nmea",
        title="A ship's radar over NMEA 0183 (TTM, TLL), with own ship's RMC, GGA, HDT",
        family="radar-nmea",
        new=RadarDecoder,
        guess=guess,
        cut=cut,
        full=full,
    ),
)
