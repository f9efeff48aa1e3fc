"""The two rows of the table of formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from manara.feeds.cot import event as events
from manara.feeds.cot import wire
from manara.feeds.cot.event import CotEvent
from manara.feeds.decoder import Decoder, Format, Options
from manara.feeds.documents import Cutter, DocumentDecoder, Gathered, SpanCutter, spans
from manara.records.batch import Batch
from manara.records.reject import Reject

MESH = b"\xbf\x01\xbf"


def _read(data: bytes) -> CotEvent | str:
    if data[:1] == b"<":
        return wire.read_xml(data)
    if data[:3] == MESH:
        return wire.read_proto(data[3:])
    found = wire.varint(data, 1)
    return wire.read_proto(data[found[1] :]) if found else "bad_protobuf"


def _reader(options: Options) -> Callable[[bytes, int, Gathered], None]:
    def read(data: bytes, received_ns: int, got: Gathered) -> None:
        said = _read(data)
        if isinstance(said, str):
            got.refuse(said, data)
        else:
            events.put(said, options.feed, received_ns, data, got)

    return read


class ProtoDecoder(DocumentDecoder):
    """A mesh datagram has no length: all of it is one event."""

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Read every frame that is complete, or the one mesh datagram."""
        if not (whole and data[:3] == MESH):
            return super().advance(data, received_ns, whole)
        got = Gathered()
        self._read(data, received_ns, got)
        return got.batch()


def _xml_cutter() -> Cutter:
    return SpanCutter(wire.xml_span)


def _proto_cutter() -> Cutter:
    return SpanCutter(wire.proto_span)


def _new_xml(options: Options) -> Decoder:
    return DocumentDecoder(_xml_cutter, _reader(options), wire.EVENT_BYTES)


def _new_proto(options: Options) -> Decoder:
    return ProtoDecoder(_proto_cutter, _reader(options), wire.EVENT_BYTES)


def _cut(cutter: Callable[[], Cutter], data: bytes) -> Iterator[tuple[int, int | None]]:
    for begin, end in spans(data, cutter()):
        said = _read(data[begin:end])
        yield end, None if isinstance(said, str) else said.time_ns or None


def _full(cutter: Callable[[], Cutter], data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:  # noqa: ARG001 - every format's signature
    at = 0
    for begin, end in spans(data, cutter()):
        at = end
        said = _read(data[begin:end])
        yield Reject(said, data[begin:end][:256]) if isinstance(said, str) else events.full(said)
    if data[at:].strip():
        yield Reject("truncated", data[at:][:256])


def _guess_xml(head: bytes) -> float:
    if b"<event" not in head:
        return 0.0
    return 0.95 if b"<point" in head else 0.5


def _guess_proto(head: bytes) -> float:
    if head[:3] == MESH:
        return 0.9
    span = wire.proto_span(head, 0) if head[:1] == wire.MAGIC else None
    return 0.8 if span and span[0] == 0 and not isinstance(_read(head[span[0] : span[1]]), str) else 0.0


FORMATS = (
    Format(
        "cot-xml",
        "Cursor on Target, XML",
        "cot",
        _new_xml,
        _guess_xml,
        partial(_cut, _xml_cutter),
        partial(_full, _xml_cutter),
    ),
    Format(
        "cot-proto",
        "Cursor on Target, TAK protobuf",
        "cot",
        _new_proto,
        _guess_proto,
        partial(_cut, _proto_cutter),
        partial(_full, _proto_cutter),
    ),
)
