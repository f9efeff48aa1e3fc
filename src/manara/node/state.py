"""The state of one node: the state of each stage, nothing else. Plain on disk, arrays in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manara.feeds import stage as feeds
from manara.node.arrows import picture_to_exits
from manara.picture import stage as picture
from manara.records.config import NodeConfig
from manara.tracking import stage as tracking

OWN = "own"  # the source view that holds every source: the node's own picture


@dataclass
class State:
    """One node between two steps."""

    config: NodeConfig
    feeds: feeds.State
    tracking: dict[str, tracking.State]  # by source view
    picture: picture.State
    exits: picture_to_exits.State
    now_ns: int = 0
    sequence: int = 0


def init(config: NodeConfig) -> State:
    """A node that has heard nothing."""
    return State(
        config=config,
        feeds=feeds.init(config.feeds, config.stale_s),
        tracking={OWN: tracking.init(capacity=config.capacity)},
        picture=picture.init(),
        exits=picture_to_exits.init(config.exits),
    )


def dump(state: State) -> dict[str, Any]:
    """Everything that a later step depends on. The configuration is not in it: it is given anew."""
    return {
        "feeds": feeds.dump(state.feeds),
        "tracking": {view: tracking.dump(one) for view, one in state.tracking.items()},
        "picture": picture.dump(state.picture),
        "exits": picture_to_exits.dump(state.exits),
        "now_ns": state.now_ns,
        "sequence": state.sequence,
    }


def load(plain: dict[str, Any], config: NodeConfig) -> State:
    """Take what ``dump`` gave, under the same configuration."""
    return State(
        config=config,
        feeds=feeds.load(plain["feeds"], config.feeds, config.stale_s),
        tracking={view: tracking.load(one) for view, one in plain["tracking"].items()},
        picture=picture.load(plain["picture"]),
        exits=picture_to_exits.load(plain["exits"], config.exits),
        now_ns=plain["now_ns"],
        sequence=plain["sequence"],
    )
