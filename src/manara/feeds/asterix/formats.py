"""The rows of ASTERIX in the table of formats: raw blocks, captures (pcap), FINAL recordings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix import plain, walker
from manara.feeds.asterix.capture import MAGICS, SECTION, CaptureReader
from manara.feeds.asterix.containers import Reader, final_decoder, pcap_decoder
from manara.feeds.asterix.convert import DAY_NS, DAY_TICKS, TICK_NS
from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.asterix.definitions import CATEGORIES, definition, editions
from manara.feeds.asterix.final import FRAME_BYTES_MIN, PADDING, FinalReader
from manara.feeds.asterix.program import Program, compile_program
from manara.feeds.decoder import Format, Options
from manara.records.reject import Reject

GUESS_BLOCKS = 50  # whose records are looked at
SAMPLE_BLOCKS = 200  # that choose the edition for ``cut``
GOOD_SHARE = 0.95

I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]


def guess(head: bytes) -> float:
    """How sure the first bytes are ASTERIX blocks: every block must be of a category that we know; the share of
    blocks whose records follow some edition decides.

    >>> guess(bytes.fromhex("22000ae0010201000040")), guess(b"!AIVDM,1,1,,A,13HOI")
    (0.95, 0.0)
    """
    buf = np.frombuffer(head, np.uint8)
    starts, ends, after, state = walker.find_blocks(buf)
    if not len(starts) or state == 2 or not np.isin(buf[starts], CATEGORIES).all():
        return 0.0
    if after < len(head) and head[after] not in CATEGORIES:
        return 0.0
    some = slice(0, GUESS_BLOCKS)
    good = sum(
        float(_good(buf, starts[some][mine], ends[some][mine], category)[0])
        for category in set(buf[starts[some]].tolist())
        for mine in [buf[starts[some]] == category]
    )
    share = good / len(starts[some])
    return 0.5 + 0.45 * share if share > 0.5 else 0.4 * share


def _good(buf: U1, starts: I8, ends: I8, category: int) -> tuple[int, str]:
    """(blocks without a bad record, edition) for the edition that fits best, the newest first."""
    best = (-1, "")
    for edition in reversed(editions(category)):
        bad = np.zeros((len(starts), 2), np.int64)
        for _ in walker.walk(buf, starts, ends, starts, _times(category, edition), bad):
            pass
        good = int(np.count_nonzero(bad[:, 1] == 0))
        if good > best[0]:
            best = (good, edition)
        if good >= GOOD_SHARE * len(starts):
            break
    return best


@functools.cache
def _times(category: int, edition: str) -> Program:
    """The program that reads nothing but full times of day."""
    names = plain.TIME_FIELDS.get(category, ())
    return compile_program(definition(category, edition), {f"t{i}": f"{name}#" for i, name in enumerate(names)})


def cut(data: bytes) -> Iterator[tuple[int, int | None]]:
    """(end of each block, its first time of day counted from midnight of the first day, or None)."""
    buf = np.frombuffer(data, np.uint8)
    starts, ends, _, state = walker.find_blocks(buf)
    ticks = np.full(len(starts), -1, np.int64)
    for category in set(buf[starts].tolist()) & set(CATEGORIES):
        mine = np.flatnonzero(buf[starts] == category)
        some = mine[:SAMPLE_BLOCKS]
        edition = _good(buf, starts[some], ends[some], category)[1]
        bad = np.zeros((len(mine), 2), np.int64)
        for found in walker.walk(buf, starts[mine], ends[mine], mine, _times(category, edition), bad):
            _first_times(found, ticks)
    day, last = 0, -1
    for end, tick in zip(ends.tolist(), ticks.tolist(), strict=True):
        if tick < 0:
            yield end, None
            continue
        if last >= 0:
            day += (tick < last - DAY_TICKS // 2) - (tick > last + DAY_TICKS // 2)
        last = tick
        yield end, day * DAY_NS + tick * TICK_NS
    if state and len(data) > (ends[-1] if len(ends) else 0):
        yield len(data), None


def _first_times(found: walker.Found, ticks: I8) -> None:
    """Put the first time of each block in its place; ``received_ns`` carries the block's number here."""
    for row in found.table:
        known = row < DAY_TICKS
        where = found.received_ns[known][::-1]  # backwards, so that the first record of a block is written last
        free = ticks[where] < 0
        ticks[where[free]] = row[known][::-1][free].astype(np.int64)


def guess_pcap(head: bytes) -> float:
    """How sure the first bytes are a capture: its magic number says it."""
    magic = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")} if len(head) >= 24 else set()
    return 0.98 if magic & {*MAGICS, SECTION} else 0.0


def guess_final(head: bytes) -> float:
    """How sure the first bytes are FINAL frames: each ends with four bytes 0xA5."""
    frames = pos = 0
    while pos + FRAME_BYTES_MIN <= len(head) and frames < GUESS_BLOCKS:
        size = int.from_bytes(head[pos : pos + 2], "big")
        if size < FRAME_BYTES_MIN:
            return 0.0
        if pos + size > len(head):
            break
        if head[pos + size - 4 : pos + size] != PADDING:
            return 0.0
        frames, pos = frames + 1, pos + size
    return 0.97 if frames else 0.0


def _cut_with(reader: Callable[[], Reader]) -> Callable[[bytes], Iterator[tuple[int, int | None]]]:
    def cut_container(data: bytes) -> Iterator[tuple[int, int | None]]:
        """(end, time) of each frame."""
        found = reader().take(data)
        end = 0
        for end, time_ns in zip(found.ends, found.times_ns, strict=True):
            yield end, time_ns
        if end < len(data):
            yield len(data), None

    return cut_container


def _full_with(reader: Callable[[], Reader]) -> Callable[[bytes, Options], Iterator[dict[str, Any] | Reject]]:
    def full_container(data: bytes, options: Options) -> Iterator[dict[str, Any] | Reject]:
        """Every record of every frame, its time on the day of its frame, then what was refused."""
        one = reader()
        found = one.take(data)
        for payload, time_ns in zip(found.payloads, found.times_ns, strict=True):
            yield from plain.full(payload, options, near_ns=time_ns)
        yield from found.rejects
        yield from one.finish()

    return full_container


FORMATS = (
    Format("asterix", "ASTERIX blocks (UDP, TCP, files)", "asterix", AsterixDecoder, guess, cut, plain.full),
    Format(
        "pcap", "ASTERIX in a pcap or pcapng capture", "asterix", pcap_decoder, guess_pcap,
        _cut_with(CaptureReader), _full_with(CaptureReader),
    ),
    Format(
        "final", "ASTERIX in a FINAL recording", "asterix", final_decoder, guess_final,
        _cut_with(FinalReader), _full_with(FinalReader),
    ),
)  # fmt: skip
