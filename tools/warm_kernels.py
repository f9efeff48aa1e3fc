"""Compile every kernel once, so that the first `manara demo` does not wait for the compiler.

A module that has kernels may offer ``warm()``, which calls them with the types of real work. Then the demo is rehearsed
in memory, without sockets and screen: what it calls is compiled with the very types that it uses.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import time
from pathlib import Path

from manara.host import numba_cache

KEPT_S = 7 * 86_400.0  # folders of earlier states stay a week: another branch may use them


def modules() -> list[str]:
    """Modules that may offer ``warm``: those of the package that mention one, by name."""
    package = Path(numba_cache.__file__).resolve().parents[1]
    offering = [p for p in sorted(package.rglob("*.py")) if b"\ndef warm(" in p.read_bytes()]
    return [".".join(("manara", *p.relative_to(package).with_suffix("").parts)) for p in offering]


def forget_old(folder: Path) -> int:
    """Remove compiled kernels of earlier states, and of other builds of Numba, that are older than a week."""
    kept = {numba_cache.folder_name(one) for one in numba_cache.kernel_files()}
    removed = 0
    for one in (*folder.iterdir(), *folder.parent.glob("numba-*")):
        if one != folder and one.name not in kept and time.time() - one.stat().st_mtime > KEPT_S:
            shutil.rmtree(one, ignore_errors=True)
            removed += 1
    return removed


def rehearse(seconds: int = 30) -> int:
    """The demo's node and world for so many seconds of its clock; gives the number of tracks."""
    from manara.host.running import memory_turn
    from manara.records.config import NodeConfig
    from manara.records.inputs import Chunk
    from manara.study import scenario as scenarios
    from manara.study.world import World, feeds, sensors

    scenario = scenarios.load(scenarios.find("lantern"))
    config = NodeConfig(name=scenario.name, feeds=feeds(scenario), sensors=sensors(scenario))
    numbers = {feed.name: number for number, feed in enumerate(config.feeds)}
    world, turn = World(scenario, 1), memory_turn(config)
    tracks = 0
    for second in range(1, seconds + 1):
        now_ns = scenarios.start_ns(scenario) + second * 1_000_000_000
        heard = [Chunk(numbers[one.channel], one.data, now_ns, one.whole) for one in world.advance(now_ns)]
        tracks = len(turn(tuple(heard), now_ns).views.tracks)
    return tracks


def rehearse_sharing(seconds: int = 150) -> None:
    """Two nodes in memory that let each other have what they see, until what came is fused with what is one's own."""
    from manara.host import simulated
    from manara.study.federation.member import Host
    from manara.study.federation.run import Federation, Setting

    host = Host(simulated.Store, simulated.signer, simulated.checked, simulated.REFUSALS)
    Federation(Setting(seed=1, nodes=2, seconds=seconds, craft=40, pace_s=2), host).run()


def main() -> int:
    """Warm all, print one line."""
    began = time.perf_counter()
    print("kernels: compiling once, two to three minutes", flush=True)
    folder = numba_cache.configure()
    tracks = 0
    failed = []
    for name in modules():
        try:
            importlib.import_module(name.removesuffix(".__init__")).warm()
        except Exception as fault:  # noqa: BLE001 - an unwarmed kernel costs seconds later, not the installation now
            failed.append(f"{name}: {type(fault).__name__}: {fault}")
    try:
        tracks = rehearse()
        rehearse_sharing()
    except Exception as fault:  # noqa: BLE001 - the same: it costs seconds later
        failed.append(f"rehearsal: {type(fault).__name__}: {fault}")
    removed = forget_old(folder)
    took_s = time.perf_counter() - began
    print(f"kernels: warm, {tracks} tracks rehearsed in {took_s:.1f} s; {removed} old folders removed")
    for line in failed:
        print(f"kernels: not warmed: {line}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
