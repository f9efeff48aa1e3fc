"""The Parquet file that `manara track` writes, read back as tracks of one moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from manara.host.offline import COLUMNS
from manara.host.problems import BadInput
from manara.records import identity
from manara.records.identity import Space
from manara.records.particulars import Particulars
from manara.records.tracks import Life, Tracks


def read(path: Path, at: str = "") -> tuple[Tracks, dict[int, Particulars], int]:
    """The latest row of each track up to ``at`` (ISO 8601 UTC; "": the end). Raises BadInput."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:  # opened here: the library's own words on a missing file fill three lines
            table = pq.read_table(file)
    except (OSError, pa.ArrowException) as fault:
        said = f"cannot be read: {fault.strerror}" if getattr(fault, "strerror", None) else "not a tracks file"
        raise BadInput(said, str(path), "write one with `manara track`") from None
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    if missing := [name for name in COLUMNS if name not in columns]:
        said = f"not a tracks file, or an older one: no column {missing[0]}"
        raise BadInput(said, str(path), "write one with `manara track`")
    order = np.argsort(columns["time_ns"], kind="stable")
    until_ns = _time_ns(at) if at else int(columns["time_ns"].max(initial=0))
    order = order[columns["time_ns"][order] <= until_ns]
    _, last = np.unique(columns["track_id"][order][::-1], return_index=True)
    rows = order[::-1][last]
    latest = {name: values[rows] for name, values in columns.items()}
    try:
        tracks = _tracks(latest)
        return tracks, _particulars(tracks, latest), until_ns
    except (ValueError, TypeError, KeyError, OverflowError) as fault:
        raise BadInput(f"a column holds what no track has: {fault}", str(path)) from None


def _particulars(tracks: Tracks, rows: dict[str, Any]) -> dict[int, Particulars]:
    said = zip(tracks.identity.tolist(), rows["name"], rows["callsign"], rows["time_ns"].tolist(), strict=True)
    return {
        claimed: Particulars(identity=claimed, time_ns=time_ns, source=0, name=str(name), callsign=str(callsign))
        for claimed, name, callsign, time_ns in said
        if claimed and (name or callsign)
    }


def _time_ns(said: str) -> int:
    try:
        when = datetime.fromisoformat(said)
    except ValueError:
        raise BadInput(f"not a time: {said!r}", "--at", "write ISO 8601, e.g. 2026-01-31T12:00:00Z") from None
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    return int(when.timestamp() * 1e9)


def _tracks(rows: dict[str, Any]) -> Tracks:
    n = len(rows["track_id"])
    blank = Tracks.blank(n)
    cov = blank.cov.copy()
    cov[:, 0], cov[:, 1], cov[:, 4] = rows["cov_ee_m2"], rows["cov_en_m2"], rows["cov_nn_m2"]
    same = {
        name: rows[name]
        for name in (
            "time_ns",
            "track_id",
            "number",
            "domain",
            "kind",
            "alt_m",
            "alt_ref",
            "flags",
            "sources",
            "hits",
            "updated_ns",
            "ve_mps",
            "vn_mps",
        )
    }
    return blank.replace(
        **same,
        cov=cov,
        life=np.array([Life[str(x).upper()] for x in rows["life"]], np.uint8),
        identity=np.array([parse_identity(str(x)) for x in rows["identity"]], np.uint64),
        lat_rad=np.radians(rows["lat_deg"]),
        lon_rad=np.radians(rows["lon_deg"]),
    )


def parse_identity(text: str) -> int:
    """An identity as `records.identity.text` writes it, back to its number; 0 for what it does not know.

    >>> identity.text(parse_identity("D00001")), identity.text(parse_identity("291000001"))
    ('D00001', '291000001')
    """
    if len(text) == 9 and text.isdigit():
        return identity.pack(Space.MMSI, int(text))
    space = Space.ANONYMOUS24 if text.startswith("~") else Space.ICAO24
    try:
        value = int(text.removeprefix("~"), 16)
    except ValueError:
        return 0
    return identity.pack(space, value) if value < 1 << 24 else 0
