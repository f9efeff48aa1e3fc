"""The register of capability: sensors, means of rescue and channels of alert, with owner, availability and caveat.

What rescue and warning need is in it, and nothing else: there is no field for anything that harms.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

REGISTER_MAX = 256  # entries of one node
KINDS: dict[str, tuple[str, ...]] = {
    "sensor": ("radar", "secondary_radar", "ais_receiver", "adsb_receiver", "direction_finder", "camera", "lookout"),
    "rescue": ("boat", "helicopter", "aircraft", "station"),
    "channel": ("siren", "cell_broadcast", "navtex", "radio", "television", "loudspeaker", "web"),
}
KIND_WORDS = ("", *KINDS)  # a kind on the wire is its place here
FORM_WORDS = ("", *(form for forms in KINDS.values() for form in forms))  # and a form its place here
COOPERATIVE = ("secondary_radar", "ais_receiver", "adsb_receiver")  # forms that see what broadcasts or answers


class Availability(IntEnum):
    """Can it be used? On the wire 0 says that the entry is withdrawn."""

    WITHDRAWN = 0
    NO = 1
    LIMITED = 2
    YES = 3


class Capability(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry, as its owner configures it: one [[capability]] table. Times are UTC, RFC 3339; "": not said."""

    id: str  # lower case, digits, hyphens; unique in the register
    kind: str  # sensor, rescue, channel
    form: str  # of its kind: KINDS
    name: str
    name_ar: str = ""
    owner: str = ""  # who answers for it, as people say it
    source: str = ""  # of a sensor: the feed or sensor that it is; without it no partner hears of it
    lat_deg: float = float("nan")  # where it stands
    lon_deg: float = float("nan")
    area: str = ""  # or the published area that it serves
    domain: str = "sea"  # air, sea, land
    availability: str = "yes"  # yes, limited, no
    since: str = ""
    until: str = ""  # the entry is void after it
    caveat: str = ""  # travels with it, always
    caveat_ar: str = ""
    purpose: tuple[str, ...] = ()  # what it may be asked for; empty: anything that an agreement allows
    sensitivity: str = "open"
    endurance_s: int = 0  # of means of rescue; 0: not said
    speed_mps: float = 0.0
    reach_m: float = 0.0  # from where it stands and back
    persons: int = 0  # that it can take on


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it stands now, our own or a partner's. Times in ns, 0: not said."""

    number: int = 0  # under which it is known between two partners
    partner: str = ""  # whose it is; "": our own
    id: str = ""
    kind: str = ""
    form: str = ""
    name: str = ""
    name_ar: str = ""
    owner: str = ""
    source: str = ""
    lat_rad: float = float("nan")
    lon_rad: float = float("nan")
    cell: int = 0  # told within this cell, whose centre the place is; 0: exactly
    area: str = ""
    domain: str = ""
    availability: int = Availability.YES
    since_ns: int = 0
    until_ns: int = 0
    expires_ns: int = (1 << 63) - 1  # not shown after it
    caveat: str = ""
    caveat_ar: str = ""
    purpose: int = 0  # Purpose bits
    sensitivity: str = "open"
    endurance_s: int = 0
    speed_mps: float = 0.0
    reach_m: float = 0.0
    persons: int = 0
    told_ns: int = 0  # of a partner's: when it was last told
    rules: tuple[str, ...] = ()  # and under which of its rules
    onward: tuple[str, ...] = ()  # and to whom it may go on


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What a person last said of an entry. ``availability``: yes, limited, no, withdrawn, or configured (what was said
    before is taken back). ``until_ns``: it holds so long, then what is configured; 0: until something else is said."""

    id: str
    availability: str
    since_ns: int
    until_ns: int = 0
    caveat: str = ""
    caveat_ar: str = ""
    by: tuple[str, ...] = ()
