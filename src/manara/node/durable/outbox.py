"""The outbox: effects wait here from the step that made them until the host says that they are done.

An effect's id follows from its step and its place in it, so a repeated step gives the same ids and a receiver
recognises a repeat. What was done is written down lazily: after a crash an effect may leave a second time (with its
id), never not at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from manara.node.durable.disk import Disk
from manara.records.inputs import Effect, Send

NAME = "outbox.mno"
MAX_EFFECTS = 65_536
MAX_BYTES = 64 << 20
PER_STEP = 1 << 20


class _Done(msgspec.Struct, frozen=True):
    """Every effect up to ``through`` is done, and these beyond it."""

    through: int
    beyond: tuple[int, ...]


class _Kept(msgspec.Struct, frozen=True):
    """The outbox in a snapshot."""

    highest: int
    waiting: tuple[Effect, ...]


def effect_id(sequence: int, index: int) -> int:
    """Id of effect number ``index`` of the step ``sequence``; ascending in both.

    >>> effect_id(1, 0), effect_id(1, 1) < effect_id(2, 0)
    (1048576, True)
    """
    if not 0 <= index < PER_STEP:
        raise ValueError(f"a step has at most {PER_STEP} effects")
    return sequence * PER_STEP + index


class Outbox:
    """Effects that are not done. Pictures to exits are bounded: when full the oldest is dropped and counted in
    ``dropped``. Everything else is owed to somebody and never dropped: the host performs it before the next step.

    ``through``: what the host knows to be done up to this id, whatever the file says."""

    def __init__(self, max_effects: int = MAX_EFFECTS, max_bytes: int = MAX_BYTES, through: int = 0) -> None:
        self._known = through
        self._sends: dict[int, int] = {}  # id -> bytes
        self._waiting: dict[int, Effect] = {}
        self._unsent: list[Effect] = []
        self._beyond: set[int] = set()
        self._through = 0
        self._highest = 0
        self._bytes = 0
        self._max_effects, self._max_bytes = max_effects, max_bytes
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, sequence: int, effects: tuple[Effect, ...]) -> None:
        """Take what a step made, under its ids; what an earlier run of the same step made is known and left out."""
        for index, effect in enumerate(effects):
            self._add(msgspec.structs.replace(effect, effect_id=effect_id(sequence, index)))

    def take(self) -> tuple[Effect, ...]:
        """What is to be sent now; each effect once per process."""
        unsent, self._unsent = self._unsent, []
        return tuple(one for one in unsent if one.effect_id in self._waiting)

    def waiting(self) -> tuple[Effect, ...]:
        """All that is not done, oldest first."""
        return tuple(self._waiting.values())

    def done(self, effect_ids: Iterable[int]) -> None:
        """The host has sent these (or given them up): they are not sent again. Unknown ids are passed over."""
        for one in effect_ids:
            if self._forget(one):
                self._beyond.add(one)
        self._through = next(iter(self._waiting)) - 1 if self._waiting else self._highest
        self._beyond = {one for one in self._beyond if one > self._through}

    def write(self, disk: Disk) -> None:
        """Write down what is done."""
        disk.write_whole(NAME, msgspec.msgpack.encode(_Done(self._through, tuple(sorted(self._beyond)))))

    def read(self, disk: Disk) -> None:
        """Take up what was done. A file that cannot be read means repeats, no more."""
        self._through = self._known
        if NAME not in disk.names():
            return
        try:
            done = msgspec.msgpack.decode(disk.read(NAME, 0, disk.size(NAME)), type=_Done)
        except msgspec.MsgspecError:
            return
        self._through, self._beyond = max(done.through, self._known), set(done.beyond)

    def dump(self) -> Any:
        """For a snapshot, as plain values."""
        return msgspec.to_builtins(_Kept(self._highest, self.waiting()), builtin_types=(bytes,))

    def begin(self, kept: Any) -> None:
        """Take up what a snapshot kept (None: nothing), before the records behind it are run."""
        if kept is None:
            return
        kept = msgspec.convert(kept, _Kept)
        for effect in kept.waiting:
            self._add(effect)
        self._highest = max(self._highest, kept.highest)

    def _add(self, effect: Effect) -> None:
        one = effect.effect_id
        if one <= self._highest:
            return
        self._highest = one
        if one <= self._through or one in self._beyond:
            return
        self._waiting[one] = effect
        self._unsent.append(effect)
        if isinstance(effect, Send):
            self._sends[one] = len(effect.data)
            self._bytes += len(effect.data)
        while len(self._sends) > self._max_effects or self._bytes > self._max_bytes:
            self._forget(next(iter(self._sends)))
            self.dropped += 1

    def _forget(self, one: int) -> bool:
        if self._waiting.pop(one, None) is None:
            return False
        self._bytes -= self._sends.pop(one, 0)
        return True
