"""Who hears whom: receivers on hills, the horizon, and what is lost on the way."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manara.records.columns import F8, I8
from manara.study.motion import State
from manara.study.plane import Plane, Site, ecef_m, horizon_m
from manara.study.scenario import Radar, Receiver, Scenario

Sent = tuple[float, str, bytes]  # seconds since the world began, channel, bytes


def site_of(scenario: Scenario, sensor: Radar | Receiver) -> Site:
    """Where a radar or receiver of the scenario stands."""
    home = next(p for p in scenario.partner if p.name == sensor.partner)
    plane = Plane.at(scenario.lat_deg, scenario.lon_deg)
    x, y = (home.east_km + sensor.east_km) * 1000, (home.north_km + sensor.north_km) * 1000
    lat, lon = plane.lla(np.array(x), np.array(y))
    return Site.at(float(lat), float(lon), sensor.height_m)


def dice(seed: int, emitter: int, second: int) -> np.random.Generator:
    """Chance of one emitter in one second: the same however the world is advanced."""
    return np.random.Generator(np.random.Philox(key=[seed * 64 + emitter, second]))


@dataclass(frozen=True, eq=False)
class Network:
    """Some receivers of one kind."""

    receivers: tuple[Receiver, ...]
    sites: tuple[Site, ...]
    wanted: Container[str]  # channels that somebody listens to

    @classmethod
    def of(cls, scenario: Scenario, kind: str, wanted: Container[str] | None = None) -> Network:
        """All receivers of that kind in the scenario. All of them hear, whether anybody listens or not: what one
        channel carries does not depend on who listens to another."""
        chosen = tuple(r for r in scenario.receiver if r.kind == kind)
        everything = {r.channel for r in chosen}
        return cls(chosen, tuple(site_of(scenario, r) for r in chosen), everything if wanted is None else wanted)

    def hearing(self, state: State, antenna_m: F8, rng: np.random.Generator) -> tuple[I8, F8]:
        """For each sender the receiver on each channel that hears it best: (n, channels) receiver or -1, its range.

        A receiver hears what is above its horizon and within its range, but for the share that it loses.
        """
        where = ecef_m(state.lat_rad, state.lon_rad, state.alt_m)
        channels = self.channels
        best = np.full((len(where), len(channels)), -1, dtype=np.int64)
        near = np.full((len(where), len(channels)), np.inf)
        for i, (receiver, site) in enumerate(zip(self.receivers, self.sites, strict=True)):
            away = where - site.ecef
            far = np.sqrt((away * away).sum(1))
            reach = np.minimum(horizon_m(receiver.height_m, state.alt_m + antenna_m), receiver.range_km * 1000)
            heard = (far < reach) & (rng.random(len(far)) >= receiver.loss)
            j = channels.index(receiver.channel)
            closer = heard & (far < near[:, j])
            best[closer, j], near[closer, j] = i, far[closer]
        return best, near

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Channels that the receivers feed, in the scenario's order."""
        return tuple(dict.fromkeys(r.channel for r in self.receivers))


def shaken(state: State, sigma_m: float, rng: np.random.Generator) -> tuple[F8, F8]:
    """Latitude and longitude in degrees as a satellite receiver with that error per axis would give them."""
    east, north = rng.normal(size=(2, len(state.lat_rad))) * sigma_m
    lat = state.lat_rad + north / 6_371_000.0
    lon = state.lon_rad + east / (6_371_000.0 * np.cos(state.lat_rad))
    return np.degrees(lat), np.mod(np.degrees(lon) + 180.0, 360.0) - 180.0


def degrees(angle_rad: float) -> float:
    """Degrees in [0, 360)."""
    return math.degrees(angle_rad) % 360.0
