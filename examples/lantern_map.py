"""A sea that does not exist, drawn: the land, the towns and every craft of the Lantern Sea after ten minutes.

python examples/lantern_map.py [lantern.svg]
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from manara.records.identity import text
from manara.records.reports import Kind
from manara.study import scenario as scenarios
from manara.study.land import land_geojson
from manara.study.world import World

WIDTH, HEIGHT = 1200, 900


def main() -> None:
    """Make the world, ask it for the truth, draw it."""
    lantern = scenarios.load(scenarios.find("lantern"))
    world = World(lantern, seed=1)
    truth = world.truth(world.start_ns + 600 * 1_000_000_000)

    scale = HEIGHT / (lantern.height_km / 111.2)  # pixels per degree of latitude
    narrow = math.cos(math.radians(lantern.lat_deg))

    def at(lon_deg: float, lat_deg: float) -> str:
        x = WIDTH / 2 + (lon_deg - lantern.lon_deg) * scale * narrow
        return f"{x:.1f},{HEIGHT / 2 - (lat_deg - lantern.lat_deg) * scale:.1f}"

    marks = []
    for feature in land_geojson(lantern)["features"]:
        if feature["properties"]["kind"] == "land":
            ring = " ".join(at(*point) for point in feature["geometry"]["coordinates"][0])
            marks.append(f'<polygon points="{ring}" fill="#3c463c"/>')
        else:
            x, y = at(*feature["geometry"]["coordinates"]).split(",")
            marks.append(f'<text x="{x}" y="{y}" fill="#c9b458" font-size="13">{feature["properties"]["name"]}</text>')
    for i in range(len(truth)):
        x, y = at(math.degrees(truth.lon_rad[i]), math.degrees(truth.lat_rad[i])).split(",")
        flies = truth.kind[i] in (Kind.AIRCRAFT, Kind.UNMANNED_AIRCRAFT)
        colour = "#ffb000" if flies else "#58a6ff"
        course = math.degrees(truth.course_rad[i])
        label = text(int(truth.identity[i])) or "no identity"
        marks.append(
            f'<path d="M0,-6 L3,5 L-3,5 Z" fill="{colour}" transform="translate({x} {y}) rotate({course:.0f})">'
            f"<title>{label}</title></path>"
        )
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect width="100%" height="100%" fill="#0b1622"/>'
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "lantern.svg")
    where.write_text(picture + "".join(marks) + "</svg>\n", encoding="utf-8")
    print(f"{where}: {len(truth)} craft around {len(lantern.partner)} partners")


if __name__ == "__main__":
    main()
