"""The simulated world: truth, sensors and the bytes that they emit. There is no second world.

::

    scenario ─▶ land ─▶ lanes ─▶ fleet (sea, air, scripts) ─▶ motion ─▶ truth
                                                              motion ─▶ emit_ais │ emit_adsb │ emit_radar ─▶ bytes

It has no clock: ``advance`` is told how far. Positions are formulae of the time and chance is drawn per second and
emitter, so the same scenario and seed give the same bytes however the calls are cut.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass

import msgspec
import numpy as np

from manara.records.columns import F8, I4, U1, U8, Table, column
from manara.records.identity import Space, pack
from manara.records.reports import Kind
from manara.records.sensors import FeedConfig, Sensor
from manara.study.craft import Craft
from manara.study.emit_adsb import AdsbAir
from manara.study.emit_ais import AisAir
from manara.study.emit_radar import EDITIONS, RadarAir
from manara.study.fleet import make_fleet
from manara.study.motion import State
from manara.study.radio import Sent, site_of
from manara.study.scenario import Radar, Receiver, Scenario, start_ns

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Emission:
    """Bytes on one channel at one time. ``whole``: a datagram."""

    time_ns: int
    channel: str
    data: bytes
    whole: bool


@dataclass(frozen=True, eq=False)
class Truth(Table):
    """Columns of what is true, one row per craft that is in the world, shape (n,). Angles in [0, 2π)."""

    craft: I4 = column("i4")  # place in World.craft
    identity: U8 = column("u8")  # that it claims; 0: none
    kind: U1 = column("u1")  # reports.Kind
    lat_rad: F8 = column("f8")
    lon_rad: F8 = column("f8")
    alt_m: F8 = column("f8")  # above the ellipsoid, the sea and 1013.25 hPa, which are one here
    speed_mps: F8 = column("f8")
    course_rad: F8 = column("f8")
    heading_rad: F8 = column("f8")
    climb_mps: F8 = column("f8")


class World:
    """A world made from a scenario and a seed; it begins at the scenario's start. ``channels``: those that somebody
    listens to (None: all); what one carries does not depend on which others are listened to."""

    def __init__(self, scenario: Scenario, seed: int, channels: Container[str] | None = None) -> None:
        self.scenario = scenario
        self.start_ns = start_ns(scenario)
        self._fleet = make_fleet(scenario, seed)
        self._ais = AisAir(scenario, self._fleet, seed, channels)
        self._adsb = AdsbAir(scenario, self._fleet, seed, channels)
        wanted = [i for i, radar in enumerate(scenario.radar) if channels is None or radar.channel in channels]
        self._radars = [RadarAir(scenario, self._fleet, seed, i) for i in wanted]
        self._all = np.arange(len(self._fleet.craft))
        self._now = self._states(0.0)
        # The first second is made here, so that the codecs are loaded before anyone waits for them.
        self._ready = deque(self._make(0))
        self._second = 1

    @property
    def craft(self) -> tuple[Craft, ...]:
        """All craft, those too that are not in the world yet or any more."""
        return self._fleet.craft

    def advance(self, until_ns: int) -> list[Emission]:
        """Everything emitted from where the last call ended to before ``until_ns``, in the order of time."""
        while self.start_ns + self._second * SECOND_NS < until_ns:
            self._ready.extend(self._make(self._second))
            self._second += 1
        out = []
        while self._ready and self._ready[0].time_ns < until_ns:
            out.append(self._ready.popleft())
        return out

    def truth(self, at_ns: int) -> Truth:
        """What is true at any time, before or after what was emitted so far."""
        t = np.full(len(self._all), (at_ns - self.start_ns) / SECOND_NS)
        here = self._all[self._fleet.exists(self._all, t)]
        state = self._fleet.motion.at(here, t[here])
        craft = [self._fleet.craft[int(i)] for i in here]
        return Truth(
            craft=here.astype(np.int32),
            identity=np.array([identity_of(c) for c in craft], dtype=np.uint64),
            kind=np.array([kind_of(c) for c in craft], dtype=np.uint8),
            lat_rad=state.lat_rad,
            lon_rad=state.lon_rad,
            alt_m=state.alt_m,
            speed_mps=state.speed_mps,
            course_rad=state.course_rad,
            heading_rad=state.heading_rad,
            climb_mps=state.vu_mps,
        )

    def _states(self, t_s: float) -> State:
        return self._fleet.motion.at(self._all, np.full(len(self._all), t_s))

    def _make(self, k: int) -> list[Emission]:
        now, then = self._now, self._states(k + 1.0)
        self._now = then
        streams = self._pieces(self._ais.second(k) + self._adsb.second(k))
        datagrams = [
            Emission(self._ns(t), channel, data, True)
            for radar in self._radars
            for t, channel, data in radar.second(k, now, then)
        ]
        return sorted([*streams, *datagrams], key=lambda e: e.time_ns)

    def _pieces(self, sent: Iterable[Sent]) -> list[Emission]:
        """What one stream carries within ``piece_s`` in one piece, stamped with its last transmission."""
        step = self.scenario.rates.piece_s
        groups: dict[tuple[int, str], list[tuple[float, bytes]]] = {}
        for t, channel, data in sorted(sent, key=lambda one: one[0]):
            groups.setdefault((math.floor(t / step), channel), []).append((t, data))
        return [
            Emission(self._ns(rows[-1][0]), channel, b"".join(data for _, data in rows), False)
            for (_, channel), rows in groups.items()
        ]

    def _ns(self, t_s: float) -> int:
        return self.start_ns + round(t_s * 1e9)


def identity_of(craft: Craft) -> int:
    """The packed identity that a craft claims, 0 for none."""
    if craft.mmsi:
        return pack(Space.MMSI, craft.mmsi)
    return pack(Space.ICAO24, craft.icao) if craft.icao else 0


def kind_of(craft: Craft) -> Kind:
    """What a craft is."""
    if craft.sort == "unmanned":
        return Kind.UNMANNED_AIRCRAFT
    if craft.flies:
        return Kind.AIRCRAFT
    by_class = {"A": Kind.VESSEL_A, "B": Kind.VESSEL_B, "S": Kind.DISTRESS_DEVICE}
    return by_class.get(craft.ais_class, Kind.VESSEL)


def sensors(scenario: Scenario, partner: str | None = None) -> tuple[Sensor, ...]:
    """The radars as a node's configuration names them: site, noise, SAC and SIC, channel as feed. Those of one partner
    when it is named, else all."""
    out = []
    for radar in scenario.radar:
        if partner not in (None, radar.partner):
            continue
        site = site_of(scenario, radar)
        out.append(
            Sensor(
                name=radar.name,
                sac=radar.sac,
                sic=radar.sic,
                feed=radar.channel,
                lat_deg=math.degrees(site.lat_rad),
                lon_deg=math.degrees(site.lon_rad),
                height_m=radar.height_m,
                sigma_range_m=radar.sigma_range_m,
                sigma_azimuth_deg=radar.sigma_azimuth_deg,
                range_max_m=radar.range_km * 1000,
                period_s=radar.period_s,
                detection_probability=radar.primary_probability,
                domain=radar.domain,
            )
        )
    return tuple(out)


def feeds(scenario: Scenario, partner: str | None = None) -> tuple[FeedConfig, ...]:
    """One feed per channel, without addresses: the name is the channel's, the format and the receiver are known.

    Those of one partner when it is named, else all. A channel that carries what another partner hears would tell
    too much: ValueError names it; ``scenario.apart`` parts them.
    """
    scenario = scenario if partner is None else _of(scenario, partner)
    out: dict[str, FeedConfig] = {}
    for receiver in scenario.receiver:
        if receiver.channel not in out:
            wire = "ais" if receiver.kind == "ais" else "beast"
            editions = {"beast": "gps"} if wire == "beast" else {}
            out[receiver.channel] = FeedConfig(
                name=receiver.channel, url="", format=wire, editions=editions, range_max_m=900_000.0
            )
    for radar in scenario.radar:
        out.setdefault(radar.channel, FeedConfig(name=radar.channel, url="", format="asterix", editions=dict(EDITIONS)))
    return tuple(out.values())


def _of(scenario: Scenario, partner: str) -> Scenario:
    """The scenario with the sensors of one partner only."""
    placed: tuple[Radar | Receiver, ...] = (*scenario.radar, *scenario.receiver)
    foreign = {one.channel for one in placed if one.partner != partner}
    if both := sorted(foreign & {one.channel for one in placed if one.partner == partner}):
        raise ValueError(f"channel {both[0]!r} carries what other partners hear too")
    return msgspec.structs.replace(
        scenario,
        radar=tuple(r for r in scenario.radar if r.partner == partner),
        receiver=tuple(r for r in scenario.receiver if r.partner == partner),
    )
