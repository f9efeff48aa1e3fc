"""The register ─▶ release: every entry that stands, with the marking by which the rules decide."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from manara.kernels.membership import area_bits
from manara.records.capability import Entry
from manara.records.columns import F8, I8, U8
from manara.records.config import NodeConfig
from manara.records.marking import ALL_PURPOSES, OWN, UNKNOWN_BIT, Codebook, Marking, Sensitivity, Sort
from manara.release import capability
from manara.release import stage as release
from manara.release.conditions import DOMAINS
from manara.release.means import Means

_EVERYBODY = (1 << 63) - 1


def entries(released: release.State, config: NodeConfig, now_ns: int) -> tuple[Entry, ...]:
    """The node's own register as it stands now."""
    return capability.entries(config.capability, released.capability.changed, now_ns)


def means(stand: tuple[Entry, ...], book: Codebook, areas: tuple[I8, F8, F8], now_ns: int) -> Means:
    """Entries with their marking."""
    return Means(stand, marking(stand, book, areas, now_ns))


def marking(stand: Sequence[Entry], book: Codebook, areas: tuple[I8, F8, F8], now_ns: int) -> Marking:
    """One row for each entry. A sensor that is no source of this node is of an unknown one: no rule lets it go."""
    n = len(stand)
    return Marking.blank(n).replace(
        sort=np.full(n, Sort.CAPABILITY, np.uint8),
        domain=np.array([DOMAINS.get(one.domain, 0) for one in stand], np.uint8),
        area_bits=_areas(stand, book, areas),
        sources=np.array([_source(one, book) for one in stand], np.uint64),
        originator=np.full(n, OWN, np.uint16),
        sensitivity=np.array([Sensitivity[one.sensitivity.upper()] for one in stand], np.uint8),
        emergency=np.zeros(n, np.uint8),
        purpose=np.array([one.purpose or ALL_PURPOSES for one in stand], np.uint32),
        time_ns=np.full(n, now_ns, np.int64),
        expires_ns=np.array([one.expires_ns for one in stand], np.int64),
        onward=np.full(n, _EVERYBODY, np.uint64),
    )


def _areas(stand: Sequence[Entry], book: Codebook, areas: tuple[I8, F8, F8]) -> U8:
    """Where it stands; else the area that it serves, which may reach into others."""
    lat, lon = (np.array([getattr(one, name) for one in stand], np.float64) for name in ("lat_rad", "lon_rad"))
    found = area_bits(lat, lon, *areas)
    for k, one in enumerate(stand):
        if not math.isfinite(one.lat_rad):
            found[k] = UNKNOWN_BIT | (book.area_bits((one.area,)) if one.area in book.areas else 0)
    return found


def _source(one: Entry, book: Codebook) -> int:
    if one.kind != "sensor":
        return 0
    return book.source_bits((one.source,)) if one.source in book.sources else UNKNOWN_BIT
