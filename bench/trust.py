"""How often an honest partner's tracks are put apart, and what its evidence comes to, on the Lantern Sea.

``python bench/trust.py [SECONDS] [SEED]``: Arvena and Belora, two whole nodes, both agreements in full, honest both;
each ten minutes a line for each side. Ghosts are in tests/picture/test_trust.py; here everything that is put apart is a
false alarm.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from manara.host import numba_cache

numba_cache.configure()

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.doubles.two_nodes import PAIR, Sea, Two  # noqa: E402 - the kernels' cache is named first

from manara.records.confidence import Why  # noqa: E402 - the same


def main(seconds: int, seed: int) -> None:
    """Run, and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        two = Two(Path(folder), Sea(seed))
        two.run(1)
        two.activate("arvena", "belora")
        two.activate("belora", "arvena")
        told: dict[str, set[int]] = {name: set() for name in PAIR}
        apart: dict[str, dict[int, int]] = {name: {} for name in PAIR}
        begun = time.process_time()
        for second in range(1, seconds + 1):
            two.run(1)
            for name in PAIR:
                views = two[name].views
                for one in two[name].state.held.own.picture.partners.values():
                    told[name] |= set(one.held.id.tolist())
                for track, why in zip(views.apart.id.tolist(), views.apart.why.tolist(), strict=True):
                    apart[name][track] = apart[name].get(track, 0) | why
            if second % 600 == 0 or second == seconds:
                for name in PAIR:
                    print(json.dumps(line(two, name, second, told[name], apart[name], time.process_time() - begun)))
                    sys.stdout.flush()


def line(two: Two, name: str, second: int, told: set[int], apart: dict[int, int], cpu_s: float) -> dict[str, object]:
    """What one side holds of the other."""
    reasons: dict[str, int] = {}
    for why in apart.values():
        for one in Why:
            if one and why & one and one.name:
                reasons[one.name.lower()] = reasons.get(one.name.lower(), 0) + 1
    said = [
        [r.domain, r.area, round(r.corroborated, 1), round(r.refuted, 1), r.letter] for r in two[name].views.reliability
    ]
    return {
        "at": name, "second": second, "told": len(told), "apart": len(apart), "reasons": reasons, "reliability": said,
        "cpu_s": round(cpu_s, 1),
    }  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1800, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
