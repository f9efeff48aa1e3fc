r"""What stands around a sentence: tag blocks, $PGHP, times before or after it.

Conventions met in recordings::

    \g:1-2-1604,s:STATION,c:1418169601*hh\!AIVDM…   IEC 61162-450; c in s, or in ms or µs by some
    \c:…*hh\                                         the same on a line of its own, before its sentence
    $PGHP,1,2013,11,12,12,0,0,11,219,,2190067,1,62*26   Gatehouse: y m d h m s ms, country, region, station
    !AIVDM,…*hh,b003669794,1272412827                USCG: signal words, station, then seconds since 1970
    !AIVDM,…*hh 1272412827.5 / 1272412827 !AIVDM,…   loggers
    2013-11-12T12:00:00.5Z !AIVDM,…                  loggers
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, reduce
from operator import xor

SECOND_NS = 1_000_000_000
EARLIEST_NS = 631_152_000 * SECOND_NS  # 1990: nothing of AIS is older
LATEST_NS = 4_102_444_800 * SECOND_NS  # 2100
STATION_CHARS = 32

_UNIX = re.compile(rb"(?:^|[,;\s])(\d{9,16})(?:\.(\d{1,9}))?[,;\s]*$")
_UNIX_FIRST = re.compile(rb"^[\[\s]*(\d{9,16})(?:\.(\d{1,9}))?[\]\s,;:]")
_ISO = re.compile(rb"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?")
_USCG_STATION = re.compile(rb",([br]\w{3,31})(?:,|$)")


@dataclass(frozen=True)
class Tag:
    """What a tag block says. ``group``: "total-id" of its g field, "" for none."""

    stamp_ns: int | None = None
    station: str = ""
    group: str = ""


@lru_cache(maxsize=1024)  # the same words stand before hundreds of sentences
def tag_block(body: bytes) -> Tag | None:
    r"""The words of a tag block between its backslashes; None if its checksum is wrong or absent.

    >>> tag_block(b"s:ST1,c:1700000000*0C")
    Tag(stamp_ns=1700000000000000000, station='ST1', group='')
    >>> tag_block(b"s:ST1,c:1700000000*0D") is None
    True
    """
    said, star, hh = body.rpartition(b"*")
    try:
        if not star or int(hh, 16) != reduce(xor, said, 0):
            return None
    except ValueError:
        return None
    words = dict(w.split(b":", 1) for w in said.split(b",") if b":" in w)
    group = words.get(b"g", b"").split(b"-", 1)
    return Tag(
        stamp_ns=_number(words.get(b"c", b"")),
        station=station(words.get(b"s", b"")),
        group=station(group[1]) if len(group) == 2 else "",
    )


@lru_cache(maxsize=1024)
def station(raw: bytes) -> str:
    """A station's name, bounded and printable."""
    return "".join(chr(c) for c in raw[:STATION_CHARS] if 33 <= c <= 126)


def _number(digits: bytes, fraction: bytes = b"") -> int | None:
    """Digits since 1970 in s, ms or µs, told apart by their size; None if not between 1990 and 2100."""
    if not digits.isdigit() or len(digits) > 16:
        return None
    value = int(digits)
    if len(digits) <= 10:
        ns = value * SECOND_NS + int((fraction or b"0").ljust(9, b"0")[:9])
    elif len(digits) <= 13:
        ns = value * 1_000_000
    else:
        ns = value * 1000
    return ns if EARLIEST_NS <= ns < LATEST_NS else None


def gatehouse(fields: list[bytes]) -> Tag | None:
    """Time and station of the fields of a $PGHP sentence (without its checksum); None if it is not a time.

    >>> gatehouse(b"$PGHP,1,2013,11,12,12,0,0,11,219,,2190067,1,62".split(b","))
    Tag(stamp_ns=1384257600011000000, station='2190067', group='')
    """
    if len(fields) < 12:
        return None
    minute_ns = _minute_ns(b"-".join(fields[2:7]))
    if minute_ns is None or not (fields[7].isdigit() and fields[8].isdigit()):
        return None
    second, ms = int(fields[7]), int(fields[8])
    if second > 59 or ms > 999:
        return None
    return Tag(minute_ns + second * SECOND_NS + ms * 1_000_000, station(fields[11] or fields[10]))


@lru_cache(maxsize=64)
def _minute_ns(words: bytes) -> int | None:
    """y-m-d-h-m to ns; one minute stands before thousands of sentences."""
    try:
        year, month, day, hour, minute = (int(w) for w in words.split(b"-"))
        ns = int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND_NS
    except ValueError:
        return None
    return ns if EARLIEST_NS <= ns < LATEST_NS else None


def after(suffix: bytes) -> Tag:
    """Time and station in what follows a checksum.

    >>> after(b",b003669794,1272412827")
    Tag(stamp_ns=1272412827000000000, station='b003669794', group='')
    """
    if len(suffix) < 9:
        return Tag()
    found = _UNIX.search(suffix)
    heard = _USCG_STATION.search(suffix)
    return Tag(_number(found[1], found[2] or b"") if found else None, station(heard[1]) if heard else "")


def before(prefix: bytes) -> Tag:
    """Time in what a logger put before a sentence.

    >>> before(b"1272412827.25 ").stamp_ns, before(b"2013-11-12T12:00:00Z ").stamp_ns
    (1272412827250000000, 1384257600000000000)
    """
    found = _UNIX_FIRST.match(prefix)
    if found:
        return Tag(_number(found[1], found[2] or b""))
    found = _ISO.search(prefix)
    if not found:
        return Tag()
    try:
        year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
        whole = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return Tag()
    ns = int(whole.timestamp()) * SECOND_NS + int((found[7] or b"0").ljust(9, b"0")[:9])
    return Tag(ns if EARLIEST_NS <= ns < LATEST_NS else None)
