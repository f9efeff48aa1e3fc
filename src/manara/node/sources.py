"""Source views: for each set of sources that a recipient may know, a tracking and a picture of their own.

A track cannot have a sensor subtracted afterwards. So a view is begun when an agreement names its sources, warms up
before anything of it is released, and is ended when no agreement names it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from manara.node.names import name_of
from manara.picture import means
from manara.picture import stage as picture
from manara.records.columns import U4, U8
from manara.records.config import NodeConfig
from manara.records.coverage import Cover, Joined
from manara.release.means import Means
from manara.tracking import measured
from manara.tracking import stage as tracking
from manara.tracking.coverage import Observer

VIEWS_MAX = 8  # distinct views beside the node's own; further agreements withhold
WARM_NS = 60_000_000_000
OWN = "own"  # the view that holds every source: the node's own picture


@dataclass(frozen=True, eq=False)
class Surveyed:
    """What a view covers, and of what it was counted: who was up, what partners told (by revision), cells of interest,
    and until when it stands by itself."""

    up: tuple[Observer, ...]
    revision: int
    interest: U8
    until_ns: int
    own: Cover
    joined: Joined
    found_ns: int = 0  # when what was measured was last looked at


@dataclass
class SourceView:
    """One view. ``sources``: names of feeds or sensors; None: all. ``recipient``: whose onward rights count when
    partners' rows are shown in it; "" for the node itself."""

    name: str
    serial: int
    sources: tuple[str, ...] | None
    recipient: str
    since_ns: int
    tracking: tracking.State
    picture: picture.State
    means: means.State = field(default_factory=means.init)
    measured: dict[str, measured.Radar] = field(default_factory=dict)  # by the sensor's name
    heard_ns: dict[int, int] = field(default_factory=dict)  # source -> when it last said anything
    surveyed: Surveyed | None = None  # counted anew from the rest
    beside: tuple[Surveyed, tuple[str, ...], Means] | None = None  # what is offered of it, the same
    known: dict[int, bool] = field(default_factory=dict)  # source -> is it in the view

    def warm(self, now_ns: int) -> bool:
        """Has it seen enough to be released?"""
        return now_ns - self.since_ns >= WARM_NS

    def knows(self, source: int, config: NodeConfig) -> bool:
        """Is this source in the view?"""
        if self.sources is None:
            return True
        if source not in self.known:
            feed = source >> 16
            names = {name_of(source, config), config.feeds[feed].name if feed < len(config.feeds) else ""}
            self.known[source] = not names.isdisjoint(self.sources)
        return self.known[source]

    def mask(self, source: U4, config: NodeConfig) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows of a column of sources it holds, shape (n,)."""
        if self.sources is None or len(source) == 0:
            return np.ones(len(source), bool)
        names, where = np.unique(source, return_inverse=True)
        return np.array([self.knows(int(one), config) for one in names])[where]


def init(config: NodeConfig) -> Held:
    """The node's own view, and no other yet."""
    return Held({OWN: _begin(OWN, 0, None, "", 0, config)})


def name(sources: Iterable[str], recipient: str) -> str:
    """The name of the view of these sources for this recipient; agreements that ask for the same share it.

    >>> name(("ais", "hill radar"), "")
    '>ais+hill radar'
    """
    return f"{recipient}>{'+'.join(sorted(sources))}"


@dataclass
class Held:
    """All views of a node. ``serials``: numbers given so far; none is used twice, so no track id is either."""

    views: dict[str, SourceView]
    serials: int = 0

    @property
    def own(self) -> SourceView:
        """The node's own."""
        return self.views[OWN]

    def keep(self, wanted: Mapping[str, tuple[tuple[str, ...], str]], config: NodeConfig, now_ns: int) -> None:
        """Begin the views that are wanted and end those that are not. ``wanted``: name -> sources, recipient."""
        for gone in [one for one in self.views if one != OWN and one not in wanted]:
            del self.views[gone]
        for one, (sources, recipient) in wanted.items():
            if one not in self.views and len(self.views) <= VIEWS_MAX:
                self.serials += 1
                self.views[one] = _begin(one, self.serials, sources, recipient, now_ns, config)


def _begin(
    one: str, serial: int, sources: tuple[str, ...] | None, recipient: str, now_ns: int, config: NodeConfig
) -> SourceView:
    return SourceView(
        name=one,
        serial=serial,
        sources=sources,
        recipient=recipient,
        since_ns=now_ns,
        tracking=tracking.init(capacity=config.capacity, serial=serial),
        picture=picture.init(serial),
    )


def dump(held: Held) -> dict[str, Any]:
    """Plain values."""
    return {"serials": held.serials, "views": [_dump(one) for one in held.views.values()]}


def _dump(one: SourceView) -> dict[str, Any]:
    return {
        "name": one.name,
        "serial": one.serial,
        "sources": None if one.sources is None else list(one.sources),
        "recipient": one.recipient,
        "since_ns": one.since_ns,
        "tracking": tracking.dump(one.tracking),
        "picture": picture.dump(one.picture),
        "means": means.dump(one.means),
        "measured": measured.dump(one.measured),
        "heard_ns": np.array(list(one.heard_ns.items()), np.int64).reshape(-1, 2),
    }


def load(plain: Mapping[str, Any]) -> Held:
    """Take what ``dump`` gave."""
    return Held({one["name"]: _load(one) for one in plain["views"]}, plain["serials"])


def _load(plain: Mapping[str, Any]) -> SourceView:
    return SourceView(
        name=plain["name"],
        serial=plain["serial"],
        sources=None if plain["sources"] is None else tuple(plain["sources"]),
        recipient=plain["recipient"],
        since_ns=plain["since_ns"],
        tracking=tracking.load(plain["tracking"]),
        picture=picture.load(plain["picture"]),
        means=means.load(plain["means"]) if "means" in plain else means.init(),
        measured=measured.load(plain.get("measured", ())),
        heard_ns={int(source): int(at_ns) for source, at_ns in plain.get("heard_ns", ())},
    )
