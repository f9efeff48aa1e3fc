"""ASTERIX, the format of surveillance centres: a codec of our own, driven by the public category definitions.

::

    tables ─▶ definitions ─▶ program ─▶ kernels.asterix_walk          (offsets of every field of every record)
                   │                          │
                   ├▶ plain, encode           └▶ radar │ surface │ adsb │ system │ service ─▶ decoder ─▶ Batch
                   └▶ outgoing                                                 containers ──┘ (capture, final)

``tables`` is written by tools/asterix_tables.py. ``plain`` gives every field as dicts; ``encode`` is its inverse.
There is no edition on the wire: it is a setting of the feed, and a wrong one shows as rejects.
"""

from manara.feeds.asterix.formats import FORMATS

__all__ = ["FORMATS"]
