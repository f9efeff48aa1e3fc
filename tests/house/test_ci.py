"""`.ci/run` tells the truth: it fails when anything failed, and ends with pytest's closing line."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

NEEDED = "bash cat dirname echo env false grep id make mktemp rm sh tail tee true"
CLOSING = "12 passed, 1 skipped in 3.45s"
MAKEFILE = """\
install: ; @{install}
test: ; @{test}
journeys: ; @{journeys}
"""


@pytest.fixture
def ci(repository, tmp_path):
    """A checkout whose make answers as told, and a machine where apt-get only says what it was asked for."""
    root = tmp_path / "deep" / "checkout"
    (root / ".ci").mkdir(parents=True)
    shutil.copy(repository / ".ci/run", root / ".ci/run")
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name in ("chromium", "tshark", "gpsdecode", "dump1090-mutability", "go", "ip", "dpkg", "aics-tlog", "python3"):
        program(stubs / name, "exit 0")
    for name in NEEDED.split():
        (stubs / name).symlink_to(shutil.which(name))
    program(stubs / "sudo", 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"')
    program(stubs / "apt-get", f'echo "$@" >> {tmp_path}/apt; exit 0')

    def run(install: str = "true", test: str = f"echo '{CLOSING}'", journeys: str = "true"):
        (root / "Makefile").write_text(MAKEFILE.format(install=install, test=test, journeys=journeys))
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MANARA_", "MAKE", "MFLAGS"))}
        env["PATH"] = str(stubs)
        return subprocess.run([root / ".ci/run"], env=env, capture_output=True, text=True, check=False, timeout=60)

    return run


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def last_line(ran: subprocess.CompletedProcess[str]) -> str:
    return ran.stdout.strip().splitlines()[-1]


def test_all_well(ci):
    ran = ci()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert last_line(ran) == CLOSING
    assert "make test: exit 0" in ran.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        {"install": "false"},
        {"test": "echo '1 failed, 11 passed in 2.00s'; exit 1"},
        {"test": "echo 'no tests ran in 0.01s'; exit 5"},
        {"test": "true"},  # nothing that looks like pytest's end
        {"journeys": "exit 1"},
        {"journeys": "exit 4"},
    ],
)
def test_anything_wrong_is_a_failure(ci, wrong):
    assert ci(**wrong).returncode != 0


def test_no_journey_yet_is_no_failure(ci):
    ran = ci(journeys="echo '5 deselected in 0.10s'; exit 5")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert last_line(ran) == CLOSING


def test_the_closing_line_of_a_failed_run_is_the_last(ci):
    ran = ci(test="echo '1 failed, 11 passed in 2.00s'; exit 1")
    assert last_line(ran) == "1 failed, 11 passed in 2.00s"


def test_what_is_missing_is_installed_without_asking(ci, tmp_path):
    (tmp_path / "bin" / "gpsdecode").unlink()
    assert ci().returncode == 0
    update, install = (tmp_path / "apt").read_text().splitlines()
    assert "update" in update
    assert install.endswith("--no-install-recommends gpsd-clients")


def test_what_is_there_is_not_installed_again(ci, tmp_path):
    assert ci().returncode == 0
    assert not (tmp_path / "apt").exists()


def test_recordings_beside_the_checkout_must_then_be_used(ci, tmp_path):
    show = f"echo \"data $MANARA_DATA require $MANARA_REQUIRE\"; echo '{CLOSING}'".replace("$", "$$")
    assert "data  require \n" in ci(test=show).stdout
    (tmp_path / "deep" / "shared" / "data").mkdir(parents=True)
    assert f"data {tmp_path}/deep/shared/data require all" in ci(test=show).stdout
