"""Run the examples of the named modules and print how many ran and failed. Numbers are compared within tolerance.

Without the compiler a kernel gives NumPy scalars, and the last bit may differ: an example says what comes out, not of
which class it is.
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


def main(names: list[str]) -> int:
    attempted = failed = 0
    for name in names:
        module = importlib.import_module(name)
        runner = doctest.DocTestRunner(checker=Within())
        for one in doctest.DocTestFinder(exclude_empty=True).find(module):
            runner.run(one)
        attempted += runner.tries
        failed += runner.failures
    print(attempted, failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
