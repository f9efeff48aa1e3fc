"""Chance from a text: every use has a stream of its own, so that a fault taken away leaves the others as they were."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from manara.records.columns import F8

T = TypeVar("T")


class Chance:
    """A seeded generator.

    >>> Chance("1/faults").integer(0, 9) == Chance("1/faults").integer(0, 9)
    True
    """

    def __init__(self, seed: str) -> None:
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big")
        self._generator = np.random.Generator(np.random.PCG64(number))

    def share(self) -> float:
        """Uniform in [0, 1)."""
        return float(self._generator.random())

    def between(self, least: float, most: float) -> float:
        """Uniform in [least, most)."""
        return least + (most - least) * float(self._generator.random())

    def integer(self, least: int, most: int) -> int:
        """Uniform in [least, most], both included."""
        return int(self._generator.integers(least, most + 1))

    def one(self, of: Sequence[T]) -> T:
        """One of these."""
        return of[self.integer(0, len(of) - 1)]

    def some(self, n: int, of: int) -> list[int]:
        """So many different numbers below ``of``."""
        return [int(k) for k in self._generator.permutation(of)[:n]]

    def data(self, n: int) -> bytes:
        """So many bytes."""
        return self._generator.bytes(n)

    def normal(self, n: int) -> F8:
        """Standard normal, (n,)."""
        return self._generator.standard_normal(n)
