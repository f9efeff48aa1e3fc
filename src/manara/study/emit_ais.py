"""What vessels, stations, aids and distress devices send (AIS), as coast stations hear it.

Intervals are those of ITU-R M.1371-5, annex 1, tables 1 and 2.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Container

import numpy as np

from manara.feeds.ais.encode import sentences
from manara.records.columns import F8, I8
from manara.study.craft import KNOT_MPS, Craft
from manara.study.fleet import Fleet
from manara.study.land import Land
from manara.study.motion import State
from manara.study.names import Names
from manara.study.plane import Plane
from manara.study.radio import Network, Sent, degrees, dice, shaken
from manara.study.scenario import Scenario, start_ns

_EMITTER = 1
STATIC_S = 360.0
STATION_S = 10.0
AID_S = 180.0
_BURST_S, _BURST, _BURST_STEP_S = 60.0, 8, 2.0
_REST_MPS = 3.0 * KNOT_MPS


def interval_s(ais_class: str, at_rest: bool, speed_mps: float, turning: bool) -> float:
    """Seconds between position reports (ITU-R M.1371-5 annex 1, tables 1 and 2).

    >>> interval_s("A", False, 5.0, False), interval_s("A", False, 5.0, True), interval_s("B", False, 5.0, False)
    (10.0, 3.3333333333333335, 30.0)
    """
    knots = speed_mps / KNOT_MPS
    if ais_class == "B":
        return 180.0 if knots <= 2.0 else 30.0
    if at_rest:
        return 180.0 if knots <= 3.0 else 10.0
    if knots <= 14.0:
        return 10.0 / 3.0 if turning else 10.0
    if knots <= 23.0:
        return 2.0 if turning else 6.0
    return 2.0


class AisAir:
    """All AIS transmitters, second by second."""

    def __init__(self, scenario: Scenario, fleet: Fleet, seed: int, wanted: Container[str] | None = None) -> None:
        self._fleet, self._seed = fleet, seed
        self._start_ns = start_ns(scenario)
        self._network = Network.of(scenario, "ais", wanted)
        self._who = fleet.where([c.ais_class in ("A", "B") for c in fleet.craft])
        self._devices = fleet.where([c.ais_class == "S" for c in fleet.craft])
        self._craft = [fleet.craft[int(i)] for i in self._who]
        rng = dice(seed, _EMITTER, -1 % 2**63)
        # All report soon after the start: a picture should not take three minutes to fill.
        self._position_s = rng.uniform(0.0, 12.0, len(self._who))
        self._static_s = rng.uniform(0.5, 25.0, len(self._who))
        self._antenna_m = np.array([4.0 + c.length_m / 10.0 for c in self._craft])
        self._sigma_m = scenario.rates.sigma_position_m
        self._fixed = _fixed(scenario, fleet.land, Names(rng))
        self._sequence = dict.fromkeys(self._network.channels, 0)

    def second(self, k: int) -> list[Sent]:
        """What is heard in [k, k + 1)."""
        if not self._network.receivers:
            return []
        rng = dice(self._seed, _EMITTER, k)
        out = self._positions(k, rng) + self._static(k, rng) + self._distress(k, rng)
        for every, first, stations, msg_type, fields in self._fixed:
            t = first + math.ceil((k - first) / every) * every
            if k <= t < k + 1:
                now = self._clock(t) if msg_type == 4 else {}
                out += self._on_channels(t, stations, msg_type, {**fields, **now})
        return out

    def _positions(self, k: int, rng: np.random.Generator) -> list[Sent]:
        out: list[Sent] = []
        while len(rows := np.flatnonzero(self._position_s < k + 1.0)):
            t = self._position_s[rows].copy()
            craft = self._who[rows]
            # A satellite receiver gives a fix at each full second; the report tells the latest.
            state = self._fleet.motion.at(craft, np.floor(t))
            before = self._fleet.motion.at(craft, np.floor(t) - 30.0)
            turn = np.remainder(state.heading_rad - before.heading_rad + math.pi, 2 * math.pi) - math.pi
            on = self._fleet.exists(craft, t) & ~self._fleet.silent(craft, t)
            best, _ = self._network.hearing(state, self._antenna_m[rows], rng)
            lat, lon = shaken(state, self._sigma_m, rng)
            speed, course = state.speed_mps, state.course_rad
            for i, row in enumerate(rows):
                one = self._craft[int(row)]
                resting = bool(speed[i] < _REST_MPS) and one.at_rest == self._status(one, float(speed[i]))
                turning = abs(turn[i]) > math.radians(5.0)
                every = interval_s(one.ais_class, resting, float(speed[i]), bool(turning))
                self._position_s[row] += every * rng.uniform(0.95, 1.05)
                if on[i] and (best[i] >= 0).any():
                    fields = self._position(one, t[i], lat[i], lon[i], speed[i], course[i], state.heading_rad[i])
                    fields["turn"] = round(math.degrees(turn[i]) * 2.0, 1)
                    out += self._on_channels(float(t[i]), best[i], 1 if one.ais_class == "A" else 18, fields)
        return out

    @staticmethod
    def _status(one: Craft, speed_mps: float) -> int:
        return one.at_rest if speed_mps < 0.25 else one.in_motion

    def _position(
        self, one: Craft, t: float, lat: float, lon: float, speed: float, course: float, heading: float
    ) -> dict[str, object]:
        fields: dict[str, object] = {
            "mmsi": one.mmsi,
            "lat": float(lat),
            "lon": float(lon),
            "accuracy": True,
            "speed": min(float(speed) / KNOT_MPS, 102.2),
            "course": round(degrees(float(course)), 1) % 360.0,
            "heading": round(degrees(float(heading))) % 360,
            "second": int(t) % 60,
        }
        if one.ais_class != "B":
            fields["status"] = self._status(one, float(speed))
        return fields

    def _static(self, k: int, rng: np.random.Generator) -> list[Sent]:
        rows = np.flatnonzero(self._static_s < k + 1.0)
        if not len(rows):
            return []
        t = self._static_s[rows].copy()
        self._static_s[rows] += STATIC_S
        craft = self._who[rows]
        on = self._fleet.exists(craft, t) & ~self._fleet.silent(craft, t)
        state = self._fleet.motion.at(craft, t)
        best, _ = self._network.hearing(state, self._antenna_m[rows], rng)
        out: list[Sent] = []
        for i in np.flatnonzero(on & (best >= 0).any(1)):
            for msg_type, fields in _particulars(self._craft[int(rows[i])]):
                out += self._on_channels(float(t[i]), best[i], msg_type, fields)
        return out

    def _distress(self, k: int, rng: np.random.Generator) -> list[Sent]:
        """Bursts of eight a minute, two seconds apart; every fourth burst has the text twice (M.1371-5 annex 9)."""
        out: list[Sent] = []
        for who in self._devices:
            one = self._fleet.craft[int(who)]
            n, since = divmod(k - int(one.begins_s), int(_BURST_S))
            step = since / _BURST_STEP_S
            if n < 0 or not one.begins_s <= k < one.ends_s or step >= _BURST or step != int(step):
                continue
            state = self._fleet.motion.at(np.array([who]), np.array([float(k)]))
            best, _ = self._network.hearing(state, np.ones(1), rng)
            if (best[0] >= 0).any():
                lat, lon = shaken(state, self._sigma_m, rng)
                text = n % 4 == 0 and int(step) in (4, 5)
                fields = self._position(one, k, lat[0], lon[0], 0.0, state.course_rad[0], state.heading_rad[0])
                fields |= {"heading": None, "turn": None}
                said: dict[str, object] = {"mmsi": one.mmsi, "text": one.text}
                out += self._on_channels(float(k), best[0], 14 if text else 1, said if text else fields)
        return out

    def _on_channels(self, t: float, best: I8, msg_type: int, fields: dict[str, object]) -> list[Sent]:
        heard = [int(i) for i in best if i >= 0]
        wanted, receivers = self._network.wanted, self._network.receivers
        return [self._heard(t, i, msg_type, fields) for i in heard if receivers[i].channel in wanted]

    def _heard(self, t: float, station: int, msg_type: int, fields: dict[str, object]) -> Sent:
        receiver = self._network.receivers[station]
        self._sequence[receiver.channel] += 1
        time_ns = self._start_ns + int(t) * 1_000_000_000
        data = sentences(
            msg_type, fields, time_ns=time_ns, station=receiver.name, sequence=self._sequence[receiver.channel] % 10
        )
        return t, receiver.channel, data

    def _clock(self, t: float) -> dict[str, object]:
        now = dt.datetime.fromtimestamp(self._start_ns // 1_000_000_000 + int(t), dt.UTC)
        parts = ("year", "month", "day", "hour", "minute", "second")
        return {part: getattr(now, part) for part in parts}


def _particulars(one: Craft) -> list[tuple[int, dict[str, object]]]:
    """Type 5 of a class A vessel, both parts of type 24 of a class B one. The IMO number is left out: unknown."""
    size: dict[str, object] = {
        "to_bow": one.length_m // 2,
        "to_stern": one.length_m - one.length_m // 2,
        "to_port": one.beam_m // 2,
        "to_starboard": one.beam_m - one.beam_m // 2,
    }
    name: dict[str, object] = {"mmsi": one.mmsi, "shipname": one.name[:20]}
    if one.ais_class == "B":
        more: dict[str, object] = {"mmsi": one.mmsi, "partno": 1, "ship_type": one.ship_type, "callsign": one.callsign}
        return [(24, {**name, "partno": 0}), (24, {**more, **size})]
    voyage: dict[str, object] = {"draught": one.draught_m, "destination": one.destination[:20], "epfd": 1}
    return [(5, {**name, **size, **voyage, "callsign": one.callsign, "ship_type": one.ship_type})]


def _fixed(scenario: Scenario, land: Land, names: Names) -> list[tuple[float, float, I8, int, dict[str, object]]]:
    """What stands still: (every, first, stations that hear it, type, fields) of base stations (4) and aids (21)."""
    network, plane = Network.of(scenario, "ais"), Plane.at(scenario.lat_deg, scenario.lon_deg)
    mid = {p.name: p.mid for p in scenario.partner}
    out: list[tuple[float, float, I8, int, dict[str, object]]] = []
    for i, (receiver, site) in enumerate(zip(network.receivers, network.sites, strict=True)):
        fields = _stand(site.lat_rad, site.lon_rad, mid[receiver.partner] * 10_000 + i + 1)
        out.append((STATION_S, 0.3 + 1.3 * i, np.array([i]), 4, {**fields, "epfd": 1}))
    islets = [one for one in land.islands if not one.partner]
    for i, islet in enumerate(islets if network.receivers else []):
        lat, lon = (float(v) for v in plane.lla(np.array(islet.x_m), np.array(islet.y_m)))
        best, near = _hearing(network, lat, lon)
        station = int(best[near.argmin()])
        if station >= 0:
            serial = 990_000_000 + mid[network.receivers[station].partner] * 10_000 + 1001 + i
            fields = {**_stand(lat, lon, serial), "aid_type": 5, "name": f"{names.ship()[:12]} LIGHT", "epfd": 7}
            out.append((AID_S, 2.0 + 0.7 * i, best, 21, fields))
    return out


def _stand(lat_rad: float, lon_rad: float, mmsi: int) -> dict[str, object]:
    return {"mmsi": mmsi, "lat": math.degrees(lat_rad), "lon": math.degrees(lon_rad), "accuracy": True}


def _hearing(network: Network, lat_rad: float, lon_rad: float) -> tuple[I8, F8]:
    """For each channel the station that hears a light of 30 m there best, or -1, and its range."""
    zero: F8 = np.zeros(1)
    state = State(np.array([lat_rad]), np.array([lon_rad]), zero, zero, zero, zero, zero)
    best, near = network.hearing(state, np.array([30.0]), dice(0, 0, 0))
    return best[0], near[0]
