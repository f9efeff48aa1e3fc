"""The drawing at the door is the house: its words are the folders, its floors are the linter's."""

from __future__ import annotations

import configparser
import re

import pytest


@pytest.fixture(scope="module")
def drawing(sources) -> str:
    return next(s for s in sources if s.name == "__init__.py").text


def floors(drawing: str) -> list[list[str]]:
    """The rooms of each floor, highest first, as the drawing numbers them."""
    rows = re.findall(r"^ {4}(\d) {2}(.+)$", drawing, flags=re.MULTILINE)
    assert [int(n) for n, _ in rows] == list(range(len(rows), 0, -1))
    return [re.split(r"\s*│\s*", row.strip()) for _, row in rows]


def test_floors_are_the_folders(drawing, repository):
    folders = {p.parent.name for p in (repository / "src/manara").glob("*/__init__.py")}
    assert {room for floor in floors(drawing) for room in floor} == folders


def test_floors_are_the_contract(drawing, repository):
    contract = configparser.ConfigParser()
    contract.read(repository / ".importlinter", "utf-8")
    layers = contract["importlinter:contract:floors"]["layers"].strip().split("\n")
    assert [re.split(r"\s*\|\s*", row) for row in layers if not row.startswith("(")] == floors(drawing)


def test_the_flow_names_the_stages(drawing):
    flow = drawing.split("6  cli")[0]
    stages = {"feeds", "tracking", "picture", "release", "ledger", "link", "warning", "incident"}
    assert stages == {w for w in re.findall(r"[a-z]+", flow.split("::")[1]) if w in stages}
    assert sorted(floors(drawing)[-2]) == sorted(stages)


def test_each_room_says_what_it_is(sources):
    for s in sources:
        if s.name.count("/") == 1 and s.name.endswith("__init__.py"):
            assert len(s.text.split('"""')[1].strip()) > 20, s.name


def test_tests_lie_beside_the_rooms(repository):
    """One folder of tests per room; the other folders are named in DESIGN's layout."""
    rooms = {p.parent.name for p in (repository / "src/manara").glob("*/__init__.py")}
    others = {"house", "golden", "federation", "doubles", "bench", "tools", "web", "examples", "docs"}
    folders = {p.name for p in (repository / "tests").iterdir() if p.is_dir() and any(p.glob("**/*.py"))}
    assert folders <= rooms | others
