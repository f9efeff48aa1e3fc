"""What the pages claim rests on something: tests named as ``path::name`` and pictures that are shown exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def pages(repository) -> dict[str, str]:
    paths = [*repository.glob("*.md"), *sorted((repository / "docs").rglob("*.md"))]
    return {p.relative_to(repository).as_posix(): p.read_text("utf-8") for p in paths}


def held(path: Path) -> set[str]:
    """The tests that a file holds."""
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text("utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


def absent(text: str, repository: Path) -> list[str]:
    """Tests that a page names and that are not there."""
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", text)
    return [f"{path}::{name}" for path, name in named if name not in held(repository / path)]


def test_a_test_that_is_not_there_is_seen(repository):
    here = "tests/house/test_trust.py"
    assert absent(f"`{here}::test_no_such` `{here}::test_every_row_has_its_test`", repository) == [
        f"{here}::test_no_such"
    ]
    assert absent("`tests/house/test_gone.py::test_x`", repository) == ["tests/house/test_gone.py::test_x"]


def test_tests_named_one_by_one_exist(pages, repository):
    gone = {name: some for name, text in pages.items() if (some := absent(text, repository))}
    assert not gone


def rows(text: str) -> list[list[str]]:
    """The numbered rows of the tables of threats."""
    return [[c.strip() for c in line.strip("|").split("|")] for line in re.findall(r"^\| \d.*\|$", text, re.MULTILINE)]


def test_every_row_has_its_test(pages):
    """Numbered without a gap; a row without a test admits that the liar still can."""
    found = rows(pages["docs/trust.md"])
    assert [int(r[0]) for r in found] == list(range(1, len(found) + 1))
    assert len(found) >= 20
    for number, _who, _could, _stops, still, tests in found:
        assert "::" in tests or (tests == "–" and still != "–"), f"row {number} claims without a test"


def test_security_leads_to_the_table(pages):
    assert "docs/trust.md" in pages["SECURITY.md"]


def test_pictures_that_are_shown_exist(pages, repository):
    shown = [(name, m) for name, text in pages.items() for m in re.findall(r'<img[^>]* src="([^"]+)"', text)]
    assert shown
    assert not [(name, src) for name, src in shown if not (repository / name).parent.joinpath(src).is_file()]
    assert not [name for name, text in pages.items() for m in re.findall(r"<img[^>]*>", text) if ' alt="' not in m]
