"""Decisions: 10,000 tracks for ten partners under 120 rules, with obligations and reasons; and Cedar beside it.

    python bench/release.py [TRACKS]

Two layouts: ten agreements of twelve rules each, and one agreement that holds all 120, decided ten times. Half the
tracks lie in some area, a tenth have something unknown. Prints the median of twenty rounds in milliseconds, how long
compiling and the table take, and what cedarpy takes for a decision on the same rows.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise

import numpy as np

from manara.host import numba_cache

numba_cache.configure()

from manara.host import cedar_oracle  # noqa: E402 - the kernels' cache is named before Numba loads
from manara.records.agreement import Agreement, Phase, Rule, When  # noqa: E402 - the same
from manara.records.marking import UNKNOWN, UNKNOWN_BIT, Codebook, Marking  # noqa: E402 - the same
from manara.release.rules import Program, compile_rules, decide  # noqa: E402 - the same

S = 1_000_000_000
NOW = 1_772_359_200 * S
PARTNERS = ("arvena", *(f"partner-{k}" for k in range(10)))
AREAS = tuple(f"area-{k}" for k in range(8))
SOURCES = ("ais", "coast radar", "hill radar", "ads-b")
BOOK = Codebook(AREAS, SOURCES, PARTNERS)
OVERLAPS = {"area": frozenset(frozenset(pair) for pair in pairwise(AREAS))}  # each area reaches into the next
ROUNDS = 20
CEDAR_ROWS = 300


def rule(rng: np.random.Generator, k: int) -> Rule:
    """One rule of every kind that agreements hold; every sixth forbids."""

    def some(names: tuple[str, ...], chance: float) -> tuple[str, ...]:
        picked = rng.choice(len(names), int(rng.integers(1, 3)), replace=False)
        return tuple(names[i] for i in sorted(picked)) if rng.random() < chance else ()

    when = When(
        domain=(("air",), ("sea",), ("air", "sea"))[int(rng.integers(3))],
        craft=some(("vessel_a", "vessel_b", "aircraft", "unmanned_aircraft"), 0.3),
        area=some(AREAS, 0.6),
        source=(SOURCES[:2], SOURCES[2:])[int(rng.integers(2))] if rng.random() < 0.2 else (),
        sensitivity=("open", "limited") if rng.random() < 0.5 else (),
        emergency=True if rng.random() < 0.1 else None,
        age_max_s=300 if rng.random() < 0.4 else None,
    )
    if k % 6 == 5:
        return Rule(id=f"r{k}", effect="forbid", when=when)
    tier = int(rng.integers(0, 4))
    return Rule(
        id=f"r{k}", effect="permit", when=when, cell_m=0 if tier < 2 else 1_000 << tier, epoch_s=3_600 * (tier >= 2),
        delay_s=30 * tier, strip=some(("identity", "names", "kinematics"), 0.5), retention_s=86_400 * (1 + tier),
    )  # fmt: skip


def agreement(rng: np.random.Generator, recipient: str, rules: int) -> Agreement:
    """So many rules for one partner."""
    return Agreement(
        id=recipient, title="Measured", releaser="arvena", recipient=recipient, not_before="2026-01-01T00:00:00Z",
        not_after="2027-01-01T00:00:00Z", sources=SOURCES, rules=tuple(rule(rng, k) for k in range(rules)),
    )  # fmt: skip


def marking(rng: np.random.Generator, n: int) -> Marking:
    """A picture of so many tracks."""
    inside = rng.random(n) < 0.5
    place = rng.integers(0, 8, n)
    first, second = (np.uint64(1) << one.astype(np.uint64) for one in (place, np.minimum(place + 1, 7)))
    area = np.where(inside, first | np.where(rng.random(n) < 0.3, second, np.uint64(0)), np.uint64(0))
    unknown = rng.random(n) < 0.05
    return Marking.blank(n).replace(
        sort=np.ones(n, np.uint8),
        domain=rng.integers(1, 3, n).astype(np.uint8),
        craft=rng.choice(np.array([1, 2, 7, 8, UNKNOWN], np.uint8), n),
        area_bits=np.where(unknown, np.uint64(UNKNOWN_BIT), area),
        sources=rng.integers(1, 16, n).astype(np.uint64),
        originator=np.zeros(n, np.uint16),
        sensitivity=rng.choice(np.array([0, 0, 1, 2, UNKNOWN], np.uint8), n),
        emergency=(rng.random(n) < 0.01).astype(np.uint8),
        time_ns=NOW - rng.integers(0, 600 * S, n),
        onward=np.full(n, UNKNOWN_BIT - 1, np.uint64),
    )


def compiled(agreements: list[Agreement]) -> tuple[list[Program], float]:
    """Programs with their tables, and the milliseconds of the dearest."""
    programs, took = [], []
    for one in agreements:
        begin = time.perf_counter()
        made = compile_rules(one, BOOK, Phase.FULL, overlaps=OVERLAPS)
        if not isinstance(made, Program):
            raise SystemExit(f"{made[0].where}: {made[0].why}")
        assert len(made.table.allowed) == made.space.size
        took.append(time.perf_counter() - begin)
        programs.append(made)
    return programs, 1e3 * max(took)


def decided_ms(programs: list[Program], rows: Marking) -> float:
    """Median of the rounds: every program decides about every row."""
    took = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for program in programs:
            decide(program, rows, NOW)
        took.append(time.perf_counter() - begin)
    return 1e3 * float(np.median(took))


def main() -> None:
    """Measure and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rng = np.random.Generator(np.random.Philox(7))
    rows = marking(rng, n)
    shared = [agreement(rng, partner, 12) for partner in PARTNERS[1:]]
    whole = [agreement(rng, PARTNERS[1], 120)]
    twelve, twelve_ms = compiled(shared)
    all_in_one, one_ms = compiled(whole)
    many = decided_ms(twelve, rows)
    oracle = cedar_oracle.compare(twelve[0], rows.take(np.arange(min(CEDAR_ROWS, n))), NOW)
    found = {
        "tracks": n,
        "allowed_percent": 100 * float(np.mean([decide(one, rows, NOW).allowed.mean() for one in twelve])),
        "decide_ms": many,
        "decide_120_ms": decided_ms(all_in_one * 10, rows),
        "compile_ms": twelve_ms,
        "compile_120_ms": one_ms,
        "signatures_120": all_in_one[0].space.size,
        "cedar_us": oracle.us_per_row,
        "cedar_mismatches": len(oracle.mismatches),
        "cedar_times": oracle.us_per_row / (1e3 * many / (10 * n)),
    }
    print(json.dumps({key: round(float(value), 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
