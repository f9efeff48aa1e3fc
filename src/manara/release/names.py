"""What craft are called, told under the delay of their rows: news of a name waits as long as news of a place.

::

    open rows that have a name ─▶ told lately? ─▶ new, and a delay? ─▶ waits, from when it was first known ─▶ told
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from manara.records.particulars import Particulars

NAMES_NS = 300 * 10**9  # what a craft is called is told again so often
NAMED_MAX = 65_536
Words = tuple[bytes, bytes, bytes]


@dataclass
class State:
    """By the recipient's number of a track, the hash of what it is called: ``told``: and when it was told last;
    ``waiting``: and since when it is known. ``words``: a cache of the last words, with their hash."""

    told: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    waiting: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    words: dict[int, tuple[Particulars, Words, bytes]] = field(default_factory=dict)


def init() -> State:
    """No name has been told."""
    return State()


def silence(state: State) -> None:
    """What waits is never told, and what comes after begins anew."""
    state.told.clear()
    state.waiting.clear()


def hold_back(state: State, by_ns: int) -> None:
    """A delay is a time that passes: what waits, waits so much longer."""
    state.waiting = {key: (digest, since_ns + by_ns) for key, (digest, since_ns) in state.waiting.items()}


def choose(
    state: State, craft: Iterable[tuple[int, int, int]], particulars: Mapping[int, Particulars], now_ns: int
) -> list[tuple[int, int, Words]]:
    """Whom to name now. ``craft``: the recipient's number, the identity, the delay in ns, for each open row; out: the
    place of the row, the number, and the words."""
    if max(len(state.told), len(state.waiting), len(state.words)) > NAMED_MAX:
        silence(state)
        state.words.clear()
    found = []
    for place, (key, identity, delay_ns) in enumerate(craft):
        said = particulars.get(identity)
        if said is None or not (said.name or said.callsign):
            continue
        words, digest = _worded(state, key, said)
        if _due(state, key, digest, delay_ns, now_ns):
            found.append((place, key, words))
    return found


def _due(state: State, key: int, digest: bytes, delay_ns: int, now_ns: int) -> bool:
    known = state.told.get(key)
    fresh = known is None or known[0] != digest
    if known and not fresh and now_ns - known[1] < NAMES_NS:
        return False
    if fresh and delay_ns > 0:
        since = state.waiting.get(key)
        if since is None or since[0] != digest:
            state.waiting[key] = (digest, now_ns)
            return False
        if now_ns - since[1] < delay_ns:
            return False
    state.waiting.pop(key, None)
    state.told[key] = (digest, now_ns)
    return True


def _worded(state: State, key: int, said: Particulars) -> tuple[Words, bytes]:
    """The words and their hash; made again only where the craft has said something since."""
    held = state.words.get(key)
    if held is not None and held[0] is said:
        return held[1], held[2]
    detail = f"{said.emitter_category or said.ship_type or ''}"
    words = _cut(said.name, 40), _cut(said.callsign, 12), _cut(detail, 64)
    digest = hashlib.blake2b(b"\0".join(words), digest_size=8).digest()
    state.words[key] = (said, words, digest)
    return words, digest


def _cut(text: str, most: int) -> bytes:
    """As many whole signs as fit."""
    return text.encode("utf-8")[:most].decode("utf-8", "ignore").encode("utf-8")


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {name: [[key, *one] for key, one in getattr(state, name).items()] for name in ("told", "waiting")}


def load(plain: Mapping[str, Any]) -> State:
    """Take what ``dump`` gave."""
    told, waiting = ({key: (digest, at) for key, digest, at in plain[name]} for name in ("told", "waiting"))
    return State(told, waiting)
