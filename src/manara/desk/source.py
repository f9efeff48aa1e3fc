"""What the desk reads: the node's published views, and how the clock runs. The host implements it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from manara.records.inputs import Decided, Ruled, Views
from manara.records.partners import Given


class Source(Protocol):
    """One node as its desk sees it. Calls come from the event loop that serves the desk, but where said otherwise."""

    @property
    def title(self) -> str:
        """The node's name, for the header."""
        ...

    @property
    def title_ar(self) -> str:
        """The same in Arabic; empty where it has none."""
        ...

    @property
    def mode(self) -> str:
        """live, recording or demo."""
        ...

    @property
    def speed(self) -> float:
        """Node seconds per real second: 1 live, 10 for a recording at ten times, 0 while paused."""
        ...

    @property
    def story(self) -> Mapping[str, Any]:
        """What an exercise tells of itself (exercise/story.py: Story); {}: nothing."""
        ...

    def views(self) -> Views:
        """The latest published views; never waits."""
        ...

    def decide(self, decided: Decided | Ruled) -> bool:
        """Hand a decision of a person to the next step, which journals it; False: too many wait already."""
        ...

    def hand_over(self, partner: str, track: int, reason: str) -> bool:
        """Somebody at this desk offers a partner a track; False: this node shares with nobody, or too many wait."""
        ...

    def answer_offer(self, stream: str, offer: str, answer: str, reason: str) -> bool:
        """Somebody at this desk answers (accept, decline) what a partner offers; False as above."""
        ...

    def promised(self) -> tuple[Any, ...]:
        """How promised times were kept lately (release/promises.py: Measured). Reads the ledger: slow."""
        ...

    def given(self, partner: str) -> Given | None:
        """What this partner has of the node, read from its own stream; None: no such partner, or nothing is shared.
        May read the disk: from a thread, not from the event loop. Raises OSError."""
        ...

    async def wait(self, after_sequence: int) -> Views:
        """The views of the first step whose sequence is greater; waits for it."""
        ...

    def added(self) -> Mapping[str, Mapping[str, object]]:
        """What each partner added in the newest hour that was stepped again without it; by its id. {}: none was."""
        ...

    def land(self) -> bytes | None:
        """GeoJSON (WGS-84 polygons) that replaces the real coastline, for a fictional sea; None: the real one."""
        ...

    def centre(self) -> tuple[float, float, float] | None:
        """Where the map opens: latitude and longitude in degrees, zoom. None: around the tracks."""
        ...
