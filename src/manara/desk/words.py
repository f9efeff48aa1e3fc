"""How records are written for people and programs: words for numbers, degrees, ISO 8601 times."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from manara.records.marking import Purpose
from manara.records.reports import AltRef, Domain, Flag, Kind
from manara.records.tracks import Life

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _words(names: type[IntEnum]) -> dict[int, str]:
    return {int(member): member.name.lower() for member in names}


KINDS = _words(Kind)
DOMAINS = _words(Domain)
LIVES = _words(Life)
ALT_REFS = _words(AltRef)
_FLAGS = [(int(flag), str(flag.name).lower()) for flag in Flag if flag]


def flag_words(flags: int) -> list[str]:
    """The names of the set flags.

    >>> flag_words(129)
    ['emergency', 'identity_conflict']
    """
    return [word for bit, word in _FLAGS if flags & bit]


def time_text(time_ns: int) -> str:
    """UTC to the millisecond; an empty text for 0 and for what no calendar holds.

    >>> time_text(1_700_000_000_123_000_000)
    '2023-11-14T22:13:20.123Z'
    """
    if not 0 < time_ns < 9_000_000_000_000_000_000:
        return ""
    moment = _EPOCH + timedelta(milliseconds=time_ns // 1_000_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def purposes(bits: int) -> list[str]:
    """The names of the purposes for which something may be used.

    >>> purposes(3)
    ['safety_of_life', 'search_and_rescue']
    """
    return [one.name.lower() for one in Purpose if one and one & bits and one.name]


def motion(ve_mps: float, vn_mps: float) -> dict[str, float | None]:
    """Speed and course of a velocity; none of what is not known, and no course of what stands still.

    >>> motion(3.0, 4.0)
    {'speed_mps': 5.0, 'course_deg': 36.9}
    """
    speed = math.hypot(ve_mps, vn_mps)
    course = round(math.degrees(math.atan2(ve_mps, vn_mps)), 1) % 360.0 if speed > 0.0 else None
    return {"speed_mps": rounded(speed, 2), "course_deg": course}


def rounded(value: float, digits: int) -> float | None:
    """A number for JSON, None for NaN."""
    return round(value, digits) if math.isfinite(value) else None


def degrees(angle_rad: float, digits: int = 7) -> float | None:
    """Degrees for the edge, None for NaN."""
    return rounded(math.degrees(angle_rad), digits)


def squawk(mode_3a: int) -> str:
    """The code as four octal digits, empty for none.

    >>> squawk(0o7700), squawk(0xFFFFFFFF)
    ('7700', '')
    """
    return f"{mode_3a:04o}" if mode_3a <= 0o7777 else ""
