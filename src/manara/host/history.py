"""What partners told as history, out of the store of what came: it is kept beside the live picture, never in it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from manara.host import files
from manara.host.received import Received
from manara.kernels import grid
from manara.link import heads, rows, wire
from manara.records import identity
from manara.records.reject import Reject
from manara.records.released import Delivery, RowTable
from manara.records.reports import Domain, Kind

_WHERE = ("lat_deg", "lon_deg", "half_m", "alt_m", "ve_mps", "vn_mps")
COLUMNS = ("time_utc", "track", *_WHERE, "domain", "kind", "identity", "rules")
Cell = str | int | float


def stream_of(partner: str, streams: list[str]) -> list[str]:
    """A partner's streams of history.

    >>> stream_of("arvena", ["arvena>belora", "arvena>belora/backfill", "corvia>belora/backfill"])
    ['arvena>belora/backfill']
    """
    return [one for one in streams if "/" in one and heads.releaser(one) == partner]


def told(store: Received, partner: str) -> Iterator[tuple[Cell, ...]]:
    """Rows in the order in which they came, angles in degrees; erased ones are left out. ``half_m``: half the side of
    the cell, 0 for a precise row. May raise DiskError."""
    hours = store.hours()
    for stream in stream_of(partner, list(hours)):
        for hour in hours[stream]:
            for _, kept, blocks, erased in store.told(stream, hour):
                head = heads.parse(kept.head)
                there = wire.living(Delivery(kept.offset, kept.head, blocks, b"", 0, 1, b"", b"", 0, erased))
                if isinstance(head, Reject) or isinstance(there, Reject):
                    continue
                read = rows.read(head, there)
                if not isinstance(read, Reject):
                    rules = [", ".join(one.rules) for one in head.terms]
                    yield from _precise(read, rules)
                    yield from _coarse(read, rules)


def _precise(read: rows.Sorted, rules: list[str]) -> Iterator[tuple[Cell, ...]]:
    found = read.tables.get(RowTable.PRECISE)
    for one in found if found is not None else ():
        yield (
            _utc(int(one["time_ns"])),
            str(one["track"]),
            round(float(np.degrees(one["lat_rad"])), 6),
            round(float(np.degrees(one["lon_rad"])), 6),
            0,
            round(float(one["alt_m"]), 1),
            round(float(one["ve_mps"]), 1),
            round(float(one["vn_mps"]), 1),
            *_said(int(one["domain"]), int(one["kind"])),
            identity.text(int(one["identity"])),
            rules[int(one["terms"])],
        )


def _coarse(read: rows.Sorted, rules: list[str]) -> Iterator[tuple[Cell, ...]]:
    found = read.tables.get(RowTable.COARSE)
    if found is None or not len(found):
        return
    good = found[grid.valid(found["cell"].astype(np.uint64))]
    cells = good["cell"].astype(np.uint64)
    lat_rad, lon_rad = grid.centre(cells)
    half_m = grid.half_m(cells)
    for k, one in enumerate(good):
        yield (
            _utc(int(one["epoch_ns"])),
            str(one["track"]),
            round(float(np.degrees(lat_rad[k])), 6),
            round(float(np.degrees(lon_rad[k])), 6),
            round(float(half_m[k])),
            "",
            "",
            "",
            *_said(int(one["domain"]), int(one["kind"])),
            "",
            rules[int(one["terms"])],
        )


def _said(domain: int, kind: int) -> tuple[str, str]:
    known = kind in Kind._value2member_map_
    return Domain(domain).name.lower() if domain in Domain._value2member_map_ else "", (
        Kind(kind).name.lower() if known else ""
    )


def _utc(time_ns: int) -> str:
    return dt.datetime.fromtimestamp(time_ns / 1e9, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(store: Received, partner: str, path: Path) -> int:
    """One line for each row; how many. May raise DiskError, BadInput."""
    out, many = io.StringIO(), 0
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in told(store, partner):
        table.writerow(one)
        many += 1
    files.write(path, out.getvalue().encode(), private=True)
    return many
