"""The examples run as they stand, offline, and end in what they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree


def run(repository: Path, name: str, *more: str) -> str:
    done = subprocess.run(
        [sys.executable, str(repository / "examples" / name), *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stderr == ""
    return done.stdout


def test_lantern_map_draws_a_picture(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "sea.svg"
    assert "339 craft around 4 partners" in run(repository, "lantern_map.py", str(out))
    root = ElementTree.parse(out).getroot()
    kinds = [child.tag.rpartition("}")[2] for child in root]
    assert kinds.count("path") == 339
    assert kinds.count("polygon") >= 20


def test_minutes_of_warning_are_counted(repository: Path) -> None:
    said = run(repository, "minutes_of_warning.py").splitlines()
    assert said[0].startswith("radar-arvena: first plot ")
    assert said[1].startswith("radar-delmara: first plot ")
    assert len(said) == 3
    gained = int(said[2].split(" know ")[1].split()[0])
    assert 15 <= gained <= 25


def test_two_ships_of_one_name_are_found(repository: Path) -> None:
    said = run(repository, "two_ships_one_name.py").splitlines()
    assert said[-1].endswith("1 of them twice at once")
    assert said[0].startswith("MMSI 291")
