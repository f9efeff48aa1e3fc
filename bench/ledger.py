"""The log of what left a node: committing, sealing and signing a tick, reading it again, checking it, forgetting it.

    python bench/ledger.py [TRACKS] [RECIPIENTS] [TICKS]

Each tick every track goes to every recipient as a row of 196 bytes of its own: number and terms differ from recipient
to recipient, a third of the recipients get rows without identity and height. Durable: fdatasync of this machine's disk,
in the checkout's folder `.cache`. Prints one JSON line.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from manara.host.disk import FolderDisk
from manara.host.keys import NodeKeys, load_or_make
from manara.host.log_store import LogStore
from manara.host.vault import HOUR_NS, Vault, WipingDisk
from manara.ledger import entry, tree
from manara.records.released import PRECISE, Block, Delivery, Entry

S = 1_000_000_000
T0 = 1_772_359_200 * S


def entries(tracks: int, recipients: int, tick: int, rng: np.random.Generator) -> list[Entry]:
    """One tick: the same craft for everybody, each recipient's row of it its own."""
    base = np.zeros(tracks, PRECISE)
    for name in PRECISE.names or ():
        if name not in ("spare", "terms"):
            raw = rng.bytes(base[name].nbytes)
            base[name] = np.frombuffer(raw, base[name].dtype).reshape(base[name].shape)
    subjects = np.arange(1, tracks + 1, dtype="<u8").tobytes()
    made = []
    for recipient in range(recipients):
        rows = base.copy()
        rows["track"] = rng.integers(1, 1 << 62, tracks)
        rows["terms"] = recipient % 4
        if recipient % 3 == 2:
            rows["identity"], rows["alt_m"] = 0, 0
        head = json.dumps({"kind": "batch", "offset": str(tick), "stream": f"a>{recipient}"}).encode()
        made.append(Entry(f"a>{recipient}", tick, head, (Block(1, PRECISE.itemsize, rows.tobytes(), subjects),)))
    return made


def opened_log(folder: Path, keys: NodeKeys) -> LogStore:
    """The node's log."""
    vault = Vault(WipingDisk(folder / "vault"))
    return LogStore(FolderDisk(folder / "log"), keys.ledger, vault, "bench.example/a", "a")


def check(one: Delivery) -> str:
    """What a recipient does with an entry, but for the log's path."""
    rows = [(block.rows, block.width) for block in one.blocks]
    return entry.check_entry(one.head, rows, one.salts, one.erased, one.place, one.width, one.path, one.tick)


def best(times: list[float]) -> float:
    """Median, milliseconds."""
    return float(np.median(times)) * 1e3


def log_figures(folder: Path, tracks: int, recipients: int, ticks: int) -> dict[str, float]:
    """Publish, read back from the disk, check, erase."""
    rng = np.random.default_rng(3)
    keys = load_or_make(folder / "keys")
    log = opened_log(folder, keys)
    taken, busy, total = [], [], 0.0
    for tick in range(ticks):
        made = entries(tracks, recipients, tick, rng)
        began, busy_before = time.perf_counter(), time.process_time()
        log.publish(T0 + tick * S, tick + 1, made)
        taken.append(time.perf_counter() - began)
        busy.append(time.process_time() - busy_before)
        total += taken[-1] if tick else 0.0  # the first makes the hour's keys
    log.close()
    size = sum(path.stat().st_size for path in (folder / "log").iterdir())
    rows = tracks * recipients
    began = time.perf_counter()
    log = opened_log(folder, keys)
    reopened = time.perf_counter() - began
    began = time.perf_counter()
    back = [log.read(f"a>{n}", 1, 1, 1)[0] for n in range(recipients)]
    read = time.perf_counter() - began
    began = time.perf_counter()
    faults = [check(one) for one in back]
    checked = time.perf_counter() - began
    assert not any(faults), faults
    path = log.inclusion(1, ticks)
    assert tree.verify_inclusion(tree.leaf_hash(back[0].tick), 1, ticks, path, log.root)
    began = time.perf_counter()
    one_track = log.erase("a", 7, 0, 1 << 40)
    erased_one = time.perf_counter() - began
    began = time.perf_counter()
    gone = log.erase("a", None, 0, 1 << 40)
    erased = time.perf_counter() - began
    assert one_track.rows == recipients * ticks
    assert gone.rows == (tracks - 1) * recipients * ticks
    log.close()
    return {
        "first_publish_ms": taken[0] * 1e3,
        "publish_ms": best(taken[1:]),
        "publish_p99_ms": float(np.quantile(taken[1:], 0.99)) * 1e3,
        "publish_cpu_ms": best(busy[1:]),
        "rows_per_s": rows * (ticks - 1) / total,
        "bytes_per_row": size / (rows * ticks),
        "gigabytes_per_day_each_second": size / ticks * 86_400 / 1e9,
        "rows_per_day_in_100_gb": 100e9 / (size / (rows * ticks)),
        "reopen_ms": reopened * 1e3,
        "read_rows_per_s": rows / read,
        "check_us_per_row": checked / rows * 1e6,
        "erase_one_track_ms_per_tick": erased_one / ticks * 1e3,
        "erase_rows_per_s": gone.rows / erased,
    }


def vault_figures(folder: Path, count: int = 240_000) -> dict[str, float]:
    """A day of 10,000 new keys an hour."""
    disk = WipingDisk(folder)
    vault = Vault(disk)
    began = time.perf_counter()
    for hour in range(24):
        vault.make("a", hour, np.arange(count // 24, dtype=np.uint64))
    vault.sync()
    made = time.perf_counter() - began
    disk.close()
    disk = WipingDisk(folder)
    began = time.perf_counter()
    vault = Vault(disk)
    assert sum(vault.count(hour) for hour in range(24)) == count // 24 * 24
    opened = time.perf_counter() - began
    tables = [one for hour in vault._open.values() for one in hour.tables.values()]
    held = sum(one.subjects.nbytes + one.keys.nbytes for one in tables)
    began = time.perf_counter()
    vault.erase("a", 5, 0, 24)
    erased = time.perf_counter() - began
    disk.close()
    return {
        "vault_keys": count,
        "vault_make_ms": made * 1e3,
        "vault_open_ms": opened * 1e3,
        "vault_memory_mib": held / 2**20,
        "vault_erase_one_track_24_hours_ms": erased * 1e3,
    }


def main(argv: list[str]) -> int:
    """Print the figures."""
    tracks, recipients, ticks = (int(argv[i]) if len(argv) > i else n for i, n in enumerate((10_000, 10, 15)))
    assert ticks * S < HOUR_NS
    beside = Path(__file__).resolve().parents[1] / ".cache"  # a disk, where the machine's folder for such is memory
    beside.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        found = log_figures(Path(folder) / "node", tracks, recipients, ticks)
        found |= vault_figures(Path(folder) / "table")
    print(json.dumps({"tracks": tracks, "recipients": recipients} | {k: round(v, 3) for k, v in found.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
