"""A small sea that is quick to make."""

from __future__ import annotations

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
