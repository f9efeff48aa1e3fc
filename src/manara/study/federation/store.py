"""What a host keeps of one node beside its journal, as far as a simulated node needs it (host/simulated.py)."""

from __future__ import annotations

from typing import Protocol

from manara.records.inputs import Erase, Input, Publish


class Store(Protocol):
    """Key table, log, what partners sent, and what was cosigned. Raises DiskError and the host's own refusals."""

    @property
    def last_effect_id(self) -> int:
        """Of the newest tick."""
        ...

    @property
    def size(self) -> int:
        """Leaves of the log."""
        ...

    def heads(self) -> dict[str, int]:
        """Stream -> where it ends."""
        ...

    def publish(self, one: Publish) -> Input:
        """Put a tick into the log."""
        ...

    def answer(self, stream: str, first: int, size: int, now_ns: int) -> bytes | str:
        """What a partner gets."""
        ...

    def keep(self, partner: str, data: bytes, received_ns: int) -> None:
        """Write a checked answer down."""
        ...

    def bare(self, one: Input) -> Input:
        """As the journal names it."""
        ...

    def fill(self, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        """With the rows again."""
        ...

    def erase(self, one: Erase) -> tuple[int, str]:
        """Rows erased for a recall, and whose."""
        ...

    def show(self, partner: str, shown: int) -> tuple[int, bytes, bytes] | None:
        """Size, text and request for a witness that has seen so many leaves."""
        ...

    def shown(
        self, partner: str, shown: int, size: int, signed: bytes, status: int, body: bytes
    ) -> tuple[int, tuple[Input, ...]]:
        """What follows from a witness's answer."""
        ...

    def cosign(self, body: bytes, now_ns: int) -> tuple[int, bytes]:
        """A witness's answer: status and body."""
        ...
