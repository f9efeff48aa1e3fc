"""The house's own source, read once: what the tests of this folder look at."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

# Written by a script of tools/, read by nobody: lengths and names do not apply.
GENERATED = {"feeds/asterix/tables.py": "tools/asterix_tables.py"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file of the package."""

    path: Path
    name: str  # below src/manara, with slashes
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.name)

    @property
    def room(self) -> str:
        """The folder below the package; "" for the package's own __init__."""
        return self.name.split("/")[0].removesuffix(".py").removesuffix("__init__")

    @property
    def module(self) -> str:
        """Its dotted name."""
        parts = self.name.removesuffix(".py").split("/")
        return ".".join(["manara", *[p for p in parts if p != "__init__"]])

    def functions(self) -> Iterator[Function]:
        """All functions and methods, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def at(self, node: ast.AST) -> str:
        """Where a finding stands."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}"


@pytest.fixture(scope="session")
def all_sources(repository: Path) -> list[Source]:
    """Every file of the package, written ones too."""
    root = repository / "src" / "manara"
    paths = sorted(p for p in root.rglob("*.py") if "static" not in p.parts)
    return [Source(p, p.relative_to(root).as_posix(), p.read_text("utf-8")) for p in paths]


@pytest.fixture(scope="session")
def sources(all_sources: list[Source]) -> list[Source]:
    """Every file that a person wrote."""
    return [s for s in all_sources if s.name not in GENERATED]


@pytest.fixture(scope="session")
def tests_and_tools(repository: Path) -> list[Source]:
    """The Python files beside the package."""
    paths = sorted(p for folder in ("tests", "tools", "bench", "examples") for p in (repository / folder).rglob("*.py"))
    return [Source(p, p.relative_to(repository).as_posix(), p.read_text("utf-8")) for p in paths]


@pytest.fixture(scope="session")
def tracked(repository: Path) -> list[Path]:
    """Every file that git tracks and that exists; without git, every file of the folders that we ship."""
    try:
        out = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout
        names = [n for n in out.decode().split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        folders = ("src", "tests", "docs", "tools", "bench", "examples", ".ci")
        names = [p.relative_to(repository).as_posix() for f in folders for p in (repository / f).rglob("*")]
        names += [p.name for p in repository.glob("*.md")]
    return [repository / n for n in names if (repository / n).is_file()]
