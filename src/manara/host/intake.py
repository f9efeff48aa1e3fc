"""Between the sockets and the step: one bounded queue. What does not fit is dropped and counted, never silently."""

from __future__ import annotations

from manara.records.inputs import Chunk, FeedState, Input, Overflow

QUEUE_BYTES = 64 << 20  # of one feed, waiting for the next step
CHUNK_BYTES = 1 << 20  # a longer read is cut
CHUNK_COST = 512  # what a read costs besides its bytes: a flood of empty datagrams must fill the queue too
STATES = 64  # changes of one feed's state between two steps; of more, the last stands for them


class Intake:
    """What came in since the last step. Used from one thread (the event loop)."""

    def __init__(self, feeds: int) -> None:
        self._inputs: list[Input] = []
        self._waiting = [0] * feeds
        self._dropped = [0] * feeds
        self._told = [0] * feeds
        self._last: dict[int, FeedState] = {}  # of a feed that changes its state faster than anybody can follow

    def offer(self, feed: int, data: bytes, received_ns: int, whole: bool = False) -> None:
        """Bytes of a feed, heard now."""
        if self._waiting[feed] + len(data) + CHUNK_COST > QUEUE_BYTES:
            self._dropped[feed] += len(data)
            return
        self._waiting[feed] += len(data) + CHUNK_COST
        if whole or len(data) <= CHUNK_BYTES:
            self._inputs.append(Chunk(feed, data, received_ns, whole))
            return
        for at in range(0, len(data), CHUNK_BYTES):
            self._inputs.append(Chunk(feed, data[at : at + CHUNK_BYTES], received_ns))

    def tell(self, feed: int, state: str, detail: str, received_ns: int) -> None:
        """A feed changed its state: live, lost, ended, waiting."""
        one = FeedState(feed, state, detail, received_ns)
        self._told[feed] += 1
        if self._told[feed] > STATES:
            self._last[feed] = one
        else:
            self._inputs.append(one)

    def take(self, now_ns: int) -> tuple[Input, ...]:
        """Everything since the last call, in order of arrival."""
        for feed, dropped in enumerate(self._dropped):
            if dropped:
                self._inputs.append(Overflow(feed, dropped, now_ns))
        taken = (*self._inputs, *self._last.values())
        self._last = {}
        self._told = [0] * len(self._told)
        self._inputs = []
        self._waiting = [0] * len(self._waiting)
        self._dropped = [0] * len(self._dropped)
        return taken

    def __len__(self) -> int:
        return len(self._inputs)
