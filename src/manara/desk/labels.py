"""What stands beside a symbol: a small number for each track id, and the words that rarely change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from manara.records import identity
from manara.records.inputs import Views


class Label(NamedTuple):
    """One row of a labels frame, in the order of the wire. ``track_id`` as text: JSON numbers end at 2**53."""

    slot: int
    track_id: str
    number: int
    identity: str
    name: str
    callsign: str
    flags: int


class Labels:
    """Slots of the living tracks and their labels; each change is stamped with the sequence that brought it.

    A slot names one track id for as long as the track lives and is not given again before 2**32 tracks have been.
    """

    def __init__(self) -> None:
        self._rows: dict[int, Label] = {}
        self._changed: dict[int, int] = {}
        self._next = 1
        self.sequence = -1

    def advance(self, views: Views) -> NDArray[np.uint32]:
        """Take a step's views; the slots of its tracks, row by row."""
        tracks = views.tracks
        before, stamps = self._rows, self._changed
        self._rows, self._changed = {}, {}
        columns = (tracks.track_id.tolist(), tracks.number.tolist(), tracks.identity.tolist(), tracks.flags.tolist())
        for track_id, number, who, flags in zip(*columns, strict=True):
            old = before.get(track_id)
            new = self._label(views, old, track_id, number, who, flags)
            self._rows[track_id] = new
            self._changed[track_id] = stamps[track_id] if new == old else views.sequence
        self.sequence = views.sequence
        return np.fromiter((row.slot for row in self._rows.values()), np.uint32, len(self._rows))

    def since(self, sequence: int) -> list[Label]:
        """The labels that changed after a step; -1: all."""
        return [row for key, row in self._rows.items() if self._changed[key] > sequence]

    def _label(self, views: Views, old: Label | None, track_id: int, number: int, who: int, flags: int) -> Label:
        said = views.particulars.get(who) if who else None
        name, callsign = (said.name, said.callsign) if said else ("", "")
        if old and old[2] == number and old[4:] == (name, callsign, flags) and old.identity == _text(who):
            return old
        return Label(old.slot if old else self._slot(), str(track_id), number, _text(who), name, callsign, flags)

    def _slot(self) -> int:
        slot = self._next
        self._next = slot + 1 & 0xFFFFFFFF or 1
        return slot


def _text(who: int) -> str:
    return identity.text(who) if who else ""
