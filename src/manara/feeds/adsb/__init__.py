"""ADS-B and Mode S: what aircraft say of themselves on 1090 MHz.

::

    beast ─┐
    avr   ─┼─▶ frames ─▶ mode_s ─▶ Batch
    modes-jsonl ─┘                   ▲
    sbs, aircraft-json ─▶ positions ─┘   (the same table of aircraft, the same gate)

``encode`` writes the same formats. ``full`` is the decode of every field, by rs1090.
"""

from manara.feeds.adsb.formats import FORMATS

__all__ = ["FORMATS"]
