"""A whole node with many live vessels: time of a step, and memory.

    python bench/node.py [VESSELS]

Every vessel reports every ten seconds; a step a second: a tenth of them are heard in each. Prints the median and the
99th percentile of a step over a minute, the proportional memory of the process, and the load of one core.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from manara.host import numba_cache

numba_cache.configure()

from manara.feeds.ais import sentences  # noqa: E402 - the kernels' cache is named before Numba loads
from manara.node import state as node  # noqa: E402 - the same
from manara.node.step import step  # noqa: E402 - the same
from manara.records.config import NodeConfig  # noqa: E402 - the same
from manara.records.inputs import Chunk  # noqa: E402 - the same
from manara.records.sensors import FeedConfig  # noqa: E402 - the same

S = 1_000_000_000
T0 = 1_772_359_200 * S
WARM, STEPS = 25, 60


def lines(vessels: int) -> list[bytes]:
    """One report of each vessel, ten groups."""
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(-50, -44, vessels), rng.uniform(-124, -116, vessels)
    groups: list[list[bytes]] = [[] for _ in range(10)]
    for k in range(vessels):
        said = {"mmsi": 290_000_001 + k, "lat": float(lat[k]), "lon": float(lon[k]), "speed": 0.0, "course": 0.0}
        groups[k % 10].append(sentences(1, {**said, "second": 60}))
    return [b"".join(group) for group in groups]


def pss_mib() -> float:
    """Proportional set size of this process."""
    rollup = Path("/proc/self/smaps_rollup").read_text("ascii")
    return int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))) / 1024


def main() -> None:
    """Measure and print."""
    vessels = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    groups = lines(vessels)
    before = pss_mib()
    held = node.init(NodeConfig(feeds=(FeedConfig(name="ais", url="-", format="ais"),), capacity=16_384))
    took = []
    for k in range(WARM + STEPS):
        now_ns = T0 + k * S
        chunk = Chunk(0, groups[k % 10], now_ns)
        begin = time.process_time()
        views = step(held, (chunk,), now_ns).views
        took.append(time.process_time() - begin)
    steady = np.array(took[WARM:]) * 1e3
    found = {
        "tracks": len(views.tracks),
        "median_ms": np.median(steady),
        "p99_ms": np.quantile(steady, 0.99),
        "memory_mib": pss_mib(),
        "memory_of_tracks_mib": pss_mib() - before,
    }
    print(json.dumps({key: round(float(value), 2) for key, value in found.items()}))


if __name__ == "__main__":
    main()
