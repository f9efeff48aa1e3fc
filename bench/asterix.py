"""ASTERIX decoding: bytes to columns, records per second on one core, against libasterix in the same run.

    python bench/asterix.py [RECORDS]

One JSON line per category. Synthetic records look like those of a Mode S radar, a surface sensor, a tracker;
with MANARA_DATA set the recordings are measured too. CPU time, the best of three.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import pathlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from manara.feeds.asterix import encode
from manara.feeds.asterix.capture import CaptureReader
from manara.feeds.asterix.decoder import AsterixDecoder
from manara.feeds.asterix.definitions import definition
from manara.feeds.decoder import Options

# This file's own name would hide libasterix.
sys.path[:] = [p for p in sys.path if pathlib.Path(p or ".").resolve() != pathlib.Path(__file__).resolve().parent]
base = importlib.import_module("asterix.base")
reference = importlib.import_module("asterix.generated")

REFERENCE_RECORDS = 2000  # libasterix is slow; its rate does not depend on how many
PER_BLOCK = 20
RECORDINGS = (
    ("smr_cat010", {}),
    ("mlat_cat010", {}),
    ("mlat_cat020", {}),
    ("adsb_cat021_v0.23", {"021": "0.23"}),
    ("adsb_cat021_v2.4_alicante", {"021": "2.4"}),
)


def mode_s(rng: random.Random, i: int) -> dict[str, Any]:
    """A Mode S plot as radars send them: 14 fields, two BDS registers."""
    craft = i % 500
    return {
        "010": {"SAC": 1, "SIC": 2},
        "140": (i / 300.0) % 86_400.0,
        "020": {"TYP": 5, "SIM": 0, "RDP": 0, "SPI": 0, "RAB": 0},
        "040": {"RHO": rng.uniform(5.0, 200.0), "THETA": rng.uniform(0.0, 359.9)},
        "070": {"MODE3A": f"{craft + 1024:04o}"},
        "090": {"FL": rng.uniform(0.0, 400.0)},
        "130": {"SRR": 2, "SAM": -60.0},
        "220": 0xD00000 + craft,
        "240": f"MNR{craft:03d}",
        "250": [{"MBDATA": rng.getrandbits(56), "BDS1": bds, "BDS2": 0} for bds in (5, 6)],
        "161": {"TRN": rng.randrange(4096)},
        "200": {"GSP": rng.uniform(0.05, 0.15), "HDG": rng.uniform(0.0, 359.9)},
        "170": {"CNF": 0, "RAD": 2, "DOU": 0, "MAH": 0, "CDM": 0},
        "230": {"COM": 1, "STAT": 0, "SI": 0, "MSSC": 1, "ARC": 1, "AIC": 1, "B1A": 0, "B1B": 5},
    }  # fmt: skip


def service(rng: random.Random, i: int) -> dict[str, Any]:
    """Sector crossings and north marks of a radar."""
    del rng
    return {
        "010": {"SAC": 1, "SIC": 2},
        "000": 2 if i % 32 else 1,
        "030": i / 8.0 % 86_400.0,
        "020": i % 32 * 11.25,
        "041": 4.0,
    }


def system(rng: random.Random, i: int) -> dict[str, Any]:
    """A system track."""
    craft = i % 500
    return {
        "010": {"SAC": 1, "SIC": 9}, "070": i / 300.0 % 86_400.0,
        "105": {"LAT": rng.uniform(30.0, 40.0), "LON": rng.uniform(10.0, 20.0)},
        "185": {"VX": rng.uniform(-200.0, 200.0), "VY": rng.uniform(-200.0, 200.0)},
        "060": {"MODE3A": f"{craft + 1024:04o}"}, "040": i % 65536, "136": rng.uniform(0.0, 400.0),
        "380": {"ADR": 0xD00000 + craft, "ID": f"MNR{craft:03d}"},
        "080": {"MON": 0, "SPI": 0}, "290": {"PSR": 1.0, "SSR": 2.0}, "500": {"APC": {"X": 50.0, "Y": 60.0}},
    }  # fmt: skip


def older(rng: random.Random, i: int) -> dict[str, Any]:
    """A plot of the older form."""
    return {
        "010": {"SAC": 1, "SIC": 3}, "020": {"TYP": 0, "SSRPSR": 3},
        "040": {"RHO": rng.uniform(5.0, 200.0), "THETA": rng.uniform(0.0, 359.9)},
        "070": {"MODE3A": f"{rng.randrange(4096):04o}"}, "090": {"HGT": rng.uniform(0.0, 400.0)},
        "141": i / 300.0 % 511.0,
    }  # fmt: skip


def blocks(category: int, make: Callable[[random.Random, int], dict[str, Any]], records: int) -> bytes:
    """Blocks of synthetic records; 2,000 different ones, repeated."""
    rng = random.Random(48)
    edition = definition(category).edition
    some = [encode.record(category, edition, make(rng, i)) for i in range(2000)]
    cut = [encode.block(category, some[i : i + PER_BLOCK]) for i in range(0, len(some), PER_BLOCK)]
    return b"".join(cut) * math.ceil(records / 2000)


def ours(data: bytes, editions: dict[str, str]) -> tuple[float, int]:
    """(records per second, records)."""
    best, records = math.inf, 0
    for _ in range(3):
        decoder = AsterixDecoder(Options(editions=editions))
        begin = time.process_time()
        batch = decoder.advance(data, 1_700_000_000_000_000_000)
        best = min(best, time.process_time() - begin)
        records = sum(batch.counts.values())
    return records / best, records


def theirs(data: bytes, editions: dict[str, str]) -> float:
    """Records per second of libasterix, reading each element's bits as a number, on the beginning of the same bytes."""
    raw = list(_first(data))
    count = 0
    begin = time.process_time()
    for db in raw:
        spec = _spec(db.get_category(), editions)
        bits = db.get_raw_records()
        uap = spec.cv_uap
        found = uap.parse(bits) if hasattr(uap, "cv_record") else uap.parse("plot", bits)
        if isinstance(found, ValueError):
            continue
        for one in found:
            for item in one.items_regular.values():
                _numbers(item.arg.arg)
        count += len(found)
        if count >= REFERENCE_RECORDS:
            break
    return count / (time.process_time() - begin)


def _numbers(variation: Any) -> None:
    """Read every element below, as a program that wants columns must."""
    if isinstance(variation, base.Element):
        variation.as_uint()
    elif isinstance(variation, base.Group | base.Extended):
        for part in variation.arg:
            for one in part if isinstance(part, list) else [part]:
                if isinstance(one, base.Item):
                    _numbers(one.arg.arg.arg)
    elif isinstance(variation, base.Compound):
        for sub in variation.arg.values():
            _numbers(sub.arg.arg)
    elif isinstance(variation, base.Repetitive):
        for one in variation.arg:
            _numbers(one)


def _first(data: bytes) -> Iterator[Any]:
    pos = 0
    for _ in range(REFERENCE_RECORDS):
        length = int.from_bytes(data[pos + 1 : pos + 3], "big")
        block = base.RawDatablock.parse_single(base.Bits.from_bytes(data[pos : pos + length]))
        if length < 3 or isinstance(block, ValueError):
            return
        yield block[0]
        pos += length


def _spec(category: int, editions: dict[str, str]) -> Any:
    wanted = definition(category, editions.get(f"{category:03d}", "")).edition
    return next(s for s in reference.manifest["CATS"][category] if "{}.{}".format(*s.cv_edition) == wanted)


def main() -> int:
    """Measure and print."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    sets: list[tuple[str, bytes, dict[str, str]]] = [
        ("cat048 synthetic", blocks(48, mode_s, records), {}),
        ("cat034 synthetic", blocks(34, service, records // 4), {}),
        ("cat062 synthetic", blocks(62, system, records), {}),
        ("cat001 synthetic", blocks(1, older, records), {}),
    ]
    if "MANARA_DATA" in os.environ:
        folder = pathlib.Path(os.environ["MANARA_DATA"], "asterix", "lebl-2016")
        captured = (folder.parent / "croatia" / "cat_034_048.pcap").read_bytes()
        sets.append(
            ("cat034 cat048 recorded, 1000 times", b"".join(CaptureReader().take(captured).payloads) * 1000, {})
        )
        sets += [(name, (folder / f"{name}.ast").read_bytes(), editions) for name, editions in RECORDINGS]
    ours(sets[0][1][:1000], {})  # compile
    for name, data, editions in sets:
        rate, n = ours(data, editions)
        reference_rate = theirs(data, editions)
        row = {"set": name, "records": n, "bytes": len(data), "records_per_s": round(rate)}
        print(json.dumps(row | {"libasterix_per_s": round(reference_rate), "ratio": round(rate / reference_rate, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
