"""What each format offers: a decoder with a state of its own, a guess, a cut, and the full decode.

A decoder is deterministic, never raises on bad input, bounds every buffer, and gives the same rows for any split
of the same bytes (with the same ``received_ns``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from manara.records.batch import Batch
from manara.records.reject import Reject

Plain = dict[str, Any]  # what msgspec.msgpack encodes: dict, list, str, bytes, int, float, bool, None


@dataclass(frozen=True)
class Options:
    """What the configuration says of a feed, as a decoder needs it. Angles in degrees as people write them."""

    feed: int = 0
    editions: dict[str, str] = field(default_factory=dict)  # {"021": "0.23"}
    receiver_lat_deg: float = float("nan")
    receiver_lon_deg: float = float("nan")
    range_max_m: float = 700_000.0


class Decoder(Protocol):
    """One feed's decoder. Its state is plain, so that a snapshot of the node holds it."""

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode some bytes. ``whole``: a datagram; what remains at its end is a reject, not a beginning."""
        ...

    def finish(self, received_ns: int) -> Batch:
        """The feed ended: what was still waiting is decoded or rejected (``truncated``)."""
        ...

    def dump(self) -> Plain:
        """The whole state, so that ``load`` into a fresh decoder goes on bit for bit."""
        ...

    def load(self, state: Plain) -> None:
        """Take a state that ``dump`` gave."""
        ...


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    ``guess(head)``: 0 to 1, how sure the first bytes (up to 64 KiB) are of this format.
    ``cut(data)``: (end offset, time of applicability or None) of each unit (line, block, frame), for playing a
    recording at its own pace; a time may be absent, it never raises; offsets ascend.
    ``full(data, options)``: every field of every record as plain dicts in the order of the bytes, or the Reject.
    """

    name: str
    title: str
    family: str  # ais, adsb, asterix, cot, geojson
    new: Callable[[Options], Decoder]
    guess: Callable[[bytes], float]
    cut: Callable[[bytes], Iterator[tuple[int, int | None]]]
    full: Callable[[bytes, Options], Iterator[dict[str, Any] | Reject]]
    datagrams: bool = False  # each chunk must be one datagram (never concatenate)
