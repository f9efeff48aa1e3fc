"""The node's clock: what the machine's clock says, but it never goes back, and a jump becomes an input."""

from __future__ import annotations

JUMP_NS = 30_000_000_000
_SLEW_SHIFT = 3


class NodeClock:
    """Node time from the machine's time. When the machine's clock goes back, node time runs on from where it stood
    at the machine's pace, ahead of it by ``ahead_ns``; an eighth of the time that passes is used to close that gap.
    When the machine's clock leaps forward, node time follows at once."""

    def __init__(self, last_ns: int = 0, jump_ns: int = JUMP_NS) -> None:
        self._last_ns = last_ns
        self._machine_ns = last_ns
        self._jump_ns = jump_ns
        self._fresh = True
        self.ahead_ns = 0

    def read(self, machine_ns: int) -> tuple[int, int]:
        """Node time, and by how much the machine's clock jumped since the last reading: 0 within the limit. The
        first reading after a start may lie any time ahead: the node was off, nothing jumped.

        >>> clock = NodeClock(last_ns=10_000)
        >>> clock.read(20_000), clock.read(19_000), clock.read(19_800), clock.ahead_ns
        ((20000, 0), (20000, 0), (20700, 0), 900)
        """
        passed, self._machine_ns = machine_ns - self._machine_ns, machine_ns
        jumped = passed < -self._jump_ns or (passed > self._jump_ns and not self._fresh)
        self._fresh = False
        if passed < 0:
            self.ahead_ns -= passed
        elif jumped:
            self.ahead_ns = max(0, self.ahead_ns - passed)
        else:
            self.ahead_ns -= min(self.ahead_ns, passed >> _SLEW_SHIFT)
        self._last_ns = max(self._last_ns, machine_ns + self.ahead_ns)
        return self._last_ns, passed if jumped else 0

    def stamp(self, machine_ns: int) -> int:
        """Node time for a time of receipt, between readings."""
        return machine_ns + self.ahead_ns
