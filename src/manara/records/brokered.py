"""Two partners without a link, and the one between them: what each of the three writes into its configuration."""

from __future__ import annotations

import msgspec

SIZES = (4_096, 16_384, 65_536, 262_144)  # of an envelope on the wire, bytes; there are no others
WARNING_BYTES = SIZES[0]  # of one whose reader nobody has confirmed: warnings only


class Brokered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One end opts in: what it and ``partner`` have to say goes sealed through ``via``, one envelope every ``every_s``,
    each ``size_bytes`` long, whatever there is to say. Seconds of real time."""

    via: str
    partner: str
    size_bytes: int = 16_384
    every_s: float = 1.0
    silence_s: float = 30.0  # without a sign from the other end: alarm


class Carries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker agrees to carry between two partners, known to each other by these aliases (in the same order).
    Bounds are for each direction."""

    partners: tuple[str, str]
    aliases: tuple[str, str]
    envelopes: int = 4_096  # that wait
    mib: int = 64  # of them
    per_s: float = 4.0  # envelopes that one may send, on average
