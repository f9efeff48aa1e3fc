"""AIS over NMEA 0183: sentences in, columns out; and sentences out again.

::

    bytes ─▶ lines ─▶ sentence ─▶ assembly ─▶ gate ─▶ pyais ─▶ rows ─▶ Batch
             (split,   (tag block,  (parts of    (checksum, length,    (units, sentinels,
              checksum) stamp)       one report)  identity, repeats)    time of applicability)

``decoder`` runs the line above; ``full`` gives every field of every report; ``outward`` writes sentences.
Layouts: ITU-R M.1371-5; sentences: IEC 61162-1; tag blocks: IEC 61162-450.
"""

from manara.feeds.ais.encode import Sent, encode_tracks, sentences

__all__ = ["Sent", "encode_tracks", "sentences"]
