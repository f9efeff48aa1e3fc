"""Three nodes in a ring with shared sensors and feedback: are they as sure as they may be, and how exact?

    python bench/fusion.py [CRAFT] [SECONDS] [NAME ...]

What flows is what nodes tell each other: the picture stage and the precise tier's rows and increments, see
``manara.study.ring``. One JSON line for each setting: ANEES over four numbers (1: honest, above: too sure), RMS of
position and how much that is over a tracker that has every plot at once, for A, B and C; under ``late`` also over one
whose plots from B come as late as the rows do. The picture's processor time is not measured here.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from manara.host import numba_cache

numba_cache.configure()

from manara.study import ring  # noqa: E402 - the kernels' cache is named before Numba loads

SETTINGS = {
    "pedigree": {},
    "withheld": {"withheld": (ring.B,)},
    "late": {"late_s": (1.0, 5.0)},
    "wrong": {"wrong": 0.02, "pairs": 0.1},
    "wrong-withheld": {"wrong": 0.02, "pairs": 0.1, "withheld": (ring.B,)},
    "bias": {"bias": (100.0, float(np.radians(0.1)))},
    "lie": {"lie": True},
    "steadier": {"q": 15.0, "q_tracker": 15.0},
}


def main() -> None:
    """Measure and print."""
    numbers = [int(one) for one in sys.argv[1:3]]
    craft, seconds = [*numbers, *(1_000, 160)[len(numbers) :]]
    for name in sys.argv[3:] or SETTINGS:
        begin = time.process_time()
        found = ring.run(ring.Setting(craft=craft, seconds=seconds, **SETTINGS[name]))
        took = time.process_time() - begin
        line = {"setting": name, **{key: round(value, 4) for key, value in found.items()}, "cpu_s": round(took, 1)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
