"""Beast binary: frames out of a stream of bytes, and time out of a receiver's counter."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]

ESCAPE = 0x1A
MODE_AC, SHORT, LONG, STATUS, PLACE = 0x31, 0x32, 0x33, 0x34, 0x35
NOISE, TRUNCATED = 1, 2  # kinds of what is no frame
_HEAD = 7  # six bytes of counter, one of signal
_NO_TICKS = 0xFF004D4C4154  # "MLAT": readsb's mark on frames that no counter timed

# state of the clock
LAST_TICK, LAST_NS, ANCHOR_NS, STARTED = range(4)
CLOCK = 4
_HOUR_NS = 3_600_000_000_000
_SECOND_NS = 1_000_000_000


@njit(cache=True, nogil=True)
def _length(kind: int) -> int:
    """Bytes after counter and signal; 0 for no kind that we know."""
    if kind == MODE_AC:
        return 2
    if kind == SHORT:
        return 7
    if kind in (LONG, STATUS):
        return 14
    return 21 if kind == PLACE else 0


@njit(cache=True, nogil=True)
def _body(data: U1, at: int, length: int, out: U1) -> tuple[int, int]:
    """Copy so many unescaped bytes. Gives (position behind them, how many): fewer where a new frame breaks in;
    position −1 where the data end first."""
    filled = 0
    while filled < length:
        if at >= len(data):
            return -1, filled
        byte = data[at]
        if byte == ESCAPE:
            if at + 1 >= len(data):
                return -1, filled
            if data[at + 1] != ESCAPE:
                return at, filled
            at += 1
        out[filled] = byte
        filled += 1
        at += 1
    return at, filled


@njit(cache=True, nogil=True)
def unwrap(data: U1, noisy: bool, kinds: U1, ticks: I8, frames: U1, ends: I8) -> tuple[int, int, bool]:
    """Find the frames in some bytes.

    1a, kind 31 to 35, 6 bytes of counter, 1 of signal, 2, 7, 14, 14 or 21 bytes; a 1a inside is doubled. Bytes between
    frames are one NOISE record per run, a frame that another breaks into is TRUNCATED. ``noisy``: the last bytes before
    were noise. Fills kinds (n,), ticks (n,), frames (n, 14), ends (n,: offset behind each); n must be at least
    len(data) / 2 + 1. Gives (records, bytes used, noisy); what is not used begins a frame, at most 57 bytes.
    """
    body = np.zeros(28, dtype=np.uint8)
    at, n = 0, 0
    while at < len(data):
        start = at
        if data[at] == ESCAPE:
            if at + 1 >= len(data):
                break
            length = _length(data[at + 1])
            if length > 0:
                after, filled = _body(data, at + 2, _HEAD + length, body)
                if after < 0:
                    break
                whole = filled == _HEAD + length
                kinds[n] = data[at + 1] if whole else TRUNCATED
                ticks[n] = 0
                for i in range(6):
                    ticks[n] = ticks[n] << 8 | np.int64(body[i])
                frames[n, : min(length, 14)] = body[_HEAD : _HEAD + min(length, 14)]
                ends[n] = after
                n, at, noisy = n + 1, after, False
                continue
            at += 1 if data[at + 1] != ESCAPE else 2
        else:
            at += 1
        if not noisy:
            kinds[n], ends[n] = NOISE, start
            n, noisy = n + 1, True
    return n, at, noisy


@njit(cache=True, nogil=True)
def steady(ticks: I8, received_ns: int, state: I8, clock_ns: I8, time_ns: I8) -> None:
    """Two times for each frame from a 12 MHz counter of 48 bits whose zero is not known.

    ``clock_ns`` advances exactly as the counter does: gates and pairs use it. It goes on from where it was when the
    counter starts anew (back by more than a second, on by more than an hour). ``time_ns`` = clock + anchor, where the
    anchor is the least delay seen: min(anchor + 50 ppm of the time since, received − clock), and never later than
    received: what the queue between receiver and node delayed is taken out again. An anchor ten seconds off is
    dropped. Ticks 0 and readsb's MLAT mark carry no time: the frame takes the last clock and the time of receipt.
    ``state`` (4,) int64, zeros at first. Wraps after 271 days without a step.
    """
    for i in range(len(ticks)):
        tick = ticks[i]
        if tick in (0, _NO_TICKS):
            clock_ns[i] = state[LAST_NS] if state[STARTED] else received_ns
            time_ns[i] = received_ns
            continue
        if state[STARTED]:
            gone = tick - state[LAST_TICK]
            if gone < -(1 << 47):
                gone += 1 << 48
            gone_ns = gone * 250 // 3
        else:
            gone_ns = np.int64(0)
        if not state[STARTED] or not -_SECOND_NS <= gone_ns <= _HOUR_NS:
            clock = max(state[LAST_NS], np.int64(received_ns)) if state[STARTED] else np.int64(received_ns)
            state[ANCHOR_NS] = received_ns - clock
        else:
            clock = state[LAST_NS] + gone_ns
            state[ANCHOR_NS] = min(state[ANCHOR_NS] + max(gone_ns, 0) // 20_000, received_ns - clock)
            if received_ns - clock - state[ANCHOR_NS] > 10 * _SECOND_NS:
                state[ANCHOR_NS] = received_ns - clock
        state[LAST_TICK], state[LAST_NS], state[STARTED] = tick, clock, 1
        clock_ns[i] = clock
        time_ns[i] = clock + state[ANCHOR_NS]


@njit(cache=True, nogil=True)
def gps_time(ticks: I8, received_ns: int, time_ns: I8) -> None:
    """Time of a Radarcape set to GPS: 18 bits of second of the UTC day, 30 of nanosecond; the day nearest receipt."""
    day_ns = 86_400 * _SECOND_NS
    for i in range(len(ticks)):
        of_day = (ticks[i] >> 30) * _SECOND_NS + (ticks[i] & 0x3FFFFFFF)
        time = received_ns - received_ns % day_ns + of_day
        if time - received_ns > day_ns // 2:
            time -= day_ns
        elif received_ns - time > day_ns // 2:
            time += day_ns
        time_ns[i] = time
