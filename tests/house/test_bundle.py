"""The bundle for a machine without a network: made, carried, installed where no packet leaves; refused when damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from manara.feeds.ais import encode

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def unpacked(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of this checkout, as it lies on the other machine."""
    made = subprocess.run(
        [sys.executable, "tools/bundle.py"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    there = tmp_path_factory.mktemp("carried")
    with tarfile.open(repository / made.stdout.split(":")[0]) as packed:
        packed.extractall(there, filter="data")
    (folder,) = there.iterdir()
    return folder


def without_network() -> list[str]:
    """Words before a command that leave it no network, not even the loopback."""
    words = ["unshare", "--net"]
    allowed = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if allowed else []


def there(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A command on the other machine: nothing of this environment but the path of its Python."""
    clean = {
        "PATH": f"{Path(sys.executable).resolve().parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "LC_ALL": "C.UTF-8",
    }
    line = [*without_network(), *map(str, words)]
    return subprocess.run(line, env={**clean, **env}, capture_output=True, text=True, check=False, timeout=600)


def test_row_29_one_command_installs_without_a_network(unpacked, tmp_path):
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    done = there("sh", unpacked / "install.sh", tmp_path / "manara", PYTHON=python)
    assert done.returncode == 0, done.stderr
    (tmp_path / "one.nmea").write_bytes(encode.sentences(1, {"mmsi": 291000001, "lat": -47.0, "lon": -120.0}) * 3)
    program = tmp_path / "manara" / "bin" / "manara"
    said = there(program, "feeds", "decode", "ais", tmp_path / "one.nmea")
    assert said.returncode == 0, said.stderr
    assert "3" in said.stdout
    page = (
        "from manara.desk.app import STATIC; import manara; print((STATIC / 'index.html').is_file(), manara.__file__)"
    )
    found, where = there(program.with_name("python"), "-c", page).stdout.split()
    assert found == "True"
    assert Path(where).is_relative_to(tmp_path)


def test_a_bundle_that_was_damaged_on_the_way_is_refused_before_anything_is_installed(unpacked, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(unpacked, folder)
    wheel = max((folder / "wheels").glob("*.whl"), key=lambda one: one.stat().st_size)
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 1
    wheel.write_bytes(content)
    done = there("sh", folder / "install.sh", tmp_path / "manara")
    assert done.returncode == 1
    assert "not what was packed" in done.stderr
    assert not (tmp_path / "manara").exists()


def test_another_python_is_told_which_one_is_needed(unpacked, tmp_path):
    other = tmp_path / "python3"
    other.write_text("#!/bin/sh\necho 3.9\n")
    other.chmod(0o755)
    done = there("sh", unpacked / "install.sh", tmp_path / "manara", PYTHON=str(other))
    assert done.returncode == 2
    assert "is for Python" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "manara").exists()
