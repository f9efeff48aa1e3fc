"""The demo's first minutes as somebody sees them who has just typed the command. Nothing here is scripted: four real
nodes, a broker, and a stray aircraft that the last partner hears of before it can see it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.exercise.test_demo import free_port

READY = 'html[data-ready="1"]'
LEAST_MINUTES = 10.0  # of warning, before the own sensors; the scenario gives some 18
pytestmark = pytest.mark.journey


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[int]:
    """The port of the first desk."""
    port = free_port()
    words = [sys.executable, "-m", "manara", "demo", "--no-browser", "--port", str(port)]
    with (tmp_path / "said.txt").open("wb") as out:
        child = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        yield port
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(30) in (0, 130), (tmp_path / "said.txt").read_text()
    assert "Traceback" not in (tmp_path / "said.txt").read_text()


@pytest.fixture
def page(chromium: object) -> Iterator[Page]:
    """A page whose errors fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC", locale="en-GB")
    expect.set_options(timeout=120_000)  # four nodes are at work beside the browser
    made = context.new_page()
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield made
    expect.set_options(timeout=5_000)
    context.close()
    assert errors == []


def told(page: Page, port: int, start: str, patience_s: float) -> dict[str, str]:
    """The first line of the story whose name begins so."""
    ends = time.monotonic() + patience_s
    while time.monotonic() < ends:
        story = page.request.get(f"http://127.0.0.1:{port}/api/story").json()
        for line in (story or {}).get("lines", ()):
            if line["id"].startswith(start):
                return line
        page.wait_for_timeout(300)
    raise AssertionError(f"never told: {start}")


def opened(page: Page, port: int) -> None:
    """The desk, as soon as there is one, and the first tracks on it."""
    ends = time.monotonic() + 90.0
    while time.monotonic() < ends:
        try:
            page.goto(f"http://127.0.0.1:{port}/#lang=en")
            break
        except Exception:  # noqa: BLE001 - nobody listens yet
            page.wait_for_timeout(200)
    page.wait_for_selector(READY, state="attached", timeout=60_000)


def test_the_demos_minute(demo: int, page: Page) -> None:
    opened(page, demo)
    stakes = told(page, demo, "stakes", 10.0)
    assert "Four partners" in stakes["en"]
    assert "sealed" in told(page, demo, "apart-", 10.0)["en"]
    line = page.locator("[data-line]")
    expect(line).to_be_visible()
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["Belora", "Corvia", "Delmara"])

    warned = told(page, demo, "warned-delmara", 90.0)
    assert re.match(
        r"Arvena warns Delmara: an unidentified aircraft for .+, \d\d:\d\d to \d\d:\d\d UTC\.", warned["en"]
    )
    expect(line).to_have_attribute("data-line", re.compile("warned-delmara|ahead-delmara"))
    delmara = page.context.new_page()
    delmara.goto(warned["desk"] + "#lang=en")
    delmara.wait_for_selector(READY, state="attached", timeout=60_000)
    draft = delmara.locator("[data-draft]").filter(has_text="Arvena").first
    expect(draft).to_be_visible()
    expect(draft).to_contain_text("not seen yet")
    tracks = delmara.request.get(warned["desk"] + "api/tracks").json()["features"]
    assert not any("arvena" in str(one["properties"].get("partner", "")).lower() for one in tracks), "no track crosses"
    draft.get_by_role("button", name="Take").click()
    expect(delmara.locator("[data-draft][data-state=taken]").first).to_be_visible()

    page.keyboard.press("v")
    eyes = page.locator("[data-given]")
    while eyes.get_attribute("data-given") != "delmara":
        page.keyboard.press("v")
    expect(eyes).to_contain_text("Unidentified aircraft")
    expect(eyes.locator("[data-count=exact]")).to_contain_text(re.compile("^● .?0.? as points"))
    page.keyboard.press("Escape")

    ahead = told(page, demo, "ahead-delmara", 150.0)
    minutes = float(re.search(r"see it ([\d.]+) min after that warning\. Without it: 0 min\.", ahead["en"])[1])
    assert minutes > LEAST_MINUTES
    expect(line).to_contain_text(f"{minutes:.1f} min")

    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(line).to_contain_text("ومن دونه")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_count(3)
