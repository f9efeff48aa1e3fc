"""The ASTERIX decoder of one feed: blocks in, batch out.

::

    bytes ─▶ blocks ─▶ per category: walk ─▶ columns ─▶ rows ─┐
       └▶ what is no block: rejects                           └▶ Batch, rows in the order of the bytes

A stream (a file of blocks, TCP) may be split anywhere; a datagram is whole, and what remains at its end is a reject.
After bytes that are no block, a stream is taken up again at the next place that looks like the head of one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix import adsb, radar, service, surface, system, walker
from manara.feeds.asterix.definitions import CATEGORIES, definition, editions_of
from manara.feeds.asterix.framing import next_head
from manara.feeds.asterix.labels import new_table
from manara.feeds.asterix.pieces import Pieces
from manara.feeds.asterix.program import Program, compile_program
from manara.feeds.decoder import Options, Plain
from manara.records.batch import Batch, join
from manara.records.reject import KEPT_BYTES, Reject

SLICE_BYTES = 1 << 18  # worked on at a time, so that the tables stay in the processor's cache
SOURCES_MAX = 256  # whose last full time is remembered
SENSOR_FIRST = (2,)  # CAT002 gives CAT001 its time
_PLOTS = {10: surface.plots_010, 20: surface.plots_020, 48: radar.plots_048}

I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]


@functools.cache
def _program(category: int, edition: str) -> Program:
    """The program of a category."""
    fields: Mapping[int, Mapping[str, str]] = service.FIELDS | {
        1: radar.FIELDS_001,
        10: surface.FIELDS_010,
        20: surface.FIELDS_020,
        21: adsb.FIELDS_OLD if edition.startswith("0.") else adsb.FIELDS_NEW,
        48: radar.FIELDS_048,
        62: system.FIELDS_062,
    }
    return compile_program(definition(category, edition), fields[category])


class AsterixDecoder:
    """Decodes one feed; see ``feeds.decoder.Decoder``. Raises ValueError only for editions that do not exist."""

    def __init__(self, options: Options) -> None:
        self._feed = options.feed
        wanted = editions_of(options.editions)
        self._editions = {c: definition(c, wanted.get(c, "")).edition for c in CATEGORIES}
        self._waiting = b""
        self._lost = b""  # the first bytes of a stretch that is no block, and its length
        self._lost_bytes = 0
        self._full_time_ns: dict[int, int] = {}  # source -> last full time of CAT002
        self._told: dict[int, I8] = {}  # category -> what has been told of whom

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode some bytes; never raises, whatever they are."""
        pieces = self._pieces()
        if whole:
            self._datagram(data, received_ns, pieces)
        else:
            self._stream(self._waiting + data, received_ns, pieces)
        return pieces.batch()

    def finish(self, received_ns: int) -> Batch:
        """The feed ended: an incomplete block is a reject."""
        pieces = Pieces()
        waiting, self._waiting = self._waiting, b""
        if self._lost_bytes:
            self._lose(waiting)
            self._found_again(0, received_ns, pieces)
        elif waiting:
            pieces.reject(0, Reject("truncated", waiting[:KEPT_BYTES], "the feed ended inside a block", received_ns))
        return pieces.batch()

    def datagrams(self, payloads: list[bytes], received_ns: list[int]) -> Batch:
        """Many datagrams at once, each with its own time of receipt."""
        batches, group, size = [], [], 0
        for i, payload in enumerate(payloads):
            group.append(i)
            size += len(payload)
            if size >= SLICE_BYTES or i == len(payloads) - 1:
                pieces = self._pieces()
                self._datagrams([payloads[j] for j in group], [received_ns[j] for j in group], pieces)
                batches.append(pieces.batch())
                group, size = [], 0
        return join(batches) if batches else Batch()

    def _pieces(self) -> Pieces:
        """What earlier bytes said of full time stands before all places in these."""
        pieces = Pieces()
        pieces.full_times = [(-1, source, time_ns) for source, time_ns in self._full_time_ns.items()]
        return pieces

    def _datagram(self, data: bytes, received_ns: int, pieces: Pieces) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            pieces.reject(0, Reject("truncated", waiting[:KEPT_BYTES], "a datagram came inside a block", received_ns))
        self._datagrams([data], [received_ns], pieces)

    def _datagrams(self, payloads: list[bytes], received_ns: list[int], pieces: Pieces) -> None:
        starts, ends, times, base = [], [], [], 0
        for payload, at_ns in zip(payloads, received_ns, strict=True):
            first, last, pos, state = walker.find_blocks(np.frombuffer(payload, np.uint8))
            starts.append(first + base)
            ends.append(last + base)
            times.append(np.full(len(first), at_ns))
            if state:
                pieces.reject(base + pos, _remainder(payload, pos, state, at_ns))
            base += len(payload)
        buf = np.frombuffer(b"".join(payloads), np.uint8)
        self._blocks(buf, np.concatenate(starts), np.concatenate(ends), np.concatenate(times), pieces)

    def _stream(self, data: bytes, received_ns: int, pieces: Pieces) -> None:
        pos = 0
        while pos < len(data):
            if self._lost_bytes:
                found = next_head(data, pos)
                self._lose(data[pos:found])
                pos = found
                if len(data) - pos < 3:
                    break
                self._found_again(pos, received_ns, pieces)
            pieces.base = pos
            buf = np.frombuffer(data, np.uint8)[pos:]
            starts, ends, after, state = walker.find_blocks(buf)
            self._slices(buf, starts, ends, received_ns, pieces)
            pos += after
            if state == 1:
                break
            if state == 2:
                self._lose(data[pos : pos + 1])
                pos += 1
        self._waiting = data[pos:]

    def _slices(self, buf: U1, starts: I8, ends: I8, received_ns: int, pieces: Pieces) -> None:
        first = 0
        while first < len(starts):
            last = max(int(np.searchsorted(ends, starts[first] + SLICE_BYTES)), first + 1)
            some, times = slice(first, last), np.full(last - first, received_ns)
            self._blocks(buf, starts[some], ends[some], times, pieces)
            first = last

    def _lose(self, data: bytes) -> None:
        self._lost = (self._lost + data)[:KEPT_BYTES]
        self._lost_bytes += len(data)

    def _found_again(self, at: int, received_ns: int, pieces: Pieces) -> None:
        detail = f"{self._lost_bytes} bytes are no block"
        pieces.base = 0
        pieces.reject(at, Reject("bad_length", self._lost, detail, received_ns))
        self._lost, self._lost_bytes = b"", 0

    def _blocks(self, buf: U1, starts: I8, ends: I8, received_ns: I8, pieces: Pieces) -> None:
        """Blocks of any categories, in the order of the bytes."""
        if not len(starts):
            return
        of = buf[starts]
        present = sorted(set(of.tolist()), key=lambda c: (c not in SENSOR_FIRST, c))
        for category in present:
            mine = of == category
            if category not in CATEGORIES:
                for i in np.flatnonzero(mine).tolist():
                    kept = buf[starts[i] : ends[i]][:KEPT_BYTES].tobytes()
                    detail = f"category {category:03d} is not supported"
                    pieces.reject(int(starts[i]), Reject("unknown_category", kept, detail, int(received_ns[i])))
                continue
            self._category(category, buf, starts[mine], ends[mine], received_ns[mine], pieces)

    def _category(self, category: int, buf: U1, starts: I8, ends: I8, received_ns: I8, pieces: Pieces) -> None:
        bad = np.zeros((len(starts), 2), np.int64)
        edition = self._editions[category]
        for found in walker.walk(buf, starts, ends, received_ns, _program(category, edition), bad):
            self._rows(category, edition, found, pieces)
        for i in np.flatnonzero(bad[:, 1]).tolist():
            kept = buf[bad[i, 0] : ends[i]][:KEPT_BYTES].tobytes()
            detail = f"category {category:03d} edition {edition}: {walker.WHY[bad[i, 1]]}"
            pieces.reject(int(bad[i, 0]), Reject("bad_record", kept, detail, int(received_ns[i])))

    def _rows(self, category: int, edition: str, found: walker.Found, pieces: Pieces) -> None:
        key = f"cat{category:03d}"
        if category == 1:
            rows = radar.plots_001(found, self._feed, self._full_times(found, pieces))
            pieces.plots(key, found.at, rows, None, None)
        elif category == 10:
            craft = ~(found["type"] > 1.0)
            self._status(category, found.only(~craft), pieces)
            self._plots(category, found.only(craft), pieces)
        elif category in _PLOTS:
            self._plots(category, found, pieces)
        elif category in (21, 62):
            old = edition.startswith("0.")
            rows_of = system.reports_062 if category == 62 else adsb.reports_old if old else adsb.reports_new
            reports, labels = rows_of(found, self._feed)
            pieces.reports(key, found.at, reports, labels, self._told_by(category))
        else:
            self._status(category, found, pieces)

    def _plots(self, category: int, found: walker.Found, pieces: Pieces) -> None:
        plots, labels = _PLOTS[category](found, self._feed)
        pieces.plots(f"cat{category:03d}", found.at, plots, labels, self._told_by(category))

    def _told_by(self, category: int) -> I8:
        return self._told.setdefault(category, new_table())

    def _status(self, category: int, found: walker.Found, pieces: Pieces) -> None:
        rows = service.statuses(category, found, self._feed)
        pieces.status(f"cat{category:03d}", found.at, rows)
        if category == 2:
            places = (found.at + pieces.base).tolist()
            pieces.full_times += [(at, s.source, s.time_ns) for at, s in zip(places, rows, strict=True)]
            self._full_time_ns |= {s.source: s.time_ns for s in rows}
            while len(self._full_time_ns) > SOURCES_MAX:
                self._full_time_ns.pop(next(iter(self._full_time_ns)))

    def _full_times(self, found: walker.Found, pieces: Pieces) -> I8:
        """For each CAT001 record the last full time that its source gave before it, else the time of receipt."""
        near_ns = found.received_ns.copy()
        sources = self._feed << 16 | found.whole("sac_sic")
        for source in np.unique(sources).tolist():
            mine = sources == source
            known = [(at, ns) for at, s, ns in pieces.full_times if s == source]
            if not known:
                continue
            places = np.array([at for at, _ in known])
            times = np.array([ns for _, ns in known])
            index = np.searchsorted(places, found.at[mine] + pieces.base) - 1
            near_ns[mine] = np.where(index >= 0, times[np.maximum(index, 0)], near_ns[mine])
        return near_ns

    def dump(self) -> Plain:
        """The whole state as plain values."""
        return {
            "waiting": self._waiting,
            "lost": self._lost,
            "lost_bytes": self._lost_bytes,
            "full_time_ns": {str(k): v for k, v in self._full_time_ns.items()},
            "told": {str(k): v.tobytes() for k, v in self._told.items()},
        }

    def load(self, state: Plain) -> None:
        """Take a state that ``dump`` gave."""
        self._waiting = state["waiting"]
        self._lost = state["lost"]
        self._lost_bytes = state["lost_bytes"]
        self._full_time_ns = {int(k): v for k, v in state["full_time_ns"].items()}
        self._told = {int(k): np.frombuffer(v, np.int64).reshape(-1, 2).copy() for k, v in state["told"].items()}


def _remainder(payload: bytes, pos: int, state: int, received_ns: int) -> Reject:
    rest = payload[pos:]
    if pos > 0:
        why, detail = "trailing", f"{len(rest)} bytes behind the last block"
    elif state == 2:
        why, detail = "bad_length", "the block states a length below 3"
    else:
        why, detail = "truncated", "the block states more bytes than the datagram holds"
    return Reject(why, rest[:KEPT_BYTES], detail, received_ns)
