"""What aircraft broadcast (ADS-B, Mode S extended squitter), as receivers put it into Beast streams."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from manara.feeds.adsb import encode
from manara.records.columns import F8, I8
from manara.study.craft import FT_M, KNOT_MPS
from manara.study.fleet import Fleet
from manara.study.motion import State
from manara.study.radio import Network, Sent, dice, shaken
from manara.study.scenario import Scenario, start_ns

_EMITTER = 2
_GROUND_M = 20.0  # below it the transponder is taken to be silent
_ALL_CLEAR_S = 60.0  # so long after an emergency the status is still sent, now without it
_POSITION, _VELOCITY, _NAME, _STATUS = range(4)


def gps_ticks(time_ns: int) -> int:
    """A receiver's time stamp set by satellite: second of the UTC day (18 bits), nanosecond (30 bits). Beside radars,
    whose plots carry their own time, a world that runs twenty times as fast needs it: on a time of receipt that is a
    tenth of a second late an airliner would stand half a kilometre from its plot.

    >>> gps_ticks(5_000_000_007) >> 30, gps_ticks(5_000_000_007) & 0x3FFFFFFF
    (5, 7)
    """
    second, ns = divmod(time_ns, 1_000_000_000)
    return second % 86_400 << 30 | ns


class AdsbAir:
    """All transponders with extended squitter, second by second."""

    def __init__(self, scenario: Scenario, fleet: Fleet, seed: int, wanted: Container[str] | None = None) -> None:
        self._fleet, self._seed = fleet, seed
        self._network = Network.of(scenario, "adsb", wanted)
        self._start_ns = start_ns(scenario)
        self._who = fleet.where([c.flies and c.icao > 0 for c in fleet.craft])
        rates = scenario.rates
        self._every_s = (rates.adsb_position_s, rates.adsb_velocity_s, rates.adsb_identification_s, rates.adsb_status_s)
        urgent = [fleet.craft[int(i)].emergency_s for i in self._who]
        self._urgent = np.array([span or (np.inf, np.inf) for span in urgent]).reshape(-1, 2)
        rng = dice(seed, _EMITTER, -1 % 2**63)
        self._due_s = [rng.uniform(0.0, every, len(self._who)) for every in self._every_s]
        self._due_s[_STATUS][~np.isfinite(self._urgent[:, 0])] = np.inf
        self._odd = np.zeros(len(self._who), dtype=bool)
        self._sigma_m = rates.sigma_position_m

    def second(self, k: int) -> list[Sent]:
        """What is received in [k, k + 1)."""
        rng = dice(self._seed, _EMITTER, k)
        rows, kinds, times = self._due(k + 1.0, rng)
        if len(rows) == 0 or not self._network.receivers:
            return []
        craft = self._who[rows]
        state = self._fleet.motion.at(craft, times)
        best, near = self._network.hearing(state, np.zeros(len(rows)), rng)
        on = self._fleet.exists(craft, times) & ~self._fleet.silent(craft, times) & (state.alt_m > _GROUND_M)
        lat, lon = shaken(state, self._sigma_m, rng)
        out: list[Sent] = []
        for i in np.flatnonzero(on & (best >= 0).any(1)):
            for frame in self._frames(int(rows[i]), int(kinds[i]), float(times[i]), state, int(i), lat, lon):
                out += self._received(float(times[i]), frame, best[i], near[i])
        return out

    def _due(self, end_s: float, rng: np.random.Generator) -> tuple[I8, I8, F8]:
        """Rows, kinds and times of all transmissions before ``end_s``; each interval is shaken by a tenth."""
        rows, kinds, times = [], [], []
        for kind, due in enumerate(self._due_s):
            while len(now := np.flatnonzero(due < end_s)):
                rows.append(now)
                kinds.append(np.full(len(now), kind))
                times.append(due[now])
                due[now] += self._every_s[kind] * rng.uniform(0.9, 1.1, len(now))
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        return np.concatenate(rows), np.concatenate(kinds), np.concatenate(times)

    def _frames(self, row: int, kind: int, t: float, state: State, i: int, lat: F8, lon: F8) -> list[bytes]:
        who = self._fleet.craft[int(self._who[row])]
        if kind == _POSITION:
            self._odd[row] = not self._odd[row]
            alt_ft = float(state.alt_m[i]) / FT_M
            return [encode.position_frame(who.icao, float(lat[i]), float(lon[i]), alt_ft, bool(self._odd[row]))]
        if kind == _VELOCITY:
            east, north = float(state.ve_mps[i]) / KNOT_MPS, float(state.vn_mps[i]) / KNOT_MPS
            return [encode.velocity_frame(who.icao, east, north, float(state.vu_mps[i]) / FT_M * 60.0)]
        if kind == _NAME:
            name = encode.identification_frame(who.icao, who.callsign, who.category)
            # Four metres per axis are within NACp 10: 95 % within 10 m.
            return [name, encode.accuracy_frame(who.icao, nacp=10)]
        begins, ends = self._urgent[row]
        if not begins <= t < ends + _ALL_CLEAR_S:
            return []
        urgent = t < ends
        return [encode.status_frame(who.icao, "7700" if urgent else who.squawk, int(urgent))]

    def _received(self, t: float, frame: bytes, best: I8, near: F8) -> list[Sent]:
        """The frame on each channel that has a receiver in reach; the signal falls with the range."""
        ticks = gps_ticks(self._start_ns + int(t * 1e9))
        return [
            (t, channel, encode.beast(frame, ticks, int(np.clip(250.0 - near[j] / 2000.0, 10.0, 250.0))))
            for j, channel in enumerate(self._network.channels)
            if best[j] >= 0 and channel in self._network.wanted
        ]
