"""What sensors and centres say of themselves: CAT002, 019, 023, 034, 063, 065, 247, and the status reports of 010."""

from __future__ import annotations

from typing import Any

import numpy as np

from manara.feeds.asterix import convert
from manara.feeds.asterix.walker import Found
from manara.records.identity import source_id
from manara.records.particulars import SensorStatus

# CAT010 has these among the fields of its plots.
FIELDS: dict[int, dict[str, str]] = {
    2: {"sac_sic": "010", "type": "000", "time": "030#", "sector": "020", "period": "041"},
    19: {"sac_sic": "010", "type": "000", "time": "140#", "nogo": "550.NOGO", "lat": "600.LAT", "lon": "600.LON",
         "height": "610"},
    23: {"sac_sic": "010", "type": "000", "time": "070#", "nogo": "100.NOGO"},
    34: {"sac_sic": "010", "type": "000", "time": "030#", "sector": "020", "period": "041", "nogo": "050.COM.NOGO",
         "lat": "120.LAT", "lon": "120.LON", "height": "120.HGT"},
    63: {"sac_sic": "010", "time": "030#", "sensor": "050", "con": "060.CON"},
    65: {"sac_sic": "010", "type": "000", "time": "030#", "nogo": "040.NOGO"},
    247: {"sac_sic": "010", "time": "140#"},
}  # fmt: skip

# What the report type of field 000 says; anything else is "status".
TYPES: dict[int, dict[int, str]] = {
    2: {1: "north_mark", 2: "sector", 3: "south_mark"},
    10: {2: "update_cycle", 3: "status", 4: "status"},
    19: {1: "update_cycle", 2: "status", 3: "status"},
    23: {1: "status", 2: "service", 3: "service"},
    34: {1: "north_mark", 2: "sector", 3: "filtering", 4: "jamming", 5: "jamming", 6: "jamming", 7: "jamming"},
    63: {},
    65: {1: "heartbeat", 2: "batch_end", 3: "service"},
    247: {},
}
CONNECTION = {0: "operational", 1: "degraded", 2: "initialising", 3: "not connected"}


def statuses(category: int, found: Found, feed: int) -> list[SensorStatus]:
    """The status that each record states."""
    names = TYPES[category]
    about = found.whole("sac_sic")
    nogo = _said(found, "nogo")
    detail = [""] * len(found)
    if category == 63:  # the centre speaks of a sensor
        about = np.where(np.isnan(found["sensor"]), about, found["sensor"]).astype(np.int64)
        nogo = _said(found, "con")
        detail = [CONNECTION.get(con, "") for con in nogo]
    columns = zip(
        (source_id(feed) | about).tolist(),
        convert.utc(found, "time")[0].tolist(),
        found.whole("type").tolist() if names else [0] * len(found),
        _said(found, "period"),
        _said(found, "sector"),
        nogo,
        _said(found, "lat"),
        _said(found, "lon"),
        _said(found, "height"),
        detail,
        strict=True,
    )
    return [
        SensorStatus(
            source=source,
            time_ns=time_ns,
            kind=names.get(kind, "status"),
            antenna_period_s=period,
            sector_deg=sector,
            operational=None if no_go is None else no_go == 0.0,
            site_lat_deg=lat,
            site_lon_deg=lon,
            site_height_m=height,
            detail=text,
        )
        for source, time_ns, kind, period, sector, no_go, lat, lon, height, text in columns
    ]


def _said(found: Found, name: str) -> list[Any]:
    """A column with None where nothing is said."""
    if name not in found.names:
        return [None] * len(found)
    column = found[name].astype(object)
    column[np.isnan(found[name])] = None
    values: list[Any] = column.tolist()
    return values
