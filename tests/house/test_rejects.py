"""Every reason for which bytes are refused stands in docs/reference/rejects.md, under the format that gives it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from manara.records.inputs import Skip
from manara.tracking import stage

SLUG = re.compile(r"[a-z]+(_[a-z]+)*")

# Where a reason stands in a call: which arguments, by the name of what is called.
PLACES = {"Reject": (0,), "add": (0,), "refuse": (0,), "_refuse": (0, 1), "BadField": (0,), "_lost": (1,), "_die": (3,)}

# Functions whose text result is a word of another kind, not a reason.
OTHER_WORDS = {("ais/decoder.py", "_position"), ("ais/stamps.py", "station")}

# A module or folder of src/manara/feeds and the sections of the page that speak of it.
SECTIONS = {
    "ais": ["AIS"],
    "adsb": ["ADS-B and Mode S"],
    "asterix": ["ASTERIX"],
    "cot": ["Cursor on Target"],
    "geojson.py": ["GeoJSON"],
    "documents.py": ["Cursor on Target", "GeoJSON"],
    "radar_nmea.py": ["Radar TTM and TLL"],
    "stage.py": ["Any feed"],
}


def slugs(tree: ast.AST) -> set[str]:
    """Words of an expression that have the form of a reason; keys of a table and what a condition asks are none."""
    if isinstance(tree, ast.IfExp):
        return slugs(tree.body) | slugs(tree.orelse)
    if isinstance(tree, ast.Dict):
        return {s for value in tree.values for s in slugs(value)}
    if isinstance(tree, ast.Constant):
        return {tree.value} if isinstance(tree.value, str) and SLUG.fullmatch(tree.value) else set()
    if isinstance(tree, ast.Tuple):
        return {s for one in tree.elts for s in slugs(one)}
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr == "get":
        return {s for one in (tree.func.value, *tree.args[1:]) for s in slugs(one)}
    return set()


def reasons(tree: ast.Module, name: str) -> Iterator[str]:
    """Every reason that a module can give: in calls, in results that say why not, in what is named why."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for place in PLACES.get(called, ()):
                if len(node.args) > place:
                    yield from slugs(node.args[place])
        elif isinstance(node, ast.FunctionDef) and node.returns and (name, node.name) not in OTHER_WORDS:
            if re.search(r"\bstr\b", ast.unparse(node.returns)):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from slugs(inner.value.elts[0] if isinstance(inner.value, ast.Tuple) else inner.value)
        elif isinstance(node, ast.Assign):
            yield from named_why(node)


def named_why(node: ast.Assign) -> Iterator[str]:
    """What ``why = …``, ``why, detail = …`` and ``WHY = (…)`` name."""
    for to in node.targets:
        if isinstance(to, ast.Name) and to.id in ("why", "WHY"):
            yield from slugs(node.value)
        elif isinstance(to, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for one, value in zip(to.elts, node.value.elts, strict=True):
                if isinstance(one, ast.Name) and one.id == "why":
                    yield from slugs(value)


def sections(page: str) -> dict[str, set[str]]:
    """Heading -> the reasons in the first column of its table."""
    found = {}
    for part in page.split("\n## ")[1:]:
        first = re.findall(r"^\| ([^|]+) \|", part, flags=re.MULTILINE)
        found[part.split("\n")[0]] = set(re.findall(r"`([a-z_]+)`", " ".join(first)))
    return found


@pytest.fixture(scope="module")
def listed(repository) -> dict[str, set[str]]:
    return sections((repository / "docs/reference/rejects.md").read_text("utf-8"))


@pytest.fixture(scope="module")
def used(sources) -> dict[str, set[str]]:
    """Section -> the reasons that its source gives."""
    found: dict[str, set[str]] = {}
    for s in sources:
        room, _, name = s.name.partition("/")
        if room == "feeds":
            for section in SECTIONS.get(name.split("/")[0], []):
                found.setdefault(section, set()).update(reasons(s.tree, name))
    found["Any feed"] |= {"overflow", Skip(0, 0, 0).why}  # counted by the stage itself, without bytes to keep
    found["Tracking"] = set(stage._WHY.values())
    return found


def test_a_reason_is_seen_wherever_it_is_given():
    tree = ast.parse(
        "def f(x, got) -> tuple[int, bytes] | str:\n"
        "    got.refuse('one' if x == 'no_reason' else 'two', x)\n"
        "    why = {-2: 'three'}.get(x, 'four')\n"
        "    why, detail = 'five', 'no reason'\n"
        "    raise BadField('six', 'seven')\n"
        "    return 'eight'\n"
        "def g() -> int:\n"
        "    return table['no_reason']\n"
        "WHY = ('', 'nine')\n"
    )
    assert set(reasons(tree, "x.py")) == {"one", "two", "three", "four", "five", "six", "eight", "nine"}


def test_every_reason_is_explained(used, listed):
    missing = {name: sorted(found - listed.get(name, set())) for name, found in used.items()}
    assert not {name: some for name, some in missing.items() if some}


def test_nothing_is_explained_that_is_never_given(used, listed):
    gone = {name: sorted(found - used.get(name, set())) for name, found in listed.items() if name in used}
    assert not {name: some for name, some in gone.items() if some}
    assert listed.keys() >= used.keys()


def test_enough_is_found(used):
    """The search still finds what it looks for: the formats that give most reasons give at least so many."""
    assert len(used["AIS"]) >= 15
    assert len(used["ADS-B and Mode S"]) >= 15
    assert len(used["ASTERIX"]) >= 6
    assert all(used.values())
