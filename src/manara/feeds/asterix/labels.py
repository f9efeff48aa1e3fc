"""Names that come with records: told once for each identity, and again when they change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manara.feeds.asterix.plain import icao_char
from manara.kernels import asterix_walk as kernel
from manara.records.particulars import Particulars

PLACES = 4096  # identities remembered per category; one that was forgotten is told again
EMITTERS = {1: "A1", 2: "A2", 3: "A3", 4: "A4", 5: "A5", 6: "A6", 10: "A7", 11: "B1", 12: "B2", 13: "B6", 14: "B7",
            15: "B4", 16: "B3", 20: "C1", 21: "C2", 22: "C3", 23: "C4", 24: "C5"}  # fmt: skip

I8 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labels:
    """What some records say beside the movement, (n,). Zero or -1: not said. ``callsign``: eight six-bit codes."""

    at: I8
    identity: NDArray[np.uint64]
    time_ns: I8
    source: NDArray[np.uint32]
    callsign: I8
    squawk: NDArray[Any]
    emitter: I8


def new_table() -> I8:
    """What has been told of nobody yet."""
    return np.zeros((PLACES, 2), np.int64)


def particulars(labels: Labels, table: I8) -> list[tuple[int, Particulars]]:
    """(place in the bytes, particulars) of those that are new or changed; ``table`` is updated."""
    squawk = labels.squawk.astype(np.int64) + 1
    label = labels.callsign ^ labels.emitter << 48 ^ squawk << 50
    # Which of the three were said is part of the key: records that say different ones take turns.
    said = (labels.callsign > 0) * 1 | (squawk > 0) * 2 | (labels.emitter > 0) * 4
    told = (said > 0) & (labels.identity > 0)
    fresh = np.empty(len(label), np.bool_)
    kernel.changed(np.where(told, labels.identity.astype(np.int64) | said << 52, 0), label, table, fresh)
    return [(int(labels.at[i]), _one(labels, i)) for i in np.flatnonzero(fresh).tolist()]


def _one(labels: Labels, i: int) -> Particulars:
    squawk = int(labels.squawk[i])
    return Particulars(
        identity=int(labels.identity[i]),
        time_ns=int(labels.time_ns[i]),
        source=int(labels.source[i]),
        callsign=callsign(int(labels.callsign[i])),
        squawk=f"{squawk:04o}" if squawk >= 0 else "",
        emitter_category=EMITTERS.get(int(labels.emitter[i]), ""),
    )


def callsign(word: int) -> str:
    """Eight characters of the six-bit alphabet, without the padding.

    >>> callsign(0x3413B1CA0820)
    'MAN12'
    """
    return "".join(icao_char(word >> shift & 63) for shift in range(42, -1, -6)).strip()
