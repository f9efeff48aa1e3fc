"""Bytes to whole AIS payloads: lines, checksums, stamps, and the parts of long reports put together.

Bounds: a line of 1,024 bytes; 64 reports waiting for parts, each for 10 s of the feed's time and 2,000 sentences;
a payload of 512 characters; 64 rejects kept of one call (all are counted).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from manara.feeds.ais import stamps
from manara.feeds.ais.stamps import SECOND_NS, Tag
from manara.feeds.decoder import Plain
from manara.kernels import nmea
from manara.records.reject import KEPT_BYTES, Reject

LINE_BYTES = 1024  # IEC 61162-1 allows 82, tag blocks add up to 80; more is garbage
PIECE_BYTES = 65_536  # how much is looked at in one go
PENDING = 64
PENDING_NS = 10 * SECOND_NS
PENDING_SENTENCES = 2000
PAYLOAD_CHARS = 512  # the longest report of M.1371 has 177
REJECTS_KEPT = 64
PARTS = 9

ARMOUR = bytes([*range(48, 88), *range(96, 120)])
_FILL = {str(n).encode(): n for n in range(6)}
_NO_TAG = Tag()


def _both(first: Tag, second: Tag) -> Tag:
    """What first says, and what second says where first is silent."""
    if first is _NO_TAG or second is _NO_TAG:
        return first if second is _NO_TAG else second
    stamp = first.stamp_ns if first.stamp_ns is not None else second.stamp_ns
    return Tag(stamp, first.station or second.station, first.group or second.group)


def _counting(fields: list[bytes]) -> tuple[int, int] | None:
    """Of how many parts this is which; None where the fields are not those of a VDM sentence."""
    if len(fields) != 7 or len(fields[3]) > 2 or len(fields[4]) > 2:
        return None
    if not (len(fields[1]) == len(fields[2]) == 1 and fields[1].isdigit() and fields[2].isdigit()):
        return None
    total, number = int(fields[1]), int(fields[2])
    return (total, number) if 1 <= number <= total <= PARTS else None


class Heard(NamedTuple):
    """One whole payload, still armoured."""

    payload: bytes
    fill: int
    stamp_ns: int | None  # None: the feed gave no time
    station: str
    sentences: int


@dataclass
class Refusals:
    """Rejects of one call: all counted, the first few kept."""

    kept: list[Reject] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, why: str, data: bytes, detail: str, time_ns: int) -> None:
        """Count one; keep it if there is room."""
        self.counts[why] = self.counts.get(why, 0) + 1
        if len(self.kept) < REJECTS_KEPT:
            self.kept.append(Reject(why, data[:KEPT_BYTES], detail, time_ns))


@dataclass
class Waiting:
    """Parts of a report that is not whole yet."""

    received_ns: int
    ordinal: int
    parts: list[bytes | None]
    fill: bytes = b""
    tag: Tag = _NO_TAG


class Reader:
    """State of one NMEA stream. ``heard``, ``refused`` and ``others`` are of the call under way."""

    def __init__(self) -> None:
        self.rest = b""
        self.skipping = False  # within a line that was too long
        self.tag = _NO_TAG  # what stood before, for the sentence to come
        self.tag_is_new = False
        self.ordinal = 0  # sentences so far
        self.waiting: dict[tuple[str, ...], Waiting] = {}
        self.heard: list[Heard] = []
        self.refused = Refusals()
        self.others = 0  # right sentences that are not AIS
        self.now_ns = 0

    def begin(self, received_ns: int) -> None:
        """A new call: the outputs are fresh."""
        self.heard, self.refused, self.others, self.now_ns = [], Refusals(), 0, received_ns

    def take(self, data: bytes, whole: bool) -> None:
        """Read some bytes. ``whole``: what remains without a line end is a line."""
        for i in range(0, len(data), PIECE_BYTES):
            self._piece(data[i : i + PIECE_BYTES])
        if whole and (self.rest or self.skipping):
            self._piece(b"\n")

    def finish(self) -> None:
        """The stream ended: what waits for parts is refused."""
        self.take(b"", whole=True)
        for one in self.waiting.values():
            self._lost(one, "truncated", "the feed ended before the other parts came")
        self.waiting.clear()
        self.tag, self.tag_is_new = _NO_TAG, False

    def _piece(self, piece: bytes) -> None:
        if self.skipping:
            end = min((i for i in (piece.find(b"\n"), piece.find(b"\r")) if i >= 0), default=-1)
            if end < 0:
                return
            piece, self.skipping = piece[end:], False
        data = self.rest + piece
        rows, rest = nmea.split(data, LINE_BYTES)
        self._rows(data, rows)
        self.rest = data[rest:]
        if len(self.rest) > LINE_BYTES:
            self._too_long(self.rest)
            self.rest, self.skipping = b"", True

    def _too_long(self, line: bytes) -> None:
        self.refused.add("line_too_long", line, f"no line end within {LINE_BYTES} bytes", self.now_ns)

    def _rows(self, data: bytes, rows: list[list[int]]) -> None:
        for begin, end, mark, star, right, commas, _, _, c3, _, c5, c6 in rows:
            plain = right == 1 and commas == 6 and mark == begin and end == star + 3 and not self.tag_is_new
            if plain and data[mark + 3 : c3 + 1] == b"VDM,1,1,":
                self.ordinal += 1
                self._whole([data[c5 + 1 : c6]], data[c6 + 1 : star], _NO_TAG)
            elif right == -2:
                self._too_long(data[begin:end])
            elif mark < 0:
                self._no_sentence(data[begin:end])
            else:
                self._sentence(data[begin:end], mark - begin, star - begin if star >= 0 else -1, right)

    def _no_sentence(self, line: bytes) -> None:
        text = line.strip()
        if text.startswith(b"\\") and text.endswith(b"\\") and len(text) > 2:
            self._announce(self._tag_block(text[1:-1]))
        elif text and not text.startswith(b"#"):
            self.refused.add("not_nmea", line, "no sentence on this line", self.now_ns)

    def _tag_block(self, body: bytes) -> Tag:
        tag = stamps.tag_block(body)
        if tag is None:
            self.refused.add("tag_block", body, "its checksum is wrong or absent", self.now_ns)
        return tag or _NO_TAG

    def _announce(self, tag: Tag) -> None:
        """A line of its own that speaks of the next sentence."""
        old = self.tag if self.tag_is_new else _NO_TAG
        self.tag, self.tag_is_new = _both(tag, old), True

    def _sentence(self, line: bytes, mark: int, star: int, right: int) -> None:
        """One sentence that is not of the plainest kind; mark and star are offsets in its line."""
        self.ordinal += 1
        name = line[mark : line.find(b",", mark)]
        is_ais = len(name) == 6 and name[:1] == b"!" and name[3:].upper() in (b"VDM", b"VDO")
        if right != 1:
            detail = "the checksum is wrong" if right == 0 else "no checksum"
            self.refused.add("checksum" if right == 0 else "no_checksum", line, detail, self.now_ns)
            if is_ais:
                self.tag, self.tag_is_new = _NO_TAG, False
            return
        fields = line[mark:star].split(b",")
        if is_ais:
            self._ais(line, fields, self._own_tag(line[:mark], line[star + 3 :]))
        elif name == b"$PGHP":
            tag = stamps.gatehouse(fields)
            if tag is None:
                self.refused.add("gatehouse_time", line, "$PGHP without a time", self.now_ns)
            else:
                self._announce(tag)
        else:
            self.others += 1

    def _own_tag(self, prefix: bytes, suffix: bytes) -> Tag:
        """What stands on the line itself, before and after the sentence."""
        tag = _NO_TAG
        prefix = prefix.lstrip()
        if prefix.startswith(b"\\"):
            tag = self._tag_block(prefix[1 : prefix.rfind(b"\\")])
        elif prefix:
            tag = stamps.before(prefix)
        return _both(tag, stamps.after(suffix)) if suffix else tag

    def _ais(self, line: bytes, fields: list[bytes], own: Tag) -> None:
        sizes = _counting(fields)
        if sizes is None:
            self.tag, self.tag_is_new = _NO_TAG, False
            self.refused.add("fields", line, "not the seven fields of a VDM sentence", self.now_ns)
            return
        total, number = sizes
        # The word of a line before counts for this sentence, and for the continuations of it, but for no other.
        tag = _both(own, self.tag if self.tag_is_new or number > 1 else _NO_TAG)
        self.tag, self.tag_is_new = (tag if number < total else _NO_TAG), False
        if total == 1:
            self._whole([fields[5]], fields[6], tag)
        else:
            words = (f.decode("latin-1") for f in (fields[0], fields[1], fields[3], fields[4]))
            self._part((tag.group or tag.station, *words), number, total, fields[5], fields[6], tag)

    def _part(self, key: tuple[str, ...], number: int, total: int, payload: bytes, fill: bytes, tag: Tag) -> None:
        self._expire(tag.stamp_ns)
        key = self._kin(key, number, payload)
        one = self.waiting.get(key)
        if one and one.parts[number - 1] not in (None, payload):
            self._lost(self.waiting.pop(key), "lost_part", "the same sequence number began anew")
            one = None
        if one is None:
            one = self.waiting[key] = Waiting(self.now_ns, self.ordinal, [None] * total)
        one.parts[number - 1] = payload
        one.tag = _both(one.tag, tag)
        if number == total:
            one.fill = fill
        if None not in one.parts:
            del self.waiting[key]
            self._whole([p for p in one.parts if p is not None], one.fill, one.tag)
        elif len(self.waiting) > PENDING:
            self._lost(self.waiting.pop(next(iter(self.waiting))), "lost_part", f"more than {PENDING} wait for parts")

    def _kin(self, key: tuple[str, ...], number: int, payload: bytes) -> tuple[str, ...]:
        """Under which key a part belongs: some loggers name the station on one of the parts only."""
        if key not in self.waiting:
            for other in reversed(self.waiting):
                unsaid = not key[0] or not other[0]
                if unsaid and other[1:] == key[1:] and self.waiting[other].parts[number - 1] in (None, payload):
                    return other
        return key

    def _whole(self, parts: list[bytes], fill: bytes, tag: Tag) -> None:
        payload = parts[0] if len(parts) == 1 else b"".join(parts)
        bits = _FILL.get(fill, -1)
        if bits < 0 or not payload or len(payload) > PAYLOAD_CHARS or payload.translate(None, ARMOUR):
            self.refused.add("payload", payload, f"{len(payload)} characters, fill {fill[:8]!r}: not AIS", self.now_ns)
        else:
            self.heard.append(Heard(payload, bits, tag.stamp_ns, tag.station, len(parts)))

    def _expire(self, stamp_ns: int | None) -> None:
        while self.waiting:
            key, one = next(iter(self.waiting.items()))
            timed = stamp_ns is not None and one.tag.stamp_ns is not None
            age_ns = abs(stamp_ns - one.tag.stamp_ns) if timed else 0  # type: ignore[operator] # timed says both are known
            age_ns = max(age_ns, self.now_ns - one.received_ns)
            if self.ordinal - one.ordinal <= PENDING_SENTENCES and age_ns <= PENDING_NS:
                return
            self._lost(self.waiting.pop(key), "lost_part", "the other parts did not come in time")

    def _lost(self, one: Waiting, why: str, detail: str) -> None:
        have = [p for p in one.parts if p is not None]
        self.refused.add(why, b" ".join(have), f"{len(have)} of {len(one.parts)} parts: {detail}", self.now_ns)

    def dump(self) -> Plain:
        """The whole state, plain."""
        return {
            "rest": self.rest,
            "skipping": self.skipping,
            "tag": _plain(self.tag),
            "tag_is_new": self.tag_is_new,
            "ordinal": self.ordinal,
            "waiting": [
                [list(key), w.received_ns, w.ordinal, w.parts, w.fill, _plain(w.tag)] for key, w in self.waiting.items()
            ],
        }

    def load(self, state: Plain) -> None:
        """Take what ``dump`` gave."""
        self.rest, self.skipping, self.ordinal = state["rest"], state["skipping"], state["ordinal"]
        self.tag, self.tag_is_new = Tag(*state["tag"]), state["tag_is_new"]
        self.waiting = {
            tuple(key): Waiting(received_ns, ordinal, list(parts), fill, Tag(*tag))
            for key, received_ns, ordinal, parts, fill, tag in state["waiting"]
        }


def _plain(tag: Tag) -> list[int | str | None]:
    return [tag.stamp_ns, tag.station, tag.group]
