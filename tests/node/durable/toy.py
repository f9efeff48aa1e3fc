"""A small deterministic machine with nasty habits, for the tests of durable: it changes its state in place, raises
on one input, dies on another, and its whole history can be read off its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from manara.node.durable.frames import About
from manara.node.durable.recovery import Machine
from manara.records.inputs import Away, Chunk, Input, Send, Skip, Stepped, Views

ABOUT = About("build-a", "2.36", "a cpu", "0.68")
SECOND = 1_000_000_000


class Killed(SystemExit):
    """The process ended inside the step (a library aborted): nothing catches it."""


@dataclass
class State:
    """What the machine has seen, in order: b"..." of chunks, "skip", "jump", and ticks counted."""

    seen: list[str]
    ticks: np.ndarray
    now_ns: int = 0


def step(state: State, inputs: tuple[Input, ...], now_ns: int) -> Stepped[State]:
    state.ticks[0] += 1
    state.now_ns = now_ns
    inputs = tuple(one for one in inputs if not isinstance(one, Away))  # it does not count how often it was opened
    for one in inputs:
        word = one.data.decode() if isinstance(one, Chunk) else type(one).__name__.lower()
        state.seen.append(word)
        if word.startswith("poison"):
            raise ValueError(f"cannot stomach {word}")
        if word.startswith("killer"):
            raise Killed(word)
    effects = tuple(Send(0, "exit", word.encode()) for word in state.seen[-len(inputs) :] if inputs)
    return Stepped(state, effects, Views(now_ns=now_ns))


def dump(state: State) -> dict[str, Any]:
    return {"seen": state.seen, "ticks": state.ticks, "now_ns": state.now_ns}


def load(plain: dict[str, Any]) -> State:
    return State(list(plain["seen"]), plain["ticks"], plain["now_ns"])


def machine() -> Machine[State]:
    return Machine(lambda: State([], np.zeros(1, np.int64)), step, dump, load)


def chunk(word: str, feed: int = 1) -> Chunk:
    return Chunk(feed, word.encode(), 0)


def skip_word() -> str:
    return Skip.__name__.lower()
