"""What stands beside a symbol: a small number for each track id, and the words that rarely change."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from manara.records import identity
from manara.records.inputs import Views
from manara.records.particulars import Particulars


class Label(NamedTuple):
    """One row of a labels frame, in the order of the wire. ``track_id`` as text: JSON numbers end at 2**53."""

    slot: int
    track_id: str
    number: int
    identity: str
    name: str
    callsign: str
    flags: int


class _Kept(NamedTuple):
    """A label with what it was made of, so that an unchanged track costs one comparison."""

    made_of: tuple[int, int, int, Particulars | None]
    label: Label
    changed: int


class Labels:
    """Slots of the living tracks and their labels; each change is stamped with the sequence that brought it.

    A slot names one track id for as long as the track lives and is not given again before 2**32 tracks have been.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._next = 1
        self.sequence = -1

    def advance(self, views: Views) -> NDArray[np.uint32]:
        """Take a step's views; the slots of its tracks, row by row."""
        tracks, before = views.tracks, self._kept
        said = views.particulars.get
        columns = (tracks.track_id.tolist(), tracks.number.tolist(), tracks.identity.tolist(), tracks.flags.tolist())
        self._kept = {}
        for track_id, number, who, flags in zip(*columns, strict=True):
            made_of = (number, who, flags, said(who) if who else None)
            old = before.get(track_id)
            if old is None or not _same(old.made_of, made_of):
                old = self._kept_anew(old, track_id, made_of, views.sequence)
            self._kept[track_id] = old
        self.sequence = views.sequence
        return np.fromiter((kept.label.slot for kept in self._kept.values()), np.uint32, len(self._kept))

    def since(self, sequence: int) -> list[Label]:
        """The labels that changed after a step; -1: all."""
        return [kept.label for kept in self._kept.values() if kept.changed > sequence]

    def _kept_anew(self, old: _Kept | None, track_id: int, made_of: tuple[Any, ...], sequence: int) -> _Kept:
        number, who, flags, said = made_of
        name, callsign = (said.name, said.callsign) if said else ("", "")
        slot = old.label.slot if old else self._slot()
        label = Label(slot, str(track_id), number, identity.text(who) if who else "", name, callsign, flags)
        return _Kept(made_of, label, old.changed if old and old.label == label else sequence)

    def _slot(self) -> int:
        slot = self._next
        self._next = slot + 1 & 0xFFFFFFFF or 1
        return slot


def _same(old: tuple[Any, ...], new: tuple[Any, ...]) -> bool:
    return old[3] is new[3] and old[:3] == new[:3]
