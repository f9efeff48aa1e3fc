"""Every example in a docstring is run; those of the kernels also without the compiler."""

from __future__ import annotations

import doctest
import importlib
import os
import subprocess
import sys

import pytest


def with_examples(sources, *rooms: str) -> list[str]:
    return [s.module for s in sources if ">>> " in s.text and (not rooms or s.room in rooms)]


def test_examples_in_docstrings_hold(sources):
    modules = with_examples(sources)
    assert modules
    wrong = {}
    for name in modules:
        found = doctest.testmod(importlib.import_module(name))
        if found.failed or not found.attempted:
            wrong[name] = found
    assert not wrong, wrong


def test_kernel_examples_hold_without_the_compiler(sources, repository):
    """The pure twin: what a kernel computes does not hang on its compiler. Also tells whether a kernel uses
    what only the compiler forgives."""
    modules = with_examples(sources, "kernels")
    if not modules:
        pytest.skip("no kernel has an example yet")
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(repository / "tests/house/uncompiled.py"), *modules],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert int(ran.stdout.split()[-2]) >= len(modules)


def test_each_kernel_module_shows_itself(sources):
    """The ideal docstring ends in "see it work"."""
    bare = [s.name for s in sources if s.room == "kernels" and "njit" in s.text and ">>> " not in s.text]
    assert not bare, bare


def test_importing_the_package_loads_nothing_heavy(repository):
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import sys, manara; print(sorted(sys.modules))"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'manara'" in ran.stdout
    assert not [
        name for name in ("numpy", "numba", "msgspec", "litestar", "manara.records") if f"'{name}'" in ran.stdout
    ]
