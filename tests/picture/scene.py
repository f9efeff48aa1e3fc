"""Small scenes for the tests of the picture: craft, our tracks of them, and what partners tell of them."""

from __future__ import annotations

import numpy as np

from manara.kernels import geodesy
from manara.picture.partners import PartnerRows
from manara.records import identity
from manara.records.released import COARSE, ENDED, NAMES, PRECISE
from manara.records.reports import Domain, Kind
from manara.records.tracks import Life, Tracks

S = 1_000_000_000
T0 = 1_700_000_000 * S
ICAO = identity.pack(identity.Space.ICAO24, 0xD00001)
MMSI = identity.pack(identity.Space.MMSI, 291_000_001)
LAT, LON = 0.61, 0.32


def at(east_m, north_m=0.0):
    """Latitude and longitude of a place so far from the middle of the scene."""
    return geodesy.lat_lon(*geodesy.move(*geodesy.nvector(LAT, LON), 0.0, east_m, north_m)[:3])


def cov(sigma_m=30.0, sigma_mps=3.0):
    return [sigma_m**2, 0, 0, 0, sigma_m**2, 0, 0, sigma_mps**2, 0, sigma_mps**2]


def own(t, *craft, kind=Kind.AIRCRAFT, domain=Domain.AIR, sigma_m=30.0, **columns):
    """Our tracks at second t of craft (east_m at second 0, speed east in m/s), ids 1, 2, …"""
    n = len(craft)
    where = np.array([at(e + v * t) for e, v in craft]).reshape(n, 2)
    table = Tracks.blank(n).replace(
        track_id=np.arange(1, n + 1, dtype=np.uint64),
        number=np.arange(1, n + 1, dtype=np.uint32),
        time_ns=np.full(n, T0 + t * S),
        updated_ns=np.full(n, T0 + t * S),
        born_ns=np.full(n, T0),
        life=np.full(n, Life.CONFIRMED, np.uint8),
        domain=np.full(n, domain, np.uint8),
        kind=np.full(n, kind, np.uint8),
        lat_rad=where[:, 0].copy(),
        lon_rad=where[:, 1].copy(),
        ve_mps=np.array([float(v) for _, v in craft]),
        cov=np.tile(np.array(cov(sigma_m)), (n, 1)),
        sources=np.ones(n, np.uint64),
        hits=np.full(n, 9, np.uint32),
    )
    for name, value in columns.items():
        getattr(table, name)[:] = value
    return table


def precise(t, *craft, kind=Kind.AIRCRAFT, domain=Domain.AIR, sigma_m=30.0, first=101, **columns):
    """A partner's rows of craft, its numbers 101, 102, …"""
    n = len(craft)
    rows = np.zeros(n, PRECISE)
    where = np.array([at(e + v * t) for e, v in craft]).reshape(n, 2)
    rows["track"] = np.arange(first, first + n)
    rows["time_ns"] = rows["updated_ns"] = T0 + t * S
    rows["lat_rad"], rows["lon_rad"] = where[:, 0], where[:, 1]
    rows["ve_mps"] = [v for _, v in craft]
    rows["cov"] = cov(sigma_m)
    rows["alt_m"] = rows["vu_mps"] = rows["heading_rad"] = np.nan
    rows["mode_3a"] = 0xFFFFFFFF
    rows["kind"], rows["domain"], rows["life"] = kind, domain, Life.CONFIRMED
    for name, value in columns.items():
        rows[name] = value
    return rows


def told(t, partner, *craft, pedigree=None, fuse=True, names=(), **columns):
    """The same as a partner's share of an inbox. ``pedigree``: bits, None for not told."""
    rows = precise(t, *craft, **columns)
    bits = None if pedigree is None else np.full(len(rows), pedigree, np.uint64)
    words = np.array([(*name, 0) for name in names], NAMES)
    return PartnerRows(partner, T0 + t * S, rows, names=words, fuse=fuse, pedigree=bits)


def coarse(t, partner, *rows):
    """Coarse rows (track, cell, epoch begin in s, epoch_s, kind, domain) of one partner, received at second t."""
    cells = np.zeros(len(rows), COARSE)
    for k, (track, cell, begin_s, epoch_s, kind, domain) in enumerate(rows):
        cells[k] = (track, cell, T0 + begin_s * S, epoch_s, kind, domain, 0, 0)
    return PartnerRows(partner, T0 + t * S, coarse=cells)


def ended(t, partner, *numbers):
    """A partner says that tracks have ended."""
    rows = np.zeros(len(numbers), ENDED)
    rows["track"], rows["time_ns"] = numbers, T0 + t * S
    return PartnerRows(partner, T0 + t * S, ended=rows)
