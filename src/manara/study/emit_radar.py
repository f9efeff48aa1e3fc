"""What rotating radars see, sector by sector: CAT048 and CAT034 for the air, CAT010 for the sea.

A craft is measured when the antenna points at it, at that very time; its plot leaves with the sector in which it lies.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from manara.feeds.asterix import encode
from manara.records.columns import F8, I8
from manara.study.craft import FT_M
from manara.study.fleet import Fleet
from manara.study.motion import State
from manara.study.plane import ecef_m, horizon_m
from manara.study.radio import Sent, dice, site_of
from manara.study.scenario import Radar, Scenario, start_ns

EDITIONS = {"010": "1.1", "034": "1.29", "048": "1.31"}
NM_M = 1852.0
DATAGRAM_RECORDS = 40  # keeps a datagram below 1,400 bytes
_EMITTER = 8
_GROUND_M = 20.0
_DAY_S = 86_400


class RadarAir:
    """One radar, second by second."""

    def __init__(self, scenario: Scenario, fleet: Fleet, seed: int, number: int) -> None:
        self.radar: Radar = scenario.radar[number]
        self._fleet, self._seed, self._emitter = fleet, seed, _EMITTER + number
        self._site = site_of(scenario, self.radar)
        self._midnight_s = start_ns(scenario) // 1_000_000_000 % _DAY_S + start_ns(scenario) % 1_000_000_000 / 1e9
        self._air = self.radar.domain == "air"
        seen = [c.flies if self._air else not c.flies and c.sort != "distress" for c in fleet.craft]
        self._who = fleet.where(seen)
        self._phase = 0.37 * number % 1.0
        self._waiting: list[tuple[float, bytes]] = []
        length = np.array([fleet.craft[int(i)].length_m for i in self._who])
        self._mast_m = 0.0 * length if self._air else 3.0 + length / 12.0
        # Small boats in a seaway are seen less often: a 15 m boat half as well as a ship.
        self._echo = np.ones(len(length)) if self._air else np.clip(length / 30.0, 0.25, 1.0)
        self._answers = np.array([fleet.craft[int(i)].icao > 0 for i in self._who], dtype=bool)

    def second(self, k: int, now: State, then: State) -> list[Sent]:
        """Datagrams of [k, k + 1); the states are those of the whole fleet at both ends."""
        rng = dice(self._seed, self._emitter, k)
        rows, times = self._hits(k, now, then)
        self._waiting += self._plots(rows, times, rng) + self._clutter(k, rng)
        self._waiting.sort(key=lambda plot: plot[0])
        return self._sectors(k)

    def sees(self, state: State) -> Any:
        """Whether craft in these states are within the radar's primary range and above its horizon."""
        slant, _ = self._site.polar(ecef_m(state.lat_rad, state.lon_rad, state.alt_m))
        reach = self.radar.primary_range_km if self._air else self.radar.range_km
        return (slant < reach * 1000) & (slant < horizon_m(self.radar.height_m, state.alt_m))

    def turns(self, t_s: float) -> float:
        """How many turns the antenna has made: it points north where this is whole."""
        return t_s / self.radar.period_s + self._phase

    def _hits(self, k: int, now: State, then: State) -> tuple[I8, F8]:
        """Who is passed by the beam in this second, and when: a linear azimuth is exact enough for a second."""
        place = [ecef_m(s.lat_rad[self._who], s.lon_rad[self._who], s.alt_m[self._who]) for s in (now, then)]
        first, last = (self._site.polar(p)[1] for p in place)
        moved = np.remainder(last - first + math.pi, 2 * math.pi) - math.pi
        begin = self.turns(k) - first / (2 * math.pi)
        end = self.turns(k + 1) - (first + moved) / (2 * math.pi)
        rows = np.flatnonzero(np.floor(end) > np.floor(begin))
        share = (np.floor(begin[rows]) + 1.0 - begin[rows]) / (end[rows] - begin[rows])
        return rows, k + share

    def _plots(self, rows: I8, times: F8, rng: np.random.Generator) -> list[tuple[float, bytes]]:
        radar, craft = self.radar, self._who[rows]
        state = self._fleet.motion.at(craft, times)
        slant, azimuth = self._site.polar(ecef_m(state.lat_rad, state.lon_rad, state.alt_m))
        chance = rng.random((2, len(rows)))
        noise = rng.normal(size=(2, len(rows)))
        there = self._fleet.exists(craft, times) & (slant < radar.range_km * 1000)
        there &= slant < horizon_m(radar.height_m, state.alt_m + self._mast_m[rows])
        if self._air:
            there &= state.alt_m > _GROUND_M
        echo = there & (slant < radar.primary_range_km * 1000) if self._air else there
        echo &= chance[0] < radar.primary_probability * self._echo[rows]
        answer = there & self._answers[rows] & ~self._fleet.silent(craft, times) & self._air
        answer &= chance[1] < radar.secondary_probability
        slant = slant + noise[0] * radar.sigma_range_m
        azimuth = azimuth + noise[1] * math.radians(radar.sigma_azimuth_deg)
        out = []
        for i in np.flatnonzero(echo | answer):
            t, r, a = float(times[i]), float(slant[i]), float(azimuth[i])
            told = self._answer(int(craft[i]), t, float(state.alt_m[i])) if answer[i] else {}
            out.append((t, self._record(t, r, a, bool(echo[i]), told)))
        return out

    def _answer(self, craft: int, t: float, alt_m: float) -> dict[str, Any]:
        """What the transponder says when asked."""
        who = self._fleet.craft[craft]
        urgent = who.emergency_s is not None and who.emergency_s[0] <= t < who.emergency_s[1]
        return {
            "070": {"V": 0, "G": 0, "L": 0, "MODE3A": "7700" if urgent else who.squawk},
            "090": {"V": 0, "G": 0, "FL": round(alt_m / FT_M / 25.0) / 4.0},
            "220": who.icao,
            "240": who.callsign,
        }

    def _clutter(self, k: int, rng: np.random.Generator) -> list[tuple[float, bytes]]:
        """False plots, uniform over time and over the inner half of the range's area."""
        radar = self.radar
        n = int(rng.poisson(radar.clutter_per_turn / radar.period_s))
        times, area = k + rng.random(n), rng.random(n)
        reach = 0.5 * (radar.primary_range_km if self._air else radar.range_km) * 1000.0
        found = zip(times, reach * np.sqrt(area), strict=True)
        return [(float(t), self._record(t, float(r), 2 * math.pi * self.turns(t), True, {})) for t, r in found]

    def _record(self, t: float, range_m: float, azimuth_rad: float, echo: bool, told: dict[str, Any]) -> bytes:
        theta = math.degrees(azimuth_rad) % 360.0
        theta = 0.0 if theta > 359.997 else theta  # would round up to a full turn
        sender = {"SAC": self.radar.sac, "SIC": self.radar.sic}
        if not self._air:
            rho = min(max(range_m, 0.0), 65_535.0)
            fields: dict[str, Any] = {"010": sender, "000": 1, "020": {"TYP": 3}, "140": self.clock_s(t)}
            return encode.record(10, EDITIONS["010"], {**fields, "040": {"RHO": rho, "TH": theta}})
        polar = {"RHO": min(max(range_m, 0.0) / NM_M, 255.99), "THETA": theta}
        kind = (7 if echo else 5) if told else 1
        items = {"010": sender, "140": self.clock_s(t), "020": {"TYP": kind}, "040": polar, **told}
        return encode.record(48, EDITIONS["048"], items)

    def clock_s(self, t_s: float) -> float:
        """Seconds since UTC midnight at a time of the world, as the wire can carry it."""
        return min((self._midnight_s + t_s) % _DAY_S, _DAY_S - 1 / 128)

    def _sectors(self, k: int) -> list[Sent]:
        """A datagram for each sector that ends in this second: its service record, then its plots."""
        radar, out = self.radar, []
        n = math.ceil(self.turns(k) * radar.sectors - 1e-9)
        while (t := (n / radar.sectors - self._phase) * radar.period_s) < k + 1:
            if t >= k:
                ripe = [data for when, data in self._waiting if when < t]
                self._waiting = self._waiting[len(ripe) :]
                out += [(t, radar.channel, data) for data in self._datagrams(n % radar.sectors, t, ripe)]
            n += 1
        return out

    def _datagrams(self, sector: int, t: float, plots: list[bytes]) -> list[bytes]:
        service = self._service(sector, t)
        first = encode.block(34, [service]) if self._air else b""
        category = 48 if self._air else 10
        plots = plots if self._air or not service else [service, *plots]
        blocks = [
            encode.block(category, plots[i : i + DATAGRAM_RECORDS]) for i in range(0, len(plots), DATAGRAM_RECORDS)
        ]
        if not blocks:
            return [first] if first else []
        return [first + blocks[0], *blocks[1:]]

    def _service(self, sector: int, t: float) -> bytes:
        """A north mark or a sector crossing of the air radar; of the coast radar a new turn, else nothing."""
        sender = {"SAC": self.radar.sac, "SIC": self.radar.sic}
        if self._air:
            mark: dict[str, Any] = {"010": sender, "000": 2 if sector else 1, "030": self.clock_s(t)}
            at = {"020": 360.0 * sector / self.radar.sectors}
            return encode.record(34, EDITIONS["034"], {**mark, **at, "041": self.radar.period_s})
        if sector:
            return b""
        return encode.record(10, EDITIONS["010"], {"010": sender, "000": 2, "140": self.clock_s(t)})
