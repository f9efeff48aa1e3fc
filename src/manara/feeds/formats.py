"""The table of all formats. A new format adds its room and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from manara.feeds.decoder import Format

SURE = 0.3  # below this a guess is no guess
HEAD_BYTES = 65_536  # what a guess may look at


@dataclass(frozen=True)
class Guess:
    """Which format some first bytes are of, and how sure that is (0 to 1)."""

    name: str
    score: float
    runner_up: str = ""
    runner_up_score: float = 0.0

    @property
    def said(self) -> str:
        """One line for the operator."""
        rest = f", next {self.runner_up} {self.runner_up_score:.2f}" if self.runner_up else ""
        return f"guessed {self.name} ({self.score:.2f}{rest})"


@cache
def table() -> dict[str, Format]:
    """All formats by name, in the order in which a tie is decided. Loads the decoders (about half a second)."""
    from manara.feeds import adsb, ais, asterix, cot, geojson, radar_nmea

    rooms = (ais, radar_nmea, adsb, asterix, cot, geojson)
    return {one.name: one for room in rooms for one in room.FORMATS}


def names(wanted: str) -> list[str]:
    """The formats that a word means: a format's name, or all of a family ("adsb"). Empty: no such word.

    >>> names("adsb")
    ['beast', 'avr', 'sbs', 'aircraft-json', 'modes-jsonl']
    """
    if wanted == "auto":
        return list(table())
    if wanted in table():
        return [wanted, *[f.name for f in table().values() if f.family == wanted and f.name != wanted]]
    return [f.name for f in table().values() if f.family == wanted]


def guess(head: bytes, among: list[str] | None = None) -> Guess | None:
    """The format that the first bytes look most like; None when nothing is sure enough.

    >>> guess(b"!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\\r\\n").name
    'ais'
    """
    head = head[:HEAD_BYTES]
    scores = sorted(
        (
            (one.guess(head), -place, one.name)
            for place, one in enumerate(table().values())
            if among is None or one.name in among
        ),
        reverse=True,
    )
    if not scores or scores[0][0] < SURE:
        return None
    second = scores[1] if len(scores) > 1 and scores[1][0] > 0 else (0.0, 0, "")
    return Guess(scores[0][2], scores[0][0], second[2], second[0])
