"""Which sensors measure now, and which bits of ``Tracks.sources`` are theirs."""

from __future__ import annotations

from collections.abc import Sequence

from manara.records.sensors import Sensor
from manara.tracking import sites
from manara.tracking.stage import State

SILENT_PERIODS, SILENT_LEAST_S = 3.0, 10.0  # a sensor that gave no plot for longer does not watch


def watching(state: State, sources: Sequence[int], now_ns: int) -> tuple[tuple[Sensor, ...], int]:
    """Sensors of the sensors file whose plots came of late, each once, and the slots of all that ever measured.
    ``sources``: slot -> source, as the outbox has them. A sensor with nothing in view does not count as watching: that
    it would have seen something cannot be told from its being off.

    >>> from manara.tracking import stage
    >>> watching(stage.init(capacity=16), (), 0)
    ((), 0)
    """
    there: dict[str, Sensor] = {}
    slots = 0
    for slot, source in enumerate(sources[:63]):
        row = state.row_of.get(source, 0)
        sensor = sites.match(source, state.sensors, state.feeds) if row else None
        if sensor is None:
            continue
        slots |= 1 << slot
        silent_s = (now_ns - int(state.seen_ns[row])) * 1e-9
        if silent_s <= max(SILENT_PERIODS * sensor.period_s, SILENT_LEAST_S):
            there[sensor.name] = sensor
    return tuple(there.values()), slots
