"""The node's clock: what the machine's clock says, but it never goes back, and a jump becomes an input."""

from __future__ import annotations

JUMP_NS = 30_000_000_000
LEAP_NS = 20_000_000  # node time that passed without time passing, before it is said
_SLEW_SHIFT = 3


class NodeClock:
    """Node time from the machine's time and from a steady clock that nobody can set (where there is none, what passes
    within ``jump_ns`` counts as passed). When the machine's clock goes back, node time runs on from where it stood at
    the steady pace, ahead of it by ``ahead_ns``; an eighth of the time that passes is used to close that gap. When the
    machine's clock leaps forward, that closes the gap first; by the rest node time follows at once."""

    def __init__(self, last_ns: int = 0, jump_ns: int = JUMP_NS) -> None:
        self._last_ns = last_ns
        self._machine_ns = last_ns
        self._steady_ns: int | None = None
        self._jump_ns = jump_ns
        self._fresh = True
        self._leapt_ns = 0
        self.ahead_ns = 0

    def read(self, machine_ns: int, steady_ns: int | None = None) -> tuple[int, int]:
        """Node time, and by how much a clock jumped since that was last said: 0 within the limits. Negative: the
        machine's clock, by more than ``jump_ns``. Positive: node time leapt ahead by so much more than time passed;
        exact to ``LEAP_NS`` with a steady clock. The first reading after a start may lie any time ahead: nothing
        jumped.

        >>> clock = NodeClock(last_ns=10_000)
        >>> clock.read(20_000), clock.read(19_000), clock.read(19_800), clock.ahead_ns
        ((20000, 0), (20000, 0), (20700, 0), 900)
        """
        passed = machine_ns - self._machine_ns
        elapsed = self._elapsed(passed, steady_ns)
        self.ahead_ns, leapt = self._gap(passed, elapsed)
        self._machine_ns, self._steady_ns, self._fresh = machine_ns, steady_ns, False
        self._last_ns = max(self._last_ns, machine_ns + self.ahead_ns)
        if passed - elapsed < -self._jump_ns:
            return self._last_ns, passed - elapsed
        self._leapt_ns += leapt
        if self._leapt_ns <= LEAP_NS:
            return self._last_ns, 0
        said, self._leapt_ns = self._leapt_ns, 0
        return self._last_ns, said

    def stamp(self, machine_ns: int, steady_ns: int | None = None) -> int:
        """Node time for a time of receipt, between readings: what ``read`` would give. No later reading gives less."""
        passed = machine_ns - self._machine_ns
        ahead_ns, _ = self._gap(passed, self._elapsed(passed, steady_ns))
        self._last_ns = max(self._last_ns, machine_ns + ahead_ns)
        return self._last_ns

    def _elapsed(self, passed: int, steady_ns: int | None) -> int:
        """How much time went by since the last reading."""
        if self._fresh:
            return max(0, passed)
        if steady_ns is not None and self._steady_ns is not None:
            return max(0, steady_ns - self._steady_ns)
        return passed if 0 <= passed <= self._jump_ns else 0

    def _gap(self, passed: int, elapsed: int) -> tuple[int, int]:
        """By how much node time is ahead of the machine's now, and by how much it leaps to get there."""
        leap = passed - elapsed
        if leap < 0:
            ahead, leapt = self.ahead_ns - leap, 0
        else:
            ahead, leapt = max(0, self.ahead_ns - leap), max(0, leap - self.ahead_ns)
        return ahead - min(ahead, elapsed >> _SLEW_SHIFT), leapt
