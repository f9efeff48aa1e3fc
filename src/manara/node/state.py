"""The state of one node: the state of each stage, nothing else. Plain on disk, arrays in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from manara.feeds import stage as feeds
from manara.ledger import stage as ledger
from manara.link import stage as link
from manara.node import sources
from manara.node.arrows import picture_to_exits
from manara.node.durable.snapshot import decode_plain
from manara.records.config import NodeConfig
from manara.records.inputs import Carried, Input
from manara.release import stage as release
from manara.warning import stage as warning


@dataclass
class State:
    """One node between two steps."""

    config: NodeConfig
    feeds: feeds.State
    held: sources.Held  # tracking and picture, by source view
    link: link.State
    release: release.State
    warning: warning.State
    ledger: ledger.State
    exits: picture_to_exits.State
    now_ns: int = 0
    sequence: int = 0


def init(config: NodeConfig, secret: bytes = b"") -> State:
    """A node that has heard nothing. ``secret``: what its pseudonyms are made with; it is in no journal."""
    return State(
        config=config,
        feeds=feeds.init(config.feeds, config.stale_s),
        held=sources.init(config),
        link=link.init(config.partner),
        release=release.init(config.partner, config.never_to, secret),
        warning=warning.init(),
        ledger=ledger.init(),
        exits=picture_to_exits.init(config.exits),
    )


def carried(state: State) -> dict[str, Any]:
    """What outlives a change of feeds or sensors: what was agreed, how far each stream came, numbers already given."""
    kept = release.dump(state.release)
    return {
        "serials": state.held.serials,
        "link": link.dump(state.link),
        "release": {**kept, "channels": {}, "cadences": {}},
        "warning": warning.dump(state.warning),
        "ledger": ledger.dump(state.ledger),
    }


def resume(state: State, inputs: Iterable[Input]) -> None:
    """Take up what a node of other feeds or sensors left behind."""
    for one in inputs:
        if isinstance(one, Carried):
            plain, before = decode_plain(one.kept), state.release
            state.held.serials = plain["serials"]
            state.link = link.load(plain["link"])
            state.release = release.load(plain["release"], before.own, before.never_to, before.secret)
            state.ledger = ledger.load(plain["ledger"])
            state.warning = warning.load(plain["warning"]) if "warning" in plain else warning.init()


def dump(state: State) -> dict[str, Any]:
    """Everything that a later step depends on. Configuration and secret are not in it: they are given anew."""
    return {
        "feeds": feeds.dump(state.feeds),
        "held": sources.dump(state.held),
        "link": link.dump(state.link),
        "release": release.dump(state.release),
        "warning": warning.dump(state.warning),
        "ledger": ledger.dump(state.ledger),
        "exits": picture_to_exits.dump(state.exits),
        "now_ns": state.now_ns,
        "sequence": state.sequence,
    }


def load(plain: dict[str, Any], config: NodeConfig, secret: bytes = b"") -> State:
    """Take what ``dump`` gave, under the same configuration."""
    return State(
        config=config,
        feeds=feeds.load(plain["feeds"], config.feeds, config.stale_s),
        held=sources.load(plain["held"]),
        link=link.load(plain["link"]),
        release=release.load(plain["release"], config.partner, config.never_to, secret),
        warning=warning.load(plain["warning"]) if "warning" in plain else warning.init(),
        ledger=ledger.load(plain["ledger"]),
        exits=picture_to_exits.load(plain["exits"], config.exits),
        now_ns=plain["now_ns"],
        sequence=plain["sequence"],
    )
