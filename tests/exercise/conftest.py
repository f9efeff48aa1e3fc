"""A small sea that is quick to make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from manara.study import scenario as scenarios


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lantern sea with few craft, as a scenario file."""
    text = scenarios.find("lantern").read_text("utf-8")
    begin, end = text.index("[counts]"), text.index("# At twenty times")
    path = tmp_path_factory.mktemp("sea") / "quick.toml"
    path.write_text(f"{text[:begin]}[counts]\ncargo = 12\nairliner = 10\nfishing = 8\n{text[end:]}", "utf-8")
    return path


@pytest.fixture(scope="session")
def pair(quick: Path) -> Path:
    """The same, in which only Arvena and Belora share."""
    text = quick.read_text("utf-8")
    relations = re.findall(r"\[\[relation\]\]\n(?:\w.*\n)+\n", text)
    assert len(relations) > 3
    for one in relations:
        if "Arvena" not in one or "Belora" not in one:
            text = text.replace(one, "")
    path = quick.with_name("pair.toml")
    path.write_text(text, "utf-8")
    return path
