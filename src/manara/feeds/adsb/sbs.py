"""SBS / BaseStation lines (TCP 30003): 22 fields between commas; no parity, no accuracy, local time of the receiver.

The time is taken as UTC unless the feed says otherwise: ``editions = {"sbs": "+03:00"}``.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator
from typing import Any

from manara.feeds.adsb import said
from manara.feeds.adsb.lines import LineDecoder, Lines
from manara.feeds.adsb.mode_s import Rejects, Sky
from manara.feeds.decoder import Options, Plain
from manara.records.batch import Batch
from manara.records.identity import source_id
from manara.records.reject import Reject

LONGEST = 1024
FIELDS = (
    "kind",
    "type",
    "session",
    "aircraft",
    "hex",
    "flight_id",
    "date",
    "time",
    "date_logged",
    "time_logged",
    "callsign",
    "altitude",
    "ground_speed",
    "track",
    "latitude",
    "longitude",
    "vertical_rate",
    "squawk",
    "alert",
    "emergency",
    "spi",
    "on_ground",
)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,6}))?", re.ASCII)
_DATE = re.compile(r"(\d{4})/(\d\d)/(\d\d)", re.ASCII)
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_OTHERS = frozenset({"SEL", "ID", "AIR", "STA", "CLK"})


def _day_ns(text: str) -> int | None:
    match = _DATE.fullmatch(text)
    try:
        day = datetime.date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        return None
    return (day.toordinal() - _EPOCH) * 86_400_000_000_000 if day and 1970 <= day.year < 2200 else None


def time_of(date: str, time: str) -> int | None:
    """Nanoseconds since 1970 of the two fields, None where they are none.

    >>> time_of("1970/01/02", "00:00:01.5"), time_of("1970/02/30", "00:00:00.000")
    (86401500000000, None)
    """
    day_ns, match = _day_ns(date), _TIME.fullmatch(time)
    if day_ns is None or match is None:
        return None
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
    return day_ns + seconds * 1_000_000_000 + int((match[4] or "").ljust(9, "0"))


def zone_ns(text: str) -> int:
    """Offset of a time zone "+03:00"; 0 for anything else."""
    match = _ZONE.fullmatch(text)
    if match is None:
        return 0
    size = (int(match[2]) * 60 + int(match[3])) * 60_000_000_000
    return -size if match[1] == "-" else size


def _number(text: str, low: float, high: float) -> float:
    try:
        return said.bounded(float(text), low, high) if text else said.NOTHING
    except ValueError:
        return said.NOTHING


class SbsDecoder(LineDecoder):
    """SBS lines to a Batch."""

    def __init__(self, options: Options) -> None:
        self.source = source_id(options.feed)
        self.sky = Sky(options)
        self.lines = Lines(LONGEST)
        self.zone_ns = zone_ns(options.editions.get("sbs", ""))

    def _decode(self, lines: list[bytes], received_ns: int, rejects: Rejects) -> Batch:
        words = said.Said()
        counts: dict[str, int] = {}
        for line in lines:
            fields = line.decode("ascii", "replace").strip().split(",")
            if fields[0] in _OTHERS:
                counts[f"sbs {fields[0]}"] = counts.get(f"sbs {fields[0]}", 0) + 1
                continue
            why = self._line(line, fields, words)
            if why:
                rejects.add(why, line, _DETAIL[why], received_ns)
            else:
                counts[f"sbs {fields[1]}"] = counts.get(f"sbs {fields[1]}", 0) + 1
        return said.advance(words, self.sky, self.source, received_ns, -1, counts, rejects)

    def _line(self, line: bytes, fields: list[str], words: said.Said) -> str:
        """Take the words of one MSG line. Gives why not, empty where it was taken."""
        if len(fields) < 22 or fields[0] not in ("MSG", "MLAT") or fields[1] not in _TYPES:
            return "not_sbs"
        key = said.pack_address(fields[4].strip())
        if key < 0:
            return "bad_address"
        time_ns = time_of(fields[6], fields[7])
        if time_ns is None:
            return "bad_time"
        lat, lon = _number(fields[14], -90.0, 90.0), _number(fields[15], -180.0, 180.0)
        if math.isnan(lat) or math.isnan(lon):
            if fields[14] or fields[15]:
                return "bad_position"
            lat = lon = said.NOTHING
        squawk = said.pack_squawk(fields[17].strip())
        words.add(
            line,
            time_ns - self.zone_ns,
            key,
            lat_deg=lat,
            lon_deg=lon,
            alt_ft=_number(fields[11], -2000.0, 150_000.0),
            alt_ref=2,
            speed_kn=_number(fields[12], 0.0, 5000.0),
            course_deg=_number(fields[13], 0.0, 360.0) % 360.0,
            climb_fpm=_number(fields[16], -50_000.0, 50_000.0),
            emergency=_emergency(fields[19].strip(), squawk),
            squawk=squawk,
            ground=fields[21].strip() in _TRUE,
            ident=fields[20].strip() in _TRUE,
            relayed=fields[0] == "MLAT",
            callsign=said.pack_callsign(fields[10]),
        )
        return ""

    def dump(self) -> Plain:
        """The whole state."""
        return {"sky": self.sky.dump(), "rest": self.lines.rest, "skipping": self.lines.skipping}

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self.sky.load(state["sky"])
        self.lines.rest, self.lines.skipping = state["rest"], state["skipping"]


_TYPES = frozenset("12345678")
_TRUE = frozenset({"-1", "1"})
_DETAIL = {
    "not_sbs": "not a MSG line of 22 fields",
    "bad_address": "the fifth field is no 24-bit address",
    "bad_time": "date and time generated are none",
    "bad_position": "latitude or longitude off the globe, or no number",
}


def _emergency(field: str, squawk: int) -> int:
    """State for the table: 1 where the flag stands without a code that explains it, −1 where nothing is said."""
    if not field:
        return -1
    return 1 if field in _TRUE and squawk not in (0o7500, 0o7600, 0o7700) else 0


def guess(head: bytes) -> float:
    """How sure: the share of whole lines that begin as SBS does."""
    lines = [line for line in head[:65536].split(b"\n")[:-1] if line.strip()][:200] or [head.strip()]
    kinds = (b"MSG,", b"MLAT,", b"SEL,", b"ID,", b"AIR,", b"STA,", b"CLK,")
    return 0.98 * sum(1 for line in lines if line.startswith(kinds) and line.count(b",") >= 9) / len(lines)


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(offset behind, time or None) of each line; the time as UTC."""
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        fields = data[at : min(end, at + LONGEST)].decode("ascii", "replace").split(",")
        yield end, time_of(fields[6], fields[7]) if len(fields) > 7 else None
        at = end


def full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    """Every field of every line, by its name; numbers stay the text that they were."""
    offset = zone_ns(options.editions.get("sbs", ""))
    for line in data.split(b"\n"):
        text = line.decode("ascii", "replace").strip()
        if not text:
            continue
        fields = text.split(",")
        if len(fields) < 10 or len(fields) > len(FIELDS) or len(line) > LONGEST:
            yield Reject("not_sbs", line[:256], _DETAIL["not_sbs"])
            continue
        time_ns = time_of(fields[6], fields[7])
        known = {name: word for name, word in zip(FIELDS, fields, strict=False) if word}
        yield known if time_ns is None else known | {"time_ns": time_ns - offset}
