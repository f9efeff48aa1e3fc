"""Takes the screenshots of docs/desk from the real commands: the demo, and the Danish recording with names off.

    MANARA_DATA=... python tools/desk_shots.py            all four
    python tools/desk_shots.py picture                     only those of the demo

Needs Chromium. Nothing of the demo is real; of the recording only track numbers are shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "desk"
MANARA = Path(sys.executable).parent / "manara"
RECORDING = "ais/dma-abnormal/ais-sample.txt.gz"
SIZE = {"width": 1280, "height": 800}
MOST_BYTES = 400_000
DRAWN_IN_SOFTWARE = ["--no-sandbox", "--ignore-gpu-blocklist", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"]


def main(wanted: list[str]) -> int:
    """Take the pictures that are named (default: all); 0 when each was made."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    makers = {"picture": demo, "danish-recording": recording}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=DRAWN_IN_SOFTWARE)
        for name in wanted or makers:
            makers[name](browser)
        browser.close()
    return 0


def demo(browser: Browser) -> None:
    """The invented sea, once somebody there is in distress and the partner tells of what only it sees."""
    with running("demo", "--speed", "20", "--seed", "1") as url:
        until(lambda: any(of["attention"] == 2 for of in tracks(url, "attention")), 300.0)
        until(lambda: sum(of["led_by"] != "own" for of in tracks(url, "number")) > 3, 300.0)
        for lang in ("en", "ar"):
            shoot(browser, url, f"#lang={lang}", OUT / f"picture-{lang}.png")


def recording(browser: Browser) -> None:
    """A tenth of the Danish sea's hour, names off, with the best known vessel selected."""
    path = Path(os.environ["MANARA_DATA"]) / RECORDING
    with running("watch", str(path), "--speed", "10") as url:
        until(lambda: any(good(of) for of in tracks(url, "number")), 120.0)
        chosen = next(of for of in tracks(url, "number") if good(of))
        for lang in ("en", "ar"):
            place = f"#map=7.0/56.0/11.3&lang={lang}&sel={chosen['track_id']}&names=off"
            shoot(browser, url, place, OUT / f"danish-recording-{lang}.png")


def good(of: dict[str, Any]) -> bool:
    """Whether a track shows well: a vessel under way in the middle of the map."""
    lon, lat = of["place"] or (0.0, 0.0)
    near = abs(lon - 11.5) < 0.3 and abs(lat - 56.4) < 0.4
    return near and of["kind"] == "vessel_a" and of["life"] == "confirmed" and (of["speed_mps"] or 0.0) > 5.0


def shoot(browser: Browser, url: str, address: str, path: Path) -> None:
    """One page, as an image of at most MOST_BYTES."""
    context = browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC")
    page: Page = context.new_page()
    page.goto(url + address)
    page.wait_for_selector('html[data-ready="1"]', state="attached", timeout=60_000)
    page.wait_for_timeout(5_000)
    page.screenshot(path=path)
    context.close()
    Image.open(path).convert("RGB").save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size / 1000:.0f} kB")
    if size > MOST_BYTES:
        raise SystemExit(f"{path} is larger than {MOST_BYTES} bytes")


def tracks(url: str, sort: str) -> list[dict[str, Any]]:
    """The properties and the place of every track."""
    with urllib.request.urlopen(f"{url}api/tracks?sort={sort}") as answer:  # noqa: S310 - our own desk
        found = json.load(answer)["features"]
    return [{**of["properties"], "place": of["geometry"] and of["geometry"]["coordinates"]} for of in found]


def until(holds: Any, patience_s: float) -> None:
    """Wait for a condition; ends the program with a line when it does not come true."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        with contextlib.suppress(OSError):
            if holds():
                return
        time.sleep(0.5)
    raise SystemExit("the picture did not become what the screenshot needs")


@contextlib.contextmanager
def running(*command: str) -> Iterator[str]:
    """A real command on a free port; its desk's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = subprocess.Popen([MANARA, *command, "--no-browser", "--port", str(port)], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        started.send_signal(signal.SIGINT)
        started.wait(30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
