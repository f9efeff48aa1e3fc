"""AIS messages per second end to end into columns, on one core.

    python bench/ais.py

One JSON line per stream: one of our own encoder, and with MANARA_DATA the recordings. CPU time, the best of five
runs, the best of three sizes of chunk; pyais alone on the same payloads, and all chunk sizes, stand beside it.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from manara.feeds.ais import AisDecoder, sentences
from manara.feeds.ais.reader import Reader
from manara.feeds.decoder import Options

NOW = 1_700_000_000_000_000_000
RUNS = 5
CHUNKS = (1 << 20, 65_536, 4_096)
RECORDINGS = ("ais/gpsd-load/ais-nmea-sample.log", "ais/dma-abnormal/ais-sample.txt.gz")


def best_s(work: Callable[[], int]) -> tuple[int, float]:
    """What the work returns, and the least CPU time of some runs."""
    times, n = [], 0
    for _ in range(RUNS):
        begin = time.process_time()
        n = work()
        times.append(time.process_time() - begin)
    return n, min(times)


def made(count: int = 50_000) -> bytes:
    """A stream of our own: class A and B reports of as many ships, some static data."""
    out = []
    for i in range(count):
        place = {"mmsi": 271_000_000 + i % 9_000, "lat": i % 170 - 85 + 1e-5 * i, "lon": i % 350 - 175 + 1e-5 * i}
        out.append(sentences(1 if i % 10 else 18, {**place, "speed": i % 30, "course": i % 360, "second": i % 60}))
        if i % 20 == 0:
            out.append(sentences(5, {"mmsi": place["mmsi"], "shipname": f"LAMP {i}"}, sequence=i))
    return b"".join(out)


def decode(data: bytes, chunk: int) -> int:
    """Decode a stream in chunks; how many messages there were."""
    decoder, n = AisDecoder(Options()), 0
    for i in range(0, len(data), chunk):
        batch = decoder.advance(data[i : i + chunk], NOW)
        n += sum(k for kind, k in batch.counts.items() if kind != "nmea other")
    return n + sum(decoder.finish(NOW).counts.values())


def pyais_alone(data: bytes) -> int:
    """pyais on the payloads that our reader heard: the floor under everything."""
    from pyais.bit_vector import bit_vector
    from pyais.messages import MSG_CLASS

    reader = Reader()
    reader.begin(NOW)
    reader.take(data, whole=True)
    heard = [h for h in reader.heard if len(h.payload) >= 27]

    def work() -> int:
        for one in heard:
            bits = bit_vector(one.payload, one.fill)
            MSG_CLASS[bits.get(0, 6)].from_vector(bits)
        return len(heard)

    n, s = best_s(work)
    return round(n / s)


def measure(name: str, data: bytes) -> None:
    """Print the figure of one stream."""
    rates: dict[int, int] = {}
    n = 0
    for chunk in CHUNKS:
        n, s = best_s(lambda chunk=chunk: decode(data, chunk))
        rates[chunk] = round(n / s)
    figure = {
        "name": f"AIS decode, {name}",
        "value": max(rates.values()),
        "unit": "messages/s",
        "budget": 60_000,
        "better": "more",
        "messages": n,
        "bytes": len(data),
        "by_chunk": rates,
        "pyais_alone_per_s": pyais_alone(data),
        "max_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figure), flush=True)


def main() -> None:
    """Measure our own stream and, where MANARA_DATA says where they are, the recordings."""
    own = made()
    decode(own[:100_000], CHUNKS[0])  # compiles the kernel
    measure("our own encoder", own)
    root = os.environ.get("MANARA_DATA", "")
    for path in RECORDINGS if root else ():
        data = (Path(root) / path).read_bytes()
        measure(path, gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


if __name__ == "__main__":
    main()
