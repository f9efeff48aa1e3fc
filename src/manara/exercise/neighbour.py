"""Another partner of the demo: a node like any other, a program of its own, that follows the same sea's clock."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PROGRAM = "manara.cli.neighbour"  # it opens a desk, which no exercise may know


class Neighbour:
    """The running program. However early somebody interrupts, `stop` ends it; if we are gone, it ends itself.
    ``shown``: told the address of its desk."""

    def __init__(self, config: Path, scenario: str, speed: float, port: int, shown: Callable[[str], None]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program; the words are one argument each, no shell
            [sys.executable, "-m", PROGRAM, str(config), scenario, f"--speed={speed}", f"--port={port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl+C is for us; we end it
        )
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._opened = threading.Event()
        threading.Thread(target=self._listen, args=(shown,), name="neighbour", daemon=True).start()

    def _listen(self, shown: Callable[[str], None]) -> None:
        for line in self._stdout:
            if found := re.search(rb"http://[\w.:]+/", line):
                shown(found[0].decode("ascii"))
                self._opened.set()
        self._opened.set()  # it ended: nobody need wait for it

    def opened(self, within_s: float) -> bool:
        """Wait until its desk is open, or it has ended, or the time is over; whether it was not the time."""
        return self._opened.wait(within_s)

    def tell(self, now_ns: int) -> None:
        """The sea's time. A neighbour that is gone is told nothing."""
        with suppress(OSError, ValueError):
            self._stdin.write(f"{now_ns}\n".encode())
            self._stdin.flush()

    def stop(self, patience_s: float = 0.0) -> None:
        """End it: with some patience it may put away what it holds, else at once."""
        if patience_s > 0:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):
                pipe.close()
