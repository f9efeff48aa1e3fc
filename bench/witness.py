"""From a release to its proof with a partner's witness: two real nodes, real TLS, ten thousand tracks.

    python bench/witness.py [TRACKS] [SECONDS]

The nodes and the sea of bench/federation_delay.py. Arvena's agreement asks for one witness, which is Belora's node. For
each tick of Arvena that told something: the time from ``begin`` (the tick's own time, before the step counted
anything) and from ``release`` (the step's effects are performed) until its leaf is ``durable`` and signed, and until
the log holds the witness's checked signature over a checkpoint with that leaf: then ``manara ledger prove`` gives a
witnessed proof. The nodes are the real program; it notes when it comes by two calls of its log.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from federation_delay import Pair, Sea, had, waited

from manara.cli.main import main as manara
from manara.host.log_store import LogStore

NODE = "--noting"


class Witnessed(Pair):
    """Both nodes, each noting beside its settings what its log did."""

    def starts(self, name: str) -> list[str]:
        """This file, as a node."""
        return [sys.executable, __file__, NODE, str(self.noted(name))]

    def noted(self, name: str) -> Path:
        """Where a node writes."""
        return self.made.members[name].folder / "noted.jsonl"


def noting(path: Path, words: list[str]) -> int:
    """The program ``manara`` with its log's calls noted."""
    out = path.open("w", encoding="utf-8", buffering=1)

    def noted(call: Callable[..., Any], said: Callable[..., list[Any]]) -> Callable[..., Any]:
        @functools.wraps(call)
        def wrapped(*args: Any, **named: Any) -> Any:
            begin = time.time_ns()
            found = call(*args, **named)
            out.write(json.dumps([*said(found, *args[1:]), begin, time.time_ns()]) + "\n")
            return found

        return wrapped

    LogStore.publish = noted(LogStore.publish, _published)  # type: ignore[method-assign]  # as it is, and noted
    LogStore.add_cosignature = noted(LogStore.add_cosignature, _cosigned)  # type: ignore[method-assign]  # the same
    return manara(words)


def _published(found: Any, tick_ns: int, _: int, entries: Any) -> list[Any]:
    return ["leaf", found.leaf, tick_ns, sum(">" in one.stream for one in entries)]


def _cosigned(found: bool, size: int, _: str) -> list[Any]:
    return ["cosigned" if found else "refused", size]


def read(path: Path) -> tuple[np.ndarray[Any, Any], int]:
    """Seconds for each leaf that told a partner something, columns as FIGURES; and how many have no witness."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    seen = sorted((one[1], one[3]) for one in lines if one[0] == "cosigned")
    sizes, times = np.array([one[0] for one in seen]), np.array([one[1] for one in seen])
    first = np.minimum.accumulate(times[::-1])[::-1]  # a larger checkpoint that came sooner proves the leaf, too
    found, bare = [], 0
    for _, leaf, tick_ns, entries, begin_ns, end_ns in (one for one in lines if one[0] == "leaf"):
        at = int(np.searchsorted(sizes, leaf + 1))
        if not entries:
            continue
        if at == len(sizes):
            bare += 1
            continue
        found.append([tick_ns, end_ns - begin_ns, first[at] - begin_ns, first[at] - tick_ns])
    return np.array(found, np.int64).reshape(-1, 4), bare


def main() -> None:
    """Measure and print."""
    numbers = [int(one) for one in sys.argv[1:]]
    tracks, seconds = [*numbers, *(10_000, 120)[len(numbers) :]]
    sea = Sea(tracks)
    with tempfile.TemporaryDirectory() as name:
        pair = Witnessed(Path(name), sea, 2 * tracks)
        try:
            waited("both desks answer", lambda: [pair.desk(one, "/api/health") for one in pair.desks])
            pair.activate()
            full = (tracks - tracks * 6 // 10) * 9 // 10
            waited("Belora has the aircraft", lambda: json.loads(pair.desk("belora", "/api/health"))["tracks"] > full)
            begin_ns, spent = time.time_ns(), pair.cpu_s()
            time.sleep(seconds)
            end_ns, load = time.time_ns(), np.array(pair.cpu_s()) - spent
            shown = had(pair)
            took, bare = read(pair.noted("arvena"))
        finally:
            pair.close()
            sea.close()
    took = took[(took[:, 0] >= begin_ns) & (took[:, 0] < end_ns)]
    found: dict[str, float] = {"tracks": tracks, **shown, "ticks": len(took), "not_yet": bare}
    for column, what in enumerate(("release_to_durable", "release_to_witnessed", "begin_to_witnessed"), 1):
        some = took[:, column] / 1e9
        found |= {f"{what}_median_s": np.median(some), f"{what}_p99_s": np.quantile(some, 0.99)}
        found[f"{what}_worst_s"] = some.max()
    found |= {"cores_a": load[0] / seconds, "cores_b": load[1] / seconds, "load_1min": os.getloadavg()[0]}
    print(json.dumps({key: round(float(value), 3) for key, value in found.items()}))


if __name__ == "__main__":
    if sys.argv[1:2] == [NODE]:
        raise SystemExit(noting(Path(sys.argv[2]), sys.argv[3:]))
    main()
