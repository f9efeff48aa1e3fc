"""Recorded feeds to tracks, without a screen: the same step, as fast as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from manara.host.problems import BadInput
from manara.host.running import memory_turn
from manara.records import identity
from manara.records.config import NodeConfig
from manara.records.inputs import Input, Views
from manara.records.particulars import Particulars
from manara.records.tracks import Life, Tracks

# Columns of the Parquet file, in order. Angles in degrees: a file is an edge.
COLUMNS = (
    "time_ns",
    "track_id",
    "number",
    "life",
    "domain",
    "kind",
    "identity",
    "lat_deg",
    "lon_deg",
    "alt_m",
    "ve_mps",
    "vn_mps",
    "cov_ee_m2",
    "cov_en_m2",
    "cov_nn_m2",
    "flags",
    "sources",
    "hits",
    "updated_ns",
    "alt_ref",
    "name",
    "callsign",
)


def run(
    config: NodeConfig,
    windows: Iterator[tuple[int, tuple[Input, ...]]],
    out: Path,
    each: Callable[[Views], None] = lambda _: None,
) -> Views:
    """Track recorded windows into a Parquet file: one row for each track and step in which it took something.

    ``each`` sees the views of every step (progress). Gives the last views. Raises BadInput when the file cannot be
    written; a file that could not be finished is not left behind.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    turn = memory_turn(config)
    views, seen = Views(), Seen()
    part = out.with_name(out.name + ".part")
    try:
        writer = None
        for now_ns, inputs in windows:
            views = turn(inputs, now_ns).views
            table = pa.table(_columns(views.tracks.take(seen.fresh(views.tracks)), views.particulars))
            writer = writer or pq.ParquetWriter(part, table.schema)
            if table.num_rows:
                writer.write_table(table)
            each(views)
        if writer is None:
            raise BadInput("nothing to track", str(out))
        writer.close()
        part.replace(out)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise BadInput(f"cannot be written: {fault.strerror or fault}", str(out)) from None
    return views


class Seen:
    """Which tracks took something since the last look: their hits grew."""

    def __init__(self) -> None:
        self._ids = np.empty(0, np.uint64)
        self._hits = np.empty(0, np.uint32)

    def fresh(self, tracks: Tracks) -> NDArray[np.bool_]:
        """A mask over the rows, shape (n,); remembers what it saw."""
        place = np.searchsorted(self._ids, tracks.track_id)
        known = place < len(self._ids)
        known[known] = self._ids[place[known]] == tracks.track_id[known]
        fresh = np.ones(len(tracks), np.bool_)
        fresh[known] = tracks.hits[known] != self._hits[place[known]]
        order = np.argsort(tracks.track_id, kind="stable")
        self._ids, self._hits = tracks.track_id[order], tracks.hits[order]
        return fresh


def _columns(tracks: Tracks, particulars: Mapping[int, Particulars]) -> dict[str, object]:
    said = [particulars.get(int(x)) for x in tracks.identity]
    return {
        "time_ns": tracks.time_ns,
        "track_id": tracks.track_id,
        "number": tracks.number,
        "life": [Life(x).name.lower() for x in tracks.life],
        "domain": tracks.domain,
        "kind": tracks.kind,
        "identity": [identity.text(int(x)) for x in tracks.identity],
        "lat_deg": np.degrees(tracks.lat_rad),
        "lon_deg": np.degrees(tracks.lon_rad),
        "alt_m": tracks.alt_m,
        "ve_mps": tracks.ve_mps,
        "vn_mps": tracks.vn_mps,
        "cov_ee_m2": tracks.cov[:, 0],
        "cov_en_m2": tracks.cov[:, 1],
        "cov_nn_m2": tracks.cov[:, 4],
        "flags": tracks.flags,
        "sources": tracks.sources,
        "hits": tracks.hits,
        "updated_ns": tracks.updated_ns,
        "alt_ref": tracks.alt_ref,
        "name": [one.name if one else "" for one in said],
        "callsign": [one.callsign if one else "" for one in said],
    }
