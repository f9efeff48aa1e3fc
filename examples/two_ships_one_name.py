"""Two ships say that they are the same ship. Their AIS alone shows it: one identity, two places at once.

python examples/two_ships_one_name.py
"""

from __future__ import annotations

import math
from collections import defaultdict

import msgspec

from manara.feeds.ais import FORMATS
from manara.feeds.decoder import Options
from manara.records.identity import text
from manara.study import scenario as scenarios
from manara.study.world import World

EARTH_M = 6_371_000.0
FASTEST_MPS = 50.0  # no ship is faster


def main() -> None:
    """Listen for three minutes; print every identity that would have had to fly."""
    lantern = scenarios.load(scenarios.find("lantern"))
    counts = scenarios.Counts(cargo=30, ferry=10, fishing=20)
    world = World(msgspec.structs.replace(lantern, counts=counts, radar=()), seed=1)
    decoder = next(f for f in FORMATS if f.name == "ais").new(Options())

    heard, jumps = {}, defaultdict(int)
    for emission in world.advance(world.start_ns + 180 * 1_000_000_000):
        if emission.channel != "ais":
            continue
        reports = decoder.advance(emission.data, emission.time_ns).reports
        for i in range(len(reports)):
            who = int(reports.identity[i])
            here = (float(reports.lat_rad[i]), float(reports.lon_rad[i]), int(reports.time_ns[i]))
            lat, lon, then_ns = heard.get(who, here)
            north, east = here[0] - lat, (here[1] - lon) * math.cos(lat)
            passed_s = max((here[2] - then_ns) / 1e9, 1.0)
            if EARTH_M * math.hypot(north, east) / passed_s > FASTEST_MPS:
                jumps[who] += 1
            heard[who] = here
    for who, times in jumps.items():
        print(f"MMSI {text(who)}: {times} impossible jumps in three minutes; two craft claim it")
    print(f"{len(heard)} identities heard, {len(jumps)} of them twice at once")


if __name__ == "__main__":
    main()
