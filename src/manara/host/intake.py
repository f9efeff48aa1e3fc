"""Between the sockets and the step: one bounded queue. What does not fit is dropped and counted, never silently."""

from __future__ import annotations

from manara.records.inputs import Chunk, FeedState, Input, Overflow

QUEUE_BYTES = 64 << 20  # of one feed, waiting for the next step
CHUNK_BYTES = 1 << 20  # a longer read is cut


class Intake:
    """What came in since the last step. Used from one thread (the event loop)."""

    def __init__(self, feeds: int) -> None:
        self._inputs: list[Input] = []
        self._waiting = [0] * feeds
        self._dropped = [0] * feeds

    def offer(self, feed: int, data: bytes, received_ns: int, whole: bool = False) -> None:
        """Bytes of a feed, heard now."""
        if self._waiting[feed] + len(data) > QUEUE_BYTES:
            self._dropped[feed] += len(data)
            return
        self._waiting[feed] += len(data)
        if whole or len(data) <= CHUNK_BYTES:
            self._inputs.append(Chunk(feed, data, received_ns, whole))
            return
        for at in range(0, len(data), CHUNK_BYTES):
            self._inputs.append(Chunk(feed, data[at : at + CHUNK_BYTES], received_ns))

    def tell(self, feed: int, state: str, detail: str, received_ns: int) -> None:
        """A feed changed its state: live, lost, ended, waiting."""
        self._inputs.append(FeedState(feed, state, detail, received_ns))

    def take(self, now_ns: int) -> tuple[Input, ...]:
        """Everything since the last call, in order of arrival."""
        for feed, dropped in enumerate(self._dropped):
            if dropped:
                self._inputs.append(Overflow(feed, dropped, now_ns))
        taken = tuple(self._inputs)
        self._inputs = []
        self._waiting = [0] * len(self._waiting)
        self._dropped = [0] * len(self._dropped)
        return taken

    def __len__(self) -> int:
        return len(self._inputs)
