"""One encoding per step for all browsers; a slow browser gets the newest step, never a queue."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from manara.desk import wire
from manara.desk.labels import Labels
from manara.desk.source import Source

PAUSE_S = 0.2  # at most five frames a second, however fast a recording is played


class Sent(NamedTuple):
    """What one browser has: the sequence of its last frame and the hello it was told."""

    sequence: int = -1
    hello: bytes = b""


class Hub:
    """Follows the source and holds the latest frame. Nothing is kept per browser here."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.labels = Labels()
        self.clients = 0
        self._frame = b""
        self._news = asyncio.Condition()
        self._closed = False

    async def run(self) -> None:
        """Follow the source until cancelled. If the source fails, browsers are told by a closed connection."""
        try:
            await self._take(self.source.views().sequence - 1)
            while True:
                await self._take(self.labels.sequence)
                await asyncio.sleep(PAUSE_S)
        finally:
            self._closed = True
            async with self._news:
                self._news.notify_all()

    async def _take(self, after_sequence: int) -> None:
        views = self.source.views()
        if views.sequence <= after_sequence:
            views = await self.source.wait(after_sequence)
        slots = self.labels.advance(views)
        self._frame = wire.encode(views, slots)
        async with self._news:
            self._news.notify_all()

    async def frames(self, sent: Sent) -> tuple[list[bytes | str], Sent] | None:
        """What a browser that has ``sent`` must get next, newest only; None: the desk closes."""
        async with self._news:
            await self._news.wait_for(lambda: self._closed or self.labels.sequence > sent.sequence)
        if self._closed:
            return None
        frames: list[bytes | str] = []
        hello = self.hello()
        if hello != sent.hello:
            frames.append(hello.decode())
        rows = self.labels.since(sent.sequence)
        if rows:
            frames.append(msgspec.json.encode({"type": "labels", "rows": rows}).decode())
        frames.append(self._frame)
        return frames, Sent(self.labels.sequence, hello)

    def hello(self) -> bytes:
        """The text frame that says whose picture this is and how its clock runs."""
        s = self.source
        return msgspec.json.encode({"type": "hello", "version": wire.VERSION, **clock(s)})


def clock(source: Source) -> dict[str, object]:
    """Whose picture, and how its clock runs."""
    return {"title": source.title, "title_ar": source.title_ar, "mode": source.mode, "speed": source.speed}
