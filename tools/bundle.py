"""One file for a machine without a network: every wheel at the hash of the lock, and one command that installs it.

::

    uv.lock ─▶ requirements with hashes ─▶ wheels ┐
    this checkout ─▶ manara's own wheel, with the web page ├─▶ dist/manara-<version>-<python>-<platform>.tar.gz
    install.sh, SHA256SUMS, docs ┘

On the other machine: unpack, ``sh install.sh FOLDER``. It needs Python of the same minor version and nothing else;
pip is told to look nowhere but in the folder, and to take no file whose hash is not that of the lock.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV, PIP = ROOT / ".tools/bin/uv", ROOT / ".tools/bin/pip"
INSTALL = """#!/bin/sh
# Installs Manara into a folder, from this folder alone: sh install.sh [FOLDER] (default ./manara).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
to=${{1:-manara}}
python=${{PYTHON:-python3}}
say() {{ echo "$1" >&2; exit "$2"; }}
have=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || say "there is no $python" 2
[ "$have" = "{python}" ] || say "this bundle is for Python {python}, not $have: PYTHON=python{python} sh install.sh" 2
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || say "a file of the bundle is not what was packed" 1
"$python" -m venv "$to"
pip() {{ "$to/bin/pip" install --quiet --disable-pip-version-check --no-index "$@"; }}
pip --find-links "$here/wheels" --require-hashes -r "$here/requirements.txt"
pip --no-deps "$here"/wheels/manara-*.whl
echo "$to/bin/manara demo"
"""


def main() -> int:
    """Make the bundle; prints its path. 2: something that it needs is not there."""
    if not (ROOT / "src/manara/desk/static/index.html").is_file():
        return fail("the web page is not built: run `make install`")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = f"manara-{version}-py{python}-{sysconfig.get_platform().replace('-', '_')}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        (folder / "wheels").mkdir(parents=True)
        wanted = folder / "requirements.txt"
        exported = ("export", "--quiet", "--locked", "--no-default-groups", "--no-emit-project", "--no-header")
        run(UV, *exported, "--output-file", wanted)
        run(PIP, "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes",
            "--python-version", python, "--dest", folder / "wheels", "-r", wanted)  # fmt: skip
        run(UV, "build", "--quiet", "--wheel", "--out-dir", folder / "wheels")
        (folder / "wheels" / ".gitignore").unlink(missing_ok=True)
        (folder / "install.sh").write_text(INSTALL.format(python=python), "utf-8")
        shutil.copytree(ROOT / "docs", folder / "docs")
        for one in ("README.md", "README.ar.md", "LICENSE", "CHANGELOG.md"):
            shutil.copy(ROOT / one, folder)
        (folder / "SHA256SUMS").write_text(sums(folder), "utf-8")
        out = ROOT / "dist" / f"{name}.tar.gz"
        out.parent.mkdir(exist_ok=True)
        with tarfile.open(out, "w:gz") as packed:
            packed.add(folder, name)
    print(f"{out.relative_to(ROOT)}: {out.stat().st_size / (1 << 20):.0f} MiB, sha256 {digest(out)}")
    return 0


def sums(folder: Path) -> str:
    """A line for each file, as sha256sum reads it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return "".join(f"{digest(p)}  {p.relative_to(folder).as_posix()}\n" for p in files)


def digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as one:
        return hashlib.file_digest(one, "sha256").hexdigest()


def run(*words: object) -> None:
    """A program that has to succeed."""
    subprocess.run([str(word) for word in words], cwd=ROOT, check=True)


def fail(why: str) -> int:
    """One line, and the exit code for what is not there."""
    print(f"bundle: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as fault:
        sys.exit(fail(f"{Path(fault.cmd[0]).name} {fault.cmd[1]} failed, see above"))
