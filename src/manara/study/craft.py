"""What a craft is, apart from where it goes."""

from __future__ import annotations

from dataclasses import dataclass

from manara.study.motion import Voyage

FT_M = 0.3048
KNOT_MPS = 1852.0 / 3600.0

UNDER_WAY, AT_ANCHOR, MOORED, FISHING, DISTRESS = 0, 1, 5, 7, 14


@dataclass(frozen=True, eq=False)
class Craft:
    """One craft of the world. Times are seconds since the world began."""

    name: str
    sort: str  # cargo, tanker, anchored, ferry, fishing, pleasure, silent, airliner, overflight, helicopter, …
    voyage: Voyage
    phase_s: float = 0.0
    begins_s: float = 0.0
    ends_s: float = float("inf")
    partner: str = ""
    mmsi: int = 0
    icao: int = 0
    callsign: str = ""
    squawk: str = ""
    ship_type: int = 0
    length_m: int = 0
    beam_m: int = 0
    draught_m: float = 0.0
    destination: str = ""
    at_rest: int = MOORED  # navigational status where it stands still
    in_motion: int = UNDER_WAY
    category: str = ""  # ADS-B emitter category
    dark_s: tuple[tuple[float, float], ...] = ()
    emergency_s: tuple[float, float] | None = None
    text: str = ""

    @property
    def ais_class(self) -> str:
        """A, B, S (distress device) or nothing."""
        if not self.mmsi:
            return ""
        if self.sort == "distress":
            return "S"
        return "B" if self.sort == "pleasure" else "A"

    @property
    def flies(self) -> bool:
        """Whether it is an aircraft of any kind."""
        return self.sort in ("airliner", "overflight", "helicopter", "aircraft", "unmanned")
