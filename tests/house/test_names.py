"""Public names keep to docs/nomenclature.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

# Words of a wire format are at home in its own codec (and only there).
WIRE = {
    "feeds/ais": {"message", "data"},
    "feeds/adsb": {"message", "data"},
    "feeds/asterix": {"item", "data", "target", "message"},
    "feeds/cot": {"event", "contact", "message"},
    "feeds/geojson": {"object"},
    "feeds/radar_nmea": {"target", "message"},
    "feeds/nmea": {"message"},
}

# Single names outside a codec, each with its reason.
EXEMPT = {
    "data": "a parameter or field of raw bytes: they mean nothing before they are decoded",
}
FOREIGN = {
    ("cli/main.py", "message"): "argparse's own word for what it overrides",
}


# Names that are still to be changed. The list may only shrink: a name that is gone is struck from it.
OWED: set[tuple[str, str]] = set()


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, singular.

    ``TargetReports`` and ``target_reports`` are {target, report}.
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    lower = {p.lower() for p in parts}
    return lower | {p.removesuffix("s") for p in lower} | {p.removesuffix("es") for p in lower}


@pytest.fixture(scope="module")
def banned(repository) -> set[str]:
    page = (repository / "docs/nomenclature.md").read_text("utf-8")
    listed = page.split("## Not used")[1].strip().split("\n\n")[0]
    return {w.strip() for w in listed.replace("\n", " ").split(",")}


def public_names(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Classes, functions, constants, fields and parameters that another room can see."""
    for node in tree.body:
        yield from names_of(node)


def names_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("_"):
        return
    if isinstance(node, ast.ClassDef):
        yield node.name, node
        for inner in node.body:
            yield from names_of(inner)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name, node
        for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            yield a.arg, node
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        for place in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(place, ast.Name) and not place.id.startswith("_"):
                yield place.id, node


def wire_words(name: str) -> set[str]:
    return {w for prefix, allowed in WIRE.items() if name.startswith(prefix) for w in allowed}


def test_words_are_split():
    assert {"target", "report"} <= words("TargetReports")
    assert {"ais", "message"} <= words("ais_messages")
    assert {"http", "handler"} <= words("HTTPHandler")
    assert "info" not in words("information")
    assert "core" not in words("score")


def test_the_list_is_read(banned):
    assert {"target", "handler", "process"} <= banned
    assert len(banned) == 16


def test_a_banned_name_is_seen(banned):
    tree = ast.parse("class TrackManager:\n    event_time: int = 0\n    def _x(self): ...\ndef f(target: int): ...\n")
    found = {name for name, _ in public_names(tree) if words(name) & banned}
    assert found == {"TrackManager", "event_time", "target"}


def test_public_names_use_the_fields_words(sources, banned):
    found = []
    for s in sources:
        ban = banned - wire_words(s.name)
        for part in s.module.split("."):
            if words(part) & ban:
                found.append(f"{s.name}: module name {part}")
        for name, node in public_names(s.tree):
            if words(name) & ban and name not in EXEMPT and (s.name, name) not in FOREIGN.keys() | OWED:
                found.append(f"{s.at(node)} {name}: {sorted(words(name) & ban)}")
    assert not found, "\n".join(found)


def test_what_is_owed_is_still_there(sources):
    there = {(s.name, name) for s in sources for name, _ in public_names(s.tree)}
    assert there >= OWED, f"renamed: strike {OWED - there}"


SPELLED = {"meters", "metres", "seconds", "degrees", "radians", "knots", "feet", "millis", "nanos", "ms", "km", "kts"}


# Codecs say what their wire says; a scenario file is written by people, who think in kilometres.
SPELLED_AT_THE_EDGE = ("feeds/", "study/scenario.py")


def test_units_are_si_and_stand_last(sources):
    """SI outside codecs: no name ends in another unit; what a wire says in knots is turned at the codec's door."""
    found = []
    for s in sources:
        if s.name.startswith(SPELLED_AT_THE_EDGE):
            continue
        for name, node in public_names(s.tree):
            if "_" in name and name.lower().rsplit("_", 1)[-1] in SPELLED:
                found.append(f"{s.at(node)} {name}")
    assert not found, "\n".join(found)


# ADS-B's own arithmetic is in degrees; its results must equal the standard's to the bit.
DEGREES = {"kernels/cpr.py", "kernels/aircraft.py", "kernels/squitters.py"}


def test_degrees_stay_at_the_edges(sources):
    """``_deg`` is for files and screens: a kernel counts in radians."""
    found = [
        f"{s.at(node)} {name}"
        for s in sources
        if s.room in {"kernels", "tracking"} and s.name not in DEGREES
        for name, node in public_names(s.tree)
        if name.lower().endswith("_deg")
    ]
    assert not found, "\n".join(found)
