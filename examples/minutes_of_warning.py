"""What one radar knows and another does not: how long before Delmara's own radar does Arvena's see the stray?

Only the scripted craft of the Lantern Sea fly here. The radars' bytes are decoded and compared with the truth;
nothing about the answer is written down anywhere.

    python examples/minutes_of_warning.py
"""

from __future__ import annotations

import math

import msgspec

from manara.feeds.asterix import FORMATS
from manara.feeds.decoder import Options
from manara.study import scenario as scenarios
from manara.study.plane import Site, ecef_m
from manara.study.world import EDITIONS, World, sensors

SECOND_NS = 1_000_000_000
NEAR_M = 600.0


def main() -> None:
    """Fly the scenario for half an hour and print who saw the stray first."""
    lantern = scenarios.load(scenarios.find("lantern"))
    air = tuple(radar for radar in lantern.radar if radar.domain == "air")
    lantern = msgspec.structs.replace(lantern, counts=scenarios.Counts(), receiver=(), radar=air)
    world = World(lantern, seed=1)
    stray = next(i for i, craft in enumerate(world.craft) if craft.name == "stray")
    fall_s = world.craft[stray].ends_s

    site, decoder, first = {}, {}, {}
    for sensor in sensors(lantern):
        lat, lon = math.radians(sensor.lat_deg), math.radians(sensor.lon_deg)
        site[sensor.feed] = Site.at(lat, lon, sensor.height_m)
        decoder[sensor.feed] = next(f for f in FORMATS if f.name == "asterix").new(Options(editions=EDITIONS))
    for emission in world.advance(world.start_ns + int(fall_s * SECOND_NS)):
        if emission.channel in first:
            continue
        plots = decoder[emission.channel].advance(emission.data, emission.time_ns, emission.whole).plots
        for i in range(len(plots)):
            if plots.identity[i]:
                continue
            truth = world.truth(int(plots.time_ns[i]))
            row = truth.craft == stray
            place = ecef_m(truth.lat_rad[row], truth.lon_rad[row], truth.alt_m[row])
            slant, azimuth = site[emission.channel].polar(place)
            if not len(slant):
                continue
            across = plots.range_m[i] * abs(math.remainder(plots.azimuth_rad[i] - azimuth[0], 2 * math.pi))
            if math.hypot(plots.range_m[i] - slant[0], across) < NEAR_M:
                first.setdefault(emission.channel, (emission.time_ns - world.start_ns) / SECOND_NS)
    for channel, seen_s in sorted(first.items(), key=lambda pair: pair[1]):
        print(f"{channel}: first plot {(fall_s - seen_s) / 60:.1f} minutes before the fall")
    gained = (first["radar-delmara"] - first["radar-arvena"]) / 60
    print(f"Told at once, Delmara would know {gained:.0f} minutes before its own radar does.")


if __name__ == "__main__":
    main()
