"""Compile every kernel once, so that the first `manara demo` does not wait for the compiler.

A module that has kernels may offer ``warm()``, which calls them with the types of real work. The others are imported
only: their kernels compile at first use, once.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import time
from pathlib import Path

from manara.host import numba_cache

KEPT_S = 7 * 86_400.0  # folders of earlier states of the kernels stay a week: another checkout state may use them


def modules() -> list[str]:
    """Modules that may offer ``warm``: those of the package that mention one, by name."""
    package = Path(numba_cache.__file__).resolve().parents[1]
    offering = [p for p in sorted(package.rglob("*.py")) if b"\ndef warm(" in p.read_bytes()]
    return [".".join(("manara", *p.relative_to(package).with_suffix("").parts)) for p in offering]


def forget_old(folder: Path) -> int:
    """Remove compiled kernels of earlier states that nobody has used for a week."""
    removed = 0
    for one in folder.parent.glob("numba-*"):
        if one != folder and time.time() - one.stat().st_mtime > KEPT_S:
            shutil.rmtree(one, ignore_errors=True)
            removed += 1
    return removed


def main() -> int:
    """Warm all, print one line."""
    began = time.perf_counter()
    folder = numba_cache.configure()
    failed = []
    warmed = 0
    for name in modules():
        try:
            importlib.import_module(name.removesuffix(".__init__")).warm()
            warmed += 1
        except Exception as fault:  # noqa: BLE001 - an unwarmed kernel costs seconds later, not the installation now
            failed.append(f"{name}: {type(fault).__name__}: {fault}")
    removed = forget_old(folder)
    print(
        f"kernels: {warmed} modules warm in {time.perf_counter() - began:.1f} s ({folder.name}, {removed} old removed)"
    )
    for line in failed:
        print(f"kernels: not warmed: {line}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
