"""Where Numba keeps compiled kernels: one folder per state of the kernels' source.

Numba does not see an edit in the file of a *called* kernel and would serve a stale result. So the folder is named
by what all kernel files say. This module imports neither NumPy nor Numba: it has to speak before they load.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def kernel_files() -> list[Path]:
    """All files of the package that hold a compiled kernel, in a stable order."""
    return [p for p in sorted(_PACKAGE.rglob("*.py")) if p != Path(__file__).resolve() and b"njit" in p.read_bytes()]


def fingerprint() -> str:
    """Sixteen hex digits that change with any kernel file, with Numba, Python or the machine's architecture."""
    digest = hashlib.blake2b(digest_size=8)
    for word in (metadata.version("numba"), platform.python_version(), platform.machine()):
        digest.update(word.encode() + b"\0")
    for path in kernel_files():
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def default_root() -> Path:
    """Where compiled kernels go when nobody says otherwise: beside the source in a checkout (so that program, tests
    and ``make install`` share them), else in the user's cache folder."""
    checkout = _PACKAGE.parents[1]
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cache" / "numba"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "manara"


def configure(root: Path | None = None) -> Path:
    """Set ``NUMBA_CACHE_DIR`` for this process and its children unless it is set; return the folder in use.

    Call it before anything imports numba: Numba reads the variable once. The folder holds code that will be run, so
    only its owner may write there; where none can be made, a fresh one serves this process alone.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    folder = (root or default_root()) / f"numba-{fingerprint()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="manara-numba-"))
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder
