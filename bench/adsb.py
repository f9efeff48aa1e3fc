"""ADS-B end to end: bytes of each wire format into columns. Prints one JSON line.

python bench/adsb.py [--frames 200000]
"""

from __future__ import annotations

import argparse
import json
import time

from manara.feeds.adsb import FORMATS, encode
from manara.feeds.decoder import Options

CRAFT = 500
CHUNK = 65_536


def frames(count: int) -> list[bytes]:
    """A mix as on the air: of ten frames four positions, three velocities, one name, two replies."""
    out: list[bytes] = []
    k = 0
    while len(out) < count:
        icao, turn = 0xD00001 + k % CRAFT, k // CRAFT
        lat, lon = -30.0 + (k % CRAFT) * 0.1 + turn * 0.001, 20.0 + (k % CRAFT) * 0.05
        for odd in (False, True, False, True):
            out.append(encode.position_frame(icao, lat, lon, 30000.0, odd))
        out += [encode.velocity_frame(icao, 100.0, 400.0, 640.0)] * 3
        out.append(encode.identification_frame(icao, f"DEMO{k % CRAFT}"))
        out.append(encode.surveillance_frame(icao, squawk="1000"))
        out.append(encode.surveillance_frame(icao, alt_ft=30000.0))
        k += 1
    return out[:count]


def wires(sample: list[bytes], gap_s: float) -> dict[str, bytes]:
    """The sample in the formats that carry frames."""
    ticks = [1000 + round(i * gap_s * 12e6) for i in range(len(sample))]
    lines = (f'{{"timestamp":{1.7e9 + i * gap_s:.6f},"frame":"{f.hex()}"}}\n' for i, f in enumerate(sample))
    return {
        "beast": b"".join(encode.beast(f, t) for f, t in zip(sample, ticks, strict=True)),
        "avr": b"".join(encode.avr(f, t) for f, t in zip(sample, ticks, strict=True)),
        "modes-jsonl": "".join(lines).encode(),
    }


def measure(name: str, data: bytes, count: int) -> dict[str, float]:
    """Frames per second of CPU time, in chunks as a socket gives them; the best of three."""
    new = next(one.new for one in FORMATS if one.name == name)
    new(Options()).advance(data[:CHUNK], 0)  # compiles
    best, rows = float("inf"), 0
    for _ in range(3):
        decoder = new(Options())
        start, rows = time.process_time(), 0
        for at in range(0, len(data), CHUNK):
            rows += len(decoder.advance(data[at : at + CHUNK], 1_700_000_000_000_000_000 + at).reports)
        best = min(best, time.process_time() - start)
    return {"frames_per_s": round(count / best), "rows": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200_000)
    count = parser.parse_args().frames
    sample = frames(count)
    found = {name: measure(name, data, count) for name, data in wires(sample, 1 / 5000).items()}
    for name, one in found.items():
        more = {"frames": count, "aircraft": CRAFT, "rows": one["rows"]}
        print(json.dumps({"format": name, "frames_per_s": one["frames_per_s"], **more}))


if __name__ == "__main__":
    main()
