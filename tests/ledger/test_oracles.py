"""Our logs before verifiers that we did not write: Go's sumdb note and tlog, and aics-tlog from PyPI.

Go: Debian's golang-go and golang-golang-x-mod-dev. aics-tlog needs Python 3.12 and so an environment of its own; what
counts here is that its program is on PATH.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from manara.ledger import note

SOURCES = Path("/usr/share/gocode")  # where Debian puts Go libraries
SIZE = 3000


@pytest.fixture(scope="session")
def go(tool, repository, tmp_path_factory):
    """Our small program around Go's libraries, built: ``go(folder, …) -> (exit code, what it printed)``."""
    compiler = tool("go")
    if not (SOURCES / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        fault = "golang.org/x/mod is not installed (golang-golang-x-mod-dev)"
        pytest.fail(fault) if os.environ.get("MANARA_REQUIRE") == "all" else pytest.skip(fault)
    program = tmp_path_factory.mktemp("go") / "verify"
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(SOURCES), "GOCACHE": str(repository / ".cache/go"),
           "GOFLAGS": "", "CGO_ENABLED": "0"}  # fmt: skip
    source = repository / "tests/ledger/go/main.go"
    subprocess.run([compiler, "build", "-o", program, source], env=env, check=True, timeout=300)

    def run(*args):
        ran = subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False, timeout=60)
        return ran.returncode, ran.stdout + ran.stderr

    return run


@pytest.fixture(scope="session")
def aics(tool):
    """``aics(command, …) -> its report``."""
    program = tool("aics-tlog")

    def run(*args):
        ran = subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False, timeout=60)
        return json.loads(ran.stdout)

    return run


@pytest.fixture
def published(make_log, signer, tmp_path):
    """A log as a folder with two cosignatures, an earlier checkpoint beside it, and the keys as text."""
    log, witnesses = make_log(SIZE), [signer(f"w{n}.example", note.COSIGNATURE) for n in range(2)]
    folder = log.folder(tmp_path / "log")
    (folder / "checkpoint").write_bytes(log.checkpoint(witnesses=tuple(witnesses)))
    (tmp_path / "old").write_bytes(log.checkpoint(SIZE // 2))
    return folder, tmp_path / "old", note.vkey(log.signer.key), [note.vkey(w.key) for w in witnesses]


def flip(path: Path, at: int) -> None:
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1
    path.write_bytes(bytes(changed))


def test_row_22_go_accepts_our_log(go, published, make_log):
    folder, old, key, witnesses = published
    code, said = go(folder, key, ",".join(witnesses), 2, old, 0, 255, 256, 1234, SIZE - 1)
    assert (code, said.split()[:2]) == (0, ["ok", str(SIZE)])


def test_go_is_not_easily_pleased(go, published, make_log):
    """What it says to a changed tile, size and history: the acceptance above means something."""
    folder, old, key, _ = published
    assert "by 0 of 1" in go(folder, key, "", 1, "-", 0)[1]
    old.write_bytes(make_log(SIZE // 2, seed="other history").files["checkpoint"])
    assert "consistency" in go(folder, key, "", 0, old)[1]
    checkpoint = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(checkpoint.replace(b"\n3000\n", b"\n2999\n"))
    assert "invalid signature" in go(folder, key, "", 0, "-")[1]
    (folder / "checkpoint").write_bytes(checkpoint)
    flip(folder / "tile/0/004", 999)
    assert go(folder, key, "", 0, "-", 1100)[0] == 1


def test_row_22_aics_accepts_our_log(aics, published):
    folder, old, key, witnesses = published
    trust = ["--tiles", folder, "--log-key", key, "--quorum", 2]
    trust += [part for one in witnesses for part in ("--witness-key", one)]
    found = aics("verify-checkpoint", *trust)
    assert (found["ok"], found["cosignatures"], found["tiles_ok"], found["size"]) == (True, 2, True, SIZE)
    assert aics("verify-inclusion", *trust, "--index", 1234)["ok"]
    assert aics("verify-consistency", *trust, "--old-checkpoint", old)["ok"]


def test_aics_is_not_easily_pleased(aics, published):
    folder, _, key, _ = published
    trust = ["--tiles", folder, "--log-key", key, "--quorum", 0]
    flip(folder / "tile/0/004", 999)
    assert not aics("verify-inclusion", *trust, "--index", 1100)["ok"]


def test_a_log_that_aics_wrote_is_read_by_us(aics, tmp_path, signer):
    """The other way round: its tiles, our audit."""
    from manara.ledger import audit, tiles

    lines = [f"line {n}" for n in range(700)]
    (tmp_path / "leaves").write_text("".join(f"{one}\n" for one in lines))
    built = aics("build-tiles", "--leaves", tmp_path / "leaves", "--out", tmp_path / "tiles")
    assert built["ok"], built
    top = note.unb64(built["root"])

    def read(path):
        return (tmp_path / "tiles" / path).read_bytes() if (tmp_path / "tiles" / path).is_file() else None

    assert list(audit.audit(read, 700, top)) == []
    assert tiles.leaf_at(read, 321, 700) == b"line 321"
