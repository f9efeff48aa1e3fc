"""Lengths, with a ratchet: what ratchet.json records may only fall (tools/ratchet.py lowers it)."""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
from pathlib import Path

LIMITS = {"file_lines": 500, "function_lines": 70, "median_function_lines": 12}


def lines_of(function: ast.AST) -> int:
    """Lines from ``def`` to the end, without the docstring: prose is not what makes a function long."""
    first = function.body[0]
    prose = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        prose = first.end_lineno - first.lineno + 1
    return function.end_lineno - function.lineno + 1 - prose


def recorded(repository: Path) -> dict[str, float]:
    return json.loads((repository / "tests/house/ratchet.json").read_text("utf-8"))


def test_lines_of_leaves_prose_out():
    function = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n    return a\n').body[0]
    assert lines_of(function) == 3


def test_no_file_is_too_long(sources, tests_and_tools, repository):
    most = recorded(repository)["file_lines"]
    long = [f"{s.name}: {s.text.count(chr(10))}" for s in sources + tests_and_tools if s.text.count("\n") > most]
    assert not long, f"over {most} lines: {long}"


def test_no_function_is_too_long(sources, repository):
    most = recorded(repository)["function_lines"]
    long = [f"{s.at(f)} {f.name}: {lines_of(f)}" for s in sources for f in s.functions() if lines_of(f) > most]
    assert not long, f"over {most} lines: {long}"


def test_half_of_all_functions_are_short(sources, repository):
    found = statistics.median(lines_of(f) for s in sources for f in s.functions())
    assert found <= recorded(repository)["median_function_lines"]


def test_exceptions_from_the_rules_do_not_multiply(sources, repository):
    text = "\n".join(s.text for s in sources)
    most = recorded(repository)
    assert len(re.findall(r"# [n]oqa", text)) <= most["noqa"]
    assert len(re.findall(r"# type: [i]gnore", text)) <= most["type_ignore"]


def test_the_ratchet_only_falls(repository):
    now = recorded(repository)
    assert all(now[key] <= limit for key, limit in LIMITS.items())
    for then in older(repository):
        risen = {key: (then[key], now[key]) for key in then if key in now and now[key] > then[key]}
        assert not risen, f"the ratchet was raised (was, is): {risen}"


def older(repository: Path) -> list[dict[str, float]]:
    """What the file said in each revision that this clone knows."""
    name = "tests/house/ratchet.json"
    try:
        log = subprocess.run(
            ["git", "log", "--format=%H", "--", name], cwd=repository, capture_output=True, check=True, text=True
        ).stdout.split()
        shown = [
            subprocess.run(["git", "show", f"{h}:{name}"], cwd=repository, capture_output=True, check=True).stdout
            for h in log[:50]
        ]
    except (OSError, subprocess.CalledProcessError):
        return []
    return [json.loads(text) for text in shown]


def test_init_files_hold_names_and_prose_only(sources):
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    work = []
    for s in sources:
        if not s.name.endswith("__init__.py"):
            continue
        for node in s.tree.body:
            prose = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            lazy = isinstance(node, ast.FunctionDef) and node.name in LAZY and lines_of(node) <= 12
            if not (prose or lazy or isinstance(node, allowed)):
                work.append(f"{s.at(node)} {type(node).__name__}")
    assert not work, work


# PEP 562: it loads the room when first asked.
LAZY = {"__getattr__"}


def test_every_file_begins_with_its_purpose(sources):
    silent = [s.name for s in sources if not ast.get_docstring(s.tree)]
    assert not silent, silent


def test_every_signature_is_annotated(sources):
    bare = []
    for s in sources:
        for f in s.functions():
            arguments = [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs]
            missing = [a.arg for a in arguments if a.annotation is None and a.arg not in {"self", "cls"}]
            if missing or f.returns is None:
                bare.append(f"{s.at(f)} {f.name} {missing}")
    assert not bare, bare
