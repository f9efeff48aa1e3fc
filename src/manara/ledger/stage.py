"""The ledger in the step: which place each entry gets in its stream, and how far the log has come. It sees bytes.

::

    entries of this tick ─▶ places ─▶ one Publish (one leaf)
    Published, Witnessed ─▶ head of the log
    Epoch ─▶ all streams go on from a place that no earlier epoch has reached

Hashing, salts, keys and the file are the host's; what the log holds is in host/log_store.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

WITNESSES_MAX = 256


@dataclass
class State:
    """``next``: stream -> offset of its next entry; an offset is never skipped and never given twice. ``size``,
    ``root``: of the log after the last tick that the host told of; ``cosigned``: witness -> the largest size that it
    has cosigned; ``cut``: stream -> the place of its last suspension. ``epoch``: of the log; ``first``: where its
    streams begin."""

    next: dict[str, int] = field(default_factory=dict)
    leaf: int = -1
    size: int = 0
    root: bytes = b""
    cosigned: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    epoch: int = 1
    first: int = 0


def init() -> State:
    """A node that has published nothing."""
    return State()


def place(state: State, stream: str) -> int:
    """The next place of a stream, taken with this call.

    >>> one = init()
    >>> place(one, "a>b"), place(one, "a>b"), place(one, "a")
    (0, 1, 0)
    """
    offset = following(state, stream)
    state.next[stream] = offset + 1
    return offset


def following(state: State, stream: str) -> int:
    """The next place of a stream.

    >>> following(init(), "a>b")
    0
    """
    return state.next.get(stream, state.first)


def begin(state: State, epoch: int, first: int, there: Mapping[str, int] | None = None) -> None:
    """The log begins anew: its streams go on from ``first``, or from where they stand beyond it (``there``); of the old
    log nothing is grown or witnessed any more. An epoch that began before changes nothing.

    >>> one = State(next={"a>b": 7}, size=9, cosigned={"b": 9})
    >>> begin(one, 2, 1000, {"a": 1001})
    >>> place(one, "a>b"), place(one, "a>c"), place(one, "a"), one.size, one.cosigned
    (1000, 1000, 1001, 0, {})
    """
    if epoch <= state.epoch:
        return
    state.epoch, state.first = epoch, first
    streams: Iterable[str] = {**state.next, **(there or {})}
    state.next = {name: max(first, state.next.get(name, 0), (there or {}).get(name, 0)) for name in streams}
    state.leaf, state.size, state.root, state.cosigned = -1, 0, b"", {}


def grown(state: State, leaf: int, size: int, root: bytes) -> None:
    """The host has written this leaf. A word about an earlier one changes nothing."""
    if size > state.size:
        state.leaf, state.size, state.root = leaf, size, root


def seen(state: State, witness: str, size: int) -> None:
    """A witness has cosigned the log at this size. Witnesses beyond the bound are passed over."""
    if witness in state.cosigned or len(state.cosigned) < WITNESSES_MAX:
        state.cosigned[witness] = max(state.cosigned.get(witness, 0), min(size, state.size))


def witnessed(state: State, quorum: int) -> int:
    """How many leaves so many witnesses have cosigned; all of them where no witness is asked for.

    >>> one = State(size=9, cosigned={"a": 7, "b": 5, "c": 2})
    >>> witnessed(one, 0), witnessed(one, 2), witnessed(one, 4)
    (9, 5, 0)
    """
    sizes = sorted(state.cosigned.values(), reverse=True)
    return state.size if quorum == 0 else sizes[quorum - 1] if len(sizes) >= quorum else 0


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "next": dict(state.next),
        "leaf": state.leaf,
        "size": state.size,
        "root": state.root,
        "cosigned": dict(state.cosigned),
        "cut": dict(state.cut),
        "epoch": state.epoch,
        "first": state.first,
    }


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    kept = {"cut": {}, **plain}
    return State(**{**kept, "cut": dict(kept["cut"]), "next": dict(plain["next"]), "cosigned": dict(plain["cosigned"])})
