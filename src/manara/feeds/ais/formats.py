"""The row of AIS in the table of formats: guess, cut, full decode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

from manara.feeds.ais import gate, stamps
from manara.feeds.ais.decoder import AisDecoder
from manara.feeds.ais.reader import Heard, Reader
from manara.feeds.decoder import Format, Options
from manara.records.reject import Reject

_AIS = re.compile(rb"![A-Z]{2}VD[MO],[1-9],[1-9],\w{0,2},\w{0,2},[0-W`-w]*,[0-5]\*[0-9A-Fa-f]{2}")
_LINE = re.compile(rb"[^\r\n]+")
GUESS_LINES = 200


def guess(head: bytes) -> float:
    r"""How sure the first bytes are AIS: 0 without one VDM or VDO sentence, else by their share of the sentences.

    >>> guess(b"!AIVDM,1,1,,A,13HOI:0P0000VOHLCnHQKwvL05Ip,0*23\r\n"), guess(b"$GPGGA,1*00\r\n")
    (0.95, 0.0)
    """
    ours = others = 0
    for n, found in enumerate(_LINE.finditer(head)):
        line = found[0]
        if _AIS.search(line):
            ours += 1
        elif line[:1] not in (b"#", b"\\") and line[:5] != b"$PGHP":
            others += 1
        if n >= GUESS_LINES:
            break
    return 0.5 + 0.45 * ours / (ours + others) if ours else 0.0


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(end offset, recorded time in ns or None) of each line; the last may lack its end."""
    begin = 0
    while begin < len(data):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end + 1
        yield end, _recorded(data[begin:end].strip()[:2048])
        begin = end


def _recorded(line: bytes) -> int | None:
    if line.startswith(b"\\"):
        tag = stamps.tag_block(line[1 : line.find(b"\\", 1)])
        return tag.stamp_ns if tag else None
    if line.startswith(b"$PGHP,"):
        tag = stamps.gatehouse(line.partition(b"*")[0].split(b","))
        return tag.stamp_ns if tag else None
    mark = line.find(b"!")
    if mark < 0:
        return None
    star = line.find(b"*", mark)
    later = stamps.after(line[star + 3 :]).stamp_ns if star > 0 else None
    return later if later is not None or mark == 0 else stamps.before(line[:mark]).stamp_ns


def full(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:  # noqa: ARG001 - every format takes them
    """Every field of every report under pyais's names and in its units, in the order of the bytes.

    Beside them: ``type``, ``time_ns`` (None where the feed gave no time), ``station``, ``sentences``. Bytes are hex.
    Repeats are not left out.
    """
    reader = Reader()
    for found in re.finditer(rb"[^\n]*\n?", data):
        reader.begin(0)
        reader.take(found[0], whole=False)
        yield from _spoken(reader)
    reader.begin(0)
    reader.finish()
    yield from _spoken(reader)


def _spoken(reader: Reader) -> Iterator[dict[str, Any] | Reject]:
    yield from reader.refused.kept
    for one in reader.heard:
        yield _fields(one)


def _fields(one: Heard) -> dict[str, Any] | Reject:
    from pyais.bit_vector import bit_vector
    from pyais.messages import MSG_CLASS

    bits = 6 * len(one.payload) - one.fill
    if bits < gate.HEADER_BITS:
        return Reject("too_short", one.payload, f"{bits} bits hold no identity")
    msg_type, mmsi = gate.header(one.payload)
    refused = gate.refuse(msg_type, mmsi, one.payload, one.fill)
    if refused:
        return Reject(refused[0], one.payload, refused[1])
    try:
        said = (
            MSG_CLASS[msg_type]
            .from_vector(bit_vector(*gate.trimmed(msg_type, one.payload, one.fill)))
            .asdict(enum_as_int=True)
        )
    except Exception as error:  # noqa: BLE001 - whatever pyais raises on strange bits, it is a reject
        return Reject("undecodable", one.payload, f"type {msg_type}: {type(error).__name__}"[:120])
    said = {name: _json(value) for name, value in said.items() if name != "msg_type"}
    return {
        "type": msg_type,
        "time_ns": one.stamp_ns,
        "station": one.station,
        "sentences": one.sentences,
        **said,
    }


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, Enum) else value


FORMATS: tuple[Format, ...] = (
    Format(
        name="ais",
        title="AIS over NMEA 0183 (VDM, VDO), with tag blocks, $PGHP or trailing times",
        family="ais",
        new=AisDecoder,
        guess=guess,
        cut=cut,
        full=full,
    ),
)
