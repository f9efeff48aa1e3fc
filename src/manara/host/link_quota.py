"""What one partner may ask of this node: requests, bytes and places at once, so that no partner slows another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """Bounds for one partner."""

    requests_per_s: float = 20.0
    request_burst: float = 60.0
    bytes_per_s: float = float(32 << 20)
    byte_burst: float = float(96 << 20)
    at_once: int = 8  # requests in work, long-polls included
    connections: int = 16
    body_bytes: int = 1 << 20


class Bucket:
    """A token bucket. Time comes in as an argument, in seconds.

    >>> bucket = Bucket(per_s=2.0, burst=1.0, now_s=0.0)
    >>> bucket.take(1.0, 0.0), bucket.take(1.0, 0.1), bucket.take(1.0, 0.6)
    (True, False, True)
    """

    __slots__ = ("_at_s", "_burst", "_per_s", "left")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s, self._burst, self.left, self._at_s = per_s, burst, burst, now_s

    def _fill(self, now_s: float) -> None:
        self.left = min(self._burst, self.left + max(now_s - self._at_s, 0.0) * self._per_s)
        self._at_s = max(now_s, self._at_s)

    def take(self, many: float, now_s: float) -> bool:
        """Take so many if they are there."""
        self._fill(now_s)
        if self.left < many:
            return False
        self.left -= many
        return True

    def owe(self, many: float, now_s: float) -> None:
        """Take so many whether they are there or not; nothing more until it is made good."""
        self._fill(now_s)
        self.left -= many

    def wait_s(self, now_s: float) -> float:
        """How long until something is there again."""
        self._fill(now_s)
        return max(0.0, -self.left / self._per_s)


class Meter:
    """What one partner has used."""

    def __init__(self, quota: Quota, now_s: float) -> None:
        self.quota = quota
        self.requests = Bucket(quota.requests_per_s, quota.request_burst, now_s)
        self.bytes = Bucket(quota.bytes_per_s, quota.byte_burst, now_s)
        self.working = 0

    def refuse(self, now_s: float) -> str:
        """Why one more request is too much now, "" when it is not."""
        if self.working >= self.quota.at_once:
            return "too_many_at_once"
        return "" if self.requests.take(1.0, now_s) else "too_many_requests"
