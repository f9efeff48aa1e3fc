"""The AIS decoder: one feed's bytes to a Batch.

A payload heard twice within ten seconds (two stations heard one transmission) makes one row; the second is counted
as "duplicate". Types outside the list in ``gate`` are counted only.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from manara.feeds.ais import gate, rows, words
from manara.feeds.ais.reader import Heard, Reader
from manara.feeds.decoder import Options, Plain
from manara.records.batch import Batch
from manara.records.identity import source_id
from manara.records.particulars import Particulars, SafetyText
from manara.records.plots import Plots

REPEAT_NS = 10_000_000_000
REPEATS_KEPT = 8192  # payloads remembered, up to twice as many: 10 s of a feed of 800 reports a second
STATUSES_KEPT = 32_768  # up to twice as many
_POSITIONS = frozenset({1, 2, 3, 4, 9, 11, 18, 19, 21, 27})
_WORDS = frozenset({5, 19, 21, 24})
_STATUS = frozenset({1, 2, 3, 27})
_NOT_SAID = 15
_NO_PLOTS = Plots.blank(0)


class AisDecoder:
    """State of one AIS feed: its reader, the payloads heard lately, the last status of each craft."""

    def __init__(self, options: Options) -> None:
        from pyais.bit_vector import bit_vector
        from pyais.messages import MSG_CLASS

        self._source = source_id(options.feed)
        self._reader = Reader()
        self._lately: dict[bytes, int] = {}
        self._status: dict[int, int] = {}
        self._bits, self._classes = bit_vector, MSG_CLASS
        self._fresh(0)

    def _fresh(self, received_ns: int) -> None:
        self._reader.begin(received_ns)
        self._rows: list[tuple[float, ...]] = []
        self._stamps: list[int] = []
        self._particulars: list[Particulars] = []
        self._texts: list[SafetyText] = []
        self._counts: dict[str, int] = {}

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode some bytes. ``whole``: a datagram; a line without its end counts if its checksum is right."""
        self._fresh(received_ns)
        self._reader.take(data, whole)
        return self._batch(received_ns)

    def finish(self, received_ns: int) -> Batch:
        """The feed ended: a last line without its end is read, reports without all parts are rejects."""
        self._fresh(received_ns)
        self._reader.finish()
        return self._batch(received_ns)

    def _batch(self, received_ns: int) -> Batch:
        for one in self._reader.heard:
            self._heard(one, received_ns)
        if self._reader.others:
            self._count("nmea other", self._reader.others)
        batch = Batch(
            reports=rows.reports(self._rows, self._stamps, received_ns, self._source),
            plots=_NO_PLOTS,
            particulars=tuple(self._particulars),
            texts=tuple(self._texts),
            rejects=tuple(self._reader.refused.kept),
            reject_counts=self._reader.refused.counts,
            counts=self._counts,
        )
        self._fresh(received_ns)
        return batch

    def _count(self, kind: str, n: int = 1) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + n

    def _refuse(self, why: str, one: Heard, detail: str) -> None:
        self._reader.refused.add(why, one.payload, detail, self._reader.now_ns)

    def _heard(self, one: Heard, received_ns: int) -> None:
        """Gate one payload, decode it, and put what it says where it belongs."""
        payload, fill, stamp_ns = one.payload, one.fill, one.stamp_ns
        time_ns = received_ns if stamp_ns is None else stamp_ns
        bits = 6 * len(payload) - fill
        if bits < gate.HEADER_BITS:
            return self._refuse("too_short", one, f"{bits} bits hold no identity")
        msg_type, mmsi = gate.header(payload)
        refused = gate.refuse(msg_type, mmsi, payload, fill)
        if refused:
            return self._refuse(refused[0], one, refused[1])
        if self._repeated(payload, time_ns):
            return self._count("duplicate")
        if msg_type not in gate.DECODED:
            return self._count(f"ais {msg_type}")
        try:
            m = self._classes[msg_type].from_vector(self._bits(*gate.trimmed(msg_type, payload, fill)))
        except Exception as error:  # noqa: BLE001 - whatever pyais raises on strange bits, it is a reject
            return self._refuse("undecodable", one, f"type {msg_type}: {type(error).__name__}"[:120])
        return self._said(msg_type, m, one, time_ns)

    def _said(self, msg_type: int, m: Any, one: Heard, time_ns: int) -> None:
        kind = f"ais {msg_type}"
        if msg_type in _POSITIONS:
            kind = self._position(msg_type, m, one, kind)
        if msg_type in _STATUS and m.status != _NOT_SAID and self._status.get(m.mmsi) != m.status:
            self._new_status(m.mmsi, int(m.status), time_ns)
        if msg_type in _WORDS:
            said = words.particulars(msg_type, m, time_ns, self._source)
            self._particulars += [said] if said else []
        elif msg_type in (12, 14):
            self._texts.append(words.safety_text(msg_type, m, time_ns, self._source))
        self._count(kind)

    def _position(self, msg_type: int, m: Any, one: Heard, kind: str) -> str:
        """Take the position if there is one; the kind to count the report under."""
        lat, lon = m.lat, m.lon
        if -90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0:
            self._rows.append(rows.position_row(msg_type, m))
            self._stamps.append(-1 if one.stamp_ns is None else one.stamp_ns)
            return kind
        if lat == 91.0 or lon == 181.0:
            return f"{kind} no_position"
        self._refuse("bad_position", one, f"type {msg_type}, MMSI {m.mmsi}: {lat:.4f}, {lon:.4f}")
        return f"{kind} bad_position"

    def _repeated(self, payload: bytes, time_ns: int) -> bool:
        lately = self._lately
        before = lately.get(payload)
        if before is not None:
            if abs(time_ns - before) <= REPEAT_NS:
                return True
            del lately[payload]
        lately[payload] = time_ns
        if len(lately) > 2 * REPEATS_KEPT:  # by halves: taking the oldest one by one is slow on a dict
            self._lately = dict(islice(lately.items(), REPEATS_KEPT, None))
        return False

    def _new_status(self, mmsi: int, status: int, time_ns: int) -> None:
        self._status.pop(mmsi, None)
        self._status[mmsi] = status
        if len(self._status) > 2 * STATUSES_KEPT:
            self._status = dict(islice(self._status.items(), STATUSES_KEPT, None))
        self._particulars.append(words.status_word(mmsi, status, time_ns, self._source))

    def dump(self) -> Plain:
        """The whole state, plain."""
        return {
            "reader": self._reader.dump(),
            "lately": list(self._lately.items()),
            "status": list(self._status.items()),
        }

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self._reader.load(state["reader"])
        self._lately = {payload: time_ns for payload, time_ns in state["lately"]}
        self._status = {mmsi: status for mmsi, status in state["status"]}
