"""Decoders of captures and recordings: unwrap the datagrams, decode them as ASTERIX with their recorded time."""

from __future__ import annotations

from typing import Protocol

from manara.feeds.asterix.capture import CaptureReader, Caught
from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.asterix.final import DAY_NS, FinalReader, Frames
from manara.feeds.asterix.pieces import REJECTS_KEPT
from manara.feeds.decoder import Options, Plain
from manara.records.batch import Batch, join
from manara.records.reject import Reject


class Reader(Protocol):
    """Takes a container apart."""

    def take(self, data: bytes) -> Caught | Frames:
        """What these bytes complete."""
        ...

    def finish(self) -> list[Reject]:
        """What remained at the end."""
        ...

    def dump(self) -> Plain:
        """The whole state."""
        ...

    def load(self, state: Plain) -> None:
        """Take a state."""
        ...


class ContainerDecoder:
    """Decodes one container as a stream; see ``feeds.decoder.Decoder``. ``dated``: its times carry a date."""

    def __init__(self, options: Options, reader: Reader, dated: bool) -> None:
        self._reader = reader
        self._dated = dated
        self._inner = AsterixDecoder(options)

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode some bytes; a container is always a stream, so ``whole`` says nothing."""
        del whole
        found = self._reader.take(data)
        times_ns = [self._time_ns(t, received_ns) for t in found.times_ns]
        batch = self._inner.datagrams(found.payloads, times_ns)
        counts = {"other packets": found.others} if found.others else {}
        return join([batch, _refused(found.rejects, counts)])

    def finish(self, received_ns: int) -> Batch:
        """The container ended."""
        return join([self._inner.finish(received_ns), _refused(self._reader.finish(), {})])

    def dump(self) -> Plain:
        """The whole state as plain values."""
        return {"reader": self._reader.dump(), "inner": self._inner.dump()}

    def load(self, state: Plain) -> None:
        """Take a state that ``dump`` gave."""
        self._reader.load(state["reader"])
        self._inner.load(state["inner"])

    def _time_ns(self, recorded_ns: int, received_ns: int) -> int:
        """A time without a date is put on the day that brings it nearest to the time of receipt."""
        if self._dated:
            return recorded_ns or received_ns
        away = (recorded_ns - received_ns + DAY_NS // 2) % DAY_NS - DAY_NS // 2
        return received_ns + away


def _refused(rejects: list[Reject], counts: dict[str, int]) -> Batch:
    reject_counts: dict[str, int] = {}
    for one in rejects:
        reject_counts[one.why] = reject_counts.get(one.why, 0) + 1
    return Batch(rejects=tuple(rejects[:REJECTS_KEPT]), reject_counts=reject_counts, counts=counts)


def pcap_decoder(options: Options) -> ContainerDecoder:
    """A decoder of pcap and pcapng captures."""
    return ContainerDecoder(options, CaptureReader(), dated=True)


def final_decoder(options: Options) -> ContainerDecoder:
    """A decoder of FINAL recordings."""
    return ContainerDecoder(options, FinalReader(), dated=False)
