"""A cheap sea: craft whose truth is known in closed form, and who hears which of them with what noise.

Craft go straight and turn back at the edge of a box. The nodes hear them as GeoJSON, the cheapest real feed: one
document for each feed and second. Who hears a craft is fixed for a run, so that what may be known of it is known too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manara.records.columns import F8
from manara.records.identity import Space, pack
from manara.records.reports import Domain
from manara.study.federation.chance import Chance

FEEDS = ("open", "close", "hidden")  # in the agreements; in them and kept close; in none
PERIOD_S = 4  # each craft is heard so often by each feed
SIGMA_M = 30.0
SPAN_M = 120_000.0  # half the box
LAT_RAD, LON_RAD = math.radians(24.0), math.radians(61.0)
_FEEDS_OF = (*4 * ((0,),), (1,), (2,), (0, 2))  # four in seven are heard openly
_A, _E2 = 6_378_137.0, 6.694379990141e-3
_AIR = int(Domain.AIR)
SETTLED_S = 60.0  # after a turn the filters need so long


@dataclass(frozen=True, eq=False)
class Sea:
    """Craft and who hears them. ``identity`` (n,) uint64; ``x``, ``y``, ``vx``, ``vy`` at second 0, m and m/s east and
    north of the middle; ``heard`` (nodes, feeds, n) bool."""

    identity: NDArray[np.uint64]
    domain: NDArray[np.uint8]
    x: F8
    y: F8
    vx: F8
    vy: F8
    heard: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.identity)

    def place(self, t_s: float) -> tuple[F8, F8]:
        """Latitudes and longitudes at a second."""
        x, y = _folded(self.x + self.vx * t_s), _folded(self.y + self.vy * t_s)
        return to_lat_lon(x, y)

    def straight(self, t_s: float) -> NDArray[np.bool_]:
        """Which craft have not turned back for a while."""
        good = np.ones(len(self), np.bool_)
        for start, v in ((self.x, self.vx), (self.y, self.vy)):
            good &= _leg(start + v * t_s) == _leg(start + v * (t_s - SETTLED_S))
        return good

    def index(self, identity: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Which craft these are; -1 for nobody's."""
        at = np.searchsorted(self.identity, identity)
        at = np.minimum(at, len(self) - 1)
        return np.where(self.identity[at] == identity, at, -1)


def to_lat_lon(x: F8, y: F8) -> tuple[F8, F8]:
    """Metres from the middle to radians: along the meridian, then along the parallel."""
    w = math.sqrt(1.0 - _E2 * math.sin(LAT_RAD) ** 2)
    lat = LAT_RAD + y / (_A * (1.0 - _E2) / w**3)
    radius = _A / np.sqrt(1.0 - _E2 * np.sin(lat) ** 2) * np.cos(lat)
    return lat, LON_RAD + x / radius


def make(chance: Chance, nodes: int, craft: int) -> Sea:
    """A sea of so many craft, half in the air; each is heard by one node or two, by one of its feeds or two."""
    domain = np.array([Domain.AIR if k % 2 else Domain.SEA for k in range(craft)], np.uint8)
    speed = np.array([chance.between(120, 240) if k % 2 else chance.between(2, 12) for k in range(craft)])
    course = np.array([chance.between(0, 2 * math.pi) for _ in range(craft)])
    order = _order(craft)
    heard = np.zeros((nodes, len(FEEDS), craft), np.bool_)
    for k in range(craft):
        for node in chance.some(1 if chance.share() < 0.6 else min(2, nodes), nodes):
            for feed in chance.one(_FEEDS_OF):
                heard[node, feed, k] = True
    return Sea(
        identity=np.array([_identity(k) for k in range(craft)], np.uint64)[order],
        domain=domain[order],
        x=np.array([chance.between(-SPAN_M, SPAN_M) for _ in range(craft)]),
        y=np.array([chance.between(-SPAN_M, SPAN_M) for _ in range(craft)]),
        vx=(speed * np.sin(course))[order],
        vy=(speed * np.cos(course))[order],
        heard=heard,
    )


def documents(sea: Sea, node: int, second: int, pace_s: int, chance: Chance) -> Iterator[bytes]:
    """What each feed of a node says of the seconds since its last step, all at once; b"" where it hears nothing."""
    lat, lon = sea.place(float(second))
    chosen = np.zeros(len(sea), np.bool_)
    for back in range(min(pace_s, PERIOD_S)):
        chosen[(second - back) % PERIOD_S :: PERIOD_S] = True
    for feed in range(len(FEEDS)):
        heard = np.flatnonzero(sea.heard[node, feed] & chosen)
        north, east = (SIGMA_M * chance.normal(len(heard)) for _ in range(2))
        lats = np.degrees(lat[heard] + north / 6_357_000.0).tolist()
        lons = np.degrees(lon[heard] + east / (6_381_700.0 * np.cos(lat[heard]))).tolist()
        rows = [_feature(sea, k, *where) for k, *where in zip(heard.tolist(), lats, lons, strict=True)]
        yield _whole(rows)


def ghosts(n: int, second: int, chance: Chance) -> bytes:
    """Craft that there are not, as a liar hears them: they stand here and there and drift."""
    rows = []
    for k in range(n if second % PERIOD_S == 0 else 0):
        lat, lon = (24.0 + (k % 7 - 3) * 0.2 + second * 1e-4, 61.0 + (k % 9 - 4) * 0.2)
        jitter = 1e-4 * chance.between(-1.0, 1.0)
        rows.append(_said(f'"icao24":"{0xDF0000 + k:06x}"', "aircraft", lat + jitter, lon))
    return _whole(rows)


def _whole(rows: list[bytes]) -> bytes:
    return b'{"type":"FeatureCollection","features":[' + b",".join(rows) + b"]}\n" if rows else b""


def _feature(sea: Sea, k: int, lat: float, lon: float) -> bytes:
    number = int(sea.identity[k]) & 0xFFFFFFFFFF
    if sea.domain[k] == _AIR:
        return _said(f'"icao24":"{number:06x}"', "aircraft", lat, lon)
    return _said(f'"altitude_m":4.0,"mmsi":"{number:09d}"', "vessel", lat, lon)


def _said(who: str, kind: str, lat: float, lon: float) -> bytes:
    return (
        f'{{"type":"Feature","geometry":{{"type":"Point","coordinates":[{lon:.7f},{lat:.7f}]}},'
        f'"properties":{{{who},"kind":"{kind}","sigma_m":{SIGMA_M}}}}}'
    ).encode()


def _identity(k: int) -> int:
    """Unallocated: aircraft of block D0, vessels of the country digits 200."""
    return pack(Space.ICAO24, 0xD00000 + k) if k % 2 else pack(Space.MMSI, 200_100_000 + k)


def _order(craft: int) -> NDArray[np.int64]:
    """Identities ascending: vessels first."""
    return np.argsort(np.array([_identity(k) for k in range(craft)], np.uint64), kind="stable")


def _folded(x: F8) -> F8:
    """There and back within the box."""
    at = np.mod(x + SPAN_M, 4 * SPAN_M)
    return np.where(at < 2 * SPAN_M, at, 4 * SPAN_M - at) - SPAN_M


def _leg(x: F8) -> NDArray[np.int64]:
    return np.floor((x + SPAN_M) / (2 * SPAN_M)).astype(np.int64)
