"""Small files that people and programs hand to one another: read with a bound, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from manara.host.problems import BadInput


def read(path: Path, most: int, mend: str = "") -> bytes:
    """A file's bytes, at most so many. Raises BadInput."""
    try:
        with path.open("rb") as file:
            found = file.read(most + 1)
    except (OSError, ValueError) as fault:
        raise BadInput(f"cannot be read: {getattr(fault, 'strerror', None) or fault}", str(path), mend) from None
    if len(found) > most:
        raise BadInput(f"larger than {most} bytes", str(path), "is this the right file?")
    return found


def write(path: Path, content: bytes, private: bool = False) -> None:
    """Put this content under this name: a file beside it, synced, then renamed. Raises BadInput."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with beside.open("xb") as file:
            beside.chmod(0o600 if private else 0o644)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise BadInput(f"cannot be written: {fault.strerror or fault}", str(path), "see to room and rights") from None


def write_new(path: Path, content: bytes, private: bool = False) -> None:
    """The same, never over a file that is there. Raises BadInput."""
    if os.path.lexists(path):
        raise BadInput("is there already", str(path), "choose another name")
    write(path, content, private)
