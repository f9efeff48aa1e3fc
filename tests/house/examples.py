"""Run the examples of the named modules and print how many ran and failed. Numbers are compared within tolerance.

An example says what comes out, not of which class it is: without the compiler a kernel gives NumPy scalars, and the
last bit differs from machine to machine.
"""

from __future__ import annotations

import doctest
import importlib
import math
import re
import sys

SCALAR = re.compile(r"np\.\w+\(([^()]*)\)")
NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)")


def alike(want: str, got: str) -> bool:
    """The same text around the same numbers.

    >>> alike("(0.0, 1.5)", "(-0.0, np.float64(1.5000000000000002))"), alike("1.5", "1.6"), alike("[1]", "(1)")
    (True, False, False)
    """
    want, got = SCALAR.sub(r"\1", want), SCALAR.sub(r"\1", got)
    if NUMBER.sub("#", want).split() != NUMBER.sub("#", got).split():
        return False
    pairs = zip(NUMBER.findall(want), NUMBER.findall(got), strict=True)
    return all(a == b or math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-12) for a, b in pairs)


class Within(doctest.OutputChecker):
    """A checker that knows numbers."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(want, got, optionflags) or alike(want, got)


def run(name: str) -> tuple[int, int]:
    """How many examples of a module ran, and how many failed; what failed is printed."""
    runner = doctest.DocTestRunner(checker=Within())
    for one in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(one)
    return runner.tries, runner.failures


def main(names: list[str]) -> int:
    found = [run(name) for name in names]
    print(sum(tries for tries, _ in found), sum(failures for _, failures in found))
    return 1 if any(failures for _, failures in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
