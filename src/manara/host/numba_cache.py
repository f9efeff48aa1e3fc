"""Where Numba keeps compiled kernels: one folder per kernel file and what that file builds on.

Numba does not see an edit in the file of a *called* kernel and would serve a stale result. So each file's kernels lie
in a folder named by what that file says and what every file says that it imports, directly or not: an edit compiles
anew what it can change and nothing else, and checkouts may share a cache. This module imports neither NumPy nor Numba:
it has to speak before they load; Numba finds ``ByClosure`` here by name.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))", re.M)


def kernel_files() -> list[Path]:
    """All files of the package that hold a compiled kernel, in a stable order."""
    return [p for p in sorted(_PACKAGE.rglob("*.py")) if p != Path(__file__).resolve() and b"njit" in p.read_bytes()]


def closure(path: Path) -> list[Path]:
    """The file and all files of the package that it imports, directly or not, sorted. A file outside the package is
    taken with all Python files of its folder: what it imports from there is not looked into."""
    path = path.resolve()
    if _PACKAGE not in path.parents:
        return sorted(path.parent.glob("*.py"))
    found, waiting = {path}, [path]
    while waiting:
        fresh = set(_imported(waiting.pop())) - found
        found |= fresh
        waiting += fresh
    return sorted(found)


@functools.lru_cache(maxsize=1024)
def stamp(path: Path) -> str:
    """Sixteen hex digits that change with any file of the kernel file's closure; read once in a process."""
    digest = hashlib.blake2b(digest_size=8)
    for one in closure(path):
        digest.update(os.path.relpath(one, _PACKAGE.parent).encode() + b"\0")
        digest.update(hashlib.blake2b(one.read_bytes()).digest())
    return digest.hexdigest()


def folder_name(path: Path) -> str:
    """The folder of one kernel file's compiled kernels: ``kernels.follow-0123456789abcdef``."""
    path = path.resolve()
    inside = path.relative_to(_PACKAGE).with_suffix("").parts if _PACKAGE in path.parents else (path.stem,)
    return f"{'.'.join(inside)}-{stamp(path)}"


class ByClosure:
    """Tells Numba where one function's compiled code lies (its ``NUMBA_CACHE_LOCATOR_CLASSES``)."""

    def __init__(self, function: Callable[..., Any], source: str) -> None:
        self._source = Path(source)
        self._line = function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, function: Callable[..., Any], source: str) -> ByClosure | None:
        """A locator for a function of a file; none for what stands in no file."""
        return cls(function, source) if os.path.isfile(source) and os.environ.get("NUMBA_CACHE_DIR") else None

    def get_cache_path(self) -> str:
        """The folder."""
        return os.path.join(os.environ["NUMBA_CACHE_DIR"], folder_name(self._source))

    def get_source_stamp(self) -> str:
        """What has to be equal for compiled code to be taken."""
        return stamp(self._source)

    def get_disambiguator(self) -> str:
        """Tells functions of one name in one file apart."""
        return str(self._line)

    def ensure_cache_path(self) -> None:
        """Make the folder, and fail now if nothing can be written there."""
        os.makedirs(self.get_cache_path(), mode=0o700, exist_ok=True)
        tempfile.TemporaryFile(dir=self.get_cache_path()).close()


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
    os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", f"{__name__}.{ByClosure.__name__}")
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    build = f"numba-{metadata.version('numba')}-py{platform.python_version()}-{platform.machine()}"
    folder = (root or default_root()) / build
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="manara-numba-"))
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder


def _imported(path: Path) -> list[Path]:
    """The package's files that one file imports, wherever in it the import stands."""
    found = []
    for origin, names, plain in _IMPORT.findall(path.read_text(encoding="utf-8")):
        dotted = [origin] if origin else [one.split()[0] for one in plain.split(",") if one.split()]
        dotted += [f"{origin}.{name}" for name in re.findall(r"\w+", names)]
        for parts in (one.split(".") for one in dotted):
            if parts[0] == _PACKAGE.name:
                place = _PACKAGE.parent.joinpath(*parts)
                found += [one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()]
    return [one.resolve() for one in found]
