"""AIS messages per second end to end into columns, on one core. Prints JSON.

    python bench/ais.py RECORDING [--encode]

RECORDING: a file of NMEA lines, plain or gzip. CPU time, the best of five runs, for chunks of several sizes; pyais
alone on the same payloads stands beside it. Without a RECORDING the stream is made by our own encoder.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

from manara.feeds.ais import AisDecoder, sentences
from manara.feeds.ais.reader import Reader
from manara.feeds.decoder import Options

NOW = 1_700_000_000_000_000_000
RUNS = 5


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="AIS messages per second")
    parser.add_argument("recording", nargs="?", type=Path)
    args = parser.parse_args()
    if args.recording is None:
        data, name = made(), "our own encoder"
    else:
        data, name = args.recording.read_bytes(), args.recording.name
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    decode(data[:100_000], 1 << 20)  # compiles the kernel
    rates = {}
    for chunk in (1 << 20, 65_536, 4_096):
        n, s = best_s(lambda chunk=chunk: decode(data, chunk))
        rates[f"chunks of {chunk}"] = round(n / s)
    result = {
        "what": "AIS messages per second into columns, one core, CPU time",
        "recording": name,
        "bytes": len(data),
        "messages": n,
        "messages_per_s": max(rates.values()),
        "by_chunk": rates,
        "pyais_alone_per_s": pyais_alone(data),
        "budget_per_s": 60_000,
        "max_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
