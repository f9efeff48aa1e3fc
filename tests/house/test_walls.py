"""The floors stand, and the contracts that keep them bite."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# What each room may take from outside the standard library. A row more is a decision: say in the commit why.
OUTSIDE = {
    "": set(),
    "__main__": set(),
    "records": {"numpy", "msgspec"},
    "kernels": {"numpy", "numba"},
    "feeds": {"numpy", "numba", "msgspec", "pyais", "rs1090", "lxml", "takproto", "google"},
    "tracking": {"numpy", "numba", "msgspec"},
    "picture": {"numpy", "msgspec"},
    "release": {"numpy", "msgspec", "cryptography", "rfc8785"},
    "ledger": {"cryptography", "rfc8785"},
    "link": {"numpy", "msgspec", "rfc8785", "cryptography"},
    "warning": {"numpy", "msgspec", "lxml"},
    "incident": {"msgspec"},
    "node": {"numpy", "msgspec", "rfc8785"},
    "host": {"numpy", "msgspec", "serial", "pyarrow", "cryptography", "aiohttp", "rfc8785", "cedarpy", "xlsxwriter"},
    "study": {"numpy", "msgspec"},
    "planning": {"numpy", "msgspec"},
    "exercise": {"msgspec"},
    "desk": {"numpy", "msgspec", "litestar", "uvicorn", "websockets", "httptools", "uvloop"},
    "cli": {"numpy", "msgspec", "tqdm", "pyarrow"},
}

# One forbidden line per wall: file, the line, and what the linter has to say of it.
BREACHES = [
    ("feeds/breach.py", "import manara.tracking", "manara.feeds is not allowed to import manara.tracking"),
    ("picture/breach.py", "from manara import release", "manara.picture is not allowed to import manara.release"),
    ("link/breach.py", "import manara.picture", "manara.link is not allowed to import manara.picture"),
    ("records/breach.py", "import manara.kernels", "manara.records is not allowed to import manara.kernels"),
    ("kernels/breach.py", "import manara.records", "manara.kernels is not allowed to import manara.records"),
    ("kernels/breach2.py", "import datetime", "manara.kernels is not allowed to import datetime"),
    ("kernels/breach3.py", "import msgspec", "manara.kernels is not allowed to import msgspec"),
    ("node/breach.py", "import time", "manara.node is not allowed to import time"),
    ("tracking/breach.py", "import random", "manara.tracking is not allowed to import random"),
    ("warning/breach.py", "import socket", "manara.warning is not allowed to import socket"),
    ("release/breach.py", "import manara.node", "manara.release is not allowed to import manara.node"),
    ("ledger/breach.py", "import manara.records", "manara.ledger is not allowed to import manara.records"),
    ("host/breach.py", "import manara.desk", "manara.host is not allowed to import manara.desk"),
    ("desk/breach.py", "import manara.planning", "manara.desk is not allowed to import manara.planning"),
    ("incident/breach.py", "def f() -> None:\n    import pathlib", "manara.incident is not allowed to import pathlib"),
]


def lint(folder: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package that lies in folder."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--config", str(config)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "400"},
    )


def copy_of(repository: Path, folder: Path) -> Path:
    shutil.copytree(
        repository / "src" / "manara", folder / "manara", ignore=shutil.ignore_patterns("static", "__pycache__")
    )
    return folder


def test_the_walls_stand(repository):
    found = lint(repository / "src", repository / ".importlinter")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


def test_each_wall_bites(repository, tmp_path):
    folder = copy_of(repository, tmp_path)
    for name, line, _ in BREACHES:
        (folder / "manara" / name).write_text(f'"""A breach."""\n{line}\n')
    found = lint(folder, repository / ".importlinter")
    assert found.returncode == 1
    silent = [says for _, _, says in BREACHES if says not in found.stdout]
    assert not silent, f"these walls did not bite: {silent}\n{found.stdout}{found.stderr}"


def test_a_cycle_inside_a_room_is_seen(repository, tmp_path):
    folder = copy_of(repository, tmp_path)
    (folder / "manara/study/one.py").write_text("import manara.study.two\n")
    (folder / "manara/study/two.py").write_text("def later() -> None:\n    import manara.study.one\n")
    found = lint(folder, repository / ".importlinter")
    assert found.returncode == 1
    assert re.search(r"No cycles between siblings\s+BROKEN", found.stdout), found.stdout


def test_a_room_without_a_floor_is_seen(repository, tmp_path):
    folder = copy_of(repository, tmp_path)
    (folder / "manara" / "attic").mkdir()
    (folder / "manara" / "attic" / "__init__.py").write_text("")
    found = lint(folder, repository / ".importlinter")
    assert found.returncode != 0
    assert "attic" in found.stdout + found.stderr


def outside_imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import; say which room it is"
            found.add((node.module or "").split(".")[0])
    return found - set(sys.stdlib_module_names) - {"manara"}


def test_each_room_takes_from_outside_only_what_is_listed(all_sources):
    strangers = {
        f"{s.name}: {name}" for s in all_sources for name in outside_imports(s.tree) - OUTSIDE.get(s.room, set())
    }
    assert not strangers, strangers


def test_the_list_of_rooms_is_the_folders(all_sources):
    assert {s.room for s in all_sources} == set(OUTSIDE)


def test_what_is_listed_is_a_declared_dependency(repository):
    import tomllib

    declared = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=;\s]", d)[0].replace("pyserial", "serial") for d in declared}
    names.add("google")  # google.protobuf comes with takproto, whose generated classes raise its errors
    assert set().union(*OUTSIDE.values()) <= names
