"""A source for the desk's tests: seeded craft on a fictional sea, stepped by hand or by a clock that is given."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from manara.records.identity import Space, pack, source_id
from manara.records.inputs import Decided, Trails, Views
from manara.records.particulars import Particulars, SafetyText
from manara.records.partners import Given
from manara.records.reports import AltRef, Domain, Flag, Kind
from manara.records.sensors import FeedHealth, Registration
from manara.records.tracks import Life, Tracks

START_NS = 1_750_000_000_000_000_000
EARTH_M = 6_371_008.8
KINDS = (
    [Kind.VESSEL_A] * 5
    + [Kind.VESSEL_B] * 3
    + [Kind.AIRCRAFT] * 6
    + [Kind.VESSEL, Kind.UNMANNED_AIRCRAFT, Kind.UNKNOWN, Kind.SEARCH_AIRCRAFT]
    + [Kind.AID_TO_NAVIGATION, Kind.BASE_STATION, Kind.GROUND_VEHICLE]
)
AIR = {Kind.AIRCRAFT, Kind.UNMANNED_AIRCRAFT, Kind.SEARCH_AIRCRAFT, Kind.SYSTEM_TRACK_AIR, Kind.UNKNOWN}
STILL = {Kind.AID_TO_NAVIGATION, Kind.BASE_STATION}
NAMES = ("LANTERN ROSE", "GREY HERON", "MERIDIAN", "SALT WIND", "نجمة المرفأ", "NORTH PIER", "PALE OTTER")
LENGTH = 60


class FakeSource:
    """Implements manara.desk.source.Source."""

    title = "Arvena watch"
    title_ar = "مراقبة أرفينا"
    mode = "demo"
    speed = 1.0
    story: Mapping[str, Any] = {}
    streams: Mapping[str, Given] = {}

    def __init__(self, n: int = 300, seed: int = 7, lat_deg: float = 12.0, lon_deg: float = -38.0) -> None:
        rng = np.random.default_rng(seed)
        self.centre_deg = (lat_deg, lon_deg)
        self.with_land = True
        self._news = asyncio.Condition()
        self._particulars = {}
        self._now_ns = START_NS
        self._sequence = 0
        self._tracks = self._seeded(n, rng) if n else Tracks.blank(0)
        self._ring = np.zeros((3, n, LENGTH))
        self._head = 0
        self._views = Views(now_ns=START_NS)
        for _ in range(LENGTH // 2):
            self.step(20.0)

    def views(self) -> Views:
        return self._views

    async def wait(self, after_sequence: int) -> Views:
        async with self._news:
            await self._news.wait_for(lambda: self._views.sequence > after_sequence)
        return self._views

    def given(self, partner: str) -> Given | None:
        return self.streams.get(partner)

    def decide(self, decided: Decided) -> bool:
        self.decided = (*getattr(self, "decided", ()), decided)
        return len(self.decided) <= 3

    def hand_over(self, partner: str, track: int, reason: str) -> bool:
        self.handed = (*getattr(self, "handed", ()), (partner, track, reason))
        return len(self.handed) <= 3

    def answer_offer(self, stream: str, offer: str, answer: str, reason: str) -> bool:
        self.handed = (*getattr(self, "handed", ()), (stream, offer, answer, reason))
        return len(self.handed) <= 3

    def promised(self) -> tuple[Any, ...]:
        return getattr(self, "kept", ())

    def added(self) -> Mapping[str, Mapping[str, object]]:
        return {}

    def land(self) -> bytes | None:
        return json.dumps(_islands(*self.centre_deg)).encode() if self.with_land else None

    def centre(self) -> tuple[float, float, float] | None:
        return (*self.centre_deg, 7.0)

    async def publish(self, seconds: float = 1.0) -> None:
        self.step(seconds)
        async with self._news:
            self._news.notify_all()

    async def run(self, period_s: float = 1.0) -> None:
        while True:
            await asyncio.sleep(period_s)
            await self.publish(period_s * self.speed)

    def step(self, seconds: float) -> None:
        self._now_ns += int(seconds * 1e9)
        self._sequence += 1
        t = self._tracks
        if len(t):
            lat = t.lat_rad + t.vn_mps * seconds / EARTH_M
            lon = t.lon_rad + t.ve_mps * seconds / (EARTH_M * np.cos(lat))
            heard = np.where(t.life == Life.COASTING, t.updated_ns, self._now_ns)
            self._tracks = t.replace(lat_rad=lat, lon_rad=lon, time_ns=np.full(len(t), self._now_ns), updated_ns=heard)
            column = self._head % LENGTH
            self._ring[:, :, column] = np.stack([np.full(len(t), self._now_ns), lat, lon])
            self._head += 1
        self._views = self._published()

    def _published(self) -> Views:
        t = self._tracks
        ring = self._ring
        trails = Trails(t.track_id, self._head % LENGTH, ring[0].astype(np.int64), ring[1].copy(), ring[2].copy())
        return Views(
            now_ns=self._now_ns,
            sequence=self._sequence,
            tracks=t,
            sources=(source_id(1), source_id(2), source_id(3, 20, 1)),
            source_names={source_id(1): "harbour AIS", source_id(2): "ridge ADS-B", source_id(3, 20, 1): "cape radar"},
            particulars=self._particulars,
            texts=self._texts(),
            health=_health(self._now_ns),
            registered=_registered(self._now_ns),
            trails=trails,
        )

    def _texts(self) -> tuple[SafetyText, ...]:
        who = pack(Space.MMSI, 970_010_001)
        return (SafetyText(identity=who, time_ns=START_NS, source=source_id(1), text="SART ACTIVE"),)

    def _seeded(self, n: int, rng: np.random.Generator) -> Tracks:
        kind = np.array([KINDS[i % len(KINDS)] for i in range(n)], dtype=np.uint8)
        air = np.isin(kind, [int(k) for k in AIR])
        speed = np.where(air, rng.uniform(60, 240, n), rng.uniform(0, 11, n))
        speed[np.isin(kind, [int(k) for k in STILL])] = 0.0
        course = rng.uniform(0, 2 * np.pi, n)
        flags = np.zeros(n, dtype=np.uint32)
        life = rng.choice([Life.CONFIRMED] * 8 + [Life.TENTATIVE, Life.COASTING], n).astype(np.uint8)
        if n > 20:
            flags[8], flags[9], flags[0] = Flag.EMERGENCY, Flag.UNLAWFUL_INTERFERENCE, Flag.IDENTITY_CONFLICT
            kind[1], flags[1] = Kind.DISTRESS_DEVICE, Flag.DISTRESS
            life[:21] = Life.CONFIRMED
        sigma = rng.uniform(10, 400, n)
        cov = np.zeros((n, 10))
        cov[:, 0], cov[:, 1], cov[:, 4] = sigma**2, 0.4 * sigma**2, sigma**2 / 2
        who = np.array([self._identity(i, Kind(kind[i])) for i in range(n)], dtype=np.uint64)
        squawk = np.full(n, 0xFFFFFFFF, dtype=np.uint32)
        squawk[air] = rng.integers(0, 0o7777, int(air.sum()))
        if n > 20:
            squawk[8], squawk[9] = 0o7700, 0o7500
        lat_deg, lon_deg = self.centre_deg
        return Tracks.blank(n).replace(
            track_id=np.arange(1, n + 1, dtype=np.uint64) + np.uint64(1 << 60),
            number=np.arange(1, n + 1, dtype=np.uint32),
            time_ns=np.full(n, START_NS),
            updated_ns=np.full(n, START_NS),
            born_ns=np.full(n, START_NS - 600_000_000_000),
            life=life,
            domain=np.where(air, Domain.AIR, Domain.SEA).astype(np.uint8),
            kind=kind,
            identity=who,
            lat_rad=np.radians(lat_deg + rng.normal(0, 1.2, n)),
            lon_rad=np.radians(lon_deg + rng.normal(0, 1.8, n)),
            alt_m=np.where(air, rng.uniform(300, 11_000, n), np.nan),
            alt_ref=np.where(air, AltRef.PRESSURE, AltRef.NONE).astype(np.uint8),
            ve_mps=speed * np.sin(course),
            vn_mps=speed * np.cos(course),
            vu_mps=np.where(air, rng.normal(0, 4, n), np.nan),
            heading_rad=np.where(rng.random(n) < 0.7, course, np.nan),
            cov=cov,
            mode_3a=squawk,
            flags=flags,
            sources=np.where(air, 0b110, 0b101).astype(np.uint64),
            hits=rng.integers(3, 900, n).astype(np.uint32),
        )

    def _identity(self, i: int, kind: Kind) -> int:
        if kind in {Kind.UNKNOWN, Kind.UNMANNED_AIRCRAFT} or i % 17 == 3:
            return 0
        if kind in AIR:
            who = pack(Space.ICAO24, 0xD00000 + i)
            said = Particulars(identity=who, time_ns=START_NS, source=source_id(2), callsign=f"LAN{i:03d}")
        else:
            who = pack(Space.MMSI, 291_000_000 + i if kind != Kind.DISTRESS_DEVICE else 970_010_001)
            name = NAMES[i // len(KINDS) % len(NAMES)] if i % 3 == 0 else f"COASTER {i}"
            said = Particulars(
                identity=who, time_ns=START_NS, source=source_id(1), name=name, callsign=f"3L{i:03d}", ship_type=70,
                length_m=80.0 + i % 200, beam_m=14.0, draught_m=6.5, destination="LANTERN ROADS",
            )  # fmt: skip
        self._particulars[who] = said
        return who


def _health(now_ns: int) -> tuple[FeedHealth, ...]:
    def one(name: str, fmt: str, state: str, silent_s: float, rejects: dict[str, int], offset_s: float) -> FeedHealth:
        return FeedHealth(
            name=name, format=fmt, url="udp://127.0.0.1:10110", state=state, last_seen_ns=now_ns - int(silent_s * 1e9),
            bytes_total=1_234_567, records_total=45_678, records_per_s=0.0 if state == "stale" else 87.3,
            rejects_total=sum(rejects.values()), rejects=rejects, counts={"ais 1": 40_000}, clock_offset_s=offset_s,
        )  # fmt: skip

    return (
        one("harbour AIS", "ais", "live", 0.4, {"checksum": 41, "too_short": 3}, 1.2),
        one("ridge ADS-B", "beast", "live", 0.1, {"parity": 903}, 0.05),
        one("cape radar", "asterix", "stale", 44.0, {}, -0.3),
    )


def _registered(now_ns: int) -> tuple[Registration, ...]:
    return (
        Registration(
            source=source_id(3, 20, 1), form="polar", place_m=(98.4, 0.0), place_sigma_m=(4.1, 0.0), turn_rad=0.00172,
            turn_sigma_rad=0.0001, late_s=-0.31, late_sigma_s=0.04, applied=True, noise_factor=5.3, dishonest=True,
            differences=4210, alarms=1, alarm="turn", alarm_size=0.004, alarm_ns=now_ns - 95 * 10**9,
        ),
        Registration(source=source_id(2), form="reports", differences=4210),
    )  # fmt: skip


def _islands(lat_deg: float, lon_deg: float) -> dict[str, object]:
    rng = np.random.default_rng(3)
    rings = []
    for _ in range(14):
        lat, lon, size = lat_deg + rng.normal(0, 1.4), lon_deg + rng.normal(0, 2.2), rng.uniform(0.08, 0.5)
        bumps = 1 + 0.25 * rng.normal(0, 1, 40)
        smooth = np.convolve(np.concatenate([bumps, bumps, bumps]), np.ones(5) / 5, "same")[40:80]
        ring = [
            [lon + size * s * math.cos(a) * 1.4, lat + size * s * math.sin(a)]
            for a, s in zip(np.linspace(0, 2 * np.pi, 40, endpoint=False), smooth, strict=True)
        ]
        rings.append([[*ring, ring[0]]])
    return {"type": "Feature", "properties": {}, "geometry": {"type": "MultiPolygon", "coordinates": rings}}
