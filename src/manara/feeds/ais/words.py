"""Decoded reports to words: particulars and safety texts."""

from __future__ import annotations

from typing import Any

from manara.records.identity import Space, pack
from manara.records.particulars import Particulars, SafetyText


def clean(text: str | None) -> str:
    """Six-bit text as people wrote it: "@" ends it (M.1371 table 47), blanks around it mean nothing.

    >>> clean("LANTERN@@X"), clean(None)
    ('LANTERN', '')
    """
    return (text or "").split("@", 1)[0].strip()


def particulars(msg_type: int, m: Any, time_ns: int, source: int) -> Particulars | None:
    """What a type 5, 19, 21 or 24 says of its craft; None if it says nothing.

    Not-available values (IMO 0, type 0, no dimension, draught 0, month 0) are left out.
    """
    said: dict[str, Any] = {}
    if msg_type == 5:
        said = {
            "imo": m.imo or None,
            "draught_m": m.draught or None,
            "destination": clean(m.destination),
            "eta": _eta(m),
        }
    if msg_type == 21:
        said = {"name": clean(f"{m.name or ''}{m.name_ext or ''}"), **_size(m)}
    elif msg_type == 24 and m.partno == 0:
        said = {"name": clean(m.shipname)}
    else:
        said |= {"callsign": clean(getattr(m, "callsign", "")), "ship_type": int(m.ship_type or 0) or None}
        said |= {"name": clean(getattr(m, "shipname", "")), "mothership": getattr(m, "mothership_mmsi", None) or None}
        said |= _size(m) if hasattr(m, "to_bow") else {}
    if not any(value not in ("", None) for value in said.values()):
        return None
    return Particulars(identity=pack(Space.MMSI, m.mmsi), time_ns=time_ns, source=source, **said)


def _size(m: Any) -> dict[str, float | None]:
    length, beam = (m.to_bow or 0) + (m.to_stern or 0), (m.to_port or 0) + (m.to_starboard or 0)
    return {"length_m": float(length) or None, "beam_m": float(beam) or None}


def _eta(m: Any) -> str:
    if not (1 <= (m.month or 0) <= 12 and 1 <= (m.day or 0) <= 31):
        return ""
    return f"{m.month:02d}-{m.day:02d} {m.hour:02d}:{m.minute:02d}"


def safety_text(msg_type: int, m: Any, time_ns: int, source: int) -> SafetyText:
    """A type 12 or 14."""
    return SafetyText(
        identity=pack(Space.MMSI, m.mmsi),
        time_ns=time_ns,
        source=source,
        text=clean(m.text),
        addressee=m.dest_mmsi if msg_type == 12 else None,
    )


def status_word(mmsi: int, status: int, time_ns: int, source: int) -> Particulars:
    """A navigational status that a craft has newly taken."""
    return Particulars(identity=pack(Space.MMSI, mmsi), time_ns=time_ns, source=source, nav_status=status)
