"""The command line, a contract: add, do not rename.

Exit 0: done. 1: the answer is no. 2: bad input, one line that says what and where. Never a traceback for bad input.
"""

from manara.cli.main import main

__all__ = ["main"]
