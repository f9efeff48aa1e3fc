"""readsb and tar1090 ``aircraft.json``: whole documents, written about once a second, one after the other.

A document says each aircraft's last position again and again: it makes a row only when it is new.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from manara.feeds.adsb import said
from manara.feeds.adsb.mode_s import Rejects, Sky
from manara.feeds.decoder import Options, Plain
from manara.kernels import braces
from manara.kernels.mode_s import sigma_m
from manara.records.batch import Batch
from manara.records.identity import source_id
from manara.records.reject import Reject

LONGEST = 32 << 20  # bytes of a document; 10,000 aircraft are 5 MB
ONCE_NS = 150_000_000  # seen_pos comes in tenths of a second
_AGAIN = re.compile(rb'\{\s{0,16}"now"')  # never inside a document: quotes in strings are escaped
_EMERGENCY = {"none": 0, "general": 1, "lifeguard": 2, "minfuel": 3, "nordo": 4, "unlawful": 5, "downed": 6}
_NIC_M = {11: 7.5, 10: 25.0, 9: 75.0, 8: 185.2, 7: 370.4, 6: 1111.2, 5: 1852.0, 4: 3704.0, 3: 7408.0, 2: 14816.0}
_RAYLEIGH_95 = math.sqrt(-2.0 * math.log(0.05))


class Document(msgspec.Struct):
    """What is read of a document."""

    now: float
    aircraft: list[msgspec.Raw]


class Craft(msgspec.Struct):
    """What is read of one aircraft. Numbers may be text ("ground"): they are looked at where they are used."""

    hex: str
    type: str = ""
    flight: str = ""
    alt_baro: Any = None
    alt_geom: Any = None
    gs: Any = None
    track: Any = None
    baro_rate: Any = None
    geom_rate: Any = None
    squawk: str = ""
    emergency: str = ""
    category: str = ""
    lat: Any = None
    lon: Any = None
    seen_pos: Any = None
    nic: Any = None
    nac_p: Any = None
    spi: Any = None


_DOCUMENT = msgspec.json.Decoder(Document)
_CRAFT = msgspec.json.Decoder(Craft)
_FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Documents:
    """Cuts bytes into documents, whatever the chunks. One that never closes ends where the next begins."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.scanned = 0
        self.searched = 1
        self.state = np.zeros(braces.STATE, dtype=np.int64)
        self.noisy = False

    def feed(self, data: bytes, rejects: Rejects) -> Iterator[bytes]:
        """The documents that end in these bytes."""
        self.buffer += data
        while self._begins(rejects):
            end = self._end()
            again = _AGAIN.search(self.buffer, self.searched, end if end > 0 else len(self.buffer))
            self.searched = max(1, len(self.buffer) - 32)
            if again is not None:
                rejects.add("truncated", bytes(self.buffer[:64]), "the next document began inside")
                self._drop(again.start())
            elif end < 0:
                if len(self.buffer) > LONGEST:
                    rejects.add("too_long", bytes(self.buffer[:64]), f"a document of more than {LONGEST} bytes")
                    self._drop(len(self.buffer))
                return
            else:
                document = bytes(self.buffer[:end])
                self._drop(end)
                yield document

    def _begins(self, rejects: Rejects) -> bool:
        """Bring an opening brace to the front; what stands before it is noise, unless it is blank."""
        at = self.buffer.find(b"{")
        before = bytes(self.buffer[: at if at >= 0 else len(self.buffer)])
        if before.strip() and not self.noisy:
            rejects.add("noise", before.strip(), "bytes between documents")
            self.noisy = True
        if before:
            self._drop(len(before))
        if at >= 0:
            self.noisy = False
        return at >= 0

    def _end(self) -> int:
        raw = np.frombuffer(bytes(self.buffer[self.scanned :]), dtype=np.uint8)
        end = braces.close(raw, 0, self.state)
        if end >= 0:
            return self.scanned + end
        self.scanned = len(self.buffer)
        return -1

    def _drop(self, n: int) -> None:
        del self.buffer[:n]
        self.scanned, self.searched = 0, 1
        self.state[:] = 0


class AircraftJsonDecoder:
    """aircraft.json documents to a Batch."""

    def __init__(self, options: Options) -> None:
        self.source = source_id(options.feed)
        self.sky = Sky(options)
        self.documents = Documents()

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode the documents that end in these bytes."""
        rejects = Rejects()
        words, counts = said.Said(), dict[str, int]()
        for document in self.documents.feed(data, rejects):
            _read(document, words, counts, rejects)
        if whole:
            self._end(rejects)
        return said.advance(words, self.sky, self.source, received_ns, ONCE_NS, counts, rejects)

    def finish(self, received_ns: int) -> Batch:  # noqa: ARG002 - every decoder has it
        """What still waits is a document cut short."""
        rejects = Rejects()
        self._end(rejects)
        return Batch(rejects=tuple(rejects.kept), reject_counts=rejects.counts)

    def _end(self, rejects: Rejects) -> None:
        if self.documents.buffer:
            rejects.add("truncated", bytes(self.documents.buffer[:64]), "the feed ended inside a document")
        self.documents = Documents()

    def dump(self) -> Plain:
        """The whole state."""
        d = self.documents
        return {
            "sky": self.sky.dump(),
            "rest": bytes(d.buffer),
            "scanned": d.scanned,
            "searched": d.searched,
            "state": d.state.tolist(),
            "noisy": d.noisy,
        }

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self.sky.load(state["sky"])
        d = self.documents = Documents()
        d.buffer, d.scanned, d.searched = bytearray(state["rest"]), state["scanned"], state["searched"]
        d.state, d.noisy = np.array(state["state"], dtype=np.int64), state["noisy"]


def _read(document: bytes, words: said.Said, counts: dict[str, int], rejects: Rejects) -> None:
    """The aircraft of one document. A fault in one leaves the others standing."""
    try:
        parsed = _DOCUMENT.decode(document)
    except _FAULTS as fault:
        rejects.add("not_json", document[:256], str(fault))
        return
    if not 0.0 < parsed.now < 4.0e9:
        rejects.add("bad_time", document[:64], "now is no time")
        return
    for raw in parsed.aircraft:
        text = bytes(raw)
        try:
            why = _craft(text, _CRAFT.decode(text), parsed.now, words)
        except _FAULTS as fault:
            rejects.add("not_json", text, str(fault))
            continue
        if why:
            rejects.add(why, text, "hex is no 24-bit address" if why == "bad_address" else "position off the globe")
        else:
            counts["aircraft_json"] = counts.get("aircraft_json", 0) + 1


def _number(value: Any, low: float, high: float) -> float:
    """A JSON number within its bounds, else not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return said.NOTHING
    return said.bounded(float(value), low, high) if -1e18 < value < 1e18 else said.NOTHING


def _craft(text: bytes, craft: Craft, now_s: float, words: said.Said) -> str:
    """Take the words of one aircraft. Gives why not, empty where it was taken."""
    key = said.pack_address(craft.hex)
    if key < 0:
        return "bad_address"
    lat, lon = _number(craft.lat, -90.0, 90.0), _number(craft.lon, -180.0, 180.0)
    age_s = _number(craft.seen_pos, 0.0, 1e6)
    if (craft.lat is not None or craft.lon is not None) and (math.isnan(lat) or math.isnan(lon)):
        return "bad_position"
    ground = craft.alt_baro == "ground"
    alt, ref = _number(craft.alt_baro, -2000.0, 150_000.0), 2
    if math.isnan(alt) and not ground:
        alt, ref = _number(craft.alt_geom, -2000.0, 150_000.0), 1
    climb = _number(craft.baro_rate, -50_000.0, 50_000.0)
    words.add(
        text,
        round((now_s - (0.0 if math.isnan(age_s) else age_s)) * 1000.0) * 1_000_000,
        key,
        lat_deg=lat,
        lon_deg=lon,
        alt_ft=alt,
        alt_ref=ref,
        speed_kn=_number(craft.gs, 0.0, 5000.0),
        course_deg=_number(craft.track, 0.0, 360.0) % 360.0,
        climb_fpm=_number(craft.geom_rate, -50_000.0, 50_000.0) if math.isnan(climb) else climb,
        sigma_m=_sigma(craft),
        category=said.pack_category(craft.category),
        emergency=_EMERGENCY.get(craft.emergency, -1),
        squawk=said.pack_squawk(craft.squawk),
        ground=ground,
        ident=craft.spi == 1,
        relayed=craft.type.startswith(("tisb", "adsr", "mlat")),
        callsign=said.pack_callsign(craft.flight),
    )
    return ""


def _sigma(craft: Craft) -> float:
    """From NACp, else from half the containment radius of NIC."""
    nacp = _number(craft.nac_p, 1.0, 11.0)
    if not math.isnan(nacp):
        return float(sigma_m(0, int(nacp)))
    nic = _number(craft.nic, 2.0, 11.0)
    return said.NOTHING if math.isnan(nic) else _NIC_M[int(nic)] / 2.0 / _RAYLEIGH_95


def guess(head: bytes) -> float:
    """How sure: it begins with a brace, and "now" and "aircraft" stand early on."""
    start = head[:65536].lstrip()
    if not start.startswith(b"{") or b'"now"' not in start[:400]:
        return 0.0
    return 0.97 if b'"aircraft"' in start else 0.5


_NOW = re.compile(rb'\{\s{0,16}"now"\s*:\s*([0-9]{1,10}(?:\.[0-9]{1,9})?)')


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(offset behind, now) of each document; what opens the next one ends the last."""
    starts = [(match.start(), match[1]) for match in _NOW.finditer(data)]
    ends = [start for start, _ in starts[1:]] + [len(data)]
    for (_, now), end in zip(starts, ends, strict=False):
        yield end, round(float(now) * 1000.0) * 1_000_000
    if data and not starts:
        yield len(data), None


def full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
    """Every field of every aircraft, with the document's time."""
    del options  # nothing of them bears on a document
    rejects, documents = Rejects(), Documents()
    for document in documents.feed(data, rejects):
        try:
            plain = msgspec.json.decode(document)
        except _FAULTS as fault:
            yield Reject("not_json", document[:256], str(fault))
            continue
        now = plain.get("now")
        rows = plain.get("aircraft")
        if not isinstance(rows, list) or not isinstance(now, int | float):
            yield Reject("not_json", document[:256], "no now or no aircraft")
            continue
        yield from ({"now": now} | row for row in rows if isinstance(row, dict))
    yield from rejects.kept
