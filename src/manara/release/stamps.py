"""Stamps by which promised times are measured: what rides in the frames of an agreement that asks for it.

A frame's subject may hold ``{"first":[…],"heard":[…],"more":…}``: since when the tracks waited whose first row it
brings, and the hashes of statements of the recipient that the releaser took since. With them both sides have the same
signed stamps: of the releaser's ticks, of the recipient's statements, and of when those came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import rfc8785

from manara.release.statements import Receipt, Refusal, Sha256, read, statement_sha256

HEARD_MAX = 64  # in one frame; more wait for the next
WAITING_MAX = 1_024
Times = Annotated[
    tuple[Annotated[str, msgspec.Meta(pattern=r"\A(0|[1-9][0-9]{0,18})\Z")], ...], msgspec.Meta(max_length=256)
]


class Stamps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a frame's subject says of times."""

    first: Times = ()
    heard: Annotated[tuple[Sha256, ...], msgspec.Meta(max_length=256)] = ()
    more: Annotated[int, msgspec.Meta(ge=0, le=1 << 31)] = 0  # first rows that are not measured


class Alarm(msgspec.Struct, frozen=True, array_like=True):
    """An entry of a partner's stream that warns, and of what: our areas and the hazards."""

    place: int
    of: tuple[tuple[str, int], ...]


@dataclass
class State:
    """``heard``: hashes that each recipient is still to be told of. ``alarms``: by partners' streams, what warned us
    and nobody has taken yet."""

    heard: dict[str, list[str]] = field(default_factory=dict)
    alarms: dict[str, tuple[Alarm, ...]] = field(default_factory=dict)


def init() -> State:
    """Nothing was heard."""
    return State()


def hear(state: State, partner: str, sha256: str) -> None:
    """A statement of this partner was taken."""
    waiting = state.heard.setdefault(partner, [])
    waiting.append(sha256)
    del waiting[:-WAITING_MAX]


def hear_envelope(state: State, partner: str, envelope: bytes) -> None:
    """The same, of an envelope; one that cannot be read, or bears no stamp, is passed over."""
    taken = read(envelope)
    if not isinstance(taken, Refusal) and isinstance(taken[1], Receipt) and taken[1].time_ns:
        hear(state, partner, statement_sha256(taken[0].statement.encode("utf-8")))


def subject(state: State, partner: str, firsts: tuple[tuple[int, ...], int]) -> str:
    """What the next frame to this partner says; "" for nothing. It counts as said."""
    waiting = state.heard.get(partner, [])
    said, state.heard[partner] = waiting[:HEARD_MAX], waiting[HEARD_MAX:]
    if not state.heard[partner]:
        del state.heard[partner]
    made = Stamps(first=tuple(map(str, firsts[0])), heard=tuple(said), more=firsts[1])
    return rfc8785.dumps(msgspec.to_builtins(made)).decode() if made != Stamps() else ""


def parse(text: str) -> Stamps:
    """What a frame's subject says; nothing where it speaks of something else.

    >>> parse('{"first":["12"]}').first, parse("warming") == Stamps()
    (('12',), True)
    """
    if not text.startswith("{"):
        return Stamps()
    try:
        return msgspec.json.decode(text, type=Stamps)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Stamps()


def dump(state: State) -> dict[str, Any]:
    """Plain values."""
    return {
        "heard": {partner: list(some) for partner, some in state.heard.items()},
        "alarms": {stream: msgspec.to_builtins(some) for stream, some in state.alarms.items()},
    }


def load(plain: dict[str, Any]) -> State:
    """Take what ``dump`` gave."""
    return State(
        heard={partner: list(some) for partner, some in plain["heard"].items()},
        alarms={stream: msgspec.convert(some, tuple[Alarm, ...]) for stream, some in plain["alarms"].items()},
    )
