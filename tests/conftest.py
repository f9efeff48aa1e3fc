"""What all tests share: the recordings, the outside programs, and where compiled kernels are kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from manara.host import numba_cache

REPOSITORY = Path(__file__).resolve().parents[1]

# Before any test module imports numba.
numba_cache.configure(REPOSITORY / ".cache" / "numba")

settings.register_profile("manara", derandomize=True, deadline=None, database=None)
settings.load_profile("manara")


def missing(what: str) -> NoReturn:
    """Skip with the reason, or fail where everything must be there (MANARA_REQUIRE=all, as in CI)."""
    if os.environ.get("MANARA_REQUIRE") == "all":
        pytest.fail(f"{what}; MANARA_REQUIRE=all demands it", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def recordings() -> Callable[[str], Path]:
    """``recordings("ais/dma-abnormal")``: that file or folder below $MANARA_DATA, or the test is skipped."""

    def find(name: str) -> Path:
        root = os.environ.get("MANARA_DATA", "")
        if not root:
            missing(f"recording {name}: MANARA_DATA is not set")
        path = Path(root) / name
        if not path.exists():
            missing(f"recording {name} is not below MANARA_DATA={root}")
        return path

    return find


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """``tool("tshark")``: the path of an outside program, or the test is skipped."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            missing(f"the program {name} is not installed")
        return str(path)

    return find


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY
