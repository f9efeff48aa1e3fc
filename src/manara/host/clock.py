"""The only clocks of the product. Everything below the host gets the time as an argument."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from manara.node.durable.clock import NodeClock


class Clock(Protocol):
    """The node's time: ns since 1970 UTC, and how fast it runs against the wall."""

    speed: float
    holds: bool  # when it stands still the node waits; otherwise the node goes on by itself

    def now_ns(self) -> int:
        """The time now. May jump; the node's step never lets it go back."""
        ...

    def wait_s(self, until_ns: int) -> float:
        """How long to sleep, in wall seconds, until the clock shows ``until_ns``; 0 when it is past."""
        ...


_APART_NS = 1_000_000
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps


def both_ns() -> tuple[int, int]:
    """The machine's clock and a steady one that nobody can set, read at one time (within a millisecond, if the machine
    lets it)."""
    for _ in range(3):
        before = time.clock_gettime_ns(_STEADY)
        machine_ns = time.time_ns()
        after = time.clock_gettime_ns(_STEADY)
        if after - before <= _APART_NS:
            break
    return machine_ns, after


class WallClock:
    """The machine's clock, which never goes back: set back by a day, it runs on from where it stood, and the gap
    closes slowly. Otherwise whoever waits for the next second would wait for a day. ``jumped`` is told of jumps."""

    speed = 1.0
    holds = False

    def __init__(self, last_ns: int = 0, jumped: Callable[[int], None] = lambda _: None) -> None:
        self._clock, self._jumped = NodeClock(last_ns), jumped
        self._lock = threading.Lock()  # the step's thread reads it too

    def now_ns(self) -> int:
        """UTC as the machine has it."""
        with self._lock:
            now_ns, jump_ns = self._clock.read(*both_ns())
            if jump_ns:
                self._jumped(jump_ns)
        return now_ns

    def wait_s(self, until_ns: int) -> float:
        """Wall seconds until then."""
        return max(0.0, (until_ns - self.now_ns()) / 1e9)


class RecordedClock:
    """Shows ``start_ns`` now and runs at a given speed from there, on the machine's monotonic clock."""

    holds = False

    def __init__(self, start_ns: int, speed: float = 1.0) -> None:
        self.speed = speed
        self._start_ns = start_ns
        self._began = time.monotonic_ns()

    def now_ns(self) -> int:
        """Recorded time that corresponds to now."""
        return self._start_ns + int((time.monotonic_ns() - self._began) * self.speed)

    def wait_s(self, until_ns: int) -> float:
        """Wall seconds until then."""
        return max(0.0, (until_ns - self.now_ns()) / 1e9 / self.speed)


class FollowedClock:
    """A clock that follows another's word, so that a program that is starved for a second does not lose half a minute
    of a fast world: it runs at ``speed`` from the last word, and waits when no new one comes."""

    AHEAD_NS = 1_000_000_000  # how far it runs without a new word
    holds = True

    def __init__(self, start_ns: int, speed: float) -> None:
        self.speed = speed
        self._said_ns, self._at_ns = start_ns, time.monotonic_ns()

    def hear(self, said_ns: int) -> None:
        """The other clock's time now."""
        self._said_ns, self._at_ns = said_ns, time.monotonic_ns()

    def now_ns(self) -> int:
        """The other clock's time, as far as it can be known."""
        passed_ns = int((time.monotonic_ns() - self._at_ns) * self.speed)
        return self._said_ns + min(passed_ns, self.AHEAD_NS)

    def wait_s(self, until_ns: int) -> float:
        """Wall seconds until then, if words keep coming."""
        return max(0.0, (until_ns - self.now_ns()) / 1e9 / self.speed)
