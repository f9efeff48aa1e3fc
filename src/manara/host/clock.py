"""The only clocks of the product. Everything below the host gets the time as an argument."""

from __future__ import annotations

import time
from typing import Protocol

from manara.node.durable.clock import NodeClock


class Clock(Protocol):
    """The node's time: ns since 1970 UTC, and how fast it runs against the wall."""

    speed: float

    def now_ns(self) -> int:
        """The time now. May jump; the node's step never lets it go back."""
        ...

    def wait_s(self, until_ns: int) -> float:
        """How long to sleep, in wall seconds, until the clock shows ``until_ns``; 0 when it is past."""
        ...


class WallClock:
    """The machine's clock, which never goes back: set back by a day, it runs on from where it stood, and the gap
    closes slowly. Otherwise whoever waits for the next second would wait for a day."""

    speed = 1.0

    def __init__(self) -> None:
        self._steady = NodeClock()

    def now_ns(self) -> int:
        """UTC as the machine has it."""
        return self._steady.read(time.time_ns())[0]

    def wait_s(self, until_ns: int) -> float:
        """Wall seconds until then."""
        return max(0.0, (until_ns - self.now_ns()) / 1e9)


class RecordedClock:
    """Shows ``start_ns`` at the monotonic moment ``began_ns`` (default: now) and runs at a given speed from there."""

    def __init__(self, start_ns: int, speed: float = 1.0, began_ns: int | None = None) -> None:
        self.speed = speed
        self._start_ns = start_ns
        self._began = time.monotonic_ns() if began_ns is None else began_ns

    def now_ns(self) -> int:
        """Recorded time that corresponds to now."""
        return self._start_ns + int((time.monotonic_ns() - self._began) * self.speed)

    def wait_s(self, until_ns: int) -> float:
        """Wall seconds until then."""
        return max(0.0, (until_ns - self.now_ns()) / 1e9 / self.speed)
