"""The browser side by its own tools: Node's test runner on the decoder, svelte-check on the types."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
from tests.conftest import missing


@pytest.fixture(scope="module")
def node(repository) -> Path:
    spec = importlib.util.spec_from_file_location("build_web", repository / "tools/build_web.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    found = build.find_node()
    if found is None or not (repository / "web/node_modules").is_dir():
        missing("the desk's pages are not built: make install")
    return found


def run(node: Path, folder: Path, *command: str) -> str:
    done = subprocess.run([str(node), *command], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_decoder_reads_what_the_encoder_wrote(node, repository):
    tests = [str(p.relative_to(repository / "web")) for p in (repository / "web/src").rglob("*.test.ts")]
    assert "src/wire/frame.test.ts" in tests
    assert "fail 0" in run(node, repository / "web", "--test", "--test-reporter=spec", *tests)


def test_types_and_accessibility_hints_are_clean(node, repository):
    check = "node_modules/svelte-check/bin/svelte-check"
    said = run(node, repository / "web", check, "--tsconfig", "./tsconfig.json", "--fail-on-warnings")
    assert "0 errors and 0 warnings" in said


def test_the_lock_names_no_other_registry(repository):
    lock = json.loads((repository / "web/package-lock.json").read_text("utf-8"))
    resolved = [p["resolved"] for p in lock["packages"].values() if "resolved" in p]
    assert all(url.startswith("https://registry.npmjs.org/") for url in resolved)
    assert all("integrity" in p for name, p in lock["packages"].items() if name)
