"""One encoding per step for all browsers; a slow browser gets the newest step, never a queue.

A node that shares says first who its partners are and what the bytes of the origins mean, then the picture, then the
squares that partners told; a node that does not says nothing of it.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from manara.desk import origins as whose
from manara.desk import wire
from manara.desk.labels import Labels
from manara.desk.source import Source
from manara.records.inputs import Views

PAUSE_S = 0.2  # at most five frames a second, however fast a recording is played


class Sent(NamedTuple):
    """What one browser has: the sequence of its last frame, the hello it was told, the partners and their squares."""

    sequence: int = -1
    hello: bytes = b""
    partners: bytes = b""
    squares: bytes = b""


class Hub:
    """Follows the source and holds the latest frame. Nothing is kept per browser here."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.labels = Labels()
        self.clients = 0
        self._frame = b""
        self._partners = b""  # empty until there are any
        self._regions = b""  # the frame; its header changes with each step
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
        origins = whose.origins(views)
        self._frame = wire.encode(views, slots, origins=origins.rows if origins else None)
        self._share(views, origins)
        async with self._news:
            self._news.notify_all()

    def _share(self, views: Views, origins: whose.Origins | None) -> None:
        if views.partners or self._partners:
            self._partners = _told(views, origins)
        if views.regions is not None and (len(views.regions) or self._regions):
            self._regions = wire.encode_regions(views)

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
        if self._partners != sent.partners:
            frames.append(self._partners.decode())
        rows = self.labels.since(sent.sequence)
        if rows:
            frames.append(msgspec.json.encode({"type": "labels", "rows": rows}).decode())
        frames.append(self._frame)
        squares = self._regions[wire.HEADER.size :]
        if squares != sent.squares:
            frames.append(self._regions)
        return frames, Sent(self.labels.sequence, hello, self._partners, squares)

    def hello(self) -> bytes:
        """The text frame that says whose picture this is and how its clock runs."""
        s = self.source
        return msgspec.json.encode({"type": "hello", "version": wire.VERSION, **clock(s)})


def _told(views: Views, origins: whose.Origins | None) -> bytes:
    """The text frame that names the partners, in the order of their places from 1 on, and the origins in use."""
    names = [(one.id, one.name, one.name_ar) for one in views.partners]
    return msgspec.json.encode({"type": "partners", "partners": names, "origins": origins.table if origins else ()})


def clock(source: Source) -> dict[str, object]:
    """Whose picture, and how its clock runs."""
    return {"title": source.title, "title_ar": source.title_ar, "mode": source.mode, "speed": source.speed}
