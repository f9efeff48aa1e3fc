"""The ledger in the step: which place each entry gets in its stream, and how far the log has come. It sees bytes.

::

    entries of this tick ─▶ places ─▶ one Publish (one leaf)
    Published, Witnessed ─▶ head of the log

Hashing, salts, keys and the file are the host's; what the log holds is in host/log_store.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class State:
    """``next``: stream -> offset of its next entry; an offset is never skipped and never given twice. ``size``,
    ``root``: of the log after the last tick that the host told of; ``witnessed``: largest size with a quorum."""

    next: dict[str, int] = field(default_factory=dict)
    leaf: int = -1
    size: int = 0
    root: bytes = b""
    witnessed: int = 0


def init() -> State:
    """A node that has published nothing."""
    return State()


def place(state: State, stream: str) -> int:
    """The next place of a stream, taken with this call.

    >>> one = init()
    >>> place(one, "a>b"), place(one, "a>b"), place(one, "a")
    (0, 1, 0)
    """
    offset = state.next.get(stream, 0)
    state.next[stream] = offset + 1
    return offset


def grown(state: State, leaf: int, size: int, root: bytes) -> None:
    """The host has written this leaf. A word about an earlier one changes nothing."""
    if size > state.size:
        state.leaf, state.size, state.root = leaf, size, root


def seen(state: State, size: int) -> None:
    """A quorum of witnesses has cosigned the log at this size."""
    state.witnessed = max(state.witnessed, min(size, state.size))


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "next": dict(state.next),
        "leaf": state.leaf,
        "size": state.size,
        "root": state.root,
        "witnessed": state.witnessed,
    }


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(**{**plain, "next": dict(plain["next"])})
