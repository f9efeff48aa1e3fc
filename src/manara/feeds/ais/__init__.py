"""AIS over NMEA 0183: sentences in, columns out; and sentences out again.

::

    bytes ─▶ lines ─▶ sentence ─▶ assembly ─▶ gate ─▶ pyais ─▶ rows ─▶ Batch
             (split,   (tag block,  (parts of    (checksum, length,    (units, sentinels,
              checksum) stamp)       one report)  identity, repeats)    time of applicability)

``decoder`` runs the line above, ``reader`` its first half; ``formats`` is its row in the table of formats and gives
every field of every report; ``encode`` writes sentences.
Layouts: ITU-R M.1371-5; sentences: IEC 61162-1; tag blocks: IEC 61162-450.
"""

from manara.feeds.ais.decoder import AisDecoder
from manara.feeds.ais.encode import Sent, encode_tracks, sentences
from manara.feeds.ais.formats import FORMATS

__all__ = ["FORMATS", "AisDecoder", "Sent", "encode_tracks", "sentences"]
