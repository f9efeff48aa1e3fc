"""What the user did or gave that cannot work: said in one line, never as a traceback."""

from __future__ import annotations


class BadInput(Exception):
    """One line that says what, where, and what to do. The command line prints it and exits with 2."""

    def __init__(self, what: str, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        hint = f" – {self.mend}" if self.mend else ""
        return " ".join(f"{place}{self.what}{hint}".split())
