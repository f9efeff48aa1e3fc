"""Lines out of a stream of bytes, with a bound."""

from __future__ import annotations

from abc import ABC, abstractmethod

from manara.feeds.adsb.mode_s import Rejects
from manara.records.batch import Batch


class Lines:
    """Splits bytes at newlines, whatever the chunks. A line over the bound is one reject and is passed over."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.rest = b""
        self.skipping = False

    def feed(self, data: bytes, rejects: Rejects) -> list[bytes]:
        """The lines that end in these bytes, without their newline; empty ones are left out."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if self.skipping and lines:
            lines, self.skipping = lines[1:], False
        if self.skipping:
            self.rest = b""
        elif len(self.rest) > self.longest:
            self._refuse(self.rest, rejects)
            self.rest, self.skipping = b"", True
        return [line for line in (one.rstrip(b"\r") for one in lines) if line and self._fits(line, rejects)]

    def finish(self, rejects: Rejects) -> list[bytes]:
        """The last line, where no newline ended it."""
        return [] if self.skipping and not self.rest else self.feed(b"\n", rejects)

    def _fits(self, line: bytes, rejects: Rejects) -> bool:
        if len(line) <= self.longest:
            return True
        self._refuse(line, rejects)
        return False

    def _refuse(self, line: bytes, rejects: Rejects) -> None:
        rejects.add("too_long", line, f"a line of more than {self.longest} bytes")


class LineDecoder(ABC):
    """What decoders of lines share: bytes to lines, lines to a batch."""

    lines: Lines

    def advance(self, data: bytes, received_ns: int, whole: bool = False) -> Batch:
        """Decode the lines that end in these bytes."""
        rejects = Rejects()
        lines = self.lines.feed(data, rejects)
        if whole:
            lines += self.lines.finish(rejects)
        return self._decode(lines, received_ns, rejects)

    def finish(self, received_ns: int) -> Batch:
        """The last line may lack its newline."""
        rejects = Rejects()
        return self._decode(self.lines.finish(rejects), received_ns, rejects)

    @abstractmethod
    def _decode(self, lines: list[bytes], received_ns: int, rejects: Rejects) -> Batch:
        """Each format's own."""
