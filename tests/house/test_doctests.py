"""Every example in a docstring is run; those of the kernels also without the compiler."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest


def with_examples(sources, *rooms: str) -> list[str]:
    return [s.module for s in sources if ">>> " in s.text and (not rooms or s.room in rooms)]


@pytest.fixture(scope="module")
def examples(repository):
    spec = importlib.util.spec_from_file_location("house_examples", repository / "tests/house/examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("want", "got", "same"),
    [
        ("(0.0, 1.5)", "(-0.0, np.float64(1.5000000000000002))", True),
        ("1.5", "1.6", False),
        ("[1]", "(1)", False),
        ("nan", "nan", True),
        ("1e-3", "0.001", True),
        ("'ais'", "'adsb'", False),
        ("1, 2", "1", False),
    ],
)
def test_numbers_are_compared_as_numbers(examples, want, got, same):
    assert examples.alike(want, got) is same


def test_examples_in_docstrings_hold(sources, examples, capsys):
    modules = with_examples(sources)
    assert modules
    found = {name: examples.run(name) for name in modules}
    wrong = {name: (ran, failed) for name, (ran, failed) in found.items() if failed or not ran}
    assert not wrong, f"{wrong}\n{capsys.readouterr().out}"


def test_kernel_examples_hold_without_the_compiler(sources, repository):
    """The pure twin: what a kernel computes does not hang on its compiler. Also tells whether a kernel uses
    what only the compiler forgives."""
    modules = with_examples(sources, "kernels")
    if not modules:
        pytest.skip("no kernel has an example yet")
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(repository / "tests/house/examples.py"), *modules],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert int(ran.stdout.split()[-2]) >= len(modules)


# Kernels that only run on a whole table of aircraft; tests/feeds/adsb tells their story. The list may only shrink.
UNSHOWN = {"kernels/beast.py", "kernels/squitters.py"}


def test_each_kernel_module_shows_itself(sources):
    """The ideal docstring ends in "see it work"."""
    bare = {s.name for s in sources if s.room == "kernels" and "njit" in s.text and ">>> " not in s.text}
    assert bare <= UNSHOWN, bare - UNSHOWN
    assert bare >= UNSHOWN & {s.name for s in sources}, f"these show themselves now, strike them: {UNSHOWN - bare}"


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
