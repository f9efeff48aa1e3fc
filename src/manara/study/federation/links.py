"""The lines between simulated nodes: what is sent may be lost, late, out of order, twice or changed."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import NamedTuple

from manara.study.federation.chance import Chance


class Sent(NamedTuple):
    """Something on its way. ``kind``: pull, answer, post, ack, show (a checkpoint, to a witness), shown."""

    kind: str
    number: int  # of the request that it belongs to
    stream: str = ""
    first: int = 0
    size: int = 0
    body: bytes | str = b""


@dataclass
class Weather:
    """What a line does to what passes. Chances per letter; ``late_s``: the longest delay; ``cut``: nothing passes."""

    drop: float = 0.0
    duplicate: float = 0.0
    corrupt: float = 0.0
    late_s: float = 0.0
    cut: bool = False


@dataclass
class Line:
    """One direction between two nodes."""

    chance: Chance
    weather: Weather = field(default_factory=Weather)
    _way: list[tuple[float, int, Sent]] = field(default_factory=list)
    _count: int = 0
    lost: int = 0

    def send(self, one: Sent, now_s: float) -> None:
        """Put it on its way."""
        here = self.weather
        if here.cut or self.chance.share() < here.drop:
            self.lost += 1
            return
        if here.corrupt and isinstance(one.body, bytes) and one.body and self.chance.share() < here.corrupt:
            one = one._replace(body=flipped(one.body, self.chance))
        for _ in range(2 if self.chance.share() < here.duplicate else 1):
            self._count += 1
            due_s = now_s + self.chance.between(0.0, here.late_s)
            heapq.heappush(self._way, (due_s, self._count, one))

    def arrived(self, now_s: float) -> list[Sent]:
        """What has come by now, in the order of its coming; a cut line gives nothing and loses what is on it."""
        if self.weather.cut:
            self._way.clear()
        found = []
        while self._way and self._way[0][0] <= now_s:
            found.append(heapq.heappop(self._way)[2])
        return found


def flipped(body: bytes, chance: Chance) -> bytes:
    """The same bytes but for one bit."""
    at = chance.integer(0, len(body) - 1)
    return body[:at] + bytes([body[at] ^ 1 << chance.integer(0, 7)]) + body[at + 1 :]
