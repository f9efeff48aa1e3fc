"""The demo from its command to the first track on the map, and the memory of all its programs.

    python bench/demo.py

Needs Chromium for the painted figure; without it only the first track in the node's answer is timed.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

FLAGS = ["--no-sandbox", "--ignore-gpu-blocklist", "--enable-unsafe-swiftshader", "--use-gl=angle"]
FLAGS += ["--use-angle=swiftshader", "--disable-background-networking"]


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def listens(port: int) -> bool:
    """Is somebody there?"""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def pss_mib(pid: int) -> float:
    """Proportional memory of a process and its children."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return 0.0
    own = int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))) / 1024
    return own + sum(pss_mib(int(child)) for child in children)


def first_track_s(port: int, began: float) -> float:
    """Seconds until the node answers with a track."""
    while time.perf_counter() - began < 120:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
                if json.load(answer)["tracks"]:
                    return time.perf_counter() - began
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit("no track within two minutes")


def painted_s(port: int, began: float) -> float:
    """Seconds until a browser that was waiting shows the first track."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        while not listens(port):  # a browser that tries and fails twenty times a second takes half the machine
            time.sleep(0.05)
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector('html[data-ready="1"]', state="attached", timeout=120_000)
        took = time.perf_counter() - began
        browser.close()
    return took


def main() -> None:
    """Measure and print."""
    port = free_port()
    began = time.perf_counter()
    demo = subprocess.Popen(
        [sys.executable, "-m", "manara", "demo", "--no-browser", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        painted = painted_s(port, began) if shutil.which("chromium") else None
        track = first_track_s(port, began) if painted is None else None
        time.sleep(20)
        found = {"painted_s": painted, "track_s": track, "memory_mib": pss_mib(demo.pid)}
        print(json.dumps({key: round(value, 2) for key, value in found.items() if value is not None}))
    finally:
        demo.terminate()
        demo.wait(20)


if __name__ == "__main__":
    main()
